//! Which of several servers has the records.
//!
//! After a failover the server that was promoted has a new timeline, and the one of
//! before must not come back as it was: it would still take writes, and what is written
//! there, a logout too, is lost to all others. It is known by its lower timeline. So a
//! start looks at every server of the URL, and from then on no connection to one whose
//! timeline is lower than the highest that was seen is made, and none is used that was
//! made before the highest was seen.
//!
//! A database that knows no timelines, since it is no PostgreSQL, is taken as it is.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::future::{BoxFuture, join_all};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};
use tracing::{debug, warn};

use super::super::StoreError;
use super::address::{Address, CONNECT, common};
use super::tls::Tls;

/// The timeline is in the name of the log file that is being written. `YugabyteDB` knows the
/// function and has no timelines: all of its servers take writes.
const TIMELINE: &str = "SELECT CASE WHEN version() NOT LIKE '%-YB-%' \
    THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END";
/// A cluster and all copies of it have one, and no other has.
const CLUSTER: &str = "SELECT system_identifier FROM pg_control_system()";

/// The servers of a URL.
#[derive(Clone)]
pub(super) struct Servers {
    /// One configuration for each host.
    each: Arc<[Config]>,
    tls: Option<Tls>,
    known: Arc<Known>,
}

#[derive(Default)]
struct Known {
    /// The highest timeline that was seen; 0: none.
    newest: AtomicU32,
    /// When it took the place of another one.
    raised: Mutex<Option<Instant>>,
    /// Which server was the last that was connected to.
    last: AtomicUsize,
}

/// What one of them is.
struct Seen {
    name: String,
    cluster: String,
    timeline: u32,
}

impl Servers {
    pub(super) fn new(address: &Address) -> Result<Self, StoreError> {
        let tls = || {
            Tls::new(address.roots.as_deref())
                .map_err(|why| StoreError::Refused(format!("`store.durable`: {why}")))
        };
        let tls = address.encrypted.then(tls).transpose()?;
        let each = (0..address.config.get_hosts().len())
            .map(|at| one_host(&address.config, at))
            .collect();
        Ok(Self {
            each,
            tls,
            known: Arc::default(),
        })
    }

    /// Looks at each server, and remembers the highest timeline. Who does not answer now
    /// is judged when a connection to it is made.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where two servers are not one cluster, or both take writes
    /// and neither was promoted after the other.
    pub(super) async fn survey(&self) -> Result<(), StoreError> {
        if self.each.len() < 2 {
            return Ok(());
        }
        let looks = self.each.iter().map(|config| self.look(config));
        let seen: Vec<Seen> = join_all(looks).await.into_iter().flatten().collect();
        let Some(best) = seen.iter().max_by_key(|seen| seen.timeline) else {
            return Ok(());
        };
        for other in seen.iter().filter(|seen| seen.name != best.name) {
            let (one, two) = (&best.name, &other.name);
            if other.cluster != best.cluster {
                return Err(StoreError::Refused(format!(
                    "`store.durable` names two servers that take writes and have nothing to do with each other: `{one}` and `{two}`; \
                     name the servers of one cluster, a primary and its standbys"
                )));
            }
            if other.timeline == best.timeline {
                return Err(StoreError::Refused(format!(
                    "two servers of `store.durable` take writes, `{one}` and `{two}`, and neither was promoted after the other; \
                     stop the one that is a copy, or make it a standby"
                )));
            }
            warn!(
                server = two,
                primary = one,
                "a server of before a failover takes writes still and is not used; stop it, or make it a standby (pg_rewind)"
            );
        }
        self.is_new(best.timeline);
        Ok(())
    }

    /// A server that takes writes; `None` also where it can't be asked.
    async fn look(&self, config: &Config) -> Option<Seen> {
        let asked = tokio::time::timeout(self.share(), async {
            let (client, driving) = self.open(config).await.ok()?;
            let cluster = word(&client, CLUSTER).await;
            let timeline = timeline(&client).await;
            drop(client);
            driving.abort();
            Some(Seen {
                name: name(config),
                cluster: cluster?,
                timeline: timeline?,
            })
        });
        asked.await.ok().flatten()
    }

    /// Whether a connection leads to a server of before a failover; what to say then.
    pub(super) async fn stale(&self, client: &Client) -> Option<String> {
        let timeline = timeline(client).await?;
        let newest = self.is_new(timeline);
        (timeline < newest).then(|| {
            format!(
                "the server has the timeline {timeline} of before a failover, and the one that was promoted has {newest}; stop it, or make it a standby"
            )
        })
    }

    /// Notes a timeline; gives the highest of before.
    fn is_new(&self, timeline: u32) -> u32 {
        let before = self.known.newest.fetch_max(timeline, Ordering::SeqCst);
        if before != 0 && timeline > before {
            warn!(
                before,
                timeline, "PostgreSQL failed over to a server that was promoted"
            );
            let mut raised = self
                .known
                .raised
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *raised = Some(Instant::now());
        }
        before
    }

    /// Whether a connection of this age may lead to the primary of before a failover.
    pub(super) fn outlived(&self, made: std::time::Instant) -> bool {
        let raised = self
            .known
            .raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        raised.is_some_and(|raised| made < raised.into_std())
    }

    /// How long one of them may take, so that there is time for all of them.
    fn share(&self) -> Duration {
        let servers = u32::try_from(self.each.len()).unwrap_or(u32::MAX);
        (CONNECT / servers.max(1)).max(Duration::from_secs(1))
    }

    async fn open(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, tokio::spawn(drive(connection))))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, tokio::spawn(drive(connection))))
            }
        }
    }

    async fn first(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (mut old, mut refused) = (None, None);
        let last = self.known.last.load(Ordering::Relaxed);
        let others = (0..self.each.len()).filter(|at| *at != last);
        for at in std::iter::once(last).chain(others) {
            let Some(config) = self.each.get(at) else {
                continue;
            };
            let opened = tokio::time::timeout(self.share(), async {
                let (client, driving) = self.open(config).await?;
                let stale = self.stale(&client).await.is_some();
                Ok((client, driving, stale))
            });
            match opened.await {
                Ok(Ok((client, driving, true))) => old = Some((client, driving)),
                Ok(Ok((client, driving, false))) => {
                    self.known.last.store(at, Ordering::Relaxed);
                    return Ok((client, driving));
                }
                Ok(Err(error)) => refused = Some(error),
                Err(_) => {}
            }
        }
        match (old, refused) {
            // The pool looks again and says why it is not used.
            (Some(old), _) => Ok(old),
            (None, Some(error)) => Err(error),
            // None answered; the pool says so when its time is over.
            (None, None) => std::future::pending().await,
        }
    }
}

impl Connect for Servers {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(self.first())
    }
}

/// Sees to a connection until it ends.
async fn drive(connection: impl Future<Output = Result<(), Error>>) {
    if let Err(error) = connection.await {
        debug!(why = %error, "a connection to PostgreSQL ended");
    }
}

/// The first value that a statement gives; none where the database knows no such thing.
async fn word(client: &Client, sql: &str) -> Option<String> {
    let said = client.simple_query(sql).await.ok()?;
    said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

async fn timeline(client: &Client) -> Option<u32> {
    u32::from_str_radix(&word(client, TIMELINE).await?, 16).ok()
}

fn name(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => String::new(),
    }
}

/// The same for one of the hosts alone.
fn one_host(all: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match all.get_hosts().get(at) {
        Some(Host::Tcp(host)) => one.host(host),
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    if let Some(address) = all.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    let ports = all.get_ports();
    // One port stands for all hosts.
    if let Some(port) = ports.get(at).or(ports.first()) {
        one.port(*port);
    }
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(database) = all.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    common(&mut one, all.get_ssl_mode());
    one.channel_binding(all.get_channel_binding());
    one
}
