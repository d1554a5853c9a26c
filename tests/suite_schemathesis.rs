//! The admin API under requests that the Python package `schemathesis` makes from
//! its OpenAPI document: valid ones, invalid ones, and sequences of them.

#![allow(missing_docs, dead_code, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "api/scene.rs"]
mod scene;
mod support;

use std::process::Command;

use reqwest::Method;
use scene::Scene;
use support::program::{Program, have, python, suites};

/// Valid data as the document has it may be refused all the same, for more than
/// a schema says: a mapping must compile, an account must exist. And what has
/// just been made need not have all that could be below it.
const NOT_HERE: &str = "positive_data_acceptance,ensure_resource_availability";

fn run(scene: &Scene, python: &std::path::Path, seconds: u32, which: &[&str]) -> Program {
    Program::start(
        Command::new(python.with_file_name("schemathesis"))
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .env("PYTHONPATH", suites())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(scene.world.data_dir())
            .arg("--no-color")
            .arg("--config-file")
            .arg(suites().join("schemathesis.toml"))
            .arg("run")
            .arg(format!("{}/api/v1/openapi.json", scene.world.origin))
            .args(["--header", &format!("Authorization: Bearer {}", scene.all)])
            // It could withdraw the key of the very token it uses.
            .args(["--exclude-operation-id", "rotateKeys"])
            .args(["--exclude-checks", NOT_HERE])
            .args(["--continue-on-failure", "--no-shrink"])
            .args(["--suppress-health-check", "all", "--warnings", "off"])
            .args(["--generation-database", "none", "--seed", "20261122"])
            .args(["--max-examples", "5", "--max-time", &seconds.to_string()])
            .args(["--request-timeout", "30"])
            .args(which),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_does_what_its_document_says() {
    let Some(python) = python() else {
        return;
    };
    if !have(
        &python.with_file_name("schemathesis"),
        "run tests/suites/install",
    ) {
        return;
    }
    let scene = Scene::new().await;
    // The document's own example, under its own name.
    let document = vestibule::admin::openapi();
    let at = "/paths/~1accounts~1{account}~1providers/post/requestBody/content/application~1toml/example";
    let mapping = document.pointer(at).unwrap().as_str().unwrap();
    let old = "/accounts/acme/providers/mock-idp";
    scene
        .json(Method::DELETE, old, &serde_json::json!({}))
        .await;
    for (method, path) in [
        (Method::POST, "/accounts/acme/providers"),
        (Method::PUT, "/accounts/acme/providers/acme/shadow"),
    ] {
        let page = scene.toml(method, path, mapping).await;
        assert!(page.status.is_success(), "{}", page.body);
    }
    // Removals last: they leave little to talk about.
    for (seconds, which) in [
        (100, ["--exclude-method", "DELETE"]),
        (30, ["--include-method", "DELETE"]),
    ] {
        let program = run(&scene, &python, seconds, &which);
        let done = tokio::task::spawn_blocking(move || program.wait());
        let (went_well, said) = done.await.unwrap();
        assert!(went_well, "{}", said.join("\n"));
        let tested = said.iter().any(|line| line.contains("Coverage (in"));
        assert!(tested, "{}", said.join("\n"));
    }
    // It was let in all the time, and did change things.
    assert_eq!(scene.get("/accounts").await.status, 200);
    let made = scene.log().await;
    assert!(made.len() > 50, "{}", made.len());
}
