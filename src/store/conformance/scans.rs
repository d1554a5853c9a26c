//! Lists.

use std::time::Duration;

use super::super::Scan;
use super::{Bench, Key, Spaces};

fn scan(spaces: &Spaces, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Scan {
    Scan {
        prefix: prefix.to_vec(),
        after: after.map(<[u8]>::to_vec),
        ..Scan::all(spaces.plain, "acme", limit)
    }
}

async fn ids(bench: &Bench, scan: &Scan) -> Vec<Vec<u8>> {
    let found = bench
        .store
        .scan(scan)
        .await
        .unwrap_or_else(|e| panic!("{scan:?}: {e}"));
    found
        .into_iter()
        .map(|(key, _)| key.id().to_vec())
        .collect()
}

pub(super) async fn order_prefix_after_and_limit(bench: &Bench, spaces: &Spaces) {
    let all: [&[u8]; 7] = [b"", b"\0", b"a", b"a\0", b"aa", b"b", b"\xff\xff"];
    // Not in their order, and with neighbours that must not be seen.
    for id in all.iter().rev() {
        bench.put(&Key::new(spaces.plain, "acme", *id), id).await;
        bench
            .put(&Key::new(spaces.plain, "acm", *id), b"neighbour")
            .await;
        bench
            .put(&Key::new(spaces.plain, "acme-2", *id), b"neighbour")
            .await;
        bench
            .put(&Key::new(spaces.other, "acme", *id), b"neighbour")
            .await;
    }
    assert_eq!(
        ids(bench, &scan(spaces, b"", None, 100)).await,
        all,
        "all, in order"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"", None, 0)).await,
        all[..0],
        "none"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"", None, 3)).await,
        all[..3],
        "the first three"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"", Some(b""), 100)).await,
        all[1..],
        "after the first"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"", Some(b"a"), 2)).await,
        all[3..5],
        "after one"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"", Some(b"ab"), 9)).await,
        all[5..],
        "after none"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"a", None, 100)).await,
        all[2..5],
        "a prefix"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"a", Some(b"a"), 100)).await,
        all[3..5],
        "both"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"a", Some(b"b"), 100)).await,
        all[..0],
        "beyond it"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"b", Some(b"a"), 100)).await,
        all[5..6],
        "before it"
    );
    assert_eq!(
        ids(bench, &scan(spaces, b"\xff", None, 100)).await,
        all[6..],
        "the last"
    );
    let found = bench
        .store
        .scan(&scan(spaces, b"aa", None, 1))
        .await
        .unwrap();
    let (key, entry) = found.first().expect("it is there");
    assert_eq!(
        *key,
        Key::new(spaces.plain, "acme", "aa"),
        "the key is whole"
    );
    assert_eq!(
        Some(entry.clone()),
        bench.get(key).await,
        "the entry is the record"
    );
}

pub(super) async fn page_by_page(bench: &Bench, spaces: &Spaces) {
    for n in (0..1000_u16).rev() {
        bench
            .put(&Key::new(spaces.plain, "acme", n.to_be_bytes()), b"x")
            .await;
    }
    let all: Vec<_> = (0..1000_u16).map(|n| n.to_be_bytes().to_vec()).collect();
    for size in [7, 300, 1000] {
        let mut paged: Vec<Vec<u8>> = Vec::new();
        loop {
            let after = paged.last().cloned();
            let page = ids(bench, &scan(spaces, b"", after.as_deref(), size)).await;
            assert!(page.len() <= size, "a page of {size} has {}", page.len());
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert!(paged == all, "in pages of {size} it is the same");
    }
}

pub(super) async fn of_what_expires(bench: &Bench, spaces: &Spaces) {
    let keys: Vec<Key> = (1..=5)
        .map(|n| Key::expiring(spaces.expiring, "acme", bench.later(n * 10), b"x"))
        .collect();
    for key in &keys {
        bench.put(key, b"x").await;
    }
    let all = Scan {
        space: spaces.expiring,
        ..scan(spaces, b"", None, 2)
    };
    bench.clock.advance(Duration::from_millis(20));
    let live: Vec<_> = keys.iter().map(|key| key.id().to_vec()).skip(2).collect();
    assert_eq!(
        ids(bench, &all).await,
        live[..2],
        "the expired don't count for the limit"
    );
    let after = Scan {
        after: Some(keys[0].id().to_vec()),
        limit: 9,
        ..all.clone()
    };
    assert_eq!(ids(bench, &after).await, live, "after an expired one");
    let gone = Scan {
        prefix: keys[1].id().to_vec(),
        ..all.clone()
    };
    assert_eq!(
        ids(bench, &gone).await,
        live[..0],
        "by the prefix of an expired one"
    );
    let last = Scan {
        prefix: keys[4].id().to_vec(),
        ..all
    };
    assert_eq!(
        ids(bench, &last).await,
        live[2..],
        "by the prefix of a living one"
    );
}

pub(super) async fn partitions_in_use(bench: &Bench, spaces: &Spaces) {
    let of = async |space| bench.store.partitions(space).await.unwrap();
    assert!(of(spaces.plain).await.is_empty(), "an empty store has none");
    for partition in ["beta", "", "acme-2", "acme", "ab"] {
        for id in 0..20_u8 {
            bench
                .put(&Key::new(spaces.plain, partition, [id]), b"x")
                .await;
        }
    }
    assert_eq!(
        of(spaces.plain).await,
        ["", "ab", "acme", "acme-2", "beta"],
        "each once, in order"
    );
    assert!(
        of(spaces.other).await.is_empty(),
        "another space has its own"
    );
    for id in 0..20_u8 {
        bench
            .store
            .take(&Key::new(spaces.plain, "acme", [id]))
            .await
            .unwrap();
    }
    assert_eq!(
        of(spaces.plain).await,
        ["", "ab", "acme-2", "beta"],
        "one was emptied"
    );

    bench
        .put(
            &Key::expiring(spaces.expiring, "short", bench.later(10), b"x"),
            b"x",
        )
        .await;
    bench
        .put(
            &Key::expiring(spaces.expiring, "long", bench.later(20), b"x"),
            b"x",
        )
        .await;
    assert_eq!(of(spaces.expiring).await, ["long", "short"]);
    bench.clock.advance(Duration::from_millis(10));
    assert_eq!(
        of(spaces.expiring).await,
        ["long"],
        "one has only expired records"
    );
}
