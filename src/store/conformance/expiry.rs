//! Records that end.

use std::time::Duration;

use super::{Bench, Key, Precondition, Spaces, Timestamp, Version, is_conflict};

pub(super) async fn at_the_exact_moment(bench: &Bench, spaces: &Spaces) {
    let start = bench.now();
    let key = Key::expiring(spaces.expiring, "acme", bench.later(1000), b"one");
    bench.put(&key, b"x").await;
    bench.clock.advance(Duration::from_millis(999));
    assert!(
        bench.get(&key).await.is_some(),
        "one millisecond before, it is there"
    );
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(
        bench.get(&key).await,
        None,
        "at the moment itself it is not"
    );
    assert_eq!(
        bench.store.take(&key).await.unwrap(),
        None,
        "nor can it be taken"
    );
    bench.clock.set(start);
    assert!(
        bench.store.take(&key).await.unwrap().is_some(),
        "it was hidden, not taken"
    );
}

pub(super) async fn an_expired_record_is_none(bench: &Bench, spaces: &Spaces) {
    let store = &bench.store;
    let key = Key::expiring(spaces.expiring, "acme", bench.later(10), b"one");
    let version = bench.put(&key, b"x").await;
    bench.clock.advance(Duration::from_millis(10));
    let put = store
        .put(&key, b"y".to_vec(), Precondition::Version(version))
        .await;
    assert!(
        is_conflict(&put),
        "an expired record has no version: {put:?}"
    );
    let delete = store.delete(&key, Precondition::Version(version)).await;
    assert!(
        is_conflict(&delete),
        "an expired record has no version: {delete:?}"
    );
    assert!(
        !store.delete(&key, Precondition::Any).await.unwrap(),
        "it does not count"
    );
    let late = store.put(&key, b"z".to_vec(), Precondition::Absent).await;
    assert!(
        late.is_ok_and(|new: Version| new > version),
        "it counts as absent"
    );
    assert_eq!(
        bench.get(&key).await,
        None,
        "what is written too late is never seen"
    );
}

pub(super) async fn purging_takes_only_what_expired(bench: &Bench, spaces: &Spaces) {
    let purge = async |limit| {
        bench
            .store
            .purge_expired(spaces.expiring, limit)
            .await
            .unwrap()
    };
    let key = |partition: &str, millis: u64, id: u8| {
        Key::expiring(spaces.expiring, partition, bench.later(millis), &[id])
    };
    let mut stays = Vec::new();
    for partition in ["", "acme", "beta"] {
        for id in 0..10 {
            bench.put(&key(partition, 50, id), b"ends").await;
            stays.push(key(partition, 51, id));
        }
    }
    for key in &stays {
        bench.put(key, b"stays").await;
    }
    assert_eq!(purge(100).await, 0, "nothing has expired");
    bench.clock.advance(Duration::from_millis(50));
    assert_eq!(purge(0).await, 0, "none was allowed");
    assert_eq!(purge(12).await, 12, "the limit holds");
    assert_eq!(purge(12).await, 12, "it goes on");
    assert_eq!(purge(12).await, 6, "and ends");
    assert_eq!(purge(12).await, 0, "everything expired was purged");
    for key in &stays {
        assert!(bench.get(key).await.is_some(), "{key:?} was not expired");
    }
    let plain = Key::new(spaces.plain, "acme", vec![0; 8]);
    bench.put(&plain, b"x").await;
    let none = bench.store.purge_expired(spaces.plain, 10).await.unwrap();
    assert_eq!(none, 0, "a space without expiry loses nothing");
}

/// What was purged or taken stays gone when the clock goes back, and the ends of
/// time are times like others.
pub(super) async fn a_clock_that_jumps(bench: &Bench, spaces: &Spaces) {
    let start = bench.now();
    let key = Key::expiring(spaces.expiring, "acme", bench.later(1000), b"one");
    let forever = Timestamp::from_millis(u64::MAX);
    let eternal = Key::expiring(spaces.expiring, "acme", forever, b"two");
    bench.put(&key, b"x").await;
    bench.put(&eternal, b"x").await;
    bench.clock.set(Timestamp::from_millis(u64::MAX - 1));
    assert!(
        bench.get(&eternal).await.is_some(),
        "the last millisecond but one"
    );
    assert_eq!(
        bench
            .store
            .purge_expired(spaces.expiring, 10)
            .await
            .unwrap(),
        1
    );
    bench.clock.set(Timestamp::from_millis(0));
    assert_eq!(
        bench.get(&key).await,
        None,
        "what was purged does not come back"
    );
    bench.clock.set(start);
    assert_eq!(
        bench.store.take(&key).await.unwrap(),
        None,
        "not even to a taker"
    );
    assert!(bench.store.take(&eternal).await.unwrap().is_some());
}
