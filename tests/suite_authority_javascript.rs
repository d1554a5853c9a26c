//! Storefronts on npm `@auth/express` (Auth.js), `passport-openidconnect` and
//! `oidc-client-ts`, which no one here wrote, on their own defaults.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::Path;

use authority::{Client, storefront};
use serde_json::json;
use support::program::{Program, free_port, have, have_npm};
use support::{Browser, World};
use vestibule::authority::application::{NewApplication, ResponseAlg};

const CHROMIUM: &str = "/usr/bin/chromium";

/// A storefront's application as the admin API makes it, with an address to come back to.
async fn application(world: &World, shop: &str, callback: &str, public: bool) -> Client {
    // As each broker does when it starts.
    world.broker.provide_keys().await.unwrap();
    let new = NewApplication {
        redirect_uris: vec![format!("{shop}{callback}")],
        post_logout_redirect_uris: vec![format!("{shop}/bye")],
        id_token_signed_response_alg: Some(ResponseAlg::USUAL),
        public,
        ..storefront()
    };
    Client::create(world, new).await
}

/// A shop that runs until the end of the test.
async fn shop(world: &World, script: &str, callback: &str) -> (Program, String) {
    let origin = format!("http://127.0.0.1:{}", free_port());
    let client = application(world, &origin, callback, false).await;
    let settings = json!({
        "issuer": world.origin, "id": client.id, "secret": client.secret, "origin": origin,
    });
    let program = Program::node(script, &settings.to_string());
    program.expect("ready");
    (program, origin)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_auth_js() {
    if !have_npm("@auth/express") {
        return;
    }
    let world = World::start().await;
    let callback = "/auth/callback/vestibule";
    let (_program, shop) = shop(&world, "authority-authjs.mjs", callback).await;
    let browser = &mut Browser::new();
    assert_eq!(browser.get(&shop).await.body, "out");
    let token = browser.get(format!("{shop}/auth/csrf")).await.json();
    let form = [
        ("csrfToken", token["csrfToken"].as_str().unwrap()),
        ("callbackUrl", shop.as_str()),
    ];
    let begun = format!("{shop}/auth/signin/vestibule");
    let page = browser.post(&begun, &form).await;
    let page = authority::log_in_on_the_way(browser, page).await;
    assert_eq!(page.body, "orders of Ada Lovelace <ada@example.test>");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_passport() {
    if !have_npm("passport-openidconnect") {
        return;
    }
    let world = World::start().await;
    let (_program, shop) = shop(&world, "authority-passport.mjs", "/callback").await;
    let browser = &mut Browser::new();
    assert_eq!(browser.get(&shop).await.body, "out");
    let page = browser.get(format!("{shop}/login")).await;
    let page = authority::log_in_on_the_way(browser, page).await;
    assert_eq!(page.body, "orders of Ada Lovelace <ada@example.test>");
    // Whoever says no at the provider is told so by the shop.
    let browser = &mut Browser::new();
    let mut page = browser.get(format!("{shop}/login")).await;
    let provider = loop {
        let next = authority::to(&page);
        if next.path() == "/authorize" {
            break next;
        }
        page = browser.get(next.as_str()).await;
    };
    let form = [("request", provider.query().unwrap()), ("action", "deny")];
    let page = browser
        .post(provider.join("/login").unwrap().as_str(), &form)
        .await;
    let page = browser.follow(page).await;
    assert_eq!(page.body, "no login", "{}", page.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_on_a_page_with_oidc_client_ts() {
    if !have_npm("oidc-client-ts")
        || !have(Path::new(CHROMIUM), "install the Debian package chromium")
    {
        return;
    }
    let world = World::start().await;
    let origin = format!("http://127.0.0.1:{}", free_port());
    let client = application(&world, &origin, "/callback", true).await;
    let settings = json!({
        "issuer": world.origin, "id": client.id, "origin": origin, "chromiumPath": CHROMIUM,
    });
    let program = Program::node("authority-oidc-client-ts.mjs", &settings.to_string());
    let (good, said) = tokio::task::spawn_blocking(|| program.wait())
        .await
        .unwrap();
    assert!(good, "{said:?}");
    assert!(said.iter().any(|line| line == "ok logout"), "{said:?}");
}
