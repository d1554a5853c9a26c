//! Users and their sessions.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::paging::{Page, Paging};
use super::reply::{Reply, account, condition, json, missing, tagged};
use super::{Admin, audit};
use crate::account::{User, directory};
use crate::authority::grants;
use crate::base::{AccountId, ErrorCode, LoginMethod, UserId};
use crate::http::problem::Problem;
use crate::operation::users::UserView;
use crate::provider::email;
use crate::session;
use crate::store::Versioned;

async fn account_id(admin: &Admin, id: &str) -> Reply<AccountId> {
    Ok(account(&*admin.store, id).await?.value.id)
}

/// A user by id or by email.
pub(super) async fn find(
    admin: &Admin,
    id: &str,
    user: &str,
) -> Reply<(AccountId, Versioned<User>)> {
    let account = account_id(admin, id).await?;
    let found = match (user.parse(), email::normalize(user)) {
        (Ok(id), _) => directory::get(&*admin.store, &account, id).await?,
        (_, Ok(email)) => directory::by_email(&*admin.store, &account, &email).await?,
        _ => None,
    };
    Ok((account, found.ok_or_else(|| missing("user"))?))
}

/// What may change in a user; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserChange")]
pub(super) struct Change {
    /// Whether they may not log in; their sessions end.
    disabled: Option<bool>,
    /// Whether the email is known to be theirs. Of a user whose email is not, the
    /// links go when someone who may be trusted proves it.
    email_trusted: Option<bool>,
}

/// Changes a user; a disabled one's sessions end.
pub(super) async fn change(
    State(admin): State<Admin>,
    Path((id, user)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let change: Change = json(&headers, &body)?;
    let (account, found) = find(&admin, &id, &user).await?;
    let condition = condition(&headers)?;
    condition.over(Some(found.version))?;
    // Without a condition a login that writes at the same time does not conflict.
    let only = (condition != crate::operation::Condition::None).then_some(found.version);
    let user = found.value.id;
    let (before, now) = directory::change(&*admin.store, &account, user, only, |user| {
        let disabled = change.disabled.unwrap_or(user.disabled);
        if disabled && !user.disabled {
            user.generation += 1;
        }
        user.disabled = disabled;
        user.email_trusted = change.email_trusted.unwrap_or(user.email_trusted);
    })
    .await?
    .ok_or_else(|| missing("user"))?;
    if now.value.disabled {
        tell(&admin, &account, user).await?;
        grants::end_issued(&*admin.store, &account, user).await?;
    }
    info!(account = %account, user = %user, disabled = now.value.disabled, "user changed");
    let of = |user: &User| {
        serde_json::json!({
            "email": user.email,
            "disabled": user.disabled,
            "email_trusted": user.email_trusted,
        })
    };
    let (before, after) = (of(&before), of(&now.value));
    let answer = tagged(now.version, Json(UserView::from(now.value)));
    Ok(audit::changed(answer, before, after))
}

/// How many sessions ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct Revoked {
    revoked: usize,
}

/// Ends all sessions of a user.
pub(super) async fn revoke_all(
    State(admin): State<Admin>,
    Path((id, user)): Path<(String, String)>,
) -> Reply {
    let (account, found) = find(&admin, &id, &user).await?;
    let user = found.value.id;
    tell(&admin, &account, user).await?;
    let ended = grants::end_user(&*admin.store, &account, user).await?;
    let revoked = ended.sessions;
    info!(account = %account, user = %user, revoked, "sessions revoked");
    let what = serde_json::json!({ "email": found.value.email, "sessions": revoked });
    let answer = Json(Revoked { revoked }).into_response();
    Ok(audit::changed(answer, what, serde_json::Value::Null))
}

/// A session as the API shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(super) struct SessionView {
    /// Names it here; it is not the cookie's value.
    id: String,
    user: UserId,
    email: String,
    provider: LoginMethod,
    created_at: String,
    expires_at: String,
}

pub(super) async fn sessions(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Reply<Page<SessionView>> {
    let account = account_id(&admin, &id).await?;
    let after = paging.after.as_deref().map(key).transpose()?;
    let limit = paging.limit()?;
    let found = session::page(&*admin.store, &account, after, limit + 1).await?;
    let page = Page::cut(found, limit, |(key, _)| URL_SAFE_NO_PAD.encode(key.id()));
    Ok(page.map(|(key, session)| SessionView {
        id: URL_SAFE_NO_PAD.encode(key.id()),
        user: session.value.user,
        email: session.value.email,
        provider: session.value.method,
        created_at: session.value.created_at.rfc3339(),
        expires_at: session.value.expires_at.rfc3339(),
    }))
}

/// Ends one session.
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Path((id, session)): Path<(String, String)>,
) -> Reply {
    let account = account_id(&admin, &id).await?;
    let key = key(&session).map_err(|_| missing("session"))?;
    if let (Some(app), Some(session)) = (
        &admin.app,
        session::get_id(&*admin.store, &account, &key).await?,
    ) {
        app.authority.session_ended(&account, &session).await?;
    }
    if !session::revoke_id(&*admin.store, &account, &key).await? {
        return Err(missing("session"));
    }
    info!(account = %account, "session revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Tells applications that all sessions of a user are about to end.
async fn tell(admin: &Admin, account: &AccountId, user: UserId) -> Reply<()> {
    if let Some(app) = &admin.app {
        app.authority.sessions_ended(account, user).await?;
    }
    Ok(())
}

fn key(text: &str) -> Reply<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|id| id.len() == 40)
        .ok_or_else(|| Problem::new(ErrorCode::RequestAfter, "this is not the id of a session"))
}
