//! Attacks on identity: rows M1–M13.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_identity/lineage.rs"]
mod lineage;
#[path = "attacks_identity/linking.rs"]
mod linking;
mod support;
#[path = "attacks_identity/values.rs"]
mod values;

use mock_idp::FaultKind;
use reqwest::Method;
use serde_json::{Value, json};
use support::attack::{START, said};
use support::{Browser, World};
use vestibule::account::User;

/// Logs `ada` in with this profile; gives her user if there is a session.
async fn login(world: &World, profile: Value) -> Result<User, String> {
    login_through(world, "mock-idp", profile).await
}

async fn login_through(world: &World, provider: &str, profile: Value) -> Result<User, String> {
    world
        .idp
        .configure(|config| config.accounts[0].profile = profile);
    let browser = &mut Browser::new();
    let start = world.url("acme", &format!("login?provider={provider}"));
    let end = browser.log_in(&start, "ada", "lovelace").await;
    let session = browser.session(world, "acme").await;
    if session["authenticated"] == false {
        return Err(said(&end).to_owned());
    }
    let id = session["user"]["id"].as_str().unwrap();
    let users = world.users("acme").await;
    Ok(users
        .into_iter()
        .find(|user| user.id.to_string() == id)
        .unwrap())
}

fn profile(id: &str, email: &str) -> Value {
    json!({ "userId": id, "email": email, "name": "Ada" })
}

async fn refused(world: &World, profile: Value, code: &str) {
    let named = profile.to_string();
    let page = login(world, profile).await.expect_err(&named);
    assert!(page.contains(code), "{named:.200}: {page}");
}

#[tokio::test]
async fn m04_names_change_hands() {
    let world = World::start().await;
    let first = login(
        &world,
        json!({ "userId": "1", "email": "a@ok.test", "name": "ada" }),
    )
    .await
    .unwrap();
    let renamed = login(
        &world,
        json!({ "userId": "1", "email": "a@ok.test", "name": "grace" }),
    )
    .await
    .unwrap();
    assert_eq!(first.id, renamed.id);
    let reused = login(
        &world,
        json!({ "userId": "2", "email": "b@ok.test", "name": "ada" }),
    )
    .await
    .unwrap();
    assert_ne!(first.id, reused.id);
}

#[tokio::test]
async fn m07_a_disabled_user() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let (_, callback) = world.begun().await;
    let (mut late, other) = world.begun().await;
    let finish = late.get(other.as_str()).await.location().unwrap();

    let id = world.users("acme").await[0].id;
    let path = format!("/accounts/acme/users/{id}");
    let (status, _) = world
        .admin(
            Method::PATCH,
            &path,
            "application/json",
            r#"{"disabled":true}"#,
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    world
        .rejected(
            &mut Browser::new(),
            callback.as_str(),
            "login.user_disabled",
        )
        .await;
    // Also between the ticket and the session.
    world
        .rejected(&mut late, finish.as_str(), "login.user_disabled")
        .await;
    let (_, sessions) = world
        .admin(Method::GET, "/accounts/acme/sessions", "", "")
        .await;
    assert!(sessions.contains("\"items\":[]"), "{sessions}");
    world.login_fails("login.user_disabled").await;
    world
        .admin(
            Method::PATCH,
            &path,
            "application/json",
            r#"{"disabled":false}"#,
        )
        .await;
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn m09_reserved_claims() {
    let world = World::start().await;
    for name in [
        "iss", "sub", "aud", "exp", "iat", "jti", "account", "sid", "role", "roles", "scope",
        "email", "name", "provider", "id", "Role", "ROLES", "azp",
    ] {
        let mapping = format!("{}\nattributes = {{ {name} = \"$.x\" }}", world.mapping());
        let (status, body) = world
            .admin(
                Method::POST,
                "/accounts/acme/providers",
                "application/toml",
                &mapping,
            )
            .await;
        assert_eq!(status, 422, "{name}: {body}");
        assert!(
            body.contains("mapping.invalid") && body.contains(name),
            "{name}: {body}"
        );
    }
    let role = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";
    let mapping = format!(
        "{}\nattributes = {{ \"{role}\" = \"$.x\" }}",
        world.mapping()
    );
    let kind = "application/toml";
    let (status, _) = world
        .admin(Method::POST, "/accounts/acme/providers", kind, &mapping)
        .await;
    assert_eq!(status, 422);
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn m11_paths_that_never_end() {
    let world = World::start().await;
    for path in [
        "$..*..*",
        "$..[?@..*]",
        "$[?match(@.a, '(a+)+$')]",
        "$[?search(@.a, '(a+)+$')]",
        "$[?@[?@[?@.a]]]",
        "$..*..*..*..email",
    ] {
        let mapping = world
            .mapping()
            .replace("email   = \"email\"", &format!("email = \"{path}\""));
        assert!(mapping.contains(path));
        let (status, body) = world
            .admin(
                Method::POST,
                "/accounts/acme/providers",
                "application/toml",
                &mapping,
            )
            .await;
        assert_eq!(status, 422, "{path}: {body}");
    }
    let mapping = world
        .mapping()
        .replace("email   = \"email\"", "email = \"$..email\"");
    world.apply("acme", &mapping).await;
    let wide: Vec<Value> = (0..30_000).map(|i| json!({ "a": i, "b": [[]] })).collect();
    world
        .idp
        .configure(|config| config.accounts[0].profile = json!({ "userId": "1", "x": wide }));
    let (mut browser, callback) = world.begun().await;
    world
        .rejected(&mut browser, callback.as_str(), "login.")
        .await;
    let mut deep = json!("a@ok.test");
    for _ in 0..60 {
        deep = json!({ "a": deep, "email": null });
    }
    refused(&world, json!({ "userId": "1", "email": deep }), "login.").await;
}

#[tokio::test]
async fn m12_a_broken_mapping_lets_nobody_in() {
    let world = World::start().await;
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "vestibule-demo-secret").unwrap();
    let from_file = format!("secret = {{ file = {:?} }} #", secret.path());
    let mapping = world.mapping().replace("secret     =", &from_file);
    world.apply("acme", &mapping).await;
    let (mut browser, callback) = world.begun().await;
    // The secret is gone, and another broker starts on the same data.
    drop(secret);
    let context = world.broker.app().logins.mappings.context();
    let fresh = vestibule::account::Mappings::new(
        world.store.clone(),
        context.policy.clone(),
        context.redirects.clone(),
    );
    let compiled = fresh
        .provider(&"acme".parse().unwrap(), &"mock-idp".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(compiled.is_err());
    // This one still has it compiled, until the mapping is written anew.
    let page = browser.get(callback.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");
    let (status, body) = world
        .admin(
            Method::POST,
            "/accounts/acme/providers",
            "application/toml",
            &format!("{mapping}\n# changed"),
        )
        .await;
    assert_eq!(status, 422, "{body}");
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn m12_answers_without_an_identity() {
    let world = World::start().await;
    for (field, code) in [
        ("userId", "login.user_id_missing"),
        ("email", "login.email_missing"),
    ] {
        let fault = FaultKind::Missing {
            field: field.to_owned(),
        };
        let page = world.fault_fails("userinfo", fault, code).await;
        world.restarts(&mut Browser::new(), &page).await;
    }
    world
        .fault_fails("userinfo", FaultKind::WrongTypes, "login.")
        .await;
    assert_eq!(
        world.users("acme").await.len(),
        1,
        "only that of the restarts"
    );
}
