//! OpenID Connect, right and wrong.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_idp::{Algorithm, Config, FaultKind, Faults};
use serde_json::{Value, json};

use crate::visitor::{Visitor, get, visit};

const OPENID: [(&str, &str); 2] = [("scope", "openid email"), ("nonce", "n-1")];

async fn openid() -> Visitor {
    let mut config = Config::default();
    config.openid.enabled = true;
    visit(config).await
}

struct Read {
    header: Value,
    claims: Value,
    signed: bool,
    tokens: Value,
}

async fn keys(visitor: &Visitor) -> Vec<Value> {
    let answer = visitor
        .http
        .get(visitor.at("/jwks.json"))
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["keys"].as_array().unwrap().clone()
}

/// Logs in and takes the ID token apart.
async fn id_token(visitor: &Visitor) -> Read {
    let tokens = visitor.tokens(&OPENID).await;
    let token = tokens["id_token"].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let message = format!("{}.{}", parts[0], parts[1]);
    let signature = decode(parts[2]);
    let signed = keys(visitor).await.iter().any(|key| {
        let number = |name: &str| decode(key[name].as_str().unwrap());
        if key["kid"] != header["kid"] {
            false
        } else if key["kty"] == "EC" {
            let point = [vec![4], number("x"), number("y")].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(message.as_bytes(), &signature).is_ok()
        } else {
            let key = RsaPublicKeyComponents {
                n: number("n"),
                e: number("e"),
            };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
                .is_ok()
        }
    });
    let claims = serde_json::from_slice(&decode(parts[1])).unwrap();
    Read {
        header,
        claims,
        signed,
        tokens,
    }
}

#[tokio::test]
async fn discovery() {
    let visitor = openid().await;
    let url = visitor.at("/.well-known/openid-configuration");
    let document: Value = visitor
        .http
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(document["issuer"], visitor.idp.origin());
    assert_eq!(document["jwks_uri"], visitor.at("/jwks.json"));
    assert_eq!(
        document["token_endpoint_auth_methods_supported"][1],
        "client_secret_basic"
    );
    visitor
        .idp
        .configure(|config| config.openid.enabled = false);
    assert_eq!(visitor.http.get(&url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_id_token_verifies_with_either_algorithm() {
    let visitor = openid().await;
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        visitor
            .idp
            .configure(|config| config.openid.algorithm = algorithm);
        let read = id_token(&visitor).await;
        assert!(read.signed);
        assert_eq!(read.header["alg"], algorithm.name());
        assert_eq!(read.claims["iss"], visitor.idp.origin());
        assert_eq!(read.claims["aud"], "vestibule-demo");
        assert_eq!(read.claims["sub"], "u-1001");
        assert_eq!(read.claims["nonce"], "n-1");
        assert_eq!(read.claims["email"], "ada@example.test");
        let hash = digest(
            &SHA256,
            read.tokens["access_token"].as_str().unwrap().as_bytes(),
        );
        assert_eq!(
            read.claims["at_hash"],
            URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
        );
        let profile = visitor
            .userinfo(read.tokens["access_token"].as_str().unwrap())
            .await;
        assert_eq!(profile.json::<Value>().await.unwrap()["sub"], "u-1001");
    }
}

#[tokio::test]
async fn rotation_keeps_the_previous_keys_once() {
    let visitor = openid().await;
    let old = id_token(&visitor).await.header["kid"].clone();
    visitor.idp.rotate_keys();
    assert_ne!(id_token(&visitor).await.header["kid"], old);
    assert_eq!(keys(&visitor).await.len(), 4);
    assert!(keys(&visitor).await.iter().any(|key| key["kid"] == old));
    visitor
        .http
        .post(visitor.at("/control/rotate_keys"))
        .send()
        .await
        .unwrap();
    assert!(!keys(&visitor).await.iter().any(|key| key["kid"] == old));
}

#[tokio::test]
async fn faults_of_the_signature() {
    let visitor = openid().await;
    let foreign = visitor.at("/foreign/jwks.json");
    for (fault, member, value) in [
        (FaultKind::AlgNone, "/alg", json!("none")),
        (FaultKind::BadSignature, "/alg", json!("ES256")),
        (FaultKind::Hs256WithPublicKey, "/alg", json!("HS256")),
        (FaultKind::Hs256EmptyKey, "/alg", json!("HS256")),
        (FaultKind::Hs256WithClientSecret, "/alg", json!("HS256")),
        (FaultKind::NoKid, "/kid", Value::Null),
        (
            FaultKind::Kid {
                value: "../../x".into(),
            },
            "/kid",
            json!("../../x"),
        ),
        (FaultKind::UnknownKid, "/typ", json!("JWT")),
        (FaultKind::Jku, "/jku", json!(foreign)),
        (FaultKind::Jwk, "/jwk/kty", json!("EC")),
    ] {
        visitor
            .idp
            .set_faults(Faults::none().once("id_token", fault.clone()));
        let read = id_token(&visitor).await;
        assert_eq!(
            read.header.pointer(member).cloned().unwrap_or_default(),
            value,
            "{fault:?}"
        );
        assert!(!read.signed, "{fault:?}");
        assert!(id_token(&visitor).await.signed);
    }
}

#[tokio::test]
async fn faults_of_the_claims() {
    let visitor = openid().await;
    let slash = format!("{}/", visitor.idp.origin());
    let right = id_token(&visitor).await.claims;
    for (fault, name, value) in [
        (
            FaultKind::WrongIss,
            "iss",
            json!("https://foreign-issuer.example.test"),
        ),
        (FaultKind::IssTrailingSlash, "iss", json!(slash)),
        (FaultKind::MissingIss, "iss", Value::Null),
        (FaultKind::WrongAud, "aud", json!("another-client")),
        (FaultKind::MissingAud, "aud", Value::Null),
        (FaultKind::WrongAzp, "azp", json!("another-client")),
        (FaultKind::MissingSub, "sub", Value::Null),
        (FaultKind::MissingIat, "iat", Value::Null),
        (FaultKind::MissingExp, "exp", Value::Null),
        (FaultKind::NoNonce, "nonce", Value::Null),
        (
            FaultKind::SetClaim {
                name: "exp".into(),
                value: json!(-1),
            },
            "exp",
            json!(-1),
        ),
        (
            FaultKind::RemoveClaim {
                name: "email".into(),
            },
            "email",
            Value::Null,
        ),
    ] {
        visitor
            .idp
            .set_faults(Faults::none().once("id_token", fault.clone()));
        let read = id_token(&visitor).await;
        // Signed all the same: it is the claim that must be noticed.
        assert!(read.signed, "{fault:?}");
        assert_eq!(read.claims[name], value, "{fault:?}");
    }
    for (fault, name) in [
        (FaultKind::Expired, "exp"),
        (FaultKind::NotYetValid, "nbf"),
        (FaultKind::ExpString, "exp"),
        (FaultKind::WrongNonce, "nonce"),
        (FaultKind::WrongAtHash, "at_hash"),
        (FaultKind::StaleAuthTime, "auth_time"),
    ] {
        visitor
            .idp
            .set_faults(Faults::none().once("id_token", fault.clone()));
        let read = id_token(&visitor).await;
        assert!(!read.claims[name].is_null(), "{fault:?}");
        assert_ne!(read.claims[name], right[name], "{fault:?}");
    }
    visitor
        .idp
        .set_faults(Faults::none().on("id_token", FaultKind::Crit).on(
            "id_token",
            FaultKind::SetHeader {
                name: "typ".into(),
                value: json!("at+jwt"),
            },
        ));
    let read = id_token(&visitor).await;
    assert!(read.signed);
    assert_eq!(read.header["typ"], "at+jwt");
    assert!(read.header["crit"].is_array());
}

#[tokio::test]
async fn iss_on_the_callback() {
    let visitor = openid().await;
    visitor.idp.configure(|config| config.callback.iss = true);
    let origin = visitor.idp.origin();
    assert_eq!(
        get(&visitor.callback(&[]).await, "iss"),
        Some(origin.as_str())
    );
    for (fault, count) in [
        (FaultKind::WrongIss, 1),
        (FaultKind::NoIss, 0),
        (FaultKind::DuplicateIss, 2),
    ] {
        visitor
            .idp
            .set_faults(Faults::none().once("authorize", fault));
        let pairs = visitor.callback(&[]).await;
        let sent: Vec<_> = pairs.iter().filter(|(name, _)| name == "iss").collect();
        assert_eq!(sent.len(), count);
        assert!(sent.len() != 1 || sent[0].1 != origin);
    }
}
