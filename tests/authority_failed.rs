//! What an application is told where no login comes of its request, what it can
//! demand of one, and what anybody is told while the store fails.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "authority_failed/demands.rs"]
mod demands;
#[path = "authority_failed/store.rs"]
mod store;
mod support;

use std::collections::BTreeMap;

use authority::{CALLBACK, Client, param, to};
use mock_idp::{FaultKind, Faults};
use support::attack::{START, parameter, said};
use support::{Browser, Page, World};
use url::Url;
use vestibule::base::AccountId;

/// The request, up to the provider's own page.
async fn to_provider(
    world: &World,
    client: &Client,
    browser: &mut Browser,
    over: &[(&str, &str)],
) -> Url {
    let page = browser.get(client.authorize_url(world, over)).await;
    let page = browser.get(to(&page).as_str()).await;
    to(&page)
}

/// The visitor says no on the provider's page; gives what the callback answers.
async fn deny(browser: &mut Browser, authorize: &Url) -> Page {
    let login = authorize.join("/login").unwrap();
    let form = [("request", authorize.query().unwrap()), ("action", "deny")];
    let page = browser.post(login.as_str(), &form).await;
    browser.get(to(&page).as_str()).await
}

/// Follows redirects up to the application's address.
async fn to_application(browser: &mut Browser, mut page: Page) -> Url {
    for _ in 0..6 {
        let next = to(&page);
        if next.as_str().starts_with(CALLBACK) {
            return next;
        }
        page = browser.get(next.as_str()).await;
    }
    panic!("it does not end at the application: {}", page.url);
}

fn is_error(url: &Url, error: &str) {
    assert_eq!(param(url, "error").as_deref(), Some(error), "{url}");
    assert_eq!(param(url, "state").as_deref(), Some("st4te"), "{url}");
    assert!(param(url, "iss").is_some(), "{url}");
    assert!(param(url, "code").is_none(), "{url}");
    let said = param(url, "error_description").unwrap();
    assert!(
        said.contains("(support id ") && !said.contains("id -)"),
        "{said}"
    );
}

#[tokio::test]
async fn a_denied_login_goes_back_to_the_application() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let provider = to_provider(&world, &client, browser, &[]).await;
    let page = deny(browser, &provider).await;
    let resume = to(&page);
    let url = to_application(browser, page).await;
    is_error(&url, "access_denied");
    assert_eq!(param(&url, "iss"), Some(world.origin.clone()));
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["authenticated"], false);

    // Told once; and the shopper can try again.
    let page = browser.get(resume.as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.shows("authorize.expired"), "{}", said(&page));
    let url = client.log_in(&world, browser, &[]).await;
    assert!(param(&url, "code").is_some(), "{url}");
}

#[tokio::test]
async fn a_denial_travels_as_the_application_asked() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let posted = [("response_mode", "form_post")];
    let provider = to_provider(&world, &client, browser, &posted).await;
    let page = deny(browser, &provider).await;
    let page = browser.follow(page).await;
    assert_eq!(page.status, 200);
    for field in [
        format!("action=\"{CALLBACK}\""),
        "name=\"error\" value=\"access_denied\"".to_owned(),
        "name=\"state\" value=\"st4te\"".to_owned(),
    ] {
        assert!(page.body.contains(&field), "{field}: {}", page.body);
    }
}

#[tokio::test]
async fn a_stores_own_login_keeps_its_error_page() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let page = browser.get(world.url("acme", START)).await;
    let page = deny(browser, &to(&page)).await;
    let page = browser.follow(page).await;
    assert_eq!(page.status, 403);
    assert!(page.shows("login.denied"), "{}", said(&page));
}

#[tokio::test]
async fn a_failed_login_goes_back_too() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let failed = |status| FaultKind::Status {
        code: status,
        body: String::new(),
        content_type: "text/plain".to_owned(),
        headers: BTreeMap::default(),
    };
    for (at, fault, error) in [
        ("token", failed(400), "server_error"),
        ("userinfo", failed(500), "server_error"),
        ("userinfo", FaultKind::Html200, "server_error"),
        ("token", FaultKind::Close, "temporarily_unavailable"),
    ] {
        world.idp.set_faults(Faults::none().on(at, fault));
        let url = client.log_in(&world, &mut Browser::new(), &[]).await;
        is_error(&url, error);
    }
    world.idp.set_faults(Faults::none());

    // What the provider itself answers with.
    for (theirs, ours) in [
        ("login_required", "login_required"),
        ("temporarily_unavailable", "temporarily_unavailable"),
        ("unauthorized_client", "server_error"),
    ] {
        let browser = &mut Browser::new();
        let provider = to_provider(&world, &client, browser, &[]).await;
        let mut callback = Url::parse(&parameter(&provider, "redirect_uri")).unwrap();
        callback
            .query_pairs_mut()
            .extend_pairs([("error", theirs), ("state", &parameter(&provider, "state"))]);
        let page = browser.get(callback.as_str()).await;
        is_error(&to_application(browser, page).await, ours);
    }
}

#[tokio::test]
async fn whoever_may_not_log_in_is_denied() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    client.log_in(&world, &mut Browser::new(), &[]).await;
    let account: AccountId = "acme".parse().unwrap();
    let ada = world.users("acme").await[0].id;
    vestibule::account::directory::set_disabled(&*world.store, &account, ada, true)
        .await
        .unwrap();
    let url = client.log_in(&world, &mut Browser::new(), &[]).await;
    is_error(&url, "access_denied");
}

#[tokio::test]
async fn a_login_that_cannot_begin_goes_back() {
    let world = World::empty().await;
    world.account("acme").await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let page = browser.get(client.authorize_url(&world, &[])).await;
    is_error(&to_application(browser, page).await, "server_error");
}

/// Whoever has seen the addresses of a login can't end it for another.
#[tokio::test]
async fn s14_a_failure_in_another_browser_ends_nothing() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let page = browser.get(client.authorize_url(&world, &[])).await;
    let start = to(&page);
    let resume = parameter(&start, "return_to");
    for end in ["", "&error=access_denied&id=abcdefghij"] {
        let page = Browser::new().get(format!("{resume}{end}")).await;
        assert_eq!(page.status, 400);
        assert!(page.shows("authorize.expired"), "{}", said(&page));
    }
    let page = browser.get(start.as_str()).await;
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    // A callback that is repeated is the visitor's affair: the first one may yet end well.
    let page = browser.get(callback.as_str()).await;
    let replayed = browser.get(callback.as_str()).await;
    let replayed = browser.follow(replayed).await;
    assert!(
        replayed.shows("login.state_replayed"),
        "{}",
        said(&replayed)
    );
    let url = to_application(browser, page).await;
    assert!(param(&url, "code").is_some(), "{url}");
}

#[tokio::test]
async fn what_is_no_error_of_ours_is_none() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let page = browser.get(client.authorize_url(&world, &[])).await;
    let resume = parameter(&to(&page), "return_to");
    let crafted = format!("{resume}&error=you_won&id=%3Cb%3E");
    let page = browser.get(crafted).await;
    let url = to(&page);
    assert_eq!(param(&url, "error").as_deref(), Some("login_required"));
    assert!(!url.as_str().contains("you_won"), "{url}");
}
