//! A storefront on npm `express-openid-connect`, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, storefront};
use serde_json::json;
use support::program::{Program, free_port, have_npm};
use support::{Browser, World};
use vestibule::authority::application::{NewApplication, ResponseAlg};

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_express_openid_connect() {
    if !have_npm("express-openid-connect") {
        return;
    }
    let world = World::start().await;
    let shop = format!("http://127.0.0.1:{}", free_port());
    let new = NewApplication {
        redirect_uris: vec![format!("{shop}/callback")],
        post_logout_redirect_uris: vec![shop.clone()],
        // It takes RS256 unless told otherwise, as a new application has it.
        id_token_signed_response_alg: Some(ResponseAlg::USUAL),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let settings = json!({
        "issuer": world.origin, "id": client.id, "secret": client.secret, "origin": shop,
    });
    let program = Program::node(
        "authority-express-openid-connect.mjs",
        &settings.to_string(),
    );
    program.expect("ready");

    // A stranger is sent to the login, and comes back to the very page.
    let browser = &mut Browser::new();
    let page = browser.get(format!("{shop}/orders")).await;
    let page = authority::log_in_on_the_way(browser, page).await;
    assert_eq!(page.url.as_str(), format!("{shop}/orders"), "{}", page.body);
    assert_eq!(page.body, "orders of Ada Lovelace <ada@example.test>");

    let page = browser.get(format!("{shop}/logout")).await;
    let page = browser.follow(page).await;
    assert_eq!(page.url.as_str(), format!("{shop}/"), "{}", page.body);
    assert_eq!(page.body, "out");
    // The broker's session is over too.
    let page = browser.get(format!("{shop}/login")).await;
    let page = browser.get(authority::to(&page).as_str()).await;
    assert_eq!(authority::to(&page).path(), "/accounts/acme/login");

    // Whoever says no at the provider is told so by the shop.
    let page = browser.get(authority::to(&page).as_str()).await;
    let provider = authority::to(&page);
    let form = [("request", provider.query().unwrap()), ("action", "deny")];
    let page = browser
        .post(provider.join("/login").unwrap().as_str(), &form)
        .await;
    let page = browser.follow(page).await;
    assert!(page.url.as_str().starts_with(&shop), "{}", page.url);
    assert_eq!(page.body, "no login: access_denied");
}
