//! The pages of an account whose forms are answered with the same page where something
//! is wrong: its stores, its look, its settings, what it demands of applications.

use axum::http::StatusCode;
use minijinja::{Value, context};

use super::accounts::ListQuery;
use super::guard::Desk;
use super::sentences::say;
use super::view::{Html, shown};
use crate::operation::accounts::{self, StoresQuery};

/// How many stores a page has.
const LENGTH: usize = 50;

/// Its stores, a page at a time.
pub(super) async fn stores(
    desk: &Desk,
    id: &str,
    place: &ListQuery,
    status: StatusCode,
    more: Value,
) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), id).await?.value;
    let q = place.q.trim();
    let query = StoresQuery {
        q: Some(q.to_owned()).filter(|q| !q.is_empty()),
        after: place.after.clone(),
        limit: Some(LENGTH),
    };
    let found = accounts::stores(desk.ops(), &desk.caller(), id, query).await?;
    let values = context! {
        title => say("common.stores"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
        total => account.stores.len(),
        q,
        items => shown(found.items),
        next => found.next,
        done => place.done.as_deref(),
        public_url => desk.console.origin.as_str(),
    };
    desk.page(status, "stores.html", context! { ..more, ..values })
}

/// How it looks to its shoppers.
pub(super) async fn branding(desk: &Desk, id: &str, status: StatusCode, more: Value) -> Html {
    let found = accounts::show(desk.ops(), &desk.caller(), id).await?;
    let values = context! {
        title => say("branding.title"),
        nav => "accounts",
        account => shown(found.value),
        etag => found.tag.version(),
    };
    desk.page(status, "branding.html", context! { ..more, ..values })
}

/// Its settings beside its logins and its look.
pub(super) async fn settings(desk: &Desk, id: &str, status: StatusCode, more: Value) -> Html {
    let found = accounts::show(desk.ops(), &desk.caller(), id).await?;
    let values = context! {
        title => say("common.settings"),
        nav => "accounts",
        account => shown(found.value),
        etag => found.tag.version(),
    };
    desk.page(status, "settings.html", context! { ..more, ..values })
}

/// What it demands of every application.
pub(super) async fn application_policy(
    desk: &Desk,
    id: &str,
    status: StatusCode,
    more: Value,
) -> Html {
    let found = accounts::show(desk.ops(), &desk.caller(), id).await?;
    let values = context! {
        title => say("policy.what_applications_keep_to"),
        nav => "accounts",
        form => shown(&found.value.application_policy),
        account => shown(found.value),
        etag => found.tag.version(),
    };
    desk.page(
        status,
        "application_policy.html",
        context! { ..more, ..values },
    )
}
