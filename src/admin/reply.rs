//! What handlers share: reading bodies and conditions, and failing well.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tracing::error;

use crate::account::mapping::ApplyError;
use crate::account::{self, Account};
use crate::base::AccountId;
use crate::http::problem::Problem;
use crate::store::{Precondition, Store, StoreError, Version, Versioned};

/// A handler's answer.
pub(in crate::admin) type Reply<T = Response> = Result<T, Problem>;

impl From<StoreError> for Problem {
    fn from(failure: StoreError) -> Self {
        match failure {
            StoreError::Conflict => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "admin.changed_meanwhile",
                "it was changed by someone else meanwhile; read it again and repeat your change",
            ),
            other => {
                error!(why = %other, "the store failed");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "service.unavailable",
                    format!("{other}; nothing was changed"),
                )
            }
        }
    }
}

impl From<ApplyError> for Problem {
    fn from(failure: ApplyError) -> Self {
        match failure {
            ApplyError::Findings(findings) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "mapping.invalid",
                "the mapping does not compile; what was applied before stays",
            )
            .with_findings(findings),
            second @ ApplyError::SecondCustom { .. } => Self::new(
                StatusCode::CONFLICT,
                "mapping.second_custom",
                second.to_string(),
            ),
            ApplyError::Store(failure) => failure.into(),
        }
    }
}

pub(super) fn bad(code: &str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

/// The same answer for what is not there and what is not yours.
pub(super) fn missing(what: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "admin.not_found",
        format!("there is no such {what}"),
    )
}

/// Reads a JSON body.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Reply<T> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "request.content_type",
            "send `Content-Type: application/json`",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        bad(
            "request.invalid",
            format!("the body is not as expected: {error}"),
        )
    })
}

/// Reads an account.
pub(super) async fn account(store: &dyn Store, id: &str) -> Reply<Versioned<Account>> {
    let id: AccountId = id.parse().map_err(|_| missing("account"))?;
    account::get(store, &id)
        .await?
        .ok_or_else(|| missing("account"))
}

/// The condition of `If-Match` and `If-None-Match` (RFC 9110 §13.1).
pub(super) fn condition(headers: &HeaderMap) -> Reply<Option<Precondition>> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| value.to_str().unwrap_or_default().trim())
    };
    if text(header::IF_NONE_MATCH) == Some("*") {
        return Ok(Some(Precondition::Absent));
    }
    match text(header::IF_MATCH) {
        None => Ok(None),
        Some("*") => Ok(Some(Precondition::Any)),
        Some(tag) => tag
            .strip_prefix("\"v")
            .and_then(|rest| rest.strip_suffix('"'))
            .and_then(|number| number.parse().ok())
            .map(|number| Some(Precondition::Version(Version(number))))
            .ok_or_else(|| {
                bad(
                    "request.if_match",
                    "`If-Match` takes the `ETag` of an earlier answer",
                )
            }),
    }
}

/// An answer with the record's `ETag`.
pub(super) fn tagged(version: Version, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"v{}\"", version.0)) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}
