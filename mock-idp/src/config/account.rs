//! Test accounts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Somebody who can log in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "AccountFile")]
pub struct Account {
    /// What is typed as the user name.
    pub username: String,
    /// What is typed as the password.
    pub password: String,
    /// The body of the profile endpoint: any JSON value.
    pub profile: Value,
    /// The `sub` of OpenID Connect; default: the profile's `sub`, `userId`, or the user name.
    pub sub: Option<String>,
    /// Static JSON answers by path for this account, before [`crate::Config::routes`].
    pub routes: BTreeMap<String, Value>,
}

/// An account as written: a profile may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountFile {
    username: String,
    password: String,
    profile: Option<Value>,
    sub: Option<String>,
    #[serde(default)]
    routes: BTreeMap<String, Value>,
}

impl From<AccountFile> for Account {
    fn from(file: AccountFile) -> Self {
        let mut account = Self::new(&file.username, &file.password);
        if let Some(profile) = file.profile {
            account.profile = profile;
        }
        account.sub = file.sub;
        account.routes = file.routes;
        account
    }
}

impl Account {
    /// An account whose profile is made from its user name.
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: password.to_owned(),
            profile: json!({
                "userId": format!("u-{username}"),
                "email": format!("{username}@example.test"),
                "name": username,
                "email_verified": true,
            }),
            sub: None,
            routes: BTreeMap::new(),
        }
    }

    /// The same account with another profile.
    #[must_use]
    pub fn with_profile(mut self, profile: Value) -> Self {
        self.profile = profile;
        self
    }

    /// The accounts everybody starts with.
    pub fn defaults() -> Vec<Self> {
        let person = |username: &str, password: &str, id: &str, name: &str| {
            Self::new(username, password).with_profile(json!({
                "userId": id,
                "email": format!("{username}@example.test"),
                "name": name,
                "email_verified": true,
            }))
        };
        vec![
            person("ada", "lovelace", "u-1001", "Ada Lovelace"),
            person("grace", "hopper", "u-1002", "Grace Hopper"),
            person("alan", "turing", "u-1003", "Alan Turing"),
            Self::new("noemail", "noemail")
                .with_profile(json!({ "userId": "u-1004", "name": "Nobody Mail" })),
        ]
    }

    /// The subject of ID tokens.
    pub(crate) fn subject(&self) -> String {
        let of_profile = |key| {
            self.profile
                .get(key)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        self.sub
            .clone()
            .or_else(|| of_profile("sub"))
            .or_else(|| of_profile("userId"))
            .unwrap_or_else(|| self.username.clone())
    }
}
