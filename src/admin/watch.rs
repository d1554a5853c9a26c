//! What live logins tell about a mapping: drift, and its shadow.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tracing::info;

use super::audit::{self, changed};
use super::providers::{current, toml};
use super::reply::{Reply, missing};
use super::{Admin, Caller};
use crate::account::mapping::Shadow;
use crate::base::{AccountId, ProviderId};
use crate::document::redact::restore;
use crate::login::{drift, shadow};

/// What is known of the provider's answers, and how they drifted.
pub(super) async fn drift(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
) -> Reply<Json<drift::Shape>> {
    let (account, found) = current(&admin, &id, &provider).await?;
    let shape = drift::find(&*admin.store, &account, &found.value.provider).await?;
    Ok(Json(shape.unwrap_or_default()))
}

/// Takes what comes from now on as the norm.
pub(super) async fn forget_drift(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    forget(&admin, &account, &found.value.provider).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Forgets what is known of a provider's answers, here and in the broker that serves.
pub(super) async fn forget(admin: &Admin, account: &AccountId, provider: &ProviderId) -> Reply<()> {
    match &admin.app {
        Some(app) => {
            app.logins
                .watch
                .forget(&*admin.store, account, provider)
                .await?
        }
        None => drift::remove(&*admin.store, account, provider).await?,
    };
    Ok(())
}

/// What the shadow would have changed so far.
pub(super) async fn shadow(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let (account, found) = current(&admin, &id, &provider).await?;
    let set = found
        .value
        .shadow
        .as_ref()
        .ok_or_else(|| missing("shadow"))?;
    let report = shadow::report(&*admin.store, &account, &found.value.provider).await?;
    Ok(Json(json!({
        "started_at": set.started_at.rfc3339(),
        "author": set.author,
        "logins": report.logins,
        "same": report.same,
        "user_id_changes": report.user_id_changes,
        "email_changes": report.email_changes,
        "failures": report.failures,
    })))
}

/// Sets a mapping to be asked beside the live one; the count begins anew.
pub(super) async fn set_shadow(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    let provider = &found.value.provider;
    let shadow = Shadow {
        source: restore(toml(&headers, &body)?, &found.value.source),
        started_at: admin.clock.now(),
        author: caller.0,
    };
    let after = audit::mapping(&shadow.source);
    admin
        .mappings
        .set_shadow(&account, provider, Some(shadow))
        .await?;
    shadow::reset(&*admin.store, &account, provider).await?;
    info!(account = %account, provider = %provider, "shadow set");
    let before = found.value.shadow.map(|old| audit::mapping(&old.source));
    Ok(changed(
        StatusCode::NO_CONTENT.into_response(),
        before,
        after,
    ))
}

/// Stops asking the shadow.
pub(super) async fn remove_shadow(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    let provider = &found.value.provider;
    admin.mappings.set_shadow(&account, provider, None).await?;
    shadow::reset(&*admin.store, &account, provider).await?;
    info!(account = %account, provider = %provider, "shadow removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}
