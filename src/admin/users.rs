//! Users by name, and the end of one session.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tracing::info;

use super::reply::{Reply, account, missing};
use super::{Admin, audit};
use crate::account::{User, directory};
use crate::authority::grants::Beside;
use crate::authority::logout;
use crate::base::{AccountId, ErrorCode};
use crate::http::problem::Problem;
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

/// Ends one session.
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Path((id, session)): Path<(String, String)>,
) -> Reply {
    let account = account_id(&admin, &id).await?;
    let key = key(&session).map_err(|_| missing("session"))?;
    let found = session::get_id(&*admin.store, &account, &key).await?;
    let found = found.ok_or_else(|| missing("session"))?;
    // With the first that ends: what was granted in the session, or itself.
    let entry = Beside::new(audit::step(&admin, &Value::Null, &Value::Null)?);
    let ending = admin.ending().with(&entry);
    logout::end_session(&ending, &account, &found).await?;
    if !session::revoke_id(&*admin.store, &account, &key, entry.rest()).await? {
        return Err(missing("session"));
    }
    info!(account = %account, "session revoked");
    Ok(audit::unchanged(StatusCode::NO_CONTENT.into_response()))
}

fn key(text: &str) -> Reply<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .filter(|id| id.len() == 40)
        .ok_or_else(|| Problem::new(ErrorCode::RequestAfter, "this is not the id of a session"))
}
