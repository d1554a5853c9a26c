//! The OpenAPI document itself.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::scene::{Scene, operations};

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    let printed = format!("{:#}", vestibule::admin::openapi());
    insta::assert_snapshot!("openapi", printed);
}

fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(to)) = members.get("$ref") {
                into.insert(to.clone());
            }
            members.values().for_each(|value| references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, into)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = vestibule::admin::openapi();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        let reference = format!("#/components/schemas/{name}");
        assert!(found.contains(&reference), "{name} is for nothing");
    }
    let ids: BTreeSet<String> = operations().into_iter().map(|o| o.id).collect();
    assert_eq!(
        ids.len(),
        operations().len(),
        "an operation's id occurs twice"
    );
}

#[tokio::test]
async fn the_api_and_the_command_give_the_same_document() {
    let scene = Scene::new().await;
    let page = scene.get("/openapi.json").await;
    assert_eq!(page.json(), vestibule::admin::openapi());
    let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .arg("openapi")
        .env_clear()
        .output()
        .unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, page.json());
}
