//! Logins through Dex. `DEX` names its program.

#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

#[path = "support/other.rs"]
mod other;
mod support;

use std::process::Command;
use std::time::Duration;

use support::form::Form;
use support::program::{Program, free_port};
use support::{Browser, World};

const SECRET: &str = "s3cr/t +&=:%";
/// bcrypt of `lovelace`.
const PASSWORD: &str = "$2b$10$MyIIfyIwqWi8UGXk7eoSS.81ILujuEyOuqBmpUsSxtDdx/KwBbHyy";

#[tokio::test]
async fn logins_through_dex() {
    let Some(dex) = other::named("DEX", "Dex") else {
        return;
    };
    let world = World::empty().await;
    world.account("acme").await;
    let port = free_port();
    let issuer = format!("http://127.0.0.1:{port}/dex");
    let config = serde_json::json!({
        "issuer": issuer,
        "storage": { "type": "memory" },
        "web": { "http": format!("127.0.0.1:{port}") },
        "oauth2": { "skipApprovalScreen": true },
        "enablePasswordDB": true,
        "staticClients": [{
            "id": "shop:1", "secret": SECRET, "name": "Acme",
            "redirectURIs": [format!("{}/callback/acme/other", world.origin)],
        }],
        "staticPasswords": [{
            "email": "ada@example.test", "hash": PASSWORD, "username": "ada", "userID": "u-1",
        }],
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dex.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let _program = Program::start(Command::new(dex).arg("serve").arg(&file));
    let discovery = format!("{issuer}/.well-known/openid-configuration");
    other::answers(&discovery, Duration::from_secs(60)).await;

    for way in [
        "",
        "authentication = \"basic\"",
        "authentication = \"body\"",
    ] {
        let mapping = format!(
            r#"
[provider]
id = "other"
name = "Dex"
kind = "openid"
issuer = "{issuer}"
[client]
id = "shop:1"
secret = {SECRET:?}
{way}
[authorization]
scopes = ["openid", "email", "profile"]
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
"#
        );
        world.apply("acme", &mapping).await;
        let browser = &mut Browser::new();
        let page = browser
            .get(world.url("acme", "login?return_to=/welcome"))
            .await;
        let page = browser.follow(page).await;
        let form = Form::of(&page)
            .fill("login", "ada@example.test")
            .fill("password", "lovelace");
        let page = form.post(browser).await;
        let page = browser.follow(page).await;
        assert_eq!(page.url.path(), "/welcome", "{} {}", page.url, page.body);
        let session = browser.session(&world, "acme").await;
        assert_eq!(session["user"]["email"], "ada@example.test", "{session}");
        assert_eq!(session["user"]["name"], "ada");
        assert_eq!(session["user"]["email_verified"], true);
    }
    assert_eq!(world.users("acme").await.len(), 1);
}
