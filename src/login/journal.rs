//! The log of logins: each that ended, well or not, for who helps a shopper.
//!
//! A login does not wait for it. Its entry goes into a queue of bounded length, and a
//! task writes what has come, about once a second. What a
//! crash takes is the last second; where the queue is full, entries are dropped and
//! counted. Entries are kept as long as the configuration says, and of an account no
//! more failures a day than [`MOST_FAILURES`], so that who makes logins fail does not
//! fill the disk.

mod places;
mod queue;
mod seen;
mod used;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::places::{failure, forget};
use self::queue::Queue;
pub use self::seen::{SEEN, Seen};
pub use self::used::last_use;
use self::write::Writer;
use super::error::{Blame, LoginError};
use crate::base::{AccountId, Clock, Timestamp, UserId};
use crate::config::{Addresses, LoginLog};
use crate::store::{Keyspace, Space, Store, StoreError};

static ENTRIES: Space = Space::durable("login_log").expiring().owned();

/// An entry is its user's, where one is known: by whom it is found and removed.
const RECORDS: Keyspace<LoginEntry> =
    Keyspace::new(&ENTRIES).owned_by(|entry| entry.user.map(|user| user.as_bytes().to_vec()));

/// The most failures of one account that are kept of a day.
pub const MOST_FAILURES: u32 = 20_000;
/// How many records one read fetches.
const STEP: usize = 500;
/// How many entries one search looks at, before it gives what it has.
const MOST_LOOKED_AT: usize = 50_000;

pub(super) fn spaces() -> [&'static Space; 3] {
    [&ENTRIES, places::space(), used::space()]
}

/// The outcome of a login that led to a session.
pub const SUCCESS: &str = "success";

/// A step of a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginStep {
    /// `callback`, `token`, `userinfo`, `identify`, `finish`: it was done then.
    pub step: String,
    /// Milliseconds since the login began.
    pub ms: u64,
}

/// A login that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Login")]
pub struct LoginEntry {
    /// Its id: the support id of the page that a shopper saw.
    pub id: String,
    /// When it ended (RFC 3339).
    pub at: String,
    /// In which account; absent where none was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// How they logged in: the provider's id, or `access_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// `success`, or the code of the failure.
    pub outcome: String,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    /// Whose the failure is: `visitor`, `provider`, `operator` or `broker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<String>,
    /// What went wrong, as the program's log has it: no values and no secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The line of the mapping to look at, where one may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<String>,
    /// Who logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Their email, as they logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The storefront.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Browser and system, as the browser says: `Firefox, Windows`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where it came from: the network of the address, unless configured otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<LoginStep>,
}

impl LoginEntry {
    /// A login that ended now, in a browser of this device and address.
    pub fn new(
        id: &str,
        now: Timestamp,
        (device, address): (Option<String>, Option<String>),
    ) -> Self {
        Self {
            id: id.to_owned(),
            at: now.rfc3339(),
            account: None,
            provider: None,
            outcome: SUCCESS.to_owned(),
            failed_at: None,
            blame: None,
            why: None,
            look_at: None,
            user: None,
            email: None,
            store: None,
            device,
            address,
            steps: Vec::new(),
        }
    }

    /// The same, failed.
    #[must_use]
    pub fn failed(self, error: &LoginError) -> Self {
        let blame = match error.blame() {
            Blame::Visitor => "visitor",
            Blame::Provider => "provider",
            Blame::Operator => "operator",
            Blame::Us => "broker",
        };
        Self {
            outcome: error.code().as_str().to_owned(),
            failed_at: Some(error.step().name().to_owned()),
            blame: Some(blame.to_owned()),
            why: Some(error.to_string()),
            look_at: error.look_at(),
            ..self
        }
    }
}

/// An entry, and its place among others.
struct Noted {
    entry: LoginEntry,
    at: Timestamp,
    turn: u64,
}

/// Takes entries.
pub struct Journal {
    queue: Option<Arc<Queue>>,
    settings: LoginLog,
    clock: Arc<dyn Clock>,
    turn: AtomicU64,
}

impl Journal {
    /// A log, and the task that writes it, to be run.
    pub fn new(
        settings: LoginLog,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let queue = Arc::new(Queue::default());
        if settings.keep.is_zero() {
            queue.close();
        }
        let journal = Self {
            queue: (!settings.keep.is_zero()).then(|| Arc::clone(&queue)),
            settings,
            clock: Arc::clone(&clock),
            turn: AtomicU64::new(0),
        };
        let writer = Writer::new(store, clock, settings.keep);
        (journal, writer.run(queue))
    }

    /// How long entries are kept.
    pub fn keep(&self) -> Duration {
        self.settings.keep
    }

    /// Device and address of the request that is being answered, as they are kept.
    pub fn seen(&self) -> (Option<String>, Option<String>) {
        SEEN.try_with(|seen| (seen.device(), seen.address(self.settings.addresses)))
            .unwrap_or_default()
    }

    /// Takes an entry; does not wait.
    pub fn note(&self, entry: LoginEntry) {
        let Some(queue) = &self.queue else { return };
        let noted = Noted {
            entry,
            at: self.clock.now(),
            turn: self.turn.fetch_add(1, Ordering::Relaxed),
        };
        if !queue.push(noted) {
            metrics::counter!("vestibule_login_log_dropped_total").increment(1);
        }
    }

    /// Waits until all that was noted before is written.
    pub async fn flush(&self) {
        if let Some(queue) = &self.queue {
            queue.flush().await;
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.close();
        }
    }
}

/// A page of an account's entries, the newest first: those before `before`, and where
/// to go on. A search that finds little stops after a while, with what it has.
pub async fn page(
    store: &dyn Store,
    account: &str,
    wanted: impl Fn(&LoginEntry) -> bool,
    before: Option<Vec<u8>>,
    limit: usize,
    (now, keep): (Timestamp, Duration),
) -> Result<(Vec<LoginEntry>, Option<Vec<u8>>), StoreError> {
    let at_key = |key: &[u8]| {
        let head: Option<[u8; 8]> = key.get(..8).and_then(|head| head.try_into().ok());
        head.map_or(0, u64::from_be_bytes)
    };
    // Keys begin with the moment until which an entry is kept.
    let bottom = now.as_millis();
    let top = now.plus(keep + Duration::from_secs(60)).as_millis();
    let mut edge = before.as_deref().map_or(top, at_key).saturating_add(1);
    let mut end = before;
    let mut out: Vec<(Vec<u8>, LoginEntry)> = Vec::new();
    let (mut window, mut looked_at) = (60_000_u64, 0);
    while edge > bottom {
        let start = edge.saturating_sub(window).max(bottom);
        let first = start.to_be_bytes().to_vec();
        let missing = limit + 1 - out.len();
        let mut found: VecDeque<(Vec<u8>, LoginEntry)> = VecDeque::new();
        let (mut after, mut read, mut inside) = (Some(first.clone()), 0, true);
        while inside {
            let page = RECORDS.page(store, account, b"", after, STEP).await?;
            inside = page.len() == STEP;
            after = page.last().map(|(key, _)| key.id().to_vec());
            for (key, entry) in page {
                if end.as_deref().is_some_and(|end| key.id() >= end) {
                    inside = false;
                    break;
                }
                read += 1;
                if wanted(&entry.value) {
                    found.push_back((key.id().to_vec(), entry.value));
                    if found.len() > missing {
                        found.pop_front();
                    }
                }
            }
        }
        out.extend(found.into_iter().rev());
        if out.len() > limit {
            out.truncate(limit);
            let next = out.last().map(|(key, _)| key.clone());
            return Ok((entries(out), next));
        }
        looked_at += read;
        end = Some(first);
        edge = start;
        if looked_at >= MOST_LOOKED_AT && edge > bottom {
            return Ok((entries(out), end));
        }
        window = if read > 4 * STEP {
            (window / 4).max(1_000)
        } else {
            window.saturating_mul(4)
        };
    }
    Ok((entries(out), None))
}

fn entries(found: Vec<(Vec<u8>, LoginEntry)>) -> Vec<LoginEntry> {
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// The newest logins of a user, the newest first.
pub async fn of_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
    limit: usize,
) -> Result<Vec<LoginEntry>, StoreError> {
    let mut newest: VecDeque<LoginEntry> = VecDeque::new();
    let mut after = None;
    loop {
        let id = user.as_bytes();
        let page = RECORDS
            .page_of(store, account.as_str(), id, after, STEP)
            .await?;
        let full = page.len() == STEP;
        after = page.last().map(|(key, _)| key.id().to_vec());
        for (_, entry) in page {
            newest.push_front(entry.value);
            newest.truncate(limit);
        }
        if !full {
            return Ok(newest.into());
        }
    }
}

/// All that is kept of logins in no known account, or in accounts.
pub async fn partitions(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    store.partitions(&ENTRIES).await
}

/// Removes what is kept of a user's logins.
pub async fn remove_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<usize, StoreError> {
    RECORDS
        .remove_of(store, account.as_str(), user.as_bytes())
        .await
}

/// A network in place of an address, as far as the configuration wants it.
fn shortened(address: std::net::IpAddr, how: Addresses) -> Option<String> {
    use ipnet::IpNet;
    let prefix = match (how, address.is_ipv4()) {
        (Addresses::None, _) => return None,
        (Addresses::Full, _) => return Some(address.to_string()),
        (Addresses::Shortened, true) => 24,
        (Addresses::Shortened, false) => 48,
    };
    let net = IpNet::new(address, prefix).ok()?;
    Some(net.trunc().to_string())
}
