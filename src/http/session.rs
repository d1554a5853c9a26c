//! `session`: who is logged in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::error;

use super::cookies::Kind;
use super::problem::Problem;
use super::site::Site;
use super::{App, Shared};
use crate::base::ErrorCode;
use crate::session::Session;

/// The session of a request's cookie, if it has one.
pub(super) async fn current(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
) -> Result<Option<(String, Arc<Session>)>, Response> {
    let Some(token) = site.cookie(app, headers, Kind::Session)? else {
        return Ok(None);
    };
    let logins = &app.logins;
    let found = logins
        .sessions
        .find(&*logins.store, &site.account.id, &token, logins.now())
        .await
        .map_err(|failure| {
            // Never "nobody is logged in" for a store that is down (threat C8).
            error!(why = %failure, "the store failed");
            Problem::new(
                ErrorCode::ServiceUnavailable,
                "the session store is unavailable; try again",
            )
            .into_response()
        })?;
    Ok(found.map(|session| (token, session)))
}

/// `GET session`: who is logged in, for the storefront's own pages.
pub(super) async fn session(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = match Site::read(&app, &account, &uri, &headers).await {
        Ok(site) => current(&app, &site, &headers).await,
        Err(answer) => Err(answer),
    };
    match found {
        Err(answer) => answer,
        Ok(None) => Json(json!({ "authenticated": false })).into_response(),
        Ok(Some((_, session))) => {
            let mut said = json!({
                "authenticated": true,
                "user": user(&session),
                "provider": session.method,
                "expires_at": session.expires_at.rfc3339(),
            });
            // How they authenticated, where that is known.
            if let Some(acr) = &session.acr {
                said["acr"] = acr.as_str().into();
            }
            if !session.amr.is_empty() {
                said["amr"] = session.amr.clone().into();
            }
            Json(said).into_response()
        }
    }
}

fn user(session: &Session) -> Value {
    let mut user = session.more.clone();
    user.insert("id".to_owned(), session.user.to_string().into());
    user.insert("email".to_owned(), session.email.clone().into());
    user.insert("email_verified".to_owned(), session.email_verified.into());
    let provider_user_id = session.provider_user_id.clone();
    user.insert(
        "provider_user_id".to_owned(),
        provider_user_id.map_or(Value::Null, Value::from),
    );
    user.insert(
        "name".to_owned(),
        session.name.clone().map_or(Value::Null, Value::from),
    );
    Value::Object(user)
}
