//! One provider's answer to another one's login.

use mock_idp::{Config, FaultKind, MockIdp};
use url::Url;

use super::support::attack::{openid_mapping_for, parameter, with};
use super::support::{Browser, World, mapping_for};

#[tokio::test]
async fn s06_another_accounts_state() {
    let world = World::start().await;
    world.account("other").await;
    world.apply("other", &world.mapping()).await;
    let (mut browser, callback) = world.begun().await;
    let mut there = callback.clone();
    there.set_path("/callback/other/mock-idp");
    let page = world
        .rejected(&mut browser, there.as_str(), "login.state_mismatch")
        .await;
    assert!(
        page.url.path().starts_with("/accounts/acme/"),
        "back to where it began"
    );

    // The account's name behind the state is part of it.
    let (mut browser, callback) = world.begun().await;
    let state = parameter(&callback, "state").replace("acme", "other");
    let forged = with(&callback, &[("state", Some(&state))]);
    world
        .rejected(&mut browser, forged.as_str(), "login.state_mismatch")
        .await;

    // A ticket counts on its own account only.
    let (mut browser, callback) = world.begun().await;
    let finish = browser.get(callback.as_str()).await.location().unwrap();
    let there = finish.as_str().replace("/acme/", "/other/");
    world
        .rejected(&mut browser, &there, "login.ticket_invalid")
        .await;
    assert_eq!(world.calls("/token"), 1);
}

/// The answer of one provider with the state of a login with another.
async fn mixed(world: &World, answers: &str, began: &str) -> (Browser, Url) {
    let mut browser = Browser::new();
    let start = |provider: &str| world.url("acme", &format!("login?provider={provider}"));
    let began = browser.to_callback(&start(began), "ada", "lovelace").await;
    let answer = browser
        .to_callback(&start(answers), "ada", "lovelace")
        .await;
    let mixed = with(&answer, &[("state", Some(&parameter(&began, "state")))]);
    (browser, mixed)
}

#[tokio::test]
async fn s07_another_providers_answer() {
    let world = World::openid().await;
    let other = MockIdp::start(Config::default()).await.unwrap();
    other.configure(|config| {
        config.openid.enabled = true;
        config.callback.iss = true;
    });
    let google = openid_mapping_for(&other).replace("mock-oidc", "google");
    world.apply("acme", &google).await;
    let (mut browser, answer) = mixed(&world, "google", "mock-oidc").await;
    assert_eq!(answer.path(), "/callback/acme/google");
    world
        .rejected(&mut browser, answer.as_str(), "login.state_mismatch")
        .await;
    // Where the browser is brought to the right address, `iss` is left.
    let (mut browser, mut answer) = mixed(&world, "google", "mock-oidc").await;
    answer.set_path("/callback/acme/mock-oidc");
    world
        .rejected(&mut browser, answer.as_str(), "login.issuer_mismatch")
        .await;
    assert_eq!(world.calls("/token"), 0);
    assert!(other.journal().iter().all(|entry| entry.path != "/token"));
}

#[tokio::test]
async fn s07_another_providers_answer_to_one_without_an_issuer() {
    let world = World::openid().await;
    world.idp.configure(|config| config.callback.iss = true);
    let plain = MockIdp::start(Config::default()).await.unwrap();
    let mapping = mapping_for(&plain).replace("\"mock-idp\"", "\"google\"");
    world.apply("acme", &mapping).await;
    let (mut browser, answer) = mixed(&world, "mock-oidc", "google").await;
    world
        .rejected(&mut browser, answer.as_str(), "login.state_mismatch")
        .await;
    let (mut browser, mut answer) = mixed(&world, "mock-oidc", "google").await;
    answer.set_path("/callback/acme/google");
    world
        .rejected(&mut browser, answer.as_str(), "login.issuer_mismatch")
        .await;
    assert!(
        plain.journal().iter().all(|entry| entry.path != "/token"),
        "the code stays here"
    );
}

#[tokio::test]
async fn s08_the_issuer_in_the_callback() {
    let world = World::openid().await;
    world.idp.configure(|config| config.callback.iss = true);
    for (fault, code) in [
        (FaultKind::WrongIss, "login.issuer_mismatch"),
        (FaultKind::NoIss, "login.issuer_mismatch"),
        (FaultKind::DuplicateIss, "login.duplicate_parameter"),
    ] {
        world.fault_fails("authorize", fault, code).await;
    }
    let (mut browser, callback) = world.begun().await;
    let slash = format!("{}/", parameter(&callback, "iss"));
    let url = with(&callback, &[("iss", Some(&slash))]);
    world
        .rejected(&mut browser, url.as_str(), "login.issuer_mismatch")
        .await;
    let (mut browser, callback) = world.begun().await;
    let url = with(&callback, &[("iss", Some(""))]);
    world
        .rejected(&mut browser, url.as_str(), "login.issuer_mismatch")
        .await;
    assert_eq!(world.calls("/token"), 0);
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn s08_a_provider_that_promises_no_issuer_need_not_send_one() {
    let world = World::openid().await;
    world.log_in(&mut Browser::new()).await;
    let fault = FaultKind::ExtraParameter {
        name: "session_state".to_owned(),
        value: "x.y".to_owned(),
    };
    world
        .idp
        .set_faults(mock_idp::Faults::none().on("authorize", fault));
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn s17_another_ones_code() {
    // PKCE: the code was issued for another challenge.
    let world = World::start().await;
    let (_, victim) = world.begun().await;
    let (mut browser, own) = world.begun().await;
    let mixed = with(&own, &[("code", Some(&parameter(&victim, "code")))]);
    world
        .rejected(&mut browser, mixed.as_str(), "login.token_rejected")
        .await;

    // Without PKCE the nonce is left.
    let world = World::openid().await;
    let mapping = openid_mapping_for(&world.idp)
        .replace("[authorization]", "[authorization]\npkce = \"none\"");
    world.apply("acme", &mapping).await;
    let (_, victim) = world.begun().await;
    let (mut browser, own) = world.begun().await;
    let mixed = with(&own, &[("code", Some(&parameter(&victim, "code")))]);
    world
        .rejected(&mut browser, mixed.as_str(), "login.id_token_invalid")
        .await;
}

#[tokio::test]
async fn s01_a_state_under_another_name() {
    let world = World::start().await;
    world.idp.configure(|config| {
        "st".clone_into(&mut config.authorize.state);
        "st".clone_into(&mut config.callback.state);
    });
    let renamed = world
        .mapping()
        .replace("[authorization]", "[authorization]\nstate_key = \"st\"");
    world.apply("acme", &renamed).await;
    world.log_in(&mut Browser::new()).await;
    // A `state` of the provider's own does not get in the way.
    for value in ["", "x", &"A".repeat(44)] {
        let fault = FaultKind::ExtraParameter {
            name: "state".to_owned(),
            value: value.to_owned(),
        };
        world
            .idp
            .set_faults(mock_idp::Faults::none().on("authorize", fault));
        world.log_in(&mut Browser::new()).await;
    }
    world.idp.set_faults(mock_idp::Faults::none());
    // Under the usual name it is not this mapping's.
    let (mut browser, callback) = world.begun().await;
    let state = parameter(&callback, "st");
    let moved = with(&callback, &[("st", None), ("state", Some(&state))]);
    world
        .rejected(&mut browser, moved.as_str(), "login.state_mismatch")
        .await;
}

#[tokio::test]
async fn s07_a_posted_answer_and_one_of_another_account() {
    let world = World::start().await;
    let posted = world.mapping().replace(
        "[authorization]",
        "[authorization]\nresponse_mode = \"form_post\"",
    );
    world.apply("acme", &posted).await;
    let authorize = Browser::new()
        .get(world.url("acme", "login"))
        .await
        .location()
        .unwrap();
    assert_eq!(parameter(&authorize, "response_mode"), "form_post");
    // A provider of another account does not belong to this one.
    world.account("other").await;
    let url = world.url("other", "login?provider=mock-idp");
    let page = Browser::new().get(&url).await;
    assert!(page.shows("login.unknown_provider"));
}
