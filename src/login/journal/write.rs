//! The task that writes the log of logins: entry by entry, since a batch would make
//! the logins wait that are under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::timeout;
use tracing::warn;

use super::queue::Queue;
use super::used::{Uses, newest};
use super::{LoginEntry, MOST_FAILURES, Noted, RECORDS, SUCCESS, places};
use crate::account::directory;
use crate::base::{AccountId, Clock, Timestamp};
use crate::store::{Key, Precondition, Store, StoreError};

/// How long entries wait for others.
const WAIT: Duration = Duration::from_secs(1);
/// How many of them side by side, for stores to which each is a way through the network.
const SIDE_BY_SIDE: usize = 8;
const DAY: u64 = 24 * 60 * 60;

/// However the task ends, nobody is to wait for it.
struct Ended<'a>(&'a Queue);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

pub(super) struct Writer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keep: Duration,
    /// Failures of a day, by account.
    day: u64,
    failures: HashMap<Option<AccountId>, u32>,
    uses: Uses,
}

impl Writer {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, keep: Duration) -> Self {
        Self {
            store,
            clock,
            keep,
            day: 0,
            failures: HashMap::new(),
            uses: Uses::default(),
        }
    }

    /// Writes what comes, until the queue is closed.
    pub async fn run(mut self, queue: Arc<Queue>) {
        let _ended = Ended(&queue);
        loop {
            queue.some().await;
            let _ = timeout(WAIT, queue.due()).await;
            let batch = queue.take();
            self.write(batch.entries).await;
            for done in batch.flushed {
                let _ = done.send(());
            }
            if batch.closed {
                return;
            }
        }
    }

    async fn write(&mut self, mut entries: Vec<Noted>) {
        let now = self.clock.now();
        entries.retain(|noted| self.counts(&noted.entry, now));
        let used = newest(&entries);
        let this = &*self;
        let mut written = iter(entries)
            .map(|noted| this.put(noted))
            .buffer_unordered(SIDE_BY_SIDE);
        let mut lost: Option<StoreError> = None;
        let mut count = 0;
        while let Some(outcome) = written.next().await {
            if let Err(error) = outcome {
                count += 1;
                lost = Some(error);
            }
        }
        drop(written);
        if let Err(error) = self.uses.note(&*self.store, used).await {
            warn!(why = %error, "when ways to log in were last used could not be written down");
        }
        if let Some(error) = lost {
            warn!(why = %error, count, "logins could not be written to their log");
            metrics::counter!("vestibule_login_log_dropped_total").increment(count);
        }
    }

    /// Whether it is kept: of failures, only so many a day.
    fn counts(&mut self, entry: &LoginEntry, now: Timestamp) -> bool {
        if entry.outcome == SUCCESS {
            return true;
        }
        let today = now.as_secs() / DAY;
        if today != self.day {
            self.day = today;
            self.failures.clear();
        }
        let failures = self.failures.entry(entry.account.clone()).or_default();
        *failures = failures.saturating_add(1);
        let counts = *failures <= MOST_FAILURES;
        if !counts {
            metrics::counter!("vestibule_login_log_dropped_total").increment(1);
        }
        counts
    }

    async fn put(&self, Noted { entry, at, turn }: Noted) -> Result<(), StoreError> {
        // Somebody who was deleted meanwhile stays deleted.
        if let (Some(account), Some(user)) = (&entry.account, entry.user)
            && !directory::exists(&*self.store, account, user).await?
        {
            return Ok(());
        }
        // In the order in which they ended, also within a millisecond.
        let id = [&turn.to_be_bytes(), entry.id.as_bytes()].concat();
        let account = entry.account.as_ref().map_or("", AccountId::as_str);
        let key = Key::expiring(RECORDS.space(), account, at.plus(self.keep), &id);
        places::note(&*self.store, &key, account, &entry).await?;
        let put = RECORDS.put_soon_at(&*self.store, key, &entry, Precondition::Any);
        put.await.map(drop)
    }
}
