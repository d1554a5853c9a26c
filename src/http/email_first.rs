//! The email before the ways to log in: its domain chooses the provider, or the ways
//! follow.
//!
//! Nobody is looked up. What is answered hangs on the domain alone, so an address that
//! is known, one that is not, one of a domain that nobody verified and one of no domain
//! here get the same answer.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::site::Site;
use super::ways::{EmailField, login_page};
use super::{App, failure, redirect};
use crate::login::{LoginError, ReturnTo, Step};
use crate::provider::email::normalize;

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
    if let Some(provider) = site.account.login.ways.provider_of(&email) {
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
