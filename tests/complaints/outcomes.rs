//! How a login ends that the provider does not grant, and what people are told.

use std::collections::BTreeMap;

use mock_idp::{FaultKind, Faults};
use serde_json::json;

use crate::scene::Scene;
use crate::support::Browser;

fn busy(code: u16, retry_after: Option<&str>) -> FaultKind {
    let headers = retry_after.map(|after| ("Retry-After".to_owned(), after.to_owned()));
    FaultKind::Status {
        code,
        body: String::new(),
        content_type: "text/plain".into(),
        headers: headers.into_iter().collect(),
    }
}

/// reddit#1793.
#[tokio::test]
async fn d08_429_and_503_are_busy_and_say_when_to_try_again() {
    let scene = Scene::new(json!({}), "").await;
    for endpoint in ["token", "userinfo"] {
        for (status, asked, told) in [
            (429, Some("7"), "7"),
            (503, Some("120"), "120"),
            (429, None, "60"),
            (503, Some("999999"), "3600"),
            (429, Some("Fri, 31 Dec 1999 23:59:59 GMT"), "60"),
        ] {
            let faults = Faults::none().once(endpoint, busy(status, asked));
            scene.world.idp.set_faults(faults);
            let page = scene.fails("login.provider_busy").await;
            assert_eq!(page.status, 503);
            assert_eq!(
                page.header("retry-after"),
                told,
                "{endpoint} {status} {asked:?}"
            );
        }
    }
    scene.logs_in().await;
}

/// Whatever a provider answers, its kind has a page of its own, and only who may have
/// refused is told to allow something.
#[tokio::test]
async fn d08_each_kind_of_failure_has_its_page() {
    let scene = Scene::new(json!({}), "").await;
    let advice = [
        ("en", "allow the store to see your profile"),
        ("pt", "permita que a loja veja seu perfil"),
        ("es", "permite que la tienda vea tu perfil"),
    ];
    for (endpoint, status, code) in [
        ("token", 302, "provider_error"),
        ("token", 400, "token_rejected"),
        ("token", 401, "token_rejected"),
        ("token", 404, "token_rejected"),
        ("token", 405, "provider_error"),
        ("token", 429, "provider_busy"),
        ("token", 500, "provider_failing"),
        ("token", 502, "provider_failing"),
        ("userinfo", 302, "provider_error"),
        ("userinfo", 400, "userinfo_rejected"),
        ("userinfo", 401, "userinfo_rejected"),
        ("userinfo", 403, "userinfo_rejected"),
        ("userinfo", 404, "userinfo_not_found"),
        ("userinfo", 405, "provider_error"),
        ("userinfo", 410, "userinfo_not_found"),
        ("userinfo", 415, "provider_error"),
        ("userinfo", 429, "provider_busy"),
        ("userinfo", 500, "provider_failing"),
        ("userinfo", 503, "provider_busy"),
        ("userinfo", 504, "provider_failing"),
    ] {
        let faults = Faults::none().once(endpoint, busy(status, None));
        scene.world.idp.set_faults(faults);
        let page = scene.fails(&format!("login.{code}")).await;
        for (lang, words) in advice {
            let mut url = page.url.clone();
            url.query_pairs_mut().append_pair("lang", lang);
            let page = Browser::new().get(url.as_str()).await;
            assert_eq!(
                page.body.contains(words),
                code == "userinfo_rejected",
                "{endpoint} {status} {lang}: {}",
                page.body
            );
        }
    }
}

/// yii2#16454.
#[tokio::test]
async fn d09_a_refusal_by_any_name_is_one() {
    let scene = Scene::new(json!({}), "[callback]\nrefusals = [\"Not-This-Time\"]").await;
    for error in [
        "access_denied",
        "ACCESS_DENIED",
        "user_cancelled_login",
        "user_cancelled_authorize",
        "access-denied",
        "not_this_time",
    ] {
        let fault = FaultKind::Error {
            error: error.into(),
            description: String::new(),
        };
        scene
            .world
            .idp
            .set_faults(Faults::none().once("authorize", fault));
        scene.fails("login.denied").await;
    }
    let fault = FaultKind::Error {
        error: "server_error".into(),
        description: "the database is away".into(),
    };
    scene
        .world
        .idp
        .set_faults(Faults::none().once("authorize", fault));
    let why = scene.why().await;
    assert!(
        why.contains("the error `server_error`: the database is away"),
        "{why}"
    );
    // Without a word, with or without what names it.
    for extra in ["", "&usercancel=1", "&denied=x"] {
        let start = scene.world.url("acme", "login?return_to=/welcome");
        let mut browser = Browser::new();
        let mut callback = browser.to_callback(&start, "ada", "lovelace").await;
        let state = callback
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        callback.set_query(Some(&format!("state={state}{extra}")));
        let page = browser.get(callback.as_str()).await;
        let page = browser.follow(page).await;
        assert!(page.shows("login.denied"), "{extra}: {}", page.body);
    }
    assert!(scene.world.users("acme").await.is_empty());
}

/// The words of nine kinds of servers reach whoever runs the store.
#[tokio::test]
async fn d10_the_words_of_a_refusal() {
    let scene = Scene::new(json!({}), "").await;
    for (content_type, body, words) in [
        (
            "application/json",
            r#"{"errors":[{"code":"E7","detail":"no such code"}]}"#,
            "E7: no such code",
        ),
        (
            "application/json",
            r#"{"errors":["no such code"]}"#,
            "no such code",
        ),
        (
            "application/json",
            r#"{"errorCode":"E0000022","errorSummary":"bad app"}"#,
            "E0000022: bad app",
        ),
        ("application/json", r#"{"message":"bad app"}"#, "bad app"),
        (
            "application/json",
            r#"{"fault":{"faultstring":"bad key","detail":{"errorcode":"x"}}}"#,
            "bad key",
        ),
        (
            "application/x-amz-json-1.1",
            r#"{"__type":"NotAuthorizedException","message":"bad"}"#,
            "NotAuthorizedException: bad",
        ),
        (
            "application/json",
            r#"{"errcode":40029,"errmsg":"invalid code"}"#,
            "40029: invalid code",
        ),
        (
            "text/plain",
            "Bad verification code.",
            "Bad verification code.",
        ),
        (
            "text/html",
            "<html><head><title>Sign-in\n failed</title></head>",
            "Sign-in failed",
        ),
        (
            "application/xml",
            "<Error><Code>1</Code><message>bad app</message></Error>",
            "1: bad app",
        ),
    ] {
        let fault = FaultKind::Status {
            code: 400,
            body: body.into(),
            content_type: content_type.into(),
            headers: BTreeMap::new(),
        };
        scene
            .world
            .idp
            .set_faults(Faults::none().once("token", fault));
        let why = scene.why().await;
        assert!(
            why.contains(&format!("(HTTP 400: {words})")),
            "{body}: {why}"
        );
    }
}

#[tokio::test]
async fn d11_shoppers_are_not_asked_to_allow_what_is_not_theirs() {
    for (status, code) in [
        (404, "login.userinfo_not_found"),
        (410, "login.userinfo_not_found"),
        (500, "login.provider_failing"),
        (502, "login.provider_failing"),
        (503, "login.provider_busy"),
        (429, "login.provider_busy"),
    ] {
        // A provider that fails again and again is left alone, each of these is not.
        let scene = Scene::new(json!({}), "").await;
        for (lang, allow) in [("en", "allow"), ("pt-BR", "permita"), ("es", "permite")] {
            let faults = Faults::none().once("userinfo", FaultKind::status(status));
            scene.world.idp.set_faults(faults);
            let page = scene.fails(code).await;
            let mut url = page.url.clone();
            url.query_pairs_mut().append_pair("lang", lang);
            let page = Browser::new().get(url.as_str()).await;
            assert!(page.shows(code), "{lang} {status}");
            assert!(!page.body.contains(allow), "{lang} {status}: {}", page.body);
        }
    }
}
