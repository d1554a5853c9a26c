//! Users that an operator creates, and their passwords.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::Deserialize;
use tracing::info;

use super::Admin;
use super::access::Caller;
use super::reply::{Reply, account, bad, json, missing};
use crate::account::directory;
use crate::authority::{OAuthError, password};
use crate::base::{AccountId, Secret, UserId};
use crate::http::problem::Problem;
use crate::provider::email;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    email: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
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
    let email =
        email::normalize(&input.email).map_err(|error| bad("user.email", error.to_string()))?;
    let name = input.name.map(|name| name.trim().to_owned());
    if name
        .as_ref()
        .is_some_and(|n| n.chars().count() > 200 || n.contains(char::is_control))
    {
        return Err(bad(
            "user.name",
            "a name has at most 200 characters on one line",
        ));
    }
    let name = name.filter(|name| !name.is_empty());
    let made = directory::create(&*admin.store, &account, &email, name, admin.clock.now()).await?;
    let user = made.ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "user.exists",
            "someone in this account has this email already",
        )
    })?;
    info!(account = %account, user = %user.id, by = caller.0, "user created");
    Ok((StatusCode::CREATED, Json(user)).into_response())
}

/// A user by id or by email.
async fn find(admin: &Admin, id: &str, user: &str) -> Reply<(AccountId, UserId)> {
    let account = account(&*admin.store, id).await?.value.id;
    let found = match (user.parse(), email::normalize(user)) {
        (Ok(id), _) => directory::get(&*admin.store, &account, id).await?,
        (_, Ok(email)) => directory::by_email(&*admin.store, &account, &email).await?,
        _ => None,
    };
    let user = found.ok_or_else(|| missing("user"))?.value.id;
    Ok((account, user))
}

pub(super) async fn set(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, user)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: Password = json(&headers, &body)?;
    let (account, user) = find(&admin, &id, &user).await?;
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
    .map_err(|OAuthError { description, .. }| bad("user.password", description))?;
    info!(account = %account, user = %user, by = caller.0, "password set");
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, user)): Path<(String, String)>,
) -> Reply {
    let (account, user) = find(&admin, &id, &user).await?;
    if !password::remove(&*admin.store, &account, user).await? {
        return Err(missing("password"));
    }
    info!(account = %account, user = %user, by = caller.0, "password removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}
