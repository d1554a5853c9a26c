//! `check` as proxies ask it: nginx, Traefik, Caddy, `HAProxy`, ingress-nginx, Envoy.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use reqwest::Method;
use support::{Browser, Page, World};

const SHOP: &str = "https://shop.test";
const OUTLET: &str = "https://outlet.test";

/// An account with two stores behind proxies, and a third at the broker's origin.
async fn shops() -> World {
    let world = World::empty().await;
    let origin = world.origin.clone();
    let stores = [
        (SHOP, "/_auth"),
        (OUTLET, "/login"),
        (&origin, "/accounts/acme"),
    ];
    world.account_with("acme", &stores).await;
    world.apply("acme", &world.mapping()).await;
    world
}

async fn ask(world: &World, method: Method, path: &str, headers: &[(&str, &str)]) -> Page {
    let url = world.url("acme", path);
    Browser::new().send(method, &url, headers, None).await
}

/// Where a browser goes to that is at a shop's page.
fn login(origin: &str, path: &str, page: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(page, percent_encoding::NON_ALPHANUMERIC);
    format!("{origin}{path}/login?return_to={encoded}")
}

#[tokio::test]
async fn scripts_are_told_and_visitors_are_sent() {
    let world = shops().await;
    let html = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    for visitor in [
        &[][..],
        &[html],
        &[("accept", "*/*")],
        &[html, ("sec-fetch-mode", "navigate")],
        &[html, ("x-forwarded-method", "HEAD")],
        &[html, ("x-requested-with", "com.example.browser")],
    ] {
        let mut headers = vec![("x-forwarded-host", "shop.test")];
        headers.extend(visitor);
        let page = ask(&world, Method::GET, "check?redirect=true", &headers).await;
        assert_eq!(page.status, 302, "{visitor:?}: {}", page.body);
    }
    for script in [
        &[("sec-fetch-mode", "cors"), html][..],
        &[("sec-fetch-mode", "same-origin")],
        &[("sec-fetch-mode", "no-cors"), ("accept", "*/*")],
        &[("sec-fetch-mode", "websocket")],
        &[("x-requested-with", "XMLHttpRequest"), html],
        &[("x-requested-with", "fetch")],
        &[("accept", "application/json")],
        &[("accept", "application/json, text/plain")],
        &[("accept", "image/avif,image/*")],
        &[("accept", "text/html;q=0, application/json")],
        &[("x-forwarded-method", "POST"), html],
        &[("x-forwarded-method", "OPTIONS")],
        &[("x-original-method", "DELETE"), html],
    ] {
        let mut headers = vec![("x-forwarded-host", "shop.test")];
        headers.extend(script);
        let page = ask(&world, Method::GET, "check?redirect=true", &headers).await;
        assert_eq!(page.status, 401, "{script:?}");
        assert!(page.location().is_none(), "{script:?}");
        assert!(page.shows("session.none"), "{}", page.body);
    }
}

#[tokio::test]
async fn each_proxy_tells_in_its_way_which_page_was_asked_for() {
    let world = shops().await;
    let orders = "/orders?open=1&page=2";
    for headers in [
        // Traefik
        &[
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "outlet.test"),
            ("x-forwarded-uri", orders),
        ][..],
        // Caddy keeps the host too
        &[
            ("host", "outlet.test"),
            ("x-forwarded-host", "outlet.test"),
            ("x-forwarded-uri", orders),
        ],
        // Two proxies in a row
        &[
            ("x-forwarded-host", "outlet.test, inner.test"),
            ("x-forwarded-uri", orders),
        ],
        &[
            ("x-forwarded-host", "OUTLET.test:443"),
            ("x-forwarded-uri", orders),
        ],
        // HAProxy, nginx
        &[("host", "outlet.test"), ("x-original-uri", orders)],
        // ingress-nginx
        &[
            ("x-original-method", "GET"),
            ("x-original-url", "https://outlet.test/orders?open=1&page=2"),
        ],
    ] {
        let page = ask(&world, Method::GET, "check?redirect=true", headers).await;
        let to = page.header("location");
        let page = format!("{OUTLET}{orders}");
        assert_eq!(to, login(OUTLET, "/login", &page), "{headers:?}");
    }
}

#[tokio::test]
async fn envoy_asks_with_the_method_and_the_path_of_the_request() {
    let world = shops().await;
    let options = ("x-auth-check", "redirect=true");
    let host = ("host", "shop.test");
    for (path, page) in [
        ("check/", "/"),
        ("check/orders/7", "/orders/7"),
        // The query is the page's own.
        (
            "check/orders?tab=open&return_to=/x",
            "/orders?tab=open&return_to=/x",
        ),
    ] {
        let answer = ask(&world, Method::GET, path, &[host, options]).await;
        let page = format!("{SHOP}{page}");
        assert_eq!(answer.header("location"), login(SHOP, "/_auth", &page));
        let answer = ask(&world, Method::GET, path, &[host]).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let method: Method = method.parse().unwrap();
        let stranger = ask(&world, method.clone(), "check/orders", &[host, options]).await;
        let expected = if matches!(method.as_str(), "GET" | "HEAD") {
            302
        } else {
            401
        };
        assert_eq!(stranger.status, expected, "{method}");
        for path in ["check", "check/", "check/orders/7?x=1"] {
            let url = world.url("acme", path);
            let known = browser.send(method.clone(), &url, &[], None).await;
            assert_eq!(known.status, 200, "{method} {path}");
            assert_eq!(known.header("x-auth-email"), "ada@example.test");
        }
    }
    let page = ask(&world, Method::GET, "checked", &[host]).await;
    assert_eq!(page.status, 404);
    let page = ask(
        &world,
        Method::GET,
        "check/x",
        &[host, ("x-auth-check", "a=%zz\u{e9}")],
    )
    .await;
    assert!(
        [400, 401].contains(&page.status.as_u16()),
        "{}",
        page.status
    );
}

#[tokio::test]
async fn a_host_that_no_store_has_is_named() {
    let world = shops().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    for headers in [
        &[("x-forwarded-host", "elsewhere.test")][..],
        &[("host", "elsewhere.test")],
        &[("x-original-url", "https://elsewhere.test/orders")],
        &[
            ("host", "shop.test"),
            ("x-forwarded-host", "elsewhere.test"),
        ],
        &[("x-forwarded-host", "elsewhere.test, shop.test")],
    ] {
        let page = ask(&world, Method::GET, "check?redirect=true", headers).await;
        assert_eq!(page.status, 403, "{headers:?}");
        assert!(page.location().is_none());
        assert_eq!(page.json()["code"], "session.unknown_host");
        let detail = page.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("`elsewhere.test`"), "{detail}");
    }
    // Nor is one let in by a session there.
    let url = world.url("acme", "check");
    let page = browser
        .get_with(&url, &[("x-forwarded-host", "elsewhere.test")])
        .await;
    assert_eq!(page.status, 403);
    let page = browser
        .get_with(&url, &[("x-forwarded-host", "shop.test")])
        .await;
    assert_eq!(page.status, 200);
    let long = "x".repeat(5000);
    let page = ask(
        &world,
        Method::GET,
        "check?redirect=true",
        &[("x-forwarded-host", &long)],
    )
    .await;
    assert!(page.body.len() < 1000);
}

#[tokio::test]
async fn a_name_is_written_as_the_proxy_wants_it() {
    let world = shops().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    for (query, name) in [
        ("", "Ada Lovelace"),
        ("?name_encoding=utf-8", "Ada Lovelace"),
        ("?name_encoding=percent", "Ada%20Lovelace"),
    ] {
        let page = browser
            .get(world.url("acme", &format!("check{query}")))
            .await;
        assert_eq!(page.header("x-auth-name"), name);
    }
    let page = browser
        .get_with(
            world.url("acme", "check/orders"),
            &[("x-auth-check", "name_encoding=percent")],
        )
        .await;
    assert_eq!(page.header("x-auth-name"), "Ada%20Lovelace");
    let page = browser
        .get(world.url("acme", "check?name_encoding=latin-1"))
        .await;
    assert_eq!(page.status, 400);
    assert!(page.shows("name_encoding"));
}
