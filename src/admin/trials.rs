//! Trials: a login with a draft that is applied nowhere.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::mappings::{Draft, invalid};
use super::providers::stored;
use super::reply::{Reply, account, missing};
use super::{Admin, Caller};
use crate::base::ErrorCode;
use crate::http::Shared;
use crate::http::problem::Problem;
use crate::login::trial::{self, TrialError};
use crate::store::Token;

/// Trials need a broker that serves: the provider sends the browser to it.
fn running(admin: &Admin) -> Reply<&Shared> {
    admin.app.as_ref().ok_or_else(|| {
        Problem::new(
            ErrorCode::TrialNotServing,
            "a test link needs a running broker; start it, or use `vestibule provider try`",
        )
    })
}

/// A trial that waits for its login.
#[derive(Serialize, JsonSchema)]
pub(super) struct OpenTrial {
    /// What its trace is asked for by.
    id: String,
    /// What its login begins with, once, by whoever owns the test account.
    link: String,
    /// When both end (RFC 3339).
    expires_at: String,
}

/// What came of a trial.
#[derive(Serialize, JsonSchema)]
pub(super) struct Trial {
    /// `waiting` until someone logged in.
    state: TrialState,
    /// Every exchange with its timing, and how each value was found; secrets
    /// masked. `vestibule provider replay` reads it.
    trace: Option<Map<String, Value>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TrialState {
    Waiting,
    Done,
}

/// Opens a trial; its link can be opened once, anywhere, within an hour.
pub(super) async fn open(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let app = running(&admin)?;
    let draft = Draft::read(&headers, &body)?;
    // A draft that began as a copy of what is applied has its secrets redacted.
    let stored = stored(&admin, &account, &draft).await?;
    let source = draft.text(
        &caller,
        stored.as_ref().map(|old| old.value.source.as_str()),
    )?;
    let opened =
        trial::open(&app.logins, &account, &source)
            .await
            .map_err(|error| match error {
                TrialError::Findings(findings) => {
                    draft.problem(invalid(findings, "the mapping does not compile"))
                }
                off @ TrialError::Off(_) => Problem::new(ErrorCode::AccountWays, off.to_string()),
                busy @ TrialError::TooMany(_) => {
                    Problem::new(ErrorCode::ServiceBusy, busy.to_string())
                }
                TrialError::Store(error) => error.into(),
            })?;
    let answer = OpenTrial {
        id: opened.id.as_str().to_owned(),
        link: format!(
            "{}/accounts/{account}/trial?ticket={}",
            app.logins.public_url,
            opened.link.as_str()
        ),
        expires_at: opened.expires_at.rfc3339(),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// What came of a trial.
pub(super) async fn show(
    State(admin): State<Admin>,
    Path((id, trial)): Path<(String, String)>,
) -> Reply<Json<Trial>> {
    let account = account(&*admin.store, &id).await?.value.id;
    let app = running(&admin)?;
    let token = Token::parse(&trial).ok_or_else(|| missing("trial"))?;
    let found = trial::find(&app.logins, &account, &token)
        .await?
        .ok_or_else(|| missing("trial"))?;
    let trace = match serde_json::to_value(&found.trace) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    };
    Ok(Json(Trial {
        state: if trace.is_some() {
            TrialState::Done
        } else {
            TrialState::Waiting
        },
        trace,
    }))
}
