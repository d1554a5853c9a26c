//! The demo in headless Chromium. Screenshots are left in `target/screenshots`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "support/program.rs"]
#[allow(dead_code)]
mod program;

use program::{Program, have, have_npm};

const CHROMIUM: &str = "/usr/bin/chromium";

/// A port whose two successors are free too, as the demo needs them.
fn three_ports() -> u16 {
    for _ in 0..100 {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let free = |offset| TcpListener::bind(("127.0.0.1", port.saturating_add(offset))).is_ok();
        if port < u16::MAX - 2 && free(1) && free(2) {
            return port;
        }
    }
    panic!("no three free ports in a row");
}

fn vestibule() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    // The second provider of the list; nobody logs in with it.
    command.env("GOOGLE_CLIENT_SECRET", "not-a-real-one");
    command
}

#[test]
fn a_shopper_logs_in_through_the_demo() {
    if !have_npm("playwright-core")
        || !have(Path::new(CHROMIUM), "install the Debian package chromium")
    {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let port = three_ports();
    let demo = Program::start(
        vestibule()
            .args(["demo", "--port", &port.to_string()])
            .env("TMPDIR", temporary.path()),
    );
    let storefront = demo.expect("Open");
    assert_eq!(storefront, format!("http://127.0.0.1:{port}"));
    let data = demo.expect("Data");

    // A second provider, given to the running broker by its admin socket.
    let applied = vestibule()
        .args(["provider", "apply", "google", "--account", "demo"])
        .args(["--client-id", "demo.apps.googleusercontent.com"])
        .args(["--client-secret-env", "GOOGLE_CLIENT_SECRET"])
        .args(["--data-dir", &data])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(applied.status.success(), "{applied:?}");

    let shots = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("screenshots");
    let options = serde_json::json!({
        "storefront": storefront,
        "shots": shots,
        "chromiumPath": CHROMIUM,
    });
    let (went_well, said) = Program::node("browser.mjs", &options.to_string()).wait();
    assert!(
        went_well && said.last().is_some_and(|line| line == "done"),
        "the browser stopped after:\n{}",
        said.join("\n")
    );
}
