//! From a provider's document to the values a mapping names, exactly and explained.
//!
//! One match is meant; where there are several, that is an error which shows
//! them. Coercions: an id or a name may be a string or a number, which is kept
//! digit for digit; everything else must have its type. Optional values that
//! don't fit are left out with a note, and never end a login.

mod access;
mod hints;
mod single;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::access::{AccessDenied, access};
pub use self::hints::member_path;
use self::hints::{suggest_email, suggest_id};
use self::single::{address, is_web_address, number_id};
pub use self::single::{one_text, optional_text};
use super::decode::{readable, type_name, unreadable};
use super::email::{self, EmailForm};
pub use super::mapped::{Documents, ExtractError, Problem};
use super::mapped::{Mapped, is_blank, only};
use super::model::{ProfileMap, Verified};
use crate::base::digest::sha256;

/// The longest id of a user at a provider (OpenID Connect Core §2 for `sub`).
pub const MAX_USER_ID: usize = 255;
/// The longest text kept of an optional value, in characters.
const MAX_TEXT: usize = 2048;
/// Why a value with characters that could not be read is of no use.
const UNREADABLE: &str = "it holds bytes that are not text";
/// The most groups kept.
const MAX_GROUPS: usize = 200;

/// Who logged in, as the provider says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The user's id at the provider.
    pub user_id: String,
    /// The email, its domain in lower case.
    pub email: String,
    /// Whether the provider says it verified the email.
    pub email_verified: bool,
    /// The provider gave none, and the address is made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_made_up: bool,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What else is mapped: `given_name`, `family_name`, `picture`, `locale`, `groups`,
    /// attributes, and the other standard claims of an OpenID provider.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub more: Map<String, Value>,
}

/// How one mapped value was found, for a trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The key of the mapping: `userinfo.response.email`.
    pub field: String,
    /// The member or path it names.
    pub place: String,
    /// The types of what it matched.
    pub matched: Vec<String>,
    /// What became of it.
    pub outcome: String,
    /// Where else it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Finds everything the map names in a document.
///
/// # Errors
/// If the id or the email is not to be had. Notes are complete up to there.
pub fn profile<'v>(
    map: &ProfileMap,
    documents: impl Into<Documents<'v>>,
    notes: &mut Vec<Note>,
) -> Result<Profile, ExtractError> {
    let documents = documents.into();
    let mut at = Extraction { documents, notes };
    let user_id = at.user_id(&map.user_id);
    let mut email = at.email(&map.email, map.email_form);
    let mut email_made_up = false;
    if let (Some(domain), Ok(id), Err(error)) = (&map.email_placeholder, &user_id, &email)
        && error.problem.is_missing()
    {
        email = Ok(at.placeholder_email(&map.email, domain, id));
        email_made_up = true;
    }
    let name = at.optional_text("userinfo.response.name", map.name.as_ref());
    let email_verified = at.verified(map.email_verified.as_ref()) && !email_made_up;
    let mut more = Map::new();
    for (member, field, place) in [
        (
            "given_name",
            "userinfo.response.given_name",
            &map.given_name,
        ),
        (
            "family_name",
            "userinfo.response.family_name",
            &map.family_name,
        ),
        ("picture", "userinfo.response.picture", &map.picture),
        ("locale", "userinfo.response.locale", &map.locale),
    ] {
        if let Some(text) = at.optional_text(field, place.as_ref()) {
            more.insert(member.to_owned(), Value::String(text));
        }
    }
    if let Some(place) = &map.groups {
        more.insert("groups".to_owned(), Value::Array(at.groups(place)));
    }
    for (member, place) in &map.attributes {
        if let Some(value) = at.attribute(member, place) {
            more.insert(member.clone(), value);
        }
    }
    for (member, place) in &map.standard {
        // Most providers have few of them: what is not there is no news.
        if at.one(place).is_ok()
            && let Some(value) = at.attribute(member, place)
        {
            more.insert((*member).to_owned(), value);
        }
    }
    Ok(Profile {
        user_id: user_id?,
        email: email?,
        email_verified,
        email_made_up,
        name,
        more,
    })
}

/// Nothing is there.
fn missing(place: &Mapped) -> Problem {
    Problem::missing(place.to_string())
}

struct Extraction<'v, 'n> {
    documents: Documents<'v>,
    notes: &'n mut Vec<Note>,
}

impl<'v> Extraction<'v, '_> {
    fn one(&self, place: &Mapped) -> Result<Cow<'v, Value>, Problem> {
        place.one(&self.documents)
    }

    fn note(
        &mut self,
        field: &str,
        place: &Mapped,
        outcome: impl Into<String>,
        hint: Option<String>,
    ) {
        let matched = place
            .types(&self.documents)
            .into_iter()
            .map(str::to_owned)
            .collect();
        self.notes.push(Note {
            field: field.to_owned(),
            place: place.to_string(),
            matched,
            outcome: outcome.into(),
            hint,
        });
    }

    fn failed<T>(
        &mut self,
        field: &'static str,
        place: &Mapped,
        problem: Problem,
        hint: Option<String>,
    ) -> Result<T, ExtractError> {
        self.note(field, place, problem.to_string(), hint.clone());
        Err(ExtractError {
            field,
            problem,
            hint,
        })
    }

    fn user_id(&mut self, place: &Mapped) -> Result<String, ExtractError> {
        let field = "userinfo.response.user_id";
        let found = match self.one(place).as_deref().map(only) {
            Ok(Value::String(text)) => Ok(text.clone()),
            Ok(Value::Number(number)) => number_id(number, place),
            Ok(other) => Err(Problem::WrongType {
                place: place.to_string(),
                expected: "a string or a number",
                found: type_name(other),
            }),
            Err(problem) => Err(problem.clone()),
        };
        let invalid = |why: &str| Problem::Invalid {
            place: place.to_string(),
            why: why.to_owned(),
        };
        let judged = found.and_then(|id| {
            if id.is_empty() {
                Err(missing(place))
            } else if id.len() > MAX_USER_ID {
                Err(invalid("an id has at most 255 bytes"))
            } else if unreadable(&id) {
                Err(invalid(UNREADABLE))
            } else if id.chars().any(char::is_control) {
                Err(invalid("an id has no control characters"))
            } else {
                Ok(id)
            }
        });
        match judged {
            Ok(id) => {
                self.note(field, place, format!("id {}", shown(&id)), None);
                Ok(id)
            }
            Err(problem) => {
                let hint = suggest_id(&self.documents);
                self.failed(field, place, problem, hint)
            }
        }
    }

    fn email(&mut self, place: &Mapped, form: EmailForm) -> Result<String, ExtractError> {
        let field = "userinfo.response.email";
        let judged = match self.one(place).as_deref().map(only) {
            Ok(value) if is_blank(value) => Err(missing(place)),
            // White space around an address is never part of it.
            Ok(Value::String(text)) => {
                email::normalize_as(form, address(text)).map_err(|why| Problem::Invalid {
                    place: place.to_string(),
                    why: why.to_string(),
                })
            }
            Ok(other) => Err(Problem::WrongType {
                place: place.to_string(),
                expected: "a string",
                found: type_name(other),
            }),
            Err(Problem::Missing { .. }) => Err(missing(place)),
            Err(problem) => Err(problem.clone()),
        };
        match judged {
            Ok(email) => {
                self.note(field, place, format!("email {}", shown(&email)), None);
                Ok(email)
            }
            Err(problem) => {
                let hint = suggest_email(&self.documents);
                self.failed(field, place, problem, hint)
            }
        }
    }

    /// An address for someone whose email the provider doesn't give. The id is
    /// hashed: ids may differ only in case, addresses are compared without it.
    fn placeholder_email(&mut self, place: &Mapped, domain: &str, user_id: &str) -> String {
        let hash = sha256(user_id.as_bytes());
        let hex = hash[..16].iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let email = format!("u-{hex}@{domain}");
        let outcome = format!("none given; {email} is used instead");
        self.note("userinfo.response.email", place, outcome, None);
        email
    }

    fn optional_text(&mut self, field: &str, place: Option<&Mapped>) -> Option<String> {
        let place = place?;
        let text = match self.one(place).as_deref().map(only) {
            // Whoever shows it may put it into a page as it is (threat F20).
            Ok(Value::String(text)) if field.ends_with(".picture") && !is_web_address(text) => {
                let outcome = "left out: not an http or https URL";
                self.note(field, place, outcome, None);
                return None;
            }
            Ok(Value::String(text)) if !text.trim().is_empty() => Some(clean(text)),
            Ok(Value::Number(number)) => Some(number.to_string()),
            Ok(Value::String(_)) => None,
            Ok(other) => {
                let outcome = format!("left out: {} where a string is meant", type_name(other));
                self.note(field, place, outcome, None);
                return None;
            }
            Err(problem) => {
                self.note(field, place, format!("left out: {problem}"), None);
                return None;
            }
        };
        let outcome = text
            .as_deref()
            .map_or_else(|| "left out: empty".to_owned(), shown);
        self.note(field, place, outcome, None);
        text
    }

    /// Only a JSON `true` counts: `"true"` and `1` are not a statement the
    /// standard knows, so a mapping has to spell them out as a condition.
    fn verified(&mut self, claim: Option<&Verified>) -> bool {
        let field = "userinfo.response.email_verified";
        match claim {
            None => false,
            Some(Verified::Place(place)) => {
                let found = self.one(place);
                let verified = matches!(found.as_deref(), Ok(Value::Bool(true)));
                let outcome = if verified {
                    "verified"
                } else {
                    "not verified: only `true` counts"
                };
                self.note(field, place, outcome, None);
                verified
            }
            Some(Verified::Condition(condition)) => {
                let holds = condition.holds(self.documents.profile);
                self.notes.push(Note {
                    field: field.to_owned(),
                    place: condition.as_str().to_owned(),
                    matched: Vec::new(),
                    outcome: if holds {
                        "verified"
                    } else {
                        "not verified: the condition does not hold"
                    }
                    .to_owned(),
                    hint: None,
                });
                holds
            }
        }
    }

    fn groups(&mut self, place: &Mapped) -> Vec<Value> {
        let groups: Vec<Value> = place
            .list(&self.documents)
            .iter()
            .filter_map(|item| match item {
                // What is known by half is not somebody's group.
                Value::String(text) if unreadable(text) => None,
                Value::String(text) => Some(Value::String(clean(text))),
                Value::Number(number) => Some(Value::String(number.to_string())),
                _ => None,
            })
            .take(MAX_GROUPS)
            .collect();
        self.note(
            "userinfo.response.groups",
            place,
            format!("{} groups", groups.len()),
            None,
        );
        groups
    }

    fn attribute(&mut self, name: &str, place: &Mapped) -> Option<Value> {
        let field = format!("userinfo.response.attributes.{name}");
        let value = match self.one(place) {
            Ok(value) => place.apart(value.into_owned()),
            Err(problem) => {
                self.note(&field, place, format!("left out: {problem}"), None);
                return None;
            }
        };
        if unreadable(&value.to_string()) {
            self.note(&field, place, format!("left out: {UNREADABLE}"), None);
            return None;
        }
        if value.to_string().len() > MAX_TEXT {
            self.note(&field, place, "left out: longer than 2048 characters", None);
            return None;
        }
        self.note(&field, place, "kept as it is", None);
        Some(value)
    }
}

/// A value as a trace shows it.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    format!("{short:?}")
}

/// Text for display: no control characters, not endless.
fn clean(text: &str) -> String {
    readable(text)
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT)
        .collect()
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} -> {}", self.field, self.place, self.outcome)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}
