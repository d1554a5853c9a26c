//! Custom parameters, and the bodies that carry them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Check;
use super::client::authentication;
use crate::provider::body::{Body, RawBody};
use crate::provider::file::{
    Authentication, ContentType, Method, ParameterValue, Pkce, ProviderFile,
};
use crate::provider::parameter::Parameter;
use crate::provider::template::Slot;

/// Whether parameters go into a body.
pub(super) fn has_body(method: Method, content_type: ContentType) -> bool {
    method.has_body() && content_type != ContentType::None
}

/// The keys of a body, as they are written.
pub(super) struct BodyKeys<'a> {
    /// The table.
    pub at: &'a str,
    pub method: Method,
    pub content_type: ContentType,
    pub body: Option<&'a String>,
    pub headers: &'a BTreeMap<String, String>,
    pub parameters: &'a BTreeMap<String, ParameterValue>,
}

impl Check<'_> {
    /// Custom parameters; those with a reserved name are errors.
    pub(super) fn parameters(
        &mut self,
        at: &str,
        parameters: &BTreeMap<String, ParameterValue>,
        reserved: &[(&str, &str)],
        allowed: fn(&Slot) -> bool,
    ) -> Vec<(String, Parameter)> {
        let mut out = Vec::new();
        for (name, value) in parameters {
            let key = format!("{at}.{name}");
            if name.is_empty() {
                self.error(&key, "a parameter needs a name");
            }
            if let Some((_, why)) = reserved.iter().find(|(taken, _)| taken == name) {
                self.error_hint(
                    &key,
                    format!("`{name}` is reserved: {why}"),
                    "remove the custom parameter, or rename the reserved key",
                );
            }
            if let Some(parameter) = self.parameter(&key, &value.0, allowed) {
                out.push((name.clone(), parameter));
            }
        }
        out
    }

    fn parameter(
        &mut self,
        key: &str,
        value: &Value,
        allowed: fn(&Slot) -> bool,
    ) -> Option<Parameter> {
        Some(match value {
            Value::String(text) => Parameter::Text(self.template(key, text, allowed)?),
            Value::Bool(_) | Value::Number(_) => Parameter::Fixed(value.clone()),
            Value::Null => {
                self.error_hint(
                    key,
                    "a date, infinity or not-a-number has no form in a request",
                    "write it in quotes, as it is to be sent",
                );
                return None;
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Parameter::List(
                    items
                        .filter_map(|(i, item)| {
                            self.parameter(&format!("{key}.{i}"), item, allowed)
                        })
                        .collect(),
                )
            }
            Value::Object(members) => {
                let mut table = Vec::new();
                for (name, member) in members {
                    if let Some(member) = self.parameter(&format!("{key}.{name}"), member, allowed)
                    {
                        table.push((name.clone(), member));
                    }
                }
                Parameter::Table(table)
            }
        })
    }

    /// How a body is made.
    pub(super) fn body(&mut self, keys: &BodyKeys<'_>, allowed: fn(&Slot) -> bool) -> Body {
        let key = format!("{}.body", keys.at);
        let Some(text) = keys.body else {
            return match keys.content_type {
                ContentType::Form => Body::Form,
                ContentType::Json => Body::Json,
                ContentType::None => Body::None,
            };
        };
        if keys.method == Method::Get {
            self.error_hint(&key, "a GET has no body", "set `method = \"POST\"`");
        }
        if !keys.parameters.is_empty() {
            self.error_hint(
                &format!("{}.parameters", keys.at),
                "parameters are not sent where the mapping writes the body",
                "put them in `body`, or in the query of `url`",
            );
        }
        let header = keys
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = match (header, keys.content_type) {
            (Some((_, value)), _) => value.clone(),
            (None, ContentType::Form) => "application/x-www-form-urlencoded".to_owned(),
            (None, ContentType::Json) => "application/json".to_owned(),
            (None, ContentType::None) => {
                self.error_hint(
                    &format!("{}.content_type", keys.at),
                    "\"none\" says that there is no body, but there is `body`",
                    "name its type, or leave one of the two out",
                );
                return Body::None;
            }
        };
        let Some(text) = self.template(&key, text, allowed) else {
            return Body::None;
        };
        let raw = RawBody { content_type, text };
        if let Some(why) = raw.not_json() {
            self.error_hint(
                &key,
                format!("not valid JSON: {why}"),
                "put `{…}` in quotes, except for numbers and booleans",
            );
        }
        Body::Raw(raw)
    }

    /// What a token request must carry, and a body that the mapping writes must name.
    pub(super) fn token_body(&mut self, body: &Body, file: &ProviderFile) {
        let Body::Raw(raw) = body else { return };
        let pkce = file.authorization.pkce != Pkce::None;
        let way = authentication(file);
        let secret = matches!(
            way,
            Some(Authentication::Body | Authentication::BasicAndBody)
        );
        let has = |wanted: fn(&Slot) -> bool| raw.text.slots().any(wanted);
        if !has(|slot| matches!(slot, Slot::Code)) {
            self.error("token.body", "the body has no `{code}` in it");
        }
        if secret && !has(|slot| matches!(slot, Slot::ClientSecret)) {
            self.error_hint(
                "token.body",
                "the client secret is sent in the body (`client.authentication`), and the body has no `{client_secret}` in it",
                "add it, or choose another `client.authentication`",
            );
        }
        if pkce && !has(|slot| matches!(slot, Slot::CodeVerifier)) {
            self.error_hint(
                "token.body",
                "PKCE is used (`authorization.pkce`), and the body has no `{code_verifier}` in it",
                "add it, or set `authorization.pkce = \"none\"`",
            );
        }
    }
}
