//! What ID tokens are signed with: RS256 unless said (OpenID Connect Dynamic Client
//! Registration §2), and HS256 under the application's secret (OpenID Connect Core
//! §10.1), which counts for that application alone (RFC 8725 §3.1).

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{CALLBACK, Client, Now, param, part, to};
use axum::Router;
use axum::routing::post;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use tokio::sync::mpsc;
use url::Url;
use vestibule::authority::Applications;
use vestibule::store::Precondition;

const ALG: &str = "id_token_signed_response_alg";
const BYE: &str = "https://shop.example.test/bye";

/// A world, and who administers it.
struct Scene {
    world: World,
    operator: Client,
}

impl Scene {
    async fn new() -> Self {
        let world = World::start().await;
        let operator = authority::operator(&world, "admin:write").await;
        Self { world, operator }
    }

    async fn api(&self, method: Method, path: &str, body: &Value) -> Page {
        let form = [("grant_type", "client_credentials")];
        let token = self.operator.token(&self.world, &form).await.json();
        let token = token["access_token"].as_str().unwrap();
        authority::administer(&self.world, token, method, path, body).await
    }

    async fn asked(&self, settings: &Value) -> Page {
        let mut body = json!({
            "account": "acme", "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [BYE],
        });
        let object = body.as_object_mut().unwrap();
        object.extend(settings.as_object().unwrap().clone());
        self.api(Method::POST, "/applications", &body).await
    }

    async fn application(&self, settings: Value) -> Client {
        let page = self.asked(&settings).await;
        assert_eq!(page.status, 201, "{}", page.body);
        let made = page.json();
        Client {
            id: made["client_id"].as_str().unwrap().to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
        }
    }

    async fn hs256(&self) -> Client {
        self.application(json!({ ALG: "HS256" })).await
    }

    async fn id_token(&self, client: &Client) -> String {
        let tokens = client.tokens(&self.world, &mut Browser::new()).await;
        tokens["id_token"].as_str().unwrap().to_owned()
    }

    async fn published(&self, document: &str) -> Value {
        let url = format!("{}/.well-known/{document}", self.world.origin);
        Browser::new().get(url).await.json()
    }

    async fn algorithms(&self) -> Value {
        self.published("openid-configuration").await["id_token_signing_alg_values_supported"]
            .clone()
    }

    /// What a logout says to a hint, with or without the application's name.
    async fn logout(&self, browser: &mut Browser, more: &[(&str, &str)]) -> Page {
        let mut url = Url::parse(&format!("{}/connect/logout", self.world.origin)).unwrap();
        url.query_pairs_mut()
            .append_pair("post_logout_redirect_uri", BYE)
            .extend_pairs(more);
        browser.get(url).await
    }

    /// Nobody takes this for an ID token of that application.
    async fn is_no_hint(&self, token: &str, client: &Client) {
        let hint = [("id_token_hint", token), ("client_id", client.id.as_str())];
        let page = self.logout(&mut Browser::new(), &hint).await;
        assert_eq!(page.status, 400, "{}", page.body);
        let over = [("id_token_hint", token), ("prompt", "none")];
        let url = client.authorize_url(&self.world, &over);
        let error = param(&to(&Browser::new().get(url).await), "error");
        assert_eq!(error.as_deref(), Some("invalid_request"));
    }

    /// Nobody takes this for an access token or a session.
    async fn is_no_access_token(&self, token: &str, client: &Client) {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        for path in [
            "/connect/userinfo",
            "/api/v1/accounts",
            "/accounts/acme/check",
        ] {
            let url = format!("{}{path}", self.world.origin);
            let page = Browser::new().send(Method::GET, &url, &headers, None).await;
            assert_eq!(page.status, 401, "{path}: {}", page.body);
        }
        let about = client.introspect(&self.world, token).await;
        assert_eq!(about, json!({ "active": false }));
        let mut browser = Browser::new();
        let host = self.world.origin.strip_prefix("http://").unwrap();
        let key = (host.to_owned(), "vestibule_acme".to_owned());
        browser.jar.insert(key, token.to_owned());
        let session = browser.session(&self.world, "acme").await;
        assert_eq!(session["authenticated"], false);
    }
}

/// The claims of an ID token, as an application checks it by its own secret.
fn checked(token: &str, client: &Client, secret: &str) -> Option<Value> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[&client.id]);
    rules.validate_exp = false;
    let key = DecodingKey::from_secret(secret.as_bytes());
    decode::<Value>(token, &key, &rules)
        .ok()
        .map(|token| token.claims)
}

fn signed(claims: &Value, secret: &[u8]) -> String {
    encode(
        &Header::new(Algorithm::HS256),
        claims,
        &EncodingKey::from_secret(secret),
    )
    .unwrap()
}

#[tokio::test]
async fn a_new_application_has_rs256_and_one_of_before_keeps_its_own() {
    let scene = Scene::new().await;
    let client = scene.application(json!({})).await;
    let path = format!("/applications/{}", client.id);
    let shown = scene.api(Method::GET, &path, &Value::Null).await.json();
    assert_eq!(shown[ALG], "RS256");
    let tokens = client.tokens(&scene.world, &mut Browser::new()).await;
    let alg = |name: &str| part(tokens[name].as_str().unwrap(), 0)["alg"].clone();
    assert_eq!([alg("id_token"), alg("access_token")], ["RS256", "ES256"]);

    // As it was stored before there was a default.
    let before = Client::storefront(&scene.world).await;
    assert_eq!(part(&scene.id_token(&before).await, 0)["alg"], "ES256");
    let path = format!("/applications/{}", before.id);
    let mut body = json!({
        "account": "acme", "redirect_uris": [CALLBACK], "name": "Another name",
    });
    let page = scene.api(Method::PUT, &path, &body).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.json()[ALG], Value::Null);
    assert_eq!(part(&scene.id_token(&before).await, 0)["alg"], "ES256");
    // One that chose is what the description says.
    for (given, then) in [(json!("ES256"), "ES256"), (Value::Null, "RS256")] {
        body[ALG] = given.clone();
        if given.is_null() {
            body.as_object_mut().unwrap().remove(ALG);
        }
        let page = scene.api(Method::PUT, &path, &body).await;
        assert_eq!(page.json()[ALG], then, "{}", page.body);
    }
    // `null` is its account's wish.
    let follows = scene.application(json!({ ALG: null })).await;
    assert_eq!(part(&scene.id_token(&follows).await, 0)["alg"], "ES256");
}

#[tokio::test]
async fn an_id_token_under_the_secret_counts_as_a_hint() {
    let scene = Scene::new().await;
    scene.world.broker.provide_keys().await.unwrap();
    assert_eq!(scene.algorithms().await, json!(["ES256", "RS256"]));
    let client = scene.hs256().await;
    let soon = std::time::Duration::from_secs(5);
    scene.world.clock.advance(soon);
    assert_eq!(scene.algorithms().await, json!(["ES256", "RS256", "HS256"]));
    let secret = client.secret.clone().unwrap();
    let mut browser = Browser::new();
    let tokens = client.tokens(&scene.world, &mut browser).await;
    let token = tokens["id_token"].as_str().unwrap();
    assert_eq!(part(token, 0), json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = checked(token, &client, &secret).unwrap();
    assert_eq!(claims["nonce"], "n0nce");
    assert_eq!(claims["email"], "ada@example.test");
    assert!(checked(token, &client, "another secret").is_none());
    // After a refresh too.
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let renewed = client.refresh(&scene.world, refresh).await.json();
    assert!(checked(renewed["id_token"].as_str().unwrap(), &client, &secret).is_some());
    // Who is logged in is who is hinted at.
    let over = [("id_token_hint", token), ("prompt", "none")];
    let page = browser.get(client.authorize_url(&scene.world, &over)).await;
    assert!(param(&to(&page), "code").is_some(), "{}", to(&page));
    // Nobody is asked about the logout, and the hint still counts after its time.
    scene
        .world
        .clock
        .advance(std::time::Duration::from_secs(3700));
    let mut page = scene
        .logout(&mut browser, &[("id_token_hint", token)])
        .await;
    for _ in 0..4 {
        match page.location() {
            Some(next) if next.as_str().starts_with(&scene.world.origin) => {
                page = browser.get(next).await;
            }
            _ => break,
        }
    }
    assert_eq!(page.location().map(String::from).as_deref(), Some(BYE));
    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["authenticated"], false);
    // Nobody has it any more.
    let path = format!("/applications/{}", client.id);
    let body = json!({ ALG: "RS256" });
    let page = scene.api(Method::PATCH, &path, &body).await;
    assert_eq!(page.status, 200, "{}", page.body);
    scene.world.clock.advance(soon);
    assert_eq!(scene.algorithms().await, json!(["ES256", "RS256"]));
    scene.is_no_hint(token, &client).await;
    assert_eq!(part(&scene.id_token(&client).await, 0)["alg"], "RS256");
}

#[tokio::test]
async fn j03_one_applications_secret_signs_nothing_for_another() {
    let scene = Scene::new().await;
    let (one, other) = (scene.hs256().await, scene.hs256().await);
    let by_key = scene.application(json!({})).await;
    let settings = json!({ "token_endpoint_auth_method": "client_secret_jwt" });
    let asserts = scene.application(settings).await;
    let secret = one.secret.as_deref().unwrap().as_bytes();
    let token = scene.id_token(&one).await;
    scene.is_no_access_token(&token, &one).await;
    scene.is_no_access_token(&token, &other).await;
    // With its own name beside it, and with another's in it.
    for client in [&other, &by_key] {
        scene.is_no_hint(&token, client).await;
        let mut claims = part(&token, 1);
        claims["aud"] = client.id.as_str().into();
        scene.is_no_hint(&signed(&claims, secret), client).await;
    }
    // What else an attacker has for a key: nothing, and what everybody may read.
    let rs256 = scene.id_token(&by_key).await;
    let jwks = scene.published("jwks.json").await;
    let key = &jwks["keys"][1];
    let pem = scene
        .world
        .broker
        .app()
        .authority
        .keys
        .public_pem(key["kid"].as_str());
    let pem = pem.unwrap();
    let modulus = key["n"].as_str().unwrap();
    for (client, of) in [(&by_key, &rs256), (&one, &token)] {
        let claims = part(of, 1);
        for key in ["", pem.as_str(), pem.trim(), modulus, client.id.as_str()] {
            let forged = signed(&claims, key.as_bytes());
            scene.is_no_hint(&forged, client).await;
            scene.is_no_access_token(&forged, &one).await;
        }
    }
    let mut claims = part(&rs256, 1);
    let none = format!(
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.",
        rs256.split('.').nth(1).unwrap()
    );
    scene.is_no_hint(&none, &by_key).await;
    // A secret that is kept for assertions signs assertions alone.
    claims["aud"] = asserts.id.as_str().into();
    let secret = asserts.secret.as_deref().unwrap().as_bytes();
    scene.is_no_hint(&signed(&claims, secret), &asserts).await;
    // And an access token's kind under the secret of an application that has HS256.
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    let secret = one.secret.as_deref().unwrap().as_bytes();
    let kind = encode(&header, &part(&token, 1), &EncodingKey::from_secret(secret)).unwrap();
    scene.is_no_access_token(&kind, &one).await;
    scene.is_no_hint(&kind, &one).await;
}

#[tokio::test]
async fn hs256_needs_a_secret_that_is_long_and_kept() {
    let scene = Scene::new().await;
    for (settings, why) in [
        (json!({ ALG: "HS256", "public": true }), "has none"),
        (
            json!({
                ALG: "HS256", "token_endpoint_auth_method": "private_key_jwt",
                "jwks_uri": "https://keys.test/",
            }),
            "has none",
        ),
        (
            json!({ ALG: "HS256", "client_secret": "a secret of 31 letters, no more" }),
            "32 to 1024",
        ),
        (json!({ ALG: "HS512" }), "use `RS256`, `ES256` or `HS256`"),
        (json!({ ALG: "none" }), "use `RS256`, `ES256` or `HS256`"),
    ] {
        let page = scene.asked(&settings).await;
        assert_eq!(page.status, 400, "{settings}: {}", page.body);
        let detail = page.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(why), "{detail}");
    }
    let given = "a secret of 32 letters, and more";
    let settings = json!({ ALG: "HS256", "client_secret": given });
    let page = scene.asked(&settings).await;
    assert_eq!(page.status, 201, "{}", page.body);
    let id = page.json()["client_id"].as_str().unwrap().to_owned();
    let secret = Some(given.to_owned());
    let own = Client { id, secret };
    assert!(checked(&scene.id_token(&own).await, &own, given).is_some());
    // One whose secret is a hash has nothing to sign with.
    let client = scene.application(json!({})).await;
    let path = format!("/applications/{}", client.id);
    let page = scene
        .api(Method::PATCH, &path, &json!({ ALG: "HS256" }))
        .await;
    assert_eq!(page.status, 400, "{}", page.body);
    assert_eq!(page.json()["field"], ALG);
    assert!(page.shows("stored as a hash"), "{}", page.body);
    // The secret is nowhere but in the first answer.
    let path = format!("/applications/{}", own.id);
    let page = scene.api(Method::GET, &path, &Value::Null).await;
    assert!(!page.body.contains(given), "{}", page.body);
}

#[tokio::test]
async fn while_two_secrets_count_the_one_at_hand_signs() {
    let scene = Scene::new().await;
    let (heard, mut told) = mpsc::unbounded_channel::<String>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/told", listener.local_addr().unwrap());
    let settings = json!({ ALG: "HS256", "backchannel_logout_uri": uri });
    let old = scene.application(settings).await;
    let path = format!("/applications/{}/rotate", old.id);
    let body = json!({ "overlap": "1h" });
    let made = scene.api(Method::POST, &path, &body).await.json();
    let new = Client {
        id: old.id.clone(),
        secret: made["client_secret"].as_str().map(str::to_owned),
    };
    let secrets = [old.secret.clone().unwrap(), new.secret.clone().unwrap()];
    for (client, own, not) in [(&old, 0, 1), (&new, 1, 0)] {
        let token = scene.id_token(client).await;
        assert!(checked(&token, client, &secrets[own]).is_some());
        assert!(checked(&token, client, &secrets[not]).is_none());
    }
    // A notice is under either: the application takes the one that it can check.
    let (client, secret) = (old.clone(), secrets[0].clone());
    let listens = post(async move |body: String| {
        let token = body.strip_prefix("logout_token=").unwrap();
        let Some(claims) = checked(token, &client, &secret) else {
            return axum::http::StatusCode::BAD_REQUEST;
        };
        heard
            .send(claims["sid"].as_str().unwrap().to_owned())
            .unwrap();
        axum::http::StatusCode::OK
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/told", listens)).await });
    let mut browser = Browser::new();
    let tokens = old.tokens(&scene.world, &mut browser).await;
    let token = tokens["id_token"].as_str().unwrap();
    let page = scene
        .logout(&mut browser, &[("id_token_hint", token)])
        .await;
    assert!(page.location().is_some(), "{}", page.body);
    let sid = tokio::time::timeout(std::time::Duration::from_secs(10), told.recv());
    let sid = sid.await.unwrap().unwrap();
    assert_eq!(part(token, 1)["sid"], sid);
    // After the overlap the old one signs and proves nothing.
    scene
        .world
        .clock
        .advance(std::time::Duration::from_secs(3601));
    scene.is_no_hint(token, &old).await;
    let token = scene.id_token(&new).await;
    assert!(checked(&token, &new, &secrets[1]).is_some());
    // What another application of the same id had is not its.
    let id = old.id.parse().unwrap();
    let found = Applications::get(&*scene.world.store, &id)
        .await
        .unwrap()
        .unwrap();
    let mut again = found.value;
    scene
        .world
        .clock
        .advance(std::time::Duration::from_secs(10));
    again.created_at = scene.world.clock.now_();
    Applications::put(&*scene.world.store, &again, Precondition::Any)
        .await
        .unwrap();
    scene.is_no_hint(&token, &new).await;
}
