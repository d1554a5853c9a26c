//! The audit log: written by one layer around every route that changes
//! something, and read here. What a change was before and after, handlers say
//! with [`changed`]; a route that says nothing is logged all the same.

use axum::Json;
use axum::extract::{Extension, MatchedPath, Query, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::error;

use super::accounts::Page;
use super::reply::Reply;
use super::{Admin, Caller};
use crate::audit::{self, Entry, fingerprint};
use crate::document::redact;
use crate::http::problem::Problem;

/// The most entries of one export.
const MAX_EXPORT: usize = 50_000;

/// What a change was about.
#[derive(Clone)]
struct Change {
    before: Value,
    after: Value,
}

/// Adds to an answer what a change was about, for the log.
pub(super) fn changed(
    mut answer: Response,
    before: impl Serialize,
    after: impl Serialize,
) -> Response {
    answer.extensions_mut().insert(Change {
        before: json!(before),
        after: json!(after),
    });
    answer
}

/// A mapping for the log: its secrets are fingerprints.
pub(super) fn mapping(source: &str) -> Value {
    json!({ "mapping": redact::replace(source, fingerprint) })
}

/// Logs every change that succeeds.
pub(super) async fn log(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    if method.is_safe() {
        return next.run(request).await;
    }
    let target = request.uri().path().to_owned();
    let target = target.strip_prefix("/api/v1").unwrap_or(&target).to_owned();
    let mut answer = next.run(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let Change { before, after } = answer.extensions_mut().remove().unwrap_or(Change {
        before: Value::Null,
        after: Value::Null,
    });
    let path = route.as_ref().map_or(target.as_str(), MatchedPath::as_str);
    let created = after.get("id").and_then(Value::as_str);
    let mut parts = target.split('/').skip(1);
    let account = match (parts.next(), parts.next()) {
        (Some("accounts"), Some(account)) => Some(account.to_owned()),
        (Some("accounts"), None) => created.map(str::to_owned),
        _ => None,
    };
    let entry = Entry {
        id: String::new(),
        at: String::new(),
        who: caller.0,
        what: what(&method, path),
        account,
        target,
        before,
        after,
    };
    if let Err(failure) = audit::write(&*admin.store, admin.clock.now(), entry).await {
        error!(why = %failure, "a change is not in the audit log");
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "audit.unavailable",
            format!("the change was made, but is not in the audit log: {failure}"),
        )
        .into_response();
    }
    answer
}

/// `provider.apply` for a `PUT` of `…/providers/{provider}`.
fn what(method: &Method, path: &str) -> String {
    let literals: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .collect();
    let last = literals.last().copied().unwrap_or_default();
    let verb = match *method {
        Method::POST => "create",
        Method::PUT => "set",
        Method::PATCH => "change",
        _ => "remove",
    };
    let known = match (method.as_str(), last) {
        ("POST" | "PUT", "providers") => Some("provider.apply"),
        ("POST", "rollback") => Some("provider.rollback"),
        ("DELETE", "drift") => Some("drift.forget"),
        ("POST", "trials") => Some("trial.open"),
        ("POST", "invite") => Some("operator.invite"),
        ("DELETE", "sessions") if literals.contains(&"users") => Some("session.revoke_all"),
        ("DELETE", "sessions") => Some("session.revoke"),
        _ => None,
    };
    let noun = last.strip_suffix('s').unwrap_or(last);
    known.map_or_else(|| format!("{noun}.{verb}"), str::to_owned)
}

/// Which entries, and how they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    account: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    newest: bool,
    format: Option<String>,
}

/// A page of the log, the oldest entry first unless `newest=true`; with
/// `format=jsonl` all of it as JSON lines.
pub(super) async fn list(State(admin): State<Admin>, Query(which): Query<Which>) -> Reply {
    let (account, after) = (which.account.as_deref(), which.after.as_deref());
    if which.format.as_deref() == Some("jsonl") {
        let entries = audit::page(&*admin.store, account, after, MAX_EXPORT).await?;
        let mut lines = String::new();
        for entry in &entries {
            lines.push_str(&json!(entry).to_string());
            lines.push('\n');
        }
        return Ok(([(header::CONTENT_TYPE, "application/jsonl")], lines).into_response());
    }
    let limit = which.limit.unwrap_or(100).clamp(1, 500);
    let items = if which.newest {
        audit::newest(&*admin.store, account, after, limit, admin.clock.now()).await?
    } else {
        audit::page(&*admin.store, account, after, limit).await?
    };
    let next = (items.len() == limit)
        .then(|| items.last().map(|entry| entry.id.clone()))
        .flatten();
    Ok(Json(Page { items, next }).into_response())
}
