//! Steps out of order, in other browsers, by other means.

use reqwest::{Method, StatusCode};

use super::support::attack::{START, forms, openid_mapping_for, parameter};
use super::support::{Browser, World};

#[tokio::test]
async fn s12_empty_posts_lead_nowhere() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    for (path, status) in [
        ("/accounts/acme/login", 404),
        ("/accounts/acme/finish", 405),
        ("/accounts/acme/session", 405),
        ("/accounts/acme/check", 401),
        ("/accounts/acme/error", 405),
        ("/callback", 303),
        ("/callback/acme/mock-idp", 303),
        ("/accounts/acme/callback", 303),
        ("/accounts/acme/callback/mock-idp", 303),
    ] {
        let page = browser.post(format!("{}{path}", world.origin), &[]).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        world.is_rejection(browser, page, "", path).await;
    }
    for endpoint in [
        "finish",
        "finish?ticket=",
        "finish?ticket=x",
        "finish?ticket[]=x",
    ] {
        let url = world.url("acme", endpoint);
        world.rejected(browser, &url, "login.ticket_invalid").await;
    }
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn s13_session_fixation() {
    let world = World::start().await;
    let attacker = &mut Browser::new();
    world.log_in(attacker).await;
    let mut fixed = attacker.jar.clone();
    fixed.retain(|(_, name), _| name.starts_with("vestibule_"));
    let victim = &mut Browser::new();
    victim.jar.clone_from(&fixed);
    let end = victim
        .log_in(&world.url("acme", START), "grace", "hopper")
        .await;
    assert_eq!(end.url.path(), "/welcome");
    assert_ne!(victim.jar, fixed);
    assert_eq!(
        victim.session(&world, "acme").await["user"]["email"],
        "grace@example.test"
    );
    assert_eq!(
        attacker.session(&world, "acme").await["authenticated"],
        false,
        "the old one is dead"
    );
}

#[tokio::test]
async fn s14_stolen_links() {
    let world = World::start().await;
    let (mut browser, callback) = world.begun().await;
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    let thief = &mut Browser::new();
    world
        .rejected(thief, finish.as_str(), "login.wrong_browser")
        .await;
    // The thief used it up, and the owner starts again.
    let page = world
        .rejected(&mut browser, finish.as_str(), "login.ticket_invalid")
        .await;
    world.restarts(&mut browser, &page).await;

    // A thief with a login of its own under way, or with odd cookies.
    let (mut browser, callback) = world.begun().await;
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    let (mut thief, _) = world.begun().await;
    world
        .rejected(&mut thief, finish.as_str(), "login.wrong_browser")
        .await;
    for value in ["", "x", &"A".repeat(43), &"A".repeat(4000)] {
        let (mut browser, callback) = world.begun().await;
        let finish = browser.get(callback.as_str()).await.location().unwrap();
        for cookie in browser.jar.values_mut() {
            value.clone_into(cookie);
        }
        world
            .rejected(&mut browser, finish.as_str(), "login.wrong_browser")
            .await;
    }
    // A referrer policy on the redirect that carries the ticket.
    let page = browser.get(finish.as_str()).await;
    assert_eq!(page.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn s15_parameters_from_outside() {
    let world = World::start().await;
    let query = "scope=admin&prompt=none&redirect_uri=https%3A%2F%2Fevil.test&response_type=token&client_id=x&state=x&nonce=x&code_challenge=x&response_mode=fragment&max_age=1&request=x&request_uri=x";
    let browser = &mut Browser::new();
    let authorize = browser
        .get(world.url("acme", &format!("login?{query}")))
        .await
        .location()
        .unwrap();
    assert_eq!(parameter(&authorize, "scope"), "profile email");
    assert_eq!(parameter(&authorize, "response_type"), "code");
    assert_eq!(
        parameter(&authorize, "redirect_uri"),
        format!("{}/callback/acme/mock-idp", world.origin)
    );
    let names: Vec<String> = authorize
        .query_pairs()
        .map(|(k, _)| k.into_owned())
        .collect();
    for name in [
        "prompt",
        "response_mode",
        "max_age",
        "request",
        "request_uri",
        "nonce",
    ] {
        assert!(!names.iter().any(|n| n == name), "{name}");
    }
    let page = browser
        .get(world.url("acme", "login?login_hint=a%26prompt%3Dnone%23x"))
        .await;
    assert_eq!(
        parameter(&page.location().unwrap(), "login_hint"),
        "a&prompt=none#x"
    );
    for hint in ["a".repeat(321), "a%0d%0ab".to_owned()] {
        let page = browser
            .get(world.url("acme", &format!("login?login_hint={hint}")))
            .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn s16_pkce_is_fresh_and_as_mapped() {
    use base64::Engine;
    let world = World::start().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let browser = &mut Browser::new();
        let authorize = browser
            .get(world.url("acme", START))
            .await
            .location()
            .unwrap();
        assert_eq!(parameter(&authorize, "code_challenge_method"), "S256");
        seen.push(parameter(&authorize, "code_challenge"));
        let page = browser
            .log_in(&world.url("acme", START), "ada", "lovelace")
            .await;
        assert_eq!(page.url.path(), "/welcome");
    }
    for form in forms(&world, "/token") {
        let verifier = form["code_verifier"].as_str().unwrap();
        let hash = vestibule::base::digest::sha256(verifier.as_bytes());
        seen.push(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash));
        assert!(verifier.len() >= 43);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6, "three challenges of starts, three of logins");

    let states: Vec<String> = world
        .idp
        .journal()
        .iter()
        .filter(|e| e.path == "/authorize")
        .map(|e| e.target.clone())
        .collect();
    assert!(
        states
            .iter()
            .all(|target| target.contains("code_challenge="))
    );
}

#[tokio::test]
async fn s17_nonces_are_fresh() {
    let world = World::openid().await;
    world.apply("acme", &openid_mapping_for(&world.idp)).await;
    let browser = &mut Browser::new();
    let mut nonces = Vec::new();
    for _ in 0..3 {
        let to = browser
            .get(world.url("acme", START))
            .await
            .location()
            .unwrap();
        nonces.push(parameter(&to, "nonce"));
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}

#[tokio::test]
async fn s18_the_login_cookie_is_no_session() {
    let world = World::start().await;
    let (mut browser, _) = world.begun().await;
    let value = browser.jar.values().next().unwrap().clone();
    for cookie in [
        format!("vestibule_acme={value}"),
        format!("vestibule_acme.login={value}; vestibule_acme={value}"),
        "vestibule_acme=".to_owned(),
        "vestibule_acme=a.b.c".to_owned(),
        "vestibule_acme=eyJhbGciOiJub25lIn0.eyJzaWQiOiJ4In0.".to_owned(),
    ] {
        browser.jar.clear();
        let page = browser
            .get_with(world.url("acme", "check"), &[("cookie", &cookie)])
            .await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{cookie}");
        assert!(page.shows("session.none"));
    }
}

#[tokio::test]
async fn s18_a_session_token_with_other_bytes_is_none() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let key = browser
        .jar
        .keys()
        .find(|(_, name)| name == "vestibule_acme")
        .unwrap()
        .clone();
    let token = browser.jar[&key].clone();
    let (head, signature) = token.rsplit_once('.').unwrap();
    for forged in [
        format!("{head}."),
        format!("{head}.AAAA"),
        head.to_owned(),
        format!("{token}="),
        format!("{token}.x"),
        format!("{head}.{signature}A"),
    ] {
        browser.jar.insert(key.clone(), forged.clone());
        assert_eq!(
            browser.get(world.url("acme", "check")).await.status,
            StatusCode::UNAUTHORIZED,
            "{forged}"
        );
    }
}

#[tokio::test]
async fn s20_a_posted_body_is_not_shown() {
    let world = World::start().await;
    let browser = &mut Browser::new();
    for path in [
        "/callback",
        "/callback/acme/mock-idp",
        "/accounts/acme/callback",
        "/accounts/acme/logout",
        "/accounts/acme/login",
        "/nowhere",
        "/accounts/acme/zzz",
        "/error",
    ] {
        let body = "canary-in-a-body=<b>&state=canary-in-a-body".to_owned();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let page = browser
            .send(
                Method::POST,
                &format!("{}{path}", world.origin),
                &kind,
                Some(body),
            )
            .await;
        assert!(!page.header("location").contains("canary"), "{path}");
        let page = browser.follow(page).await;
        assert!(!page.body.contains("canary"), "{path}");
    }
    for (kind, status) in [
        ("application/json", 400),
        ("text/plain", 400),
        ("multipart/form-data; boundary=x", 400),
        ("", 400),
    ] {
        let page = browser
            .send(
                Method::POST,
                &format!("{}/callback", world.origin),
                &[("content-type", kind)],
                Some("code=canary".to_owned()),
            )
            .await;
        assert_eq!(page.status.as_u16(), status, "{kind}");
        assert!(
            page.shows("request.bad") && !page.body.contains("canary"),
            "{kind}"
        );
    }
}
