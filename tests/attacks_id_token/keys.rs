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
        world.login_fails("login.id_token_invalid").await;
    }
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
        // A broker that knows no keys yet: old ones would serve (threat F3).
        let world = World::openid().await;
        let page = world.fault_fails("jwks", fault, code).await;
        world.restarts(&mut Browser::new(), &page).await;
    }
}

/// Logins that come to the callback at the same moment; how each ended.
async fn at_once(world: &World, many: usize) -> Vec<String> {
    let mut begun = Vec::new();
    for _ in 0..many {
        let mut browser = Browser::new();
        let start = world.url("acme", START);
        let callback = browser.to_callback(&start, "ada", "lovelace").await;
        begun.push((browser, callback));
    }
    let mut running = tokio::task::JoinSet::new();
    for (mut browser, callback) in begun {
        running.spawn(async move {
            let page = browser.get(callback.as_str()).await;
            page.location().map(String::from).unwrap_or_default()
        });
    }
    running.join_all().await
}

#[tokio::test]
async fn f3_one_fetch_of_keys_counts_for_all_who_wait() {
    let world = World::openid().await;
    world
        .idp
        .set_faults(Faults::none().on("jwks", FaultKind::Hang));
    let ended = at_once(&world, 8).await;
    assert_eq!(world.calls("/jwks.json"), 1, "one for all: {ended:?}");
    for end in &ended {
        assert!(end.contains("login.provider_"), "{end}");
    }
    world.idp.set_faults(Faults::none());
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn f3_keys_that_are_old_serve_while_new_ones_are_not_to_be_had() {
    let world = World::openid().await;
    world
        .idp
        .configure(|config| config.openid.id_token_lifetime = 90_000);
    world.log_in(&mut Browser::new()).await;
    world.clock.advance(Duration::from_secs(2 * 3600));
    let faults = Faults::none()
        .on("jwks", FaultKind::Close)
        .on("discovery", FaultKind::Close);
    world.idp.set_faults(faults);
    for _ in 0..3 {
        world.log_in(&mut Browser::new()).await;
    }
    let asked = world.calls("/jwks.json");
    assert_eq!(asked, 2, "it is not asked at each login");
    // Not for ever.
    world.clock.advance(Duration::from_secs(24 * 3600));
    let page = Browser::new().get(world.url("acme", START)).await;
    assert!(page.location().is_none(), "{:?}", page.location());
}

#[tokio::test]
async fn f20_a_key_that_was_replaced_under_its_id_is_fetched() {
    let world = World::openid().await;
    world.log_in(&mut Browser::new()).await;
    let published = async || {
        let url = format!("{}/jwks.json", world.idp.origin());
        Browser::new().get(&url).await.json()["keys"].clone()
    };
    let old = published().await[0]["kid"].clone();
    world.idp.rotate_keys();
    let mut keys = published().await;
    for key in keys.as_array_mut().unwrap() {
        key["kid"] = old.clone();
    }
    let body = FaultKind::Body {
        content_type: "application/json".to_owned(),
        text: json!({ "keys": keys }).to_string(),
    };
    let faults = Faults::none()
        .on("jwks", body)
        .on("id_token", header("kid", old));
    world.idp.set_faults(faults);
    world.log_in(&mut Browser::new()).await;
}
