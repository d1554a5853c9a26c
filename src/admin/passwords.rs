//! Users that an operator creates, and their passwords.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::info;

use super::Admin;
use super::Caller;
use super::audit::changed;
use super::reply::{Reply, account, condition, json, missing, tagged};
use super::users::find;
use crate::account::{credential, directory};
use crate::authority::{OAuthError, password};
use crate::base::{ErrorCode, Secret};
use crate::http::problem::Problem;
use crate::operation::users::UserView;
use crate::provider::email;

/// A user who has not logged in yet.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    email: String,
    name: Option<String>,
}

/// A password, for applications with the grant `password`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    password: String,
}

/// Creates a user who has not logged in yet.
pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: NewUser = json(&headers, &body)?;
    let account = account(&*admin.store, &id).await?.value.id;
    let email = email::normalize(&input.email)
        .map_err(|error| Problem::new(ErrorCode::UserEmail, error.to_string()))?;
    let name = input.name.map(|name| name.trim().to_owned());
    if name
        .as_ref()
        .is_some_and(|n| n.chars().count() > 200 || n.contains(char::is_control))
    {
        return Err(Problem::new(
            ErrorCode::UserName,
            "a name has at most 200 characters on one line",
        ));
    }
    let name = name.filter(|name| !name.is_empty());
    let made = directory::create(&*admin.store, &account, &email, name, admin.clock.now()).await?;
    let user = made.ok_or_else(|| {
        Problem::new(
            ErrorCode::UserExists,
            "someone in this account has this email already",
        )
    })?;
    info!(account = %account, user = %user.value.id, by = caller.name(), "user created");
    let after = serde_json::json!({ "email": user.value.email, "name": user.value.name });
    let shown = Json(UserView::from(user.value));
    let answer = tagged(user.version, (StatusCode::CREATED, shown));
    Ok(changed(answer, serde_json::Value::Null, after))
}

pub(super) async fn set(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, user)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: Password = json(&headers, &body)?;
    let (account, found) = find(&admin, &id, &user).await?;
    condition(&headers)?.over(Some(found.version))?;
    let user = found.value.id;
    let secret = Secret::new(input.password);
    password::set(
        &*admin.store,
        &admin.hasher,
        &account,
        user,
        &secret,
        admin.clock.now(),
    )
    .await
    .map_err(|OAuthError { description, .. }| Problem::new(ErrorCode::UserPassword, description))?;
    info!(account = %account, user = %user, by = caller.name(), "password set");
    // Not even a fingerprint: people choose passwords that can be guessed.
    let after = serde_json::json!({ "email": found.value.email });
    let answer = StatusCode::NO_CONTENT.into_response();
    Ok(changed(answer, serde_json::Value::Null, after))
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, user)): Path<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let (account, found) = find(&admin, &id, &user).await?;
    condition(&headers)?.over(Some(found.version))?;
    let user = found.value.id;
    if !credential::remove(&*admin.store, &account, user).await? {
        return Err(missing("password"));
    }
    info!(account = %account, user = %user, by = caller.name(), "password removed");
    let before = serde_json::json!({ "email": found.value.email });
    let answer = StatusCode::NO_CONTENT.into_response();
    Ok(changed(answer, before, serde_json::Value::Null))
}
