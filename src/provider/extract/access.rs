//! Who may log in.

use serde_json::Value;

use super::Profile;
use crate::provider::model::Access;

/// Why someone may not log in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessDenied {
    /// The email's domain is not on the list.
    #[error("the email's domain is not one of `access.email_domains`")]
    EmailDomain,
    /// None of the groups is on the list.
    #[error("none of the user's groups is one of `access.groups`")]
    Groups,
    /// A condition does not hold.
    #[error("`access.require` does not hold: {0}")]
    Require(String),
}

/// Whether this profile may log in.
///
/// # Errors
/// The first rule that does not hold.
pub fn access(rules: &Access, profile: &Profile, document: &Value) -> Result<(), AccessDenied> {
    if !rules.email_domains.is_empty() {
        let domain = profile.email.rsplit('@').next().unwrap_or_default();
        if !rules.email_domains.iter().any(|allowed| allowed == domain) {
            return Err(AccessDenied::EmailDomain);
        }
    }
    if !rules.groups.is_empty() {
        let groups = profile.more.get("groups").and_then(Value::as_array);
        let within = |group: &Value| rules.groups.iter().any(|allowed| group == allowed.as_str());
        if !groups.is_some_and(|groups| groups.iter().any(within)) {
            return Err(AccessDenied::Groups);
        }
    }
    match rules
        .require
        .iter()
        .find(|condition| !condition.holds(document))
    {
        Some(condition) => Err(AccessDenied::Require(condition.as_str().to_owned())),
        None => Ok(()),
    }
}
