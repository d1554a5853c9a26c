//! The store that forgets does what every store must.

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use vestibule::config;
use vestibule::key::vault;
use vestibule::store::{MemoryStore, Store, conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    conformance::run(async |clock| Arc::new(MemoryStore::new(clock)) as Arc<dyn Store>).await;
}

/// So does one whose records are encrypted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let config = config::from_parts("", [], None).unwrap();
    conformance::run(async |clock| {
        let memory = Arc::new(MemoryStore::new(clock));
        let sealed = vault::open(memory, &config.auth, dir.path(), []);
        sealed.await.unwrap()
    })
    .await;
}
