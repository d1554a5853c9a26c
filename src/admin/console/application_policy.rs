//! What an account demands of every application.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;
use serde_json::json;

use super::accounts::ListQuery;
use super::applications::names;
use super::forms::save;
use super::guard::{Desk, Post};
use super::screens;
use super::view::Html;
use crate::operation::accounts::AccountChange;

/// `GET …/application-policy`
pub(super) async fn show(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    let values = context! { done => place.done };
    screens::application_policy(&desk, &id, StatusCode::OK, values).await
}

/// `POST …/application-policy`: the whole policy, as the form says.
pub(super) async fn change(Path(id): Path<String>, post: Post) -> Html {
    let policy = json!({
        "access_token_lifetime": post.filled("access_token_lifetime"),
        "refresh_token_lifetime": post.filled("refresh_token_lifetime"),
        "refresh_token_absolute_lifetime": post.filled("refresh_token_absolute_lifetime"),
        "require_pkce": post.has("require_pkce"),
        "consent": post.has("consent"),
        "rotate_refresh_tokens": post.has("rotate_refresh_tokens"),
        "scopes": names(post.get("scopes")),
        "claims": names(post.get("claims")),
    });
    let change = AccountChange {
        application_policy: Some(Some(policy)),
        ..AccountChange::default()
    };
    save(&post, &id, change, "saved", "policy").await
}
