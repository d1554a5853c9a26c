//! Every operation without, with foreign and with read-only credentials.

use reqwest::Method;
use serde_json::json;

use crate::scene::{Scene, assert_problem, call, operations, token};
use crate::support::Browser;

#[tokio::test]
async fn t04_no_operation_answers_without_a_token_that_counts() {
    let scene = Scene::new().await;
    let plain = token(&scene.world, None, "orders").await;
    let before = scene.log().await.len();
    for operation in operations() {
        for token in ["", "nonsense", "a.b.c"] {
            let page = scene.run(token, &operation, &[]).await;
            assert_problem(&page, 401);
            assert_eq!(page.header("www-authenticate"), "Bearer");
        }
        let page = scene.run(&plain, &operation, &[]).await;
        assert_problem(&page, 403);
    }
    assert_eq!(scene.log().await.len(), before, "nothing happened");
}

#[tokio::test]
async fn who_may_read_changes_nothing() {
    let scene = Scene::new().await;
    let before = scene.log().await.len();
    for account in [None, Some("acme")] {
        let reader = token(&scene.world, account, "admin:read").await;
        for operation in operations() {
            let page = scene.run(&reader, &operation, &[]).await;
            let global = ["/keys", "/operators", "/export", "/logins"]
                .iter()
                .any(|part| operation.path.starts_with(part));
            if !operation.is_safe() {
                assert_problem(&page, 403);
                assert!(
                    page.header("www-authenticate")
                        .contains("insufficient_scope")
                );
            } else if account.is_some() && global {
                assert_problem(&page, 403);
            } else {
                assert_eq!(page.status, 200, "{} {}", operation.id, page.body);
            }
        }
    }
    assert_eq!(scene.log().await.len(), before, "nothing happened");
}

#[tokio::test]
async fn t05_what_is_anothers_is_answered_as_what_does_not_exist() {
    let scene = Scene::new().await;
    let body = json!({ "client_id": "theirs", "account": "other" });
    scene.json(Method::POST, "/applications", &body).await;
    let ours = token(&scene.world, Some("acme"), "admin:read admin:write").await;
    let before = scene.log().await.len();
    for operation in operations() {
        let anonymous = scene.path_in(&operation, "nobody");
        if operation.path.contains("{account}") {
            let foreign = scene.path_in(&operation, "other");
            let foreign = scene.run_at(&ours, &operation, &foreign, &[]).await;
            let missing = scene.run_at(&ours, &operation, &anonymous, &[]).await;
            assert_problem(&foreign, 404);
            assert_eq!(foreign.body, missing.body, "{}", operation.id);
        } else if operation.id == "putApplication" {
            // Client ids are of all accounts: one that is taken can only be refused.
            let page = scene
                .run_at(&ours, &operation, "/applications/theirs", &[])
                .await;
            assert_problem(&page, 409);
        } else if operation.path.contains("{application}") {
            let path = |id| operation.path.replace("{application}", id);
            let foreign = path("theirs");
            let foreign = scene.run_at(&ours, &operation, &foreign, &[]).await;
            let missing = scene.run_at(&ours, &operation, &path("nobody"), &[]).await;
            assert_problem(&foreign, 404);
            assert_eq!(foreign.body, missing.body, "{}", operation.id);
        } else if !operation.is_safe() && operation.id != "createApplication" {
            let page = scene.run_at(&ours, &operation, &anonymous, &[]).await;
            assert_problem(&page, 403);
        }
    }
    assert_eq!(scene.log().await.len(), before, "nothing happened");
    for list in ["/accounts", "/applications", "/audit?format=jsonl"] {
        let page = call(&scene.world, &ours, Method::GET, list, &[], None).await;
        assert!(page.status == 200 && page.body.contains("acme"), "{list}");
        assert!(!page.body.contains("other"), "{list} {}", page.body);
    }
    let path = "/audit?account=other";
    let page = call(&scene.world, &ours, Method::GET, path, &[], None).await;
    assert_problem(&page, 404);
    assert!(scene.get(path).await.shows("theirs"), "it is in the log");
}

const TOML: [(&str, &str); 1] = [("content-type", "application/toml")];

#[tokio::test]
async fn who_has_one_account_does_not_read_the_brokers_files() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let ours = token(world, Some("acme"), "admin:read admin:write").await;
    let secret = world.data_dir().join("secret");
    std::fs::write(&secret, "of the host").unwrap();
    let file = format!("{{ file = {:?} }}", secret.to_str().unwrap());
    let literal = "\"vestibule-demo-secret\"";
    let provider = "/accounts/acme/providers/mock-idp";
    assert!(world.mapping().contains(literal));
    let naming = |what: &str| world.mapping().replace(literal, what);
    for what in [file.as_str(), "{ env = \"PATH\" }"] {
        let mapping = naming(what);
        for (method, path) in [
            (Method::PUT, provider),
            (Method::POST, "/accounts/acme/providers"),
            (Method::POST, "/accounts/acme/trials"),
            (Method::POST, "/accounts/acme/preview"),
            (Method::PUT, "/accounts/acme/providers/mock-idp/shadow"),
        ] {
            let page = call(world, &ours, method, path, &TOML, Some(mapping.clone())).await;
            assert_problem(&page, 422);
            let finding = page.json()["findings"][0].clone();
            assert_eq!(finding["key"], "client.secret", "{path}");
            assert!(finding["line"].is_u64() && page.body.contains("only an administrator"));
        }
    }
    // Who has all accounts may; then it stays, where nothing else changes.
    let mapping = naming(&file);
    let page = scene.toml(Method::PUT, provider, &mapping).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let renamed = mapping.replace("Mock Accounts", "Mocks");
    assert_ne!(renamed, mapping);
    let page = call(world, &ours, Method::PUT, provider, &TOML, Some(renamed)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    // But not with the answers going elsewhere, and not for another file.
    let elsewhere = mapping.replace(&world.idp.origin(), "https://thief.example");
    let other = naming("{ file = \"/etc/hostname\" }");
    for mapping in [elsewhere, other] {
        let page = call(world, &ours, Method::PUT, provider, &TOML, Some(mapping)).await;
        assert_problem(&page, 422);
    }
}

#[tokio::test]
async fn what_the_router_refuses_is_a_problem_too() {
    let scene = Scene::new().await;
    for (method, path, kind, body, status) in [
        (Method::GET, "/accounts?limit=x", "", String::new(), 400),
        (Method::GET, "/accounts?limit=0", "", String::new(), 400),
        (Method::GET, "/accounts?limit=501", "", String::new(), 400),
        (Method::GET, "/accounts?nonsense=1", "", String::new(), 400),
        (Method::GET, "/accounts/%ff", "", String::new(), 400),
        (Method::GET, "/nothing", "", String::new(), 404),
        (Method::DELETE, "/accounts", "", String::new(), 405),
        (Method::POST, "/accounts", "text/plain", "{}".into(), 415),
        (
            Method::POST,
            "/accounts",
            "application/json",
            "{".into(),
            400,
        ),
        (
            Method::POST,
            "/accounts",
            "application/json",
            "[".repeat(100_000),
            400,
        ),
        (
            Method::POST,
            "/accounts",
            "application/json",
            " ".repeat(600 << 10),
            413,
        ),
    ] {
        let headers = [("content-type", kind)];
        let headers = if kind.is_empty() {
            &[][..]
        } else {
            &headers[..]
        };
        let body = (!body.is_empty()).then_some(body);
        let page = call(&scene.world, &scene.all, method, path, headers, body).await;
        assert_problem(&page, status);
        if status == 405 {
            assert!(page.header("allow").contains("POST"));
        }
    }
    // Nor is a browser's cookie worth anything here.
    let mut browser = Browser::new();
    let url = format!("{}/api/v1/accounts", scene.world.origin);
    assert_problem(&browser.get_with(url, &[("cookie", "x=y")]).await, 401);
}
