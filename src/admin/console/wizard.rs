//! The wizard's four steps.

use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::{Value, json};
use toml_edit::DocumentMut;

use super::api::segment;
use super::draft::{Open, frame};
use super::edit::{self, Row};
use super::fields::{Kind, STEPS, Step};
use super::guard::{LoggedIn, Post};
use super::view::{Failed, Html, page, redirect_to, render, shown};
use super::{Console, State, expect};
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
    show(&console, &who, &open, step, &rows, check, None)
}

fn show(
    console: &Console,
    who: &Current,
    open: &Open,
    step: &Step,
    rows: &[Row],
    check: bool,
    problem: Option<String>,
) -> Html {
    let all = open.findings(console);
    let here: Vec<&Finding> = all
        .iter()
        .filter(|f| check && Step::of(&f.key).is_some_and(|of| of.id == step.id))
        .collect();
    let doc = open.doc();
    let groups: Vec<Value> = step
        .groups
        .iter()
        .map(|group| group_shown(&doc, group, rows, &here))
        .collect();
    let placed: Vec<&str> = step.fields().map(|field| field.key).collect();
    let loose: Vec<&&Finding> = here
        .iter()
        .filter(|f| !placed.iter().any(|key| about(f, key)))
        .collect();
    let status = if problem.is_some()
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
        title => step.title,
        step => context! { id => step.id, title => step.title, about => step.about, first => step.id == STEPS[0].id, last },
        groups => shown(groups),
        loose => shown(json!(loose)),
        others => shown(others),
        problem,
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
) -> Value {
    let fields: Vec<Value> = group
        .fields
        .iter()
        .map(|field| {
            let mut text = edit::get(doc, field.key);
            let mut from = "";
            let options = match field.kind {
                Kind::Choice(options) => {
                    if text.is_empty() {
                        field.default.clone_into(&mut text);
                    }
                    let mut options: Vec<(&str, &str)> = options.to_vec();
                    if !options.iter().any(|(value, _)| *value == text) {
                        options.push((&text, &text));
                    }
                    json!(options)
                }
                _ => Value::Null,
            };
            let kind = match field.kind {
                Kind::Text => "text",
                Kind::Url => "url",
                Kind::Secret => "secret",
                Kind::Choice(options) if options.len() == 2 && !group.more => "toggle",
                Kind::Choice(_) => "choice",
            };
            if matches!(field.kind, Kind::Secret) {
                let shown = edit::secret(doc, field.key);
                (text, from) = (shown.text, shown.from);
            }
            let found: Vec<&&Finding> = findings.iter().filter(|f| about(f, field.key)).collect();
            json!({
                "key": field.key, "label": field.label, "hint": field.hint, "default": field.default,
                "required": field.required, "kind": kind, "value": text, "from": from,
                "options": options, "invalid": found.iter().any(|f| f.is_error()), "findings": found,
            })
        })
        .collect();
    let open = fields
        .iter()
        .any(|field| field["findings"].as_array().is_some_and(|f| !f.is_empty()));
    json!({
        "title": group.title, "fields": fields, "more": group.more, "open": open,
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

/// `POST …/{step}`: keeps the answers, then goes where the button says.
pub(super) async fn save(
    axum::extract::State(console): State,
    Path((account, draft, step)): Path<(String, String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let mut open = Open::find(&console, who, &account, &draft).await?;
    let Some((number, step)) = Step::named(&step) else {
        return Ok(super::view::nothing(LoggedIn(post.who)).await);
    };
    let mut rows = edit::typed_rows(&post.form);
    let action = post.get("action");
    if let Some(gone) = action
        .strip_prefix("remove-")
        .and_then(|n| n.parse::<u32>().ok())
    {
        let kept = without_row(&post.form, gone);
        rows = edit::typed_rows(&kept);
    }
    let mut doc = open.doc();
    let repeated = edit::repeated(&rows).map(str::to_owned);
    edit::answer(
        &mut doc,
        step,
        &post.form,
        if repeated.is_some() { &[] } else { &rows },
    );
    open.take(doc.to_string());
    open.keep(&console, who).await?;
    if let Some(key) = repeated {
        let problem = format!("the parameter `{key}` occurs twice; keep one of them");
        return show(&console, who, &open, step, &rows, true, Some(problem));
    }
    if let Some(label) = edit::misplaced_secret(step, &post.form) {
        let problem = format!(
            "{label}: what was typed as a variable's name is none, and was not kept. To keep a secret here, choose “Kept here” and type it again."
        );
        return show(&console, who, &open, step, &rows, true, Some(problem));
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
        "next" if wrong(step) => return show(&console, who, &open, step, &rows, true, None),
        "next" => redirect_to(&open.path(STEPS.get(number + 1).map_or("review", |next| next.id))),
        "finish" => match STEPS.iter().find(|step| wrong(step)) {
            Some(first) if first.id == step.id => {
                return show(&console, who, &open, step, &rows, true, None);
            }
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

/// `POST …/{step}/preview`: what the form would send, as it is typed; keeps nothing.
pub(super) async fn preview(
    axum::extract::State(console): State,
    Path((account, draft, step)): Path<(String, String, String)>,
    post: Post,
) -> Html {
    let open = Open::find(&console, &post.who, &account, &draft).await?;
    let Some((_, step)) = Step::named(&step) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let rows = edit::typed_rows(&post.form);
    let mut doc = open.doc();
    if edit::repeated(&rows).is_none() {
        edit::answer(&mut doc, step, &post.form, &rows);
    }
    let source = doc.to_string();
    let findings: Vec<Finding> = expect::check(&source, console.admin.mappings.context())
        .into_iter()
        // What is still empty is not wrong yet.
        .filter(|f| post.form.get(&f.key).is_some())
        .collect();
    let html = pane(&console, &open.account, &source, step)?;
    let answer = json!({ "preview": html, "findings": findings });
    Ok((
        [(header::CONTENT_TYPE, "application/json")],
        answer.to_string(),
    )
        .into_response())
}
