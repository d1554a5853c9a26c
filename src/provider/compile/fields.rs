//! Single values of a mapping.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::Check;
use super::mapped::{OF_HEAD, OF_PROFILE};
use super::sign::made;
use super::suspect::{mended, mended_braces};
use crate::base::units;
use crate::document::REDACTED;
use crate::outbound::Limits;
use crate::provider::decode::Format;
use crate::provider::file::{ProviderFile, SignSection, Within};
use crate::provider::mapped::{Mapped, Root, Source};
use crate::provider::model::{Answer, LoginParameters, MAX_BODY, MAX_CONNECT, MAX_TOTAL, Verified};
use crate::provider::path::{Condition, Place};
use crate::provider::template::{Slot, Template, slot_names};

/// Headers that the HTTP client must set by itself.
const FORBIDDEN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "content-type",
    "proxy-authorization",
];

/// What a mapping says of any answer.
pub(super) struct Written<'a> {
    pub format: Format,
    pub inner: Option<&'a Within>,
    pub success: Option<&'a String>,
    pub error_message: Option<&'a String>,
    pub success_status: &'a [u16],
}

/// [`Written`] of a table that has its keys.
macro_rules! written {
    ($set:expr) => {
        $crate::provider::compile::fields::Written {
            format: $set.format,
            inner: $set.inner.as_ref(),
            success: $set.success.as_ref(),
            error_message: $set.error_message.as_ref(),
            success_status: &$set.success_status,
        }
    };
}
pub(super) use written;

/// What a request sends by itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken<'a> {
    /// Its `Authorization` header.
    pub authorization: bool,
    /// The mapping writes the body, and says of which type it is.
    pub raw_body: bool,
    /// It has a body of parameters, whose type a header may say otherwise.
    pub has_body: bool,
    /// Its signatures, which headers may hold.
    pub sign: &'a [SignSection],
}

impl Check<'_> {
    pub(super) fn required_text(
        &mut self,
        key: &str,
        value: Option<&String>,
        example: &str,
    ) -> Option<String> {
        match value {
            Some(text) if text.trim().is_empty() => {
                self.error_hint(
                    key,
                    format!("`{key}` is empty"),
                    format!("write: {example}"),
                );
                None
            }
            Some(text) => Some(text.clone()),
            None => {
                self.missing(key, example);
                None
            }
        }
    }

    /// The name under which a value is sent.
    pub(super) fn name(&mut self, key: &str, value: Option<&String>, default: &str) -> String {
        match value {
            None => default.to_owned(),
            Some(name) if name.is_empty() || name.chars().any(char::is_control) => {
                self.error_hint(
                    key,
                    "a key needs a name",
                    format!("leave it out for `{default}`"),
                );
                default.to_owned()
            }
            Some(name) => name.clone(),
        }
    }

    pub(super) fn place(
        &mut self,
        key: &str,
        value: Option<&String>,
        default: Option<&str>,
    ) -> Option<Place> {
        let text = value.map(String::as_str).or(default)?;
        match Place::parse(text) {
            Ok(place) => {
                if text.starts_with('{') && text.ends_with('}') {
                    let named = ["access_token", "id_token", "refresh_token", "expires_in"];
                    let in_head = named.iter().any(|name| key.ends_with(name));
                    self.braced(key, text, if in_head { OF_HEAD } else { &[] });
                } else {
                    self.suspicious_name(key, text);
                }
                Some(place)
            }
            Err(error) => {
                self.bad_place(key, text, error.to_string());
                None
            }
        }
    }

    /// A value that must be `true`, or a condition that must hold.
    pub(super) fn verified(&mut self, key: &str, text: Option<&str>) -> Option<Verified> {
        let text = text?;
        match (Place::parse(text), Condition::parse(text)) {
            (Ok(place), _) if !text.starts_with(['!', '(']) => {
                self.never_true(key, text, &place);
                let source = Source::parse(text).ok()?;
                Some(Verified::Place(Mapped::from(source)))
            }
            (_, Ok(condition)) => {
                if condition.is_never_met() {
                    self.error(key, format!("`{text}` can never hold"));
                }
                Some(Verified::Condition(condition))
            }
            (Err(error), Err(_)) | (Ok(_), Err(error)) => {
                self.bad_place(key, text, error.to_string());
                None
            }
        }
    }

    /// A place that leads to no `true`, whatever a provider answers.
    fn never_true(&mut self, key: &str, text: &str, place: &Place) {
        let word = text.trim().to_ascii_lowercase();
        if matches!(word.as_str(), "true" | "false" | "yes" | "no" | "1" | "0") {
            self.error_hint(
                key,
                format!("`{text}` would be the name of a member of the profile"),
                "to take every email for verified, set `provider.email_trust = \"provider\"` and leave this out",
            );
        } else if !text.starts_with('$') && text.contains(['=', '<', '>']) {
            self.error_hint(
                key,
                format!("`{text}` would be the name of a member of the profile"),
                format!("a condition begins with `$`: `$.{}`", text.trim()),
            );
        } else if place.is_never_true() {
            self.error_hint(
                key,
                format!("`{text}` leads to what the filter selects, which is never `true`"),
                "name the member that is: `$.emails[?@.primary == true].verified`",
            );
        } else if text.starts_with('{') && text.ends_with('}') {
            let known = Source::parse(text).is_ok_and(|source| source.root != Root::Profile);
            if !known {
                self.braced(key, text, OF_PROFILE);
            }
        } else {
            self.suspicious_name(key, text);
        }
    }

    pub(super) fn condition(&mut self, key: &str, text: &str) -> Option<Condition> {
        match Condition::parse(text) {
            Ok(condition) => Some(condition),
            Err(error) => {
                let hint = match mended(text, |text| Condition::parse(text).is_ok()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "write a condition such as `$.code == 0`".to_owned(),
                };
                self.error_hint(key, error.to_string(), hint);
                None
            }
        }
    }

    pub(super) fn answer(&mut self, at: &str, written: &Written<'_>) -> Answer {
        for (i, status) in written.success_status.iter().enumerate() {
            // A 5xx or 429 counts against the provider before anyone reads it.
            if !(300..=499).contains(status) || *status == 429 {
                self.error_hint(
                    &format!("{at}.success_status.{i}"),
                    format!("{status} can't be the status of a good answer"),
                    "200 to 299 always are; write others from 300 to 499, except 429",
                );
            }
        }
        Answer {
            format: written.format,
            inner: self.inner(&format!("{at}.inner"), written.inner),
            success: written
                .success
                .and_then(|text| self.condition(&format!("{at}.success"), text)),
            error_message: self.place(&format!("{at}.error_message"), written.error_message, None),
            nothing: Vec::new(),
            good: written.success_status.to_vec(),
            lifted: BTreeSet::new(),
        }
    }

    /// The most steps to what counts in an answer.
    const MAX_INNER: usize = 4;

    fn inner(&mut self, key: &str, written: Option<&Within>) -> Vec<Place> {
        let places = written.map_or(&[][..], Within::places);
        if written.is_some() && places.is_empty() || places.len() > Self::MAX_INNER {
            let message = format!("a list of one to {} places is meant", Self::MAX_INNER);
            self.error_hint(key, message, "leave it out where the answer itself counts");
        }
        let read = places.iter();
        read.filter_map(|place| self.place(key, Some(place), None))
            .collect()
    }

    pub(super) fn template(
        &mut self,
        key: &str,
        text: &str,
        allowed: fn(&Slot) -> bool,
    ) -> Option<Template> {
        if text == REDACTED {
            self.error_hint(
                key,
                "`[redacted]` stands for a stored value, and none is stored here for these addresses",
                "write the value",
            );
            return None;
        }
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                let meant = mended_braces(text);
                match meant {
                    Some(meant) => {
                        self.error_hint(key, error.to_string(), format!("did you mean `{meant}`?"));
                    }
                    None => self.error(key, error.to_string()),
                }
                return None;
            }
        };
        self.suspicious_braces(key, &template);
        self.suspicious_members(key, &template);
        self.unknown_secrets(key, &template);
        self.in_time(key, template, allowed)
    }

    /// A text whose places all have a value at its step.
    pub(super) fn in_time(
        &mut self,
        key: &str,
        template: Template,
        allowed: impl Fn(&Slot) -> bool,
    ) -> Option<Template> {
        if let Some(early) = template.slots().find(|slot| !allowed(slot)) {
            self.error_hint(
                key,
                format!("`{{{early}}}` has no value yet at this step"),
                format!("places that have one: {}", slot_names(&allowed)),
            );
            return None;
        }
        Some(template)
    }

    pub(super) fn headers(
        &mut self,
        at: &str,
        headers: &BTreeMap<String, String>,
        taken: Taken<'_>,
        allowed: fn(&Slot) -> bool,
    ) -> Vec<(String, Template)> {
        let mut out = Vec::new();
        for (name, value) in headers {
            let key = format!("{at}.{name}");
            let lower = name.to_ascii_lowercase();
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.error(&key, format!("`{name}` is not a valid header name"));
            } else if lower == "content-type" && taken.raw_body {
                // The body's own; `Check::body` has taken it.
                continue;
            } else if lower == "content-type" && taken.has_body {
                // In place of ours.
            } else if FORBIDDEN_HEADERS.contains(&lower.as_str()) {
                self.error(&key, format!("the header `{name}` is set by the broker"));
            } else if taken.authorization && lower == "authorization" {
                self.error_hint(
                    &key,
                    "the `Authorization` header is taken",
                    "choose another `authentication` or `send_token`, or another header",
                );
            }
            if HeaderValue::from_str(value).is_err() {
                self.error(&key, "a header value is visible ASCII on one line");
            }
            // Signatures are made before headers are written.
            let signed = |slot: &Slot| matches!(slot, Slot::Sign(name) if made(taken.sign, name));
            let template = self.template(&key, value, |_| true);
            let template = template
                .and_then(|text| self.in_time(&key, text, |slot| allowed(slot) || signed(slot)));
            out.extend(template.map(|text| (name.clone(), text)));
        }
        out
    }

    /// Parameters of a login's address that mean something there already.
    pub(super) fn login_names(&mut self, login: &LoginParameters) {
        let taken = ["return_to", "provider", "lang", "moved", "email"];
        for name in login.required.iter().chain(&login.values) {
            if taken.contains(&name.as_str()) {
                self.error_hint(
                    "provider",
                    format!(
                        "`{{login.{name}}}`: `{name}` has a meaning of its own in a login's address"
                    ),
                    "choose another name; the storefront's link has it",
                );
            }
        }
    }

    pub(super) fn limits(&mut self, file: &ProviderFile) -> Limits {
        let default = Limits::default();
        let set = &file.timeouts;
        let connect = self.deadline(
            "timeouts.connect",
            set.connect.as_ref(),
            default.connect,
            MAX_CONNECT,
        );
        let total = self.deadline(
            "timeouts.total",
            set.total.as_ref(),
            default.total,
            MAX_TOTAL,
        );
        let max_body = match set.max_body.as_deref().map(units::size) {
            None => default.max_body,
            Some(Ok(size)) if (1..=MAX_BODY).contains(&size) => size,
            Some(Ok(_)) => {
                self.error("timeouts.max_body", "must be between 1B and 8MiB");
                default.max_body
            }
            Some(Err(why)) => {
                self.error("timeouts.max_body", why);
                default.max_body
            }
        };
        Limits {
            connect,
            total,
            max_body,
        }
    }

    fn deadline(
        &mut self,
        key: &str,
        value: Option<&String>,
        default: Duration,
        most: Duration,
    ) -> Duration {
        match value.map(|text| units::duration(text)) {
            None => default,
            Some(Ok(time)) if !time.is_zero() && time <= most => time,
            Some(Ok(_)) => {
                self.error(
                    key,
                    format!("must be more than 0 and at most {} s", most.as_secs()),
                );
                default
            }
            Some(Err(why)) => {
                self.error(key, why);
                default
            }
        }
    }
}
