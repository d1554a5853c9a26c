//! Addresses that an application may have.

use url::{Host, Url};

/// The longest address, in bytes.
const MAX_URI: usize = 2000;

/// An absolute https URL, or http on loopback, without fragment and credentials
/// (RFC 6749 §3.1.2, RFC 8252 §7.3), that every reader reads alike.
pub(super) fn is_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let secure = match url.scheme() {
        "https" => url.has_host(),
        "http" => loopback(&url),
        _ => false,
    };
    is_plain(text)
        && secure
        && text.contains("://")
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn is_plain(text: &str) -> bool {
    text.len() <= MAX_URI && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// An address with a private-use scheme, which is a domain of the application's maker
/// the other way round (RFC 8252 §7.1): `com.acme.app:/callback`.
pub(super) fn is_private_use(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let domain = scheme.contains('.')
        && scheme.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'+')
        });
    is_plain(text) && domain && Url::parse(text).is_ok_and(|url| url.fragment().is_none())
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
