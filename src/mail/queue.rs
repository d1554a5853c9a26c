//! Messages between being taken and being gone, and what became of them.

use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::Letter;
use super::smtp::Answer;
use super::template::Rendered;
use crate::base::{AccountId, Clock, Timestamp, random};
use crate::store::{
    Key, Keyspace, Precondition, Space, Step, Store, StoreError, Token, Version, Versioned,
};

static QUEUE: Space = Space::durable("mail_queue").sealed();
static LOG: Space = Space::durable("mail_log").expiring();

/// Messages that wait, of all accounts: one worker sends them.
const WAITING: Keyspace<Record> = Keyspace::new(&QUEUE);
/// What became of messages, by account.
const DONE: Keyspace<Delivery> = Keyspace::new(&LOG);

/// How long what became of a message stays readable.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long one attempt has before another worker may take the message.
const CLAIM: Duration = Duration::from_secs(60);
/// How many messages are sent at once.
const AT_ONCE: usize = 16;
/// The waits between attempts; the last one repeats.
const WAITS: [u64; 5] = [5, 20, 60, 180, 600];

pub(super) fn spaces() -> [&'static Space; 2] {
    [&QUEUE, &LOG]
}

/// A message that waits.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    account: AccountId,
    kind: String,
    from: String,
    to: String,
    text: Rendered,
    /// Its `Message-ID`, the same each time it is tried.
    #[serde(default)]
    message_id: String,
    taken_at: Timestamp,
    /// Nobody needs it after that.
    useless_from: Timestamp,
    attempts: u32,
    /// Not before; also while a worker is at it.
    next_at: Timestamp,
    last_refusal: Option<String>,
}

/// A message that a worker has claimed.
pub(super) struct Queued {
    id: Vec<u8>,
    version: Version,
    record: Record,
    pub from: Mailbox,
    pub to: Address,
}

impl Queued {
    pub fn text(&self) -> &Rendered {
        &self.record.text
    }

    pub fn message_id(&self) -> &str {
        &self.record.message_id
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What it was: `access_key`.
    pub kind: String,
    /// Whom it went to.
    pub to: String,
    /// Its `Message-ID` (RFC 5322 §3.6.4), without the brackets.
    #[serde(default)]
    pub message_id: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
    /// How often it was tried.
    pub attempts: u32,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// It waits; with the mail server's last words where it was tried.
    Waiting {
        /// The refusal.
        why: Option<String>,
    },
    /// The mail server took it.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// The mail server will not take it (RFC 5321 §4.2.1: 5yz), or another one further
    /// on did not.
    Bounced {
        /// Its words.
        why: String,
    },
    /// It could not be sent in time.
    TooLate {
        /// The last refusal.
        why: Option<String>,
    },
}

pub(super) struct Queue {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Queue {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Writes a message down.
    pub async fn put(
        &self,
        letter: &Letter,
        from: &Mailbox,
        to: &Address,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let record = Record {
            account: letter.account.clone(),
            kind: letter.kind.to_owned(),
            from: from.to_string(),
            to: to.to_string(),
            text: letter.text.clone(),
            message_id: format!("{}@{}", random::support_id(), from.email.domain()),
            taken_at: now,
            useless_from: now.plus(letter.useful_for),
            attempts: 0,
            next_at: now,
            last_refusal: None,
        };
        let id = [
            now.as_millis().to_be_bytes().as_slice(),
            &random::bytes::<8>(),
        ]
        .concat();
        WAITING
            .put(&*self.store, "", &id, &record, Precondition::Absent)
            .await
            .map(|_| ())
    }

    /// Claims messages that are due, a bounded number.
    pub async fn due(&self) -> Result<Vec<Queued>, StoreError> {
        let now = self.clock.now();
        let mut claimed = Vec::new();
        let mut after = None;
        loop {
            let page = WAITING.page(&*self.store, "", b"", after, 100).await?;
            let full = page.len() == 100;
            after = page.last().map(|(key, _)| key.id().to_vec());
            for (key, found) in page {
                if found.value.next_at <= now {
                    claimed.extend(
                        self.claim(key.id(), found.value, found.version, now)
                            .await?,
                    );
                }
                if claimed.len() >= AT_ONCE {
                    return Ok(claimed);
                }
            }
            if !full {
                return Ok(claimed);
            }
        }
    }

    async fn claim(
        &self,
        id: &[u8],
        mut record: Record,
        version: Version,
        now: Timestamp,
    ) -> Result<Option<Queued>, StoreError> {
        if now >= record.useless_from {
            let why = record.last_refusal.clone();
            self.done(id, &record, Outcome::TooLate { why }).await?;
            return Ok(None);
        }
        record.next_at = now.plus(CLAIM);
        let when = Precondition::Version(version);
        let version = match WAITING.put(&*self.store, "", id, &record, when).await {
            Ok(version) => version,
            // Another broker's worker has it.
            Err(StoreError::Conflict) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (Ok(from), Ok(to)) = (record.from.parse(), record.to.parse()) else {
            let why = "its addresses cannot be read any more".to_owned();
            self.done(id, &record, Outcome::Bounced { why }).await?;
            return Ok(None);
        };
        Ok(Some(Queued {
            id: id.to_vec(),
            version,
            record,
            from,
            to,
        }))
    }

    /// Writes down what the mail server said.
    pub async fn answered(&self, queued: Queued, answer: Answer) -> Result<(), StoreError> {
        let Queued {
            id,
            version,
            mut record,
            ..
        } = queued;
        let now = self.clock.now();
        record.attempts += 1;
        match answer {
            Answer::Taken => self.done(&id, &record, Outcome::Sent { at: now }).await,
            Answer::Refused(why) => self.done(&id, &record, Outcome::Bounced { why }).await,
            Answer::Later(why) | Answer::Down(why) => {
                let step = (record.attempts as usize - 1).min(WAITS.len() - 1);
                record.next_at = now.plus(Duration::from_secs(WAITS[step]));
                warn!(account = %record.account, kind = record.kind, attempts = record.attempts, %why, "the mail server did not take a message; it is tried again");
                record.last_refusal = Some(why);
                let when = Precondition::Version(version);
                match WAITING.put(&*self.store, "", &id, &record, when).await {
                    Ok(_) | Err(StoreError::Conflict) => Ok(()),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The outcome first: a message that is told twice is better than one that is lost.
    async fn done(&self, id: &[u8], record: &Record, outcome: Outcome) -> Result<(), StoreError> {
        info!(account = %record.account, kind = record.kind, outcome = outcome.name(), "a message is done with");
        let delivery = record.delivery(outcome);
        let token = Token::new(record.taken_at.plus(KEPT));
        DONE.put_by(
            &*self.store,
            record.account.as_str(),
            &token,
            &delivery,
            Precondition::Any,
        )
        .await?;
        WAITING
            .delete(&*self.store, "", id, Precondition::Any)
            .await
            .map(|_| ())
    }

    /// What became of messages, the newest first.
    pub async fn deliveries(
        &self,
        account: &AccountId,
        to: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut found = self.waiting(account).await?;
        let fits = |delivery: &Delivery| to.is_none_or(|to| delivery.to.eq_ignore_ascii_case(to));
        found.retain(fits);
        // The log is in the order of its end; the window grows until it holds enough.
        let (now, mut window) = (self.clock.now(), Duration::from_secs(3600));
        let done = loop {
            let since = now.minus(window);
            let done = self.done_since(account, since).await?;
            let mut done: Vec<_> = done.into_iter().map(|(_, found)| found.value).collect();
            done.retain(fits);
            if found.len() + done.len() >= limit || window >= KEPT {
                break done;
            }
            window = (window * 16).min(KEPT);
        };
        found.extend(done);
        found.sort_by_key(|delivery| std::cmp::Reverse(delivery.taken_at));
        found.truncate(limit);
        Ok(found)
    }

    /// The last message of an account that left, and is the one that is meant.
    pub async fn last_that_left(
        &self,
        account: &AccountId,
        is_meant: impl Fn(&Delivery) -> bool,
    ) -> Result<Option<(Key, Versioned<Delivery>)>, StoreError> {
        let mut window = Duration::from_secs(3600);
        loop {
            let since = self.clock.now().minus(window);
            let mut done = self.done_since(account, since).await?;
            done.retain(|(_, found)| found.value.outcome.has_left() && is_meant(&found.value));
            let last = done
                .into_iter()
                .max_by_key(|(_, found)| found.value.taken_at);
            if last.is_some() || window >= KEPT {
                return Ok(last);
            }
            window = (window * 16).min(KEPT);
        }
    }

    async fn waiting(&self, account: &AccountId) -> Result<Vec<Delivery>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = WAITING.page(&*self.store, "", b"", after, 500).await?;
            let full = page.len() == 500;
            after = page.last().map(|(key, _)| key.id().to_vec());
            let own = page.into_iter().map(|(_, found)| found.value);
            let own = own.filter(|record| record.account == *account);
            found.extend(own.map(|record| {
                let why = record.last_refusal.clone();
                record.delivery(Outcome::Waiting { why })
            }));
            if !full {
                return Ok(found);
            }
        }
    }

    async fn done_since(
        &self,
        account: &AccountId,
        since: Timestamp,
    ) -> Result<Vec<(Key, Versioned<Delivery>)>, StoreError> {
        let mut found = Vec::new();
        let mut after = Some(since.plus(KEPT).as_millis().to_be_bytes().to_vec());
        loop {
            let page = DONE
                .page(&*self.store, account.as_str(), b"", after, 500)
                .await?;
            let full = page.len() == 500;
            after = page.last().map(|(key, _)| key.id().to_vec());
            found.extend(page);
            if !full {
                return Ok(found);
            }
        }
    }
}

impl Record {
    fn delivery(&self, outcome: Outcome) -> Delivery {
        Delivery {
            kind: self.kind.clone(),
            to: self.to.clone(),
            message_id: self.message_id.clone(),
            taken_at: self.taken_at,
            outcome,
            attempts: self.attempts,
        }
    }
}

/// The steps of a batch that say of a message that left that it came back.
pub fn steps_bounced(
    (key, found): (Key, Versioned<Delivery>),
    why: String,
) -> Result<Vec<Step>, StoreError> {
    let delivery = Delivery {
        outcome: Outcome::Bounced { why },
        ..found.value
    };
    let when = Precondition::Version(found.version);
    let check = Step::Check(key.clone(), when);
    Ok(vec![DONE.step_put_at(key, &delivery)?, check])
}

impl Outcome {
    /// Whether the mail server had the message.
    fn has_left(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Bounced { .. })
    }

    /// The mail server's words, where it did not take the message.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Waiting { why } | Self::TooLate { why } => why.as_deref(),
            Self::Bounced { why } => Some(why),
            Self::Sent { .. } => None,
        }
    }

    /// Its name: `waiting`, `sent`, `bounced`, `too_late`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Sent { .. } => "sent",
            Self::Bounced { .. } => "bounced",
            Self::TooLate { .. } => "too_late",
        }
    }
}
