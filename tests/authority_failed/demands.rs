//! `prompt`, `max_age` and `ui_locales`, and the provider's own session at logout.

use mock_idp::{FaultKind, Faults};
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
