//! Storefronts of Virto Commerce against the broker in the platform's place: the
//! sequences that their source has (`AuthenticationHandlerFactory` of `vc-storefront`,
//! `useAuth` of `vc-frontend`), by a client that knows no more than that.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::time::Duration;

use authority::{Client, Now, claims, user};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use vestibule::account::directory;
use vestibule::authority::application::{NewApplication, Settings};
use vestibule::authority::{Grant, Scopes};
use vestibule::base::{AccountId, UserId};

const PASSWORD: &str = "correct horse";

fn frontend() -> NewApplication {
    NewApplication {
        account: Some("acme".parse().unwrap()),
        public: true,
        grants: Some(
            [
                Grant::Password,
                Grant::RefreshToken,
                Grant::Impersonate,
                Grant::ExternalSignIn,
            ]
            .into(),
        ),
        scopes: Some(Scopes::parse("openid email profile offline_access").unwrap()),
        settings: Settings {
            unnamed_requests: true,
            virto_claims: true,
            impersonation_group: Some("support".to_owned()),
            ..Settings::default()
        },
        ..NewApplication::default()
    }
}

async fn shop() -> World {
    let world = World::start().await;
    Client::create(&world, frontend()).await;
    world
}

/// What `vc-frontend` does with the token endpoint of its host.
async fn post(world: &World, path: &str, bearer: Option<&str>, form: &[(&str, &str)]) -> Page {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    let bearer = bearer.map(|token| format!("Bearer {token}"));
    if let Some(bearer) = &bearer {
        headers.push(("authorization", bearer));
    }
    let url = format!("{}{path}", world.origin);
    Browser::new()
        .send(Method::POST, &url, &headers, Some(body))
        .await
}

async fn log_in(world: &World, email: &str, password: &str) -> Page {
    let form = [
        ("grant_type", "password"),
        ("scope", "offline_access"),
        ("username", email),
        ("password", password),
        ("storeId", "ACME"),
        ("organization_id", "o-1"),
    ];
    post(world, "/connect/token", None, &form).await
}

/// All four, or the storefront takes it for a failure.
fn tokens(page: &Page) -> (String, String) {
    assert_eq!(page.status, 200, "{}", page.body);
    let all = page.json();
    assert_eq!(all["token_type"], "Bearer");
    assert!(all["expires_in"].as_u64().unwrap() > 0);
    let text = |name: &str| all[name].as_str().unwrap_or_default().to_owned();
    let (access, refresh) = (text("access_token"), text("refresh_token"));
    assert!(!access.is_empty() && !refresh.is_empty(), "{all}");
    (access, refresh)
}

/// The code that the storefront reads.
fn code(page: &Page) -> String {
    assert_eq!(page.status, 400, "{}", page.body);
    page.json()["errors"][0]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn groups(world: &World, id: UserId, groups: Value) {
    let account: AccountId = "acme".parse().unwrap();
    directory::change(&*world.store, &account, id, None, |user| {
        user.more.insert("groups".to_owned(), groups.clone());
    })
    .await
    .unwrap();
}

async fn userinfo(world: &World, token: &str) -> Page {
    let bearer = format!("Bearer {token}");
    Browser::new()
        .get_with(
            format!("{}/connect/userinfo", world.origin),
            &[("authorization", &bearer)],
        )
        .await
}

fn access(token: &str) -> Value {
    claims(&json!(token))
}

#[tokio::test]
async fn a_storefronts_back_end_needs_three_settings() {
    let world = World::start().await;
    let client = Client::create(
        &world,
        NewApplication {
            name: Some("Storefront".to_owned()),
            settings: Settings {
                virto_claims: true,
                roles: vec!["administrator".to_owned()],
                ..Settings::default()
            },
            ..authority::service("acme")
        },
    )
    .await;
    let form = [("grant_type", "client_credentials")];
    let page = client.token(&world, &form).await;
    let token = page.json()["access_token"].as_str().unwrap().to_owned();
    let claims = access(&token);
    assert_eq!(claims["name"], "Storefront");
    assert_eq!(claims["role"], json!(["administrator"]));
    assert_eq!(claims["aud"], "resource_server");
    // The older way: a person's password, no client, and no store but in the URL.
    Client::create(&world, frontend()).await;
    user(&world, "ada@example.test", PASSWORD).await;
    let form = [
        ("grant_type", "password"),
        ("username", "ada@example.test"),
        ("password", PASSWORD),
    ];
    let page = post(&world, "/accounts/acme/connect/token", None, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = post(&world, "/connect/token", None, &form).await;
    assert_eq!(page.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_front_end_logs_in_refreshes_and_logs_out() {
    let world = shop().await;
    let ada = user(&world, "ada@example.test", PASSWORD).await;
    groups(&world, ada.id, json!(["buyers"])).await;
    let (token, refresh) = tokens(&log_in(&world, "ada@example.test", PASSWORD).await);
    let said = access(&token);
    assert_eq!(said["sub"], ada.id.to_string());
    assert_eq!(said["name"], "ada@example.test");
    assert_eq!(said["role"], json!(["buyers"]));
    let page = userinfo(&world, &token).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let about = page.json();
    assert_eq!(about["sub"], ada.id.to_string());
    assert_eq!(about["username"], "ada@example.test");
    assert_eq!(about["name"], "ada@example.test");
    assert_eq!(about["role"], json!(["buyers"]));

    // With the token of who is logged in, as it sends it along.
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("organization_id", "o-2"),
    ];
    let page = post(&world, "/connect/token", Some(&token), &form).await;
    let (newer, refresh) = tokens(&page);
    let page = post(&world, "/revoke/token", Some(&newer), &[]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for token in [&token, &newer] {
        assert_eq!(userinfo(&world, token).await.status, 401);
    }
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    let page = post(&world, "/connect/token", None, &form).await;
    assert!([400, 401].contains(&page.status.as_u16()), "{}", page.body);
    let page = post(&world, "/revoke/token", Some(&newer), &[]).await;
    assert_eq!(page.status, 401);
    let page = post(&world, "/revoke/token", None, &[]).await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn its_errors_are_told_apart() {
    let world = shop().await;
    let ada = user(&world, "ada@example.test", PASSWORD).await;
    assert_eq!(
        code(&log_in(&world, "ada@example.test", "wrong horse").await),
        "login_failed"
    );
    assert_eq!(
        code(&log_in(&world, "nobody@example.test", "wrong horse").await),
        "login_failed"
    );
    for _ in 0..6 {
        log_in(&world, "ada@example.test", "wrong horse").await;
    }
    let page = log_in(&world, "ada@example.test", PASSWORD).await;
    assert_eq!(code(&page), "user_is_temporary_locked_out");
    world.clock.advance(Duration::from_secs(3600));
    let account: AccountId = "acme".parse().unwrap();
    directory::set_disabled(&*world.store, &account, ada.id, true)
        .await
        .unwrap();
    let page = log_in(&world, "ada@example.test", PASSWORD).await;
    assert_eq!(code(&page), "user_is_locked_out");
    let page = log_in(&world, "ada@example.test", "wrong horse").await;
    assert_eq!(code(&page), "login_failed", "only who knows the password");
    let form = [
        ("grant_type", "external_sign_in"),
        ("scope", "offline_access"),
        ("storeId", "acme"),
    ];
    let page = post(&world, "/connect/token", None, &form).await;
    assert_eq!(code(&page), "sign_in_not_allowed");
}

#[tokio::test]
async fn requests_that_name_no_client_are_no_other_applications() {
    let world = World::start().await;
    world.account("other").await;
    user(&world, "ada@example.test", PASSWORD).await;
    let named = Client::create(
        &world,
        NewApplication {
            settings: Settings::default(),
            ..frontend()
        },
    )
    .await;
    // Where no application takes them, none does.
    let page = log_in(&world, "ada@example.test", PASSWORD).await;
    assert_eq!(page.json()["error"], "invalid_client");
    let page = named.password(&world, "ada@example.test", PASSWORD).await;
    let refresh = page.json()["refresh_token"].as_str().unwrap().to_owned();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    let page = post(&world, "/connect/token", None, &form).await;
    assert_eq!(page.json()["error"], "invalid_client");
    // It goes on counting for its own.
    assert_eq!(named.refresh(&world, &refresh).await.status, 200);
    // Another account's store is not this one.
    Client::create(&world, frontend()).await;
    for store in ["other", "nowhere", "../acme", ""] {
        let form = [
            ("grant_type", "password"),
            ("username", "ada@example.test"),
            ("password", PASSWORD),
            ("storeId", store),
        ];
        let page = post(&world, "/connect/token", None, &form).await;
        assert_eq!(page.json()["error"], "invalid_client", "{store}");
        let page = post(&world, "/accounts/other/connect/token", None, &form).await;
        assert_ne!(page.status, 200, "{store}");
    }
    // Grants that need a client still do.
    for grant in ["client_credentials", "authorization_code"] {
        let form = [("grant_type", grant), ("storeId", "acme")];
        let page = post(&world, "/connect/token", None, &form).await;
        assert_eq!(page.json()["error"], "invalid_client");
    }
}

#[tokio::test]
async fn an_operator_acts_as_a_customer() {
    let world = shop().await;
    let ada = user(&world, "ada@example.test", PASSWORD).await;
    let olga = user(&world, "olga@example.test", PASSWORD).await;
    let boss = user(&world, "boss@example.test", PASSWORD).await;
    for id in [olga.id, boss.id] {
        groups(&world, id, json!(["support"])).await;
    }
    let (operator, _) = tokens(&log_in(&world, "olga@example.test", PASSWORD).await);
    let (customer, _) = tokens(&log_in(&world, "ada@example.test", PASSWORD).await);
    let act = async |bearer: Option<&str>, id: &str| {
        let form = [
            ("grant_type", "impersonate"),
            ("scope", "offline_access"),
            ("user_id", id),
        ];
        post(&world, "/connect/token", bearer, &form).await
    };
    let (id, other) = (ada.id.to_string(), boss.id.to_string());
    let (acting, refresh) = tokens(&act(Some(&operator), &id).await);
    let said = access(&acting);
    assert_eq!(said["sub"], id);
    assert_eq!(said["act"]["sub"], olga.id.to_string());
    assert_eq!(said["name"], "ada@example.test");
    assert_eq!(userinfo(&world, &acting).await.json()["sub"], id);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    let (again, refresh) = tokens(&post(&world, "/connect/token", None, &form).await);
    assert_eq!(access(&again)["act"]["sub"], olga.id.to_string());

    // Nobody, a customer, an operator as another, somebody unknown.
    assert_eq!(act(None, &id).await.status, 401);
    assert_eq!(act(Some("nonsense"), &id).await.status, 401);
    let olgas = olga.id.to_string();
    assert_eq!(act(Some(&customer), &olgas).await.status, 403);
    assert_eq!(act(Some(&operator), &other).await.status, 403);
    // A customer's access token, that a resource server has seen, gives no refresh token
    // to whoever holds it.
    let adas = ada.id.to_string();
    for own in ["", adas.as_str()] {
        assert_eq!(act(Some(&customer), own).await.status, 403);
    }
    for unknown in ["x", "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(act(Some(&operator), unknown).await.status, 400);
    }
    // From one customer to the next, and back.
    let third = user(&world, "eve@example.test", PASSWORD).await;
    let page = act(Some(&acting), &third.id.to_string()).await;
    assert_eq!(access(&tokens(&page).0)["act"]["sub"], olga.id.to_string());
    let (back, _) = tokens(&act(Some(&acting), "").await);
    assert_eq!(access(&back)["sub"], olga.id.to_string());
    assert!(access(&back).get("act").is_none());
    // A token gives no scope that it does not have.
    let form = [
        ("grant_type", "password"),
        ("username", "olga@example.test"),
        ("password", PASSWORD),
        ("scope", "profile"),
        ("storeId", "acme"),
    ];
    let page = post(&world, "/connect/token", None, &form).await;
    let short = page.json()["access_token"].as_str().unwrap().to_owned();
    for whom in ["", id.as_str()] {
        let page = act(Some(&short), whom).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.json().get("refresh_token").is_none(), "{}", page.body);
    }

    // The audit log has each time, and by whom.
    let wanted = vestibule::audit::Wanted {
        accounts: Some(vec!["acme".to_owned()]),
        what: Some("user.impersonate".to_owned()),
        ..vestibule::audit::Wanted::default()
    };
    let found = vestibule::audit::page(&*world.store, &wanted, None, 100).await;
    let noted = found.unwrap().entries;
    assert_eq!(noted.len(), 3);
    assert_eq!(noted[0].who, "olga@example.test");
    assert!(noted[0].target.ends_with(&id));

    // Who is no longer an operator's self acts as nobody.
    let account: AccountId = "acme".parse().unwrap();
    directory::set_disabled(&*world.store, &account, olga.id, true)
        .await
        .unwrap();
    assert_eq!(userinfo(&world, &acting).await.status, 401);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    assert_eq!(
        code(&post(&world, "/connect/token", None, &form).await),
        "token_invalid"
    );
}

/// Whoever acts as a customer does so in their own session: when that is logged out,
/// the customer's tokens end too.
#[tokio::test]
async fn f4_who_logs_out_acts_as_nobody_any_more() {
    let world = shop().await;
    let customer = user(&world, "eve@example.test", PASSWORD).await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let operator = world.users("acme").await;
    let operator = operator
        .iter()
        .find(|user| user.email == "ada@example.test");
    groups(&world, operator.unwrap().id, json!(["support"])).await;
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", world.origin.as_str()),
    ];
    let own = "grant_type=external_sign_in&scope=offline_access".to_owned();
    let url = format!("{}/connect/token", world.origin);
    let page = browser.send(Method::POST, &url, &headers, Some(own)).await;
    let (own, _) = tokens(&page);
    let id = customer.id.to_string();
    let act = [
        ("grant_type", "impersonate"),
        ("scope", "offline_access"),
        ("user_id", id.as_str()),
    ];
    let (acting, refresh) = tokens(&post(&world, "/connect/token", Some(&own), &act).await);
    // From one customer on to themselves, and to another again.
    let (further, last) = tokens(&post(&world, "/connect/token", Some(&acting), &act).await);
    let again = |refresh: String| {
        let world = &world;
        async move {
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.as_str()),
            ];
            post(world, "/connect/token", None, &form).await
        }
    };
    let (acting_on, refresh) = tokens(&again(refresh).await);
    for token in [&acting, &acting_on, &further] {
        assert_eq!(userinfo(&world, token).await.json()["sub"], id);
    }
    let url = world.url("acme", "logout");
    browser
        .send(Method::POST, &url, &headers[1..], Some(String::new()))
        .await;
    for token in [&own, &acting, &acting_on, &further] {
        assert_eq!(userinfo(&world, token).await.status, 401);
    }
    world.clock.advance(Duration::from_secs(23 * 3600));
    for refresh in [refresh, last] {
        assert_eq!(code(&again(refresh).await), "token_invalid");
    }
    let page = post(&world, "/connect/token", Some(&acting), &act).await;
    assert_eq!(page.status, 401, "{}", page.body);
}

#[tokio::test]
async fn who_is_no_operator_any_more_acts_as_nobody() {
    let world = shop().await;
    let ada = user(&world, "ada@example.test", PASSWORD).await;
    let olga = user(&world, "olga@example.test", PASSWORD).await;
    groups(&world, olga.id, json!(["support"])).await;
    let act = async || {
        let (operator, _) = tokens(&log_in(&world, "olga@example.test", PASSWORD).await);
        let id = ada.id.to_string();
        let form = [
            ("grant_type", "impersonate"),
            ("scope", "offline_access"),
            ("user_id", id.as_str()),
        ];
        tokens(&post(&world, "/connect/token", Some(&operator), &form).await)
    };
    // The operator leaves the group; or the customer becomes an operator.
    for (who, before, after) in [
        (olga.id, json!(["support"]), json!(["sales"])),
        (ada.id, json!([]), json!(["support"])),
    ] {
        let (acting, refresh) = act().await;
        assert_eq!(userinfo(&world, &acting).await.status, 200);
        groups(&world, who, after).await;
        assert_eq!(userinfo(&world, &acting).await.status, 401);
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
        ];
        let page = post(&world, "/connect/token", None, &form).await;
        assert_eq!(code(&page), "token_invalid");
        // The refresh token is not kept for better days: it leads to no application.
        groups(&world, who, before).await;
        let page = post(&world, "/connect/token", None, &form).await;
        assert_eq!(page.json()["error"], "invalid_client");
    }
}

#[tokio::test]
async fn t01_the_address_of_an_account_gives_no_tokens_of_another() {
    let world = shop().await;
    world.account("other").await;
    let ours = Client::service(&world).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", ours.id.as_str()),
        ("client_secret", ours.secret.as_deref().unwrap()),
    ];
    let page = post(&world, "/accounts/acme/connect/token", None, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for account in ["other", "nobody"] {
        let path = format!("/accounts/{account}/connect/token");
        let page = post(&world, &path, None, &form).await;
        assert_eq!(code(&page), "unauthorized_client");
    }
}

#[tokio::test]
async fn token_exchange_does_the_same() {
    const TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
    const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    let world = shop().await;
    let ada = user(&world, "ada@example.test", PASSWORD).await;
    let olga = user(&world, "olga@example.test", PASSWORD).await;
    groups(&world, olga.id, json!(["support"])).await;
    let metadata = async || {
        world.clock.advance(Duration::from_secs(5));
        let url = format!("{}/.well-known/openid-configuration", world.origin);
        Browser::new().get(url).await.json()["grant_types_supported"].to_string()
    };
    assert!(!metadata().await.contains(GRANT));
    let desk = Client::create(
        &world,
        NewApplication {
            grants: Some([Grant::TokenExchange, Grant::RefreshToken].into()),
            scopes: Some(Scopes::parse("orders offline_access").unwrap()),
            settings: Settings {
                impersonation_group: Some("support".to_owned()),
                ..Settings::default()
            },
            ..authority::service("acme")
        },
    )
    .await;
    assert!(metadata().await.contains(GRANT));
    let (operator, _) = tokens(&log_in(&world, "olga@example.test", PASSWORD).await);
    let (customer, _) = tokens(&log_in(&world, "ada@example.test", PASSWORD).await);
    let id = ada.id.to_string();
    let form = [
        ("grant_type", GRANT),
        ("subject_token", operator.as_str()),
        ("subject_token_type", TYPE),
        ("requested_subject", id.as_str()),
        ("scope", "orders offline_access"),
    ];
    let page = desk.token(&world, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let answer = page.json();
    assert_eq!(answer["issued_token_type"], TYPE);
    assert!(answer.get("refresh_token").is_none());
    let said = claims(&answer["access_token"]);
    assert_eq!(said["sub"], id);
    assert_eq!(said["act"]["sub"], olga.id.to_string());
    assert_eq!(said["scope"], "orders");
    // For whom the tokens are anyway, and for nobody else.
    let own = said["aud"].as_str().unwrap();
    for (audience, status) in [(own, 200), ("https://other.test", 400)] {
        let form = [&form[..], &[("audience", audience)]].concat();
        let page = desk.token(&world, &form).await;
        assert_eq!(page.status, status, "{}", page.body);
        if status == 400 {
            assert_eq!(page.json()["error"], "invalid_target");
        }
    }
    for (name, value, status) in [
        ("subject_token", customer.as_str(), 403),
        ("subject_token", "x", 400),
        ("subject_token_type", "urn:x", 400),
        ("requested_subject", "x", 400),
        ("requested_subject", "", 400),
    ] {
        let mut form = form.to_vec();
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
        // A customer would act as somebody else.
        if value == customer {
            form.retain(|(known, _)| *known != "requested_subject");
            form.push(("requested_subject", "00000000-0000-4000-8000-000000000000"));
        }
        let page = desk.token(&world, &form).await;
        assert_eq!(page.status.as_u16(), status, "{name}: {}", page.body);
    }
    // Nor as themselves: it would make one token of another.
    let own = [
        ("subject_token", customer.as_str()),
        form[0],
        form[2],
        form[3],
    ];
    assert_eq!(desk.token(&world, &own).await.status, 403);
    // Off unless the application has it.
    let page = Client::service(&world).await.token(&world, &form).await;
    assert_eq!(page.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn who_is_logged_in_gets_tokens_without_a_password() {
    let world = shop().await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let ask = async |browser: &mut Browser, origin: &str, store: &str| {
        let mut body = "grant_type=external_sign_in&scope=offline_access".to_owned();
        if !store.is_empty() {
            body = format!("{body}&storeId={store}");
        }
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", origin),
        ];
        let url = format!("{}/connect/token", world.origin);
        browser.send(Method::POST, &url, &headers, Some(body)).await
    };
    for store in ["", "acme"] {
        let (token, _) = tokens(&ask(browser, &world.origin, store).await);
        let about = userinfo(&world, &token).await.json();
        assert_eq!(about["username"], "ada@example.test");
    }
    // A page elsewhere gets none.
    let page = ask(browser, "https://evil.test", "").await;
    assert_eq!(code(&page), "sign_in_not_allowed");
    // With the session, its tokens end.
    let (token, _) = tokens(&ask(browser, &world.origin, "").await);
    let headers = [("origin", world.origin.as_str())];
    let url = world.url("acme", "logout");
    browser
        .send(Method::POST, &url, &headers, Some(String::new()))
        .await;
    assert_eq!(userinfo(&world, &token).await.status, 401);
    let page = ask(browser, &world.origin, "acme").await;
    assert_eq!(code(&page), "sign_in_not_allowed");
}

#[tokio::test]
async fn settings_of_a_storefront_that_cannot_be() {
    let world = World::start().await;
    let authority = &world.broker.app().authority;
    for new in [
        NewApplication {
            public: false,
            ..frontend()
        },
        NewApplication {
            account: None,
            ..frontend()
        },
    ] {
        let made = new
            .make(&authority.hasher, &authority.audience, world.clock.now_())
            .await;
        let error = made.map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("public application of one account"),
            "{error}"
        );
    }
}
