//! Sending a login's request, and reading its answer.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;

use super::Logins;
use super::context::Context;
use super::error::{LoginError, Step, error_code, words as whole};
use super::refusal::{plain_words, words};
use crate::outbound::{Limits, PreparedRequest};
use crate::provider::decode::{self, DecodeError, decode};
use crate::provider::extract::ExtractError;
use crate::provider::inner::{self, Inner, Unfound};
use crate::provider::lifted;
use crate::provider::model::Answer;
use crate::provider::path::{self, Place};
use crate::provider::trace::Trace;

impl Logins {
    /// Sends a request of a login and reads the answer, with every check that
    /// is the same for all of them.
    pub(super) async fn ask(
        &self,
        login: &Context,
        step: Step,
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
        let sent = self.outbound.send_as(certificate, &lane, request, limits);
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
        let content_type = response
            .headers
            .get(CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let decoded = decode(answer.format, content_type, &response.body);
        if !(200..300).contains(&status) {
            let detail = match decoded {
                Ok(decoded) => refusal(&decoded.value, answer, trace),
                Err(_) => plain_words(content_type, &response.body)
                    .map(|words| whole(&trace.masked(&words))),
            };
            return Err(LoginError::Rejected {
                step,
                status,
                detail,
                retry_after: retry_after(&response.headers),
            });
        }
        let signed = matches!(step, Step::Userinfo | Step::Then) && Self::has_keys(login);
        let document = match decoded {
            // All that counts stands in the head.
            Err(DecodeError::Empty { .. }) if !answer.lifted.is_empty() => Value::Null,
            Err(DecodeError::IsJwt) if signed => {
                let token = decode::text(content_type, &response.body);
                self.signed_claims(login, step, &token).await?
            }
            decoded => {
                decoded
                    .map_err(|error| LoginError::Undecodable { step, error })?
                    .value
            }
        };
        if path::traversal_cost(&document) > path::MAX_TRAVERSAL_COST {
            let error = DecodeError::TooMany {
                format: answer.format,
            };
            return Err(LoginError::Undecodable { step, error });
        }
        let refused = match &answer.success {
            Some(condition) => !condition.holds(&document),
            // Some say "error" within a 200.
            None => document.get("error").is_some_and(says_error),
        };
        if refused {
            let detail = refusal(&document, answer, trace);
            return Err(LoginError::Rejected {
                step,
                status,
                detail,
                retry_after: retry_after(&response.headers),
            });
        }
        let document = match &answer.inner {
            Some(place) => self.inner(login, step, place, &document).await?,
            None => document,
        };
        Ok(lifted::lift(document, &answer.lifted, &response.headers))
    }

    /// What counts in an answer's place: a part of it, or what a text in it says.
    async fn inner(
        &self,
        login: &Context,
        step: Step,
        place: &Place,
        document: &Value,
    ) -> Result<Value, LoginError> {
        let field = match step {
            Step::Before => "token.before.response.inner",
            Step::Userinfo => "userinfo.response.inner",
            Step::Then => "userinfo.then.inner",
            _ => "token.response.inner",
        };
        match inner::find(place, document) {
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

/// Whether a member named `error` says that there was one.
fn says_error(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(flag) => *flag,
        // QQ: `{"error":100019}`. Zero is how such servers say that all is well.
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => false,
    }
}

/// The provider's own words about a refusal, fit for a log line: some repeat
/// the code or the secret that they don't like.
fn refusal(document: &Value, answer: &Answer, trace: &Trace) -> Option<String> {
    let in_full = |text: &str| whole(&trace.masked(text));
    if let Some(place) = &answer.error_message {
        return place.matches(document).first().map(|value| match value {
            Value::String(text) => in_full(text),
            other => in_full(&other.to_string()),
        });
    }
    let (code, words) = words(document)?;
    let code = trace.masked(&code);
    Some(match words {
        Some(words) => format!("{}: {}", error_code(&code), in_full(&words)),
        None => whole(&code),
    })
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); a date there is left aside.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}
