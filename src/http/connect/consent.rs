//! The question before an application of others gets what it asks for (OpenID Connect
//! Core §3.1.2.4), and its answer.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use tracing::info;

use super::answer::{BrokerOrigin, expired, page, send};
use super::form;
use super::waiting::suspend;
use crate::account;
use crate::authority::authorize::Authorization;
use crate::authority::{Application, Code, OAuthError};
use crate::base::digest;
use crate::http::cookies::{self, Kind};
use crate::http::pages::{Ask, Lang};
use crate::http::site::{accept_language, from_page_at, html, look};
use crate::http::{App, Shared};
use crate::login::pending::Browser;
use crate::session::Session;

/// What shows that who answers saw the question, in this session.
fn proof(session: &str, request: &str) -> String {
    digest::sha256_base64url(format!("consent\n{session}\n{request}").as_bytes())
}

/// Asks who is logged in; the request waits for the answer.
pub(super) async fn ask(
    app: &App,
    from: Option<IpAddr>,
    headers: &HeaderMap,
    place: BrokerOrigin,
    request: Authorization,
    application: &Application,
) -> Result<Response, OAuthError> {
    let Some((token, session)) = &place.session else {
        return Err(expired());
    };
    let account_id = request.account.clone();
    let preferred = request.ui_locales.as_deref();
    let preferred = preferred.and_then(|all| all.split(' ').next());
    let lang = Lang::choose(preferred, accept_language(headers));
    let scopes = request.asks(application);
    let browser = Browser::beginning(place.browser, place.store.is_https());
    let waiting = suspend(app, from, request, browser.newest()).await?;
    let found = account::get(&*app.logins.store, &account_id).await?;
    let look = found
        .map(|found| look(app, &found.value))
        .unwrap_or_default();
    let question = Ask {
        application: application.name.clone(),
        user: session.email.clone(),
        scopes: scopes.iter().map(str::to_owned).collect(),
        user_code: None,
        action: "/connect/authorize/consent".to_owned(),
        fields: vec![
            ("request", waiting.as_str().to_owned()),
            ("proof", proof(token, waiting.as_str())),
        ],
        elsewhere: true,
    };
    let mut answer = html(StatusCode::OK, app.pages.ask(&look, lang, &question));
    let lifetime = app.logins.lifetime;
    answer.headers_mut().append(
        header::SET_COOKIE,
        cookies::set(
            Kind::Browser,
            &account_id,
            &place.store,
            browser.as_str(),
            lifetime,
        ),
    );
    Ok(answer)
}

/// `POST /connect/authorize/consent`
pub(super) async fn answered(
    State(app): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let result = async {
        let form = form(&headers, body)?;
        if !from_page_at(&app.logins.public_url, &headers) {
            return Err(OAuthError::request("the form is not of our page"));
        }
        let token = form.get("request").unwrap_or_default();
        let waiting = app.authority.waiting(token).await?.ok_or_else(expired)?;
        let place = BrokerOrigin::read(&app, &waiting.account, &headers)
            .await?
            .ok_or_else(expired)?;
        let (cookie, session) = place.session.as_ref().ok_or_else(expired)?;
        let given = form.get("proof").unwrap_or_default();
        if !digest::same(given.as_bytes(), proof(cookie, token).as_bytes()) {
            return Err(expired());
        }
        let browser = place.browser.iter().flat_map(Browser::values);
        let request = app.authority.resume(token, browser).await?;
        let request = request.ok_or_else(expired)?;
        let allowed = form.get("decision") == Some("allow");
        Ok(send(&decided(&app, &request, session, allowed).await))
    };
    result
        .await
        .unwrap_or_else(|error| page(&app, &headers, &error))
}

async fn decided(
    app: &App,
    request: &Authorization,
    session: &Session,
    allowed: bool,
) -> crate::authority::authorize::Redirection {
    let authority = &app.authority;
    let (client_id, account) = (&request.client_id, &request.account);
    info!(target: "vestibule::authority", %client_id, %account, allowed, "consent");
    let answer = async {
        if !allowed {
            return Err(OAuthError::new(
                Code::AccessDenied,
                "the user did not allow it",
            ));
        }
        if !request.fits(session, app.logins.now()) {
            return Err(OAuthError::new(
                Code::LoginRequired,
                "the session does not fit the request any more",
            ));
        }
        authority.remember_consent(request, session).await?;
        authority.grant(request, session).await
    };
    match answer.await {
        Ok(answer) => answer,
        Err(error) => authority.refuse(request, &error),
    }
}
