//! From a name to the addresses that may be connected to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{Policy, is_local_name, loopback};

/// The addresses of a name, at some later moment.
pub type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name. The system's resolver does, outside of tests.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `host`; what comes back isn't trusted.
    fn lookup(&self, host: &str) -> LookupFuture;
}

/// The system's resolver: `/etc/hosts`, DNS and what else `nsswitch.conf` names.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> LookupFuture {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Marks, in a chain of errors, that a name wasn't found.
#[derive(Debug, thiserror::Error)]
#[error("no address found")]
pub(super) struct Unresolved;

/// The resolver in the client. What it lets through is what gets connected to,
/// with no second look-up in between: a name that changes its answer between a
/// check and the connection (DNS rebinding) gains nothing.
pub(super) struct GuardedResolver {
    pub(super) policy: Arc<Policy>,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        let lookup = Arc::clone(&self.lookup);
        Box::pin(async move {
            let host = name.as_str();
            let found = if is_local_name(host) {
                loopback().to_vec()
            } else {
                lookup.lookup(host).await.map_err(|_| Unresolved)?
            };
            let good = policy.permitted(host, &mut found.into_iter())?;
            if good.is_empty() {
                return Err(Unresolved.into());
            }
            // Port 0 means: the URL's, or its scheme's.
            let addresses = good.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
