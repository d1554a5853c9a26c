//! Attacks on cookies and sessions: rows C1–C12, and D7 where sessions are concerned.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_cookies/sessions.rs"]
mod sessions;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use support::attack::{Failing, START, parameter};
use support::{Browser, Page, World};
use url::Url;
use vestibule::base::{Clock, Timestamp};

const HOST: (&str, &str) = ("host", "shop.test");

/// A broker behind https, with one store on https.
async fn secure() -> World {
    let world = World::with(|config| {
        config.public_url = Some(Url::parse("https://login.test").unwrap());
    })
    .await;
    world
        .account_with("acme", &[("https://shop.test", "/_auth")])
        .await;
    world.apply("acme", &world.mapping()).await;
    world
}

/// What a browser does at the shop, whose proxy keeps the host.
async fn at_shop(world: &World, browser: &mut Browser, endpoint: &str) -> Page {
    browser.get_with(world.url("acme", endpoint), &[HOST]).await
}

fn set_cookies(page: &Page) -> Vec<String> {
    let all = page.headers.get_all("set-cookie").iter();
    all.map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

async fn session_cookie(world: &World) -> (Browser, String) {
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let key = browser
        .jar
        .keys()
        .find(|(_, name)| name == "vestibule_acme")
        .unwrap();
    let value = browser.jar[key].clone();
    (browser, value)
}

/// The status of `check` with exactly this `Cookie` header.
async fn check(world: &World, cookie: &str) -> u16 {
    let page = Browser::new()
        .get_with(world.url("acme", "check"), &[("cookie", cookie)])
        .await;
    page.status.as_u16()
}

#[tokio::test]
async fn c01_attributes_on_https() {
    let world = secure().await;
    let browser = &mut Browser::new();
    let start = at_shop(&world, browser, START).await;
    let binding = set_cookies(&start).remove(0);
    let callback = browser.through_idp(start, "ada", "lovelace").await;
    assert_eq!(callback.host_str(), Some("login.test"));
    assert_eq!(callback.path(), "/callback/acme/mock-idp");
    let (path, query) = (callback.path(), callback.query().unwrap());
    let page = browser.get(format!("{}{path}?{query}", world.origin)).await;
    let finish = page.location().unwrap();
    assert!(
        finish
            .as_str()
            .starts_with("https://shop.test/_auth/finish?ticket="),
        "{finish}"
    );
    let page = at_shop(
        &world,
        browser,
        &format!("finish?{}", finish.query().unwrap()),
    )
    .await;
    assert_eq!(
        page.location().unwrap().as_str(),
        "https://shop.test/welcome"
    );
    let session = set_cookies(&page).remove(0);
    assert!(session.starts_with("__Host-vestibule_acme=ey"), "{session}");
    assert!(
        binding.starts_with("__Host-vestibule_acme.login="),
        "{binding}"
    );
    for cookie in [&session, &binding] {
        for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(
                cookie.split("; ").any(|part| part == attribute),
                "{attribute}: {cookie}"
            );
        }
        assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
    }
    assert!(session.contains("Max-Age=86400"), "{session}");
    for page in [
        &page,
        &at_shop(&world, browser, "session").await,
        &at_shop(&world, browser, "check").await,
    ] {
        assert_eq!(page.header("cache-control"), "no-store");
    }
    assert_eq!(
        at_shop(&world, browser, "check").await.status,
        StatusCode::OK
    );
    // Without the prefix it is not ours there.
    let value = session.split(['=', ';']).nth(1).unwrap();
    for (name, status) in [
        ("__Host-vestibule_acme", 200),
        ("vestibule_acme", 401),
        ("__host-vestibule_acme", 401),
        ("__Secure-vestibule_acme", 401),
    ] {
        let cookie = format!("{name}={value}");
        let page = Browser::new()
            .get_with(world.url("acme", "check"), &[HOST, ("cookie", &cookie)])
            .await;
        assert_eq!(page.status.as_u16(), status, "{name}");
    }
}

#[tokio::test]
async fn c02_tossed_cookies() {
    let world = World::start().await;
    let (_, value) = session_cookie(&world).await;
    assert_eq!(check(&world, &format!("vestibule_acme={value}")).await, 200);
    for cookie in [
        format!("vestibule_acme={value}; vestibule_acme=x"),
        format!("vestibule_acme=x; vestibule_acme={value}"),
        format!("vestibule_acme={value}; vestibule_acme={value}"),
        format!("vestibule_acme=; a=b;vestibule_acme={value}"),
    ] {
        assert_eq!(check(&world, &cookie).await, 401, "{cookie}");
    }
    let two = format!(
        "GET /accounts/acme/check HTTP/1.1\r\nHost: x\r\nCookie: vestibule_acme={value}\r\nCookie: vestibule_acme=x\r\nConnection: close\r\n\r\n"
    );
    assert!(world.raw(two).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn c03_names_that_only_look_like_ours() {
    let world = secure().await;
    let (_, value) = session_cookie(&World::start().await).await;
    for name in [
        "\u{2000}__Host-vestibule_acme",
        "\u{a0}__Host-vestibule_acme",
        "$Version=1; $Path=/; x",
        "=__Host-vestibule_acme",
        "__Host-vestibule_acme ",
        "__Host-vestibule_acme%20",
        "\"__Host-vestibule_acme\"",
    ] {
        let head = format!(
            "GET /accounts/acme/check HTTP/1.1\r\nHost: shop.test\r\nCookie: {name}={value}\r\nConnection: close\r\n\r\n"
        );
        let answer = world.raw(head).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{name}: {answer:.40}");
    }
    let world = World::start().await;
    let (_, value) = session_cookie(&world).await;
    for cookie in [
        format!("\u{2000}vestibule_acme={value}"),
        format!("\u{3000}vestibule_acme={value}"),
        format!("$Version=1, vestibule_acme={value}"),
        format!("=vestibule_acme={value}"),
        format!("x=vestibule_acme={value}"),
        format!("Vestibule_acme={value}"),
        format!("vestibule_acme=\"{value}\""),
        format!("vestibule%5Facme={value}"),
        format!("x=\"; vestibule_acme={value}x\""),
    ] {
        let head = format!(
            "GET /accounts/acme/check HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        assert!(
            world.raw(head).await.starts_with("HTTP/1.1 401"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn c04_crafted_cookies() {
    let world = World::start().await;
    let many = (0..1000)
        .map(|i| format!("c{i}=v"))
        .collect::<Vec<_>>()
        .join("; ");
    for cookie in [
        ";",
        "=",
        ";;;=;=;",
        "a",
        "vestibule_acme",
        "vestibule_acme=;",
        "vestibule_acme==",
        "\u{ff}",
        "vestibule_acme=..",
        "vestibule_acme=e30.e30.e30",
    ] {
        assert_eq!(check(&world, cookie).await, 401, "{cookie}");
    }
    assert_eq!(check(&world, &many).await, 400);
    for endpoint in [
        "login",
        "session",
        "finish?ticket=x",
        "logout",
        "check?redirect=true",
    ] {
        let page = Browser::new()
            .get_with(world.url("acme", endpoint), &[("cookie", &many)])
            .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{endpoint}");
    }
    let huge = format!("vestibule_acme={}", "x".repeat(64 << 10));
    let head = format!("GET /accounts/acme/check HTTP/1.1\r\nHost: x\r\nCookie: {huge}\r\n\r\n");
    assert!(world.raw(head).await.starts_with("HTTP/1.1 431"));
    let large = format!(
        "vestibule_acme={}.{}.x",
        "x".repeat(20_000),
        "e30".repeat(9000)
    );
    assert_eq!(check(&world, &large).await, 401);
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn c05_another_accounts_cookie() {
    let world = World::start().await;
    world.account("other").await;
    world.apply("other", &world.mapping()).await;
    let (_, value) = session_cookie(&world).await;
    for name in ["vestibule_other", "vestibule_acme"] {
        let cookie = format!("{name}={value}");
        let page = Browser::new()
            .get_with(world.url("other", "check"), &[("cookie", &cookie)])
            .await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn c10_logout_csrf() {
    let world = World::start().await;
    let (mut browser, _) = session_cookie(&world).await;
    let url = world.url("acme", "logout");
    let origin = world.origin.clone();
    for headers in [
        vec![("origin", "https://evil.test")],
        vec![("origin", "null"), ("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "http://127.0.0.1:1")],
        vec![("origin", &*format!("{origin}.evil.test"))],
        vec![("origin", &*format!("{origin}, https://evil.test"))],
        vec![("origin", "")],
    ] {
        let page = browser.send(Method::POST, &url, &headers, None).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(page.shows("logout.cross_site"));
    }
    for page in [
        browser.get(&url).await,
        browser.send(Method::HEAD, &url, &[], None).await,
    ] {
        assert_eq!(page.status, StatusCode::OK);
        assert!(set_cookies(&page).is_empty());
    }
    assert_eq!(browser.session(&world, "acme").await["authenticated"], true);
    let page = browser
        .send(
            Method::POST,
            &url,
            &[("origin", &origin), ("sec-fetch-site", "same-origin")],
            None,
        )
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
}

#[tokio::test]
async fn c12_shared_browser() {
    let world = World::start().await;
    let (mut browser, old) = session_cookie(&world).await;
    browser.post(world.url("acme", "logout"), &[]).await;
    browser
        .jar
        .retain(|(_, name), _| name.starts_with("vestibule"));
    let end = browser
        .log_in(&world.url("acme", START), "grace", "hopper")
        .await;
    assert_eq!(end.url.path(), "/welcome");
    let session: Value = browser.session(&world, "acme").await;
    assert_eq!(session["user"]["email"], "grace@example.test");
    assert_eq!(check(&world, &format!("vestibule_acme={old}")).await, 401);
    let check = browser.get(world.url("acme", "check")).await;
    assert_eq!(check.header("x-auth-email"), "grace@example.test");
    // An answer for one is never kept for the other.
    assert_eq!(check.header("cache-control"), "no-store");
}
