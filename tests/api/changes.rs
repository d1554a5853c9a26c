//! Changes: conditions, repetitions, and one entry each in the audit log.

use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;

use crate::scene::{ADA, Operation, Scene, assert_problem, call, operations};
use crate::support::attack::Telling;

/// The tag of what an operation changes: its own, or that of what it belongs to.
async fn tag(scene: &Scene, operation: &Operation) -> String {
    let mut path = match operation.id.as_str() {
        "applyMapping" => "/accounts/acme/providers/mock-idp".to_owned(),
        _ => scene.path(operation),
    };
    if let Some((before, _)) = path.split_once('?') {
        path.truncate(before.len());
    }
    loop {
        let page = scene.get(&path).await;
        if page.status == 200 && !page.header("etag").is_empty() {
            return page.header("etag").to_owned();
        }
        path.truncate(path.rfind('/').unwrap());
        assert!(
            !path.is_empty(),
            "{} changes nothing that has a tag",
            operation.id
        );
    }
}

/// What may change without a condition: what only ever adds, ends, or looks.
const UNCONDITIONAL: &[&str] = &[
    "endSessionsOfWay",
    "beginDomain",
    "checkDomain",
    "createAccount",
    "createApplication",
    "createOperator",
    "createSetupLink",
    "createUser",
    "expirePassword",
    "importUsers",
    "openTrial",
    "previewMapping",
    "previewMessage",
    "reportBounce",
    "revokeGrant",
    "revokeGrants",
    "revokeSession",
    "revokeSessions",
    "sendMessageSample",
    "unblockAddress",
    "withdrawConsent",
];

#[tokio::test]
async fn of_two_who_change_the_same_thing_one_is_told() {
    let mut tried = 0;
    for operation in operations().into_iter().filter(|o| !o.is_safe()) {
        if UNCONDITIONAL.contains(&operation.id.as_str()) {
            assert!(!operation.is_conditional(), "{}", operation.id);
            continue;
        }
        assert!(operation.is_conditional(), "{}", operation.id);
        let scene = Scene::new().await;
        let entries = scene.log().await.len();
        let tag = tag(&scene, &operation).await;
        for wrong in ["\"v987654\"", "\"k0\"", &format!("W/{tag}")] {
            let page = scene
                .run(&scene.all, &operation, &[("if-match", wrong)])
                .await;
            assert_problem(&page, 412);
        }
        let page = scene
            .run(&scene.all, &operation, &[("if-match", "nonsense")])
            .await;
        assert_problem(&page, 400);
        assert_eq!(scene.log().await.len(), entries, "{}", operation.id);
        // Both read the same; what does not touch the tag does not race.
        let headers = [("if-match", tag.as_str())];
        let (one, two) = tokio::join!(
            scene.run(&scene.all, &operation, &headers),
            scene.run(&scene.all, &operation, &headers),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert!(statuses[0] < 300, "{} {}", operation.id, one.body);
        let harmless = ["setPassword", "forgetDrift", "inviteOperator"];
        if !harmless.contains(&operation.id.as_str()) {
            // Gone, or changed; or both wanted the very same, and have it.
            let same = statuses[1] == 200 && scene.log().await.len() == entries + 1;
            assert!(
                [404, 412].contains(&statuses[1]) || same,
                "{} {statuses:?}",
                operation.id
            );
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
}

/// What changes nothing that anybody made: what was learnt by watching, what lives as
/// long as a login, and a message.
const PASSING: &[&str] = &["forgetDrift", "openTrial", "sendMessageSample"];

#[tokio::test]
async fn f19_every_change_is_one_entry_in_the_log_and_one_commit_with_it() {
    let mut tried = 0;
    for operation in operations().into_iter().filter(|o| !o.is_safe()) {
        let commits = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&commits);
        let scene = Scene::over(|store| Arc::new(Telling(store, told))).await;
        let entries = scene.log().await.len();
        commits.lock().unwrap().clear();
        let page = scene.run(&scene.all, &operation, &[]).await;
        assert!(page.status.is_success(), "{} {}", operation.id, page.body);
        let alone = |commit: &Vec<String>| commit.iter().all(|space| space == "audit");
        let alone = commits.lock().unwrap().iter().any(alone);
        let passing = PASSING.contains(&operation.id.as_str());
        assert_eq!(alone, passing, "{}: its entry is alone", operation.id);
        let log = scene.log().await;
        let looks = ["previewMapping", "previewMessage"];
        let expected = usize::from(!looks.contains(&operation.id.as_str()));
        assert_eq!(log.len(), entries + expected, "{}", operation.id);
        let all = serde_json::to_string(&log).unwrap();
        for secret in ["vestibule-demo-secret", "difference engine", "PRIVATE KEY"] {
            assert!(!all.contains(secret), "{}: {secret}", operation.id);
        }
        let made = page.body.contains("client_secret").then(|| page.json());
        if let Some(secret) = made.as_ref().and_then(|m| m["client_secret"].as_str()) {
            assert!(!all.contains(secret), "{}", operation.id);
        }
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
}

#[tokio::test]
async fn the_log_says_what_was_and_what_became() {
    let scene = Scene::new().await;
    let body = json!({ "disabled": true });
    let path = format!("/accounts/acme/users/{ADA}");
    scene.json(Method::PATCH, &path, &body).await;
    let body = json!({ "name": "Other orders" });
    scene
        .json(Method::PATCH, "/applications/orders", &body)
        .await;
    scene.json(Method::POST, "/keys/rotate", &json!({})).await;
    let log = scene.log().await;
    let of = |what: &str| log.iter().rfind(|entry| entry["what"] == what).unwrap();
    let entry = of("user.change");
    assert_eq!(entry["before"]["disabled"], false);
    assert_eq!(entry["after"]["disabled"], true);
    assert_eq!(entry["account"], "acme");
    assert!(entry["who"].as_str().unwrap().starts_with("application "));
    let entry = of("application.change");
    assert_eq!(entry["after"]["name"], "Other orders");
    assert_ne!(entry["before"], entry["after"]);
    let entry = of("key.rotate");
    assert_eq!(entry["before"].as_array().unwrap().len(), 1);
    assert_eq!(entry["after"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_put_twice_is_one_change() {
    let scene = Scene::new().await;
    let account = json!({ "name": "Fresh", "stores": [{ "origin": "https://fresh.example" }] });
    let application = json!({ "name": "Fresh", "account": "acme", "scopes": ["orders"] });
    let store = json!({ "origin": "https://more.example", "auth_path": "/_auth" });
    let mapping = vestibule::document::convert::to_json(&scene.world.mapping()).unwrap();
    for (path, body, first) in [
        ("/accounts/fresh", &account, 201),
        ("/accounts/acme/stores", &store, 200),
        ("/applications/fresh", &application, 201),
        ("/accounts/acme/providers/mock-idp", &mapping, 200),
    ] {
        let one = scene.json(Method::PUT, path, body).await;
        assert_eq!(one.status, first, "{path} {}", one.body);
        let entries = scene.log().await.len();
        for headers in [vec![], vec![("if-match", one.header("etag"))]] {
            let mut headers = headers;
            headers.push(("content-type", "application/json"));
            let body = Some(body.to_string());
            let two = call(&scene.world, &scene.all, Method::PUT, path, &headers, body).await;
            assert_eq!(two.status, 200, "{path} {}", two.body);
            assert_eq!(two.header("etag"), one.header("etag"), "{path}");
            let mut made = one.json();
            made.as_object_mut().unwrap().remove("client_secret");
            let mut now = two.json();
            // Warnings are of the moment of applying.
            for shown in [&mut made, &mut now] {
                shown.as_object_mut().unwrap().remove("findings");
            }
            assert_eq!(now, made, "{path}");
        }
        assert_eq!(scene.log().await.len(), entries, "{path}");
    }
    // The secret of a PUT counts, and a second one changes none.
    let body = json!({ "account": "acme", "public": true, "redirect_uris": ["https://a.example/cb"], "grants": ["authorization_code"] });
    let page = scene.json(Method::PUT, "/applications/orders", &body).await;
    assert_problem(&page, 400);
    assert!(page.shows("application.fixed"));
    let headers = [("content-type", "application/json"), ("if-none-match", "*")];
    let body = Some(account.to_string());
    let put = call(
        &scene.world,
        &scene.all,
        Method::PUT,
        "/accounts/fresh",
        &headers,
        body,
    );
    assert_problem(&put.await, 412);
}

#[tokio::test]
async fn an_email_can_be_vouched_for() {
    let scene = Scene::new().await;
    let path = format!("/accounts/acme/users/{ADA}");
    let body = json!({ "email_trusted": false });
    let page = scene.json(Method::PATCH, &path, &body).await;
    assert_eq!(page.json()["email_trusted"], false, "{}", page.body);
    assert_eq!(page.json()["disabled"], false);
    let page = scene.get(&path).await;
    assert_eq!(page.json()["email_trusted"], false);
    let created = page.json()["created_at"].as_str().unwrap().to_owned();
    assert!(created.ends_with('Z'), "{created}");
}
