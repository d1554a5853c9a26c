//! A known person's login waits for no disk; what a crash may take of it, and
//! what it may not.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use support::{Browser, World};
use tempfile::TempDir;
use vestibule::base::SystemClock;
use vestibule::session;
use vestibule::store::{SledOptions, SledStore, Store};

/// On disk only what somebody waits for: the tick never comes.
const NO_TICK: SledOptions = SledOptions {
    cache_bytes: 16 << 20,
    flush_every_ms: 3_600_000,
    transient_bytes: 8 << 20,
};

fn open(dir: &Path, options: SledOptions) -> SledStore {
    SledStore::open(dir, Arc::new(SystemClock), options).unwrap()
}

/// What a crash at this moment would leave.
fn crashed(dir: &Path) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let left = tempfile::tempdir().unwrap();
    copy(dir, left.path());
    left
}

/// Ids of the account's sessions that a crash would leave.
async fn sessions_left(dir: &Path) -> Vec<Vec<u8>> {
    let left = crashed(dir);
    let store = open(left.path(), SledOptions::default());
    let account = "acme".parse().unwrap();
    let found = session::page(&store, &account, None, 100).await.unwrap();
    found
        .into_iter()
        .map(|(key, _)| key.id().to_vec())
        .collect()
}

async fn started(dir: &Path) -> World {
    let world = World::over(|_| {}, |_| Arc::new(open(dir, NO_TICK)) as Arc<dyn Store>).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    world
}

#[tokio::test]
async fn a_new_persons_session_is_on_disk_and_a_returning_ones_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let world = started(dir.path()).await;
    world.log_in(&mut Browser::new()).await;
    assert_eq!(sessions_left(dir.path()).await.len(), 1, "a new person");

    // At once again: their record may not be on disk as far as this login knows.
    world.log_in(&mut Browser::new()).await;
    assert_eq!(sessions_left(dir.path()).await.len(), 2);

    world.clock.advance(Duration::from_secs(60));
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let user = browser.session(&world, "acme").await["user"]["id"].clone();
    assert_eq!(sessions_left(dir.path()).await.len(), 2, "not waited for");

    // The next write that somebody waits for takes it along; a logout is one, and
    // what it ended does not come back.
    let before = sessions_left(dir.path()).await;
    browser.post(world.url("acme", "logout"), &[]).await;
    assert_eq!(sessions_left(dir.path()).await, before);

    // Whoever was told who they are stays that.
    let users = world.users("acme").await;
    assert_eq!(users.len(), 1);
    assert_eq!(user, users[0].id.to_string());
}

#[tokio::test]
async fn an_orderly_stop_keeps_what_nobody_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let world = started(dir.path()).await;
    world.log_in(&mut Browser::new()).await;
    world.clock.advance(Duration::from_secs(60));
    world.log_in(&mut Browser::new()).await;
    assert_eq!(sessions_left(dir.path()).await.len(), 1);
    world.store.close().await.unwrap();
    assert_eq!(sessions_left(dir.path()).await.len(), 2);
}

#[tokio::test]
async fn a_change_of_who_someone_is_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let world = started(dir.path()).await;
    world.log_in(&mut Browser::new()).await;
    world.clock.advance(Duration::from_secs(60));
    world.idp.configure(|config| {
        config.accounts[0].profile["name"] = "Another Name".into();
    });
    world.log_in(&mut Browser::new()).await;
    assert_eq!(sessions_left(dir.path()).await.len(), 2);
}

/// Real time: the disk's.
#[tokio::test]
async fn what_nobody_waits_for_is_on_disk_a_moment_later() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::over(
        |_| {},
        |_| Arc::new(open(dir.path(), SledOptions::default())) as Arc<dyn Store>,
    )
    .await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    world.log_in(&mut Browser::new()).await;
    world.clock.advance(Duration::from_secs(60));
    world.log_in(&mut Browser::new()).await;
    // Ends, or the test is never done.
    while sessions_left(dir.path()).await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
