//! `logout`: an application sends a visitor who wants to log out (OpenID
//! Connect RP-Initiated Logout).

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use tracing::info;

use super::authorize::{BrokerOrigin, page, query};
use crate::account;
use crate::authority::OAuthError;
use crate::authority::logout::LogoutRequest;
use crate::base::AccountId;
use crate::http::cookies::{self, Kind};
use crate::http::logout::idp_logout;
use crate::http::pages::{Lang, LogoutForm};
use crate::http::site::{accept_language, html, look};
use crate::http::{App, Shared, redirect};
use crate::protocol::form::Pairs;
use crate::session::Session;

/// The parameter by which our own page says that the visitor was asked.
const CONFIRMED: &str = "confirmed";

/// `GET /connect/logout`
pub(in crate::http) async fn ask(
    State(app): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let text = uri.query().unwrap_or_default();
    let done = match Pairs::parse(text) {
        Ok(form) => end(&app, &headers, &form, false).await,
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
    let done = if asked.get(CONFIRMED).is_some() && from_us(&app, &headers) {
        end(&app, &headers, &asked, true).await
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
    confirmed: bool,
) -> Result<Response, OAuthError> {
    let request = app.authority.logout_request(form).await?;
    let Some(account) = &request.account else {
        return match &request.then {
            Some(then) => Ok(redirect(StatusCode::SEE_OTHER, then)),
            None => Err(OAuthError::request(
                "send `id_token_hint` or `client_id`, so that the account is known",
            )),
        };
    };
    let logins = &app.logins;
    let place = BrokerOrigin::read(app, account, headers)
        .await?
        .ok_or_else(|| OAuthError::request("there is no such account"))?;
    let mut answer = match &place.session {
        None => after(app, headers, &request).await?,
        Some((_, session)) if !confirmed && !request.knows(session) => {
            return question(app, headers, form, &request, session).await;
        }
        Some((token, session)) => {
            logins
                .sessions
                .revoke(&*logins.store, account, token, logins.now())
                .await?;
            app.authority.session_ended(account, session).await?;
            info!(account = %account, user = %session.user, "logout: the session is revoked");
            match idp_logout(app, account, session, &done(app, &request, account)).await {
                Some(elsewhere) => redirect(StatusCode::SEE_OTHER, &elsewhere),
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
    let account = request.account.as_ref().map(ToString::to_string);
    let again = format!("/accounts/{}/login", account.unwrap_or_default());
    Ok(html(
        StatusCode::OK,
        app.pages.signed_out(&look, lang, &again),
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
        redirects.extend(idp_logout(app, account, session, &done).await);
    }
    let asked = LogoutForm {
        action: format!("/connect/logout?{CONFIRMED}=1&{}", query(form)),
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
        found.map(|found| look(&found.value)).unwrap_or_default(),
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
