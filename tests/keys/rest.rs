//! Key sets of others, and the examples of the RFCs.

use serde_json::{Value, json};
use vestibule::base::Timestamp;
use vestibule::key::{Checks, KeyKind, PublicKey, VerifyError, generate, verify_with_jwks};
use vestibule::protocol::jws::MAX_KEYS;

use crate::World;

/// RFC 7638 §3.1.
#[test]
fn the_thumbprint_of_the_rfc() {
    let jwk = json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    });
    let key = PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap();
    assert_eq!(key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(key.bits(), 2048);
}

/// RFC 7515 A.3: ES256, without a `kid`, over claims with line breaks.
#[test]
fn the_signature_of_the_rfc() {
    let jwk = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let checks = Checks {
        issuer: Some("joe"),
        audience: None,
        typ: None,
        now: Timestamp::from_secs(1_300_819_379),
        leeway: std::time::Duration::ZERO,
    };
    let claims = verify_with_jwks(token, &json!({"keys": [jwk]}), &checks).unwrap();
    assert_eq!(claims.all()["http://example.com/is_root"], true);
    // J10: where it does not say which of two keys, both are tried.
    let other = generate(KeyKind::P256).unwrap().jwk();
    let both = json!({"keys": [other, jwk]});
    assert!(verify_with_jwks(token, &both, &checks).is_ok());
}

/// J20: bounded, and what is weak, symmetric or private is passed over.
#[tokio::test]
async fn key_sets_of_any_kind() {
    let world = World::new();
    let keys = world.open().await;
    let token = world.token(&keys);
    let own = keys.jwks()["keys"][0].clone();
    let verify = |listed: Vec<Value>| {
        verify_with_jwks(&token, &json!({"keys": listed}), &world.checks())
            .map(|_| ())
            .map_err(|error| error.code().as_str())
    };
    let with = |name: &str, value: Value| {
        let mut jwk = own.clone();
        jwk[name] = value;
        jwk
    };
    let rsa_512 = json!({"kty": "RSA", "e": "AQAB", "kid": own["kid"],
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoQ"});
    let symmetric = json!({"kty": "oct", "kid": own["kid"], "k": "AAAA"});
    for useless in [
        with("d", json!("AAAA")),
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("key_ops", json!("verify")),
        with("key_ops", json!([])),
        with("use", json!(["sig"])),
        with("alg", json!("RS256")),
        with("alg", json!("ES384")),
        with("crv", json!("P-384")),
        with("x", json!("AAAA")),
        with("y", own["x"].clone()),
        rsa_512.clone(),
        symmetric.clone(),
        json!(7),
    ] {
        assert_eq!(
            verify(vec![useless.clone()]),
            Err("token.no_usable_key"),
            "{useless}"
        );
        assert_eq!(verify(vec![useless, own.clone()]), Ok(()));
    }
    assert_eq!(
        verify(vec![with("kid", json!("other"))]),
        Err("token.unknown_key")
    );
    assert_eq!(verify(Vec::new()), Err("token.no_usable_key"));
    let mut many = vec![rsa_512; MAX_KEYS - 1];
    many.push(own.clone());
    assert_eq!(verify(many.clone()), Ok(()));
    many.insert(0, symmetric);
    assert_eq!(
        verify(many),
        Err("token.no_usable_key"),
        "the 101st is not looked at"
    );
    let flood = vec![with("kid", json!("other")); 10_000];
    assert_eq!(verify(flood), Err("token.unknown_key"));
    for odd in [
        json!(null),
        json!([]),
        json!({"keys": {}}),
        json!({"keys": "x"}),
    ] {
        let answer = verify_with_jwks(&token, &odd, &world.checks());
        assert_eq!(answer.unwrap_err(), VerifyError::NoUsableKey);
    }
}

/// RUSTSEC-2023-0071: the `rsa` crate is nowhere in the build.
#[test]
fn k20_the_rsa_crate_is_absent() {
    let lock = include_str!("../../Cargo.lock");
    assert!(!lock.contains("name = \"rsa\""));
}
