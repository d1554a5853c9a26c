//! A form that is sent twice counts once.
//!
//! Two clicks, a reload of what answered a form, the way back to it: browsers send the
//! same form again. Each form that makes, removes or ends something carries a token of
//! its own page. What was done under a token, by the same fields, is not done again: who
//! sends it again sees the answer of the first time, and a while later, when that is no
//! longer kept, a page that says so. With other fields it is another form. A form that
//! was refused made nothing, and counts whenever it is sent.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::view::fail;
use super::{Console, State, form_token, sentences};
use crate::base::ErrorCode;
use crate::base::digest::sha256;
use crate::http::problem::Problem;
use crate::operation::OperationError;
use crate::operator::once::{Answer, Outcome, Sent};
use crate::operator::session::Current;
use crate::store::{StoreError, Token};

/// For how long what was answered is kept, which may be what is shown once.
const ANSWER_LIFETIME: Duration = Duration::from_secs(120);
/// The longest answer that is kept.
const MAX_ANSWER: usize = 256 << 10;
/// How often, and for how long in all, an answer is waited for that is still to come.
const POLL: Duration = Duration::from_millis(100);
const POLLS: usize = 100;

/// Marks an answer that did nothing yet, such as the question whether it is meant.
#[derive(Clone)]
pub(super) struct NothingDone;

/// The layer that answers a form which was sent before as it was answered then.
pub(super) async fn only(
    axum::extract::State(console): State,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let body = match Bytes::from_request(whole, &console).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    let who = parts.extensions.get::<Current>().cloned();
    let now = console.admin.clock.now();
    let form = identity(&parts.headers, &body).and_then(|(token, fields)| {
        let session = who.as_ref().map_or("", |who| who.id.as_str());
        let digest = [
            session.as_bytes(),
            parts.uri.path().as_bytes(),
            token.as_str().as_bytes(),
            &fields,
        ]
        .map(sha256);
        Sent::new(
            &token,
            &sha256(digest.as_flattened()),
            now,
            form_token::LIFETIME,
        )
    });
    let request = Request::from_parts(parts, Body::from(body));
    let Some(form) = form else {
        return next.run(request).await;
    };
    let answered = async {
        loop {
            if form.claim(&*console.admin.store).await? {
                return Ok(first(&console, form, next, request).await);
            }
            if let Some(answer) = again(&console, &form, who.as_ref()).await? {
                return Ok(answer);
            }
        }
    };
    answered.await.unwrap_or_else(|error: StoreError| {
        let problem = Problem::from(OperationError::from(error));
        fail(who.as_ref(), &problem)
    })
}

/// The token of a form and what its fields are told by; `None` where it has no token.
fn identity(headers: &HeaderMap, body: &[u8]) -> Option<(Token, [u8; 32])> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    // A browser marks the parts of a form with files anew each time.
    let boundary = kind
        .strip_prefix("multipart/form-data")
        .and_then(|rest| rest.split_once("boundary="))
        .map(|(_, boundary)| boundary.trim_matches('"').as_bytes());
    let (token, fields) = match boundary {
        None => {
            let pairs = form_urlencoded::parse(body);
            let token = pairs
                .into_iter()
                .find(|(name, _)| name == form_token::FIELD)?
                .1;
            (token.into_owned(), body.to_vec())
        }
        Some(boundary) => {
            let fields = without(body, boundary);
            let head = format!("name=\"{}\"\r\n\r\n", form_token::FIELD);
            let start = position(&fields, head.as_bytes())? + head.len();
            let end = position(&fields[start..], b"\r\n")?;
            let token = String::from_utf8(fields[start..start + end].to_vec()).ok()?;
            (token, fields)
        }
    };
    Some((Token::parse(&token)?, sha256(&fields)))
}

/// Where a text begins within another.
fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// A text without what occurs in it again and again.
fn without(mut text: &[u8], part: &[u8]) -> Vec<u8> {
    let mut rest = Vec::with_capacity(text.len());
    while let Some(at) = Some(part)
        .filter(|part| !part.is_empty())
        .and_then(|part| position(text, part))
    {
        rest.extend_from_slice(&text[..at]);
        text = &text[at + part.len()..];
    }
    rest.extend_from_slice(text);
    rest
}

/// Does what a form says. A browser that sends it again gives the first answer up; so
/// it goes on in a task of its own.
async fn first(console: &Arc<Console>, form: Sent, next: Next, request: Request) -> Response {
    let console = Arc::clone(console);
    let task = tokio::spawn(sentences::carried(form_token::carried(async move {
        let answer = next.run(request).await;
        keep(&console, &form, answer).await
    })));
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    task.await.unwrap_or_else(failed)
}

/// Keeps an answer for who sends the form again; what was refused may be sent again.
async fn keep(console: &Console, form: &Sent, answer: Response) -> Response {
    let store = &*console.admin.store;
    let done = answer.status().is_success() || answer.status().is_redirection();
    if !done || answer.extensions().get::<NothingDone>().is_some() {
        note(form.give_up(store).await);
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let text = std::str::from_utf8(&body).ok();
    let kept = text.filter(|text| text.len() <= MAX_ANSWER).map(|text| {
        let headers = parts.headers.iter();
        let headers = headers
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        Answer {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: text.to_owned(),
        }
    });
    let until = console.admin.clock.now().plus(ANSWER_LIFETIME);
    note(form.keep(store, kept.as_ref(), until).await);
    Response::from_parts(parts, Body::from(body))
}

/// What was done is done: its answer goes out whether or not it is kept.
fn note(kept: Result<(), StoreError>) {
    if let Err(error) = kept {
        tracing::warn!(why = %error, "that a form was answered is not noted");
    }
}

/// The answer to a form that was sent before; `None` where it did nothing and counts again.
async fn again(
    console: &Console,
    form: &Sent,
    who: Option<&Current>,
) -> Result<Option<Response>, StoreError> {
    for _ in 0..POLLS {
        let (store, now) = (&*console.admin.store, console.admin.clock.now());
        match form.outcome(store, now).await? {
            Outcome::GivenUp => return Ok(None),
            Outcome::Answered(Some(answer)) => return Ok(Some(read(answer))),
            Outcome::Answered(None) => break,
            Outcome::Pending => tokio::time::sleep(POLL).await,
        }
    }
    let problem = Problem::new(
        ErrorCode::ConsoleSentTwice,
        "this form was sent before, and nothing was done a second time; open its page anew to see what came of it, or to send another",
    );
    Ok(Some(fail(who, &problem)))
}

fn read(kept: Answer) -> Response {
    let code = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut answer = (code, kept.body).into_response();
    answer.headers_mut().clear();
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
