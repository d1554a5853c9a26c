//! Who is logged in at the account whose storefront asks for tokens by the grant
//! `external_sign_in`.

use std::sync::Arc;

use axum::http::HeaderMap;

use crate::authority::{Grant, OAuthError};
use crate::base::AccountId;
use crate::http::App;
use crate::http::cookies::{self, Cookies, Kind};
use crate::http::site::from_page_at;
use crate::protocol::form::Pairs;
use crate::session::Session;

/// The session of the browser, if the grant asks for one and the request comes from a
/// page of the account's own.
pub(super) async fn session(
    app: &App,
    headers: &HeaderMap,
    account: Option<&AccountId>,
    form: &Pairs,
) -> Result<Option<(AccountId, Arc<Session>)>, OAuthError> {
    if form.get("grant_type") != Some(Grant::ExternalSignIn.as_str()) {
        return Ok(None);
    }
    let jar = Cookies::read(headers).map_err(|error| OAuthError::request(error.to_string()))?;
    let named = form.get("storeId").or_else(|| form.get("account"));
    let named = named.and_then(|name| name.to_ascii_lowercase().parse().ok());
    let accounts = match account.cloned().or(named) {
        Some(account) => vec![account],
        None => jar.accounts().collect(),
    };
    let logins = &app.logins;
    for id in accounts {
        let Some(account) = logins.accounts.get(&id).await? else {
            continue;
        };
        let stores = account.stores.iter().map(|store| store.origin.as_str());
        let mut origins = stores.chain([logins.public_url.as_str()]);
        if !origins.any(|origin| from_page_at(origin, headers)) {
            continue;
        }
        for https in [true, false] {
            let Some(token) = jar.only(&cookies::name(Kind::Session, &id, https)) else {
                continue;
            };
            let sessions = &logins.sessions;
            let found = sessions
                .find(&*logins.store, &id, token, logins.now())
                .await?;
            if let Some(session) = found {
                return Ok(Some((id, session)));
            }
        }
    }
    Ok(None)
}
