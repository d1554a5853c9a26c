//! The stores of an account, searched and a page at a time.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;

use super::accounts::ListQuery;
use super::guard::Desk;
use super::sentences::say;
use super::view::{Html, shown};
use crate::operation::accounts::{self, StoresQuery};

/// How many stores a page has.
const LENGTH: usize = 50;

/// `GET …/stores`
pub(super) async fn list(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), &id).await?.value;
    let q = place.q.trim();
    let query = StoresQuery {
        q: Some(q.to_owned()).filter(|q| !q.is_empty()),
        after: place.after,
        limit: Some(LENGTH),
    };
    let found = accounts::stores(desk.ops(), &desk.caller(), &id, query).await?;
    let values = context! {
        title => say("common.stores"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
        total => account.stores.len(),
        q,
        items => shown(found.items),
        next => found.next,
    };
    desk.page(StatusCode::OK, "stores.html", values)
}
