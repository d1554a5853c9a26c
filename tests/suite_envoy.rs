//! Envoy with the file of `docs/proxies.md`: `ext_authz` over HTTP.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use support::Browser;
use support::program::{Program, free_port, have, listening, suites};
use support::shop::{Shop, replaced, snippet};

/// The store's web server on `port`, which asks the broker at an address.
async fn start(dir: &Path, port: u16, shop: u16, broker: &str) -> Program {
    let config = snippet(include_str!("../docs/proxies.md"), "yaml envoy");
    let address = |port: &str| format!("address: 127.0.0.1, port_value: {port}");
    let (_, broker_port) = broker.split_once(':').unwrap();
    let config = replaced(
        config,
        "address: 0.0.0.0, port_value: 8000",
        &address(&port.to_string()),
    );
    let config = replaced(&config, &address("8080"), &address(broker_port));
    let config = replaced(&config, &address("3000"), &address(&shop.to_string()));
    let config = replaced(&config, "127.0.0.1:8080", broker);
    let path = dir.join("envoy.yaml");
    std::fs::write(&path, config).unwrap();
    let program = Program::start(
        Command::new(suites().join(".venv/bin/envoy"))
            .args(["--use-dynamic-base-id", "--concurrency", "1"])
            .args(["--log-level", "warn", "-c"])
            .arg(&path),
    );
    listening(port).await;
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_envoy() {
    let envoy = suites().join(".venv/bin/envoy");
    if !have(&envoy, "run tests/suites/install") {
        return;
    }
    let shop = Shop::start().await;
    let dir = tempfile::tempdir().unwrap();
    let _envoy = start(dir.path(), shop.port, shop.behind, shop.broker()).await;
    shop.is_for_customers().await;

    // Without the broker nobody gets in.
    let dir = tempfile::tempdir().unwrap();
    let (port, nobody) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let _envoy = start(dir.path(), port, shop.behind, &nobody).await;
    let orders = format!("http://127.0.0.1:{port}/orders");
    let page = Browser::new().get(orders).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}
