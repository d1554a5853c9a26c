//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What makes an address one that providers don't live at; `None` for a public one.
///
/// From IANA's special-purpose registries (RFC 6890). An IPv6 address that only
/// carries an IPv4 one (mapped, NAT64, 6to4) is judged by what it carries: that is
/// where its packets end up. The rest of IPv6 is refused unless it is known to be public.
pub(super) fn special(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => special_v4(v4),
            None => special_v6(v6),
        },
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<&'static str> {
    Some(match ip.octets() {
        [0, ..] => "an unspecified",
        [127, ..] => "a loopback",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private",
        [169, 254, ..] => "a link-local",
        [100, 64..=127, ..] => "a carrier-grade NAT",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "a documentation",
        [198, 18 | 19, ..] => "a benchmarking",
        [192, 0, 0, _] => "a protocol-assignment",
        [192, 88, 99, _] => "a 6to4 relay",
        [224..=239, ..] => "a multicast",
        [255, 255, 255, 255] => "a broadcast",
        [240..=255, ..] => "a reserved",
        _ => return None,
    })
}

fn special_v6(ip: Ipv6Addr) -> Option<&'static str> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback",
        [0, 0, 0, 0, 0, 0, _, _] => "an IPv4-compatible",
        [0x64, 0xff9b, 1, ..] => "a local NAT64",
        [0xfc00..=0xfdff, ..] => "a private (unique local)",
        [0xfe80..=0xfebf, ..] => "a link-local",
        [0xfec0..=0xfeff, ..] => "a site-local",
        [0xff00..=0xffff, ..] => "a multicast",
        [0x2001, 0, ..] => "a Teredo",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => "a documentation",
        [0x2001, 0..=0x01ff, ..] => "a protocol-assignment",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved",
    })
}

/// The IPv4 address that an IPv6 address leads to: mapped (`::ffff:0:0/96`),
/// NAT64 (`64:ff9b::/96`, RFC 6052) or 6to4 (`2002::/16`, RFC 3056).
pub(super) fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0xffff, high, low]
    | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x2002, high, low, ..]) = ip.segments()
    else {
        return None;
    };
    let bits = (u32::from(high) << 16) | u32::from(low);
    Some(Ipv4Addr::from_bits(bits))
}
