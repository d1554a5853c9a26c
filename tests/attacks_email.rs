//! Emails that nobody vouched for: rows F1 and F2.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, claims, param, storefront, to};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, World};
use vestibule::authority::application::NewApplication;

/// A second provider, whose emails count where the profile says so.
async fn beside(world: &World) {
    let mapping = world
        .mapping()
        .replace("\"mock-idp\"", "\"google\"")
        .replace("email_trust = \"provider\"", "email_trust = \"claim\"");
    let mapping = format!("{mapping}\nemail_verified = \"email_verified\"");
    world.apply("acme", &mapping).await;
}

fn profile(world: &World, name: &str, verified: bool) {
    world.idp.configure(|config| {
        config.accounts[0].profile = json!({
            "userId": "77", "email": "ada@example.test", "name": name, "email_verified": verified,
        });
    });
}

async fn log_in(world: &World, provider: &str) -> Browser {
    let mut browser = Browser::new();
    let start = world.url(
        "acme",
        &format!("login?provider={provider}&return_to=/welcome"),
    );
    let end = browser.log_in(&start, "ada", "lovelace").await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    browser
}

/// A code for a browser that is logged in already.
async fn code(world: &World, client: &Client, browser: &mut Browser) -> String {
    let page = browser.get(client.authorize_url(world, &[])).await;
    param(&to(&page), "code").unwrap()
}

async fn tokens(world: &World, client: &Client, browser: &mut Browser) -> Value {
    let code = code(world, client, browser).await;
    let page = client.exchange(world, &code).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()
}

/// The accounts' rule for such emails, through the admin API.
async fn rule(world: &World, rule: &str) {
    let body = json!({ "unverified_email": rule }).to_string();
    let (status, answer) = world
        .admin(Method::PATCH, "/accounts/acme", "application/json", &body)
        .await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn f1_all_that_was_issued_before_an_email_was_proved_ends() {
    let world = World::start().await;
    beside(&world).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/told", listener.local_addr().unwrap());
    let client = Client::create(
        &world,
        NewApplication {
            backchannel_logout_uri: Some(uri),
            ..storefront()
        },
    )
    .await;

    profile(&world, "Not Ada", false);
    let attacker = &mut log_in(&world, "google").await;
    let granted = tokens(&world, &client, attacker).await;
    let kept = code(&world, &client, attacker).await;
    let waiting = &mut Browser::new();
    let start = world.url("acme", "login?provider=google&return_to=/welcome");
    let callback = waiting.to_callback(&start, "ada", "lovelace").await;
    let ticket = waiting.get(callback.as_str()).await.location().unwrap();

    profile(&world, "Ada", true);
    let owner = &mut log_in(&world, "mock-idp").await;
    let session = owner.session(&world, "acme").await;
    assert_eq!(session["user"]["name"], "Ada", "the name is the owner's");
    assert_eq!(session["user"]["id"], claims(&granted["id_token"])["sub"]);
    assert_eq!(world.users("acme").await[0].name.as_deref(), Some("Ada"));

    assert_eq!(
        attacker.session(&world, "acme").await["authenticated"],
        false
    );
    let access = granted["access_token"].as_str().unwrap();
    assert_eq!(client.introspect(&world, access).await["active"], false);
    let refresh = granted["refresh_token"].as_str().unwrap();
    assert_eq!(client.refresh(&world, refresh).await.status, 400);
    assert_eq!(client.exchange(&world, &kept).await.status, 400);
    waiting.get(ticket.as_str()).await;
    assert_eq!(
        waiting.session(&world, "acme").await["authenticated"],
        false
    );
    // The application hears of it.
    let told = tokio::time::timeout(std::time::Duration::from_secs(30), listener.accept()).await;
    assert!(told.is_ok(), "no back-channel logout");
    // The owner's own login goes on.
    assert_eq!(owner.session(&world, "acme").await["authenticated"], true);
}

#[tokio::test]
async fn f2_an_email_that_nobody_vouched_for_is_marked_everywhere() {
    let world = World::start().await;
    beside(&world).await;
    let client = Client::storefront(&world).await;
    for verified in [false, true] {
        profile(&world, "Ada", verified);
        let browser = &mut log_in(&world, "google").await;
        let session = browser.session(&world, "acme").await;
        assert_eq!(session["user"]["email"], "ada@example.test");
        assert_eq!(session["user"]["email_verified"], verified);
        let mut cookies = browser.jar.values();
        let cookie = cookies.find(|value| value.split('.').count() == 3).unwrap();
        let payload = authority::part(cookie, 1);
        assert_eq!(payload["email_verified"], verified, "{payload}");

        let page = browser.get(world.url("acme", "check")).await;
        assert_eq!(page.header("x-auth-email"), "ada@example.test");
        assert_eq!(page.header("x-auth-email-verified"), verified.to_string());

        let granted = tokens(&world, &client, browser).await;
        assert_eq!(claims(&granted["id_token"])["email_verified"], verified);
        let refresh = granted["refresh_token"].as_str().unwrap();
        let again = client.refresh(&world, refresh).await.json();
        assert_eq!(claims(&again["id_token"])["email_verified"], verified);
        let userinfo = userinfo(&world, &again).await;
        assert_eq!(userinfo["email_verified"], verified, "{userinfo}");
    }
}

async fn userinfo(world: &World, tokens: &Value) -> Value {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    Browser::new()
        .get_with(
            &format!("{}/connect/userinfo", world.origin),
            &[("authorization", &bearer)],
        )
        .await
        .json()
}

#[tokio::test]
async fn f2_such_emails_are_withheld_or_refused_where_that_is_asked_for() {
    let world = World::start().await;
    beside(&world).await;
    let client = Client::storefront(&world).await;
    profile(&world, "Ada", false);
    let browser = &mut log_in(&world, "google").await;

    // By the question that the proxy's configuration asks.
    let page = browser
        .get(world.url("acme", "check?unverified_email=withhold"))
        .await;
    assert_eq!(
        (page.status.as_u16(), page.header("x-auth-email")),
        (200, "")
    );
    assert!(!page.header("x-auth-user").is_empty());
    let page = browser
        .get(world.url("acme", "check?unverified_email=refuse"))
        .await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("session.email_unverified"));
    let page = browser
        .get(world.url("acme", "check?unverified_email=maybe"))
        .await;
    assert_eq!(page.status, 400);

    // By the account, for applications too; a question can't ask for less.
    rule(&world, "withhold").await;
    let page = browser
        .get(world.url("acme", "check?unverified_email=mark"))
        .await;
    assert_eq!(page.header("x-auth-email"), "");
    let granted = tokens(&world, &client, browser).await;
    assert_eq!(claims(&granted["id_token"])["email"], Value::Null);
    assert_eq!(userinfo(&world, &granted).await["email"], Value::Null);

    rule(&world, "refuse").await;
    assert_eq!(browser.get(world.url("acme", "check")).await.status, 403);
    let page = browser.get(client.authorize_url(&world, &[])).await;
    assert_eq!(param(&to(&page), "error").as_deref(), Some("access_denied"));

    // Whoever's email is vouched for is let in as before.
    profile(&world, "Ada", true);
    let browser = &mut log_in(&world, "google").await;
    let page = browser.get(world.url("acme", "check")).await;
    assert_eq!(page.header("x-auth-email"), "ada@example.test");
    let granted = tokens(&world, &client, browser).await;
    assert_eq!(claims(&granted["id_token"])["email_verified"], true);
}

#[tokio::test]
async fn the_providers_own_id_reaches_the_storefront() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    profile(&world, "Ada", true);
    let browser = &mut log_in(&world, "mock-idp").await;
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["user"]["provider_user_id"], "77");
    let page = browser.get(world.url("acme", "check")).await;
    assert_eq!(page.header("x-auth-provider"), "mock-idp");
    assert_eq!(page.header("x-auth-provider-user"), "77");
    let granted = tokens(&world, &client, browser).await;
    assert_eq!(claims(&granted["id_token"])["provider_user_id"], "77");
    assert_eq!(userinfo(&world, &granted).await["provider_user_id"], "77");
}
