//! The email before the ways to log in: its domain chooses the provider, or the ways
//! follow.
//!
//! Nobody is looked up. What is answered hangs on the domain alone, so an address that
//! is known, one that is not, one of a domain that nobody verified or proved and one of no domain
//! here get the same answer.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::site::Site;
use super::ways::{EmailField, login_page};
use super::{App, failure, redirect};
use crate::account::domain_proof;
use crate::base::ProviderId;
use crate::login::{LoginError, ReturnTo, Step};
use crate::provider::email::normalize;
use crate::store::StoreError;

/// `POST login` with an email and nothing else.
pub(super) async fn to_ways(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    return_to: &ReturnTo,
    typed: &str,
) -> Result<Response, Response> {
    let fail = |error: LoginError| failure::at_start(app, site, &error, return_to);
    let Ok(email) = normalize(typed.trim()) else {
        let field = EmailField {
            typed,
            wrong: Some(&LoginError::AddressInvalid),
            known: false,
        };
        let page = login_page(app, site, headers, return_to, field).await;
        return page.map_err(fail);
    };
    let provider = leads_to(app, site, &email).await;
    if let Some(provider) = provider.map_err(Step::Start.store()).map_err(fail)? {
        let mapping = app.logins.mappings.get(&site.account.id, provider).await;
        if mapping
            .map_err(Step::Start.store())
            .map_err(fail)?
            .is_some()
        {
            let to = format!(
                "login?provider={provider}&lang={}&return_to={}&login_hint={}",
                site.lang.tag(),
                failure::encode(return_to.as_str()),
                failure::encode(&email)
            );
            return Ok(redirect(StatusCode::SEE_OTHER, &to));
        }
    }
    let field = EmailField {
        typed: &email,
        wrong: None,
        known: true,
    };
    let page = login_page(app, site, headers, return_to, field).await;
    page.map_err(fail)
}

/// The provider to which an email leads: that of its domain, if who administers all
/// accounts verified it, or the account's people proved it by DNS.
async fn leads_to<'a>(
    app: &App,
    site: &'a Site,
    email: &str,
) -> Result<Option<&'a ProviderId>, StoreError> {
    let Some(domain) = site.account.login.ways.domain_of(email) else {
        return Ok(None);
    };
    if domain.verified {
        return Ok(Some(&domain.provider));
    }
    let (store, now) = (&*app.logins.store, app.logins.clock.now());
    let proved = domain_proof::is_proved(store, &site.account.id, &domain.domain, now).await?;
    Ok(proved.then_some(&domain.provider))
}
