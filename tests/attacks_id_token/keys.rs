//! Which keys count.

use super::*;

#[tokio::test]
async fn j10_no_key_id() {
    let world = World::openid().await;
    world
        .idp
        .set_faults(Faults::none().on("id_token", FaultKind::NoKid));
    world.log_in(&mut Browser::new()).await;
    world.idp.rotate_keys();
    world.clock.advance(Duration::from_secs(60));
    world.log_in(&mut Browser::new()).await;
    for value in [json!(null), json!(7), json!([])] {
        world
            .fault_fails("id_token", header("kid", value), INVALID)
            .await;
    }
}

#[tokio::test]
async fn j11_rotation() {
    let world = World::openid().await;
    world.log_in(&mut Browser::new()).await;
    assert_eq!(world.calls("/jwks.json"), 1);
    world.idp.rotate_keys();
    world.log_in(&mut Browser::new()).await;
    world.log_in(&mut Browser::new()).await;
    assert_eq!(world.calls("/jwks.json"), 2);
    // A clock that was set back for a day does not stand in the way.
    world.idp.rotate_keys();
    let now = world.clock.now();
    world
        .clock
        .set(vestibule::base::Timestamp::from_secs(now.as_secs() - 30));
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn j12_a_flood_of_unknown_keys() {
    let world = World::openid().await;
    world
        .idp
        .set_faults(Faults::none().on("id_token", FaultKind::UnknownKid));
    for _ in 0..30 {
        world.login_fails(INVALID).await;
    }
    assert_eq!(world.calls("/jwks.json"), 2, "the first, and one more look");
    world.clock.advance(Duration::from_secs(60));
    for _ in 0..5 {
        world.login_fails(INVALID).await;
    }
    assert_eq!(world.calls("/jwks.json"), 3);
}

#[tokio::test]
async fn j13_keys_that_a_token_brings_along() {
    let world = World::openid().await;
    let own = format!("{}/foreign/jwks.json", world.idp.origin());
    all_fail(&world, [FaultKind::Jku, FaultKind::Jwk]).await;
    for name in ["jku", "x5u", "x5c", "jwk"] {
        let extra = header(name, json!(own));
        world.idp.set_faults(Faults::none().on("id_token", extra));
        world.log_in(&mut Browser::new()).await;
    }
    assert_eq!(world.calls("/foreign/jwks.json"), 0);
}

#[tokio::test]
async fn j14_odd_key_ids_are_plain_misses() {
    let world = World::openid().await;
    for value in [
        "../../x",
        "' OR 1=1 --",
        "a\u{0}b",
        "%00",
        "\u{202e}",
        &"k".repeat(40_000),
        &"k".repeat(600_000),
    ] {
        let fault = FaultKind::Kid {
            value: value.to_owned(),
        };
        world.fault_fails("id_token", fault, INVALID).await;
    }
    let fault = FaultKind::Kid {
        value: "k".repeat(1 << 20),
    };
    world
        .fault_fails("id_token", fault, "login.token_response_invalid")
        .await;
}

#[tokio::test]
async fn j20_key_sets_of_strangers() {
    let world = World::openid().await;
    let weak =
        json!({ "kty": "RSA", "kid": "k", "n": URL_SAFE_NO_PAD.encode([0xff; 64]), "e": "AQAB" });
    let secret = URL_SAFE_NO_PAD.encode("vestibule-demo-secret");
    let shared = json!({ "kty": "oct", "kid": "k", "alg": "HS256", "k": secret });
    let private = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA" });
    for keys in [
        json!(vec![weak; 10_000]),
        json!([shared]),
        json!([private]),
        json!([{ "kty": "EC" }, 7, null, [], "x"]),
        json!({ "kid": {} }),
        json!(null),
    ] {
        world.clock.advance(Duration::from_secs(3600));
        world
            .idp
            .configure(|config| config.openid.id_token_lifetime = 90_000);
        let body = FaultKind::Body {
            content_type: "application/json".to_owned(),
            text: json!({ "keys": keys }).to_string(),
        };
        let faults = Faults::none()
            .on("jwks", body)
            .on("id_token", FaultKind::Hs256WithClientSecret);
        world.idp.set_faults(faults.clone());
        let asked = Instant::now();
        world.login_fails("login.id_token_invalid").await;
        assert!(asked.elapsed().as_secs() < 5);
    }
    world.clock.advance(Duration::from_secs(3600));
    for (fault, code) in [
        (FaultKind::status(500), "login.provider_error"),
        (
            FaultKind::Huge {
                bytes: 2 << 20,
                with_length: false,
            },
            INVALID,
        ),
        (FaultKind::Html200, INVALID),
        (FaultKind::Close, "login.provider_unreachable"),
    ] {
        let page = world.fault_fails("jwks", fault, code).await;
        world.restarts(&mut Browser::new(), &page).await;
        world.clock.advance(Duration::from_secs(3600));
    }
}
