//! What is checked in a token, whoever's key it is.

mod parsed;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(super) use self::parsed::Parsed;
use super::error::FileProblem;
use crate::base::{ErrorCode, Timestamp};
use crate::protocol::jws::MAX_TOKEN;

/// What a token of ours must be. Nothing of it can be left out but the type.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// Its `iss`.
    pub issuer: &'a str,
    /// One of its `aud`.
    pub audience: &'a str,
    /// Its `typ`, so that one kind of token is not taken for another (RFC 8725 §3.11).
    pub typ: Option<&'a str>,
    /// The present moment.
    pub now: Timestamp,
}

/// What a resource server checks; it may know less than we do.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// Its `iss`, if that is to be checked.
    pub issuer: Option<&'a str>,
    /// One of its `aud`, if that is to be checked.
    pub audience: Option<&'a str>,
    /// Its `typ`, if that is to be checked.
    pub typ: Option<&'a str>,
    /// The present moment.
    pub now: Timestamp,
    /// How far clocks may differ.
    pub leeway: Duration,
}

impl<'a> From<Expect<'a>> for Checks<'a> {
    fn from(expect: Expect<'a>) -> Self {
        Self {
            issuer: Some(expect.issuer),
            audience: Some(expect.audience),
            typ: expect.typ,
            now: expect.now,
            leeway: Duration::ZERO,
        }
    }
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Too long to be looked at.
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not a compact JWS, or not the JSON it should be.
    #[error("the token is not a JWT: {0}")]
    Malformed(&'static str),
    /// It demands extensions that we do not know (RFC 7515 §4.1.11).
    #[error("the token demands extensions by `crit`, which are not supported")]
    Critical,
    /// It brings its own key.
    #[error("the token's header brings a key by `{0}`, which is never used")]
    ForeignKey(&'static str),
    /// Its algorithm is not its key's.
    #[error("the token says it is signed with `{token}`, and its key is for {key}")]
    Algorithm {
        /// What the token says, shortened.
        token: String,
        /// What the key is for.
        key: &'static str,
    },
    /// It does not say which key signed it.
    #[error("the token does not say which key signed it (`kid`)")]
    NoKeyId,
    /// Its key is not among those that are known.
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that must be there is not.
    #[error("the token has no `{0}`")]
    MissingClaim(&'static str),
    /// A claim is not of its type.
    #[error("the token's `{0}` is not what it should be")]
    BadClaim(&'static str),
    /// Its time is over.
    #[error("the token expired at {0}")]
    Expired(Timestamp),
    /// Its time has not come.
    #[error("the token is valid only from {0} on")]
    NotYetValid(Timestamp),
    /// Someone else issued it.
    #[error("the token is from another issuer")]
    Issuer,
    /// It is meant for someone else.
    #[error("the token is for another audience")]
    Audience,
    /// It is a token of another kind.
    #[error("the token is of another type")]
    Type,
    /// The certificate to check it with is not usable.
    #[error("the certificate {0}")]
    Certificate(FileProblem),
    /// There is no usable key to check it with.
    #[error("the key set has no key that could verify a token of ours")]
    NoUsableKey,
}

impl VerifyError {
    /// The stable code of the failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::TooLong => ErrorCode::TokenTooLong,
            Self::Malformed(_) => ErrorCode::TokenMalformed,
            Self::Critical => ErrorCode::TokenCritical,
            Self::ForeignKey(_) => ErrorCode::TokenForeignKey,
            Self::Algorithm { .. } => ErrorCode::TokenAlgorithm,
            Self::NoKeyId => ErrorCode::TokenNoKeyId,
            Self::UnknownKey => ErrorCode::TokenUnknownKey,
            Self::Signature => ErrorCode::TokenSignature,
            Self::MissingClaim(_) => ErrorCode::TokenMissingClaim,
            Self::BadClaim(_) => ErrorCode::TokenBadClaim,
            Self::Expired(_) => ErrorCode::TokenExpired,
            Self::NotYetValid(_) => ErrorCode::TokenNotYetValid,
            Self::Issuer => ErrorCode::TokenIssuer,
            Self::Audience => ErrorCode::TokenAudience,
            Self::Type => ErrorCode::TokenType,
            Self::Certificate(_) => ErrorCode::TokenCertificate,
            Self::NoUsableKey => ErrorCode::TokenNoUsableKey,
        }
    }
}

/// The claims of a token that was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    all: Map<String, Value>,
    expires_at: Timestamp,
}

impl Claims {
    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }

    /// Every claim.
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }

    /// The claims as a type.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] if they do not fit.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, VerifyError> {
        serde_json::from_value(Value::Object(self.all))
            .map_err(|_| VerifyError::Malformed("its claims are not those of a token of this type"))
    }
}
