//! Three brokers on one PostgreSQL, behind no proxy: whatever begins at one goes on
//! at another, and what changes at one is seen by all within a second.

#![allow(missing_docs, clippy::unwrap_used, clippy::large_futures)]

#[path = "suite_replicas/failover.rs"]
mod failover;
#[path = "suite_replicas/limits.rs"]
mod limits;
#[path = "suite_replicas/rolling.rs"]
mod rolling;
mod support;
#[path = "suite_replicas/trouble.rs"]
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use mock_idp::MockIdp;
use reqwest::{Method, StatusCode};
use support::postgres::Postgres;
use support::redis::Redis;
use support::replicas::{ORIGIN, Replica, acme, soon};
use support::{Browser, Page, mapping_for};
use url::Url;
use vestibule::base::{Secret, SystemClock};
use vestibule::config::StorePlace;
use vestibule::store::PostgresStore;

struct Three {
    server: Postgres,
    url: Secret,
    idp: MockIdp,
    brokers: Vec<Replica>,
}

impl Three {
    /// `None` where PostgreSQL is not installed. With the account `acme`.
    async fn start() -> Option<Self> {
        Self::with(None).await
    }

    /// The same with transient records in a Redis.
    async fn with(transient: Option<&Secret>) -> Option<Self> {
        let server = Postgres::start()?;
        let url = server.empty().await;
        Some(Self::on(server, &url, transient).await)
    }

    /// The same on a server of the test's.
    async fn on(server: Postgres, url: &Secret, transient: Option<&Secret>) -> Self {
        PostgresStore::migrate(url, Arc::new(SystemClock))
            .await
            .unwrap();
        // All at once, as a deployment starts them.
        let (one, two, three) = tokio::join!(
            Replica::start(url, transient),
            Replica::start(url, transient),
            Replica::start(url, transient)
        );
        let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
        one.acme(&idp).await;
        Self {
            server,
            url: url.clone(),
            idp,
            brokers: vec![one, two, three],
        }
    }

    /// Browsers that each talk to one broker with the same cookies, which every
    /// broker has looked at a moment ago.
    async fn watching(&self, browser: &Browser) -> Vec<Browser> {
        let mut all = Vec::new();
        for broker in &self.brokers {
            let mut one = Browser::new();
            one.jar = browser.jar.clone();
            one.moves_to(broker);
            for _ in 0..3 {
                assert_eq!(one.check().await, StatusCode::OK);
            }
            all.push(one);
        }
        all
    }

    /// Everywhere nobody is logged in any more.
    async fn all_out(watching: &mut [Browser]) {
        for browser in watching {
            soon("a session that ended", async || {
                let status = browser.check().await;
                assert!(matches!(status.as_u16(), 200 | 401), "{status}");
                status == StatusCode::UNAUTHORIZED
            })
            .await;
        }
    }
}

/// Asks for a logout.
async fn log_out(browser: &mut Browser) -> Page {
    let headers = [
        ("origin", ORIGIN),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    browser
        .send(Method::POST, &acme("logout"), &headers, Some(String::new()))
        .await
}

/// A login that starts at one, calls back at another and ends at a third; gives the
/// browser and the addresses that it used up.
async fn through(one: &Replica, two: &Replica, last: &Replica) -> (Browser, Url, Url) {
    let mut browser = Browser::new();
    browser.moves_to(one);
    let start = acme("login?return_to=/welcome");
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    browser.moves_to(two);
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    browser.moves_to(last);
    let end = browser.get(finish.as_str()).await;
    assert_eq!(end.location().unwrap().path(), "/welcome", "{}", end.body);
    (browser, callback, finish)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_goes_through_three_brokers() {
    let Some(three) = Three::start().await else {
        return;
    };
    let [one, two, last] = &three.brokers[..] else {
        unreachable!()
    };
    for _ in 0..5 {
        let (mut browser, callback, finish) = through(one, two, last).await;
        for broker in &three.brokers {
            browser.moves_to(broker);
            assert_eq!(browser.check().await, StatusCode::OK);
        }
        // Neither the state nor the ticket counts twice, wherever it is tried.
        for broker in &three.brokers {
            browser.moves_to(broker);
            let again = browser.get(callback.as_str()).await;
            let again = browser.follow(again).await;
            assert!(again.shows("login.state_replayed"), "{}", again.body);
            let again = browser.get(finish.as_str()).await;
            let again = browser.follow(again).await;
            assert_ne!(again.url.path(), "/welcome", "{}", again.body);
        }
    }
}

/// Of callbacks at all brokers at once one counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_three_callbacks_counts() {
    let Some(three) = Three::start().await else {
        return;
    };
    for _ in 0..5 {
        let mut browser = Browser::new();
        browser.moves_to(&three.brokers[0]);
        let callback = browser.to_callback(&acme("login"), "ada", "lovelace").await;
        let all = three.brokers.iter().map(|broker| {
            let mut one = Browser::new();
            one.jar = browser.jar.clone();
            one.moves_to(broker);
            let callback = callback.clone();
            tokio::spawn(async move { one.get(callback.as_str()).await })
        });
        let mut good = 0;
        for page in all.collect::<Vec<_>>() {
            let next = page.await.unwrap().location().unwrap();
            good += usize::from(next.path().ends_with("/finish"));
        }
        assert_eq!(good, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_changes_at_one_is_seen_by_all_within_a_second() {
    let Some(three) = Three::start().await else {
        return;
    };
    let [one, two, last] = &three.brokers[..] else {
        unreachable!()
    };
    let json = "application/json";

    // Sessions that an administrator ends.
    let mut browser = Browser::new();
    browser.logs_in_at(one).await;
    let mut watching = three.watching(&browser).await;
    let users = two
        .admin(Method::GET, "/accounts/acme/users", json, "")
        .await;
    let user = users["items"][0]["id"].as_str().unwrap().to_owned();
    let user = format!("/accounts/acme/users/{user}");
    last.admin(Method::DELETE, &format!("{user}/sessions"), json, "")
        .await;
    Three::all_out(&mut watching).await;

    // A logout.
    browser.logs_in_at(two).await;
    let mut watching = three.watching(&browser).await;
    browser.moves_to(one);
    let out = log_out(&mut browser).await;
    assert!(out.status.is_redirection(), "{} {}", out.status, out.body);
    Three::all_out(&mut watching).await;

    // A disabled user: out everywhere, and in nowhere.
    browser.logs_in_at(last).await;
    let mut watching = three.watching(&browser).await;
    two.admin(Method::PATCH, &user, json, r#"{"disabled":true}"#)
        .await;
    Three::all_out(&mut watching).await;
    for broker in &three.brokers {
        browser.moves_to(broker);
        let end = browser.log_in(&acme("login"), "ada", "lovelace").await;
        assert!(end.shows("login.user_disabled"), "{}", end.body);
    }
    one.admin(Method::PATCH, &user, json, r#"{"disabled":false}"#)
        .await;

    // A mapping.
    let scope = async |browser: &mut Browser| {
        let page = browser.get(acme("login")).await;
        page.location().unwrap().query().unwrap().to_owned()
    };
    browser.moves_to(last);
    assert!(!scope(&mut browser).await.contains("other"));
    let mapping = mapping_for(&three.idp).replace("profile email", "profile email other");
    one.apply(&mapping).await;
    for broker in &three.brokers {
        browser.moves_to(broker);
        soon("a mapping", async || {
            scope(&mut browser).await.contains("other")
        })
        .await;
    }

    // The signing keys.
    two.admin(Method::POST, "/keys/rotate", json, "{}").await;
    browser.moves_to(two);
    let jwks = format!("{ORIGIN}/.well-known/jwks.json");
    let published = browser.get(&jwks).await.json();
    for broker in &three.brokers {
        browser.moves_to(broker);
        soon("a rotation", async || {
            browser.get(&jwks).await.json()["keys"][0]["kid"] == published["keys"][0]["kid"]
        })
        .await;
    }

    // An account.
    last.admin(Method::DELETE, "/accounts/acme?confirm=acme", json, "")
        .await;
    for broker in &three.brokers {
        browser.moves_to(broker);
        soon("an account that is gone", async || {
            browser.check().await == StatusCode::NOT_FOUND
        })
        .await;
    }
}

/// Where the database says nothing, nobody is told "logged in" from memory for
/// longer than the bound, nor "nobody is logged in" at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_hangs_is_said_so_and_nobody_is_logged_out_by_it() {
    let Some(three) = Three::start().await else {
        return;
    };
    let mut browser = Browser::new();
    browser.logs_in_at(&three.brokers[0]).await;
    let mut watching = three.watching(&browser).await;
    three.server.pause(true);
    tokio::time::sleep(Duration::from_millis(800)).await;
    for browser in &mut watching[..2] {
        assert_eq!(browser.check().await, StatusCode::SERVICE_UNAVAILABLE);
    }
    three.server.pause(false);
    for browser in &mut watching {
        let mut tried = 0;
        while browser.check().await != StatusCode::OK {
            tried += 1;
            assert!(tried < 50, "it recovers by itself");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A broker that is killed takes no login with it, and the database's crash none
/// that is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_a_killed_broker_and_a_killed_database() {
    let Some(mut three) = Three::start().await else {
        return;
    };
    let mut browser = Browser::new();
    let killed = three.brokers.remove(0);
    browser.moves_to(&killed);
    let callback = browser.to_callback(&acme("login"), "ada", "lovelace").await;
    killed.kill();
    browser.moves_to(&three.brokers[0]);
    let page = browser.get(callback.as_str()).await;
    browser.moves_to(&three.brokers[1]);
    browser.follow(page).await;
    assert_eq!(browser.check().await, StatusCode::OK);

    let mut begun = Browser::new();
    begun.moves_to(&three.brokers[0]);
    let callback = begun.to_callback(&acme("login"), "ada", "lovelace").await;
    three.server.crash();
    let mut tried = 0;
    for broker in &three.brokers {
        browser.moves_to(broker);
        loop {
            match browser.check().await {
                StatusCode::OK => break,
                status => assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE),
            }
            tried += 1;
            assert!(tried < 200, "it recovers by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // What was only begun is gone, and said so.
    let page = begun.get(callback.as_str()).await;
    let page = begun.follow(page).await;
    assert!(page.shows("login.state_unknown"), "{}", page.body);
}

/// Brokers with two Redis servers by mistake: the second one does not start.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn brokers_of_one_database_have_one_redis() {
    let (Some(redis), Some(other)) = (Redis::start(), Redis::start()) else {
        return;
    };
    let Some(three) = Three::with(Some(&redis.url())).await else {
        return;
    };
    let durable = three.url.clone();
    let open = |transient: &Secret| {
        let (durable, transient) = (durable.clone(), transient.clone());
        Replica::try_with(move |config| {
            config.store = StorePlace::Postgres(durable);
            config.transient = Some(transient);
        })
    };
    let why = open(&other.url()).await.err().unwrap().to_string();
    assert!(why.contains("same `store.transient`"), "{why}");
    // The same one, emptied, is taken again once the others have seen that.
    redis.ask(&["flushall"]);
    let mut tried = 0;
    while let Err(error) = open(&redis.url()).await {
        assert!(error.to_string().contains("start again in 20 s"), "{error}");
        tried += 1;
        assert!(tried < 200, "it recovers by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let [one, two, last] = &three.brokers[..] else {
        unreachable!()
    };
    through(one, two, last).await;
}

/// What is under way is in Redis: without it no login begins, and who is logged in
/// stays so. An old snapshot brings back a state that was used, which counts nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_are_under_way_in_redis() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let Some(three) = Three::with(Some(&redis.url())).await else {
        return;
    };
    let [one, two, last] = &three.brokers[..] else {
        unreachable!()
    };
    let (mut browser, ..) = through(one, two, last).await;

    let mut other = Browser::new();
    other.moves_to(two);
    let callback = other.to_callback(&acme("login"), "ada", "lovelace").await;
    redis.ask(&["save"]);
    let page = other.get(callback.as_str()).await;
    let page = other.follow(page).await;
    assert_eq!(other.check().await, StatusCode::OK, "{}", page.body);

    redis.kill();
    for broker in &three.brokers {
        browser.moves_to(broker);
        assert_eq!(browser.check().await, StatusCode::OK);
        let start = browser.get(acme("login")).await;
        assert_eq!(start.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    redis.start_again();
    for broker in &three.brokers {
        other.moves_to(broker);
        let again = other.get(callback.as_str()).await;
        let again = other.follow(again).await;
        assert!(again.shows("login.state_replayed"), "{}", again.body);
    }
    through(last, one, two).await;
}
