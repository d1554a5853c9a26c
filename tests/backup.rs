//! Copies of a store that is in use, and stores made of copies.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{Semaphore, mpsc};
use vestibule::base::{Clock, ManualClock};
use vestibule::store::backup::{self, Backup, BackupError, Writer};
use vestibule::store::lines::Said;
use vestibule::store::recording::Copied;
use vestibule::store::{
    Key, MemoryStore, Precondition, RecordingStore, Scan, SledOptions, SledStore, Space, Step,
    Store, StoreError,
};

static PAIRS: Space = Space::durable("pairs");
static OTHERS: Space = Space::durable("others");
static OWNED: Space = Space::durable("owned").expiring().owned();
static PASSING: Space = Space::transient("passing").expiring();

fn spaces() -> [&'static Space; 4] {
    [&PAIRS, &OTHERS, &OWNED, &PASSING]
}

fn recording(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(RecordingStore::new(inner, spaces()))
}

fn sled(dir: &Path, clock: &ManualClock) -> Arc<dyn Store> {
    let clock = Arc::new(clock.clone());
    Arc::new(SledStore::open(dir, clock, SledOptions::default()).unwrap())
}

fn memory(clock: &ManualClock) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(Arc::new(clock.clone())))
}

/// A copy, and what happens `between` its parts.
async fn copy(
    store: &Arc<dyn Store>,
    to: &Path,
    mut between: impl AsyncFnMut(),
) -> Result<backup::Manifest, BackupError> {
    let recorder = store.recorder().unwrap();
    let (out, mut parts) = mpsc::channel(1);
    let copying = tokio::spawn(async move { recorder.copy(out).await });
    let mut writer = Writer::new(to)?;
    while let Some(part) = parts.recv().await {
        for copied in part.unwrap() {
            writer.take(&serde_json::to_string(&Said::of(&copied)).unwrap())?;
        }
        between().await;
    }
    copying.await.unwrap();
    writer.finish("now".to_owned())
}

/// All that a store has, owners and all.
async fn everything(store: &dyn Store) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for space in [&PAIRS, &OTHERS, &OWNED] {
        for partition in store.partitions(space).await.unwrap() {
            let all = Scan::all(space, partition, 1_000_000);
            for (key, entry) in store.scan(&all).await.unwrap() {
                found.insert(format!("{key:?}"), entry.value);
            }
        }
    }
    found
}

async fn fill(store: &dyn Store, clock: &ManualClock) {
    for n in 0..1200u32 {
        let account = format!("account-{}", n % 7);
        let key = Key::new(&PAIRS, account.as_str(), format!("{n}"));
        store
            .put_soon(&key, n.to_be_bytes().to_vec(), Precondition::Any)
            .await
            .unwrap();
        let end = clock.now().plus(Duration::from_secs(u64::from(n) + 1));
        let key = Key::expiring(&OWNED, account, end, &n.to_be_bytes());
        let key = if n % 3 == 0 {
            key
        } else {
            key.owned_by(&[u8::try_from(n % 5).unwrap(), 0, 255])
        };
        store
            .put_soon(&key, Vec::new(), Precondition::Any)
            .await
            .unwrap();
    }
    let end = clock.now().plus(Duration::from_secs(600));
    let passing = Key::expiring(&PASSING, "", end, b"x");
    store
        .put(&passing, b"passing".to_vec(), Precondition::Any)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_copy_fills_any_store() {
    let clock = ManualClock::default();
    let base = TempDir::new().unwrap();
    let store = recording(sled(&base.path().join("one"), &clock));
    fill(&*store, &clock).await;
    let to = base.path().join("copy");
    let manifest = copy(&store, &to, async || {}).await.unwrap();
    assert_eq!(manifest.spaces["pairs"].records, 1200);
    assert!(!manifest.spaces.contains_key("passing"), "it lives minutes");
    let all = everything(&*store).await;
    assert_eq!(all.len(), 2400);
    let backup = Backup::open(&to, spaces()).unwrap();
    for target in [sled(&base.path().join("two"), &clock), memory(&clock)] {
        let counts = backup
            .restore(&*target, &clock, |_| true, |_, _, _| {})
            .await
            .unwrap();
        assert_eq!(counts["owned"], 1200);
        assert_eq!(everything(&*target).await, all);
        backup::check_finished(&*target).await.unwrap();
        let theirs = Scan {
            owner: Some(vec![1, 0, 255]),
            ..Scan::all(&OWNED, "account-1", 5000)
        };
        let (there, here) = (
            store.scan(&theirs).await.unwrap(),
            target.scan(&theirs).await.unwrap(),
        );
        assert!(!here.is_empty() && there.len() == here.len());
        let again = backup
            .restore(&*target, &clock, |_| true, |_, _, _| {})
            .await;
        assert!(matches!(again, Err(BackupError::NotEmpty(_))), "{again:?}");
    }
    // What has expired since is not there, and nothing is missed.
    clock.advance(Duration::from_secs(600));
    let target = memory(&clock);
    let counts = backup
        .restore(&*target, &clock, |_| true, |_, _, _| {})
        .await
        .unwrap();
    assert_eq!(counts["owned"], 600);
    assert_eq!(everything(&*target).await, everything(&*store).await);
}

/// Batches and single writes go on all the while: each is in the copy whole or
/// not at all, and the copy is what there was when the last round was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_is_of_one_moment() {
    let clock = ManualClock::default();
    let base = TempDir::new().unwrap();
    for backend in ["memory", "sled"] {
        let inner = match backend {
            "memory" => memory(&clock),
            _ => sled(&base.path().join("data"), &clock),
        };
        let store = recording(inner);
        fill(&*store, &clock).await;
        // How often they may still write: as much as the copy leaves time for, and
        // not so much that it never comes to an end.
        let turns = Arc::new(Semaphore::new(40));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4u32 {
            let (store, turns) = (Arc::clone(&store), Arc::clone(&turns));
            writers.spawn(async move {
                let account = format!("account-{writer}");
                let mut n = 0u32;
                while let Ok(turn) = turns.acquire().await {
                    turn.forget();
                    n += 1;
                    let value = n.to_be_bytes().to_vec();
                    // At both ends of the copy, the same number.
                    let first = Key::new(&PAIRS, account.as_str(), "!first");
                    let last = Key::new(&OTHERS, account.as_str(), "~last");
                    let steps = vec![
                        Step::Put(first, value.clone()),
                        Step::Put(last, value.clone()),
                    ];
                    store.commit(steps).await.unwrap();
                    // One there, then the next, then the one before gone: never none.
                    let chain =
                        |n: u32| Key::new(&OTHERS, account.as_str(), format!("chain {n:08}"));
                    store
                        .put(&chain(n), value, Precondition::Absent)
                        .await
                        .unwrap();
                    if n > 1 {
                        assert!(
                            store
                                .delete(&chain(n - 1), Precondition::Any)
                                .await
                                .unwrap()
                        );
                    }
                }
            });
        }
        // A write to sled takes as long as the disk does.
        let (rounds, between) = if backend == "memory" { (6, 8) } else { (2, 1) };
        for round in 0..rounds {
            let to = base.path().join(format!("{backend}-{round}"));
            let made = copy(&store, &to, async || turns.add_permits(between));
            made.await.unwrap();
            let target = memory(&clock);
            let backup = Backup::open(&to, spaces()).unwrap();
            backup
                .restore(&*target, &clock, |_| true, |_, _, _| {})
                .await
                .unwrap();
            for writer in 0..4 {
                let account = format!("account-{writer}");
                let get = async |space, id: &str| {
                    let found = target.get(&Key::new(space, account.as_str(), id)).await;
                    found.unwrap().map(|entry| entry.value)
                };
                let (first, last) = (get(&PAIRS, "!first").await, get(&OTHERS, "~last").await);
                assert_eq!(first, last, "{backend}, round {round}: half a batch");
                let chain = Scan {
                    prefix: b"chain".to_vec(),
                    ..Scan::all(&OTHERS, account.as_str(), 10)
                };
                let links = target.scan(&chain).await.unwrap().len();
                let begun = first.is_some();
                assert!(
                    (usize::from(begun && round > 0)..=2).contains(&links),
                    "{links} links"
                );
            }
        }
        turns.close();
        writers.join_all().await;
        // With nobody writing, it is the store.
        let to = base.path().join(format!("{backend}-still"));
        copy(&store, &to, async || {}).await.unwrap();
        let target = memory(&clock);
        let backup = Backup::open(&to, spaces()).unwrap();
        backup
            .restore(&*target, &clock, |_| true, |_, _, _| {})
            .await
            .unwrap();
        assert_eq!(everything(&*target).await, everything(&*store).await);
    }
}

#[tokio::test]
async fn half_a_copy_is_none() {
    let clock = ManualClock::default();
    let base = TempDir::new().unwrap();
    let store = recording(memory(&clock));
    fill(&*store, &clock).await;
    let (out, mut parts) = mpsc::channel(1);
    let recorder = store.recorder().unwrap();
    let copying = tokio::spawn(async move { recorder.copy(out).await });
    let to = base.path().join("half");
    let mut writer = Writer::new(&to).unwrap();
    for copied in parts.recv().await.unwrap().unwrap() {
        writer
            .take(&serde_json::to_string(&Said::of(&copied)).unwrap())
            .unwrap();
    }
    // Whoever reads goes away: the copy ends, and another can be made.
    drop(parts);
    copying.await.unwrap();
    let error = writer.finish("now".to_owned()).unwrap_err().to_string();
    assert!(error.contains("broke off"), "{error}");
    assert!(Backup::open(&to, spaces()).is_err());
    let to = base.path().join("whole");
    copy(&store, &to, async || {}).await.unwrap();
    assert!(
        copy(&store, &to, async || {}).await.is_err(),
        "it is not empty"
    );
}

#[tokio::test]
async fn a_copy_that_was_changed_is_refused() {
    let clock = ManualClock::default();
    let base = TempDir::new().unwrap();
    let store = recording(memory(&clock));
    fill(&*store, &clock).await;
    let to = base.path().join("copy");
    copy(&store, &to, async || {}).await.unwrap();
    for name in ["manifest.json", "owned.jsonl", "pairs.jsonl"] {
        let path = to.join(name);
        let good = std::fs::read(&path).unwrap();
        for place in (0..good.len()).step_by(good.len() / 40) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            let opened = Backup::open(&to, spaces());
            // When it was made and by what is for people.
            let text = String::from_utf8_lossy(&bad);
            let for_people = name == "manifest.json" && text.contains("\"records\": 1200");
            assert!(opened.is_err() || for_people, "{name}, byte {place}");
        }
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert!(Backup::open(&to, spaces()).is_err(), "{name} is short");
        std::fs::write(&path, &good).unwrap();
    }
    Backup::open(&to, spaces()).unwrap();
}

/// An import that is killed leaves a store that no broker opens, and the same
/// import can be done again.
#[tokio::test]
async fn an_import_that_breaks_off_is_known() {
    let clock = ManualClock::default();
    let base = TempDir::new().unwrap();
    let store = recording(memory(&clock));
    fill(&*store, &clock).await;
    let to = base.path().join("copy");
    copy(&store, &to, async || {}).await.unwrap();
    let target = memory(&clock);
    let half = {
        let backup = Backup::open(&to, spaces()).unwrap();
        // The file goes away under it.
        let path = to.join("pairs.jsonl");
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&good[..good.len() / 2], b"\n{"].concat()).unwrap();
        let half = backup
            .restore(&*target, &clock, |_| true, |_, _, _| {})
            .await;
        std::fs::write(&path, &good).unwrap();
        half
    };
    assert!(half.is_err());
    let refused = backup::check_finished(&*target).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Corrupt { why, .. } if why.contains("import")),
        "{refused}"
    );
    let backup = Backup::open(&to, spaces()).unwrap();
    backup
        .restore(&*target, &clock, |_| true, |_, _, _| {})
        .await
        .unwrap();
    backup::check_finished(&*target).await.unwrap();
    assert_eq!(everything(&*target).await, everything(&*store).await);
}

/// It goes on where it broke off, and what was there before is compared as well.
#[tokio::test]
async fn an_import_goes_on_where_it_broke_off() {
    const ALL: u64 = 12_000;
    let clock = ManualClock::default();
    let base = TempDir::new().unwrap();
    let store = recording(memory(&clock));
    for n in 0..ALL {
        let key = Key::new(&PAIRS, "acme", format!("{n:06}"));
        let value = n.to_string().into_bytes();
        store.put(&key, value, Precondition::Any).await.unwrap();
    }
    let to = base.path().join("copy");
    copy(&store, &to, async || {}).await.unwrap();
    let backup = Backup::open(&to, spaces()).unwrap();
    let target = memory(&clock);
    // The file ends under it behind nine tenths.
    let path = to.join("pairs.jsonl");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&good[..good.len() / 10 * 9], b"\n{"].concat()).unwrap();
    let half = backup.restore(&*target, &clock, |_| true, |_, _, _| {});
    assert!(half.await.is_err());
    std::fs::write(&path, &good).unwrap();

    let told = std::sync::Mutex::new(Vec::new());
    let backup = Backup::open(&to, spaces()).unwrap();
    let tell = |space: &str, done, _| {
        if space == "pairs" {
            told.lock().unwrap().push(done);
        }
    };
    // What was there is not believed: somebody touched it meanwhile.
    let key = Key::new(&PAIRS, "acme", "000007");
    let value = b"another".to_vec();
    target.put(&key, value, Precondition::Any).await.unwrap();
    let done = backup.restore(&*target, &clock, |_| true, &tell).await;
    assert!(matches!(done, Err(BackupError::Differs(_))), "{done:?}");
    let first = told.lock().unwrap()[0];
    assert!(first >= 10_000, "it began again at {first}");
    target
        .put(&key, b"7".to_vec(), Precondition::Any)
        .await
        .unwrap();
    let counts = backup.restore(&*target, &clock, |_| true, &tell).await;
    assert_eq!(counts.unwrap()["pairs"], ALL);
    backup::check_finished(&*target).await.unwrap();
    assert_eq!(everything(&*target).await, everything(&*store).await);
}

#[test]
fn a_line_says_what_a_part_says() {
    let key = Key::new(&PAIRS, "acme", "id");
    let said = |copied| serde_json::to_string(&Said::of(&copied)).unwrap();
    assert_eq!(
        said(Copied::Record(key.clone(), b"x".to_vec())),
        r#"{"space":"pairs","partition":"acme","id":"aWQ=","value":"eA=="}"#
    );
    assert_eq!(
        said(Copied::Gone(key)),
        r#"{"space":"pairs","partition":"acme","id":"aWQ="}"#
    );
    assert_eq!(said(Copied::End), r#"{"mark":"end"}"#);
}
