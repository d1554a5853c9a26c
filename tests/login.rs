//! The login, end to end, as a browser sees it.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use reqwest::StatusCode;
use support::{Browser, World};

#[tokio::test]
async fn a_shopper_logs_in_and_returns_to_the_page_that_was_asked_for() {
    let world = World::start().await;
    let browser = &mut Browser::new();

    let page = browser
        .get(world.url("acme", "login?return_to=%2Forders%3Ftab%3Dopen%26page%3D2"))
        .await;
    assert_eq!(page.status, StatusCode::FOUND);
    let authorize = page.location().unwrap();
    assert_eq!(authorize.path(), "/authorize");

    let callback = browser.through_idp(page, "ada", "lovelace").await;
    assert!(
        callback
            .as_str()
            .starts_with(&format!("{}/callback/acme/mock-idp?", world.origin))
    );
    let page = browser.get(callback.as_str()).await;
    let page = browser.follow(page).await;
    assert_eq!(
        page.url.as_str(),
        format!("{}/orders?tab=open&page=2", world.origin)
    );

    let session = browser.session(&world, "acme").await;
    assert_eq!(session["user"]["email"], "ada@example.test");
    assert_eq!(session["user"]["name"], "Ada Lovelace");
    assert_eq!(session["provider"], "mock-idp");

    let check = browser.get(world.url("acme", "check")).await;
    assert_eq!(check.status, StatusCode::OK);
    assert_eq!(check.header("x-auth-email"), "ada@example.test");
    assert_eq!(check.header("x-auth-name"), "Ada Lovelace");
}

#[tokio::test]
async fn a_logout_counts_at_once() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let kept = browser.jar.clone();

    let question = browser.get(world.url("acme", "logout")).await;
    assert_eq!(question.status, StatusCode::OK);
    assert!(
        browser.session(&world, "acme").await["authenticated"]
            .as_bool()
            .unwrap()
    );

    let answer = browser
        .post(world.url("acme", "logout?return_to=/bye"), &[])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location().unwrap().path(), "/bye");

    browser.jar = kept;
    assert!(
        !browser.session(&world, "acme").await["authenticated"]
            .as_bool()
            .unwrap()
    );
    assert_eq!(
        browser.get(world.url("acme", "check")).await.status,
        StatusCode::UNAUTHORIZED
    );
}
