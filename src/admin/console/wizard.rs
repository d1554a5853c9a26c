//! The wizard's four steps.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::{Value, json};
use toml_edit::DocumentMut;

use super::api::segment;
use super::draft::{Open, TRIES, busy, frame};
use super::edit::{self, Row};
use super::fields::{Kind, STEPS, Step};
use super::guard::{LoggedIn, Post};
use super::merge::{self, Conflict, Merged};
use super::sentences::{say, say_with};
use super::view::{Failed, Html, json_answer, page, redirect_to, render, shown};
use super::{Console, State, expect, lists, words};
use crate::base::AccountId;
use crate::document::Finding;
use crate::operator::session::Current;
use crate::protocol::form::Pairs;

/// How a step is looked at.
#[derive(Deserialize)]
pub(super) struct StepQuery {
    #[serde(default)]
    check: bool,
    #[serde(default)]
    row: bool,
}

pub(super) async fn first_step(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((account, draft)): Path<(String, String)>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    Ok(redirect_to(&open.path(first_page(&open))))
}

fn first_page(open: &Open) -> &'static str {
    if open.draft.raw.is_some() {
        "toml"
    } else {
        STEPS[0].id
    }
}

/// `GET …/{step}`
pub(super) async fn step(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((account, draft, step)): Path<(String, String, String)>,
    Query(how): Query<StepQuery>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    let Some((_, step)) = Step::named(&step) else {
        return Ok(super::view::nothing(LoggedIn(who)).await);
    };
    if open.draft.raw.is_some() {
        return Ok(redirect_to(&open.path("toml")));
    }
    let mut rows = step
        .parameters()
        .map_or_else(Vec::new, |table| edit::shown_rows(&open.doc(), table));
    if how.row {
        rows.push(Row {
            key: String::new(),
            value: String::new(),
        });
    }
    let check = how.check || open.draft.base.is_some();
    let shown = StepPage {
        rows: &rows,
        check,
        ..StepPage::default()
    };
    show(&console, &who, &open, step, shown)
}

/// What a page of a step shows beside the draft.
#[derive(Default)]
struct StepPage<'p> {
    rows: &'p [Row],
    /// Whether mistakes are shown of what was not touched here.
    check: bool,
    problem: Option<String>,
    conflicts: &'p [Conflict],
}

fn show(console: &Console, who: &Current, open: &Open, step: &Step, what: StepPage<'_>) -> Html {
    let StepPage {
        rows,
        check,
        problem,
        conflicts,
    } = what;
    let all = open.findings(console);
    let here: Vec<&Finding> = all
        .iter()
        .filter(|f| check && Step::of(&f.key).is_some_and(|of| of.id == step.id))
        .collect();
    let doc = open.doc();
    let groups: Vec<Value> = step
        .groups
        .iter()
        .map(|group| group_shown(&doc, group, rows, &here, conflicts))
        .collect();
    let placed: Vec<&str> = step.fields().map(|field| field.key).collect();
    let loose: Vec<&&Finding> = here
        .iter()
        .filter(|f| !placed.iter().any(|key| about(f, key)))
        .collect();
    let status = if !conflicts.is_empty() {
        StatusCode::CONFLICT
    } else if problem.is_some()
        || (check && here.iter().any(|f| f.is_error()) && open.draft.base.is_none())
    {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    // Steps that nobody came to yet are not wrong, only empty.
    let counted: Vec<Finding> = match &open.draft.base {
        Some(_) => all.clone(),
        None => here.iter().map(|finding| (*finding).clone()).collect(),
    };
    let last = step.id == STEPS[STEPS.len() - 1].id;
    let others: Vec<String> = edit::others(&doc)
        .into_iter()
        .filter(|key| Step::of(key).is_some_and(|of| of.id == step.id))
        .collect();
    let values = context! {
        title => say(step.title),
        step => context! { id => step.id, title => say(step.title), about => say(step.about), first => step.id == STEPS[0].id, last },
        groups => shown(groups),
        loose => shown(words::told(loose.into_iter().copied(), &open.path(""))),
        others => shown(others),
        problem,
        conflicts => shown(json!(conflicts)),
        seen => merge::seen(&doc, step),
        redirect_uri => (step.id == STEPS[0].id)
            .then(|| expect::redirect_uri(&open.draft.source, &console.admin.mappings, &open.account)),
        logout_uris => (step.id == STEPS[0].id)
            .then(|| expect::logout_uris(&open.draft.source, &console.admin.mappings, &open.account)),
        preview => TemplateValue::from_safe_string(pane(console, &open.account, &open.draft.source, step)?),
    };
    page(
        Some(who),
        status,
        "step.html",
        context! { ..values, ..frame(open, step.id, &counted) },
    )
}

fn about(finding: &Finding, key: &str) -> bool {
    finding.key == key
}

fn group_shown(
    doc: &DocumentMut,
    group: &super::fields::Group,
    rows: &[Row],
    findings: &[&Finding],
    conflicts: &[Conflict],
) -> Value {
    let fields: Vec<Value> = group
        .fields
        .iter()
        .map(|field| {
            let mut text = lists::text(doc, field);
            let mut from = "";
            let conflict = conflicts.iter().find(|conflict| conflict.key == field.key);
            if let Some(conflict) = conflict {
                text.clone_from(&conflict.typed);
            }
            let options = match field.kind {
                Kind::Choice(options) => {
                    if text.is_empty() {
                        field.default.clone_into(&mut text);
                    }
                    let mut options: Vec<(&str, String)> = options
                        .iter()
                        .map(|(value, label)| (*value, say(label)))
                        .collect();
                    if !options.iter().any(|(value, _)| *value == text) {
                        options.push((&text, text.clone()));
                    }
                    json!(options)
                }
                _ => Value::Null,
            };
            let kind = match field.kind {
                Kind::Text => "text",
                Kind::Url => "url",
                Kind::Secret => "secret",
                Kind::Words => "text",
                Kind::Lines | Kind::Requests => "lines",
                Kind::Choice(options) if options.len() == 2 && !group.more => "toggle",
                Kind::Choice(_) => "choice",
            };
            if matches!(field.kind, Kind::Secret) {
                let shown = edit::secret(doc, field.key);
                (text, from) = (shown.text, shown.from);
            }
            let found: Vec<&&Finding> = findings.iter().filter(|f| about(f, field.key)).collect();
            let invalid = found.iter().any(|f| f.is_error());
            json!({
                "key": field.key, "label": say(field.label), "hint": if field.hint.is_empty() { String::new() } else { say(field.hint) }, "default": field.default,
                "required": field.required, "kind": kind, "value": text, "from": from,
                "options": options, "theirs": conflict.map(|conflict| &conflict.theirs), "invalid": invalid, "findings": words::told(found.into_iter().copied(), ""),
            })
        })
        .collect();
    let several = |field: &Value| field["kind"] == "lines" && field["value"] != "";
    let open = fields
        .iter()
        .any(|f| several(f) || f["findings"].as_array().is_some_and(|f| !f.is_empty()));
    json!({
        "title": say(group.title), "fields": fields, "more": group.more, "open": open,
        "parameters": group.parameters, "rows": if group.parameters.is_some() { json!(rows) } else { Value::Null },
    })
}

/// The previews beside a step.
fn pane(
    console: &Console,
    account: &AccountId,
    source: &str,
    step: &Step,
) -> Result<String, Failed> {
    let all = expect::steps(source, &console.admin.mappings, account);
    let here: Vec<_> = all
        .into_iter()
        .filter(|request| {
            step.previews.iter().any(|name| {
                request.name == *name || (name.ends_with(' ') && request.name.starts_with(name))
            })
        })
        .collect();
    render("preview.html", context! { requests => shown(here) })
}

/// Takes a form into its draft and keeps that, whoever else does so meanwhile.
async fn kept(
    console: &Console,
    who: &Current,
    (account, draft): (&str, &str),
    step: &Step,
    form: &Pairs,
    typing: bool,
) -> Result<(Open, Merged), Failed> {
    let rows = edit::typed_rows(form);
    for _ in 0..TRIES {
        let mut open = Open::find(console, who, account, draft).await?;
        let mut doc = open.doc();
        let merged = merge::take(&mut doc, step, form, &rows, typing);
        open.take(doc.to_string());
        if open.keep(console, who).await? {
            return Ok((open, merged));
        }
    }
    Err(busy(who).into())
}

/// `POST …/{step}`: keeps the answers, then goes where the button says.
pub(super) async fn save(
    axum::extract::State(console): State,
    Path((account, draft, step)): Path<(String, String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let Some((number, step)) = Step::named(&step) else {
        return Ok(super::view::nothing(LoggedIn(post.who)).await);
    };
    let action = post.get("action");
    let without = action
        .strip_prefix("remove-")
        .and_then(|n| n.parse::<u32>().ok())
        .map(|gone| without_row(&post.form, gone));
    let form = without.as_ref().unwrap_or(&post.form);
    let rows = edit::typed_rows(form);
    let (open, merged) = kept(&console, who, (&account, &draft), step, form, false).await?;
    // What is not changed here is shown as others left it.
    let shown_rows = match step.parameters() {
        Some(table) if merged.rows_untouched => edit::shown_rows(&open.doc(), table),
        _ => rows.clone(),
    };
    let again = |problem: Option<String>| {
        let shown = StepPage {
            rows: &shown_rows,
            check: true,
            problem,
            conflicts: &merged.conflicts,
        };
        show(&console, who, &open, step, shown)
    };
    if !merged.conflicts.is_empty() {
        return again(None);
    }
    if let Some(key) = edit::repeated(&rows) {
        return again(Some(say_with("step.twice", &[("key", &key)])));
    }
    if let Some(label) = edit::misplaced_secret(step, form) {
        return again(Some(say_with("step.no_variable", &[("label", &label)])));
    }
    let findings = open.findings(&console);
    let wrong = |step: &Step| {
        findings
            .iter()
            .any(|f| f.is_error() && Step::of(&f.key).is_some_and(|of| of.id == step.id))
    };
    Ok(match action {
        "back" => redirect_to(&open.path(number.checked_sub(1).map_or(step.id, |i| STEPS[i].id))),
        "add" => redirect_to(&format!("{}?row=true#row-new", open.path(step.id))),
        "toml" => redirect_to(&open.path("toml")),
        "next" if wrong(step) => return again(None),
        "review" => redirect_to(&open.path("review")),
        "next" => redirect_to(&open.path(STEPS.get(number + 1).map_or("review", |next| next.id))),
        "finish" => match STEPS.iter().find(|step| wrong(step)) {
            Some(first) if first.id == step.id => return again(None),
            Some(first) => redirect_to(&format!("{}?check=true", open.path(first.id))),
            None => redirect_to(&open.path("review")),
        },
        step_id if Step::named(step_id).is_some() => redirect_to(&open.path(step_id)),
        _ => redirect_to(&format!("{}?check=true", open.path(step.id))),
    })
}

fn without_row(form: &Pairs, gone: u32) -> Pairs {
    let prefix = format!("row.{gone}.");
    let text: Vec<String> = form
        .iter()
        .filter(|(name, _)| !name.starts_with(&prefix))
        .map(|(name, value)| format!("{}={}", segment(name), segment(value)))
        .collect();
    Pairs::parse(&text.join("&")).unwrap_or_default()
}

/// `POST …/{step}/preview`: what is typed is kept while it is typed, and its
/// requests and mistakes are shown.
pub(super) async fn preview(
    axum::extract::State(console): State,
    Path((account, draft, step)): Path<(String, String, String)>,
    post: Post,
) -> Html {
    if step == "toml" {
        return super::editor::typing(&console, &account, &draft, &post).await;
    }
    let Some((_, step)) = Step::named(&step) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let (open, merged) = kept(
        &console,
        &post.who,
        (&account, &draft),
        step,
        &post.form,
        true,
    )
    .await?;
    let findings = open.findings(&console);
    // What is still empty is not wrong yet.
    let typed = findings.iter().filter(|f| post.form.get(&f.key).is_some());
    let findings = words::told(typed, &open.path(""));
    let html = pane(&console, &open.account, &open.draft.source, step)?;
    Ok(json_answer(&json!({
        "preview": html, "findings": findings,
        "seen": merged.seen, "conflicts": merged.conflicts, "fresh": merged.fresh,
    })))
}
