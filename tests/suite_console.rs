//! The console in headless Chromium. Screenshots are left in `target/screenshots`.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use support::World;
use vestibule::base::Clock;
use vestibule::key::{KeyKind, SelfSigned, generate};

use support::program::{Program, have, have_npm};

const CHROMIUM: &str = "/usr/bin/chromium";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_takes_a_provider_live() {
    if !have_npm("playwright-core")
        || !have_npm("axe-core")
        || !have(Path::new(CHROMIUM), "install the Debian package chromium")
    {
        return;
    }
    // The account does not exist yet: the suite creates it.
    let world = World::with(|config| {
        config.console_login_account = Some("acme".parse().unwrap());
    })
    .await;
    let names = SelfSigned {
        common_name: "login.platform.test".to_owned(),
        organization: Some("The Platform".to_owned()),
        country: None,
        alternative_names: Vec::new(),
        days: 20,
    };
    let key = generate(KeyKind::P256).unwrap();
    let certificate = key.self_signed(&names, world.clock.now()).unwrap();
    let shots = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("screenshots");
    let options = serde_json::json!({
        "origin": world.origin,
        "welcome": world.broker.first_operator().await.unwrap().unwrap(),
        "idp": world.idp.origin(),
        "shots": shots,
        "key": key.to_pem(None).unwrap().expose(),
        "certificate": certificate.to_pem(),
        "chromiumPath": CHROMIUM,
    });
    let run = move || Program::node("console.mjs", &options.to_string()).wait();
    let (went_well, said) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(
        went_well && said.last().is_some_and(|line| line == "done"),
        "the browser stopped after:\n{}",
        said.join("\n")
    );
}
