//! What a request carries: its query and its body.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde_json::{Map, Value};
use url::Url;

pub use super::build_error::BuildError;
use super::file::{Method, SignIn};
use super::percent::QUERY;
pub use super::percent::encode;
use super::sign::{self, Signature};
use super::signed::Unsigned;
use super::template::{Fill, Slot, Template, Unfilled};
use crate::outbound::PreparedRequest;

/// What may stand in a query as it is (RFC 3986 §3.4), and has no meaning of its
/// own there.
const BARE: &AsciiSet = &QUERY
    .remove(b',')
    .remove(b':')
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'\'');

/// How a POST's body is made.
#[derive(Debug, Clone)]
pub enum Body {
    /// `key=value&…`
    Form,
    /// A JSON object.
    Json,
    /// There is none; parameters go in the query.
    None,
    /// A text of the mapping's, in place of parameters.
    Raw(RawBody),
}

/// A body that the mapping writes out.
#[derive(Debug, Clone)]
pub struct RawBody {
    /// Its `Content-Type`.
    pub content_type: String,
    /// The text.
    pub text: Template,
}

impl RawBody {
    /// The body, each filled-in value written so that it stays one value.
    pub fn fill(&self, fill: &Fill<'_>) -> Result<String, BuildError> {
        let kind = self.content_type.to_ascii_lowercase();
        if kind.contains("json") {
            let pretended = fill.pretend.is_some();
            return self.json(|slot| fill.value(slot), pretended);
        }
        let encode = |text: &str| -> String {
            if kind.contains("x-www-form-urlencoded") {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            } else if kind.contains("xml") {
                xml_text(text)
            } else {
                text.to_owned()
            }
        };
        Ok(self.text.fill(fill, encode)?)
    }

    /// Why this is no JSON, whatever is filled in.
    pub fn not_json(&self) -> Option<String> {
        if !self.content_type.to_ascii_lowercase().contains("json") {
            return None;
        }
        let text = self.json(|_| Ok("0".to_owned()), true).ok()?;
        let read = serde_json::from_str::<Value>(&text);
        read.err().map(|error| error.to_string())
    }

    /// Within quotes a value is written as a string is; elsewhere it has to be a
    /// number or a boolean, so that none brings members of its own.
    fn json(
        &self,
        value: impl Fn(&Slot) -> Result<String, Unfilled>,
        pretended: bool,
    ) -> Result<String, BuildError> {
        let mut out = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for part in self.text.filled(value) {
            match part? {
                (None, text) => {
                    for c in text.chars() {
                        match c {
                            _ if escaped => escaped = false,
                            '\\' if quoted => escaped = true,
                            '"' => quoted = !quoted,
                            _ => {}
                        }
                    }
                    out.push_str(&text);
                }
                (Some(_), value) if quoted => {
                    let json = Value::String(value).to_string();
                    out.push_str(&json[1..json.len() - 1]);
                }
                (Some(slot), value) => {
                    let fits = serde_json::from_str::<Value>(&value)
                        .is_ok_and(|v| v.is_number() || v.is_boolean());
                    if !fits && !pretended {
                        return Err(BuildError::Unquoted(slot.to_string()));
                    }
                    out.push_str(value.trim());
                }
            }
        }
        Ok(out)
    }
}

/// A text as it stands in XML, in an element or an attribute.
fn xml_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // No XML can have them.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => {}
            _ => out.push(c),
        }
    }
    out
}

/// What a request is made of.
pub struct Parts<'a> {
    /// Where to.
    pub url: Url,
    /// Its method.
    pub method: Method,
    /// How its body is made.
    pub body: &'a Body,
    /// What goes in the query, whatever the method.
    pub query: Vec<(&'a str, String)>,
    /// What goes in the body, or in the query of a GET.
    pub pairs: Vec<(&'a str, String)>,
    /// The mapping's own parameters, which follow the pairs.
    pub custom: Vec<(&'a str, Value)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Signatures over it.
    pub sign: &'a [Signature],
    /// The mapping's headers, of which those that hold a signature are added.
    pub signed_headers: &'a [(String, Template)],
}

/// A header's value that came from outside, which must not break out of its line.
pub fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], "")
}

/// Whether a text holds a signature.
pub fn is_signed(text: &Template) -> bool {
    text.slots().any(|slot| matches!(slot, Slot::Sign(_)))
}

impl Parts<'_> {
    /// The request, signed.
    pub fn finish(mut self, fill: &Fill<'_>) -> Result<PreparedRequest, BuildError> {
        let written = match (self.method, self.body) {
            (method, Body::Raw(raw)) if method.has_body() => Some(raw.fill(fill)?),
            _ => None,
        };
        if !self.sign.is_empty() {
            self.sign(fill, written.as_deref())?;
        }
        let body = written.or_else(|| self.made());
        let kind = match self.body {
            Body::Json => "application/json",
            Body::Raw(raw) => raw.content_type.as_str(),
            Body::Form | Body::None => "application/x-www-form-urlencoded",
        };
        let named = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        if body.is_some() && !self.headers.iter().any(named) {
            let at = 1.min(self.headers.len());
            let header = ("Content-Type".to_owned(), kind.to_owned());
            self.headers.insert(at, header);
        }
        if body.is_none() {
            self.query.append(&mut self.pairs);
            let custom = self.custom.iter();
            self.query
                .extend(custom.map(|(name, value)| (*name, text(value))));
        }
        let method = match self.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
        };
        let mut url = self.url;
        if !self.query.is_empty() {
            url = parse(&with_query(url.as_str(), &self.query, None))?;
        }
        Ok(PreparedRequest {
            method,
            url,
            headers: self.headers,
            body: body.map(String::into_bytes),
        })
    }
}

impl Parts<'_> {
    /// The body that the parameters make.
    fn made(&self) -> Option<String> {
        let posts = self.method.has_body();
        match self.body {
            Body::Form if posts => {
                let custom = self.custom.iter();
                let body = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(&self.pairs)
                    .extend_pairs(custom.map(|(name, value)| (name, text(value))))
                    .finish();
                Some(body)
            }
            Body::Json if posts => {
                let pairs = self.pairs.iter();
                let members: Map<_, _> = pairs
                    .map(|(name, value)| (*name, Value::from(value.as_str())))
                    .chain(self.custom.iter().cloned())
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                Some(Value::Object(members).to_string())
            }
            _ => None,
        }
    }

    /// Adds the signatures, to parameters and headers.
    fn sign(&mut self, fill: &Fill<'_>, written: Option<&str>) -> Result<(), BuildError> {
        let own = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        let in_url = self.url.query_pairs();
        let mut parameters: Vec<(String, String)> = in_url.into_owned().collect();
        parameters.extend(self.query.iter().map(own));
        if written.is_none() {
            parameters.extend(self.pairs.iter().map(own));
            let custom = self.custom.iter();
            parameters.extend(custom.map(|(name, value)| ((*name).to_owned(), text(value))));
        }
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        };
        let url = self.url.clone();
        let body = written.map(str::to_owned).or_else(|| self.made());
        let unsigned = Unsigned {
            method,
            url: &url,
            parameters,
            body: body.as_deref(),
        };
        let made = sign::all(self.sign, fill, unsigned)?;
        for (name, text) in self.signed_headers {
            if !is_signed(text) {
                continue;
            }
            let mut line = String::new();
            for part in text.filled(|slot| match slot {
                Slot::Sign(wanted) => made
                    .iter()
                    .find(|(signature, _)| signature.name == *wanted)
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| Unfilled(slot.to_string())),
                other => fill.value(other),
            }) {
                line.push_str(&one_line(&part?.1));
            }
            self.headers
                .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            self.headers.push((name.clone(), line));
        }
        for (signature, value) in made {
            let name = &signature.name;
            match signature.place {
                SignIn::Parameter if written.is_some() => self.query.push((name, value)),
                SignIn::Parameter => self.custom.push((name, Value::String(value))),
                SignIn::Header => {
                    self.headers
                        .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                    self.headers.push((name.clone(), value));
                }
                SignIn::Nowhere => {}
            }
        }
        Ok(())
    }
}

/// A value in a query or form: a text as it is, all else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A URL from what a request filled in.
pub fn parse(url: &str) -> Result<Url, BuildError> {
    Url::parse(url).map_err(|_| BuildError::Url)
}

/// A URL with parameters; of the one named `bare`, only what can't stand in a
/// query is encoded.
pub fn with_query(url: &str, pairs: &[(&str, String)], bare: Option<&str>) -> String {
    let mut out = url.to_owned();
    let mut separator = match url.find('?') {
        None => "?",
        Some(_) if url.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    for (name, value) in pairs {
        let set = if bare == Some(*name) { BARE } else { QUERY };
        out.push_str(separator);
        out.push_str(&encode(name));
        out.push('=');
        out.extend(utf8_percent_encode(value, set));
        separator = "&";
    }
    out
}
