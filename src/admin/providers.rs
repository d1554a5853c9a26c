//! Provider mappings.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::accounts::{Page, Paging};
use super::audit::{self, changed};
use super::reply::{Reply, account, bad, condition, json, missing, tagged};
use super::{Admin, Caller};
use crate::account::mapping::Mapping;
use crate::base::{AccountId, ProviderId};
use crate::document::Finding;
use crate::document::redact::{redact, restore};
use crate::http::problem::Problem;
use crate::store::{Precondition, Version, Versioned};

const TOML: &str = "application/toml";

/// A mapping as the API shows it: no secret in it.
#[derive(Serialize)]
struct Shown {
    provider: ProviderId,
    name: String,
    built_in: bool,
    version: u64,
    applied_at: String,
    author: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
}

impl Shown {
    fn of(mapping: &Mapping, with_source: bool, findings: Vec<Finding>) -> Self {
        Self {
            provider: mapping.provider.clone(),
            name: mapping.name.clone(),
            built_in: mapping.is_built_in(),
            version: mapping.number,
            applied_at: mapping.applied_at.rfc3339(),
            author: mapping.author.clone(),
            mapping: with_source.then(|| redact(&mapping.source)),
            findings,
        }
    }
}

fn provider_id(text: &str) -> Reply<ProviderId> {
    text.parse().map_err(|_| missing("provider"))
}

pub(super) async fn list(State(admin): State<Admin>, Path(id): Path<String>) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let found = admin.mappings.list(&account).await?;
    let items: Vec<Shown> = found
        .iter()
        .map(|m| Shown::of(&m.value, false, Vec::new()))
        .collect();
    Ok(Json(Page { items, next: None }).into_response())
}

pub(super) async fn current(
    admin: &Admin,
    id: &str,
    provider: &str,
) -> Reply<(AccountId, Versioned<Mapping>)> {
    let account = account(&*admin.store, id).await?.value.id;
    let provider = provider_id(provider)?;
    let found = admin.mappings.get(&account, &provider).await?;
    Ok((account, found.ok_or_else(|| missing("provider"))?))
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    let as_toml = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains(TOML));
    if as_toml {
        let source = redact(&found.value.source);
        return Ok(tagged(
            found.version,
            ([(header::CONTENT_TYPE, TOML)], source),
        ));
    }
    let findings = match admin.mappings.compiled(&account, &found) {
        Ok(provider) => provider.warnings.clone(),
        Err(findings) => findings,
    };
    Ok(tagged(
        found.version,
        Json(Shown::of(&found.value, true, findings)),
    ))
}

/// Takes the mapping for whatever provider it describes.
pub(super) async fn apply(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    store(
        &admin,
        &account,
        None,
        toml(&headers, &body)?,
        &caller,
        condition(&headers)?,
    )
    .await
}

/// Takes the mapping of one provider.
pub(super) async fn put(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let provider = provider_id(&provider)?;
    let source = toml(&headers, &body)?;
    store(
        &admin,
        &account,
        Some(&provider),
        source,
        &caller,
        condition(&headers)?,
    )
    .await
}

pub(super) fn toml<'b>(headers: &HeaderMap, body: &'b Bytes) -> Reply<&'b str> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some(TOML) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "request.content_type",
            "send the mapping as `Content-Type: application/toml`",
        ));
    }
    std::str::from_utf8(body).map_err(|_| bad("mapping.not_utf8", "the mapping is not valid UTF-8"))
}

async fn store(
    admin: &Admin,
    account: &AccountId,
    expected: Option<&ProviderId>,
    source: &str,
    caller: &Caller,
    when: Option<Precondition>,
) -> Reply {
    let named = named_provider(source);
    if let (Some(expected), Some(named)) = (expected, &named)
        && expected != named
    {
        return Err(bad(
            "mapping.other_provider",
            format!("the mapping is of `{named}`, the address of `{expected}`"),
        ));
    }
    let stored = match &named {
        Some(provider) => admin.mappings.get(account, provider).await?,
        None => None,
    };
    let source = match &stored {
        Some(old) => restore(source, &old.value.source),
        None => source.to_owned(),
    };
    if let Some(old) = stored
        .as_ref()
        .filter(|old| old.value.source == source && when.is_none())
    {
        // Applying what is applied is no new version.
        return Ok(answer(&old.value, old.version, Vec::new()));
    }
    let (mapping, provider, version) = admin
        .mappings
        .apply(account, &source, &caller.0, admin.clock.now(), when)
        .await?;
    super::watch::forget(admin, account, &mapping.provider).await?;
    info!(account = %account, provider = %mapping.provider, version = mapping.number, "mapping applied");
    let before = stored.map(|old| audit::mapping(&old.value.source));
    let answer = answer(&mapping, version, provider.warnings.clone());
    Ok(changed(answer, before, audit::mapping(&mapping.source)))
}

fn answer(mapping: &Mapping, version: Version, findings: Vec<Finding>) -> axum::response::Response {
    tagged(version, Json(Shown::of(mapping, false, findings)))
}

/// The id in a mapping that may have any other mistake.
pub(super) fn named_provider(source: &str) -> Option<ProviderId> {
    let (value, _, _) = crate::document::structure::parse_toml(source);
    value.pointer("/provider/id")?.as_str()?.parse().ok()
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    let when = condition(&headers)?.unwrap_or(Precondition::Any);
    admin
        .mappings
        .remove(&account, &found.value.provider, when)
        .await?;
    info!(account = %account, provider = %found.value.provider, "mapping removed");
    let before = audit::mapping(&found.value.source);
    let answer = StatusCode::NO_CONTENT.into_response();
    Ok(changed(answer, before, serde_json::Value::Null))
}

pub(super) async fn history(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
    Query(paging): Query<Paging>,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let provider = provider_id(&provider)?;
    let before = match paging.after.as_deref().map(str::parse::<u64>) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => return Err(bad("request.after", "`after` is a version's number")),
    };
    let limit = paging.limit();
    let found = admin
        .mappings
        .history(&account, &provider, before, limit)
        .await?;
    if found.is_empty() && before.is_none() {
        return Err(missing("provider"));
    }
    let next = (found.len() == limit)
        .then(|| found.last().map(|m| m.number.to_string()))
        .flatten();
    let items: Vec<Shown> = found
        .iter()
        .map(|m| Shown::of(m, true, Vec::new()))
        .collect();
    Ok(Json(Page { items, next }).into_response())
}

/// Which version to go back to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: u64,
}

/// Applies an earlier version again, as a new one.
pub(super) async fn rollback(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let provider = provider_id(&provider)?;
    let wanted: Rollback = json(&headers, &body)?;
    let found = admin
        .mappings
        .history(&account, &provider, wanted.version.checked_add(1), 1)
        .await?;
    let old = found
        .into_iter()
        .find(|mapping| mapping.number == wanted.version)
        .ok_or_else(|| missing("version"))?;
    store(
        &admin,
        &account,
        Some(&provider),
        &old.source,
        &caller,
        condition(&headers)?,
    )
    .await
}
