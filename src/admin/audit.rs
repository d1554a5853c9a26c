//! The audit log: written by handlers in one commit with their change, see [`commit`],
//! else by one layer around every route; and read here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::{Value, json};
use tracing::error;

use super::mappings::rank;
use super::reply::Reply;
use super::{Admin, Caller};
use crate::audit::{self, Entry, Wanted, fingerprint};
use crate::base::{ErrorCode, Timestamp};
use crate::document::redact;
use crate::http::problem::Problem;
use crate::operation::audit_log::{self, AuditFormat, AuditQuery};
use crate::store::{Step, Store, StoreError, Version};

/// How an export is written: one entry a line.
const LINES: &str = "application/jsonl";
/// How many entries of an export are in memory at a time.
const STEP: usize = 500;

/// An answer to a request that changed nothing, or whose entry is written already.
#[derive(Clone)]
struct Unchanged;

/// Marks an answer to a request that found everything as it should be, or that wrote its
/// entry with its change.
pub(super) fn unchanged(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Unchanged);
    answer
}

/// A mapping for the log: its secrets are fingerprints.
pub(super) fn mapping(source: &str) -> Value {
    json!({ "mapping": redact::replace(source, fingerprint) })
}

/// Logs what succeeds and did not write its own entry, as what changes nothing that is
/// kept: a route that says nothing is logged all the same.
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
    let answer = ASKED
        .scope(request_as_asked.clone(), next.run(request))
        .await;
    if !answer.status().is_success() || answer.extensions().get::<Unchanged>().is_some() {
        return answer;
    }
    let entry = request_as_asked.entry(Value::Null, Value::Null);
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

/// What writes the entry for the request that is being answered.
pub(super) struct Note {
    asked: Asked,
    now: Timestamp,
}

impl Note {
    /// The step of a batch that writes it, beside the change that the request asks
    /// for: so that neither is on disk without the other. The answer is then
    /// [`unchanged`] to the layer.
    pub(super) fn step(&self, before: Value, after: Value) -> Result<Vec<Step>, StoreError> {
        let entry = self.asked.clone().entry(before, after);
        Ok(vec![audit::step(self.now, entry)?])
    }
}

/// For changes that come to be known where they are made.
pub(super) fn note(admin: &Admin) -> Reply<Note> {
    let asked = ASKED.try_with(Asked::clone).map_err(|_| {
        let why = "a change outside of a request";
        Problem::new(ErrorCode::AuditUnavailable, why)
    })?;
    let now = admin.clock.now();
    Ok(Note { asked, now })
}

/// See [`Note::step`].
pub(super) fn step(admin: &Admin, before: &Value, after: &Value) -> Reply<Vec<Step>> {
    Ok(note(admin)?.step(before.clone(), after.clone())?)
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

/// See [`audit_log::list`]; or all of it as JSON lines, however long it is.
pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<AuditQuery>,
    headers: HeaderMap,
) -> Reply {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let accept = accept.unwrap_or_default();
    let lines = match query.format {
        Some(format) => format == AuditFormat::Jsonl,
        None => rank(accept, LINES) > rank(accept, "application/json"),
    };
    if lines {
        let wanted = audit_log::wanted(&caller, &query)?;
        let body = Body::from_stream(export(Arc::clone(&admin.store), wanted, query.after));
        return Ok(([(header::CONTENT_TYPE, LINES)], body).into_response());
    }
    let page = audit_log::list(&admin.ops, &caller, &query).await?;
    Ok(page.into_response())
}

/// All entries as lines, read as fast as they are taken. A store that fails cuts
/// the answer off, so that no one takes a part for the whole.
fn export(
    store: Arc<dyn Store>,
    wanted: Wanted,
    after: Option<String>,
) -> impl Stream<Item = Result<String, StoreError>> {
    stream::try_unfold(Some((wanted, after)), move |at| {
        let store = Arc::clone(&store);
        async move {
            let Some((wanted, after)) = at else {
                return Ok(None);
            };
            let found = audit::page(&*store, &wanted, after.as_deref(), STEP).await?;
            let mut lines = String::new();
            for entry in &found.entries {
                lines.push_str(&json!(entry).to_string());
                lines.push('\n');
            }
            Ok(Some((lines, found.next.map(|next| (wanted, Some(next))))))
        }
    })
}
