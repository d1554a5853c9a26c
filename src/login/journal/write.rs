//! The task that writes the log of logins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{LoginEntry, MOST_FAILURES, Message, Noted, RECORDS, SUCCESS};
use crate::account::directory;
use crate::base::{AccountId, Clock, Timestamp};
use crate::store::{Key, Step, Store, StoreError};

/// How long entries wait for others.
const WAIT: Duration = Duration::from_secs(1);
/// How many are written at once.
const MOST_AT_ONCE: usize = 500;
const DAY: u64 = 24 * 60 * 60;

pub(super) struct Writer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keep: Duration,
    /// Failures of a day, by account.
    day: u64,
    failures: HashMap<Option<AccountId>, u32>,
}

impl Writer {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, keep: Duration) -> Self {
        Self {
            store,
            clock,
            keep,
            day: 0,
            failures: HashMap::new(),
        }
    }

    /// Writes what comes; ends with the last sender.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(first) = queue.recv().await {
            let until = Instant::now() + WAIT;
            let (mut entries, mut waiting) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Entry(noted) => entries.push(*noted),
                    Message::Flush(done) => waiting.push(done),
                }
                if !waiting.is_empty() || entries.len() >= MOST_AT_ONCE {
                    break;
                }
                next = timeout_at(until, queue.recv()).await.ok().flatten();
            }
            self.write(entries).await;
            for done in waiting {
                let _ = done.send(());
            }
        }
    }

    async fn write(&mut self, entries: Vec<Noted>) {
        let now = self.clock.now();
        let mut by_account: BTreeMap<String, Vec<Noted>> = BTreeMap::new();
        for noted in entries {
            if self.counts(&noted.entry, now) {
                let account = noted.entry.account.as_ref().map(AccountId::to_string);
                by_account
                    .entry(account.unwrap_or_default())
                    .or_default()
                    .push(noted);
            }
        }
        for (account, entries) in by_account {
            let count = entries.len();
            if let Err(error) = self.commit(&account, entries).await {
                warn!(why = %error, account, count, "logins could not be written to their log");
                metrics::counter!("vestibule_login_log_dropped_total")
                    .increment(u64::try_from(count).unwrap_or(0));
            }
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

    async fn commit(&self, account: &str, entries: Vec<Noted>) -> Result<(), StoreError> {
        let mut steps: Vec<Step> = Vec::with_capacity(entries.len());
        for Noted { entry, at, turn } in entries {
            // Somebody who was deleted meanwhile stays deleted.
            if let (Some(account), Some(user)) = (&entry.account, entry.user)
                && directory::get(&*self.store, account, user).await?.is_none()
            {
                continue;
            }
            // In the order in which they ended, also within a millisecond.
            let id = [&turn.to_be_bytes(), entry.id.as_bytes()].concat();
            let key = Key::expiring(RECORDS.space(), account, at.plus(self.keep), &id);
            steps.push(RECORDS.step_put_at(key, &entry)?);
        }
        if steps.is_empty() {
            return Ok(());
        }
        self.store.commit(steps).await.map(drop)
    }
}
