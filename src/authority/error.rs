//! Errors of the protocol (RFC 6749 §5.2, §4.1.2.1; OpenID Connect Core §3.1.2.6).

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::base::ErrorCode;
use crate::key::KeyError;
use crate::password::HashError;
use crate::store::StoreError;

/// An error code of an RFC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// RFC 6749 §5.2
    InvalidRequest,
    /// RFC 6749 §5.2
    InvalidClient,
    /// RFC 6749 §5.2
    InvalidGrant,
    /// RFC 6749 §5.2
    UnauthorizedClient,
    /// RFC 6749 §5.2
    UnsupportedGrantType,
    /// RFC 6749 §5.2
    InvalidScope,
    /// RFC 6749 §4.1.2.1
    AccessDenied,
    /// RFC 6749 §4.1.2.1
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1
    ServerError,
    /// RFC 6749 §4.1.2.1
    TemporarilyUnavailable,
    /// RFC 6749 §4.1.2.1, at the token endpoint: come back in a second.
    SlowDown,
    /// RFC 8628 §3.5
    AuthorizationPending,
    /// RFC 8628 §3.5: `slow_down`
    PollingTooFast,
    /// RFC 8628 §3.5
    ExpiredToken,
    /// RFC 7009 §2.2.1
    UnsupportedTokenType,
    /// RFC 6750 §3.1
    InvalidToken,
    /// RFC 6750 §3.1
    InsufficientScope,
    /// RFC 8707 §2
    InvalidTarget,
    /// OpenID Connect Core §3.1.2.6
    LoginRequired,
    /// OpenID Connect Core §3.1.2.6
    ConsentRequired,
    /// OpenID Connect Core §3.1.2.6
    RequestNotSupported,
    /// OpenID Connect Core §3.1.2.6
    RequestUriNotSupported,
    /// OpenID Connect Core Error Code `unmet_authentication_requirements` §2
    UnmetAuthenticationRequirements,
}

impl Code {
    /// Its name in `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable | Self::SlowDown => "temporarily_unavailable",
            Self::AuthorizationPending => "authorization_pending",
            Self::PollingTooFast => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
        }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The code.
    pub code: Code,
    /// A sentence for developers; never has anything in it that was sent.
    pub description: Cow<'static, str>,
    /// A finer code, as in the JWT documentation of Virto Commerce's platform.
    pub detail: Option<ErrorCode>,
}

impl OAuthError {
    /// A refusal with a sentence.
    pub fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            description: description.into(),
            detail: None,
        }
    }

    /// Gives it a finer code.
    #[must_use]
    pub fn with_detail(mut self, detail: ErrorCode) -> Self {
        self.detail = Some(detail);
        self
    }

    /// A request that cannot be understood.
    pub fn request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    /// A code, token or password that does not count. It never says why: who
    /// holds a stolen one learns nothing.
    pub fn grant(description: &'static str) -> Self {
        Self::new(Code::InvalidGrant, description).with_detail(ErrorCode::GrantInvalid)
    }

    /// A client that is not who it says, or does not exist: the same answer.
    pub fn client() -> Self {
        Self::new(
            Code::InvalidClient,
            "the client id or the client's authentication is wrong",
        )
    }

    /// The answer's body (RFC 6749 §5.2), with the members that Virto Commerce's
    /// platform documents beside it.
    pub fn body(&self) -> Value {
        let detail = self.detail.map_or(self.code.as_str(), ErrorCode::as_str);
        json!({
            "error": self.code.as_str(),
            "error_description": self.description,
            "code": detail,
            "errors": [{ "code": detail, "description": self.description }],
        })
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        tracing::error!(why = %error, "the store failed");
        Self::new(
            Code::TemporarilyUnavailable,
            "the store is unavailable; try again",
        )
    }
}

impl From<KeyError> for OAuthError {
    fn from(error: KeyError) -> Self {
        tracing::error!(why = %error, "signing failed");
        Self::new(Code::ServerError, "the token could not be signed")
    }
}

impl From<HashError> for OAuthError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(Code::TemporarilyUnavailable, error.to_string()),
            HashError::TooLong => Self::request(error.to_string()),
            HashError::Failed => {
                tracing::error!("a hash failed");
                Self::new(Code::ServerError, "the hash function failed")
            }
        }
    }
}
