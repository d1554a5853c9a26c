//! The audit log, read.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::error::{OperationError, Outcome};
use super::{Access, Caller, Operations, Page, limit};
use crate::audit::{self, Entry, Found, Wanted};
use crate::base::{ErrorCode, Timestamp};

/// Which entries, and how they are written.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only those of this account.
    pub account: Option<String>,
    /// Only those of who has this in their name: an email, a client id, `setup-link:` and its id.
    pub who: Option<String>,
    /// Only those of this action, as in `user.delete`, or of all that begin so: `user`.
    pub what: Option<String>,
    /// Only those about what has this in its address.
    pub target: Option<String>,
    /// Only those from this moment or day (UTC) on, as in `2026-03-01T12:00:00Z` or `2026-03-01`.
    pub since: Option<String>,
    /// Only those before this moment, or to the end of this day (UTC).
    pub until: Option<String>,
    /// The `next` of the page before; any entry's id will do.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
    /// The newest first.
    #[serde(default)]
    pub newest: bool,
    /// `jsonl`: all of it, one entry a line, as `Accept: application/jsonl` says too.
    pub format: Option<AuditFormat>,
}

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditFormat {
    /// A page of them.
    Json,
    /// All of them, a line each.
    Jsonl,
}

/// What is asked for, as far as the caller may see it.
pub fn wanted(caller: &Caller, query: &AuditQuery) -> Outcome<Wanted> {
    caller.check(Access::Read)?;
    let own = caller.limit();
    let own = own.map(|own| own.iter().map(ToString::to_string).collect::<Vec<_>>());
    let accounts = match (&query.account, own) {
        (None, own) => own,
        (Some(one), Some(own)) if !own.contains(one) => {
            return Err(OperationError::missing("account"));
        }
        (Some(one), _) => Some(vec![one.clone()]),
    };
    let part = |text: &Option<String>| text.as_ref().map(|text| text.trim().to_lowercase());
    Ok(Wanted {
        accounts,
        who: part(&query.who),
        what: query.what.clone(),
        target: part(&query.target),
        since: moment("since", query.since.as_deref(), Duration::ZERO)?,
        until: moment(
            "until",
            query.until.as_deref(),
            Duration::from_secs(24 * 3600),
        )?,
    })
}

/// A moment of a query; one that is a day is `of_day` after its beginning.
fn moment(name: &'static str, text: Option<&str>, of_day: Duration) -> Outcome<Option<Timestamp>> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    let day = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    let found = day
        .map(|day| day.plus(of_day))
        .or_else(|| Timestamp::parse_rfc3339(text));
    found.map(Some).ok_or_else(|| {
        let why =
            format!("`{name}` is a day or a moment, as in `2026-03-01` or `2026-03-01T12:00:00Z`");
        OperationError::invalid(ErrorCode::RequestInvalid, name, why)
    })
}

/// A page of the log, the oldest entry first unless the newest are asked for. A search
/// that finds little gives what it has after a while, with a `next` to go on.
pub async fn list(ops: &Operations, caller: &Caller, query: &AuditQuery) -> Outcome<Page<Entry>> {
    let wanted = wanted(caller, query)?;
    let limit = limit(query.limit)?;
    let after = query.after.as_deref();
    let Found { entries, next } = if query.newest {
        audit::newest(&*ops.store, &wanted, after, limit, ops.clock.now()).await?
    } else {
        audit::page(&*ops.store, &wanted, after, limit).await?
    };
    let mut page = Page::cut(entries, limit, |_| String::new());
    page.next = next;
    Ok(page)
}
