//! Storefronts: where shoppers come from and go back to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::base::AccountId;

/// A storefront of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreFront {
    /// Scheme, host and port, as a browser writes an origin: `https://www.acme.test`.
    pub origin: String,
    /// The path under which its web server proxies to `/accounts/{account}/`.
    pub auth_path: String,
}

/// What the broker's own addresses begin with.
const OWN_PATHS: [&str; 11] = [
    ".well-known",
    "accounts",
    "admin",
    "api",
    "callback",
    "connect",
    "error",
    "healthz",
    "metrics",
    "readyz",
    "revoke",
];

/// The path of an account's endpoints at the broker's own origin.
pub fn own_path(account: &AccountId) -> String {
    format!("/accounts/{account}")
}

/// Why a storefront is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFrontError {
    /// The origin.
    #[error(
        "`{0}` is not a valid origin; write scheme, host and port only, as in `https://www.acme.test`"
    )]
    Origin(String),
    /// The origin's scheme.
    #[error("`{0}` must be https; http is for stores on loopback only")]
    Insecure(String),
    /// The path.
    #[error("`{0}` is not a valid auth_path; write a path of plain segments, as in `/_auth`")]
    Path(String),
}

impl StoreFront {
    /// Checks an origin and a path.
    pub fn new(origin: &str, auth_path: &str) -> Result<Self, StoreFrontError> {
        let bad = || StoreFrontError::Origin(origin.chars().take(100).collect());
        let url = Url::parse(origin.trim()).map_err(|_| bad())?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !bare || !url.host().is_some_and(|host| names_one_host(&host)) {
            return Err(bad());
        }
        match url.scheme() {
            "https" => {}
            "http" if loopback(&url) => {}
            "http" => return Err(StoreFrontError::Insecure(origin.to_owned())),
            _ => return Err(bad()),
        }
        let plain = |segment: &str| {
            !segment.is_empty()
                && !segment.bytes().all(|b| b == b'.')
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
        };
        let trimmed = auth_path.strip_suffix('/').unwrap_or(auth_path);
        let good = trimmed
            .strip_prefix('/')
            .is_some_and(|path| path.len() <= 200 && path.split('/').all(plain));
        if !good {
            return Err(StoreFrontError::Path(auth_path.chars().take(100).collect()));
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            auth_path: trimmed.to_owned(),
        })
    }

    /// A URL below the store's `auth_path`: `endpoint` is such as `finish`.
    pub fn url(&self, endpoint: &str) -> String {
        format!("{}{}/{endpoint}", self.origin, self.auth_path)
    }

    /// Whether it is at the broker's own origin `broker`, under a path that means
    /// something else there than this account's endpoints.
    pub fn is_reserved(&self, broker: &str, account: &AccountId) -> bool {
        let segments = self.auth_path.trim_start_matches('/');
        let first = segments.split('/').next().unwrap_or_default();
        self.origin == broker
            && self.auth_path != own_path(account)
            && OWN_PATHS.iter().any(|own| own.eq_ignore_ascii_case(first))
    }

    /// The store's front page.
    pub fn home(&self) -> String {
        format!("{}/", self.origin)
    }

    /// Whether browsers reach it over https, so that cookies are `Secure`.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Host and port as a `Host` header has them: without the scheme's own port.
    pub fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }

    /// Whether a `Host` header names this store, its own port written or not.
    pub fn is_host(&self, header: &str) -> bool {
        names_origin(header, &self.origin)
    }
}

/// Whether a `Host` header names this origin, its scheme's own port written or not.
pub fn names_origin(header: &str, origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else {
        return false;
    };
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let given = header.strip_suffix(own_port).unwrap_or(header);
    given.eq_ignore_ascii_case(host)
}

/// Whether browsers reach exactly one host by it: no pattern, and no second
/// spelling such as a dot at the end, whose cookies are another host's (threat F29).
fn names_one_host(host: &Host<&str>) -> bool {
    let plain = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    match host {
        Host::Domain(name) => name.split('.').all(plain),
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    }
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
