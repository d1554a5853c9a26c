//! A storefront behind oauth2-proxy, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::Path;
use std::process::Command;

use authority::{Client, storefront, to};
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use support::program::{Program, free_port, have, listening, suites};
use support::{Browser, World};
use vestibule::authority::application::NewApplication;

/// The proxy on `port` before a shop, as a client of the broker. Only what it cannot do
/// without is said: who is the issuer, who is asked, and that no TLS is there.
async fn start(program: &Path, port: u16, world: &World, client: &Client, shop: u16) -> Program {
    let Client { id, secret } = client;
    let proxy = Program::start(
        Command::new(program)
            .arg("--provider=oidc")
            .arg(format!("--oidc-issuer-url={}", world.origin))
            .arg(format!("--client-id={id}"))
            .arg(format!("--client-secret={}", secret.as_deref().unwrap()))
            .arg(format!("--http-address=127.0.0.1:{port}"))
            .arg(format!(
                "--redirect-url=http://127.0.0.1:{port}/oauth2/callback"
            ))
            .arg(format!("--upstream=http://127.0.0.1:{shop}"))
            .args(["--email-domain=*", "--cookie-secure=false"])
            .arg("--cookie-secret=0123456789abcdef0123456789abcdef"),
    );
    listening(port).await;
    proxy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_behind_oauth2_proxy() {
    let program = suites().join(".go/oauth2-proxy");
    if !have(&program, "run tests/suites/install, which needs Go") {
        return;
    }
    let world = World::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let behind = listener.local_addr().unwrap().port();
    let shop = axum::Router::new().fallback(|request: axum::extract::Request| async move {
        let text = |name: &str| {
            let value = request.headers().get(name);
            String::from_utf8_lossy(value.map_or(&b""[..], HeaderValue::as_bytes)).into_owned()
        };
        let (user, email) = (text("x-forwarded-user"), text("x-forwarded-email"));
        format!("{} of {user} <{email}>", request.uri())
    });
    tokio::spawn(async move { axum::serve(listener, shop).await });
    let port = free_port();
    let store = format!("http://127.0.0.1:{port}");
    let new = NewApplication {
        redirect_uris: vec![format!("{store}/oauth2/callback")],
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let _proxy = start(&program, port, &world, &client, behind).await;

    // A stranger is asked, and comes back to the very page.
    let browser = &mut Browser::new();
    let page = browser.get(format!("{store}/orders?page=2")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    let page = browser
        .get(format!("{store}/oauth2/start?rd=%2Forders%3Fpage%3D2"))
        .await;
    let page = authority::log_in_on_the_way(browser, page).await;
    let user = world.users("acme").await.remove(0).id;
    let said = format!("/orders?page=2 of {user} <ada@example.test>");
    assert_eq!(page.body, said, "{} {}", page.status, page.url);

    // Whoever says no at the provider is told so, and is not let in.
    let stranger = &mut Browser::new();
    let page = stranger.get(format!("{store}/oauth2/start")).await;
    let page = stranger.get(to(&page)).await;
    let page = stranger.get(to(&page)).await;
    let provider = to(&page);
    let form = [("request", provider.query().unwrap()), ("action", "deny")];
    let page = stranger.post(provider.join("/login").unwrap(), &form).await;
    let page = stranger.follow(page).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.url);
    let page = stranger.get(format!("{store}/orders")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);

    let page = browser.get(format!("{store}/oauth2/sign_out")).await;
    assert_eq!(page.status, StatusCode::FOUND);
    let page = browser.get(format!("{store}/orders")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}
