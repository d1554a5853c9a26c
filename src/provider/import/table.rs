//! The table that carries fields over: one row a field of the other format.

use serde_json::Value;

use super::mapping::Mapping;
use super::reference::Reference;
use super::{flag, members, places, scalar};

/// What becomes of a field.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// A text under a key.
    Text(&'static str),
    /// A URL under a key.
    Url(&'static str),
    /// Words under a key: a list, or a text with spaces or commas between them.
    Words(&'static str),
    /// A member's name, never a path, under a key.
    Name(&'static str),
    /// A dotted path under a key.
    Path(&'static str),
    /// A fixed parameter of the authorization request.
    Parameter(&'static str),
    /// The client secret, or where it is.
    Secret,
    /// PKCE: a flag, or the name of the method.
    Pkce,
    /// Whether the provider's email is believed.
    Trust,
    /// Something of its own.
    With(fn(&mut Mapping, &str, &Value)),
    /// Read by the format's own code, or without meaning for a login.
    Known,
    /// Not carried, and why.
    Left(&'static str),
}

/// Carries the members of an object over. One that the table does not name is
/// told as unknown.
pub(super) fn carry(mapping: &mut Mapping, rows: &[(&str, Rule)], object: &Value) {
    for (name, value) in members(object) {
        carry_one(mapping, rows, name, value);
    }
}

/// Carries one field over.
pub(super) fn carry_one(mapping: &mut Mapping, rows: &[(&str, Rule)], name: &str, value: &Value) {
    match rows.iter().find(|(known, _)| *known == name) {
        Some((_, rule)) => rule.apply(mapping, name, value),
        None if is_empty(value) => {}
        None => mapping.left(name, "is not known here"),
    }
}

impl Rule {
    pub fn apply(self, mapping: &mut Mapping, name: &str, value: &Value) {
        if is_empty(value) {
            return;
        }
        match self {
            Self::Known => {}
            Self::With(run) => run(mapping, name, value),
            Self::Secret => mapping.secret(Reference::of(value)),
            Self::Left(why) => mapping.left(name, why),
            Self::Words(key) => mapping.add(key, words(value)),
            Self::Trust => {
                let trust = if flag(value) { "provider" } else { "claim" };
                mapping.set("provider.email_trust", trust);
            }
            Self::Pkce => pkce(mapping, value),
            Self::Text(_) | Self::Url(_) | Self::Name(_) | Self::Path(_) | Self::Parameter(_) => {
                match scalar(value) {
                    Some(text) => self.text(mapping, name, &text),
                    None => mapping.left(
                        name,
                        match Reference::of(value) {
                            Reference::Env(variable) => in_variable(&variable),
                            Reference::File(path) => {
                                format!("stands in the file {path}; write its value")
                            }
                            Reference::Literal => {
                                "has a value of another kind than expected".to_owned()
                            }
                        },
                    ),
                }
            }
        }
    }

    fn text(self, mapping: &mut Mapping, name: &str, text: &str) {
        if let Reference::Env(variable) = Reference::parse(text) {
            mapping.left(name, in_variable(&variable));
            return;
        }
        match self {
            Self::Text(key) | Self::Name(key) => mapping.set(key, text),
            Self::Url(key) => mapping.url(key, name, text),
            Self::Parameter(parameter) => {
                mapping.enter("authorization.parameters", parameter, text);
            }
            Self::Path(key) => match places::alternatives(text) {
                Some(places) => mapping.places(key, places),
                None => mapping.left(
                    name,
                    format!("`{text}` is more than a path; say it as JSONPath (RFC 9535) by hand"),
                ),
            },
            _ => {}
        }
    }
}

fn in_variable(name: &str) -> String {
    format!("stands in the variable {name}; write its value")
}

fn pkce(mapping: &mut Mapping, value: &Value) {
    let text = scalar(value).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "s256" | "force" => mapping.set("authorization.pkce", "S256"),
        "auto" => {}
        "plain" => {
            mapping.set("authorization.pkce", "plain");
            mapping.warn(
                "`plain` hides nothing; take `authorization.pkce` out if the provider knows S256",
            );
        }
        "none" | "never" => mapping.set("authorization.pkce", "none"),
        _ if flag(value) => mapping.set("authorization.pkce", "S256"),
        _ => mapping.set("authorization.pkce", "none"),
    }
}

/// The words of a list, or of a text.
pub(super) fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(scalar).collect(),
        other => scalar(other)
            .unwrap_or_default()
            .split([' ', ',', '\n', '\t', '|'])
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
