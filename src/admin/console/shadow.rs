//! A provider's shadow: a second mapping that is asked on real logins without
//! deciding any, what it would change, and its promotion.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use minijinja::{Value as TemplateValue, context};
use serde_json::json;

use super::accounts::ListQuery;
use super::api::Call;
use super::draft::Open;
use super::guard::{LoggedIn, Post};
use super::providers::api_path;
use super::sentences::say;
use super::view::{Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::account::draft;
use crate::admin::{providers, reply};
use crate::base::ErrorCode;
use crate::document::redact::redact;
use crate::http::problem::Problem;
use crate::login::shadow::{self, Report};
use crate::operation::difference::{diff_lines, identity_warnings};
use crate::operator::session::Current;

/// `GET …/providers/{provider}/shadow`
pub(super) async fn show(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((id, provider)): Path<(String, String)>,
    Query(place): Query<ListQuery>,
) -> Html {
    let more = context! { done => place.done };
    display(&console, &who, &id, &provider, StatusCode::OK, more).await
}

async fn display(
    console: &Console,
    who: &Current,
    id: &str,
    provider: &str,
    status: StatusCode,
    more: TemplateValue,
) -> Html {
    let store = &*console.admin.store;
    let account = reply::account(store, id).await.map_err(failing(who))?.value;
    let (_, found) = providers::current(&console.admin, id, provider)
        .await
        .map_err(failing(who))?;
    let live = &found.value;
    let report = shadow::report(store, &account.id, &live.provider)
        .await
        .map_err(|error| failing(who)(error.into()))?;
    let set = live.shadow.as_ref();
    let values = context! {
        title => say("common.shadow"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        id => live.provider.as_str(),
        name => live.name.as_str(),
        etag => found.version.0,
        text => redact(set.map_or(&live.source, |set| &set.source)),
        shadow => set.map(|set| context! {
            author => set.author.as_str(),
            at => set.started_at.rfc3339(),
            report => shown(&report),
            risky => risky(&report),
            warnings => identity_warnings(&live.source, &set.source),
            diff => shown(diff_lines(&live.source, &set.source)),
        }),
    };
    page(
        Some(who),
        status,
        "shadow.html",
        context! { ..more, ..values },
    )
}

/// Whether users would become others.
fn risky(report: &Report) -> bool {
    report.user_id_changes + report.email_changes > 0 || !report.failures.is_empty()
}

/// `POST …/shadow`: sets what was typed.
pub(super) async fn set(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let text = post.get("toml").replace("\r\n", "\n");
    let call = Call::new(Method::PUT, api_path(&id, &provider, "/shadow")).toml(&text);
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to(&format!(
            "/admin{}?done=shadow",
            api_path(&id, &provider, "/shadow")
        ))),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let more = context! { problem => shown(problem), text => text.as_str(), typed => true };
            display(&console, &post.who, &id, &provider, status, more).await
        }
    }
}

/// `POST …/drafts/{draft}/shadow`: the edit becomes the shadow of what it edits.
pub(super) async fn of_draft(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let open = Open::find(&console, &post.who, &account, &draft).await?;
    let Some(base) = &open.draft.base else {
        return Ok(redirect_to(&open.path("review")));
    };
    let to = api_path(&account, base.provider.as_str(), "/shadow");
    let call = Call::new(Method::PUT, to.as_str()).toml(&open.draft.source);
    let set = console.api.call(&post.who, call).await;
    set.map_err(failing(&post.who))?;
    draft::remove(&*console.admin.store, &open.account, &open.token)
        .await
        .map_err(|error| failing(&post.who)(error.into()))?;
    Ok(redirect_to(&format!("/admin{to}?done=shadow")))
}

/// `POST …/shadow/promote`: the shadow becomes the live mapping, as a new version.
pub(super) async fn promote(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let (account, found) = providers::current(&console.admin, &id, &provider)
        .await
        .map_err(failing(who))?;
    let Some(set) = &found.value.shadow else {
        return Ok(redirect_to(&format!(
            "/admin{}",
            api_path(&id, &provider, "/shadow")
        )));
    };
    let report = shadow::report(&*console.admin.store, &account, &found.value.provider)
        .await
        .map_err(|error| failing(who)(error.into()))?;
    let warned = !identity_warnings(&found.value.source, &set.source).is_empty();
    let done = if (risky(&report) || warned) && post.get("understood") != "yes" {
        Err(Problem::new(
            ErrorCode::MappingIdentity,
            "the shadow changes who users are; tick the box if that is meant",
        ))
    } else {
        let call = Call::new(Method::PUT, api_path(&id, &provider, ""))
            .toml(&set.source)
            .if_version(Some(post.get("etag").parse().unwrap_or_default()));
        console.api.call(who, call).await.map(|_| json!(null))
    };
    match done {
        Ok(_) => Ok(redirect_to(&format!(
            "/admin{}?done=applied",
            api_path(&id, &provider, "")
        ))),
        Err(mut problem) => {
            if problem.code == ErrorCode::AdminChangedMeanwhile {
                "someone else changed this provider since you opened the page; nothing was promoted. This is what it is now.".clone_into(&mut problem.detail);
            }
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let more = context! { problem => shown(problem) };
            display(&console, who, &id, &provider, status, more).await
        }
    }
}

/// `POST …/shadow/remove`
pub(super) async fn remove(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let to = api_path(&id, &provider, "/shadow");
    let call = Call::new(Method::DELETE, to.as_str());
    let removed = console.api.call(&post.who, call).await;
    removed.map_err(failing(&post.who))?;
    Ok(redirect_to(&format!("/admin{to}?done=shadow-removed")))
}
