//! The store on disk: what every store must do, and what is about its files.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use vestibule::base::{Clock, ManualClock, SystemClock, UserId};
use vestibule::store::{
    Key, Keyspace, Precondition, Scan, SledOptions, SledStore, Space, Step, Store, StoreError,
    Token, conformance,
};
use vestibule::{broker, config, session};

static KEPT: Space = Space::durable("kept");
static LOST: Space = Space::transient("lost");
static SHORT_LIVED: Space = Space::durable("short_lived").expiring();

fn open(dir: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(
        dir,
        Arc::new(ManualClock::default()),
        SledOptions::default(),
    )
}

fn refusal(dir: &Path) -> StoreError {
    match open(dir) {
        Ok(_) => panic!("it must not open"),
        Err(e) => e,
    }
}

fn kept(id: &str) -> Key {
    Key::new(&KEPT, "acme", id)
}

fn lost(id: &str) -> Key {
    Key::new(&LOST, "acme", id)
}

async fn put(store: &SledStore, key: &Key) {
    store
        .put(key, vec![7; 100], Precondition::Any)
        .await
        .unwrap();
}

async fn has(store: &SledStore, key: &Key) -> bool {
    store.get(key).await.unwrap().is_some()
}

/// A directory with `records` durable records and one transient, closed cleanly.
async fn filled(records: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..records {
        let store = Arc::clone(&store);
        tasks.spawn(async move { put(&store, &kept(&n.to_string())).await });
    }
    tasks.join_all().await;
    put(&store, &lost("one")).await;
    store.close().await.unwrap();
    dir
}

/// Every file with its content, without what opening may always write.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file() && entry.file_name() != "lock")
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// With memory for all transient records, for a few, and for none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let base = TempDir::new().unwrap();
    let count = AtomicUsize::new(0);
    let make = |transient_bytes| {
        let (base, count) = (&base, &count);
        async move |clock: Arc<dyn Clock>| {
            let dir = base
                .path()
                .join(count.fetch_add(1, Ordering::Relaxed).to_string());
            let options = SledOptions {
                transient_bytes,
                ..SledOptions::default()
            };
            Arc::new(SledStore::open(&dir, clock, options).unwrap()) as Arc<dyn Store>
        }
    };
    conformance::run(make(SledOptions::default().transient_bytes)).await;
    conformance::transient(make(400)).await;
    conformance::transient(make(0)).await;
}

#[tokio::test]
async fn what_memory_has_no_room_for_is_found_all_the_same() {
    let dir = TempDir::new().unwrap();
    let options = SledOptions {
        transient_bytes: 4_000,
        ..SledOptions::default()
    };
    let open = || SledStore::open(dir.path(), Arc::new(ManualClock::default()), options).unwrap();
    let store = open();
    for n in 0..200 {
        put(&store, &lost(&format!("{n:03}"))).await;
    }
    let all = Scan::all(&LOST, "acme", 1_000);
    let ids = |found: Vec<(Key, _)>| -> Vec<_> {
        let ids = found.iter().map(|(key, _)| key.id().to_vec());
        ids.collect()
    };
    let before = ids(store.scan(&all).await.unwrap());
    assert_eq!(before.len(), 200);
    assert!(before.is_sorted());
    assert!(store.take(&lost("000")).await.unwrap().is_some());
    assert!(store.take(&lost("199")).await.unwrap().is_some());
    assert!(store.take(&lost("000")).await.unwrap().is_none());
    store.close().await.unwrap();
    drop(store);
    let store = open();
    let after = ids(store.scan(&all).await.unwrap());
    assert_eq!(after, before[1..199], "a clean stop writes down the rest");
    assert!(store.take(&lost("199")).await.unwrap().is_none());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_clean_stop_keeps_everything() {
    let dir = filled(10).await;
    let store = open(dir.path()).unwrap();
    assert!(has(&store, &kept("9")).await);
    assert!(has(&store, &lost("one")).await);
    let version = store.get(&kept("9")).await.unwrap().unwrap().version;
    store
        .delete(&kept("9"), Precondition::Version(version))
        .await
        .unwrap();
    store.close().await.unwrap();
    assert!(matches!(
        store.get(&kept("1")).await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        store.ready().await,
        Err(StoreError::Unavailable(_))
    ));
    let store = open(dir.path()).unwrap();
    let again = store
        .put(&kept("9"), Vec::new(), Precondition::Absent)
        .await
        .unwrap();
    assert!(
        again > version,
        "versions grow across restarts, though the clock stands still"
    );
}

#[tokio::test]
async fn an_unclean_stop_drops_what_is_transient() {
    let dir = filled(10).await;
    let store = open(dir.path()).unwrap();
    store.take(&kept("1")).await.unwrap().unwrap();
    let batch = vec![
        Step::Put(kept("batch"), b"x".to_vec()),
        Step::Delete(kept("2")),
    ];
    store.commit(batch).await.unwrap();
    // Above 128 KiB sled makes a file of its own.
    store
        .put(&kept("large"), vec![7; 300_000], Precondition::Absent)
        .await
        .unwrap();
    put(&store, &lost("two")).await;
    drop(store);

    let store = open(dir.path()).unwrap();
    assert!(has(&store, &kept("9")).await);
    assert!(has(&store, &kept("batch")).await);
    assert_eq!(
        store.get(&kept("large")).await.unwrap().unwrap().value,
        vec![7; 300_000]
    );
    assert!(!has(&store, &kept("1")).await);
    assert!(!has(&store, &kept("2")).await);
    assert!(
        !has(&store, &lost("one")).await,
        "even what an earlier run closed cleanly"
    );
    assert!(!has(&store, &lost("two")).await);
    let all = Scan::all(&LOST, "acme", 10);
    assert!(store.scan(&all).await.unwrap().is_empty());
    put(&store, &lost("three")).await;
    store.close().await.unwrap();
    assert!(has(&open(dir.path()).unwrap(), &lost("three")).await);
}

#[tokio::test]
async fn a_half_written_snapshot_is_removed() {
    let dir = filled(10).await;
    let half = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
    fs::write(&half, b"half").unwrap();
    let store = open(dir.path()).unwrap();
    assert!(has(&store, &kept("9")).await);
    assert!(!half.exists());
}

#[tokio::test]
async fn d5_a_damaged_snapshot_is_put_aside() {
    let dir = filled(500).await;
    drop(open(dir.path()).unwrap());
    drop(open(dir.path()).unwrap());
    let snapshots = || {
        content(dir.path())
            .into_keys()
            .filter(|name| name.contains("snap."))
    };
    let name = snapshots()
        .find(|name| name.starts_with("snap."))
        .expect("sled wrote one");
    fs::write(
        dir.path().join(&name),
        b"damaged, and long enough to be read",
    )
    .unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..500 {
        assert!(has(&store, &kept(&n.to_string())).await, "record {n}");
    }
    assert!(
        snapshots().any(|found| found == format!("aside-{name}")),
        "it was not deleted"
    );
}

#[tokio::test]
async fn d5_a_truncated_file_is_refused_untouched() {
    for clean in [true, false] {
        let dir = filled(2000).await;
        if !clean {
            drop(open(dir.path()).unwrap());
            // The drop ends in the background; its lock tells when.
            let lock = fs::File::open(dir.path().join("lock")).unwrap();
            lock.lock().unwrap();
        }
        let db = dir.path().join("db");
        let length = fs::metadata(&db).unwrap().len();
        for cut in [1, length / 2, length - 1] {
            let file = fs::File::options().write(true).open(&db).unwrap();
            file.set_len(file.metadata().unwrap().len().min(length - cut))
                .unwrap();
            let before = content(dir.path());
            let error = refusal(dir.path());
            let StoreError::Corrupt { place, why } = &error else {
                panic!("clean {clean}, cut {cut}: {error}");
            };
            assert!(place.ends_with("/db") && why.contains("backup"), "{error}");
            assert!(
                before == content(dir.path()),
                "clean {clean}, cut {cut}: it was touched"
            );
        }
        fs::remove_file(&db).unwrap();
        assert!(
            matches!(refusal(dir.path()), StoreError::Corrupt { .. }),
            "it is missing"
        );
        assert!(!db.exists(), "no empty one was made in its place");
    }
}

#[tokio::test]
async fn the_way_around_a_refusal_works() {
    let dir = filled(2000).await;
    let db = dir.path().join("db");
    let file = fs::File::options().write(true).open(&db).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    refusal(dir.path());
    fs::remove_file(dir.path().join("state")).unwrap();
    let store = open(dir.path()).unwrap();
    assert!(has(&store, &kept("0")).await);
}

#[tokio::test]
async fn a_damaged_configuration_is_refused() {
    let dir = filled(10).await;
    fs::write(dir.path().join("conf"), "this is not a configuration").unwrap();
    let before = content(dir.path()).into_keys().collect::<Vec<_>>();
    let error = refusal(dir.path());
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(
        before,
        content(dir.path()).into_keys().collect::<Vec<_>>(),
        "nothing is lost"
    );
}

#[tokio::test]
async fn d4_a_second_opener_is_told_and_does_no_harm() {
    let dir = filled(10).await;
    let store = open(dir.path()).unwrap();
    let error = refusal(dir.path());
    assert!(matches!(error, StoreError::Locked(_)), "{error}");

    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_opens", "--nocapture"])
        .env("VESTIBULE_TEST_DIR", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(said.contains("child: the data directory"), "{said}");
    put(&store, &kept("after")).await;
    store.close().await.unwrap();
    assert!(has(&open(dir.path()).unwrap(), &kept("after")).await);
}

/// Started by others: opens, says how that went, and waits for its input's end.
#[test]
fn child_opens() {
    let Some(dir) = std::env::var_os("VESTIBULE_TEST_DIR") else {
        return;
    };
    let opened = SledStore::open(
        Path::new(&dir),
        Arc::new(SystemClock),
        SledOptions::default(),
    );
    let mut out = std::io::stdout();
    match &opened {
        Ok(_) => writeln!(out, "child: open").unwrap(),
        Err(e) => writeln!(out, "child: {e}").unwrap(),
    }
    out.flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_lock_is_free_as_soon_as_its_process_is_dead() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_opens", "--nocapture"])
        .env("VESTIBULE_TEST_DIR", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("child: open")));
    assert!(matches!(refusal(dir.path()), StoreError::Locked(_)));
    child.kill().unwrap();
    child.wait().unwrap();
    open(dir.path()).expect("the dead hold no lock");
}

#[test]
fn d3_a_directory_that_cannot_be_used_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let base = TempDir::new().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "x").unwrap();
    // Nobody may write there, not even root.
    let mut places = vec![file.clone(), file.join("below"), "/proc/vestibule".into()];
    if !rustix::process::geteuid().is_root() {
        for (name, mode) in [("read-only", 0o500), ("closed", 0o000)] {
            let dir = base.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
            places.push(dir);
        }
    }
    for place in places {
        let error = refusal(&place);
        let text = error.to_string();
        assert!(matches!(error, StoreError::Unavailable(_)), "{text}");
        assert!(
            text.contains(place.to_str().unwrap()) && text.contains("data_dir"),
            "{text}"
        );
    }
    let fresh = base.path().join("a/b");
    open(&fresh).unwrap();
    let mode = fs::metadata(&fresh).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "only for its owner");
}

#[tokio::test]
async fn a_dropped_wait_does_no_harm() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path()).unwrap();
    for n in 0..200 {
        let key = kept(&n.to_string());
        let put = store.put(&key, Vec::new(), Precondition::Any);
        // Polled once: the write is made, and nobody waits for the answer.
        let _ = tokio::time::timeout(Duration::ZERO, put).await;
    }
    put(&store, &kept("last")).await;
    drop(store);
    let store = open(dir.path()).unwrap();
    for n in 0..200 {
        assert!(
            has(&store, &kept(&n.to_string())).await,
            "an earlier write than the last one"
        );
    }
}

/// A directory from before records had owners: what is a person's is found
/// once it was opened.
#[tokio::test]
async fn records_of_before_get_their_owners() {
    static BEFORE: Space = Space::durable("sessions").expiring();
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::default();
    let account = "acme".parse().unwrap();
    let (ada, bob) = (UserId::new(), UserId::new());
    let store = SledStore::open(dir.path(), Arc::new(clock.clone()), SledOptions::default());
    let store = store.unwrap();
    for (user, count) in [(ada, 3), (bob, 2)] {
        for _ in 0..count {
            let token = Token::new(clock.now().plus(Duration::from_secs(60)));
            let session = serde_json::json!({
                "user": user,
                "email": "ada@acme.test",
                "provider": "acme",
                "digest": "",
                "created_at": clock.now(),
                "expires_at": token.expires_at(),
                "seen_at": clock.now(),
            });
            let records = Keyspace::new(&BEFORE);
            records
                .put_by(&store, "acme", &token, &session, Precondition::Absent)
                .await
                .unwrap();
        }
    }
    store.close().await.unwrap();
    drop(store);
    for round in 0..2 {
        let mut config = config::from_parts("", [], None).unwrap();
        config.data_dir = dir.path().to_owned();
        let store = broker::open_store(&config, Arc::new(clock.clone()));
        let store = store.await.unwrap();
        let theirs = session::page_of(&*store, &account, ada, None, 10).await;
        let left = if round == 0 { 3 } else { 0 };
        assert_eq!(theirs.unwrap().len(), left);
        let ended = session::revoke_user(&*store, &account, ada).await;
        assert_eq!(ended.unwrap(), left);
        let others = session::page(&*store, &account, None, 10).await.unwrap();
        assert!(others.iter().all(|(_, other)| other.value.user == bob));
        assert_eq!(others.len(), 2);
        store.close().await.unwrap();
    }
}

/// One flipped bit anywhere in a directory that was closed in order: the start
/// names the file and changes nothing.
#[tokio::test]
async fn f11_d5_a_flipped_bit_is_named_and_nothing_is_touched() {
    let dir = filled(300).await;
    let gone = {
        let store = open(dir.path()).unwrap();
        let gone = kept("7");
        assert!(store.delete(&gone, Precondition::Any).await.unwrap());
        store.close().await.unwrap();
        gone
    };
    let good = content(dir.path());
    for name in ["db", "conf", "digest", "state"] {
        let path = dir.path().join(name);
        let bytes = fs::read(&path).unwrap();
        // All of the small files; of the log, what was written and some of the rest.
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let steps = (bytes.len() / 200).max(1);
        let near = (0..written).step_by((written / 200).max(1));
        for (turn, place) in near.chain((0..bytes.len()).step_by(steps)).enumerate() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (turn % 8);
            fs::write(&path, &flipped).unwrap();
            let error = refusal(dir.path());
            let StoreError::Corrupt { place: named, why } = &error else {
                panic!("{name}, byte {place}: {error}");
            };
            assert!(
                named.ends_with(&format!("/{name}")) && why.contains("backup"),
                "{name}, byte {place}: {error}"
            );
            assert!(fs::read(&path).unwrap() == flipped, "{name} was touched");
        }
        fs::write(&path, &bytes).unwrap();
    }
    let now = content(dir.path());
    assert!(good == now, "nothing else was touched");
    let store = open(dir.path()).unwrap();
    assert!(!has(&store, &gone).await);
    assert!(has(&store, &kept("8")).await);
}

/// Files of which there is one too many or too few are named as well.
#[tokio::test]
async fn f11_a_missing_or_a_foreign_file_is_named() {
    let dir = filled(10).await;
    let before = content(dir.path());
    let blob = |name: &str| dir.path().join("blobs").join(name);
    fs::write(blob("77"), b"not ours").unwrap();
    assert!(refusal(dir.path()).to_string().contains("/blobs/77"));
    fs::remove_file(blob("77")).unwrap();
    fs::remove_file(dir.path().join("digest")).unwrap();
    assert!(refusal(dir.path()).to_string().contains("/digest"));
    fs::write(dir.path().join("digest"), &before["digest"]).unwrap();
    assert!(before == content(dir.path()));
    open(dir.path()).unwrap();
}

/// The bytes of all files below a directory.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            size(&entry.path())
        } else {
            metadata.len()
        }
    });
    sizes.sum()
}

/// Records come and end all the time; at any moment as many live as at any other.
#[tokio::test]
async fn d8_records_that_end_leave_their_place_to_others() {
    const LIVING: usize = 1_000;
    const RECORD: usize = 1_000;
    let dir = TempDir::new().unwrap();
    let clock = ManualClock::default();
    let options = SledOptions {
        flush_every_ms: 5,
        ..SledOptions::default()
    };
    let store = SledStore::open(dir.path(), Arc::new(clock.clone()), options).unwrap();
    let mut most = 0;
    for round in 0..40 {
        for n in 0..LIVING {
            let end = clock.now().plus(Duration::from_secs(60));
            let id = format!("{round} {n}");
            let key = Key::expiring(&SHORT_LIVED, "acme", end, id.as_bytes());
            let value = vec![u8::try_from(n % 251).unwrap(); RECORD];
            let put = store.put_soon(&key, value, Precondition::Absent);
            put.await.unwrap();
        }
        clock.advance(Duration::from_secs(61));
        while store.purge_expired(&SHORT_LIVED, 500).await.unwrap() > 0 {}
        put(&store, &kept("sync")).await;
        most = most.max(size(dir.path()));
    }
    store.close().await.unwrap();
    let live = u64::try_from(LIVING * RECORD).unwrap();
    assert!(
        most < 16 * live,
        "{} KiB on disk for {} KiB of live records, after 40 times as many",
        most >> 10,
        live >> 10
    );
}
