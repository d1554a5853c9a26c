//! Attacks on pages, and on what leaves through pages and logs: rows X1, X3–X6, X10.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_browser/secrets.rs"]
mod secrets;
mod support;

use std::io;
use std::sync::{Mutex, Once};

use mock_idp::{Account, FaultKind, Faults};
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::attack::{START, is_safe_page, said, support_id, with};
use support::{Browser, Page, World};
use url::Url;
use vestibule::base::ErrorCode;
use vestibule::http::status::status;

const EVIL: &str = "</pre></title></style><script>alert(1)</script>\" onmouseover=\"alert(2)' x='";

#[tokio::test]
async fn x01_x03_names_stay_text() {
    let world = World::start().await;
    let change = json!({ "name": EVIL }).to_string();
    let (status, answer) = world
        .admin(Method::PATCH, "/accounts/acme", "application/json", &change)
        .await;
    assert_eq!(status, 200, "{answer}");
    let named = json!(EVIL).to_string();
    let custom = world.mapping().replace("\"Mock Accounts\"", &named);
    world.apply("acme", &custom).await;
    world
        .apply("acme", &custom.replace("\"mock-idp\"", "\"google\""))
        .await;
    world
        .idp
        .configure(|config| config.accounts[0].profile["name"] = json!(EVIL));
    let browser = &mut Browser::new();
    let mut pages = vec![
        browser
            .get(world.url(
                "acme",
                "login?return_to=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            ))
            .await,
    ];
    assert_eq!(pages[0].status, StatusCode::OK, "the list of providers");
    let callback = browser
        .to_callback(
            &world.url("acme", "login?provider=google"),
            "ada",
            "lovelace",
        )
        .await;
    let page = browser.get(callback.as_str()).await;
    browser.follow(page).await;
    assert_eq!(browser.session(&world, "acme").await["user"]["name"], EVIL);
    let encoded: String = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for endpoint in [
        "logout",
        "logout?return_to=/%22%3E%3Cscript%3E",
        "signed-out",
        "error",
        "finish?ticket=x",
    ] {
        pages.push(browser.get(world.url("acme", endpoint)).await);
    }
    for name in [
        "code",
        "id",
        "return_to",
        "lang",
        "login_hint",
        "provider",
        "ticket",
        "state",
        "error",
        "error_description",
    ] {
        pages.push(
            browser
                .get(world.url("acme", &format!("error?{name}={encoded}")))
                .await,
        );
        pages.push(
            browser
                .get(world.url("acme", &format!("login?{name}={encoded}")))
                .await,
        );
        pages.push(
            browser
                .get(format!("{}/error?{name}={encoded}", world.origin))
                .await,
        );
    }
    pages.push(
        browser
            .get(format!("{}/accounts/{encoded}/login", world.origin))
            .await,
    );
    for page in pages.iter().filter(|page| !page.status.is_redirection()) {
        is_safe_page(page);
        for bad in [
            "<script",
            "\" onmouseover=",
            "' x='",
            "</pre>",
            "javascript:",
        ] {
            assert!(!page.body.contains(bad), "{bad}: {}", said(page));
        }
    }
}

#[tokio::test]
async fn x10_pages_keep_to_https_and_to_themselves() {
    for (url, sts) in [("https://login.test", true), ("http://127.0.0.1:1", false)] {
        let world = World::with(|config| config.public_url = Some(Url::parse(url).unwrap())).await;
        world
            .account_with("acme", &[("https://shop.test", "/_auth")])
            .await;
        for path in [
            "/accounts/acme/logout",
            "/admin/login",
            "/error",
            "/nothing",
        ] {
            let page = Browser::new().get(format!("{}{path}", world.origin)).await;
            let all = &page.headers;
            assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            assert_eq!(all.contains_key("strict-transport-security"), sts, "{path}");
        }
    }
}

#[tokio::test]
async fn x01_x10_every_answer_has_its_headers() {
    let world = World::with(|config| {
        config.public_url = Some(Url::parse("https://login.test").unwrap());
    })
    .await;
    world
        .account_with("acme", &[("https://shop.test", "/_auth")])
        .await;
    world.apply("acme", &world.mapping()).await;
    let browser = &mut Browser::new();
    for path in [
        "/accounts/acme/login",
        "/accounts/acme/session",
        "/accounts/acme/check",
        "/accounts/acme/logout",
        "/accounts/acme/signed-out",
        "/accounts/acme/error",
        "/callback",
        "/callback?code=x&state=x",
        "/callback/acme/mock-idp?code=x&state=x",
        "/error",
        "/nothing",
        "/.well-known/jwks.json",
        "/healthz",
        "/api/v1/accounts",
        "/accounts/acme/finish",
        "/accounts/nobody/login",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let page = browser
                .send(
                    method.clone(),
                    &format!("{}{path}", world.origin),
                    &[("host", "shop.test")],
                    None,
                )
                .await;
            assert_eq!(
                page.header("x-content-type-options"),
                "nosniff",
                "{method} {path}"
            );
            assert_eq!(
                page.header("referrer-policy"),
                "no-referrer",
                "{method} {path}"
            );
            assert_eq!(page.header("x-frame-options"), "DENY", "{method} {path}");
            assert_eq!(
                page.header("cross-origin-opener-policy"),
                "same-origin",
                "{method} {path}"
            );
            assert!(
                page.header("strict-transport-security")
                    .starts_with("max-age="),
                "{method} {path}"
            );
            assert!(
                page.header("content-security-policy")
                    .contains("frame-ancestors 'none'"),
                "{method} {path}"
            );
            assert!(
                page.headers.get("server").is_none() && page.headers.get("x-powered-by").is_none()
            );
        }
    }
}

#[tokio::test]
async fn x04_the_code_is_gone_from_the_address() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    for changes in [
        vec![("state", Some("x"))],
        vec![("state", None)],
        vec![("error", Some("x"))],
        vec![("iss", Some("x\u{0}"))],
    ] {
        let page = browser.get(with(&callback, &changes).as_str()).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let to = page.location().unwrap();
        let names: Vec<String> = to
            .query_pairs()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert!(
            names
                .iter()
                .all(|name| ["code", "id", "return_to"].contains(&name.as_str())),
            "{to}"
        );
        let code = support::attack::parameter(&to, "code");
        assert!(code.starts_with("login."), "{code}");
        is_safe_page(&browser.get(to.as_str()).await);
    }
}

#[tokio::test]
async fn x03_every_code_has_its_page_in_every_language() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let mut codes = ErrorCode::ALL.to_vec();
    codes.retain(|code| code.is_for_shoppers());
    assert!(codes.len() > 35, "{codes:?}");
    for code in codes {
        let mut titles = Vec::new();
        for lang in ["en", "es", "pt-BR"] {
            let page = browser
                .get(world.url(
                    "acme",
                    &format!("error?code={code}&id=0123456789&lang={lang}"),
                ))
                .await;
            assert_eq!(page.status, status(code), "{code}");
            assert!(
                page.body.contains(&format!("<html lang=\"{lang}\">")),
                "{code} {lang}"
            );
            assert!(
                page.shows(code.as_str()) && page.shows("0123456789"),
                "{code}: {}",
                said(&page)
            );
            let title = page.body.split("<h1>").nth(1).unwrap();
            titles.push(title.split('<').next().unwrap().to_owned());
            assert!(page.body.contains("href=\"login\""), "{code}: no way back");
        }
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), 3, "{code}: {titles:?}");
    }
}
