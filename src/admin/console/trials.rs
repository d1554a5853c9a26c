//! Test it: a login with a draft, and its trace as a sequence of exchanges.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use minijinja::context;
use serde::Deserialize;
use serde_json::Value;

use super::api::{Call, segment};
use super::draft::Open;
use super::explain::explain;
use super::guard::{LoggedIn, Post};
use super::sentences::say;
use super::view::{Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::admin::{providers, reply};

async fn open(console: &Console, post: &Post, account: &str, source: &str, back: &str) -> Html {
    let call = Call::new(
        Method::POST,
        format!("/accounts/{}/trials", segment(account)),
    );
    match console.api.call(&post.who, call.toml(source)).await {
        Ok(opened) => {
            let text = |name: &str| opened[name].as_str().unwrap_or_default().to_owned();
            let ticket = text("link");
            let ticket = ticket.rsplit_once('=').map_or("", |(_, ticket)| ticket);
            Ok(redirect_to(&format!(
                "/admin/accounts/{}/trials/{}?ticket={}&back={}",
                segment(account),
                segment(&text("id")),
                segment(ticket),
                segment(back)
            )))
        }
        Err(problem) if !problem.findings.is_empty() && back.contains("/drafts/") => {
            Ok(redirect_to(back))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// `POST …/drafts/{draft}/trial`
pub(super) async fn open_draft(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let draft = Open::find(&console, &post.who, &account, &draft).await?;
    open(
        &console,
        &post,
        &account,
        &draft.draft.source,
        &draft.path("review"),
    )
    .await
}

/// `POST …/providers/{provider}/trial`
pub(super) async fn open_applied(
    axum::extract::State(console): State,
    Path((account, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let (_, found) = providers::current(&console.admin, &account, &provider)
        .await
        .map_err(failing(&post.who))?;
    let back = format!("/admin/accounts/{account}/providers/{provider}");
    open(&console, &post, &account, &found.value.source, &back).await
}

#[derive(Deserialize)]
pub(super) struct TrialQuery {
    ticket: Option<String>,
    back: Option<String>,
}

/// `GET …/trials/{trial}`
pub(super) async fn show(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((id, trial)): Path<(String, String)>,
    Query(which): Query<TrialQuery>,
) -> Html {
    let account = reply::account(&*console.admin.store, &id)
        .await
        .map_err(failing(&who))?
        .value;
    let path = format!("/accounts/{}/trials/{}", segment(&id), segment(&trial));
    let found = console
        .api
        .call(&who, Call::get(path))
        .await
        .map_err(failing(&who))?;
    let waiting = found["state"] == "waiting";
    let ticket = which.ticket.filter(|_| waiting);
    let link = ticket.map(|ticket| {
        format!(
            "{}/accounts/{}/trial?ticket={}",
            console.origin,
            account.id,
            segment(&ticket)
        )
    });
    let prefix = format!("/admin/accounts/{}/", account.id);
    let back = which.back.filter(|back| back.starts_with(&prefix));
    let trace: &Value = &found["trace"];
    let draft = back
        .as_deref()
        .filter(|back| back.starts_with(&format!("{prefix}drafts/")))
        .and_then(|back| back.strip_suffix("review"));
    let values = context! {
        title => say("trial.test_login"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        waiting,
        link,
        draft,
        back,
        explained => explain(trace).map(shown),
        trace => shown(trace.clone()),
    };
    page(Some(&who), StatusCode::OK, "trial.html", values)
}
