//! `logout`: asks first, so that no other page can log a shopper out.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::cookies::{self, Kind};
use super::pages::LogoutForm;
use super::problem::Problem;
use super::session::current;
use super::site::{Site, html};
use super::{App, Shared, failure, redirect};
use crate::account::StoreFront;
use crate::base::ErrorCode;
use crate::login::ReturnTo;
use crate::protocol::form::Pairs;

/// `GET logout`: the question.
pub(super) async fn ask(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let question = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let asked = site.query.get("return_to");
        let (return_to, store) = target(&app, &site, asked)?;
        let found = current(&app, &site, &headers).await?;
        let user = found.as_ref().map(|(_, session)| session.email.clone());
        let mut redirects: Vec<String> = site.account.stores.iter().map(StoreFront::home).collect();
        if let Some((_, session)) = &found {
            let (account, back) = (&site.account.id, return_to.as_str());
            redirects.extend(app.logins.end_session(account, session, back).await);
        }
        let form = LogoutForm {
            action: "logout".to_owned(),
            return_to: asked.map(|_| return_to.as_str().to_owned()),
            user,
            stay_href: Some(asked.map_or_else(|| store.home(), |_| return_to.as_str().to_owned())),
            redirects,
        };
        Ok(html(
            StatusCode::OK,
            app.pages.logout_confirm(&site.look(), site.lang, &form),
        ))
    };
    question.await.unwrap_or_else(|answer: Response| answer)
}

/// `POST logout`: the answer.
pub(super) async fn logout(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    end(&app, &account, &uri, &headers, &body)
        .await
        .unwrap_or_else(|answer| answer)
}

async fn end(
    app: &App,
    account: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Response> {
    let site = Site::read(app, account, uri, headers).await?;
    let asker = asker(app, &site, headers);
    if asker == Asker::Foreign {
        return Err(Problem::new(
            ErrorCode::LogoutCrossSite,
            "a logout comes from a page of the store; send the browser to `GET logout`",
        )
        .into_response());
    }
    let form = std::str::from_utf8(body)
        .ok()
        .and_then(|text| Pairs::parse(text).ok());
    let asked = site
        .query
        .get("return_to")
        .or_else(|| form.as_ref().and_then(|form| form.get("return_to")));
    let (return_to, store) = target(app, &site, asked)?;
    if asker == Asker::OtherStore {
        let mut question = "logout".to_owned();
        if asked.is_some() {
            question = format!("logout?return_to={}", failure::encode(return_to.as_str()));
        }
        return Ok(redirect(StatusCode::SEE_OTHER, &question));
    }
    let done = match asked {
        Some(_) => return_to.as_str().to_owned(),
        None => store.url("signed-out"),
    };
    let mut location = done.clone();
    if let Some((token, session)) = current(app, &site, headers).await? {
        let logins = &app.logins;
        // Before it ends: the ID token goes with it.
        if let Some(elsewhere) = logins.end_session(&site.account.id, &session, &done).await {
            location = elsewhere;
        }
        app.end_session(&site.account.id, &token, &session)
            .await
            .map_err(|error| failure::store(app, site.lang, &error))?;
    }
    let mut answer = redirect(StatusCode::SEE_OTHER, &location);
    for kind in [Kind::Session, Kind::Browser] {
        answer.headers_mut().append(
            header::SET_COOKIE,
            cookies::clear(kind, &site.account.id, store),
        );
    }
    Ok(answer)
}

fn target<'a>(
    app: &App,
    site: &'a Site,
    asked: Option<&str>,
) -> Result<(ReturnTo, &'a StoreFront), Response> {
    let store = site
        .store()
        .ok_or_else(|| failure::coded(app, site, ErrorCode::LoginStoreMissing, None))?;
    let (return_to, _) = ReturnTo::parse(asked, &site.account, store)
        .map_err(|_| failure::coded(app, site, ErrorCode::LogoutReturnToInvalid, None))?;
    Ok((return_to, store))
}

/// Whose page sent a logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// One of the store's that the browser is logged in at, or ours.
    Own,
    /// One of another store of the account: the shopper is asked (threat F29).
    OtherStore,
    /// One of somebody else.
    Foreign,
}

/// Whose page sent a POST. Browsers name the page's origin; programs that don't are
/// not browsers and have no cookies.
fn asker(app: &App, site: &Site, headers: &HeaderMap) -> Asker {
    let text = |name: header::HeaderName| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("null"))
    };
    let fetched = text(header::HeaderName::from_static("sec-fetch-site"));
    let elsewhere = matches!(fetched, Some("cross-site" | "same-site"));
    match text(header::ORIGIN) {
        Some(origin) if origin != "null" => {
            let own = match &site.here {
                Some(here) => here.origin == origin,
                None if site.at_broker => app.logins.public_url == origin,
                // A proxy hides the store's host, and the browser knows.
                None => site.account.store_at(origin).is_some() && !elsewhere,
            };
            match site.account.store_at(origin) {
                _ if own => Asker::Own,
                Some(_) => Asker::OtherStore,
                None => Asker::Foreign,
            }
        }
        // Our own pages send no referrer, and some browsers then send `null`.
        _ if elsewhere => Asker::Foreign,
        _ => Asker::Own,
    }
}

/// `GET signed-out`
pub(super) async fn signed_out(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match Site::read(&app, &account, &uri, &headers).await {
        Ok(site) => html(
            StatusCode::OK,
            app.pages.signed_out(&site.look(), site.lang, Some("login")),
        ),
        Err(answer) => answer,
    }
}
