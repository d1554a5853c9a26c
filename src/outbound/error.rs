//! What can go wrong between a request and its answer.
//!
//! Texts name the host at most: a URL's query, headers and bodies hold codes,
//! secrets and tokens, and errors are logged and shown.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use super::policy::PolicyViolation;
use super::resolve::Unresolved;

/// What a request was doing when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Resolving the name, connecting, shaking hands.
    Connect,
    /// Sending the request and waiting for the head of the answer; connecting too,
    /// where the total limit is the one that was hit.
    Answer,
    /// Reading the answer's body.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the answer",
        })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The policy forbids this URL or the addresses it leads to.
    #[error(transparent)]
    Refused(#[from] PolicyViolation),
    /// The host's name leads nowhere.
    #[error("no address was found for `{host}`; check the spelling, and the resolver")]
    Resolve {
        /// The name.
        host: String,
    },
    /// No connection.
    #[error("no connection to `{host}`: {why}")]
    Connect {
        /// The host.
        host: String,
        /// What the system said.
        why: String,
    },
    /// A connection, but no trust in it.
    #[error("the TLS connection to `{host}` failed: {why}")]
    Tls {
        /// The host.
        host: String,
        /// What the TLS library said.
        why: String,
    },
    /// Time ran out.
    #[error("no complete answer within {after:?}: time ran out {phase}")]
    Timeout {
        /// The limit that was hit.
        after: Duration,
        /// At what.
        phase: Phase,
    },
    /// The connection ended before the answer did.
    #[error("`{host}` closed the connection before its answer was complete ({why})")]
    Cut {
        /// The host.
        host: String,
        /// What the HTTP library said.
        why: String,
    },
    /// What came back isn't HTTP, or not what its headers say it is.
    #[error("`{host}` sent an answer that can't be read: {why}")]
    Unreadable {
        /// The host.
        host: String,
        /// What the HTTP library said.
        why: String,
    },
    /// The body is longer than allowed.
    #[error(
        "the answer is longer than {limit} bytes; the mapping's `timeouts.max_body` is the limit"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The provider failed several times in a row and is left alone for a moment.
    #[error("the provider failed repeatedly; the next attempt is made in {retry_after:?}")]
    BreakerOpen {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many requests to this provider are under way.
    #[error("too many requests to this provider are waiting for its answer")]
    Busy,
    /// The request can't be sent as it is.
    #[error("the request can't be sent: {0}")]
    Invalid(String),
    /// The client can't be built.
    #[error("no HTTP client could be made: {0}")]
    Client(String),
}

impl OutboundError {
    /// A stable name in `snake_case`, for logs, problem documents and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "address_refused",
            Self::Resolve { .. } => "resolve_failed",
            Self::Connect { .. } => "connect_failed",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Cut { .. } => "connection_cut",
            Self::Unreadable { .. } => "response_unreadable",
            Self::TooLarge { .. } => "response_too_large",
            Self::BreakerOpen { .. } => "provider_unavailable",
            Self::Busy => "provider_busy",
            Self::Invalid(_) => "request_invalid",
            Self::Client(_) => "client_unavailable",
        }
    }

    /// From an error before the head of an answer was there. `connect` is the
    /// limit that was set for connecting.
    pub(super) fn before_answer(error: &reqwest::Error, connect: Duration) -> Self {
        let url = error.url();
        let host = || {
            url.and_then(url::Url::host_str)
                .unwrap_or_default()
                .to_owned()
        };
        if let Some(refusal) = find::<PolicyViolation>(error) {
            return Self::Refused(refusal.clone());
        }
        if find::<Unresolved>(error).is_some() {
            return Self::Resolve { host: host() };
        }
        if error.is_builder() {
            return Self::Invalid(root(error));
        }
        if error.is_connect() {
            if error.is_timeout() {
                return Self::Timeout {
                    after: connect,
                    phase: Phase::Connect,
                };
            }
            let https = url.is_some_and(|url| url.scheme() == "https");
            return if https && is_handshake(error) {
                Self::Tls {
                    host: host(),
                    why: root(error),
                }
            } else {
                Self::Connect {
                    host: host(),
                    why: root(error),
                }
            };
        }
        Self::broken(error, host())
    }

    /// From an error while a body was being read.
    pub(super) fn in_body(error: &reqwest::Error, host: &str) -> Self {
        // A body that fails to decompress is whole as far as HTTP goes.
        if find::<hyper::Error>(error).is_none() {
            return Self::Unreadable {
                host: host.to_owned(),
                why: root(error),
            };
        }
        Self::broken(error, host.to_owned())
    }

    fn broken(error: &reqwest::Error, host: String) -> Self {
        let why = root(error);
        if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
            Self::Unreadable { host, why }
        } else {
            Self::Cut { host, why }
        }
    }
}

/// A failed TLS handshake arrives as an I/O error that the system knows nothing
/// of; one of TCP carries the system's number.
fn is_handshake(error: &reqwest::Error) -> bool {
    find::<io::Error>(error).is_some_and(|io| {
        io.raw_os_error().is_none()
            && matches!(
                io.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::Other
            )
    })
}

/// An error and all that it came from.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let here = next?;
        next = here.source();
        Some(here)
    })
}

/// The first error of type `E` in the chain.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

/// The text of the error at the bottom of the chain. The ones above it repeat
/// the URL, whose query may hold a secret.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, |bottom| {
        bottom.to_string().chars().take(200).collect()
    })
}
