//! Texts of a mapping with places to be filled in, such as `{access_token}`.

use std::fmt;

use serde_json::Value;

use super::decode::unreadable;
use super::lifted::Lifted;
use super::moment::{Moment, TimeFormat};
use super::path::{PathError, Place};
use super::signed::{RequestPart, Signed};
use crate::base::Secret;

/// What a place stands for.
#[derive(Debug, Clone)]
pub enum Slot {
    /// `{client_id}`
    ClientId,
    /// `{client_secret}`
    ClientSecret,
    /// `{secret.…}`: one of `client.secrets`.
    Secret(String),
    /// `{code}`: the authorization code.
    Code,
    /// `{callback.…}`: a parameter of the authorization response.
    Callback(String),
    /// `{login.…}`: a parameter of the address at which the login began.
    Login(String),
    /// `{redirect_uri}`
    RedirectUri,
    /// `{code_verifier}`: PKCE's, where the mapping writes the body.
    CodeVerifier,
    /// `{access_token}`
    AccessToken,
    /// `{app_access_token}`: the result of `[token.before]`.
    AppAccessToken,
    /// `{token.…}`: a value of the token endpoint's answer.
    Token(Place),
    /// `{profile.…}`: a value of the profile.
    Profile(Place),
    /// `{now.seconds}`, `{now:%Y-%m-%d}`: the time of the request.
    Now(TimeFormat),
    /// `{random}`: a random text of the request's own.
    Random,
    /// `{request.…}`: a part of the request, in what is signed.
    Request(RequestPart),
    /// `{request.parameters.…}`: one parameter of the request, in what is signed.
    Parameter(String),
    /// `{sign.…}`: a signature that was made before.
    Sign(String),
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Slot(Slot),
}

/// A text, compiled.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

/// What stands around a value of an answer's head.
const BRACES: [char; 2] = ['{', '}'];

/// The names a place may have, for hints.
pub const SLOT_NAMES: &[&str] = &[
    "client_id",
    "client_secret",
    "secret.…",
    "code",
    "callback.…",
    "login.…",
    "redirect_uri",
    "code_verifier",
    "access_token",
    "app_access_token",
    "token.…",
    "profile.…",
    "now.seconds",
    "now.milliseconds",
    "random",
    "request.…",
    "sign.…",
];

/// The names of the places that are allowed somewhere, for hints.
pub fn slot_names(allowed: impl Fn(&Slot) -> bool) -> String {
    let known = SLOT_NAMES.iter().filter(|name| {
        let sample = match **name {
            "request.…" => "request.method".to_owned(),
            name => name.replace('…', "x"),
        };
        slot(&sample).is_ok_and(|slot| slot.is_some_and(|slot| allowed(&slot)))
    });
    known.copied().collect::<Vec<_>>().join(", ")
}

impl Template {
    /// Compiles a text. Braces around anything that is not the name of a place
    /// are text: static values may hold JSON.
    pub fn parse(source: &str) -> Result<Self, PathError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            text.push_str(before);
            let named = from
                .find('}')
                .map(|close| (&from[1..close], &from[close + 1..]));
            let slot = match named {
                Some((name, after)) => slot(name)?.map(|slot| (slot, after)),
                None => None,
            };
            if let Some((slot, after)) = slot {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Slot(slot));
                rest = after;
            } else {
                text.push('{');
                rest = &from[1..];
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self {
            source: source.to_owned(),
            parts,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Single words in braces that are no places: `{acess_token}`.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Slot(_) => None,
        });
        texts
            .flat_map(|text| text.split('{').skip(1))
            .filter_map(|after| {
                let (word, _) = after.split_once('}')?;
                let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
                (word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(letter))
                    .then_some(word)
            })
    }

    /// Places that are written as other notations write them, `{{access_token}}` or
    /// `${access_token}`: what is more than one pair of braces would be sent.
    pub fn doubled(&self) -> impl Iterator<Item = &Slot> {
        let text = |at: Option<usize>| match at.and_then(|at| self.parts.get(at)) {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        self.parts.iter().enumerate().filter_map(move |(i, part)| {
            let Part::Slot(slot) = part else { return None };
            let (before, after) = (text(i.checked_sub(1)), text(Some(i + 1)));
            let braces = before.ends_with('{') && after.starts_with('}');
            (braces || before.ends_with('$')).then_some(slot)
        })
    }

    /// The places in it.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.parts.iter().filter_map(|part| match part {
            Part::Slot(slot) => Some(slot),
            Part::Text(_) => None,
        })
    }

    /// Fills in the places; `encode` is applied to what is filled in.
    pub fn fill(
        &self,
        with: &Fill<'_>,
        encode: impl Fn(&str) -> String,
    ) -> Result<String, Unfilled> {
        let mut out = String::with_capacity(self.source.len());
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(slot) => out.push_str(&encode(&with.value(slot)?)),
            }
        }
        Ok(out)
    }

    /// The parts with their values: those of places with the place.
    pub fn filled(
        &self,
        value: impl Fn(&Slot) -> Result<String, Unfilled>,
    ) -> impl Iterator<Item = Result<(Option<&Slot>, String), Unfilled>> {
        self.parts.iter().map(move |part| match part {
            Part::Text(text) => Ok((None, text.clone())),
            Part::Slot(slot) => Ok((Some(slot), value(slot)?)),
        })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientId => f.write_str("client_id"),
            Self::ClientSecret => f.write_str("client_secret"),
            Self::Secret(name) => write!(f, "secret.{name}"),
            Self::Code => f.write_str("code"),
            Self::Callback(name) => write!(f, "callback.{name}"),
            Self::Login(name) => write!(f, "login.{name}"),
            Self::RedirectUri => f.write_str("redirect_uri"),
            Self::CodeVerifier => f.write_str("code_verifier"),
            Self::AccessToken => f.write_str("access_token"),
            Self::AppAccessToken => f.write_str("app_access_token"),
            Self::Token(place) => write!(f, "token.{}", place.as_str().trim_matches(BRACES)),
            Self::Profile(place) => write!(f, "profile.{}", place.as_str().trim_matches(BRACES)),
            Self::Now(format) => write!(f, "now{format}"),
            Self::Random => f.write_str("random"),
            Self::Request(part) => {
                let name = RequestPart::ALL.iter().find(|(_, known)| known == part);
                write!(f, "request.{}", name.map_or("", |(name, _)| name))
            }
            Self::Parameter(name) => write!(f, "request.parameters.{name}"),
            Self::Sign(name) => write!(f, "sign.{name}"),
        }
    }
}

/// A place in an answer: in its head, or in what it says.
pub fn member(text: &str) -> Result<Place, PathError> {
    match Lifted::member_of(text) {
        Some(member) => Place::parse(&member),
        None => Place::parse(text),
    }
}

/// A place that is named freely.
fn named(text: &str) -> Result<Option<Slot>, PathError> {
    type Named = fn(String) -> Slot;
    const KINDS: &[(&str, Named)] = &[
        ("callback.", Slot::Callback),
        ("login.", Slot::Login),
        ("secret.", Slot::Secret),
        ("sign.", Slot::Sign),
        ("request.parameters.", Slot::Parameter),
    ];
    let found = KINDS
        .iter()
        .find_map(|(prefix, slot)| Some((text.strip_prefix(prefix)?, slot)));
    match found {
        Some(("", _)) => Err(PathError::Empty),
        // A parameter that is JSON has paths.
        Some((path, _)) if path.starts_with('$') && text.starts_with("callback.") => {
            Place::parse(path).map(|_| Some(Slot::Callback(path.to_owned())))
        }
        Some((name, slot)) => Ok(Some(slot(name.to_owned()))),
        None => Ok(None),
    }
}

fn slot(name: &str) -> Result<Option<Slot>, PathError> {
    let slot = match name {
        "client_id" => Slot::ClientId,
        "client_secret" => Slot::ClientSecret,
        "code" => Slot::Code,
        "redirect_uri" => Slot::RedirectUri,
        "code_verifier" => Slot::CodeVerifier,
        "access_token" => Slot::AccessToken,
        "app_access_token" => Slot::AppAccessToken,
        "random" => Slot::Random,
        _ => {
            if let Some(slot) = named(name)? {
                slot
            } else if let Some(place) = name.strip_prefix("token.") {
                Slot::Token(member(place)?)
            } else if let Some(place) = name.strip_prefix("profile.") {
                Slot::Profile(member(place)?)
            } else if let Some(name) = name.strip_prefix("request.") {
                match RequestPart::ALL.iter().find(|(known, _)| *known == name) {
                    Some((_, part)) => Slot::Request(*part),
                    None => return Ok(None),
                }
            } else if let Some(format) = name.strip_prefix("now").and_then(TimeFormat::parse) {
                Slot::Now(format.map_err(PathError::Time)?)
            } else {
                return Ok(None);
            }
        }
    };
    Ok(Some(slot))
}

/// The values at hand when a request is built.
#[derive(Clone, Copy, Default)]
pub struct Fill<'a> {
    /// The client id.
    pub client_id: &'a str,
    /// The client secret.
    pub client_secret: Option<&'a Secret>,
    /// Further secrets by name.
    pub secrets: &'a [(String, Secret)],
    /// The authorization code.
    pub code: Option<&'a str>,
    /// Parameters of the authorization response.
    pub callback: &'a [(String, String)],
    /// Parameters of the address at which the login began.
    pub login: &'a [(String, String)],
    /// The redirect URI.
    pub redirect_uri: &'a str,
    /// PKCE's verifier.
    pub code_verifier: Option<&'a str>,
    /// The access token.
    pub access_token: Option<&'a Secret>,
    /// The application token.
    pub app_access_token: Option<&'a Secret>,
    /// The token endpoint's answer.
    pub token_response: Option<&'a Value>,
    /// The profile so far.
    pub profile: Option<&'a Value>,
    /// The moment of the request.
    pub moment: Option<&'a Moment>,
    /// The request that is being signed.
    pub signed: Option<&'a Signed<'a>>,
    /// For previews: values of an answer that does not exist yet are written as markers.
    pub pretend: Option<&'a (dyn Fn(&str) -> String + Sync)>,
}

/// A place for which there is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{0}}}` has no value at this step")]
pub struct Unfilled(pub String);

impl Fill<'_> {
    /// What a place stands for.
    pub fn value(&self, slot: &Slot) -> Result<String, Unfilled> {
        let secret = |value: Option<&Secret>, name: &str| {
            value
                .map(|secret| secret.expose().to_owned())
                .ok_or_else(|| Unfilled(name.to_owned()))
        };
        match slot {
            Slot::ClientId => Ok(self.client_id.to_owned()),
            Slot::ClientSecret => secret(self.client_secret, "client_secret"),
            Slot::Secret(name) => self.made(slot, |fill| {
                let mut all = fill.secrets.iter();
                let (_, found) = all.find(|(known, _)| known == name)?;
                Some(found.expose().to_owned())
            }),
            Slot::Code => self
                .code
                .map(str::to_owned)
                .ok_or_else(|| Unfilled("code".into())),
            Slot::Callback(name) => self.named("callback", name, self.callback),
            Slot::Login(name) => self.named("login", name, self.login),
            Slot::RedirectUri => Ok(self.redirect_uri.to_owned()),
            Slot::CodeVerifier => self
                .code_verifier
                .map(str::to_owned)
                .ok_or_else(|| Unfilled("code_verifier".into())),
            Slot::AccessToken => secret(self.access_token, "access_token"),
            Slot::AppAccessToken => secret(self.app_access_token, "app_access_token"),
            Slot::Token(place) => self.member("token", place, self.token_response),
            Slot::Profile(place) => self.member("profile", place, self.profile),
            Slot::Now(format) => self.made(slot, |fill| fill.moment?.write(format)),
            Slot::Random => self.made(slot, |fill| Some(fill.moment?.random().to_owned())),
            Slot::Request(part) => self.made(slot, |fill| Some(fill.signed?.request(*part))),
            Slot::Parameter(name) => self.made(slot, |fill| fill.signed?.parameter(name)),
            Slot::Sign(name) => self.made(slot, |fill| fill.signed?.earlier(name)),
        }
    }

    /// A value that is made for this request.
    fn made(
        &self,
        slot: &Slot,
        value: impl Fn(&Self) -> Option<String>,
    ) -> Result<String, Unfilled> {
        match self.pretend {
            Some(pretend) => Ok(pretend(&slot.to_string())),
            None => value(self).ok_or_else(|| Unfilled(slot.to_string())),
        }
    }

    fn named(&self, of: &str, name: &str, all: &[(String, String)]) -> Result<String, Unfilled> {
        let full = format!("{of}.{name}");
        if let Some(pretend) = self.pretend {
            return Ok(pretend(&full));
        }
        let found = all.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).ok_or(Unfilled(full))
    }

    fn member(
        &self,
        of: &str,
        place: &Place,
        document: Option<&Value>,
    ) -> Result<String, Unfilled> {
        let name = format!("{of}.{}", place.as_str().trim_matches(BRACES));
        if let Some(pretend) = self.pretend {
            return Ok(pretend(&name));
        }
        match document.map(|d| place.matches(d)).as_deref() {
            Some([Value::String(text)]) if !unreadable(text) => Ok(text.clone()),
            Some([Value::Number(number)]) => Ok(number.to_string()),
            Some([Value::Bool(flag)]) => Ok(flag.to_string()),
            _ => Err(Unfilled(name)),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
