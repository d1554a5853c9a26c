//! What each role may do with each operation, for operators who logged in with a program.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Grant, Scopes};
use vestibule::base::{AccountId, Clock};
use vestibule::operator::session::{self, Program};
use vestibule::operator::{self, Email, Operator, Role};
use vestibule::store::Precondition;

use crate::authority::Client;
use crate::scene::{Operation, Scene, call, operations};

/// The program that operators log in with.
const PROGRAM: &str = "vestibule-cli";

/// A token of a program in which an operator logged in.
async fn token(scene: &Scene, role: Role, accounts: &[&str]) -> String {
    let store = &*scene.world.store;
    let known = scene.get(&format!("/applications/{PROGRAM}")).await;
    if known.status == 404 {
        let new = NewApplication {
            client_id: Some(PROGRAM.parse().unwrap()),
            grants: Some([Grant::DeviceCode].into()),
            scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
            public: true,
            ..NewApplication::default()
        };
        Client::create(&scene.world, new).await;
    }
    let now = scene.world.clock.now();
    let email = format!("{}@example.test", role.name());
    let operator = Operator {
        email: Email::parse(&email).unwrap(),
        name: "Grace".to_owned(),
        password: None,
        second_factor: None,
        disabled: false,
        role,
        accounts: accounts
            .iter()
            .map(|id| id.parse::<AccountId>().unwrap())
            .collect::<BTreeSet<_>>(),
        created_at: now,
        last_login_at: None,
        language: None,
    };
    let steps = operator::step_put(&operator, Precondition::Absent).unwrap();
    store.commit(steps).await.unwrap();
    let found = operator::get(store, &operator.email)
        .await
        .unwrap()
        .unwrap();
    let program = Program {
        client_id: PROGRAM.to_owned(),
        writes: true,
    };
    let token = session::begin_program(store, now, &found, program).await;
    token.unwrap().as_str().to_owned()
}

/// The least role that an operation takes.
fn least(operation: &Operation) -> Role {
    let owners = ["/operators", "/keys", "/applications"];
    let ends = [
        "revokeSession",
        "revokeSessions",
        "revokeGrant",
        "revokeGrants",
        "withdrawConsent",
    ];
    let own = [
        "changeAccount",
        "applyMapping",
        "putProvider",
        "rollBack",
        "previewProvider",
        "previewMapping",
        "openTrial",
    ];
    let id = operation.id.as_str();
    if id == "export" || operation.path == "/export" {
        Role::Owner
    } else if operation.is_safe() {
        Role::Auditor
    } else if ends.contains(&id) {
        Role::Support
    } else if owners.iter().any(|start| operation.path.starts_with(start)) {
        Role::Owner
    } else if own.contains(&id)
        || ["users", "domains"]
            .iter()
            .any(|part| operation.path.contains(&format!("/{{account}}/{part}")))
    {
        Role::AccountAdministrator
    } else {
        Role::Administrator
    }
}

#[tokio::test]
async fn l5_each_operation_takes_its_role() {
    let scene = Scene::new().await;
    // Nothing is of this version: who may is told so, and changes nothing.
    let old = [("if-match", "\"v987654\"")];
    let mut seen = BTreeSet::new();
    for role in Role::ALL.into_iter().rev() {
        let limited = role == Role::AccountAdministrator;
        let accounts = if limited { &["acme"][..] } else { &[] };
        let token = token(&scene, role, accounts).await;
        for operation in operations() {
            let needed = least(&operation);
            let of_account = operation.path.contains("{account}");
            if role < needed {
                let page = scene.run(&token, &operation, &old).await;
                assert_eq!(page.status, 403, "{role:?} {}", operation.id);
                continue;
            }
            let lists = ["listAccounts", "listApplications", "getOpenapi"];
            let open = lists.contains(&operation.id.as_str())
                || operation.path == "/audit"
                || operation.path == "/openapi.json";
            if limited && !of_account {
                let page = scene.run(&token, &operation, &old).await;
                assert_eq!(page.status == 403, !open, "{}", operation.id);
                continue;
            }
            if limited {
                let foreign = scene.path_in(&operation, "other");
                let page = scene.run_at(&token, &operation, &foreign, &old).await;
                assert_eq!(page.status, 404, "{}", operation.id);
            }
            // What ends or adds something has no condition; a role that may is enough.
            if operation.is_safe() || operation.is_conditional() {
                let page = scene.run(&token, &operation, &old).await;
                assert_ne!(page.status, 403, "{role:?} {}", operation.id);
                assert_ne!(page.status, 401, "{role:?} {}", operation.id);
            }
            seen.insert((role.name(), operation.id.clone()));
        }
    }
    assert!(seen.len() > 150, "{}", seen.len());
}

#[tokio::test]
async fn l5_an_account_administrator_changes_how_the_account_looks() {
    let scene = Scene::new().await;
    let token = token(&scene, Role::AccountAdministrator, &["acme"]).await;
    let patch = async |body: serde_json::Value| {
        let kind = [("content-type", "application/json")];
        let body = Some(body.to_string());
        call(
            &scene.world,
            &token,
            Method::PATCH,
            "/accounts/acme",
            &kind,
            body,
        )
        .await
    };
    for body in [
        json!({ "name": "Acme Shops", "color": "#0b5fff", "logo_url": "https://acme.example/l.png" }),
        json!({ "email_domains": [{ "domain": "acme.example", "provider": "mock-idp" }] }),
    ] {
        let page = patch(body).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }
    for body in [
        json!({ "audience": "https://api.other.example" }),
        json!({ "signing_alg": "ES256" }),
        json!({ "access_key": true }),
        json!({ "password": true }),
        json!({ "password_rule": "length" }),
        json!({ "providers_off": ["mock-idp"] }),
        json!({ "login_order": ["password"] }),
        json!({ "email_first": true }),
        json!({ "vtex_compatible": true }),
        json!({ "unverified_email": "refuse" }),
        json!({ "email_domains": [{ "domain": "b.example", "provider": "mock-idp", "verified": true }] }),
    ] {
        let page = patch(body.clone()).await;
        assert_eq!(page.status, 403, "{body} {}", page.body);
    }
    let shown = scene.get("/accounts/acme").await.json();
    assert_eq!(shown["name"], "Acme Shops");
    assert_eq!(shown["email_first"], false);
}
