//! `docs/tutorial.md`, done in headless Chromium against `vestibule demo`: what it says to
//! press is there, and what it says happens.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use support::program::{Program, have, have_npm};

const TUTORIAL: &str = include_str!("../docs/tutorial.md");
const CHROMIUM: &str = "/usr/bin/chromium";

/// What the tutorial names: `*so*`.
fn labels() -> BTreeSet<&'static str> {
    TUTORIAL.split('*').skip(1).step_by(2).collect()
}

#[test]
fn the_tutorial_can_be_followed() {
    if !have_npm("playwright-core")
        || !have(Path::new(CHROMIUM), "install the Debian package chromium")
    {
        return;
    }
    // Three ports in a row.
    let port = std::process::id() % 20_000 + 20_000;
    let mut demo = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    demo.args(["demo", "--port", &port.to_string()]);
    let demo = Program::start(demo.env("VESTIBULE_LOG", "warn"));
    let first = |word: &str| {
        let said = demo.expect(word);
        said.split_whitespace().next().unwrap().to_owned()
    };
    let options = serde_json::json!({
        "storefront": first("Open"),
        "console": first("Console"),
        "idp": first("Provider"),
        "chromiumPath": CHROMIUM,
    });
    let (went_well, said) = Program::node("tutorial.mjs", &options.to_string()).wait();
    assert!(
        went_well && said.last().is_some_and(|line| line == "done"),
        "the browser stopped after:\n{}",
        said.join("\n")
    );
    let used: BTreeSet<&str> = said
        .iter()
        .filter_map(|line| line.strip_prefix("used "))
        .collect();
    assert_eq!(
        used,
        labels(),
        "what was pressed, and what the tutorial names"
    );
}
