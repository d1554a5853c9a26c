//! The way to the server, and a deadline for whatever is asked of it.
//!
//! One connection carries all requests of a broker. Where it breaks, or leads to a
//! server that is no primary any more, it is dropped and made anew, and what was
//! asked is asked again: every command is one that may be.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, IntoConnectionInfo, RedisError,
    ServerErrorKind, TlsCertificates, TlsMode,
};
use tokio::time::{sleep, timeout};

use super::super::StoreError;
use super::address::{Address, Mode};

/// How long an answer may take in all.
const DEADLINE: Duration = Duration::from_millis(2_500);
/// How long one try may take.
pub(super) const TRY: Duration = Duration::from_secs(1);
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// The pause before another try.
const PAUSE: Duration = Duration::from_millis(50);

enum Way {
    Single(Box<Client>),
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The connection, and which one it is.
#[derive(Default)]
struct Current {
    number: u64,
    connection: Option<Connection>,
    closed: bool,
}

/// A connection that is made when it is needed.
pub(super) struct Link {
    way: Way,
    mode: Mode,
    /// Of a cluster, each node that the URL names.
    seeds: Vec<(String, Client)>,
    user: String,
    current: Mutex<Current>,
    /// One at a time makes a connection; the others wait for it.
    connecting: tokio::sync::Mutex<()>,
}

pub(super) fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into())
}

impl Link {
    /// Makes no connection yet.
    pub(super) fn new(address: &Address) -> Result<Self, StoreError> {
        let mode = address.mode;
        let user = address.user.clone().unwrap_or_else(|| "default".to_owned());
        let refused =
            |error: RedisError| StoreError::Refused(format!("`store.transient`: {error}"));
        let roots = match &address.roots {
            None => None,
            Some(path) => Some(std::fs::read(path).map_err(|error| {
                let path = path.display();
                StoreError::Refused(format!("`store.transient`: `{path}`: {error}"))
            })?),
        };
        let certificates = || TlsCertificates {
            client_tls: None,
            root_cert: roots.clone(),
        };
        let login = address.login();
        let info = |server: redis::ConnectionAddr| {
            let info = server.into_connection_info()?;
            Ok(info.set_redis_settings(login.clone()))
        };
        let client = |server: redis::ConnectionAddr| {
            if address.encrypted {
                Client::build_with_tls(info(server)?, certificates())
            } else {
                Client::open(info(server)?)
            }
        };
        let mut seeds = Vec::new();
        let way = match mode {
            Mode::Single => {
                let server = address.servers().next();
                let server = server.ok_or_else(|| unavailable("`store.transient` has no host"))?;
                Way::Single(Box::new(client(server).map_err(refused)?))
            }
            Mode::Sentinel => {
                let made = sentinel(address, certificates);
                Way::Sentinel(Box::new(tokio::sync::Mutex::new(made.map_err(refused)?)))
            }
            Mode::Cluster => {
                for server in address.servers() {
                    seeds.push((server.to_string(), client(server).map_err(refused)?));
                }
                let nodes: Result<Vec<_>, RedisError> = address.servers().map(info).collect();
                let mut builder = ClusterClient::builder(nodes.map_err(refused)?)
                    .retries(3)
                    .connection_timeout(CONNECT)
                    .response_timeout(TRY)
                    .overall_response_timeout(Some(DEADLINE));
                if address.encrypted {
                    builder = builder.tls(TlsMode::Secure).certs(certificates());
                }
                Way::Cluster(Box::new(builder.build().map_err(refused)?))
            }
        };
        Ok(Self {
            way,
            mode,
            seeds,
            user,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn seeds(&self) -> &[(String, Client)] {
        &self.seeds
    }

    /// Makes the first connection; says what to do where that can be known.
    pub(super) async fn connect(&self) -> Result<(), StoreError> {
        // Whoever may not even ask that is told why.
        let ping = redis::cmd("PING");
        match timeout(DEADLINE, self.once::<()>(&ping)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.refusal(&error)),
            Err(_) => Err(silent()),
        }
    }

    /// Asks for something until there is an answer or [`DEADLINE`] is over.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let asked = timeout(DEADLINE, async {
            loop {
                match self.once(command).await {
                    Err(error) if may_pass(&error) => sleep(PAUSE).await,
                    answered => return answered,
                }
            }
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(unavailable(format!("Redis: {error}"))),
            Err(_) => Err(silent()),
        }
    }

    async fn once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let (number, connection) = self.connection().await?;
        let answered = match connection {
            Connection::One(mut one) => command.query_async(&mut one).await,
            Connection::Cluster(mut cluster) => command.query_async(&mut cluster).await,
        };
        if let Err(error) = &answered
            && (error.is_io_error() || is(error, ServerErrorKind::ReadOnly))
        {
            let mut current = self.current();
            // A cluster's connection finds its way by itself.
            if current.number == number && self.mode != Mode::Cluster {
                current.connection = None;
            }
        }
        answered
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection as it is, if there is one.
    fn present(&self) -> Result<Option<(u64, Connection)>, RedisError> {
        let current = self.current();
        if current.closed {
            return Err((ErrorKind::Client, "it is closed").into());
        }
        let connection = current.connection.clone();
        Ok(connection.map(|connection| (current.number, connection)))
    }

    async fn connection(&self) -> Result<(u64, Connection), RedisError> {
        if let Some(present) = self.present()? {
            return Ok(present);
        }
        let _alone = self.connecting.lock().await;
        if let Some(present) = self.present()? {
            return Ok(present);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(TRY));
        let made = match &self.way {
            Way::Single(client) => Connection::One(
                client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?,
            ),
            Way::Sentinel(client) => Connection::One(
                client
                    .lock()
                    .await
                    .get_async_connection_with_config(&config)
                    .await?,
            ),
            Way::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        };
        let mut current = self.current();
        current.number += 1;
        current.connection = Some(made.clone());
        Ok((current.number, made))
    }

    pub(super) fn close(&self) {
        let mut current = self.current();
        current.closed = true;
        current.connection = None;
    }

    /// Why there is no connection, and what to do about it.
    fn refusal(&self, error: &RedisError) -> StoreError {
        let said = error.to_string();
        let refused = |why: String| StoreError::Refused(format!("`store.transient`: {why}"));
        let code = error.code().unwrap_or_default();
        if error.kind() == ErrorKind::AuthenticationFailed
            || ["WRONGPASS", "NOAUTH", "NOPERM"].contains(&code)
            || said.contains("WRONGPASS")
            || said.contains("NOAUTH")
        {
            return refused(format!(
                "Redis refuses the user `{}`: {said}; correct user and password",
                self.user
            ));
        }
        if said.contains("cluster support disabled") {
            return refused("the servers are no cluster; write `redis://`".to_owned());
        }
        if error.kind() == ErrorKind::MasterNameNotFoundBySentinel {
            return refused(
                "the sentinels know no primary of that name; correct the name behind their addresses"
                    .to_owned(),
            );
        }
        unavailable(format!("Redis cannot be reached: {said}"))
    }
}

fn sentinel(
    address: &Address,
    certificates: impl Fn() -> TlsCertificates,
) -> Result<SentinelClient, RedisError> {
    let mut builder = SentinelClientBuilder::new(
        address.servers(),
        &address.primary,
        SentinelServerType::Master,
    )?
    .set_client_to_redis_db(address.database);
    if let Some(user) = &address.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &address.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if let Some(user) = &address.sentinel_user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = &address.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password.expose());
    }
    if address.encrypted {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates());
    }
    builder.build()
}

fn silent() -> StoreError {
    unavailable(format!("Redis has not answered for {DEADLINE:?}"))
}

fn is(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// Whether it may be otherwise in a moment: a connection that broke, a server that
/// starts, a primary that is being replaced.
fn may_pass(error: &RedisError) -> bool {
    error.is_io_error()
        || matches!(
            error.kind(),
            ErrorKind::ClusterConnectionNotFound
                | ErrorKind::Server(
                    ServerErrorKind::ReadOnly
                        | ServerErrorKind::BusyLoading
                        | ServerErrorKind::TryAgain
                        | ServerErrorKind::ClusterDown
                        | ServerErrorKind::MasterDown
                )
        )
}
