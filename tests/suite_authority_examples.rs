//! `examples/`: storefronts on `PyPI` `Authlib` and npm `openid-client`, which no
//! one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use authority::{Client, storefront};
use reqwest::Method;
use support::program::{Program, have, python, suites};
use support::{Browser, World};
use vestibule::authority::application::NewApplication;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_and_out_of_the_flask_example() {
    let Some(python) = python() else { return };
    // It came with a later list of packages than the environment.
    if have(
        &suites().join(".venv/bin/normalizer"),
        "run tests/suites/install",
    ) {
        visit(Command::new(python).arg(example("flask/app.py"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_and_out_of_the_express_example() {
    if have(
        &example("express/node_modules/express"),
        "run npm install in examples/express",
    ) {
        visit(Command::new("node").arg(example("express/app.mjs"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_behind_the_nginx_example() {
    let nginx = Path::new("/usr/sbin/nginx");
    if !have(nginx, "install nginx") {
        return;
    }
    let world = World::empty().await;
    let (outer, inner) = (free_port(), free_port());
    let shop = format!("http://127.0.0.1:{outer}");
    world.account_with("acme", &[(&shop, "/_auth")]).await;
    world.apply("acme", &world.mapping()).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("tmp")).unwrap();
    let conf = std::fs::read_to_string(example("nginx/nginx.conf"))
        .unwrap()
        // One process, which ends with the test.
        .replace("daemon off;", "daemon off; master_process off;")
        .replace("@BROKER@", &world.origin)
        .replace("@ACCOUNT@", "acme")
        .replace(":8000", &format!(":{outer}"))
        .replace(":8001", &format!(":{inner}"));
    std::fs::write(dir.path().join("nginx.conf"), conf).unwrap();
    let _nginx = Program::start(Command::new(nginx).arg("-p").arg(dir.path()).args([
        "-c",
        "nginx.conf",
        "-e",
        "stderr",
    ]));
    listening(outer).await;
    let browser = &mut Browser::new();
    let mut page = browser.get(format!("{shop}/cart?item=1&size=2")).await;
    for _ in 0..10 {
        let next = authority::to(&page);
        page = if next.path() == "/authorize" {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            browser.get(callback.as_str()).await
        } else {
            browser.get(next.as_str()).await
        };
        if page.location().is_none() {
            break;
        }
    }
    assert_eq!(page.url.as_str(), format!("{shop}/cart?item=1&size=2"));
    assert_eq!(page.body, "Hello, Ada Lovelace <ada@example.test>\n");
    // H3: nobody names themselves.
    let forged = [("x-auth-email", "eve@example.test"), ("x-auth-name", "Eve")];
    let page = browser.get_with(format!("{shop}/"), &forged).await;
    assert_eq!(page.body, "Hello, Ada Lovelace <ada@example.test>\n");
    let page = Browser::new().get_with(format!("{shop}/"), &forged).await;
    assert_eq!(page.status, 302, "{}", page.body);
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn listening(port: u16) {
    while tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }
}

async fn visit(shop_program: &mut Command) {
    let world = World::start().await;
    let port = free_port();
    let shop = format!("http://127.0.0.1:{port}");
    let new = NewApplication {
        redirect_uris: vec![format!("{shop}/callback")],
        post_logout_redirect_uris: vec![format!("{shop}/")],
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let program = Program::start(
        shop_program
            .env("AUTHORITY", &world.origin)
            .env("CLIENT_ID", &client.id)
            .env("CLIENT_SECRET", client.secret.as_ref().unwrap())
            .env("PORT", port.to_string()),
    );
    program.expect("ready");
    listening(port).await;

    let browser = &mut Browser::new();
    let mut page = browser.get(format!("{shop}/login")).await;
    for _ in 0..10 {
        let next = authority::to(&page);
        page = if next.path() == "/authorize" {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            browser.get(callback.as_str()).await
        } else {
            browser.get(next.as_str()).await
        };
        if page.location().is_none() {
            break;
        }
    }
    assert_eq!(page.url.as_str(), format!("{shop}/"), "{}", page.body);
    assert!(page.body.contains("Hello, Ada Lovelace"), "{}", page.body);

    let url = format!("{shop}/logout");
    let page = browser.send(Method::POST, &url, &[], None).await;
    let page = browser.follow(page).await;
    assert_eq!(page.url.as_str(), format!("{shop}/"), "{}", page.body);
    assert!(page.body.contains("Log in"), "{}", page.body);
    let silent = client.authorize_url(
        &world,
        &[
            ("prompt", "none"),
            ("redirect_uri", &format!("{shop}/callback")),
        ],
    );
    let page = browser.get(silent).await;
    let error = authority::param(&authority::to(&page), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
}
