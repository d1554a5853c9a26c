//! Attacks on the HTTP edge: rows H1–H11. H6 to H8 are also tested at the socket,
//! with short limits, in `src/http/server/tests.rs`.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_http_edge/bodies.rs"]
mod bodies;
mod support;

use reqwest::{Method, StatusCode};
use support::attack::{START, parameter};
use support::{Browser, World};

const FORM: &str = "application/x-www-form-urlencoded";

fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1);
    word.and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn h01_h02_hosts_of_others() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let evil = [
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "444"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.test;proto=https"),
        ("x-host", "evil.test"),
        ("x-original-host", "evil.test"),
        ("x-forwarded-server", "evil.test"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("via", "evil.test"),
    ];
    let authorize = browser
        .get_with(world.url("acme", START), &evil)
        .await
        .location()
        .unwrap();
    assert_eq!(
        parameter(&authorize, "redirect_uri"),
        format!("{}/callback/acme/mock-idp", world.origin)
    );
    for host in [
        "evil.test",
        "evil.test:80",
        "127.0.0.1",
        "127.0.0.1.:80",
        "localhost",
        "",
        "a b",
        "[::1]",
        "@evil.test",
        "evil.test/x",
        "shop.test, evil.test",
    ] {
        let page = browser
            .get_with(world.url("acme", START), &[("host", host)])
            .await;
        match page.location() {
            Some(to) => assert!(
                to.as_str()
                    .starts_with(&format!("{}/accounts/acme/login?moved=1", world.origin)),
                "{host}: {to}"
            ),
            None => assert_eq!(page.status, StatusCode::BAD_REQUEST, "{host}"),
        }
        assert!(page.headers.get("set-cookie").is_none(), "{host}");
        let moved = world.url("acme", &format!("{START}&moved=1"));
        let page = browser.get_with(&moved, &[("host", host)]).await;
        assert!(page.location().is_none(), "never in a circle");
        assert!(!page.body.contains("evil.test"), "{host}");
    }
    let callback = browser
        .to_callback(&world.url("acme", START), "ada", "lovelace")
        .await;
    let mut headers = evil.to_vec();
    headers.push(("host", "evil.test"));
    let page = browser.get_with(callback.as_str(), &headers).await;
    let finish = page.location().unwrap();
    assert_eq!(finish.origin().ascii_serialization(), world.origin);
    for path in ["/error", "/nothing", "/accounts/nobody/login"] {
        let page = browser
            .get_with(format!("{}{path}", world.origin), &headers)
            .await;
        assert!(!page.body.contains("evil"), "{path}");
        assert!(page.location().is_none(), "{path}");
    }
    let page = browser.get(finish.as_str()).await;
    let page = browser.follow(page).await;
    assert_eq!(page.url.path(), "/welcome");
}

#[tokio::test]
async fn h02_forwarded_hosts_choose_only_among_the_accounts_stores() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    for (host, uri) in [
        ("evil.test", "/x"),
        ("evil.test", "//evil.test"),
        ("127.0.0.1:1", "https://evil.test/"),
    ] {
        let headers = [("x-forwarded-host", host), ("x-forwarded-uri", uri)];
        let page = browser
            .get_with(world.url("acme", "check?redirect=true"), &headers)
            .await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.location().is_none(), "{host}");
        assert!(page.shows("session.unknown_host"), "{}", page.body);
    }
    let own = world.origin.trim_start_matches("http://").to_owned();
    for uri in ["//evil.test", "https://evil.test/", "/\\evil.test"] {
        let headers = [("x-forwarded-host", own.as_str()), ("x-forwarded-uri", uri)];
        let page = browser
            .get_with(world.url("acme", "check?redirect=true"), &headers)
            .await;
        let to = page.location().unwrap();
        assert_eq!(to.origin().ascii_serialization(), world.origin);
        assert!(parameter(&to, "return_to").starts_with(&world.origin));
    }
}

#[tokio::test]
async fn h03_identity_headers_from_outside() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let smuggled = [
        ("x-auth-user", "admin"),
        ("x-auth-email", "admin@evil.test"),
        ("x_auth_user", "admin"),
        ("X-AUTH-NAME", "admin"),
        ("x-auth-email-verified", "admin"),
        ("x-auth-provider-user", "admin"),
        ("x-auth-role", "admin"),
        ("remote-user", "admin"),
        ("x-forwarded-user", "admin"),
    ];
    let page = browser
        .get_with(world.url("acme", "check"), &smuggled)
        .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(
        page.headers
            .keys()
            .all(|name| !name.as_str().starts_with("x-auth"))
    );
    world.log_in(browser).await;
    let page = browser
        .get_with(world.url("acme", "check"), &smuggled)
        .await;
    let names: Vec<&str> = page
        .headers
        .keys()
        .map(reqwest::header::HeaderName::as_str)
        .filter(|name| name.contains("auth"))
        .collect();
    assert_eq!(
        names,
        [
            "x-auth-user",
            "x-auth-email",
            "x-auth-email-verified",
            "x-auth-provider",
            "x-auth-provider-user",
            "x-auth-name"
        ]
    );
    assert_eq!(page.headers.get_all("x-auth-email").iter().count(), 1);
    assert!(!format!("{:?}", page.headers).contains("admin"));
}

#[tokio::test]
async fn h03_names_cannot_write_headers() {
    let world = World::start().await;
    for name in [
        "A\r\nX-Evil: 1",
        "A\nX-Evil: 1",
        "A\u{0}B",
        "\u{85}X",
        "李\u{2028}",
        "\u{202e}evil",
        &"n".repeat(5000),
    ] {
        world
            .idp
            .configure(|config| config.accounts[0].profile["name"] = name.into());
        let browser = &mut Browser::new();
        world.log_in(browser).await;
        let page = browser.get(world.url("acme", "check")).await;
        assert_eq!(page.status, StatusCode::OK, "{name:.20}");
        assert!(!page.headers.contains_key("x-evil"));
        assert!(
            page.headers["x-auth-name"]
                .as_bytes()
                .iter()
                .all(|b| *b >= 0x20 && *b != 0x7f)
        );
    }
}

#[tokio::test]
async fn h05_paths_that_mean_something_else_elsewhere() {
    let world = World::start().await;
    for target in [
        "//admin",
        "/%61dmin",
        "/accounts/acme/%2e%2e/other/session",
        "/accounts/acme/../../api/v1/accounts",
        "/accounts//session",
        "/accounts/acme//session",
        "/accounts/acme/session/",
        "/accounts/acme/session%00",
        "/accounts/acme/session;x",
        "/accounts/acme%2fsession",
        "/accounts/acme\u{7f}/session",
        "/%",
        "/%zz",
        "/\\accounts\\acme",
        "*",
        "accounts",
        "/accounts/ACME/session",
        "/accounts/acme%00/session",
        "/.%2e/",
        "/callback/x",
        "/callback/acme/mock-idp/x",
        "/healthz/x",
        "/metrics",
    ] {
        let answer = world.raw_get(target).await;
        assert!(
            [400, 404].contains(&status(&answer)),
            "{target}: {answer:.60}"
        );
    }
}

#[tokio::test]
async fn h06_two_lengths() {
    let world = World::start().await;
    for fields in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: -1",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:\u{b}chunked",
    ] {
        let request = format!(
            "POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n{fields}\r\n\r\n0\r\n\r\nGET /accounts/acme/session HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        let answer = world.raw(request).await;
        assert_eq!(status(&answer), 400, "{fields}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{fields}");
    }
}

#[tokio::test]
async fn h08_heads() {
    let world = World::start().await;
    for (fields, expected) in [
        ("X: y\r\n".repeat(101), 431),
        (format!("X: {}\r\n", "y".repeat(70_000)), 431),
        ("X : y\r\n".to_owned(), 400),
        ("X\u{0}: y\r\n".to_owned(), 400),
        (" folded\r\n".to_owned(), 400),
    ] {
        let request = format!(
            "GET /accounts/acme/session HTTP/1.1\r\nHost: x\r\n{fields}Connection: close\r\n\r\n"
        );
        assert_eq!(status(&world.raw(request).await), expected);
    }
    for line in [
        "GET / HTTP/3.0",
        "GET  / HTTP/1.1",
        "get / HTTP/1.1 x",
        "\u{16}\u{3}\u{1}",
        "GET /\u{0} HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let answer = world.raw(format!("{line}\r\nHost: x\r\n\r\n")).await;
        assert!(
            answer.is_empty() || [400, 405, 505].contains(&status(&answer)),
            "{line}: {answer:.60}"
        );
    }
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn h11_no_other_origin_reads_anything() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    for path in [
        "/accounts/acme/login",
        "/accounts/acme/session",
        "/accounts/acme/check",
        "/accounts/acme/logout",
        "/callback",
        "/api/v1/accounts",
    ] {
        for origin in ["https://evil.test", "null", &*world.origin] {
            for method in [Method::GET, Method::OPTIONS] {
                let headers = [
                    ("origin", origin),
                    ("access-control-request-method", "POST"),
                    ("access-control-request-headers", "authorization"),
                ];
                let page = browser
                    .send(
                        method.clone(),
                        &format!("{}{path}", world.origin),
                        &headers,
                        None,
                    )
                    .await;
                let cors: Vec<_> = page
                    .headers
                    .keys()
                    .filter(|name| name.as_str().starts_with("access-control"))
                    .collect();
                assert!(cors.is_empty(), "{method} {path}: {cors:?}");
            }
        }
    }
}
