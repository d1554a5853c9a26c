//! The client: how connections are made, and one request in its lane.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Client;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use super::certificate::ClientCertificate;
use super::error::{OutboundError, root};
use super::exchange::{exchange, health, into_reqwest};
use super::lane::Lanes;
use super::policy::Policy;
use super::resolve::{GuardedResolver, Lookup, SystemLookup};
use super::{Limits, PreparedRequest, Response};
use crate::base::Clock;
use crate::base::traces::{self, KeyValue, Part, Span, SpanKind};

/// Connections idle for longer aren't used again. Shorter than the keep-alive of
/// common servers (Node's is 5 s), so that a code isn't sent on a connection which
/// the other side is just closing: nobody could say whether it was used.
const IDLE: Duration = Duration::from_secs(4);
/// Idle connections kept to one host.
const MAX_IDLE: usize = 32;
/// Clients kept by a runtime, one for each connect timeout in use.
const MAX_CLIENTS: usize = 16;
/// Clients kept that show a certificate, one for each certificate and timeout.
const MAX_CERTIFIED: usize = 256;
/// A request that takes longer than this has long lost its visitor.
const MAX_TOTAL: Duration = Duration::from_secs(3600);

/// A client, with whose connections these are and how long they may take to open.
///
/// A connection is driven by the runtime that opened it: each has clients of its
/// own, so that no request waits for another one's thread to be woken.
struct Kept {
    runtime: Id,
    connect: Duration,
    client: Client,
}

/// The only way out. Cheap to share behind an `Arc`; one for the whole process,
/// so that connections are reused.
pub struct Outbound {
    policy: Arc<Policy>,
    clock: Arc<dyn Clock>,
    lookup: Arc<dyn Lookup>,
    clients: RwLock<Vec<Kept>>,
    certified: RwLock<Vec<Certified>>,
    lanes: Lanes,
}

/// A client whose connections show a certificate. Connections are reused, so no two
/// certificates may share one.
struct Certified {
    runtime: Id,
    connect: Duration,
    certificate: ClientCertificate,
    client: Client,
}

impl Outbound {
    /// A client that keeps to `policy`; `clock` times the circuit breakers.
    ///
    /// # Errors
    /// [`OutboundError::Client`] if the system has no certificate authorities to trust.
    pub fn new(policy: Policy, clock: Arc<dyn Clock>) -> Result<Self, OutboundError> {
        Self::with_lookup(policy, clock, Arc::new(SystemLookup))
    }

    /// As [`Outbound::new`], with another way to find addresses than the system's.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_lookup(
        policy: Policy,
        clock: Arc<dyn Clock>,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, OutboundError> {
        let outbound = Self {
            policy: Arc::new(policy),
            clock,
            lookup,
            clients: RwLock::default(),
            certified: RwLock::default(),
            lanes: Lanes::default(),
        };
        // So that a system without certificate authorities is found at once.
        outbound.build(Limits::default().connect, None)?;
        Ok(outbound)
    }

    /// Where requests may go.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether a provider is left alone at the moment, see [`Outbound::send`].
    ///
    /// # Errors
    /// [`OutboundError::BreakerOpen`].
    pub fn check(&self, lane: &str) -> Result<(), OutboundError> {
        let lane = self.lanes.known(lane);
        lane.map_or(Ok(()), |lane| lane.check(&*self.clock))
    }

    /// Sends a request once and reads the answer to its end.
    ///
    /// `lane` names the provider (`acme/google`): at most 64 of its requests are
    /// under way at a time, and after five failures in a row it is left alone for
    /// ten seconds. A status of 502, 503 or 504 counts as a failure. 500 and the like
    /// count a quarter, since there are providers that answer a bad code with it, and
    /// then any visitor could close the door to all others.
    ///
    /// # Errors
    /// See [`OutboundError`]. An answer with an error status is an answer.
    pub fn send<'s>(
        &'s self,
        lane: &'s str,
        request: PreparedRequest,
        limits: &'s Limits,
    ) -> impl Future<Output = Result<Response, OutboundError>> + 's {
        self.send_as(None, lane, request, limits)
    }

    /// As [`Outbound::send`], over connections that show `certificate` (RFC 8705) to
    /// servers that ask for one.
    ///
    /// # Errors
    /// As [`Outbound::send`].
    pub fn send_as<'s>(
        &'s self,
        certificate: Option<&'s ClientCertificate>,
        lane: &'s str,
        request: PreparedRequest,
        limits: &'s Limits,
    ) -> impl Future<Output = Result<Response, OutboundError>> + 's {
        // Begun here and not when it is polled, so that it is a part of what calls.
        let part = traces::begin_part(|| span(&request));
        self.send_once(certificate, lane, request, limits, part)
    }

    async fn send_once(
        &self,
        certificate: Option<&ClientCertificate>,
        lane: &str,
        request: PreparedRequest,
        limits: &Limits,
        part: Part,
    ) -> Result<Response, OutboundError> {
        // The resolver isn't asked about IP literals, so they are judged here.
        self.policy.check_url(&request.url)?;
        let request = into_reqwest(request)?;
        let client = match certificate {
            None => self.client(limits.connect)?,
            Some(certificate) => self.certified(certificate, limits.connect)?,
        };
        let started = Instant::now();
        let total = limits.total.min(MAX_TOTAL);

        let lane = self.lanes.get(lane);
        let pass = lane.enter(&*self.clock, total).await?;
        let outcome = exchange(&client, request, limits, started, started + total).await;
        match &outcome {
            Ok(answer) => part.note("http.response.status_code", i64::from(answer.status)),
            Err(error) => part.failed(error.code()),
        }
        pass.settle(self.clock.now(), health(&outcome));
        outcome
    }

    /// The client whose connect timeout this is. The library sets that timeout
    /// for a client as a whole; where there would be too many, the one with the
    /// next longer timeout serves: the total deadline holds in any case.
    fn client(&self, connect: Duration) -> Result<Client, OutboundError> {
        let runtime = Handle::current().id();
        let near = {
            let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
            let own = || clients.iter().filter(|kept| kept.runtime == runtime);
            if let Some(kept) = own().find(|kept| kept.connect == connect) {
                return Ok(kept.client.clone());
            }
            (own().count() >= MAX_CLIENTS).then(|| nearest(own(), connect))
        };
        if let Some(client) = near.flatten() {
            return Ok(client);
        }
        // Built outside the lock: it reads the system's certificates.
        let client = self.build(connect, None)?;
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let own = || clients.iter().filter(|kept| kept.runtime == runtime);
        if own().count() < MAX_CLIENTS && own().all(|kept| kept.connect != connect) {
            clients.push(Kept {
                runtime,
                connect,
                client: client.clone(),
            });
        }
        Ok(client)
    }

    /// The client that shows this certificate. Where there are too many, the one that
    /// was made first goes; what it has under way ends as it would.
    fn certified(
        &self,
        certificate: &ClientCertificate,
        connect: Duration,
    ) -> Result<Client, OutboundError> {
        let runtime = Handle::current().id();
        let find = |all: &[Certified]| {
            all.iter()
                .find(|known| {
                    known.runtime == runtime
                        && known.connect == connect
                        && known.certificate == *certificate
                })
                .map(|known| known.client.clone())
        };
        let known = find(
            &self
                .certified
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if let Some(client) = known {
            return Ok(client);
        }
        let client = self.build(connect, Some(certificate))?;
        let mut all = self
            .certified
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = find(&all) {
            return Ok(client);
        }
        if all.len() >= MAX_CERTIFIED {
            all.remove(0);
        }
        all.push(Certified {
            runtime,
            connect,
            certificate: certificate.clone(),
            client: client.clone(),
        });
        Ok(client)
    }

    fn build(
        &self,
        connect: Duration,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Client, OutboundError> {
        let mut builder = Client::builder();
        if let Some(certificate) = certificate {
            builder = builder.identity(certificate.identity());
        }
        builder
            .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(GuardedResolver {
                policy: Arc::clone(&self.policy),
                lookup: Arc::clone(&self.lookup),
            })
            // A redirect would carry the secret to an origin nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // A code is good for one use; zero also spares a copy of each request.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            // A proxy resolves names by itself, past the guard.
            .no_proxy()
            .connect_timeout(connect)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            // Finds out about a dead HTTP/2 connection that ever new requests
            // would otherwise keep in use.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .http2_keep_alive_timeout(Duration::from_secs(5))
            // Some old servers know header names only the way RFCs print them.
            .http1_title_case_headers()
            .build()
            .map_err(|error| {
                OutboundError::Client(format!(
                    "{}; install the system's certificate authorities (package `ca-certificates`), or name a file of them in SSL_CERT_FILE",
                    root(&error)
                ))
            })
    }
}

/// A request as a part of a trace; of its URL only the server, since what stands behind
/// it may be a secret.
fn span(request: &PreparedRequest) -> Span {
    let method = request.method.to_string();
    let mut attributes = vec![KeyValue::new("http.request.method", method.clone())];
    if let Some(host) = request.url.host_str() {
        attributes.push(KeyValue::new("server.address", host.to_owned()));
    }
    if let Some(port) = request.url.port_or_known_default() {
        attributes.push(KeyValue::new("server.port", i64::from(port)));
    }
    Span {
        kind: SpanKind::Client,
        name: method,
        attributes,
    }
}

/// The client with the shortest timeout that isn't shorter than `connect`, or
/// else the longest there is.
fn nearest<'a>(
    clients: impl Iterator<Item = &'a Kept> + Clone,
    connect: Duration,
) -> Option<Client> {
    clients
        .clone()
        .filter(|kept| kept.connect >= connect)
        .min_by_key(|kept| kept.connect)
        .or_else(|| clients.max_by_key(|kept| kept.connect))
        .map(|kept| kept.client.clone())
}
