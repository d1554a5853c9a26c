//! Claims about a person: the same in the first ID token, after a refresh and in
//! userinfo.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, claims, param, storefront, to};
use mock_idp::MockIdp;
use serde_json::{Map, Value, json};
use support::{Browser, World};
use url::Url;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;

/// All that OpenID Connect Core §5.1 has, but `sub`.
fn standard() -> Map<String, Value> {
    let all = json!({
        "email": "ada@example.test",
        "email_verified": true,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "middle_name": "King",
        "nickname": "Countess",
        "preferred_username": "ada",
        "profile": "https://people.example.test/ada",
        "picture": "https://people.example.test/ada.png",
        "website": "https://ada.example.test/",
        "gender": "female",
        "birthdate": "1990-12-10",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
        "updated_at": 1_700_000_000,
        "phone_number": "+44 20 7946 0000",
        "phone_number_verified": true,
        "address": { "formatted": "1 Row\nLondon", "locality": "London", "country": "GB" },
    });
    all.as_object().unwrap().clone()
}

/// The scope that asks for a claim (§5.4).
fn scope(claim: &str) -> &'static str {
    match claim {
        "email" | "email_verified" => "email",
        "address" => "address",
        "phone_number" | "phone_number_verified" => "phone",
        _ => "profile",
    }
}

/// An OpenID provider that tells all of it.
async fn provider(profile: &Map<String, Value>) -> MockIdp {
    let mut profile = profile.clone();
    profile.insert("sub".to_owned(), "u-1001".into());
    let ada = mock_idp::Account::new("ada", "lovelace").with_profile(profile.into());
    let config = mock_idp::Config {
        accounts: vec![ada],
        openid: mock_idp::OpenIdConfig {
            enabled: true,
            ..mock_idp::OpenIdConfig::default()
        },
        ..mock_idp::Config::default()
    };
    MockIdp::start(config).await.unwrap()
}

/// A mapping that says where the provider is, and `more`.
fn mapping(idp: &MockIdp, more: &str) -> String {
    format!(
        r#"
[provider]
id = "mock"
name = "Mock"
kind = "openid"
issuer = "{}"
email_trust = "claim"

[client]
id = "vestibule-demo"
secret = "vestibule-demo-secret"

[authorization]
scopes = ["openid", "profile", "email", "address", "phone"]
{more}
"#,
        idp.origin()
    )
}

async fn userinfo(world: &World, tokens: &Value) -> Value {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let url = format!("{}/connect/userinfo", world.origin);
    let page = Browser::new()
        .get_with(url, &[("authorization", &bearer)])
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()
}

async fn scene(idp: &MockIdp, more: &str) -> (World, Client) {
    let world = World::empty().await;
    world.account("acme").await;
    world.apply("acme", &mapping(idp, more)).await;
    let scopes = "openid email profile address phone offline_access";
    let new = NewApplication {
        scopes: Some(Scopes::parse(scopes).unwrap()),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    (world, client)
}

/// Everything that an application is told after a login with these scopes.
async fn told(world: &World, client: &Client, scopes: &str) -> [Value; 4] {
    let wanted = format!("openid offline_access {scopes}");
    let browser = &mut Browser::new();
    let url = client
        .log_in(world, browser, &[("scope", wanted.as_str())])
        .await;
    let page = client.exchange(world, &param(&url, "code").unwrap()).await;
    let first = page.json();
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let again = client.refresh(world, refresh_token).await.json();
    [
        claims(&first["id_token"]),
        userinfo(world, &first).await,
        claims(&again["id_token"]),
        userinfo(world, &again).await,
    ]
}

#[tokio::test]
async fn standard_claims_are_the_same_everywhere() {
    let all = standard();
    let idp = provider(&all).await;
    let (world, client) = scene(&idp, "").await;
    for scopes in [
        "email profile address phone",
        "profile",
        "email",
        "address",
        "phone",
        "",
    ] {
        for (place, told) in told(&world, &client, scopes).await.iter().enumerate() {
            for (claim, value) in &all {
                let wanted = scopes.split(' ').any(|given| given == scope(claim));
                let expected = wanted.then_some(value);
                assert_eq!(
                    told.get(claim),
                    expected,
                    "{claim} at {place} with {scopes:?}"
                );
            }
        }
    }
    // The store's own session has them too.
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let session = browser.session(&world, "acme").await;
    for (claim, value) in &all {
        assert_eq!(&session["user"][claim], value, "{claim}");
    }
}

#[tokio::test]
async fn a_mapping_says_where_a_standard_claim_is() {
    let all = standard();
    let idp = provider(&all).await;
    let more = "[userinfo.response.attributes]\nnickname = \"preferred_username\"\nwebsite = \"nothing_there\"\n";
    let (world, client) = scene(&idp, more).await;
    for told in told(&world, &client, "profile").await {
        assert_eq!(told["nickname"], "ada");
        assert_eq!(told.get("website"), None);
        assert_eq!(told["gender"], "female");
    }
}

#[tokio::test]
async fn claims_that_are_no_claims_end_no_login() {
    let mut all = standard();
    all.insert("nickname".to_owned(), Value::Null);
    all.insert("address".to_owned(), json!("1 Row, London"));
    all.insert("phone_number_verified".to_owned(), json!("true"));
    all.insert("website".to_owned(), json!("x".repeat(5000)));
    let idp = provider(&all).await;
    let (world, client) = scene(&idp, "").await;
    for told in told(&world, &client, "profile address phone").await {
        assert_eq!(told.get("nickname"), None);
        assert_eq!(told.get("website"), None);
        assert_eq!(told["address"], json!({ "formatted": "1 Row, London" }));
        assert_eq!(told["phone_number_verified"], true);
    }
}

/// Where an authorization request leads: to the provider, or back with an answer.
async fn asked(world: &World, client: &Client, browser: &mut Browser, claims: &Value) -> Url {
    let claims = claims.to_string();
    let over = [("claims", claims.as_str()), ("prompt", "none")];
    to(&browser.get(client.authorize_url(world, &over)).await)
}

/// OpenID Connect Core §5.5: each claim in the place that it is asked for in.
#[tokio::test]
async fn single_claims_are_where_they_were_asked_for() {
    let idp = provider(&standard()).await;
    let (world, client) = scene(&idp, "").await;
    let wanted = json!({
        "userinfo": { "name": { "essential": true }, "phone_number": null },
        "id_token": { "email": null, "nickname": null },
    });
    let wanted = wanted.to_string();
    let over = [
        ("scope", "openid offline_access"),
        ("claims", wanted.as_str()),
    ];
    let url = client.log_in(&world, &mut Browser::new(), &over).await;
    let first = client.exchange(&world, &param(&url, "code").unwrap()).await;
    let first = first.json();
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let again = client.refresh(&world, refresh_token).await.json();
    for tokens in [first, again] {
        let id_token = claims(&tokens["id_token"]);
        let userinfo = userinfo(&world, &tokens).await;
        for (claim, place) in [
            ("name", &userinfo),
            ("phone_number", &userinfo),
            ("email", &id_token),
            ("nickname", &id_token),
        ] {
            for told in [&userinfo, &id_token] {
                let there = told.get(claim).is_some();
                assert_eq!(there, told == place, "{claim} {told}");
            }
        }
    }
}

/// OpenID Connect Core §3.1.2.2: an ID token for the user who is asked for, or none.
#[tokio::test]
async fn a_request_for_one_user_is_answered_about_no_other() {
    let idp = provider(&standard()).await;
    let (world, client) = scene(&idp, "").await;
    let browser = &mut Browser::new();
    let tokens = client.tokens(&world, browser).await;
    let own = claims(&tokens["id_token"])["sub"].clone();
    let about = |sub: &Value| json!({ "id_token": { "sub": { "value": sub } } });
    let answer = asked(&world, &client, browser, &about(&own)).await;
    assert!(param(&answer, "code").is_some(), "{answer}");
    let other = json!("00000000-0000-4000-8000-000000000000");
    let answer = asked(&world, &client, browser, &about(&other)).await;
    assert_eq!(param(&answer, "error").as_deref(), Some("login_required"));
    let answer = asked(&world, &client, browser, &about(&json!(7))).await;
    assert_eq!(param(&answer, "error").as_deref(), Some("invalid_request"));
    // A login of somebody else is no answer either.
    let wanted = about(&other).to_string();
    let over = [("claims", wanted.as_str())];
    let answer = client.log_in(&world, &mut Browser::new(), &over).await;
    assert_eq!(param(&answer, "error").as_deref(), Some("login_required"));
    // The provider does not know our ids.
    let log = format!("{:?}", idp.journal());
    assert!(!log.contains("00000000-0000"), "{log}");
}

/// OpenID Connect Core §5.5.1.1: an essential `acr` that is not met is a failed login.
#[tokio::test]
async fn an_essential_acr_is_met_or_no_login() {
    let mut all = standard();
    all.insert("acr".to_owned(), "silver".into());
    let idp = provider(&all).await;
    idp.configure(|config| config.openid.id_token_claims = vec!["acr".to_owned()]);
    let (world, client) = scene(&idp, "").await;
    let essential =
        |values: Value| json!({ "id_token": { "acr": { "essential": true, "values": values } } });
    let browser = &mut Browser::new();
    let silver = essential(json!(["gold", "silver"])).to_string();
    let answer = client
        .log_in(&world, browser, &[("claims", silver.as_str())])
        .await;
    assert!(param(&answer, "code").is_some(), "{answer}");
    let gold = essential(json!(["gold"]));
    let answer = asked(&world, &client, browser, &gold).await;
    assert_eq!(param(&answer, "error").as_deref(), Some("login_required"));
    let text = gold.to_string();
    let over = [("claims", text.as_str())];
    let answer = client.log_in(&world, &mut Browser::new(), &over).await;
    let error = param(&answer, "error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"));
    // One that is only wished for is no condition.
    let wish = json!({ "id_token": { "acr": { "values": ["gold"] } } });
    let answer = asked(&world, &client, browser, &wish).await;
    assert!(param(&answer, "code").is_some(), "{answer}");
}
