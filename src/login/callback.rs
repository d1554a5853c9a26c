//! The second step: the provider sends the browser back.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::error::LoginError;
use super::pending::{LOGINS, PendingLogin, USED_STATES};
use super::{Logins, ReturnTo};
use crate::account::{Account, StoreFront};
use crate::base::{AccountId, Secret, Timestamp};
use crate::protocol::form::{FormError, Pairs};
use crate::provider::Provider;
use crate::store::{Precondition, Token};

/// How far from now the date in a state can be.
const NEAR: Duration = Duration::from_secs(48 * 3600);

/// The parameters of an authorization response, as they came.
pub struct CallbackQuery(Pairs);

impl CallbackQuery {
    /// Reads a query string or a posted form.
    ///
    /// # Errors
    /// If a parameter is there twice (RFC 6749 §3.1), or it can't be read.
    pub fn parse(text: &str) -> Result<Self, LoginError> {
        match Pairs::parse(text) {
            Ok(pairs) => Ok(Self(pairs)),
            Err(FormError::Duplicate) => Err(LoginError::DuplicateParameter),
            Err(_) => Err(LoginError::BadCallback("cannot be read")),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// The parameter that holds a state. Its name is the mapping's choice, and
    /// the mapping is found by it, so where there is no `state`, a value that
    /// has the form of one is taken.
    fn state(&self, now: Timestamp) -> Option<(&str, Option<Token>)> {
        if let Some(text) = self.get("state") {
            return Some(("state", Token::parse(text)));
        }
        self.0.iter().find_map(|(name, value)| {
            let token = Token::parse(value)?;
            // A code of the same form has no believable date in it.
            let near =
                token.expires_at().since(now) <= NEAR && now.since(token.expires_at()) <= NEAR;
            near.then_some((name, Some(token)))
        })
    }
}

/// What the provider answered.
enum CallbackParams {
    Code { code: Secret },
    Error { error: String },
}

/// A callback that belongs to a login of ours, was used once, and has a code.
pub struct VerifiedCallback {
    pub(super) login: Context,
    pub(super) code: Secret,
    pub(super) code_verifier: Secret,
    pub(super) nonce: Option<String>,
    pub(super) redirect_uri: String,
}

/// Which login it is; travels along all further steps.
pub struct Context {
    pub(super) id: String,
    pub(super) account: Arc<Account>,
    pub(super) provider: Arc<Provider>,
    pub(super) pending: Origin,
}

/// Where a login came from.
pub(super) struct Origin {
    pub store: String,
    pub return_to: String,
    pub browser: super::pending::BrowserDigest,
    pub started_at: Timestamp,
}

impl Context {
    /// The id under which the log and the pages speak of this login.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The account.
    pub fn account(&self) -> &AccountId {
        &self.account.id
    }

    pub(super) fn lane(&self) -> String {
        super::lane(self.account.id.as_str(), self.provider.id.as_str())
    }
}

/// Where a shopper can start again after a failure.
#[derive(Debug, Clone)]
pub struct Restart {
    /// The login's id: the support id of the page.
    pub id: String,
    /// The account.
    pub account: Arc<Account>,
    /// The store it began on.
    pub store: StoreFront,
    /// The page that was asked for.
    pub return_to: ReturnTo,
}

/// A failure, with the way back where the login is known.
pub struct Failed {
    /// What went wrong.
    pub error: LoginError,
    /// The way back.
    pub restart: Option<Box<Restart>>,
}

impl From<LoginError> for Failed {
    fn from(error: LoginError) -> Self {
        Self {
            error,
            restart: None,
        }
    }
}

/// Takes the pending login and checks that the callback belongs to it.
///
/// `on` is the account whose own callback address was called; `None` for the
/// fixed one.
pub async fn verify(
    logins: &Logins,
    query: CallbackQuery,
    on: Option<&AccountId>,
) -> Result<(VerifiedCallback, Restart), Failed> {
    let (state_name, token) = query.state(logins.now()).ok_or_else(|| refused(&query))?;
    let token = token.ok_or(LoginError::StateUnknown)?;
    let pending = take(logins, &token).await?;
    let account = logins
        .accounts
        .get(&pending.account)
        .await
        .map_err(LoginError::Store)?
        .ok_or(LoginError::StateMismatch(
            "belongs to an account that is gone",
        ))?;
    let store = account
        .store_at(&pending.store)
        .cloned()
        .ok_or(LoginError::StateMismatch("belongs to a store that is gone"))?;
    let restart = Restart {
        id: pending.id.clone(),
        account: Arc::clone(&account),
        store,
        return_to: ReturnTo::stored(pending.return_to.clone()),
    };
    match check(logins, &query, state_name, on, pending, account).await {
        Ok(verified) => Ok((verified, restart)),
        Err(error) => Err(Failed {
            error,
            restart: Some(Box::new(restart)),
        }),
    }
}

/// A callback without any state: some providers send one when consent is denied.
fn refused(query: &CallbackQuery) -> LoginError {
    match query.get("error") {
        Some("access_denied") if query.get("code").is_none() => LoginError::Denied,
        _ => LoginError::StateMissing,
    }
}

async fn take(logins: &Logins, token: &Token) -> Result<PendingLogin, LoginError> {
    let store = &*logins.store;
    let now = logins.now();
    if now >= token.expires_at() {
        return Err(LoginError::StateExpired);
    }
    if let Some(pending) = LOGINS.take_by(store, "", token).await? {
        // Nobody else took it, so nobody else writes this; and what is known to
        // be new needs no look first.
        USED_STATES
            .put_by(store, "", token, &(), Precondition::Absent)
            .await?;
        return Ok(pending);
    }
    match USED_STATES.get_by(store, "", token).await? {
        Some(_) => Err(LoginError::StateReplayed),
        None => Err(LoginError::StateUnknown),
    }
}

async fn check(
    logins: &Logins,
    query: &CallbackQuery,
    state_name: &str,
    on: Option<&AccountId>,
    pending: PendingLogin,
    account: Arc<Account>,
) -> Result<VerifiedCallback, LoginError> {
    if on.is_some_and(|on| *on != pending.account) {
        return Err(LoginError::StateMismatch("belongs to another account"));
    }
    let provider = logins
        .mappings
        .provider(&pending.account, &pending.provider)
        .await?
        .ok_or(LoginError::UnknownProvider)?
        .map_err(|findings| misconfigured(&findings))?;
    if state_name != provider.authorization.state_key {
        return Err(LoginError::StateMismatch(
            "came under another name than the mapping's",
        ));
    }
    logins
        .check_issuer(&pending.account, &provider, query.get("iss"))
        .await?;
    let code = match params(&provider, query)? {
        CallbackParams::Code { code } => code,
        CallbackParams::Error { error } if error == "access_denied" => {
            return Err(LoginError::Denied);
        }
        CallbackParams::Error { error } => return Err(LoginError::ProviderError(error)),
    };
    info!(
        target: "vestibule::login",
        login = pending.id,
        account = %pending.account,
        provider = %pending.provider,
        "callback: the state is known and was not used before"
    );
    Ok(VerifiedCallback {
        login: Context {
            id: pending.id,
            account,
            provider,
            pending: Origin {
                store: pending.store,
                return_to: pending.return_to,
                browser: pending.browser,
                started_at: pending.started_at,
            },
        },
        code,
        code_verifier: Secret::new(pending.code_verifier),
        nonce: pending.nonce,
        redirect_uri: pending.redirect_uri,
    })
}

fn params(provider: &Provider, query: &CallbackQuery) -> Result<CallbackParams, LoginError> {
    let code = query.get(&provider.callback.code_key);
    let error = query.get(&provider.callback.error_key);
    match (code, error) {
        (Some(_), Some(_)) => Err(LoginError::BadCallback("has both a code and an error")),
        (Some(code), None) => Ok(CallbackParams::Code {
            code: Secret::new(code),
        }),
        (None, Some(error)) => Ok(CallbackParams::Error {
            error: error_code(error),
        }),
        (None, None) => Err(LoginError::CodeMissing),
    }
}

/// A provider's error code, fit for a log line (RFC 6749 §4.1.2.1 has its characters).
pub(super) fn error_code(text: &str) -> String {
    text.chars()
        .take(100)
        .map(|c| {
            if (' '..='~').contains(&c) && c != '"' && c != '\\' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// The first finding of a mapping that no longer compiles.
pub(crate) fn misconfigured(findings: &[crate::document::Finding]) -> LoginError {
    let first = findings.iter().find(|finding| finding.is_error());
    LoginError::Misconfigured(
        first.map_or_else(String::new, |f| format!("{}: {}", f.key, f.message)),
    )
}
