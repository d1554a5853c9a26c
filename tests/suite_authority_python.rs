//! Storefronts on the Python packages pyoidc, social-auth-core, mozilla-django-oidc,
//! django-allauth, requests-oauthlib and Authlib, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::process::Command;

use authority::{CALLBACK, Client, storefront};
use serde_json::json;
use support::program::{Program, python, suites};
use support::{Browser, World};
use vestibule::authority::application::{NewApplication, ResponseAlg};

/// Logs a shopper in with a storefront on a package, which says nothing of algorithms:
/// `alg` is what the application's ID tokens are signed with.
async fn log_in(package: &str, alg: ResponseAlg) {
    log_in_at(package, alg, CALLBACK).await;
}

/// The same, with a redirect URI that the package makes itself, below [`CALLBACK`].
async fn log_in_at(package: &str, alg: ResponseAlg, redirect: &str) {
    let Some(python) = python() else {
        return;
    };
    let world = World::start().await;
    // As a broker does at its start: some clients take the discovery document's word for
    // what ID tokens are signed with.
    world.broker.provide_keys().await.unwrap();
    let new = NewApplication {
        id_token_signed_response_alg: Some(alg),
        redirect_uris: vec![redirect.to_owned()],
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let settings = json!({
        "client": package, "issuer": world.origin, "id": client.id, "secret": client.secret,
        "redirect": redirect,
    });
    let mut shop = Program::start(
        Command::new(python)
            .arg(suites().join("authority_clients.py"))
            .arg(settings.to_string()),
    );
    let url = shop.expect("visit");
    let browser = &mut Browser::new();
    let mut next: url::Url = url.parse().unwrap();
    for _ in 0..10 {
        let page = browser.get(next).await;
        next = authority::to(&page);
        if next.path() == "/authorize" {
            next = browser.through_idp(page, "ada", "lovelace").await;
        }
        if next.as_str().starts_with(redirect) {
            break;
        }
    }
    shop.say(next.as_str());
    let (good, said) = shop.wait();
    assert!(good, "{said:?}");
    assert!(said.iter().any(|line| line == "ok userinfo"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_pyoidc() {
    log_in("pyoidc", ResponseAlg::USUAL).await;
    log_in("pyoidc", ResponseAlg::Es256).await;
}

/// It takes RS256 unless told otherwise, as a new application has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_social_auth_core() {
    log_in("social", ResponseAlg::USUAL).await;
}

/// It takes HS256 unless told otherwise, which an application chooses.
#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_mozilla_django_oidc() {
    log_in("django", ResponseAlg::Hs256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_django_allauth() {
    let redirect = format!("{CALLBACK}/oidc/broker/login/callback/");
    log_in_at("allauth", ResponseAlg::USUAL, &redirect).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_requests_oauthlib() {
    log_in("session", ResponseAlg::USUAL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_authlib_in_flask() {
    log_in("flask", ResponseAlg::USUAL).await;
}
