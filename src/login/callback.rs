//! The second step: the provider sends the browser back.

use std::sync::Arc;
use std::time::Duration;

use oauth2::{AuthorizationCode, PkceCodeVerifier};
use serde_json::Value;
use tracing::debug;

use super::arrival::Arrival;
use super::context::Context;
use super::error::{LoginError, Step, error_code, words};
use super::pending::{LOGINS, PendingLogin, RestartPoint, Stage, read_state, shaped_now};
use super::restart::{Failed, Restart, restart_from_login, restart_from_store};
use super::{Logins, trial};
use crate::account::Account;
use crate::base::Timestamp;
use crate::protocol::form::{FormError, Pairs, with_plus};
use crate::provider::Provider;
use crate::provider::decode::{Format, decode};
use crate::provider::model::{default_refusals, refusal_word};
use crate::provider::path;
use crate::provider::state::may_be_shaped;
use crate::store::{Precondition, StoreError, Token};

/// How far from now the date in a state can be.
const MAX_EXPIRY_DISTANCE: Duration = Duration::from_secs(48 * 3600);

/// The most parameters that are tried for a state.
const MAX_LIKELY: usize = 4;

/// The parameters of an authorization response, as they came.
pub struct CallbackQuery {
    pairs: Pairs,
    text: String,
}

impl CallbackQuery {
    /// Reads a query string or a posted form.
    ///
    /// # Errors
    /// If a parameter is there with two values (RFC 6749 §3.1), or it can't be read.
    pub fn parse(text: &str) -> Result<Self, LoginError> {
        match Pairs::parse_response(text) {
            Ok(pairs) if indexed(&pairs) => Err(LoginError::DuplicateParameter),
            Ok(pairs) => Ok(Self {
                pairs,
                text: text.to_owned(),
            }),
            Err(FormError::Duplicate) => Err(LoginError::DuplicateParameter),
            Err(_) => Err(LoginError::BadCallback("cannot be read")),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.get(name)
    }

    /// The code. Some servers write a `+` of theirs as it is; a space, which would
    /// be written so too, is in nobody's codes.
    fn code(&self, name: &str) -> Option<String> {
        self.get(name)?;
        with_plus(&self.text, name)
    }

    /// The parameter that holds a state. Its name is the mapping's choice, and
    /// the mapping is found by it, so where there is no `state`, a value that
    /// has the form of one is taken.
    fn state(&self, now: Timestamp) -> Option<(&str, &str)> {
        let usual = self.get("state").map(|text| ("state", text));
        if usual.is_some_and(|(_, text)| read_state(text).is_some()) {
            return usual;
        }
        let other = self.pairs.iter().find(|(_, value)| {
            // A code of the same form has no believable date in it.
            read_state(value).is_some_and(|(token, _)| {
                token.expires_at().since(now) <= MAX_EXPIRY_DISTANCE
                    && now.since(token.expires_at()) <= MAX_EXPIRY_DISTANCE
            })
        });
        other.or(usual)
    }
}

/// Whether a parameter is there as `state[]` or `code[0]`: some readers take
/// that for the parameter itself.
fn indexed(pairs: &Pairs) -> bool {
    pairs.iter().any(|(name, _)| {
        name.split_once('[').is_some_and(|(base, _)| {
            ["state", "code", "error", "iss"].contains(&base)
                || pairs.iter().any(|(other, _)| other == base)
        })
    })
}

/// What the provider answered.
enum CallbackParams {
    Code { code: AuthorizationCode },
    Error { error: String },
}

/// A callback that belongs to a login of ours, was used once, and has a code.
/// Only [`verify`] makes one.
pub struct VerifiedCallback {
    login: Context,
    code: AuthorizationCode,
    code_verifier: PkceCodeVerifier,
    parameters: Vec<(String, String)>,
    values: Value,
}

impl VerifiedCallback {
    /// The login it belongs to.
    pub fn login(&self) -> &Context {
        &self.login
    }

    /// The code (RFC 6749 §4.1.2).
    pub(super) fn code(&self) -> &AuthorizationCode {
        &self.code
    }

    /// The proof that the code was asked for here (RFC 7636 §4.1).
    pub(super) fn code_verifier(&self) -> &PkceCodeVerifier {
        &self.code_verifier
    }

    /// The parameters of the callback that requests hand on.
    pub(super) fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The login, and what later steps know of the callback.
    pub(super) fn into_parts(self) -> (Context, Vec<(String, String)>, Value) {
        (self.login, self.parameters, self.values)
    }
}

/// Takes the pending login and checks that the callback belongs to it.
///
/// `at` is the address of ours that was called.
pub async fn verify(
    logins: &Logins,
    query: CallbackQuery,
    at: &Arrival,
) -> Result<(VerifiedCallback, Restart), Failed> {
    let on = at.account();
    let found = match query.state(logins.now()) {
        Some((name, text)) => read_state(text).map(|(token, named)| (name, token, Some(named))),
        None => None,
    };
    let found = match found {
        Some((name, token, named)) => Some((name, named, take(logins, &token).await?)),
        None => None,
    };
    let found = match found {
        // Nothing is known of it, so it may be one that has a shape.
        None | Some((.., Taken::Not(_, None))) => match shaped_state(logins, &query).await? {
            Some((name, token)) => Some((name, None, take(logins, &token).await?)),
            None => found,
        },
        Some(_) => found,
    };
    let Some((state_name, named, taken)) = found else {
        let error = match query.state(logins.now()) {
            Some(_) => LoginError::StateUnknown,
            None => without_state(&query),
        };
        return Err(Failed {
            error,
            restart: restart_from_store(logins, on).await,
        });
    };
    let pending = match taken {
        Taken::Now(pending) => pending,
        Taken::Not(error, way) => {
            let restart = match way {
                Some(way) => restart_from_login(logins, way).await?.ok(),
                None => restart_from_store(logins, on.or(named.as_ref())).await,
            };
            return Err(Failed { error, restart });
        }
    };
    let mut restart = restart_from_login(logins, RestartPoint::of(&pending)).await??;
    restart.trial = pending.trial.as_deref().and_then(Token::parse);
    restart.trace.clone_from(&pending.trace);
    let account = Arc::clone(&restart.account);
    let checked = if named.is_none_or(|named| named == pending.account) {
        check(logins, &query, state_name, at, pending, account).await
    } else {
        Err(LoginError::StateMismatch("names another account"))
    };
    match checked {
        Ok(verified) => Ok((verified, *restart)),
        Err(error) => Err(Failed {
            error,
            restart: Some(restart),
        }),
    }
}

/// Whether a login is stored under this key.
async fn is_known(logins: &Logins, token: &Token) -> Result<bool, LoginError> {
    let key = token.key(LOGINS.space(), "");
    let found = LOGINS.get_encoded_at(&*logins.store, &key).await;
    Ok(found.map_err(Step::Callback.store())?.is_some())
}

/// The state that has a shape of the mapping's. Which parameter it is only its login
/// tells, which is found by it; so each that can be one is tried, but for the code.
async fn shaped_state<'q>(
    logins: &Logins,
    query: &'q CallbackQuery,
) -> Result<Option<(&'q str, Token)>, LoginError> {
    let mut likely: Vec<_> = query
        .pairs
        .iter()
        .filter(|(name, value)| *name != "code" && may_be_shaped(value))
        .collect();
    likely.sort_by_key(|(name, _)| *name != "state");
    for (name, value) in likely.into_iter().take(MAX_LIKELY) {
        for token in shaped_now(value, logins.now(), logins.lifetime) {
            if is_known(logins, &token).await? {
                return Ok(Some((name, token)));
            }
        }
    }
    Ok(None)
}

/// A callback without any state: some providers send one when consent is denied.
fn without_state(query: &CallbackQuery) -> LoginError {
    match query.get("error") {
        Some(error) if query.get("code").is_none() && is_refusal(&default_refusals(), error) => {
            LoginError::Denied
        }
        _ => LoginError::StateMissing,
    }
}

/// Whether an error says that the person refused: words are compared in lower
/// case, and with `_` for what else stands between them.
fn is_refusal(words: &[String], error: &str) -> bool {
    let error = refusal_word(error);
    words.contains(&error)
}

/// Whether the answer holds nothing but the state: so some providers say that the
/// person went back. What names a refusal (`denied`, `usercancel`) may stand beside.
fn only_state(provider: &Provider, query: &CallbackQuery) -> bool {
    query
        .pairs
        .iter()
        .filter(|(name, value)| {
            !value.is_empty() && *name != provider.authorization.state_key && *name != "iss"
        })
        .all(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name.contains("cancel") || name.contains("denied")
        })
}

/// What became of taking a pending login.
enum Taken {
    Now(PendingLogin),
    Not(LoginError, Option<RestartPoint>),
}

/// Takes the pending login; of any number of callbacks with its state, one gets it.
async fn take(logins: &Logins, token: &Token) -> Result<Taken, LoginError> {
    let store = &*logins.store;
    let now = logins.now();
    let failed = Step::Callback.store();
    let found = LOGINS.get_by(store, "", token).await.map_err(&failed)?;
    let (pending, version) = match found.map(|found| (found.value, found.version)) {
        Some((Stage::Pending(pending), version)) => (pending, version),
        Some((Stage::Used(way), _)) => {
            return Ok(Taken::Not(LoginError::StateReplayed, Some(way)));
        }
        None if now >= token.expires_at() => {
            return Ok(Taken::Not(LoginError::StateExpired, None));
        }
        None => return Ok(Taken::Not(LoginError::StateUnknown, None)),
    };
    let way = RestartPoint::of(&pending);
    if now >= pending.expires_at {
        return Ok(Taken::Not(LoginError::StateExpired, Some(way)));
    }
    let used = Stage::Used(way);
    let when = Precondition::Version(version);
    match LOGINS.put_by(store, "", token, &used, when).await {
        Ok(_) => Ok(Taken::Now(*pending)),
        Err(StoreError::Conflict) => {
            let way = Some(RestartPoint::of(&pending));
            Ok(Taken::Not(LoginError::StateReplayed, way))
        }
        Err(error) => Err(failed(error)),
    }
}

async fn check(
    logins: &Logins,
    query: &CallbackQuery,
    state_name: &str,
    at: &Arrival,
    pending: PendingLogin,
    account: Arc<Account>,
) -> Result<VerifiedCallback, LoginError> {
    if let Some(why) = at.refuses(&pending) {
        return Err(LoginError::StateMismatch(why));
    }
    let provider = match pending.trial.as_deref().and_then(Token::parse) {
        Some(id) => trial::provider(logins, &pending.account, &id).await?,
        None => {
            logins
                .provider(&pending.account, &pending.provider, Step::Callback)
                .await?
        }
    };
    if state_name != provider.authorization.state_key {
        return Err(LoginError::StateMismatch(
            "came under another name than the mapping's",
        ));
    }
    logins
        .check_issuer(&pending.account, &provider, query.get("iss"), at)
        .await?;
    let code = match params(&provider, query)? {
        CallbackParams::Code { code } => code,
        CallbackParams::Error { error } if is_refusal(&provider.callback.refusals, &error) => {
            return Err(LoginError::Denied);
        }
        CallbackParams::Error { error } => {
            return Err(LoginError::ProviderError {
                code: error_code(&error),
                description: query.get("error_description").map(words),
            });
        }
    };
    let parameters = callback_parameters(&provider, query)?;
    let values = callback_values(&provider, query);
    debug!(
        target: "vestibule::login",
        login = pending.id,
        account = %pending.account,
        provider = %pending.provider,
        "callback: the state is known and was not used before"
    );
    let (login, code_verifier) = Context::new(pending, account, provider);
    Ok(VerifiedCallback {
        login,
        code,
        code_verifier,
        parameters,
        values,
    })
}

/// The parameters that requests need; without them they can't be built.
fn callback_parameters(
    provider: &Provider,
    query: &CallbackQuery,
) -> Result<Vec<(String, String)>, LoginError> {
    let names = provider.token.callback_parameters.iter();
    names
        .map(|name| {
            let value = query.get(name).ok_or(LoginError::BadCallback(
                "lacks a parameter that a request hands on",
            ))?;
            Ok((name.clone(), value.to_owned()))
        })
        .collect()
}

/// The parameters whose values are mapped; any may be absent. One that is a JSON object
/// or array is read as that: Apple's `user` is.
fn callback_values(provider: &Provider, query: &CallbackQuery) -> Value {
    let names = provider.callback.values.iter();
    let read = |text: &str| -> Value {
        let json = text.trim_start().starts_with(['{', '[']);
        let value = json.then(|| decode(Format::Json, None, text.as_bytes()));
        match value {
            Some(Ok(decoded)) if !path::is_heavier(&decoded.value, path::INLINE_COST) => {
                decoded.value
            }
            _ => text.into(),
        }
    };
    let there = names.filter_map(|name| Some((name.clone(), read(query.get(name)?))));
    Value::Object(there.collect())
}

/// Whether an error says that there was none: some servers send one with every answer.
fn says_nothing(error: &str) -> bool {
    let word = error.trim().to_ascii_lowercase();
    matches!(
        word.as_str(),
        "" | "0" | "none" | "null" | "false" | "ok" | "success" | "no_error"
    )
}

fn params(provider: &Provider, query: &CallbackQuery) -> Result<CallbackParams, LoginError> {
    let code = query.code(&provider.callback.code_key);
    let error = query.get(&provider.callback.error_key);
    let error = error.filter(|error| !(code.is_some() && says_nothing(error)));
    match (code, error) {
        (Some(_), Some(_)) => Err(LoginError::BadCallback("has both a code and an error")),
        (Some(code), None) => Ok(CallbackParams::Code {
            code: AuthorizationCode::new(code),
        }),
        (None, Some(error)) => Ok(CallbackParams::Error {
            error: error.to_owned(),
        }),
        (None, None) if only_state(provider, query) => Err(LoginError::Denied),
        (None, None) => Err(LoginError::CodeMissing),
    }
}
