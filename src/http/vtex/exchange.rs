//! `audience/webstore/provider/oauth/exchange`: a session for who has an access token
//! of a provider, for apps that have no browser.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::callback::end_others;
use super::super::{App, Shared};
use super::answer::{failure, refused};
use super::front::Front;
use super::oauth::provider;
use crate::base::Secret;
use crate::login::finish::finish_within;
use crate::login::pending::Browser;
use crate::login::taken::take;
use crate::login::{LoginError, Step};

/// How long the session lives unless the request says so, and at most, in minutes.
const DEFAULT: u64 = 60;
const MOST: u64 = 120;

/// The answer has the session's token; no cookie is set, and nothing renews it.
pub(super) async fn exchange(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let minutes = match front.get(&["duration"]) {
            None => Ok(DEFAULT),
            Some(text) => text.parse::<u64>(),
        };
        let minutes = minutes.ok().filter(|minutes| (1..=MOST).contains(minutes));
        let Some(minutes) = minutes else {
            let why = "`duration` is a number of minutes from 1 to 120";
            return Err(refused(StatusCode::BAD_REQUEST, "Error", why));
        };
        let Some(token) = front.get(&["accesstoken"]) else {
            let why = "`accessToken` is the access token that the provider issued";
            return Err(refused(StatusCode::BAD_REQUEST, "InvalidToken", why));
        };
        let lives = Duration::from_secs(minutes * 60);
        let token = Secret::new(token);
        let done = log_in(&app, &front, token, lives).await;
        let token = done.map_err(|why| answer(&why))?;
        Ok(Json(json!({ "authToken": token })).into_response())
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

async fn log_in(
    app: &App,
    front: &Front,
    token: Secret,
    lives: Duration,
) -> Result<Option<String>, LoginError> {
    let logins = &app.logins;
    let account = logins.accounts.get(&front.site.account.id).await;
    let account: Arc<_> = account
        .map_err(Step::Start.store())?
        .ok_or(LoginError::UnknownProvider)?;
    let provider = provider(app, front).await?;
    let browser = Browser::new();
    let identity = take(logins, &account, &front.store, &provider, token, &browser).await?;
    if let Some(user) = identity.proved {
        end_others(app, &account.id, user).await?;
    }
    let ticket = identity.ticket.as_str();
    let finished = finish_within(logins, &account, ticket, Some(&browser), Some(lives)).await?;
    Ok(finished.vtex.map(|vtex| vtex.token))
}

/// A provider that this is not for, and a token that it does not know.
fn answer(why: &LoginError) -> Response {
    match why {
        LoginError::UnknownProvider => {
            let why = "there is no such provider, or its mapping has no `access.token_exchange`";
            refused(StatusCode::BAD_REQUEST, "Error", why)
        }
        LoginError::Rejected { status, .. } if *status < 500 => {
            let why = "the provider does not say whose this token is";
            refused(StatusCode::UNAUTHORIZED, "WrongCredentials", why)
        }
        other => failure(other, None),
    }
}
