//! Authorization requests that providers demand signed (RFC 9101) or pushed (RFC 9126).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mock_idp::{Client, ClientAuthentication, Config};
use serde_json::{Value, json};
use vestibule::base::Clock;

use crate::support::attack::{openid_mapping_for, parameter};
use crate::support::{Browser, World};

/// An EC key as `client.private_key` has it, and its public half.
struct ClientKey {
    pem: String,
    jwk: Value,
}

fn client_key() -> ClientKey {
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let algorithm = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
    let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref()).unwrap();
    let point = aws_lc_rs::signature::KeyPair::public_key(&pair)
        .as_ref()
        .to_vec();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    ClientKey {
        pem: format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        ),
        jwk: json!({
            "kty": "EC", "crv": "P-256", "kid": "k-1",
            "x": part(&point[1..33]), "y": part(&point[33..]),
        }),
    }
}

fn signer(key: &ClientKey) -> Client {
    Client {
        id: "signer".to_owned(),
        secret: String::new(),
        redirect_uris: Vec::new(),
        jwks: Some(json!({ "keys": [key.jwk] })),
    }
}

/// A provider with the client's key, and these demands; the mapping with these keys of
/// `[authorization]`.
async fn world(key: &ClientKey, demands: impl FnOnce(&mut Config), keys: &str) -> World {
    let world = World::empty().await;
    world.idp.configure(|config| {
        config.openid.enabled = true;
        config.client_authentication = vec![ClientAuthentication::PrivateKeyJwt];
        config.clients.push(signer(key));
        demands(config);
    });
    world.account("acme").await;
    let mapping = openid_mapping_for(&world.idp)
        .replace("id = \"vestibule-demo\"", "id = \"signer\"")
        .replace(
            "secret = \"vestibule-demo-secret\"\n",
            &format!(
                "authentication = \"private_key_jwt\"\nprivate_key = '''\n{}'''\nprivate_key_id = \"k-1\"\n",
                key.pem
            ),
        )
        .replace("[authorization]\n", &format!("[authorization]\n{keys}\n"));
    world.apply("acme", &mapping).await;
    world
}

/// A whole login; gives the address that the browser was sent to.
pub async fn log_in(world: &World) -> url::Url {
    let browser = &mut Browser::new();
    let page = browser
        .get(world.url("acme", "login?return_to=/welcome"))
        .await;
    let away = page.location().unwrap();
    let form = browser.get(away.as_str()).await;
    assert_eq!(form.status, 200, "{away}: {}", form.body);
    let (_, rest) = form.body.split_once("name=\"request\" value=\"").unwrap();
    let request = rest.split('"').next().unwrap().replace("&amp;", "&");
    let typed = [
        ("request", request.as_str()),
        ("username", "ada"),
        ("password", "lovelace"),
    ];
    let page = browser.post(away.join("/login").unwrap(), &typed).await;
    let end = browser.follow(page).await;
    assert_eq!(end.url.path(), "/welcome", "{} {}", end.status, end.body);
    away
}

#[tokio::test]
async fn a_request_is_pushed_where_discovery_demands_it() {
    let demands = |config: &mut Config| config.authorize.pushed_required = true;
    let world = world(&client_key(), demands, "").await;
    let away = log_in(&world).await;
    let names: Vec<_> = away
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["client_id", "request_uri"], "{away}");
    assert_eq!(world.calls("/par"), 1);
    // Each login has its own.
    let again = log_in(&world).await;
    assert_ne!(
        parameter(&away, "request_uri"),
        parameter(&again, "request_uri")
    );
}

#[tokio::test]
async fn a_request_is_pushed_where_the_mapping_says_so() {
    let world = world(&client_key(), |_| {}, "pushed = true").await;
    log_in(&world).await;
    assert_eq!(world.calls("/par"), 1);
}

#[tokio::test]
async fn a_request_is_a_signed_object() {
    let key = client_key();
    let demands = |config: &mut Config| config.authorize.object_required = true;
    let world = world(&key, demands, "request_object = true").await;
    let away = log_in(&world).await;
    let names: Vec<_> = away
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["client_id", "response_type", "scope", "request"]);
    let object = parameter(&away, "request");
    let payload = object.split('.').nth(1).unwrap();
    let json = URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(claims["aud"], world.idp.origin());
    assert_eq!(claims["iss"], "signer");
    assert_eq!(claims["iat"], world.clock.now().as_secs());
    assert_eq!(claims["code_challenge_method"], "S256");
    assert!(claims["state"].is_string() && claims["jti"].is_string());
}

#[tokio::test]
async fn a_signed_object_is_pushed() {
    let demands = |config: &mut Config| {
        config.authorize.object_required = true;
        config.authorize.pushed_required = true;
    };
    let world = world(&client_key(), demands, "request_object = true").await;
    let away = log_in(&world).await;
    assert!(
        away.query_pairs().all(|(name, _)| name != "request"),
        "{away}"
    );
}

#[tokio::test]
async fn a_provider_refuses_what_another_key_signed() {
    let demands = |config: &mut Config| config.authorize.object_required = true;
    let world = world(&client_key(), demands, "request_object = true").await;
    world
        .idp
        .configure(|config| config.clients = vec![signer(&client_key())]);
    let browser = &mut Browser::new();
    let page = browser
        .get(world.url("acme", "login?return_to=/welcome"))
        .await;
    let page = browser.get(page.location().unwrap().as_str()).await;
    assert_eq!(page.status, 400);
    assert!(
        page.body.contains("no key of the client fits"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn a_pushed_request_that_is_refused_ends_the_login() {
    let demands = |config: &mut Config| config.authorize.pushed_required = true;
    let world = world(&client_key(), demands, "").await;
    world
        .idp
        .configure(|config| config.clients = vec![signer(&client_key())]);
    let page = Browser::new()
        .get(world.url("acme", "login?return_to=/welcome"))
        .await;
    assert_eq!(page.status, 502, "{}", page.body);
    assert!(page.shows("login.provider_error"), "{}", page.body);
}
