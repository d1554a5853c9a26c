//! Logins through Ory Hydra, whose login and consent pages are others' business: here
//! they say yes to everybody. `HYDRA` names its program.

#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

#[path = "support/other.rs"]
mod other;
mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use support::program::{Program, free_port};
use support::{Browser, World};
use tokio::net::TcpListener;

const SECRET: &str = "s3cr/t +&=:%";

/// Accepts what Hydra asks; gives where the browser goes on.
async fn accept(admin: &str, what: &str, challenge: &str, answer: Value) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let accepted = client
        .put(format!("{admin}/admin/oauth2/auth/requests/{what}/accept"))
        .query(&[(format!("{what}_challenge"), challenge)])
        .json(&answer)
        .send()
        .await
        .unwrap();
    let said: Value = accepted.json().await.unwrap();
    let Some(next) = said["redirect_to"].as_str() else {
        panic!("{what}: {said}")
    };
    next.to_owned()
}

/// The pages for login and consent.
async fn pages(admin: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let consent_at = admin.clone();
    let app = Router::new()
        .route(
            "/login",
            get(
                move |Query(query): Query<BTreeMap<String, String>>| async move {
                    let challenge = &query["login_challenge"];
                    let answer = json!({ "subject": "ada", "remember": false });
                    Redirect::to(&accept(&admin, "login", challenge, answer).await)
                },
            ),
        )
        .route(
            "/consent",
            get(
                move |Query(query): Query<BTreeMap<String, String>>| async move {
                    let challenge = &query["consent_challenge"];
                    let claims = json!({
                        "email": "ada@example.test", "email_verified": true, "name": "Ada Lovelace",
                    });
                    let answer = json!({
                        "grant_scope": ["openid", "email", "profile"],
                        "session": { "id_token": claims },
                    });
                    Redirect::to(&accept(&consent_at, "consent", challenge, answer).await)
                },
            ),
        );
    tokio::spawn(async move { axum::serve(listener, app).await });
    origin
}

#[tokio::test]
async fn logins_through_hydra() {
    let Some(hydra) = other::named("HYDRA", "Ory Hydra") else {
        return;
    };
    let world = World::empty().await;
    world.account("acme").await;
    let (public, private) = (free_port(), free_port());
    let issuer = format!("http://127.0.0.1:{public}");
    let admin = format!("http://127.0.0.1:{private}");
    let pages = pages(admin.clone()).await;
    let _program = Program::start(
        Command::new(hydra)
            .args(["serve", "all", "--dev", "--sqa-opt-out"])
            .env("DSN", "memory")
            .env("LOG_LEVEL", "error")
            .env("SECRETS_SYSTEM", "a-secret-of-a-test-run-0123456789")
            .env("URLS_SELF_ISSUER", &issuer)
            .env("URLS_LOGIN", format!("{pages}/login"))
            .env("URLS_CONSENT", format!("{pages}/consent"))
            .env("SERVE_PUBLIC_HOST", "127.0.0.1")
            .env("SERVE_PUBLIC_PORT", public.to_string())
            .env("SERVE_ADMIN_HOST", "127.0.0.1")
            .env("SERVE_ADMIN_PORT", private.to_string()),
    );
    let discovery = format!("{issuer}/.well-known/openid-configuration");
    other::answers(&discovery, Duration::from_secs(60)).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (id, method) in [
        ("basic:1", "client_secret_basic"),
        ("post", "client_secret_post"),
    ] {
        let made = client
            .post(format!("{admin}/admin/clients"))
            .json(&json!({
                "client_id": id, "client_secret": SECRET, "scope": "openid email profile",
                "redirect_uris": [format!("{}/callback/acme/other", world.origin)],
                "grant_types": ["authorization_code"], "response_types": ["code"],
                "token_endpoint_auth_method": method,
            }))
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 201, "{}", made.text().await.unwrap());
    }

    for (id, way) in [("basic:1", "basic"), ("post", "body")] {
        let mapping = format!(
            r#"
[provider]
id = "other"
name = "Hydra"
kind = "openid"
issuer = "{issuer}"
[client]
id = "{id}"
secret = {SECRET:?}
authentication = "{way}"
[authorization]
scopes = ["openid", "email", "profile"]
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
"#
        );
        world.apply("acme", &mapping).await;
        let browser = &mut Browser::new();
        let page = browser
            .get(world.url("acme", "login?return_to=/welcome"))
            .await;
        let page = browser.follow(page).await;
        assert_eq!(page.url.path(), "/welcome", "{} {}", page.url, page.body);
        let session = browser.session(&world, "acme").await;
        assert_eq!(session["user"]["email"], "ada@example.test", "{session}");
        assert_eq!(session["user"]["name"], "Ada Lovelace");
        assert_eq!(session["user"]["provider_user_id"], "ada");
    }
    assert_eq!(world.users("acme").await.len(), 1);
}
