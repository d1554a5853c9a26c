//! What an account demands of every application.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::time::Duration;

use authority::{CALLBACK, Client, claims, param, service, storefront, to};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Browser, World};
use vestibule::authority::application::{NewApplication, Settings};

async fn account(world: &World, method: Method, body: &str) -> (u16, Value) {
    let (status, body) = world
        .admin(method, "/accounts/acme", "application/json", body)
        .await;
    (status, serde_json::from_str(&body).unwrap())
}

async fn demand(world: &World, policy: Value) -> (u16, Value) {
    let body = json!({ "application_policy": policy }).to_string();
    account(world, Method::PATCH, &body).await
}

async fn demanded(world: &World, policy: Value) {
    let (status, body) = demand(world, policy).await;
    assert_eq!(status, 200, "{body}");
}

fn lives(token: &Value) -> u64 {
    let claims = claims(token);
    claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap()
}

#[tokio::test]
async fn the_stricter_lifetime_counts() {
    let world = World::start().await;
    let of = |lifetime: Option<&str>| NewApplication {
        settings: Settings {
            access_token_lifetime: lifetime.map(str::to_owned),
            ..Settings::default()
        },
        ..storefront()
    };
    let brief = Client::create(&world, of(Some("2m"))).await;
    let long = Client::create(&world, of(Some("20h"))).await;
    let usual = Client::create(&world, of(None)).await;
    demanded(&world, json!({ "access_token_lifetime": "10m" })).await;
    for (client, seconds) in [(&brief, 120), (&long, 600), (&usual, 600)] {
        let tokens = client.tokens(&world, &mut Browser::new()).await;
        assert_eq!(tokens["expires_in"], seconds);
        assert_eq!(lives(&tokens["access_token"]), seconds);
        assert_eq!(lives(&tokens["id_token"]), seconds);
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let next = client.refresh(&world, refresh).await.json();
        assert_eq!(next["expires_in"], seconds);
        assert_eq!(lives(&next["access_token"]), seconds);
    }
    // Longer than the broker's own: nothing gets longer by that.
    demanded(&world, json!({ "access_token_lifetime": "23h" })).await;
    let tokens = usual.tokens(&world, &mut Browser::new()).await;
    assert_eq!(tokens["expires_in"], 1800);
}

#[tokio::test]
async fn refresh_tokens_end_and_rotate_as_the_account_says() {
    let world = World::start().await;
    let new = NewApplication {
        settings: Settings {
            reuse_refresh_tokens: true,
            ..Settings::default()
        },
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let tokens = client.tokens(&world, &mut Browser::new()).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let same = client.refresh(&world, refresh).await.json();
    assert_eq!(same["refresh_token"], refresh);

    demanded(
        &world,
        json!({
            "rotate_refresh_tokens": true,
            "refresh_token_lifetime": "1h",
            "refresh_token_absolute_lifetime": "100m",
        }),
    )
    .await;
    let second = client.refresh(&world, refresh).await.json();
    let second = second["refresh_token"].as_str().unwrap();
    assert_ne!(second, refresh);
    world.clock.advance(Duration::from_secs(50 * 60));
    let third = client.refresh(&world, second).await;
    assert_eq!(third.status, StatusCode::OK, "{}", third.body);
    let third = third.json();
    let third = third["refresh_token"].as_str().unwrap();
    // 51 minutes unused are no hour, and yet past the 100 minutes from the login on.
    world.clock.advance(Duration::from_secs(51 * 60));
    let late = client.refresh(&world, third).await;
    assert_eq!(late.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn logins_need_pkce_and_consent_where_the_account_says_so() {
    let world = World::start().await;
    let client = Client::create(&world, storefront()).await;
    let plain = [("code_challenge", ""), ("code_challenge_method", "")];
    let mut browser = Browser::new();
    let page = browser.get(client.authorize_url(&world, &plain)).await;
    assert!(to(&page).path().ends_with("/login"));

    demanded(&world, json!({ "require_pkce": true, "consent": true })).await;
    let page = browser.get(client.authorize_url(&world, &plain)).await;
    let back = to(&page);
    assert!(back.as_str().starts_with(CALLBACK));
    assert_eq!(param(&back, "error").unwrap(), "invalid_request");

    let page = browser.get(client.authorize_url(&world, &[])).await;
    let page = browser.get(to(&page)).await;
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    let mut page = browser.get(callback).await;
    while let Some(next) = page.location() {
        assert!(!next.as_str().starts_with(CALLBACK), "nobody was asked");
        page = browser.get(next).await;
    }
    assert!(page.shows("ada@example.test"), "{}", page.body);
}

#[tokio::test]
async fn scopes_and_claims_are_limited_in_every_token() {
    let world = World::start().await;
    let client = Client::create(&world, storefront()).await;
    let before = client.tokens(&world, &mut Browser::new()).await;
    assert_eq!(claims(&before["id_token"])["name"], "Ada Lovelace");

    demanded(
        &world,
        json!({ "scopes": ["openid", "profile", "offline_access"], "claims": ["locale", "email"] }),
    )
    .await;
    let tokens = client.tokens(&world, &mut Browser::new()).await;
    let granted = tokens["scope"].as_str().unwrap();
    assert_eq!(granted, "offline_access openid profile");
    let told = claims(&tokens["id_token"]);
    assert!(
        told.get("name").is_none() && told.get("email").is_none(),
        "{told}"
    );
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let url = format!("{}/connect/userinfo", world.origin);
    let info = Browser::new()
        .send(Method::GET, &url, &[("authorization", &bearer)], None)
        .await
        .json();
    assert!(info["sub"].is_string());
    assert!(
        info.get("name").is_none() && info.get("email").is_none(),
        "{info}"
    );

    // What was granted before shrinks at its next use.
    let refresh = before["refresh_token"].as_str().unwrap();
    let next = client.refresh(&world, refresh).await.json();
    assert_eq!(next["scope"], "offline_access openid profile");
    assert!(claims(&next["id_token"]).get("name").is_none());

    // An application's own token too.
    let service = Client::create(&world, service("acme")).await;
    let page = service
        .token(
            &world,
            &[("grant_type", "client_credentials"), ("scope", "orders")],
        )
        .await;
    assert_eq!(page.json()["error"], "invalid_scope");

    demanded(&world, json!({ "scopes": null, "claims": null })).await;
    let tokens = client.tokens(&world, &mut Browser::new()).await;
    assert_eq!(claims(&tokens["id_token"])["name"], "Ada Lovelace");
}

#[tokio::test]
async fn a_policy_that_cannot_be_used_changes_nothing() {
    let world = World::start().await;
    demanded(&world, json!({ "require_pkce": true })).await;
    for (policy, field, says) in [
        (json!("strict"), "application_policy", "is an object"),
        (
            json!({ "requirePkce": true }),
            "application_policy",
            "`requirePkce`",
        ),
        (
            json!({ "require_pkce": "yes" }),
            "application_policy",
            "true or false",
        ),
        (
            json!({ "access_token_lifetime": "3" }),
            "access_token_lifetime",
            "`30s`",
        ),
        (
            json!({ "access_token_lifetime": "48h" }),
            "access_token_lifetime",
            "24 hours",
        ),
        (
            json!({ "refresh_token_lifetime": "1s" }),
            "refresh_token_lifetime",
            "one minute",
        ),
        (json!({ "scopes": ["a b"] }), "scopes", "names"),
        (json!({ "claims": [""] }), "claims", "names"),
    ] {
        let (status, problem) = demand(&world, policy.clone()).await;
        assert_eq!(status, 400, "{policy}");
        assert_eq!(problem["code"], "account.application_policy");
        assert_eq!(problem["field"], field, "{policy}");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    let (_, found) = account(&world, Method::GET, "").await;
    let policy = &found["application_policy"];
    assert_eq!(policy["require_pkce"], true);
    assert!(policy["scopes"].is_null());
    // `null` takes all of it away.
    demanded(&world, Value::Null).await;
    let (_, found) = account(&world, Method::GET, "").await;
    assert_eq!(found["application_policy"]["require_pkce"], false);
}
