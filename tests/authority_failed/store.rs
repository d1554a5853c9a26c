//! A store that fails is never a yes, and never a loss.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::StatusCode;

use crate::authority::{Client, param, service, to, user};
use crate::support::attack::{Failing, ReadOnly};
use crate::support::{Browser, World};

const CREDENTIALS: &[(&str, &str)] = &[("grant_type", "client_credentials")];

async fn world(writes_only: bool) -> (World, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&switch);
    let world = World::over(
        |_| {},
        move |store| {
            let failing = Failing(store, down);
            if writes_only {
                Arc::new(ReadOnly(failing))
            } else {
                Arc::new(failing)
            }
        },
    )
    .await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    (world, switch)
}

#[tokio::test]
async fn k17_a_revocation_that_is_not_written_is_no_success() {
    let (world, down) = world(true).await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(&world).await;
    let tokens = client
        .password(&world, "ada@example.test", "correct horse")
        .await
        .json();
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for token in [access, refresh] {
        down.store(true, Ordering::SeqCst);
        let page = client.post(&world, "revoke", &[("token", token)]).await;
        assert_eq!(
            page.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            page.body
        );
        assert_eq!(page.json()["error"], "temporarily_unavailable");
        assert_eq!(page.header("retry-after"), "1");
        down.store(false, Ordering::SeqCst);
        assert_eq!(client.introspect(&world, token).await["active"], true);
    }
    // The client tries again, and then it counts.
    for token in [access, refresh] {
        let page = client.post(&world, "revoke", &[("token", token)]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(client.introspect(&world, token).await["active"], false);
    }
}

#[tokio::test]
async fn k17_a_refresh_that_is_not_written_uses_nothing_up() {
    let (world, down) = world(true).await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(&world).await;
    let tokens = client
        .password(&world, "ada@example.test", "correct horse")
        .await
        .json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    down.store(true, Ordering::SeqCst);
    let page = client.refresh(&world, refresh).await;
    assert_eq!(
        page.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        page.body
    );
    let page = client
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(
        page.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        page.body
    );
    down.store(false, Ordering::SeqCst);
    let page = client.refresh(&world, refresh).await;
    assert_eq!(page.status, 200, "{}", page.body);
}

/// Nothing can be looked up: 503 everywhere, and afterwards all is as it was.
#[tokio::test]
async fn c08_a_store_that_is_down_is_never_a_yes() {
    let (world, down) = world(false).await;
    let storefront = Client::storefront(&world).await;
    let client = Client::create(&world, service("acme")).await;
    let browser = &mut Browser::new();
    let tokens = storefront.tokens(&world, browser).await;
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let bearer = format!("Bearer {access}");
    let userinfo = format!("{}/connect/userinfo", world.origin);
    let authorize = storefront.authorize_url(&world, &[("prompt", "none")]);

    down.store(true, Ordering::SeqCst);
    let mut answers = vec![
        storefront.refresh(&world, refresh).await,
        client.token(&world, CREDENTIALS).await,
    ];
    for endpoint in ["introspect", "revoke"] {
        for token in [access, refresh] {
            answers.push(storefront.post(&world, endpoint, &[("token", token)]).await);
        }
    }
    let asked = [("authorization", bearer.as_str())];
    answers.push(browser.get_with(&userinfo, &asked).await);
    answers.push(browser.get(&authorize).await);
    for page in answers {
        assert_eq!(
            page.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{} {}",
            page.url,
            page.body
        );
        assert!(!page.body.contains("switched off"), "{}", page.body);
    }
    down.store(false, Ordering::SeqCst);

    assert_eq!(storefront.introspect(&world, access).await["active"], true);
    assert_eq!(browser.get_with(&userinfo, &asked).await.status, 200);
    assert_eq!(storefront.refresh(&world, refresh).await.status, 200);
    let page = browser.get(&authorize).await;
    assert!(param(&to(&page), "code").is_some(), "{}", to(&page));
}
