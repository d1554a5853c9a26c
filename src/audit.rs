//! Floor 4: the audit log: who changed what, when, and from what to what.
//!
//! Entries are only ever added. Their ids begin with the moment, so that a scan
//! is in the order of time; a count behind it keeps those of one millisecond in
//! order, and random bytes those of two processes apart. Secrets are in it as fingerprints: enough to see that one changed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::digest::{hex, sha256};
use crate::base::{Timestamp, random};
use crate::store::{Keyspace, Space, Step, Store, StoreError};

static AUDIT: Space = Space::durable("audit");

/// Counts this process's entries.
static TURN: AtomicU32 = AtomicU32::new(0);

/// All spaces of this room.
pub fn spaces() -> [&'static Space; 1] {
    [&AUDIT]
}

const SPACE: Keyspace<Entry> = Keyspace::new(&AUDIT);
/// How many entries one read fetches.
const STEP: usize = 500;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct Entry {
    /// Its id: begins with the moment; grows with time.
    #[serde(default)]
    pub id: String,
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// What: `provider.apply`.
    pub what: String,
    /// In which account; absent where it is about the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Which thing: an address of the API.
    pub target: String,
    /// What it was.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub before: Value,
    /// What it became.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub after: Value,
}

/// A secret's fingerprint.
pub fn fingerprint(secret: &str) -> String {
    format!("[sha256:{}]", hex(&sha256(secret.as_bytes())[..6]))
}

/// The step of a batch that writes an entry down, beside the change that it is
/// about. All entries are the broker's, in the order of time.
pub fn step(now: Timestamp, mut entry: Entry) -> Result<Step, StoreError> {
    // In order also within a millisecond, for what this process writes.
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    entry.id = id(now, &format!("{turn:08x}{}", hex(&random::bytes::<6>())));
    entry.at = now.rfc3339();
    SPACE.step_put("", entry.id.as_bytes(), &entry)
}

/// Writes an entry down; on disk when this returns.
pub async fn write(store: &dyn Store, now: Timestamp, entry: Entry) -> Result<(), StoreError> {
    store.commit(vec![step(now, entry)?]).await.map(drop)
}

/// A page of entries, the oldest first: those after the id `after`, of one
/// account or of all.
pub async fn page(
    store: &dyn Store,
    account: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut after = after.map(|id| id.as_bytes().to_vec());
    let mut out = Vec::new();
    loop {
        let found = SPACE.page(store, "", b"", after, STEP).await?;
        let full = found.len() == STEP;
        after = found.last().map(|(key, _)| key.id().to_vec());
        out.extend(of(account, found.into_iter().map(|(_, entry)| entry.value)));
        if !full || out.len() >= limit {
            out.truncate(limit);
            return Ok(out);
        }
    }
}

/// The most entries that are looked at for those about one thing.
const MOST_LOOKED_AT: usize = 20_000;

/// The newest entries of an account that are about something, the newest first. Of a
/// long log its end is looked at only.
pub async fn newest_of(
    store: &dyn Store,
    account: &str,
    about: impl Fn(&Entry) -> bool,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Entry>, StoreError> {
    let (mut out, mut before, mut seen) = (Vec::new(), None, 0);
    while seen < MOST_LOOKED_AT {
        let found = newest(store, Some(account), before.as_deref(), STEP, now).await?;
        let full = found.len() == STEP;
        seen += found.len();
        before = found.last().map(|entry| entry.id.clone());
        out.extend(found.into_iter().filter(|entry| about(entry)));
        if !full || out.len() >= limit {
            break;
        }
    }
    out.truncate(limit);
    Ok(out)
}

/// The newest entries, the newest first: those before the id `before`.
pub async fn newest(
    store: &dyn Store,
    account: Option<&str>,
    before: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Entry>, StoreError> {
    let end = before.map_or_else(|| id(now.plus(Duration::from_secs(60)), ""), str::to_owned);
    let end_at = end
        .split('-')
        .next()
        .and_then(|millis| millis.parse::<u64>().ok())
        .unwrap_or(0);
    // Looked for in a window that grows until it holds enough: the log's length
    // does not matter to who reads its end.
    let mut window: u64 = 3_600_000;
    loop {
        let start = end_at.saturating_sub(window);
        let mut after = Some(id(Timestamp::from_millis(start), "").into_bytes());
        let mut out = Vec::new();
        loop {
            let found = SPACE.page(store, "", b"", after, STEP).await?;
            let full = found.len() == STEP;
            after = found.last().map(|(key, _)| key.id().to_vec());
            let found = found.into_iter().map(|(_, entry)| entry.value);
            let mut past = false;
            out.extend(of(account, found).filter(|entry| {
                past |= entry.id >= end;
                entry.id < end
            }));
            if !full || past {
                break;
            }
        }
        if out.len() >= limit || start == 0 {
            out.reverse();
            out.truncate(limit);
            return Ok(out);
        }
        window = window.saturating_mul(16);
    }
}

fn id(at: Timestamp, tail: &str) -> String {
    format!("{:013}-{tail}", at.as_millis())
}

fn of<'a>(
    account: Option<&'a str>,
    entries: impl Iterator<Item = Entry> + 'a,
) -> impl Iterator<Item = Entry> + 'a {
    entries.filter(move |entry| account.is_none() || entry.account.as_deref() == account)
}
