//! `examples/`, started as their README says: storefronts on `PyPI` `Authlib`,
//! npm `openid-client` and nginx, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::Path;
use std::process::Command;

use authority::{Client, storefront};
use reqwest::Method;
use support::program::{Program, free_port, have, listening};
use support::{Browser, World};
use vestibule::authority::application::NewApplication;

/// The command of README that starts an example, with other settings.
fn command(example: &str, settings: &[(&str, &str)]) -> Command {
    let readme = include_str!("../examples/README.md");
    let start = format!("examples/{example}/start");
    let mut line = readme
        .lines()
        .find(|line| line.ends_with(&start))
        .unwrap_or_else(|| panic!("README says not how to start {example}"))
        .to_owned();
    for (name, value) in settings {
        let from = line.find(&format!("{name}=")).unwrap() + name.len() + 1;
        let to = from + line[from..].find(' ').unwrap();
        line.replace_range(from..to, value);
    }
    let mut command = Command::new("bash");
    command
        .args(["-c", &format!("exec env {line}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn installed(path: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(path);
    have(&path, "run tests/suites/install")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_and_out_of_the_flask_example() {
    if installed("flask/.venv/bin/flask") {
        visit("flask").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_and_out_of_the_express_example() {
    if installed("express/node_modules/express") {
        visit("express").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_behind_the_nginx_example() {
    let nginx = Path::new("/usr/sbin/nginx");
    if !have(nginx, "install nginx") {
        return;
    }
    let world = World::empty().await;
    let port = free_port();
    let shop = format!("http://127.0.0.1:{port}");
    world.account_with("acme", &[(&shop, "/_auth")]).await;
    world.apply("acme", &world.mapping()).await;
    let settings = [("BROKER", world.origin.as_str()), ("ACCOUNT", "acme")];
    let ports = [port, free_port()].map(|port| port.to_string());
    let _nginx = Program::start(
        command("nginx", &settings)
            .env("PORT", &ports[0])
            .env("SHOP_PORT", &ports[1]),
    );
    listening(port).await;
    let browser = &mut Browser::new();
    let page = browser.get(format!("{shop}/cart?item=1&size=2")).await;
    let page = authority::log_in_on_the_way(browser, page).await;
    assert_eq!(page.url.as_str(), format!("{shop}/cart?item=1&size=2"));
    assert_eq!(page.body, "Hello, Ada Lovelace <ada@example.test>\n");
    // H3: nobody names themselves.
    let forged = [("x-auth-email", "eve@example.test"), ("x-auth-name", "Eve")];
    let page = browser.get_with(format!("{shop}/"), &forged).await;
    assert_eq!(page.body, "Hello, Ada Lovelace <ada@example.test>\n");
    let page = Browser::new().get_with(format!("{shop}/"), &forged).await;
    assert_eq!(page.status, 302, "{}", page.body);
}

async fn visit(example: &str) {
    let world = World::start().await;
    let port = free_port();
    let shop = format!("http://127.0.0.1:{port}");
    let new = NewApplication {
        redirect_uris: vec![format!("{shop}/callback")],
        post_logout_redirect_uris: vec![format!("{shop}/")],
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let settings = [
        ("AUTHORITY", world.origin.as_str()),
        ("CLIENT_ID", &client.id),
        ("CLIENT_SECRET", client.secret.as_deref().unwrap()),
    ];
    let program = Program::start(command(example, &settings).env("PORT", port.to_string()));
    program.expect("ready");
    listening(port).await;

    let browser = &mut Browser::new();
    let page = browser.get(format!("{shop}/login")).await;
    let page = authority::log_in_on_the_way(browser, page).await;
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
