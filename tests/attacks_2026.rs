//! Attacks published in 2026 against brokers of this kind: rows B1 to B10.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::Client;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
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
async fn b2_what_is_not_applied_logs_nobody_in() {
    let world = World::start().await;
    let other = world
        .mapping()
        .replace("\"mock-idp\"", "\"google\"")
        .replace("Mock Accounts", "Google");
    let json = json!({ "toml": other }).to_string();
    let shadow = "/accounts/acme/providers/mock-idp/shadow";
    let own = world.mapping().replace("Mock Accounts", "Shadow");
    let (status, answer) = world
        .admin(Method::PUT, shadow, "application/toml", &own)
        .await;
    assert_eq!(status, 204, "{answer}");
    let preview = "/accounts/acme/preview";
    world
        .admin(Method::POST, preview, "application/json", &json)
        .await;
    for provider in ["google", "shadow", "mock-idp/shadow", "mock-idp%00"] {
        let start = world.url("acme", &format!("login?provider={provider}"));
        let page = Browser::new().get(start).await;
        assert!(page.location().is_none(), "{provider}: {}", page.status);
    }
    // The shadow sees logins of the provider it stands behind, and makes none.
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["provider"], "mock-idp");
    assert_eq!(world.users("acme").await.len(), 1);
}

#[tokio::test]
async fn b3_a_proof_is_of_one_account_subject_and_browser_once() {
    let world = World::start().await;
    world.account("other").await;
    world.apply("other", &world.mapping()).await;
    let start = world.url("acme", "login?return_to=/welcome");
    let mut browser = Browser::new();
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    let finish = browser.get(callback).await.location().unwrap();
    // The ticket says nothing that could be guessed or changed.
    let ticket = finish.query_pairs().next().unwrap().1.into_owned();
    assert!(ticket.len() >= 40, "{ticket}");
    for (changed, to) in [
        (finish.as_str().replace("/acme/", "/other/"), "other"),
        (
            finish.as_str().replace(&ticket, &ticket.to_lowercase()),
            "acme",
        ),
        (format!("{finish}&user=1"), "thief"),
    ] {
        let mut thief = Browser::new();
        let by = if to == "thief" {
            &mut thief
        } else {
            &mut browser
        };
        let page = by.get(&changed).await;
        by.follow(page).await;
        for account in ["acme", "other"] {
            let session = by.session(&world, account).await;
            assert_eq!(session["authenticated"], false, "{changed}");
        }
    }
    // The last one had it, in another browser: it is used up.
    let page = browser.get(finish.as_str()).await;
    browser.follow(page).await;
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["authenticated"], false);
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
async fn b5_an_address_that_was_never_proved_links_nobody() {
    let world = World::start().await;
    // One provider vouches for nothing; whoever it names waits with the email.
    let untrusted = world
        .mapping()
        .replace("\"mock-idp\"", "\"google\"")
        .replace("email_trust = \"provider\"", "email_trust = \"never\"");
    world.apply("acme", &untrusted).await;
    let email = "victim@example.test";
    let through = async |provider: &str, id: &str| {
        world.idp.configure(|config| {
            config.accounts[0].profile = json!({ "userId": id, "email": email, "name": id });
        });
        let mut browser = Browser::new();
        let start = world.url("acme", &format!("login?provider={provider}"));
        browser.log_in(&start, "ada", "lovelace").await;
        let session = browser.session(&world, "acme").await;
        (browser, session)
    };
    let (mut planted, session) = through("google", "66").await;
    assert_eq!(session["authenticated"], true);
    assert_eq!(session["user"]["email_verified"], false);
    // Another who claims the address is not linked to it.
    let (_, second) = through("google", "67").await;
    assert_eq!(second["authenticated"], false, "{second}");
    // Its owner has it alone, and what was planted is no way in.
    let (_, owner) = through("mock-idp", "1").await;
    assert_eq!(owner["user"]["email_verified"], true);
    assert_eq!(owner["user"]["name"], "1");
    let left = planted.session(&world, "acme").await;
    assert_eq!(left["authenticated"], false);
    let (_, again) = through("google", "66").await;
    assert_eq!(again["authenticated"], false, "{again}");
}

#[tokio::test]
async fn b6_a_logout_needs_a_signature_or_an_answer() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let mut browser = Browser::new();
    let tokens = client.tokens(&world, &mut browser).await;
    let real = tokens["id_token"].as_str().unwrap();
    let claims = real.split('.').nth(1).unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let head = real.split('.').next().unwrap();
    let mut browser_is_in = async |hint: &str, more: &str| {
        let url = format!(
            "{}/connect/logout?client_id={}&id_token_hint={hint}{more}",
            world.origin, client.id
        );
        let page = browser.get(url).await;
        assert_ne!(page.status, StatusCode::SEE_OTHER, "{hint} {more}");
        let silent = client.authorize_url(&world, &[("prompt", "none")]);
        let to = browser.get(silent).await.location().unwrap();
        to.query_pairs().any(|(name, _)| name == "code")
    };
    for hint in [
        format!("{none}.{claims}."),
        format!("{none}.{claims}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}.AAAA"),
    ] {
        assert!(browser_is_in(&hint, "").await, "{hint}");
        assert!(browser_is_in(&hint, "&confirmed=1").await, "{hint}");
    }
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
