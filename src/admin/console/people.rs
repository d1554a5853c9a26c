//! An account's users, their sessions and what they granted.

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use minijinja::{Value, context};
use serde::Deserialize;

use super::accounts::ListQuery;
use super::api::{Call, segment};
use super::confirm::{self, Ask};
use super::guard::{Desk, LoggedIn, Post};
use super::sentences::{say, say_with};
use super::view::{Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::admin::reply;
use crate::operation::users::{self, LinkQuery, UserChange, UserQuery, UserView};
use crate::operation::{Condition, OperationError, accounts};
use crate::operator::session::Current;

/// The most sessions of one user on their page.
const MOST_SHOWN: usize = 50;

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
        "grants" => (say("common.grants"), "grants.html"),
        _ => (say("common.sessions"), "sessions.html"),
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
#[derive(Default, Deserialize)]
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
    display(&desk, &id, StatusCode::OK, place, context! {}).await
}

/// The list as it is without a search, with what is wrong with a form of it.
pub(super) async fn listed(desk: &Desk, id: &str, status: StatusCode, more: Value) -> Html {
    display(desk, id, status, UsersQuery::default(), more).await
}

async fn display(
    desk: &Desk,
    id: &str,
    status: StatusCode,
    place: UsersQuery,
    more: Value,
) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), id).await?.value;
    let q = place.q.trim();
    let query = UserQuery {
        q: Some(q.to_owned()),
        count: true,
        after: place.after,
        limit: Some(50),
        ..UserQuery::default()
    };
    let found = users::list(desk.ops(), &desk.caller(), id, query).await?;
    let values = context! {
        title => say("common.users"),
        nav => "accounts",
        account => shown(account),
        q,
        total => found.total.map(shown),
        items => shown(found.items),
        next => found.next,
        done => place.done,
    };
    desk.page(status, "users.html", context! { ..more, ..values })
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
    let to = back_to(&post, &id, "grants", "revoked");
    act(&console, &post, Call::new(Method::DELETE, path), &to).await
}

/// Takes a consent back.
pub(super) async fn withdraw_consent(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let path = format!(
        "/accounts/{}/consents?user={}&application={}",
        segment(&id),
        segment(post.get("user")),
        segment(post.get("application"))
    );
    let to = back_to(&post, &id, "users", "revoked");
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

/// Where a form of a user's own page leads back to; of a list, the list.
fn back_to(post: &Post, id: &str, list: &str, done: &str) -> String {
    let account = format!("/admin/accounts/{}", segment(id));
    match post.get("user") {
        "" => format!("{account}/{list}?done={done}"),
        user => format!("{account}/users/{}?done={done}", segment(user)),
    }
}

/// The user that a form names, for what is asked about them.
async fn named(post: &Post, id: &str) -> Result<UserView, OperationError> {
    let found = users::show(post.ops(), &post.caller(), id, post.get("user")).await?;
    Ok(found.value)
}

fn user_page(id: &str, user: &UserView) -> String {
    format!("/admin/accounts/{}/users/{}", segment(id), user.id)
}

/// `GET /admin/accounts/{account}/users/{user}`
pub(super) async fn user(
    desk: Desk,
    Path((id, user)): Path<(String, String)>,
    Query(place): Query<ListQuery>,
) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), &id).await?.value;
    let found = users::detail(desk.ops(), &desk.caller(), &id, &user)
        .await?
        .value;
    let more = found.sessions.len().saturating_sub(MOST_SHOWN);
    let sessions: Vec<_> = found.sessions.into_iter().take(MOST_SHOWN).collect();
    let values = context! {
        title => found.user.email.clone(),
        nav => "accounts",
        account => shown(account),
        user => shown(found.user),
        has_password => found.has_password,
        sessions => shown(sessions),
        more_sessions => more,
        grants => shown(found.grants),
        consents => shown(found.consents),
        logins => shown(found.logins.into_iter().take(MOST_SHOWN).collect::<Vec<_>>()),
        history => shown(found.history),
        done => place.done,
    };
    desk.page(StatusCode::OK, "user.html", values)
}

/// `GET …/users/{user}/export.json`
pub(super) async fn export(desk: Desk, Path((id, user)): Path<(String, String)>) -> Html {
    let found = users::detail(desk.ops(), &desk.caller(), &id, &user).await?;
    let name = format!("attachment; filename=\"user-{}.json\"", found.value.user.id);
    Ok(([(header::CONTENT_DISPOSITION, name)], Json(found.value)).into_response())
}

/// Disables or enables a user.
pub(super) async fn change(Path(id): Path<String>, post: Post) -> Html {
    let user = named(&post, &id).await?;
    let disabled = post.get("disabled") == "true";
    let ask = Ask {
        title: say_with("confirm.disable_of", &[("name", &user.email)]),
        ends: vec![say("confirm.user_signed_out"), say("confirm.user_disabled")],
        button: say("common.disable"),
        back: user_page(&id, &user),
    };
    if disabled && let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let change = UserChange {
        disabled: Some(disabled),
        ..UserChange::default()
    };
    let place = (id.as_str(), post.get("user"));
    users::change(post.ops(), &post.caller(), place, change, &Condition::None).await?;
    let done = if disabled { "disabled" } else { "enabled" };
    Ok(redirect_to(&back_to(&post, &id, "users", done)))
}

/// Ends all sessions of a user.
pub(super) async fn revoke_all(Path(id): Path<String>, post: Post) -> Html {
    users::revoke_sessions(post.ops(), &post.caller(), &id, post.get("user")).await?;
    Ok(redirect_to(&back_to(&post, &id, "users", "revoked")))
}

/// Has a user prove their email again.
pub(super) async fn reverify(Path(id): Path<String>, post: Post) -> Html {
    let user = named(&post, &id).await?;
    let ask = Ask {
        title: say_with("confirm.reverify_of", &[("name", &user.email)]),
        ends: vec![
            say("confirm.user_signed_out"),
            say("confirm.reverify_until"),
        ],
        button: say("confirm.reverify"),
        back: user_page(&id, &user),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let place = (id.as_str(), post.get("user"));
    users::reverify(post.ops(), &post.caller(), place, &Condition::None).await?;
    Ok(redirect_to(&back_to(&post, &id, "users", "reverify")))
}

/// Takes a link from a user.
pub(super) async fn unlink(Path(id): Path<String>, post: Post) -> Html {
    let user = named(&post, &id).await?;
    let ask = Ask {
        title: say_with(
            "confirm.unlink_of",
            &[("provider", &post.get("provider")), ("name", &user.email)],
        ),
        ends: vec![say("confirm.user_signed_out"), say("confirm.unlink_later")],
        button: say("user.unlink"),
        back: user_page(&id, &user),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let link = LinkQuery {
        provider: post.get("provider").to_owned(),
        user_id: Some(post.get("user_id").to_owned()),
    };
    let place = (id.as_str(), post.get("user"));
    users::unlink(post.ops(), &post.caller(), place, link, &Condition::None).await?;
    Ok(redirect_to(&back_to(&post, &id, "users", "unlinked")))
}

/// Deletes a user.
pub(super) async fn delete(Path(id): Path<String>, post: Post) -> Html {
    let user = named(&post, &id).await?;
    let ask = Ask {
        title: say_with("confirm.delete_of", &[("name", &user.email)]),
        ends: vec![
            say("confirm.delete_record"),
            say("confirm.delete_id"),
            say("confirm.delete_new"),
        ],
        button: say("user.delete"),
        back: user_page(&id, &user),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let place = (id.as_str(), post.get("user"));
    users::delete(post.ops(), &post.caller(), place, &Condition::None).await?;
    let to = format!("/admin/accounts/{}/users?done=user-deleted", segment(&id));
    Ok(redirect_to(&to))
}

/// Ends one session.
pub(super) async fn revoke(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let session = segment(post.get("session"));
    let path = format!("/accounts/{}/sessions/{session}", segment(&id));
    let to = back_to(&post, &id, "sessions", "revoked");
    act(&console, &post, Call::new(Method::DELETE, path), &to).await
}
