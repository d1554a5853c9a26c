//! Users and their sessions.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::Admin;
use super::accounts::{Page, Paging};
use super::audit;
use super::reply::{Reply, account, bad, json, missing};
use crate::account::{User, directory};
use crate::base::{AccountId, ProviderId, UserId};
use crate::session;

async fn account_id(admin: &Admin, id: &str) -> Reply<AccountId> {
    Ok(account(&*admin.store, id).await?.value.id)
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<User>>> {
    let account = account_id(&admin, &id).await?;
    let after = match paging.after.as_deref().map(str::parse::<UserId>) {
        None => None,
        Some(Ok(user)) => Some(user),
        Some(Err(_)) => return Err(bad("request.after", "`after` is a user's id")),
    };
    let limit = paging.limit();
    let found = directory::page(&*admin.store, &account, after, limit).await?;
    let next = (found.len() == limit)
        .then(|| found.last().map(|u| u.value.id.to_string()))
        .flatten();
    Ok(Json(Page {
        items: found.into_iter().map(|u| u.value).collect(),
        next,
    }))
}

/// What may change in a user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    disabled: bool,
}

/// Disables or enables a user; a disabled one's sessions end.
pub(super) async fn change(
    State(admin): State<Admin>,
    Path((id, user)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account_id(&admin, &id).await?;
    let user: UserId = user.parse().map_err(|_| missing("user"))?;
    let change: Change = json(&headers, &body)?;
    let changed = directory::set_disabled(&*admin.store, &account, user, change.disabled)
        .await?
        .ok_or_else(|| missing("user"))?;
    if change.disabled {
        tell(&admin, &account, |_, session| session.user == user).await?;
        session::revoke_user(&*admin.store, &account, user).await?;
    }
    info!(account = %account, user = %user, disabled = change.disabled, "user changed");
    let of = |disabled: bool| serde_json::json!({ "email": changed.email, "disabled": disabled });
    let (before, after) = (of(!change.disabled), of(change.disabled));
    let answer = Json(changed).into_response();
    Ok(audit::changed(answer, before, after))
}

/// Ends all sessions of a user.
pub(super) async fn revoke_all(
    State(admin): State<Admin>,
    Path((id, user)): Path<(String, String)>,
) -> Reply<Json<serde_json::Value>> {
    let account = account_id(&admin, &id).await?;
    let user: UserId = user.parse().map_err(|_| missing("user"))?;
    tell(&admin, &account, |_, session| session.user == user).await?;
    let ended = session::revoke_user(&*admin.store, &account, user).await?;
    info!(account = %account, user = %user, ended, "sessions revoked");
    Ok(Json(serde_json::json!({ "revoked": ended })))
}

/// A session as the API shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    /// Names it here; it is not the cookie's value.
    id: String,
    user: UserId,
    email: String,
    provider: ProviderId,
    created_at: String,
    expires_at: String,
}

pub(super) async fn sessions(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Shown>>> {
    let account = account_id(&admin, &id).await?;
    let after = paging.after.as_deref().map(key).transpose()?;
    let limit = paging.limit();
    let found = session::page(&*admin.store, &account, after, limit).await?;
    let next = (found.len() == limit)
        .then(|| {
            found
                .last()
                .map(|(key, _)| URL_SAFE_NO_PAD.encode(key.id()))
        })
        .flatten();
    let items = found
        .into_iter()
        .map(|(key, session)| Shown {
            id: URL_SAFE_NO_PAD.encode(key.id()),
            user: session.value.user,
            email: session.value.email,
            provider: session.value.provider,
            created_at: session.value.created_at.rfc3339(),
            expires_at: session.value.expires_at.rfc3339(),
        })
        .collect();
    Ok(Json(Page { items, next }))
}

/// Ends one session.
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Path((id, session)): Path<(String, String)>,
) -> Reply {
    let account = account_id(&admin, &id).await?;
    let key = key(&session).map_err(|_| missing("session"))?;
    tell(&admin, &account, |id, _| id == key).await?;
    if !session::revoke_id(&*admin.store, &account, &key).await? {
        return Err(missing("session"));
    }
    info!(account = %account, "session revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Tells applications of the sessions that are about to end.
async fn tell(
    admin: &Admin,
    account: &AccountId,
    which: impl Fn(&[u8], &session::Session) -> bool,
) -> Reply<()> {
    let Some(app) = &admin.app else {
        return Ok(());
    };
    let mut after = None;
    loop {
        let found = session::page(&*admin.store, account, after, 500).await?;
        let Some((last, _)) = found.last() else {
            return Ok(());
        };
        after = Some(last.id().to_vec());
        for (key, session) in &found {
            if !which(key.id(), &session.value) {
                continue;
            }
            app.authority.session_ended(account, &session.value).await?;
        }
    }
}

fn key(text: &str) -> Reply<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|id| id.len() == 40)
        .ok_or_else(|| bad("request.after", "this is no session's id"))
}
