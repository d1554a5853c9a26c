//! `[[….sign]]`: signatures over requests.

use std::collections::BTreeMap;

use super::Check;
use crate::document::structure::nearest;
use crate::provider::file::{ClientSection, ParameterValue, SignAlgorithm, SignIn, SignSection};
use crate::provider::sign::{RsaKey, Signature};
use crate::provider::signed::Joined;
use crate::provider::template::{Slot, Template};

/// The keys of a table that signatures are beside.
pub(super) struct SignKeys<'a> {
    /// The table.
    pub at: &'a str,
    pub client: &'a ClientSection,
    pub sign: &'a [SignSection],
    pub parameters: &'a BTreeMap<String, ParameterValue>,
    pub headers: &'a BTreeMap<String, String>,
    /// What is sent besides.
    pub reserved: &'a [(&'a str, &'static str)],
    /// The browser sends it, so that no header of ours goes along.
    pub in_browser: bool,
    /// Which places have a value in the rest of the request.
    pub allowed: fn(&Slot) -> bool,
}

/// Whether a signature has this name.
pub(super) fn made(sign: &[SignSection], name: &str) -> bool {
    sign.iter().any(|set| set.name.as_deref() == Some(name))
}

impl Check<'_> {
    pub(super) fn signatures(&mut self, keys: &SignKeys<'_>) -> Vec<Signature> {
        let mut made: Vec<String> = Vec::new();
        let mut out = Vec::new();
        for (i, set) in keys.sign.iter().enumerate() {
            let at = format!("{}.sign.{i}", keys.at);
            let signature = self.signature(keys, &at, set, &made);
            made.extend(set.name.clone());
            out.extend(signature);
        }
        out
    }

    fn signature(
        &mut self,
        keys: &SignKeys<'_>,
        at: &str,
        set: &SignSection,
        made: &[String],
    ) -> Option<Signature> {
        let name = self.required_text(&format!("{at}.name"), set.name.as_ref(), "name = \"sign\"");
        if let Some(name) = &name {
            self.signature_name(keys, &format!("{at}.name"), set.place, name, made);
        }
        if set.algorithm.is_none() {
            self.missing(&format!("{at}.algorithm"), "algorithm = \"hmac_sha256\"");
        }
        let algorithm = set.algorithm?;
        let text = set.text.as_deref().unwrap_or("{request.parameters}");
        let text = self.signed_text(keys, &format!("{at}.text"), text, made);
        let key_at = format!("{at}.key");
        let key = match (&set.key, algorithm.is_hmac()) {
            (Some(key), true) if key.trim().is_empty() => {
                self.error(
                    &key_at,
                    "with an empty key anybody could make this signature",
                );
                return None;
            }
            (Some(key), true) => Some(self.signed_text(keys, &key_at, key, made)?),
            (Some(_), false) => {
                self.error_hint(
                    &key_at,
                    "only an HMAC has a key here",
                    "write a digest's secret into `text`; RSA signs with `client.private_key`",
                );
                None
            }
            (None, true) => Some(self.signed_text(keys, &key_at, "{client_secret}", made)?),
            (None, false) => None,
        };
        let private_key = (algorithm == SignAlgorithm::RsaSha256)
            .then(|| self.rsa_key(keys.client))
            .flatten();
        let text = text?;
        let secret = |slot: &Slot| matches!(slot, Slot::ClientSecret);
        let needs_secret = text
            .slots()
            .chain(key.iter().flat_map(Template::slots))
            .any(secret);
        let empty = keys.client.secret.as_ref().and_then(|s| s.as_literal()) == Some("");
        if needs_secret && (keys.client.secret.is_none() || empty) {
            self.error_hint(
                &key_at,
                "the signature needs the client secret, and there is none",
                "set `client.secret`, or another `key`",
            );
        }
        Some(Signature {
            name: name?,
            place: set.place,
            algorithm,
            text,
            key,
            private_key,
            parameters: Joined {
                order: set.order,
                assign: set.assign.clone().unwrap_or_else(|| "=".to_owned()),
                separator: set.separator.clone().unwrap_or_else(|| "&".to_owned()),
                names: set.names.unwrap_or(true),
                leave_out: set.leave_out.clone(),
                leave_out_empty: set.leave_out_empty,
                percent_encoded: set.percent_encoded,
            },
            encoding: set.encoding,
        })
    }

    fn signature_name(
        &mut self,
        keys: &SignKeys<'_>,
        at: &str,
        place: SignIn,
        name: &str,
        made: &[String],
    ) {
        let taken = match place {
            SignIn::Parameter => {
                keys.parameters.contains_key(name)
                    || keys.reserved.iter().any(|(known, _)| *known == name)
            }
            SignIn::Header if keys.in_browser => {
                self.error_hint(
                    at,
                    "a browser sends no header for us",
                    "leave `in` out, for a parameter",
                );
                false
            }
            SignIn::Header => {
                if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                    self.error(at, format!("`{name}` is not a valid header name"));
                }
                keys.headers
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(name))
            }
            SignIn::Nowhere => false,
        };
        if taken || made.iter().any(|known| known == name) {
            self.error(at, format!("two values would be sent as `{name}`"));
        }
    }

    fn signed_text(
        &mut self,
        keys: &SignKeys<'_>,
        at: &str,
        text: &str,
        made: &[String],
    ) -> Option<Template> {
        // What is allowed depends on the table; what a signature has besides is added.
        let template = self.template(at, text, |_| true)?;
        let early = template.slots().find(|slot| match slot {
            Slot::Request(_) | Slot::Parameter(_) => false,
            Slot::Sign(name) => !made.contains(name),
            other => !(keys.allowed)(other),
        });
        if let Some(slot) = early {
            self.error_hint(
                at,
                format!("`{{{slot}}}` has no value yet at this step"),
                "signatures are made in their order, after everything else of the request",
            );
            return None;
        }
        self.unknown_parameters(keys, at, &template, made);
        Some(template)
    }

    /// Names of parameters that nearly are those of parameters that are sent. Others may
    /// stand in the query of the address.
    fn unknown_parameters(
        &mut self,
        keys: &SignKeys<'_>,
        at: &str,
        template: &Template,
        made: &[String],
    ) {
        let written = keys.parameters.keys().map(String::as_str);
        let sent = keys.reserved.iter().map(|(name, _)| *name);
        let made = made.iter().map(String::as_str);
        let known: Vec<&str> = written.chain(sent).chain(made).collect();
        for slot in template.slots() {
            let Slot::Parameter(name) = slot else {
                continue;
            };
            if known.contains(&name.as_str()) {
                continue;
            }
            if let Some(near) = nearest(name, &known) {
                self.warn(
                    at,
                    format!("the mapping sends no parameter `{name}`"),
                    format!("did you mean `{{request.parameters.{near}}}`?"),
                );
            }
        }
    }

    fn rsa_key(&mut self, client: &ClientSection) -> Option<RsaKey> {
        let at = "client.private_key";
        if client.private_key.is_none() {
            self.missing(at, "private_key = { file = \"client-key.pem\" }");
        }
        // One that can't be read is told where the client is checked.
        let secret = client.private_key.as_ref()?.read().ok()?;
        let key = RsaKey::from_pem(&secret);
        if key.is_none() && !self.findings.iter().any(|f| f.key == at && f.is_error()) {
            self.error_hint(
                at,
                "not an RSA key, and `rsa_sha256` signs with one",
                "write an unencrypted PEM, PKCS#8 or PKCS#1",
            );
        }
        key
    }
}
