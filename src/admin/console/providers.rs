//! A provider that is applied: how it does, its history, and the way back.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::json;

use super::accounts::ListQuery;
use super::api::{Call, segment};
use super::confirm::{self, Ask};
use super::guard::{LoggedIn, Post};
use super::sentences::{say, say_with};
use super::view::{self, Failed, Html, failing, page, redirect_to, shown};
use super::{Console, State, chart, words};
use crate::account::mapping::{Mapping, Question};
use crate::admin::{providers, reply};
use crate::base::ErrorCode;
use crate::document::redact;
use crate::http::problem::Problem;
use crate::login::{drift, shadow};
use crate::operation::difference::{diff_lines, identity_warnings};
use crate::operator::session::Current;
use crate::provider::compile::without_file_advice;

fn version(mapping: &Mapping) -> serde_json::Value {
    json!({
        "number": mapping.number,
        "name": mapping.name,
        "at": mapping.applied_at.rfc3339(),
        "author": mapping.author,
    })
}

/// How many versions a page lists.
const VERSIONS: usize = 50;

/// `GET …/providers/{provider}`
pub(super) async fn show(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((id, provider)): Path<(String, String)>,
    Query(place): Query<ListQuery>,
) -> Html {
    let before = place.after.as_deref().and_then(|text| text.parse().ok());
    let values = context! { done => place.done };
    let status = StatusCode::OK;
    display(&console, &who, &id, &provider, status, before, values).await
}

async fn display(
    console: &Console,
    who: &Current,
    id: &str,
    provider: &str,
    status: StatusCode,
    before: Option<u64>,
    more: TemplateValue,
) -> Html {
    let account = reply::account(&*console.admin.store, id)
        .await
        .map_err(failing(who))?
        .value;
    let (_, found) = providers::current(&console.admin, id, provider)
        .await
        .map_err(failing(who))?;
    let failed = failing(who);
    let mapping = &found.value;
    let history = console
        .admin
        .mappings
        .history(&account.id, &mapping.provider, before, VERSIONS)
        .await
        .map_err(|error| failed(error.into()))?;
    let shape = drift::find(&*console.admin.store, &account.id, &mapping.provider)
        .await
        .map_err(|error| failed(error.into()))?
        .unwrap_or_default();
    let mappings = &console.admin.mappings;
    let (findings, redirect_uri, logout_uris) = match mappings.compiled(&account.id, &found) {
        Ok(provider) => (
            provider.warnings.clone(),
            Some(mappings.redirect_uri(&account.id, &provider)),
            mappings.logout_uris(&account.id, &provider),
        ),
        Err(findings) => (findings, None, None),
    };
    let report = shadow::report(&*console.admin.store, &account.id, &mapping.provider)
        .await
        .map_err(|error| failed(error.into()))?;
    let now = console.admin.clock.now();
    let health = &console.app.logins.health;
    let health = health
        .of(&*console.admin.store, &account.id, &mapping.provider, now)
        .await
        .map_err(|error| failed(error.into()))?;
    let values = context! {
        title => mapping.name.as_str(),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        provider => shown(version(mapping)),
        id => mapping.provider.as_str(),
        etag => found.version.0,
        source => redact::redact(&mapping.source),
        older => history.last().filter(|last| history.len() == VERSIONS && last.number > 1).map(|last| last.number),
        history => shown(history.iter().map(version).collect::<Vec<_>>()),
        shadow => mapping.shadow.as_ref().map(|set| context! {
            at => set.started_at.rfc3339(),
            logins => report.logins,
            same => report.same,
        }),
        drifts => shown(shape.drifts.clone()),
        redirect_uri,
        logout_uris,
        findings => shown(words::told_apart(&without_file_advice(findings))),
        health => shown(chart::health(&health, now)),
    };
    page(
        Some(who),
        status,
        "provider.html",
        context! { ..more, ..values },
    )
}

/// Which two versions.
#[derive(Deserialize)]
pub(super) struct VersionPair {
    from: u64,
    to: u64,
}

/// `GET …/diff?from=1&to=2`
pub(super) async fn diff(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((id, provider)): Path<(String, String)>,
    Query(two): Query<VersionPair>,
) -> Html {
    let failed = failing(&who);
    let account = reply::account(&*console.admin.store, &id)
        .await
        .map_err(&failed)?
        .value;
    let provider = provider
        .parse()
        .map_err(|_| failed(reply::missing("provider")))?;
    let mut texts = Vec::new();
    for number in [two.from, two.to] {
        let before = number.checked_add(1);
        let found = console
            .admin
            .mappings
            .history(&account.id, &provider, before, 1)
            .await
            .map_err(|error| failed(error.into()))?;
        let found = found.into_iter().find(|mapping| mapping.number == number);
        texts.push(found.ok_or_else(|| failed(reply::missing("version")))?);
    }
    let values = context! {
        title => say("audit.what_changed"),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        id => provider.as_str(),
        name => texts[1].name.as_str(),
        from => shown(version(&texts[0])),
        to => shown(version(&texts[1])),
        diff => shown(diff_lines(&texts[0].source, &texts[1].source)),
    };
    page(Some(&who), StatusCode::OK, "diff.html", values)
}

/// Calls the API for a form of the provider's page.
async fn act(
    console: &Console,
    post: &Post,
    id: &str,
    provider: &str,
    call: Call<'_>,
    to: &str,
) -> Html {
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to(to)),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let more = context! { problem => shown(problem) };
            display(console, &post.who, id, provider, status, None, more).await
        }
    }
}

/// A provider's path in the API; behind `/admin`, that of its page.
pub(super) fn api_path(id: &str, provider: &str, end: &str) -> String {
    format!(
        "/accounts/{}/providers/{}{end}",
        segment(id),
        segment(provider)
    )
}

pub(super) async fn rollback(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let number = post.get("version").parse::<u64>().unwrap_or(0);
    if let Some(page) = ask_to_roll_back(&console, &post, &id, &provider, number, None).await? {
        return Ok(page);
    }
    let accept = segment(post.get("accept"));
    let end = format!("/rollback?accept={accept}");
    let call = Call::new(Method::POST, api_path(&id, &provider, &end))
        .json(json!({ "version": number }))
        .if_version(post.get("etag").parse().ok());
    let to = format!("/admin{}?done=rolled-back", api_path(&id, &provider, ""));
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to(&to)),
        Err(problem) if !Question::names_of(problem.code).is_empty() => {
            let asked = Some(problem.clone());
            let page = ask_to_roll_back(&console, &post, &id, &provider, number, asked).await?;
            page.ok_or_else(|| problem.into())
        }
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let more = context! { problem => shown(problem) };
            display(&console, &post.who, &id, &provider, status, None, more).await
        }
    }
}

/// What a rollback changes, and what has to be agreed to: as at the review of an
/// edit. `None` where all of it is.
async fn ask_to_roll_back(
    console: &Console,
    post: &Post,
    id: &str,
    provider: &str,
    number: u64,
    problem: Option<Problem>,
) -> Result<Option<Response>, Failed> {
    let account = reply::account(&*console.admin.store, id).await?.value;
    let name = provider.parse().map_err(|_| reply::missing("provider"))?;
    let mappings = &console.admin.mappings;
    let before = number.checked_add(1);
    let found = mappings.history(&account.id, &name, before, 1).await?;
    let wanted = found.into_iter().find(|mapping| mapping.number == number);
    let wanted = wanted.ok_or_else(|| reply::missing("version"))?;
    let live = mappings.get(&account.id, &name).await?;
    let live = live.as_ref().map_or("", |live| live.value.source.as_str());
    let warnings = if live.is_empty() {
        Vec::new()
    } else {
        identity_warnings(live, &wanted.source)
    };
    let understood = warnings.is_empty() || post.get("understood") == "yes";
    if confirm::is_confirmed(post) && understood && problem.is_none() {
        return Ok(None);
    }
    let ask = Ask {
        title: say_with(
            "confirm.roll_back_of",
            &[("name", &wanted.name), ("number", &number)],
        ),
        ends: vec![say("confirm.roll_back_counts")],
        button: say("provider.roll_back"),
        back: format!("/admin{}", api_path(id, provider, "")),
    };
    let asks = problem
        .as_ref()
        .map_or(&[][..], |problem| Question::names_of(problem.code));
    let problem = match problem {
        None if confirm::is_confirmed(post) => Some(Problem::new(
            ErrorCode::MappingIdentity,
            "this version changes who users are; tick the box if that is meant",
        )),
        other => other,
    };
    let status = problem.as_ref().map_or(StatusCode::OK, view::status);
    let more = context! {
        account => context! { id => account.id.as_str(), name => account.name.as_str() },
        diff => shown(diff_lines(live, &wanted.source)),
        warnings,
        asks => asks.to_vec(),
        problem => problem.map(shown),
    };
    confirm::page(post, &ask, status, more).map(Some)
}

pub(super) async fn remove(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let ask = Ask {
        title: say_with("confirm.remove_provider_of", &[("name", &provider)]),
        ends: vec![say("confirm.provider_ends"), say("confirm.provider_stays")],
        button: say("confirm.remove_provider"),
        back: format!("/admin{}", api_path(&id, &provider, "")),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let call = Call::new(Method::DELETE, api_path(&id, &provider, ""))
        .if_version(post.get("etag").parse().ok());
    let to = format!("/admin/accounts/{}?done=provider-removed", segment(&id));
    act(&console, &post, &id, &provider, call, &to).await
}

pub(super) async fn forget_drift(
    axum::extract::State(console): State,
    Path((id, provider)): Path<(String, String)>,
    post: Post,
) -> Html {
    let call = Call::new(Method::DELETE, api_path(&id, &provider, "/drift"));
    let to = format!(
        "/admin{}?done=drift-forgotten",
        api_path(&id, &provider, "")
    );
    act(&console, &post, &id, &provider, call, &to).await
}
