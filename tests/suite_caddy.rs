//! README's Caddy configuration, with Caddy: the login under the store's own host, and
//! pages that only customers see.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use reqwest::{Method, StatusCode};
use support::program::{Program, free_port, have, listening};
use support::{Browser, World};

const CADDY: &str = "/usr/bin/caddy";

/// README's snippet.
fn snippet() -> &'static str {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```caddy\n").unwrap();
    rest.split_once("\n```").unwrap().0
}

/// The store's web server on `port`, and the shop behind it on `shop`.
async fn start(dir: &Path, port: u16, shop: u16, broker: &str) -> Program {
    let site = snippet()
        .replace("www.acme.test", &format!("http://127.0.0.1:{port}"))
        .replace("127.0.0.1:8080", broker.trim_start_matches("http://"))
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{shop}"));
    let config = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\n{site}\n\
         http://127.0.0.1:{shop} {{\n\trespond \"orders of {{header.X-Auth-Email}} at {{uri}}\"\n}}\n"
    );
    let path = dir.join("Caddyfile");
    std::fs::write(&path, config).unwrap();
    let program = Program::start(
        Command::new(CADDY)
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&path)
            .env("HOME", dir)
            .env("XDG_DATA_HOME", dir)
            .env("XDG_CONFIG_HOME", dir),
    );
    for port in [port, shop] {
        listening(port).await;
    }
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_caddy() {
    if !have(Path::new(CADDY), "install the Debian package caddy") {
        return;
    }
    let world = World::empty().await;
    let (port, shop) = (free_port(), free_port());
    let store = format!("http://127.0.0.1:{port}");
    world.account_with("acme", &[(&store, "/_auth")]).await;
    world.apply("acme", &world.mapping()).await;
    let dir = tempfile::tempdir().unwrap();
    let _caddy = start(dir.path(), port, shop, &world.origin).await;
    let browser = &mut Browser::new();

    // A stranger is sent to the login, and comes back to the very page.
    let orders = format!("{store}/orders?tab=open&page=2");
    let page = browser.get(&orders).await;
    assert_eq!(page.status, StatusCode::FOUND, "{}", page.body);
    let login = page.location().unwrap();
    assert_eq!(login.path(), "/_auth/login", "{login}");
    assert_eq!(login.origin().ascii_serialization(), store);
    let page = browser.log_in(login.as_str(), "ada", "lovelace").await;
    assert_eq!(page.url.as_str(), orders);
    assert_eq!(
        page.body,
        "orders of ada@example.test at /orders?tab=open&page=2"
    );

    // What a browser claims about itself does not reach the shop, nor that it is another
    // store's page that was asked for.
    let claims = [
        ("x-auth-email", "admin@shop.test"),
        ("x-forwarded-host", "elsewhere.test"),
    ];
    let page = browser.get_with(&orders, &claims).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.starts_with("orders of ada@example.test"));

    // A script is told; a form is not lost on the way to a login.
    let stranger = &mut Browser::new();
    let script = [("sec-fetch-mode", "cors")];
    let page = stranger.get_with(&orders, &script).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let page = stranger.send(Method::POST, &orders, &[], None).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let page = browser.send(Method::POST, &orders, &[], None).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);

    let page = browser.post(format!("{store}/_auth/logout"), &[]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let page = browser.get(&orders).await;
    assert_eq!(page.status, StatusCode::FOUND);
}
