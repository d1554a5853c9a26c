//! What tokens that tell an application about a login are signed with.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key::Algorithm;

/// The algorithm of ID tokens and logout tokens (OpenID Connect Dynamic Client
/// Registration §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ResponseAlgorithm")]
pub enum ResponseAlg {
    /// The broker's RSA key.
    #[serde(rename = "RS256")]
    Rs256,
    /// The broker's key on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// The application's secret (OpenID Connect Core §10.1).
    #[serde(rename = "HS256")]
    Hs256,
}

impl ResponseAlg {
    /// What a new application has (OpenID Connect Dynamic Client Registration §2).
    pub const USUAL: Self = Self::Rs256;

    /// Its name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Hs256 => "HS256",
        }
    }

    /// The algorithm of the broker's key that makes it; `None`: it takes the
    /// application's secret.
    pub const fn of_key(self) -> Option<Algorithm> {
        match self {
            Self::Rs256 => Some(Algorithm::Rs256),
            Self::Es256 => Some(Algorithm::Es256),
            Self::Hs256 => None,
        }
    }
}

/// The wanted algorithm is not one that ID tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ID tokens are not signed with `{0}`; use `RS256`, `ES256` or `HS256`")]
pub struct BadResponseAlg(String);

impl FromStr for ResponseAlg {
    type Err = BadResponseAlg;

    fn from_str(text: &str) -> Result<Self, BadResponseAlg> {
        [Self::Rs256, Self::Es256, Self::Hs256]
            .into_iter()
            .find(|alg| alg.as_str() == text)
            .ok_or_else(|| BadResponseAlg(text.chars().take(60).collect()))
    }
}

impl fmt::Display for ResponseAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
