//! Rotation, without a restart and without one failed validation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use vestibule::base::Timestamp;
use vestibule::key::{KeyKind, KeyState, SelfSigned, VerifyError, alone, generate};

use crate::{HOUR, World};

fn states(keys: &vestibule::key::Keyring) -> Vec<KeyState> {
    keys.list().iter().map(|info| info.state).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_nothing_fails() {
    let world = Arc::new(World::new());
    let keys = Arc::new(world.open().await);
    let done = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicUsize::new(0));
    let old = world.token(&keys);
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (world, keys, done, count) =
                (world.clone(), keys.clone(), done.clone(), count.clone());
            let mut kept = old.clone();
            tokio::task::spawn_blocking(move || {
                while !done.load(Ordering::Relaxed) {
                    let token = world.token(&keys);
                    keys.verify(&token, &world.expect()).unwrap();
                    keys.verify(&kept, &world.expect()).unwrap();
                    let jwks = keys.jwks();
                    vestibule::key::verify_with_jwks(&kept, &jwks, &world.checks()).unwrap();
                    kept = token;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut last = keys.active().kid().to_owned();
    for round in 0..20 {
        let before = count.load(Ordering::Relaxed);
        if round % 3 == 0 {
            keys.prepare(None, &alone).await.unwrap();
        }
        let info = keys.rotate(None, HOUR, &alone).await.unwrap();
        assert_ne!(info.kid, last);
        last = info.kid;
        while count.load(Ordering::Relaxed) < before + 8 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        keys.reload().await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    keys.verify(&old, &world.expect()).unwrap();
    assert_eq!(keys.list().len(), 21);
}

/// A retired key stays until its last token has expired, and no longer.
#[tokio::test]
async fn k19_a_retired_key_stays_for_its_tokens() {
    let world = World::new();
    let keys = world.open().await;
    let token = world.token(&keys);
    let old = keys.active().kid().to_owned();
    let until = |keys: &vestibule::key::Keyring| -> Timestamp {
        keys.list()
            .iter()
            .find(|info| info.kid == old)
            .unwrap()
            .retires_at
            .unwrap()
    };
    keys.rotate(None, HOUR, &alone).await.unwrap();
    assert_eq!(states(&keys), [KeyState::Active, KeyState::Published]);
    assert!(until(&keys) >= world.expect().now.plus(HOUR));
    world.clock.advance(Duration::from_millis(3_599_999));
    let mut expect = world.expect();
    expect.now = Timestamp::from_secs(expect.now.as_secs() - 1);
    keys.verify(&token, &expect).unwrap();
    // Then it goes from all views, even before the store is cleared of it.
    world.clock.set(until(&keys));
    assert_eq!(
        keys.verify(&token, &world.expect()).unwrap_err(),
        VerifyError::UnknownKey
    );
    assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 1);
    assert_eq!(states(&keys), [KeyState::Active]);
    keys.rotate(None, HOUR, &alone).await.unwrap();
    assert_eq!(world.open().await.list().len(), 2);
}

#[tokio::test]
async fn a_key_is_published_ahead_of_its_use() {
    let world = World::new();
    let keys = world.open().await;
    let next = keys.prepare(None, &alone).await.unwrap();
    assert_eq!(next.state, KeyState::Next);
    assert_eq!(
        keys.prepare(None, &alone).await.unwrap().kid,
        next.kid,
        "only one"
    );
    assert_ne!(keys.active().kid(), next.kid);
    let cached = keys.jwks();
    let now = keys.rotate(None, HOUR, &alone).await.unwrap();
    assert_eq!((now.kid, now.state), (next.kid, KeyState::Active));
    let token = world.token(&keys);
    vestibule::key::verify_with_jwks(&token, &cached, &world.checks()).unwrap();
}

#[tokio::test]
async fn a_withdrawn_key_counts_no_more() {
    let world = World::new();
    let keys = world.open().await;
    let token = world.token(&keys);
    keys.rotate(None, Duration::ZERO, &alone).await.unwrap();
    assert_eq!(
        keys.verify(&token, &world.expect()).unwrap_err(),
        VerifyError::UnknownKey
    );
    assert_eq!(keys.list().len(), 1);
}

#[tokio::test]
async fn another_broker_learns_of_it() {
    let world = World::new();
    let (a, b) = (world.open().await, world.open().await);
    a.rotate(None, HOUR, &alone).await.unwrap();
    let (of_a, of_b) = (world.token(&a), world.token(&b));
    a.verify(&of_b, &world.expect()).unwrap();
    assert_eq!(
        b.verify(&of_a, &world.expect()).unwrap_err(),
        VerifyError::UnknownKey
    );
    b.verify_fresh(&of_a, &world.expect()).await.unwrap();
    assert_eq!(b.active().kid(), a.active().kid());

    // An unknown key makes it look once, not at each token.
    a.rotate(None, HOUR, &alone).await.unwrap();
    let of_a = world.token(&a);
    let refused = b.verify_fresh(&of_a, &world.expect()).await;
    assert_eq!(refused.unwrap_err(), VerifyError::UnknownKey);
    world.clock.advance(Duration::from_secs(5));
    b.verify_fresh(&of_a, &world.expect()).await.unwrap();

    // Both at once: two rotations, and one active key in the end.
    let (left, right) = tokio::join!(a.rotate(None, HOUR, &alone), b.rotate(None, HOUR, &alone));
    left.unwrap();
    right.unwrap();
    a.reload().await.unwrap();
    b.reload().await.unwrap();
    assert_eq!(a.active().kid(), b.active().kid());
    a.verify(&of_a, &world.expect()).unwrap();
}

#[tokio::test]
async fn an_imported_key_is_next() {
    let world = World::new();
    let keys = world.open().await;
    let key = generate(KeyKind::Rsa2048).unwrap();
    let wanted = SelfSigned {
        common_name: "login.platform.test".to_owned(),
        days: 30,
        ..SelfSigned::default()
    };
    let certificate = key.self_signed(&wanted, world.expect().now).unwrap();
    let key = key.with_certificates(vec![certificate]).unwrap();
    let info = keys.import(&key, false, &alone).await.unwrap();
    assert_eq!((info.state, info.kid.as_str()), (KeyState::Next, key.kid()));
    keys.rotate(None, HOUR, &alone).await.unwrap();
    assert_eq!(
        keys.import(&key, false, &alone).await.unwrap_err().code(),
        "key.already_known"
    );
    world.prove(&keys);
    let again = world.open().await;
    assert_eq!(again.active().kid(), key.kid());
    world.prove(&again);
    // Its readers expect RS256, so what follows it is RSA too.
    let next = keys.rotate(None, HOUR, &alone).await.unwrap();
    assert_eq!((next.algorithm.as_str(), next.bits), ("RS256", 2048));
}

#[tokio::test]
async fn the_configured_file_decides() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.key");
    let write = || {
        let key = generate(KeyKind::P256).unwrap();
        std::fs::write(&file, key.to_pem(None).unwrap().expose()).unwrap();
        key.kid().to_owned()
    };
    let mut world = World::with_file(&file, None, None);
    world.auth.private_key = None;
    let own = world.open().await;
    let first = world.token(&own);
    world.auth.private_key = Some(file.clone());
    let in_file = write();
    let keys = world.open().await;
    assert_eq!(keys.active().kid(), in_file);
    keys.verify(&first, &world.expect()).unwrap();
    let second = world.token(&keys);

    for error in [
        keys.prepare(None, &alone).await.unwrap_err(),
        keys.import(&generate(KeyKind::P256).unwrap(), false, &alone)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), "key.from_file");
    }
    assert_eq!(
        keys.rotate(None, HOUR, &alone).await.unwrap_err().code(),
        "key.same_file"
    );
    let older = world.open().await;
    let replaced = write();
    assert_eq!(keys.rotate(None, HOUR, &alone).await.unwrap().kid, replaced);
    keys.verify(&second, &world.expect()).unwrap();

    // A broker that was not restarted signs with the older file; the others
    // accept that for as long as it does.
    for _ in 0..5 {
        world.clock.advance(HOUR / 2);
        older.reload().await.unwrap();
        keys.reload().await.unwrap();
        keys.verify(&world.token(&older), &world.expect()).unwrap();
        older.verify(&world.token(&keys), &world.expect()).unwrap();
    }

    // Without the file a key of the broker's own signs again.
    world.auth.private_key = None;
    let again = world.open().await;
    assert_ne!(again.active().kid(), replaced);
    again.verify(&world.token(&keys), &world.expect()).unwrap();
}
