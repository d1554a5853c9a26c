//! Sending a login's request, and reading its answer.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;

use super::Logins;
use super::answer::{Read, Words};
use super::context::Context;
use super::error::{LoginError, Step};
use super::heavy::INLINE_BYTES;
use super::refusal;
use crate::base::traces::{self, KeyValue, Part, Span, SpanKind};
use crate::outbound::{Limits, PreparedRequest, Response};
use crate::provider::decode::DecodeError;
use crate::provider::extract::ExtractError;
use crate::provider::inner::{Inner, Unfound};
use crate::provider::lifted;
use crate::provider::model::Answer;
use crate::provider::trace::Trace;

impl Logins {
    /// Sends a request of a login and reads the answer, with every check that
    /// is the same for all of them.
    pub(super) async fn ask(
        &self,
        login: &Context,
        step: Step,
        request: PreparedRequest,
        answer: &Answer,
        trace: &mut Trace,
    ) -> Result<Value, LoginError> {
        let part = traces::begin_part(|| span(login, step));
        let outcome = Box::pin(self.ask_once(login, (step, &part), request, answer, trace)).await;
        if let Err(error) = &outcome {
            part.failed(error.code().as_str());
        }
        outcome
    }

    async fn ask_once(
        &self,
        login: &Context,
        (step, part): (Step, &Part),
        mut request: PreparedRequest,
        answer: &Answer,
        trace: &mut Trace,
    ) -> Result<Value, LoginError> {
        let limits: &Limits = &login.provider().limits;
        let certificate = login.provider().client.certificate.as_ref();
        let proves = !matches!(step, Step::Before | Step::IdToken);
        let prover = login.prover().filter(|_| proves);
        if let Some(proof) = prover.and_then(|prover| prover.prove(&mut request, self.now())) {
            trace.secret("dpop_proof", &proof);
        }
        trace.request(step.name(), &request);
        let lane = login.lane(step);
        let send = || self.outbound.send_as(certificate, &lane, request, limits);
        let sent = part.around(send);
        let response = match sent.await {
            Ok(response) => response,
            Err(error) => {
                trace.failed(&error.to_string());
                return Err(LoginError::Transport { step, error });
            }
        };
        trace.response(&response);
        if let Some(prover) = prover {
            prover.note(&response);
        }
        self.meters
            .provider_seconds(login.account(), &login.provider().id, step)
            .record(response.elapsed.as_secs_f64());
        let status = response.status;
        if answer.nothing.contains(&status) {
            return Ok(Value::Null);
        }
        let content_type = response.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let rejected = |words: Option<Words>, trace: &Trace| LoginError::Rejected {
            step,
            status,
            detail: words
                .or_else(|| {
                    let (code, text) = refusal::challenged(&response.headers)?;
                    Some(Words::new(code, text))
                })
                .and_then(|words| words.masked(trace)),
            retry_after: retry_after(&response.headers),
        };
        let signed = matches!(step, Step::Userinfo | Step::Then) && Self::has_keys(login);
        let read = if answer.is_redirect(status) {
            // A redirect's body is a page for people, if there is one.
            Read::redirect(answer, lifted::location(&response.headers))
        } else {
            self.read(step, answer, content_type, &response).await?
        };
        let read = match read {
            // All that counts stands in the head.
            Read::Unreadable(DecodeError::Empty { .. }) if !answer.lifted.is_empty() => {
                Read::judged(answer, Value::Null)
            }
            Read::Unreadable(DecodeError::IsJwt) if signed => {
                let token = Read::token(content_type, &response.body);
                Read::judged_claims(answer, self.signed_claims(login, step, &token).await?)
            }
            read => read,
        };
        let document = match read {
            Read::Document(document) => document,
            Read::Inner(inner) => self.inner(login, step, inner).await?,
            Read::Refused(words) => return Err(rejected(words, trace)),
            Read::Unreadable(error) => return Err(LoginError::Undecodable { step, error }),
        };
        Ok(lifted::lift(document, &answer.lifted, &response.headers))
    }

    /// Reads an answer; a long one where nobody else's login waits for it.
    async fn read(
        &self,
        step: Step,
        answer: &Answer,
        content_type: Option<&str>,
        response: &Response,
    ) -> Result<Read, LoginError> {
        let (status, body) = (response.status, &response.body);
        if body.len() <= INLINE_BYTES {
            return Ok(Read::of(answer, status, content_type, body));
        }
        let (answer, body) = (answer.clone(), body.clone());
        let content_type = content_type.map(str::to_owned);
        let work = move || Read::of(&answer, status, content_type.as_deref(), &body);
        self.heavy.run(work).await.map_err(step.store())
    }

    /// What counts in an answer's place: a part of it, or what a text in it says.
    async fn inner(
        &self,
        login: &Context,
        step: Step,
        inner: Result<Inner, Unfound>,
    ) -> Result<Value, LoginError> {
        let field = match step {
            Step::Before => "token.before.response.inner",
            Step::Userinfo => "userinfo.response.inner",
            Step::Then => "userinfo.then.inner",
            _ => "token.response.inner",
        };
        match inner {
            Ok(Inner::Value(value)) => Ok(value),
            Ok(Inner::Token(token)) if Self::has_keys(login) => {
                self.signed_claims(login, step, &token).await
            }
            Ok(Inner::Token(_)) => Err(LoginError::Undecodable {
                step,
                error: DecodeError::IsJwt,
            }),
            Err(Unfound::Unreadable(error)) => Err(LoginError::Undecodable { step, error }),
            Err(Unfound::Nowhere(problem)) => {
                let error = ExtractError {
                    field,
                    problem,
                    hint: None,
                };
                Err(LoginError::Incomplete { step, error })
            }
        }
    }
}

/// A step as a part of a trace.
fn span(login: &Context, step: Step) -> Span {
    let attribute = |key, value: &str| KeyValue::new(key, value.to_owned());
    Span {
        kind: SpanKind::Internal,
        name: format!("login {}", step.name()),
        attributes: vec![
            attribute("vestibule.account", login.account().as_str()),
            attribute("vestibule.provider", login.provider().id.as_str()),
            attribute("vestibule.step", step.name()),
        ],
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); a date there is left aside.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
