//! What an operator may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator may do; each may do what those below may.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Auditor,
    /// Looks, and ends sessions and grants of people.
    Support,
    /// Also sets up the providers of the accounts it is limited to, and manages their
    /// users and how their pages look. Always limited to accounts.
    AccountAdministrator,
    /// Changes accounts, with their providers and users.
    Administrator,
    /// Also operators, applications, signing keys, and the account through whose
    /// providers operators log in.
    #[default]
    Owner,
}

impl Role {
    /// All, the one that may most first.
    pub const ALL: [Self; 5] = [
        Self::Owner,
        Self::Administrator,
        Self::AccountAdministrator,
        Self::Support,
        Self::Auditor,
    ];

    /// Its name: `administrator`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Support => "support",
            Self::AccountAdministrator => "account_administrator",
            Self::Administrator => "administrator",
            Self::Owner => "owner",
        }
    }
}
