//! A key beside the default one, for what asks for its algorithm.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use vestibule::key::{
    Algorithm, KeyKind, KeyState, Keyring, Origin, Role, VerifyError, alone, generate,
    verify_with_jwks,
};
use vestibule::store::{Key, Precondition, Space, Store};

use crate::{HOUR, World};

const ES256: Algorithm = Algorithm::Es256;
const RS256: Algorithm = Algorithm::Rs256;

static KEYS: Space = Space::durable("keys");

/// A token signed with this, which is verified in both ways.
async fn token(world: &World, keys: &Keyring, wanted: Option<Algorithm>) -> String {
    let token = keys.sign(wanted, "at+jwt", &world.claims()).await.unwrap();
    keys.verify(&token, &world.expect()).unwrap();
    verify_with_jwks(&token, &keys.jwks(), &world.checks()).unwrap();
    token
}

fn alg(token: &str) -> String {
    format!("{:?}", jsonwebtoken::decode_header(token).unwrap().alg)
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

/// A broker whose file holds such a key.
fn with_file(dir: &tempfile::TempDir, kind: KeyKind) -> World {
    let file = dir.path().join("default.pem");
    let key = generate(kind).unwrap();
    std::fs::write(&file, key.to_pem(None).unwrap().expose()).unwrap();
    World::with_file(&file, None, None)
}

#[tokio::test]
async fn what_asks_for_an_algorithm_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    for (world, default, other) in [
        (World::new(), ES256, RS256),
        (with_file(&dir, KeyKind::Rsa2048), RS256, ES256),
    ] {
        let keys = world.open().await;
        assert_eq!(keys.algorithms(), [default]);
        assert_eq!(alg(&token(&world, &keys, None).await), default.as_str());
        let own = token(&world, &keys, Some(default)).await;
        assert_eq!(kid(&own), keys.active().kid(), "no second key of it");
        assert_eq!(keys.list().len(), 1);

        let asked = token(&world, &keys, Some(other)).await;
        assert_eq!(alg(&asked), other.as_str());
        assert_eq!(keys.algorithms(), [default, other]);
        assert_eq!(alg(&token(&world, &keys, None).await), default.as_str());
        let info = keys.list().remove(1);
        assert_eq!(
            (info.state, info.role),
            (KeyState::Active, Role::Additional)
        );
        assert_eq!((info.origin, info.kid), (Origin::Store, kid(&asked)));
        assert!(world.dir.path().join("master.key").exists());

        let again = world.open().await;
        again.verify(&asked, &world.expect()).unwrap();
        let after = token(&world, &again, Some(other)).await;
        assert_eq!(kid(&after), kid(&asked), "a restart keeps it");
        again.reload().await.unwrap();
        assert_eq!(again.list().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_ask_at_once_share_one_key() {
    let world = Arc::new(World::new());
    let brokers = [world.open().await, world.open().await].map(Arc::new);
    let asking: Vec<_> = (0..8)
        .map(|i| {
            let (world, keys) = (Arc::clone(&world), Arc::clone(&brokers[i % 2]));
            tokio::spawn(async move { kid(&token(&world, &keys, Some(RS256)).await) })
        })
        .collect();
    let mut kids = Vec::new();
    for one in asking {
        kids.push(one.await.unwrap());
    }
    kids.dedup();
    assert_eq!(kids.len(), 1, "{kids:?}");
    assert_eq!(brokers[0].list().len(), 2);
}

#[tokio::test]
async fn each_is_rotated_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    // A default key in a file changes nothing for the other.
    for world in [World::new(), with_file(&dir, KeyKind::P256)] {
        let keys = world.open().await;
        let default = keys.active().kid().to_owned();
        let first = token(&world, &keys, Some(RS256)).await;
        let next = keys.prepare(Some(RS256), &alone).await.unwrap();
        assert_eq!((next.state, next.role), (KeyState::Next, Role::Additional));
        let cached = keys.jwks();
        assert_eq!(kid(&token(&world, &keys, Some(RS256)).await), kid(&first));
        let now = keys.rotate(Some(RS256), HOUR, &alone).await.unwrap();
        assert_eq!((now.kid, now.state), (next.kid, KeyState::Active));
        assert_eq!(keys.active().kid(), default, "the default one stays");
        let second = token(&world, &keys, Some(RS256)).await;
        verify_with_jwks(&second, &cached, &world.checks()).unwrap();
        keys.verify(&first, &world.expect()).unwrap();

        keys.rotate(Some(RS256), Duration::ZERO, &alone)
            .await
            .unwrap();
        let refused = keys.verify(&second, &world.expect()).unwrap_err();
        assert_eq!(refused, VerifyError::UnknownKey, "withdrawn");
        keys.verify(&first, &world.expect()).unwrap();
        token(&world, &keys, Some(RS256)).await;
        assert_eq!(keys.active().kid(), default);
    }
    // And the default one without the other.
    let world = World::new();
    let keys = world.open().await;
    let rsa = token(&world, &keys, Some(RS256)).await;
    let ec = token(&world, &keys, None).await;
    keys.rotate(Some(ES256), HOUR, &alone).await.unwrap();
    assert_ne!(keys.active().kid(), kid(&ec));
    assert_eq!(kid(&token(&world, &keys, Some(RS256)).await), kid(&rsa));
    keys.verify(&ec, &world.expect()).unwrap();
}

#[tokio::test]
async fn a_key_of_4096_bits_is_imported_beside_the_default_one() {
    let dir = tempfile::tempdir().unwrap();
    for world in [World::new(), with_file(&dir, KeyKind::P256)] {
        let keys = world.open().await;
        let key = generate(KeyKind::Rsa4096).unwrap();
        let info = keys.import(&key, true, &alone).await.unwrap();
        assert_eq!((info.state, info.role), (KeyState::Next, Role::Additional));
        // Nobody asked yet, so the first who does gets it.
        let first = token(&world, &keys, Some(RS256)).await;
        assert_eq!(kid(&first), key.kid());
        let known = keys.import(&key, true, &alone).await.unwrap_err();
        assert_eq!(known.code(), "key.already_known");
        let ec = generate(KeyKind::P256).unwrap();
        let refused = keys.import(&ec, true, &alone).await.unwrap_err();
        assert_eq!(refused.code(), "key.not_additional");
        assert_eq!(
            kid(&token(&world, &world.open().await, Some(RS256)).await),
            key.kid()
        );
    }
}

/// Two keys of one algorithm would be one too many.
#[tokio::test]
async fn a_default_key_takes_over_its_algorithm() {
    let world = World::new();
    let keys = world.open().await;
    let ec = token(&world, &keys, None).await;
    let rsa = token(&world, &keys, Some(RS256)).await;
    let key = generate(KeyKind::Rsa2048).unwrap();
    keys.import(&key, false, &alone).await.unwrap();
    assert_eq!(kid(&token(&world, &keys, Some(RS256)).await), kid(&rsa));
    keys.rotate(None, HOUR, &alone).await.unwrap();
    assert_eq!(keys.algorithms(), [RS256]);
    assert_eq!(kid(&token(&world, &keys, Some(RS256)).await), key.kid());
    for old in [&ec, &rsa] {
        keys.verify(old, &world.expect()).unwrap();
    }
    let published = keys.list();
    let of = |kid: &str| published.iter().find(|info| info.kid == kid).unwrap();
    assert_eq!(of(&kid(&rsa)).state, KeyState::Published);
    assert!(of(&kid(&rsa)).retires_at.is_some());
    // What asks for EC still gets it.
    let other = token(&world, &keys, Some(ES256)).await;
    assert_eq!(alg(&other), "ES256");
    assert_eq!(keys.algorithms(), [RS256, ES256]);
}

/// The default key leaked, not the one that its successor takes over from.
#[tokio::test]
async fn a_withdrawn_default_key_takes_no_other_with_it() {
    let world = World::new();
    let keys = world.open().await;
    let leaked = token(&world, &keys, None).await;
    let rsa = token(&world, &keys, Some(RS256)).await;
    let key = generate(KeyKind::Rsa2048).unwrap();
    keys.import(&key, false, &alone).await.unwrap();
    keys.rotate(None, Duration::ZERO, &alone).await.unwrap();
    let refused = keys.verify(&leaked, &world.expect()).unwrap_err();
    assert_eq!(refused, VerifyError::UnknownKey);
    keys.verify(&rsa, &world.expect()).unwrap();
    assert_eq!(
        kid(&token(&world, &keys, Some(RS256)).await),
        key.kid(),
        "it signs no more"
    );
}

/// The file's broker needed no master key, and now it does.
#[tokio::test]
async fn without_the_master_key_nothing_is_made_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let world = with_file(&dir, KeyKind::P256);
    let keys = world.open().await;
    let master = world.dir.path().join("master.key");
    assert!(!master.exists());
    token(&world, &keys, Some(RS256)).await;
    std::fs::remove_file(&master).unwrap();
    assert_eq!(world.failure().await.code(), "key.master_missing");
    assert!(!master.exists());
}

#[tokio::test]
async fn brokers_with_different_files_share_what_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = with_file(&dir, KeyKind::Rsa2048);
    let rsa = world.open().await;
    world.auth.private_key = None;
    let own = world.open().await;
    let ec = token(&world, &rsa, Some(ES256)).await;
    let of_own = token(&world, &own, Some(RS256)).await;
    assert_eq!(
        (alg(&ec).as_str(), alg(&of_own).as_str()),
        ("ES256", "RS256")
    );
    for keys in [&rsa, &own] {
        keys.reload().await.unwrap();
        keys.verify(&ec, &world.expect()).unwrap();
        keys.verify(&of_own, &world.expect()).unwrap();
        token(&world, keys, Some(ES256)).await;
        token(&world, keys, Some(RS256)).await;
    }
    assert_eq!(
        kid(&token(&world, &rsa, Some(RS256)).await),
        rsa.active().kid()
    );

    // A rotation at one is seen by the other.
    let new = own.rotate(Some(RS256), HOUR, &alone).await.unwrap();
    world.auth.private_key = None;
    let third = world.open().await;
    assert_eq!(kid(&token(&world, &third, Some(RS256)).await), new.kid);
    rsa.reload().await.unwrap();
    let of_own = token(&world, &own, Some(RS256)).await;
    rsa.verify(&of_own, &world.expect()).unwrap();
}

/// A ring as it was stored before there were additional keys.
#[tokio::test]
async fn an_older_ring_opens() {
    let world = World::new();
    let keys = world.open().await;
    let next = keys.prepare(None, &alone).await.unwrap();
    let before = token(&world, &keys, None).await;
    let id = Key::new(&KEYS, "", b"ring");
    let stored = world.store.get(&id).await.unwrap().unwrap().value;
    // The record's schema version stands in front.
    let at = stored.iter().position(|byte| *byte == b'{').unwrap();
    let mut ring: Value = serde_json::from_slice(&stored[at..]).unwrap();
    let all = ring["keys"].as_array_mut().unwrap();
    assert_eq!(all.len(), 2);
    for key in all {
        key.as_object_mut().unwrap().remove("role").unwrap();
    }
    let old = [&stored[..at], ring.to_string().as_bytes()].concat();
    world.store.put(&id, old, Precondition::Any).await.unwrap();

    let keys = world.open().await;
    keys.verify(&before, &world.expect()).unwrap();
    assert_eq!(keys.active().kid(), kid(&before));
    assert!(keys.list().iter().all(|info| info.role == Role::Default));
    assert_eq!(keys.rotate(None, HOUR, &alone).await.unwrap().kid, next.kid);
    token(&world, &keys, Some(RS256)).await;
    keys.verify(&before, &world.expect()).unwrap();
}
