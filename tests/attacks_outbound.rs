//! Attacks through a provider's own endpoints, in whole logins: rows O1–O9. The
//! client by itself is tested in `tests/outbound.rs`, O3 (DNS) there only.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_outbound/once.rs"]
mod once;
mod support;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use mock_idp::{Config, Encoding, FaultKind, Faults, MockIdp};
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::attack::{START, forms, is_safe_page};
use support::{Browser, Page, World, mapping_for};
use tower::ServiceExt;
use vestibule::broker::Broker;

const TOKEN: &str = "login.token_response_invalid";
const USERINFO: &str = "login.userinfo_invalid";
const UNREACHABLE: &str = "login.provider_unreachable";

/// `acme` with a mapping that loses patience after this many milliseconds.
async fn impatient(millis: u32) -> World {
    let world = World::start().await;
    let mapping = format!("{}\n[timeouts]\ntotal = \"{millis}ms\"", world.mapping());
    world.apply("acme", &mapping).await;
    world
}

#[tokio::test]
async fn o01_the_inside_is_refused_when_saved_and_when_used() {
    let world = World::start().await;
    let at = world.idp.origin();
    for host in [
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "012.0.0.1",
        "0xa000001",
        "167772161",
        "[fd00::1]",
        "[64:ff9b::a00:1]",
        "0.0.0.0",
        "user:x@127.0.0.1",
    ] {
        for endpoint in ["authorize", "token", "userinfo"] {
            let mapping = world.mapping().replace(
                &format!("{at}/{endpoint}"),
                &format!("http://{host}/{endpoint}"),
            );
            let (status, answer) = world
                .admin(
                    Method::POST,
                    "/accounts/acme/providers",
                    "application/toml",
                    &mapping,
                )
                .await;
            assert_eq!(status, 422, "{host} {endpoint}: {answer}");
        }
    }
    world.log_in(&mut Browser::new()).await;

    // A broker whose operator does not allow the network, on the same data.
    let mut config = vestibule::config::from_parts("", [], None).unwrap();
    config.public_url = Some(world.origin.parse().unwrap());
    world.data_dir().clone_into(&mut config.data_dir);
    let strict = Broker::on(world.store.clone(), &config, Arc::new(world.clock.clone()))
        .await
        .unwrap();
    let host = world.origin.strip_prefix("http://").unwrap();
    let request = Request::builder()
        .uri("/accounts/acme/login")
        .header("host", host)
        .body(Body::empty())
        .unwrap();
    let answer = strict.router().oneshot(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 500);
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("login.provider_misconfigured"));
}

#[tokio::test]
async fn o02_redirects_are_not_followed() {
    let world = World::start().await;
    let thief = MockIdp::start(Config::default()).await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        for (at, code) in [
            ("token", "login.provider_error"),
            ("userinfo", "login.provider_error"),
        ] {
            for location in [
                format!("{}/{at}", thief.origin()),
                format!("{}/stolen", world.idp.origin()),
            ] {
                world
                    .fault_fails(at, FaultKind::Redirect { location, status }, code)
                    .await;
            }
        }
    }
    assert!(thief.journal().is_empty());
    assert_eq!(world.calls("/stolen"), 0);
}

#[tokio::test]
async fn o04_hanging_dripping_and_cutting() {
    let world = impatient(250).await;
    for (at, fault, code, status) in [
        ("token", FaultKind::Hang, "login.provider_timeout", 504),
        ("userinfo", FaultKind::Hang, "login.provider_timeout", 504),
        (
            "token",
            FaultKind::Drip { ms_per_byte: 20 },
            "login.provider_timeout",
            504,
        ),
        (
            "userinfo",
            FaultKind::Slow { ms: 5_000 },
            "login.provider_timeout",
            504,
        ),
        (
            "token",
            FaultKind::Cut { after_bytes: 10 },
            UNREACHABLE,
            502,
        ),
        (
            "userinfo",
            FaultKind::Cut { after_bytes: 0 },
            UNREACHABLE,
            502,
        ),
        ("token", FaultKind::Close, UNREACHABLE, 502),
        ("userinfo", FaultKind::Close, UNREACHABLE, 502),
    ] {
        let page = world.fault_fails(at, fault, code).await;
        assert_eq!(page.status.as_u16(), status);
        // It also closes the breaker again.
        world.restarts(&mut Browser::new(), &page).await;
    }
}

#[tokio::test]
async fn o04_nobody_is_there() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let gone = MockIdp::start(Config::default()).await.unwrap();
    let mapping = world.mapping().replace(
        &format!("{}/token", world.idp.origin()),
        &format!("{}/token", gone.origin()),
    );
    gone.shutdown().await;
    world.apply("acme", &mapping).await;
    world
        .rejected(&mut browser, callback.as_str(), UNREACHABLE)
        .await;
}

#[tokio::test]
async fn o05_bodies_without_end() {
    let world = impatient(5_000).await;
    for (at, code) in [("token", TOKEN), ("userinfo", USERINFO)] {
        for fault in [
            FaultKind::Huge {
                bytes: 1 << 30,
                with_length: true,
            },
            FaultKind::Huge {
                bytes: 1 << 30,
                with_length: false,
            },
            FaultKind::GzipBomb {
                decoded_bytes: 1 << 30,
            },
        ] {
            world.fault_fails(at, fault, code).await;
        }
    }
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn o06_answers_that_are_none() {
    let world = World::start().await;
    let deep = FaultKind::DeepJson { depth: 100_000 };
    let text = |text: &str| FaultKind::Body {
        content_type: "application/json".to_owned(),
        text: text.to_owned(),
    };
    for fault in [
        FaultKind::Html200,
        FaultKind::Empty200,
        FaultKind::NotJson,
        deep,
        text("1e400"),
        text("nul"),
        text("{\"a\":"),
        text("{}{}"),
        text("[]"),
        text("null"),
        text("\"x\""),
    ] {
        for (at, code) in [("token", TOKEN), ("userinfo", "login.user")] {
            world.fault_fails(at, fault.clone(), code).await;
        }
    }
    for token in [
        "{\"access_token\":1e400}",
        "{\"access_token\":null}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":[\"x\"]}",
        "{\"access_token\":{}}",
        "{\"access_token\":true}",
    ] {
        world.fault_fails("token", text(token), TOKEN).await;
    }
    let refusals = [
        FaultKind::error_in_200(),
        FaultKind::ErrorIn200 {
            body: json!({ "error": { "code": 190, "message": "no" } }),
        },
        FaultKind::Empty400,
        FaultKind::status(401),
        FaultKind::status(418),
        FaultKind::Status {
            code: 400,
            body: "<html><script>alert(1)</script>".to_owned(),
            content_type: "text/html".to_owned(),
            headers: std::collections::BTreeMap::new(),
        },
    ];
    for fault in refusals {
        for (at, code) in [
            ("token", "login.token_rejected"),
            ("userinfo", "login.userinfo_rejected"),
        ] {
            let page = world.fault_fails(at, fault.clone(), code).await;
            assert_eq!(page.status, StatusCode::BAD_GATEWAY);
        }
    }
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn o06_tokens_cannot_write_headers() {
    let world = World::start().await;
    for token in ["a\\r\\nX-Evil: 1", "a\\nb", "a\\u0000b"] {
        let text = format!("{{\"access_token\":\"{token}\"}}");
        let fault = FaultKind::Body {
            content_type: "application/json".to_owned(),
            text,
        };
        world.fault_fails("token", fault, "login.").await;
    }
    assert_eq!(world.calls("/userinfo"), 0);
}

#[tokio::test]
async fn o07_no_trust_no_token() {
    let world = World::start().await;
    let secure = world.idp.origin().replace("http://", "https://");
    for endpoint in ["token", "userinfo"] {
        let plain = format!("{}/{endpoint}", world.idp.origin());
        let mapping = world
            .mapping()
            .replace(&plain, &format!("{secure}/{endpoint}"));
        world.apply("acme", &mapping).await;
        world.login_fails(UNREACHABLE).await;
    }
    assert_eq!(world.calls("/userinfo"), 0);
}

/// A start of a login that is refused before anybody types a password.
async fn refused_at_start(world: &World) -> Page {
    let page = Browser::new().get(world.url("acme", START)).await;
    assert_eq!(
        page.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        page.body
    );
    assert!(page.shows("login.provider_busy"));
    let after: u32 = page.header("retry-after").parse().unwrap();
    assert!((1..=11).contains(&after), "{after}");
    is_safe_page(&page);
    page
}

#[tokio::test]
async fn f16_a_provider_that_fails_is_known_before_anybody_types_a_password() {
    let world = World::start().await;
    let fault = FaultKind::status(500);
    for at in ["token", "userinfo"] {
        let (mut begun, callback) = world.begun().await;
        for _ in 0..20 {
            world.fault_fails(at, fault.clone(), "login.").await;
        }
        refused_at_start(&world).await;
        // Who is on the way already is told the same.
        let path = format!("/{at}");
        let calls = world.calls(&path);
        world
            .rejected(&mut begun, callback.as_str(), "login.provider_busy")
            .await;
        assert_eq!(world.calls(&path), calls, "left alone");
        world.clock.advance(Duration::from_secs(10));
        world.log_in(&mut Browser::new()).await;
    }
}

#[tokio::test]
async fn o09_a_flapping_provider() {
    let world = World::start().await;
    let steady = MockIdp::start(Config::default()).await.unwrap();
    world.account("other").await;
    world.apply("other", &mapping_for(&steady)).await;
    for _ in 0..5 {
        world
            .fault_fails("token", FaultKind::status(503), "login.provider_busy")
            .await;
    }
    let page = refused_at_start(&world).await;
    let browser = &mut Browser::new();
    browser
        .log_in(&world.url("other", START), "ada", "lovelace")
        .await;
    assert_eq!(
        browser.session(&world, "other").await["authenticated"],
        true
    );
    world.clock.advance(Duration::from_secs(10));
    world.restarts(&mut Browser::new(), &page).await;
    // What a visitor can cause does not open it.
    for _ in 0..6 {
        world
            .fault_fails("token", FaultKind::Empty400, "login.token_rejected")
            .await;
    }
    world.idp.set_faults(Faults::none());
    world.log_in(&mut Browser::new()).await;
}
