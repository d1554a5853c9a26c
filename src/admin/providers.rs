//! Provider mappings.

mod view;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

pub(super) use self::view::ProviderView;
use super::audit::{self, unchanged};
use super::mappings::{Draft, TOML, as_toml, invalid, wants_toml};
use super::paging::{Page, Paging};
use super::reply::{Reply, account, condition, json, missing, tagged};
use super::{Admin, Caller};
use crate::account::mapping::{Consent, Mapping, RULES};
use crate::base::{AccountId, ErrorCode, ProviderId};
use crate::document::Finding;
use crate::http::problem::Problem;
use crate::operation::setup_links::keeps_its_name;
use crate::provider::Provider;
use crate::provider::preview::{self, Preview};
use crate::store::Versioned;

fn provider_id(text: &str) -> Reply<ProviderId> {
    text.parse().map_err(|_| missing("provider"))
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Reply<Page<ProviderView>> {
    let account = account(&*admin.store, &id).await?.value.id;
    let found = admin.mappings.list(&account).await?;
    let page = Page::of_all(found, &paging, |m| m.value.provider.to_string())?;
    Ok(page.map(|m| {
        ProviderView::of(&m.value, false)
            .live(&admin, &account, &m)
            .listed()
    }))
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
    if wants_toml(&headers) {
        let source = as_toml(&found.value.source);
        let answer = ([(header::CONTENT_TYPE, TOML)], source);
        return Ok(varying(tagged(found.version, answer)));
    }
    let shown = Json(ProviderView::of(&found.value, true).live(&admin, &account, &found));
    Ok(varying(tagged(found.version, shown)))
}

fn varying(mut answer: Response) -> Response {
    let by = header::HeaderValue::from_static("Accept");
    answer.headers_mut().insert(header::VARY, by);
    answer
}

/// What the caller agrees to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    /// What a refusal asked for, with commas between: `redirect-uri`, `same-people`, `new-people`.
    #[serde(default)]
    accept: String,
}

impl Accept {
    fn consent(&self) -> Reply<Consent> {
        Consent::read(&self.accept).map_err(|name| {
            let known = Consent::NAMES.join(", ");
            Problem::new(
                ErrorCode::RequestAccept,
                format!("`{name}` is not something to accept; that is: {known}"),
            )
        })
    }
}

/// Who applies a mapping, and how.
struct Applying<'a> {
    caller: &'a Caller,
    headers: &'a HeaderMap,
    consent: Consent,
}

/// Takes the mapping for whatever provider it describes.
pub(super) async fn apply(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(accept): Query<Accept>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let draft = Draft::read(&headers, &body)?;
    let applying = Applying {
        caller: &caller,
        headers: &headers,
        consent: accept.consent()?,
    };
    take(&admin, &account, None, &draft, &applying).await
}

/// Takes the mapping of one provider.
pub(super) async fn put(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, provider)): Path<(String, String)>,
    Query(accept): Query<Accept>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let provider = provider_id(&provider)?;
    let draft = Draft::read(&headers, &body)?;
    let applying = Applying {
        caller: &caller,
        headers: &headers,
        consent: accept.consent()?,
    };
    take(&admin, &account, Some(&provider), &draft, &applying).await
}

/// What is applied of the provider that a draft is of.
pub(super) async fn stored(
    admin: &Admin,
    account: &AccountId,
    draft: &Draft,
) -> Reply<Option<Versioned<Mapping>>> {
    Ok(match draft.provider() {
        Some(provider) => admin.mappings.get(account, &provider).await?,
        None => None,
    })
}

async fn take(
    admin: &Admin,
    account: &AccountId,
    expected: Option<&ProviderId>,
    draft: &Draft,
    applying: &Applying<'_>,
) -> Reply {
    if let (Some(expected), Some(named)) = (expected, draft.provider())
        && *expected != named
    {
        return Err(Problem::new(
            ErrorCode::MappingOtherProvider,
            format!("the mapping is of `{named}`, the address of `{expected}`"),
        ));
    }
    let stored = match expected {
        // Its text may be unreadable: then that is what is wrong (threat F26).
        Some(provider) => admin.mappings.get(account, provider).await?,
        None => stored(admin, account, draft).await?,
    };
    let source = draft.text(
        applying.caller,
        stored.as_ref().map(|old| old.value.source.as_str()),
    )?;
    let answer = store(admin, account, stored, &source, applying).await;
    answer.map_err(|problem| draft.problem(problem))
}

async fn store(
    admin: &Admin,
    account: &AccountId,
    stored: Option<Versioned<Mapping>>,
    source: &str,
    applying: &Applying<'_>,
) -> Reply {
    if applying.caller.limit().is_some() {
        keeps_its_name(&admin.mappings, source)?;
    }
    let version = stored.as_ref().map(|old| old.version);
    let when = condition(applying.headers)?.over(version)?;
    // Applying what is applied makes no new version, unless it is from before and
    // should be no longer.
    if let Some(old) = stored.as_ref().filter(|old| {
        old.value.source == source && (old.value.rules == RULES || !applying.consent.redirect_uri)
    }) {
        let shown = ProviderView::of(&old.value, false).live(admin, account, old);
        return Ok(unchanged(tagged(old.version, Json(shown.listed()))));
    }
    let before = stored.map_or(Value::Null, |old| audit::mapping(&old.value.source));
    let after = audit::mapping(source);
    let (mapping, provider, version) = admin
        .mappings
        .apply_beside(
            account,
            source,
            (applying.caller.name(), admin.clock.now()),
            Some(when),
            applying.consent,
            audit::step(admin, &before, &after)?,
        )
        .await?;
    super::watch::forget(admin, account, &mapping.provider).await?;
    info!(account = %account, provider = %mapping.provider, version = mapping.number, "mapping applied");
    let mut shown = ProviderView::of(&mapping, false);
    shown.findings.clone_from(&provider.warnings);
    shown.addresses(admin, account, &provider);
    Ok(unchanged(tagged(version, Json(shown))))
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
    headers: HeaderMap,
) -> Reply {
    let (account, found) = current(&admin, &id, &provider).await?;
    let when = condition(&headers)?.over(Some(found.version))?;
    let before = audit::mapping(&found.value.source);
    let beside = audit::step(&admin, &before, &Value::Null)?;
    admin
        .mappings
        .remove(&account, &found.value.provider, when, beside)
        .await?;
    info!(account = %account, provider = %found.value.provider, "mapping removed");
    Ok(unchanged(StatusCode::NO_CONTENT.into_response()))
}

pub(super) async fn history(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
    Query(paging): Query<Paging>,
) -> Reply<Page<ProviderView>> {
    let account = account(&*admin.store, &id).await?.value.id;
    let provider = provider_id(&provider)?;
    let before = match paging.after.as_deref().map(str::parse::<u64>) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => {
            return Err(Problem::new(
                ErrorCode::RequestAfter,
                "`after` is a version's number",
            ));
        }
    };
    let limit = paging.limit()?;
    let found = admin
        .mappings
        .history(&account, &provider, before, limit + 1)
        .await?;
    if found.is_empty() && before.is_none() {
        return Err(missing("provider"));
    }
    let page = Page::cut(found, limit, |m| m.number.to_string());
    Ok(page.map(|m| ProviderView::of(&m, true)))
}

/// Which version to go back to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    version: u64,
}

/// Applies an earlier version again, as a new one.
pub(super) async fn rollback(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path((id, provider)): Path<(String, String)>,
    Query(accept): Query<Accept>,
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
    let stored = admin.mappings.get(&account, &provider).await?;
    // Its secrets and references were accepted when it was applied.
    let applying = Applying {
        caller: &caller,
        headers: &headers,
        consent: accept.consent()?,
    };
    store(&admin, &account, stored, &old.source, &applying).await
}

/// What would be sent, and what a check has to say about it.
#[derive(Serialize, JsonSchema)]
pub(super) struct Previewed {
    #[serde(flatten)]
    preview: Preview,
    findings: Vec<Finding>,
}

fn previewed(
    admin: &Admin,
    account: &AccountId,
    provider: &Provider,
    findings: Vec<Finding>,
) -> Reply<Json<Previewed>> {
    let redirect_uri = admin.mappings.redirect_uri(account, provider);
    let preview = preview::preview(provider, Some(&redirect_uri))
        .map_err(|error| invalid(Vec::new(), &error.to_string()))?;
    Ok(Json(Previewed { preview, findings }))
}

/// The requests that the applied mapping sends.
pub(super) async fn preview(
    State(admin): State<Admin>,
    Path((id, provider)): Path<(String, String)>,
) -> Reply<Json<Previewed>> {
    let (account, found) = current(&admin, &id, &provider).await?;
    let provider = admin.mappings.compiled(&account, &found);
    let provider = provider.map_err(|found| invalid(found, "the mapping does not compile"))?;
    previewed(&admin, &account, &provider, provider.warnings.clone())
}

/// The requests that a draft would send; nothing is sent or stored.
pub(super) async fn preview_draft(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let draft = Draft::read(&headers, &body)?;
    let stored = stored(&admin, &account, &draft).await?;
    let source = draft.text(
        &caller,
        stored.as_ref().map(|old| old.value.source.as_str()),
    )?;
    let compiled = admin.mappings.compile(&source);
    let provider =
        compiled.map_err(|found| draft.problem(invalid(found, "the mapping does not compile")))?;
    let findings = draft.findings(provider.warnings.clone());
    let answer = previewed(&admin, &account, &provider, findings)?.into_response();
    Ok(unchanged(answer))
}
