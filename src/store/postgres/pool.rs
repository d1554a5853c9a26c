//! Connections, and a deadline for whatever is done with one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, PoolError, RecyclingMethod,
    Runtime, Timeouts,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Row};

use super::super::StoreError;
use super::address::CONNECT;
use super::failure::{Failure, fault, is_out_of_room, refusal, unavailable};
use super::servers::Servers;
use crate::base::random;

/// How long a statement may take.
pub(super) const SHORT: Duration = Duration::from_secs(5);
/// The same of one that goes through much.
pub(super) const LONG: Duration = Duration::from_secs(60);
/// How long to wait for a connection that others use.
const WAIT: Duration = Duration::from_secs(3);

/// What each connection begins with: the server ends what we no longer wait for,
/// and a commit that is awaited is on disk whatever the database's default is.
const BEGIN: &str = "SET statement_timeout = '60s'; SET lock_timeout = '4s'; \
    SET idle_in_transaction_session_timeout = '10s'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// How many KiB tell whether there is room: more than is left in the pages that there
/// are. They are random, so that they can't be compressed.
const PROBE: usize = 64;
const PROBE_SQL: &str =
    "INSERT INTO vestibule_record (part, space, id, ver, val) VALUES ('', 'probe', $1, 0, $2)";

/// A few connections for all requests.
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    config: Config,
    /// See [`Pool::has_room`].
    out_of_room: Arc<AtomicBool>,
}

impl Pool {
    /// At most `size` connections to `servers`, whose URL is `config`; none is made yet.
    pub(super) fn new(servers: &Servers, config: Config, size: usize) -> Result<Self, StoreError> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(config.clone(), servers.clone(), recycling);
        let asked = servers.clone();
        let begin = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let servers = asked.clone();
            Box::pin(async move {
                if let Some(why) = servers.stale(client).await {
                    return Err(HookError::message(why));
                }
                let begun = client.batch_execute(BEGIN).await;
                begun.map_err(HookError::Backend)
            })
        });
        let servers = servers.clone();
        let again = Hook::sync_fn(move |_, metrics| {
            if servers.outlived(metrics.created) {
                return Err(HookError::message("it is of before a failover"));
            }
            Ok(())
        });
        let inner = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(WAIT),
                create: Some(CONNECT),
                recycle: Some(CONNECT),
            })
            .post_create(begin)
            .pre_recycle(again)
            .build()
            .map_err(|e| unavailable(e.to_string()))?;
        Ok(Self {
            inner,
            config,
            out_of_room: Arc::default(),
        })
    }

    /// A connection of one's own.
    pub(super) async fn lease(&self) -> Result<Lease, StoreError> {
        match self.inner.get().await {
            Ok(object) => Ok(Lease {
                object: Some(object),
                spoiled: AtomicBool::new(false),
                out_of_room: Arc::clone(&self.out_of_room),
            }),
            Err(PoolError::Backend(e) | PoolError::PostCreateHook(HookError::Backend(e))) => {
                Err(refusal(&e, &self.config))
            }
            Err(PoolError::PostCreateHook(HookError::Message(why))) => {
                Err(unavailable(format!("PostgreSQL is not used: {why}")))
            }
            Err(PoolError::Timeout(deadpool_postgres::TimeoutType::Wait)) => {
                Err(unavailable("all connections to PostgreSQL are in use"))
            }
            Err(PoolError::Timeout(_)) => Err(unavailable(format!(
                "PostgreSQL has not answered for {CONNECT:?}"
            ))),
            Err(PoolError::Closed) => Err(unavailable("it is closed")),
            Err(other) => Err(unavailable(other.to_string())),
        }
    }

    /// Whether no statement has failed for want of room on the disk, or there is room
    /// again by now. What is short still fits into the pages that there are, so something
    /// long is written for it, and taken back.
    pub(super) async fn has_room(&self) -> Result<bool, StoreError> {
        if !self.out_of_room.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let lease = self.lease().await?;
        let id = random::bytes::<16>();
        let long: Vec<u8> = (0..PROBE).flat_map(|_| random::bytes::<1024>()).collect();
        lease.begin("BEGIN").await?;
        let wrote = lease.rows(PROBE_SQL, &[&&id[..], &&long[..]]).await;
        lease.end("ROLLBACK").await?;
        let has_room = wrote.is_ok();
        if has_room {
            self.out_of_room.store(false, Ordering::Relaxed);
        }
        Ok(has_room)
    }

    /// Lets go of all connections.
    pub(super) fn close(&self) {
        self.inner.close();
    }
}

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A connection for a while. One whose last statement got no answer, or that is
/// within a transaction, does not go back to the pool.
pub(super) struct Lease {
    object: Option<Object>,
    spoiled: AtomicBool,
    /// The pool's.
    out_of_room: Arc<AtomicBool>,
}

impl Lease {
    fn object(&self) -> Result<&Object, Failure> {
        let none = || Failure::Store(unavailable("it is closed"));
        self.object.as_ref().ok_or_else(none)
    }

    /// The rows a statement gives.
    pub(super) async fn rows(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        self.rows_within(SHORT, sql, parameters).await
    }

    /// The same, with a time of the caller's.
    pub(super) async fn rows_within(
        &self,
        limit: Duration,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let object = self.object()?;
        let work = async {
            let statement = object.prepare_cached(sql).await?;
            object.query(&statement, parameters).await
        };
        self.within(limit, work).await
    }

    /// How many rows a statement changed.
    pub(super) async fn count(
        &self,
        limit: Duration,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, Failure> {
        let object = self.object()?;
        let work = async {
            let statement = object.prepare_cached(sql).await?;
            object.execute(&statement, parameters).await
        };
        self.within(limit, work).await
    }

    /// Does several statements that take and give nothing.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Failure> {
        self.within(LONG, self.object()?.batch_execute(sql)).await
    }

    /// Begins a transaction; it ends with [`Lease::end`], or the connection does.
    pub(super) async fn begin(&self, sql: &str) -> Result<(), Failure> {
        self.spoiled.store(true, Ordering::Relaxed);
        self.within(SHORT, self.object()?.batch_execute(sql)).await
    }

    /// Ends a transaction.
    pub(super) async fn end(&self, sql: &str) -> Result<(), Failure> {
        self.within(SHORT, self.object()?.batch_execute(sql))
            .await?;
        self.spoiled.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done.map_err(|e| {
                if is_out_of_room(&e) {
                    self.out_of_room.store(true, Ordering::Relaxed);
                }
                fault(&e)
            }),
            Err(_) => {
                self.spoiled.store(true, Ordering::Relaxed);
                let why = format!("PostgreSQL has not answered for {limit:?}");
                Err(Failure::Store(unavailable(why)))
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.spoiled.load(Ordering::Relaxed)
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}
