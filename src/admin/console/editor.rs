//! The mapping of a draft as text.

use axum::extract::Path;
use axum::http::StatusCode;
use minijinja::context;
use toml_edit::DocumentMut;

use super::draft::{Open, frame};
use super::fields::Step;
use super::guard::{LoggedIn, Post};
use super::view::{Html, page, redirect_to, shown};
use super::{Console, State, expect};
use crate::document::Finding;
use crate::document::redact::{redact, restore};
use crate::operator::session::Current;

/// `GET …/toml`
pub(super) async fn toml(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((account, draft)): Path<(String, String)>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    editor(&console, &who, &open)
}

fn editor(console: &Console, who: &Current, open: &Open) -> Html {
    let text = match &open.draft.raw {
        Some(raw) => raw.clone(),
        None => redact(&open.draft.source),
    };
    let findings = match &open.draft.raw {
        Some(raw) => expect::check(raw, console.admin.mappings.context()),
        None => open.findings(console),
    };
    let status = if open.draft.raw.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let values = context! { title => "Mapping as TOML", text, findings => shown(findings.clone()) };
    page(
        Some(who),
        status,
        "toml.html",
        context! { ..values, ..frame(open, "toml", &findings) },
    )
}

/// `POST …/toml`
pub(super) async fn save_toml(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let mut open = Open::find(&console, who, &account, &draft).await?;
    let typed = post.get("toml").replace("\r\n", "\n");
    let parses = typed.parse::<DocumentMut>().is_ok();
    if parses {
        open.take(restore(&typed, &open.draft.source));
        open.draft.raw = None;
    } else {
        open.draft.raw = Some(typed);
    }
    open.keep(&console, who).await?;
    let findings = open.findings(&console);
    let good = parses && !findings.iter().any(Finding::is_error);
    match post.get("action") {
        "finish" if good => Ok(redirect_to(&open.path("review"))),
        step if parses && Step::named(step).is_some() => Ok(redirect_to(&open.path(step))),
        _ if parses => Ok(redirect_to(&open.path("toml"))),
        _ => editor(&console, who, &open),
    }
}
