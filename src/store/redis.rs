//! Transient records in Redis or Valkey: one server, one behind Sentinel, or a
//! cluster.
//!
//! [`address`] reads the URL, [`link`] has the connection and its deadlines, and
//! [`scripts`] what the server does with a record. [`seeds`] looks whether the nodes
//! that a URL names are of one cluster.
//!
//! An answer can get lost after the server did what it was asked. So every write
//! carries a name of its own, by which the server knows it again: to ask twice is
//! to ask once. A record that was taken leaves a mark for a while, which gives it
//! to its taker again and to nobody else.
//!
//! Nothing here must be needed after a crash, and a server can lose what it
//! acknowledged, removals too: [`SplitStore`](super::SplitStore) sees to it that
//! nothing counts twice then.

mod address;
mod link;
mod scripts;
mod seeds;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::warn;

use self::address::{Address, Mode};
use self::link::Link;
use self::scripts::{Held, PUT, REMOVE, Stamp, TAKE};
use super::versions::Versions;
use super::{Class, Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version};
use crate::base::{Clock, Secret, Timestamp, random};

/// A record is kept for so long after its end by our clock: whether it has ended is
/// known by its key.
const LEEWAY: Duration = Duration::from_secs(60);
/// The longest that a record is kept.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Which installation uses the server.
const OWNER: &str = "vb1:installation";
/// Which server it is.
const MARK: &str = "vb1:server";

/// A store of transient records in Redis or Valkey.
pub struct RedisStore {
    link: Link,
    clock: Arc<dyn Clock>,
    versions: Versions,
}

impl RedisStore {
    /// Connects to what a URL names: `redis://`, `redis+sentinel://`,
    /// `redis+cluster://`, or the same with `rediss` for TLS.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where somebody has to do something: a wrong password, a
    /// replica, a cluster that the URL does not call one;
    /// [`StoreError::Unavailable`] where the server does not answer.
    pub async fn open(url: &Secret, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let store = Self {
            link: Link::new(&Address::parse(url)?)?,
            clock,
            versions: Versions::after(0),
        };
        store.link.connect().await?;
        store.check_server().await?;
        Ok(store)
    }

    /// Fails if the server has the records of another installation.
    ///
    /// # Errors
    /// As [`RedisStore::open`].
    pub async fn claim(&self, installation: &str) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(OWNER).arg(installation).arg("NX");
        self.link.ask::<Option<String>>(&set).await?;
        let mut get = redis::cmd("GET");
        get.arg(OWNER);
        let found: Option<String> = self.link.ask(&get).await?;
        if found.is_some_and(|found| found != installation) {
            return Err(StoreError::Refused(format!(
                "`store.transient`: the server has the records of another installation; name another server or database \
                 number, or remove its key `{OWNER}` if that installation is gone"
            )));
        }
        Ok(())
    }

    /// The server's own mark, which all that use it find there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it does not answer.
    pub async fn mark(&self) -> Result<String, StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(MARK).arg(random::support_id()).arg("NX");
        self.link.ask::<Option<String>>(&set).await?;
        let mut get = redis::cmd("GET");
        get.arg(MARK);
        let found: Option<String> = self.link.ask(&get).await?;
        found.ok_or_else(|| link::unavailable("Redis forgets what it is given"))
    }

    /// What can be known at the start.
    async fn check_server(&self) -> Result<(), StoreError> {
        let refused = |why: &str| Err(StoreError::Refused(format!("`store.transient`: {why}")));
        if self.link.mode() == Mode::Cluster {
            return seeds::one_cluster(self.link.seeds()).await;
        }
        let mut info = redis::cmd("INFO");
        info.arg("server").arg("replication").arg("cluster");
        // Who may not ask for it is not refused for that.
        let Ok(info) = self.link.ask::<String>(&info).await else {
            return Ok(());
        };
        let says = |line: &str| info.lines().any(|found| found.trim() == line);
        if says("cluster_enabled:1") {
            return refused("the server is a node of a cluster; write `redis+cluster://`");
        }
        if says("role:slave") {
            return refused(
                "the server is a replica, which takes no writes; name the primary, or the sentinels as in `redis+sentinel://host/name`",
            );
        }
        let mut policy = redis::cmd("CONFIG");
        policy.arg("GET").arg("maxmemory-policy");
        let policy: Vec<String> = self.link.ask(&policy).await.unwrap_or_default();
        if policy.get(1).is_some_and(|policy| policy != "noeviction") {
            warn!(
                policy = policy[1],
                "a Redis that is full would remove logins that are under way; set `maxmemory-policy noeviction`"
            );
        }
        Ok(())
    }

    fn stamp(&self, before: Option<Version>) -> Stamp {
        Stamp::new(self.versions.next(self.clock.now(), before))
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &str,
        key: &Key,
        arguments: &[&[u8]],
    ) -> Result<T, StoreError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(name(key));
        for argument in arguments {
            command.arg(*argument);
        }
        self.link.ask(&command).await
    }
}

/// For how long the server keeps a record, in milliseconds.
fn kept(key: &Key, now: Timestamp) -> u64 {
    let left = match key.expires_at() {
        Some(at) => at.since(now).saturating_add(LEEWAY).min(LONGEST),
        None => LONGEST,
    };
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}

/// Without a hash tag: records of all kinds and accounts are spread over a cluster.
fn name(key: &Key) -> Vec<u8> {
    let head = format!("vb1:{}:{}:", key.space().name, key.partition());
    [head.as_bytes(), key.id()].concat()
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.clock.now()) {
            return Ok(None);
        }
        let mut get = redis::cmd("GET");
        get.arg(name(key));
        let found: Option<Vec<u8>> = self.link.ask(&get).await?;
        found.map_or(Ok(None), |found| Held::read(key, &found))
    }

    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let now = self.clock.now();
        let expired = key.is_expired(now);
        let (mode, before) = match when {
            Precondition::Version(_) if expired => return Err(StoreError::Conflict),
            Precondition::Absent if expired => ("any", None),
            Precondition::Any => ("any", None),
            Precondition::Absent => ("absent", None),
            Precondition::Version(version) => ("version", Some(version)),
        };
        let stamp = self.stamp(before);
        let kept = kept(key, now).to_string();
        let wanted = before.map_or(0, |version| version.0).to_be_bytes();
        let arguments: [&[u8]; 5] = [
            mode.as_bytes(),
            stamp.as_bytes(),
            &value,
            kept.as_bytes(),
            &wanted,
        ];
        if self.run::<bool>(PUT, key, &arguments).await? {
            Ok(stamp.version())
        } else {
            Err(StoreError::Conflict)
        }
    }

    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        if key.is_expired(self.clock.now()) {
            return Ok(None);
        }
        let taker = random::bytes::<16>();
        let taken: Option<Vec<u8>> = self.run(TAKE, key, &[&taker]).await?;
        taken.map_or(Ok(None), |taken| Held::read(key, &taken))
    }

    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        let expired = key.is_expired(self.clock.now());
        match when {
            Precondition::Any => Ok(self.take(key).await?.is_some()),
            Precondition::Absent if expired || self.get(key).await?.is_none() => Ok(false),
            Precondition::Version(version) if !expired => {
                let taker = random::bytes::<16>();
                let wanted = version.0.to_be_bytes();
                let removed: bool = self.run(REMOVE, key, &[&taker, &wanted]).await?;
                removed.then_some(true).ok_or(StoreError::Conflict)
            }
            Precondition::Absent | Precondition::Version(_) => Err(StoreError::Conflict),
        }
    }

    /// Nothing: a server of many keys would be walked through for it.
    async fn scan(&self, _scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        Ok(Vec::new())
    }

    async fn partitions(&self, _space: &'static Space) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        let durable = |step: &Step| step.key().space().class == Class::Durable;
        if steps.is_empty() || !steps.iter().any(durable) {
            return super::check_batch(&steps).map(|()| Vec::new());
        }
        Err(StoreError::BadBatch)
    }

    /// The server removes what has ended by itself.
    async fn purge_expired(
        &self,
        _space: &'static Space,
        _limit: usize,
    ) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// A replica answers, and a full server too; neither takes writes.
    async fn ready(&self) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg("vb1:ready").arg(1).arg("PX").arg(60_000);
        self.link.ask::<()>(&set).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.link.close();
        Ok(())
    }
}
