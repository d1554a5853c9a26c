//! The mapping of a draft as text.

use axum::extract::Path;
use axum::http::StatusCode;
use minijinja::context;
use serde_json::json;
use toml_edit::DocumentMut;

use super::draft::{Open, TRIES, busy, frame};
use super::fields::Step;
use super::guard::{LoggedIn, Post};
use super::sentences::say;
use super::view::{Failed, Html, json_answer, page, redirect_to, shown};
use super::{Console, State, expect};
use crate::base::digest::{hex, sha256};
use crate::document::Finding;
use crate::document::redact::{redact, restore};
use crate::operation::difference;
use crate::operator::session::Current;

/// `GET …/toml`
pub(super) async fn toml(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((account, draft)): Path<(String, String)>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    editor(&console, &who, &open, None)
}

/// The text as the editor shows it.
fn shown_text(open: &Open) -> String {
    match &open.draft.raw {
        Some(raw) => raw.clone(),
        None => redact(&open.draft.source),
    }
}

/// Names a text that a page shows, so that its form can say what it was made with.
fn name(text: &str) -> String {
    hex(&sha256(text.as_bytes())[..16])
}

fn editor(console: &Console, who: &Current, open: &Open, typed: Option<&str>) -> Html {
    let kept = shown_text(open);
    let findings = match &open.draft.raw {
        Some(raw) if !open.references(raw).is_empty() => open.references(raw),
        Some(raw) => expect::check(raw, console.admin.mappings.context()),
        None => open.findings(console),
    };
    let status = if typed.is_some() {
        StatusCode::CONFLICT
    } else if open.draft.raw.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let values = context! {
        title => say("common.mapping_as_toml"),
        text => typed.unwrap_or(&kept),
        seen => name(&kept),
        theirs => typed.map(|typed| shown(difference::diff_lines(&kept, typed))),
        findings => shown(findings.clone()),
    };
    page(
        Some(who),
        status,
        "toml.html",
        context! { ..values, ..frame(open, "toml", &findings) },
    )
}

/// What became of a typed text.
enum Kept {
    /// It is the draft now, whether or not it parses.
    Taken(Open),
    /// Somebody else changed the draft since the page was made.
    Other(Open),
}

async fn keep(
    console: &Console,
    who: &Current,
    (account, draft): (&str, &str),
    post: &Post,
) -> Result<Kept, Failed> {
    let typed = typed(post);
    let seen = post.get("seen");
    for _ in 0..TRIES {
        let mut open = Open::find(console, who, account, draft).await?;
        let now = shown_text(&open);
        if !seen.is_empty() && name(&now) != seen && now != typed {
            return Ok(Kept::Other(open));
        }
        let whole = restore(&typed, &open.draft.source);
        if typed.parse::<DocumentMut>().is_ok() && open.references(&whole).is_empty() {
            open.take(whole);
            open.draft.raw = None;
        } else {
            open.draft.raw = Some(typed.clone());
        }
        if open.keep(console, who).await? {
            return Ok(Kept::Taken(open));
        }
    }
    Err(busy(who).into())
}

fn typed(post: &Post) -> String {
    post.get("toml").replace("\r\n", "\n")
}

/// The text while it is typed.
pub(super) async fn typing(console: &Console, account: &str, draft: &str, post: &Post) -> Html {
    let kept = keep(console, &post.who, (account, draft), post).await?;
    let (open, conflict) = match &kept {
        Kept::Taken(open) => (open, false),
        Kept::Other(open) => (open, true),
    };
    let seen = if conflict {
        post.get("seen").to_owned()
    } else {
        name(&shown_text(open))
    };
    let conflicts = if conflict {
        json!([{ "key": "toml", "label": "TOML", "theirs": say("toml.another_text") }])
    } else {
        json!([])
    };
    Ok(json_answer(
        &json!({ "findings": [], "seen": seen, "conflicts": conflicts, "fresh": [] }),
    ))
}

/// `POST …/toml`
pub(super) async fn save_toml(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let open = match keep(&console, who, (&account, &draft), &post).await? {
        Kept::Taken(open) => open,
        Kept::Other(open) => return editor(&console, who, &open, Some(&typed(&post))),
    };
    let parses = open.draft.raw.is_none();
    let findings = open.findings(&console);
    let good = parses && !findings.iter().any(Finding::is_error);
    match post.get("action") {
        "finish" if good => Ok(redirect_to(&open.path("review"))),
        "review" if parses => Ok(redirect_to(&open.path("review"))),
        step if parses && Step::named(step).is_some() => Ok(redirect_to(&open.path(step))),
        _ if parses => Ok(redirect_to(&open.path("toml"))),
        _ => editor(&console, who, &open, None),
    }
}
