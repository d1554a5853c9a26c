//! The examples of `docs/admin-api.md`, run in their order.

use std::io::Write as _;
use std::process::Command;

use crate::authority::{Client, service};
use crate::scene::{call, token};
use crate::support::World;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;

const PAGE: &str = include_str!("../../docs/admin-api.md");

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_do_what_they_say() {
    let missing = ["curl", "python3", "sh"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(tool) = missing {
        assert!(std::env::var_os("CI").is_none(), "{tool} is missing");
        let _ = writeln!(std::io::stderr(), "SKIPPED: {tool} is missing");
        return;
    }
    let world = World::empty().await;
    let new = NewApplication {
        account: None,
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        ..service("acme")
    };
    let client = Client::create(&world, new).await;
    let token = token(&world, None, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let blocks: Vec<&str> = PAGE
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 7, "{}", blocks.len());
    for block in blocks {
        let mut shell = Command::new("sh");
        shell
            .args(["-euc", block])
            .current_dir(dir.path())
            .env("BROKER", &world.origin)
            .env("TOKEN", &token)
            .env("CLIENT_ID", &client.id)
            .env("CLIENT_SECRET", client.secret.as_ref().unwrap());
        let ran = tokio::task::spawn_blocking(move || shell.output().unwrap());
        let output = ran.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}\n{wrong}");
    }
    let path = "/accounts/acme/providers/acme";
    let page = call(&world, &token, reqwest::Method::GET, path, &[], None).await;
    assert_eq!(page.json()["version"], 2, "{}", page.body);
    assert_eq!(page.json()["name"], "Acme");
}
