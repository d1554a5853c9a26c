//! An account's settings beside its logins and its look, and its removal.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;

use super::accounts::ListQuery;
use super::forms::save;
use super::guard::{Desk, Post};
use super::screens;
use super::view::{Html, redirect_to, shown, status};
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountChange};
use crate::operation::{Condition, OperationError};

/// `GET …/settings`
pub(super) async fn show(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    let values = context! { done => place.done };
    screens::settings(&desk, &id, StatusCode::OK, values).await
}

/// `POST …/settings`: what the form has.
pub(super) async fn change(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        signing_alg: post.has("signing_alg").then(|| post.filled("signing_alg")),
        unverified_email: post.filled("unverified_email"),
        vtex_compatible: post.filled("vtex_compatible").map(|text| text == "true"),
        audience: post.has("audience").then(|| post.filled("audience")),
        ..AccountChange::default()
    };
    save(&post, &id, change, "saved", "settings").await
}

/// Removes the account; its id has to be typed.
pub(super) async fn remove(Path(id): Path<String>, post: Post) -> Html {
    if post.get("confirm").trim() != id {
        let why = format!("type `{id}` to remove the account");
        let refused = OperationError::new(ErrorCode::AccountConfirm, why);
        let problem = Problem::from(refused.at("confirm"));
        let more = context! { problem => shown(&problem), which => "remove" };
        return screens::settings(&post, &id, status(&problem), more).await;
    }
    accounts::remove(post.ops(), &post.caller(), &id, &Condition::None).await?;
    Ok(redirect_to("/admin/?done=removed"))
}
