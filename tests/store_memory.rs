//! The store that forgets does what every store must.

use std::sync::Arc;

use vestibule::store::{MemoryStore, Store, conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    conformance::run(async |clock| Arc::new(MemoryStore::new(clock)) as Arc<dyn Store>).await;
}
