//! An answer before it is sent: still open to be spoilt by a fault.

use hyper::StatusCode;
use hyper::header::{self, HeaderName};
use serde_json::{Value, json};

use crate::format::Format;

/// A response in the making.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) content: Content,
}

/// What an answer carries.
#[derive(Debug)]
pub(crate) enum Content {
    /// A finished body.
    Raw {
        content_type: String,
        bytes: Vec<u8>,
    },
    /// Data that is written at the end, so that faults can change members first.
    Data {
        value: Value,
        format: Format,
        content_type: Option<String>,
    },
}

impl Answer {
    /// Data in some format.
    pub(crate) fn data(value: Value, format: Format, content_type: Option<String>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![(header::CACHE_CONTROL, "no-store".into())],
            content: Content::Data {
                value,
                format,
                content_type,
            },
        }
    }

    /// JSON.
    pub(crate) fn json(status: StatusCode, value: Value) -> Self {
        Self {
            status,
            ..Self::data(value, Format::Json, None)
        }
    }

    /// A body as it is.
    pub(crate) fn raw(status: StatusCode, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![(header::CACHE_CONTROL, "no-store".into())],
            content: Content::Raw {
                content_type: content_type.to_owned(),
                bytes: bytes.into(),
            },
        }
    }

    /// A page: never framed, never cached, no referrer.
    pub(crate) fn html(status: StatusCode, page: String) -> Self {
        Self::raw(status, "text/html; charset=utf-8", page)
            .with(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")
            .with(header::REFERRER_POLICY, "no-referrer")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    /// A redirect; 303 after a POST, so that no browser repeats the form elsewhere.
    pub(crate) fn redirect(after_post: bool, location: &str) -> Self {
        let status = if after_post {
            StatusCode::SEE_OTHER
        } else {
            StatusCode::FOUND
        };
        Self::raw(status, "text/plain", Vec::new())
            .with(header::LOCATION, location)
            .with(header::REFERRER_POLICY, "no-referrer")
    }

    /// An empty answer.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::raw(status, "", Vec::new())
    }

    /// "No such thing."
    pub(crate) fn not_found() -> Self {
        Self::json(StatusCode::NOT_FOUND, json!({ "error": "not_found" }))
    }

    /// "Not with that method."
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        Self::json(
            StatusCode::METHOD_NOT_ALLOWED,
            json!({ "error": "method_not_allowed" }),
        )
        .with(header::ALLOW, allowed)
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes the content: its type (empty: none) and its bytes.
    pub(crate) fn render(&self) -> (String, Vec<u8>) {
        match &self.content {
            Content::Raw {
                content_type,
                bytes,
            } => (content_type.clone(), bytes.clone()),
            Content::Data {
                value,
                format,
                content_type,
            } => (
                content_type
                    .clone()
                    .unwrap_or_else(|| format.content_type().to_owned()),
                format.write(value).into_bytes(),
            ),
        }
    }
}

/// A refusal at a back-channel endpoint, as RFC 6749 §5.2 words it.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: String,
    challenge: Option<String>,
}

impl OAuthError {
    /// 400 with an error code.
    pub(crate) fn bad(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.into(),
            challenge: None,
        }
    }

    /// `invalid_request`.
    pub(crate) fn request(description: impl Into<String>) -> Self {
        Self::bad("invalid_request", description)
    }

    /// `invalid_grant`.
    pub(crate) fn grant(description: impl Into<String>) -> Self {
        Self::bad("invalid_grant", description)
    }

    /// `invalid_client`: 401 with a challenge.
    pub(crate) fn client(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: description.into(),
            challenge: Some("Basic realm=\"mock-idp\", charset=\"UTF-8\"".into()),
        }
    }

    /// `invalid_token`: 401 with a challenge in the given scheme (RFC 6750 §3).
    pub(crate) fn token(scheme: &str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_token",
            description: description.into(),
            challenge: Some(format!(
                "{scheme} realm=\"mock-idp\", error=\"invalid_token\""
            )),
        }
    }
}

impl From<OAuthError> for Answer {
    fn from(refusal: OAuthError) -> Self {
        let answer = Self::json(
            refusal.status,
            json!({ "error": refusal.error, "error_description": refusal.description }),
        );
        match refusal.challenge {
            Some(challenge) => answer.with(header::WWW_AUTHENTICATE, challenge),
            None => answer,
        }
    }
}
