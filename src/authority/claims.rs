//! Claims that a request names one by one (OpenID Connect Core §5.5), and which claims
//! the tokens of an application have.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::application::Application;
use super::error::OAuthError;
use super::id_token::{OURS, scope_of};
use super::scope;

/// The longest `claims`, in bytes, and the most names in it.
const MAX_LENGTH: usize = 2048;
const MOST: usize = 50;

/// The parameter `claims`.
#[derive(Debug, Default)]
pub(super) struct ClaimsRequest {
    /// As it was sent, less what only we can answer: for the provider.
    pub text: Option<String>,
    /// Whom the ID token has to be about.
    pub subject: Option<String>,
    /// Of which `acr` one has to be in the ID token.
    pub acr: Vec<String>,
    userinfo: BTreeSet<String>,
    id_token: BTreeSet<String>,
}

impl ClaimsRequest {
    /// Reads it.
    ///
    /// # Errors
    /// `invalid_request` if it is no object of objects.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let bad = || {
            OAuthError::request(
                "`claims` is a JSON object with `userinfo` and `id_token`, of at most 2048 bytes (OpenID Connect Core §5.5)",
            )
        };
        if text.len() > MAX_LENGTH {
            return Err(bad());
        }
        let mut all: Map<String, Value> = serde_json::from_str(text).map_err(|_| bad())?;
        let subject = match of_id_token(&all, "sub").and_then(|sub| sub.get("value")) {
            None => None,
            Some(Value::String(sub)) => Some(sub.clone()),
            Some(_) => return Err(bad()),
        };
        let acr = of_id_token(&all, "acr").map(essential).unwrap_or_default();
        let mut names = [BTreeSet::new(), BTreeSet::new()];
        let mut ours = false;
        for (place, names) in ["userinfo", "id_token"].into_iter().zip(&mut names) {
            match all.get_mut(place) {
                None | Some(Value::Null) => {}
                Some(Value::Object(members)) => {
                    names.extend(members.keys().cloned());
                    // A `sub` is ours, and the provider knows nobody by it.
                    ours |= members.remove("sub").is_some();
                }
                Some(_) => return Err(bad()),
            }
        }
        let [userinfo, id_token] = names;
        if userinfo.len() + id_token.len() > MOST {
            return Err(bad());
        }
        let text = if ours {
            Value::Object(all).to_string()
        } else {
            text.to_owned()
        };
        Ok(Self {
            text: Some(text),
            subject,
            acr,
            userinfo,
            id_token,
        })
    }

    /// The names for userinfo that the application may ask for.
    pub fn in_userinfo(&self, application: &Application) -> Vec<String> {
        allowed(&self.userinfo, application)
    }

    /// The names for the ID token that the application may ask for.
    pub fn in_id_token(&self, application: &Application) -> Vec<String> {
        allowed(&self.id_token, application)
    }
}

/// Those that a scope of the application's own gives.
fn allowed(names: &BTreeSet<String>, application: &Application) -> Vec<String> {
    let may = |name: &&String| {
        !OURS.contains(&name.as_str()) && application.scopes.has(giving(name.as_str()))
    };
    names.iter().filter(may).cloned().collect()
}

/// What is asked of a claim of the ID token.
fn of_id_token<'a>(all: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    all.get("id_token")?.get(claim)
}

/// The values of which an essential claim has to have one (OpenID Connect Core §5.5.1).
fn essential(asked: &Value) -> Vec<String> {
    if asked.get("essential") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let several = asked.get("values").and_then(Value::as_array);
    let one = asked.get("value");
    let all = several.into_iter().flatten().chain(one);
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The scope that gives a claim.
pub(super) fn giving(claim: &str) -> &'static str {
    match claim {
        "email" | "email_verified" => scope::EMAIL,
        claim => scope_of(claim).unwrap_or(scope::PROFILE),
    }
}
