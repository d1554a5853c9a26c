//! Single records.

use super::{Bench, Class, Key, Precondition, Spaces, Version, is_conflict};
use crate::store::Step;

pub(super) async fn put_and_get(bench: &Bench, spaces: &Spaces) {
    let key = Key::new(spaces.plain, "acme", "one");
    assert_eq!(bench.get(&key).await, None, "an empty store has no record");
    let version = bench.put(&key, b"first").await;
    let entry = bench.get(&key).await.expect("the record that was put");
    assert_eq!((entry.value, entry.version), (b"first".to_vec(), version));
    bench.put(&key, b"second").await;
    assert_eq!(
        bench.value(&key).await,
        Some(b"second".to_vec()),
        "a put replaces"
    );
    bench.put(&key, b"").await;
    assert_eq!(
        bench.value(&key).await,
        Some(Vec::new()),
        "an empty record is one"
    );
    let odd = Key::new(spaces.plain, "acme", vec![0, 255, 0, 1]);
    let large = vec![7; 300_000];
    bench.put(&odd, &large).await;
    assert_eq!(
        bench.value(&odd).await,
        Some(large),
        "any bytes as id, 300 kB as value"
    );
    bench
        .store
        .ready()
        .await
        .expect("a store that works is ready");
}

pub(super) async fn preconditions_of_put(bench: &Bench, spaces: &Spaces) {
    let store = &bench.store;
    let key = Key::new(spaces.plain, "acme", "one");
    let put = async |value: &str, when| store.put(&key, value.into(), when).await;

    let early = put("x", Precondition::Version(Version(1))).await;
    assert!(is_conflict(&early), "a version of nothing: {early:?}");
    let first = put("first", Precondition::Absent)
        .await
        .expect("nothing was there");
    let again = put("again", Precondition::Absent).await;
    assert!(is_conflict(&again), "it is not absent: {again:?}");
    let second = put("second", Precondition::Version(first))
        .await
        .expect("it was that version");
    let stale = put("stale", Precondition::Version(first)).await;
    assert!(is_conflict(&stale), "it is another version: {stale:?}");
    assert_eq!(
        bench.value(&key).await,
        Some("second".into()),
        "conflicts write nothing"
    );
    assert!(second > first);
    put("any", Precondition::Any)
        .await
        .expect("any always holds");
    assert_eq!(bench.value(&key).await, Some("any".into()));
}

pub(super) async fn a_put_that_is_not_waited_for(bench: &Bench, spaces: &Spaces) {
    let store = &bench.store;
    let key = Key::new(spaces.plain, "acme", "one");
    let put = async |value: &str, when| store.put_soon(&key, value.into(), when).await;

    let first = put("first", Precondition::Absent)
        .await
        .expect("nothing was there");
    assert_eq!(
        bench.value(&key).await,
        Some("first".into()),
        "it is seen at once"
    );
    let again = put("again", Precondition::Absent).await;
    assert!(is_conflict(&again), "it is not absent: {again:?}");
    let second = put("second", Precondition::Version(first))
        .await
        .expect("it was that version");
    assert!(second > first);
    bench.put(&key, b"third").await;
    assert_eq!(bench.value(&key).await, Some("third".into()));
}

pub(super) async fn preconditions_of_delete(bench: &Bench, spaces: &Spaces) {
    let store = &bench.store;
    let key = Key::new(spaces.plain, "acme", "one");
    assert!(
        !store.delete(&key, Precondition::Any).await.unwrap(),
        "there was none"
    );
    assert!(
        !store.delete(&key, Precondition::Absent).await.unwrap(),
        "there was none"
    );
    let none = store.delete(&key, Precondition::Version(Version(1))).await;
    assert!(is_conflict(&none), "a version of nothing: {none:?}");

    let first = bench.put(&key, b"first").await;
    let second = bench.put(&key, b"second").await;
    let stale = store.delete(&key, Precondition::Version(first)).await;
    assert!(is_conflict(&stale), "it is another version: {stale:?}");
    let present = store.delete(&key, Precondition::Absent).await;
    assert!(is_conflict(&present), "it is not absent: {present:?}");
    assert!(bench.get(&key).await.is_some(), "conflicts remove nothing");
    assert!(
        store
            .delete(&key, Precondition::Version(second))
            .await
            .unwrap()
    );
    assert_eq!(bench.get(&key).await, None, "it was removed");
    bench.put(&key, b"third").await;
    assert!(store.delete(&key, Precondition::Any).await.unwrap());
    assert_eq!(bench.get(&key).await, None, "it was removed");
}

pub(super) async fn take_once(bench: &Bench, spaces: &Spaces) {
    let key = Key::new(spaces.plain, "acme", "one");
    let version = bench.put(&key, b"value").await;
    let taken = bench
        .store
        .take(&key)
        .await
        .unwrap()
        .expect("the first taker gets it");
    assert_eq!((taken.value, taken.version), (b"value".to_vec(), version));
    assert_eq!(
        bench.store.take(&key).await.unwrap(),
        None,
        "the second gets nothing"
    );
    assert_eq!(bench.get(&key).await, None, "what was taken is gone");
}

/// The clock stands still: the versions must grow all the same, and a version
/// seen before a removal must never fit a record made after it.
pub(super) async fn versions_grow(bench: &Bench, spaces: &Spaces) {
    let key = Key::new(spaces.plain, "acme", "one");
    let mut last = Version(0);
    for round in 0..5 {
        for _ in 0..3 {
            let version = bench.put(&key, b"x").await;
            assert!(version > last, "round {round}: {version:?} after {last:?}");
            last = version;
        }
        if round % 2 == 0 {
            bench.store.delete(&key, Precondition::Any).await.unwrap();
        } else {
            bench.store.take(&key).await.unwrap();
        }
    }
    bench.clock.set(crate::base::Timestamp::from_secs(1));
    let version = bench.put(&key, b"x").await;
    assert!(
        version > last,
        "after the clock went back: {version:?} after {last:?}"
    );
}

pub(super) async fn partitions_and_spaces_are_apart(bench: &Bench, spaces: &Spaces) {
    // Names that begin alike, and the partition that has none.
    let mut keys = Vec::new();
    for space in [spaces.plain, spaces.other] {
        for partition in ["", "a", "a-b", "ab"] {
            for id in ["", "a", "b"] {
                keys.push(Key::new(space, partition, id));
            }
        }
    }
    for (number, key) in keys.iter().enumerate() {
        bench.put(key, number.to_string().as_bytes()).await;
    }
    for (number, key) in keys.iter().enumerate() {
        let value = bench
            .store
            .take(key)
            .await
            .unwrap()
            .map(|entry| entry.value);
        assert_eq!(
            value,
            Some(number.to_string().into_bytes()),
            "{key:?} is its own record"
        );
    }
}

/// Only of a store that has any: it must not miss a change.
pub(super) async fn revisions(bench: &Bench, spaces: &Spaces) {
    let (store, key) = (&bench.store, Key::new(spaces.plain, "acme", "one"));
    let mut last = store.revision(spaces.plain);
    if last.is_none() {
        return;
    }
    let mut changed = |what: &str| {
        let now = store.revision(spaces.plain);
        assert_ne!(now, last, "{what} is a change");
        last = now;
    };
    let version = bench.put(&key, b"x").await;
    changed("a put");
    let soon = store.put_soon(&key, b"y".to_vec(), Precondition::Version(version));
    soon.await.expect("it was that version");
    changed("a put that is not waited for");
    store.delete(&key, Precondition::Any).await.unwrap();
    changed("a removal");
    bench.put(&key, b"z").await;
    changed("a put after it");
    store.take(&key).await.unwrap().expect("it is there");
    changed("a take");
    if spaces.plain.class == Class::Durable {
        let step = Step::Put(key.clone(), b"batch".to_vec());
        store.commit(vec![step]).await.unwrap();
        changed("a batch");
    }
    bench.get(&key).await;
    bench
        .put(&Key::new(spaces.other, "acme", "one"), b"x")
        .await;
    assert_eq!(
        store.revision(spaces.plain),
        last,
        "nothing of this space changed"
    );
}

/// What is remembered is what one's own writes made of it, at once.
pub(super) async fn what_is_recalled(bench: &Bench, spaces: &Spaces) {
    let key = Key::expiring(spaces.expiring, "acme", bench.later(1000), b"one");
    let recall = async || bench.store.recall(&key).await.unwrap();
    assert_eq!(recall().await, None, "there is none");
    let mut version = bench.put(&key, b"0").await;
    for n in 1..20_u8 {
        for _ in 0..2 {
            let found = recall().await.expect("it is there");
            assert_eq!(found.version, version, "the last write");
        }
        let when = Precondition::Version(version);
        version = match n % 2 {
            0 => bench.store.put(&key, vec![n], when).await.unwrap(),
            _ => bench.store.put_soon(&key, vec![n], when).await.unwrap(),
        };
    }
    assert_eq!(recall().await.map(|found| found.value), Some(vec![19]));
    bench.store.take(&key).await.unwrap().expect("it is there");
    assert_eq!(recall().await, None, "it was taken");
    bench.put(&key, b"again").await;
    recall().await.expect("it is there again");
    bench.store.delete(&key, Precondition::Any).await.unwrap();
    assert_eq!(recall().await, None, "it was removed");
    bench.put(&key, b"and again").await;
    recall().await.expect("it is there once more");
    bench.clock.advance(std::time::Duration::from_millis(1000));
    assert_eq!(recall().await, None, "it has expired");
}

pub(super) async fn closing_twice(bench: &Bench, spaces: &Spaces) {
    bench
        .put(&Key::new(spaces.plain, "acme", "one"), b"x")
        .await;
    bench.store.close().await.expect("it closes");
    bench
        .store
        .close()
        .await
        .expect("closing again does nothing");
}
