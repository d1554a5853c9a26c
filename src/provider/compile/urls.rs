//! URLs of a mapping.

use url::Url;

use super::Check;
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

    /// A URL with places in its path or query.
    pub(super) fn url_template(
        &mut self,
        key: &str,
        text: &str,
        allowed: fn(&Slot) -> bool,
    ) -> Option<Template> {
        let template = self.template(key, text, allowed)?;
        let mut sample = text.to_owned();
        for slot in [
            "{client_id}",
            "{access_token}",
            "{app_access_token}",
            "{code}",
            "{redirect_uri}",
        ] {
            sample = sample.replace(slot, "x");
        }
        let host_end = text.find("://").map_or(0, |i| {
            text[i + 3..]
                .find(['/', '?'])
                .map_or(text.len(), |j| i + 3 + j)
        });
        if text[..host_end].contains('{') {
            self.error(
                key,
                "the host of a URL is fixed; `{…}` may stand in its path and query",
            );
            return None;
        }
        self.checked(key, &sample)?;
        Some(template)
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
