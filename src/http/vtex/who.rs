//! Who is logged in.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::Shared;
use super::answer::refused;
use super::front::Front;

/// `authenticated/user`: `null` where nobody is.
pub(super) async fn user(State(app): State<Shared>, request: Request) -> Response {
    let asked = async {
        let front = Front::read(&app, request).await?;
        let found = match front.get(&["authtoken"]) {
            Some(token) => front.session_of(&app, token).await?,
            None => front.session(&app).await?.map(|(_, session)| session),
        };
        let account = front.site.account.id.as_str();
        Ok(Json(found.map_or(Value::Null, |session| {
            json!({
                "userId": session.user,
                "user": session.email,
                "account": account,
                "audience": "webstore",
                "tokenType": "user",
            })
        }))
        .into_response())
    };
    asked.await.unwrap_or_else(|answer: Response| answer)
}

/// `user/info`: `null` where nobody is.
pub(super) async fn info(State(app): State<Shared>, request: Request) -> Response {
    let asked = async {
        let front = Front::read(&app, request).await?;
        let found = front.session(&app).await?;
        let lang = front.lang().tag();
        Ok(Json(found.map_or(Value::Null, |(_, session)| {
            json!({
                "user": session.email,
                "userId": session.user,
                "name": session.name,
                "locale": lang,
            })
        }))
        .into_response())
    };
    asked.await.unwrap_or_else(|answer: Response| answer)
}

/// `credential/validate`: whose a token is, for back ends.
pub(super) async fn validate(State(app): State<Shared>, request: Request) -> Response {
    let asked = async {
        let front = Front::read(&app, request).await?;
        let token = front.get(&["token"]).unwrap_or_default();
        let Some(session) = front.session_of(&app, token).await? else {
            let why = "the token stands for no session";
            return Err(refused(StatusCode::UNAUTHORIZED, "WrongCredentials", why));
        };
        Ok(Json(json!({
            "authStatus": "Success",
            "id": session.user,
            "user": session.email,
            "account": front.site.account.id,
            "audience": "webstore",
            "tokenType": "user",
        }))
        .into_response())
    };
    asked.await.unwrap_or_else(|answer: Response| answer)
}
