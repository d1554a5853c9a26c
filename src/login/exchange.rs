//! The third step: the code for an access token.

use std::sync::Arc;

use serde_json::Value;
use tracing::debug;

use super::Logins;
use super::answer::Words;
use super::callback::VerifiedCallback;
use super::context::Context;
use super::drift::Previous;
use super::error::{LoginError, Step};
use super::refusal;
use crate::base::{Secret, Timestamp};
use crate::provider::extract::{ExtractError, one_text, optional_text};
use crate::provider::file::Kind;
use crate::provider::hosts::fill_url;
use crate::provider::moment::Moment;
use crate::provider::request::{self, TokenValues};
use crate::provider::template::Fill;
use crate::provider::trace::Trace;

/// What the token endpoint gave. Only [`exchange`] makes one, and
/// [`taken`](super::taken) for a token that came another way.
#[derive(Clone)]
pub struct TokenResponse {
    login: Context,
    access_token: Result<Secret, ExtractError>,
    app_access_token: Option<Secret>,
    id_token: Option<Secret>,
    document: Value,
    callback: Vec<(String, String)>,
    values: Value,
}

impl TokenResponse {
    /// The same answer for the provider's shadow, where it has one.
    pub fn for_shadow(&self) -> Option<Self> {
        let shadow = self.login.provider().shadow.as_ref()?;
        Some(Self {
            login: self.login.with_provider(Arc::clone(shadow)),
            ..self.clone()
        })
    }

    /// What stands for the answer where a program brings the access token.
    pub(super) fn taken(login: Context, access_token: Secret) -> Self {
        Self {
            login,
            access_token: Ok(access_token),
            app_access_token: None,
            id_token: None,
            document: Value::Null,
            callback: Vec::new(),
            values: Value::Null,
        }
    }

    /// The login it belongs to.
    pub fn login(&self) -> &Context {
        &self.login
    }

    /// The access token of the person who logs in (RFC 6749 §5.1), for whoever can't do
    /// without. Azure AD B2C, for one, gives none beside the ID token.
    pub(super) fn access_token(&self) -> Result<&Secret, LoginError> {
        let step = Step::Token;
        let found = self.access_token.as_ref();
        found.map_err(|error| LoginError::Incomplete {
            step,
            error: error.clone(),
        })
    }

    /// The application's own token, where `[token.before]` asked for one.
    pub(super) fn app_access_token(&self) -> Option<&Secret> {
        self.app_access_token.as_ref()
    }

    /// The ID token (OpenID Connect Core §3.1.3.3), where one came.
    pub(super) fn id_token(&self) -> Option<&Secret> {
        self.id_token.as_ref()
    }

    /// The whole answer.
    pub(super) fn document(&self) -> &Value {
        &self.document
    }

    /// The parameters of the callback that requests hand on.
    pub(super) fn callback(&self) -> &[(String, String)] {
        &self.callback
    }

    /// The parameters of the callback whose values are mapped.
    pub(super) fn values(&self) -> &Value {
        &self.values
    }

    /// The login, for the next step.
    pub(super) fn into_login(self) -> Context {
        self.login
    }
}

/// Sends the code, once.
///
/// Where a `previous_secret` stands by and the provider answers that the client
/// is not authentic, the same code is offered with it: the first request was
/// answered, so it is known that the code was not used.
pub async fn exchange(
    logins: &Logins,
    callback: VerifiedCallback,
    trace: &mut Trace,
) -> Result<TokenResponse, LoginError> {
    let step = Step::Token;
    let provider = Arc::clone(callback.login().provider());
    name_secrets(&callback, trace);
    let app_access_token = app_token(logins, &callback, trace).await?;
    let document = with_either_secret(logins, &callback, app_access_token.as_ref(), trace).await?;
    trace.document("token", &document);
    let set = &provider.token;
    let id_token = optional_text(&set.id_token, &document).map(Secret::new);
    if let Some(token) = &id_token {
        trace.secret("id_token", token);
    }
    let field = "token.response.access_token";
    let access_token = match one_text(field, &set.access_token, &document) {
        // Whether anything needs it the next step knows.
        Err(error) if !(provider.kind == Kind::Openid && id_token.is_some()) => {
            return Err(without_token(step, error, &document, trace));
        }
        found => found.map(Secret::new),
    };
    if let Ok(token) = &access_token {
        trace.secret("access_token", token);
    }
    if let Some(token) = optional_text(&set.refresh_token, &document) {
        trace.secret("refresh_token", &Secret::new(token));
    }
    debug!(
        target: "vestibule::login",
        login = callback.login().id(),
        account = %callback.login().account(),
        provider = %provider.id,
        expires_in = expires_in(&set.expires_in.matches(&document), logins.now()),
        "token: the code was exchanged for tokens"
    );
    let (login, callback, values) = callback.into_parts();
    Ok(TokenResponse {
        login,
        access_token,
        app_access_token,
        id_token,
        document,
        callback,
        values,
    })
}

/// What must be masked in this login's trace from the start.
fn name_secrets(callback: &VerifiedCallback, trace: &mut Trace) {
    let client = &callback.login().provider().client;
    trace.secret("code", &Secret::new(callback.code().secret().as_str()));
    let verifier = callback.code_verifier().secret().as_str();
    trace.secret("code_verifier", &Secret::new(verifier));
    for (name, value) in callback.parameters() {
        trace.secret(format!("callback.{name}"), &Secret::new(value.as_str()));
    }
    if let Some(secret) = &client.secret {
        trace.secret("client_secret", secret);
    }
    if let Some(secret) = &client.previous_secret {
        trace.secret("previous client_secret", secret);
    }
    for (name, secret) in &client.secrets {
        trace.secret(format!("secret.{name}"), secret);
    }
}

/// Offers the code with the current secret, and with the previous one if the
/// provider does not know the current one yet.
async fn with_either_secret(
    logins: &Logins,
    callback: &VerifiedCallback,
    app_access_token: Option<&Secret>,
    trace: &mut Trace,
) -> Result<Value, LoginError> {
    let client = &callback.login().provider().client;
    let current = client.secret.as_ref();
    let first = offer(logins, callback, current, app_access_token, trace).await;
    let Some(previous) = &client.previous_secret else {
        return first;
    };
    let (outcome, taken) = match first {
        Err(error) if is_invalid_client(&error) => {
            let second = offer(logins, callback, Some(previous), app_access_token, trace).await;
            (second, Previous::Needed)
        }
        first => (first, Previous::MayGo),
    };
    if outcome.is_ok() && !trace.is_on() {
        let login = callback.login();
        logins
            .watch
            .rollover(&*logins.store, login.account(), &login.provider().id, taken)
            .await
            .map_err(Step::Token.store())?;
    }
    outcome
}

/// One token request, and another where the provider wants its nonce in the proof.
async fn offer(
    logins: &Logins,
    callback: &VerifiedCallback,
    secret: Option<&Secret>,
    app_access_token: Option<&Secret>,
    trace: &mut Trace,
) -> Result<Value, LoginError> {
    let first = offer_once(logins, callback, secret, app_access_token, trace).await;
    if callback.login().again(&first) {
        return offer_once(logins, callback, secret, app_access_token, trace).await;
    }
    first
}

async fn offer_once(
    logins: &Logins,
    callback: &VerifiedCallback,
    secret: Option<&Secret>,
    app_access_token: Option<&Secret>,
    trace: &mut Trace,
) -> Result<Value, LoginError> {
    let step = Step::Token;
    let login = callback.login();
    let provider = login.provider();
    let unbuilt = |error| LoginError::Build { step, error };
    let moment = Moment::new(logins.now());
    let fill = Fill {
        client_secret: secret,
        code: Some(callback.code().secret()),
        callback: callback.parameters(),
        login: login.parameters(),
        redirect_uri: login.redirect_uri(),
        app_access_token,
        moment: Some(&moment),
        ..provider.client.fill()
    };
    let endpoint = match &provider.token.open_url {
        Some(url) => fill_url(url, &fill, &provider.hosts).map_err(unbuilt)?,
        None => {
            let account = login.account().as_str();
            logins.token_endpoint(account, provider).await?
        }
    };
    let way = logins
        .authentication(login.account().as_str(), provider)
        .await?;
    let assertion = logins
        .client_assertion(provider, way, secret, &endpoint)
        .map_err(unbuilt)?;
    if let Some(assertion) = &assertion {
        trace.secret("client_assertion", assertion);
    }
    let values = TokenValues {
        fill,
        code_verifier: callback.code_verifier().secret(),
        authentication: way,
        client_assertion: assertion.as_ref().map(Secret::expose),
        basic: None,
    };
    let request = request::token(provider, &endpoint, &values).map_err(unbuilt)?;
    logins
        .ask(login, step, request, &provider.token.answer, trace)
        .await
}

/// The lifetime a provider states, in seconds: a number, digits in a string, or nothing
/// we can read, which is no error: a kept token is then used until it is refused. Where
/// it names the moment of the end, as a date or since 1970, that is meant: nobody's
/// token lives for thirty years.
pub(super) fn expires_in(found: &[&Value], now: Timestamp) -> Option<u64> {
    const MOMENTS: u64 = 1_000_000_000;
    const MILLISECONDS: u64 = 100_000_000_000;
    let text = match found {
        [Value::Number(number)] => number.to_string(),
        [Value::String(text)] => text.trim().to_owned(),
        _ => return None,
    };
    let end = match whole_seconds(&text) {
        Some(seconds) if seconds < MOMENTS => return Some(seconds),
        Some(millis) if millis >= MILLISECONDS => millis / 1000,
        Some(end) => end,
        None => Timestamp::parse_rfc3339(&text)?.as_secs(),
    };
    Some(end.saturating_sub(now.as_secs()))
}

/// Digits, with a fraction that does not count.
fn whole_seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|_| digits)
}

/// A good answer without a token in it: a refusal, where it has words for one.
fn without_token(step: Step, error: ExtractError, document: &Value, trace: &Trace) -> LoginError {
    match refusal::said(document).filter(|_| error.problem.is_missing()) {
        Some((code, text)) => LoginError::Rejected {
            step,
            status: 200,
            detail: Words::new(code, text).masked(trace),
            retry_after: None,
        },
        None => LoginError::Incomplete { step, error },
    }
}

async fn app_token(
    logins: &Logins,
    callback: &VerifiedCallback,
    trace: &mut Trace,
) -> Result<Option<Secret>, LoginError> {
    let login = callback.login();
    let provider = login.provider();
    let Some(before) = &provider.token.before else {
        return Ok(None);
    };
    let moment = Moment::new(logins.now());
    let fill = Fill {
        login: login.parameters(),
        redirect_uri: login.redirect_uri(),
        moment: Some(&moment),
        ..provider.client.fill()
    };
    let step = Step::Before;
    let request = request::before(provider, before, &fill)
        .map_err(|error| LoginError::Build { step, error })?;
    let document = logins
        .ask(login, step, request, &before.answer, trace)
        .await?;
    let token = one_text(
        "token.before.response.access_token",
        &before.access_token,
        &document,
    )
    .map(Secret::new)
    .map_err(|error| without_token(step, error, &document, trace))?;
    trace.secret("app_access_token", &token);
    Ok(Some(token))
}

pub(super) fn is_invalid_client(error: &LoginError) -> bool {
    match error {
        LoginError::Rejected { status: 401, .. } => true,
        LoginError::Rejected {
            detail: Some(detail),
            ..
        } => detail.starts_with("invalid_client"),
        _ => false,
    }
}
