//! `GET …/logo/{file}`: the logo that the broker keeps for an account.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use super::{App, failure};
use crate::account::logo;
use crate::base::{AccountId, ErrorCode};

/// A drawing that is opened by itself is a document of this origin: it may do nothing
/// (CSP 3, `sandbox`), whatever it has in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
/// The address of another picture is another one.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The address of one before, as messages have it: the picture of now, asked for anew.
const NOW: &str = "no-cache";

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path((account, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let nothing = || failure::plain(&app, &headers, ErrorCode::RequestNotFound);
    let Ok(id) = account.parse::<AccountId>() else {
        return nothing();
    };
    let found = match app.logins.accounts.get(&id).await {
        // Of an account that was removed nothing is left to show.
        Ok(Some(account)) if account.logo.is_some() => logo::get(&*app.logins.store, &id).await,
        Ok(_) => return nothing(),
        Err(error) => Err(error),
    };
    let logo = match found {
        Ok(Some(logo)) => logo,
        Ok(None) => return nothing(),
        Err(error) => {
            let lang = super::pages::Lang::choose(None, super::site::accept_language(&headers));
            return failure::store(&app, lang, &error);
        }
    };
    let lasts = if logo.mark().file() == file {
        FOR_EVER
    } else {
        NOW
    };
    let told: [(HeaderName, HeaderValue); 4] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(logo.kind().content_type()),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static(lasts)),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        // Pages at the stores' own addresses show it.
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ),
    ];
    let body = if method == Method::HEAD {
        Vec::new()
    } else {
        logo.into_bytes()
    };
    (told, body).into_response()
}
