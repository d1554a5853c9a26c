//! The page on which people choose how to log in: its order, what was used before,
//! the email first, and providers that are switched off.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/mail.rs"]
mod mail_settings;
mod support;

use authority::{Client, service};
use mock_idp::MailCatcher;
use reqwest::Method;
use serde_json::{Value, json};
use support::form::Form;
use support::{Browser, Page, World};
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;

struct Scene {
    world: World,
    client: Client,
    _mail: MailCatcher,
}

impl Scene {
    /// An account with two providers, a custom one and one of the bundled.
    async fn new() -> Self {
        let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
        let mail = mail.await.unwrap();
        let settings = mail_settings::settings(mail.url());
        let world = World::with(|config| config.mail = Some(settings)).await;
        world.account("acme").await;
        let mapping = world.mapping();
        world.apply("acme", &mapping).await;
        let google = mapping
            .replace("\"mock-idp\"", "\"google\"")
            .replace("\"Mock Accounts\"", "\"Google\"");
        world.apply("acme", &google).await;
        let new = NewApplication {
            scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
            ..service("acme")
        };
        let client = Client::create(&world, new).await;
        Self {
            world,
            client,
            _mail: mail,
        }
    }

    async fn patch(&self, token: &str, change: Value) -> Page {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}/api/v1/accounts/acme", self.world.origin);
        let body = Some(change.to_string());
        Browser::new()
            .send(Method::PATCH, &url, &headers, body)
            .await
    }

    /// Changes the account with a token that is for it alone.
    async fn asks(&self, change: Value) -> Page {
        let form = [("grant_type", "client_credentials")];
        let answer = self.client.token(&self.world, &form).await.json();
        let token = answer["access_token"].as_str().unwrap();
        self.patch(token, change).await
    }

    async fn set(&self, change: Value) {
        let page = self.asks(change).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    /// What only who administers all accounts may say.
    async fn verify(&self, domains: &[(&str, &str, bool)]) {
        let id = "acme".parse().unwrap();
        let store = &*self.world.store;
        let mut account = vestibule::account::get(store, &id)
            .await
            .unwrap()
            .unwrap()
            .value;
        account.login.ways.domains = domains
            .iter()
            .map(
                |(domain, provider, verified)| vestibule::account::EmailDomain {
                    domain: (*domain).to_owned(),
                    provider: provider.parse().unwrap(),
                    verified: *verified,
                },
            )
            .collect();
        vestibule::account::put(store, &account, vestibule::store::Precondition::Any)
            .await
            .unwrap();
    }

    /// A test link of the bundled provider.
    async fn trial(&self) -> Page {
        let google = self.world.mapping().replace("\"mock-idp\"", "\"google\"");
        let form = [("grant_type", "client_credentials")];
        let answer = self.client.token(&self.world, &form).await.json();
        let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/toml"),
        ];
        let url = format!("{}/api/v1/accounts/acme/trials", self.world.origin);
        Browser::new()
            .send(Method::POST, &url, &headers, Some(google))
            .await
    }

    fn start(&self) -> String {
        self.world.url("acme", "login?return_to=/welcome")
    }
}

/// Where parts of a page stand, which must all be there.
fn in_order(page: &Page, parts: &[&str]) {
    let places: Vec<usize> = parts
        .iter()
        .map(|part| {
            page.body
                .find(part)
                .unwrap_or_else(|| panic!("no {part}: {}", page.body))
        })
        .collect();
    assert!(places.is_sorted(), "{parts:?} {places:?}\n{}", page.body);
}

const CODE: &str = "value=\"access_key\"";
const PASSWORD: &str = "value=\"password\"";
const CUSTOM: &str = "provider=mock-idp";
const GOOGLE: &str = "provider=google";

#[tokio::test]
async fn ways_stand_in_the_order_that_the_account_chose() {
    let scene = Scene::new().await;
    scene
        .set(json!({ "access_key": true, "password": true }))
        .await;
    let page = Browser::new().get(scene.start()).await;
    in_order(&page, &[PASSWORD, CODE, CUSTOM, GOOGLE]);
    assert_eq!(page.body.matches("<form").count(), 1, "{}", page.body);

    let order = ["google", "access_key", "password"];
    scene.set(json!({ "login_order": order })).await;
    let page = Browser::new().get(scene.start()).await;
    in_order(&page, &[GOOGLE, CODE, PASSWORD, CUSTOM]);
    for attribute in [
        "autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
        "id=\"email-1\"",
        "for=\"email-1\"",
        "id=\"email-2\"",
    ] {
        assert!(page.body.contains(attribute), "{attribute} {}", page.body);
    }

    for wrong in [
        json!({ "login_order": ["google", "google"] }),
        json!({ "login_order": ["No Way"] }),
        json!({ "providers_off": ["access_key"] }),
    ] {
        let page = scene.asks(wrong.clone()).await;
        assert_eq!(page.status, 400, "{wrong} {}", page.body);
        assert_eq!(page.json()["code"], "account.ways");
    }
}

#[tokio::test]
async fn the_way_that_was_used_last_on_a_device_comes_first_there() {
    let scene = Scene::new().await;
    scene.set(json!({ "access_key": true })).await;
    let mut browser = Browser::new();
    let through = scene
        .world
        .url("acme", "login?provider=google&return_to=/welcome");
    browser.log_in(&through, "ada", "lovelace").await;
    let page = browser.get(scene.start()).await;
    in_order(&page, &[GOOGLE, "Last used on this device", CODE, CUSTOM]);
    assert_eq!(page.body.matches("Last used").count(), 1);
    // Not on another device, and not where it is no way any more.
    let page = Browser::new().get(scene.start()).await;
    assert!(!page.body.contains("Last used"), "{}", page.body);
    scene.set(json!({ "providers_off": ["google"] })).await;
    let page = browser.get(scene.start()).await;
    assert!(!page.body.contains("Last used"), "{}", page.body);
    assert!(!page.body.contains(GOOGLE), "{}", page.body);
}

/// Threat B1.
#[tokio::test]
async fn b1_a_provider_that_is_switched_off_is_refused_at_every_step() {
    let scene = Scene::new().await;
    let start = scene
        .world
        .url("acme", "login?provider=google&return_to=/welcome");
    let mut at_callback = Browser::new();
    let callback = at_callback.to_callback(&start, "ada", "lovelace").await;
    let mut at_finish = Browser::new();
    let url = at_finish.to_callback(&start, "ada", "lovelace").await;
    let finish = at_finish.get(url.as_str()).await.location().unwrap();
    let trial = scene.trial().await;
    let opened: Value = trial.json();
    let link = format!("{}&go=true", opened["link"].as_str().unwrap());
    let other: Value = scene.trial().await.json();
    let mut at_test = Browser::new();
    let begins = format!("{}&go=true", other["link"].as_str().unwrap());
    let tested = at_test.to_callback(&begins, "ada", "lovelace");
    let tested = tested.await;
    let exchanged = scene.world.calls("/token");

    scene.set(json!({ "providers_off": ["google"] })).await;
    let page = scene.trial().await;
    assert!(page.shows("account.ways"), "{}", page.body);
    assert!(page.shows("switched off"), "{}", page.body);
    let page = Browser::new().get(&link).await;
    assert!(!page.shows("/authorize"), "{}", page.body);
    assert!(page.shows("login.unknown_provider"), "{}", page.body);
    at_test.get(tested.as_str()).await;
    let page = Browser::new().get(&start).await;
    assert!(page.shows("login.unknown_provider"), "{}", page.body);
    let page = at_callback.get(callback.as_str()).await;
    let page = at_callback.follow(page).await;
    assert!(page.shows("login.unknown_provider"), "{}", page.body);
    assert_eq!(scene.world.calls("/token"), exchanged);
    let page = at_finish.get(finish.as_str()).await;
    assert!(page.shows("login.ticket_invalid"), "{}", page.body);

    // What is left is the only way, so it is gone straight to.
    let mut browser = Browser::new();
    let end = browser.log_in(&scene.start(), "ada", "lovelace").await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    scene
        .set(json!({ "providers_off": ["google", "mock-idp"] }))
        .await;
    let page = Browser::new().get(scene.start()).await;
    assert!(page.shows("login.no_provider"), "{}", page.body);

    // Its mapping is still there.
    scene.set(json!({ "providers_off": [] })).await;
    let end = Browser::new().log_in(&start, "ada", "lovelace").await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
}

async fn email(browser: &mut Browser, page: &Page, typed: &str) -> Page {
    let mut form = Form::of(page).fill("email", typed);
    form.fields.push(("way".to_owned(), "email".to_owned()));
    form.post(browser).await
}

#[tokio::test]
async fn an_emails_domain_chooses_the_provider() {
    let scene = Scene::new().await;
    scene
        .set(json!({ "access_key": true, "email_first": true }))
        .await;
    scene
        .verify(&[
            ("acme.test", "google", true),
            ("acme.example", "google", true),
            ("mine.test", "google", false),
        ])
        .await;
    let mut browser = Browser::new();
    let page = browser.get(scene.start()).await;
    assert!(!page.body.contains(CODE), "{}", page.body);
    for typed in ["ada@acme.test", "Ada@ACME.example"] {
        let sent_on = email(&mut browser, &page, typed).await;
        assert_eq!(sent_on.status, 303, "{}", sent_on.body);
        let to = sent_on.location().unwrap();
        let hint = to.query_pairs().find(|(name, _)| name == "login_hint");
        let hint = hint.map(|(_, value)| value.to_lowercase());
        assert_eq!(hint, Some(typed.to_lowercase()), "{to}");
        let to = to.to_string();
        assert!(to.contains(GOOGLE) && to.contains("return_to="), "{to}");
        let idp = browser.get(&to).await.location().unwrap().to_string();
        assert!(idp.starts_with(&scene.world.idp.origin()), "{idp}");
    }

    // All others get the same, to the byte: nobody is looked up.
    let mut seen = Vec::new();
    for typed in ["ada@mine.test", "ada@none.test", "eve@none.test"] {
        let page = email(&mut browser, &page, typed).await;
        assert_eq!(page.status, 200, "{}", page.body);
        in_order(&page, &[CODE, CUSTOM, GOOGLE]);
        assert!(page.body.contains(&format!("value=\"{typed}\"")));
        seen.push(page.body.replace(typed, ""));
    }
    assert!(seen.iter().all(|page| *page == seen[0]), "{seen:#?}");

    let again = email(&mut browser, &page, "no address").await;
    assert_eq!(again.status, 400, "{}", again.body);
    assert!(!again.body.contains(CODE), "{}", again.body);

    // One that is switched off takes nobody.
    scene.set(json!({ "providers_off": ["google"] })).await;
    let page = email(&mut browser, &page, "ada@acme.test").await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn an_account_cannot_verify_its_own_domains() {
    let scene = Scene::new().await;
    let domain =
        |verified| json!([{ "domain": "Acme.test", "provider": "google", "verified": verified }]);
    let page = scene.asks(json!({ "email_domains": domain(true) })).await;
    assert_eq!(page.status, 403, "{}", page.body);
    scene.set(json!({ "email_domains": domain(false) })).await;
    for wrong in ["", "acme", "a@acme.test", "acme.test/x", ".acme.test"] {
        let list = json!([{ "domain": wrong, "provider": "google" }]);
        let page = scene.asks(json!({ "email_domains": list })).await;
        assert!(
            page.status == 400 || wrong == "acme",
            "{wrong} {}",
            page.body
        );
    }
    scene.verify(&[("acme.test", "google", true)]).await;
    // What was verified stays so; with another provider it would be another claim.
    scene.set(json!({ "email_domains": domain(true) })).await;
    let other = json!([{ "domain": "acme.test", "provider": "mock-idp", "verified": true }]);
    let page = scene.asks(json!({ "email_domains": other })).await;
    assert_eq!(page.status, 403, "{}", page.body);
}

/// A domain is one, however it is written, and what only looks like it is another.
#[tokio::test]
async fn m03_a_verified_domain_is_the_same_in_every_spelling_and_no_lookalike() {
    let scene = Scene::new().await;
    scene
        .set(json!({ "access_key": true, "email_first": true }))
        .await;
    scene
        .verify(&[("xn--mnchen-3ya.test", "google", true)])
        .await;
    let mut browser = Browser::new();
    let page = browser.get(scene.start()).await;
    for typed in ["a@münchen.test", "A@MÜNCHEN.TEST", "a@XN--mnchen-3ya.test"] {
        let sent_on = email(&mut browser, &page, typed).await;
        assert_eq!(sent_on.status, 303, "{typed} {}", sent_on.body);
        assert!(sent_on.location().unwrap().as_str().contains(GOOGLE));
    }
    for typed in [
        "a@munchen.test",
        "a@mu\u{308}nchen.test.evil.test",
        "a@ｍünchen.test",
        "a@münchen。test",
        "a@münchen.test.",
        "a@xn--mnchen-3ya.test.evil.test",
        "a@evil.test@münchen.test",
        "\"a@evil.test\"@münchen.test",
        "a@münchen.test,b@evil.test",
        "a@%6dünchen.test",
        "a@münchen.test\u{0}",
        "a@xn--mnchen-3yb.test",
        "a@xn--.test",
    ] {
        let page = email(&mut browser, &page, typed).await;
        assert!(
            [200, 400].contains(&page.status.as_u16()),
            "{typed} {} {}",
            page.status,
            page.body
        );
    }
    // What an account's own operators write down is kept in one spelling too.
    for same in ["münchen.test", "MÜNCHEN.test", "xn--mnchen-3ya.test"] {
        let list = json!([
            { "domain": same, "provider": "google" },
            { "domain": "xn--mnchen-3ya.test", "provider": "mock-idp" },
        ]);
        let page = scene.asks(json!({ "email_domains": list })).await;
        assert_eq!(page.status, 400, "{same} {}", page.body);
        assert!(page.shows("in the list twice"), "{same} {}", page.body);
    }
}
