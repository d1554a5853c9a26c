//! How somebody logged in.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::id::{BadId, PASSWORD, ProviderId};

/// A code that came by mail. No provider's id has a `_`, so no provider is
/// ever mistaken for it.
const ACCESS_KEY: &str = "access_key";

/// How somebody logged in: through a provider, or by a method of our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LoginMethod {
    /// Through a provider of the account.
    Provider(ProviderId),
    /// By a code that was sent to their email.
    AccessKey,
    /// With a password of this account.
    Password,
}

impl LoginMethod {
    /// Its name: the provider's id, `access_key` or `password`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Provider(id) => id.as_str(),
            Self::AccessKey => ACCESS_KEY,
            Self::Password => PASSWORD,
        }
    }

    /// The provider, where it was one.
    pub fn provider(&self) -> Option<&ProviderId> {
        match self {
            Self::Provider(id) => Some(id),
            Self::AccessKey | Self::Password => None,
        }
    }
}

impl FromStr for LoginMethod {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text {
            ACCESS_KEY => Ok(Self::AccessKey),
            PASSWORD => Ok(Self::Password),
            _ => text.parse().map(Self::Provider),
        }
    }
}

impl TryFrom<String> for LoginMethod {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<LoginMethod> for String {
    fn from(method: LoginMethod) -> Self {
        method.as_str().to_owned()
    }
}

impl fmt::Display for LoginMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl JsonSchema for LoginMethod {
    fn schema_name() -> Cow<'static, str> {
        "LoginMethod".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A provider's id, `access_key` or `password`.",
            "pattern": "^([a-z0-9][a-z0-9-]{0,39}|access_key)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_our_own_is_no_provider() {
        let own: LoginMethod = "access_key".parse().unwrap();
        assert_eq!(own, LoginMethod::AccessKey);
        assert_eq!(own.provider(), None);
        for own in ["access_key", "password"] {
            assert!(own.parse::<ProviderId>().is_err());
            assert_eq!(own.parse::<LoginMethod>().unwrap().as_str(), own);
        }
        let acme: LoginMethod = serde_json::from_str("\"acme\"").unwrap();
        assert_eq!(acme.provider().unwrap().as_str(), "acme");
        assert_eq!(serde_json::to_string(&acme).unwrap(), "\"acme\"");
        assert!(serde_json::from_str::<LoginMethod>("\"Acme\"").is_err());
    }
}
