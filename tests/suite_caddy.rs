//! README's Caddy configuration, with Caddy: the login under the store's own host, and
//! pages that only customers see.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use support::program::{Program, have, listening};
use support::shop::{Shop, replaced, snippet};

const CADDY: &str = "/usr/bin/caddy";

/// The store's web server.
async fn start(dir: &Path, shop: &Shop) -> Program {
    let site = snippet(include_str!("../README.md"), "caddy");
    let site = replaced(site, "www.acme.test", &shop.store);
    let site = replaced(&site, "127.0.0.1:8080", shop.broker());
    let site = replaced(
        &site,
        "127.0.0.1:3000",
        &format!("127.0.0.1:{}", shop.behind),
    );
    let path = dir.join("Caddyfile");
    let config = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}\n");
    std::fs::write(&path, config).unwrap();
    let program = Program::start(
        Command::new(CADDY)
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&path)
            .env("HOME", dir)
            .env("XDG_DATA_HOME", dir)
            .env("XDG_CONFIG_HOME", dir),
    );
    listening(shop.port).await;
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_caddy() {
    if !have(Path::new(CADDY), "install the Debian package caddy") {
        return;
    }
    let shop = Shop::start().await;
    let dir = tempfile::tempdir().unwrap();
    let _caddy = start(dir.path(), &shop).await;
    shop.is_for_customers().await;
}
