//! What a browser's request says of where it comes from.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};

use super::shortened;
use crate::config::Addresses;

tokio::task_local! {
    /// Of the request that is being answered.
    pub static SEEN: Seen;
}

/// The longest `User-Agent` that is looked at.
const LONGEST: usize = 1_024;

/// What a browser's request says of where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    agent: Option<HeaderValue>,
    address: Option<IpAddr>,
}

impl Seen {
    /// Of a request.
    pub fn new(headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        Self {
            agent: headers.get(header::USER_AGENT).cloned(),
            address,
        }
    }

    /// Of the request that is being answered.
    pub fn current() -> Self {
        SEEN.try_with(Clone::clone).unwrap_or_default()
    }

    pub(super) fn address(&self, how: Addresses) -> Option<String> {
        self.address.and_then(|address| shortened(address, how))
    }

    /// Browser and system.
    pub(super) fn device(&self) -> Option<String> {
        let agent = self.agent.as_ref()?.to_str().ok()?;
        let agent = agent.get(..LONGEST.min(agent.len())).unwrap_or_default();
        Some(device(agent)).filter(|device| !device.is_empty())
    }
}

/// What a `User-Agent` is, in words of ours: nothing that was sent gets through.
fn device(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map_or("", |(_, name)| *name)
    };
    // Browsers name those that they want to be taken for, too: the most special first.
    let browser = first(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("FxiOS/", "Firefox"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("HeadlessChrome/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        ("", "") => String::new(),
        (one, "") | ("", one) => one.to_owned(),
        (browser, system) => format!("{browser}, {system}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_browser_and_system() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0",
                "Firefox, Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari, iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
                "Chrome, Android",
            ),
            ("<script>alert(1)</script>", ""),
            ("curl/8.5.0", "curl"),
        ] {
            assert_eq!(device(agent), expected);
        }
    }

    #[test]
    fn addresses_are_shortened_to_their_network() {
        let of = |text: &str, how| shortened(text.parse().unwrap_or(IpAddr::from([0; 4])), how);
        let short = Addresses::Shortened;
        assert_eq!(of("203.0.113.9", short).as_deref(), Some("203.0.113.0/24"));
        let six = of("2001:db8:1:2::3", short);
        assert_eq!(six.as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(
            of("203.0.113.9", Addresses::Full).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(of("203.0.113.9", Addresses::None), None);
    }
}
