//! What a broker does beside its answers, and what becomes of them when it can't: the
//! audit log, expired records, the log of logins, how providers do, who goes away.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use mock_idp::{FaultKind, Faults};
use reqwest::Method;
use serde_json::{Value, json};
use support::attack::{Counting, Failing, START, Telling, support_id, with};
use support::{Browser, World};
use tower::ServiceExt;
use vestibule::base::{AccountId, Clock, ManualClock, ProviderId, Rate};
use vestibule::broker::Broker;
use vestibule::config;
use vestibule::store::Token;

/// Until something is so that another task brings about.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..100_000 {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to that");
}

async fn entries(world: &World) -> usize {
    let (status, body) = world.admin(Method::GET, "/audit?limit=500", "", "").await;
    assert_eq!(status, 200, "{body}");
    let found: Value = serde_json::from_str(&body).unwrap();
    found["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn what_the_store_refuses_is_not_done_and_not_in_the_audit_log() {
    let broken = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&broken);
    let world = World::over(|_| {}, move |store| Arc::new(Failing(store, switch))).await;
    world.account("acme").await;
    let rename = json!({ "name": "Other" }).to_string();
    let change = async || {
        let kind = "application/json";
        world
            .admin(Method::PATCH, "/accounts/acme", kind, &rename)
            .await
    };
    let before = entries(&world).await;
    broken.store(true, Ordering::SeqCst);
    let (status, body) = change().await;
    assert_eq!(status, 503, "{body}");
    broken.store(false, Ordering::SeqCst);
    assert_eq!(entries(&world).await, before);
    let (_, body) = world.admin(Method::GET, "/accounts/acme", "", "").await;
    assert!(!body.contains("Other"), "{body}");
    // The same, once it can.
    assert_eq!(change().await.0, 200);
    assert_eq!(entries(&world).await, before + 1);
}

#[tokio::test]
async fn a_broker_removes_what_has_expired() {
    let world = World::start().await;
    let mut browser = Browser::new();
    for _ in 0..3 {
        browser.get(world.url("acme", START)).await;
    }
    world.clock.advance(Duration::from_secs(7 * 24 * 3600));
    let mut config = config::from_parts("", [], None).unwrap();
    config.public_url = Some(world.origin.parse().unwrap());
    config.data_dir = world.data_dir().to_owned();
    let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let told: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let store = Arc::new(Telling(Arc::clone(&world.store), Arc::clone(&told)));
    let next = Broker::on(store, &config, clock).await.unwrap();
    // A broker does when it starts, and each half a minute from then on.
    until(async || {
        let told = told.lock().unwrap();
        let pending = told.iter().flatten();
        pending
            .filter(|one| *one == "expired pending_logins")
            .count()
            == 3
    })
    .await;
    drop(next);
}

#[tokio::test]
async fn a_failed_login_is_found_by_its_support_id_without_looking_at_others() {
    let reads: Arc<AtomicUsize> = Arc::default();
    let counted = Arc::clone(&reads);
    let world = World::over(|_| {}, move |store| Arc::new(Counting(store, counted))).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    world.account("beta").await;
    let page = world
        .fault_fails("token", FaultKind::status(500), "login.provider_failing")
        .await;
    let id = support_id(&page);
    let mut took = Vec::new();
    for others in [0, 20] {
        for _ in 0..others {
            world.log_in(&mut Browser::new()).await;
        }
        // What was noted before is written then.
        world
            .admin(Method::GET, "/accounts/beta/logins", "", "")
            .await;
        let before = reads.load(Ordering::SeqCst);
        let (status, body) = world
            .admin(Method::GET, &format!("/logins/{id}"), "", "")
            .await;
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("login.provider_failing"), "{body}");
        took.push(reads.load(Ordering::SeqCst) - before);
        for (account, found) in [("acme", 1), ("beta", 0)] {
            let path = format!("/accounts/{account}/logins?id={id}");
            let (_, body) = world.admin(Method::GET, &path, "", "").await;
            let list: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(list["items"].as_array().unwrap().len(), found, "{body}");
        }
    }
    assert_eq!(took[0], took[1]);
    // With the account goes where its failures stood.
    let body = r#"{"confirm":"acme"}"#;
    let (status, said) = world
        .admin(Method::DELETE, "/accounts/acme", "application/json", body)
        .await;
    assert!(status < 300, "{status} {said}");
    let (status, _) = world
        .admin(Method::GET, &format!("/logins/{id}"), "", "")
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn how_a_provider_does_is_counted() {
    let world = World::start().await;
    for _ in 0..2 {
        world.log_in(&mut Browser::new()).await;
    }
    world
        .fault_fails("token", FaultKind::status(500), "login.provider_failing")
        .await;
    let (account, provider): (AccountId, ProviderId) =
        ("acme".parse().unwrap(), "mock-idp".parse().unwrap());
    let health = &world.broker.app().logins.health;
    let now = world.clock.now();
    let state = health.of(&*world.store, &account, &provider, now).await;
    let state = state.unwrap();
    let (worked, failed) = state.hours.iter().fold((0, 0), |(worked, failed), hour| {
        (worked + hour.worked, failed + hour.failed)
    });
    assert_eq!((worked, failed), (2, 1));
    assert_eq!(state.failures.len(), 1);
    assert_eq!(state.failures[0].code.as_str(), "login.provider_failing");
}

#[tokio::test]
async fn a_login_ends_whose_browser_goes_away_at_the_callback() {
    let world = World::start().await;
    let slow: FaultKind = serde_json::from_value(json!({ "kind": "slow", "ms": 200 })).unwrap();
    world.idp.set_faults(Faults::none().once("token", slow));
    let (mut browser, callback) = world.begun().await;
    let asked = tokio::spawn(async move { browser.get(callback).await });
    until(async || world.calls("/token") == 1).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    assert!(world.users("acme").await.is_empty());
    // The code is used up by now: cut there, the login could not be had again.
    loop {
        if let [user] = &world.users("acme").await[..] {
            assert_eq!(user.email, "ada@example.test");
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_state_of_another_time_is_none() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let hours = |count: u64| Duration::from_secs(count * 3600);
    let now = world.clock.now();
    // Under another name only what may be one of ours is taken for a state.
    for (at, code) in [
        (now.plus(hours(47)), "login.state_unknown"),
        (now.minus(hours(47)), "login.state_expired"),
        (now.plus(hours(49)), "login.state_missing"),
        (now.minus(hours(49)), "login.state_missing"),
    ] {
        let state = format!("{}acme", Token::new(at).as_str());
        let url = with(&callback, &[("state", None), ("st", Some(&state))]);
        world.rejected(&mut browser, url.as_str(), code).await;
    }
}

#[tokio::test]
async fn a_table_of_counts_is_bounded() {
    let rate = Rate::new(vestibule::base::Allowance {
        burst: 1,
        every: Duration::from_secs(60),
    });
    let clock = ManualClock::new(vestibule::base::SystemClock.now());
    for key in 0..100_000_u32 {
        rate.take(key, clock.now()).unwrap();
    }
    // Full of those that still count: nobody else gets in, and those who are known wait
    // for their own time alone.
    rate.take(100_000, clock.now()).unwrap_err();
    rate.take(7, clock.now()).unwrap_err();
    clock.advance(Duration::from_secs(61));
    rate.take(100_000, clock.now()).unwrap();
    rate.take(7, clock.now()).unwrap();
}

/// What `/metrics` says of an account: each series with its labels in order.
async fn metered(world: &World, account: &str) -> Vec<String> {
    let request = http::Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = world.broker.health_router().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let own = format!("account=\"{account}\"");
    let mut found: Vec<String> = text
        .lines()
        .filter(|line| line.contains(&own))
        .map(|line| {
            let (name, rest) = line.split_once('{').unwrap();
            let (labels, value) = rest.split_once("} ").unwrap();
            let mut labels: Vec<&str> = labels.split(',').filter(|label| *label != own).collect();
            labels.sort_unstable();
            format!("{name} {} {value}", labels.join(" "))
        })
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn metrics_count_logins_failures_and_requests_by_their_labels() {
    vestibule::http::health::start_metrics();
    let world = World::empty().await;
    world.account("metered").await;
    world.apply("metered", &world.mapping()).await;
    let start = world.url("metered", "login?return_to=/welcome");
    let log_in = async || Browser::new().log_in(&start, "ada", "lovelace").await;
    for _ in 0..3 {
        assert_eq!(log_in().await.url.path(), "/welcome");
    }
    world
        .idp
        .set_faults(Faults::none().on("token", FaultKind::status(500)));
    for _ in 0..2 {
        log_in().await;
    }
    world.idp.set_faults(Faults::none());
    // Somebody presses Cancel, twice somebody goes back to a callback that is used up.
    let mut browser = Browser::new();
    let mut callback = browser.to_callback(&start, "ada", "lovelace").await;
    let kept: Vec<(String, String)> = callback
        .query_pairs()
        .filter(|(name, _)| name != "code")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    callback
        .query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .append_pair("error", "access_denied");
    for _ in 0..3 {
        browser.get(callback.as_str()).await;
    }
    browser
        .get(world.url("metered", "login?provider=nobody"))
        .await;
    let found = metered(&world, "metered").await;
    let counted: Vec<&str> = found
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("vestibule_provider_seconds_"))
        .collect();
    assert_eq!(counted, COUNTED);
    // Each answer is in the bucket of its time and in all above; none took half a minute.
    for (step, count) in [("token", 5), ("userinfo", 3)] {
        let line = |part: &str| {
            format!(
                "vestibule_provider_seconds_{part} provider=\"mock-idp\" step=\"{step}\" {count}"
            )
        };
        let within = line("bucket").replace("provider=", "le=\"30\" provider=");
        assert!(found.contains(&line("count")), "{step}: {found:#?}");
        assert!(found.contains(&within), "{step}: {found:#?}");
    }
}

const COUNTED: &[&str] = &[
    "vestibule_logins_failed_total code=\"login.denied\" provider=\"mock-idp\" step=\"callback\" 1",
    "vestibule_logins_failed_total code=\"login.provider_failing\" provider=\"mock-idp\" step=\"token\" 2",
    "vestibule_logins_failed_total code=\"login.state_replayed\" provider=\"mock-idp\" step=\"callback\" 2",
    "vestibule_logins_failed_total code=\"login.unknown_provider\" provider=\"\" step=\"start\" 1",
    "vestibule_logins_total provider=\"mock-idp\" 3",
];
