//! The admin API by access tokens: who may do what.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, service};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use url::Url;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;

async fn operator(world: &World, account: Option<&str>, scopes: &str) -> (Client, String) {
    let new = NewApplication {
        account: account.map(|id| id.parse().unwrap()),
        scopes: Some(Scopes::parse(scopes).unwrap()),
        ..service("acme")
    };
    let client = Client::create(world, new).await;
    let token = client
        .token(world, &[("grant_type", "client_credentials")])
        .await
        .json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    (client, token)
}

async fn call(world: &World, token: &str, method: Method, path: &str, body: Option<Value>) -> Page {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/json")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    let url = format!("{}/api/v1{path}", world.origin);
    Browser::new()
        .send(method, &url, &headers, body.map(|b| b.to_string()))
        .await
}

const READS: &[&str] = &[
    "/accounts",
    "/accounts/acme",
    "/accounts/acme/stores",
    "/accounts/acme/providers",
    "/accounts/acme/users",
    "/accounts/acme/sessions",
    "/applications",
    "/keys",
    "/keys/active",
];

#[tokio::test]
async fn t04_nothing_without_a_token_that_counts() {
    let world = World::start().await;
    let plain = Client::service(&world).await;
    let token = plain
        .token(&world, &[("grant_type", "client_credentials")])
        .await
        .json();
    let plain = token["access_token"].as_str().unwrap();
    for path in READS {
        for token in ["", "nonsense", "a.b.c"] {
            let page = call(&world, token, Method::GET, path, None).await;
            assert_eq!(page.status, 401, "{path} {token}");
            assert_eq!(page.header("www-authenticate"), "Bearer");
        }
        let page = call(&world, plain, Method::GET, path, None).await;
        assert_eq!(
            page.status, 403,
            "no application is an administrator because it exists"
        );
    }
}

#[tokio::test]
async fn reading_and_writing_are_two_scopes() {
    let world = World::start().await;
    let (_, reader) = operator(&world, None, "admin:read").await;
    let (_, writer) = operator(&world, None, "admin:write").await;
    for path in READS {
        for token in [&reader, &writer] {
            let page = call(&world, token, Method::GET, path, None).await;
            assert_eq!(page.status, 200, "{path} {}", page.body);
        }
    }
    let body = json!({ "id": "fresh" });
    let page = call(
        &world,
        &reader,
        Method::POST,
        "/accounts",
        Some(body.clone()),
    )
    .await;
    assert_eq!(page.status, 403);
    let page = call(&world, &writer, Method::POST, "/accounts", Some(body)).await;
    assert_eq!(page.status, 201, "{}", page.body);
    let page = call(
        &world,
        &reader,
        Method::POST,
        "/keys/rotate",
        Some(json!({})),
    )
    .await;
    assert_eq!(page.status, 403);
}

#[tokio::test]
async fn m10_who_may_read_changes_and_begins_nothing() {
    let world = World::start().await;
    let (_, reader) = operator(&world, Some("acme"), "admin:read").await;
    let provider = "/accounts/acme/providers/mock-idp";
    let page = call(&world, &reader, Method::GET, provider, None).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let toml = page.json()["toml"].clone();
    for (method, path, body) in [
        (Method::PUT, provider, json!({ "toml": toml })),
        (Method::DELETE, provider, json!({})),
        (Method::PATCH, "/accounts/acme", json!({ "name": "x" })),
        (Method::DELETE, "/accounts/acme", json!({})),
        (
            Method::PUT,
            "/accounts/acme/stores",
            json!({ "origin": "https://x.test" }),
        ),
        (
            Method::POST,
            "/accounts/acme/users",
            json!({ "email": "x@x.test" }),
        ),
        (
            Method::POST,
            "/applications",
            json!({ "client_id": "x", "account": "acme" }),
        ),
    ] {
        let page = call(&world, &reader, method.clone(), path, Some(body)).await;
        assert_eq!(page.status, 403, "{method} {path}: {}", page.body);
    }
    // A preview shows what would be sent, and sends nothing.
    world.log_in(&mut Browser::new()).await;
    let before = world.idp.journal().len();
    let preview = format!("{provider}/preview");
    let page = call(&world, &reader, Method::GET, &preview, None).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(!page.shows("vestibule-demo-secret"), "{}", page.body);
    // One of a draft is for who may apply it (CVE-2026-25227).
    for body in [json!({}), json!({ "toml": toml })] {
        let path = "/accounts/acme/preview";
        let page = call(&world, &reader, Method::POST, path, Some(body)).await;
        assert_eq!(page.status, 403, "{}", page.body);
    }
    assert_eq!(world.idp.journal().len(), before);
}

#[tokio::test]
async fn t05_an_accounts_operator_sees_that_account_only() {
    let world = World::start().await;
    world.account("other").await;
    let (_, ours) = operator(&world, Some("acme"), "admin:read admin:write").await;
    let theirs = Client::create(&world, service("other")).await;
    let page = call(&world, &ours, Method::GET, "/accounts", None).await;
    let items = page.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!(items[0]["id"], "acme");
    for below in ["", "/users", "/stores", "/sessions", "/providers"] {
        let foreign = call(
            &world,
            &ours,
            Method::GET,
            &format!("/accounts/other{below}"),
            None,
        )
        .await;
        let missing = call(
            &world,
            &ours,
            Method::GET,
            &format!("/accounts/nobody{below}"),
            None,
        )
        .await;
        assert_eq!(
            (foreign.status.as_u16(), &foreign.body),
            (404, &missing.body)
        );
    }
    let foreign = call(
        &world,
        &ours,
        Method::GET,
        &format!("/applications/{}", theirs.id),
        None,
    )
    .await;
    let missing = call(&world, &ours, Method::GET, "/applications/nobody", None).await;
    assert_eq!(
        (foreign.status.as_u16(), &foreign.body),
        (404, &missing.body)
    );
    let listed = call(&world, &ours, Method::GET, "/applications", None)
        .await
        .json();
    assert!(
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|app| app["account"] == "acme")
    );
    // T1: the body's account counts, whatever the query says.
    for account in [json!("other"), Value::Null] {
        let body = json!({ "name": "x", "account": account });
        let page = call(
            &world,
            &ours,
            Method::POST,
            "/applications?account=acme",
            Some(body),
        )
        .await;
        assert_eq!(page.status, 403, "{}", page.body);
    }
    for (method, path) in [
        (Method::POST, "/accounts"),
        (Method::GET, "/keys"),
        (Method::POST, "/keys/rotate"),
        (Method::DELETE, "/accounts/other"),
        (Method::DELETE, "/accounts/%6fther"),
    ] {
        let page = call(&world, &ours, method, path, Some(json!({ "id": "x" }))).await;
        assert!(
            page.status == 403 || page.status == 404,
            "{path} {}",
            page.status
        );
    }
}

#[tokio::test]
async fn applications_are_created_rotated_and_removed() {
    let world = World::start().await;
    let (_, token) = operator(&world, Some("acme"), "admin:read admin:write").await;
    let body = json!({
        "name": "Shop", "account": "acme", "grants": ["client_credentials"], "scopes": ["orders"],
    });
    let made = call(&world, &token, Method::POST, "/applications", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let client = Client {
        id: made["client_id"].as_str().unwrap().to_owned(),
        secret: Some(made["client_secret"].as_str().unwrap().to_owned()),
    };
    let form = [("grant_type", "client_credentials")];
    assert_eq!(client.token(&world, &form).await.status, 200);
    let path = format!("/applications/{}", client.id);
    // T3: never again.
    let shown = call(&world, &token, Method::GET, &path, None).await;
    assert!(!shown.body.contains(client.secret.as_ref().unwrap()));
    assert!(shown.json().get("client_secret").is_none());
    for (name, value) in [
        ("client_id", json!("x")),
        ("client_secret", json!("y")),
        ("account", json!(null)),
    ] {
        let page = call(
            &world,
            &token,
            Method::PATCH,
            &path,
            Some(json!({ name: value })),
        )
        .await;
        assert_eq!(page.status, 400, "{name} never changes");
    }
    let page = call(
        &world,
        &token,
        Method::PATCH,
        &path,
        Some(json!({ "name": "Shop 2" })),
    )
    .await;
    assert_eq!(page.json()["name"], "Shop 2", "{}", page.body);
    let rotated = call(
        &world,
        &token,
        Method::POST,
        &format!("{path}/rotate"),
        Some(json!({ "overlap": "1h" })),
    )
    .await;
    let renewed = Client {
        secret: Some(rotated.json()["client_secret"].as_str().unwrap().to_owned()),
        ..client.clone()
    };
    assert_eq!(client.token(&world, &form).await.status, 200);
    assert_eq!(renewed.token(&world, &form).await.status, 200);
    assert_eq!(rotated.json()["secrets"].as_array().unwrap().len(), 2);
    let page = call(&world, &token, Method::DELETE, &path, None).await;
    assert_eq!(page.status, 204, "{}", page.body);
    assert_eq!(renewed.token(&world, &form).await.status, 401);
    for (body, why) in [
        (
            json!({ "account": "acme", "redirect_uris": ["http://shop.test/cb"] }),
            "https",
        ),
        (
            json!({ "account": "acme", "redirect_uris": ["https://shop.test/cb#x"] }),
            "fragment",
        ),
        (
            json!({ "account": "acme", "redirect_uris": ["javascript:alert(1)"] }),
            "https",
        ),
        (
            json!({ "account": "acme", "public": true, "grants": ["client_credentials"] }),
            "secret",
        ),
        (json!({ "account": "acme", "client_secret": "short" }), "16"),
        (
            json!({ "account": "acme", "client_id": "resource_server" }),
            "audience",
        ),
        (json!({ "account": "acme", "grants": [] }), "grant"),
    ] {
        let page = call(&world, &token, Method::POST, "/applications", Some(body)).await;
        assert_eq!(page.status, 400, "{}", page.body);
        assert!(page.body.contains(why), "{why}: {}", page.body);
    }
}

#[tokio::test]
async fn a_rotation_of_keys_fails_no_validation() {
    let world = World::start().await;
    let (_, token) = operator(&world, None, "admin:read admin:write").await;
    let before = call(&world, &token, Method::GET, "/keys/active", None)
        .await
        .json();
    let page = call(
        &world,
        &token,
        Method::POST,
        "/keys/rotate",
        Some(json!({})),
    )
    .await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_ne!(page.json()["kid"], before["kid"]);
    // The token of the old key goes on.
    let page = call(&world, &token, Method::GET, "/keys", None).await;
    assert_eq!(
        page.json()["items"].as_array().unwrap().len(),
        2,
        "{}",
        page.body
    );
    assert!(!page.body.contains("PRIVATE"));
    let page = call(
        &world,
        &token,
        Method::POST,
        "/keys/rotate",
        Some(json!({ "withdraw": true })),
    )
    .await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn users_are_created_and_given_passwords() {
    let world = World::start().await;
    let (_, token) = operator(&world, Some("acme"), "admin:write").await;
    let body = json!({ "email": "Grace@Example.test", "name": "Grace" });
    let made = call(
        &world,
        &token,
        Method::POST,
        "/accounts/acme/users",
        Some(body.clone()),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let again = call(
        &world,
        &token,
        Method::POST,
        "/accounts/acme/users",
        Some(body),
    )
    .await;
    assert_eq!(again.status, 409);
    let path = "/accounts/acme/users/grace%40example.test/password";
    let short = call(
        &world,
        &token,
        Method::PUT,
        path,
        Some(json!({ "password": "short" })),
    )
    .await;
    assert_eq!(short.status, 400, "{}", short.body);
    let page = call(
        &world,
        &token,
        Method::PUT,
        path,
        Some(json!({ "password": "difference engine" })),
    )
    .await;
    assert_eq!(page.status, 204, "{}", page.body);
    let client = Client::with_passwords(&world).await;
    let page = client
        .password(&world, "grace@example.test", "difference engine")
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = call(&world, &token, Method::DELETE, path, None).await;
    assert_eq!(page.status, 204);
    let page = client
        .password(&world, "grace@example.test", "difference engine")
        .await;
    assert_eq!(page.json()["code"], "login_failed");
}

#[tokio::test]
async fn tokens_of_another_authority_count_where_configured() {
    let theirs = World::start().await;
    let authority = Url::parse(&theirs.origin).unwrap();
    let ours = World::with(|config| config.auth.authority = Some(authority)).await;
    ours.account("acme").await;
    ours.account("other").await;
    let (_, all) = operator(&theirs, None, "admin:read").await;
    let (_, one) = operator(&theirs, Some("acme"), "admin:read").await;
    let (_, none) = operator(&theirs, None, "orders").await;
    let get = async |token: &str, path: &str| {
        call(&ours, token, Method::GET, path, None)
            .await
            .status
            .as_u16()
    };
    assert_eq!(get(&all, "/accounts/other").await, 200);
    assert_eq!(get(&one, "/accounts/acme").await, 200);
    assert_eq!(get(&one, "/accounts/other").await, 404);
    assert_eq!(get(&none, "/accounts/acme").await, 403);
    // A token that the authority signed for something else is no access token, whatever
    // claims it has (RFC 8725 §3.11); those of before RFC 9068 say `JWT` or nothing.
    let claims = authority::part(&all, 1);
    let keys = &theirs.broker.app().authority.keys;
    for (typ, status) in [
        ("at+jwt", 200),
        ("application/AT+JWT", 200),
        ("JWT", 200),
        ("logout+jwt", 401),
        ("secevent+jwt", 401),
        ("dpop+jwt", 401),
        ("", 401),
    ] {
        let token = keys.sign(None, typ, &claims).await.unwrap();
        assert_eq!(get(&token, "/accounts/other").await, status, "{typ:?}");
    }
    let forged = format!("{}x", &all[..all.len() - 5]);
    assert_eq!(get(&forged, "/accounts/acme").await, 401);
    // And not where they are not.
    let plain = World::start().await;
    let page = call(&plain, &all, Method::GET, "/accounts", None).await;
    assert_eq!(page.status, 401);
    theirs.clock.advance(std::time::Duration::ZERO);
    ours.clock
        .advance(std::time::Duration::from_secs(1800 + 61));
    assert_eq!(get(&all, "/accounts").await, 401, "its time is over");
}
