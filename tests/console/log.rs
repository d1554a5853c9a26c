//! The audit log and the operators, through the API.

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use vestibule::http::server::Peer;

use crate::Op;
use crate::support::World;

async fn api(
    world: &World,
    method: &str,
    path: &str,
    kind: &str,
    body: &str,
) -> (StatusCode, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("content-type", kind)
        .body(Body::from(body.to_owned()))
        .unwrap();
    request.extensions_mut().insert(Peer::Unix);
    let answer = world.broker.admin_router().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn every_change_is_in_the_log_with_who_and_what() {
    let world = World::empty().await;
    let json = "application/json";
    api(&world, "POST", "/accounts", json, r#"{"id":"acme"}"#).await;
    api(
        &world,
        "PATCH",
        "/accounts/acme",
        json,
        r#"{"name":"Acme"}"#,
    )
    .await;
    let toml = "application/toml";
    api(
        &world,
        "POST",
        "/accounts/acme/providers",
        toml,
        &world.mapping(),
    )
    .await;
    let other = world
        .mapping()
        .replace("vestibule-demo-secret", "another-secret-now");
    api(&world, "POST", "/accounts/acme/providers", toml, &other).await;
    // What fails changes nothing and writes no entry.
    api(&world, "POST", "/accounts/acme/providers", toml, "x").await;
    api(&world, "GET", "/accounts/acme", json, "").await;
    let mut op = Op::first(&world).await;
    op.done("/admin/accounts/acme/branding", &[("name", "Acme 2")])
        .await;
    let (_, lines) = api(&world, "GET", "/audit?format=jsonl", json, "").await;
    let entries: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let short: Vec<String> = entries
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["who"].as_str().unwrap(),
                e["what"].as_str().unwrap(),
                e["account"]
            )
        })
        .collect();
    // In their order, though the clock stands still.
    assert_eq!(
        short,
        [
            "local operator account.create \"acme\"",
            "local operator account.change \"acme\"",
            "local operator provider.apply \"acme\"",
            "local operator provider.apply \"acme\"",
            "ada@example.test operator.first null",
            "ada@example.test operator.login null",
            "ada@example.test account.change \"acme\"",
        ]
    );
    assert!(!lines.contains("vestibule-demo-secret") && !lines.contains("another-secret-now"));
    let rolled = entries
        .iter()
        .find(|e| e["what"] == "provider.apply" && !e["before"].is_null())
        .unwrap();
    assert_ne!(
        rolled["before"], rolled["after"],
        "a changed secret shows as another fingerprint"
    );
    let (_, page) = api(
        &world,
        "GET",
        "/audit?newest=true&limit=2&account=acme",
        json,
        "",
    )
    .await;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap();
    let (_, page) = api(
        &world,
        "GET",
        &format!("/audit?newest=true&account=acme&after={next}"),
        json,
        "",
    )
    .await;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    assert!(op.get("/admin/audit").await.shows("provider.apply"));
}

#[tokio::test]
async fn operators_through_the_api() {
    let world = World::empty().await;
    let json = "application/json";
    let (status, made) = api(
        &world,
        "POST",
        "/operators",
        json,
        r#"{"email":"Grace@Example.test","name":"Grace"}"#,
    )
    .await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(made.contains("/admin/welcome?ticket=") && !made.contains("password"));
    let (status, _) = api(
        &world,
        "POST",
        "/operators",
        json,
        r#"{"email":"grace@example.test"}"#,
    )
    .await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = api(
        &world,
        "POST",
        "/operators",
        json,
        r#"{"email":"nonsense"}"#,
    )
    .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let path = "/operators/grace%40example.test";
    let (_, changed) = api(&world, "PATCH", path, json, r#"{"disabled":true}"#).await;
    assert!(changed.contains("\"disabled\":true"));
    let (status, _) = api(&world, "DELETE", path, json, "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(
        api(&world, "GET", path, json, "").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_last_owner_stays() {
    let world = World::empty().await;
    let json = "application/json";
    Op::first(&world).await;
    let (_, all) = api(&world, "GET", "/operators", json, "").await;
    let all: Value = serde_json::from_str(&all).unwrap();
    let email = all["items"][0]["email"].as_str().unwrap();
    let own = format!("/operators/{}", email.replace('@', "%40"));
    for (method, body) in [
        ("DELETE", ""),
        ("PATCH", r#"{"disabled":true}"#),
        ("PATCH", r#"{"role":"support"}"#),
        ("PATCH", r#"{"accounts":["acme"]}"#),
    ] {
        let (status, said) = api(&world, method, &own, json, body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{method} {body}: {said}");
        assert!(said.contains("operator.last"), "{said}");
    }
    // One who was invited and has no password yet could not help anybody.
    let other = r#"{"email":"grace@example.test"}"#;
    api(&world, "POST", "/operators", json, other).await;
    let (status, _) = api(&world, "DELETE", &own, json, "").await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = api(&world, "PATCH", &own, json, r#"{"name":"Ada"}"#).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn the_log_is_searched_by_who_what_where_and_when() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    op.done(
        "/admin/accounts/acme/users",
        &[("email", "grace@example.com")],
    )
    .await;
    op.done(
        "/admin/",
        &[
            ("id", "two"),
            ("name", "Two"),
            ("origin", "https://two.test"),
        ],
    )
    .await;
    let entries = |page: &crate::support::Page| page.body.matches("<li data-event=").count();
    for (search, count) in [
        ("what=user", 1),
        ("what=user.create&who=ADA", 1),
        ("what=user.create&who=nobody", 0),
        ("what=use", 0),
        ("target=accounts%2Facme%2Fusers", 1),
        ("account=two&what=account", 1),
        ("what=user&since=1999-01-01&until=2999-01-01", 1),
        ("what=user&until=1999-01-01", 0),
        ("what=user&since=2999-01-01T00:00:00Z", 0),
    ] {
        let page = op.get(&format!("/admin/audit?{search}")).await;
        assert_eq!(entries(&page), count, "{search}: {}", page.body);
        assert!(count > 0 || page.shows("Nothing matches"), "{}", page.body);
        let lines = op.get(&format!("/admin/audit.jsonl?{search}")).await;
        assert_eq!(lines.body.lines().count(), count, "{search}");
    }
    let page = op.get("/admin/audit?since=yesterday&who=%3Cb%3E").await;
    assert!(
        page.shows("is a day or a moment") && page.shows("&lt;b&gt;"),
        "{}",
        page.body
    );
    // What was searched for goes with the way to what is older.
    for n in 0..60 {
        let email = format!("u{n}@example.com");
        op.done("/admin/accounts/acme/users", &[("email", &email)])
            .await;
    }
    let page = op.get("/admin/audit?what=user").await;
    assert_eq!(entries(&page), 50);
    let older = page.body.split("/admin/audit?what=user&amp;before=").nth(1);
    let older = older.unwrap().split('"').next().unwrap();
    let page = op
        .get(&format!("/admin/audit?what=user&before={older}"))
        .await;
    assert_eq!(entries(&page), 11);
    // An account's own page has its own only.
    let changes = "/admin/accounts/two/activity/changes";
    assert_eq!(entries(&op.get(&format!("{changes}?what=user")).await), 0);
    assert_eq!(
        entries(&op.get(&format!("{changes}?account=acme")).await),
        1
    );
}
