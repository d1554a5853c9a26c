//! A login with an access token that a program of the account's got at the provider
//! itself, as an app on a phone does: VTEX ID's token exchange.
//!
//! An access token says nothing of the program that it was issued to, so whoever can
//! have the provider issue one to a program of their own could be anybody here. Only a
//! provider counts whose mapping says `access.token_exchange`.

use std::sync::Arc;

use super::context::{Context, Origin};
use super::error::{LoginError, Step};
use super::exchange::TokenResponse;
use super::identify::{Identity, identify};
use super::pending::Browser;
use super::userinfo::fetch;
use super::{Logins, ReturnTo};
use crate::account::{Account, StoreFront};
use crate::base::{ProviderId, Secret};
use crate::provider::trace::Trace;

/// Asks the provider whose the token is, and issues a ticket to that person.
///
/// # Errors
/// If the account does not take tokens of this provider, or the provider does not say
/// who it is.
pub async fn take(
    logins: &Logins,
    account: &Arc<Account>,
    store: &StoreFront,
    provider: &ProviderId,
    access_token: Secret,
    browser: &Browser,
) -> Result<Identity, LoginError> {
    let provider = logins.provider(&account.id, provider, Step::Start).await?;
    if !provider.access.token_exchange {
        return Err(LoginError::UnknownProvider);
    }
    let home = ReturnTo::parse(None, account, store);
    let (home, _) = home.map_err(|_| LoginError::UnknownProvider)?;
    let redirect_uri = logins.mappings.redirect_uri(&account.id, &provider);
    let origin = Origin {
        store: store.origin.clone(),
        return_to: home.as_str().to_owned(),
        browser: browser.digest(),
        started_at: logins.now(),
        console: false,
    };
    let login = Context::of_token(Arc::clone(account), provider, redirect_uri, origin);
    let token = TokenResponse::taken(login, access_token);
    let identified = fetch(logins, token, &mut Trace::off()).await?;
    identify(logins, identified, Vec::new()).await
}
