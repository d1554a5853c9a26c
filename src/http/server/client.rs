//! Whose a request is, where proxies stand between.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, header};

use super::Peer;
use crate::config::Proxies;

/// The address a request comes from; an extension of every request. It is the peer
/// of the connection, or who a trusted proxy says that it speaks for. `None`: it came
/// through the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// The address.
    pub ip: Option<IpAddr>,
    /// Clients are told apart: it is known which proxies stand in front. Else this
    /// may be a proxy's, and behind it everybody.
    pub apart: bool,
}

impl ClientAddress {
    /// The address, if it is one client's.
    pub fn apart(self) -> Option<IpAddr> {
        self.ip.filter(|_| self.apart)
    }

    /// Reads it. Of the addresses in the header the last one counts that no trusted
    /// proxy has: those before it are what the client itself wrote (threat K11).
    pub(super) fn read(proxies: &Proxies, peer: Peer, headers: &HeaderMap) -> Self {
        let apart = !proxies.networks.is_empty();
        let is = |ip| Self { ip, apart };
        let Some(mut address) = peer.ip() else {
            return is(None);
        };
        if !proxies.trusts(address) {
            return is(Some(address));
        }
        let forwarded = proxies.header == header::FORWARDED;
        let values = headers.get_all(&proxies.header).iter();
        let hops: Vec<&[u8]> = values
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .collect();
        for hop in hops.into_iter().rev() {
            let text = std::str::from_utf8(hop).unwrap_or_default();
            let text = if forwarded { for_of(text) } else { text };
            let Some(ip) = ip_of(text) else { break };
            address = ip;
            if !proxies.trusts(ip) {
                break;
            }
        }
        is(Some(address))
    }
}

/// The `for` parameter of a `Forwarded` element (RFC 7239 §4).
fn for_of(element: &str) -> &str {
    element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map_or("", |(_, value)| value)
}

/// An address, with or without a port, brackets and quotes.
fn ip_of(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let found = bare.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    found.or_else(with_port).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn client(header: &'static str, peer: &str, values: &[&str]) -> String {
        let proxies = Proxies {
            networks: vec![
                "10.0.0.0/8".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ],
            header: HeaderName::from_static(header),
        };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&proxies.header, HeaderValue::from_str(value).unwrap());
        }
        let peer = Peer::Tcp(SocketAddr::new(peer.parse().unwrap(), 1));
        let found = ClientAddress::read(&proxies, peer, &headers);
        found.apart().unwrap().to_string()
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_has() {
        for (peer, values, expected) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            (
                "10.0.0.1",
                &["198.51.100.1", "203.0.113.9, 10.9.9.9"],
                "203.0.113.9",
            ),
            ("10.0.0.1", &["10.1.1.1"], "10.1.1.1"),
            ("10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9,"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db9::1]:4711"], "2001:db9::1"),
            ("2001:db8::1", &["2001:db9::1"], "2001:db9::1"),
        ] {
            assert_eq!(
                client("x-forwarded-for", peer, values),
                expected,
                "{values:?}"
            );
        }
        for (value, expected) in [
            (
                "for=192.0.2.43, for=\"[2001:db9::17]:4711\";proto=https",
                "2001:db9::17",
            ),
            ("for=192.0.2.43;by=203.0.113.43", "192.0.2.43"),
            ("proto=http;For=192.0.2.43", "192.0.2.43"),
            ("for=_hidden", "10.0.0.1"),
        ] {
            assert_eq!(
                client("forwarded", "10.0.0.1", &[value]),
                expected,
                "{value}"
            );
        }
    }
}
