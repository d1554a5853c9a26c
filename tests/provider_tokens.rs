//! A provider's tokens, kept for applications.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::collections::BTreeMap;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use authority::{Client, param, storefront};
use mock_idp::{FaultKind, Faults};
use reqwest::Method;
use serde_json::Value;
use support::attack::{Failing, openid_mapping_for};
use support::{Browser, Page, World};
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::store::Store;

const SCOPE: &str = "openid email offline_access provider_token";

async fn prepare(world: &World) {
    world.idp.configure(|config| {
        config.openid.enabled = true;
        config.token.refresh_tokens = true;
    });
    world.account("acme").await;
    let mapping = format!("{}[token]\nkeep = true\n", openid_mapping_for(&world.idp));
    world.apply("acme", &mapping).await;
}

async fn world() -> World {
    let world = World::empty().await;
    prepare(&world).await;
    world
}

async fn client(world: &World) -> Client {
    let new = NewApplication {
        scopes: Some(Scopes::parse(SCOPE).unwrap()),
        ..storefront()
    };
    Client::create(world, new).await
}

/// An access token of the application's for a shopper who logs in.
async fn granted(world: &World, client: &Client, scope: &str) -> String {
    let browser = &mut Browser::new();
    let url = client.log_in(world, browser, &[("scope", scope)]).await;
    let tokens = client.exchange(world, &param(&url, "code").unwrap()).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    tokens.json()["access_token"].as_str().unwrap().to_owned()
}

/// The same, where the provider's token lives five minutes. Ours lives longer.
async fn granted_briefly(world: &World, client: &Client) -> String {
    world
        .idp
        .configure(|config| config.token.response.expires_in_value = 300.into());
    granted(world, client, SCOPE).await
}

async fn ask(world: &World, token: &str) -> Page {
    ask_at(world.origin.clone(), token.to_owned()).await
}

async fn ask_at(origin: String, token: String) -> Page {
    let bearer = format!("Bearer {token}");
    let url = format!("{origin}/connect/provider-token");
    let headers = [("authorization", bearer.as_str())];
    Browser::new().get_with(url, &headers).await
}

/// The provider's token, which it must take.
async fn given(world: &World, token: &str) -> Value {
    let page = ask(world, token).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
    let answer = page.json();
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let profile = Browser::new()
        .get_with(
            format!("{}/userinfo", world.idp.origin()),
            &[("authorization", &bearer)],
        )
        .await;
    assert_eq!(profile.status, 200, "{}", profile.body);
    answer
}

#[tokio::test]
async fn an_application_fetches_the_providers_token() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted(&world, &client, SCOPE).await;
    let answer = given(&world, &token).await;
    assert_eq!(answer["provider"], "mock-oidc");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert!(answer.get("refresh_token").is_none(), "{answer}");

    // Another scope, no token, none kept.
    let other = granted(&world, &client, "openid email").await;
    assert_eq!(ask(&world, &other).await.status, 403);
    assert_eq!(ask(&world, "nonsense").await.status, 401);
    let url = format!("{}/connect/provider-token?provider=other", world.origin);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let page = Browser::new().get_with(&url, &headers).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.json()["error"], "login_required");
    // The mapping keeps no more.
    world.apply("acme", &openid_mapping_for(&world.idp)).await;
    assert_eq!(ask(&world, &token).await.json()["error"], "login_required");
}

#[tokio::test]
async fn it_is_refreshed_once_however_many_ask() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    let first = given(&world, &token).await;
    assert_eq!(first["expires_in"], 300);
    world.clock.advance(Duration::from_secs(270));
    let before = world.calls("/token");
    let pages = all_ask([&world, &world], &token).await;
    let answers: Vec<Value> = pages.iter().map(Page::json).collect();
    assert_ne!(answers[0]["access_token"], first["access_token"]);
    for answer in &answers {
        assert_eq!(
            answer["access_token"], answers[0]["access_token"],
            "{answer}"
        );
    }
    assert_eq!(world.calls("/token"), before + 1);
    // The rotated token is the one that goes on.
    world.clock.advance(Duration::from_secs(270));
    let third = given(&world, &token).await;
    assert_ne!(third["access_token"], answers[0]["access_token"]);
}

#[tokio::test]
async fn a_provider_that_is_busy_takes_nothing_away() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    world.clock.advance(Duration::from_secs(270));
    let busy = FaultKind::Status {
        code: 503,
        body: String::new(),
        content_type: "text/plain".to_owned(),
        headers: BTreeMap::default(),
    };
    world.idp.set_faults(Faults::none().once("token", busy));
    let page = ask(&world, &token).await;
    assert_eq!(page.status, 503, "{}", page.body);
    assert_eq!(page.json()["error"], "temporarily_unavailable");
    given(&world, &token).await;

    // One that takes it back ends it.
    world.clock.advance(Duration::from_secs(270));
    world
        .idp
        .configure(|config| config.token.refresh_tokens = false);
    world.idp.set_faults(Faults::none());
    let page = ask(&world, &token).await;
    assert_ne!(page.status, 200);
}

#[tokio::test]
async fn a_rotated_token_is_on_disk_before_it_is_told() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let world = World::over(|_| {}, |store| Arc::new(Failing(store, switch))).await;
    prepare(&world).await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    world.clock.advance(Duration::from_secs(270));
    // The store fails while the provider answers.
    let slow = FaultKind::Slow { ms: 500 };
    world.idp.set_faults(Faults::none().once("token", slow));
    let before = world.calls("/token");
    let (page, ()) = tokio::join!(ask(&world, &token), async {
        while world.calls("/token") == before {
            tokio::task::yield_now().await;
        }
        broken.store(true, Ordering::SeqCst);
    });
    assert_eq!(page.status, 503, "{}", page.body);
    broken.store(false, Ordering::SeqCst);
    // What the provider gave is not lost: nobody asks it again.
    given(&world, &token).await;
    assert_eq!(world.calls("/token"), before + 1);
    world.clock.advance(Duration::from_secs(270));
    given(&world, &token).await;
}

#[tokio::test]
async fn it_goes_with_what_was_issued_to_the_user() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted(&world, &client, SCOPE).await;
    given(&world, &token).await;
    let user = world.users("acme").await[0].id;
    let path = format!("/accounts/acme/users/{user}/sessions");
    let (status, answer) = world.admin(Method::DELETE, &path, "", "").await;
    assert!(status < 300, "{status} {answer}");
    assert_eq!(ask(&world, &token).await.status, 401);
    let id = "acme".parse().unwrap();
    let left = vestibule::account::provider_tokens::latest(&*world.store, &id, user).await;
    assert_eq!(left.unwrap(), None);
}

/// `oidcc-client-test-refresh-token-invalid-issuer` and `-invalid-sub` of the
/// conformance suite (OpenID Connect Core §12.2).
#[tokio::test]
async fn a_refresh_about_someone_else_is_refused() {
    let claim = |name: &str, value: &str| FaultKind::SetClaim {
        name: name.to_owned(),
        value: value.into(),
    };
    for fault in [
        claim("sub", "u-other"),
        claim("iss", "https://elsewhere.test"),
        claim("aud", "somebody"),
        FaultKind::AlgNone,
    ] {
        let world = world().await;
        let client = client(&world).await;
        let token = granted_briefly(&world, &client).await;
        world.clock.advance(Duration::from_secs(270));
        world
            .idp
            .set_faults(Faults::none().on("id_token", fault.clone()));
        let page = ask(&world, &token).await;
        assert_eq!(page.status, 503, "{fault:?} {}", page.body);
        // The mock takes each refresh token once: this is the one that came with what
        // was refused.
        world.idp.set_faults(Faults::none());
        given(&world, &token).await;
    }
}

/// A refresh token that came with somebody else's ID token may be somebody else's, so it
/// leads to nothing without a good one.
#[tokio::test]
async fn what_follows_a_refused_id_token_must_come_with_a_good_one() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    world.clock.advance(Duration::from_secs(270));
    let other = FaultKind::SetClaim {
        name: "sub".to_owned(),
        value: "u-other".into(),
    };
    world.idp.set_faults(Faults::none().once("id_token", other));
    assert_eq!(ask(&world, &token).await.status, 503);
    let none = FaultKind::Missing {
        field: "id_token".to_owned(),
    };
    world.idp.set_faults(Faults::none().on("token", none));
    for _ in 0..2 {
        let page = ask(&world, &token).await;
        assert_eq!(page.json()["error"], "login_required", "{}", page.body);
    }
    world.idp.set_faults(Faults::none());
    given(&world, &token).await;
    // From then on as before: an ID token need not come.
    world.clock.advance(Duration::from_secs(270));
    let none = FaultKind::Missing {
        field: "id_token".to_owned(),
    };
    world.idp.set_faults(Faults::none().on("token", none));
    given(&world, &token).await;
}

#[tokio::test]
async fn an_answer_without_an_access_token_keeps_the_refresh_token() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    world.clock.advance(Duration::from_secs(270));
    let none = FaultKind::Missing {
        field: "access_token".to_owned(),
    };
    world.idp.set_faults(Faults::none().once("token", none));
    assert_eq!(ask(&world, &token).await.status, 503);
    given(&world, &token).await;
}

/// Two brokers on one store, and a clock each.
async fn two(world: &World) -> World {
    World::beside(Arc::clone(&world.store), world.named()).await
}

/// The token of each of twenty who ask at the same moment, ten at each broker.
async fn all_ask(brokers: [&World; 2], token: &str) -> Vec<Page> {
    let mut asking = tokio::task::JoinSet::new();
    for broker in brokers.iter().cycle().take(20) {
        asking.spawn(ask_at(broker.origin.clone(), token.to_owned()));
    }
    asking.join_all().await
}

#[tokio::test]
async fn two_brokers_refresh_a_token_once() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    let other = two(&world).await;
    let mut before = ask(&other, &token).await.json();
    assert_eq!(before["token_type"], "Bearer", "{before}");
    // Each round has a rotated token of the round before.
    for _ in 0..5 {
        for broker in [&world, &other] {
            broker.clock.advance(Duration::from_secs(270));
        }
        let slow = FaultKind::Slow { ms: 50 };
        world.idp.set_faults(Faults::none().once("token", slow));
        let calls = world.calls("/token");
        let pages = all_ask([&world, &other], &token).await;
        assert_eq!(world.calls("/token"), calls + 1);
        let answers: Vec<Value> = pages.iter().map(Page::json).collect();
        assert_ne!(answers[0]["access_token"], before["access_token"]);
        for (page, answer) in pages.iter().zip(&answers) {
            assert_eq!(page.status, 200, "{}", page.body);
            assert_eq!(answer["access_token"], answers[0]["access_token"]);
        }
        before = answers[0].clone();
    }
}

/// What a provider has answered is lost with the broker that heard it and wrote nothing.
/// The others wait until that one is surely done, ask once, and are told by a provider
/// that rotates that the token is spent: the person logs in again.
#[tokio::test]
async fn a_broker_that_is_gone_before_it_writes_costs_a_login() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let world = World::empty().await;
    prepare(&world).await;
    let client = client(&world).await;
    let token = granted_briefly(&world, &client).await;
    // The one that goes away: nothing that it would write is written.
    let failing: Arc<dyn Store> = Arc::new(Failing(Arc::clone(&world.store), switch));
    let gone = World::beside(failing, world.named()).await;
    for broker in [&world, &gone] {
        broker.clock.advance(Duration::from_secs(270));
    }
    let slow = FaultKind::Slow { ms: 500 };
    world.idp.set_faults(Faults::none().once("token", slow));
    let before = world.calls("/token");
    let (page, ()) = tokio::join!(ask(&gone, &token), async {
        while world.calls("/token") == before {
            tokio::task::yield_now().await;
        }
        broken.store(true, Ordering::SeqCst);
    });
    assert_eq!(page.status, 503, "{}", page.body);
    // Its mark counts until it must be done.
    world.clock.advance(Duration::from_secs(60));
    let page = ask(&world, &token).await;
    assert_eq!(page.json()["error"], "login_required", "{}", page.body);
    assert_eq!(world.calls("/token"), before + 2);
    let token = granted(&world, &client, SCOPE).await;
    given(&world, &token).await;
    // If it was not dead after all, what it held does not come over the newer one.
    broken.store(false, Ordering::SeqCst);
    gone.clock.advance(Duration::from_secs(60));
    let answer = ask(&gone, &token).await.json();
    assert_eq!(
        answer["access_token"],
        given(&world, &token).await["access_token"]
    );
}

/// What a provider gives is kept up to a length: more fits into no header, and
/// everybody's together into no disk.
#[tokio::test]
async fn a_token_of_any_length_is_not_kept() {
    let world = world().await;
    let client = client(&world).await;
    let token = granted(&world, &client, SCOPE).await;
    given(&world, &token).await;
    // The login itself goes on; what was kept before is gone.
    let long = |field: &str| FaultKind::Replace {
        field: field.to_owned(),
        value: "x".repeat((16 << 10) + 1).into(),
    };
    world
        .idp
        .set_faults(Faults::none().once("token", long("refresh_token")));
    let token = granted(&world, &client, SCOPE).await;
    let page = ask(&world, &token).await;
    assert_eq!(page.status, 400, "{}", page.body);
    assert_eq!(page.json()["error"], "login_required");

    // One that grows when it is refreshed.
    world
        .idp
        .configure(|config| config.token.response.expires_in_value = 300.into());
    let token = granted(&world, &client, SCOPE).await;
    given(&world, &token).await;
    world.clock.advance(Duration::from_secs(270));
    world
        .idp
        .set_faults(Faults::none().once("token", long("access_token")));
    assert_eq!(ask(&world, &token).await.json()["error"], "login_required");
    assert_eq!(ask(&world, &token).await.json()["error"], "login_required");
}
