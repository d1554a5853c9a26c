//! What is whose.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Keyspace, Scan, Step};
use super::parallel::together;
use super::{Bench, Key, Precondition, Space, is_conflict};

static OWNED: Space = Space::durable("try_owned").owned();
static EXPIRING: Space = Space::durable("try_owned_expiring").expiring().owned();

fn key(id: &str) -> Key {
    Key::new(&OWNED, "acme", id)
}

fn scan(owner: &[u8]) -> Scan {
    Scan {
        owner: Some(owner.to_vec()),
        ..Scan::all(&OWNED, "acme", 100)
    }
}

async fn ids(bench: &Bench, scan: &Scan) -> Vec<String> {
    let found = bench.store.scan(scan).await;
    let found = found.unwrap_or_else(|e| panic!("{scan:?}: {e}"));
    for (key, entry) in &found {
        assert_eq!(key.owner(), scan.owner.as_deref(), "{key:?} says whose");
        assert_eq!(bench.get(key).await.as_ref(), Some(entry), "the record");
    }
    let ids = found.iter().map(|(key, _)| key.id().to_vec());
    ids.map(|id| String::from_utf8(id).unwrap()).collect()
}

/// Owners that begin alike, ids that look like others' owners, and neighbours.
pub(super) async fn each_finds_its_own(bench: &Bench) {
    let owners: [&[u8]; 6] = [b"", b"a", b"ab", b"\0", b"\x01a", &[255; 64]];
    for (number, owner) in owners.iter().enumerate().rev() {
        for id in ["b", "", "ab", "c"] {
            let id = format!("{id}{number}");
            bench.put(&key(&id).owned_by(owner), b"x").await;
            let elsewhere = Key::new(&OWNED, "acme-2", id.as_str());
            bench.put(&elsewhere.owned_by(owner), b"x").await;
        }
    }
    for number in 0..9 {
        bench.put(&key(&format!("none-{number}")), b"x").await;
    }
    assert_eq!(ids(bench, &scan(b"a")).await, ["1", "ab1", "b1", "c1"]);
    for owner in owners {
        let found = ids(bench, &scan(owner)).await.len();
        assert_eq!(found, 4, "what {owner:?} has");
    }
    let page = Scan {
        limit: 2,
        ..scan(b"ab")
    };
    assert_eq!(ids(bench, &page).await, ["2", "ab2"], "a first page");
    let page = Scan {
        after: Some(b"ab2".to_vec()),
        ..page
    };
    assert_eq!(ids(bench, &page).await, ["b2", "c2"], "the next");
    let prefix = Scan {
        prefix: b"b".to_vec(),
        ..scan(b"ab")
    };
    assert_eq!(ids(bench, &prefix).await, ["b2"], "by a prefix");
    assert_eq!(ids(bench, &scan(b"nobody")).await, [""; 0]);
    let all = Scan::all(&OWNED, "acme", 100);
    let all = bench.store.scan(&all).await.unwrap();
    assert_eq!(all.len(), 33, "a scan of all has them, too");
    let unowned = all.iter().filter(|(key, _)| key.owner().is_none()).count();
    assert_eq!(unowned, 9, "and says whose each is");
}

pub(super) async fn change_and_go(bench: &Bench) {
    let store = &bench.store;
    let (one, two) = (key("one"), key("two"));
    let version = bench.put(&one.clone().owned_by(b"ada"), b"x").await;
    bench.put(&two.clone().owned_by(b"ada"), b"x").await;
    let given = one.clone().owned_by(b"bob");
    let refused = store.put(&given, b"y".to_vec(), Precondition::Absent);
    assert!(is_conflict(&refused.await), "it is there");
    assert_eq!(
        ids(bench, &scan(b"bob")).await,
        [""; 0],
        "nothing was given"
    );
    assert_eq!(ids(bench, &scan(b"ada")).await, ["one", "two"]);
    let (same, other) = (one.clone().owned_by(b"ada"), super::Version(version.0 + 1));
    let refused = store.put(&same, b"y".to_vec(), Precondition::Version(other));
    assert!(is_conflict(&refused.await), "another version");
    assert_eq!(ids(bench, &scan(b"ada")).await, ["one", "two"]);

    let when = Precondition::Version(version);
    store.put_soon(&given, b"y".to_vec(), when).await.unwrap();
    assert_eq!(
        ids(bench, &scan(b"ada")).await,
        ["two"],
        "it was given away"
    );
    assert_eq!(ids(bench, &scan(b"bob")).await, ["one"]);
    bench.put(&one, b"z").await;
    assert_eq!(ids(bench, &scan(b"bob")).await, [""; 0], "a write without");
    bench.put(&one.clone().owned_by(b"bob"), b"z").await;
    store.take(&one).await.unwrap().expect("it is there");
    assert_eq!(ids(bench, &scan(b"bob")).await, [""; 0], "it was taken");
    let other = two.clone().owned_by(b"bob");
    assert!(store.delete(&other, Precondition::Any).await.unwrap());
    assert_eq!(ids(bench, &scan(b"ada")).await, [""; 0], "it was removed");
    bench.put(&two.owned_by(b"bob"), b"again").await;
    assert_eq!(ids(bench, &scan(b"ada")).await, [""; 0], "not hers again");
    assert_eq!(ids(bench, &scan(b"bob")).await, ["two"]);
}

pub(super) async fn of_what_expires(bench: &Bench) {
    let key = |millis: u64, id: &str| {
        Key::expiring(&EXPIRING, "acme", bench.later(millis), id.as_bytes()).owned_by(b"ada")
    };
    let keys: Vec<Key> = (1..=5).map(|n| key(n * 10, "x")).collect();
    for key in &keys {
        bench.put(key, b"x").await;
    }
    let all = Scan {
        owner: Some(b"ada".to_vec()),
        ..Scan::all(&EXPIRING, "acme", 2)
    };
    let found = async |scan: &Scan| -> Vec<Key> {
        let found = bench.store.scan(scan).await.unwrap();
        found.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(found(&all).await, keys[..2]);
    bench.clock.advance(Duration::from_millis(20));
    assert_eq!(found(&all).await, keys[2..4], "those that live");
    bench.store.purge_expired(&EXPIRING, 10).await.unwrap();
    assert_eq!(found(&all).await, keys[2..4], "the same after a purge");
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(found(&all).await, []);
}

pub(super) async fn in_batches(bench: &Bench) {
    let store = &bench.store;
    let put = |id: &str, owner: &[u8]| Step::Put(key(id).owned_by(owner), b"x".to_vec());
    let batch = vec![put("one", b"ada"), put("two", b"ada"), put("one", b"bob")];
    store.commit(batch).await.unwrap();
    assert_eq!(ids(bench, &scan(b"ada")).await, ["two"]);
    assert_eq!(ids(bench, &scan(b"bob")).await, ["one"]);
    let refused = vec![
        put("three", b"ada"),
        Step::Delete(key("two")),
        Step::Check(key("one"), Precondition::Absent),
    ];
    assert!(is_conflict(&store.commit(refused).await));
    assert_eq!(ids(bench, &scan(b"ada")).await, ["two"], "nothing was done");
    let batch = vec![Step::Delete(key("two")), put("one", b"ada")];
    store.commit(batch).await.unwrap();
    assert_eq!(ids(bench, &scan(b"ada")).await, ["one"]);
    assert_eq!(ids(bench, &scan(b"bob")).await, [""; 0]);
}

/// Every record that is there at the end is found, and nothing else is.
pub(super) async fn while_records_come_and_go(bench: &Bench) {
    together(8, |number| {
        let store = Arc::clone(&bench.store);
        async move {
            let owner: &[u8] = if number % 2 == 0 { b"ada" } else { b"bob" };
            for round in 0..20 {
                let key = key(&format!("{}", round % 5)).owned_by(owner);
                let _ = store.put(&key, b"x".to_vec(), Precondition::Absent).await;
                store.scan(&scan(owner)).await.unwrap();
                match number {
                    0 | 1 => drop(store.take(&key).await.unwrap()),
                    2 | 3 => drop(store.delete(&key, Precondition::Any).await.unwrap()),
                    4 => drop(store.commit(vec![Step::Delete(key)]).await.unwrap()),
                    5 => drop(store.commit(vec![Step::Put(key, b"y".to_vec())]).await),
                    _ => drop(store.put(&key, b"z".to_vec(), Precondition::Any).await),
                }
            }
        }
    })
    .await;
    let all = Scan::all(&OWNED, "acme", 100);
    let all = bench.store.scan(&all).await.unwrap();
    for owner in [b"ada", b"bob"] {
        let theirs = all
            .iter()
            .filter(|(key, _)| key.owner() == Some(owner.as_slice()));
        let theirs: Vec<_> = theirs
            .map(|(key, _)| String::from_utf8(key.id().to_vec()).unwrap())
            .collect();
        assert_eq!(ids(bench, &scan(owner)).await, theirs);
    }
}

pub(super) async fn of_typed_records(bench: &Bench) {
    // The record is its owner's name; an empty one has none.
    const RECORDS: Keyspace<String> = Keyspace::new(&OWNED).owned_by(|owner| {
        let owner = owner.as_bytes();
        (!owner.is_empty()).then(|| owner.to_vec())
    });
    const BEFORE: Keyspace<String> = Keyspace::new(&OWNED);
    let store = &*bench.store;
    let put = async |of: Keyspace<String>, partition: &str, id: &str, owner: &str| {
        of.put(
            store,
            partition,
            id.as_bytes(),
            &owner.to_owned(),
            Precondition::Any,
        )
        .await
        .unwrap();
    };
    let count = async |partition: &str, owner: &str| {
        let page = RECORDS.page_of(store, partition, owner.as_bytes(), None, 9999);
        page.await.unwrap().len()
    };
    for number in 0..1100 {
        put(BEFORE, "acme", &format!("{number}"), "ada").await;
    }
    put(BEFORE, "", "one", "ada").await;
    put(BEFORE, "", "two", "").await;
    bench
        .put(&Key::new(&OWNED, "", "odd"), b"not readable")
        .await;
    assert_eq!(count("acme", "ada").await, 0, "nobody said whose they are");
    RECORDS.index(store, bench.now()).await.unwrap();
    assert_eq!(count("acme", "ada").await, 1100, "an upgrade finds out");
    assert_eq!(count("", "ada").await, 1);
    put(BEFORE, "acme", "late", "ada").await;
    RECORDS.index(store, bench.now()).await.unwrap();
    assert_eq!(count("acme", "ada").await, 1100, "it does so once");
    put(RECORDS, "acme", "bob's", "bob").await;
    put(RECORDS, "acme", "nobody's", "").await;
    let removed = RECORDS.remove_of(store, "acme", b"ada").await.unwrap();
    assert_eq!((removed, count("acme", "ada").await), (1100, 0));
    assert_eq!(count("acme", "bob").await, 1);
    let rest = RECORDS.remove_all(store, "acme").await.unwrap();
    assert_eq!(rest, 3, "the late one, bob's and nobody's");
    assert_eq!(count("", "ada").await, 1, "another partition stays");
}
