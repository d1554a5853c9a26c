//! The third step: the code for an access token.

use http::header::CONTENT_TYPE;
use serde_json::Value;
use tracing::info;

use super::Logins;
use super::callback::{Context, VerifiedCallback, error_code};
use super::error::{LoginError, Step};
use crate::base::Secret;
use crate::outbound::{Limits, PreparedRequest};
use crate::provider::decode::{DecodeError, decode};
use crate::provider::extract::one_text;
use crate::provider::model::Answer;
use crate::provider::request::{self, TokenValues};
use crate::provider::template::Fill;
use crate::provider::trace::Trace;
use crate::provider::path;

/// What the token endpoint gave.
pub struct TokenResponse {
    pub(super) login: Context,
    pub(super) access_token: Secret,
    pub(super) app_access_token: Option<Secret>,
    pub(super) id_token: Option<Secret>,
    pub(super) nonce: Option<String>,
    pub(super) redirect_uri: String,
    pub(super) document: Value,
}

/// Sends the code, once.
///
/// Where a `previous_secret` stands by and the provider answers that the client
/// is not authentic, the same code is offered with it: the first request was
/// answered, so this is no blind resend.
pub async fn exchange(logins: &Logins, callback: VerifiedCallback, trace: &mut Trace) -> Result<TokenResponse, LoginError> {
    let VerifiedCallback {
        login,
        code,
        code_verifier,
        nonce,
        redirect_uri,
    } = callback;
    let provider = &login.provider;
    let client = &provider.client;
    trace.secret("code", &code);
    trace.secret("code_verifier", &code_verifier);
    for (name, secret) in [
        ("client_secret", &client.secret),
        ("previous client_secret", &client.previous_secret),
    ] {
        if let Some(secret) = secret {
            trace.secret(name, secret);
        }
    }
    let app_access_token = app_token(logins, &login, &redirect_uri, trace).await?;
    let endpoint = logins.token_endpoint(login.account.id.as_str(), provider).await?;
    let assertion = logins
        .client_assertion(provider, &endpoint)
        .map_err(|error| LoginError::Build { step: Step::Token, error })?;
    if let Some(assertion) = &assertion {
        trace.secret("client_assertion", assertion);
    }
    let build = |secret: Option<&Secret>| {
        let values = TokenValues {
            fill: Fill {
                client_id: &client.id,
                client_secret: secret,
                code: Some(code.expose()),
                redirect_uri: &redirect_uri,
                app_access_token: app_access_token.as_ref(),
                ..Fill::default()
            },
            code_verifier: code_verifier.expose(),
            client_assertion: assertion.as_ref().map(Secret::expose),
            basic: None,
        };
        request::token(provider, &endpoint, &values).map_err(|error| LoginError::Build { step: Step::Token, error })
    };
    let send = async |secret: Option<&Secret>, trace: &mut Trace| {
        let request = build(secret)?;
        logins.ask(&login, Step::Token, request, &provider.token.answer, trace).await
    };
    let document = match (send(client.secret.as_ref(), trace).await, &client.previous_secret) {
        (Err(error), Some(previous)) if is_invalid_client(&error) => {
            let document = send(Some(previous), trace).await?;
            info!(
                target: "vestibule::login",
                login = login.id,
                account = %login.account.id,
                provider = %provider.id,
                "the provider still wants `client.previous_secret`; keep it"
            );
            document
        }
        (Ok(document), Some(_)) => {
            info!(
                target: "vestibule::login",
                login = login.id,
                account = %login.account.id,
                provider = %provider.id,
                "the provider takes the new secret; `client.previous_secret` may go"
            );
            document
        }
        (outcome, _) => outcome?,
    };
    let incomplete = |error| LoginError::Incomplete { step: Step::Token, error };
    let access_token = one_text("token.response.access_token", &provider.token.access_token, &document)
        .map(Secret::new)
        .map_err(incomplete)?;
    trace.secret("access_token", &access_token);
    let id_token = one_text("token.response.id_token", &provider.token.id_token, &document)
        .ok()
        .map(Secret::new);
    if let Some(token) = &id_token {
        trace.secret("id_token", token);
    }
    if let Some(token) = document.get("refresh_token").and_then(Value::as_str) {
        trace.secret("refresh_token", &Secret::new(token));
    }
    let lifetime = expires_in(&provider.token.expires_in.matches(&document));
    info!(
        target: "vestibule::login",
        login = login.id,
        account = %login.account.id,
        provider = %provider.id,
        expires_in = lifetime,
        "token: the code was exchanged for an access token"
    );
    Ok(TokenResponse {
        access_token,
        app_access_token,
        id_token,
        nonce,
        redirect_uri,
        document,
        login,
    })
}

/// The lifetime a provider states: a number, digits in a string, or nothing we
/// can read, which is no error since we don't keep the token.
fn expires_in(found: &[&Value]) -> Option<u64> {
    match found {
        [Value::Number(number)] => number.as_u64(),
        [Value::String(text)] => text.trim().parse().ok(),
        _ => None,
    }
}

async fn app_token(
    logins: &Logins,
    login: &Context,
    redirect_uri: &str,
    trace: &mut Trace,
) -> Result<Option<Secret>, LoginError> {
    let provider = &login.provider;
    let Some(before) = &provider.token.before else {
        return Ok(None);
    };
    let fill = Fill {
        client_id: &provider.client.id,
        client_secret: provider.client.secret.as_ref(),
        redirect_uri,
        ..Fill::default()
    };
    let step = Step::Before;
    let request = request::before(provider, before, &fill).map_err(|error| LoginError::Build { step, error })?;
    let document = logins.ask(login, step, request, &before.answer, trace).await?;
    let token = one_text("token.before.response.access_token", &before.access_token, &document)
        .map(Secret::new)
        .map_err(|error| LoginError::Incomplete { step, error })?;
    trace.secret("app_access_token", &token);
    Ok(Some(token))
}

fn is_invalid_client(error: &LoginError) -> bool {
    match error {
        LoginError::Rejected { status: 401, .. } => true,
        LoginError::Rejected { detail: Some(detail), .. } => detail.starts_with("invalid_client"),
        _ => false,
    }
}

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
        let limits: &Limits = &login.provider.limits;
        trace.request(step.name(), &request);
        let response = match self.outbound.send(&login.lane(), request, limits).await {
            Ok(response) => response,
            Err(error) => {
                trace.failed(&error.to_string());
                return Err(LoginError::Transport { step, error });
            }
        };
        trace.response(&response);
        let status = response.status;
        let content_type = response.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let decoded = decode(answer.format, content_type, &response.body);
        if !(200..300).contains(&status) {
            let detail = decoded.ok().and_then(|d| refusal(&d.value, answer));
            return Err(LoginError::Rejected { step, status, detail });
        }
        let document = decoded.map_err(|error| LoginError::Undecodable { step, error })?.value;
        if path::weight(&document) > path::MAX_WEIGHT {
            let error = DecodeError::TooMany { format: answer.format };
            return Err(LoginError::Undecodable { step, error });
        }
        let refused = match &answer.success {
            Some(condition) => !condition.holds(&document),
            // Some say "error" within a 200.
            None => document.get("error").is_some_and(says_error),
        };
        if refused {
            let detail = refusal(&document, answer);
            return Err(LoginError::Rejected { step, status, detail });
        }
        Ok(document)
    }
}

/// Whether a member named `error` says that there was one.
fn says_error(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(flag) => *flag,
        _ => false,
    }
}

/// The provider's own words about a refusal, fit for a log line.
fn refusal(document: &Value, answer: &Answer) -> Option<String> {
    if let Some(place) = &answer.error_message {
        return place.matches(document).first().map(|value| match value {
            Value::String(text) => error_code(text),
            other => error_code(&other.to_string()),
        });
    }
    let code = document.get("error").and_then(|error| match error {
        Value::String(code) => Some(code.as_str()),
        Value::Object(members) => ["code", "type", "message"].iter().find_map(|m| members.get(*m)?.as_str()),
        _ => None,
    })?;
    Some(match document.get("error_description").and_then(Value::as_str) {
        Some(description) => format!("{}: {}", error_code(code), error_code(description)),
        None => error_code(code),
    })
}
