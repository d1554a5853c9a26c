//! Who is logged in.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::Shared;
use super::answer::{failed, refused};
use super::front::Front;
use super::sessions::nobody;
use crate::account::credential;

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

/// `user/detailedinfo`: what who asks may know of their own login.
pub(super) async fn details(State(app): State<Shared>, request: Request) -> Response {
    let asked = async {
        let front = Front::read(&app, request).await?;
        let (_, session) = front.session(&app).await?.ok_or_else(nobody)?;
        let (store, account) = (&*app.logins.store, &front.site.account.id);
        let found = credential::get(store, account, session.user).await;
        let found = found.map_err(|why| failed(&why))?;
        let changed = found.map(|found| found.value.changed_at.rfc3339());
        Ok(Json(json!({
            "user": session.email,
            "userId": session.user,
            "passwordLastUpdate": changed,
        }))
        .into_response())
    };
    asked.await.unwrap_or_else(|answer: Response| answer)
}

/// `userpreference`: the way that somebody likes best. None is kept: it would tell whose
/// the addresses are.
pub(super) async fn preference(State(app): State<Shared>, request: Request) -> Response {
    match Front::read(&app, request).await {
        Ok(_) => Json(json!({})).into_response(),
        Err(answer) => answer,
    }
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
