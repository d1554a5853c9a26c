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

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those of one of these accounts.
    pub accounts: Option<Vec<String>>,
    /// Those of who has this in their name, in lower case.
    pub who: Option<String>,
    /// Those of this action, or of one below it: `user` has `user.delete`.
    pub what: Option<String>,
    /// Those about what has this in its address, in lower case.
    pub target: Option<String>,
    /// Those from this moment on.
    pub since: Option<Timestamp>,
    /// Those before this moment.
    pub until: Option<Timestamp>,
}

impl Wanted {
    /// Whether an entry is one of them, whenever it was.
    fn has(&self, entry: &Entry) -> bool {
        let within = |part: &Option<String>, text: &str| {
            part.as_ref()
                .is_none_or(|part| text.to_lowercase().contains(part))
        };
        let below = |what: &String| {
            let rest = entry.what.strip_prefix(what.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let account = |of: &Vec<String>| of.iter().any(|one| Some(one) == entry.account.as_ref());
        self.accounts.as_ref().is_none_or(account)
            && self.what.as_ref().is_none_or(below)
            && within(&self.who, &entry.who)
            && within(&self.target, &entry.target)
    }
}

/// Entries that were looked for.
#[derive(Debug, Default)]
pub struct Found {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` where there is nothing more.
    pub next: Option<String>,
}

impl Found {
    /// What was found, cut to the limit; `seen_to` is how far was looked, if not to the end.
    fn cut(mut entries: Vec<Entry>, limit: usize, seen_to: Option<String>) -> Self {
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more).map(|last| last.id.clone());
        Self {
            entries,
            next: last.or(seen_to),
        }
    }
}

/// The most entries that are looked at for one page: a search that finds little gives
/// what it has, and where to go on.
const MOST_LOOKED_AT: usize = 20_000;

/// A page of entries, the oldest first: those after the id `after`.
pub async fn page(
    store: &dyn Store,
    wanted: &Wanted,
    after: Option<&str>,
    limit: usize,
) -> Result<Found, StoreError> {
    let begin = wanted.since.map(|since| id(since, ""));
    let mut after = after.map(str::to_owned).max(begin).map(String::into_bytes);
    let end = wanted.until.map(|until| id(until, ""));
    let (mut out, mut seen) = (Vec::new(), 0);
    loop {
        let found = SPACE.page(store, "", b"", after.clone(), STEP).await?;
        let mut done = found.len() < STEP;
        seen += found.len();
        for (key, entry) in found {
            if end.as_ref().is_some_and(|end| entry.value.id >= *end) {
                done = true;
                break;
            }
            after = Some(key.id().to_vec());
            out.extend(Some(entry.value).filter(|entry| wanted.has(entry)));
        }
        if done || out.len() > limit {
            return Ok(Found::cut(out, limit, None));
        }
        if seen >= MOST_LOOKED_AT {
            let seen_to = after.and_then(|id| String::from_utf8(id).ok());
            return Ok(Found::cut(out, limit, seen_to));
        }
    }
}

/// The newest entries, the newest first: those before the id `before`.
pub async fn newest(
    store: &dyn Store,
    wanted: &Wanted,
    before: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Found, StoreError> {
    newest_of(store, wanted, |_| true, before, limit, now).await
}

/// The newest of those entries that are about something, the newest first.
pub async fn newest_of(
    store: &dyn Store,
    wanted: &Wanted,
    about: impl Fn(&Entry) -> bool,
    before: Option<&str>,
    limit: usize,
    now: Timestamp,
) -> Result<Found, StoreError> {
    let latest = wanted.until.unwrap_or(now.plus(Duration::from_secs(60)));
    let mut end = match before {
        Some(before) => id(latest, "").min(before.to_owned()),
        None => id(latest, ""),
    };
    let first = wanted.since.map_or(0, Timestamp::as_millis);
    // Looked for backwards, in windows that grow where little is: the log's length does
    // not matter to who reads its end.
    let mut window: u64 = 3_600_000;
    let (mut out, mut seen) = (Vec::new(), 0);
    loop {
        let end_at = end
            .split('-')
            .next()
            .and_then(|millis| millis.parse::<u64>().ok());
        let start_at = end_at.unwrap_or(0).saturating_sub(window).max(first);
        let start = id(Timestamp::from_millis(start_at), "");
        let found = within(store, &start, &end).await?;
        let looked_at = found.len();
        seen += looked_at;
        let found = found.into_iter().rev();
        out.extend(found.filter(|entry| wanted.has(entry) && about(entry)));
        if start_at <= first || out.len() > limit {
            return Ok(Found::cut(out, limit, None));
        }
        if seen >= MOST_LOOKED_AT {
            return Ok(Found::cut(out, limit, Some(start)));
        }
        end = start;
        if looked_at < STEP {
            window = window.saturating_mul(16);
        }
    }
}

/// The entries between two ids, the oldest first.
async fn within(store: &dyn Store, start: &str, end: &str) -> Result<Vec<Entry>, StoreError> {
    let (mut out, mut after) = (Vec::new(), Some(start.as_bytes().to_vec()));
    loop {
        let found = SPACE.page(store, "", b"", after, STEP).await?;
        let full = found.len() == STEP;
        after = found.last().map(|(key, _)| key.id().to_vec());
        let count = found.len();
        let found = found.into_iter().map(|(_, entry)| entry.value);
        let before = out.len();
        out.extend(found.take_while(|entry| entry.id.as_str() < end));
        if !full || out.len() - before < count {
            return Ok(out);
        }
    }
}

fn id(at: Timestamp, tail: &str) -> String {
    format!("{:013}-{tail}", at.as_millis())
}
