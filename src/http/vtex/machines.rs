//! `apptoken/login`: a token for a program, which is an application of the account.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::{Shared, failure};
use super::answer::refused;
use super::front::Front;
use crate::authority::application::ClientId;
use crate::authority::token::TokenRequest;
use crate::protocol::form::Pairs;

/// An application's id is the key, its secret the token. It gets an access token as by
/// the grant `client_credentials`, which the application must have.
pub(super) async fn log_in(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let wrong = || {
            let why = "there is no such application in this account, or its secret is another";
            refused(StatusCode::UNAUTHORIZED, "WrongCredentials", why)
        };
        let key = front.get(&["appkey"]).unwrap_or_default();
        let secret = front.get(&["apptoken"]).unwrap_or_default();
        let id: ClientId = key.parse().map_err(|_| wrong())?;
        let known = app.authority.application(&id).await.map_err(|_| wrong())?;
        let account = &front.site.account.id;
        // One of all accounts says nothing about this one.
        if known.is_none_or(|known| known.account.as_ref() != Some(account)) {
            return Err(wrong());
        }
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            failure::encode(key),
            failure::encode(secret)
        );
        let form = Pairs::parse(&form).map_err(|_| wrong())?;
        let request = TokenRequest {
            authorization: None,
            form: &form,
            from: front.from(),
            account: None,
            session: None,
        };
        let given = app.authority.token(&request).await;
        let given = given.map_err(|_| wrong())?.into_body();
        let lives = given["expires_in"].as_u64().unwrap_or_default();
        Ok(Json(json!({
            "authStatus": "Success",
            "token": given["access_token"],
            "expires": app.logins.now().as_secs() + lives,
        }))
        .into_response())
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}
