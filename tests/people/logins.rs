//! The log of logins.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use vestibule::config::Addresses;

use crate::support::attack::{START, support_id};
use crate::support::{Browser, World};

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let path = format!("/accounts/acme/logins?{query}");
    let (status, body) = world.admin(Method::GET, &path, "", "").await;
    assert_eq!(status, 200, "{query} {body}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["items"].as_array().unwrap().clone()
}

/// A login that its provider refuses; gives the support id of its page.
async fn denied(world: &World) -> String {
    let mut browser = Browser::new();
    let callback = browser
        .to_callback(&world.url("acme", START), "ada", "lovelace")
        .await;
    let mut url = callback.clone();
    let state = callback
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    url.set_query(Some(&format!("error=access_denied&state={}", state.1)));
    let page = browser.get(url.as_str()).await;
    let page = browser.follow(page).await;
    support_id(&page)
}

#[tokio::test]
async fn a_login_is_found_by_what_a_shopper_says_of_it() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    let id = denied(&world).await;
    let all = listed(&world, "").await;
    assert_eq!(all.len(), 2, "{all:?}");
    let (failed, good) = (&all[0], &all[1]);
    assert_eq!(failed["id"], id.as_str());
    assert_eq!(failed["outcome"], "login.denied", "{failed}");
    assert_eq!(failed["provider"], "mock-idp");
    assert_eq!(failed["blame"], "visitor");
    assert_eq!(failed["failed_at"], "callback");
    assert!(!failed["why"].as_str().unwrap().is_empty());
    assert_eq!(good["outcome"], "success");
    assert_eq!(good["email"], "ada@example.test");
    assert_eq!(good["user"], world.users("acme").await[0].id.to_string());
    assert_eq!(good["address"], "127.0.0.0/24", "{good}");
    let steps = good["steps"].as_array().unwrap().iter();
    let steps: Vec<&str> = steps.map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["callback", "token", "userinfo", "finish"]);
    for (query, expected) in [
        (format!("id={id}"), 1),
        ("id=nothing".into(), 0),
        ("email=ADA@example.test".into(), 1),
        ("user=ada@example.test".into(), 1),
        ("provider=mock-idp".into(), 2),
        ("provider=access_key".into(), 0),
        ("outcome=success".into(), 1),
        ("outcome=failed".into(), 1),
        ("outcome=login.denied".into(), 1),
    ] {
        assert_eq!(listed(&world, &query).await.len(), expected, "{query}");
    }
    // Whoever has the support id only, of whatever account.
    let (status, body) = world
        .admin(Method::GET, &format!("/logins/{id}"), "", "")
        .await;
    assert!(status == 200 && body.contains("login.denied"), "{body}");
    assert_eq!(
        world.admin(Method::GET, "/logins/nothing", "", "").await.0,
        404
    );
    // The session says where it began.
    let path = "/accounts/acme/sessions?user=ada@example.test";
    let (_, body) = world.admin(Method::GET, path, "", "").await;
    assert!(body.contains("127.0.0.0/24"), "{body}");
}

#[tokio::test]
async fn pages_go_back_in_time() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, denied(&world).await);
        world.clock.advance(Duration::from_secs(3 * 3600));
        listed(&world, "").await;
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/accounts/acme/logins?limit=2{after}");
        let (_, body) = world.admin(Method::GET, &path, "", "").await;
        let page: Value = serde_json::from_str(&body).unwrap();
        let items = page["items"].as_array().unwrap().iter();
        found.extend(items.map(|login| login["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    let path = "/accounts/acme/logins?after=x";
    assert_eq!(world.admin(Method::GET, path, "", "").await.0, 400);
    // Kept for thirty days.
    world
        .clock
        .advance(Duration::from_secs(30 * 24 * 3600 - 6 * 3600));
    assert_eq!(listed(&world, "").await.len(), 1);
}

#[tokio::test]
async fn the_configuration_says_what_is_kept() {
    let world = World::with(|config| config.login_log.addresses = Addresses::None).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    world.log_in(&mut Browser::new()).await;
    let all = listed(&world, "").await;
    assert!(all.len() == 1 && all[0]["address"].is_null(), "{all:?}");
    let world = World::with(|config| config.login_log.keep = Duration::ZERO).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    world.log_in(&mut Browser::new()).await;
    assert_eq!(listed(&world, "").await.len(), 0);
}

#[tokio::test]
async fn a_deleted_user_is_gone_from_the_log() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    let id = world.users("acme").await[0].id;
    let path = format!("/accounts/acme/users/{id}/export");
    let (_, body) = world.admin(Method::GET, &path, "", "").await;
    let export: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(export["logins"].as_array().unwrap().len(), 1, "{export}");
    let path = format!("/accounts/acme/users/{id}");
    assert_eq!(world.admin(Method::DELETE, &path, "", "").await.0, 204);
    assert_eq!(listed(&world, "").await.len(), 0);
    assert_eq!(listed(&world, &format!("user={id}")).await.len(), 0);
}
