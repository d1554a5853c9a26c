//! A store behind a proxy that asks the broker at `check`: the shop, and what a proxy
//! has to keep.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::fmt::Write;

use axum::Router;
use axum::extract::Request;
use reqwest::{Method, StatusCode};

use super::program::free_port;
use super::{Browser, Page, World};

/// A block of a document, by the language it is marked with.
pub fn snippet<'d>(document: &'d str, language: &str) -> &'d str {
    let begin = format!("```{language}\n");
    let (_, rest) = document
        .split_once(&begin)
        .unwrap_or_else(|| panic!("the document has no {language}"));
    rest.split_once("\n```").unwrap().0
}

/// `text` with another in place of one that is there.
pub fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "the configuration has no `{old}`");
    text.replace(old, new)
}

/// The store, its shop and the broker; the proxy is still missing.
pub struct Shop {
    pub world: World,
    /// Where the proxy is to listen.
    pub port: u16,
    /// Where the shop listens.
    pub behind: u16,
    /// The store's origin.
    pub store: String,
}

impl Shop {
    pub async fn start() -> Self {
        let world = World::empty().await;
        let port = free_port();
        let store = format!("http://127.0.0.1:{port}");
        world.account_with("acme", &[(&store, "/_auth")]).await;
        world.apply("acme", &world.mapping()).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = listener.local_addr().unwrap().port();
        let shop = Router::new().fallback(orders);
        tokio::spawn(async move { axum::serve(listener, shop).await });
        Self {
            world,
            port,
            behind,
            store,
        }
    }

    /// Host and port of the broker.
    pub fn broker(&self) -> &str {
        self.world.origin.trim_start_matches("http://")
    }

    /// Everything that has to hold of a store whose pages are for customers only.
    pub async fn is_for_customers(&self) {
        let store = &self.store;
        let browser = &mut Browser::new();

        // A stranger is sent to the login, and comes back to the very page.
        let orders = format!("{store}/orders?tab=open&page=2");
        let page = browser.get(&orders).await;
        assert_eq!(page.status, StatusCode::FOUND, "{}", page.body);
        let login = page.location().unwrap();
        assert_eq!(login.path(), "/_auth/login", "{login}");
        assert_eq!(&login.origin().ascii_serialization(), store);
        let page = browser.log_in(login.as_str(), "ada", "lovelace").await;
        assert_eq!(page.url.as_str(), orders, "{}", page.body);
        assert_eq!(asked(&page), "GET /orders?tab=open&page=2");
        assert!(page.body.contains("x-auth-email: ada@example.test\n"));
        assert!(page.body.contains("x-auth-email-verified: true\n"));
        assert!(page.body.contains("x-auth-name: Ada Lovelace\n"));
        assert!(page.body.contains("x-auth-user: "));

        // What a browser claims about itself does not reach the shop, nor that it is
        // another store's page that was asked for.
        let claims = [
            ("x-auth-email", "admin@shop.test"),
            ("x-auth-user", "admin"),
            ("X-AUTH-NAME", "admin"),
            ("x-auth-email-verified", "admin"),
            ("x-auth-provider", "admin"),
            ("x-auth-provider-user", "admin"),
            // What CGI takes for the same names.
            ("x_auth_email", "admin@shop.test"),
            ("X_Auth_User", "admin"),
            ("x.auth.user", "admin"),
            ("x-auth-check", "unverified_email=mark"),
            ("x-forwarded-host", "elsewhere.test"),
            ("x-forwarded-uri", "/admin"),
            ("x-original-url", "https://elsewhere.test/admin"),
        ];
        let page = browser.get_with(&orders, &claims).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        assert!(page.body.contains("x-auth-email: ada@example.test\n"));
        assert!(!page.body.contains("admin"), "{}", page.body);
        let stranger = &mut Browser::new();
        let page = stranger.get_with(&orders, &claims[..10]).await;
        assert_eq!(page.status, StatusCode::FOUND);

        // A script is told; a form is not lost on the way to a login.
        for script in [
            ("sec-fetch-mode", "cors"),
            ("x-requested-with", "XMLHttpRequest"),
            ("accept", "application/json"),
        ] {
            let page = stranger.get_with(&orders, &[script]).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{script:?}");
            assert!(page.location().is_none());
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let method: Method = method.parse().unwrap();
            let url = format!("{store}/orders/7/lines?x=1");
            let body = (method != Method::OPTIONS).then(|| "quantity=2".to_owned());
            let refused = stranger.send(method.clone(), &url, &[], body.clone()).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{method}");
            let page = browser.send(method.clone(), &url, &[], body.clone()).await;
            assert_eq!(page.status, StatusCode::OK, "{method} {}", page.body);
            assert_eq!(asked(&page), format!("{method} /orders/7/lines?x=1"));
            let got = page.body.lines().last().unwrap().to_owned();
            assert_eq!(got, format!("body: {}", body.unwrap_or_default()));
        }
        let page = stranger.send(Method::HEAD, &orders, &[], None).await;
        assert_eq!(page.status, StatusCode::FOUND);

        let page = browser.post(format!("{store}/_auth/logout"), &[]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let page = browser.get(&orders).await;
        assert_eq!(page.status, StatusCode::FOUND);
    }
}

/// What the shop was asked.
fn asked(page: &Page) -> &str {
    page.body.lines().next().unwrap_or_default()
}

/// The shop, which says what it was asked.
async fn orders(request: Request) -> String {
    let (parts, body) = request.into_parts();
    let mut said = format!("{} {}\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        let alike = name.as_str().replace(['_', '.'], "-");
        if alike.starts_with("x-auth") {
            let value = String::from_utf8_lossy(value.as_bytes());
            let _ = writeln!(said, "{name}: {value}");
        }
    }
    let body = axum::body::to_bytes(body, 1000).await.unwrap_or_default();
    said.push_str("body: ");
    said.push_str(&String::from_utf8_lossy(&body));
    said
}
