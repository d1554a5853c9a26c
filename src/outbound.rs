//! The only HTTP client: every request to a provider leaves through [`Outbound::send`].
//!
//! A mapping names the URLs, and a mapping may be written by an account's own
//! people, so none of them is trusted. Four guards stand between a URL and the network:
//!
//! | guard | refuses | where |
//! |---|---|---|
//! | [`Policy`] | plain http, credentials in URLs, addresses of the inside | before sending, and again on the very addresses a name resolved to |
//! | deadline | a provider that hangs, or drips | over connecting, headers and body together |
//! | size | a body without end, a gzip bomb | counted after decompression |
//! | lane | one slow provider holding up all others | a bulkhead and a circuit breaker a provider |
//!
//! Nothing is sent twice: redirects aren't followed (a secret would reach another
//! origin) and nothing is retried (a code is good for one use, RFC 6749 §4.1.2).
//!
//! [`TxtRecords`] asks name servers, for proofs of domains.

mod address;
mod certificate;
mod client;
mod coding;
mod collector;
mod error;
mod exchange;
mod lane;
mod policy;
mod resolve;
mod txt;

use std::fmt;
use std::time::Duration;

pub use certificate::ClientCertificate;
pub use client::Outbound;
pub use collector::Collector;
pub use error::{OutboundError, Phase};
pub use policy::{Policy, PolicyViolation};
pub use resolve::{Lookup, LookupFuture, SystemLookup};
pub use txt::{TxtError, TxtRecords};

/// One request, complete: what a preview shows is what [`Outbound::send`] sends.
///
/// Neither `Debug` nor `Serialize`, since it holds secrets. `Host`,
/// `Content-Length` and `Accept-Encoding: gzip` are the client's to add, as are
/// `User-Agent: vestibule/<version>` and `Accept: */*` where `headers` has none.
#[derive(Clone)]
pub struct PreparedRequest {
    /// The method.
    pub method: http::Method,
    /// Where to; its query is sent byte for byte as `as_str()` shows it.
    pub url: url::Url,
    /// Names as written, and values, in the order to send them in. HTTP/1.1
    /// carries names in title case (`X-Api-Key`), HTTP/2 in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, if the request has one.
    pub body: Option<Vec<u8>>,
}

/// How long a request may take, and how much may come back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Until the connection stands: name, TCP and TLS together.
    pub connect: Duration,
    /// From handing over the request until the last byte of the answer.
    pub total: Duration,
    /// Bytes of body, counted after decompression.
    pub max_body: usize,
}

impl Default for Limits {
    /// 5 s to connect, 10 s in all, 1 MiB.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(10),
            max_body: 1024 * 1024,
        }
    }
}

/// An answer, read to its end.
pub struct Response {
    /// The status code, whatever it is: a 500 is an answer too.
    pub status: u16,
    /// The headers as they came, less `Content-Encoding` where the body was decompressed.
    pub headers: http::HeaderMap,
    /// The body, decompressed.
    pub body: bytes::Bytes,
    /// From handing over the request until the last byte, waiting in line included.
    pub elapsed: Duration,
}

impl fmt::Debug for Response {
    /// Neither body nor headers: either may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}
