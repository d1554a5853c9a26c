//! `prompt`, `max_age` and `ui_locales`, and the provider's own session at logout.

use std::time::Duration;

use mock_idp::{FaultKind, Faults};
use serde_json::Value;
use url::Url;
use vestibule::base::Clock;

use super::{is_error, to_application, to_provider};
use crate::authority::{Client, claims, param, to};
use crate::support::attack::START;
use crate::support::{Browser, World};

#[tokio::test]
async fn demands_reach_an_openid_provider() {
    let world = World::openid().await;
    let client = Client::storefront(&world).await;
    let demanded = [
        ("prompt", "login"),
        ("max_age", "30"),
        ("ui_locales", "pt-BR es"),
        ("acr_values", "urn:mace:incommon:iap:silver phr"),
        ("claims", r#"{"id_token":{"acr":{"values":["phr"]}}}"#),
    ];
    let provider = to_provider(&world, &client, &mut Browser::new(), &demanded).await;
    for (name, value) in demanded {
        assert_eq!(param(&provider, name).as_deref(), Some(value), "{provider}");
    }
    let silent = to_provider(&world, &client, &mut Browser::new(), &[]).await;
    for (name, _) in demanded {
        assert_eq!(param(&silent, name), None, "{silent}");
    }
    let choose = [("prompt", "select_account consent")];
    let provider = to_provider(&world, &client, &mut Browser::new(), &choose).await;
    let prompt = param(&provider, "prompt");
    assert_eq!(prompt.as_deref(), Some("select_account"), "{provider}");
}

/// How the person authenticated goes from the provider to the application: in ID token
/// and userinfo, after a refresh too, and in the session.
#[tokio::test]
async fn how_the_provider_authenticated_is_handed_on() {
    let world = World::openid().await;
    let client = Client::storefront(&world).await;
    let at = world.clock.now().as_secs() - 100;
    let set = |name: &str, value: Value| FaultKind::SetClaim {
        name: name.to_owned(),
        value,
    };
    let faults = Faults::none()
        .on("id_token", set("acr", "phr".into()))
        .on("id_token", set("amr", serde_json::json!(["hwk", "pin", 7])))
        .on("id_token", set("auth_time", at.into()));
    world.idp.set_faults(faults);
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let again = client.refresh(&world, refresh).await.json();
    for tokens in [&tokens, &again] {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        let info = Browser::new()
            .get_with(
                format!("{}/connect/userinfo", world.origin),
                &[("authorization", &bearer)],
            )
            .await;
        for told in [claims(&tokens["id_token"]), info.json()] {
            assert_eq!(told["acr"], "phr", "{told}");
            assert_eq!(told["amr"], serde_json::json!(["hwk", "pin"]), "{told}");
            assert_eq!(told["auth_time"], at, "{told}");
        }
    }
    let session = browser
        .get(format!("{}/accounts/acme/session", world.origin))
        .await
        .json();
    assert_eq!(session["acr"], "phr", "{session}");
}

/// What the mapping always sends gives way to what this request demands.
#[tokio::test]
async fn demands_stand_once_beside_the_mappings_parameters() {
    let world = World::openid().await;
    let mapping = crate::support::attack::openid_mapping_for(&world.idp).replace(
        "scopes = [",
        "parameters = { prompt = \"select_account\" }\nscopes = [",
    );
    world.apply("acme", &mapping).await;
    let client = Client::storefront(&world).await;
    let prompts = |url: &Url| -> Vec<String> {
        url.query_pairs()
            .filter(|(name, _)| name == "prompt")
            .map(|(_, value)| value.into_owned())
            .collect()
    };
    let usual = to_provider(&world, &client, &mut Browser::new(), &[]).await;
    assert_eq!(prompts(&usual), ["select_account"]);
    let demanded = [("prompt", "login")];
    let provider = to_provider(&world, &client, &mut Browser::new(), &demanded).await;
    assert_eq!(prompts(&provider), ["login"]);
}

#[tokio::test]
async fn other_providers_are_sent_nothing_they_do_not_know() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let demanded = [("prompt", "login"), ("max_age", "30")];
    let provider = to_provider(&world, &client, &mut Browser::new(), &demanded).await;
    for name in ["prompt", "max_age", "ui_locales"] {
        assert_eq!(param(&provider, name), None, "{provider}");
    }
}

/// Only a request that waits demands anything: a link to the login is anybody's.
#[tokio::test]
async fn s15_demands_in_the_logins_own_address_are_ignored() {
    let world = World::openid().await;
    let start = world.url("acme", &format!("{START}&prompt=none&max_age=0"));
    let page = Browser::new().get(start).await;
    for name in ["prompt", "max_age"] {
        assert_eq!(param(&to(&page), name), None);
    }
}

#[tokio::test]
async fn a_provider_that_did_not_ask_again_is_not_enough() {
    let world = World::openid().await;
    let client = Client::storefront(&world).await;
    let ago = |seconds: u64| {
        let at = world.clock.now().as_secs() - seconds;
        let value = at.into();
        let name = "auth_time".to_owned();
        world
            .idp
            .set_faults(Faults::none().on("id_token", FaultKind::SetClaim { name, value }));
    };
    // A minute is forgiven: clocks differ.
    for (demanded, seconds, good) in [
        (("prompt", "login"), 0, true),
        (("prompt", "login"), 50, true),
        (("prompt", "login"), 3600, false),
        (("max_age", "0"), 3600, false),
        (("max_age", "600"), 3600, false),
        (("max_age", "7200"), 3600, true),
        (("prompt", "select_account"), 3600, true),
        (("ui_locales", "es"), 3600, true),
    ] {
        ago(seconds);
        let url = client
            .log_in(&world, &mut Browser::new(), &[demanded])
            .await;
        if good {
            assert!(
                param(&url, "code").is_some(),
                "{demanded:?} {seconds}: {url}"
            );
        } else {
            is_error(&url, "login_required");
        }
    }
    world.idp.set_faults(Faults::none());
}

/// The ID token of a login whose provider says this of `auth_time`.
async fn logged_in(world: &World, browser: &mut Browser, fault: FaultKind) -> Value {
    world.idp.set_faults(Faults::none().on("id_token", fault));
    let client = Client::storefront(world).await;
    let tokens = client.tokens(world, browser).await;
    world.idp.set_faults(Faults::none());
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let again = client.refresh(world, refresh).await.json();
    let (id, again) = (claims(&tokens["id_token"]), claims(&again["id_token"]));
    assert_eq!(again["auth_time"], id["auth_time"]);
    id
}

fn says(auth_time: u64) -> FaultKind {
    FaultKind::SetClaim {
        name: "auth_time".to_owned(),
        value: auth_time.into(),
    }
}

fn says_nothing() -> FaultKind {
    FaultKind::RemoveClaim {
        name: "auth_time".to_owned(),
    }
}

#[tokio::test]
async fn when_the_provider_saw_the_person_is_when_we_say() {
    let world = World::openid().await;
    let now = world.clock.now().as_secs();
    let browser = &mut Browser::new();
    let id = logged_in(&world, browser, says(now - 300)).await;
    assert_eq!(id["auth_time"], now - 300);
    assert_eq!(id["iat"], now);
    // And by that it is too old for others, or is not.
    let client = Client::storefront(&world).await;
    world.clock.advance(Duration::from_secs(1));
    for (max_age, good) in [("300", false), ("302", true)] {
        let over = [("prompt", "none"), ("max_age", max_age)];
        let page = browser.get(client.authorize_url(&world, &over)).await;
        assert_eq!(param(&to(&page), "code").is_some(), good, "{max_age}");
    }
    // A clock that is a little ahead makes nobody's login later than now.
    let id = logged_in(&world, &mut Browser::new(), says(now + 51)).await;
    assert_eq!(id["auth_time"], now + 1);
    // Who says nothing: the session began when they came.
    world.clock.advance(Duration::from_secs(4));
    let id = logged_in(&world, &mut Browser::new(), says_nothing()).await;
    assert_eq!(id["auth_time"], now + 5);
}

#[tokio::test]
async fn a_login_of_the_future_is_none() {
    let world = World::openid().await;
    let now = world.clock.now().as_secs();
    for auth_time in [says(now + 3600), says(u64::MAX)] {
        let faults = Faults::none().on("id_token", auth_time);
        world.idp.set_faults(faults);
        let browser = &mut Browser::new();
        let start = world.url("acme", START);
        let page = browser.log_in(&start, "ada", "lovelace").await;
        assert!(page.shows("login.id_token_invalid"), "{}", page.body);
        let session = browser.session(&world, "acme").await;
        assert_eq!(session["authenticated"], false);
        let client = Client::storefront(&world).await;
        let url = client.log_in(&world, browser, &[]).await;
        is_error(&url, "server_error");
    }
}

/// OpenID Connect Core §3.1.3.7, item 13.
#[tokio::test]
async fn a_provider_that_is_sent_max_age_must_say_when() {
    let world = World::openid().await;
    let client = Client::storefront(&world).await;
    let max_age = ("max_age", "600");
    for (fault, demanded, error) in [
        (says_nothing(), &[max_age][..], Some("server_error")),
        (
            says_nothing(),
            &[("prompt", "login"), max_age],
            Some("server_error"),
        ),
        // It was asked to ask; nothing obliges it to say when it did.
        (says_nothing(), &[("prompt", "login")], None),
        (says_nothing(), &[], None),
        (FaultKind::StaleAuthTime, &[max_age], Some("login_required")),
        (FaultKind::StaleAuthTime, &[("max_age", "3700")], None),
        (FaultKind::StaleAuthTime, &[], None),
    ] {
        let faults = Faults::none().on("id_token", fault.clone());
        world.idp.set_faults(faults);
        let url = client.log_in(&world, &mut Browser::new(), demanded).await;
        match error {
            Some(error) => is_error(&url, error),
            None => assert!(param(&url, "code").is_some(), "{fault:?} {url}"),
        }
    }
}

/// A request that waits takes no older login than it demands, though another
/// tab's session began meanwhile.
#[tokio::test]
async fn another_tabs_login_is_not_younger_than_it_is() {
    let world = World::openid().await;
    let client = Client::storefront(&world).await;
    for (demanded, good) in [
        (("max_age", "600"), false),
        (("prompt", "login"), false),
        (("max_age", "7200"), true),
    ] {
        let browser = &mut Browser::new();
        let page = browser.get(client.authorize_url(&world, &[demanded])).await;
        let resume = param(&to(&page), "return_to").unwrap();
        let faults = Faults::none().on("id_token", FaultKind::StaleAuthTime);
        world.idp.set_faults(faults);
        world.log_in(browser).await;
        world.idp.set_faults(Faults::none());
        let page = browser.get(resume).await;
        let url = to(&page);
        assert_eq!(param(&url, "code").is_some(), good, "{demanded:?} {url}");
        assert_eq!(param(&url, "error").is_some(), !good, "{demanded:?} {url}");
    }
}

/// Where the mapping names the address, a logout that an application asks for
/// ends the provider's own session too, as the store's logout does.
#[tokio::test]
async fn an_applications_logout_ends_the_providers_session() {
    let world = World::start().await;
    let end = "https://id.example.test/end";
    let mapping = format!("{}\n[end_session]\nurl = \"{end}\"\n", world.mapping());
    world.apply("acme", &mapping).await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let bye = "https://shop.example.test/bye";

    let tokens = client.tokens(&world, browser).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let logout = |parameters: &[(&str, &str)]| {
        let mut url = Url::parse(&format!("{}/connect/logout", world.origin)).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        url
    };
    let url = logout(&[
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", bye),
        ("state", "x"),
    ]);
    let page = browser.get(url.as_str()).await;
    let away = to(&page);
    assert!(away.as_str().starts_with(end), "{away}");
    let back = param(&away, "post_logout_redirect_uri").unwrap();
    assert_eq!(back, format!("{bye}?state=x"));
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["authenticated"], false);
    // Nothing is left to end: straight back.
    let page = browser.get(url.as_str()).await;
    assert_eq!(to(&page).as_str(), format!("{bye}?state=x"));

    // Without an address to return to, the provider sends back to our own page.
    let tokens = client.tokens(&world, browser).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let page = browser
        .get(logout(&[("id_token_hint", hint)]).as_str())
        .await;
    let back = param(&to(&page), "post_logout_redirect_uri").unwrap();
    assert_eq!(back, world.url("acme", "signed-out"));
    assert_eq!(browser.get(back).await.status, 200);

    // And where the visitor is asked first, the page may lead there.
    let tokens = client.tokens(&world, browser).await;
    assert_eq!(claims(&tokens["id_token"])["account"], "acme");
    let page = browser
        .get(logout(&[("client_id", &client.id)]).as_str())
        .await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("https://id.example.test"), "{policy}");
}

#[tokio::test]
async fn a_denial_at_an_openid_provider_goes_back() {
    let world = World::openid().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let provider = to_provider(&world, &client, browser, &[]).await;
    let page = super::deny(browser, &provider).await;
    is_error(&to_application(browser, page).await, "access_denied");
}
