//! `trial`: a login with a draft, for whoever owns a test account.

use std::fmt::Write as _;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::login::given;
use super::site::{Site, html};
use super::{Shared, failure, redirect};
use crate::base::ErrorCode;
use crate::login::trial;

/// `GET trial?ticket=…`: what the link is for, and another that begins. Whoever only
/// looks at links, as mail scanners do, uses nothing up (threat F22).
///
/// `GET trial?ticket=…&go=true`: to the draft's provider. That counts once.
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
        if site.query.get("go") != Some("true") {
            let mut go = format!("?ticket={}&go=true", failure::encode(link));
            for (name, value) in given(&site) {
                if !matches!(name.as_str(), "ticket" | "go") {
                    let (name, value) = (failure::encode(&name), failure::encode(&value));
                    let _ = write!(go, "&{name}={value}");
                }
            }
            let page = app.pages.trial_ask(&site.look(), site.lang, &go);
            return Ok(html(StatusCode::OK, page));
        }
        let started = trial::begin(&app.logins, &site.account, store, link, &given(&site))
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
