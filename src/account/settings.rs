//! How the people of an account log in, what messages say to them, and what
//! applications keep to: what the account chose beyond its look.

use serde::{Deserialize, Serialize};

use super::application_policy::ApplicationPolicy;
use super::ways::Ways;
use crate::mail::template::Own;
use crate::password::PasswordRule;

/// What an account chose for its logins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginSettings {
    /// Whether people may log in with a password.
    pub password: bool,
    /// What it must be like; kept where they may not.
    pub rules: PasswordRules,
    /// Whether its stores' front ends may speak VTEX ID.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vtex_compatible: bool,
    /// The ways to log in, on the page for it.
    #[serde(skip_serializing_if = "Ways::is_default")]
    pub ways: Ways,
    /// Messages to its people.
    #[serde(skip_serializing_if = "Messages::is_default")]
    pub messages: Messages,
    /// What applications keep to.
    #[serde(skip_serializing_if = "ApplicationPolicy::is_default")]
    pub applications: ApplicationPolicy,
}

/// What the passwords of an account's people must be like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordRules {
    /// The rule.
    pub rule: PasswordRule,
    /// After so many days another has to be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_after_days: Option<u32>,
    /// How many of the last ones, the present one included, may not be chosen again.
    pub former: u8,
}

/// Who messages of an account are from, and what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// The sender; `None`: the broker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its own texts.
    #[serde(skip_serializing_if = "Own::is_empty")]
    pub texts: Own,
}

impl Messages {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl LoginSettings {
    /// What passwords must be like, where people may have one.
    pub fn password_rules(&self) -> Option<PasswordRules> {
        self.password.then_some(self.rules)
    }

    /// Whether nothing was chosen.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
