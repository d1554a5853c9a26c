//! Traefik with the files of `docs/proxies.md`: `forwardAuth`.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use support::Browser;
use support::program::{Program, free_port, have, listening, suites};
use support::shop::{Shop, replaced, snippet};

const DOCUMENT: &str = include_str!("../docs/proxies.md");

/// The store's web server on `port`, which asks the broker at an address.
async fn start(dir: &Path, port: u16, shop: u16, broker: &str) -> Program {
    let routes = dir.join("acme.yml");
    let config = snippet(DOCUMENT, "yaml traefik-routes");
    let config = replaced(config, "www.acme.test", "127.0.0.1");
    let config = replaced(&config, "127.0.0.1:8080", broker);
    let config = replaced(&config, "127.0.0.1:3000", &format!("127.0.0.1:{shop}"));
    std::fs::write(&routes, config).unwrap();
    let path = dir.join("traefik.yml");
    let config = snippet(DOCUMENT, "yaml traefik");
    let config = replaced(config, ":8000", &format!("127.0.0.1:{port}"));
    let routes = routes.display().to_string();
    let config = replaced(&config, "/etc/traefik/acme.yml", &routes);
    std::fs::write(&path, config).unwrap();
    let program = Program::start(
        Command::new(suites().join(".venv/bin/traefik"))
            .arg(format!("--configFile={}", path.display()))
            .current_dir(dir),
    );
    listening(port).await;
    // It listens before it has read the routes, and answers 404 until then.
    let anywhere = format!("http://127.0.0.1:{port}/");
    for _ in 0..400 {
        if Browser::new().get(&anywhere).await.status != StatusCode::NOT_FOUND {
            return program;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("Traefik does not know the store");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_traefik() {
    let traefik = suites().join(".venv/bin/traefik");
    if !have(&traefik, "run tests/suites/install") {
        return;
    }
    let shop = Shop::start().await;
    let dir = tempfile::tempdir().unwrap();
    let _traefik = start(dir.path(), shop.port, shop.behind, shop.broker()).await;
    shop.is_for_customers().await;

    // Without the broker nobody gets in.
    let dir = tempfile::tempdir().unwrap();
    let (port, nobody) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let _traefik = start(dir.path(), port, shop.behind, &nobody).await;
    let orders = format!("http://127.0.0.1:{port}/orders");
    let page = Browser::new().get(orders).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
}
