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
    /// As it was sent.
    pub text: Option<String>,
    names: BTreeSet<String>,
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
        let all: Map<String, Value> = serde_json::from_str(text).map_err(|_| bad())?;
        let mut names = BTreeSet::new();
        for place in ["userinfo", "id_token"] {
            match all.get(place) {
                None | Some(Value::Null) => {}
                Some(Value::Object(members)) => names.extend(members.keys().cloned()),
                Some(_) => return Err(bad()),
            }
        }
        if names.len() > MOST {
            return Err(bad());
        }
        Ok(Self {
            text: Some(text.to_owned()),
            names,
        })
    }

    /// The names that the application may ask for: those that a scope of its own gives.
    pub fn allowed(&self, application: &Application) -> Vec<String> {
        let may = |name: &&String| {
            !OURS.contains(&name.as_str()) && application.scopes.has(giving(name.as_str()))
        };
        self.names.iter().filter(may).cloned().collect()
    }
}

/// The scope that gives a claim.
pub(super) fn giving(claim: &str) -> &'static str {
    match claim {
        "email" | "email_verified" => scope::EMAIL,
        claim => scope_of(claim).unwrap_or(scope::PROFILE),
    }
}
