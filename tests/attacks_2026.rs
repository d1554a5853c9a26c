//! Attacks published in 2026 against brokers of this kind: rows B1 to B10.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use reqwest::Method;
use serde_json::json;
use support::{Browser, World};

async fn log_in(world: &World, profile: serde_json::Value) -> serde_json::Value {
    world
        .idp
        .configure(|config| config.accounts[0].profile = profile);
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    browser.session(world, "acme").await
}

#[tokio::test]
async fn b1_a_removed_provider_logs_nobody_in() {
    let world = World::start().await;
    let start = world.url("acme", "login?return_to=/welcome");
    let mut in_flight = Browser::new();
    let callback = in_flight.to_callback(&start, "ada", "lovelace").await;
    let mut late = Browser::new();
    let finish = late.to_callback(&start, "ada", "lovelace").await;
    let finish = late.get(finish.as_str()).await.location().unwrap();

    let (status, answer) = world
        .admin(Method::DELETE, "/accounts/acme/providers/mock-idp", "", "")
        .await;
    assert_eq!(status, 204, "{answer}");
    let before = world.calls("/token");
    let page = in_flight.get(callback.as_str()).await;
    in_flight.follow(page).await;
    assert_eq!(
        in_flight.session(&world, "acme").await["authenticated"],
        false
    );
    assert_eq!(world.calls("/token"), before, "its server is not asked");
    let page = Browser::new().get(&start).await;
    assert!(page.location().is_none(), "{}", page.status);
    // Nor does who was identified already, and was on the way back.
    late.get(finish.as_str()).await;
    assert_eq!(late.session(&world, "acme").await["authenticated"], false);
}

#[tokio::test]
async fn b4_an_email_that_is_somebody_elses_name() {
    let world = World::start().await;
    let first = log_in(
        &world,
        json!({ "userId": "1", "email": "one@ok.test", "name": "two@ok.test" }),
    )
    .await;
    let second = log_in(
        &world,
        json!({ "userId": "2", "email": "two@ok.test", "name": "one@ok.test" }),
    )
    .await;
    assert_ne!(first["user"]["id"], second["user"]["id"]);
}

#[tokio::test]
async fn b7_a_provider_is_not_bound_to_another_account() {
    let world = World::start().await;
    world.account("other").await;
    for (method, path) in [
        (Method::GET, "/accounts/other/providers/mock-idp"),
        (Method::DELETE, "/accounts/other/providers/mock-idp"),
        (Method::GET, "/accounts/other/providers/mock-idp/history"),
    ] {
        let (status, answer) = world.admin(method.clone(), path, "", "").await;
        assert_eq!(status, 404, "{method} {path}: {answer}");
    }
    let page = Browser::new()
        .get(world.url("other", "login?provider=mock-idp"))
        .await;
    assert!(page.location().is_none());
}

#[tokio::test]
async fn b8_subjects_are_compared_whole() {
    let world = World::start().await;
    let mut seen = Vec::new();
    for id in ["1", "10", "100", "1|", "1\u{a0}x", "01", "1e0", "A", "a"] {
        let email = format!("u{}@ok.test", seen.len());
        let session = log_in(&world, json!({ "userId": id, "email": email })).await;
        assert_eq!(session["user"]["provider_user_id"], id);
        let user = session["user"]["id"].clone();
        assert!(!seen.contains(&user), "{id:?}");
        seen.push(user);
    }
}

#[tokio::test]
async fn b9_no_header_and_no_path_decides_who_is_let_in() {
    let world = World::start().await;
    for headers in [
        [
            ("user-agent", "kube-probe/1.30"),
            ("x-forwarded-uri", "/healthz"),
        ],
        [("user-agent", "GoogleHC/1.0"), ("x-original-url", "/ping")],
        [
            ("user-agent", "ELB-HealthChecker/2.0"),
            ("x-forwarded-method", "OPTIONS"),
        ],
        [("x-forwarded-for", "127.0.0.1"), ("x-real-ip", "127.0.0.1")],
        [("x-auth-user", "ada"), ("x-forwarded-user", "ada")],
        [
            ("x-forwarded-uri", "/static/../account"),
            ("x-original-uri", "/ready"),
        ],
    ] {
        for query in ["", "?redirect=false", "?skip_auth=true", "?x=/healthz"] {
            let page = Browser::new()
                .get_with(world.url("acme", &format!("check{query}")), &headers)
                .await;
            assert_eq!(page.status, 401, "{headers:?} {query}");
        }
    }
}

#[tokio::test]
async fn b10_a_logo_runs_no_scripts() {
    let world = World::start().await;
    for logo in [
        "data:image/svg+xml,<svg onload=alert(1)>",
        "javascript:alert(1)",
        "http://img.test/logo.svg",
    ] {
        let body = json!({ "logo_url": logo }).to_string();
        let (status, answer) = world
            .admin(Method::PATCH, "/accounts/acme", "application/json", &body)
            .await;
        assert_eq!(status, 400, "{logo}: {answer}");
    }
    // Another host's, and as a picture only: no script of it runs, and none of the
    // page's own is there either.
    let body = json!({ "logo_url": "https://img.test/logo.svg?\"onerror=alert(1)" }).to_string();
    let (status, answer) = world
        .admin(Method::PATCH, "/accounts/acme", "application/json", &body)
        .await;
    assert!([200, 400].contains(&status), "{answer}");
    let page = Browser::new().get(world.url("acme", "logout")).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("script-src https"));
    assert!(!page.body.contains("<object") && !page.body.contains("<svg onload"));
    assert!(!page.body.contains("\"onerror=alert"), "{}", page.body);
}
