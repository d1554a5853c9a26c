//! Mappings as TOML and as JSON.

use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{Scene, assert_problem, call};
use crate::support::Browser;

const PATH: &str = "/accounts/acme/providers/mock-idp";

async fn as_toml(scene: &Scene) -> String {
    let accept = [("accept", "application/toml")];
    let page = call(&scene.world, &scene.all, Method::GET, PATH, &accept, None).await;
    assert_eq!(page.header("content-type"), "application/toml");
    assert_eq!(page.header("vary"), "Accept");
    page.body
}

#[tokio::test]
async fn a_mapping_comes_back_in_the_form_that_is_asked_for() {
    let scene = Scene::new().await;
    let source = scene.world.mapping() + "\n# mine,   as I wrote it\n";
    scene.toml(Method::PUT, PATH, &source).await;
    let redacted = source.replace("vestibule-demo-secret", "[redacted]");
    assert_eq!(as_toml(&scene).await, redacted);
    let shown = scene.get(PATH).await.json();
    assert_eq!(shown["toml"], Value::from(redacted.clone()));
    assert_eq!(shown["mapping"]["client"]["secret"], "[redacted]");
    let version = shown["version"].as_u64().unwrap();
    // What came back as JSON is sent back as it is: no new version, same comments.
    let page = scene.json(Method::PUT, PATH, &shown["mapping"]).await;
    assert_eq!(page.json()["version"], version, "{}", page.body);
    assert_eq!(as_toml(&scene).await, redacted);
    // A change through JSON is a new version, with the secret that was stored.
    let mut mapping = shown["mapping"].clone();
    mapping["provider"]["name"] = "Mocks".into();
    mapping["authorization"]["parameters"] = json!({ "z": "1", "a.b": "2", "é": "3" });
    let page = scene
        .json(Method::POST, "/accounts/acme/providers", &mapping)
        .await;
    assert_eq!(page.json()["version"], version + 1, "{}", page.body);
    let shown = scene.get(PATH).await.json();
    assert_eq!(shown["mapping"].to_string(), mapping.to_string());
    scene.world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn findings_have_places_in_what_was_sent() {
    let scene = Scene::new().await;
    let mut mapping = scene.get(PATH).await.json()["mapping"].clone();
    mapping["token"]["nonsense"] = true.into();
    mapping["userinfo"]["send_token"] = "nowhere".into();
    for (method, path) in [
        (Method::PUT, PATH),
        (Method::POST, "/accounts/acme/trials"),
        (Method::POST, "/accounts/acme/preview"),
        (Method::PUT, "/accounts/acme/providers/mock-idp/shadow"),
    ] {
        let page = scene.json(method.clone(), path, &mapping).await;
        assert_problem(&page, 422);
        let findings = page.json()["findings"].as_array().unwrap().clone();
        let places: Vec<&str> = findings
            .iter()
            .filter(|f| f["severity"] == "error")
            .map(|f| f["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(
            places,
            ["/token/nonsense", "/userinfo/send_token"],
            "{path}"
        );
        assert!(findings.iter().all(|f| f["line"].is_null()));
        let source = scene.world.mapping() + "\n[nonsense]\n";
        let page = scene.toml(method, path, &source).await;
        let finding = page.json()["findings"][0].clone();
        assert!(finding["line"].as_u64().unwrap() > 5, "{path} {finding}");
        assert!(finding["column"].is_u64() && finding["pointer"].is_null());
    }
    for (body, code) in [
        (r#"{"provider":null}"#, "mapping.invalid"),
        (r#"{"provider":{},"provider":{}}"#, "request.invalid"),
        ("[]", "mapping.invalid"),
        ("{", "request.invalid"),
    ] {
        let kind = [("content-type", "application/json")];
        let body = Some(body.to_owned());
        let page = call(&scene.world, &scene.all, Method::PUT, PATH, &kind, body).await;
        assert!([400, 422].contains(&page.status.as_u16()), "{}", page.body);
        assert_eq!(page.json()["code"], code, "{}", page.body);
    }
}

#[tokio::test]
async fn previews_are_of_drafts_and_of_what_is_applied() {
    let scene = Scene::new().await;
    let applied = scene.get(&format!("{PATH}/preview")).await;
    assert_eq!(applied.status, 200, "{}", applied.body);
    let names: Vec<Value> = applied.json()["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["name"].clone())
        .collect();
    assert_eq!(names, ["authorization", "token", "userinfo"]);
    assert!(!applied.body.contains("vestibule-demo-secret"));
    let source = scene.world.mapping();
    let draft = scene
        .toml(Method::POST, "/accounts/acme/preview", &source)
        .await;
    assert_eq!(draft.json()["requests"], applied.json()["requests"]);
    let changed = source.replace("/userinfo", "/me");
    let draft = scene
        .toml(Method::POST, "/accounts/acme/preview", &changed)
        .await;
    assert_ne!(draft.json()["requests"], applied.json()["requests"]);
    assert_eq!(
        scene.get(PATH).await.json()["version"],
        2,
        "nothing was applied"
    );
    let shadow = scene.get(&format!("{PATH}/shadow")).await.json();
    assert_eq!(shadow["mapping"]["client"]["secret"], "[redacted]");
    assert_eq!(shadow["mapping"], scene.get(PATH).await.json()["mapping"]);
}
