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

/// What a mapping may send is bounded by the hosts that it lists, too: who adds one to
/// the list, and leaves a URL's host to an answer, has named another server.
#[tokio::test]
async fn t03_a_secret_follows_to_no_host_that_an_answer_may_name() {
    let world = World::start().await;
    let path = "/accounts/acme/providers/mock-idp";
    let (_, shown) = world.admin(Method::GET, path, "", "").await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let source = shown["toml"].as_str().unwrap();
    let token = format!("\"{}/token\"", world.idp.origin());
    let profile = format!("\"{}/userinfo\"", world.idp.origin());
    assert!(
        source.contains(&token) && source.contains(&profile),
        "{source}"
    );
    assert!(source.contains("[redacted]"));
    let with = |hosts: &str, changes: &[(&str, &str)]| {
        let listed = format!("hosts = [{hosts}]\nname = ");
        let text = source.replacen("name = ", &listed, 1);
        assert_ne!(text, source);
        changes
            .iter()
            .fold(text, |text, (from, to)| text.replace(from, to))
    };
    let own = world.idp.origin().replace("http://", "");
    let own = format!("\"{own}\"");
    for (name, moved) in [
        (
            "a host",
            with(
                "\"thief.test\"",
                &[(&token, "\"https://{callback.h}/token\"")],
            ),
        ),
        (
            "a part",
            with(
                "\"*.thief.test\"",
                &[(&token, "\"https://{callback.h}.thief.test/x\"")],
            ),
        ),
        (
            "all of it",
            with("\"thief.test\"", &[(&token, "\"{callback.h}/token\"")]),
        ),
        (
            "the profile",
            with("\"thief.test\"", &[(&profile, "\"https://{token.h}/me\"")]),
        ),
        ("the list alone", with("\"thief.test\"", &[])),
        (
            "upper case",
            with(
                "\"THIEF.test:8443\"",
                &[(&token, "\"https://{callback.h}/\"")],
            ),
        ),
        (
            "beside its own",
            with(
                &format!("{own}, \"thief.test\""),
                &[(&token, "\"{callback.h}\"")],
            ),
        ),
    ] {
        let (status, answer) = world.admin(Method::PUT, path, TOML, &moved).await;
        assert_eq!(status, 422, "{name}: {answer}");
        assert!(answer.contains("stands for a stored"), "{name}: {answer}");
    }
    // The list it has stays its own, whoever edits the rest.
    let listed = world
        .mapping()
        .replacen("name = ", &format!("hosts = [{own}]\nname = "), 1)
        .replace(&token, "\"{callback.h}/token\"");
    let (status, answer) = world.admin(Method::PUT, path, TOML, &listed).await;
    assert_eq!(status, 200, "{answer}");
    let (_, shown) = world.admin(Method::GET, path, "", "").await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let renamed = shown["toml"]
        .as_str()
        .unwrap()
        .replace("Mock Accounts", "Mocks");
    assert!(renamed.contains("[redacted]"));
    let (status, answer) = world.admin(Method::PUT, path, TOML, &renamed).await;
    assert_eq!(status, 200, "{answer}");
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
        .rejected(&mut late, finish.as_str(), "login.ticket_invalid")
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

fn acme() -> vestibule::base::AccountId {
    "acme".parse().unwrap()
}

/// Whatever a room keeps of an account goes with it, also what was added to the rooms
/// since this was written.
#[tokio::test]
async fn t06_the_next_account_of_an_id_finds_nothing_of_the_last() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    world
        .apply("acme", &(world.mapping() + "\n# again\n"))
        .await;
    let source = world.mapping();
    let draft = vestibule::account::draft::Draft::new(source, None, "ada@example.test");
    let now = vestibule::base::Clock::now(&world.clock);
    vestibule::account::draft::create(&*world.store, &acme(), &draft, now)
        .await
        .unwrap();
    let user = r#"{"users":[{"email":"grace@example.test"}]}"#;
    let link = r#"{"name":"Ada at Acme"}"#;
    for (path, body, wanted) in [("users/import", user, 200), ("setup-links", link, 201)] {
        let path = format!("/accounts/acme/{path}");
        let (status, answer) = world.admin(Method::POST, &path, JSON, body).await;
        assert_eq!(status, wanted, "{answer}");
    }
    let versions = "/accounts/acme/providers/mock-idp/history";
    assert_eq!(world.admin(Method::GET, versions, "", "").await.0, 200);
    let has = async |space| {
        let all = world.store.partitions(space).await.unwrap();
        all.contains(&"acme".to_owned())
    };
    let mut had = Vec::new();
    for space in vestibule::broker::spaces() {
        if has(space).await {
            had.push(space.name);
        }
    }
    for name in [
        "drafts",
        "mapping_history",
        "mappings",
        "setup_links",
        "users",
    ] {
        assert!(had.contains(&name), "{name}: {had:?}");
    }
    let (status, answer) = world.admin(Method::DELETE, "/accounts/acme", "", "").await;
    assert_eq!(status, 204, "{answer}");
    for space in vestibule::broker::spaces() {
        assert!(!has(space).await, "{} has something left", space.name);
    }
    let new = serde_json::json!({ "id": "acme", "stores": [{ "origin": world.origin, "auth_path": "/accounts/acme" }] });
    let (status, answer) = world
        .admin(Method::POST, "/accounts", JSON, &new.to_string())
        .await;
    assert_eq!(status, 201, "{answer}");
    let (status, answer) = world.admin(Method::GET, versions, "", "").await;
    assert!(status == 404 || answer.contains("\"items\":[]"), "{answer}");
    world.apply("acme", &world.mapping()).await;
    let (_, answer) = world.admin(Method::GET, versions, "", "").await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{answer}");
}

/// Who administered the account that is gone is nobody in the next one of its id, and
/// not by mistake somebody in all.
#[tokio::test]
async fn t06_an_operator_of_the_last_account_of_an_id_is_none_of_the_next() {
    let world = World::start().await;
    world.account("other").await;
    for (email, accounts) in [
        ("one@example.test", r#"["acme"]"#),
        ("two@example.test", r#"["acme","other"]"#),
        ("all@example.test", "[]"),
    ] {
        let body = format!(
            r#"{{"email":"{email}","name":"X","role":"administrator","accounts":{accounts}}}"#
        );
        let (status, said) = world.admin(Method::POST, "/operators", JSON, &body).await;
        assert_eq!(status, 201, "{said}");
    }
    let (status, said) = world.admin(Method::DELETE, "/accounts/acme", "", "").await;
    assert_eq!(status, 204, "{said}");
    for (email, disabled, accounts) in [
        ("one@example.test", true, serde_json::json!(["acme"])),
        ("two@example.test", false, serde_json::json!(["other"])),
        ("all@example.test", false, serde_json::json!([])),
    ] {
        let path = format!("/operators/{email}");
        let (_, said) = world.admin(Method::GET, &path, "", "").await;
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["disabled"], disabled, "{said}");
        assert_eq!(said["accounts"], accounts, "{said}");
    }
    let (_, log) = world.admin(Method::GET, "/audit", "", "").await;
    assert!(log.contains("operator.change"), "{log}");
}

/// Two brokers on one store: one removes, and stands still in the middle of it; the
/// other makes the next account of the id. What the first does then takes nothing.
#[tokio::test]
async fn t06_a_removal_at_another_broker_takes_nothing_from_the_next() {
    let key = |config: &mut vestibule::config::Config| {
        let key = "the master key of both brokers";
        config.auth.master_key = Some(vestibule::base::Secret::new(key));
    };
    let world = World::with(key).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    let shared = std::sync::Arc::clone(&world.store);
    let other = World::over(key, move |_| shared).await;
    world.log_in(&mut Browser::new()).await;
    let removed = vestibule::account::step_remove(&acme(), Precondition::Any).unwrap();
    world.store.commit(removed).await.unwrap();
    let begun = vestibule::account::leave(&*world.store, &acme())
        .await
        .unwrap();
    let begun = begun.expect("something is left");

    let new = serde_json::json!({ "id": "acme", "stores": [{ "origin": other.origin, "auth_path": "/accounts/acme" }] });
    let (status, answer) = other
        .admin(Method::POST, "/accounts", JSON, &new.to_string())
        .await;
    assert_eq!(status, 201, "{answer}");
    let user = r#"{"email":"new@new.test"}"#;
    let (status, answer) = other
        .admin(Method::POST, "/accounts/acme/users", JSON, user)
        .await;
    assert_eq!(status, 201, "{answer}");
    for late in [vec![begun.check()], vec![begun.check(), begun.left()]] {
        let late = world.store.commit(late).await;
        assert!(
            matches!(late, Err(vestibule::store::StoreError::Conflict)),
            "{late:?}"
        );
    }
    // At the same moment, with much to remove.
    let many: Vec<_> = (0..450)
        .map(|n| serde_json::json!({ "email": format!("u{n}@old.test") }))
        .collect();
    let many = serde_json::json!({ "users": many }).to_string();
    for round in 0..5 {
        let (status, answer) = world
            .admin(Method::POST, "/accounts/acme/users/import", JSON, &many)
            .await;
        assert_eq!(status, 200, "{answer}");
        let removed = world.admin(Method::DELETE, "/accounts/acme", "", "");
        let made = async {
            let new = new.to_string();
            let mut tries = 0;
            while other.admin(Method::POST, "/accounts", JSON, &new).await.0 != 201 {
                tries += 1;
                assert!(tries < 10_000, "round {round}");
                tokio::task::yield_now().await;
            }
            other
                .admin(Method::POST, "/accounts/acme/users", JSON, user)
                .await
        };
        let ((status, answer), made) = tokio::join!(removed, made);
        assert_eq!(status, 204, "{answer}");
        assert_eq!(made.0, 201, "{}", made.1);
        let emails: Vec<_> = other
            .users("acme")
            .await
            .into_iter()
            .map(|u| u.email)
            .collect();
        assert_eq!(emails, ["new@new.test"], "round {round}");
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
