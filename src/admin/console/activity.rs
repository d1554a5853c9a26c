//! What happened in an account lately: changes to it, and logins.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;

use super::guard::Desk;
use super::log::{AuditSearch, entry};
use super::sentences::say;
use super::view::{Html, shown};
use crate::operation::accounts;
use crate::operation::audit_log::{self, AuditQuery};
use crate::operation::logins::{self, LoginQuery};

/// How many of each the first page has.
const LATEST: usize = 10;

/// `GET …/activity`
pub(super) async fn show(desk: Desk, Path(id): Path<String>) -> Html {
    let (ops, caller) = (desk.ops(), desk.caller());
    let account = accounts::show(ops, &caller, &id).await?.value;
    let latest = AuditQuery {
        account: Some(account.id.to_string()),
        limit: Some(LATEST),
        newest: true,
        ..AuditQuery::default()
    };
    let changes = audit_log::list(ops, &caller, &latest).await?;
    let query = LoginQuery {
        limit: Some(LATEST),
        ..LoginQuery::default()
    };
    let found = logins::list(ops, &caller, &id, query).await?;
    let values = context! {
        title => say("activity.title"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
        more_changes => changes.next.is_some(),
        entries => shown(changes.items.iter().map(entry).collect::<Vec<_>>()),
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
    Query(which): Query<AuditSearch>,
) -> Html {
    let (ops, caller) = (desk.ops(), desk.caller());
    let account = accounts::show(ops, &caller, &id).await?.value;
    let which = which.of(account.id.as_str());
    let values = context! {
        title => say("activity.changes"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
    };
    let found = which.found(&desk).await?;
    desk.page(
        StatusCode::OK,
        "changes.html",
        context! { ..values, ..found },
    )
}
