//! The stores of an account, searched and a page at a time.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};

use super::accounts::{ListQuery, done};
use super::api::segment;
use super::confirm::{self, Ask};
use super::guard::{Desk, Post};
use super::sentences::{say, say_with};
use super::view::{Html, shown};
use crate::operation::Condition;
use crate::operation::accounts::{self, StoreInput, StoresQuery};

/// How many stores a page has.
const LENGTH: usize = 50;

/// `GET …/stores`
pub(super) async fn list(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    display(&desk, &id, &place, StatusCode::OK, context! {}).await
}

pub(super) async fn display(
    desk: &Desk,
    id: &str,
    place: &ListQuery,
    status: StatusCode,
    more: TemplateValue,
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

/// A storefront of a form; `None` where no origin was typed.
pub(super) fn store(post: &Post) -> Option<StoreInput> {
    Some(StoreInput {
        origin: post.filled("origin")?,
        auth_path: post.filled("auth_path"),
    })
}

/// `POST …/stores`
pub(super) async fn add(Path(id): Path<String>, post: Post) -> Html {
    let (ops, caller, when) = (post.ops(), post.caller(), Condition::None);
    let store = store(&post).unwrap_or_default();
    let changed = accounts::put_store(ops, &caller, &id, store, &when).await;
    done(&post, &id, changed, "store", "store").await
}

/// `POST …/stores/remove`
pub(super) async fn remove(Path(id): Path<String>, post: Post) -> Html {
    let ask = Ask {
        title: say_with(
            "confirm.remove_store_of",
            &[("origin", &post.get("origin"))],
        ),
        ends: vec![say("confirm.store_ends"), say("confirm.store_sessions")],
        button: say("confirm.remove_store"),
        back: format!("/admin/accounts/{}/stores", segment(&id)),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let (ops, caller, when) = (post.ops(), post.caller(), Condition::None);
    let changed = accounts::remove_store(ops, &caller, &id, post.get("origin"), &when).await;
    done(&post, &id, changed, "store-removed", "store").await
}
