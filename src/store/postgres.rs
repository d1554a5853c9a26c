//! A store that several brokers share: PostgreSQL.
//!
//! [`address`] reads the URL and [`tls`] encrypts the way there; [`pool`] has the
//! connections and their deadlines; [`schema`] the tables and their versions;
//! [`statements`] what is asked of them; [`batch`] several writes as one. All that
//! is durable is in one table and all that is transient in another, which
//! PostgreSQL empties after a crash. [`changes`] has what others write, and what is
//! remembered until then.
//!
//! Each operation on one record is one statement. What a `put` asks of the record
//! is in its `WHERE`, so that of many writers one succeeds whichever broker they
//! are at. The time is the broker's: it is passed in, never the database's.

mod address;
mod batch;
mod changes;
mod copy;
mod failure;
mod pool;
mod row;
mod schema;
mod servers;
mod statements;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Config;

use self::address::Address;
use self::changes::Changes;
use self::copy::Copier;
use self::failure::{Failure, unavailable};
use self::pool::{LONG, Lease, Parameter, Pool, SHORT};
use self::row::{Written, ended_by, ends_of, signed, unsigned};
use self::servers::Servers;
use self::statements::{RECORD, Statements, TRANSIENT};
use super::recording::Copies;
use super::versions::Versions;
use super::{
    Class, Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version, Watched,
    check_batch,
};
use crate::base::{Clock, Secret, Timestamp};

/// How long the database may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can be set about a [`PostgresStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// At most so many connections.
    pub connections: usize,
    /// How far the clock may be from the database's; `None`: any distance, for a
    /// clock that is not that of the world.
    pub skew: Option<Duration>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: 16,
            skew: Some(Duration::from_secs(5)),
        }
    }
}

/// A store in a PostgreSQL database, which others may use at the same time.
pub struct PostgresStore {
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    versions: Versions,
    durable: Statements,
    transient: Statements,
    changes: Arc<Changes>,
    following: Option<JoinHandle<()>>,
    copied: Vec<&'static Space>,
}

impl PostgresStore {
    /// Opens the store in the database that a `postgres://` URL names.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where somebody has to do something: another
    /// program's database, another version's tables, a read-only server, a wrong
    /// password, clocks that differ; [`StoreError::Unavailable`] where the
    /// database does not answer.
    pub async fn open(
        url: &Secret,
        clock: Arc<dyn Clock>,
        options: PostgresOptions,
    ) -> Result<Self, StoreError> {
        let (mut store, servers, config) = Self::bare(url, clock, options)?;
        servers.survey().await?;
        let lease = store.pool.lease().await?;
        schema::check(&lease).await?;
        if let Some(most) = options.skew {
            schema::compare_clocks(&lease, store.clock.now(), most).await?;
        }
        drop(lease);
        // A connection of its own: where all others are in use it is needed most.
        let look = Pool::new(&servers, config, 1)?;
        store.following = Some(store.changes.follow(look));
        Ok(store)
    }

    /// Makes the tables of this version, or brings those of an earlier one to it;
    /// says from which version to which.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn migrate(url: &Secret, clock: Arc<dyn Clock>) -> Result<(i64, i64), StoreError> {
        let options = PostgresOptions {
            connections: 1,
            skew: None,
        };
        let (store, servers, _) = Self::bare(url, clock, options)?;
        servers.survey().await?;
        let lease = store.pool.lease().await?;
        schema::migrate(&lease).await
    }

    /// The same store, of which copies can be made: the durable ones of these spaces.
    #[must_use]
    pub fn copying(mut self, spaces: impl IntoIterator<Item = &'static Space>) -> Self {
        let spaces = spaces.into_iter();
        self.copied = spaces
            .filter(|space| space.class == Class::Durable)
            .collect();
        self
    }

    /// The name of the installation that the database is of; no other has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where the database does not answer.
    pub async fn installation(&self) -> Result<String, StoreError> {
        let lease = self.pool.lease().await?;
        let sql = "SELECT installation::text FROM vestibule_meta";
        let rows = lease.rows(sql, &[]).await?;
        let name = rows.first().map(|row| row.get(0));
        name.ok_or_else(|| unavailable("`vestibule_meta` is empty"))
    }

    fn bare(
        url: &Secret,
        clock: Arc<dyn Clock>,
        options: PostgresOptions,
    ) -> Result<(Self, Servers, Config), StoreError> {
        let address = Address::parse(url)?;
        let servers = Servers::new(&address)?;
        let pool = Pool::new(&servers, address.config.clone(), options.connections)?;
        let store = Self {
            pool: Arc::new(pool),
            clock,
            versions: Versions::after(0),
            durable: Statements::of(RECORD),
            transient: Statements::of(TRANSIENT),
            changes: Arc::new(Changes::new()),
            following: None,
            copied: Vec::new(),
        };
        Ok((store, servers, address.config))
    }

    fn stop(&self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }

    fn table(&self, space: &Space) -> &Statements {
        match space.class {
            Class::Durable => &self.durable,
            Class::Transient => &self.transient,
        }
    }

    async fn write(
        &self,
        key: &Key,
        value: &[u8],
        when: Precondition,
        soon: bool,
    ) -> Result<Version, StoreError> {
        let now = self.clock.now();
        let when = match when {
            // What is expired has no version, and is not there.
            Precondition::Version(_) if key.is_expired(now) => return Err(StoreError::Conflict),
            Precondition::Absent if key.is_expired(now) => Precondition::Any,
            when => when,
        };
        let before = match when {
            Precondition::Version(version) => Some(version),
            _ => None,
        };
        let written = Written {
            part: key.partition(),
            space: key.space().name,
            id: key.id(),
            version: signed(self.versions.next(now, before)),
            ends: ends_of(key),
            owner: key.owner(),
            value,
        };
        let mut parameters: Vec<Parameter<'_>> = written.parameters().to_vec();
        let before = before.map(signed);
        if let Some(before) = &before {
            parameters.push(before);
        }
        let table = self.table(key.space());
        let (any, absent, version) = if key.space().watched == Watched::Writes {
            let told = &table.told;
            (&told.put, &told.create, &told.update)
        } else if soon {
            let soon = &table.soon;
            (&soon.put, &soon.create, &soon.update)
        } else {
            (&table.put, &table.create, &table.update)
        };
        let sql = match when {
            Precondition::Any => any,
            Precondition::Absent => absent,
            Precondition::Version(_) => version,
        };
        let _writing = self.changes.writing([key]);
        let rows = self.pool.lease().await?.rows(sql, &parameters).await?;
        match rows.first() {
            Some(row) => Ok(Version(unsigned(row.get(0)))),
            None => Err(StoreError::Conflict),
        }
    }
}

/// Version and value.
fn entry(row: &tokio_postgres::Row) -> Entry {
    Entry {
        version: Version(unsigned(row.get(0))),
        value: row.get(1),
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.clock.now()) {
            return Ok(None);
        }
        let lease = self.pool.lease().await?;
        let sql = &self.table(key.space()).get;
        let rows = lease
            .rows(sql, &[&key.partition(), &key.space().name, &key.id()])
            .await?;
        Ok(rows.first().map(entry))
    }

    async fn recall(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.clock.now()) {
            return Ok(None);
        }
        self.changes.recall(key, self.get(key)).await
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.write(key, &value, when, false).await
    }

    async fn put_soon(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.write(key, &value, when, true).await
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.clock.now()) {
            return Ok(None);
        }
        let _writing = self.changes.writing([key]);
        let lease = self.pool.lease().await?;
        let table = self.table(key.space());
        let sql = match key.space().watched {
            Watched::No => &table.take,
            Watched::Removals | Watched::Writes => &table.take_told,
        };
        let rows = lease
            .rows(sql, &[&key.partition(), &key.space().name, &key.id()])
            .await?;
        Ok(rows.first().map(entry))
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let expired = key.is_expired(self.clock.now());
        match when {
            Precondition::Any => Ok(self.take(key).await?.is_some()),
            Precondition::Absent if expired || self.get(key).await?.is_none() => Ok(false),
            Precondition::Version(version) if !expired => {
                let _writing = self.changes.writing([key]);
                let lease = self.pool.lease().await?;
                let (part, space, id) = (key.partition(), key.space().name, key.id());
                let table = self.table(key.space());
                let sql = match key.space().watched {
                    Watched::No => &table.delete,
                    Watched::Removals | Watched::Writes => &table.delete_told,
                };
                let rows = lease
                    .rows(sql, &[&part, &space, &id, &signed(version)])
                    .await?;
                if rows.is_empty() {
                    return Err(StoreError::Conflict);
                }
                Ok(true)
            }
            Precondition::Absent | Precondition::Version(_) => Err(StoreError::Conflict),
        }
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        let lease = self.pool.lease().await?;
        let now = self.clock.now();
        Ok(listed(&lease, self.table(scan.space), scan, now).await?)
    }

    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        let lease = self.pool.lease().await?;
        let now = self.clock.now();
        Ok(partitions_in(&lease, self.table(space), space, now).await?)
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        check_batch(&steps)?;
        if steps.is_empty() {
            return Ok(Vec::new());
        }
        let _writing = self.changes.writing(steps.iter().map(Step::key));
        let lease = self.pool.lease().await?;
        let time = (&self.versions, self.clock.now());
        batch::commit(&lease, &self.durable, time, &steps).await
    }

    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        if !space.expiring {
            return Ok(0);
        }
        let ended = ended_by(self.clock.surely());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let lease = self.pool.lease().await?;
        let sql = &self.table(space).purge;
        let purged = lease
            .count(LONG, sql, &[&space.name, &ended, &limit])
            .await?;
        Ok(usize::try_from(purged).unwrap_or(usize::MAX))
    }

    fn revision(&self, space: &'static Space) -> Option<u64> {
        self.changes.revision(space)
    }

    fn recorder(&self) -> Option<Arc<dyn Copies>> {
        let copier = Copier {
            pool: Arc::clone(&self.pool),
            clock: Arc::clone(&self.clock),
            spaces: self.copied.clone(),
        };
        (!self.copied.is_empty()).then(|| Arc::new(copier) as _)
    }

    fn heard(&self) -> Option<watch::Receiver<u64>> {
        Some(self.changes.heard())
    }

    /// A standby answers, and takes no writes; so does a server whose disk is full.
    async fn ready(&self) -> Result<(), StoreError> {
        let looked = tokio::time::timeout(PATIENCE, async {
            let lease = self.pool.lease().await?;
            let sql = "SELECT current_setting('transaction_read_only') = 'on'";
            let rows = lease.rows(sql, &[]).await?;
            if rows.first().is_some_and(|row| row.get(0)) {
                return Err(unavailable("PostgreSQL is read-only"));
            }
            drop(lease);
            if !self.pool.has_room().await? {
                return Err(unavailable("the disk of PostgreSQL is full"));
            }
            Ok(())
        });
        let silent = || unavailable(format!("PostgreSQL has not answered for {PATIENCE:?}"));
        looked.await.unwrap_or_else(|_| Err(silent()))
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.stop();
        self.pool.close();
        Ok(())
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a scan finds.
async fn listed(
    lease: &Lease,
    table: &Statements,
    scan: &Scan,
    now: Timestamp,
) -> Result<Vec<(Key, Entry)>, Failure> {
    let (space, start) = (scan.space, scan.start(now));
    let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
    let end = successor(&scan.prefix);
    let mut parameters: Vec<Parameter<'_>> = vec![&scan.partition, &space.name, &start, &limit];
    if let Some(end) = &end {
        parameters.push(end);
    }
    if let Some(owner) = &scan.owner {
        parameters.push(owner);
    }
    let sql = table.scan(end.is_some(), scan.owner.is_some());
    let limit = if scan.limit > 1000 { LONG } else { SHORT };
    let rows = lease.rows_within(limit, &sql, &parameters).await?;
    let records = rows.iter().map(|row| {
        let key = Key {
            space,
            partition: scan.partition.clone(),
            id: row.get(0),
            owner: row.get::<_, Option<&[u8]>>(2).map(Into::into),
        };
        let version = Version(unsigned(row.get(1)));
        let value = row.get(3);
        (key, Entry { value, version })
    });
    Ok(records.collect())
}

/// Which partitions have living records in a space.
async fn partitions_in(
    lease: &Lease,
    table: &Statements,
    space: &Space,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let live = space.live_from(now);
    let rows = lease
        .rows_within(LONG, &table.partitions, &[&space.name, &live])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The least that is greater than all that begins with `prefix`; `None` where
/// nothing is.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}
