//! The ways an answer can be written: JSON, form, JSONP, XML.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an answer's body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// `a=1&b=2`, as GitHub's token endpoint does.
    Form,
    /// `callback( {…} );`, as QQ does.
    Jsonp,
    /// `<response><a>1</a></response>`.
    Xml,
}

impl Format {
    /// The content type such a body goes under.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Jsonp => "application/javascript",
            Self::Xml => "application/xml",
        }
    }

    /// Writes a value.
    pub(crate) fn write(self, value: &Value) -> String {
        match self {
            Self::Json => value.to_string(),
            Self::Form => form(value),
            Self::Jsonp => format!("callback( {value} );\n"),
            Self::Xml => {
                let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
                element(&mut out, "response", value);
                out
            }
        }
    }
}

/// A value as the text of a form field or an element: strings without their quotes.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn form(value: &Value) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    if let Value::Object(members) = value {
        for (name, member) in members {
            out.append_pair(name, &text(member));
        }
    }
    out.finish()
}

fn element(out: &mut String, name: &str, value: &Value) {
    if let Value::Array(items) = value {
        for item in items {
            element(out, name, item);
        }
        return;
    }
    let name = element_name(name);
    out.extend(["<", &name, ">"]);
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                element(out, member, value);
            }
        }
        other => out.push_str(&escape(&text(other))),
    }
    out.extend(["</", &name, ">"]);
}

/// An element's name: what XML does not allow becomes `_`.
fn element_name(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if !out.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        out.insert(0, '_');
    }
    out
}

/// Escapes text for HTML and XML, attribute values included.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
