//! What applications may choose for themselves: how they prove who they are (RFC 7523),
//! pushed requests (RFC 9126), resources (RFC 8707), native applications (RFC 8252),
//! lifetimes and refresh tokens. All of it through HTTP, set by the admin API.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authority::{CALLBACK, Client, Now, VERIFIER, claims, param, post, storefront, to};
use axum::Router;
use axum::routing::get;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use vestibule::key::{KeyKind, SigningKey, generate};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The admin API's token of a world, and a world.
struct Scene {
    world: World,
    admin: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::start().await;
        let operator = authority::operator(&world, "admin:write").await;
        let form = [("grant_type", "client_credentials")];
        let token = operator.token(&world, &form).await.json();
        let admin = token["access_token"].as_str().unwrap().to_owned();
        Self { world, admin }
    }

    async fn api(&self, method: Method, path: &str, body: &Value) -> Page {
        authority::administer(&self.world, &self.admin, method, path, body).await
    }

    /// An application with these settings over those of a service or storefront.
    async fn application(&self, base: Value, settings: Value) -> Client {
        let mut body = base;
        let object = body.as_object_mut().unwrap();
        object.extend(settings.as_object().unwrap().clone());
        let page = self.api(Method::POST, "/applications", &body).await;
        assert_eq!(page.status, 201, "{}", page.body);
        let made = page.json();
        Client {
            id: made["client_id"].as_str().unwrap().to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
        }
    }

    async fn refused(&self, base: Value, settings: Value, field: &str) {
        let mut body = base;
        let object = body.as_object_mut().unwrap();
        object.extend(settings.as_object().unwrap().clone());
        let page = self.api(Method::POST, "/applications", &body).await;
        assert_eq!(page.status, 400, "{settings}: {}", page.body);
        let said = page.json();
        assert_eq!(said["field"], field, "{said}");
    }

    fn now(&self) -> u64 {
        self.world.clock.now_().as_secs()
    }

    fn claims(&self, id: &str) -> Value {
        let now = self.now();
        json!({
            "iss": id, "sub": id, "aud": format!("{}/connect/token", self.world.origin),
            "iat": now, "exp": now + 60, "jti": vestibule::base::random::token(),
        })
    }

    async fn asserted(&self, endpoint: &str, assertion: &str, more: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_assertion_type", TYPE),
                ("client_assertion", assertion),
            ])
            .extend_pairs(more)
            .finish();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        post(&self.world, endpoint, &kind, body).await
    }

    async fn own_token(&self, assertion: &str) -> Page {
        let form = [("grant_type", "client_credentials")];
        self.asserted("token", assertion, &form).await
    }
}

fn service() -> Value {
    json!({ "account": "acme", "grants": ["client_credentials"], "scopes": ["orders"] })
}

fn shop() -> Value {
    json!({ "account": "acme", "redirect_uris": [CALLBACK] })
}

fn jwks(keys: &[&SigningKey]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| json!(key.jwk())).collect();
    json!({ "keys": keys })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn is_invalid_client(page: &Page) {
    assert_eq!(page.status, 401, "{}", page.body);
    assert_eq!(page.json()["error"], "invalid_client");
}

#[tokio::test]
async fn a_client_proves_itself_by_its_key() {
    let scene = Scene::new().await;
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let key = generate(kind).unwrap();
        let settings =
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(&[&key]) });
        let client = scene.application(service(), settings).await;
        assert_eq!(client.secret, None);
        for audience in [
            json!(scene.world.origin),
            json!(format!("{}/connect/token", scene.world.origin)),
            json!(format!(
                "{}/connect/device_authorization",
                scene.world.origin
            )),
            json!(["https://elsewhere.test", scene.world.origin]),
        ] {
            let claims = with(scene.claims(&client.id), "aud", audience);
            let assertion = key.sign("JWT", &claims).unwrap();
            let page = scene.own_token(&assertion).await;
            assert_eq!(page.status, 200, "{}", page.body);
            // It counts once.
            is_invalid_client(&scene.own_token(&assertion).await);
        }
        // At introspection and revocation too.
        let sign = || key.sign("JWT", &scene.claims(&client.id)).unwrap();
        let token = scene.own_token(&sign()).await.json();
        let token = token["access_token"].as_str().unwrap().to_owned();
        let about = [("token", token.as_str())];
        let page = scene.asserted("introspect", &sign(), &about).await;
        assert_eq!(page.json()["active"], true, "{}", page.body);
        let page = scene.asserted("revoke", &sign(), &about).await;
        assert_eq!(page.status, 200);
        let page = scene.asserted("introspect", &sign(), &about).await;
        assert_eq!(page.json()["active"], false);
    }
}

#[tokio::test]
async fn assertions_that_do_not_count() {
    let scene = Scene::new().await;
    let (key, other) = (
        generate(KeyKind::P256).unwrap(),
        generate(KeyKind::P256).unwrap(),
    );
    let settings =
        json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(&[&key]) });
    let client = scene.application(service(), settings).await;
    let good = scene.claims(&client.id);
    let now = scene.now();
    for (name, value) in [
        ("iss", json!("someone")),
        ("iss", Value::Null),
        ("sub", json!("someone")),
        ("sub", Value::Null),
        ("aud", json!("https://elsewhere.test/connect/token")),
        ("aud", json!(format!("{}.evil.test", scene.world.origin))),
        ("aud", Value::Null),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("exp", json!(now - 3600)),
        ("exp", json!(now + 86_400)),
        ("nbf", json!(now + 3600)),
        ("iat", json!(now + 3600)),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(7)),
    ] {
        let claims = with(good.clone(), name, value.clone());
        let assertion = key.sign("JWT", &claims).unwrap();
        let page = scene.own_token(&assertion).await;
        assert_eq!(page.status, 401, "{name} {value}: {}", page.body);
    }
    // Another's key, no signature, the public key as a shared one.
    is_invalid_client(&scene.own_token(&other.sign("JWT", &good).unwrap()).await);
    let parts: Vec<String> = key
        .sign("JWT", &good)
        .unwrap()
        .split('.')
        .map(str::to_owned)
        .collect();
    for assertion in [
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        "x".to_owned(),
        "x.y.z".to_owned(),
        "a".repeat(40_000),
    ] {
        is_invalid_client(&scene.own_token(&assertion).await);
    }
    let shared = EncodingKey::from_secret(jwks(&[&key]).to_string().as_bytes());
    let header = Header {
        kid: Some(key.kid().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let forged = encode(&header, &good, &shared).unwrap();
    is_invalid_client(&scene.own_token(&forged).await);
    // Twice, or of another type.
    let sign = || key.sign("JWT", &scene.claims(&client.id)).unwrap();
    let grant = ("grant_type", "client_credentials");
    let page = scene
        .asserted("token", &sign(), &[grant, ("client_secret", "x")])
        .await;
    assert_eq!(page.json()["error"], "invalid_request");
    let page = scene
        .asserted("token", &sign(), &[grant, ("client_id", "someone")])
        .await;
    is_invalid_client(&page);
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([grant, ("client_assertion", &sign())])
        .finish();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let page = post(&scene.world, "token", &kind, body).await;
    assert_eq!(page.json()["error"], "invalid_request");
    // A secret does not stand in for the key, nor an assertion for a secret.
    let page = Client {
        secret: Some("x".repeat(20)),
        ..client.clone()
    };
    is_invalid_client(&page.token(&scene.world, &[grant]).await);
    let plain = scene.application(service(), json!({})).await;
    let assertion = key.sign("JWT", &scene.claims(&plain.id)).unwrap();
    is_invalid_client(&scene.own_token(&assertion).await);
    // The good one still does.
    let page = scene.own_token(&key.sign("JWT", &good).unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn keys_are_fetched_where_the_client_publishes_them() {
    let scene = Scene::new().await;
    let (old, new) = (
        generate(KeyKind::P256).unwrap(),
        generate(KeyKind::P256).unwrap(),
    );
    let published = Arc::new(Mutex::new(jwks(&[&old]).to_string()));
    let (fetches, says) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&published));
    let count = Arc::clone(&fetches);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/keys", listener.local_addr().unwrap());
    let answer = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let body = says.lock().unwrap().clone();
        async move { body }
    };
    let app = Router::new().route("/keys", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let settings = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri });
    let client = scene.application(service(), settings).await;
    let by = async |key: &SigningKey| {
        let assertion = key.sign("JWT", &scene.claims(&client.id)).unwrap();
        scene.own_token(&assertion).await.status.as_u16()
    };
    assert_eq!(by(&old).await, 200);
    assert_eq!(by(&old).await, 200);
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    // It rotates; strangers' keys make no more than one fetch a minute.
    *published.lock().unwrap() = jwks(&[&new]).to_string();
    for _ in 0..5 {
        assert_eq!(by(&new).await, 401);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    scene.world.clock.advance(Duration::from_secs(61));
    assert_eq!(by(&new).await, 200);
    assert_eq!(by(&old).await, 401);
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
    // An address that nobody may be sent to is not fetched.
    let settings = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://169.254.169.254/keys",
    });
    let client = scene.application(service(), settings).await;
    let assertion = new.sign("JWT", &scene.claims(&client.id)).unwrap();
    let page = scene.own_token(&assertion).await;
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.shows("jwks_uri"), "{}", page.body);
}

#[tokio::test]
async fn a_client_signs_with_its_secret() {
    let scene = Scene::new().await;
    let settings = json!({ "token_endpoint_auth_method": "client_secret_jwt" });
    let client = scene.application(service(), settings).await;
    let secret = client.secret.clone().unwrap();
    let sign = |secret: &str, algorithm| {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let claims = scene.claims(&client.id);
        encode(&Header::new(algorithm), &claims, &key).unwrap()
    };
    let page = scene.own_token(&sign(&secret, Algorithm::HS256)).await;
    assert_eq!(page.status, 200, "{}", page.body);
    is_invalid_client(&scene.own_token(&sign("wrong", Algorithm::HS256)).await);
    is_invalid_client(&scene.own_token(&sign(&secret, Algorithm::HS512)).await);
    // The secret itself is not sent.
    let form = [("grant_type", "client_credentials")];
    is_invalid_client(&client.token(&scene.world, &form).await);
    // Rotated, both count for a while.
    let path = format!("/applications/{}/rotate", client.id);
    let body = json!({ "overlap": "1h" });
    let made = scene.api(Method::POST, &path, &body).await.json();
    let newer = made["client_secret"].as_str().unwrap();
    for secret in [secret.as_str(), newer] {
        let page = scene.own_token(&sign(secret, Algorithm::HS256)).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }
    // Changed to a plain secret, the same secret goes on.
    let path = format!("/applications/{}", client.id);
    let body = json!({ "token_endpoint_auth_method": "client_secret_basic" });
    let page = scene.api(Method::PATCH, &path, &body).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(!page.body.contains(&secret));
    assert_eq!(client.token(&scene.world, &form).await.status, 200);
    let post = format!(
        "grant_type=client_credentials&client_id={}&client_secret={secret}",
        client.id
    );
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    is_invalid_client(&authority::post(&scene.world, "token", &kind, post).await);
    // And not back, since the secret is a hash now.
    let body = json!({ "token_endpoint_auth_method": "client_secret_jwt" });
    let page = scene.api(Method::PATCH, &path, &body).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.json()["field"], "token_endpoint_auth_method");
}

#[tokio::test]
async fn settings_that_cannot_be() {
    let scene = Scene::new().await;
    let private =
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "d": "AA", "x": "AA", "y": "AA" }] });
    for (settings, field) in [
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt" }),
            "jwks",
        ),
        (json!({ "jwks": { "keys": [] } }), "jwks"),
        (json!({ "jwks": "text" }), "jwks"),
        (json!({ "jwks": private }), "jwks"),
        (json!({ "jwks_uri": "http://keys.test/" }), "jwks_uri"),
        (json!({ "jwks_uri": "ftp://keys.test/" }), "jwks_uri"),
        (json!({ "resources": ["orders"] }), "resources"),
        (
            json!({ "access_token_lifetime": "soon" }),
            "access_token_lifetime",
        ),
        (
            json!({ "access_token_lifetime": "1s" }),
            "access_token_lifetime",
        ),
        (
            json!({ "access_token_lifetime": "25h" }),
            "access_token_lifetime",
        ),
        (
            json!({ "refresh_token_lifetime": "-1d" }),
            "refresh_token_lifetime",
        ),
        (
            json!({ "public": true, "grants": ["refresh_token"], "reuse_refresh_tokens": true }),
            "reuse_refresh_tokens",
        ),
        (
            json!({ "public": true, "grants": ["refresh_token"], "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://keys.test/" }),
            "token_endpoint_auth_method",
        ),
    ] {
        scene.refused(service(), settings, field).await;
    }
    let odd = json!({ "token_endpoint_auth_method": "tls_client_auth" });
    let mut body = service();
    body.as_object_mut()
        .unwrap()
        .extend(odd.as_object().unwrap().clone());
    let page = scene.api(Method::POST, "/applications", &body).await;
    assert_eq!(page.status, 400);
    let page = scene
        .api(
            Method::POST,
            "/applications",
            &json!({ "requires_pkce": true }),
        )
        .await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn requests_are_pushed() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let plain = scene.application(shop(), json!({})).await;
    let metadata = async || {
        let url = format!("{}/.well-known/oauth-authorization-server", world.origin);
        Browser::new().get(url).await.json()
    };
    let endpoint = "pushed_authorization_request_endpoint";
    assert!(metadata().await.get(endpoint).is_none());
    let off = [("client_id", plain.id.as_str())];
    let page = plain.post(world, "par", &off).await;
    assert_eq!(page.json()["error"], "invalid_request");
    let reference = "urn:ietf:params:oauth:request_uri:x";
    let over = [("request_uri", reference)];
    let page = Browser::new().get(plain.authorize_url(world, &over)).await;
    let error = param(&to(&page), "error").unwrap();
    assert_eq!(error, "request_uri_not_supported");

    let required = json!({ "pushed_authorization_requests": "required", "require_pkce": true });
    let client = scene.application(shop(), required).await;
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(
        metadata().await[endpoint],
        format!("{}/connect/par", world.origin)
    );
    let challenge = vestibule::base::digest::sha256_base64url(VERIFIER.as_bytes());
    let mut request = vec![
        ("client_id", client.id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "st4te"),
    ];
    let page = client.post(world, "par", &request).await;
    assert!(page.shows("code_challenge"), "{}", page.body);
    request.push(("code_challenge", &challenge));
    request.push(("code_challenge_method", "S256"));
    for (name, value) in [
        ("redirect_uri", "https://evil.test/"),
        ("client_id", &plain.id),
    ] {
        let mut wrong = request.clone();
        wrong.retain(|(known, _)| *known != name);
        wrong.push((name, value));
        let page = client.post(world, "par", &wrong).await;
        assert_eq!(page.status, 400, "{}", page.body);
    }
    // Who it is says the header already.
    let push = async || {
        let page = client.post(world, "par", &request[1..]).await;
        assert_eq!(page.status, 201, "{}", page.body);
        assert_eq!(page.header("cache-control"), "no-store");
        page.json()["request_uri"].as_str().unwrap().to_owned()
    };
    let address = |id: &str, uri: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", id), ("request_uri", uri)])
            .finish();
        format!("{}/connect/authorize?{query}", world.origin)
    };
    // Unpushed it is refused; pushed it counts once, for its own client, for a while.
    let page = Browser::new().get(client.authorize_url(world, &[])).await;
    assert_eq!(param(&to(&page), "error").unwrap(), "invalid_request");
    let uri = push().await;
    let page = Browser::new().get(address(&plain.id, &uri)).await;
    assert_eq!(page.status, 400);
    let browser = &mut Browser::new();
    let page = browser.get(address(&client.id, &uri)).await;
    assert!(to(&page).path().ends_with("/login"), "{}", page.body);
    let mut page = browser.get(to(&page).as_str()).await;
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    page = browser.get(callback.as_str()).await;
    while !to(&page).as_str().starts_with(CALLBACK) {
        page = browser.get(to(&page).as_str()).await;
    }
    let code = param(&to(&page), "code").unwrap();
    assert_eq!(param(&to(&page), "state").unwrap(), "st4te");
    assert_eq!(client.exchange(world, &code).await.status, 200);
    let page = browser.get(address(&client.id, &uri)).await;
    assert_eq!(page.status, 400);
    let uri = push().await;
    world.clock.advance(Duration::from_secs(91));
    let page = browser.get(address(&client.id, &uri)).await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn nothing_goes_to_a_redirect_uri_that_was_removed() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let allowed = json!({ "pushed_authorization_requests": "allowed" });
    let client = scene.application(shop(), allowed).await;
    let mut browser = Browser::new();
    client.tokens(world, &mut browser).await;
    let push = async |more: &[(&str, &str)]| {
        let mut request = vec![
            ("client_id", client.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid"),
        ];
        request.extend(more);
        let page = client.post(world, "par", &request).await;
        let uri = page.json()["request_uri"].clone();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &client.id)
            .append_pair("request_uri", uri.as_str().unwrap())
            .finish();
        format!("{}/connect/authorize?{query}", world.origin)
    };
    // A code, a refusal, and what comes of a login that is under way.
    let (code, refusal) = (push(&[]).await, push(&[("prompt", "none")]).await);
    let mut other = Browser::new();
    let page = other.get(push(&[]).await).await;
    let page = other.get(to(&page).as_str()).await;
    let mut denied = Browser::new();
    let asked = denied.get(client.authorize_url(world, &[])).await;
    let asked = denied.get(to(&asked).as_str()).await;
    let path = format!("/applications/{}", client.id);
    let body = json!({ "redirect_uris": ["https://elsewhere.example.test/cb"] });
    let changed = scene.api(Method::PATCH, &path, &body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let nowhere = |page: &Page| {
        assert_eq!(page.status, 400, "{}", page.body);
        assert!(page.location().is_none());
        assert!(!page.body.contains(CALLBACK), "{}", page.body);
    };
    nowhere(&browser.get(code).await);
    nowhere(&Browser::new().get(refusal).await);
    let callback = other.through_idp(page, "ada", "lovelace").await;
    let page = other.get(callback.as_str()).await;
    let provider = to(&asked);
    let form = [("request", provider.query().unwrap()), ("action", "deny")];
    let no = denied
        .post(provider.join("/login").unwrap().as_str(), &form)
        .await;
    for (browser, mut page) in [(&mut other, page), (&mut denied, no)] {
        while let Some(next) = page.location() {
            assert!(next.as_str().starts_with(&world.origin), "{next}");
            page = browser.get(next.as_str()).await;
        }
        nowhere(&page);
    }
}

#[tokio::test]
async fn tokens_for_a_resource() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let (orders, stock) = ("https://orders.test/", "urn:acme:stock");
    let settings = json!({ "resources": [orders, stock] });
    let client = scene.application(service(), settings.clone()).await;
    let grant = ("grant_type", "client_credentials");
    let page = client.token(world, &[grant, ("resource", orders)]).await;
    let token = page.json()["access_token"].clone();
    assert_eq!(claims(&token)["aud"], orders);
    let seen = client.introspect(world, token.as_str().unwrap()).await;
    assert_eq!(seen["active"], true);
    for wrong in ["https://other.test/", "orders", "https://orders.test"] {
        let page = client.token(world, &[grant, ("resource", wrong)]).await;
        assert_eq!(page.json()["error"], "invalid_target", "{wrong}");
    }
    let plain = scene.application(service(), json!({})).await;
    let page = plain.token(world, &[grant, ("resource", orders)]).await;
    assert_eq!(page.json()["error"], "invalid_target");

    // At a login: what was asked for then holds for code and refresh token.
    let client = scene.application(shop(), settings).await;
    let browser = &mut Browser::new();
    let url = client.log_in(world, browser, &[("resource", orders)]).await;
    let page = client.exchange(world, &param(&url, "code").unwrap()).await;
    let tokens = page.json();
    assert_eq!(claims(&tokens["access_token"])["aud"], orders);
    assert_eq!(claims(&tokens["id_token"])["aud"], client.id);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let page = client
        .token(world, &[form[0], form[1], ("resource", stock)])
        .await;
    assert_eq!(page.json()["error"], "invalid_target");
    let tokens = client.token(world, &form).await.json();
    assert_eq!(claims(&tokens["access_token"])["aud"], orders);
    // The application loses the resource: the token no longer counts here.
    let path = format!("/applications/{}", client.id);
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(client.introspect(world, token).await["active"], true);
    let page = scene
        .api(Method::PATCH, &path, &json!({ "resources": [stock] }))
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(client.introspect(world, token).await["active"], false);
    let page = Browser::new()
        .get(client.authorize_url(world, &[("resource", orders)]))
        .await;
    assert_eq!(param(&to(&page), "error").unwrap(), "invalid_target");
}

#[tokio::test]
async fn applications_on_devices() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let uris = json!([
        "http://127.0.0.1/cb",
        "http://[::1]:8000/cb",
        "com.acme.app:/cb"
    ]);
    let native = json!({
        "account": "acme", "public": true, "redirect_uris": uris, "application_type": "native",
    });
    let client = scene.application(native, json!({})).await;
    for good in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:51004/cb",
        "http://[::1]:9/cb",
        "http://[::1]/cb",
        "com.acme.app:/cb",
    ] {
        let url = client.authorize_url(world, &[("redirect_uri", good)]);
        let page = Browser::new().get(url).await;
        assert!(to(&page).path().ends_with("/login"), "{good}");
    }
    for bad in [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.2:51004/cb",
        "http://localhost:51004/cb",
        "https://127.0.0.1:51004/cb",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004@evil.test/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:port/cb",
        "http://127.0.0.1:99999/cb",
        "com.acme.app:/cb2",
        "com.acme.other:/cb",
    ] {
        let url = client.authorize_url(world, &[("redirect_uri", bad)]);
        let page = Browser::new().get(url).await;
        assert_eq!(page.status, 400, "{bad}");
    }
    // A whole login to another port than the registered one.
    let browser = &mut Browser::new();
    let here = "http://127.0.0.1:51004/cb";
    let page = browser
        .get(client.authorize_url(world, &[("redirect_uri", here)]))
        .await;
    let page = browser.get(to(&page).as_str()).await;
    let callback = browser.through_idp(page, "ada", "lovelace").await;
    let mut page = browser.get(callback.as_str()).await;
    while !to(&page).as_str().starts_with(here) {
        page = browser.get(to(&page).as_str()).await;
    }
    let code = param(&to(&page), "code").unwrap();
    let form = |uri| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", uri),
            ("code_verifier", VERIFIER),
        ]
    };
    let page = client
        .token(world, &form("http://127.0.0.1:51005/cb"))
        .await;
    assert_eq!(page.json()["error"], "invalid_grant");
    assert_eq!(client.token(world, &form(here)).await.status, 200);
    // Others go by the letter, and have no such schemes.
    let web = json!({ "account": "acme", "redirect_uris": ["http://127.0.0.1:8000/cb"] });
    let client = scene.application(web, json!({})).await;
    let url = client.authorize_url(world, &[("redirect_uri", here)]);
    assert_eq!(Browser::new().get(url).await.status, 400);
    for (uri, kind) in [
        ("com.acme.app:/cb", "web"),
        ("acme:/cb", "native"),
        ("javascript:alert(1)", "native"),
        ("com.acme.app:/cb#x", "native"),
        ("http://shop.test/cb", "native"),
    ] {
        let body = json!({ "account": "acme", "redirect_uris": [uri], "application_type": kind });
        let page = scene.api(Method::POST, "/applications", &body).await;
        assert_eq!(page.status, 400, "{uri}: {}", page.body);
    }
}

#[tokio::test]
async fn lifetimes_are_the_applications_own() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let settings = json!({
        "access_token_lifetime": "2h",
        "refresh_token_lifetime": "1d",
        "refresh_token_absolute_lifetime": "2d",
    });
    let client = scene.application(shop(), settings).await;
    let tokens = client.tokens(world, &mut Browser::new()).await;
    assert_eq!(tokens["expires_in"], 7200);
    for token in ["access_token", "id_token"] {
        let claims = claims(&tokens[token]);
        let (exp, iat) = (
            claims["exp"].as_u64().unwrap(),
            claims["iat"].as_u64().unwrap(),
        );
        assert_eq!(exp - iat, 7200, "{token}");
    }
    let mut refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    // Half a day at a time, until the second day is over.
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(12 * 3600));
        let page = client.refresh(world, &refresh).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let seen = client.introspect(world, &refresh).await;
        assert_eq!(seen["active"], false);
        page.json()["refresh_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut refresh);
    }
    world.clock.advance(Duration::from_secs(12 * 3600));
    let page = client.refresh(world, &refresh).await;
    assert_eq!(page.json()["error"], "invalid_grant");

    let tokens = client.tokens(world, &mut Browser::new()).await;
    world.clock.advance(Duration::from_secs(25 * 3600));
    let page = client
        .refresh(world, tokens["refresh_token"].as_str().unwrap())
        .await;
    assert_eq!(page.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_that_stay() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let settings = json!({ "reuse_refresh_tokens": true, "refresh_token_lifetime": "1d" });
    let client = scene.application(shop(), settings).await;
    let tokens = client.tokens(world, &mut Browser::new()).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..40 {
        world.clock.advance(Duration::from_secs(20 * 3600));
        let page = client.refresh(world, refresh).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.json()["refresh_token"], refresh);
    }
    let (a, b) = tokio::join!(
        client.refresh(world, refresh),
        client.refresh(world, refresh)
    );
    assert_eq!((a.status.as_u16(), b.status.as_u16()), (200, 200));
    let page = client.post(world, "revoke", &[("token", refresh)]).await;
    assert_eq!(page.status, 200);
    let page = client.refresh(world, refresh).await;
    assert_eq!(page.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn pkce_is_required_where_the_application_says_so() {
    let scene = Scene::new().await;
    let client = scene
        .application(shop(), json!({ "require_pkce": true }))
        .await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let url = client.authorize_url(&scene.world, &without);
    let page = Browser::new().get(url).await;
    assert_eq!(param(&to(&page), "error").unwrap(), "invalid_request");
    let other = Client::create(&scene.world, storefront()).await;
    let url = other.authorize_url(&scene.world, &without);
    let page = Browser::new().get(url).await;
    assert!(to(&page).path().ends_with("/login"));
}
