//! An account's users, their sessions and what they granted.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use minijinja::context;
use serde::Deserialize;
use serde_json::json;

use super::accounts::ListQuery;
use super::api::{Call, segment};
use super::guard::{Desk, LoggedIn, Post};
use super::view::{Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::admin::reply;
use crate::operation::accounts;
use crate::operation::users::{self, UserQuery};
use crate::operator::session::Current;

async fn list(console: &Console, who: &Current, id: &str, what: &str, place: &ListQuery) -> Html {
    let account = reply::account(&*console.admin.store, id)
        .await
        .map_err(failing(who))?
        .value;
    let after = place
        .after
        .as_ref()
        .map(|after| format!("&after={}", segment(after)))
        .unwrap_or_default();
    let path = format!("/accounts/{}/{what}?limit=50{after}", segment(id));
    let found = console
        .api
        .call(who, Call::get(path))
        .await
        .map_err(failing(who))?;
    let (title, template) = match what {
        "grants" => ("Grants", "grants.html"),
        _ => ("Sessions", "sessions.html"),
    };
    let values = context! {
        title,
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        items => shown(found["items"].clone()),
        next => found["next"].as_str(),
        done => place.done.as_deref(),
    };
    page(Some(who), StatusCode::OK, template, values)
}

/// Which users, and what was just done.
#[derive(Deserialize)]
pub(super) struct UsersQuery {
    #[serde(default)]
    q: String,
    after: Option<String>,
    done: Option<String>,
}

/// `GET /admin/accounts/{account}/users`
pub(super) async fn users(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<UsersQuery>,
) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), &id).await?.value;
    let q = place.q.trim();
    let query = UserQuery {
        q: Some(q.to_owned()),
        count: true,
        after: place.after,
        limit: Some(50),
        ..UserQuery::default()
    };
    let found = users::list(desk.ops(), &desk.caller(), &id, query).await?;
    let values = context! {
        title => "Users",
        nav => "accounts",
        account => shown(account),
        q,
        total => found.total.map(shown),
        items => shown(found.items),
        next => found.next,
        done => place.done,
    };
    desk.page(StatusCode::OK, "users.html", values)
}

pub(super) async fn sessions(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    list(&console, &who, &id, "sessions", &place).await
}

pub(super) async fn grants(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    list(&console, &who, &id, "grants", &place).await
}

/// Ends one grant.
pub(super) async fn revoke_grant(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let grant = segment(post.get("grant"));
    let path = format!("/accounts/{}/grants/{grant}", segment(&id));
    let to = format!("/admin/accounts/{}/grants?done=revoked", segment(&id));
    act(&console, &post, Call::new(Method::DELETE, path), &to).await
}

async fn act(console: &Console, post: &Post, call: Call<'_>, to: &str) -> Html {
    console
        .api
        .call(&post.who, call)
        .await
        .map_err(failing(&post.who))?;
    Ok(redirect_to(to))
}

/// Disables or enables a user.
pub(super) async fn change(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let user = segment(post.get("user"));
    let disabled = post.get("disabled") == "true";
    let call = Call::new(
        Method::PATCH,
        format!("/accounts/{}/users/{user}", segment(&id)),
    );
    let done = if disabled { "disabled" } else { "enabled" };
    let to = format!("/admin/accounts/{}/users?done={done}", segment(&id));
    act(
        &console,
        &post,
        call.json(json!({ "disabled": disabled })),
        &to,
    )
    .await
}

/// Ends all sessions of a user.
pub(super) async fn revoke_all(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let user = segment(post.get("user"));
    let path = format!("/accounts/{}/users/{user}/sessions", segment(&id));
    let to = format!("/admin/accounts/{}/users?done=revoked", segment(&id));
    act(&console, &post, Call::new(Method::DELETE, path), &to).await
}

/// Ends one session.
pub(super) async fn revoke(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let session = segment(post.get("session"));
    let path = format!("/accounts/{}/sessions/{session}", segment(&id));
    let to = format!("/admin/accounts/{}/sessions?done=revoked", segment(&id));
    act(&console, &post, Call::new(Method::DELETE, path), &to).await
}
