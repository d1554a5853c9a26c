//! The disk is full: writes are refused, nothing acknowledged is lost, and it
//! goes on by itself once there is room.
//!
//! A limit on the size of files stands for the full disk. It needs a process of
//! its own, started by a shell that ignores the signal which comes with it.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use vestibule::base::ManualClock;
use vestibule::store::{Key, Precondition, SledOptions, SledStore, Space, Store, StoreError};

static KEPT: Space = Space::durable("kept");
static LOST: Space = Space::transient("lost");

fn open(dir: &Path) -> SledStore {
    SledStore::open(
        dir,
        Arc::new(ManualClock::default()),
        SledOptions::default(),
    )
    .unwrap()
}

fn limit(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: bytes.or(maximum),
            maximum,
        },
    )
    .unwrap();
}

fn key(space: &'static Space, number: u32) -> Key {
    Key::new(space, "acme", number.to_be_bytes())
}

/// Writes until it is refused; says how many were acknowledged.
async fn fill(store: &SledStore, space: &'static Space, first: u32) -> u32 {
    for number in first..first + 1_000_000 {
        let put = store
            .put(&key(space, number), vec![7; 4000], Precondition::Any)
            .await;
        match put {
            Ok(_) => {}
            Err(StoreError::Unavailable(_)) => return number,
            Err(e) => panic!("{e}"),
        }
    }
    panic!("it was never refused");
}

async fn all_there(store: &SledStore, until: u32) {
    for number in 0..until {
        let found = store.get(&key(&KEPT, number)).await.unwrap();
        assert!(found.is_some(), "{number} of {until} was acknowledged");
    }
}

#[test]
fn d3_a_full_disk() {
    let dir = TempDir::new().unwrap();
    let child = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; exec \"$0\" --exact child_fills --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env("VESTIBULE_FULL_DIR", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(
        child.status.success() && said.contains("filled and recovered"),
        "{said}"
    );
}

#[test]
fn child_fills() {
    let Some(dir) = std::env::var_os("VESTIBULE_FULL_DIR") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(fill_and_recover(Path::new(&dir)));
    println!("filled and recovered");
}

async fn fill_and_recover(dir: &Path) {
    let store = open(dir);
    limit(Some(8 << 20));
    let mut acknowledged = fill(&store, &KEPT, 0).await;
    assert!(acknowledged > 100, "{acknowledged}");
    for _ in 0..3 {
        let ready = store.ready().await;
        assert!(
            matches!(ready, Err(StoreError::Unavailable(_))),
            "no room: {ready:?}"
        );
        let put = store
            .put(&key(&KEPT, u32::MAX), Vec::new(), Precondition::Any)
            .await;
        assert!(
            matches!(put, Err(StoreError::Unavailable(_))),
            "no room: {put:?}"
        );
        let put = store
            .put(&key(&LOST, u32::MAX), Vec::new(), Precondition::Any)
            .await;
        assert!(
            matches!(put, Err(StoreError::Unavailable(_))),
            "no room: {put:?}"
        );
    }
    limit(Some(24 << 20));
    store.ready().await.expect("there is room again");
    all_there(&store, acknowledged).await;

    acknowledged = fill(&store, &KEPT, acknowledged).await;
    limit(Some(48 << 20));
    let next = key(&KEPT, acknowledged);
    store
        .put(&next, Vec::new(), Precondition::Any)
        .await
        .expect("the next write finds room");
    acknowledged += 1;
    all_there(&store, acknowledged).await;

    // Where nobody waits for the disk, it is noticed all the same.
    fill(&store, &LOST, 0).await;
    limit(None);
    store.ready().await.expect("there is room again");
    assert!(
        store.get(&key(&LOST, 0)).await.unwrap().is_none(),
        "transient records are gone"
    );
    all_there(&store, acknowledged).await;
    store.close().await.unwrap();
    all_there(&open(dir), acknowledged).await;
}
