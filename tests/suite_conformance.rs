//! The OpenID Foundation's conformance suite, against the broker as a provider
//! and as a relying party.
//!
//! `CONFORMANCE_SUITE` is the address of a running suite that wants no login
//! (`https://localhost:8443`). The broker calls it, so `SSL_CERT_FILE` names what
//! its certificate is trusted by. `CONFORMANCE_ONLY` is a part of the names of
//! the plans or modules to run. The table is left in `target/tmp/conformance.md`.
//! `docs/conformance.md` says more.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use authority::Client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_idp::MockIdp;
use serde_json::{Value, json};
use support::World;
use support::program::{free_port, have, have_npm};
use url::Url;
use vestibule::authority::Scopes;
use vestibule::authority::application::{NewApplication, ResponseAlg};
use vestibule::base::{Clock, Secret, SystemClock};

const CHROMIUM: &str = "/usr/bin/chromium";
/// The account that is a provider.
const PROVIDER: &str = "acme";
const SCOPES: &str = "openid email profile address phone offline_access";
/// A secret's beginning; no secret of anything but this test.
const SECRET: &str = "a-secret-of-the-conformance-run";

/// The address of the suite. Without one the test says that it is skipped, also
/// in CI: the suite is nothing that a package manager installs.
fn suite() -> Option<String> {
    let suite = std::env::var("CONFORMANCE_SUITE").ok();
    if suite.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the conformance suite; CONFORMANCE_SUITE has no address of one (docs/conformance.md)"
        );
    }
    suite.map(|url| url.trim_end_matches('/').to_owned())
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

/// The plans of `tests/conformance/plans`, in the order of their names.
fn plans() -> Vec<Value> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(here().join("plans"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |file: PathBuf| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    files.into_iter().map(read).collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

/// The suite wants https of a provider.
async fn world(public_url: &str) -> World {
    let url = Url::parse(public_url).unwrap();
    let world = World::with(|config| config.public_url = Some(url)).await;
    // The suite compares times with its own clock.
    let clock = world.clock.clone();
    tokio::spawn(async move {
        loop {
            clock.set(SystemClock.now());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    world
}

/// Everything that a provider may know of a person (OpenID Connect Core §5.1).
async fn knowing() -> MockIdp {
    let ada = mock_idp::Account::new("ada", "lovelace").with_profile(json!({
        "sub": "u-1001",
        "acr": "1",
        "email": "ada@example.test",
        "email_verified": true,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "middle_name": "King",
        "nickname": "Countess",
        "preferred_username": "ada",
        "profile": "https://people.example.test/ada",
        "picture": "https://people.example.test/ada.png",
        "website": "https://ada.example.test/",
        "gender": "female",
        "birthdate": "1990-12-10",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
        "updated_at": 1_700_000_000,
        "phone_number": "+44 20 7946 0000",
        "phone_number_verified": true,
        "address": { "locality": "London", "country": "GB" },
    }));
    let config = mock_idp::Config {
        accounts: vec![ada],
        openid: mock_idp::OpenIdConfig {
            enabled: true,
            id_token_claims: vec!["acr".to_owned()],
            ..mock_idp::OpenIdConfig::default()
        },
        ..mock_idp::Config::default()
    };
    MockIdp::start(config).await.unwrap()
}

/// The mapping that says no more than where the provider is.
fn mapping(idp: &MockIdp) -> String {
    let issuer = idp.origin();
    format!(
        r#"
[provider]
id = "mock"
name = "Mock"
kind = "openid"
issuer = "{issuer}"
email_trust = "provider"

[client]
id = "vestibule-demo"
secret = "vestibule-demo-secret"

[authorization]
scopes = ["openid", "profile", "email", "address", "phone"]
"#
    )
}

/// The account that is a provider, and its applications.
async fn provider(world: &World, idp: &MockIdp, public_url: &str, suite: &str) {
    world
        .account_with(PROVIDER, &[(public_url, "/accounts/acme")])
        .await;
    world.apply(PROVIDER, &mapping(idp)).await;
    let at = format!("{suite}/test/a/vestibule-provider");
    for (name, notified) in [
        ("first", false),
        ("second", false),
        ("post", false),
        ("notified", true),
    ] {
        let new = NewApplication {
            client_id: Some(format!("conformance-{name}").parse().unwrap()),
            secret: Some(Secret::new(format!("{SECRET}-of-{name}"))),
            account: Some(PROVIDER.parse().unwrap()),
            scopes: Some(Scopes::parse(SCOPES).unwrap()),
            redirect_uris: vec![
                format!("{at}/callback"),
                format!("{at}/callback?dummy1=lorem&dummy2=ipsum"),
            ],
            post_logout_redirect_uris: vec![format!("{at}/post_logout_redirect")],
            // Most modules count a notice that they did not ask for as a failure.
            backchannel_logout_uri: notified.then(|| format!("{at}/backchannel_logout")),
            id_token_signed_response_alg: Some(ResponseAlg::Rs256),
            ..NewApplication::default()
        };
        Client::create(world, new).await;
    }
}

/// An account whose provider is the suite. Each module has one of its own, since
/// each is another server at the same address, with other keys.
async fn relying_party(world: &World, public_url: &str, suite: &str, id: &str) {
    let path = format!("/accounts/{id}");
    world.account_with(id, &[(public_url, &path)]).await;
    let mapping = format!(
        r#"
[provider]
id = "suite"
name = "Conformance suite"
kind = "openid"
issuer = "{suite}/test/a/vestibule-client/"
email_trust = "claim"

[client]
id = "vestibule"
secret = "{SECRET}-at-the-suite"
authentication = "basic"

[authorization]
scopes = ["openid", "email", "profile"]

[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
"#
    );
    world.apply(id, &mapping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_of_the_conformance_suite() {
    let Some(suite) = suite() else { return };
    if !have_npm("playwright-core")
        || !have(Path::new(CHROMIUM), "install the Debian package chromium")
    {
        return;
    }
    let port = free_port();
    let public_url = format!("https://localhost:{port}");
    let world = world(&public_url).await;
    let idp = knowing().await;
    provider(&world, &idp, &public_url, &suite).await;
    world.broker.provide_keys().await.unwrap();
    let accounts: Vec<String> = (0..40).map(|n| format!("client-{n}")).collect();
    for id in &accounts {
        relying_party(&world, &public_url, &suite, id).await;
    }
    let front = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let table = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.md");
    let settings = json!({
        "suite": suite,
        "broker": public_url,
        "listen": port,
        "behind": world.origin,
        "certificate": pem("CERTIFICATE", front.cert.der()),
        "key": pem("PRIVATE KEY", &front.signing_key.serialize_der()),
        "secret": SECRET,
        "accounts": accounts,
        "only": std::env::var("CONFORMANCE_ONLY").unwrap_or_default(),
        "chromium": CHROMIUM,
        "table": table,
        "plans": plans(),
    });
    let good = tokio::process::Command::new("node")
        .arg(here().join("run.mjs"))
        .arg(settings.to_string())
        .status()
        .await
        .unwrap()
        .success();
    assert!(good, "a module failed: {}", table.display());
}
