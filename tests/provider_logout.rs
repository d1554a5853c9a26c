//! Sessions at the provider and ours: one ends the other.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, param, to};
use serde_json::{Map, Value, json};
use support::attack::openid_mapping_for;
use support::{Browser, Page, World};
use vestibule::base::Clock;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A provider that names its sessions, and ends them where discovery says.
async fn world() -> World {
    let world = World::openid().await;
    world.idp.configure(|config| {
        config.openid.id_token_claims.push("sid".to_owned());
        config.accounts[0].sub = Some("ada-at-the-provider".to_owned());
    });
    session_of(&world, "s-1");
    let mapping = format!("{}[end_session]\n", openid_mapping_for(&world.idp));
    world.apply("acme", &mapping).await;
    world
}

/// The provider's session of the logins that follow.
fn session_of(world: &World, sid: &str) {
    world.idp.configure(|config| {
        config.accounts[0].profile["sid"] = json!(sid);
    });
}

fn subject(world: &World) -> String {
    let account = &world.idp.config().accounts[0];
    account.sub.clone().unwrap()
}

fn at(world: &World, way: &str) -> String {
    world.url("acme", &format!("providers/mock-oidc/{way}-logout"))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

/// A logout token as the standard has it, with these claims over its own; null
/// leaves one out.
fn claims(world: &World, jti: &str, over: Value) -> Map<String, Value> {
    let now = world.clock.now().as_secs();
    let mut claims = object(json!({
        "iss": world.idp.origin(),
        "aud": "vestibule-demo",
        "iat": now,
        "exp": now + 120,
        "jti": jti,
        "sid": "s-1",
        "events": { EVENT: {} },
    }));
    claims.extend(object(over));
    claims.retain(|_, value| !value.is_null());
    claims
}

fn token(world: &World, jti: &str, over: Value) -> String {
    let header = object(json!({ "typ": "logout+jwt" }));
    world.idp.sign(header, claims(world, jti, over))
}

async fn send(world: &World, token: &str) -> Page {
    Browser::new()
        .post(at(world, "backchannel"), &[("logout_token", token)])
        .await
}

async fn authenticated(world: &World, browser: &mut Browser) -> bool {
    browser.session(world, "acme").await["authenticated"] == true
}

/// Up to the redirect with the ticket, which is not followed.
async fn to_finish(world: &World, browser: &mut Browser) -> Page {
    let start = world.url("acme", "login?return_to=/welcome");
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    browser.get(callback.as_str()).await
}

/// A session that ended before the browser came back with its ticket never begins.
#[tokio::test]
async fn the_provider_ends_a_login_that_is_on_its_way() {
    let world = world().await;
    let second = std::time::Duration::from_secs(1);
    let subject = subject(&world);
    for (jti, over) in [
        ("j-1", json!({})),
        ("j-2", json!({ "sub": subject })),
        ("j-3", json!({ "sub": subject, "sid": null })),
    ] {
        let browser = &mut Browser::new();
        let page = to_finish(&world, browser).await;
        world.clock.advance(second);
        assert_eq!(send(&world, &token(&world, jti, over)).await.status, 200);
        world.clock.advance(second);
        let end = browser.follow(page).await;
        assert!(end.shows("login.ticket_invalid"), "{jti}: {}", end.body);
        assert!(!authenticated(&world, browser).await, "{jti}");
        // Whoever logs in after that is logged in.
        let browser = &mut Browser::new();
        world.log_in(browser).await;
        assert!(authenticated(&world, browser).await, "{jti}");
    }
    // Another session's end, and another person's, is not this one's.
    let browser = &mut Browser::new();
    let page = to_finish(&world, browser).await;
    world.clock.advance(second);
    for (jti, over) in [
        ("j-4", json!({ "sid": "s-2" })),
        ("j-5", json!({ "sub": "somebody else", "sid": null })),
    ] {
        assert_eq!(send(&world, &token(&world, jti, over)).await.status, 200);
    }
    let end = browser.follow(page).await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
}

/// B6
#[tokio::test]
async fn b6_no_parameter_keeps_the_providers_session() {
    let world = world().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    // A parameter of anybody's keeps nobody logged in there (threat B6).
    let logout = world.url("acme", "logout?initiating_idp=mock-oidc&provider=mock-oidc");
    let page = browser
        .post(&logout, &[("initiating_idp", "mock-oidc")])
        .await;
    let away = to(&page);
    assert!(
        away.as_str()
            .starts_with(&format!("{}/logout?", world.idp.origin())),
        "{away}"
    );
    let hint = param(&away, "id_token_hint").unwrap();
    assert_eq!(hint.split('.').count(), 3, "{hint}");
    assert_eq!(param(&away, "client_id").unwrap(), "vestibule-demo");
    let back = param(&away, "post_logout_redirect_uri").unwrap();
    assert_eq!(back, world.url("acme", "signed-out"));
    assert!(!authenticated(&world, browser).await);
    // It is kept no longer than the session.
    let page = browser.post(world.url("acme", "logout"), &[]).await;
    assert_eq!(to(&page).as_str(), world.url("acme", "signed-out"));
}

#[tokio::test]
async fn an_applications_logout_shows_the_provider_its_id_token() {
    let world = world().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let url = format!(
        "{}/connect/logout?id_token_hint={}",
        world.origin,
        tokens["id_token"].as_str().unwrap()
    );
    let away = to(&browser.get(&url).await);
    assert!(away.as_str().starts_with(&world.idp.origin()), "{away}");
    assert_ne!(
        param(&away, "id_token_hint").as_deref(),
        tokens["id_token"].as_str(),
        "the provider's own, not ours"
    );
}

#[tokio::test]
async fn without_the_table_or_with_the_hint_off() {
    let world = world().await;
    let mapping = openid_mapping_for(&world.idp);
    let off = format!("{mapping}[end_session]\nid_token_hint = false\n");
    world.apply("acme", &off).await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let away = to(&browser.post(world.url("acme", "logout"), &[]).await);
    assert_eq!(away.path(), "/logout");
    assert_eq!(param(&away, "id_token_hint"), None);

    world.apply("acme", &mapping).await;
    world.log_in(browser).await;
    let away = to(&browser.post(world.url("acme", "logout"), &[]).await);
    assert_eq!(away.as_str(), world.url("acme", "signed-out"));
}

#[tokio::test]
async fn the_provider_ends_one_session_and_what_was_granted_in_it() {
    let world = world().await;
    let client = Client::storefront(&world).await;
    let first = &mut Browser::new();
    let tokens = client.tokens(&world, first).await;
    session_of(&world, "s-2");
    let second = &mut Browser::new();
    let kept = client.tokens(&world, second).await;

    let logout = token(&world, "j-1", json!({ "sub": subject(&world) }));
    let answer = send(&world, &logout).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!authenticated(&world, first).await);
    assert!(authenticated(&world, second).await);
    let refresh = |tokens: &Value| tokens["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(client.refresh(&world, &refresh(&tokens)).await.status, 400);
    assert_eq!(client.refresh(&world, &refresh(&kept)).await.status, 200);
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(client.introspect(&world, access).await["active"], false);

    // Once: who has seen it gains nothing, nor does it end a session of later.
    session_of(&world, "s-1");
    world.log_in(first).await;
    let answer = send(&world, &logout).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("used already"), "{}", answer.body);
    assert!(authenticated(&world, first).await);
}

#[tokio::test]
async fn the_provider_ends_all_of_a_persons_sessions() {
    let world = world().await;
    let client = Client::storefront(&world).await;
    let first = &mut Browser::new();
    let tokens = client.tokens(&world, first).await;
    session_of(&world, "s-2");
    let second = &mut Browser::new();
    world.log_in(second).await;
    let other = json!({ "sub": "nobody", "sid": null });
    assert_eq!(send(&world, &token(&world, "j-0", other)).await.status, 200);
    // Of both, both must agree.
    let other = json!({ "sub": "nobody" });
    assert_eq!(send(&world, &token(&world, "j-1", other)).await.status, 200);
    assert!(authenticated(&world, first).await);

    let all = json!({ "sub": subject(&world), "sid": null, "exp": null });
    let answer = send(&world, &token(&world, "j-2", all)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!authenticated(&world, first).await);
    assert!(!authenticated(&world, second).await);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(client.refresh(&world, refresh).await.status, 400);
}

/// B6
#[tokio::test]
async fn b6_a_providers_logout_token_is_checked_whole() {
    let world = world().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let now = world.clock.now().as_secs();
    for (why, over) in [
        ("iss", json!({ "iss": "https://id.example.test" })),
        ("iss", json!({ "iss": null })),
        ("aud", json!({ "aud": "another-client" })),
        ("aud", json!({ "aud": null })),
        ("iat", json!({ "iat": null })),
        ("iat", json!({ "iat": now + 3600 })),
        ("iat", json!({ "iat": "yesterday" })),
        ("expired", json!({ "exp": now - 3600 })),
        ("expired", json!({ "iat": now - 7200, "exp": now + 7200 })),
        ("expired", json!({ "iat": now - 7200, "exp": null })),
        ("events", json!({ "events": null })),
        ("events", json!({ "events": { "other": {} } })),
        ("events", json!({ "events": { EVENT: true } })),
        ("nonce", json!({ "nonce": "n" })),
        ("jti", json!({ "jti": null })),
        ("sid", json!({ "sid": null })),
        ("sid", json!({ "sid": 1 })),
        ("sub", json!({ "sub": "" })),
    ] {
        let shown = over.to_string();
        let answer = send(&world, &token(&world, "j-1", over)).await;
        assert_eq!(answer.status, 400, "{shown}");
        assert!(answer.body.contains(why), "{shown}: {}", answer.body);
        assert!(answer.shows("logout.token_invalid"), "{}", answer.body);
    }
    let right = || claims(&world, "j-1", json!({}));
    let typ = |typ: &str| object(json!({ "typ": typ }));
    let signed = token(&world, "j-1", json!({}));
    let unsigned = {
        use base64::Engine;
        let part = |value: Value| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
        };
        let header = json!({ "alg": "none", "typ": "logout+jwt" });
        format!("{}.{}.", part(header), part(Value::Object(right())))
    };
    let stripped = format!("{}.", signed.rsplit_once('.').unwrap().0);
    for bad in [
        world.idp.forge(typ("logout+jwt"), right()),
        world.idp.sign(typ("at+jwt"), right()),
        unsigned,
        stripped,
        "nonsense".to_owned(),
    ] {
        let answer = send(&world, &bad).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
    }
    let twice = [("logout_token", signed.as_str()), ("logout_token", &signed)];
    let answer = Browser::new().post(at(&world, "backchannel"), &twice).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        Browser::new()
            .post(at(&world, "backchannel"), &[])
            .await
            .status,
        400
    );
    assert_eq!(
        Browser::new().get(at(&world, "backchannel")).await.status,
        405
    );
    for elsewhere in [
        "accounts/other/providers/mock-oidc",
        "accounts/acme/providers/other",
    ] {
        let url = format!("{}/{elsewhere}/backchannel-logout", world.origin);
        let answer = Browser::new()
            .post(&url, &[("logout_token", &signed)])
            .await;
        assert_eq!(answer.status, 400, "{elsewhere}");
    }
    assert!(authenticated(&world, browser).await);
    assert_eq!(send(&world, &signed).await.status, 200);
    assert!(!authenticated(&world, browser).await);
}

#[tokio::test]
async fn the_provider_ends_a_session_in_a_frame() {
    let world = world().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let url = at(&world, "frontchannel");
    let iss = world.idp.origin();
    for bad in [
        url.clone(),
        format!("{url}?iss={iss}"),
        format!("{url}?sid=s-1"),
        format!("{url}?iss=https://id.example.test&sid=s-1"),
        format!("{url}?iss={iss}&sid=s-1&sid=s-1"),
    ] {
        // With the shopper's own cookies: they decide nothing.
        assert_eq!(browser.get(&bad).await.status, 400, "{bad}");
    }
    let right = format!("{url}?iss={iss}&sid=s-1");
    let looked = browser.send(reqwest::Method::HEAD, &right, &[], None).await;
    assert_eq!(looked.status, 405);
    assert_eq!(
        Browser::new()
            .get(format!("{url}?iss={iss}&sid=s-2"))
            .await
            .status,
        200
    );
    assert!(authenticated(&world, browser).await);
    let answer = Browser::new().get(&right).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!authenticated(&world, browser).await);
}

#[tokio::test]
async fn what_applies_says_where_the_provider_ends_sessions() {
    let world = world().await;
    let (status, shown) = world
        .admin(
            reqwest::Method::GET,
            "/accounts/acme/providers/mock-oidc",
            "",
            "",
        )
        .await;
    assert_eq!(status, 200, "{shown}");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["backchannel_logout_uri"], at(&world, "backchannel"));
    assert_eq!(shown["frontchannel_logout_uri"], at(&world, "frontchannel"));
}
