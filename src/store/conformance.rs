//! What every backend must do: one suite, run against each.
//!
//! A backend that holds both classes runs [`run`]; one that holds only durable
//! or only transient data runs [`durable`] or [`transient`]. Each behaviour asks
//! for an empty store that lives by the clock it is given, and panics with what
//! it saw if an expectation fails.
//!
//! ```
//! # use std::sync::Arc;
//! # use vestibule::store::{MemoryStore, Store, conformance};
//! # #[tokio::main]
//! # async fn main() {
//! conformance::run(async |clock| Arc::new(MemoryStore::new(clock)) as Arc<dyn Store>).await;
//! # }
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::future_not_send,
    reason = "test code that lives in the library so that backends elsewhere can use it"
)]

mod batches;
mod expiry;
mod owners;
mod parallel;
mod records;
mod scans;
mod typed;

use std::sync::Arc;
use std::time::Duration;

use super::{Class, Entry, Key, Precondition, Space, Store, StoreError, Version, Watched};
use crate::base::{Clock, ManualClock, Timestamp};

/// The spaces a class is tried with; that some are sealed is nothing to a backend.
struct Spaces {
    plain: &'static Space,
    other: &'static Space,
    expiring: &'static Space,
}

const DURABLE: Spaces = Spaces {
    plain: &Space::durable("try_durable")
        .sealed()
        .watched(Watched::Writes),
    other: &Space::durable("try_durable_other").sealed(),
    expiring: &Space::durable("try_durable_expiring")
        .expiring()
        .sealed()
        .watched(Watched::Removals),
};

const TRANSIENT: Spaces = Spaces {
    plain: &Space::transient("try_transient").sealed(),
    other: &Space::transient("try_transient_other").sealed(),
    expiring: &Space::transient("try_transient_expiring")
        .expiring()
        .sealed(),
};

/// Everything.
pub async fn run(make: impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>) {
    durable(&make).await;
    transient(&make).await;
}

/// What concerns durable data, batches included.
pub async fn durable(make: impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>) {
    either(&make, &DURABLE).await;
    batches::all_or_nothing(&Bench::new(&make).await).await;
    batches::check_before_any_write(&Bench::new(&make).await).await;
    batches::stay_within_one_account_and_class(&Bench::new(&make).await).await;
    batches::compete_without_loss(&Bench::new(&make).await).await;
    owners::each_finds_its_own(&Bench::new(&make).await).await;
    owners::change_and_go(&Bench::new(&make).await).await;
    owners::of_what_expires(&Bench::new(&make).await).await;
    owners::in_batches(&Bench::new(&make).await).await;
    owners::while_records_come_and_go(&Bench::new(&make).await).await;
    owners::of_typed_records(&Bench::new(&make).await).await;
}

/// What concerns transient data.
pub async fn transient(make: impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>) {
    either(&make, &TRANSIENT).await;
}

/// What concerns transient data in a store that lists nothing of it, and from which
/// what has ended goes by itself.
pub async fn unlisted(make: impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>) {
    one_by_one(&make, &TRANSIENT).await;
}

async fn either(make: &impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>, spaces: &Spaces) {
    one_by_one(make, spaces).await;
    expiry::purging_takes_only_what_expired(&Bench::new(make).await, spaces).await;
    expiry::a_clock_that_jumps(&Bench::new(make).await, spaces).await;
    scans::order_prefix_after_and_limit(&Bench::new(make).await, spaces).await;
    scans::page_by_page(&Bench::new(make).await, spaces).await;
    scans::of_what_expires(&Bench::new(make).await, spaces).await;
    scans::partitions_in_use(&Bench::new(make).await, spaces).await;
    typed::pages(&Bench::new(make).await, spaces).await;
}

/// What is done with one record.
async fn one_by_one(make: &impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>, spaces: &Spaces) {
    records::put_and_get(&Bench::new(make).await, spaces).await;
    records::preconditions_of_put(&Bench::new(make).await, spaces).await;
    records::a_put_that_is_not_waited_for(&Bench::new(make).await, spaces).await;
    records::preconditions_of_delete(&Bench::new(make).await, spaces).await;
    records::take_once(&Bench::new(make).await, spaces).await;
    records::versions_grow(&Bench::new(make).await, spaces).await;
    records::partitions_and_spaces_are_apart(&Bench::new(make).await, spaces).await;
    records::revisions(&Bench::new(make).await, spaces).await;
    records::what_is_recalled(&Bench::new(make).await, spaces).await;
    records::closing_twice(&Bench::new(make).await, spaces).await;
    expiry::at_the_exact_moment(&Bench::new(make).await, spaces).await;
    expiry::an_expired_record_is_none(&Bench::new(make).await, spaces).await;
    parallel::one_taker_wins(&Bench::new(make).await, spaces).await;
    parallel::one_creator_wins(&Bench::new(make).await, spaces).await;
    parallel::no_update_is_lost(&Bench::new(make).await, spaces).await;
    typed::records_and_tokens(&Bench::new(make).await, spaces).await;
    typed::an_unknown_schema_is_corrupt(&Bench::new(make).await, spaces).await;
}

/// An empty store and the clock it lives by.
struct Bench {
    store: Arc<dyn Store>,
    clock: ManualClock,
}

impl Bench {
    async fn new(make: &impl AsyncFn(Arc<dyn Clock>) -> Arc<dyn Store>) -> Self {
        let clock = ManualClock::default();
        let store = make(Arc::new(clock.clone())).await;
        Self { store, clock }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn later(&self, millis: u64) -> Timestamp {
        self.now().plus(Duration::from_millis(millis))
    }

    async fn get(&self, key: &Key) -> Option<Entry> {
        self.store
            .get(key)
            .await
            .unwrap_or_else(|e| panic!("get {key:?}: {e}"))
    }

    async fn value(&self, key: &Key) -> Option<Vec<u8>> {
        self.get(key).await.map(|entry| entry.value)
    }

    async fn put(&self, key: &Key, value: &[u8]) -> Version {
        self.store
            .put(key, value.to_vec(), Precondition::Any)
            .await
            .unwrap_or_else(|e| panic!("put {key:?}: {e}"))
    }
}

fn is_conflict<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict))
}
