//! From a sample profile to the section that maps it.
//!
//! Every scalar of the sample is a candidate for the user's id, email and name,
//! ranked by its member's name, its value and its depth. What makes a bad key
//! for a user is said, not silently avoided.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::decode::{Format, decode};
use super::email;
use super::extract::member_path;

/// The most values of a sample that are looked at.
const MAX_VALUES: usize = 5_000;
/// How many candidates of a field are given.
const MAX_CANDIDATES: usize = 5;

/// What a sample tells.
#[derive(Debug, Clone, Serialize)]
pub struct Inferred {
    /// For `user_id`, best first.
    pub user_id: Vec<Candidate>,
    /// For `email`.
    pub email: Vec<Candidate>,
    /// For `name`.
    pub name: Vec<Candidate>,
    /// For `email_verified`.
    pub email_verified: Vec<Candidate>,
    /// What should be looked at.
    pub warnings: Vec<String>,
    /// A ready `[userinfo.response]` section.
    pub toml: String,
}

/// A place that may be meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The member's name or JSONPath.
    pub place: String,
    /// How good it is; only the order means something.
    pub score: i32,
    /// Why it is a candidate, or why not a better one.
    pub reason: String,
}

/// Why a sample tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sample holds no profile: {0}")]
pub struct NoProfile(String);

/// Reads a sample: a profile as JSON, an answer as `curl -i` prints it, or a
/// HAR file, whose best profile is taken.
pub fn read(text: &str) -> Result<Value, NoProfile> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let value = match body_of(text) {
        Some(body) => parse(body)?,
        None => parse(text)?,
    };
    match value.pointer("/log/entries").and_then(Value::as_array) {
        Some(entries) => from_har(entries),
        None => Ok(value),
    }
}

fn parse(text: &str) -> Result<Value, NoProfile> {
    decode(Format::Auto, None, text.as_bytes())
        .map(|decoded| decoded.value)
        .map_err(|error| NoProfile(error.to_string()))
}

/// The body of a pasted answer that begins with its status line.
fn body_of(text: &str) -> Option<&str> {
    if !text.starts_with("HTTP/") {
        return None;
    }
    // With `curl -i -L` or a 100 Continue there are several heads.
    let mut rest = text;
    while rest.starts_with("HTTP/") {
        let blank = rest
            .find("\r\n\r\n")
            .map(|i| i + 4)
            .or_else(|| rest.find("\n\n").map(|i| i + 2))?;
        rest = rest[blank..].trim_start();
    }
    Some(rest)
}

/// The answer in a recording that looks most like a profile.
fn from_har(entries: &[Value]) -> Result<Value, NoProfile> {
    entries
        .iter()
        .filter_map(|entry| entry.pointer("/response/content/text")?.as_str())
        .filter_map(|text| parse(text).ok())
        .filter(|value| value.is_object() || value.is_array())
        .map(|value| {
            let found = infer(&value);
            let best = |list: &[Candidate]| list.first().map_or(0, |c| c.score);
            (
                best(&found.email) + best(&found.user_id) + best(&found.name),
                value,
            )
        })
        .max_by_key(|(score, _)| *score)
        .map(|(_, value)| value)
        .ok_or_else(|| NoProfile("the recording has no JSON answer".to_owned()))
}

/// Ranks what a sample holds.
pub fn infer(sample: &Value) -> Inferred {
    let mut leaves = Vec::new();
    collect(sample, "$", "", 0, &mut leaves);
    let ranked = |score: &dyn Fn(&Leaf<'_>) -> Option<(i32, String)>| {
        let mut found: Vec<Candidate> = leaves
            .iter()
            .filter_map(|leaf| {
                let (score, reason) = score(leaf)?;
                Some(Candidate {
                    place: leaf.place(),
                    score: score - 4 * leaf.depth,
                    reason,
                })
            })
            .collect();
        found.sort_by(|a, b| {
            b.score
                .cmp(&a.score)
                .then_with(|| a.place.len().cmp(&b.place.len()))
        });
        found.truncate(MAX_CANDIDATES);
        found
    };
    let user_id = ranked(&id_score);
    let email = ranked(&email_score);
    let name = ranked(&name_score);
    let email_verified = ranked(&verified_score);
    let warnings = warnings(&user_id, &email, &email_verified);
    let toml = section(&user_id, &email, &name, &email_verified);
    Inferred {
        user_id,
        email,
        name,
        email_verified,
        warnings,
        toml,
    }
}

struct Leaf<'v> {
    path: String,
    name: String,
    value: &'v Value,
    depth: i32,
}

impl Leaf<'_> {
    /// A plain member's name where it is one, else the path.
    fn place(&self) -> String {
        match self.path.strip_prefix("$.") {
            Some(name) if !name.contains(['.', '[']) => name.to_owned(),
            _ => self.path.clone(),
        }
    }
}

fn collect<'v>(value: &'v Value, path: &str, name: &str, depth: i32, out: &mut Vec<Leaf<'v>>) {
    if out.len() >= MAX_VALUES || depth > 12 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (member, below) in members {
                collect(below, &member_path(path, member), member, depth + 1, out);
            }
        }
        Value::Array(items) => {
            // The first tells the shape of the rest.
            if let Some(first) = items.first() {
                collect(first, &format!("{path}[0]"), name, depth + 1, out);
            }
        }
        Value::Null => {}
        _ => out.push(Leaf {
            path: path.to_owned(),
            name: name.to_lowercase().replace(['-', '_'], ""),
            value,
            depth,
        }),
    }
}

fn id_score(leaf: &Leaf<'_>) -> Option<(i32, String)> {
    let text = match leaf.value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if text.is_empty() || text.len() > 255 {
        return None;
    }
    let (score, reason) = match leaf.name.as_str() {
        "sub" => (
            100,
            "the subject of OpenID Connect: stable and never reused",
        ),
        "userid" | "uid" | "accountid" | "memberid" | "customerid" => (90, "named as a user's id"),
        "id" => (85, "an id"),
        "openid" | "unionid" | "objectid" | "oid" | "guid" | "uuid" => (80, "an id"),
        "username" | "login" | "preferredusername" | "nickname" | "handle" | "screenname" => (
            20,
            "a name people can change, and others can take after them",
        ),
        "email" | "mail" | "emailaddress" => {
            (10, "an email: it can change, and be given to someone else")
        }
        "phone" | "phonenumber" | "mobile" => {
            (8, "a phone number: it is given to someone else in time")
        }
        other if other.ends_with("id") => (40, "its name ends in `id`"),
        _ => return None,
    };
    Some((score, reason.to_owned()))
}

fn email_score(leaf: &Leaf<'_>) -> Option<(i32, String)> {
    let looks = leaf
        .value
        .as_str()
        .is_some_and(|text| email::normalize(text).is_ok());
    let named = leaf.name.contains("email") || leaf.name.contains("mail");
    match (looks, named) {
        (true, true) => Some((100, "an email, and named so".to_owned())),
        (true, false) => Some((50, "looks like an email".to_owned())),
        (false, true) if leaf.value.is_string() => Some((
            10,
            "named so, but the sample's value is not an email address".to_owned(),
        )),
        _ => None,
    }
}

fn name_score(leaf: &Leaf<'_>) -> Option<(i32, String)> {
    leaf.value.as_str().filter(|text| !text.is_empty())?;
    let (score, reason) = match leaf.name.as_str() {
        "name" | "displayname" | "fullname" | "realname" | "completename" => {
            (100, "a name for display")
        }
        "formattedname" | "cn" | "nombre" | "nome" => (80, "a name"),
        "nickname" | "nick" => (50, "a nickname"),
        "givenname" | "firstname" => (30, "only the given name"),
        "preferredusername" | "username" | "login" => (20, "a user name"),
        _ => return None,
    };
    Some((score, reason.to_owned()))
}

fn verified_score(leaf: &Leaf<'_>) -> Option<(i32, String)> {
    let named = leaf.name.contains("verified") || leaf.name.contains("confirmed");
    if !named {
        return None;
    }
    match leaf.value {
        Value::Bool(_) => Some((
            if leaf.name.contains("mail") { 100 } else { 60 },
            "says whether it was verified".to_owned(),
        )),
        _ => Some((10, "named so, but is not true or false".to_owned())),
    }
}

fn warnings(user_id: &[Candidate], email: &[Candidate], verified: &[Candidate]) -> Vec<String> {
    let mut out = Vec::new();
    match user_id.first() {
        None => out.push("no id was found: ask the provider for a stable one".to_owned()),
        Some(best) if best.score < 30 => out.push(format!(
            "`{}` is the best id found, and a bad one: {}",
            best.place, best.reason
        )),
        Some(_) => {}
    }
    match email.first() {
        None => {
            out.push("no email was found: perhaps a scope or a parameter asks for it".to_owned());
        }
        Some(best) if best.score < 30 => out.push(format!("`{}`: {}", best.place, best.reason)),
        Some(_) => {}
    }
    if verified.is_empty() {
        out.push(
            "nothing says whether the email was verified: with `email_trust = \"claim\"` it never links to a user that exists"
                .to_owned(),
        );
    }
    out
}

fn section(
    user_id: &[Candidate],
    email: &[Candidate],
    name: &[Candidate],
    verified: &[Candidate],
) -> String {
    let mut out = String::from("[userinfo.response]\n");
    let mut line = |key: &str, found: &[Candidate], required: bool| match found.first() {
        Some(best) => {
            let place = Value::from(best.place.as_str());
            let _ = writeln!(out, "{key:14} = {place}  # {}", best.reason);
            for other in &found[1..] {
                let _ = writeln!(
                    out,
                    "# or {}: {}",
                    Value::from(other.place.as_str()),
                    other.reason
                );
            }
        }
        None if required => {
            let _ = writeln!(
                out,
                "# {key} = \"\"  # not found in the sample, and required"
            );
        }
        None => {}
    };
    line("user_id", user_id, true);
    line("email", email, true);
    line("name", name, false);
    line("email_verified", verified, false);
    out
}
