//! `providers/{provider}/backchannel-logout`, `…/frontchannel-logout`: an OpenID
//! provider says that a session of its own is over.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tracing::{info, warn};

use super::connect::{form, refusal};
use super::{App, Shared};
use crate::authority::grants::{self, Which};
use crate::authority::{Code, OAuthError};
use crate::base::{AccountId, ErrorCode};
use crate::login::openid::logout::{LogoutError, ProviderLogout};
use crate::login::{Logins, Step};
use crate::protocol::form::Pairs;
use crate::store::StoreError;

/// `POST …/backchannel-logout` (OpenID Connect Back-Channel Logout §2.5)
pub(super) async fn back_channel(
    State(app): State<Shared>,
    Path((account, provider)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    // In a task of its own: a provider that hangs up must not leave half of it undone.
    let task = tokio::spawn(async move {
        let form = form(&headers, body)?;
        let token = form
            .get("logout_token")
            .ok_or_else(|| OAuthError::request("`logout_token` is missing"))?;
        let (account, provider) = (parse(&account)?, parse(&provider)?);
        let provider = app
            .logins
            .provider(&account, &provider, Step::IdToken)
            .await
            .map_err(|error| refused(&error.into()))?;
        let logins = &app.logins;
        let checked = logins.back_channel_logout(&account, &provider, token).await;
        let logout = checked.map_err(|error| refused(&error))?;
        end(&app, &account, "back-channel", &logout).await
    });
    answer(task.await.unwrap_or_else(|_| {
        let why = "the request could not be answered";
        Err(OAuthError::new(Code::ServerError, why))
    }))
}

/// `GET …/frontchannel-logout?iss=…&sid=…` (OpenID Connect Front-Channel Logout §3)
pub(super) async fn front_channel(
    State(app): State<Shared>,
    Path((account, provider)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    let done = async {
        let query = Pairs::parse(uri.query().unwrap_or_default())
            .map_err(|error| OAuthError::request(error.to_string()))?;
        let (account, provider) = (parse(&account)?, parse(&provider)?);
        let provider = app
            .logins
            .provider(&account, &provider, Step::IdToken)
            .await
            .map_err(|error| refused(&error.into()))?;
        let checked = Logins::front_channel_logout(&provider, query.get("iss"), query.get("sid"));
        let logout = checked.map_err(|error| refused(&error))?;
        end(&app, &account, "front-channel", &logout).await
    };
    answer(done.await)
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, OAuthError> {
    text.parse().map_err(|_| unknown())
}

/// The same for an account that is not there and a provider that is not.
fn unknown() -> OAuthError {
    OAuthError::request("there is no such provider")
}

fn answer(done: Result<(), OAuthError>) -> Response {
    let mut answer = match done {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refusal(&error),
    };
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    answer
}

fn refused(error: &LogoutError) -> OAuthError {
    match error {
        LogoutError::Invalid(why) => {
            info!(why, "a provider's logout is refused");
            OAuthError::request(why.clone()).with_detail(ErrorCode::LogoutTokenInvalid)
        }
        LogoutError::Login(error) if error.code() == ErrorCode::LoginUnknownProvider => unknown(),
        LogoutError::Login(error) => {
            warn!(why = %error, "a provider's logout can't be checked");
            let why = "the provider's keys could not be had; send the logout again";
            OAuthError::new(Code::TemporarilyUnavailable, why)
        }
        LogoutError::Store(error) => failed(error),
    }
}

fn failed(error: &StoreError) -> OAuthError {
    warn!(why = %error, "a provider's logout failed");
    let why = "the store is unavailable; send the logout again";
    OAuthError::new(Code::TemporarilyUnavailable, why)
}

/// Ends the sessions and what was granted in them; the applications are told.
async fn end(
    app: &App,
    account: &AccountId,
    way: &str,
    logout: &ProviderLogout,
) -> Result<(), OAuthError> {
    match end_all(app, account, logout).await {
        Ok(sessions) => {
            info!(account = %account, sessions, way, "logout: the provider ended its session");
            Ok(())
        }
        Err(error) => {
            app.logins.unused(logout).await;
            Err(failed(&error))
        }
    }
}

async fn end_all(
    app: &App,
    account: &AccountId,
    logout: &ProviderLogout,
) -> Result<usize, StoreError> {
    // Noted first: a login that is on its way either sees it or has a session to end.
    app.logins.note_logout(account, logout).await?;
    let found = app.logins.ended_by(account, logout).await?;
    for (id, session) in &found {
        app.authority.session_ended(account, session).await?;
        app.logins.revoke_record(account, id).await?;
    }
    if let Some(user) = app.logins.logged_out(account, logout).await? {
        let logins = &app.logins;
        logins.forget_tokens(account, user, logout).await?;
        let which = Which {
            account,
            user: Some(user),
            application: None,
        };
        grants::end_all(&app.authority.ending().telling(), &which).await?;
        app.authority.notices.wake();
    }
    Ok(found.len())
}
