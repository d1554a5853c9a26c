//! The answers a mapping expects, as samples in which each mapped place has a value.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::provider::decode::Format;
use crate::provider::file::{Kind, ResponseMode, StateIn};
use crate::provider::mapped::{Mapped, Root};
use crate::provider::model::Verified;
use crate::provider::model::{Answer, Before, ProfileSource, Provider, Then};
use crate::provider::path::{PathStep, Place};
use crate::provider::request::encode;
use crate::provider::trace::MaskedMessage;

pub(super) struct Expect<'a>(&'a Provider);

impl<'a> Expect<'a> {
    pub fn of(provider: &'a Provider) -> Self {
        Self(provider)
    }

    /// The authorization response.
    pub fn callback(&self, redirect_uri: &str) -> MaskedMessage {
        let code = &self.0.callback.code_key;
        let state = &self.0.authorization.state_key;
        let json = Place::parse(code).ok().filter(|_| code.starts_with('$'));
        let mut pairs = match json.as_ref().and_then(Place::first_member) {
            Some(parameter) => format!("{}={{{{JSON with the code}}}}", encode(parameter)),
            None => format!("{}={{{{code}}}}", encode(code)),
        };
        if self.0.authorization.state_in == StateIn::Parameter {
            let _ = write!(pairs, "&{}={{{{state}}}}", encode(state));
        }
        if self.0.authorization.response_mode == Some(ResponseMode::FormPost) {
            return MaskedMessage {
                line: format!("POST {redirect_uri}"),
                headers: vec![content_type("application/x-www-form-urlencoded")],
                body: pairs,
            };
        }
        let separator = match self.0.authorization.response_mode {
            Some(ResponseMode::Fragment) => '#',
            _ if redirect_uri.contains('?') => '&',
            _ => '?',
        };
        MaskedMessage {
            line: format!("302 Found, Location: {redirect_uri}{separator}{pairs}"),
            ..MaskedMessage::default()
        }
    }

    pub fn before(before: &Before) -> MaskedMessage {
        let mut sample = Sample::default();
        sample.put(&before.access_token, json!("{{app_access_token}}"));
        sample.answer(&before.answer)
    }

    /// RFC 9126 §2.2
    pub fn pushed() -> MaskedMessage {
        let document = json!({ "request_uri": "{{request_uri}}", "expires_in": 60 });
        MaskedMessage {
            line: "201 Created".to_owned(),
            headers: vec![content_type("application/json")],
            body: format!("{document:#}"),
        }
    }

    pub fn token(&self) -> MaskedMessage {
        let set = &self.0.token;
        let mut sample = Sample::default();
        sample.put(&set.access_token, json!("{{access_token}}"));
        sample.put(&set.expires_in, json!(3600));
        if self.0.kind == Kind::Openid {
            sample.put(&set.id_token, json!("{{id_token}}"));
        }
        if self.0.userinfo.source == ProfileSource::TokenResponse {
            self.profile(&mut sample, None);
        }
        self.mapped(&mut sample, Root::Token, &|_| true);
        sample.answer(&set.answer)
    }

    pub fn userinfo(&self) -> MaskedMessage {
        let mut sample = Sample::default();
        self.profile(&mut sample, None);
        sample.answer(&self.0.userinfo.answer)
    }

    pub fn then(&self, then: &Then) -> MaskedMessage {
        let mut sample = Sample::default();
        self.profile(&mut sample, Some(&then.name));
        let inner = sample.0.get(&then.name).cloned().unwrap_or(Value::Null);
        Sample(inner).answer(&then.answer)
    }

    /// Puts what the map names into a sample: what is in the profile itself, or
    /// what is in the result of the follow-up request `of`.
    fn profile(&self, sample: &mut Sample, of: Option<&str>) {
        let followed = |place: &Place| {
            place
                .first_member()
                .filter(|first| self.0.userinfo.then.iter().any(|then| then.name == *first))
                .map(str::to_owned)
        };
        self.mapped(sample, Root::Profile, &|place| {
            followed(place).as_deref() == of
        });
    }

    /// Puts what is mapped from one document into a sample of it.
    fn mapped(&self, sample: &mut Sample, root: Root, wanted: &dyn Fn(&Place) -> bool) {
        let map = &self.0.userinfo.profile;
        let mut put = |mapped: &Mapped, value: &Value| {
            for source in mapped.sampled() {
                if source.root == root && wanted(&source.place) {
                    sample.put(&source.place, value.clone());
                }
            }
        };
        for (key, mapped) in map.all() {
            let shown = match key {
                "user_id" => "user id",
                "given_name" => "given name",
                "family_name" => "family name",
                "groups" => "group",
                other => other,
            };
            put(mapped, &json!(format!("{{{{{shown}}}}}")));
            if key == "name"
                && let Some(Verified::Place(mapped)) = &map.email_verified
            {
                put(mapped, &json!(true));
            }
        }
        if let Some(Verified::Place(mapped)) = &map.email_verified {
            put(mapped, &json!(true));
        }
    }
}

fn content_type(value: &str) -> (String, String) {
    ("Content-Type".to_owned(), value.to_owned())
}

/// A document that grows by places.
#[derive(Default)]
struct Sample(Value);

impl Sample {
    /// Makes a value be where a place looks.
    fn put(&mut self, place: &Place, value: Value) {
        let mut at = &mut self.0;
        for hop in place.steps() {
            at = match hop {
                PathStep::Member(name) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    match at {
                        Value::Object(members) => members.entry(name).or_insert(Value::Null),
                        _ => return,
                    }
                }
                PathStep::Element => {
                    if !at.is_array() {
                        *at = Value::Array(vec![Value::Null]);
                    }
                    match at.get_mut(0) {
                        Some(first) => first,
                        None => return,
                    }
                }
            };
        }
        if at.is_null() {
            *at = value;
        }
    }

    fn answer(self, answer: &Answer) -> MaskedMessage {
        let (kind, body) = match answer.format {
            Format::Auto | Format::Json => ("application/json", pretty(&self.0)),
            Format::Jsonp => (
                "application/javascript",
                format!("callback({});", pretty(&self.0)),
            ),
            Format::Form => ("application/x-www-form-urlencoded", form(&self.0)),
            Format::Xml => ("application/xml", xml(&self.0)),
            Format::Text | Format::Lines => ("text/plain", lines(&self.0)),
            Format::Pairs => ("text/plain", pairs(&self.0)),
        };
        let mut body = body;
        if let Some(condition) = &answer.success {
            body.push_str("\n\nand it must hold: ");
            body.push_str(condition.as_str());
        }
        MaskedMessage {
            line: "200 OK".to_owned(),
            headers: vec![content_type(kind)],
            body,
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn form(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        })
        .collect::<Vec<_>>()
        .join("&")
}

fn lines(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(lines).collect::<Vec<_>>().join("\n"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn pairs(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| format!("{name}: {}", lines(value)))
        .collect::<Vec<_>>()
        .join("\n")
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(members) => members
            .iter()
            .fold(String::new(), |mut out, (name, below)| {
                let _ = write!(out, "<{name}>{}</{name}>", xml(below));
                out
            }),
        Value::Array(items) => items.iter().map(xml).collect(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
