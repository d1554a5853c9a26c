//! Logins of storefronts by OpenID Connect, and their logouts.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::time::Duration;

use authority::{CALLBACK, Client, VERIFIER, claims, param, part, storefront, to};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{Browser, World};
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::base::{AccountId, Clock, digest};
use vestibule::key::{Checks, verify_with_jwks};

fn error(url: &url::Url) -> String {
    param(url, "error").unwrap_or_else(|| panic!("no error: {url}"))
}

async fn userinfo(world: &World, token: &Value) -> support::Page {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    Browser::new()
        .get_with(
            format!("{}/connect/userinfo", world.origin),
            &[("authorization", &bearer)],
        )
        .await
}

#[tokio::test]
async fn a_storefront_logs_a_shopper_in() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let url = client.log_in(&world, browser, &[]).await;
    assert_eq!(param(&url, "state").as_deref(), Some("st4te"));
    assert_eq!(param(&url, "iss"), Some(world.origin.clone()));
    let code = param(&url, "code").unwrap();
    let tokens = client.exchange(&world, &code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let tokens = tokens.json();

    let jwks = Browser::new()
        .get(format!("{}/.well-known/jwks.json", world.origin))
        .await
        .json();
    let id_token = tokens["id_token"].as_str().unwrap();
    let checks = Checks {
        issuer: Some(&world.origin),
        audience: Some(&client.id),
        typ: None,
        now: world.clock.now(),
        leeway: Duration::ZERO,
    };
    verify_with_jwks(id_token, &jwks, &checks).unwrap();
    let id = claims(&tokens["id_token"]);
    assert_eq!(id["nonce"], "n0nce");
    assert_eq!(id["email"], "ada@example.test");
    assert_eq!(id["name"], "Ada Lovelace");
    assert_eq!(id["account"], "acme");
    assert_eq!(id["auth_time"], world.clock.now().as_secs());
    let access = tokens["access_token"].as_str().unwrap();
    let hash = digest::sha256(access.as_bytes());
    let left = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        &hash[..16],
    );
    assert_eq!(id["at_hash"], left);

    let info = userinfo(&world, &tokens["access_token"]).await;
    assert_eq!(info.status, 200, "{}", info.body);
    assert_eq!(info.json()["sub"], id["sub"]);
    assert_eq!(info.json()["email"], "ada@example.test");

    let active = client.introspect(&world, access).await;
    assert_eq!(active["active"], true);
    assert_eq!(active["sub"], id["sub"]);
    let again = client
        .refresh(&world, tokens["refresh_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(claims(&again["id_token"])["sub"], id["sub"]);
    assert_eq!(claims(&again["id_token"])["auth_time"], id["auth_time"]);
}

#[tokio::test]
async fn single_sign_on_while_the_session_lives() {
    let world = World::start().await;
    let one = Client::storefront(&world).await;
    let two = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let silent = [("prompt", "none")];
    let page = browser.get(two.authorize_url(&world, &silent)).await;
    assert_eq!(error(&to(&page)), "login_required");
    one.tokens(&world, browser).await;
    let page = browser.get(two.authorize_url(&world, &silent)).await;
    assert!(param(&to(&page), "code").is_some(), "{}", to(&page));

    world.clock.advance(Duration::from_secs(100));
    let old = [("prompt", "none"), ("max_age", "99")];
    let page = browser.get(two.authorize_url(&world, &old)).await;
    assert_eq!(error(&to(&page)), "login_required");
    let young = [("prompt", "none"), ("max_age", "100")];
    let page = browser.get(two.authorize_url(&world, &young)).await;
    assert!(param(&to(&page), "code").is_some());

    // Asked to log in again, the shopper does, and `auth_time` says so.
    let url = two.log_in(&world, browser, &[("prompt", "login")]).await;
    let tokens = two.exchange(&world, &param(&url, "code").unwrap()).await;
    let id = claims(&tokens.json()["id_token"]);
    assert_eq!(id["auth_time"], world.clock.now().as_secs());

    world.clock.advance(Duration::from_secs(24 * 3600));
    let page = browser.get(two.authorize_url(&world, &silent)).await;
    assert_eq!(error(&to(&page)), "login_required");
}

#[tokio::test]
async fn errors_go_to_registered_addresses_only() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    for (over, code) in [
        (("client_id", "nobody"), "authorize.client"),
        (("client_id", ""), "authorize.client"),
        (("redirect_uri", ""), "authorize.redirect_uri"),
        (
            ("redirect_uri", "https://evil.example.test/cb"),
            "authorize.redirect_uri",
        ),
        (
            ("redirect_uri", "https://shop.example.test/cb/"),
            "authorize.redirect_uri",
        ),
        (
            ("redirect_uri", "https://shop.example.test/CB"),
            "authorize.redirect_uri",
        ),
        (
            ("redirect_uri", "https://shop.example.test/cb?x=1"),
            "authorize.redirect_uri",
        ),
        (
            ("redirect_uri", "https://shop.example.test:443/cb"),
            "authorize.redirect_uri",
        ),
        (
            ("redirect_uri", "https://shop.example.test/x/../cb"),
            "authorize.redirect_uri",
        ),
    ] {
        let page = browser.get(client.authorize_url(&world, &[over])).await;
        assert_eq!(page.status, 400, "{over:?}");
        assert!(
            page.location().is_none() && page.shows(code),
            "{over:?} {}",
            page.body
        );
    }
    let twice = format!(
        "{}&redirect_uri=https://evil.test",
        client.authorize_url(&world, &[])
    );
    assert_eq!(browser.get(twice).await.status, 400);
    for (over, wanted) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "openid admin:write"), "invalid_scope"),
        (("scope", "open\"id"), "invalid_scope"),
        (("prompt", "none login"), "invalid_request"),
        (("max_age", "soon"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("request", "ey"), "request_not_supported"),
        (
            ("request_uri", "https://evil.test"),
            "request_uri_not_supported",
        ),
        (("account", "other"), "unauthorized_client"),
        (("id_token_hint", "nonsense"), "invalid_request"),
    ] {
        let page = browser.get(client.authorize_url(&world, &[over])).await;
        let url = to(&page);
        assert!(url.as_str().starts_with(CALLBACK), "{url}");
        assert_eq!(error(&url), wanted, "{over:?}");
        assert_eq!(param(&url, "state").as_deref(), Some("st4te"));
        assert_eq!(param(&url, "iss"), Some(world.origin.clone()));
        assert!(param(&url, "code").is_none());
    }
    assert_eq!(world.calls("/authorize"), 0);
}

#[tokio::test]
async fn the_refusal_of_a_request_object_reaches_who_made_it() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let object = |members: serde_json::Value| {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let header = part(r#"{"alg":"none"}"#.to_owned());
        format!("{header}.{}.", part(members.to_string()))
    };
    let inside = object(json!({
        "state": "inside", "response_mode": "form_post", "redirect_uri": "https://evil.test/",
    }));
    let over = [("request", inside.as_str()), ("state", "")];
    let page = browser.get(client.authorize_url(&world, &over)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for said in [
        format!("action=\"{CALLBACK}\""),
        "name=\"error\" value=\"request_not_supported\"".to_owned(),
        "name=\"state\" value=\"inside\"".to_owned(),
    ] {
        assert!(page.body.contains(&said), "{said} {}", page.body);
    }
    assert!(!page.body.contains("evil"), "{}", page.body);

    // What stands outside counts, and what is no text is nothing.
    for (members, state) in [
        (json!({ "state": "inside" }), Some("st4te")),
        (json!(["state"]), Some("st4te")),
        (json!({ "state": ["inside"], "response_mode": 1 }), None),
        (json!({ "state": "x".repeat(4097) }), None),
    ] {
        let request = object(members);
        let mut over = vec![("request", request.as_str())];
        over.extend(state.is_none().then_some(("state", "")));
        let url = to(&browser.get(client.authorize_url(&world, &over)).await);
        assert_eq!(error(&url), "request_not_supported");
        assert_eq!(param(&url, "state").as_deref(), state);
    }
}

#[tokio::test]
async fn a_code_counts_once_for_its_request() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let other = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let refused = |page: &support::Page| {
        assert_eq!(page.status, 400, "{}", page.body);
        assert_eq!(page.json()["error"], "invalid_grant", "{}", page.body);
    };
    let code = |url: &url::Url| param(url, "code").unwrap();

    // Replayed: what it gave is revoked.
    let first = code(&client.log_in(&world, browser, &[]).await);
    let tokens = client.exchange(&world, &first).await.json();
    refused(&client.exchange(&world, &first).await);
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(client.introspect(&world, access).await["active"], false);
    refused(
        &client
            .refresh(&world, tokens["refresh_token"].as_str().unwrap())
            .await,
    );

    // Another client's, late, or for another address.
    let again = async |browser: &mut Browser, over: &[(&str, &str)]| {
        code(&to(&browser.get(client.authorize_url(&world, over)).await))
    };
    refused(&other.exchange(&world, &again(browser, &[]).await).await);
    let late = again(browser, &[]).await;
    world.clock.advance(Duration::from_secs(60));
    refused(&client.exchange(&world, &late).await);
    for (redirect_uri, verifier) in [
        ("https://shop.example.test/other", VERIFIER),
        ("", VERIFIER),
        (CALLBACK, ""),
        (CALLBACK, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
        (CALLBACK, "short"),
    ] {
        let code = again(browser, &[]).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        refused(&client.token(&world, &form).await);
    }
    // A verifier where the challenge was taken out of the request.
    let bare = again(
        browser,
        &[("code_challenge", ""), ("code_challenge_method", "")],
    )
    .await;
    refused(&client.exchange(&world, &bare).await);
}

#[tokio::test]
async fn k03_fifty_exchanges_of_one_code() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let url = client.log_in(&world, &mut Browser::new(), &[]).await;
    let code = param(&url, "code").unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (basic, code, origin) = (client.basic(), code.clone(), world.origin.clone());
        tasks.spawn(async move {
            let body = format!(
                "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
            );
            let headers = [
                ("authorization", basic.as_str()),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            Browser::new()
                .send(reqwest::Method::POST, &format!("{origin}/connect/token"), &headers, Some(body))
                .await
                .status
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|s| **s == 200).count(), 1);
    assert!(answers.iter().all(|s| *s == 200 || *s == 400));
}

#[tokio::test]
async fn a_public_application_needs_pkce() {
    let world = World::start().await;
    let new = NewApplication {
        public: true,
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let browser = &mut Browser::new();
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = browser.get(client.authorize_url(&world, &bare)).await;
    assert_eq!(error(&to(&page)), "invalid_request");
    let tokens = client.tokens(&world, browser).await;
    let next = client
        .refresh(&world, tokens["refresh_token"].as_str().unwrap())
        .await;
    assert_eq!(next.status, 200, "{}", next.body);
    let page = client.post(&world, "introspect", &[("token", "x")]).await;
    assert_eq!(page.status, 401, "introspection needs a secret");
}

#[tokio::test]
async fn s14_a_request_is_taken_up_in_its_own_browser_once() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let victim = &mut Browser::new();
    client.tokens(&world, victim).await;
    // The attacker's request, to be finished by the victim's session.
    let attacker = &mut Browser::new();
    let page = attacker.get(client.authorize_url(&world, &[])).await;
    let login = to(&page);
    let waiting = param(&login, "return_to").unwrap();
    let page = victim.get(&waiting).await;
    assert_eq!(page.status, 400);
    assert!(page.shows("authorize.expired"), "{}", page.body);
    // It goes on waiting for its own browser, and that takes it up once.
    let page = attacker.get(&waiting).await;
    assert_eq!(error(&to(&page)), "login_required");
    assert_eq!(attacker.get(&waiting).await.status, 400);
}

#[tokio::test]
async fn the_broker_runs_the_login_where_the_account_has_stores_elsewhere() {
    let world = World::empty().await;
    world
        .account_with("acme", &[("https://www.acme.example.test", "/_auth")])
        .await;
    world.apply("acme", &world.mapping()).await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    assert_eq!(claims(&tokens["id_token"])["email"], "ada@example.test");
    let page = browser
        .get(client.authorize_url(&world, &[("prompt", "none")]))
        .await;
    assert!(param(&to(&page), "code").is_some());
    // R5, R7: such a login returns to a waiting request, and nowhere else of ours.
    for evil in [
        "/",
        "/connect/logout",
        "/connect/authorize/resume",
        "/connect/authorize/resume?request=a&x=1",
        "/connect/authorize/resume?request=../../x",
        "/connect/authorize/resume?request=a%26b",
        ".evil.test/connect/authorize/resume?request=a",
    ] {
        let target = format!("{}{evil}", world.origin);
        let target: String = form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let page = browser
            .get(world.url("acme", &format!("login?return_to={target}")))
            .await;
        assert_eq!(page.status, 400, "{evil}");
    }
}

#[tokio::test]
async fn an_application_of_all_accounts_names_one() {
    let world = World::start().await;
    world.account("other").await;
    let new = NewApplication {
        account: None,
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let browser = &mut Browser::new();
    let page = browser.get(client.authorize_url(&world, &[])).await;
    assert_eq!(error(&to(&page)), "invalid_request");
    let page = browser
        .get(client.authorize_url(&world, &[("account", "nobody")]))
        .await;
    assert_eq!(error(&to(&page)), "invalid_request");
    let url = client.log_in(&world, browser, &[("account", "acme")]).await;
    assert!(param(&url, "code").is_some());
    // C5: acme's session is nobody's at another account.
    let silent = [("account", "other"), ("prompt", "none")];
    let page = browser.get(client.authorize_url(&world, &silent)).await;
    assert_eq!(error(&to(&page)), "login_required");
}

#[tokio::test]
async fn form_post_and_hints() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    client.tokens(&world, browser).await;
    let over = [
        ("response_mode", "form_post"),
        ("state", "\"><script>alert(1)</script>"),
    ];
    let page = browser.get(client.authorize_url(&world, &over)).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains(&format!("action=\"{CALLBACK}\"")),
        "{}",
        page.body
    );
    assert!(page.body.contains("name=\"code\"") && !page.body.contains("<script>alert"));
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'sha256-")
    );
    assert_eq!(page.header("cache-control"), "no-store");

    let fresh = &mut Browser::new();
    let over = [
        ("login_hint", "ada@example.test"),
        ("ui_locales", "pt-BR en"),
    ];
    let login = to(&fresh.get(client.authorize_url(&world, &over)).await);
    assert_eq!(
        param(&login, "login_hint").as_deref(),
        Some("ada@example.test")
    );
    assert_eq!(param(&login, "lang").as_deref(), Some("pt-BR"));
}

#[tokio::test]
async fn m07_a_disabled_user_gets_no_code() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    client.tokens(&world, browser).await;
    let account: AccountId = "acme".parse().unwrap();
    let ada = world.users("acme").await[0].id;
    vestibule::account::directory::set_disabled(&*world.store, &account, ada, true)
        .await
        .unwrap();
    let page = browser.get(client.authorize_url(&world, &[])).await;
    assert_eq!(error(&to(&page)), "access_denied");
}

#[tokio::test]
async fn j18_k18_other_or_expired_tokens_are_no_access_tokens() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let session: Vec<String> = browser
        .jar
        .iter()
        .filter(|((_, name), _)| name == "vestibule_acme")
        .map(|(_, value)| value.clone())
        .collect();
    assert_eq!(session.len(), 1);
    for token in [tokens["id_token"].clone(), session[0].clone().into()] {
        assert_eq!(userinfo(&world, &token).await.status, 401);
        let active = client.introspect(&world, token.as_str().unwrap()).await;
        assert_eq!(active["active"], false);
    }
    // J1, J3: unsigned, or signed by nobody.
    let parts: Vec<&str> = tokens["access_token"]
        .as_str()
        .unwrap()
        .split('.')
        .collect();
    let none = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        br#"{"alg":"none","typ":"at+jwt"}"#,
    );
    for forged in [
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.AAAA", parts[0], parts[1]),
    ] {
        assert_eq!(userinfo(&world, &forged.into()).await.status, 401);
    }
    world.clock.advance(Duration::from_secs(30 * 60));
    assert_eq!(userinfo(&world, &tokens["access_token"]).await.status, 401);
}

#[tokio::test]
async fn an_application_logs_a_shopper_out() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let silent = [("prompt", "none")];
    let bye = "https://shop.example.test/bye";
    let logout = |over: &[(&str, &str)]| {
        let mut url = url::Url::parse(&format!("{}/connect/logout", world.origin)).unwrap();
        url.query_pairs_mut().extend_pairs(over);
        url
    };
    // R12: unregistered addresses.
    for evil in [
        "https://evil.example.test/",
        "https://shop.example.test/bye/",
    ] {
        let url = logout(&[
            ("client_id", &client.id),
            ("post_logout_redirect_uri", evil),
        ]);
        assert_eq!(browser.get(url).await.status, 400);
    }
    let url = logout(&[("post_logout_redirect_uri", bye)]);
    assert_eq!(browser.get(url).await.status, 400);
    // C10: without proof the shopper is asked.
    let url = logout(&[("client_id", &client.id), ("post_logout_redirect_uri", bye)]);
    let page = browser.get(url).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ada@example.test"), "{}", page.body);
    let page = browser.get(client.authorize_url(&world, &silent)).await;
    assert!(param(&to(&page), "code").is_some(), "still logged in");
    // With the ID token, also an expired one, not.
    world.clock.advance(Duration::from_secs(3600));
    let hint = tokens["id_token"].as_str().unwrap();
    let url = logout(&[
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", bye),
        ("state", "x y"),
    ]);
    let page = browser.get(url).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    assert_eq!(to(&page).as_str(), format!("{bye}?state=x+y"));
    let page = browser.get(client.authorize_url(&world, &silent)).await;
    assert_eq!(error(&to(&page)), "login_required");
    assert_eq!(part(hint, 1)["account"], "acme");
}

#[tokio::test]
async fn the_question_is_answered_on_our_own_page() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    client.tokens(&world, browser).await;
    let url = format!(
        "{}/connect/logout?confirmed=1&client_id={}",
        world.origin, client.id
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let evil = [form[0], ("origin", "https://evil.example.test")];
    let page = browser
        .send(reqwest::Method::POST, &url, &evil, Some(String::new()))
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "goes on as a question");
    let silent = [("prompt", "none")];
    let page = browser.get(client.authorize_url(&world, &silent)).await;
    assert!(param(&to(&page), "code").is_some(), "still logged in");
    let ours = [form[0], ("origin", world.origin.as_str())];
    let page = browser
        .send(reqwest::Method::POST, &url, &ours, Some(String::new()))
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = browser.get(client.authorize_url(&world, &silent)).await;
    assert_eq!(error(&to(&page)), "login_required");
}

#[tokio::test]
async fn applications_hear_of_logouts() {
    let world = World::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/told", listener.local_addr().unwrap());
    let new = NewApplication {
        backchannel_logout_uri: Some(uri),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let told = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.contains("logout_token=") {
            let mut bytes = [0; 4096];
            let n = stream.read(&mut bytes).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        text
    });
    // A logout at the store.
    let form = [("origin", world.origin.as_str())];
    let page = browser
        .send(
            reqwest::Method::POST,
            &world.url("acme", "logout"),
            &form,
            Some(String::new()),
        )
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let text = tokio::time::timeout(Duration::from_secs(5), told)
        .await
        .unwrap()
        .unwrap();
    assert!(text.starts_with("POST /told "), "{text}");
    let token = text.split("logout_token=").nth(1).unwrap();
    let (header, claims, id) = (part(token, 0), part(token, 1), claims(&tokens["id_token"]));
    assert_eq!(header["typ"], "logout+jwt");
    assert_eq!(claims["aud"], client.id);
    assert_eq!(claims["sid"], id["sid"]);
    assert_eq!(claims["sub"], id["sub"]);
    assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object());
    assert!(claims.get("nonce").is_none());
}

#[tokio::test]
async fn what_is_published_is_what_is_served() {
    let world = World::start().await;
    let url = format!("{}/.well-known/openid-configuration", world.origin);
    // H1: headers don't change it.
    let page = Browser::new()
        .get_with(
            &url,
            &[
                ("x-forwarded-host", "evil.example.test"),
                ("x-forwarded-proto", "https"),
            ],
        )
        .await;
    let metadata = page.json();
    assert_eq!(metadata["issuer"], world.origin);
    assert_eq!(page.header("access-control-allow-origin"), "*");
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "end_session_endpoint",
        "jwks_uri",
    ] {
        let url = metadata[name].as_str().unwrap();
        assert!(url.starts_with(&world.origin), "{name}");
        assert_ne!(Browser::new().get(url).await.status, 404, "{name}");
    }
    // H11: no scripts of others on what browsers visit.
    let page = Browser::new()
        .get(metadata["authorization_endpoint"].as_str().unwrap())
        .await;
    assert_eq!(page.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn k19_only_public_parts_are_published() {
    let world = World::start().await;
    let url = format!("{}/.well-known/jwks.json", world.origin);
    let jwks = Browser::new().get(url).await.json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
    for key in jwks["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none());
        }
    }
}

#[tokio::test]
async fn no_user_is_an_administrator_by_their_application() {
    let world = World::start().await;
    let new = NewApplication {
        scopes: Some(Scopes::parse("openid admin:read admin:write").unwrap()),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let browser = &mut Browser::new();
    let page = browser
        .get(client.authorize_url(&world, &[("scope", "openid admin:write")]))
        .await;
    assert_eq!(error(&to(&page)), "invalid_scope");
    let url = client.log_in(&world, browser, &[("scope", "")]).await;
    let tokens = client
        .exchange(&world, &param(&url, "code").unwrap())
        .await
        .json();
    assert!(claims(&tokens["access_token"]).get("scope").is_none());
}

/// What a provider's mapping wants of the link to the login (`{login.name}`), an
/// application says in its request.
#[tokio::test]
async fn an_application_brings_what_the_mapping_wants_of_the_link() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let mapping = support::mapping_for(&world.idp);
    let asks = mapping.replacen("email\" }", "email\", shop = \"{login.shop}\" }", 1);
    assert_ne!(asks, mapping);
    world.apply("acme", &asks).await;
    let shop = |world: &World| {
        let asked = world
            .idp
            .journal()
            .into_iter()
            .rfind(|entry| entry.path == "/authorize");
        asked
            .unwrap()
            .query()
            .into_iter()
            .find(|(name, _)| name == "shop")
    };
    let over = [
        ("shop", "anna & co"),
        ("provider", "mock-idp"),
        // What means something here means nothing there.
        ("email", "eve@example.test"),
        ("return_to", "https://evil.test/"),
    ];
    let browser = &mut Browser::new();
    let url = client.log_in(&world, browser, &over).await;
    assert!(param(&url, "code").is_some(), "{url}");
    assert_eq!(shop(&world).unwrap().1, "anna & co");

    // Without it no login begins, and the application is told.
    let browser = &mut Browser::new();
    let page = browser.get(client.authorize_url(&world, &[])).await;
    let page = browser.get(to(&page).as_str()).await;
    let page = browser.get(to(&page).as_str()).await;
    assert!(to(&page).as_str().starts_with(CALLBACK));
    assert_eq!(error(&to(&page)), "invalid_request");
    let said = param(&to(&page), "error_description").unwrap();
    assert!(
        said.contains("{login.") && said.contains("support id"),
        "{said}"
    );
    // Nor with one that no link may have either.
    for bad in ["x".repeat(257), "a\nb".to_owned()] {
        let browser = &mut Browser::new();
        let page = browser
            .get(client.authorize_url(&world, &[("shop", &bad)]))
            .await;
        let page = browser.get(to(&page).as_str()).await;
        let page = browser.get(to(&page).as_str()).await;
        assert_eq!(error(&to(&page)), "invalid_request");
    }
}
