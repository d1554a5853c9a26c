//! Where claims come from beside user information in JSON: signed answers, tokens,
//! and issuers that publish elsewhere.

use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Router;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mock_idp::{FaultKind, Faults};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vestibule::base::Clock;

use crate::scene::{Scene, ada};

/// A key of the provider's.
struct Key {
    kid: &'static str,
    der: Vec<u8>,
    public: Value,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        Self {
            kid,
            der: pair.to_pkcs8v1().unwrap().as_ref().to_vec(),
            public: json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": x, "y": y }),
        }
    }

    fn signs(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.kid.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        encode(&header, claims, &EncodingKey::from_ec_der(&self.der)).unwrap()
    }
}

/// What the second half of the provider answers, by path.
type Answers = Arc<Mutex<Vec<(&'static str, &'static str, String)>>>;

struct Fake {
    origin: String,
    answers: Answers,
}

impl Fake {
    async fn new() -> Self {
        let answers = Answers::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answer = |path: &'static str| {
            let of = Arc::clone(&answers);
            move || {
                let found = of
                    .lock()
                    .unwrap()
                    .iter()
                    .rfind(|(at, ..)| *at == path)
                    .cloned();
                let (_, kind, body) = found.unwrap();
                async move { ([("content-type", kind)], body) }
            }
        };
        let app = Router::new()
            .route("/me", get(answer("/me")))
            .route("/jwks", get(answer("/jwks")))
            .route("/discovery", get(answer("/discovery")))
            .route("/token", post(answer("/token")));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { origin, answers }
    }

    fn says(&self, path: &'static str, kind: &'static str, body: impl ToString) {
        self.answers
            .lock()
            .unwrap()
            .push((path, kind, body.to_string()));
    }
}

fn profile(now: u64) -> Value {
    json!({
        "iss": "https://id.acme.test", "aud": "vestibule-demo", "exp": now + 60,
        "sub": "u-9", "userId": "u-9", "email": "ada@example.test", "name": "Ada",
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

/// keycloak#22581, people#804.
#[tokio::test]
async fn d12_a_signed_profile_counts_by_the_providers_keys() {
    let fake = Fake::new().await;
    let (key, other) = (Key::new("k"), Key::new("k"));
    fake.says("/jwks", "application/json", json!({ "keys": [key.public] }));
    let changes = format!(
        "[provider]\nissuer = \"https://id.acme.test\"\njwks_url = \"{0}/jwks\"\n[userinfo]\nurl = \"{0}/me\"",
        fake.origin
    );
    let scene = Scene::new(json!({}), &changes).await;
    let good = profile(scene.world.clock.now().as_secs());
    for kind in ["application/jwt", "text/plain", "application/json"] {
        fake.says("/me", kind, key.signs(&good));
        assert_eq!(scene.logs_in().await["name"], "Ada", "{kind}");
    }
    let tampered = key.signs(&good);
    let (head, rest) = tampered.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let payload = URL_SAFE_NO_PAD.encode(with(good.clone(), "userId", json!("eve")).to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    for (token, why) in [
        (other.signs(&good), "its signature does not verify"),
        (
            format!("{head}.{payload}.{signature}"),
            "its signature does not verify",
        ),
        (format!("{none}.{payload}."), "its algorithm is not"),
        (
            key.signs(&with(good.clone(), "iss", json!("https://evil.test"))),
            "`iss` is not exactly",
        ),
        (
            key.signs(&with(good.clone(), "aud", json!("other"))),
            "`aud` does not name",
        ),
        (
            key.signs(&with(good.clone(), "exp", json!(1))),
            "it has expired",
        ),
        (
            key.signs(&with(good.clone(), "exp", json!("soon"))),
            "`exp` is of the wrong type",
        ),
    ] {
        fake.says("/me", "application/jwt", token);
        let told = scene.why().await;
        assert!(
            told.starts_with("userinfo login.userinfo_invalid: "),
            "{told}"
        );
        assert!(told.contains(why), "{told}");
    }
    assert_eq!(scene.world.users("acme").await.len(), 1);
    // Without keys nobody can say whose it is.
    scene
        .map(&format!("[userinfo]\nurl = \"{}/me\"", fake.origin))
        .await;
    fake.says("/me", "application/jwt", key.signs(&good));
    assert!(scene.why().await.contains("the answer is a JWT"));
}

#[tokio::test]
async fn d12_a_signed_profile_of_another_subject_ends_the_login() {
    let fake = Fake::new().await;
    let key = Key::new("own");
    let changes = format!(
        "[provider]\nkind = \"openid\"\nissuer = \"{{origin}}\"\njwks_url = \"{0}/jwks\"\n\
         [userinfo]\nurl = \"{0}/me\"\n[userinfo.response]\nuser_id = \"sub\"",
        fake.origin
    );
    let mock = json!({ "openid": { "enabled": true }, "accounts": [crate::scene::ada(json!({
        "sub": "s-1", "email": "ada@example.test",
    }))] });
    let scene = Scene::new(mock, &changes).await;
    let jwks = reqwest::get(format!("{}/jwks.json", scene.world.idp.origin()))
        .await
        .unwrap();
    let mut keys: Value = jwks.json().await.unwrap();
    keys["keys"]
        .as_array_mut()
        .unwrap()
        .push(key.public.clone());
    fake.says("/jwks", "application/json", keys);
    let now = scene.world.clock.now().as_secs();
    let own = with(profile(now), "iss", json!(scene.world.idp.origin()));
    fake.says(
        "/me",
        "application/jwt",
        key.signs(&with(own.clone(), "sub", json!("s-1"))),
    );
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "s-1");
    fake.says(
        "/me",
        "application/jwt",
        key.signs(&with(own, "sub", json!("s-2"))),
    );
    let why = scene.why().await;
    assert!(
        why.contains("login.other_subject") && why.contains("another `sub`"),
        "{why}"
    );
}

/// matomo-LoginOIDC#106, openauth.
#[tokio::test]
async fn d13_claims_of_a_jwt_access_token() {
    let fake = Fake::new().await;
    let (key, other) = (Key::new("k"), Key::new("k"));
    fake.says("/jwks", "application/json", json!({ "keys": [key.public] }));
    let changes = format!(
        "[provider]\njwks_url = \"{0}/jwks\"\n[token]\nurl = \"{0}/token\"\n\
         [userinfo]\nurl = -\nsource = \"access_token\"",
        fake.origin
    );
    let scene = Scene::new(json!({}), &changes).await;
    let good = with(
        profile(scene.world.clock.now().as_secs()),
        "aud",
        json!("https://api.acme.test"),
    );
    let gives = |token: String| {
        let answer = json!({ "access_token": token, "token_type": "Bearer" });
        fake.says("/token", "application/json", answer);
    };
    gives(key.signs(&good));
    assert_eq!(scene.logs_in().await["name"], "Ada");
    assert_eq!(scene.user_id().await, "u-9");
    for (token, why) in [
        (other.signs(&good), "its signature does not verify"),
        ("opaque".to_owned(), "it is not a signed token"),
        (
            key.signs(&with(good.clone(), "exp", json!(1))),
            "it has expired",
        ),
    ] {
        gives(token);
        let told = scene.why().await;
        assert!(
            told.starts_with("token login.token_response_invalid: "),
            "{told}"
        );
        assert!(told.contains(why), "{told}");
    }
}

/// go-oidc#121, kratos#4536 (Azure AD).
#[tokio::test]
async fn d14_discovery_elsewhere_and_an_issuer_for_each_customer() {
    let fake = Fake::new().await;
    let changes = format!(
        "[provider]\nkind = \"openid\"\nemail_trust = \"never\"\nissuer = \"{{origin}}/{{tenantid}}/v2.0\"\n\
         discovery_url = \"{}/discovery\"\n[authorization]\nurl = -\n[token]\nurl = -\n\
         [userinfo]\nurl = -\nsource = \"id_token\"\n[userinfo.response]\nuser_id = \"sub\"",
        fake.origin
    );
    let mock = json!({ "openid": { "enabled": true, "issuer": "{origin}/t-1/v2.0" }, "accounts": [crate::scene::ada(json!({
        "sub": "s-1", "email": "ada@example.test",
    }))] });
    let scene = Scene::new(mock, "").await;
    let origin = scene.world.idp.origin();
    fake.says(
        "/discovery",
        "application/json",
        json!({
            "issuer": format!("{origin}/{{tenantid}}/v2.0"),
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "jwks_uri": format!("{origin}/jwks.json"),
        }),
    );
    scene.map(&changes).await;
    let tenant = |value: Value| FaultKind::SetClaim {
        name: "tid".into(),
        value,
    };
    let claim = |fault| {
        scene
            .world
            .idp
            .set_faults(Faults::none().on("id_token", fault));
    };
    claim(tenant(json!("t-1")));
    scene.logs_in().await;
    for wrong in [
        json!("t-2"),
        json!(""),
        json!(null),
        json!("t-1/v2.0"),
        json!(["t-1"]),
    ] {
        claim(tenant(wrong));
        let why = scene.why().await;
        assert!(why.contains("`iss` is not exactly the mapping's"), "{why}");
    }
    claim(FaultKind::WrongIss);
    assert!(
        scene
            .why()
            .await
            .contains("`iss` is not exactly the mapping's")
    );
}

#[tokio::test]
async fn d14_keys_without_discovery() {
    let mock = json!({ "openid": { "enabled": true }, "accounts": [crate::scene::ada(json!({
        "sub": "s-1", "email": "ada@example.test",
    }))] });
    let changes = "[provider]\nkind = \"openid\"\nissuer = \"{origin}\"\njwks_url = \"{origin}/jwks.json\"\n\
         [userinfo]\nurl = -\nsource = \"id_token\"\n[userinfo.response]\nuser_id = \"sub\"";
    let scene = Scene::new(mock, changes).await;
    let gone = Faults::none().on("discovery", FaultKind::status(500));
    scene.world.idp.set_faults(gone);
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "s-1");
}

/// The vectors were made by another implementation.
fn encrypted() -> Value {
    serde_json::from_str(include_str!("encrypted.json")).unwrap()
}

/// keycloak#21254 (itsme).
#[tokio::test]
async fn d15_an_encrypted_profile() {
    let fake = Fake::new().await;
    let vectors = encrypted();
    let scene = Scene::new(json!({}), "").await;
    let map = |name: &str| {
        let pem = vectors[name].as_str().unwrap().replace('\n', "\\n");
        format!(
            "[client]\ndecryption_key = \"{pem}\"\n[userinfo]\nurl = \"{}/me\"",
            fake.origin
        )
    };
    for token in vectors["tokens"].as_array().unwrap() {
        let (key, token) = (token[0].as_str().unwrap(), token[1].as_str().unwrap());
        scene.map(&map(key)).await;
        fake.says("/me", "application/jwt", token);
        assert_eq!(scene.logs_in().await["name"], "Ada", "{key}");
        // One character of any part is another.
        let parts: Vec<&str> = token.split('.').collect();
        for (i, part) in parts
            .iter()
            .enumerate()
            .filter(|(_, part)| !part.is_empty())
        {
            let other = if part.starts_with('A') { "B" } else { "A" };
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[i] = format!("{other}{}", &part[1..]);
            fake.says("/me", "application/jwt", changed.join("."));
            let why = scene.why().await;
            assert!(why.starts_with("userinfo login.not_decrypted"), "{i} {why}");
        }
        // To another key, and to none.
        let other = if key == "p384" { "rsa" } else { "p384" };
        scene.map(&map(other)).await;
        fake.says("/me", "application/jwt", token);
        let why = scene.why().await;
        assert!(
            why.contains("`alg` or `enc`") || why.contains("`epk`"),
            "{why}"
        );
    }
    assert_eq!(scene.world.users("acme").await.len(), 1);
}

/// The token of a key pair that is not ours, under the algorithm that is.
#[tokio::test]
async fn d15_what_is_encrypted_to_another_key_ends_the_login() {
    let fake = Fake::new().await;
    let (ours, others) = (
        encrypted(),
        OaepPublicEncryptingKey::new(
            PrivateDecryptingKey::generate(KeySize::Rsa2048)
                .unwrap()
                .public_key(),
        ),
    );
    let pem = ours["rsa"].as_str().unwrap().replace('\n', "\\n");
    let changes = format!(
        "[client]\ndecryption_key = \"{pem}\"\n[userinfo]\nurl = \"{}/me\"",
        fake.origin
    );
    let scene = Scene::new(json!({}), &changes).await;
    fake.says("/me", "application/jwt", encrypt(&others.unwrap(), "{}"));
    let why = scene.why().await;
    assert!(why.contains("login.not_decrypted"), "{why}");
    assert!(why.contains("it was not encrypted to this key"), "{why}");
    assert!(scene.world.users("acme").await.is_empty());
}

fn our_public_key() -> OaepPublicEncryptingKey {
    let pem = encrypted()["rsaPublic"].as_str().unwrap().to_owned();
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&der).unwrap()).unwrap()
}

/// RSA-OAEP-256 with A256GCM.
fn encrypt(to: &OaepPublicEncryptingKey, text: &str) -> String {
    let (key, iv) = ([7; 32], [9; 12]);
    let mut out = vec![0; to.ciphertext_size()];
    let encrypted = to
        .encrypt(&OAEP_SHA256_MGF1SHA256, &key, &mut out, None)
        .unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}"#);
    let mut body = text.as_bytes().to_vec();
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let nonce = Nonce::assume_unique_for_key(iv);
    let aad = Aad::from(header.as_bytes());
    let tag = sealing
        .seal_in_place_separate_tag(nonce, aad, &mut body)
        .unwrap();
    let parts =
        [encrypted as &[u8], &iv, &body, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{}", parts.join("."))
}

#[tokio::test]
async fn d15_an_encrypted_id_token() {
    let fake = Fake::new().await;
    let key = Key::new("k");
    fake.says("/jwks", "application/json", json!({ "keys": [key.public] }));
    let pem = encrypted()["rsa"].as_str().unwrap().replace('\n', "\\n");
    let changes = format!(
        "[provider]\nkind = \"openid\"\nissuer = \"https://id.acme.test\"\njwks_url = \"{0}/jwks\"\n\
         [client]\ndecryption_key = \"{pem}\"\n[token]\nurl = \"{0}/token\"\n\
         [userinfo]\nurl = -\nsource = \"id_token\"\n[userinfo.response]\nuser_id = \"sub\"",
        fake.origin
    );
    let scene = Scene::new(json!({}), &changes).await;
    let (public, other) = (our_public_key(), Key::new("k"));
    for (signer, good) in [(&key, true), (&other, false)] {
        let start = scene.world.url("acme", "login");
        let callback = crate::support::Browser::new()
            .to_callback(&start, "ada", "lovelace")
            .await;
        let asked = scene.last("/authorize").query();
        let nonce = asked.iter().find(|(name, _)| name == "nonce").unwrap();
        let now = scene.world.clock.now().as_secs();
        let claims = with(
            with(profile(now), "nonce", json!(nonce.1)),
            "iat",
            json!(now),
        );
        let id_token = encrypt(&public, &signer.signs(&claims));
        let answer = json!({ "access_token": "opaque", "id_token": id_token });
        fake.says("/token", "application/json", answer);
        let (outcome, _) = scene.finish_by_hand(&callback).await;
        match outcome {
            Ok(identified) => {
                assert_eq!((identified.profile().user_id.as_str(), good), ("u-9", true));
            }
            Err(error) => {
                assert!(!good, "{error}");
                assert!(
                    error.to_string().contains("its signature does not verify"),
                    "{error}"
                );
            }
        }
    }
}

/// Azure AD B2C gives no access token where `openid` is all that was asked for
/// (MicrosoftDocs/azure-docs#64582, openid-client#717).
#[tokio::test]
async fn d21_an_id_token_without_an_access_token() {
    let openid = |url: &str, source: &str| {
        format!(
            "[provider]\nkind = \"openid\"\nissuer = \"{{origin}}\"\nemail_trust = \"claim\"\n[authorization]\nurl = -\n\
             scopes = [\"openid\", \"email\"]\n[token]\nurl = -\n[userinfo]\nurl = {url}\nsource = \"{source}\"\n\
             [userinfo.response]\nuser_id = \"sub\"\nemail = \"email\"\nname = \"name\""
        )
    };
    let mock = json!({
        "openid": { "enabled": true, "id_token_claims": ["email", "name"] },
        "token": { "response": { "access_token": "" } },
        "accounts": [ada(json!({ "sub": "u-9", "email": "ada@example.test", "name": "Ada" }))],
    });
    let scene = Scene::new(mock, &openid("-", "id_token")).await;
    assert_eq!(scene.logs_in().await["name"], "Ada");
    // Where it is needed, it is missed.
    scene.map(&openid("\"{origin}/userinfo\"", "request")).await;
    scene.fails("login.token_response_invalid").await;
    let (outcome, _) = scene.by_hand().await;
    let why = outcome.err().unwrap().to_string();
    assert!(why.contains("token.response.access_token"), "{why}");
}
