//! `examples/`: storefronts on `Authlib` and `openid-client`, which no
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

async fn visit(shop_program: &mut Command) {
    let world = World::start().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
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
    while tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }

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
