//! Values of an answer that stand in its head: a token in a header, a cookie or the
//! address of a redirect.

use std::collections::BTreeSet;

use cookie::Cookie;
use http::HeaderMap;
use http::header::{LOCATION, SET_COOKIE};
use serde_json::{Map, Value};

/// A value of an answer's head, by the text that a mapping names it with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifted {
    /// `{header.x-subject-token}`: the member of the answer that it becomes.
    member: String,
    kind: Kind,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Header,
    Cookie,
    Location,
}

impl Lifted {
    /// Reads `{header.NAME}`, `{cookie.NAME}` or `{location.NAME}`.
    pub fn parse(text: &str) -> Option<Self> {
        let named = text.strip_prefix('{')?.strip_suffix('}')?;
        let (kind, name) = named.split_once('.')?;
        let kind = match kind {
            "header" => Kind::Header,
            "cookie" => Kind::Cookie,
            "location" => Kind::Location,
            _ => return None,
        };
        (!name.is_empty()).then(|| Self {
            member: text.to_owned(),
            kind,
            name: name.to_owned(),
        })
    }

    /// The member that a value of a head becomes, by its name behind `token.` or
    /// `profile.`: `header.x-session` is `{header.x-session}`.
    pub fn member_of(name: &str) -> Option<String> {
        let member = format!("{{{name}}}");
        Self::parse(&member).map(|_| member)
    }

    /// Those that these texts name.
    pub fn among<'t>(texts: impl IntoIterator<Item = Option<&'t String>>) -> BTreeSet<Self> {
        let texts = texts.into_iter().flatten();
        texts.filter_map(|text| Self::parse(text)).collect()
    }

    /// Whether it stands in the address of a redirect.
    pub fn is_in_location(&self) -> bool {
        self.kind == Kind::Location
    }

    fn value(&self, headers: &HeaderMap) -> Option<String> {
        match self.kind {
            Kind::Header => {
                let value = headers.get(&self.name)?.to_str().ok()?.trim();
                // `Authorization: Bearer …` as an answer's header.
                let token = value.split_once(' ').filter(|(scheme, _)| {
                    scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop")
                });
                Some(token.map_or(value, |(_, token)| token.trim()).to_owned())
            }
            Kind::Cookie => headers
                .get_all(SET_COOKIE)
                .iter()
                .filter_map(|line| Cookie::parse(line.to_str().ok()?).ok())
                .find(|cookie| cookie.name() == self.name)
                .map(|cookie| cookie.value_trimmed().to_owned()),
            Kind::Location => match location(headers).get(&self.name)? {
                Value::String(text) => Some(text.clone()),
                _ => None,
            },
        }
    }
}

/// The parameters in the query and the fragment of a redirect's address, as members of
/// an object. Of two of one name none counts, since nobody can say which is meant.
pub fn location(headers: &HeaderMap) -> Map<String, Value> {
    let mut members = Map::new();
    let address = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let (front, fragment) = address
        .map(|address| address.split_once('#').unwrap_or((address, "")))
        .unwrap_or_default();
    let query = front.split_once('?').map_or("", |(_, query)| query);
    for part in [query, fragment.trim_start_matches('?')] {
        for (name, value) in form_urlencoded::parse(part.as_bytes()) {
            members
                .entry(name.into_owned())
                .and_modify(|known| {
                    if known.as_str() != Some(&value) {
                        *known = Value::Null;
                    }
                })
                .or_insert_with(|| Value::String(value.into_owned()));
        }
    }
    members
}

/// An answer with what its head says beside its members.
pub fn lift(document: Value, wanted: &BTreeSet<Lifted>, headers: &HeaderMap) -> Value {
    if wanted.is_empty() {
        return document;
    }
    let mut members = match document {
        Value::Object(members) => members,
        Value::Null => Map::new(),
        other => Map::from_iter([("answer".to_owned(), other)]),
    };
    for one in wanted {
        // Nobody else says what stands in the head.
        members.shift_remove(&one.member);
        if let Some(value) = one.value(headers) {
            members.insert(one.member.clone(), Value::String(value));
        }
    }
    Value::Object(members)
}
