//! A storefront on the gem `omniauth_openid_connect`, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::Path;
use std::process::Command;

use authority::{Client, storefront, to};
use serde_json::json;
use support::form::Form;
use support::program::{Program, free_port, have, suites};
use support::{Browser, World};
use vestibule::authority::application::{NewApplication, ResponseAlg};

const RUBY: &str = "/usr/bin/ruby";
const GEM: &str = "/usr/share/doc/ruby-omniauth-openid-connect";

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_omniauth() {
    let how = "install the Debian packages ruby-omniauth-openid-connect and ruby-webrick";
    if !have(Path::new(RUBY), how) || !have(Path::new(GEM), how) {
        return;
    }
    let world = World::start().await;
    // By each kind of key, and by the secret.
    for alg in [ResponseAlg::USUAL, ResponseAlg::Es256, ResponseAlg::Hs256] {
        log_in(&world, alg).await;
    }
}

async fn log_in(world: &World, alg: ResponseAlg) {
    let port = free_port();
    let shop = format!("http://127.0.0.1:{port}");
    let new = NewApplication {
        redirect_uris: vec![format!("{shop}/auth/openid_connect/callback")],
        post_logout_redirect_uris: vec![shop.clone()],
        id_token_signed_response_alg: Some(alg),
        ..storefront()
    };
    let client = Client::create(world, new).await;
    let settings = json!({
        "issuer": world.origin, "id": client.id, "secret": client.secret, "port": port,
    });
    let program = Program::start(
        Command::new(RUBY)
            .arg(suites().join("authority-omniauth.rb"))
            .arg(settings.to_string()),
    );
    program.expect("ready");

    let browser = &mut Browser::new();
    let page = browser.get(format!("{shop}/login")).await;
    let page = Form::of(&page).post(browser).await;
    let page = authority::log_in_on_the_way(browser, page).await;
    let user = world.users("acme").await.remove(0).id;
    let said = format!("orders of Ada Lovelace <ada@example.test> {user} 1800 {user}");
    assert_eq!(page.body, said, "{}", page.url);

    // Whoever says no at the provider is told so by the shop.
    let stranger = &mut Browser::new();
    let page = stranger.get(format!("{shop}/login")).await;
    let page = Form::of(&page).post(stranger).await;
    let page = stranger.get(to(&page)).await;
    let page = stranger.get(to(&page)).await;
    let provider = to(&page);
    let form = [("request", provider.query().unwrap()), ("action", "deny")];
    let page = stranger.post(provider.join("/login").unwrap(), &form).await;
    let page = stranger.follow(page).await;
    assert_eq!(page.body, "no login: access_denied", "{}", page.url);

    // It sends whoever logs out without a hint, which is answered by a page of ours.
    let page = browser
        .get(format!("{shop}/auth/openid_connect/logout"))
        .await;
    assert_eq!(to(&page).path(), "/connect/logout");
}
