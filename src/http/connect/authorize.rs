//! `authorize`: an application asks for a login.

use std::fmt::Write as _;
use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use tracing::info;

use super::answer::{BrokerOrigin, expired, page, send};
use super::consent;
use super::waiting::suspend;
use crate::account::StoreFront;
use crate::account::directory::IdentifyError;
use crate::authority::authorize::{Authorization, AuthorizeError};
use crate::authority::{Code, OAuthError};
use crate::base::ErrorCode;
use crate::http::cookies::{self, Kind};
use crate::http::server::ClientAddress;
use crate::http::{App, Shared, failure, redirect};
use crate::login::openid::IdTokenError;
use crate::login::pending::Browser;
use crate::login::{LoginError, ReturnTo};
use crate::protocol::form::Pairs;
use crate::session::SessionError;

/// `GET /connect/authorize`
pub(in crate::http) async fn authorize(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match begin(&app, apart(client), &uri, &headers).await {
        Ok(answer) => answer,
        Err(AuthorizeError::Redirect(to)) => send(&to),
        Err(AuthorizeError::Page(error)) => page(&app, &headers, &error),
    }
}

/// `POST /connect/authorize`: the same, as a GET, to which browsers bring the
/// cookies that they keep from another site's form.
pub(in crate::http) async fn posted(
    State(app): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match super::form(&headers, body) {
        Ok(form) => redirect(
            StatusCode::SEE_OTHER,
            &format!(
                "{}/connect/authorize?{}",
                app.logins.public_url,
                query(&form)
            ),
        ),
        Err(error) => page(&app, &headers, &error),
    }
}

/// Parameters as a query.
pub(super) fn query(form: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form.iter())
        .finish()
}

/// The client's address, where clients are told apart.
fn apart(client: Option<Extension<ClientAddress>>) -> Option<IpAddr> {
    client.and_then(|Extension(client)| client.apart())
}

async fn begin(
    app: &App,
    from: Option<IpAddr>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, AuthorizeError> {
    let query = Pairs::parse(uri.query().unwrap_or_default())
        .map_err(|error| OAuthError::request(error.to_string()))?;
    let authority = &app.authority;
    let request = authority.authorization(&query).await?;
    let told = |error: OAuthError| AuthorizeError::Redirect(authority.refuse(&request, &error));
    let gone = || OAuthError::request("there is no such account");
    let place = BrokerOrigin::read(app, &request.account, headers)
        .await
        .map_err(told)?
        .ok_or_else(|| told(gone()))?;
    let fitting = place
        .session
        .as_ref()
        .filter(|(_, session)| request.fits(session, app.logins.now()));
    if let Some((_, session)) = fitting {
        if let Some(application) = authority.to_ask(&request, session).await.map_err(told)? {
            if request.silent {
                let error = OAuthError::new(Code::ConsentRequired, "the user has to be asked");
                return Err(told(error));
            }
            let asked = consent::ask(app, from, headers, place, request, &application).await;
            return asked.map_err(AuthorizeError::Page);
        }
        let answer = authority.grant(&request, session).await.map_err(told)?;
        info!(
            target: "vestibule::authority",
            client_id = %request.client_id,
            account = %request.account,
            "authorize: the session goes on, a code is issued"
        );
        return Ok(send(&answer));
    }
    if request.silent {
        let error = OAuthError::new(Code::LoginRequired, "the user has to log in");
        return Err(told(error));
    }
    let browser = Browser::beginning(place.browser, place.store.is_https());
    let waiting = suspend(app, from, request.clone(), browser.newest())
        .await
        .map_err(told)?;
    let return_to = ReturnTo::waiting(waiting.as_str(), &app.logins.public_url);
    let mut answer = redirect(
        StatusCode::FOUND,
        &login_url(&place.store, &request, &return_to),
    );
    let lifetime = app.logins.lifetime + crate::login::identify::TICKET_LIFETIME;
    answer.headers_mut().append(
        header::SET_COOKIE,
        cookies::set(
            Kind::Browser,
            &request.account,
            &place.store,
            browser.as_str(),
            lifetime,
        ),
    );
    Ok(answer)
}

/// The account's own login, at the broker's own origin.
fn login_url(store: &StoreFront, request: &Authorization, return_to: &ReturnTo) -> String {
    let mut endpoint = format!("login?return_to={}", failure::encode(return_to.as_str()));
    if let Some(hint) = &request.login_hint {
        let _ = write!(endpoint, "&login_hint={}", failure::encode(hint));
    }
    let locale = request
        .ui_locales
        .as_deref()
        .and_then(|all| all.split(' ').next());
    if let Some(locale) = locale {
        let _ = write!(endpoint, "&lang={}", failure::encode(locale));
    }
    for (name, value) in &request.others {
        let (name, value) = (failure::encode(name), failure::encode(value));
        let _ = write!(endpoint, "&{name}={value}");
    }
    store.url(&endpoint)
}

/// `GET /connect/authorize/resume`: after the login.
pub(in crate::http) async fn resume(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match continue_request(&app, apart(client), &uri, &headers).await {
        Ok(answer) => answer,
        Err(error) => page(&app, &headers, &error),
    }
}

async fn continue_request(
    app: &App,
    from: Option<IpAddr>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, OAuthError> {
    let query = Pairs::parse(uri.query().unwrap_or_default()).map_err(|_| expired())?;
    let token = query.get("request").unwrap_or_default();
    let authority = &app.authority;
    let waiting = authority.waiting(token).await?.ok_or_else(expired)?;
    let place = BrokerOrigin::read(app, &waiting.account, headers)
        .await?
        .ok_or_else(expired)?;
    let browser = place.browser.iter().flat_map(Browser::values);
    let request = authority
        .resume(token, browser)
        .await?
        .ok_or_else(expired)?;
    if let Some(error) = query
        .get("error")
        .and_then(|code| reported(code, query.get("id")))
    {
        return Ok(send(&authority.refuse(&request, &error)));
    }
    let fitting = place
        .session
        .as_ref()
        .filter(|(_, session)| request.fits(session, app.logins.now()));
    let answer = match fitting {
        Some((_, session)) => {
            if let Some(application) = authority.to_ask(&request, session).await? {
                return consent::ask(app, from, headers, place, request, &application).await;
            }
            match authority.grant(&request, session).await {
                Ok(answer) => answer,
                Err(error) => authority.refuse(&request, &error),
            }
        }
        None => {
            let session = place.session.as_ref().map(|(_, session)| &**session);
            authority.refuse(&request, &request.unmet(session))
        }
    };
    Ok(send(&answer))
}

/// Where a login goes that failed, if it was for an application that can be told
/// (RFC 6749 §4.1.2.1): to the request that waits for it.
pub(in crate::http) fn failed(
    app: &App,
    return_to: &ReturnTo,
    failure: &LoginError,
    id: &str,
) -> Option<String> {
    return_to.waiting_token(&app.logins.public_url)?;
    let code = verdict(failure)?.as_str();
    Some(format!("{}&error={code}&id={id}", return_to.as_str()))
}

/// What a failure is in the application's words. `None` where the login itself
/// may still end well, and another callback only looked like its own: that is
/// between the visitor and us.
fn verdict(failure: &LoginError) -> Option<Code> {
    Some(match failure {
        LoginError::StateMissing
        | LoginError::StateUnknown
        | LoginError::StateExpired
        | LoginError::StateReplayed
        | LoginError::StateMismatch(_)
        | LoginError::DuplicateParameter
        | LoginError::AddressInvalid
        | LoginError::TooManyCodes
        | LoginError::AccessKeySpent
        | LoginError::AccessKeyBlocked
        | LoginError::PasswordWrong
        | LoginError::PasswordWait { .. }
        | LoginError::PasswordExpired
        | LoginError::PasswordWeak(_)
        | LoginError::PasswordUsed
        | LoginError::TicketInvalid
        | LoginError::WrongBrowser
        | LoginError::UnknownProvider => return None,
        LoginError::Denied
        | LoginError::AccessDenied(_)
        | LoginError::Identify(IdentifyError::NotTrusted | IdentifyError::Disabled) => {
            Code::AccessDenied
        }
        LoginError::IdToken(IdTokenError::Stale) => Code::LoginRequired,
        LoginError::ProviderError { code, .. } => match code.as_str() {
            "login_required" | "interaction_required" | "account_selection_required" => {
                Code::LoginRequired
            }
            "temporarily_unavailable" => Code::TemporarilyUnavailable,
            _ => Code::ServerError,
        },
        LoginError::TooMany { .. }
        | LoginError::Store { .. }
        | LoginError::Identify(IdentifyError::Store(_))
        | LoginError::Session(SessionError::Store(_)) => Code::TemporarilyUnavailable,
        LoginError::Transport { .. } | LoginError::Rejected { .. } => match failure.code() {
            ErrorCode::LoginProviderTimeout
            | ErrorCode::LoginProviderBusy
            | ErrorCode::LoginProviderUnreachable => Code::TemporarilyUnavailable,
            _ => Code::ServerError,
        },
        // What the mapping wants of the link, the application's request brings.
        LoginError::ParameterMissing(_) => Code::InvalidRequest,
        LoginError::NoProvider
        | LoginError::Misconfigured(_)
        | LoginError::IssuerMismatch(_)
        | LoginError::BadCallback(_)
        | LoginError::CodeMissing
        | LoginError::Build { .. }
        | LoginError::Undecodable { .. }
        | LoginError::Incomplete { .. }
        | LoginError::IdToken(_)
        | LoginError::SignedAnswer { .. }
        | LoginError::EmailMissing(_)
        | LoginError::EmailInvalid(_)
        | LoginError::UserIdMissing(_)
        | LoginError::Mail(_)
        | LoginError::Hash(_)
        | LoginError::Session(_) => Code::ServerError,
    })
}

/// Reads what [`failed`] wrote.
fn reported(code: &str, id: Option<&str>) -> Option<OAuthError> {
    let (code, what) = match code {
        "access_denied" => (
            Code::AccessDenied,
            "the login was cancelled, or the user may not log in",
        ),
        "login_required" => (Code::LoginRequired, "the user did not authenticate again"),
        "temporarily_unavailable" => (
            Code::TemporarilyUnavailable,
            "the login did not work now; try again later",
        ),
        "invalid_request" => (
            Code::InvalidRequest,
            "the request lacks a parameter that the provider's mapping wants (`{login.…}`)",
        ),
        "server_error" => (Code::ServerError, "the login at the provider failed"),
        _ => return None,
    };
    let id = failure::support_id(id);
    Some(OAuthError::new(code, format!("{what} (support id {id})")))
}
