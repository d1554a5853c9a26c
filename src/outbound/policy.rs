//! Where requests may go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use super::address::{embedded_v4, special};

/// Where requests may go: to public addresses over https, and to what the
/// operator allows besides.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Networks of the inside that provider URLs may point into. An IPv4 network
    /// also stands for the IPv6 forms that carry its addresses.
    pub allow_networks: Vec<IpNet>,
    /// Plain http to any permitted host. Without it, only to an IP literal or a
    /// `localhost` name within `allow_networks`.
    pub allow_http: bool,
    /// A bundled mapping's id may stand for another server than its own.
    pub bundled_ids_elsewhere: bool,
}

/// Why a request may not go where it points; each says what to do about it.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum PolicyViolation {
    /// Neither https nor http.
    #[error("provider URLs are https, but this one begins with `{scheme}:`; write `https://…`")]
    Scheme {
        /// What the URL begins with.
        scheme: String,
    },
    /// Plain http where it isn't allowed.
    #[error(
        "the URL of `{host}` is plain http, over which secrets can be read; use https, or set `outbound.allow_http`"
    )]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// A user name or password in the URL.
    #[error(
        "the URL holds a user name or password; take it out and use `[client]` or a header instead"
    )]
    Credentials,
    /// A fragment, which a server never sees.
    #[error("the URL holds a fragment (`#…`), which is never sent; take it out")]
    Fragment,
    /// No host.
    #[error("the URL names no host; write `https://host/path`")]
    NoHost,
    /// An address of the inside.
    #[error(
        "`{ip}` is {kind} address, where providers may not be; use a public one, or add its network to `outbound.allow_networks`"
    )]
    Address {
        /// The address.
        ip: IpAddr,
        /// What kind of address it is, with its article: `a loopback`.
        kind: &'static str,
    },
    /// A name, all of whose addresses are of the inside.
    #[error(
        "`{host}` is at {ip}, {kind} address, where providers may not be; use a public host, or add the network to `outbound.allow_networks`"
    )]
    Name {
        /// The name.
        host: String,
        /// The first of its addresses.
        ip: IpAddr,
        /// What kind of address that is, with its article.
        kind: &'static str,
    },
}

const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

impl Policy {
    /// Judges a URL by all that can be known before its name is resolved. The
    /// same is done when a mapping is saved, so that its author learns of it.
    ///
    /// # Errors
    /// The first rule that the URL breaks.
    pub fn check_url(&self, url: &Url) -> Result<(), PolicyViolation> {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(PolicyViolation::Scheme {
                scheme: url.scheme().to_owned(),
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PolicyViolation::Credentials);
        }
        if url.fragment().is_some() {
            return Err(PolicyViolation::Fragment);
        }
        // The parser has already turned every spelling of an IPv4 address
        // (`2130706433`, `0x7f.1`, `0177.0.0.1`) into the address itself.
        let inside = match url.host() {
            Some(Host::Ipv4(ip)) => self.check_literal(ip.into())?,
            Some(Host::Ipv6(ip)) => self.check_literal(ip.into())?,
            Some(Host::Domain(name)) if is_local_name(name) => {
                self.permitted(name, &mut LOOPBACK.into_iter())?;
                true
            }
            Some(Host::Domain(name)) if !name.trim_end_matches('.').is_empty() => false,
            Some(Host::Domain(_)) | None => return Err(PolicyViolation::NoHost),
        };
        if url.scheme() == "http" && !self.allow_http && !inside {
            return Err(PolicyViolation::PlainHttp {
                host: url.host_str().unwrap_or_default().to_owned(),
            });
        }
        Ok(())
    }

    /// Judges an address, as at connecting.
    ///
    /// # Errors
    /// [`PolicyViolation::Address`] for an address of the inside that isn't allowed.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), PolicyViolation> {
        match special(ip) {
            Some(kind) if !self.allows(ip) => Err(PolicyViolation::Address { ip, kind }),
            _ => Ok(()),
        }
    }

    /// The addresses of `name` that may be connected to.
    ///
    /// # Errors
    /// [`PolicyViolation::Name`] if there are addresses and none of them may be. Where
    /// only some may not, these are left out: names with a private address for
    /// use on the inside exist, and the others are judged one by one all the same.
    pub(super) fn permitted(
        &self,
        name: &str,
        found: &mut dyn Iterator<Item = IpAddr>,
    ) -> Result<Vec<IpAddr>, PolicyViolation> {
        let mut refused = None;
        let mut good = Vec::new();
        for ip in found {
            match self.check_ip(ip) {
                Ok(()) => good.push(ip),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(PolicyViolation::Address { ip, kind }) if good.is_empty() => {
                Err(PolicyViolation::Name {
                    host: name.to_owned(),
                    ip,
                    kind,
                })
            }
            _ => Ok(good),
        }
    }

    fn check_literal(&self, ip: IpAddr) -> Result<bool, PolicyViolation> {
        self.check_ip(ip)?;
        Ok(self.allows(ip))
    }

    /// True if the operator allows the network of `ip`.
    fn allows(&self, ip: IpAddr) -> bool {
        let carried = match ip {
            IpAddr::V6(v6) => embedded_v4(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        self.allow_networks
            .iter()
            .any(|net| net.contains(&ip) || carried.is_some_and(|v4| net.contains(&v4)))
    }
}

/// `localhost` and everything below it, whatever a resolver would say (RFC 6761 §6.3).
pub(super) fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// Where [`is_local_name`]s are.
pub(super) const fn loopback() -> [IpAddr; 2] {
    LOOPBACK
}
