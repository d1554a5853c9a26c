//! What an account demands of every application that its people log in to. An
//! application has settings of its own; of the two, the stricter counts.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::units;

/// The longest life of access tokens. What is revoked is remembered for so long.
pub const MAX_ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest life of a grant.
pub const MAX_GRANT_LIFETIME: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
/// The shortest life of any token.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// The most names in a list, and the longest of them.
const MAX_NAMES: usize = 50;
const MAX_NAME: usize = 100;

/// What an account demands of every application that its people log in to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ApplicationPolicy {
    /// The longest life of access tokens and ID tokens, as in `15m`, from `1m` to `24h`.
    pub access_token_lifetime: Option<String>,
    /// The longest life of refresh tokens from their last use, as in `7d`.
    pub refresh_token_lifetime: Option<String>,
    /// For how long at most what a user granted can be refreshed at all, from the login
    /// on, as in `90d`.
    pub refresh_token_absolute_lifetime: Option<String>,
    /// Whether authorization requests have to have a `code_challenge` (RFC 7636), those
    /// of confidential applications too.
    pub require_pkce: bool,
    /// Whether people are asked before their first login to any application.
    pub consent: bool,
    /// Whether each use of a refresh token gives another one (RFC 9700 §4.14), whatever
    /// an application says.
    pub rotate_refresh_tokens: bool,
    /// The scopes that applications may have of its people; `null`: each its own.
    pub scopes: Option<Vec<String>>,
    /// The claims about its people that applications may get, in tokens or userinfo;
    /// `null`: those that their scopes give.
    pub claims: Option<Vec<String>>,
}

/// What is wrong with a policy: the member, and why.
pub type BadPolicy = (&'static str, String);

impl ApplicationPolicy {
    /// The policy after a change (RFC 7396): a member that is absent stays, `null` is as
    /// if it were left out.
    ///
    /// # Errors
    /// The member that cannot be used, and why.
    pub fn merged(&self, change: &Value) -> Result<Self, BadPolicy> {
        const WHOLE: &str = "application_policy";
        let bad = |why: String| (WHOLE, why);
        let Value::Object(change) = change else {
            return Err(bad("a policy is an object".to_owned()));
        };
        let mut all = serde_json::to_value(self).map_err(|error| bad(error.to_string()))?;
        for (name, value) in change {
            let Some(member) = all.get_mut(name) else {
                return Err(bad(format!(
                    "a policy has no member `{}`",
                    name.escape_debug()
                )));
            };
            *member = match (member.is_boolean(), value) {
                (true, Value::Null) => false.into(),
                _ => value.clone(),
            };
        }
        let merged: Self = serde_json::from_value(all).map_err(|_| {
            bad(
                "lifetimes are texts, `scopes` and `claims` are lists of texts, the rest is true or false"
                    .to_owned(),
            )
        })?;
        merged.check()?;
        Ok(merged)
    }

    fn check(&self) -> Result<(), BadPolicy> {
        for (member, text, longest) in [
            (
                "access_token_lifetime",
                &self.access_token_lifetime,
                MAX_ACCESS_TOKEN_LIFETIME,
            ),
            (
                "refresh_token_lifetime",
                &self.refresh_token_lifetime,
                MAX_GRANT_LIFETIME,
            ),
            (
                "refresh_token_absolute_lifetime",
                &self.refresh_token_absolute_lifetime,
                MAX_GRANT_LIFETIME,
            ),
        ] {
            check_lifetime(member, text.as_deref(), longest).map_err(|why| (member, why))?;
        }
        for (member, names) in [("scopes", &self.scopes), ("claims", &self.claims)] {
            if !are_names(names.as_deref().unwrap_or_default()) {
                let why = format!("`{member}` has at most 50 names, as in `email`");
                return Err((member, why));
            }
        }
        Ok(())
    }

    /// Whether nothing is demanded.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether these can be names of scopes or claims (RFC 6749 §3.3), and not too many.
pub fn are_names(names: &[String]) -> bool {
    let good = |name: &String| {
        (1..=MAX_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
    };
    names.len() <= MAX_NAMES && names.iter().all(good)
}

/// Checks a lifetime that somebody wrote.
///
/// # Errors
/// A sentence that says how to write one, or its bounds.
pub fn check_lifetime(member: &str, text: Option<&str>, longest: Duration) -> Result<(), String> {
    let Some(text) = text else { return Ok(()) };
    if (MIN_LIFETIME..=longest).contains(&units::duration(text)?) {
        return Ok(());
    }
    let hours = longest.as_secs() / 3600;
    Err(format!("`{member}` is from one minute to {hours} hours"))
}
