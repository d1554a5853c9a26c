//! A storefront on npm `openid-client`, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{CALLBACK, Client};
use serde_json::json;
use support::program::{Program, have_npm};
use support::{Browser, World};

const BYE: &str = "https://shop.example.test/bye";

/// Goes where a program sends a shopper, until that leads back to the shop.
async fn visit(browser: &mut Browser, url: &str) -> String {
    let mut page = browser.get(url).await;
    for _ in 0..10 {
        let next = authority::to(&page);
        if next.as_str().starts_with("https://shop.example.test/") {
            return next.into();
        }
        page = if next.path() == "/authorize" {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            browser.get(callback.as_str()).await
        } else {
            browser.get(next.as_str()).await
        };
    }
    panic!("it goes round in circles: {}", page.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_openid_client() {
    if !have_npm("openid-client") {
        return;
    }
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let settings = json!({
        "issuer": world.origin, "id": client.id, "secret": client.secret,
        "redirect": CALLBACK, "bye": BYE,
    });
    let mut shop = Program::node("authority-openid-client.mjs", &settings.to_string());
    let browser = &mut Browser::new();
    for _ in 0..3 {
        let url = shop.expect("visit");
        let back = visit(browser, &url).await;
        shop.say(&back);
    }
    let (good, said) = shop.wait();
    assert!(good, "{said:?}");
    assert!(said.iter().any(|line| line == "ok logout"), "{said:?}");
}
