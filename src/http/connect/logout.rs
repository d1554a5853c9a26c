//! `logout`: an application sends a visitor who wants to log out (OpenID
//! Connect RP-Initiated Logout).

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::answer::{BrokerOrigin, page};
use super::authorize::query;
use crate::account;
use crate::authority::OAuthError;
use crate::authority::logout::LogoutRequest;
use crate::base::AccountId;
use crate::http::cookies::{self, Cookies, Kind};
use crate::http::pages::{Lang, LogoutForm};
use crate::http::site::{accept_language, html, look};
use crate::http::{App, Shared, redirect};
use crate::protocol::form::Pairs;
use crate::session::Session;

/// The parameter by which our own page says that the visitor was asked, and about
/// the session of which account.
const CONFIRMED: &str = "confirmed";

/// `GET /connect/logout`
pub(in crate::http) async fn ask(
    State(app): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = uri.query().unwrap_or_default();
    let done = match Pairs::parse(text) {
        Ok(form) => end(&app, &headers, &form, None).await,
        Err(error) => Err(OAuthError::request(error.to_string())),
    };
    done.unwrap_or_else(|error| page(&app, &headers, &error))
}

/// `POST /connect/logout`: the answer to our question, or an application's
/// request, which goes on as a GET.
pub(in crate::http) async fn posted(
    State(app): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let asked = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let confirmed = asked.get(CONFIRMED).filter(|_| from_us(&app, &headers));
    let done = if confirmed.is_some() {
        end(&app, &headers, &asked, confirmed).await
    } else {
        super::form(&headers, body).map(|form| {
            let location = format!("{}/connect/logout?{}", app.logins.public_url, query(&form));
            redirect(StatusCode::SEE_OTHER, &location)
        })
    };
    done.unwrap_or_else(|error| page(&app, &headers, &error))
}

async fn end(
    app: &App,
    headers: &HeaderMap,
    form: &Pairs,
    confirmed: Option<&str>,
) -> Result<Response, OAuthError> {
    let mut request = app.authority.logout_request(form).await?;
    let named = request.account.is_some();
    if !named {
        request.account = match confirmed.and_then(|id| id.parse().ok()) {
            None => signed_in(app, headers).await?,
            asked_about => asked_about,
        };
    }
    let Some(account) = &request.account else {
        return after(app, headers, &request).await;
    };
    let logins = &app.logins;
    let place = BrokerOrigin::read(app, account, headers)
        .await?
        .ok_or_else(|| OAuthError::request("there is no such account"))?;
    let mut answer = match &place.session {
        None => after(app, headers, &request).await?,
        Some((_, session)) if confirmed.is_none() && !request.knows(session) => {
            return question(app, headers, form, &request, session).await;
        }
        Some((token, session)) => {
            let done = done(app, &request, account);
            // Before it ends: the ID token goes with it.
            let elsewhere = logins.end_session(account, session, &done).await;
            app.end_session(account, token, session).await?;
            match elsewhere {
                Some(elsewhere) => redirect(StatusCode::SEE_OTHER, &elsewhere),
                // Who names no account means all of this browser, one after the other.
                None if !named && signed_in(app, headers).await?.is_some() => redirect(
                    StatusCode::SEE_OTHER,
                    &format!("{}/connect/logout?{}", logins.public_url, unasked(form)),
                ),
                None => after(app, headers, &request).await?,
            }
        }
    };
    for kind in [Kind::Session, Kind::Browser] {
        answer.headers_mut().append(
            header::SET_COOKIE,
            cookies::clear(kind, account, &place.store),
        );
    }
    Ok(answer)
}

/// The account that this browser is signed in to, where the request names none;
/// of several the first.
async fn signed_in(app: &App, headers: &HeaderMap) -> Result<Option<AccountId>, OAuthError> {
    let jar = Cookies::read(headers).map_err(|error| OAuthError::request(error.to_string()))?;
    for account in jar.accounts() {
        let place = BrokerOrigin::read(app, &account, headers).await?;
        if place.is_some_and(|place| place.session.is_some()) {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// The application's own request again.
fn unasked(form: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form.iter().filter(|(name, _)| *name != CONFIRMED))
        .finish()
}

/// Where the provider sends the browser once its own session is over.
fn done(app: &App, request: &LogoutRequest, account: &AccountId) -> String {
    let own = || format!("{}/accounts/{account}/signed-out", app.logins.public_url);
    request.then.clone().unwrap_or_else(own)
}

/// Where the browser goes when all is done.
async fn after(
    app: &App,
    headers: &HeaderMap,
    request: &LogoutRequest,
) -> Result<Response, OAuthError> {
    if let Some(then) = &request.then {
        return Ok(redirect(StatusCode::SEE_OTHER, then));
    }
    let (look, lang) = looks(app, headers, request).await?;
    let again = request
        .account
        .as_ref()
        .map(|account| format!("/accounts/{account}/login"));
    Ok(html(
        StatusCode::OK,
        app.pages.signed_out(&look, lang, again.as_deref()),
    ))
}

/// "Do you want to sign out?", as any page can send a visitor here.
async fn question(
    app: &App,
    headers: &HeaderMap,
    form: &Pairs,
    request: &LogoutRequest,
    session: &Session,
) -> Result<Response, OAuthError> {
    let (look, lang) = looks(app, headers, request).await?;
    let mut redirects: Vec<String> = request.then.iter().cloned().collect();
    if let Some(account) = &request.account {
        let done = done(app, request, account);
        redirects.extend(app.logins.end_session(account, session, &done).await);
    }
    let about = request.account.as_ref().map(AccountId::as_str);
    let about = about.unwrap_or_default();
    let asked = LogoutForm {
        action: format!("/connect/logout?{CONFIRMED}={about}&{}", unasked(form)),
        return_to: None,
        user: Some(session.email.clone()),
        stay_href: request.then.clone(),
        redirects,
    };
    Ok(html(
        StatusCode::OK,
        app.pages.logout_confirm(&look, lang, &asked),
    ))
}

async fn looks(
    app: &App,
    headers: &HeaderMap,
    request: &LogoutRequest,
) -> Result<(crate::http::pages::Look, Lang), OAuthError> {
    let lang = Lang::choose(None, accept_language(headers));
    let found = match &request.account {
        Some(account) => account::get(&*app.logins.store, account).await?,
        None => None,
    };
    Ok((
        found
            .map(|found| look(app, &found.value))
            .unwrap_or_default(),
        lang,
    ))
}

/// Whether a POST comes from a page of ours. Our pages send no referrer, and
/// some browsers then send `null` as the origin.
fn from_us(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("null"))
    };
    match text(header::ORIGIN) {
        Some(origin) if origin != "null" => origin == app.logins.public_url,
        _ => matches!(
            text(header::HeaderName::from_static("sec-fetch-site")),
            Some("same-origin" | "none") | None
        ),
    }
}
