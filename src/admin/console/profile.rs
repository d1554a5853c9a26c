//! An operator's own profile: name, password, sessions.

use axum::extract::{Extension, Query};
use axum::http::{HeaderMap, StatusCode};
use minijinja::{Value, context};
use serde_json::Value as Json;

use super::State;
use super::accounts::ListQuery;
use super::guard::{Desk, Kind, Post, cookie, guess_from};
use super::second_factor::{self, password_again};
use super::sentences::say;
use super::sign_in::{entry, note_with, with_session_cookies};
use super::view::{Html, redirect_to, shown};
use crate::base::{ErrorCode, Lang, Secret};
use crate::http::problem::Problem;
use crate::http::server::ClientAddress;
use crate::operator::session;
use crate::operator::{self, Operator, password};
use crate::store::Precondition;

/// `GET /admin/profile`
pub(super) async fn show(desk: Desk, Query(place): Query<ListQuery>) -> Html {
    display(&desk, StatusCode::OK, context! { done => place.done }).await
}

async fn display(desk: &Desk, status: StatusCode, more: Value) -> Html {
    let operator = &desk.who.operator;
    let sessions = super::sessions::own(&desk.console, &desk.who).await?;
    let values = context! {
        title => say("common.your_profile"),
        nav => "profile",
        name => operator.name.as_str(),
        email => operator.email.as_str(),
        role => operator.role.name(),
        language => operator.language.map(Lang::tag),
        accounts => shown(&operator.accounts),
        has_password => operator.password.is_some(),
        second_factor => second_factor::shown(operator),
        sessions,
    };
    desk.page(status, "profile.html", context! { ..more, ..values })
}

async fn refuse(post: &Post, code: ErrorCode, field: &str, why: &str) -> Html {
    let mut problem = Problem::new(code, why);
    problem.field = Some(field.to_owned());
    let more = context! { problem => shown(problem), which => field };
    display(post, StatusCode::UNPROCESSABLE_ENTITY, more).await
}

/// `POST /admin/profile`: another name, another language.
pub(super) async fn change(axum::extract::State(console): State, post: Post) -> Html {
    let name = match operator::name(post.get("name")) {
        Ok(name) => name,
        Err(why) => return refuse(&post, ErrorCode::OperatorName, "name", &why.to_string()).await,
    };
    // What is no language of ours is the browser's.
    let language = post.get("language");
    let language = Lang::ALL.into_iter().find(|lang| lang.tag() == language);
    let store = &*console.admin.store;
    let email = &post.who.operator.email;
    if let Some(found) = operator::get(store, email).await? {
        let changed = Operator {
            name,
            language,
            ..found.value
        };
        let steps = operator::step_put(&changed, Precondition::Version(found.version))?;
        let who = email.as_str();
        note_with(&console, who, "operator.change", Json::Null, steps).await?;
    }
    Ok(redirect_to("/admin/profile?done=saved"))
}

/// `POST /admin/profile/password`: another password, for who knows the one of now. All
/// other sessions end.
pub(super) async fn change_password(
    axum::extract::State(console): State,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    post: Post,
) -> Html {
    let chosen = Secret::new(post.get("new"));
    if let Err(why) = password::check(&chosen) {
        return refuse(&post, ErrorCode::UserPassword, "new", &why.to_string()).await;
    }
    let device = cookie(&console, &headers, Kind::Device);
    let guess = guess_from(client, device.as_deref());
    if let Err(why) = password_again(&post, "current", guess).await {
        return refuse(&post, ErrorCode::UserPassword, "current", &why).await;
    }
    let email = post.who.operator.email.clone();
    let hashed = console.operators.hasher().hash(&chosen).await;
    let hash = hashed.map_err(|error| Problem::new(ErrorCode::ServiceBusy, error.to_string()))?;
    let store = &*console.admin.store;
    let missing = || Problem::new(ErrorCode::AdminNotFound, "there is no such operator");
    let found = operator::get(store, &email).await?.ok_or_else(missing)?;
    let changed = Operator {
        password: Some(hash),
        ..found.value
    };
    let steps = operator::step_put(&changed, Precondition::Version(found.version))?;
    let who = email.as_str();
    note_with(&console, who, "operator.password", Json::Null, steps).await?;
    // Whoever knew the old password is out.
    session::revoke_all(store, &email).await?;
    let found = operator::get(store, &email).await?.ok_or_else(missing)?;
    let entry = entry(&console, who, "operator.login", Json::Null)?;
    let begun = console.operators.begin_again(&found, &post.who, entry);
    let begun = begun.await?;
    let answer = redirect_to("/admin/profile?done=password");
    Ok(with_session_cookies(&console, &begun, answer))
}

/// `POST /admin/profile/sign-out`: ends one of one's own sessions.
pub(super) async fn sign_out(axum::extract::State(console): State, post: Post) -> Html {
    let store = &*console.admin.store;
    let id = post.get("session");
    let own = session::of(store, &post.who.operator.email).await?;
    if own.iter().any(|(key, _)| session::id(key) == id) {
        let email = post.who.operator.email.as_str();
        let entry = |_: &_| entry(&console, email, "operator.sign_out", Json::Null);
        session::revoke(store, id, entry).await?;
    }
    Ok(redirect_to("/admin/profile?done=revoked"))
}
