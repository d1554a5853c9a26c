//! An installation moves from a data directory to PostgreSQL and back, with whoever
//! is logged in.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use mock_idp::MockIdp;
use reqwest::StatusCode;
use serde_json::Value;
use support::Browser;
use support::postgres::{PASSWORD, Postgres};
use support::replicas::{MASTER_KEY, Replica};

/// A command on a directory, or on the database that is given.
fn run(dir: &Path, durable: Option<&str>, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .args(arguments)
        .current_dir(dir)
        .env("VESTIBULE_DATA_DIR", dir.join("data"))
        .env("VESTIBULE_AUTH__MASTER_KEY", MASTER_KEY);
    if let Some(durable) = durable {
        command.env("VESTIBULE_STORE__DURABLE", durable);
    }
    let said = command.output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success(), "{arguments:?}: {text}");
    assert!(!text.contains(PASSWORD), "{text}");
    text
}

fn manifest(copy: &Path) -> Value {
    let text = std::fs::read(copy.join("manifest.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["spaces"].clone()
}

async fn all_are_in(replica: &Replica, browsers: &mut [Browser]) {
    for browser in browsers {
        browser.moves_to(replica);
        assert_eq!(browser.check().await, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_moves_to_a_database_and_back_with_every_session() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [first, between, last] = dirs.each_ref().map(tempfile::TempDir::path);
    let at = |dir: &Path| {
        let data = dir.join("data");
        Replica::with(move |config| config.data_dir = data)
    };
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let broker = at(first).await;
    broker.acme(&idp).await;
    let mut browsers = Vec::new();
    for _ in 0..20 {
        let mut browser = Browser::new();
        browser.logs_in_at(&broker).await;
        browsers.push(browser);
    }
    broker.stop().await;

    let url = server.empty().await;
    let database = Some(url.expose());
    run(first, None, &["export", "copy"]);
    let copy = first.join("copy");
    let copied = copy.to_str().unwrap();
    run(between, database, &["data", "migrate"]);
    let said = run(between, database, &["import", copied]);
    assert!(said.contains("sessions: 20 of 20"), "{said}");
    let broker = Replica::start(&url, None).await;
    all_are_in(&broker, &mut browsers).await;
    let mut late = Browser::new();
    late.logs_in_at(&broker).await;
    browsers.push(late);

    // Copied while the broker runs; nobody else is in the way.
    run(between, database, &["export", "copy"]);
    let back = between.join("copy");
    all_are_in(&broker, &mut browsers).await;
    broker.stop().await;
    run(last, None, &["import", back.to_str().unwrap()]);
    run(last, None, &["data", "verify"]);
    let broker = at(last).await;
    all_are_in(&broker, &mut browsers).await;
    broker.stop().await;

    // What did not change on the way is the same to the byte.
    let (before, after) = (manifest(&copy), manifest(&back));
    for space in [
        "accounts",
        "mappings",
        "mapping_history",
        "keys",
        "vault",
        "user_emails",
    ] {
        assert_eq!(before[space], after[space], "{space}");
        assert!(before[space]["records"].as_u64().unwrap() > 0, "{space}");
    }
    assert_eq!(after["sessions"]["records"], 21);
}
