//! The stores of an account, searched and a page at a time.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;

use super::accounts::{ListQuery, store};
use super::api::segment;
use super::confirm::{self, Ask};
use super::forms::done;
use super::guard::{Desk, Post};
use super::screens;
use super::sentences::{say, say_with};
use super::view::Html;
use crate::operation::Condition;
use crate::operation::accounts;

/// `GET …/stores`
pub(super) async fn list(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    screens::stores(&desk, &id, &place, StatusCode::OK, context! {}).await
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
