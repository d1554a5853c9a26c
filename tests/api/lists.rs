//! Lists, a page at a time.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use vestibule::authority::Scopes;
use vestibule::authority::consent::{self, Consent};
use vestibule::base::Clock;

use crate::authority::Client;
use crate::scene::{ADA, Operation, Scene, assert_problem, block, call, operations};
use crate::support::{Browser, Page};

/// Follows the links of a list from its first page.
async fn all(scene: &Scene, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let join = if path.contains('?') { '&' } else { '?' };
    let mut next = format!("{path}{join}limit={limit}");
    loop {
        let page = scene.get(&next).await;
        assert_eq!(page.status, 200, "{next} {}", page.body);
        let body = page.json();
        let found = body["items"].as_array().unwrap();
        assert!(found.len() <= limit, "{next}");
        items.extend(found.iter().cloned());
        let link = page.header("link");
        assert_eq!(link.is_empty(), body["next"].is_null(), "{link}");
        if link.is_empty() {
            return items;
        }
        assert_eq!(found.len(), limit, "a page that is not the last is full");
        let target = link.strip_prefix("</api/v1").unwrap();
        let target = target.strip_suffix(">; rel=\"next\"").unwrap();
        target.clone_into(&mut next);
    }
}

/// More than one page of everything.
async fn fill(scene: &Scene) {
    for i in 0..5 {
        let body = json!({ "id": format!("a{i}") });
        scene.json(Method::POST, "/accounts", &body).await;
        let body = json!({ "email": format!("u{i}@example.com") });
        scene
            .json(Method::POST, "/accounts/acme/users", &body)
            .await;
        scene.json(Method::POST, "/operators", &body).await;
        block(&scene.world, &format!("u{i}@example.com")).await;
        let body = json!({ "to": format!("u{i}@example.com"), "kind": "access_key", "lang": "en" });
        let sample = "/accounts/acme/messages/sample";
        let sent = scene.json(Method::POST, sample, &body).await;
        assert_eq!(sent.status, 204, "{}", sent.body);
        let body = json!({ "name": format!("Ada {i}") });
        let links = "/accounts/acme/setup-links";
        scene.json(Method::POST, links, &body).await;
        let domain = format!("/accounts/acme/domains/d{i}.example");
        call(&scene.world, &scene.all, Method::PUT, &domain, &[], None).await;
        let body = json!({ "account": "acme", "name": format!("app {i}") });
        scene.json(Method::POST, "/applications", &body).await;
        let body = json!({ "origin": format!("https://s{i}.example") });
        scene
            .json(Method::PUT, "/accounts/acme/stores", &body)
            .await;
        let mapping = format!("{}\n# {i}\n", scene.world.mapping());
        let path = "/accounts/acme/providers/mock-idp";
        scene.toml(Method::PUT, path, &mapping).await;
    }
    let ada = scene.world.users("acme").await[0].id;
    for i in 0..5 {
        let consent = Consent {
            user: ada,
            client_id: format!("rewards-{i}").parse().unwrap(),
            scopes: Scopes::parse("openid").unwrap(),
            given_at: scene.world.clock.now(),
        };
        let account = "acme".parse().unwrap();
        consent::remember(&*scene.world.store, &account, &consent)
            .await
            .unwrap();
    }
    let shop = Client::with_passwords(&scene.world).await;
    for _ in 0..3 {
        let page = shop.password(&scene.world, ADA, "difference engine").await;
        assert_eq!(page.status, 200, "{}", page.body);
        scene.world.log_in(&mut Browser::new()).await;
        scene.json(Method::POST, "/keys/rotate", &json!({})).await;
    }
    // What is tried at this moment is another thing a moment later.
    let tried = |page: &Page| {
        let body = page.json();
        let all = body["items"].as_array().unwrap().clone();
        // One was sent before.
        all.len() >= 6 && all.iter().all(|one| one["attempts"] != 0)
    };
    while !tried(&scene.get("/accounts/acme/deliveries").await) {
        tokio::task::yield_now().await;
    }
    for built_in in ["google", "github", "microsoft"] {
        let mapping = scene
            .world
            .mapping()
            .replace("\"mock-idp\"", &format!("{built_in:?}"));
        let page = scene
            .toml(Method::POST, "/accounts/acme/providers", &mapping)
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
    }
}

fn lists() -> Vec<Operation> {
    let lists: Vec<Operation> = operations()
        .into_iter()
        .filter(|operation| operation.has_query("limit"))
        .collect();
    let named: Vec<Operation> = operations()
        .into_iter()
        .filter(|operation| operation.id.starts_with("list"))
        .collect();
    assert_eq!(lists.len(), named.len(), "each list has pages");
    lists
}

#[tokio::test]
async fn every_list_has_pages_that_add_up() {
    let scene = Scene::new().await;
    fill(&scene).await;
    for list in lists() {
        let path = scene.path(&list);
        let whole = all(&scene, &path, 500).await;
        assert!(whole.len() >= 4, "{path} {}", whole.len());
        for limit in [1, 3, whole.len(), whole.len() - 1] {
            let parts = all(&scene, &path, limit).await;
            assert_eq!(parts, whole, "{path} by {limit}");
        }
        for wrong in [
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=x",
            "after=%00%01",
            "nonsense=x",
        ] {
            let page = scene.get(&format!("{path}?{wrong}")).await;
            if wrong.starts_with("after") && page.status == 200 {
                // Where any text is a place in the order.
                continue;
            }
            assert_problem(&page, 400);
        }
    }
    let newest = all(&scene, "/audit?newest=true", 7).await;
    let mut oldest = all(&scene, "/audit", 500).await;
    oldest.reverse();
    assert_eq!(newest, oldest);
    // A search, in either order and page by page, is that part of the whole.
    for (search, part) in [
        ("what=account", "account."),
        ("what=account.create&target=accounts", "account.create"),
    ] {
        let mine = |entry: &&Value| entry["what"].as_str().unwrap().starts_with(part);
        let whole: Vec<Value> = oldest.iter().rev().filter(mine).cloned().collect();
        assert!(!whole.is_empty(), "{search}");
        let found = all(&scene, &format!("/audit?{search}"), 1).await;
        assert_eq!(found, whole, "{search}");
        let mut found = all(&scene, &format!("/audit?newest=true&{search}"), 1).await;
        found.reverse();
        assert_eq!(found, whole, "{search}");
    }
    for wrong in ["since=x", "until=2026-13-01", "since=", "who=x&nobody=y"] {
        assert_problem(&scene.get(&format!("/audit?{wrong}")).await, 400);
    }
    let accounts = all(&scene, "/applications?account=acme", 2).await;
    assert!(accounts.len() >= 6 && accounts.iter().all(|a| a["account"] == "acme"));
}

#[tokio::test]
async fn what_is_added_between_two_pages_moves_nothing() {
    let scene = Scene::new().await;
    fill(&scene).await;
    let first = scene.get("/accounts?limit=3").await;
    let next = first.json()["next"].as_str().unwrap().to_owned();
    for id in ["a", "zz"] {
        scene
            .json(Method::POST, "/accounts", &json!({ "id": id }))
            .await;
    }
    let rest = all(&scene, &format!("/accounts?after={next}"), 3).await;
    let ids: Vec<String> = first.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .chain(&rest)
        .map(|account| account["id"].as_str().unwrap().to_owned())
        .collect();
    let set: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(set.len(), ids.len(), "{ids:?}");
    assert!(ids.contains(&"zz".to_owned()) && !ids.contains(&"a".to_owned()));
}

#[tokio::test]
async fn an_export_is_the_whole_log() {
    let scene = Scene::new().await;
    let body = json!({ "disabled": false });
    // More than the export reads at a time.
    let path = "/accounts/acme/users/ada@example.com";
    for _ in 0..30 {
        let many = (0..40).map(|_| scene.json(Method::PATCH, path, &body));
        for change in many {
            assert_eq!(change.await.status, 200);
        }
    }
    let log = scene.log().await;
    assert!(log.len() > 1200, "{}", log.len());
    let ids: BTreeSet<&str> = log.iter().map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), log.len());
    let page = scene.get("/audit?format=jsonl&account=other").await;
    assert_eq!((page.status.as_u16(), page.body.as_str()), (200, ""));
}
