//! What handlers share: reading bodies and conditions, and failing well.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::account::mapping::ApplyError;
use crate::account::{self, Account};
use crate::base::{AccountId, ErrorCode};
use crate::http::problem::Problem;
use crate::key::KeyError;
use crate::operation::{Condition, OperationError, Tag};
use crate::store::{Store, StoreError, Version, Versioned};

/// A handler's answer.
pub(in crate::admin) type Reply<T = Response> = Result<T, Problem>;

impl From<OperationError> for Problem {
    fn from(refused: OperationError) -> Self {
        let problem = Self::new(refused.code, refused.detail);
        Self {
            field: refused.field.map(str::to_owned),
            ..problem.with_findings(refused.findings)
        }
    }
}

impl From<StoreError> for Problem {
    fn from(failure: StoreError) -> Self {
        OperationError::from(failure).into()
    }
}

impl From<ApplyError> for Problem {
    fn from(failure: ApplyError) -> Self {
        OperationError::from(failure).into()
    }
}

impl From<KeyError> for Problem {
    fn from(failure: KeyError) -> Self {
        OperationError::from(failure).into()
    }
}

/// The same answer for what is not there and what is not yours.
pub(super) fn missing(what: &str) -> Problem {
    Problem::new(ErrorCode::AdminNotFound, format!("there is no such {what}"))
}

/// The media type of a body, without parameters; empty where none is given.
pub(super) fn media_type(headers: &HeaderMap) -> &str {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

/// Reads a JSON body.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Reply<T> {
    if media_type(headers) != "application/json" {
        return Err(Problem::new(
            ErrorCode::RequestContentType,
            "send `Content-Type: application/json`",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(
            ErrorCode::RequestInvalid,
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
pub(super) fn condition(headers: &HeaderMap) -> Reply<Condition> {
    let text = |name| -> Option<String> {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value: &HeaderValue| value.to_str().unwrap_or("?").trim().to_owned())
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    };
    match text(header::IF_NONE_MATCH).as_deref() {
        None => {}
        Some("*") => return Ok(Condition::Absent),
        Some(_) => {
            return Err(Problem::new(
                ErrorCode::RequestIfNoneMatch,
                "of a change, `If-None-Match` takes `*` only",
            ));
        }
    }
    match text(header::IF_MATCH).as_deref() {
        None => Ok(Condition::None),
        Some("*") => Ok(Condition::Present),
        Some(list) => entity_tags(list).map(Condition::OneOf).ok_or_else(|| {
            Problem::new(
                ErrorCode::RequestIfMatch,
                "`If-Match` takes the `ETag` of an earlier answer",
            )
        }),
    }
}

/// The tags of a list as they are written (RFC 9110 §8.8.3).
fn entity_tags(list: &str) -> Option<Vec<String>> {
    list.split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(|one| {
            let quoted = one.strip_prefix("W/").unwrap_or(one);
            let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
            (!inner.contains('"')).then(|| one.to_owned())
        })
        .collect::<Option<Vec<_>>>()
        .filter(|tags| !tags.is_empty())
}

/// An answer with the record's `ETag`.
pub(super) fn tagged(version: Version, answer: impl IntoResponse) -> Response {
    with_tag(Tag::from(version).as_str(), answer)
}

/// An answer with this `ETag`.
pub(super) fn with_tag(tag: &str, answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// Turns what the router itself refuses (a path that is not UTF-8, a query it
/// cannot read, a body that is too long) into problems, as everything else is.
pub(super) async fn problems(request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = answer.status();
    if !plain || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let text = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than this API reads".into(),
        _ => String::from_utf8_lossy(&text).into_owned(),
    };
    let code = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::RequestTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::RequestContentType,
        _ if status.is_server_error() => ErrorCode::ServiceError,
        _ => ErrorCode::RequestInvalid,
    };
    let mut problem = Problem::new(code, detail).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

/// The answer to a token without the scope that is wanted (RFC 6750 §3.1).
pub(super) fn insufficient(wanted: &str) -> Response {
    let mut answer = forbidden(&format!("this needs an access token with `{wanted}`"));
    let text = format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\"");
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    answer
}

/// The answer to who may not.
pub(super) fn forbidden(detail: &str) -> Response {
    refused(detail).into_response()
}

/// A 403 as a problem.
pub(super) fn refused(detail: &str) -> Problem {
    Problem::new(ErrorCode::AdminForbidden, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: header::HeaderName, value: &str) -> Reply<Condition> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap_or_else(|_| panic!("{value}")));
        condition(&headers)
    }

    #[test]
    fn conditions_are_those_of_rfc_9110() {
        let now = Some(Version(7));
        let holds = |value: &str, now| {
            given(header::IF_MATCH, value)
                .and_then(|condition| Ok(condition.over(now)?))
                .is_ok()
        };
        assert!(holds("\"v7\"", now) && holds("\"v6\", \"v7\"", now) && holds("*", now));
        for value in ["\"v6\"", "W/\"v7\"", "v7", "\"v7", "\"\"v7\"\"", ","] {
            assert!(!holds(value, now), "{value}");
        }
        assert!(!holds("*", None) && !holds("\"v7\"", None));
        let fresh = given(header::IF_NONE_MATCH, "*").unwrap_or(Condition::None);
        assert!(fresh.over(None).is_ok() && fresh.over(now).is_err());
        assert!(given(header::IF_NONE_MATCH, "\"v7\"").is_err());
    }
}
