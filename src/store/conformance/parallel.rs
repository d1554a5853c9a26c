//! Many at once.

use std::sync::Arc;

use super::super::{Entry, StoreError};
use super::{Bench, Key, Precondition, Spaces, is_conflict};

const CONTENDERS: usize = 100;

/// Runs as many tasks as there are numbers, all at the same time.
pub(super) async fn together<T, F>(of: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(tokio::sync::Barrier::new(of));
    let tasks: Vec<_> = (0..of)
        .map(|number| {
            let (barrier, work) = (Arc::clone(&barrier), task(number));
            tokio::spawn(async move {
                barrier.wait().await;
                work.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("the task does not panic"));
    }
    results
}

pub(super) async fn one_taker_wins(bench: &Bench, spaces: &Spaces) {
    for round in 0..5_u8 {
        let key = Key::expiring(spaces.expiring, "acme", bench.later(1000), &[round]);
        bench.put(&key, b"prize").await;
        let taken: Vec<Option<Entry>> = together(CONTENDERS, |_| {
            let (store, key) = (Arc::clone(&bench.store), key.clone());
            async move { store.take(&key).await.unwrap() }
        })
        .await;
        let winners = taken.iter().flatten().count();
        assert_eq!(winners, 1, "of {CONTENDERS} takers one gets the record");
    }
}

pub(super) async fn one_creator_wins(bench: &Bench, spaces: &Spaces) {
    for round in 0..5_u8 {
        let key = Key::new(spaces.plain, "acme", [round]);
        let results = together(CONTENDERS, |number| {
            let (store, key) = (Arc::clone(&bench.store), key.clone());
            let value = number.to_string().into_bytes();
            async move { store.put(&key, value, Precondition::Absent).await }
        })
        .await;
        let winners: Vec<usize> = (0..CONTENDERS)
            .filter(|number| results[*number].is_ok())
            .collect();
        assert_eq!(
            winners.len(),
            1,
            "of {CONTENDERS} creators one succeeds: {winners:?}"
        );
        let losers = results.iter().filter(|result| is_conflict(result)).count();
        assert_eq!(losers, CONTENDERS - 1, "the others hear of a conflict");
        let stored = bench.value(&key).await;
        assert_eq!(
            stored,
            Some(winners[0].to_string().into_bytes()),
            "it is the winner's"
        );
    }
}

pub(super) async fn no_update_is_lost(bench: &Bench, spaces: &Spaces) {
    let key = Key::new(spaces.plain, "acme", "counter");
    bench.put(&key, b"0").await;
    together(CONTENDERS, |_| {
        let (store, key) = (Arc::clone(&bench.store), key.clone());
        async move {
            loop {
                let entry = store
                    .get(&key)
                    .await
                    .unwrap()
                    .expect("the counter is there");
                let count: usize = String::from_utf8(entry.value).unwrap().parse().unwrap();
                let next = (count + 1).to_string().into_bytes();
                match store
                    .put(&key, next, Precondition::Version(entry.version))
                    .await
                {
                    Ok(_) => break,
                    Err(StoreError::Conflict) => tokio::task::yield_now().await,
                    Err(e) => panic!("an update fails: {e}"),
                }
            }
        }
    })
    .await;
    let count = bench.value(&key).await;
    assert_eq!(
        count,
        Some(CONTENDERS.to_string().into_bytes()),
        "each of {CONTENDERS} updates counts"
    );
}
