//! A primary and its standby: the primary is killed, the standby promoted, and then the
//! old one comes back as it was.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::support::Browser;
use super::support::postgres::Postgres;
use super::support::replicas::{BOUND, Replica, acme};
use super::{Three, log_out, through};

/// How long brokers may take after a promotion.
const RECOVERED: Duration = Duration::from_secs(10);

/// Browsers with these cookies, one at each broker.
fn at_each(brokers: &[Replica], browser: &Browser) -> Vec<Browser> {
    let one = |broker| {
        let mut one = Browser::new();
        one.jar = browser.jar.clone();
        one.moves_to(broker);
        one
    };
    brokers.iter().map(one).collect()
}

/// Asks all until each is told what it should be. Nobody may be told the contrary, at
/// any time: a broker that does not know says so.
async fn told(browsers: &mut [Browser], right: StatusCode, wrong: StatusCode) -> Duration {
    let began = Instant::now();
    for browser in browsers {
        loop {
            let status = browser.check().await;
            assert_ne!(status, wrong);
            if status == right {
                break;
            }
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(began.elapsed() < RECOVERED, "it recovers by itself");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    began.elapsed()
}

const IN: StatusCode = StatusCode::OK;
const OUT: StatusCode = StatusCode::UNAUTHORIZED;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_a_standby_takes_over_and_no_logout_is_lost() {
    let Some(primary) = Postgres::start() else {
        return;
    };
    let standby = primary.standby();
    primary.synchronous().await;
    let url = primary.url_with(&standby, "postgres");
    let mut three = Three::on(primary, &url, None).await;

    let (mut stays, ..) = through(&three.brokers[0], &three.brokers[1], &three.brokers[2]).await;
    let mut gone = Vec::new();
    let mut used = Vec::new();
    for turn in 0..6 {
        let brokers = &three.brokers;
        let (one, two) = (&brokers[turn % 3], &brokers[(turn + 1) % 3]);
        let (mut browser, callback, _) = through(one, two, one).await;
        let before = at_each(brokers, &browser);
        browser.moves_to(two);
        let out = log_out(&mut browser).await;
        assert!(out.status.is_redirection(), "{} {}", out.status, out.body);
        gone.extend(before);
        used.push((browser, callback));
    }
    let mut begun = Browser::new();
    begun.moves_to(&three.brokers[0]);
    let pending = begun.to_callback(&acme("login"), "ada", "lovelace").await;

    // So long a broker may remember what another one ended.
    tokio::time::sleep(BOUND).await;
    three.server.kill();
    // Nobody is told that a session is there that has ended, or the other way round.
    for browser in &mut gone {
        assert_ne!(browser.check().await, IN);
    }
    let mut staying = at_each(&three.brokers, &stays);
    for browser in &mut staying {
        assert_ne!(browser.check().await, OUT);
    }
    standby.promote().await;
    let took = told(&mut staying, IN, OUT).await;
    told(&mut gone, OUT, IN).await;
    println!("after the promotion all brokers answered within {took:?}");
    let page = begun.get(pending.as_str()).await;
    let page = begun.follow(page).await;
    assert!(page.shows("login.state_unknown"), "{}", page.body);
    for (browser, callback) in &mut used {
        let page = browser.get(callback.as_str()).await;
        let page = browser.follow(page).await;
        assert!(page.shows("login.state_"), "{}", page.body);
    }

    // The old primary comes back and takes writes, as before. Nobody uses it, also who
    // makes new connections, and who starts now.
    three.server.start_again();
    assert_eq!(
        three.server.ask("SELECT pg_is_in_recovery()::text").await,
        "false"
    );
    let ours = "application_name = 'vestibule' AND pid <> pg_backend_pid()";
    standby
        .run(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}"),
        )
        .await;
    told(&mut staying, IN, OUT).await;
    told(&mut gone, OUT, IN).await;
    three.brokers.push(Replica::start(&url, None).await);
    for broker in &three.brokers {
        let mut browser = Browser::new();
        browser.logs_in_at(broker).await;
        assert!(log_out(&mut browser).await.status.is_redirection());
        stays.moves_to(broker);
        assert_eq!(stays.check().await, IN);
    }
    let count = format!("SELECT count(*)::text FROM pg_stat_activity WHERE {ours}");
    assert_eq!(three.server.ask(&count).await, "0");
    // Where only the old one is left, there is none.
    let mut standby = standby;
    standby.kill();
    tokio::time::sleep(Duration::from_millis(800)).await;
    stays.moves_to(&three.brokers[1]);
    assert_eq!(stays.check().await, StatusCode::SERVICE_UNAVAILABLE);
}

/// What the standby does not have is not acknowledged, where commits wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_that_the_standby_lacks_is_not_acknowledged() {
    let Some(primary) = Postgres::start() else {
        return;
    };
    let mut standby = primary.standby();
    primary.synchronous().await;
    let url = primary.url_with(&standby, "postgres");
    let three = Three::on(primary, &url, None).await;
    let mut browser = Browser::new();
    browser.logs_in_at(&three.brokers[0]).await;
    standby.kill();
    let out = log_out(&mut browser).await;
    assert_eq!(out.status, StatusCode::SERVICE_UNAVAILABLE, "{}", out.body);
    standby.start_again();
    let mut tried = 0;
    while log_out(&mut browser).await.status == StatusCode::SERVICE_UNAVAILABLE {
        tried += 1;
        assert!(tried < 20, "it recovers by itself");
    }
    let mut all = at_each(&three.brokers, &browser);
    told(&mut all, OUT, IN).await;
}

/// A primary that hangs, as one that is cut off, is left for the one that was promoted,
/// and what was connected to it is not used when it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_a_primary_that_hangs_is_left_and_not_gone_back_to() {
    let Some(primary) = Postgres::start() else {
        return;
    };
    let standby = primary.standby();
    primary.synchronous().await;
    let url = primary.url_with(&standby, "postgres");
    let three = Three::on(primary, &url, None).await;
    let mut browser = Browser::new();
    browser.logs_in_at(&three.brokers[0]).await;
    three.server.pause(true);
    standby.promote().await;
    let mut staying = at_each(&three.brokers, &browser);
    let took = told(&mut staying, IN, OUT).await;
    println!("the primary that hangs was left within {took:?}");
    three.server.pause(false);
    let mut others = at_each(&three.brokers, &browser);
    for broker in &three.brokers {
        let mut one = Browser::new();
        one.logs_in_at(broker).await;
        for browser in &mut others {
            browser.jar.clone_from(&one.jar);
        }
        told(&mut others, IN, OUT).await;
        assert!(log_out(&mut one).await.status.is_redirection());
        tokio::time::sleep(BOUND).await;
        for browser in &mut others {
            assert_eq!(browser.check().await, OUT);
        }
    }
}
