//! Attacks on the return URL: rows R1–R14.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_return_url/spelling.rs"]
mod spelling;
mod support;

use mock_idp::{FaultKind, Faults};
use reqwest::StatusCode;
use support::attack::{START, is_safe_page, parameter, with};
use support::{Browser, Page, World};
use url::Url;

/// What a query value must look like to arrive as `text`.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Begins a login with this `return_to`, already encoded: the whole login must
/// end on the store, or the start be refused. Says where it ended.
async fn stays(world: &World, return_to: &str) -> Option<Url> {
    let browser = &mut Browser::new();
    let start = world.url("acme", &format!("login?return_to={return_to}"));
    let page = browser.get(&start).await;
    only_our_headers(&page);
    if page.status != StatusCode::FOUND {
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{return_to}");
        assert!(page.location().is_none(), "{return_to}");
        assert!(page.shows("login.return_to_invalid"), "{return_to}");
        is_safe_page(&page);
        return None;
    }
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    let page = browser.get(finish.as_str()).await;
    only_our_headers(&page);
    let written = page.header("location").to_owned();
    assert!(
        written.starts_with(&format!("{}/", world.origin)),
        "{return_to} → {written}"
    );
    page.location()
}

/// Also asks for a logout with it, and for a `check` that redirects.
async fn stays_everywhere(world: &World, return_to: &str) {
    stays(world, return_to).await;
    let browser = &mut Browser::new();
    let question = browser
        .get(world.url("acme", &format!("logout?return_to={return_to}")))
        .await;
    only_our_headers(&question);
    let answer = browser
        .post(
            world.url("acme", &format!("logout?return_to={return_to}")),
            &[],
        )
        .await;
    let check = browser
        .get(world.url(
            "acme",
            &format!("check?redirect=true&return_to={return_to}"),
        ))
        .await;
    for page in [question, answer, check] {
        match page.location() {
            Some(to) => assert_eq!(
                to.origin().ascii_serialization(),
                world.origin,
                "{return_to} → {to}"
            ),
            None => assert!(!page.body.contains("href=\"//"), "{return_to}"),
        }
    }
}

fn only_our_headers(page: &Page) {
    assert!(!page.headers.contains_key("x-evil"));
    for cookie in page.headers.get_all("set-cookie") {
        assert!(cookie.to_str().unwrap().starts_with("vestibule_"));
    }
}

#[tokio::test]
async fn r09_unparsable_or_huge_is_answered_at_once() {
    let world = World::start().await;
    for text in [
        "http://[::1",
        "https://a b/",
        "http://127.0.0.1:99999/",
        "https://%zz/",
        "/%zz%",
    ] {
        stays(&world, &encoded(text)).await;
    }
    for length in [4_100, 60_000, 70_000] {
        let target = format!("/accounts/acme/login?return_to=/{}", "a".repeat(length));
        let answer = world.raw_get(&target).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{length}: {answer:.80}");
    }
    // Many slashes, dots and escapes cost no more than other characters.
    stays(&world, &"%2F..".repeat(800)).await;
}

#[tokio::test]
async fn r10_line_breaks_make_no_header() {
    let world = World::start().await;
    for text in [
        "/%0d%0aX-Evil:%201",
        "/x%0dX-Evil:1",
        "/%250d%250aX-Evil:1",
        "/%E5%98%8A%E5%98%8DX-Evil:1",
        "/%0aSet-Cookie:a=b",
    ] {
        stays(&world, text).await;
    }
    let browser = &mut Browser::new();
    let callback = browser
        .to_callback(&world.url("acme", START), "ada", "lovelace")
        .await;
    for name in ["state", "code", "error", "iss", "error_description"] {
        let evil = with(
            &callback,
            &[
                ("state", Some("x")),
                (name, Some("x\r\nX-Evil: 1\r\nSet-Cookie: a=b")),
            ],
        );
        let page = browser.get(evil.as_str()).await;
        only_our_headers(&page);
        assert_eq!(page.status, StatusCode::SEE_OTHER);
    }
    let page = browser
        .get(world.url(
            "acme",
            "error?code=x%0d%0aX-Evil:1&id=%0d%0aX-Evil:1&lang=%0d%0a",
        ))
        .await;
    only_our_headers(&page);
    for (header, value) in [
        ("x-forwarded-uri", "/a%0d%0aX-Evil:1"),
        ("x-original-uri", "//evil.test"),
        ("x-forwarded-uri", "/\\evil.test"),
    ] {
        let page = browser
            .get_with(world.url("acme", "check?redirect=true"), &[(header, value)])
            .await;
        only_our_headers(&page);
        let to = page.location().unwrap();
        assert_eq!(to.origin().ascii_serialization(), world.origin);
        assert!(parameter(&to, "return_to").starts_with(&format!("{}/", world.origin)));
    }
}

#[tokio::test]
async fn r11_only_the_start_decides() {
    let world = World::start().await;
    let evil = Some("https://evil.test/");
    let (mut browser, callback) = world.begun().await;
    let finish = browser
        .get(with(&callback, &[("return_to", evil), ("store", evil)]).as_str())
        .await
        .location()
        .unwrap();
    let page = browser
        .get(with(&finish, &[("return_to", evil)]).as_str())
        .await;
    assert_eq!(
        page.location().unwrap().as_str(),
        format!("{}/welcome", world.origin)
    );

    let page = browser
        .get(world.url(
            "acme",
            "error?code=login.denied&return_to=https%3A%2F%2Fevil.test",
        ))
        .await;
    let link = support::attack::restart_link(&page);
    assert_eq!(
        browser.get(link.as_str()).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn r12_logout_leads_nowhere_else() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    for text in [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test/",
        "javascript:alert(1)",
        "/\t/evil.test",
        "@evil.test",
    ] {
        let query = encoded(text);
        for page in [
            browser
                .get(world.url("acme", &format!("logout?return_to={query}")))
                .await,
            browser
                .post(world.url("acme", &format!("logout?return_to={query}")), &[])
                .await,
            browser
                .post(world.url("acme", "logout"), &[("return_to", text)])
                .await,
        ] {
            assert_eq!(page.status, StatusCode::BAD_REQUEST, "{text}");
            assert!(page.shows("logout.return_to_invalid"), "{text}");
        }
    }
}

#[tokio::test]
async fn r13_a_post_is_answered_with_303() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let form: Vec<(String, String)> = callback.query_pairs().into_owned().collect();
    let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let address = format!("{}{}", world.origin, callback.path());
    let page = browser.post(&address, &form).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let again = browser.post(&address, &form).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let page = browser.follow(page).await;
    assert_eq!(page.url.path(), "/welcome");
    let page = browser.post(world.url("acme", "logout"), &[]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn r14_an_error_is_no_redirector() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let page = browser
        .get(world.url("acme", "login?return_to=https%3A%2F%2Fevil.test%2F"))
        .await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, None)
    );
    let page = browser
        .get(support::attack::restart_link(&page).as_str())
        .await;
    let page = browser.follow(page).await;
    assert_eq!(
        page.url.path(),
        "/authorize",
        "the page leads to a login that works"
    );

    for error in [
        "access_denied",
        "server_error",
        "//evil.test",
        "https://evil.test/",
    ] {
        let fault = FaultKind::Error {
            error: error.to_owned(),
            description: "https://evil.test/".to_owned(),
        };
        world.idp.set_faults(Faults::none().on("authorize", fault));
        let (mut browser, callback) = world.begun().await;
        let page = browser.get(callback.as_str()).await;
        let page = world
            .is_rejection(&mut browser, page, "login.", error)
            .await;
        assert!(!page.body.contains("evil.test"));
    }
}
