//! Hosts that URLs may have which a provider or a callback names (`provider.hosts`).

use std::fmt;

use url::{Host, Url};

use super::build_error::BuildError;
use super::percent::encode;
use super::template::{Fill, Template};

/// What stands in previews before a value that is a URL's whole beginning.
pub const PRETENDED: &str = "https://vstb-url.";

/// The hosts of a mapping's list.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    /// As the URL standard writes it, in lower case and ASCII.
    host: String,
    /// Whether all names below it are meant, and not it itself.
    below: bool,
    /// The port; without one, that of the scheme.
    port: Option<u16>,
}

impl Hosts {
    /// Adds an entry: `login.acme.test`, `*.acme.test`, either with a port.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add(&mut self, entry: &str) -> Result<(), &'static str> {
        let (below, rest) = match entry.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, entry),
        };
        if rest.is_empty() || rest.contains(['/', '?', '#', '@', '*', '\\', '{']) {
            return Err("not a host");
        }
        let url = Url::parse(&format!("https://{rest}/")).map_err(|_| "not a host")?;
        let host = url.host_str().unwrap_or_default();
        let is_name = matches!(url.host(), Some(Host::Domain(_)));
        if below && (!is_name || !host.trim_end_matches('.').contains('.')) {
            return Err("`*.` needs a name of at least two parts behind it");
        }
        if host.ends_with('.') {
            return Err("a host has no dot at its end");
        }
        self.0.push(Rule {
            host: host.to_owned(),
            below,
            // `https://host:443` has its port dropped: it is the scheme's.
            port: url.port(),
        });
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it stands for more than one host.
    pub fn are_several(&self) -> bool {
        self.0.len() > 1 || self.0.iter().any(|rule| rule.below)
    }

    /// A host of it, for a check of the rest of a URL.
    pub fn sample(&self) -> Option<String> {
        let rule = self.0.first()?;
        let name = if rule.below {
            format!("x.{}", rule.host)
        } else {
            rule.host.clone()
        };
        Some(match rule.port {
            Some(port) => format!("{name}:{port}"),
            None => name,
        })
    }

    /// Whether a URL's host and port are those of an entry. Both are as the parser
    /// understood them, which is what is connected to.
    pub fn allow(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        self.0.iter().any(|rule| {
            let named = match host.strip_suffix(&rule.host) {
                Some(rest) if rule.below => rest.len() > 1 && rest.ends_with('.'),
                Some(rest) => rest.is_empty(),
                None => false,
            };
            named && rule.port == url.port()
        })
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rule) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let star = if rule.below { "*." } else { "" };
            write!(f, "{comma}{star}{}", rule.host)?;
            if let Some(port) = rule.port {
                write!(f, ":{port}")?;
            }
        }
        Ok(())
    }
}

/// Whether what follows a URL's beginning is its host still.
pub fn in_authority(so_far: &str) -> bool {
    match so_far.split_once("://") {
        Some((_, rest)) => !rest.contains(['/', '?', '#']),
        None => true,
    }
}

/// Whether the host of a URL is filled in, in whole or in part.
pub fn has_open_host(template: &Template) -> bool {
    let parts = template.filled(|_| Ok(String::new()));
    let mut so_far = String::new();
    for (slot, text) in parts.flatten() {
        if slot.is_some() {
            return in_authority(&so_far);
        }
        so_far.push_str(&text);
        if !in_authority(&so_far) {
            return false;
        }
    }
    false
}

/// A URL with its places filled in. A host that comes from outside has to be in the
/// list; within a path or query a value stays one value.
///
/// # Errors
/// If a place has no value, the URL is none, or its host is not in the list.
pub fn fill_url(template: &Template, fill: &Fill<'_>, hosts: &Hosts) -> Result<Url, BuildError> {
    let parts: Vec<_> = template
        .filled(|slot| fill.value(slot))
        .collect::<Result<_, _>>()?;
    let mut out = String::new();
    let mut from_outside = false;
    for (i, (slot, text)) in parts.iter().enumerate() {
        match slot {
            None => out.push_str(text),
            Some(_) if !in_authority(&out) => out.push_str(&encode(text)),
            Some(_) if fill.pretend.is_some() => {
                if out.is_empty() {
                    out.push_str(PRETENDED);
                }
                out.push_str(text);
            }
            Some(_) => {
                from_outside = true;
                let rest = parts.get(i + 1).map(|(_, text)| text.as_str());
                out.push_str(&outside(text, out.is_empty(), rest)?);
            }
        }
    }
    let url = Url::parse(&out).map_err(|_| BuildError::Url)?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if from_outside && (has_user || !hosts.allow(&url)) {
        return Err(not_listed(url.host_str().unwrap_or_default()));
    }
    Ok(url)
}

/// A value in a URL's beginning: a host or a part of one, or all up to the path.
fn outside(text: &str, whole: bool, rest: Option<&str>) -> Result<String, BuildError> {
    let text = text.trim();
    if !whole {
        // What could end the host, or begin another, is in no host.
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        return if !text.is_empty() && text.chars().all(fits) {
            Ok(text.to_owned())
        } else {
            Err(not_listed(text))
        };
    }
    let ends = match rest {
        Some(_) => text.contains(['?', '#']),
        None => text.contains('#'),
    };
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if ends || !(scheme.starts_with("https://") || scheme.starts_with("http://")) {
        return Err(BuildError::Url);
    }
    Ok(match rest {
        Some(rest) if rest.starts_with('/') => text.trim_end_matches('/').to_owned(),
        _ => text.to_owned(),
    })
}

fn not_listed(host: &str) -> BuildError {
    let plain = |c: char| c.is_ascii_graphic() && c != '`';
    BuildError::Host(
        host.chars()
            .take(100)
            .map(|c| if plain(c) { c } else { '?' })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_are_allowed() {
        let mut hosts = Hosts::default();
        for entry in [
            "login.acme.test",
            "*.shops.test",
            "*.münchen.test",
            "127.0.0.1:8080",
        ] {
            hosts.add(entry).expect("a host");
        }
        for (url, wanted) in [
            ("https://login.acme.test/x", true),
            ("https://LOGIN.acme.test:443/", true),
            ("https://login.acme.test:8443/", false),
            ("https://login.acme.test./", false),
            ("https://x.login.acme.test/", false),
            ("https://login.acme.test.evil.test/", false),
            ("https://evil.test/login.acme.test", false),
            ("https://a.shops.test/", true),
            ("https://a.b.shops.test/", true),
            ("https://shops.test/", false),
            ("https://.shops.test/", false),
            ("https://evilshops.test/", false),
            ("https://a.shops.test./", false),
            ("https://a.shops.test:444/", false),
            ("https://laden.MÜNCHEN.test/", true),
            ("https://laden.xn--mnchen-3ya.test/", true),
            ("https://laden.munchen.test/", false),
            ("http://127.0.0.1:8080/", true),
            ("http://0x7f.1:8080/", true),
            ("http://127.0.0.1/", false),
        ] {
            let parsed = Url::parse(url).expect("a URL");
            assert_eq!(hosts.allow(&parsed), wanted, "{url}");
        }
        for bad in [
            "",
            "*",
            "*.",
            "*.test",
            "*.127.0.0.1",
            "a/b",
            "https://a.test",
            "a@b.test",
            "a.*.test",
            "a.test.",
            "a b.test",
            "a.test:99999",
        ] {
            assert!(hosts.add(bad).is_err(), "{bad}");
        }
    }

    /// A value never gets the request anywhere else than the list says.
    #[test]
    fn values_do_not_break_out_of_the_host() {
        let mut hosts = Hosts::default();
        hosts.add("*.shops.test").expect("a host");
        hosts.add("id.acme.test").expect("a host");
        let filled = |template: &str, value: &str| {
            let template = Template::parse(template).expect("a template");
            let callback = [("h".to_owned(), value.to_owned())];
            let fill = Fill {
                callback: &callback,
                ..Fill::default()
            };
            fill_url(&template, &fill, &hosts).map(|url| url.to_string())
        };
        let part = "https://{callback.h}/me?x={callback.h}";
        assert_eq!(
            filled(part, "a.shops.test").as_deref(),
            Ok("https://a.shops.test/me?x=a.shops.test")
        );
        assert_eq!(
            filled("https://{callback.h}.shops.test/me", "a").as_deref(),
            Ok("https://a.shops.test/me")
        );
        let whole = "{callback.h}/me";
        for good in [
            "https://a.shops.test",
            "https://a.shops.test/",
            "HTTPS://a.shops.test//",
        ] {
            assert_eq!(
                filled(whole, good).as_deref(),
                Ok("https://a.shops.test/me"),
                "{good}"
            );
        }
        assert_eq!(
            filled("{callback.h}", "https://id.acme.test/id/1?v=2").as_deref(),
            Ok("https://id.acme.test/id/1?v=2")
        );
        for evil in [
            "evil.test",
            "a.shops.test@evil.test",
            "evil.test/.shops.test",
            "evil.test#.shops.test",
            "evil.test?.shops.test",
            "evil.test\\.shops.test",
            "evil.test%2f.shops.test",
            "",
            "a.shops.test:80@evil.test",
            "a.shops.test:8443",
            "a.shops.test.",
            "evil.test%00.shops.test",
            "evil。test",
            "[::1]",
            "a.shops.test\nevil.test",
            "u:p@a.shops.test",
        ] {
            assert!(filled(part, evil).is_err(), "{evil}");
            let whole_of = format!("https://{evil}");
            let reached = filled(whole, &whole_of);
            assert!(reached.is_err(), "{evil}: {reached:?}");
        }
        for evil in [
            "javascript:1",
            "//a.shops.test",
            "a.shops.test",
            "https:a.shops.test",
            "https://a.shops.test/?x=",
            "https://a.shops.test#",
        ] {
            assert!(filled(whole, evil).is_err(), "{evil}");
        }
        // What only looks like the beginning of a host's part.
        assert!(filled("https://{callback.h}.shops.test/me", "evil.test/").is_err());
        assert!(filled("https://{callback.h}.shops.test/me", "evil.test:1").is_err());
    }
}
