//! A mapping applied to a saved trace: the contract test of a mapping.

use http::{HeaderMap, HeaderName};
use serde::Serialize;
use serde_json::{Map, Value};

use super::decode::{DecodeError, decode_text};
use super::extract::{self, Documents, Note, Profile};
use super::inner::{self, Inner, Unfound};
use super::lifted;
use super::model::{Answer, ProfileSource, Provider};
use super::path::Place;
use super::trace::{Exchange, SavedTrace};

/// What a replay says.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// Who the mapping says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Profile>,
    /// Why it can't say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Where it differs from the trace's own identity: field, then, now.
    pub differences: Vec<Difference>,
    /// How each mapped value was found.
    pub notes: Vec<Note>,
}

/// A value that came out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Which.
    pub field: String,
    /// In the trace.
    pub recorded: Value,
    /// By this mapping.
    pub replayed: Value,
}

impl Replay {
    /// True if the mapping yields the same identity as when the trace was taken.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Applies a mapping to the answers in a trace.
pub fn replay(provider: &Provider, trace: &SavedTrace) -> Replay {
    let mut notes = Vec::new();
    let outcome = identity(provider, trace, &mut notes);
    let (identity, failure) = match outcome {
        Ok(profile) => (Some(profile), None),
        Err(why) => (None, Some(why)),
    };
    Replay {
        differences: differences(trace.identity.as_ref(), identity.as_ref()),
        identity,
        failure,
        notes,
    }
}

fn identity(
    provider: &Provider,
    trace: &SavedTrace,
    notes: &mut Vec<Note>,
) -> Result<Profile, String> {
    let token = answer(trace, "token", &provider.token.answer)?;
    extract::one_text(
        "token.response.access_token",
        &provider.token.access_token,
        &token,
    )
    .map_err(|error| error.to_string())?;
    let kept = |wanted: &str| {
        let found = trace.documents.iter().find(|(name, _)| name == wanted);
        found.map(|(_, document)| document.clone())
    };
    let claims = kept("id_token");
    let asked = |must: bool| match answer(trace, "userinfo", &provider.userinfo.answer) {
        Err(_) if !must && !trace.exchanges.iter().any(|e| e.step == "userinfo") => Ok(None),
        other => other.map(Some),
    };
    let no_claims = || "the trace has no ID token claims".to_owned();
    let mut document = match provider.userinfo.source {
        ProfileSource::TokenResponse => {
            inner_of("token", &provider.userinfo.answer.inner, token.clone())?
        }
        ProfileSource::IdToken => claims.clone().ok_or_else(no_claims)?,
        ProfileSource::AccessToken => {
            kept("access_token").ok_or_else(|| "the trace has no access token claims".to_owned())?
        }
        ProfileSource::Request => asked(true)?.unwrap_or_default(),
        ProfileSource::IdTokenAndRequest => {
            let claims = claims.clone().ok_or_else(no_claims)?;
            match (asked(false)?, claims) {
                (Some(Value::Object(answer)), Value::Object(mut claims)) => {
                    claims.extend(answer);
                    Value::Object(claims)
                }
                (Some(answer), _) => answer,
                (None, claims) => claims,
            }
        }
    };
    let followed: Vec<&Exchange> = trace
        .exchanges
        .iter()
        .filter(|e| e.step == "then")
        .collect();
    for (i, then) in provider.userinfo.then.iter().enumerate() {
        let exchange = followed.get(i).ok_or_else(|| {
            format!(
                "the trace has no answer for the follow-up request `{}`",
                then.name
            )
        })?;
        let result = match read(exchange, &then.answer) {
            Err(_) if then.optional => Value::Null,
            result => result?,
        };
        if !document.is_object() {
            document = Value::Object(Map::from_iter([("profile".to_owned(), document)]));
        }
        if let Value::Object(members) = &mut document {
            members.insert(then.name.clone(), result);
        }
    }
    let (callback, began) = (kept("callback"), kept("login"));
    let documents = Documents {
        profile: &document,
        token: Some(&token),
        id_token: claims.as_ref(),
        callback: callback.as_ref(),
        login: began.as_ref(),
    };
    let profile = extract::profile(&provider.userinfo.profile, documents, notes)
        .map_err(|error| error.to_string())?;
    extract::access(&provider.access, &profile, &document).map_err(|error| error.to_string())?;
    Ok(profile)
}

/// The last answer of a step: an earlier one may have been refused.
fn answer(trace: &SavedTrace, step: &str, wanted: &Answer) -> Result<Value, String> {
    let exchange = trace
        .exchanges
        .iter()
        .rfind(|exchange| exchange.step == step)
        .ok_or_else(|| format!("the trace has no `{step}` exchange"))?;
    read(exchange, wanted)
}

fn read(exchange: &Exchange, wanted: &Answer) -> Result<Value, String> {
    let step = &exchange.step;
    let response = exchange
        .response
        .as_ref()
        .ok_or_else(|| format!("the `{step}` exchange has no answer"))?;
    if exchange
        .status
        .is_some_and(|status| wanted.nothing.contains(&status))
    {
        return Ok(Value::Null);
    }
    if let Some(status) = exchange.status.filter(|status| !wanted.is_good(*status)) {
        return Err(format!("the `{step}` answer is HTTP {status}"));
    }
    let content_type = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.as_str());
    let document = match decode_text(wanted.format, content_type, &response.body) {
        Ok(decoded) => decoded.value,
        Err(DecodeError::Empty { .. }) if !wanted.lifted.is_empty() => Value::Null,
        Err(_)
            if exchange
                .status
                .is_some_and(|status| wanted.is_redirect(status)) =>
        {
            Value::Null
        }
        Err(error) => return Err(format!("the `{step}` answer cannot be read: {error}")),
    };
    if let Some(condition) = &wanted.success
        && !condition.holds(&document)
    {
        return Err(format!(
            "the `{step}` answer does not meet `{}`",
            condition.as_str()
        ));
    }
    let document = inner_of(step, &wanted.inner, document)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            headers.append(name, value);
        }
    }
    Ok(lifted::lift(document, &wanted.lifted, &headers))
}

fn inner_of(step: &str, places: &[Place], document: Value) -> Result<Value, String> {
    if places.is_empty() {
        return Ok(document);
    }
    match inner::find(places, &document) {
        Ok(Inner::Value(value)) => Ok(value),
        Ok(Inner::Token(_)) => Err(format!(
            "the `{step}` answer holds a signed token, which a trace can't check"
        )),
        Err(Unfound::Nowhere(problem)) => Err(format!("the `{step}` answer: {problem}")),
        Err(Unfound::Unreadable(error)) => {
            Err(format!("the `{step}` answer cannot be read: {error}"))
        }
    }
}

fn differences(recorded: Option<&Profile>, replayed: Option<&Profile>) -> Vec<Difference> {
    let members = |profile: Option<&Profile>| match profile.map(serde_json::to_value) {
        Some(Ok(Value::Object(members))) => members,
        _ => Map::new(),
    };
    let (old, new) = (members(recorded), members(replayed));
    let mut fields: Vec<&String> = old.keys().chain(new.keys()).collect();
    fields.sort();
    fields.dedup();
    fields
        .into_iter()
        .filter(|field| old.get(*field) != new.get(*field))
        .map(|field| Difference {
            field: field.clone(),
            recorded: old.get(field).cloned().unwrap_or_default(),
            replayed: new.get(field).cloned().unwrap_or_default(),
        })
        .collect()
}
