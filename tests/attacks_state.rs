//! Attacks on state, callback and the choice of the provider: rows S1–S20.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_state/mixup.rs"]
mod mixup;
#[path = "attacks_state/redirect.rs"]
mod redirect;
#[path = "attacks_state/steps.rs"]
mod steps;
mod support;

use std::time::Duration;

use mock_idp::{FaultKind, Faults};
use reqwest::{Method, StatusCode};
use support::attack::{parameter, with};
use support::{Browser, World};
use tokio::task::JoinSet;

#[tokio::test]
async fn s01_no_state_is_no_login() {
    let world = World::start().await;
    for (fault, code) in [
        (FaultKind::NoState, "login.state_missing"),
        (FaultKind::EmptyState, "login.state_missing"),
        (FaultKind::WrongState, "login.state_unknown"),
    ] {
        world.fault_fails("authorize", fault, code).await;
    }
    assert_eq!(world.calls("/token"), 0);
    let browser = &mut Browser::new();
    for query in [
        "",
        "?",
        "?code=x",
        "?state=&code=x",
        "?state&code=x",
        "?%00",
        "?&&&",
        "?=x",
    ] {
        let page = browser
            .get(format!("{}/callback{query}", world.origin))
            .await;
        world.is_rejection(browser, page, "login.", query).await;
    }
}

#[tokio::test]
async fn s01_a_refusal_without_state_is_shown() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let page = format!("{}/callback?error=access_denied", world.origin);
    world.rejected(browser, &page, "login.denied").await;
    let page = format!("{}/callback?error=server_error", world.origin);
    world.rejected(browser, &page, "login.state_missing").await;
    // Below an account there is a way back.
    let page = world.url("acme", "callback?error=access_denied");
    let page = world.rejected(browser, &page, "login.denied").await;
    world.restarts(browser, &page).await;
}

#[tokio::test]
async fn s02_login_csrf() {
    let world = World::start().await;
    let (_attacker, callback) = world.begun().await;
    let victim = &mut Browser::new();
    world
        .rejected(victim, callback.as_str(), "login.wrong_browser")
        .await;
    assert!(victim.jar.is_empty(), "{:?}", victim.jar);
}

#[tokio::test]
async fn s03_replay() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let done = browser.get(callback.as_str()).await;
    let page = world
        .rejected(&mut browser, callback.as_str(), "login.state_replayed")
        .await;
    assert_eq!(world.calls("/token"), 1);
    // The first one still counts, and from the second one there is a way back.
    let end = browser.follow(done).await;
    assert_eq!(end.url.path(), "/welcome");
    browser.jar.clear();
    let end = world.restarts(&mut browser, &page).await;
    assert_eq!(end.url.path(), "/welcome", "to the page that was asked for");
}

#[tokio::test]
async fn s03_a_state_that_failed_is_used_too() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let denied = with(
        &callback,
        &[("code", None), ("error", Some("access_denied"))],
    );
    world
        .rejected(&mut browser, denied.as_str(), "login.denied")
        .await;
    world
        .rejected(&mut browser, callback.as_str(), "login.state_replayed")
        .await;
    assert_eq!(world.calls("/token"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s04_double_submit_race() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let mut race = JoinSet::new();
    for _ in 0..50 {
        let (url, mut one) = (callback.clone(), Browser::new());
        one.jar.clone_from(&browser.jar);
        race.spawn(async move { one.get(url.as_str()).await.location().unwrap() });
    }
    let ends = race.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = ends
        .into_iter()
        .partition(|to| to.path().ends_with("/finish"));
    assert_eq!((won.len(), lost.len()), (1, 49));
    assert!(
        lost.iter()
            .all(|to| parameter(to, "code") == "login.state_replayed")
    );
    assert_eq!(world.calls("/token"), 1);

    // And the ticket: fifty browsers with the same cookie, one session.
    let mut race = JoinSet::new();
    for _ in 0..50 {
        let (url, mut one) = (won[0].clone(), Browser::new());
        one.jar.clone_from(&browser.jar);
        race.spawn(async move { one.get(url.as_str()).await });
    }
    let ends = race.join_all().await;
    assert_eq!(
        ends.iter()
            .filter(|page| page.status == StatusCode::FOUND)
            .count(),
        1
    );
    assert!(
        ends.iter()
            .all(|page| page.status == StatusCode::FOUND || page.shows("login.ticket_invalid"))
    );
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
}

#[tokio::test]
async fn s05_expiry() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    world.clock.advance(Duration::from_secs(600));
    let page = world
        .rejected(&mut browser, callback.as_str(), "login.state_expired")
        .await;
    assert_eq!(world.calls("/token"), 0);
    let end = world.restarts(&mut browser, &page).await;
    assert_eq!(end.url.path(), "/welcome", "to the page that was asked for");

    let (mut browser, callback) = world.begun().await;
    world.clock.advance(Duration::from_millis(599_999));
    let page = browser.get(callback.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");

    // Long after, there is still a way to a new login.
    let (mut browser, callback) = world.begun().await;
    world.clock.advance(Duration::from_secs(30 * 86_400));
    let page = world
        .rejected(&mut browser, callback.as_str(), "login.state_expired")
        .await;
    browser.jar.clear();
    world.restarts(&mut browser, &page).await;
}

#[tokio::test]
async fn s05_a_ticket_lives_a_minute() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    world.clock.advance(Duration::from_secs(60));
    let page = world
        .rejected(&mut browser, finish.as_str(), "login.ticket_invalid")
        .await;
    world.restarts(&mut browser, &page).await;
}

#[tokio::test]
async fn s09_harmless_duplicates_and_entities() {
    let world = World::start().await;
    for change in [
        |query: &str| format!("{query}&{query}"),
        |query: &str| query.replace('&', "&amp;"),
        |query: &str| format!("lang=de&{query}&lang=de&"),
    ] {
        let (mut browser, mut callback) = world.begun().await;
        let changed = change(callback.query().unwrap());
        callback.set_query(Some(&changed));
        let page = browser.get(callback.as_str()).await;
        let page = browser.follow(page).await;
        assert!(
            page.status.is_success() || page.status == 404,
            "{changed} {}",
            page.body
        );
        assert!(
            browser.session(&world, "acme").await["authenticated"]
                .as_bool()
                .unwrap()
        );
    }
    // Written otherwise, it is two values to some reader.
    let (mut browser, callback) = world.begun().await;
    let query = callback.query().unwrap();
    let code = query
        .split('&')
        .find(|piece| piece.starts_with("code="))
        .unwrap();
    let last = code.chars().last().unwrap();
    let escaped = format!("{}%{:02X}", &code[..code.len() - 1], u32::from(last));
    for other in [
        escaped,
        "amp;code=x".to_owned(),
        "amp;amp;state=x&amp;state=y".to_owned(),
    ] {
        let url = format!("{callback}&{other}");
        world
            .rejected(&mut browser, &url, "login.duplicate_parameter")
            .await;
    }
}

#[tokio::test]
async fn s09_duplicates() {
    let world = World::start().await;
    for fault in [FaultKind::DuplicateState, FaultKind::DuplicateCode] {
        let page = world
            .fault_fails("authorize", fault, "login.duplicate_parameter")
            .await;
        world.restarts(&mut Browser::new(), &page).await;
    }
    for extra in [
        "state[]=x",
        "state%5B%5D=x",
        "code[]=x",
        "code[0]=x",
        "%73tate=x",
        "c%6fde=x",
        "error[]=x",
        "iss[a]=x",
        "state=",
    ] {
        let (mut browser, callback) = world.begun().await;
        let url = format!("{callback}&{extra}");
        world
            .rejected(&mut browser, &url, "login.duplicate_parameter")
            .await;
    }
    let (mut browser, callback) = world.begun().await;
    let state = parameter(&callback, "state");
    for name in ["state[]", "State", "st", "x", "code"] {
        let url = with(&callback, &[("state", None), (name, Some(&state))]);
        let page = browser.get(url.as_str()).await;
        world.is_rejection(&mut browser, page, "login.", name).await;
    }
    assert_eq!(world.calls("/token"), 2, "only those of the restarts");
}

#[tokio::test]
async fn s10_code_and_error_together() {
    let world = World::start().await;
    let page = world
        .fault_fails("authorize", FaultKind::CodeAndError, "login.bad_callback")
        .await;
    assert_eq!(world.calls("/token"), 0);
    world.restarts(&mut Browser::new(), &page).await;
    let fault = FaultKind::Error {
        error: "<script>".to_owned(),
        description: "</pre><script>alert(1)".to_owned(),
    };
    let page = world
        .fault_fails("authorize", fault, "login.provider_error")
        .await;
    assert!(!page.body.contains("alert"));
    world
        .fault_fails("authorize", FaultKind::NoCode, "login.denied")
        .await;
    // A `+` in a code is one, written as it is or not.
    for code in ["a+b", "a%2Bb"] {
        let (mut browser, mut callback) = world.begun().await;
        let query = callback.query().unwrap();
        let changed: Vec<String> = query
            .split('&')
            .map(|piece| match piece.strip_prefix("code=") {
                Some(_) => format!("code={code}"),
                None => piece.to_owned(),
            })
            .collect();
        callback.set_query(Some(&changed.join("&")));
        browser.get(callback.as_str()).await;
        let journal = world.idp.journal();
        let asked = journal.iter().rfind(|e| e.path == "/token").unwrap();
        let sent = asked
            .form()
            .into_iter()
            .find(|(name, _)| name == "code")
            .unwrap();
        assert_eq!(sent.1, "a+b");
    }
}

#[tokio::test]
async fn s11_many_starts_in_one_browser() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    let mut last = None;
    for _ in 0..200 {
        last = Some(
            browser
                .get(world.url("acme", "login?return_to=/welcome"))
                .await,
        );
    }
    let page = last.unwrap();
    assert_eq!(browser.jar.len(), 1);
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    let page = browser.get(callback.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");
}

#[tokio::test]
async fn s19_an_answer_in_the_fragment_shows_a_page() {
    let world = World::start().await;
    let (mut browser, callback) = {
        world
            .idp
            .set_faults(Faults::none().on("authorize", FaultKind::Fragment));
        world.begun().await
    };
    assert!(
        callback
            .fragment()
            .is_some_and(|text| text.contains("code="))
    );
    // A page of ours that hands it on and loads nothing; by itself it ends as what
    // says nothing does.
    let page = browser.get(callback.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    let csp = page.header("content-security-policy");
    assert!(csp.contains("default-src 'none'"), "{csp}");
    assert!(csp.contains("script-src 'sha256-"), "{csp}");
    for foreign in ["src=", "<iframe", "url(", "@import", "code="] {
        assert!(!page.body.contains(foreign), "{foreign}: {}", page.body);
    }
    let page = browser.post(page.url.as_str(), &[]).await;
    let page = browser.follow(page).await;
    assert!(page.shows("login.state_missing"), "{}", page.body);
}

#[tokio::test]
async fn s19_who_only_looks_uses_nothing_up() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    for method in [
        Method::HEAD,
        Method::OPTIONS,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::TRACE,
    ] {
        let page = browser
            .send(method.clone(), callback.as_str(), &[], None)
            .await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(world.calls("/token"), 0);
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    let page = browser.send(Method::HEAD, finish.as_str(), &[], None).await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
    let page = browser.get(finish.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");
}

#[tokio::test]
async fn s19_a_login_of_an_account_that_is_gone() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let (status, _) = world.admin(Method::DELETE, "/accounts/acme", "", "").await;
    assert_eq!(status, 204);
    let page = browser.get(callback.as_str()).await;
    let page = browser.follow(page).await;
    assert!(page.shows("login.state_mismatch"), "{}", page.body);
    assert_eq!(world.calls("/token"), 0);
    let page = browser
        .get(format!(
            "{}/accounts/NO%2FNE/callback?code=c&state=s",
            world.origin
        ))
        .await;
    assert_eq!(page.location().unwrap().path(), "/error");
}
