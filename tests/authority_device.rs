//! The device grant (RFC 8628), as a device and a person with a browser see it.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::time::Duration;

use authority::{Client, storefront, to};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use support::form::Form;
use support::{Browser, Page, World};
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Grant, Scopes};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn television() -> NewApplication {
    NewApplication {
        account: Some("acme".parse().unwrap()),
        name: Some("Television".to_owned()),
        grants: Some([Grant::DeviceCode, Grant::RefreshToken].into()),
        public: true,
        ..NewApplication::default()
    }
}

async fn begin(world: &World, client: &Client) -> Value {
    let form = [("scope", "openid email offline_access")];
    let page = client.post(world, "device_authorization", &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.header("cache-control").contains("no-store"));
    page.json()
}

async fn poll(world: &World, client: &Client, begun: &Value) -> Page {
    let code = begun["device_code"].as_str().unwrap();
    let form = [("grant_type", GRANT), ("device_code", code)];
    client.token(world, &form).await
}

fn error(page: &Page) -> String {
    assert_eq!(page.status, 400, "{}", page.body);
    page.json()["error"].as_str().unwrap().to_owned()
}

async fn send(browser: &mut Browser, form: &Form, decision: &str) -> Page {
    let mut form = Form {
        action: form.action.clone(),
        fields: form.fields.clone(),
    };
    form.fields
        .push(("decision".to_owned(), decision.to_owned()));
    form.post(browser).await
}

/// From the code to the question, with a login of `ada` between.
async fn question(world: &World, browser: &mut Browser, code: &str) -> Page {
    let page = browser
        .get(format!("{}/connect/device", world.origin))
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = Form::of(&page).fill("user_code", code).post(browser).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let page = browser.get(to(&page)).await;
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    let page = browser.get(callback).await;
    let page = browser.get(to(&page)).await;
    let back = to(&page);
    assert!(back.path().ends_with("/connect/device"), "{back}");
    let page = browser.get(back).await;
    // The code is filled in already.
    let page = Form::of(&page).post(browser).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page
}

#[tokio::test]
async fn a_device_gets_tokens_when_its_user_says_yes_and_once() {
    let world = World::start().await;
    let tv = Client::create(&world, television()).await;
    let begun = begin(&world, &tv).await;
    let code = begun["user_code"].as_str().unwrap();
    assert_eq!(begun["interval"], 5);
    assert_eq!(begun["expires_in"], 600);
    assert!(
        begun["verification_uri_complete"]
            .as_str()
            .unwrap()
            .ends_with(code)
    );
    assert_eq!(
        error(&poll(&world, &tv, &begun).await),
        "authorization_pending"
    );
    // Too early, which makes the pause longer.
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(error(&poll(&world, &tv, &begun).await), "slow_down");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(error(&poll(&world, &tv, &begun).await), "slow_down");
    world.clock.advance(Duration::from_secs(15));
    assert_eq!(
        error(&poll(&world, &tv, &begun).await),
        "authorization_pending"
    );

    let mut browser = Browser::new();
    // As somebody types it.
    let typed = code.replace('-', " ").to_lowercase();
    let page = question(&world, &mut browser, &typed).await;
    for shown in ["Television", code, "ada@example.test", "your email address"] {
        assert!(page.shows(shown), "{shown}: {}", page.body);
    }
    let asked = Form::of(&page);
    let page = send(&mut browser, &asked, "allow").await;
    assert!(page.shows("Your device is connected"), "{}", page.body);
    world.clock.advance(Duration::from_secs(15));
    let page = poll(&world, &tv, &begun).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let tokens = page.json();
    assert!(tokens["id_token"].is_string());
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let userinfo = Browser::new()
        .get_with(
            format!("{}/connect/userinfo", world.origin),
            &[(
                "authorization",
                &format!("Bearer {}", tokens["access_token"].as_str().unwrap()),
            )],
        )
        .await;
    assert_eq!(userinfo.json()["email"], "ada@example.test");
    // Once.
    assert_eq!(error(&poll(&world, &tv, &begun).await), "invalid_grant");
    let page = send(&mut browser, &asked, "allow").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    // It outlives the browser's session, and is a grant like any other.
    browser.jar.clear();
    assert_eq!(tv.refresh(&world, refresh).await.status, 200);
    let listed = world
        .admin(Method::GET, "/accounts/acme/grants", "", "")
        .await;
    assert!(listed.1.contains(&tv.id), "{}", listed.1);
}

#[tokio::test]
async fn a_refused_device_hears_of_it_and_a_late_one_too() {
    let world = World::start().await;
    let tv = Client::create(&world, television()).await;
    let begun = begin(&world, &tv).await;
    let mut browser = Browser::new();
    let page = question(&world, &mut browser, begun["user_code"].as_str().unwrap()).await;
    let page = send(&mut browser, &Form::of(&page), "deny").await;
    assert!(page.shows("Nothing was allowed"), "{}", page.body);
    assert_eq!(error(&poll(&world, &tv, &begun).await), "access_denied");
    let begun = begin(&world, &tv).await;
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(error(&poll(&world, &tv, &begun).await), "expired_token");
    let code = begun["user_code"].as_str().unwrap();
    let form = [("user_code", code)];
    let page = browser
        .post(format!("{}/connect/device", world.origin), &form)
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Another client's code is nobody's.
    let other = Client::create(&world, television()).await;
    let begun = begin(&world, &tv).await;
    assert_eq!(error(&poll(&world, &other, &begun).await), "invalid_grant");
    assert_eq!(
        error(&poll(&world, &tv, &begun).await),
        "authorization_pending"
    );
}

#[tokio::test]
async fn x2_nobody_says_yes_to_a_device_who_was_not_asked() {
    let world = World::start().await;
    let tv = Client::create(&world, television()).await;
    let begun = begin(&world, &tv).await;
    let code = begun["user_code"].as_str().unwrap();
    let mut browser = Browser::new();
    let page = question(&world, &mut browser, code).await;
    let asked = Form::of(&page);
    let url = format!("{}/connect/device", world.origin);
    // A form of another site; one without the proof; one with another's.
    let forged = [("user_code", code), ("decision", "allow")];
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(forged)
        .finish();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [kind, ("origin", "https://evil.test")];
    let page = browser.send(Method::POST, &url, &headers, Some(body)).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    let page = browser.post(&url, &forged).await;
    assert!(page.shows("asks for access"), "{}", page.body);
    let page = Form {
        action: asked.action.clone(),
        fields: asked.fields.clone(),
    }
    .fill("proof", "AAAA");
    let page = send(&mut browser, &page, "allow").await;
    assert!(page.shows("asks for access"), "{}", page.body);
    // A look decides nothing, and tries no code.
    let page = browser.get(format!("{url}?user_code={code}")).await;
    assert!(!page.shows("Television"), "{}", page.body);
    assert_eq!(
        error(&poll(&world, &tv, &begun).await),
        "authorization_pending"
    );
}

#[tokio::test]
async fn k9_guesses_at_device_codes_come_to_an_end() {
    let world = World::with(|config| {
        config.proxies.networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let url = format!("{}/connect/device", world.origin);
    let mut browser = Browser::new();
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let mut wrong = 0;
    for _ in 0..20 {
        let headers = [kind, ("x-forwarded-for", "192.0.2.7")];
        let body = "user_code=BBBB-BBBB&lang=es".to_owned();
        let page = browser.send(Method::POST, &url, &headers, Some(body)).await;
        if page.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(page.shows("Demasiados"), "{}", page.body);
            assert!(page.header("retry-after").parse::<u64>().unwrap() > 0);
            break;
        }
        assert!(page.shows("Nada espera"), "{}", page.body);
        wrong += 1;
    }
    assert_eq!(wrong, 10);
    // Others go on.
    let headers = [kind, ("x-forwarded-for", "198.51.100.7")];
    let body = "user_code=BBBB-BBBB".to_owned();
    let page = browser.send(Method::POST, &url, &headers, Some(body)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn it_is_off_unless_an_application_has_it_and_the_metadata_says_so() {
    let world = World::start().await;
    let metadata = format!("{}/.well-known/openid-configuration", world.origin);
    let shop = Client::create(&world, storefront()).await;
    let refused = async |wanted: &str| {
        let page = shop.post(&world, "device_authorization", &[]).await;
        assert_eq!(error(&page), wanted);
        let form = [("grant_type", GRANT), ("device_code", "x")];
        let page = shop.token(&world, &form).await;
        assert_eq!(error(&page), wanted);
    };
    // As any name that means nothing here.
    refused("unsupported_grant_type").await;
    let known = Browser::new().get(&metadata).await.json();
    assert!(known.get("device_authorization_endpoint").is_none());
    let tv = Client::create(&world, television()).await;
    // What was found is believed for some seconds.
    world.clock.advance(Duration::from_secs(6));
    let known = Browser::new().get(&metadata).await.json();
    assert_eq!(
        known["device_authorization_endpoint"],
        format!("{}/connect/device_authorization", world.origin)
    );
    let grants = known["grant_types_supported"].as_array().unwrap();
    assert!(grants.iter().any(|grant| grant == GRANT));
    // Now it is this application that may not.
    refused("unauthorized_client").await;
    // Scopes of the admin API are not a shopper's to give.
    for scope in ["admin:read", "openid admin:read"] {
        let page = tv
            .post(&world, "device_authorization", &[("scope", scope)])
            .await;
        assert_eq!(error(&page), "invalid_scope");
    }
    let limited = NewApplication {
        scopes: Some(Scopes::parse("admin:read").unwrap()),
        ..television()
    };
    let limited = Client::create(&world, limited).await;
    let page = limited.post(&world, "device_authorization", &[]).await;
    assert_eq!(error(&page), "invalid_scope");
}
