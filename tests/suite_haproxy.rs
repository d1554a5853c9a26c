//! `HAProxy` with the files of `docs/proxies.md`.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use support::Browser;
use support::program::{Program, free_port, have, listening};
use support::shop::{Shop, replaced, snippet};

const HAPROXY: &str = "/usr/sbin/haproxy";
const DOCUMENT: &str = include_str!("../docs/proxies.md");

/// The store's web server on `port`, which asks the broker at an address.
async fn start(dir: &Path, port: u16, shop: u16, broker: &str) -> Program {
    let script = dir.join("vestibule.lua");
    std::fs::write(&script, snippet(DOCUMENT, "lua")).unwrap();
    let config = snippet(DOCUMENT, "haproxy");
    let listens = format!("bind 127.0.0.1:{port}");
    let config = replaced(config, "bind :443 ssl crt /etc/haproxy/acme.pem", &listens);
    let config = replaced(
        &config,
        "/etc/haproxy/vestibule.lua",
        &script.display().to_string(),
    );
    let config = replaced(&config, "127.0.0.1:8080", broker);
    let config = replaced(&config, "127.0.0.1:3000", &format!("127.0.0.1:{shop}"));
    let path = dir.join("haproxy.cfg");
    // Its last line has to end.
    std::fs::write(&path, config + "\n").unwrap();
    let program = Program::start(Command::new(HAPROXY).args(["-db", "-f"]).arg(&path));
    listening(port).await;
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_haproxy() {
    if !have(Path::new(HAPROXY), "install the Debian package haproxy") {
        return;
    }
    let shop = Shop::start().await;
    let dir = tempfile::tempdir().unwrap();
    let _haproxy = start(dir.path(), shop.port, shop.behind, shop.broker()).await;
    shop.is_for_customers().await;

    // Without the broker nobody gets in.
    let dir = tempfile::tempdir().unwrap();
    let (port, nobody) = (free_port(), format!("127.0.0.1:{}", free_port()));
    let _haproxy = start(dir.path(), port, shop.behind, &nobody).await;
    let orders = format!("http://127.0.0.1:{port}/orders");
    let page = Browser::new().get(orders).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
}
