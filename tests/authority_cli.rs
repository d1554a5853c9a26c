//! The program against a broker elsewhere, and keys and tokens by hand.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::path::Path;
use std::process::{Command, Output};

use authority::{Client, service};
use serde_json::Value;
use support::World;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;

fn run(dir: &Path, client: Option<&Client>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.current_dir(dir).args(arguments);
    if let Some(client) = client {
        command
            .env("VESTIBULE_CLIENT_ID", &client.id)
            .env("VESTIBULE_CLIENT_SECRET", client.secret.as_ref().unwrap());
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_elsewhere_is_administered_with_an_application() {
    let world = World::start().await;
    let new = NewApplication {
        account: None,
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        ..service("acme")
    };
    let operator = Client::create(&world, new).await;
    let dir = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let all = [&["--server", world.origin.as_str(), "--json"], arguments].concat();
        run(dir.path(), Some(&operator), &all)
    };
    let made = said(&call(&[
        "app",
        "create",
        "--name",
        "Shop",
        "--account",
        "acme",
        "--scope",
        "orders",
    ]));
    let made: Value = serde_json::from_str(&made).unwrap();
    let shop = Client {
        id: made["client_id"].as_str().unwrap().to_owned(),
        secret: Some(made["client_secret"].as_str().unwrap().to_owned()),
    };
    let form = [("grant_type", "client_credentials")];
    let page = shop.token(&world, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let token = page.json()["access_token"].as_str().unwrap().to_owned();
    let verified = said(&run(
        dir.path(),
        None,
        &["token", "verify", &token, "--authority", &world.origin],
    ));
    assert!(verified.contains(&shop.id), "{verified}");
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let refused = run(
        dir.path(),
        None,
        &["token", "verify", &forged, "--authority", &world.origin],
    );
    assert_eq!(refused.status.code(), Some(1));
    let listed = said(&call(&["app", "list", "--account", "acme"]));
    assert!(listed.contains(&shop.id));
    assert!(!listed.contains(shop.secret.as_ref().unwrap()));
    said(&call(&["app", "rotate", &shop.id]));
    said(&call(&["app", "change", &shop.id, "--rename", "Shop 2"]));
    assert!(said(&call(&["app", "show", &shop.id])).contains("Shop 2"));
    said(&call(&["key", "rotate"]));
    assert_eq!(said(&call(&["key", "list"])).matches("\"kid\"").count(), 2);
    said(&call(&["app", "remove", &shop.id]));
    assert_eq!(shop.token(&world, &form).await.status, 401);
    let stranger = Client {
        id: "x".to_owned(),
        secret: Some("y".to_owned()),
    };
    let refused = run(
        dir.path(),
        Some(&stranger),
        &["--server", &world.origin, "app", "list"],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no access token"));
}

#[test]
fn keys_are_made_without_openssl_and_tokens_checked_by_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("certpass.txt"), "a password\n").unwrap();
    let made = said(&run(
        path,
        None,
        &[
            "key",
            "generate",
            "--out",
            "v.key",
            "--password-file",
            "certpass.txt",
            "--certificate",
            "v.crt",
            "--common-name",
            "login.platform.test",
        ],
    ));
    let kid = made.trim();
    let again = run(path, None, &["key", "generate", "--out", "v.key"]);
    assert_eq!(again.status.code(), Some(1), "a key is never overwritten");
    let data = ["--data-dir", "data"];
    let imported = said(&run(
        path,
        None,
        &[
            &data[..],
            &[
                "key",
                "import",
                "v.key",
                "--password-file",
                "certpass.txt",
                "--certificate",
                "v.crt",
            ],
        ]
        .concat(),
    ));
    assert!(imported.contains(kid), "{imported}");
    said(&run(path, None, &[&data[..], &["key", "rotate"]].concat()));
    let exported = said(&run(
        path,
        None,
        &[&data[..], &["key", "export", "--certificate"]].concat(),
    ));
    assert_eq!(
        exported,
        std::fs::read_to_string(path.join("v.crt")).unwrap()
    );
}
