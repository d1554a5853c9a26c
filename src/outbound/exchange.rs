//! One request and its answer, within time and size.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, header};
use reqwest::Client;
use tokio::time::{Instant, timeout_at};

use super::coding;
use super::error::{OutboundError, Phase};
use super::lane::Health;
use super::{Limits, PreparedRequest, Response};

/// Headers that say where a message goes and where it ends. Written by hand they
/// could contradict the URL and the body, which is how requests are smuggled.
const OURS: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
];

/// Hands the request to the library, taking it apart rather than copying it.
///
/// # Errors
/// [`OutboundError::Invalid`] for a header that can't be sent; never its value.
pub(super) fn into_reqwest(request: PreparedRequest) -> Result<reqwest::Request, OutboundError> {
    let mut out = reqwest::Request::new(request.method, request.url);
    let headers = out.headers_mut();
    headers.reserve(request.headers.len() + 2);
    for (name, value) in request.headers {
        let Ok(key) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err(OutboundError::Invalid(format!(
                "`{name}` is not a valid header name; use letters, digits and `-`"
            )));
        };
        if OURS.contains(&key) {
            return Err(OutboundError::Invalid(format!(
                "the header `{name}` is set by the broker; leave it out"
            )));
        }
        let Ok(mut value) = HeaderValue::from_maybe_shared(Bytes::from(value)) else {
            return Err(OutboundError::Invalid(format!(
                "the value of the header `{name}` holds a character that headers can't carry"
            )));
        };
        // Any of them may be a secret: keeps it out of HTTP/2's compression tables
        // (RFC 7541 §7.1.3) and of debug output.
        value.set_sensitive(true);
        headers.append(key, value);
    }
    if request.body.is_none() && out.method() == http::Method::POST {
        // Said even of nothing (RFC 9110 §8.6): without it some servers answer 411.
        let headers = out.headers_mut();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    *out.body_mut() = request.body.map(reqwest::Body::from);
    Ok(out)
}

/// Sends `request`, which was handed over at `started`, and reads the answer.
pub(super) async fn exchange(
    client: &Client,
    request: reqwest::Request,
    limits: &Limits,
    started: Instant,
    deadline: Instant,
) -> Result<Response, OutboundError> {
    let mut phase = Phase::Answer;
    let answer = async {
        let mut response = client
            .execute(request)
            .await
            .map_err(|error| OutboundError::before_answer(&error, limits.connect))?;
        phase = Phase::Body;
        let body = read(&mut response, limits.max_body).await?;
        let host = response.url().host_str().unwrap_or_default().to_owned();
        let body = coding::undone(response.headers_mut(), body, limits.max_body, &host)?;
        Ok(Response {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
            elapsed: started.elapsed(),
        })
    };
    match timeout_at(deadline, answer).await {
        Ok(outcome) => outcome,
        Err(_) => Err(OutboundError::Timeout {
            after: limits.total,
            phase,
        }),
    }
}

/// Reads a body of at most `max` bytes. Most come in one piece, which isn't copied.
async fn read(response: &mut reqwest::Response, max: usize) -> Result<Bytes, OutboundError> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > max as u64) {
        return Err(OutboundError::TooLarge { limit: max });
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(chunk) = next(response).await? {
        let length = first.len() + all.len() + chunk.len();
        if length > max {
            return Err(OutboundError::TooLarge { limit: max });
        }
        if first.is_empty() && all.is_empty() {
            first = chunk;
            continue;
        }
        if all.is_empty() {
            let whole = announced.and_then(|length| usize::try_from(length).ok());
            all.reserve(whole.unwrap_or(length * 2));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

async fn next(response: &mut reqwest::Response) -> Result<Option<Bytes>, OutboundError> {
    match response.chunk().await {
        Ok(chunk) => Ok(chunk),
        Err(error) => {
            let host = response.url().host_str().unwrap_or_default();
            Err(OutboundError::in_body(&error, host))
        }
    }
}

/// What an outcome says about the provider.
pub(super) fn health(outcome: &Result<Response, OutboundError>) -> Health {
    match outcome {
        Ok(response) if matches!(response.status, 502..=504) => Health::Bad,
        Ok(_) | Err(OutboundError::TooLarge { .. }) => Health::Good,
        Err(
            OutboundError::Resolve { .. }
            | OutboundError::Connect { .. }
            | OutboundError::Tls { .. }
            | OutboundError::Timeout { .. }
            | OutboundError::Cut { .. }
            | OutboundError::Unreadable { .. },
        ) => Health::Bad,
        Err(_) => Health::Unknown,
    }
}
