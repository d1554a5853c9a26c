//! Storefronts on the Python packages pyoidc, social-auth-core and mozilla-django-oidc,
//! which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::process::Command;

use authority::{CALLBACK, Client, storefront};
use serde_json::json;
use support::program::{Program, python, suites};
use support::{Browser, World};
use vestibule::authority::application::NewApplication;
use vestibule::key::Algorithm;

/// Logs a shopper in with a storefront on a package. `alg` is what the application's ID
/// tokens are signed with.
async fn log_in(package: &str, alg: Option<Algorithm>) {
    let Some(python) = python() else {
        return;
    };
    let world = World::start().await;
    let new = NewApplication {
        id_token_signed_response_alg: alg,
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let settings = json!({
        "client": package, "issuer": world.origin, "id": client.id, "secret": client.secret,
        "redirect": CALLBACK, "alg": alg.map_or("ES256", Algorithm::as_str),
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
        if next.as_str().starts_with(CALLBACK) {
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
    log_in("pyoidc", None).await;
}

/// It takes RS256 alone, which an application chooses.
#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_social_auth_core() {
    log_in("social", Some(Algorithm::Rs256)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_mozilla_django_oidc() {
    log_in("django", None).await;
    log_in("django", Some(Algorithm::Rs256)).await;
}
