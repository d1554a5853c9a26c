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

/// A clock that is ahead for a while hides what seems to have expired, and nothing
/// removes it; once the new time has lasted, it is removed and stays gone. The
/// ends of time are times like others.
pub(super) async fn a_clock_that_jumps(bench: &Bench, spaces: &Spaces) {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let start = bench.now();
    let key = Key::expiring(spaces.expiring, "acme", bench.later(1000), b"one");
    let later = start.plus(10 * DAY);
    let other = Key::expiring(spaces.expiring, "acme", later, b"two");
    let forever = Timestamp::from_millis(u64::MAX);
    let eternal = Key::expiring(spaces.expiring, "acme", forever, b"three");
    for key in [&key, &other, &eternal] {
        bench.put(key, b"x").await;
    }
    let purge = async || {
        bench
            .store
            .purge_expired(spaces.expiring, 10)
            .await
            .unwrap()
    };
    bench.clock.set(start.plus(3 * DAY));
    assert_eq!(bench.get(&key).await, None, "by this clock it is over");
    assert_eq!(purge().await, 0, "which may be wrong");
    bench.clock.set(start);
    assert!(bench.get(&key).await.is_some(), "and was");
    assert_eq!(purge().await, 0, "it is not over");

    bench.clock.set(start.plus(3 * DAY));
    purge().await;
    bench.clock.advance(crate::base::steady::SETTLES);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(purge().await, 1, "the time has lasted");
    bench.clock.set(start);
    assert_eq!(
        bench.store.take(&key).await.unwrap(),
        None,
        "what was purged does not come back, not even to a taker"
    );
    assert!(bench.store.take(&other).await.unwrap().is_some());
    bench.clock.set(Timestamp::from_millis(u64::MAX - 1));
    assert!(
        bench.get(&eternal).await.is_some(),
        "the last millisecond but one"
    );
    bench.clock.set(Timestamp::from_millis(0));
    purge().await;
    bench.clock.set(start);
    assert!(bench.store.take(&eternal).await.unwrap().is_some());
}
