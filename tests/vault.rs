//! Secrets at rest: encrypted under the master key, whatever wrote them, and the
//! master key can be changed.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use vestibule::account::draft::{self, Draft};
use vestibule::account::mapping::Consent;
use vestibule::account::{self, Account, Mappings};
use vestibule::base::{AccountId, Clock, ManualClock, ProviderId, Secret};
use vestibule::broker;
use vestibule::config::{self, Config};
use vestibule::key::{KeyError, Keyring, vault};
use vestibule::mail::{Letter, Mail, template::Rendered};
use vestibule::store::{
    Entry, Key, MemoryStore, Precondition, Scan, Space, Step, Store, StoreError, Version, verify,
};

const CANARY: &str = "canary-7f3e-client-secret";

fn configuration(dir: &Path) -> Config {
    let mut config = config::from_parts("", [], None).unwrap();
    dir.clone_into(&mut config.data_dir);
    config.public_url = Some("http://127.0.0.1:8080".parse().unwrap());
    config.outbound.allow_http = true;
    config.outbound.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    config
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn mapping() -> String {
    include_str!("../providers/mock-idp.toml")
        .replace("\"mock-idp\"", "\"acme\"")
        .replace("vestibule-demo-secret", CANARY)
}

fn mappings(store: &Arc<dyn Store>, config: &Config) -> Mappings {
    Mappings::new(
        Arc::clone(store),
        broker::policy(config),
        broker::redirects(config),
    )
}

/// Everything that has a secret in it, by the ways that requests go.
async fn fill(store: &Arc<dyn Store>, config: &Config, clock: &ManualClock) {
    let account = Account::new(acme(), "Acme", Vec::new(), clock.now());
    account::put(&**store, &account, Precondition::Absent)
        .await
        .unwrap();
    let all = mappings(store, config);
    for _ in 0..2 {
        let consent = Consent::default();
        all.apply(&acme(), &mapping(), "test", clock.now(), None, consent)
            .await
            .unwrap();
    }
    let draft = Draft::new(mapping(), None, "test");
    draft::create(&**store, &acme(), &draft, clock.now())
        .await
        .unwrap();
    let settings = config::from_parts(
        "[mail]\nurl = \"smtp://127.0.0.1:9\"\nfrom = \"login@platform.test\"\n",
        [],
        None,
    )
    .unwrap();
    let mail = Mail::new(
        Arc::clone(store),
        Arc::new(clock.clone()),
        settings.mail.as_ref(),
    );
    let letter = Letter {
        account: acme(),
        kind: "access_key",
        from: None,
        to: "ada@acme.test".into(),
        text: Rendered {
            subject: "Your access key".into(),
            text: CANARY.into(),
            html: None,
        },
        useful_for: Duration::from_secs(600),
    };
    mail.unwrap().send(letter).await.unwrap();
}

/// All that [`fill`] wrote can be read.
async fn assert_whole(store: &Arc<dyn Store>, config: &Config) {
    let all = mappings(store, config);
    let provider: ProviderId = "acme".parse().unwrap();
    let found = all.get(&acme(), &provider).await.unwrap().unwrap();
    assert!(found.value.source.contains(CANARY));
    let history = all.history(&acme(), &provider, None, 10).await.unwrap();
    assert_eq!(history.len(), 2);
    assert!(history.iter().all(|one| one.source.contains(CANARY)));
    let drafts = draft::list(&**store, &acme(), 10).await.unwrap();
    assert!(drafts[0].source.contains(CANARY));
    assert_eq!(
        found_in(&**store).await,
        5,
        "two versions, the current one, a draft, a message"
    );
}

/// In how many records of a store the canary stands.
async fn found_in(store: &dyn Store) -> usize {
    let mut count = 0;
    for space in broker::spaces() {
        for partition in store.partitions(space).await.unwrap() {
            let all = store
                .scan(&Scan::all(space, partition, 1000))
                .await
                .unwrap();
            count += all
                .iter()
                .filter(|(_, entry)| has_canary(&entry.value))
                .count();
        }
    }
    count
}

fn has_canary(bytes: &[u8]) -> bool {
    bytes
        .windows(CANARY.len())
        .any(|part| part == CANARY.as_bytes())
}

/// The files of a directory in which the canary stands.
fn files_with_canary(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with_canary(&path));
        } else if has_canary(&std::fs::read(&path).unwrap()) {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn keyring(store: &Arc<dyn Store>, config: &Config, clock: &ManualClock) -> Keyring {
    let hour = Duration::from_secs(3600);
    let clock = Arc::new(clock.clone());
    let opened = Keyring::open(
        Arc::clone(store),
        &config.auth,
        clock,
        &config.data_dir,
        hour,
    );
    opened.await.unwrap()
}

/// A memory and a directory for the master key.
struct Vault {
    dir: TempDir,
    clock: ManualClock,
    config: Config,
    bare: Arc<dyn Store>,
}

impl Vault {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = ManualClock::default();
        Self {
            config: configuration(dir.path()),
            bare: Arc::new(MemoryStore::new(Arc::new(clock.clone()))),
            clock,
            dir,
        }
    }

    async fn try_open(&self) -> Result<Arc<dyn Store>, KeyError> {
        let (auth, dir) = (&self.config.auth, &self.config.data_dir);
        vault::open(Arc::clone(&self.bare), auth, dir, broker::spaces()).await
    }

    async fn open(&self) -> Arc<dyn Store> {
        self.try_open().await.unwrap()
    }

    async fn rotate(&self, over: Arc<dyn Store>) -> Result<(), KeyError> {
        let (auth, dir) = (&self.config.auth, &self.config.data_dir);
        vault::rotate(over, auth, dir, broker::spaces()).await
    }

    fn master(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("master.key")).unwrap()
    }
}

#[tokio::test]
async fn f17_no_secret_stands_in_the_data_directory() {
    let dir = TempDir::new().unwrap();
    let config = configuration(dir.path());
    let clock = ManualClock::default();
    for round in 0..2 {
        let store = broker::open_store(&config, Arc::new(clock.clone()))
            .await
            .unwrap();
        if round == 0 {
            fill(&store, &config, &clock).await;
        }
        assert_whole(&store, &config).await;
        store.close().await.unwrap();
        drop(store);
        assert_eq!(files_with_canary(dir.path()), Vec::<String>::new());
    }
    // The search would find it.
    let dir = TempDir::new().unwrap();
    let bare = broker::open_bare(&configuration(dir.path()), Arc::new(clock.clone()))
        .await
        .unwrap();
    fill(&bare, &config, &clock).await;
    bare.close().await.unwrap();
    assert!(!files_with_canary(dir.path()).is_empty());
}

#[tokio::test]
async fn f17_records_of_before_are_sealed_at_the_next_start() {
    let world = Vault::new();
    fill(&world.bare, &world.config, &world.clock).await;
    assert_eq!(found_in(&*world.bare).await, 5);
    let store = world.open().await;
    assert_whole(&store, &world.config).await;
    assert_eq!(found_in(&*world.bare).await, 0);
}

#[tokio::test]
async fn f17_the_master_key_changes() {
    let world = Vault::new();
    let store = world.open().await;
    fill(&store, &world.config, &world.clock).await;
    let signs = keyring(&store, &world.config, &world.clock).await;
    let kid = signs.active().kid().to_owned();
    drop(store);
    let before = world.master();
    world.rotate(Arc::clone(&world.bare)).await.unwrap();
    let after = world.master();
    assert_ne!(before, after);
    assert_eq!(after.lines().count(), 1, "the former one is gone");
    let store = world.open().await;
    assert_whole(&store, &world.config).await;
    let signs = keyring(&store, &world.config, &world.clock).await;
    assert_eq!(signs.active().kid(), kid);
    // The former one opens nothing any more, and is named.
    std::fs::write(world.dir.path().join("master.key"), before).unwrap();
    let error = world.try_open().await.err().unwrap();
    assert_eq!(error.code(), "key.master_wrong");
}

/// Fails after so many operations, as a process does that is killed.
struct Dying {
    inner: Arc<dyn Store>,
    left: AtomicUsize,
}

impl Dying {
    fn step(&self) -> Result<(), StoreError> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        left.map(drop)
            .map_err(|_| StoreError::Unavailable("killed".into()))
    }
}

#[async_trait]
impl Store for Dying {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.step()?;
        self.inner.get(key).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.step()?;
        self.inner.put(key, value, when).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.step()?;
        self.inner.take(key).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.step()?;
        self.inner.delete(key, when).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.step()?;
        self.inner.scan(scan).await
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.step()?;
        self.inner.partitions(space).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        self.step()?;
        self.inner.commit(steps).await
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.inner.purge_expired(space, limit).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

#[tokio::test]
async fn f17_a_rotation_that_is_killed_anywhere_goes_on() {
    let world = Vault::new();
    let store = world.open().await;
    fill(&store, &world.config, &world.clock).await;
    drop(keyring(&store, &world.config, &world.clock).await);
    let mut deaths = 0;
    for steps in 0.. {
        let inner = Arc::clone(&world.bare);
        let before = world.master();
        let dying = Arc::new(Dying {
            inner,
            left: AtomicUsize::new(steps),
        });
        let done = world.rotate(dying).await.is_ok();
        assert!(world.master().lines().count() <= 2);
        // The next one may be killed as well, before it gets on.
        let inner = Arc::clone(&world.bare);
        let dying = Arc::new(Dying {
            inner,
            left: AtomicUsize::new(steps / 2),
        });
        drop(world.rotate(dying).await);
        let store = world.open().await;
        assert_whole(&store, &world.config).await;
        drop(keyring(&store, &world.config, &world.clock).await);
        assert_eq!(found_in(&*world.bare).await, 0);
        assert_eq!(world.master().lines().count(), 1, "after {steps} steps");
        if done {
            assert_ne!(world.master(), before);
            break;
        }
        deaths += 1;
    }
    assert!(
        deaths > 20,
        "{deaths} deaths are too few to have been anywhere"
    );
}

#[tokio::test]
async fn a_configured_master_key_changes_with_the_former_one_beside_it() {
    let mut world = Vault::new();
    let (old, new) = (
        Secret::new("a master key of before, long"),
        Secret::new("a master key from now on, long"),
    );
    world.config.auth.master_key = Some(old.clone());
    let store = world.open().await;
    fill(&store, &world.config, &world.clock).await;
    drop(keyring(&store, &world.config, &world.clock).await);
    let refused = world.rotate(Arc::clone(&world.bare)).await.unwrap_err();
    assert_eq!(refused.code(), "key.master_given");
    world.config.auth.master_key = Some(new.clone());
    let refused = world.try_open().await.err().unwrap();
    assert_eq!(refused.code(), "key.master_wrong");
    world.config.auth.former_master_keys = vec![old];
    assert_whole(&world.open().await, &world.config).await;
    world.config.auth.former_master_keys.clear();
    let store = world.open().await;
    assert_whole(&store, &world.config).await;
    drop(keyring(&store, &world.config, &world.clock).await);
    assert!(!world.dir.path().join("master.key").exists());
}

#[tokio::test]
async fn a_lost_master_key_is_never_made_anew() {
    let world = Vault::new();
    drop(world.open().await);
    std::fs::remove_file(world.dir.path().join("master.key")).unwrap();
    let error = world.try_open().await.err().unwrap();
    assert_eq!(error.code(), "key.master_missing");
    assert!(!world.dir.path().join("master.key").exists());
}

/// Neither a changed bit nor another record's content passes for a record.
#[tokio::test]
async fn what_is_sealed_can_neither_be_changed_nor_moved() {
    static SEALED: Space = Space::durable("applications").owned().sealed();
    let world = Vault::new();
    let store = world.open().await;
    let (one, other) = (Key::new(&SEALED, "", "one"), Key::new(&SEALED, "", "other"));
    for key in [&one, &other] {
        store
            .put(key, b"\x01\"content\"".to_vec(), Precondition::Any)
            .await
            .unwrap();
    }
    let kept = world.bare.get(&one).await.unwrap().unwrap().value;
    let moved = world.bare.put(&other, kept.clone(), Precondition::Any);
    moved.await.unwrap();
    let error = store.get(&other).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("applications"), "{error}");
    // Not the first byte: that says whether it is encrypted at all.
    for bit in 8..kept.len() * 8 {
        let mut changed = kept.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        world
            .bare
            .put(&one, changed, Precondition::Any)
            .await
            .unwrap();
        let error = store.get(&one).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "bit {bit}: {error}"
        );
    }
}

/// What the broker seals, sweeps and copies is every space that the sources name.
#[test]
fn no_space_is_forgotten() {
    fn collect(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("conformance") || path.ends_with("conformance.rs") {
                continue;
            }
            if path.is_dir() {
                collect(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for (at, _) in text.match_indices(": Space = Space::") {
                let name = text[at..].split('"').nth(1).unwrap();
                assert!(found.insert(name.to_owned()), "two spaces `{name}`");
            }
        }
    }
    let mut named = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut named,
    );
    // Of a database and a server as they run, and no part of what is copied.
    assert!(named.remove("transient_server"));
    let known: BTreeSet<_> = broker::spaces()
        .map(|space| space.name.to_owned())
        .collect();
    assert_eq!(named, known);
}

/// A damaged record is named, and hides none of the others.
#[tokio::test]
async fn f11_a_damaged_record_is_named_by_the_count() {
    static HISTORY: Space = Space::durable("mapping_history").sealed();
    let world = Vault::new();
    let store = world.open().await;
    fill(&store, &world.config, &world.clock).await;
    let whole = verify::count(&*store, &*world.bare, &HISTORY)
        .await
        .unwrap();
    assert_eq!((whole.records, whole.damaged.len()), (2, 0));
    let all = world
        .bare
        .scan(&Scan::all(&HISTORY, "acme", 10))
        .await
        .unwrap();
    let (key, entry) = all.into_iter().next().unwrap();
    let mut value = entry.value;
    *value.last_mut().unwrap() ^= 1;
    world
        .bare
        .put(&key, value, Precondition::Any)
        .await
        .unwrap();
    let rest = verify::count(&*store, &*world.bare, &HISTORY)
        .await
        .unwrap();
    assert_eq!(rest.records, 1);
    let [named] = &rest.damaged[..] else {
        panic!("{:?}", rest.damaged);
    };
    assert!(
        named.contains("mapping_history") && named.contains("acme"),
        "{named}"
    );
    assert!(!named.contains(CANARY));
}
