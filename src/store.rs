//! Floor 2: where everything is kept.
//!
//! [`Store`] is small and speaks bytes, so that a backend stays small. Typed
//! [`Keyspace`]s on top add encoding and a schema version. Every space has a
//! [`Class`]: *durable* writes are on disk before they are acknowledged;
//! *transient* ones may be lost by a crash, but never come back: after an
//! unclean stop a backend drops them all.
//!
//! Records that expire carry the moment in their key ([`Key::expiring`]), in
//! front, so that a sweep is one range and needs no index.

pub mod backup;
pub mod conformance;
mod decoded_cache;
mod indexed;
mod keyspace;
pub mod lines;
mod memory;
mod memory_table;
mod postgres;
pub mod recording;
mod redis;
mod revisions;
mod sealed;
mod sled;
mod split;
pub mod together;
mod token;
pub mod verify;
mod versions;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::decoded_cache::{DecodedCache, RevisionCache};
pub use self::indexed::{index_is_done, note_indexed};
pub use self::keyspace::{Encoded, Keyspace, Versioned};
pub use self::memory::MemoryStore;
pub use self::postgres::{PostgresOptions, PostgresStore};
pub use self::recording::RecordingStore;
pub use self::redis::RedisStore;
pub use self::sealed::{Seal, SealedStore};
pub use self::sled::{SledOptions, SledStore};
pub use self::split::SplitStore;
pub use self::token::{Token, TokenSeed};
use crate::base::Timestamp;

/// The spaces of this room itself.
pub fn spaces() -> [&'static Space; 3] {
    [indexed::space(), backup::space(), split::space()]
}

/// What a crash may do to a space's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// On disk before the write is acknowledged.
    Durable,
    /// May be lost by a crash; never comes back after one.
    Transient,
}

/// Which changes of a space all brokers on a shared store hear of, so that what
/// they remember of it lasts no longer than a second: see [`Store::revision`] and
/// [`Store::recall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// None: it is read each time.
    No,
    /// That a record is gone. For many records that end once.
    Removals,
    /// All. For few records that seldom change.
    Writes,
}

/// One kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The name of its tree or table: short, lower case.
    pub name: &'static str,
    /// What a crash may do to it.
    pub class: Class,
    /// Whether its keys begin with the moment of expiry.
    pub expiring: bool,
    /// Whether its records have owners, by whom they are found.
    pub owned: bool,
    /// Whether its records are encrypted, see [`SealedStore`].
    pub sealed: bool,
    /// Which of its changes other brokers hear of.
    pub watched: Watched,
}

impl Space {
    /// A space whose records stay.
    pub const fn durable(name: &'static str) -> Self {
        Self {
            name,
            class: Class::Durable,
            expiring: false,
            owned: false,
            sealed: false,
            watched: Watched::No,
        }
    }

    /// A space whose records a crash may take.
    pub const fn transient(name: &'static str) -> Self {
        Self {
            class: Class::Transient,
            ..Self::durable(name)
        }
    }

    /// The same, with keys that begin with the moment of expiry.
    #[must_use]
    pub const fn expiring(self) -> Self {
        Self {
            expiring: true,
            ..self
        }
    }

    /// The same, with records that have owners. Durable spaces only: what lives
    /// minutes is never looked for.
    #[must_use]
    pub const fn owned(self) -> Self {
        assert!(
            matches!(self.class, Class::Durable),
            "a transient space has no owners"
        );
        Self {
            owned: true,
            ..self
        }
    }

    /// The same, with records that have secrets in them, or what a secret could be
    /// guessed by: they are encrypted under the master key.
    #[must_use]
    pub const fn sealed(self) -> Self {
        Self {
            sealed: true,
            ..self
        }
    }

    /// The same, with changes that other brokers hear of. Durable spaces only.
    #[must_use]
    pub const fn watched(self, watched: Watched) -> Self {
        assert!(
            matches!(self.class, Class::Durable),
            "nobody remembers a transient space"
        );
        Self { watched, ..self }
    }

    /// The smallest id whose record is not expired: what lies below may be
    /// purged, and a scan begins here.
    pub fn live_from(&self, now: Timestamp) -> Vec<u8> {
        if self.expiring {
            now.as_millis().saturating_add(1).to_be_bytes().to_vec()
        } else {
            Vec::new()
        }
    }
}

/// The longest name of an owner.
pub const MAX_OWNER: usize = 64;

/// Where a record is: its space, the partition (an account's id, or `""` for
/// what belongs to no account) and its id within both.
///
/// On a write it may also say whose the record is ([`Key::owned_by`]); two keys
/// are the same whatever they say about that.
#[derive(Debug, Clone)]
pub struct Key {
    space: &'static Space,
    partition: String,
    id: Vec<u8>,
    owner: Option<Box<[u8]>>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.space == other.space && self.partition == other.partition && self.id == other.id
    }
}

impl Eq for Key {}

impl Key {
    /// A key in a space that does not expire.
    ///
    /// # Panics
    /// In debug builds, if the space expires.
    pub fn new(
        space: &'static Space,
        partition: impl Into<String>,
        id: impl Into<Vec<u8>>,
    ) -> Self {
        debug_assert!(!space.expiring, "{} needs an expiry", space.name);
        Self {
            space,
            partition: partition.into(),
            id: id.into(),
            owner: None,
        }
    }

    /// A key in a space that expires: the record is gone from `expires_at` on.
    ///
    /// # Panics
    /// In debug builds, if the space does not expire.
    pub fn expiring(
        space: &'static Space,
        partition: impl Into<String>,
        expires_at: Timestamp,
        id: &[u8],
    ) -> Self {
        debug_assert!(space.expiring, "{} does not expire", space.name);
        let mut full = Vec::with_capacity(8 + id.len());
        full.extend_from_slice(&expires_at.as_millis().to_be_bytes());
        full.extend_from_slice(id);
        Self {
            space,
            partition: partition.into(),
            id: full,
            owner: None,
        }
    }

    /// The key whose [`id`](Self::id) is this; `None` if the space has no such keys.
    pub fn of_id(
        space: &'static Space,
        partition: impl Into<String>,
        id: impl Into<Vec<u8>>,
    ) -> Option<Self> {
        let id = id.into();
        let partition = partition.into();
        (!space.expiring || id.len() >= 8).then_some(Self {
            space,
            partition,
            id,
            owner: None,
        })
    }

    /// The same key, for a write that says whose the record is: all that one
    /// owner has in a partition is found by [`Scan::owner`], however much others
    /// have. A write without an owner takes the record from the one it had.
    ///
    /// # Panics
    /// In debug builds, if the space has no owners or it is longer than
    /// [`MAX_OWNER`] bytes.
    #[must_use]
    pub fn owned_by(mut self, owner: &[u8]) -> Self {
        debug_assert!(self.space.owned, "{} has no owners", self.space.name);
        debug_assert!(owner.len() <= MAX_OWNER, "an owner is a short id");
        self.owner = Some(owner.into());
        self
    }

    /// Whose the record is, where the key says that: one to write by, or one that
    /// a scan has found.
    pub fn owner(&self) -> Option<&[u8]> {
        self.owner.as_deref()
    }

    /// The space.
    pub fn space(&self) -> &'static Space {
        self.space
    }

    /// The partition.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The id within the partition, with the expiry in front where there is one.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// When the record is gone; `None` where it stays.
    pub fn expires_at(&self) -> Option<Timestamp> {
        if !self.space.expiring {
            return None;
        }
        let head: [u8; 8] = self.id.get(..8)?.try_into().ok()?;
        Some(Timestamp::from_millis(u64::from_be_bytes(head)))
    }

    /// True from the very moment of expiry on.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|at| now >= at)
    }
}

/// Which write of a record this is: grows with each, also across a removal. Where
/// several brokers write, across a removal it is surely another one, and greater
/// as far as their clocks agree; so compare for equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its bytes.
    pub value: Vec<u8>,
    /// The write that made it.
    pub version: Version,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    Any,
    /// There is no (unexpired) record.
    Absent,
    /// The record is of this version.
    Version(Version),
}

impl Precondition {
    /// Whether it holds for a record of this version; `None` if there is none.
    pub fn holds(self, current: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Version(wanted) => current == Some(wanted),
        }
    }
}

/// A part of one space and partition, in the order of ids.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The space.
    pub space: &'static Space,
    /// The partition.
    pub partition: String,
    /// Only what is this one's, see [`Key::owned_by`].
    pub owner: Option<Vec<u8>>,
    /// Only ids that begin with this.
    pub prefix: Vec<u8>,
    /// Only ids greater than this, for the next page.
    pub after: Option<Vec<u8>>,
    /// At most so many records.
    pub limit: usize,
}

impl Scan {
    /// Everything in a partition, at most `limit` records.
    pub fn all(space: &'static Space, partition: impl Into<String>, limit: usize) -> Self {
        Self {
            space,
            partition: partition.into(),
            owner: None,
            prefix: Vec::new(),
            after: None,
            limit,
        }
    }

    /// The smallest id that can be in the answer: from there on, what begins
    /// with `prefix` is.
    pub fn start(&self, now: Timestamp) -> Vec<u8> {
        let start = self.prefix.clone().max(self.space.live_from(now));
        match &self.after {
            // Nothing fits between an id and the same id with a zero behind it.
            Some(after) => start.max([after.as_slice(), &[0]].concat()),
            None => start,
        }
    }
}

/// One step of a batch, see [`Store::commit`].
#[derive(Debug, Clone)]
pub enum Step {
    /// Fails the whole batch unless it holds.
    Check(Key, Precondition),
    /// Writes a record.
    Put(Key, Vec<u8>),
    /// Removes a record.
    Delete(Key),
}

impl Step {
    /// The key it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Check(key, _) | Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Fails unless the steps stay within one account's partition, that of the broker
/// (`""`), and the durable class.
fn check_batch(steps: &[Step]) -> Result<(), StoreError> {
    let keys = || steps.iter().map(Step::key);
    let mut accounts = keys().map(Key::partition).filter(|name| !name.is_empty());
    let account = accounts.next();
    let one_account = accounts.all(|other| Some(other) == account);
    if one_account && keys().all(|key| key.space.class == Class::Durable) {
        Ok(())
    } else {
        Err(StoreError::BadBatch)
    }
}

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The precondition did not hold.
    #[error("the record was changed by someone else meanwhile")]
    Conflict,
    /// A batch reaches beyond one account or mixes classes.
    #[error("a batch must stay within one account, the broker itself and the durable class")]
    BadBatch,
    /// The disk, the file or the connection failed; nothing is promised.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The data could not be read as what it should be.
    #[error("{place}: stored data cannot be read: {why}")]
    Corrupt {
        /// Which record or file.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has the data directory.
    #[error(
        "the data directory {0} is in use by another process; stop it or choose another `data_dir`"
    )]
    Locked(String),
    /// The store is not one to start on, until somebody does what is said here.
    #[error("{0}")]
    Refused(String),
}

/// How long a record of [`Store::put_soon`] may be in memory only. Where a disk
/// takes longer, such writes wait for it like others: what is older than this is
/// on disk, or nothing more is acknowledged.
pub const SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// A place for records. See the module's head for what it promises.
///
/// Expired records are never returned, taken or counted, whether or not they
/// were purged yet.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a record.
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError>;

    /// As [`Store::get`], from memory where the store can: what another broker
    /// removed is gone within a second, and what it wrote may be seen later than
    /// that. For what is asked again and again.
    async fn recall(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.get(key).await
    }

    /// Writes a record if `when` holds.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it does not; then nothing was written.
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError>;

    /// As [`Store::put`], but does not wait for the disk. What was written is there
    /// once any durable write that came after it is acknowledged, and lost
    /// together with all that came after it, if at all; without one it is there a
    /// moment later, [`SOON`] at most. For what nobody is told of before such a
    /// write, and for what may be lost in a crash without harm. A store that can't
    /// promise this waits.
    async fn put_soon(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.put(key, value, when).await
    }

    /// Reads and removes in one step: of any number of takers one gets the record.
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError>;

    /// Removes a record if `when` holds; says whether there was one.
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError>;

    /// Lists records in the order of their ids. A store of many may list nothing of a
    /// transient space.
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError>;

    /// Which partitions have records in a space, in order. For export and upkeep; as
    /// [`Store::scan`], durable spaces only where there are many.
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError>;

    /// Does all steps or none: first every check, wherever it stands, then the
    /// writes in their order. Gives the version of each record that it put, in the
    /// order of the puts.
    ///
    /// Durable spaces only, of one account's partition and of the broker's own,
    /// `""`: so that a change of an account and what the audit log says of it are
    /// on disk together or not at all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a check fails, [`StoreError::BadBatch`] if
    /// the steps don't belong together.
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError>;

    /// Removes at most `limit` expired records of a space; says how many. Only what
    /// had expired by [`Clock::surely`](crate::base::Clock::surely): a clock that is
    /// ahead for a while takes nothing. Not awaited on disk: what comes back after a
    /// crash is as expired as before.
    async fn purge_expired(&self, space: &'static Space, limit: usize)
    -> Result<usize, StoreError>;

    /// A number that is another one after each change in a space, whoever made
    /// it; `None` while this store can't know of all changes. Whoever asks for it,
    /// then reads, and later gets the same number, need not read again. Where other
    /// brokers write too, their changes count in it within a second.
    fn revision(&self, space: &'static Space) -> Option<u64> {
        let _ = space;
        None
    }

    /// Shows another number whenever another broker may have changed something in a
    /// [watched](Space::watched) space; `None` if there is no other broker.
    fn heard(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        None
    }

    /// What makes copies while the store is in use; `None` if it can't.
    fn recorder(&self) -> Option<Arc<dyn recording::Copies>> {
        None
    }

    /// Fails if a write would not be safe now (full disk, lost connection).
    async fn ready(&self) -> Result<(), StoreError>;

    /// The same of each part that it consists of, by what the part has: to tell which
    /// one is in trouble.
    async fn readiness(&self) -> Vec<(&'static str, Result<(), StoreError>)> {
        vec![("all", self.ready().await)]
    }

    /// Writes everything down and marks the stop as clean. Doing it again does
    /// nothing. Without it the next start is one after a crash.
    async fn close(&self) -> Result<(), StoreError>;
}
