//! URLs of a mapping.

use url::Url;

use super::Check;
use crate::provider::file::{EmailTrust, Places, ProviderFile};
use crate::provider::hosts::{Hosts, has_open_host, in_authority};
use crate::provider::template::{Slot, Template};

impl Check<'_> {
    /// A URL without places in it.
    pub(super) fn url(&mut self, key: &str, text: &str) -> Option<Url> {
        if let Some(slot) = text.find('{') {
            self.error(key, format!("`{}` cannot stand in this URL", &text[slot..]));
            return None;
        }
        self.checked(key, text)
    }

    pub(super) fn optional_url(&mut self, key: &str, text: Option<&String>) -> Option<Url> {
        text.and_then(|text| self.url(key, text))
    }

    /// A URL that is required unless discovery tells it.
    pub(super) fn endpoint(
        &mut self,
        key: &str,
        text: Option<&String>,
        discovered: bool,
    ) -> Option<Url> {
        match text {
            Some(text) => self.url(key, text),
            None => {
                if !discovered {
                    self.missing(key, "url = \"https://id.acme.test/…\"");
                }
                None
            }
        }
    }

    /// An endpoint, or the text of which it is made.
    pub(super) fn open_endpoint(
        &mut self,
        key: &str,
        text: Option<&String>,
        discovered: bool,
        allowed: fn(&Slot) -> bool,
    ) -> (Option<Url>, Option<Template>) {
        match text.filter(|text| text.contains('{')) {
            Some(open) => (None, self.url_template(key, open, allowed)),
            None => (self.endpoint(key, text, discovered), None),
        }
    }

    /// A URL with places in its path or query.
    pub(super) fn url_template(
        &mut self,
        key: &str,
        text: &str,
        allowed: fn(&Slot) -> bool,
    ) -> Option<Template> {
        let template = self.template(key, text, allowed)?;
        let mut sample = String::new();
        let open = has_open_host(&template);
        if open && !self.open_host(key, &template) {
            return None;
        }
        let host = self.hosts.sample().unwrap_or_default();
        let mut parts = template.filled(|_| Ok(String::new())).flatten().peekable();
        if open {
            // The host of the list in place of all up to the path.
            let scheme = if text.starts_with("http://") {
                "http"
            } else {
                "https"
            };
            sample = format!("{scheme}://{host}");
            let mut before = String::new();
            while let Some((slot, part)) = parts.next_if(|_| in_authority(&before)) {
                if slot.is_none() {
                    before.push_str(&part);
                } else {
                    before.push_str(if before.is_empty() { "https://x" } else { "x" });
                }
            }
            let path = before.split_once("://").map_or("", |(_, rest)| rest);
            sample.push_str(path.find(['/', '?']).map_or("", |at| &path[at..]));
        }
        for (slot, part) in parts {
            sample.push_str(if slot.is_some() { "x" } else { &part });
        }
        self.checked(key, &sample)?;
        Some(template)
    }

    /// Whether a host may be filled in.
    fn open_host(&mut self, key: &str, template: &Template) -> bool {
        if self.hosts.is_empty() {
            self.error_hint(
                key,
                "the host of a URL is fixed; `{…}` may stand in its path and query",
                "if the provider names the host itself, list those it may name: provider.hosts = [\"*.acme.test\"]",
            );
            return false;
        }
        let named = |slot: &Slot| {
            matches!(
                slot,
                Slot::Callback(_) | Slot::Login(_) | Slot::Token(_) | Slot::Profile(_)
            )
        };
        let mut so_far = String::new();
        for (slot, text) in template.filled(|_| Ok(String::new())).flatten() {
            match slot {
                Some(slot) if in_authority(&so_far) && !named(slot) => {
                    self.error(key, format!("`{{{slot}}}` is nothing that names a host"));
                    return false;
                }
                Some(_) if so_far.is_empty() => so_far.push_str("https://x"),
                Some(_) => so_far.push('x'),
                None => so_far.push_str(&text),
            }
        }
        true
    }

    /// What several hosts that speak for one provider mean for who people are.
    pub(super) fn advise_hosts(&mut self, file: &ProviderFile) {
        let open = [&file.authorization.url, &file.token.url, &file.userinfo.url];
        let open = open.into_iter().flatten();
        let open = open
            .filter_map(|text| Template::parse(text).ok())
            .any(|template| has_open_host(&template));
        if !open || !self.hosts.are_several() {
            return;
        }
        let joined = match &file.userinfo.response.user_id {
            Some(Places::Table(table)) => !table.all.is_empty(),
            _ => false,
        };
        if !joined {
            self.warn(
                "userinfo.response.user_id",
                "several hosts speak for this provider, and two of them may give one id to two people",
                "join what names the host to the id: { all = [\"{callback.shop}\", \"id\"] }; leave it so only if ids are unique across them",
            );
        }
        if file.provider.email_trust == EmailTrust::Provider {
            self.error_hint(
                "provider.email_trust",
                "whoever has one of these hosts can give any email there",
                "set it to \"claim\" or \"never\", or list one host",
            );
        }
    }

    /// `provider.hosts`
    pub(super) fn hosts(&mut self, file: &ProviderFile) -> Hosts {
        let mut hosts = Hosts::default();
        for (i, entry) in file.provider.hosts.iter().enumerate() {
            if let Err(why) = hosts.add(entry) {
                self.error_hint(
                    &format!("provider.hosts.{i}"),
                    format!("`{entry}`: {why}"),
                    "write a host as in `login.acme.test`, or `*.acme.test` for all names below it",
                );
            }
        }
        hosts
    }

    fn checked(&mut self, key: &str, text: &str) -> Option<Url> {
        let lower = text.to_ascii_lowercase();
        for doubled in [
            "https://https:",
            "https://http:",
            "http://https:",
            "http://http:",
        ] {
            if lower.starts_with(doubled) {
                let cut = text.find("://").map_or(0, |i| i + 3);
                self.error_hint(
                    key,
                    "the URL has two schemes",
                    format!("did you mean `{}`?", &text[cut..]),
                );
                return None;
            }
        }
        if text.trim() != text || text.contains(char::is_whitespace) {
            self.error(key, "a URL has no white space");
            return None;
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                let hint = if text.contains("://") {
                    "write a whole URL, such as `https://id.acme.test/oauth/token`".to_owned()
                } else {
                    format!("did you mean `https://{}`?", text.trim_start_matches('/'))
                };
                self.error_hint(key, format!("not a URL: {error}"), hint);
                return None;
            }
        };
        if !matches!(url.scheme(), "https" | "http") {
            self.error_hint(
                key,
                format!("the scheme `{}` is not https", url.scheme()),
                "provider URLs are https",
            );
            return None;
        }
        if !text[url.scheme().len()..].starts_with("://") {
            self.error_hint(
                key,
                "the URL lacks `//` after its scheme",
                format!("did you mean `{url}`?"),
            );
            return None;
        }
        if url.fragment().is_some() {
            let message = "a URL with a fragment (`#…`) never reaches the server whole";
            if key == "authorization.url" {
                let hint = "remove it, or write `authorization.fragment` if the provider's own page reads it";
                self.error_hint(key, message, hint);
            } else {
                self.error_hint(key, message, "remove the `#` and what follows it");
            }
            return None;
        }
        if let Err(refusal) = self.context.policy.check_url(&url) {
            self.error(key, refusal.to_string());
            return None;
        }
        if url.scheme() == "http" {
            self.warn(
                key,
                "http sends secrets in the clear",
                "use https outside of development",
            );
        }
        Some(url)
    }

    /// A URL's own query must not name what we send ourselves.
    pub(super) fn query_collisions(
        &mut self,
        key: &str,
        url: Option<&Url>,
        reserved: &[(&str, &str)],
    ) {
        let Some(url) = url else { return };
        for (name, _) in url.query_pairs() {
            if let Some((_, why)) = reserved.iter().find(|(taken, _)| *taken == name) {
                self.error_hint(
                    key,
                    format!("the URL's query has `{name}`, which is reserved: {why}"),
                    "remove it from the URL",
                );
            }
        }
    }
}
