//! What live logins tell about a mapping: drift, and its shadow.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::info;

use super::audit::{self, unchanged};
use super::mappings::{Draft, as_json, as_toml};
use super::providers::current;
use super::reply::{Reply, condition, missing, tagged};
use super::{Admin, Caller};
use crate::account::mapping::Shadow;
use crate::base::{AccountId, ProviderId};
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
    headers: HeaderMap,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    condition(&headers)?.over(Some(found.version))?;
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

/// What a shadow would have changed so far.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Shadow")]
pub(super) struct ShadowView {
    /// Since when it is asked (RFC 3339).
    started_at: String,
    /// Who set it.
    author: String,
    /// The mapping, secrets as `[redacted]`.
    mapping: Map<String, Value>,
    /// The same as TOML.
    toml: String,
    /// Logins that both were asked in.
    logins: u64,
    /// Those in which both gave the same identity.
    same: u64,
    user_id_changes: u64,
    email_changes: u64,
    /// Those in which the shadow gave none, by the code of why.
    failures: BTreeMap<String, u64>,
}

/// What the shadow would have changed so far.
pub(super) async fn shadow(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    let set = found
        .value
        .shadow
        .as_ref()
        .ok_or_else(|| missing("shadow"))?;
    let report = shadow::report(&*admin.store, &account, &found.value.provider).await?;
    let shown = ShadowView {
        started_at: set.started_at.rfc3339(),
        author: set.author.clone(),
        mapping: as_json(&set.source),
        toml: as_toml(&set.source),
        logins: report.logins,
        same: report.same,
        user_id_changes: report.user_id_changes,
        email_changes: report.email_changes,
        failures: report.failures,
    };
    Ok(tagged(found.version, Json(shown)))
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
    condition(&headers)?.over(Some(found.version))?;
    let draft = Draft::read(&headers, &body)?;
    let shadow = Shadow {
        source: draft.text(&caller, Some(&found.value.source))?,
        started_at: admin.clock.now(),
        author: caller.name().to_owned(),
    };
    let after = audit::mapping(&shadow.source);
    let provider = found.value.provider.clone();
    let before = found.value.shadow.as_ref();
    let before = before.map_or(Value::Null, |old| audit::mapping(&old.source));
    let beside = audit::step(&admin, &before, &after)?;
    let version = admin
        .mappings
        .set_shadow(&account, found, Some(shadow), beside)
        .await
        .map_err(|error| draft.problem(error))?;
    shadow::reset(&*admin.store, &account, &provider).await?;
    info!(account = %account, provider = %provider, "shadow set");
    let answer = tagged(version, StatusCode::NO_CONTENT);
    Ok(unchanged(answer))
}

/// Stops asking the shadow.
pub(super) async fn remove_shadow(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    condition(&headers)?.over(Some(found.version))?;
    let provider = found.value.provider.clone();
    let before = found.value.shadow.as_ref();
    let before = before.map_or(Value::Null, |old| audit::mapping(&old.source));
    let beside = audit::step(&admin, &before, &Value::Null)?;
    let version = admin
        .mappings
        .set_shadow(&account, found, None, beside)
        .await?;
    shadow::reset(&*admin.store, &account, &provider).await?;
    info!(account = %account, provider = %provider, "shadow removed");
    let answer = tagged(version, StatusCode::NO_CONTENT);
    Ok(unchanged(answer))
}
