//! A mapped value: from which documents of a login it is taken, and how.
//!
//! Alternatives are tried in their order, and null or empty is no match. An id
//! that is put together of several values says which they were: two people
//! never become one because a value of theirs holds the separator.

mod problem;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde_json::Value;

pub use self::problem::{ExtractError, Problem};
use super::decode::type_name;
use super::path::{PathError, Place};
use super::template;

/// What a login has read so far.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    /// The profile: what names and paths are about.
    pub profile: &'a Value,
    /// The answer of the token endpoint.
    pub token: Option<&'a Value>,
    /// The claims of the ID token.
    pub id_token: Option<&'a Value>,
    /// Parameters of the authorization response, as members of an object.
    pub callback: Option<&'a Value>,
    /// Parameters of the address at which the login began.
    pub login: Option<&'a Value>,
}

impl<'a> From<&'a Value> for Documents<'a> {
    fn from(profile: &'a Value) -> Self {
        Self {
            profile,
            token: None,
            id_token: None,
            callback: None,
            login: None,
        }
    }
}

/// The document a place is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The profile.
    Profile,
    /// The answer of the token endpoint: `{token.…}`.
    Token,
    /// The claims of the ID token: `{id_token.…}`.
    IdToken,
    /// The authorization response: `{callback.…}`.
    Callback,
    /// The address at which the login began: `{login.…}`.
    Login,
}

/// A place in one of a login's documents.
#[derive(Debug, Clone)]
pub struct Source {
    text: String,
    /// Which document.
    pub root: Root,
    /// Where in it.
    pub place: Place,
}

impl Source {
    /// Compiles a place, or `{token.…}` and the like.
    ///
    /// # Errors
    /// If the place is none.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let named = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let (root, place) = named
            .and_then(|named| {
                [
                    ("token.", Root::Token),
                    ("id_token.", Root::IdToken),
                    ("callback.", Root::Callback),
                    ("login.", Root::Login),
                ]
                .into_iter()
                .find_map(|(prefix, root)| Some((root, named.strip_prefix(prefix)?)))
            })
            .unwrap_or((Root::Profile, text));
        Ok(Self {
            text: text.to_owned(),
            root,
            place: match root {
                Root::Token => template::member(place)?,
                _ => Place::parse(place)?,
            },
        })
    }

    fn matches<'v>(&self, documents: &Documents<'v>) -> Vec<&'v Value> {
        let document = match self.root {
            Root::Profile => Some(documents.profile),
            Root::Token => documents.token,
            Root::IdToken => documents.id_token,
            Root::Callback => documents.callback,
            Root::Login => documents.login,
        };
        document.map_or_else(Vec::new, |document| self.place.matches(document))
    }
}

/// How the values of several places become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The first that has a value.
    First,
    /// Those that have one, with this between them.
    Joined(String),
    /// All, with this between them, and escaped within them.
    Exact(char),
}

/// Where a mapped value is.
#[derive(Debug, Clone)]
pub struct Mapped {
    text: String,
    sources: Vec<Source>,
    form: Form,
    split: Option<String>,
}

impl From<Source> for Mapped {
    fn from(source: Source) -> Self {
        Self::new(vec![source], Form::First, None)
    }
}

impl Mapped {
    /// A value of these places; `split` is what stands between the values of a text.
    pub fn new(sources: Vec<Source>, form: Form, split: Option<String>) -> Self {
        let texts: Vec<&str> = sources.iter().map(|source| source.text.as_str()).collect();
        let between = if form == Form::First { " or " } else { " + " };
        Self {
            text: texts.join(between),
            sources,
            form,
            split,
        }
    }

    /// The places.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The places that a sample document must have: of alternatives the first.
    pub fn sampled(&self) -> &[Source] {
        match self.form {
            Form::First => self.sources.get(..1).unwrap_or_default(),
            Form::Joined(_) | Form::Exact(_) => &self.sources,
        }
    }

    /// The types of what is there, for a trace.
    pub fn types(&self, documents: &Documents<'_>) -> Vec<&'static str> {
        let found = self
            .sources
            .iter()
            .map(|source| source.matches(documents))
            .find(|found| !found.is_empty());
        found.map_or_else(Vec::new, |found| types(&found))
    }

    /// The one value.
    ///
    /// # Errors
    /// If there is none, or several.
    pub fn one<'v>(&self, documents: &Documents<'v>) -> Result<Cow<'v, Value>, Problem> {
        let separator = match &self.form {
            Form::First => return self.first(documents).map(Cow::Borrowed),
            Form::Joined(separator) => separator.clone(),
            Form::Exact(separator) => separator.to_string(),
        };
        let mut parts = Vec::new();
        for source in &self.sources {
            match part(source, documents) {
                Ok(text) => parts.push(match self.form {
                    Form::Exact(separator) => escaped(&text, separator),
                    _ => text,
                }),
                Err(problem) if problem.is_missing() && !matches!(self.form, Form::Exact(_)) => {}
                Err(problem) => return Err(problem),
            }
        }
        if parts.is_empty() {
            return Err(Problem::missing(&self.text));
        }
        Ok(Cow::Owned(Value::String(parts.join(&separator))))
    }

    fn first<'v>(&self, documents: &Documents<'v>) -> Result<&'v Value, Problem> {
        for (i, source) in self.sources.iter().enumerate() {
            let last = i + 1 == self.sources.len();
            match source.matches(documents)[..] {
                [] | [Value::Null] => {}
                [only] if !last && is_blank(only) => {}
                [only] => return Ok(only),
                ref several if !last && several.iter().all(|value| is_blank(value)) => {}
                ref several => return Err(too_many(&source.text, several)),
            }
        }
        Err(Problem::missing(&self.text))
    }

    /// All values, where several are meant: the items of an array, the matches of
    /// a path, the parts of a text that is split.
    pub fn list(&self, documents: &Documents<'_>) -> Vec<Value> {
        let mut all = Vec::new();
        for source in &self.sources {
            let found = source.matches(documents);
            let items: Vec<&Value> = match found[..] {
                [Value::Array(items)] => items.iter().collect(),
                _ => found,
            };
            let before = all.len();
            for item in items.into_iter().filter(|item| !is_blank(item)) {
                self.taken_apart(item, &mut all);
            }
            if self.form == Form::First && all.len() > before {
                break;
            }
        }
        all
    }

    /// A value, or where it is a text that is split, the list of its parts.
    pub fn apart(&self, value: Value) -> Value {
        if self.split.is_none() || !value.is_string() {
            return value;
        }
        let mut parts = Vec::new();
        self.taken_apart(&value, &mut parts);
        Value::Array(parts)
    }

    fn taken_apart(&self, value: &Value, into: &mut Vec<Value>) {
        match (&self.split, value) {
            (Some(split), Value::String(text)) => {
                let parts = text.split(split.as_str()).map(str::trim);
                into.extend(parts.filter(|part| !part.is_empty()).map(Value::from));
            }
            (_, other) => into.push(other.clone()),
        }
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The only item of an array, or the value itself: some servers send a list for
/// what others send as one value, and XML tells the two apart only by number.
pub fn only(value: &Value) -> &Value {
    match value {
        Value::Array(items) => match &items[..] {
            [one] => one,
            _ => value,
        },
        _ => value,
    }
}

/// Whether a value says nothing.
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        _ => false,
    }
}

/// One part of a joined value, as text.
fn part(source: &Source, documents: &Documents<'_>) -> Result<String, Problem> {
    let found = source.matches(documents);
    let value = match found[..] {
        [] => return Err(Problem::missing(&source.text)),
        [one] => only(one),
        ref several => return Err(too_many(&source.text, several)),
    };
    match value {
        value if is_blank(value) => Err(Problem::missing(&source.text)),
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(Problem::WrongType {
            place: source.text.clone(),
            expected: "a string or a number",
            found: type_name(other),
        }),
    }
}

/// A part in which the separator can't be found: it and `%` are percent-encoded.
fn escaped(text: &str, separator: char) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if c == separator || c == '%' {
            let _ = write!(out, "%{:02X}", u32::from(c));
        } else {
            out.push(c);
        }
        out
    })
}

fn too_many(place: &str, found: &[&Value]) -> Problem {
    Problem::Several {
        place: place.to_owned(),
        count: found.len(),
        types: types(found).join(", "),
    }
}

fn types(found: &[&Value]) -> Vec<&'static str> {
    found.iter().take(8).map(|v| type_name(v)).collect()
}
