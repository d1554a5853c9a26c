//! A database that is slow, and one whose disk is full.

use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use http::Request;
use reqwest::StatusCode;
use tower::ServiceExt;
use vestibule::base::Secret;

use super::support::Browser;
use super::support::postgres::{PASSWORD, Postgres, USER};
use super::support::replicas::{Replica, acme};
use super::support::slow::Slow;
use super::{Three, log_out};

/// How long a broker may take to say that it can't, a browser's way through all its
/// steps included.
const PATIENCE: Duration = Duration::from_secs(20);

/// What `/readyz` says.
async fn ready(replica: &Replica) -> (StatusCode, String) {
    let request = Request::get("/readyz").body(Body::empty()).unwrap();
    let answer = replica.broker.health_router().oneshot(request).await;
    let answer = answer.unwrap();
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Tries to log in as `ada`; whether that was done. Where it was not, the page says so.
async fn gets_in(browser: &mut Browser, replica: &Replica) -> bool {
    browser.moves_to(replica);
    let began = Instant::now();
    let mut page = browser.get(acme("login?return_to=/welcome")).await;
    if page.status.is_redirection() {
        let callback = browser.through_idp(page, "ada", "lovelace").await;
        page = browser.get(callback.as_str()).await;
        page = browser.follow(page).await;
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    if page.url.path() == "/welcome" {
        return true;
    }
    assert_eq!(
        page.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        page.body
    );
    assert!(page.shows("service.unavailable"), "{}", page.body);
    false
}

/// Waits until all brokers say that they are ready again.
async fn all_ready(brokers: &[Replica]) -> Duration {
    let began = Instant::now();
    for broker in brokers {
        while ready(broker).await.0 != StatusCode::OK {
            assert!(began.elapsed() < PATIENCE, "it recovers by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_a_slow_database_is_waited_for_and_a_slower_one_is_said_so() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let slow = Slow::before(server.port).await;
    let url = format!(
        "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/postgres",
        slow.port
    );
    let three = Three::on(server, &Secret::new(url), None).await;
    let (one, two) = (&three.brokers[0], &three.brokers[1]);
    let mut stays = Browser::new();
    assert!(gets_in(&mut stays, one).await);

    // Slow, and everything is done, at its speed.
    slow.by(Duration::from_millis(80));
    let mut late = Browser::new();
    assert!(gets_in(&mut late, two).await, "it is only slow");
    for broker in &three.brokers {
        late.moves_to(broker);
        assert_eq!(late.check().await, StatusCode::OK);
    }
    let out = log_out(&mut late).await;
    assert!(out.status.is_redirection(), "{} {}", out.status, out.body);
    for broker in &three.brokers {
        late.moves_to(broker);
        let began = Instant::now();
        while late.check().await != StatusCode::UNAUTHORIZED {
            assert!(began.elapsed() < PATIENCE);
        }
    }

    // So slow that nobody waits for it.
    slow.by(Duration::from_secs(8));
    let mut refused = Browser::new();
    assert!(!gets_in(&mut refused, one).await, "nobody waits so long");
    for broker in &three.brokers {
        stays.moves_to(broker);
        let began = Instant::now();
        let status = stays.check().await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        let (status, said) = ready(broker).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{said}");
    }

    slow.by(Duration::ZERO);
    let took = all_ready(&three.brokers).await;
    println!("all brokers were ready {took:?} after the database was quick again");
    for broker in &three.brokers {
        stays.moves_to(broker);
        assert_eq!(stays.check().await, StatusCode::OK, "nothing is lost");
        assert!(gets_in(&mut Browser::new(), broker).await);
        late.moves_to(broker);
        assert_eq!(late.check().await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_a_database_whose_disk_is_full_loses_nothing_and_recovers() {
    let Some(server) = Postgres::on_small_disk(128) else {
        return;
    };
    let url = server.url("postgres");
    let mut three = Three::on(server, &url, None).await;
    let mut stays = Browser::new();
    assert!(gets_in(&mut stays, &three.brokers[0]).await);
    let mut gone = Browser::new();
    assert!(gets_in(&mut gone, &three.brokers[1]).await);

    three.server.fill_disk(true);
    // What room the server has of its own is used up first.
    let (mut inside, mut tried) = (Vec::new(), 0);
    loop {
        let mut browser = Browser::new();
        if !gets_in(&mut browser, &three.brokers[tried % 3]).await {
            break;
        }
        inside.push(browser);
        tried += 1;
        assert!(tried < 3_000, "it never gets full");
    }
    println!("{tried} logins until the disk was full");
    let (status, said) = ready(&three.brokers[tried % 3]).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{said}");
    // A logout that is not acknowledged may have happened; one that is has.
    let out = log_out(&mut gone).await;
    let is_out = out.status.is_redirection();
    assert!(
        is_out || out.status == StatusCode::SERVICE_UNAVAILABLE,
        "{} {}",
        out.status,
        out.body
    );
    for broker in &three.brokers {
        for browser in inside.iter_mut().rev().take(5).chain([&mut stays]) {
            browser.moves_to(broker);
            let status = browser.check().await.as_u16();
            assert!(matches!(status, 200 | 503), "{status}");
        }
    }

    three.server.fill_disk(false);
    // Where it could not write its log it has ended, and is started as its unit would.
    if !three.server.runs() {
        println!("the server had ended by itself");
        three.server.start_again();
    }
    let took = all_ready(&three.brokers).await;
    println!("all brokers were ready {took:?} after there was room again");
    for broker in &three.brokers {
        for browser in inside.iter_mut().chain([&mut stays]) {
            browser.moves_to(broker);
            assert_eq!(browser.check().await, StatusCode::OK, "it was acknowledged");
        }
        if is_out {
            gone.moves_to(broker);
            assert_eq!(gone.check().await, StatusCode::UNAUTHORIZED);
        }
        assert!(gets_in(&mut Browser::new(), broker).await);
    }
}
