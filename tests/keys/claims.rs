//! Times, issuers, audiences and types, to the millisecond and the letter.

use std::time::Duration;

use serde_json::{Value, json};
use vestibule::base::Timestamp;
use vestibule::key::{Checks, Keyring, VerifyError, verify_with_jwks};

use crate::World;

fn with(world: &World, name: &str, value: Value) -> Value {
    let mut claims = world.claims();
    claims[name] = value;
    claims
}

fn without(world: &World, name: &str) -> Value {
    let mut claims = world.claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn verify(world: &World, keys: &Keyring, claims: &Value) -> Result<(), VerifyError> {
    let token = keys.active().sign("at+jwt", claims).unwrap();
    keys.verify(&token, &world.expect()).map(|_| ())
}

/// What is missing or wrong is refused, each in its own way.
#[tokio::test]
async fn k18_issuer_audience_and_expiry_are_always_checked() {
    let world = World::new();
    let keys = world.open().await;
    for (claims, expected) in [
        (without(&world, "iss"), VerifyError::MissingClaim("iss")),
        (without(&world, "aud"), VerifyError::MissingClaim("aud")),
        (without(&world, "exp"), VerifyError::MissingClaim("exp")),
        (
            with(&world, "iss", json!("https://login.platform.test/")),
            VerifyError::Issuer,
        ),
        (
            with(&world, "iss", json!(["https://login.platform.test"])),
            VerifyError::BadClaim("iss"),
        ),
        (with(&world, "aud", json!("other")), VerifyError::Audience),
        (
            with(&world, "aud", json!(["other", "RESOURCE_SERVER"])),
            VerifyError::Audience,
        ),
        (with(&world, "aud", json!([])), VerifyError::Audience),
        (
            with(&world, "aud", json!(["resource_server", 7])),
            VerifyError::BadClaim("aud"),
        ),
        (with(&world, "aud", json!({})), VerifyError::BadClaim("aud")),
    ] {
        assert_eq!(verify(&world, &keys, &claims), Err(expected), "{claims}");
    }
    let several = with(&world, "aud", json!(["other", "resource_server"]));
    assert_eq!(verify(&world, &keys, &several), Ok(()));
}

/// J7: a date that is not a number is an error, never taken as absent.
#[tokio::test]
async fn dates_are_numbers() {
    let world = World::new();
    let keys = world.open().await;
    let bad = [
        "\"9999999999\"",
        "-1",
        "1e300",
        "1e999",
        "null",
        "true",
        "[1]",
        "253402300800",
    ];
    for name in ["exp", "nbf", "iat"] {
        for text in bad {
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            let claims = with(&world, name, value);
            let expected = Err(VerifyError::BadClaim(name));
            assert_eq!(verify(&world, &keys, &claims), expected, "{name}: {text}");
        }
    }
}

/// J8: to the millisecond.
#[tokio::test]
async fn time_has_exact_ends() {
    let world = World::new();
    let keys = world.open().await;
    world.clock.set(Timestamp::from_secs(2_000_000_000));
    let at = |exp: &str| with(&world, "exp", serde_json::from_str(exp).unwrap());
    let from = |nbf: &str| with(&world, "nbf", serde_json::from_str(nbf).unwrap());
    for exp in [
        "2000000001",
        "2000000000.001",
        "2000000000.5",
        "2.000000001e9",
    ] {
        assert_eq!(verify(&world, &keys, &at(exp)), Ok(()), "{exp}");
    }
    for exp in ["2000000000", "1999999999.999", "0", "2e9"] {
        let answer = verify(&world, &keys, &at(exp));
        assert!(matches!(answer, Err(VerifyError::Expired(_))), "{exp}");
    }
    assert_eq!(verify(&world, &keys, &from("2000000000")), Ok(()));
    let early = verify(&world, &keys, &from("2000000000.001"));
    assert!(matches!(early, Err(VerifyError::NotYetValid(_))));

    // Leeway widens both ends by itself and no more.
    let checks = |leeway| Checks {
        leeway: Duration::from_secs(leeway),
        ..world.checks()
    };
    let token = keys.active().sign("at+jwt", &at("1999999940")).unwrap();
    let verify = |leeway| verify_with_jwks(&token, &keys.jwks(), &checks(leeway)).is_ok();
    assert!(!verify(60) && verify(61));
    let token = keys.active().sign("at+jwt", &from("2000000060")).unwrap();
    let verify = |leeway| verify_with_jwks(&token, &keys.jwks(), &checks(leeway)).is_ok();
    assert!(!verify(59) && verify(60));
}

/// RFC 8725 §3.11: one kind of token is not taken for another.
#[tokio::test]
async fn types_are_told_apart() {
    let world = World::new();
    let keys = world.open().await;
    for (typ, good) in [
        ("at+jwt", true),
        ("AT+JWT", true),
        ("application/at+jwt", true),
        ("JWT", false),
        ("logout+jwt", false),
        ("", false),
    ] {
        let token = keys.active().sign(typ, &world.claims()).unwrap();
        let answer = keys.verify(&token, &world.expect());
        assert_eq!(answer.is_ok(), good, "{typ}");
        let any = vestibule::key::Expect {
            typ: None,
            ..world.expect()
        };
        keys.verify(&token, &any).unwrap();
    }
}

#[tokio::test]
async fn claims_come_back_as_a_type() {
    #[derive(serde::Deserialize)]
    struct Mine {
        sub: String,
        big: serde_json::Number,
    }
    let world = World::new();
    let keys = world.open().await;
    let big: Value = serde_json::from_str("12345678901234567890123").unwrap();
    let token = keys
        .active()
        .sign("at+jwt", &with(&world, "big", big))
        .unwrap();
    let claims = keys.verify(&token, &world.expect()).unwrap();
    assert_eq!(claims.expires_at().as_secs(), world.clock_secs() + 3600);
    let mine: Mine = claims.clone().read().unwrap();
    assert_eq!(mine.sub, "storefront");
    assert_eq!(
        mine.big.to_string(),
        "12345678901234567890123",
        "digit for digit"
    );
    assert_eq!(
        claims.read::<Vec<u8>>().unwrap_err().code(),
        "token.malformed"
    );
}

impl World {
    fn clock_secs(&self) -> u64 {
        self.expect().now.as_secs()
    }
}
