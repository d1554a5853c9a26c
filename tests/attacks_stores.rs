//! Attacks by way of stores: whose an origin is, and what a page of one store may do
//! at another of the same account; and whose the ids and names of known providers
//! are. Rows F23, F27 and F29.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, service};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::attack::START;
use support::{Browser, Page, World};
use tokio::task::JoinSet;
use vestibule::account::mapping::BUILT_IN;
use vestibule::account::origins;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::provider::gallery;

/// A token for this account, or for all.
async fn token(world: &World, account: Option<&str>) -> String {
    let new = NewApplication {
        account: account.map(|id| id.parse().unwrap()),
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        ..service("acme")
    };
    let client = Client::create(world, new).await;
    let form = [("grant_type", "client_credentials")];
    let token = client.token(world, &form).await.json();
    token["access_token"].as_str().unwrap().to_owned()
}

async fn call(world: &World, token: &str, method: Method, path: &str, body: Value) -> Page {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &*bearer),
    ];
    let url = format!("{}/api/v1{path}", world.origin);
    let body = (!body.is_null()).then(|| body.to_string());
    Browser::new().send(method, &url, &headers, body).await
}

async fn put_store(world: &World, token: &str, account: &str, origin: &str, path: &str) -> Page {
    let body = json!({ "origin": origin, "auth_path": path });
    let at = format!("/accounts/{account}/stores");
    call(world, token, Method::PUT, &at, body).await
}

fn refused(page: &Page, about: &str) {
    assert_eq!(page.status, 409, "{about}: {}", page.body);
    assert!(page.shows("store.taken"), "{about}: {}", page.body);
}

#[tokio::test]
async fn f23_an_origin_and_path_belong_to_one_account() {
    let world = World::start().await;
    world.account("evil").await;
    let all = token(&world, None).await;
    let evil = token(&world, Some("evil")).await;
    let shop = "https://www.acme.test";
    let page = put_store(&world, &all, "acme", shop, "/_auth").await;
    assert_eq!(page.status, 200, "{}", page.body);

    for (origin, path) in [
        (shop, "/_auth"),
        (shop, "/_evil"),
        ("https://WWW.acme.test:443", "/_auth"),
    ] {
        let page = put_store(&world, &evil, "evil", origin, path).await;
        refused(&page, &format!("{origin}{path}"));
        let whole = json!({ "stores": [{ "origin": origin, "auth_path": path }] });
        let page = call(&world, &evil, Method::PUT, "/accounts/evil", whole).await;
        refused(&page, &format!("as a whole: {origin}{path}"));
    }
    // Who administers all accounts may put two on one origin, not on one path.
    for path in ["/_auth", "/_auth/evil"] {
        let page = put_store(&world, &all, "evil", shop, path).await;
        refused(&page, path);
    }
    let page = put_store(&world, &all, "evil", shop, "/_evil").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = put_store(&world, &evil, "evil", shop, "/_other").await;
    refused(&page, "another path at an origin that is shared");
    let name = json!({ "name": "Evil" });
    let page = call(&world, &evil, Method::PATCH, "/accounts/evil", name).await;
    assert_eq!(page.status, 200, "what is there stays: {}", page.body);

    // What is given back is free.
    for account in ["evil", "acme"] {
        let at = format!("/accounts/{account}/stores?origin={shop}");
        let page = call(&world, &all, Method::DELETE, &at, Value::Null).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }
    let page = put_store(&world, &evil, "evil", shop, "/_auth").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = put_store(&world, &all, "acme", shop, "/_auth").await;
    refused(&page, "now it is the other's");
    let page = call(&world, &all, Method::DELETE, "/accounts/evil", Value::Null).await;
    assert!(page.status.is_success(), "{}", page.body);
    let page = put_store(&world, &all, "acme", shop, "/_auth").await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn f23_the_brokers_own_paths_are_reserved() {
    let world = World::start().await;
    let all = token(&world, None).await;
    let own = token(&world, Some("acme")).await;
    for path in [
        "/accounts",
        "/accounts/other",
        "/accounts/acme/x",
        "/admin",
        "/Admin/x",
        "/api/v1",
        "/callback",
        "/callback/other",
        "/connect",
        "/error",
        "/healthz",
        "/metrics",
        "/readyz",
        "/.well-known",
    ] {
        for token in [&all, &own] {
            let page = put_store(&world, token, "acme", &world.origin, path).await;
            refused(&page, path);
        }
    }
    let page = put_store(&world, &own, "acme", &world.origin, "/_auth").await;
    refused(&page, "for one account its own path is the only one");
    for path in ["/_auth", "/accounts/acme"] {
        let page = put_store(&world, &all, "acme", &world.origin, path).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f23_of_many_who_claim_an_origin_at_once_one_has_it() {
    let world = World::start().await;
    let mut tokens = Vec::new();
    for i in 0..12 {
        let account = format!("a{i}");
        world.account(&account).await;
        tokens.push((token(&world, Some(&account)).await, account));
    }
    let shop = "https://shop.test";
    let calls: JoinSet<u16> = tokens
        .into_iter()
        .map(|(token, account)| {
            let url = format!("{}/api/v1/accounts/{account}/stores", world.origin);
            let body = json!({ "origin": shop, "auth_path": format!("/_{account}") });
            async move {
                let bearer = format!("Bearer {token}");
                let headers = [
                    ("content-type", "application/json"),
                    ("authorization", &*bearer),
                ];
                let mut browser = Browser::new();
                let page = browser
                    .send(Method::PUT, &url, &headers, Some(body.to_string()))
                    .await;
                page.status.as_u16()
            }
        })
        .collect();
    let mut answers = calls.join_all().await;
    answers.sort_unstable();
    assert_eq!(answers[0], 200, "{answers:?}");
    assert!(
        answers[1..].iter().all(|status| *status == 409),
        "{answers:?}"
    );
}

#[tokio::test]
async fn f23_stores_of_before_are_known() {
    let world = World::empty().await;
    let shop = [("https://shop.test", "/_auth")];
    world.account_with("acme", &shop).await;
    world.account("evil").await;
    origins::index(&*world.store).await.unwrap();
    let evil = token(&world, Some("evil")).await;
    let page = put_store(&world, &evil, "evil", "https://shop.test", "/_evil").await;
    refused(&page, "an account that was there before");
}

#[tokio::test]
async fn f29_a_page_of_another_store_logs_nobody_out_unasked() {
    let world = World::empty().await;
    let stores = [
        ("https://a.shop.test", "/_auth"),
        ("https://b.shop.test", "/_auth"),
    ];
    world.account_with("acme", &stores).await;
    let url = world.url("acme", "logout?return_to=/bye");
    let origin = |origin| vec![("host", "a.shop.test"), ("origin", origin)];
    for mut headers in [
        origin("https://b.shop.test"),
        // As a proxy that hides the host has it.
        vec![("origin", "https://b.shop.test")],
    ] {
        headers.push(("sec-fetch-site", "same-site"));
        let page = Browser::new()
            .send(Method::POST, &url, &headers, None)
            .await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        let question = page.location().unwrap();
        assert!(question.path().ends_with("/logout"), "{question}");
        assert!(page.headers.get("set-cookie").is_none());
        let page = Browser::new().get_with(&question, &headers[..1]).await;
        assert!(page.body.contains("<form"), "{}", page.body);
    }
    let own = origin("https://a.shop.test");
    let page = Browser::new().send(Method::POST, &url, &own, None).await;
    assert_eq!(page.header("location"), "https://a.shop.test/bye");
    assert!(page.headers.get("set-cookie").is_some());
}

#[tokio::test]
async fn f29_a_planted_binding_is_not_adopted() {
    let world = World::start().await;
    let mut attacker = Browser::new();
    attacker.get(world.url("acme", START)).await;
    let (place, planted) = attacker.jar.first_key_value().unwrap();
    let mut victim = Browser::new();
    victim.jar.insert(place.clone(), planted.clone());
    let callback = victim
        .to_callback(&world.url("acme", START), "ada", "lovelace")
        .await;
    let finish = victim.get(&callback).await.location().unwrap();
    world
        .rejected(&mut attacker, finish.as_str(), "login.wrong_browser")
        .await;
    // Two logins in one browser both end well, and the cookie stays small.
    let mut browser = Browser::new();
    let first = browser
        .to_callback(&world.url("acme", START), "ada", "lovelace")
        .await;
    let second = browser.get(world.url("acme", START)).await;
    assert!(second.location().is_some());
    let page = browser.get(&first).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");
    for _ in 0..20 {
        browser.get(world.url("acme", START)).await;
    }
    let (_, cookie) = browser
        .jar
        .iter()
        .find(|((_, name), _)| name == "vestibule_acme.login")
        .unwrap();
    assert!(cookie.len() < 400, "{cookie}");
}

/// Applies a mapping as a bearer of this token.
async fn apply(world: &World, token: &str, account: &str, mapping: &str) -> Page {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/toml"),
        ("authorization", &*bearer),
    ];
    let url = format!("{}/api/v1/accounts/{account}/providers", world.origin);
    let body = Some(mapping.to_owned());
    Browser::new()
        .send(Method::POST, &url, &headers, body)
        .await
}

#[tokio::test]
async fn f27_a_bundled_id_belongs_to_the_bundled_mapping() {
    let world = World::with(|config| config.bundled_ids_elsewhere = false).await;
    world.account("acme").await;
    let all = token(&world, None).await;
    let own = token(&world, Some("acme")).await;
    for id in BUILT_IN {
        let mapping = world.mapping().replace("\"mock-idp\"", &format!("{id:?}"));
        for token in [&all, &own] {
            let page = apply(&world, token, "acme", &mapping).await;
            assert_eq!(page.status, 422, "{id}: {}", page.body);
            assert!(page.shows("provider.id"), "{id}: {}", page.body);
        }
    }
    // One address of another's among its own is enough.
    let google = gallery::get("google").unwrap();
    let google = gallery::set(google, "client.id", "\"ours\"").unwrap();
    let google = gallery::set(&google, "client.secret", "\"s3cret\"").unwrap();
    for (at, name) in [
        ("token", "accounts.google.com.evil.test"),
        ("token", "evil-accounts.google.com"),
        ("token", "accounts.google.co"),
        ("authorization", "evil.test"),
    ] {
        let table = format!("[{at}]\nurl = \"https://{name}/o\"");
        let mapping = if google.contains(&format!("[{at}]\n")) {
            google.replace(&format!("[{at}]"), &table)
        } else {
            format!("{google}\n{table}\n")
        };
        let page = apply(&world, &own, "acme", &mapping).await;
        assert_eq!(page.status, 422, "{name}: {}", page.body);
        assert!(page.shows("provider.id"), "{name}: {}", page.body);
    }
    let page = apply(&world, &own, "acme", &google).await;
    assert!(page.status.is_success(), "{}", page.body);
}

#[tokio::test]
async fn f27_a_name_that_imitates_a_known_one() {
    let world = World::start().await;
    let all = token(&world, None).await;
    let own = token(&world, Some("acme")).await;
    for name in [
        "Google",
        "GOOGLE",
        " Go ogle",
        "G00gle",
        "Gооgle",
        "Ｇｏｏｇｌｅ",
        "Goоglе!",
        "Góógle",
    ] {
        let mapping = world.mapping();
        let mapping = gallery::set(&mapping, "provider.name", &format!("{name:?}")).unwrap();
        let page = apply(&world, &own, "acme", &mapping).await;
        assert_eq!(page.status, 422, "{name}: {}", page.body);
        assert!(page.shows("provider.name"), "{name}: {}", page.body);
        let page = apply(&world, &all, "acme", &mapping).await;
        assert!(page.status.is_success(), "{name}: {}", page.body);
    }
    for name in ["Goggles", "Acme", "Acme Google", "谷歌"] {
        let mapping = world.mapping();
        let mapping = gallery::set(&mapping, "provider.name", &format!("{name:?}")).unwrap();
        let page = apply(&world, &own, "acme", &mapping).await;
        assert!(page.status.is_success(), "{name}: {}", page.body);
    }
}
