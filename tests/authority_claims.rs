//! Claims about a person: the same in the first ID token, after a refresh and in
//! userinfo.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{Client, claims, param, storefront};
use mock_idp::MockIdp;
use serde_json::{Map, Value, json};
use support::{Browser, World};
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

#[tokio::test]
async fn how_somebody_authenticated_at_the_provider_is_handed_down() {
    let mut all = standard();
    all.insert("acr".to_owned(), "urn:example:silver".into());
    all.insert("amr".to_owned(), json!(["pwd", "otp"]));
    let idp = provider(&all).await;
    idp.configure(|config| {
        config.openid.id_token_claims = vec!["acr".to_owned(), "amr".to_owned()];
    });
    let (world, client) = scene(&idp, "").await;
    let mut known = Vec::new();
    for told in told(&world, &client, "email").await {
        assert_eq!(told["acr"], "urn:example:silver", "{told}");
        assert_eq!(told["amr"], json!(["pwd", "otp"]), "{told}");
        known.push(told["auth_time"].as_u64().unwrap());
    }
    assert!(known.iter().all(|at| *at == known[0]), "{known:?}");
}
