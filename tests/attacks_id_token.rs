//! Attacks on the ID token, user information and keys: rows J1–J22.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "attacks_id_token/keys.rs"]
mod keys;
mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_idp::{Algorithm, FaultKind, Faults};
use serde_json::{Value, json};
use support::attack::{START, openid_mapping_for, with};
use support::{Browser, World};
use vestibule::base::Clock;

const INVALID: &str = "login.id_token_invalid";
const OTHER: &str = "login.other_subject";

async fn all_fail(world: &World, faults: impl IntoIterator<Item = FaultKind>) {
    for fault in faults {
        world.fault_fails("id_token", fault, INVALID).await;
    }
    world.log_in(&mut Browser::new()).await;
}

fn claim(name: &str, value: Value) -> FaultKind {
    let name = name.to_owned();
    FaultKind::SetClaim { name, value }
}

fn header(name: &str, value: Value) -> FaultKind {
    let name = name.to_owned();
    FaultKind::SetHeader { name, value }
}

fn replaced(field: &str, value: Value) -> FaultKind {
    let field = field.to_owned();
    FaultKind::Replace { field, value }
}

fn body(text: &str) -> FaultKind {
    FaultKind::Body {
        content_type: "application/json".to_owned(),
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn j01_no_signature() {
    let world = World::openid().await;
    let field = "id_token_signing_alg_values_supported";
    let faults = Faults::none()
        .on("discovery", replaced(field, json!(["none"])))
        .on("id_token", FaultKind::AlgNone);
    world.idp.set_faults(faults);
    world.login_fails(INVALID).await;
    for name in ["None", "NONE", "nOnE", "", "none "] {
        let faults = Faults::none()
            .on("id_token", FaultKind::AlgNone)
            .on("id_token", header("alg", json!(name)));
        world.idp.set_faults(faults);
        world.login_fails(INVALID).await;
    }
    for value in [json!(null), json!(["none"]), json!(0), json!({})] {
        world
            .fault_fails("id_token", header("alg", value), INVALID)
            .await;
    }
}

#[tokio::test]
async fn j02_j03_signatures_of_others() {
    let world = World::openid().await;
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        world
            .idp
            .configure(|config| config.openid.algorithm = algorithm);
        world.clock.advance(Duration::from_secs(3600));
        world
            .idp
            .configure(|config| config.openid.id_token_lifetime = 90_000);
        all_fail(
            &world,
            [
                FaultKind::BadSignature,
                FaultKind::Hs256WithPublicKey,
                FaultKind::Hs256EmptyKey,
                FaultKind::Hs256WithClientSecret,
                header("alg", json!("RS384")),
                header("alg", json!("PS256")),
                header("alg", json!("ES384")),
                header("alg", json!("HS512")),
                header("alg", json!("EdDSA")),
                header("alg", json!("es256")),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn j03_a_public_key_is_no_shared_secret() {
    let world = World::openid().await;
    world
        .idp
        .configure(|config| config.openid.algorithm = Algorithm::Rs256);
    all_fail(
        &world,
        [
            FaultKind::Hs256WithPublicKey,
            FaultKind::Hs256EmptyKey,
            FaultKind::Hs256WithClientSecret,
        ],
    )
    .await;
}

#[tokio::test]
async fn j04_issuer() {
    let world = World::openid().await;
    all_fail(
        &world,
        [
            FaultKind::WrongIss,
            FaultKind::IssTrailingSlash,
            FaultKind::MissingIss,
            claim("iss", json!([world.idp.origin()])),
            claim("iss", json!(world.idp.origin().to_uppercase())),
            claim("iss", json!("")),
        ],
    )
    .await;
}

#[tokio::test]
async fn j04_discovery_of_another_issuer() {
    for issuer in [json!("https://foreign.test"), json!(null), json!(["x"])] {
        let world = World::openid().await;
        let fault = replaced("issuer", issuer);
        world.idp.set_faults(Faults::none().on("discovery", fault));
        let browser = &mut Browser::new();
        let url = world.url("acme", START);
        let page = world.rejected(browser, &url, "login.issuer_mismatch").await;
        assert!(page.location().is_none());
        world.idp.set_faults(Faults::none());
        world.restarts(browser, &page).await;
    }
    let world = World::openid().await;
    let slashed = openid_mapping_for(&world.idp)
        .replace(&world.idp.origin(), &format!("{}/", world.idp.origin()));
    world.apply("acme", &slashed).await;
    let url = world.url("acme", START);
    world
        .rejected(&mut Browser::new(), &url, "login.issuer_mismatch")
        .await;
}

#[tokio::test]
async fn j04_discovery_that_points_elsewhere() {
    for (field, value) in [
        ("authorization_endpoint", json!("http://169.254.169.254/x")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!(null)),
        ("authorization_endpoint", json!("http://user@127.0.0.1/")),
    ] {
        let world = World::openid().await;
        let fault = replaced(field, value);
        world.idp.set_faults(Faults::none().on("discovery", fault));
        let url = world.url("acme", START);
        let code = "login.provider_misconfigured";
        world.rejected(&mut Browser::new(), &url, code).await;
    }
    for field in ["token_endpoint", "userinfo_endpoint", "jwks_uri"] {
        let world = World::openid().await;
        let fault = replaced(field, json!("http://10.0.0.1/x"));
        world.idp.set_faults(Faults::none().on("discovery", fault));
        let (mut browser, callback) = world.begun().await;
        let page = browser.get(callback.as_str()).await;
        let page = browser.follow(page).await;
        // Without a user information endpoint the claims are enough.
        assert_eq!(
            page.shows("login.provider_misconfigured"),
            field != "userinfo_endpoint",
            "{field}"
        );
    }
}

#[tokio::test]
async fn j05_audience() {
    let world = World::openid().await;
    let own = "vestibule-demo";
    all_fail(
        &world,
        [
            FaultKind::WrongAud,
            FaultKind::MissingAud,
            FaultKind::WrongAzp,
            claim("aud", json!([])),
            claim("aud", json!("")),
            claim("aud", json!({ "a": own })),
            claim("aud", json!(["x", "y"])),
            claim("azp", json!("other")),
            claim("azp", json!([own])),
            claim("azp", json!(null)),
        ],
    )
    .await;
    // openid-client#280: errata set 2 withdrew that several need an `azp`.
    for good in [json!([own]), json!([own, "other"]), json!(["other", own])] {
        let good = claim("aud", good);
        world.idp.set_faults(Faults::none().on("id_token", good));
        world.log_in(&mut Browser::new()).await;
    }
}

#[tokio::test]
async fn j06_claims_that_must_be_there() {
    let world = World::openid().await;
    all_fail(
        &world,
        [
            FaultKind::MissingSub,
            FaultKind::MissingIat,
            FaultKind::MissingExp,
            claim("sub", json!("")),
            claim("sub", json!(7)),
            claim("sub", json!(null)),
            claim("sub", json!(["u-1001"])),
            claim("sub", json!("x".repeat(256))),
        ],
    )
    .await;
}

#[tokio::test]
async fn j07_odd_types_are_never_absent() {
    let world = World::openid().await;
    let mut faults = vec![FaultKind::ExpString];
    for value in [
        json!("9"),
        json!(-1),
        json!(1e300),
        json!(-9.5),
        json!(null),
        json!(true),
        json!([]),
        json!({}),
    ] {
        for name in ["exp", "nbf", "iat"] {
            faults.push(claim(name, value.clone()));
        }
    }
    faults.push(claim("exp", json!(9.5)));
    all_fail(&world, faults).await;
}

/// openid-client#263: RFC 7519 §2 allows fractions of a second.
#[tokio::test]
async fn j07_fractions_of_seconds() {
    let world = World::openid().await;
    let now = world.clock.now().as_secs();
    for (name, at) in [
        ("exp", now + 9),
        ("iat", now),
        ("nbf", now),
        ("auth_time", now),
    ] {
        let at: Value = serde_json::from_str(&format!("{at}.9375")).unwrap();
        world
            .idp
            .set_faults(Faults::none().on("id_token", claim(name, at)));
        world.log_in(&mut Browser::new()).await;
    }
    // What is optional and of no use is left out.
    for value in [json!("yesterday"), json!(null), json!(-1), json!({})] {
        let fault = claim("auth_time", value);
        world.idp.set_faults(Faults::none().on("id_token", fault));
        world.log_in(&mut Browser::new()).await;
    }
}

#[tokio::test]
async fn j08_clocks_may_differ_by_a_minute() {
    let world = World::openid().await;
    let now = world.clock.now().as_secs();
    for (name, at, good) in [
        ("exp", now - 59, true),
        ("exp", now - 60, false),
        ("exp", now - 61, false),
        ("iat", now + 60, true),
        ("iat", now + 61, false),
        ("nbf", now + 60, true),
        ("nbf", now + 61, false),
    ] {
        let fault = claim(name, json!(at));
        if good {
            world.idp.set_faults(Faults::none().on("id_token", fault));
            world.log_in(&mut Browser::new()).await;
        } else {
            world.fault_fails("id_token", fault, INVALID).await;
        }
    }
    all_fail(&world, [FaultKind::Expired, FaultKind::NotYetValid]).await;
}

#[tokio::test]
async fn j09_nonce() {
    let world = World::openid().await;
    all_fail(
        &world,
        [
            FaultKind::WrongNonce,
            FaultKind::NoNonce,
            claim("nonce", json!(5)),
            claim("nonce", json!("")),
            claim("nonce", json!(null)),
        ],
    )
    .await;
}

#[tokio::test]
async fn j15_critical_headers() {
    let world = World::openid().await;
    all_fail(
        &world,
        [
            FaultKind::Crit,
            header("crit", json!([])),
            header("crit", json!(null)),
            header("crit", json!("x")),
        ],
    )
    .await;
}

#[tokio::test]
async fn f20_tokens_of_another_kind() {
    let world = World::openid().await;
    let kinds = [
        "at+jwt",
        "application/at+jwt",
        "AT+JWT",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
    ];
    all_fail(&world, kinds.map(|kind| header("typ", json!(kind)))).await;
    for harmless in ["JWT", "application/jwt", "JOSE"] {
        let fault = header("typ", json!(harmless));
        world.idp.set_faults(Faults::none().on("id_token", fault));
        world.log_in(&mut Browser::new()).await;
    }
}

#[tokio::test]
async fn j16_hash_of_the_access_token() {
    let world = World::openid().await;
    all_fail(
        &world,
        [
            FaultKind::WrongAtHash,
            claim("at_hash", json!(7)),
            claim("at_hash", json!(null)),
            claim("at_hash", json!("")),
        ],
    )
    .await;
}

#[tokio::test]
async fn j17_user_information_of_another_subject() {
    let world = World::openid().await;
    for (fault, code) in [
        (replaced("sub", json!("u-other")), OTHER),
        (replaced("sub", json!(null)), OTHER),
        (replaced("sub", json!(["u-1001"])), OTHER),
        (
            FaultKind::Missing {
                field: "sub".to_owned(),
            },
            OTHER,
        ),
        (body("[{\"sub\":\"u-1001\"}]"), OTHER),
        (body("\"text\""), OTHER),
        (body("null"), OTHER),
        (body("{"), "login.userinfo_invalid"),
        (FaultKind::Html200, "login.userinfo_invalid"),
    ] {
        world.fault_fails("userinfo", fault, code).await;
    }
}

#[tokio::test]
async fn j18_a_token_from_the_front_channel() {
    let world = World::openid().await;
    let (mut browser, callback) = world.begun().await;
    let url = with(
        &callback,
        &[
            ("code", None),
            ("access_token", Some("x")),
            ("id_token", Some("a.b.c")),
            ("token_type", Some("bearer")),
        ],
    );
    world
        .rejected(&mut browser, url.as_str(), "login.code_missing")
        .await;
    assert_eq!(world.calls("/token") + world.calls("/userinfo"), 0);
    let missing = FaultKind::Missing {
        field: "id_token".to_owned(),
    };
    world.fault_fails("token", missing, INVALID).await;
}

#[tokio::test]
async fn j22_members_twice_bad_utf8_and_byte_order_marks() {
    let world = World::openid().await;
    for (at, code) in [
        ("jwks", INVALID),
        ("token", "login.token_response_invalid"),
        ("userinfo", "login.userinfo_invalid"),
    ] {
        let fault = FaultKind::DuplicateMembers;
        world.fault_fails(at, fault, code).await;
    }
    // Such a byte in a value that is used spoils it.
    let code = "login.token_response_invalid";
    world
        .fault_fails("token", FaultKind::InvalidUtf8, code)
        .await;
    let world = World::openid().await;
    let twice = FaultKind::DuplicateMembers;
    world.idp.set_faults(Faults::none().on("discovery", twice));
    let url = world.url("acme", START);
    world.rejected(&mut Browser::new(), &url, INVALID).await;
    // A mark of the byte order says nothing about anybody.
    for at in ["discovery", "jwks", "token", "userinfo"] {
        let world = World::openid().await;
        world.idp.set_faults(Faults::none().on(at, FaultKind::Bom));
        world.log_in(&mut Browser::new()).await;
    }
}

/// A key on P-256 that encrypts nothing of anybody's.
const DECRYPTION_KEY: &str = "-----BEGIN PRIVATE KEY-----\\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgY83ZXOUo6AgS6xvU\\n\
zoLHQlTfVLgpHUAMaQQFNXBbLryhRANCAAT/0jyu8gE6ca7wrsBfnINZ6wD7EkLg\\n\
ezCur/b7gQBHBjOAZj2nNU7dzUJiarkCLvB5fiio2e/zIDktEDJ1E1bB\\n\
-----END PRIVATE KEY-----";

/// Encrypted tokens come from whoever has our public key: they cost nothing, are not
/// unfolded, and their points are on the curve.
#[tokio::test]
async fn j23_encrypted_tokens_that_cost_or_are_to_no_point() {
    let world = World::openid().await;
    let key = format!("[client]\ndecryption_key = \"{DECRYPTION_KEY}\"\n");
    let mapping = openid_mapping_for(&world.idp);
    let mapping = mapping.replacen("[client]\n", &key, 1);
    assert!(mapping.contains("decryption_key"), "{mapping}");
    world.apply("acme", &mapping).await;
    let bytes = |byte: u8| URL_SAFE_NO_PAD.encode([byte; 32]);
    let epk = |crv: &str, x: String, y: String| json!({ "kty": "EC", "crv": crv, "x": x, "y": y });
    // The generator of P-256 (SEC 2 §2.4.2), which is a point; all others are none.
    let generator = epk(
        "P-256",
        "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY".to_owned(),
        "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU".to_owned(),
    );
    let es = |epk: Value| json!({ "alg": "ECDH-ES", "enc": "A128GCM", "epk": epk });
    let with = |mut header: Value, name: &str, value: Value| {
        header[name] = value;
        header
    };
    let headers = [
        es(epk("P-256", bytes(0), bytes(0))),
        es(epk("P-256", bytes(1), bytes(1))),
        es(epk("P-256", bytes(255), bytes(255))),
        es(epk("P-256", String::new(), String::new())),
        es(epk("P-384", bytes(1), bytes(1))),
        es(epk("X25519", bytes(1), bytes(1))),
        es(json!(null)),
        es(json!("x")),
        es(json!({ "kty": "oct", "k": bytes(1) })),
        es(generator.clone()),
        with(es(generator.clone()), "zip", json!("DEF")),
        with(es(generator.clone()), "crit", json!(["exp"])),
        with(es(generator.clone()), "apu", json!(1)),
        with(es(generator.clone()), "enc", json!("A128CBC-HS256")),
        with(es(generator.clone()), "enc", json!("none")),
        with(es(generator), "alg", json!("ECDH-ES+A256KW")),
        json!({ "alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2_147_483_647, "p2s": bytes(1) }),
        json!({ "alg": "dir", "enc": "A256GCM" }),
        json!({ "alg": "none", "enc": "A256GCM" }),
        json!({ "alg": "RSA1_5", "enc": "A256GCM" }),
        json!({ "alg": "RSA-OAEP", "enc": "A256GCM" }),
        json!({ "alg": "A256KW", "enc": "A256GCM" }),
        json!([]),
        json!({}),
    ];
    let mut tokens: Vec<String> = headers
        .iter()
        .map(|header| {
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            format!(
                "{header}.{}.{}.{}.{}",
                bytes(2),
                bytes(3),
                bytes(4),
                bytes(5)
            )
        })
        .collect();
    let first = tokens[9].clone();
    let [header, ..] = first.split('.').collect::<Vec<_>>()[..] else {
        unreachable!()
    };
    tokens.extend([
        "....".to_owned(),
        format!("{header}...."),
        format!("{header}.a.b.c.d"),
        format!("{header}.{0}.{0}.{0}.{0}.{0}", bytes(1)),
        format!(
            "{header}..{}.{}.{}",
            bytes(1),
            "A".repeat(400_000),
            bytes(2)
        ),
    ]);
    for token in tokens {
        // One of other than five parts is no encrypted token at all.
        let code = match token.matches('.').count() {
            4 => "login.not_decrypted",
            _ => INVALID,
        };
        world
            .fault_fails("token", replaced("id_token", json!(token)), code)
            .await;
    }
    world.log_in(&mut Browser::new()).await;
}
