//! TXT records (RFC 1035 §3.3.14), by which who runs a domain proves it.
//!
//! What comes back is anybody's text. It is compared and never shown. An alias on the
//! way is not followed: where `_vestibule-challenge` of a domain, or everything below
//! it, is a CNAME to a host of somebody else's, that somebody is not who runs the domain.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use thiserror::Error;
use tokio::sync::{OnceCell, Semaphore};

/// How long one look-up may take, with what it waits for.
const DEADLINE: Duration = Duration::from_secs(6);
/// How long one server has for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How many look-ups are under way at once.
const AT_ONCE: usize = 8;
/// How many records of an answer are read.
const MOST: usize = 64;
/// The longest text that is read.
const LONGEST: usize = 512;

/// Why there are no records.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TxtError {
    /// There is none.
    #[error("there is no TXT record of this name")]
    Absent,
    /// The name is another name for something else.
    #[error(
        "the name is an alias (CNAME), which is not followed; the TXT record has to be at the name itself"
    )]
    Alias,
    /// No name server gave an answer that says either.
    #[error("no name server gave an answer: {0}")]
    Unanswered(String),
}

/// Asks name servers for TXT records.
#[derive(Debug)]
pub struct TxtRecords {
    /// The one to ask; those of the system otherwise.
    server: Option<SocketAddr>,
    resolver: OnceCell<TokioResolver>,
    places: Semaphore,
}

impl TxtRecords {
    /// What asks this name server, or those of the system (`/etc/resolv.conf`).
    pub fn new(server: Option<SocketAddr>) -> Self {
        Self {
            server,
            resolver: OnceCell::new(),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// The texts at a name, each with its parts put together.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn at(&self, name: &str) -> Result<Vec<String>, TxtError> {
        let asked = tokio::time::timeout(DEADLINE, self.ask(name));
        asked
            .await
            .unwrap_or_else(|_| Err(TxtError::Unanswered("it took too long".into())))
    }

    async fn ask(&self, name: &str) -> Result<Vec<String>, TxtError> {
        let unanswered = |why: &dyn std::fmt::Display| TxtError::Unanswered(why.to_string());
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|why| unanswered(&why))?;
        let resolver = self.resolver.get_or_try_init(|| async { self.resolver() });
        let resolver = resolver.await?;
        // As it stands: no domain of the host's is put behind it.
        let mut name = Name::from_ascii(name).map_err(|why| unanswered(&why))?;
        name.set_fqdn(true);
        let found = match resolver.lookup(name.clone(), RecordType::TXT).await {
            Ok(found) => found,
            Err(why) if why.is_no_records_found() => return Err(TxtError::Absent),
            Err(why) => return Err(unanswered(&why)),
        };
        let mut alias = false;
        let mut texts = Vec::new();
        for record in found.answers().iter().take(MOST) {
            match &record.data {
                RData::TXT(text) if record.name == name => {
                    let text = text.txt_data.concat();
                    if text.len() <= LONGEST {
                        texts.push(String::from_utf8_lossy(&text).into_owned());
                    }
                }
                RData::CNAME(_) => alias = true,
                _ => {}
            }
        }
        match (texts.is_empty(), alias) {
            (_, true) => Err(TxtError::Alias),
            (true, false) => Err(TxtError::Absent),
            (false, false) => Ok(texts),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, TxtError> {
        let broken = |why: &dyn std::fmt::Display| TxtError::Unanswered(why.to_string());
        let provider = TokioRuntimeProvider::default();
        let mut builder = match self.server {
            None => TokioResolver::builder(provider).map_err(|why| broken(&why))?,
            Some(server) => {
                let connections =
                    [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut to| {
                        to.port = server.port();
                        to
                    });
                let server = NameServerConfig::new(server.ip(), true, connections.into());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                TokioResolver::builder_with_config(config, provider)
            }
        };
        let options: &mut ResolverOpts = builder.options_mut();
        // Who has just made the record looks again.
        options.cache_size = 0;
        options.timeout = TIMEOUT;
        options.attempts = 1;
        options.preserve_intermediates = true;
        builder.build().map_err(|why| broken(&why))
    }
}
