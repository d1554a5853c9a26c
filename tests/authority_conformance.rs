//! What the OpenID Connect conformance suite asks of a provider, and what clients
//! do on their defaults.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{CALLBACK, Client, claims, param, post, storefront, to};
use mock_idp::{FaultKind, Faults};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Browser, Page, World};
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn discovery(world: &World) -> Value {
    let url = format!("{}/.well-known/openid-configuration", world.origin);
    Browser::new().get(url).await.json()
}

async fn userinfo(world: &World, tokens: &Value) -> Value {
    let body = format!("access_token={}", tokens["access_token"].as_str().unwrap());
    let page = post(world, "userinfo", &[FORM], body).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()
}

async fn tokens(world: &World, client: &Client, over: &[(&str, &str)]) -> Value {
    let url = client.log_in(world, &mut Browser::new(), over).await;
    let page = client.exchange(world, &param(&url, "code").unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()
}

#[tokio::test]
async fn userinfo_takes_the_token_in_the_body_of_a_form() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let tokens = tokens(&world, &client, &[]).await;
    let told = userinfo(&world, &tokens).await;
    assert_eq!(told["email"], "ada@example.test");
    let token = tokens["access_token"].as_str().unwrap();
    let bearer = format!("Bearer {token}");
    let header = ("authorization", bearer.as_str());
    // An empty form beside the header is one token still.
    let page = post(&world, "userinfo", &[FORM, header], String::new()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let body = format!("access_token={token}");
    for (headers, body, status) in [
        (vec![FORM, header], body.clone(), 400),
        (vec![FORM], format!("{body}&{body}"), 401),
        (vec![FORM], "access_token=nonsense".to_owned(), 401),
        (vec![FORM], "access_token=".to_owned(), 401),
        (vec![("content-type", "text/plain")], body.clone(), 401),
    ] {
        let page = post(&world, "userinfo", &headers, body).await;
        assert_eq!(page.status.as_u16(), status, "{}", page.body);
    }
    // Never in a query, where it would end in logs (RFC 6750 §2.3).
    let url = format!("{}/connect/userinfo?{body}", world.origin);
    let page = Browser::new().get(url).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn scopes_that_are_not_the_applications_are_left_out() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let wide = "openid email address https://example.test/unheard-of";
    let answer = tokens(&world, &client, &[("scope", wide)]).await;
    assert_eq!(answer["scope"], "address email openid");
    assert!(claims(&answer["id_token"]).get("email").is_some());
    let new = NewApplication {
        scopes: Some(Scopes::parse("email").unwrap()),
        ..storefront()
    };
    let plain = Client::create(&world, new).await;
    for scope in ["openid email", "email admin:read"] {
        let url = plain.authorize_url(&world, &[("scope", scope)]);
        let page = Browser::new().get(url).await;
        let error = param(&to(&page), "error");
        assert_eq!(error.as_deref(), Some("invalid_scope"), "{scope}");
    }
    let supported = discovery(&world).await["scopes_supported"].clone();
    for scope in ["address", "phone"] {
        assert!(supported.as_array().unwrap().contains(&json!(scope)));
    }
}

#[tokio::test]
async fn address_and_telephone_number_have_scopes_of_their_own() {
    let world = World::start().await;
    let attributes = "attributes = { address = \"where\", phone_number = \"tel\", phone_number_verified = \"tel_ok\", nickname = \"nick\" }";
    world
        .apply("acme", &format!("{}\n{attributes}", world.mapping()))
        .await;
    let replaced = |field: &str, value| FaultKind::Replace {
        field: field.to_owned(),
        value,
    };
    let faults = Faults::none()
        .on("userinfo", replaced("where", json!("1 Row, London")))
        .on("userinfo", replaced("tel", json!("+44 20 7946 0000")))
        // As a server writes it that has no booleans.
        .on("userinfo", replaced("tel_ok", json!("true")))
        .on("userinfo", replaced("nick", json!("Ada")));
    world.idp.set_faults(faults);
    let client = Client::storefront(&world).await;
    for (scope, told) in [
        ("openid profile", ["nickname"].as_slice()),
        ("openid address", &["address"]),
        ("openid phone", &["phone_number", "phone_number_verified"]),
        (
            "openid address phone",
            &["address", "phone_number", "phone_number_verified"],
        ),
    ] {
        let answer = tokens(&world, &client, &[("scope", scope)]).await;
        let of_token = claims(&answer["id_token"]);
        let of_userinfo = userinfo(&world, &answer).await;
        for from in [of_token, of_userinfo] {
            for name in [
                "address",
                "phone_number",
                "phone_number_verified",
                "nickname",
            ] {
                let there = from.get(name).is_some();
                assert_eq!(there, told.contains(&name), "{scope} {name} {from}");
            }
            if let Some(address) = from.get("address") {
                assert_eq!(address, &json!({ "formatted": "1 Row, London" }));
            }
            if let Some(verified) = from.get("phone_number_verified") {
                assert_eq!(verified, &json!(true));
            }
        }
    }
}

async fn question(browser: &mut Browser, world: &World, query: &str) -> Page {
    let url = format!("{}/connect/logout{query}", world.origin);
    browser.get(url).await
}

async fn answer(browser: &mut Browser, world: &World, asked: &Page) -> Page {
    let (_, rest) = asked.body.split_once("action=\"").expect("a form");
    let action = rest.split('"').next().unwrap();
    let action = action.replace("&#x2f;", "/").replace("&amp;", "&");
    let url = asked.url.join(&action).unwrap();
    let headers = [FORM, ("origin", world.origin.as_str())];
    browser
        .send(Method::POST, url.as_str(), &headers, Some(String::new()))
        .await
}

#[tokio::test]
async fn a_logout_without_parameters_asks_and_ends_what_the_browser_has() {
    let world = World::start().await;
    for query in ["", "?state=x"] {
        let browser = &mut Browser::new();
        let page = question(browser, &world, query).await;
        assert_eq!(page.status, 200, "nobody is signed in: {}", page.body);
        let client = Client::storefront(&world).await;
        client.tokens(&world, browser).await;
        let asked = question(browser, &world, query).await;
        assert_eq!(asked.status, 200);
        assert!(asked.body.contains("ada@example.test"), "{}", asked.body);
        let silent = [("prompt", "none")];
        let page = browser.get(client.authorize_url(&world, &silent)).await;
        assert!(param(&to(&page), "code").is_some(), "asked only");
        let page = answer(browser, &world, &asked).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.location().is_none());
        let page = browser.get(client.authorize_url(&world, &silent)).await;
        let error = param(&to(&page), "error");
        assert_eq!(error.as_deref(), Some("login_required"));
    }
}

#[tokio::test]
async fn a_logout_without_parameters_asks_about_each_account() {
    let world = World::start().await;
    world.account("other").await;
    world.apply("other", &world.mapping()).await;
    let browser = &mut Browser::new();
    for account in ["acme", "other"] {
        let new = NewApplication {
            account: Some(account.parse().unwrap()),
            ..storefront()
        };
        let client = Client::create(&world, new).await;
        client.tokens(&world, browser).await;
    }
    for more in [true, false] {
        let asked = question(browser, &world, "").await;
        let done = answer(browser, &world, &asked).await;
        assert_eq!(done.location().is_some(), more, "{}", done.body);
    }
    for account in ["acme", "other"] {
        let session = browser.session(&world, account).await;
        assert_eq!(session["authenticated"], false, "{account}");
    }
}

#[tokio::test]
async fn keys_of_both_algorithms_are_at_hand() {
    let world = World::start().await;
    world.broker.provide_keys().await.unwrap();
    let algs = discovery(&world).await["id_token_signing_alg_values_supported"].clone();
    assert_eq!(algs, json!(["ES256", "RS256"]));
    let jwks = Browser::new()
        .get(format!("{}/.well-known/jwks.json", world.origin))
        .await
        .json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    let new = NewApplication {
        id_token_signed_response_alg: Some("RS256".parse().unwrap()),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let answer = tokens(&world, &client, &[]).await;
    let header = authority::part(answer["id_token"].as_str().unwrap(), 0);
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["kid"], jwks["keys"][1]["kid"], "none was made now");
    let header = authority::part(answer["access_token"].as_str().unwrap(), 0);
    assert_eq!(header["alg"], "ES256");
}

#[tokio::test]
async fn an_answer_comes_by_a_posted_form() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    client.tokens(&world, browser).await;
    for (over, told) in [
        (("prompt", "none"), "name=\"code\""),
        (("max_age", "soon"), "value=\"invalid_request\""),
    ] {
        let over = [over, ("response_mode", "form_post"), ("state", "\"><x")];
        let page = browser.get(client.authorize_url(&world, &over)).await;
        assert_eq!(page.status, 200);
        assert!(page.location().is_none());
        let form = format!("<form method=\"post\" action=\"{CALLBACK}\">");
        assert!(page.body.contains(&form), "{}", page.body);
        assert!(page.body.contains(told), "{}", page.body);
        let state = "name=\"state\" value=\"&quot;&gt;&lt;x\"";
        assert!(page.body.contains(state), "{}", page.body);
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let modes = discovery(&world).await["response_modes_supported"].clone();
    assert_eq!(modes, json!(["query", "form_post"]));
}

/// `oidcc-redirect-uri-query-OK`, `-added` and `-mismatch`: a redirect URI counts with
/// its query, to the letter.
#[tokio::test]
async fn a_redirect_uri_counts_with_its_query() {
    let world = World::start().await;
    let registered = format!("{CALLBACK}?shop=1");
    let new = NewApplication {
        redirect_uris: vec![registered.clone()],
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let browser = &mut Browser::new();
    let over = [("redirect_uri", registered.as_str())];
    let url = client.log_in(&world, browser, &over).await;
    assert_eq!(param(&url, "shop").as_deref(), Some("1"), "{url}");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &param(&url, "code").unwrap()),
        ("redirect_uri", &registered),
        ("code_verifier", authority::VERIFIER),
    ];
    let page = client.token(&world, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for other in [
        CALLBACK.to_owned(),
        format!("{CALLBACK}?shop=2"),
        format!("{CALLBACK}?shop=1&foo=bar"),
        format!("{CALLBACK}?foo=bar&shop=1"),
        format!("{CALLBACK}?shop=1#x"),
    ] {
        let url = client.authorize_url(&world, &[("redirect_uri", other.as_str())]);
        let page = browser.get(url).await;
        assert_eq!(page.status, 400, "{other}");
        assert!(page.location().is_none() && page.shows("authorize.redirect_uri"));
    }
}

/// `oidcc-codereuse-30seconds`: the access token goes with the code that came again.
#[tokio::test]
async fn a_code_that_comes_again_after_half_a_minute_ends_its_access_token() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let url = client.log_in(&world, &mut Browser::new(), &[]).await;
    let code = param(&url, "code").unwrap();
    let tokens = client.exchange(&world, &code).await.json();
    userinfo(&world, &tokens).await;
    world.clock.advance(std::time::Duration::from_secs(30));
    let page = client.exchange(&world, &code).await;
    assert_eq!(page.status, 400, "{}", page.body);
    assert_eq!(page.json()["error"], "invalid_grant");
    let body = format!("access_token={}", tokens["access_token"].as_str().unwrap());
    let page = post(&world, "userinfo", &[FORM], body).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
}

/// `oidcc-rp-initiated-logout-bad-post-logout-redirect-uri`, `-modified-id-token-hint`,
/// `-no-id-token-hint`, `-query-added-to-post-logout-redirect-uri` and
/// `-bad-id-token-hint`: none leads back, and none ends a session unasked.
#[tokio::test]
async fn a_logout_that_proves_nothing_leads_nowhere() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let payload = hint.split('.').nth(1).unwrap();
    // `{"alg":"none"}`
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    let (signed, _) = hint.rsplit_once('.').unwrap();
    let cut = format!("{signed}.");
    let bye = "https://shop.example.test/bye";
    let added = format!("{bye}?foo=bar");
    for (hint, after) in [
        (Some(hint), "https://shop.example.test/elsewhere"),
        (Some(hint), added.as_str()),
        (Some(unsigned.as_str()), bye),
        (Some(cut.as_str()), bye),
        (Some("bad"), bye),
        (None, bye),
    ] {
        let mut query = vec![("post_logout_redirect_uri", after), ("state", "s")];
        query.extend(hint.map(|hint| ("id_token_hint", hint)));
        let mut url = url::Url::parse(&format!("{}/connect/logout", world.origin)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let page = browser.get(url).await;
        assert_eq!(page.status, 400, "{hint:?} {after}");
        assert!(page.location().is_none());
        let silent = client.authorize_url(&world, &[("prompt", "none")]);
        let page = browser.get(silent).await;
        assert!(param(&to(&page), "code").is_some(), "{hint:?} {after}");
    }
}
