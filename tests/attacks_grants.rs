//! What was issued to applications, and its end: rows F4, F8 and F9.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::time::Duration;

use authority::{CALLBACK, Client, VERIFIER, param, storefront, to};
use serde_json::Value;
use support::{Browser, Page, World};
use vestibule::authority::application::NewApplication;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

fn refused(page: &Page) {
    assert_eq!(page.status, 400, "{}", page.body);
    assert_eq!(page.json()["error"], "invalid_grant", "{}", page.body);
}

async fn active(client: &Client, world: &World, token: &str) -> bool {
    client.introspect(world, token).await["active"] == true
}

/// A code for a browser that is logged in or logs in now.
async fn code(client: &Client, world: &World, browser: &mut Browser, scope: &str) -> String {
    let over = [("scope", scope)];
    let page = browser.get(client.authorize_url(world, &over)).await;
    let next = to(&page);
    let next = if next.as_str().starts_with(CALLBACK) {
        next
    } else {
        client.log_in(world, browser, &over).await
    };
    param(&next, "code").unwrap()
}

const OFFLINE: &str = "openid email offline_access";
const ONLINE: &str = "openid email";

#[tokio::test]
async fn f9_the_wrong_client_leaves_a_code_alone() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let public = NewApplication {
        public: true,
        ..storefront()
    };
    let public = Client::create(&world, public).await;
    let other = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    for client in [&client, &public] {
        let code = code(client, &world, browser, OFFLINE).await;
        // Another application, and whoever has the code without its proof: of a
        // public application anyone knows the id.
        refused(&other.exchange(&world, &code).await);
        for (redirect_uri, verifier) in [
            (CALLBACK, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
            (CALLBACK, ""),
            ("https://shop.example.test/other", VERIFIER),
        ] {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", redirect_uri),
                ("code_verifier", verifier),
            ];
            refused(&client.token(&world, &form).await);
        }
        let page = client.exchange(&world, &code).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let tokens = page.json();
        // Used up, it is no more use to others either.
        refused(&other.exchange(&world, &code).await);
        world.clock.advance(Duration::from_secs(90));
        refused(&other.exchange(&world, &code).await);
        let access = text(&tokens, "access_token");
        let from = if client.secret.is_some() {
            client
        } else {
            &other
        };
        assert!(active(from, &world, access).await);
        let next = client.refresh(&world, text(&tokens, "refresh_token")).await;
        assert_eq!(next.status, 200, "{}", next.body);
    }
}

#[tokio::test]
async fn f9_a_replayed_code_ends_all_that_came_of_it_whenever_it_comes() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    // At once, when the code has ended, and when its family has moved on: it
    // lives from refresh to refresh.
    for (pauses, each) in [
        (0, Duration::ZERO),
        (1, Duration::from_secs(120)),
        (6, DAY * 25),
    ] {
        let code = code(&client, &world, browser, OFFLINE).await;
        let mut all = vec![client.exchange(&world, &code).await.json()];
        for _ in 0..pauses {
            world.clock.advance(each);
            let last = text(&all[all.len() - 1], "refresh_token");
            let page = client.refresh(&world, last).await;
            assert_eq!(page.status, 200, "{}", page.body);
            all.push(page.json());
        }
        // More tokens than anyone would list.
        for _ in 0..30 {
            let last = text(&all[all.len() - 1], "refresh_token");
            let page = client.refresh(&world, last).await;
            assert_eq!(page.status, 200, "{}", page.body);
            all.push(page.json());
        }
        let (live, last) = (&all[all.len() - 31..], &all[all.len() - 1]);
        for tokens in live {
            assert!(active(&client, &world, text(tokens, "access_token")).await);
        }
        refused(&client.exchange(&world, &code).await);
        for tokens in live {
            assert!(!active(&client, &world, text(tokens, "access_token")).await);
        }
        refused(&client.refresh(&world, text(last, "refresh_token")).await);
    }
}

#[tokio::test]
async fn f9_a_replayed_code_ends_an_access_token_without_a_refresh_token() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let code = code(&client, &world, browser, ONLINE).await;
    let tokens = client.exchange(&world, &code).await.json();
    assert!(tokens.get("refresh_token").is_none());
    let access = text(&tokens, "access_token");
    world.clock.advance(Duration::from_secs(29 * 60));
    assert!(active(&client, &world, access).await);
    refused(&client.exchange(&world, &code).await);
    assert!(!active(&client, &world, access).await);
    let bearer = format!("Bearer {access}");
    let url = format!("{}/connect/userinfo", world.origin);
    let page = Browser::new()
        .get_with(url, &[("authorization", &bearer)])
        .await;
    assert_eq!(page.status, 401, "{}", page.body);
}

#[tokio::test]
async fn f9_an_old_refresh_token_ends_its_family_whenever_it_comes() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let other = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    for back in [1, 2, 9] {
        let code = code(&client, &world, browser, OFFLINE).await;
        let mut all = vec![client.exchange(&world, &code).await.json()];
        for _ in 0..9 {
            world.clock.advance(DAY * 25);
            let last = text(&all[all.len() - 1], "refresh_token");
            let page = client.refresh(&world, last).await;
            assert_eq!(page.status, 200, "{}", page.body);
            all.push(page.json());
        }
        let (old, last) = (&all[9 - back], &all[9]);
        let access = text(last, "access_token");
        world.clock.advance(Duration::from_secs(60));
        // Another application learns and changes nothing.
        refused(&other.refresh(&world, text(old, "refresh_token")).await);
        assert!(active(&client, &world, access).await);
        refused(&client.refresh(&world, text(old, "refresh_token")).await);
        assert!(!active(&client, &world, access).await);
        refused(&client.refresh(&world, text(last, "refresh_token")).await);
    }
}
