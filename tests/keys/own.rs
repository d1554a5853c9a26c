//! Keys the broker makes itself, encrypted at rest.

use std::os::unix::fs::PermissionsExt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use vestibule::base::Secret;
use vestibule::key::{Algorithm, KeyKind, KeyState, Origin, alone};
use vestibule::store::{Key, Precondition, Space, Store};

use crate::World;

static KEYS: Space = Space::durable("keys");

fn ring() -> Key {
    Key::new(&KEYS, "", b"ring")
}

#[tokio::test]
async fn the_first_start_makes_a_key_and_a_restart_keeps_it() {
    let world = World::new();
    let keys = world.open().await;
    world.prove(&keys);
    let token = world.token(&keys);
    let info = keys.list().remove(0);
    assert_eq!(
        (info.algorithm, info.state),
        (Algorithm::Es256, KeyState::Active)
    );
    assert_eq!(info.origin, Origin::Store);
    assert_eq!(info.kid.len(), 43);
    drop(keys);
    let keys = world.open().await;
    keys.verify(&token, &world.expect()).unwrap();
    assert_eq!(keys.list(), [info]);
    assert_eq!(
        keys.certificate_pem(None).unwrap_err().code(),
        "key.no_certificate"
    );
    assert_eq!(
        keys.public_pem(Some("x")).unwrap_err().code(),
        "key.unknown"
    );

    let file = world.dir.path().join("master.key");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = std::fs::read_dir(world.dir.path()).unwrap().count();
    assert_eq!(files, 1, "no draft is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn brokers_that_start_together_share_one_key() {
    let world = Arc::new(World::new());
    let starting: Vec<_> = (0..8)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.open().await.active().kid().to_owned() })
        })
        .collect();
    let mut kids = Vec::new();
    for one in starting {
        kids.push(one.await.unwrap());
    }
    kids.dedup();
    assert_eq!(kids.len(), 1);
    assert_eq!(world.open().await.list().len(), 1);
}

#[tokio::test]
async fn another_master_key_is_an_error_and_changes_nothing() {
    let mut world = World::new();
    world.auth.master_key = Some(Secret::new("a master key of 32 characters..!"));
    let keys = world.open().await;
    let before = world.store.get(&ring()).await.unwrap().unwrap();
    world.auth.master_key = Some(Secret::new("another master key, long enough"));
    let error = world.failure().await;
    assert_eq!(error.code(), "key.master_wrong");
    assert!(!error.to_string().contains("long enough"));
    world.auth.master_key = None;
    assert_eq!(world.failure().await.code(), "key.master_missing");
    world.auth.master_key = Some(Secret::new("fifteen letters"));
    assert_eq!(world.failure().await.code(), "key.master_too_short");
    assert_eq!(world.store.get(&ring()).await.unwrap().unwrap(), before);
    world.auth.master_key = Some(Secret::new("a master key of 32 characters..!"));
    assert_eq!(world.open().await.active().kid(), keys.active().kid());
}

#[tokio::test]
async fn a_lost_or_damaged_master_key_file_is_an_error() {
    let world = World::new();
    world.open().await;
    let file = world.dir.path().join("master.key");
    let content = std::fs::read(&file).unwrap();
    std::fs::write(&file, &content[..10]).unwrap();
    assert_eq!(world.failure().await.code(), "key.master_file");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(world.failure().await.code(), "key.master_missing");
    assert!(!file.exists(), "no new one in its place");
    std::fs::write(&file, &content).unwrap();
    world.open().await;
}

/// Whoever can write to the store cannot change a private key unseen.
#[tokio::test]
async fn tampering_with_the_store_is_noticed() {
    let world = World::new();
    world.open().await;
    let before = world.store.get(&ring()).await.unwrap().unwrap().value;
    let text = String::from_utf8(before.clone()).unwrap();
    let at = text.find("\"data\":\"").unwrap() + 8;
    for (place, codes) in [(at, "key.corrupt"), (at + 40, "key.corrupt")] {
        let mut changed = before.clone();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        world
            .store
            .put(&ring(), changed, Precondition::Any)
            .await
            .unwrap();
        assert_eq!(world.failure().await.code(), codes);
    }
    // Another key under the same name: the thumbprint does not fit.
    let at = text.find("\"x\":\"").unwrap() + 5;
    let mut changed = before.clone();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    world
        .store
        .put(&ring(), changed, Precondition::Any)
        .await
        .unwrap();
    assert_eq!(world.failure().await.code(), "key.corrupt");
    world
        .store
        .put(&ring(), before, Precondition::Any)
        .await
        .unwrap();
    world.open().await;
}

#[tokio::test]
async fn nothing_private_is_shown() {
    let world = World::new();
    let keys = world.open().await;
    keys.prepare(None, &alone).await.unwrap();
    let stored = world.store.get(&ring()).await.unwrap().unwrap().value;
    let stored = String::from_utf8_lossy(&stored).into_owned();
    let private = keys.active().to_pem(None).unwrap();
    let inside: String = private
        .expose()
        .lines()
        .filter(|l| !l.starts_with('-'))
        .collect();
    assert!(!stored.contains(&inside));
    assert!(format!("{:?}", keys.active()).contains("[redacted]"));
    let jwks = keys.jwks();
    let listed = jwks["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    for jwk in listed {
        let names: Vec<&str> = jwk
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, ["crv", "kty", "x", "y", "use", "alg", "kid"]);
    }
}

/// An RSA signature takes milliseconds. Whoever waits for one must leave the
/// thread to others; an EC signature is not worth the way to another thread.
#[tokio::test]
async fn only_rsa_signatures_leave_the_thread() {
    let world = World::new();
    let keys = world.open().await;
    let claims = world.claims();
    let mut ec = pin!(keys.sign(None, "at+jwt", &claims));
    assert!(poll_once(ec.as_mut()).is_some(), "made at once");

    let world = World::new();
    let file = world.dir.path().join("rsa.pem");
    let key = vestibule::key::generate(KeyKind::Rsa2048).unwrap();
    std::fs::write(&file, key.to_pem(None).unwrap().expose()).unwrap();
    let world = World::with_file(&file, None, None);
    let keys = world.open().await;
    // The other thread may be done before this one looks, but not each time.
    for _ in 0..20 {
        let mut rsa = pin!(keys.sign(None, "at+jwt", &claims));
        if poll_once(rsa.as_mut()).is_none() {
            let token = rsa.await.unwrap();
            keys.verify(&token, &world.expect()).unwrap();
            return;
        }
    }
    panic!("made at once, on this thread");
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
