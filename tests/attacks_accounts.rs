//! Attacks between accounts, and on the admin API: rows T1–T7, X7.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_accounts/limits.rs"]
mod limits;
mod support;

use std::time::{Duration, Instant};

use mock_idp::{Config, FaultKind, Faults, MockIdp};
use reqwest::Method;
use support::attack::{START, openid_mapping_for};
use support::{Browser, World, mapping_for};
use tokio::task::JoinSet;
use vestibule::store::Precondition;

const TOML: &str = "application/toml";
const JSON: &str = "application/json";

#[tokio::test]
async fn t01_the_address_decides_not_the_body() {
    let world = World::start().await;
    world.account("other").await;
    let mapping = world.mapping();
    for (method, path, kind, body, status) in [
        (
            Method::PUT,
            "/accounts/acme/providers/google",
            TOML,
            &*mapping,
            400,
        ),
        (
            Method::POST,
            "/accounts",
            JSON,
            r#"{"id":"acme","name":"x"}"#,
            409,
        ),
        (
            Method::PATCH,
            "/accounts/acme",
            JSON,
            r#"{"id":"other"}"#,
            400,
        ),
        (
            Method::PATCH,
            "/accounts/acme",
            JSON,
            r#"{"name":"x","name":"y"}"#,
            400,
        ),
        (
            Method::PATCH,
            "/accounts/acme",
            "text/plain",
            r#"{"name":"x"}"#,
            415,
        ),
        (
            Method::POST,
            "/accounts/acme/providers",
            "text/plain",
            &*mapping,
            415,
        ),
    ] {
        let (got, answer) = world.admin(method.clone(), path, kind, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
    }
    // The API knows no query parameter that names another account.
    let path = "/accounts/other/providers";
    let query = format!("{path}?account=acme");
    let (status, _) = world.admin(Method::GET, &query, "", "").await;
    assert_eq!(status, 400);
    let (_, list) = world.admin(Method::GET, path, "", "").await;
    assert!(list.contains("\"items\":[]"), "{list}");
}

#[tokio::test]
async fn t03_secrets_are_not_read_back() {
    let world = World::start().await;
    let key = "-----BEGIN PRIVATE KEY-----\\nCANARYKEY\\n-----END PRIVATE KEY-----";
    let base = world.mapping();
    for secret in [
        "secret = \"CANARY\"",
        "secret = 'CANARY'",
        "secret = \"\"\"\nCANARY\"\"\"",
        "\"secret\" = \"CANARY\"",
        "secret = \"CANARY\"\nprevious_secret = \"CANARY2\"",
        &format!("secret = \"CANARY\"\nprivate_key = \"{key}\""),
        "secret = \"\\u0043ANARY\"",
    ] {
        let line = "secret     = \"vestibule-demo-secret\"";
        assert!(base.contains(line));
        let mapping = base.replace(line, secret);
        let (status, answer) = world
            .admin(Method::POST, "/accounts/acme/providers", TOML, &mapping)
            .await;
        assert!([200, 422].contains(&status), "{answer}");
        let mut seen = answer;
        for path in [
            "/accounts/acme/providers/mock-idp",
            "/accounts/acme/providers",
            "/accounts/acme/providers/mock-idp/history",
            "/accounts/acme",
        ] {
            seen += &world.admin(Method::GET, path, "", "").await.1;
        }
        assert!(
            !seen.contains("CANARY") && !seen.contains("0043ANARY"),
            "{secret}: {seen}"
        );
        assert!(status == 422 || seen.contains("[redacted]"));
    }
    // Shown and applied again, the secret is still there.
    world.apply("acme", &base).await;
    let (_, shown) = world
        .admin(Method::GET, "/accounts/acme/providers/mock-idp", "", "")
        .await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let source = shown["toml"].as_str().unwrap();
    let (status, _) = world
        .admin(
            Method::PUT,
            "/accounts/acme/providers/mock-idp",
            TOML,
            source,
        )
        .await;
    assert_eq!(status, 200);
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn t03_a_secret_does_not_follow_its_mapping_to_another_address() {
    let world = World::start().await;
    let thief = MockIdp::start(Config::default()).await.unwrap();
    let (_, shown) = world
        .admin(Method::GET, "/accounts/acme/providers/mock-idp", "", "")
        .await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let moved = shown["toml"]
        .as_str()
        .unwrap()
        .replace(&world.idp.origin(), &thief.origin());
    let (status, answer) = world
        .admin(
            Method::PUT,
            "/accounts/acme/providers/mock-idp",
            TOML,
            &moved,
        )
        .await;
    let browser = &mut Browser::new();
    if status == 200 {
        browser
            .log_in(&world.url("acme", START), "ada", "lovelace")
            .await;
    }
    let sent = thief
        .journal()
        .iter()
        .any(|entry| entry.body.contains("vestibule-demo-secret"));
    assert!(!sent, "{answer}");
}

#[tokio::test]
async fn t03_secrets_in_headers_and_parameters() {
    let world = World::start().await;
    let extra = "\n[token.headers]\nX-Api-Key = \"CANARY\"\n[token.parameters]\n\"app.secret\" = \"CANARY\"\n[[userinfo.then]]\nname = \"more\"\nurl = \"AT/userinfo\"\nheaders = { x-password = \"CANARY\" }\n";
    let mapping = world.mapping() + &extra.replace("AT", &world.idp.origin());
    world.apply("acme", &mapping).await;
    let path = "/accounts/acme/providers/mock-idp";
    let (_, shown) = world.admin(Method::GET, path, "", "").await;
    assert!(!shown.contains("CANARY"), "{shown}");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let source = shown["toml"].as_str().unwrap();
    assert_eq!(source.matches("[redacted]").count(), 4);
    let changed = source.replace("Mock Accounts", "Mocks");
    let (status, answer) = world.admin(Method::PUT, path, TOML, &changed).await;
    assert_eq!(status, 200, "{answer}");
    world.log_in(&mut Browser::new()).await;
    let sent = world.idp.journal();
    let token = sent.iter().find(|entry| entry.path == "/token").unwrap();
    assert!(
        token
            .headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("x-api-key") && value == "CANARY")
    );
    assert!(
        token
            .form()
            .contains(&("app.secret".to_owned(), "CANARY".to_owned()))
    );
    // Nor do they follow to another address.
    let moved = source
        .replace("/token\"", "/token\" # moved")
        .replace(&world.idp.origin(), "https://thief.test");
    let (status, answer) = world.admin(Method::PUT, path, TOML, &moved).await;
    assert_eq!(status, 422);
    assert!(answer.contains("stands for a stored"), "{answer}");
}

#[tokio::test]
async fn t04_every_admin_route_wants_its_owner() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    for path in [
        "/accounts",
        "/accounts/acme",
        "/accounts/acme/stores",
        "/accounts/acme/providers",
        "/accounts/acme/providers/mock-idp",
        "/accounts/acme/providers/mock-idp/history",
        "/accounts/acme/providers/mock-idp/rollback",
        "/accounts/acme/users",
        "/accounts/acme/users/x",
        "/accounts/acme/users/x/sessions",
        "/accounts/acme/sessions",
        "/accounts/acme/sessions/x",
        "/nothing",
        "/",
        "",
        "/openapi.json",
        "/accounts/nobody",
        "/accounts/%61cme",
    ] {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
        ] {
            let url = format!("{}/api/v1{path}", world.origin);
            let headers = [
                ("content-type", JSON),
                ("authorization", "Bearer x"),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-http-method-override", "GET"),
                ("x-original-url", "/healthz"),
                ("forwarded", "for=unix:"),
            ];
            let page = browser
                .send(method.clone(), &url, &headers, Some("{}".to_owned()))
                .await;
            let expected = if matches!(path, "" | "/") {
                vec![401, 404]
            } else {
                vec![401]
            };
            assert!(
                expected.contains(&page.status.as_u16()),
                "{method} {path}: {}",
                page.status
            );
            assert!(!page.body.contains("Mock Accounts"));
        }
    }
    for target in [
        "//api/v1/accounts",
        "/./api/v1/accounts",
        "/%61pi/v1/accounts",
        "/x/../api/v1/accounts",
        "/API/v1/accounts",
        "/api/v1//accounts",
        "/api/v1/accounts/",
        "/healthz/../api/v1/accounts",
        "/api%2fv1%2faccounts",
        "http://x/api/v1/accounts",
    ] {
        let answer = world.raw_get(target).await;
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert!([400, 401, 404].contains(&status), "{target}: {status}");
    }
}

#[tokio::test]
async fn t05_foreign_and_missing_are_the_same() {
    let world = World::start().await;
    world.account("other").await;
    world.log_in(&mut Browser::new()).await;
    let foreign = world.users("acme").await[0].id;
    let missing = vestibule::base::UserId::new();
    let mut answers = Vec::new();
    for id in [foreign, missing] {
        let path = format!("/accounts/other/users/{id}");
        answers.push(
            world
                .admin(Method::PATCH, &path, JSON, r#"{"disabled":true}"#)
                .await,
        );
    }
    assert_eq!(answers[0].0, 404);
    assert_eq!(answers[0], answers[1]);
    for id in ["nobody", "-", "NOBODY", "../acme", "a%00b"] {
        let page = Browser::new()
            .get(format!("{}/accounts/{id}/session", world.origin))
            .await;
        assert_eq!(page.status.as_u16(), 404, "{id}");
    }
}

#[tokio::test]
async fn t06_nothing_cached_reaches_another_account() {
    let world = World::openid().await;
    world.account("other").await;
    world.apply("other", &openid_mapping_for(&world.idp)).await;
    world.log_in(&mut Browser::new()).await;
    let (discoveries, keys) = (
        world.calls("/.well-known/openid-configuration"),
        world.calls("/jwks.json"),
    );
    let browser = &mut Browser::new();
    browser
        .log_in(&world.url("other", START), "ada", "lovelace")
        .await;
    assert_eq!(
        browser.session(&world, "other").await["authenticated"],
        true
    );
    assert_eq!(
        world.calls("/.well-known/openid-configuration"),
        discoveries + 1
    );
    assert_eq!(world.calls("/jwks.json"), keys + 1);
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );

    // A mapping that is removed counts no more, whatever was compiled.
    let (status, _) = world
        .admin(Method::DELETE, "/accounts/acme/providers/mock-oidc", "", "")
        .await;
    assert_eq!(status, 204);
    let url = world.url("acme", START);
    world
        .rejected(&mut Browser::new(), &url, "login.no_provider")
        .await;
}

#[tokio::test]
async fn t06_what_was_removed_does_not_come_back() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let kept = browser.jar.clone();
    let (mut late, callback) = world.begun().await;
    let finish = late.get(callback.as_str()).await.location().unwrap();
    world.admin(Method::DELETE, "/accounts/acme", "", "").await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    browser.jar = kept;
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    world
        .rejected(&mut late, finish.as_str(), "login.user_disabled")
        .await;
    assert!(world.users("acme").await.is_empty());
}

/// The broker is killed between the removal of an account and that of all that it had:
/// who makes an account of that id has nothing of it.
#[tokio::test]
async fn t06_a_removal_that_broke_off_leaves_nothing_to_the_next() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let kept = browser.jar.clone();
    let app = r#"{"client_id":"theirs","account":"acme","grants":["client_credentials"]}"#;
    let (status, answer) = world.admin(Method::POST, "/applications", JSON, app).await;
    assert_eq!(status, 201, "{answer}");
    let acme: vestibule::base::AccountId = "acme".parse().unwrap();
    let removed = vestibule::account::step_remove(&acme, Precondition::Any).unwrap();
    world.store.commit(removed).await.unwrap();

    let new = serde_json::json!({ "id": "acme", "stores": [{ "origin": world.origin, "auth_path": "/accounts/acme" }] });
    let new = new.to_string();
    let (status, answer) = world.admin(Method::POST, "/accounts", JSON, &new).await;
    assert_eq!(status, 201, "{answer}");
    browser.jar = kept;
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["authenticated"], false);
    assert!(world.users("acme").await.is_empty());
    for path in ["/accounts/acme/providers", "/applications?account=acme"] {
        let (status, answer) = world.admin(Method::GET, path, "", "").await;
        assert_eq!(status, 200, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["items"], serde_json::json!([]), "{path}");
    }
}

/// An account is made while one of its id is still being removed: it keeps what it gets.
#[tokio::test]
async fn t06_a_removal_under_way_takes_nothing_from_the_next() {
    let world = World::start().await;
    let many: Vec<_> = (0..200)
        .map(|n| serde_json::json!({ "email": format!("u{n}@old.test") }))
        .collect();
    let many = serde_json::json!({ "users": many }).to_string();
    let new = serde_json::json!({ "id": "acme", "stores": [{ "origin": world.origin, "auth_path": "/accounts/acme" }] });
    let new = new.to_string();
    let user = r#"{"email":"new@new.test"}"#;
    for round in 0..10 {
        let (status, answer) = world
            .admin(Method::POST, "/accounts/acme/users/import", JSON, &many)
            .await;
        assert_eq!(status, 200, "{answer}");
        let removed = world.admin(Method::DELETE, "/accounts/acme", "", "");
        let made = async {
            let mut tries = 0;
            while world.admin(Method::POST, "/accounts", JSON, &new).await.0 != 201 {
                tries += 1;
                assert!(tries < 10_000, "round {round}");
                tokio::task::yield_now().await;
            }
            world
                .admin(Method::POST, "/accounts/acme/users", JSON, user)
                .await
        };
        let ((status, answer), made) = tokio::join!(removed, made);
        assert_eq!(status, 204, "{answer}");
        assert_eq!(made.0, 201, "{}", made.1);
        let (_, users) = world
            .admin(Method::GET, "/accounts/acme/users?count=true", "", "")
            .await;
        let users: serde_json::Value = serde_json::from_str(&users).unwrap();
        let emails: Vec<_> = users["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| u["email"].clone())
            .collect();
        assert_eq!(emails, ["new@new.test"], "round {round}: {users}");
    }
}

#[tokio::test]
async fn f29_a_store_is_one_host() {
    let world = World::start().await;
    for (origin, auth_path) in [
        ("https://*.a.test", "/_auth"),
        ("https://a.test.", "/_auth"),
        ("https://a..test", "/_auth"),
        ("https://.a.test", "/_auth"),
        ("https://a.test", "/..."),
        ("https://a.test", "/x/.../y"),
        ("https://a.test", "/."),
    ] {
        let body = serde_json::json!({ "origin": origin, "auth_path": auth_path }).to_string();
        let (status, answer) = world
            .admin(Method::PUT, "/accounts/acme/stores", JSON, &body)
            .await;
        assert_eq!(status, 400, "{origin}{auth_path}: {answer}");
    }
    let body = r#"{"origin":"https://shop-1.a_b.test","auth_path":"/a.b/c..d"}"#;
    let (status, answer) = world
        .admin(Method::PUT, "/accounts/acme/stores", JSON, body)
        .await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn f26_a_text_that_cannot_be_read_is_not_somebody_elses_change() {
    let world = World::start().await;
    let path = "/accounts/acme/providers/mock-idp";
    let (_, tag, _) = sent(&world, Method::GET, path, &[], "").await;
    for broken in ["[provider\nid = \"mock-idp\"", "= = =", "\u{0}"] {
        let headers = [("if-match", tag.as_str()), ("content-type", TOML)];
        let (status, _, answer) = sent(&world, Method::PUT, path, &headers, broken).await;
        assert_eq!(status, 422, "{broken:?}: {answer}");
        assert!(answer.contains("\"findings\""), "{answer}");
    }
    let headers = [("if-match", "\"1\""), ("content-type", TOML)];
    let (status, _, answer) = sent(&world, Method::PUT, path, &headers, "= = =").await;
    assert_eq!(status, 412, "{answer}");
}

/// A request of the administrator, with headers; gives status, tag and body.
async fn sent(
    world: &World,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String, String) {
    use tower::ServiceExt;
    let mut request = axum::http::Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .extension(vestibule::http::server::Peer::Unix);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(axum::body::Body::from(body.to_owned()))
        .unwrap();
    let answer = world.broker.admin_router().oneshot(request).await.unwrap();
    let (status, tag) = (answer.status().as_u16(), answer.headers().get("etag"));
    let tag = tag.map_or_else(String::new, |tag| tag.to_str().unwrap().to_owned());
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, tag, String::from_utf8(bytes.to_vec()).unwrap())
}
