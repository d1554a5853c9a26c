//! What happens from one request to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vestibule::base::ManualClock;
use vestibule::outbound::{Limits, Outbound, OutboundError};

use super::server::{OK, Server, fails, get, loopback, outbound, post, roomy, short};

#[tokio::test]
async fn connections_are_reused() {
    let server = Server::canned(OK, false).await;
    let outbound = outbound(loopback());
    for _ in 0..3 {
        let response = outbound
            .send("a/b", post(&server.url("/")), &roomy())
            .await
            .unwrap();
        assert_eq!(response.body, "ok");
    }
    assert_eq!((server.connections(), server.requests()), (1, 3));
}

#[tokio::test]
async fn o8_nothing_is_sent_twice() {
    let server = Server::canned("", true).await;
    assert_eq!(fails(&server, &roomy()).await.code(), "connection_cut");
    assert_eq!((server.connections(), server.requests()), (1, 1));

    // And on a connection that has served before.
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |_, mut peer| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                peer.write(OK.as_bytes()).await;
            }
            (peer, first)
        }
    })
    .await;
    let outbound = outbound(loopback());
    assert!(
        outbound
            .send("a/b", post(&server.url("/")), &roomy())
            .await
            .is_ok()
    );
    let error = outbound
        .send("a/b", post(&server.url("/")), &roomy())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "connection_cut", "{error:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!((server.connections(), server.requests()), (1, 2));
}

#[tokio::test]
async fn o9_a_flapping_provider_opens_its_breaker_and_recovers() {
    let healthy = Arc::new(AtomicUsize::new(0));
    let state = healthy.clone();
    let server = Server::start(move |_, mut peer| {
        let status = match state.load(Ordering::SeqCst) {
            0 => 503,
            1 => 500,
            _ => 200,
        };
        async move {
            peer.write(format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n").as_bytes())
                .await;
            (peer, true)
        }
    })
    .await;
    let clock = ManualClock::default();
    let outbound = Outbound::new(loopback(), Arc::new(clock.clone())).unwrap();
    let url = server.url("/");
    let send = |lane: &'static str| {
        outbound.send(
            lane,
            get(&url),
            &const {
                Limits {
                    connect: Duration::from_millis(250),
                    total: Duration::from_secs(2),
                    max_body: 100,
                }
            },
        )
    };
    for _ in 0..5 {
        assert_eq!(send("acme/bad").await.unwrap().status, 503);
    }
    let error = send("acme/bad").await.unwrap_err();
    assert!(
        matches!(error, OutboundError::BreakerOpen { retry_after } if retry_after == Duration::from_secs(10))
    );
    assert_eq!(error.code(), "provider_unavailable");
    assert_eq!(server.requests(), 5);
    assert_eq!(
        send("acme/other").await.unwrap().status,
        503,
        "other lanes are open"
    );

    clock.advance(Duration::from_millis(9_999));
    assert!(send("acme/bad").await.is_err());
    clock.advance(Duration::from_millis(1));
    assert_eq!(send("acme/bad").await.unwrap().status, 503, "the probe");
    assert!(send("acme/bad").await.is_err(), "it failed");
    clock.advance(Duration::from_secs(10));
    healthy.store(2, Ordering::SeqCst);
    assert_eq!(send("acme/bad").await.unwrap().status, 200);
    // Anybody can cause a 500 at some providers with a bad code.
    healthy.store(1, Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(send("acme/bad").await.unwrap().status, 500);
    }
}

#[tokio::test]
async fn an_abandoned_probe_lets_the_next_one_through() {
    let server = Server::start(|_, peer| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        (peer, false)
    })
    .await;
    let clock = ManualClock::default();
    let outbound = Outbound::new(loopback(), Arc::new(clock.clone())).unwrap();
    let quick = Limits {
        total: Duration::from_millis(30),
        ..short()
    };
    for _ in 0..5 {
        let error = outbound
            .send("a/b", get(&server.url("/")), &quick)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "timeout");
    }
    clock.advance(Duration::from_secs(10));
    let url = server.url("/");
    let limits = short();
    let probe = outbound.send("a/b", get(&url), &limits);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), probe)
            .await
            .is_err()
    );
    let error = outbound.send("a/b", get(&url), &quick).await.unwrap_err();
    assert_eq!(
        error.code(),
        "timeout",
        "a second probe, not an open breaker"
    );
}

#[tokio::test]
async fn one_slow_provider_does_not_hold_up_the_others() {
    let slow = Server::start(|_, peer| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        (peer, false)
    })
    .await;
    let quick = Server::canned(OK, false).await;
    let outbound = Arc::new(outbound(loopback()));
    let limits = Limits {
        total: Duration::from_secs(30),
        ..short()
    };
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (outbound, url) = (outbound.clone(), slow.url("/"));
        waiting.spawn(async move {
            outbound
                .send("acme/slow", get(&url), &limits)
                .await
                .map(|_| ())
        });
    }
    while slow.requests() < 64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let brief = Limits {
        total: Duration::from_secs(1),
        ..roomy()
    };
    let error = outbound
        .send("acme/slow", get(&slow.url("/")), &brief)
        .await
        .unwrap_err();
    assert!(matches!(error, OutboundError::Busy), "{error:?}");
    let response = outbound
        .send("acme/quick", get(&quick.url("/")), &roomy())
        .await;
    assert!(response.is_ok());
    waiting.shutdown().await;
    assert_eq!(slow.requests(), 64);
}
