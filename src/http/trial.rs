//! `trial`: a login with a draft, for whoever owns a test account.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::site::{Site, html};
use super::{Shared, failure, redirect};
use crate::base::ErrorCode;
use crate::login::trial;

/// `GET trial?ticket=…`: to the draft's provider. The link counts once.
pub(super) async fn begin(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let start = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let store = site
            .store()
            .ok_or_else(|| failure::coded(&app, &site, ErrorCode::LoginStoreMissing, None))?;
        let link = site.query.get("ticket").unwrap_or_default();
        let started = trial::begin(&app.logins, &site.account, store, link)
            .await
            .map_err(|error| failure::at_site(&app, &site, &error, None))?;
        Ok(redirect(StatusCode::FOUND, &started.location))
    };
    start.await.unwrap_or_else(|answer: Response| answer)
}

/// `GET trial-done?worked=true`
pub(super) async fn done(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match Site::read(&app, &account, &uri, &headers).await {
        Ok(site) => {
            let worked = site.query.get("worked") == Some("true");
            html(
                StatusCode::OK,
                app.pages.trial_done(&site.look(), site.lang, worked),
            )
        }
        Err(answer) => answer,
    }
}
