//! `applications`: which applications a shopper allowed what, and an end to it.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use tracing::info;

use super::pages::Allowed;
use super::posted::form;
use super::session::current;
use super::site::{Site, from_page_at, html};
use super::{App, Shared, failure, redirect};
use crate::authority::consent;
use crate::authority::{Applications, ClientId};
use crate::base::ErrorCode;
use crate::session::Session;
use crate::store::StoreError;

/// The most applications on the page.
const MOST: usize = 200;

/// `GET applications`
pub(super) async fn list(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let listed = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        match current(&app, &site, &headers).await? {
            Some((_, session)) => page(&app, &site, &session).await,
            None => Ok(to_login(&app, &site)),
        }
    };
    listed.await.unwrap_or_else(|answer: Response| answer)
}

fn to_login(app: &App, site: &Site) -> Response {
    let Some(store) = site.store() else {
        return failure::coded(app, site, ErrorCode::LoginStoreMissing, None);
    };
    let own = failure::encode(&store.url("applications"));
    redirect(StatusCode::SEE_OTHER, &format!("login?return_to={own}"))
}

async fn page(app: &App, site: &Site, session: &Session) -> Result<Response, Response> {
    let failed = |error: StoreError| failure::store(app, site.lang, &error);
    let store = &*app.logins.store;
    let id = &site.account.id;
    let found = consent::page(store, id, Some(session.user), None, MOST)
        .await
        .map_err(failed)?;
    let mut all = Vec::new();
    for (_, consent) in found {
        let application = Applications::get(store, &consent.client_id).await;
        // What was removed has nothing any more.
        let Some(application) = application.map_err(failed)? else {
            continue;
        };
        all.push(Allowed {
            client_id: consent.client_id.to_string(),
            application: application.value.name,
            scopes: consent.scopes.iter().map(str::to_owned).collect(),
        });
    }
    let page = app
        .pages
        .allowed(&site.look(), site.lang, &session.email, &all);
    Ok(html(StatusCode::OK, page))
}

/// `POST applications`: takes one consent back; what it gave ends.
pub(super) async fn withdraw(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let form = form(&app, &site, &body)?;
        let bad = || failure::coded(&app, &site, ErrorCode::RequestBad, None);
        let here = site.here.as_ref().map(|store| store.origin.as_str());
        let origin = here.unwrap_or(&app.logins.public_url);
        if !from_page_at(origin, &headers) {
            return Err(bad());
        }
        let Some((_, session)) = current(&app, &site, &headers).await? else {
            return Ok(to_login(&app, &site));
        };
        let client_id: ClientId = form
            .get("application")
            .and_then(|id| id.parse().ok())
            .ok_or_else(bad)?;
        let id = &site.account.id;
        let had = app
            .authority
            .withdraw_consent(id, session.user, &client_id)
            .await
            .map_err(|error| failure::store(&app, site.lang, &error))?;
        info!(account = %id, user = %session.user, %client_id, had, "a consent is withdrawn");
        Ok(redirect(StatusCode::SEE_OTHER, "applications"))
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}
