//! Connections, and a deadline for whatever is done with one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use super::super::StoreError;
use super::address::{Address, CONNECT};
use super::failure::{Failure, fault, refusal, unavailable};
use super::tls::Tls;

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

/// A few connections for all requests.
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    config: tokio_postgres::Config,
}

impl Pool {
    /// At most `size` connections; none is made yet.
    pub(super) fn new(address: Address, size: usize) -> Result<Self, StoreError> {
        let Address {
            config,
            roots,
            encrypted,
        } = address;
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = if encrypted {
            let tls = Tls::new(roots.as_deref())
                .map_err(|why| StoreError::Refused(format!("`store.durable`: {why}")))?;
            Manager::from_config(config.clone(), tls, recycling)
        } else {
            Manager::from_config(config.clone(), NoTls, recycling)
        };
        let begin = Hook::async_fn(|client, _| {
            Box::pin(async move {
                client
                    .batch_execute(BEGIN)
                    .await
                    .map_err(HookError::Backend)
            })
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
            .build()
            .map_err(|e| unavailable(e.to_string()))?;
        Ok(Self { inner, config })
    }

    /// A connection of one's own.
    pub(super) async fn lease(&self) -> Result<Lease, StoreError> {
        match self.inner.get().await {
            Ok(object) => Ok(Lease {
                object: Some(object),
                spoiled: AtomicBool::new(false),
            }),
            Err(PoolError::Backend(e) | PoolError::PostCreateHook(HookError::Backend(e))) => {
                Err(refusal(&e, &self.config))
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
            Ok(done) => done.map_err(|e| fault(&e)),
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
