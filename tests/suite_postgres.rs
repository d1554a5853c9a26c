//! A store in PostgreSQL: what every store must do, and what goes wrong with
//! databases.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use support::postgres::{PASSWORD, Postgres, USER};
use vestibule::base::{Clock, ManualClock, Secret, SystemClock};
use vestibule::store::{
    Key, PostgresOptions, PostgresStore, Precondition, Scan, Space, Step, Store, StoreError,
    conformance,
};

static KEPT: Space = Space::durable("kept");
static LOST: Space = Space::transient("lost").expiring();

/// The version of the tables.
const NEWEST: i64 = 2;

/// The clock of a test is not the server's.
const OPTIONS: PostgresOptions = PostgresOptions {
    connections: 16,
    skew: None,
};

async fn open(url: &Secret) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(url, Arc::new(SystemClock), PostgresOptions::default()).await
}

async fn migrated(server: &Postgres) -> Secret {
    let url = server.empty().await;
    PostgresStore::migrate(&url, Arc::new(SystemClock))
        .await
        .unwrap();
    url
}

async fn refusal(url: &Secret) -> String {
    match open(url).await {
        Ok(_) => panic!("it must be refused"),
        Err(StoreError::Refused(why)) => {
            assert!(!why.contains(PASSWORD), "{why}");
            why
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let Some(server) = Postgres::start() else {
        return;
    };
    conformance::run(async |clock: Arc<dyn Clock>| {
        let url = migrated(&server).await;
        let store = PostgresStore::open(&url, clock, OPTIONS).await;
        Arc::new(store.unwrap()) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_ready_is_refused_with_what_to_do() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let clock = || Arc::new(SystemClock);
    let url = server.empty().await;
    let why = refusal(&url).await;
    assert!(why.contains("`vestibule data migrate`"), "{why}");
    // Several at once, and again.
    let all = (0..4).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { PostgresStore::migrate(&url, clock()).await })
    });
    for one in all.collect::<Vec<_>>() {
        let (_, now) = one.await.unwrap().unwrap();
        assert_eq!(now, NEWEST);
    }
    assert_eq!(
        PostgresStore::migrate(&url, clock()).await.unwrap(),
        (NEWEST, NEWEST)
    );
    open(&url).await.unwrap().ready().await.unwrap();

    let set = "UPDATE vestibule_meta SET schema = 99";
    server.run_at(&url, set).await;
    let why = refusal(&url).await;
    assert!(why.contains("schema 99, which is newer"), "{why}");
    assert!(PostgresStore::migrate(&url, clock()).await.is_err());
    let set = "UPDATE vestibule_meta SET schema = 2; DROP TABLE vestibule_transient";
    server.run_at(&url, set).await;
    let why = refusal(&url).await;
    assert!(why.contains("no table `vestibule_transient`"), "{why}");
    server.run_at(&url, "DROP TABLE vestibule_meta").await;
    let why = refusal(&url).await;
    assert!(why.contains("not whole"), "{why}");

    let url = server.empty().await;
    server.run_at(&url, "CREATE TABLE orders (id int)").await;
    let why = refusal(&url).await;
    assert!(
        why.contains("another program") && why.contains("`orders`"),
        "{why}"
    );
    let migrated = PostgresStore::migrate(&url, clock()).await;
    assert!(matches!(migrated, Err(StoreError::Refused(_))));
    let url = migrated_as(&server, "somebody").await;
    let why = refusal(&url).await;
    assert!(why.contains("another program, `somebody`"), "{why}");
}

async fn migrated_as(server: &Postgres, program: &str) -> Secret {
    let url = migrated(server).await;
    let set = format!("UPDATE vestibule_meta SET program = '{program}'");
    server.run_at(&url, &set).await;
    url
}

#[tokio::test]
async fn a_server_that_is_not_the_right_one_is_refused_with_what_to_do() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let at = |user: &str, password: &str, database: &str| {
        let port = server.port;
        Secret::new(format!(
            "postgres://{user}:{password}@127.0.0.1:{port}/{database}"
        ))
    };
    let why = refusal(&at(USER, "wrong", "postgres")).await;
    assert!(why.contains("refuses the user `vestibule`"), "{why}");
    let why = refusal(&at(USER, PASSWORD, "nothing")).await;
    assert!(why.contains("`createdb nothing`"), "{why}");

    let url = migrated(&server).await;
    let behind = ManualClock::new(SystemClock.now().plus(Duration::from_secs(60)));
    let opened = PostgresStore::open(&url, Arc::new(behind), PostgresOptions::default()).await;
    let Err(StoreError::Refused(why)) = opened else {
        panic!("a clock that is a minute off");
    };
    assert!(why.contains("ahead of the database's"), "{why}");

    // As a standby answers.
    let set = "ALTER ROLE vestibule SET default_transaction_read_only = on";
    server.run("postgres", set).await;
    let why = refusal(&url).await;
    assert!(
        why.contains("read-only") && why.contains("primary"),
        "{why}"
    );

    // A certificate that nobody vouches for; this server has none at all.
    let encrypted = Secret::new(format!("{}&sslmode=verify-full", url.expose()));
    let opened = open(&encrypted).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))));
    drop(server);
    let opened = open(&url).await;
    let Err(StoreError::Unavailable(why)) = opened else {
        panic!("nobody is there");
    };
    assert!(why.contains("cannot be reached"), "{why}");
}

#[tokio::test]
async fn a_crash_keeps_what_is_durable_and_nothing_else() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let url = migrated(&server).await;
    let store = open(&url).await.unwrap();
    let kept = |id: &str| Key::new(&KEPT, "acme", id);
    let lost = Key::expiring(
        &LOST,
        "acme",
        SystemClock.now().plus(Duration::from_secs(600)),
        b"x",
    );
    store
        .put_soon(&kept("soon"), b"x".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    store
        .put(&kept("one"), b"x".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    store
        .put(&lost, b"x".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    store.take(&kept("soon")).await.unwrap().unwrap();
    let batch = vec![Step::Put(kept("batch"), b"x".to_vec())];
    store.commit(batch).await.unwrap();
    server.crash();
    // Connections of before are found out; then new ones are made.
    while let Err(error) = store.ready().await {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
    let there = store.scan(&Scan::all(&KEPT, "acme", 10)).await.unwrap();
    let there: Vec<_> = there.iter().map(|(key, _)| key.id()).collect();
    assert_eq!(there, [b"batch".as_slice(), b"one"]);
    assert_eq!(store.get(&lost).await.unwrap(), None);
    store
        .put(&lost, b"y".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    assert!(store.take(&lost).await.unwrap().is_some());
}

/// One that hangs is given up, and used again once it answers.
#[tokio::test]
async fn a_server_that_hangs_is_an_error_and_recovers() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = migrated(&server).await;
    let store = open(&url).await.unwrap();
    let key = Key::new(&KEPT, "acme", "one");
    store
        .put(&key, b"x".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    server.pause(true);
    let read = store.get(&key).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let ready = store.ready().await;
    assert!(
        matches!(ready, Err(StoreError::Unavailable(_))),
        "{ready:?}"
    );
    server.pause(false);
    store.ready().await.unwrap();
    assert!(store.get(&key).await.unwrap().is_some());
}

/// Two brokers' stores on one database: what one writes the other sees, and of
/// two who write one is refused.
#[tokio::test]
async fn two_stores_are_one() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = migrated(&server).await;
    let (one, two) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    let key = Key::new(&KEPT, "acme", "one");
    let first = one.put(&key, b"1".to_vec(), Precondition::Absent).await;
    let first = Precondition::Version(first.unwrap());
    let again = two.put(&key, b"2".to_vec(), Precondition::Absent).await;
    assert!(matches!(again, Err(StoreError::Conflict)));
    two.put(&key, b"2".to_vec(), first).await.unwrap();
    let late = one.put(&key, b"3".to_vec(), first).await;
    assert!(matches!(late, Err(StoreError::Conflict)));
    assert_eq!(one.get(&key).await.unwrap().unwrap().value, b"2");
    // Each makes what the other says is missing: one of both.
    let (a, b) = (Key::new(&KEPT, "acme", "a"), Key::new(&KEPT, "acme", "b"));
    for _ in 0..20 {
        let batch = |missing: &Key, made: &Key| {
            vec![
                Step::Check(missing.clone(), Precondition::Absent),
                Step::Put(made.clone(), Vec::new()),
            ]
        };
        let both = tokio::join!(one.commit(batch(&a, &b)), two.commit(batch(&b, &a)));
        let done = usize::from(both.0.is_ok()) + usize::from(both.1.is_ok());
        assert_eq!(done, 1, "{both:?}");
        for key in [&a, &b] {
            one.delete(key, Precondition::Any).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_command_line_makes_the_tables() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.empty().await;
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
        let said = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(arguments)
            .current_dir(dir.path())
            .env("VESTIBULE_STORE__DURABLE", url.expose())
            .env("VESTIBULE_AUTH__MASTER_KEY", key)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!text.contains(PASSWORD), "{text}");
        (said.status.success(), text)
    };
    let (done, said) = run(&["account", "list"]);
    assert!(!done && said.contains("`vestibule data migrate`"), "{said}");
    let (done, said) = run(&["data", "migrate"]);
    assert!(done && said.contains("has schema 2 now"), "{said}");
    let (done, said) = run(&["data", "migrate"]);
    assert!(done && said.contains("already"), "{said}");
    let (done, said) = run(&["account", "create", "acme"]);
    assert!(done, "{said}");
    // Another data directory, the same account: it is in the database.
    let (done, said) = run(&["--data-dir", "other", "account", "show", "acme"]);
    assert!(done, "{said}");
    let (done, said) = run(&["data", "verify"]);
    assert!(done, "{said}");
}

/// Of several servers in one URL one is used; which ones can't be, is said.
#[tokio::test]
async fn servers_that_are_not_one_cluster_are_refused_with_what_to_do() {
    let (Some(primary), Some(other)) = (Postgres::start(), Postgres::start()) else {
        return;
    };
    let standby = primary.standby();
    let at = |one: &Postgres, two: &Postgres| one.url_with(two, "postgres");
    PostgresStore::migrate(&at(&standby, &primary), Arc::new(SystemClock))
        .await
        .unwrap();
    // The standby stands first, and does not matter.
    open(&at(&standby, &primary)).await.unwrap();
    let why = refusal(&standby.url("postgres")).await;
    assert!(
        why.contains("read-only") && why.contains("primary"),
        "{why}"
    );
    for url in [at(&primary, &other), at(&other, &primary)] {
        let why = refusal(&url).await;
        assert!(why.contains("nothing to do with each other"), "{why}");
        assert!(why.contains(&format!("127.0.0.1:{}", other.port)), "{why}");
        let migrated = PostgresStore::migrate(&url, Arc::new(SystemClock)).await;
        assert!(matches!(migrated, Err(StoreError::Refused(_))));
    }
    // Both take writes since one was promoted: that one is it.
    standby.promote().await;
    let url = at(&primary, &standby);
    let store = open(&url).await.unwrap();
    let key = Key::new(&KEPT, "acme", "one");
    store
        .put(&key, b"x".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    let count = "SELECT count(*)::text FROM vestibule_record WHERE space = 'kept'";
    assert_eq!(standby.ask(count).await, "1");
    assert_eq!(primary.ask(count).await, "0");
}
