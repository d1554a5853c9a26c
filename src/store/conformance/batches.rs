//! Several writes as one.

use std::sync::Arc;

use super::super::{Step, StoreError};
use super::parallel::together;
use super::{Bench, DURABLE, Key, Precondition, TRANSIENT, Version, is_conflict};

fn plain(id: &str) -> Key {
    Key::new(DURABLE.plain, "acme", id)
}

fn other(id: &str) -> Key {
    Key::new(DURABLE.other, "acme", id)
}

pub(super) async fn all_or_nothing(bench: &Bench) {
    bench
        .store
        .commit(Vec::new())
        .await
        .expect("nothing to do is done");
    let old = bench.put(&other("old"), b"old").await;
    let steps = |when| {
        vec![
            Step::Put(plain("one"), b"1".to_vec()),
            Step::Check(plain("one"), Precondition::Absent),
            Step::Put(other("two"), b"2".to_vec()),
            Step::Delete(other("old")),
            Step::Check(other("old"), when),
        ]
    };
    let refused = bench
        .store
        .commit(steps(Precondition::Version(Version(old.0 + 1))))
        .await;
    assert!(is_conflict(&refused), "a check fails: {refused:?}");
    assert_eq!(bench.get(&plain("one")).await, None, "nothing was written");
    assert_eq!(bench.get(&other("two")).await, None, "nothing was written");
    assert!(
        bench.get(&other("old")).await.is_some(),
        "nothing was removed"
    );
    let versions = bench
        .store
        .commit(steps(Precondition::Version(old)))
        .await
        .expect("all checks hold");
    for (key, version) in [plain("one"), other("two")].iter().zip(&versions) {
        let found = bench.get(key).await.expect("it was put");
        assert_eq!(found.version, *version, "in the order of the puts");
    }
    assert_eq!(versions.len(), 2, "one for each put");
    assert_eq!(bench.value(&plain("one")).await, Some(b"1".to_vec()));
    assert_eq!(bench.value(&other("two")).await, Some(b"2".to_vec()));
    assert_eq!(bench.get(&other("old")).await, None, "it was removed");
}

pub(super) async fn check_before_any_write(bench: &Bench) {
    let before = bench.put(&plain("one"), b"old").await;
    let steps = vec![
        Step::Delete(plain("one")),
        Step::Put(plain("one"), b"new".to_vec()),
        Step::Put(plain("one"), b"newer".to_vec()),
        Step::Delete(plain("none")),
        Step::Check(plain("one"), Precondition::Version(before)),
        Step::Check(plain("none"), Precondition::Absent),
        Step::Check(plain("one"), Precondition::Any),
    ];
    bench
        .store
        .commit(steps)
        .await
        .expect("checks see what was there before");
    let entry = bench
        .get(&plain("one"))
        .await
        .expect("it was put after it was removed");
    assert_eq!(entry.value, b"newer", "writes happen in their order");
    assert!(entry.version > before, "versions grow in batches too");
    let version = entry.version;
    bench
        .store
        .put(&plain("one"), b"x".to_vec(), Precondition::Version(version))
        .await
        .expect("the version that was read is the one that counts");
}

pub(super) async fn stay_within_one_account_and_class(bench: &Bench) {
    let refused = async |step| {
        let steps = vec![Step::Put(plain("one"), b"1".to_vec()), step];
        let result = bench.store.commit(steps).await;
        assert!(
            matches!(result, Err(StoreError::BadBatch)),
            "it must be refused: {result:?}"
        );
        assert_eq!(bench.get(&plain("one")).await, None, "and nothing written");
    };
    refused(Step::Put(Key::new(DURABLE.plain, "beta", "x"), Vec::new())).await;
    let own = Key::new(DURABLE.plain, "", "x");
    let steps = vec![
        Step::Put(own.clone(), Vec::new()),
        Step::Check(Key::new(DURABLE.plain, "beta", "x"), Precondition::Any),
        Step::Check(plain("one"), Precondition::Any),
    ];
    let result = bench.store.commit(steps).await;
    assert!(
        matches!(result, Err(StoreError::BadBatch)),
        "two accounts are too many beside the broker too: {result:?}"
    );
    let steps = |when| {
        vec![
            Step::Put(plain("log"), b"1".to_vec()),
            Step::Put(own.clone(), b"2".to_vec()),
            Step::Check(own.clone(), when),
        ]
    };
    bench
        .store
        .commit(steps(Precondition::Absent))
        .await
        .expect("what is the broker's own may stand beside what is an account's");
    assert_eq!(bench.value(&plain("log")).await, Some(b"1".to_vec()));
    assert_eq!(bench.value(&own).await, Some(b"2".to_vec()));
    let refused_by_its_own = bench.store.commit(steps(Precondition::Absent)).await;
    assert!(is_conflict(&refused_by_its_own), "{refused_by_its_own:?}");
    refused(Step::Delete(Key::new(TRANSIENT.plain, "acme", "x"))).await;
    refused(Step::Put(
        Key::expiring(TRANSIENT.expiring, "acme", bench.later(9), b"x"),
        Vec::new(),
    ))
    .await;
    let alone = vec![Step::Put(
        Key::new(TRANSIENT.plain, "acme", "x"),
        Vec::new(),
    )];
    let result = bench.store.commit(alone).await;
    assert!(
        matches!(result, Err(StoreError::BadBatch)),
        "only durable ones: {result:?}"
    );
}

/// Batches that move one unit from a record to another, at the same time as
/// single writes: the sum stays, and of each pair of checks one sees the other.
pub(super) async fn compete_without_loss(bench: &Bench) {
    bench.put(&plain("from"), b"40").await;
    bench.put(&other("to"), b"0").await;
    together(8, |number| {
        let store = Arc::clone(&bench.store);
        async move {
            let read = async |key: Key| {
                let entry = store.get(&key).await.unwrap().expect("it is there");
                let count: i32 = String::from_utf8(entry.value).unwrap().parse().unwrap();
                (
                    count,
                    Step::Check(key.clone(), Precondition::Version(entry.version)),
                    key,
                )
            };
            for round in 0..5 {
                let noise = plain(&format!("noise-{number}-{round}"));
                store
                    .put(&noise, Vec::new(), Precondition::Absent)
                    .await
                    .unwrap();
                loop {
                    let (from, same_from, at_from) = read(plain("from")).await;
                    let (to, same_to, at_to) = read(other("to")).await;
                    let steps = vec![
                        same_from,
                        same_to,
                        Step::Put(at_from, (from - 1).to_string().into_bytes()),
                        Step::Put(at_to, (to + 1).to_string().into_bytes()),
                    ];
                    match store.commit(steps).await {
                        Ok(_) => break,
                        Err(StoreError::Conflict) => tokio::task::yield_now().await,
                        Err(e) => panic!("a batch fails: {e}"),
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(bench.value(&plain("from")).await, Some(b"0".to_vec()));
    assert_eq!(bench.value(&other("to")).await, Some(b"40".to_vec()));
}
