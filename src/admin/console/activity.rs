//! What happened in an account lately: changes to it, and logins.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;

use super::guard::Desk;
use super::log::{AuditQuery, entry};
use super::sentences::say;
use super::view::{Html, shown};
use crate::audit;
use crate::operation::accounts;
use crate::operation::logins::{self, LoginQuery};

/// How many of each the first page has.
const LATEST: usize = 10;
/// How many changes a page of them has.
const LENGTH: usize = 50;

/// `GET …/activity`
pub(super) async fn show(desk: Desk, Path(id): Path<String>) -> Html {
    let (ops, caller) = (desk.ops(), desk.caller());
    let account = accounts::show(ops, &caller, &id).await?.value;
    let own = Some(account.id.as_str());
    let now = ops.clock.now();
    let changes = audit::newest(&*ops.store, own, None, LATEST + 1, now).await?;
    let query = LoginQuery {
        limit: Some(LATEST),
        ..LoginQuery::default()
    };
    let found = logins::list(ops, &caller, &id, query).await?;
    let values = context! {
        title => say("activity.title"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
        more_changes => changes.len() > LATEST,
        entries => shown(changes.iter().take(LATEST).map(entry).collect::<Vec<_>>()),
        more_logins => found.next.is_some(),
        logins => shown(found.items),
        login_log => !ops.login_log.is_zero(),
    };
    desk.page(StatusCode::OK, "activity.html", values)
}

/// `GET …/activity/changes`
pub(super) async fn changes(
    desk: Desk,
    Path(id): Path<String>,
    Query(which): Query<AuditQuery>,
) -> Html {
    let (ops, caller) = (desk.ops(), desk.caller());
    let account = accounts::show(ops, &caller, &id).await?.value;
    let own = Some(account.id.as_str());
    let before = which.before.as_deref().filter(|id| !id.is_empty());
    let now = ops.clock.now();
    let found = audit::newest(&*ops.store, own, before, LENGTH + 1, now).await?;
    let more = found.len() > LENGTH;
    let entries = &found[..found.len().min(LENGTH)];
    let values = context! {
        title => say("activity.changes"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
        next => entries.last().filter(|_| more).map(|last| last.id.as_str()),
        entries => shown(entries.iter().map(entry).collect::<Vec<_>>()),
    };
    desk.page(StatusCode::OK, "changes.html", values)
}
