//! Tokens that someone else made up.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use vestibule::key::{Keyring, VerifyError, verify_with_cert, verify_with_jwks};

use crate::World;

/// Someone who has the key, and can sign whatever they like with it.
struct Insider {
    world: World,
    keys: Keyring,
    pair: EcdsaKeyPair,
    _dir: tempfile::TempDir,
}

impl Insider {
    async fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("insider.key");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(pair.to_pkcs8v1().unwrap())
        );
        std::fs::write(&file, pem).unwrap();
        let world = World::with_file(&file, None, None);
        let keys = world.open().await;
        Self {
            world,
            keys,
            pair,
            _dir: dir,
        }
    }

    fn kid(&self) -> String {
        self.keys.active().kid().to_owned()
    }

    fn header(&self) -> Value {
        json!({"alg": "ES256", "kid": self.kid(), "typ": "at+jwt"})
    }

    /// A good signature over whatever texts these are.
    fn sign(&self, header: &str, payload: &str) -> String {
        let signed = join(header, payload);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Refused by the keyring; in the same way by a resource server.
    fn refused(&self, token: &str) -> VerifyError {
        let error = self.keys.verify(token, &self.world.expect()).unwrap_err();
        let other = verify_with_jwks(token, &self.keys.jwks(), &self.world.checks());
        assert!(other.is_err(), "{token}");
        error
    }
}

fn join(header: &str, payload: &str) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    )
}

#[tokio::test]
async fn the_insider_signs_well() {
    let insider = Insider::new().await;
    let good = insider.sign(
        &insider.header().to_string(),
        &insider.world.claims().to_string(),
    );
    insider.keys.verify(&good, &insider.world.expect()).unwrap();
}

/// J1, J3: what a token says of its algorithm decides nothing.
#[tokio::test]
async fn algorithm_confusion() {
    let insider = Insider::new().await;
    let payload = insider.world.claims().to_string();
    let pem = insider.keys.public_pem(None).unwrap();
    for secret in [pem.as_bytes(), pem.trim().as_bytes(), b""] {
        let header = json!({"alg": "HS256", "kid": insider.kid(), "typ": "at+jwt"}).to_string();
        let signed = join(&header, &payload);
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(insider.refused(&token).code(), "token.algorithm");
    }
    for alg in [
        "none", "None", "NONE", "", "es256", "RS256", "ES384", "PS256", "HS256",
    ] {
        let header = json!({"alg": alg, "kid": insider.kid(), "typ": "at+jwt"}).to_string();
        for token in [
            insider.sign(&header, &payload),
            join(&header, &payload) + ".",
        ] {
            assert_eq!(insider.refused(&token).code(), "token.algorithm", "{alg}");
        }
    }
    for header in [
        json!({"kid": insider.kid()}),
        json!({"alg": ["ES256"], "kid": insider.kid()}),
    ] {
        let token = insider.sign(&header.to_string(), &payload);
        assert_eq!(insider.refused(&token).code(), "token.algorithm");
    }
}

/// J13, J15: a token brings neither its key nor rules of its own.
#[tokio::test]
async fn extensions_and_foreign_keys() {
    let insider = Insider::new().await;
    let payload = insider.world.claims().to_string();
    for (name, value, code) in [
        ("crit", json!(["exp"]), "token.critical"),
        ("crit", json!([]), "token.critical"),
        (
            "jku",
            json!("https://evil.test/jwks.json"),
            "token.foreign_key",
        ),
        ("x5u", json!("https://evil.test/x.crt"), "token.foreign_key"),
        ("x5c", json!(["AA=="]), "token.foreign_key"),
        (
            "jwk",
            insider.keys.jwks()["keys"][0].clone(),
            "token.foreign_key",
        ),
    ] {
        let mut header = insider.header();
        header[name] = value;
        let token = insider.sign(&header.to_string(), &payload);
        assert_eq!(insider.refused(&token).code(), code, "{name}");
    }
}

/// J14: a strange `kid` is a plain miss.
#[tokio::test]
async fn unknown_keys() {
    let insider = Insider::new().await;
    let payload = insider.world.claims().to_string();
    let long = "x".repeat(20_000);
    for kid in [
        "",
        "../../etc/passwd",
        "' or 1=1 --",
        "\0",
        long.as_str(),
        "NzbLsXh8uDCcd",
    ] {
        let header = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}).to_string();
        let token = insider.sign(&header, &payload);
        assert_eq!(insider.refused(&token), VerifyError::UnknownKey, "{kid}");
    }
    let numeric = insider.sign(r#"{"alg":"ES256","kid":7}"#, &payload);
    assert_eq!(insider.refused(&numeric).code(), "token.malformed");
    // We always name our keys.
    let nameless = insider.sign(r#"{"alg":"ES256","typ":"at+jwt"}"#, &payload);
    let answer = insider.keys.verify(&nameless, &insider.world.expect());
    assert_eq!(answer.unwrap_err(), VerifyError::NoKeyId);
}

/// J2: a changed token, and one of another key under our name.
#[tokio::test]
async fn wrong_signatures() {
    let insider = Insider::new().await;
    let stranger = Insider::new().await;
    let (header, payload) = (
        insider.header().to_string(),
        insider.world.claims().to_string(),
    );
    assert_eq!(
        insider.refused(&stranger.sign(&header, &payload)),
        VerifyError::Signature
    );
    let good = insider.sign(&header, &payload);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for changed in [
        format!("{signed}."),
        format!("{signed}.{}", &signature[..40]),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!(
            "{}.{signature}",
            join(&header, &payload.replace("storefront", "operator"))
        ),
    ] {
        assert_eq!(
            insider.refused(&changed),
            VerifyError::Signature,
            "{changed}"
        );
    }
}

/// J22: two readers must not see two tokens in one.
#[tokio::test]
async fn malformed_tokens() {
    let insider = Insider::new().await;
    let (header, payload) = (
        insider.header().to_string(),
        insider.world.claims().to_string(),
    );
    let twice = payload.replacen('{', r#"{"sub":"operator","#, 1);
    let header_twice = header.replacen('{', r#"{"alg":"none","#, 1);
    let good = insider.sign(&header, &payload);
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        good.replacen('.', "..", 1),
        format!("{good}."),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        insider.sign(&header, &twice),
        insider.sign(&header_twice, &payload),
        insider.sign(&header, &format!("\u{feff}{payload}")),
        insider.sign(&header, &format!("{payload} x")),
        insider.sign(&header, "[1]"),
        insider.sign(&header, ""),
        insider.sign("7", &payload),
    ] {
        assert_eq!(
            insider.refused(&token).code(),
            "token.malformed",
            "{token:?}"
        );
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(
        insider.refused(&insider.sign(&header, &deep)).code(),
        "token.malformed"
    );
    assert_eq!(insider.refused(&"x".repeat(1 << 20)), VerifyError::TooLong);
}

#[tokio::test]
async fn a_certificate_verifies_its_own_key_only() {
    let insider = Insider::new().await;
    let key = insider.keys.active();
    let now = insider.world.expect().now;
    let wanted = vestibule::key::SelfSigned {
        common_name: "login.platform.test".to_owned(),
        days: 1,
        ..Default::default()
    };
    let own = key.self_signed(&wanted, now).unwrap();
    let other = vestibule::key::generate(vestibule::key::KeyKind::P256).unwrap();
    let other = other.self_signed(&wanted, now).unwrap();
    let token = insider.world.token(&insider.keys);
    let checks = insider.world.checks();
    let verify =
        |pem: &str, checks| verify_with_cert(&token, pem, checks).map_err(|e| e.code().as_str());
    assert!(verify(&own.to_pem(), &checks).is_ok());
    assert_eq!(verify(&other.to_pem(), &checks), Err("token.signature"));
    assert_eq!(verify("", &checks), Err("token.certificate"));
    let later = vestibule::key::Checks {
        now: now.plus(std::time::Duration::from_secs(2 * 86400)),
        ..checks
    };
    assert_eq!(verify(&own.to_pem(), &later), Err("token.certificate"));
    let less = vestibule::key::Checks {
        issuer: None,
        audience: None,
        typ: None,
        ..checks
    };
    let bare = key.sign("JWT", &json!({"exp": now.as_secs() + 1})).unwrap();
    assert!(verify_with_cert(&bare, &own.to_pem(), &less).is_ok());
    assert_eq!(
        verify_with_cert(&bare, &own.to_pem(), &checks)
            .unwrap_err()
            .code(),
        "token.missing_claim"
    );
}
