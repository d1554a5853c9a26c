//! The audit log: written by one layer around every route that changes
//! something, and read here. What a change was before and after, handlers say
//! with [`changed`]; a route that says nothing is logged all the same.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::error;

use super::mappings::rank;
use super::paging::Page;
use super::reply::{Reply, missing};
use super::{Admin, Caller};
use crate::audit::{self, Entry, fingerprint};
use crate::base::ErrorCode;
use crate::document::redact;
use crate::http::problem::Problem;
use crate::operation::limit;
use crate::store::{Step, Store, StoreError, Version};

/// How an export is written: one entry a line.
const LINES: &str = "application/jsonl";
/// How many entries of an export are in memory at a time.
const STEP: usize = 500;

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

/// An answer to a request that changed nothing, so that no entry is written.
#[derive(Clone)]
struct Unchanged;

/// Marks an answer to a request that found everything as it should be.
pub(super) fn unchanged(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Unchanged);
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
    let path = route.as_ref().map_or(target.as_str(), MatchedPath::as_str);
    let request_as_asked = Asked {
        who: caller.name().to_owned(),
        what: what(&method, path),
        target,
    };
    let mut answer = ASKED
        .scope(request_as_asked.clone(), next.run(request))
        .await;
    if !answer.status().is_success() || answer.extensions().get::<Unchanged>().is_some() {
        return answer;
    }
    let Change { before, after } = answer.extensions_mut().remove().unwrap_or(Change {
        before: Value::Null,
        after: Value::Null,
    });
    let entry = request_as_asked.entry(before, after);
    if let Err(failure) = audit::write(&*admin.store, admin.clock.now(), entry).await {
        error!(why = %failure, "a change is not in the audit log");
        return Problem::new(
            ErrorCode::AuditUnavailable,
            format!("the change was made, but is not in the audit log: {failure}"),
        )
        .into_response();
    }
    answer
}

/// A request, as far as an entry says of it.
#[derive(Clone)]
struct Asked {
    who: String,
    what: String,
    target: String,
}

tokio::task_local! {
    /// What is being answered.
    static ASKED: Asked;
}

impl Asked {
    fn entry(self, before: Value, after: Value) -> Entry {
        let created = after.get("id").and_then(Value::as_str);
        let mut parts = self.target.split('/').skip(1);
        let account = match (parts.next(), parts.next()) {
            (Some("accounts"), Some(account)) => Some(account.to_owned()),
            (Some("accounts"), None) => created.map(str::to_owned),
            // An application belongs to an account, or to none.
            _ => [&after, &before]
                .iter()
                .find_map(|side| side.get("account")?.as_str())
                .map(str::to_owned),
        };
        Entry {
            id: String::new(),
            at: String::new(),
            who: self.who,
            what: self.what,
            account,
            target: self.target,
            before,
            after,
        }
    }
}

/// The step of a batch that writes the entry for the request that is being
/// answered, beside the change that it asks for: so that neither is on disk
/// without the other. The answer is then [`unchanged`] to the layer.
pub(super) fn step(admin: &Admin, before: &Value, after: &Value) -> Reply<Vec<Step>> {
    let asked = ASKED.try_with(Asked::clone).map_err(|_| {
        let why = "a change outside of a request";
        Problem::new(ErrorCode::AuditUnavailable, why)
    })?;
    let entry = asked.entry(before.clone(), after.clone());
    Ok(vec![audit::step(admin.clock.now(), entry)?])
}

/// Makes the change that is asked for and writes its entry, in one commit: see
/// [`step`]. Gives the version of the record that is put first, where one is.
pub(super) async fn commit(
    admin: &Admin,
    mut steps: Vec<Step>,
    before: &Value,
    after: &Value,
) -> Reply<Version> {
    steps.extend(step(admin, before, after)?);
    let versions = admin.store.commit(steps).await?;
    Ok(versions.first().copied().unwrap_or(Version(0)))
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
        ("POST", "rotate") if literals.contains(&"keys") => Some("key.rotate"),
        ("POST", "rotate") => Some("application.rotate"),
        ("POST", "prepare") => Some("key.prepare"),
        ("POST", "keys") => Some("key.import"),
        ("POST", "rollback") => Some("provider.rollback"),
        ("DELETE", "drift") => Some("drift.forget"),
        ("POST", "trials") => Some("trial.open"),
        ("POST", "invite") => Some("operator.invite"),
        ("DELETE", "sessions") => Some("session.revoke"),
        _ => None,
    };
    let noun = last.strip_suffix('s').unwrap_or(last);
    known.map_or_else(|| format!("{noun}.{verb}"), str::to_owned)
}

/// Which entries, and how they are written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AuditQuery")]
pub(super) struct AuditQuery {
    /// Only those of this account.
    account: Option<String>,
    /// The `next` of the page before; any entry's id will do.
    after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
    /// The newest first.
    #[serde(default)]
    newest: bool,
    /// `jsonl`: all of it, one entry a line, as `Accept: application/jsonl` says too.
    format: Option<Format>,
}

#[derive(Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AuditFormat")]
enum Format {
    Json,
    Jsonl,
}

/// A page of the log, the oldest entry first unless `newest=true`; or all of it
/// as JSON lines, however long it is.
pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Query(mut which): Query<AuditQuery>,
    headers: HeaderMap,
) -> Reply {
    if let Some(own) = caller.limit() {
        if let (None, [one]) = (&which.account, own) {
            which.account = Some(one.to_string());
        }
        let of = which.account.as_deref();
        if !own.iter().any(|own| Some(own.as_str()) == of) {
            return Err(missing("account"));
        }
    }
    let limit = limit(which.limit)?;
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let accept = accept.unwrap_or_default();
    let lines = match which.format {
        Some(format) => format == Format::Jsonl,
        None => rank(accept, LINES) > rank(accept, "application/json"),
    };
    if lines {
        let body = Body::from_stream(export(Arc::clone(&admin.store), which.account, which.after));
        return Ok(([(header::CONTENT_TYPE, LINES)], body).into_response());
    }
    let (account, after) = (which.account.as_deref(), which.after.as_deref());
    let items = if which.newest {
        audit::newest(&*admin.store, account, after, limit + 1, admin.clock.now()).await?
    } else {
        audit::page(&*admin.store, account, after, limit + 1).await?
    };
    Ok(Page::cut(items, limit, |entry: &Entry| entry.id.clone()).into_response())
}

/// All entries as lines, read as fast as they are taken. A store that fails cuts
/// the answer off, so that no one takes a part for the whole.
fn export(
    store: Arc<dyn Store>,
    account: Option<String>,
    after: Option<String>,
) -> impl Stream<Item = Result<String, StoreError>> {
    stream::try_unfold(Some(after), move |at| {
        let (store, account) = (Arc::clone(&store), account.clone());
        async move {
            let Some(after) = at else {
                return Ok(None);
            };
            let entries = audit::page(&*store, account.as_deref(), after.as_deref(), STEP).await?;
            let mut lines = String::new();
            for entry in &entries {
                lines.push_str(&json!(entry).to_string());
                lines.push('\n');
            }
            let full = entries.len() == STEP;
            let next = entries
                .last()
                .filter(|_| full)
                .map(|last| Some(last.id.clone()));
            Ok(Some((lines, next)))
        }
    })
}
