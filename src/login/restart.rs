//! The way back to a new login after one that failed.

use std::sync::Arc;

use super::error::{LoginError, Step};
use super::pending::{RestartPoint, read_state};
use super::{Logins, ReturnTo};
use crate::account::{Account, StoreFront};
use crate::base::{AccountId, ProviderId, random};
use crate::protocol::form::MAX_PAIRS;
use crate::store::Token;

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
    /// The provider, where it is known.
    pub provider: Option<ProviderId>,
    /// The trial it was the login of.
    pub trial: Option<Token>,
    /// It was an operator's, to the console.
    pub console: bool,
    /// The trace that it began in.
    pub trace: Option<String>,
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

/// The way to a new login like one that was begun before.
pub(super) async fn restart_from_login(
    logins: &Logins,
    way: RestartPoint,
) -> Result<Result<Box<Restart>, LoginError>, LoginError> {
    let gone = |what| Ok(Err(LoginError::StateMismatch(what)));
    let found = logins
        .accounts
        .get(&way.account)
        .await
        .map_err(Step::Callback.store())?;
    let Some(account) = found else {
        return gone("belongs to an account that is gone");
    };
    let Some(store) = account.storefront_at(&way.store, &logins.public_url) else {
        return gone("belongs to a store that is gone");
    };
    Ok(Ok(Box::new(Restart {
        id: way.id,
        provider: way.provider,
        account,
        trial: None,
        trace: None,
        console: way.console,
        store,
        return_to: ReturnTo::stored(way.return_to),
    })))
}

/// The way to a new login on an account's first store, where nothing is known
/// of the one before. A store that fails now only costs the link.
pub(super) async fn restart_from_store(
    logins: &Logins,
    account: Option<&AccountId>,
) -> Option<Box<Restart>> {
    let account = logins.accounts.get(account?).await.ok()??;
    let store = account.stores.first()?.clone();
    Some(Box::new(Restart {
        id: random::support_id(),
        provider: None,
        return_to: ReturnTo::stored(store.home()),
        account,
        store,
        trial: None,
        trace: None,
        console: false,
    }))
}

/// The way to a new login after a callback whose parameters
/// [`CallbackQuery::parse`](super::callback::CallbackQuery::parse) refused.
pub async fn restart_of(
    logins: &Logins,
    text: &str,
    on: Option<&AccountId>,
) -> Option<Box<Restart>> {
    let named = form_urlencoded::parse(text.as_bytes())
        .take(MAX_PAIRS)
        .find_map(|(_, value)| read_state(&value));
    restart_from_store(logins, on.or(named.as_ref().map(|(_, account)| account))).await
}
