//! Trials: a login with a draft that is applied nowhere.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::Admin;
use super::providers::toml;
use super::reply::{Reply, account, missing};
use crate::document::redact::restore;
use crate::http::Shared;
use crate::http::problem::Problem;
use crate::login::trial::{self, TrialError};
use crate::store::Token;

/// Trials need a broker that serves: the provider sends the browser to it.
fn running(admin: &Admin) -> Reply<&Shared> {
    admin.app.as_ref().ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "trial.not_serving",
            "a test link needs a running broker; start it, or use `vestibule provider try`",
        )
    })
}

/// Opens a trial; its link can be opened once, anywhere, within an hour.
pub(super) async fn open(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let app = running(&admin)?;
    let draft = toml(&headers, &body)?;
    // A draft that began as a copy of what is applied has its secrets redacted.
    let stored = match super::providers::named_provider(draft) {
        Some(provider) => admin.mappings.get(&account, &provider).await?,
        None => None,
    };
    let source = stored.map_or_else(|| draft.to_owned(), |old| restore(draft, &old.value.source));
    let opened =
        trial::open(&app.logins, &account, &source)
            .await
            .map_err(|error| match error {
                TrialError::Findings(findings) => Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "mapping.invalid",
                    "the mapping does not compile",
                )
                .with_findings(findings),
                TrialError::Store(error) => error.into(),
            })?;
    let answer = json!({
        "id": opened.id.as_str(),
        "link": format!(
            "{}/accounts/{account}/trial?ticket={}",
            app.logins.public_url,
            opened.link.as_str()
        ),
        "expires_at": opened.expires_at.rfc3339(),
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// What came of a trial.
pub(super) async fn show(
    State(admin): State<Admin>,
    Path((id, trial)): Path<(String, String)>,
) -> Reply<Json<Value>> {
    let account = account(&*admin.store, &id).await?.value.id;
    let app = running(&admin)?;
    let token = Token::parse(&trial).ok_or_else(|| missing("trial"))?;
    let found = trial::find(&app.logins, &account, &token)
        .await?
        .ok_or_else(|| missing("trial"))?;
    Ok(Json(json!({
        "state": if found.trace.is_some() { "done" } else { "waiting" },
        "trace": found.trace,
    })))
}
