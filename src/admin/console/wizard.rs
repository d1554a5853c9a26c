//! The wizard: four steps, a review, and the mapping's text.

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::{Value as Shown, context};
use serde::Deserialize;
use serde_json::{Value, json};
use toml_edit::DocumentMut;

use super::api::{Call, segment};
use super::edit::{self, Row};
use super::fields::{Kind, STEPS, Step};
use super::guard::{Post, Seen};
use super::view::{Html, failing, goto, page, render, shown};
use super::{Console, State, expect, providers};
use crate::account::draft::{self, Draft};
use crate::admin::reply;
use crate::base::AccountId;
use crate::document::Finding;
use crate::document::redact::{redact, restore};
use crate::document::structure::parse_toml;
use crate::http::problem::Problem;
use crate::operator::session::Current;
use crate::protocol::form::Pairs;
use crate::store::Token;

/// A draft that is open.
pub(super) struct Open {
    pub account: AccountId,
    pub account_name: String,
    pub token: Token,
    pub draft: Draft,
}

impl Open {
    pub async fn find(
        console: &Console,
        who: &Current,
        account: &str,
        draft: &str,
    ) -> Result<Self, Response> {
        let store = &*console.admin.store;
        let found = reply::account(store, account).await.map_err(failing(who))?;
        let gone = || {
            let problem = Problem::new(
                StatusCode::NOT_FOUND,
                "draft.gone",
                "this draft was applied, discarded or is older than a week",
            );
            failing(who)(problem)
        };
        let token = Token::parse(draft).ok_or_else(gone)?;
        let draft = draft::get(store, &found.value.id, &token)
            .await
            .map_err(|error| failing(who)(error.into()))?
            .ok_or_else(gone)?;
        Ok(Self {
            account: found.value.id,
            account_name: found.value.name,
            token,
            draft,
        })
    }

    pub fn path(&self, page: &str) -> String {
        format!(
            "/admin/accounts/{}/drafts/{}/{page}",
            self.account,
            self.token.as_str()
        )
    }

    async fn keep(&self, console: &Console, who: &Current) -> Result<(), Response> {
        draft::put(
            &*console.admin.store,
            &self.account,
            &self.token,
            &self.draft,
        )
        .await
        .map_err(|error| failing(who)(error.into()))
    }

    fn findings(&self, console: &Console) -> Vec<Finding> {
        expect::check(&self.draft.source, console.admin.mappings.policy())
    }

    fn doc(&self) -> DocumentMut {
        self.draft.source.parse().unwrap_or_default()
    }
}

/// How a step is looked at.
#[derive(Deserialize)]
pub(super) struct How {
    #[serde(default)]
    check: bool,
    #[serde(default)]
    row: bool,
}

/// What all pages of a draft show.
fn frame(open: &Open, current: &str, findings: &[Finding]) -> Shown {
    let steps: Vec<Value> = STEPS
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let errors = findings
                .iter()
                .filter(|f| f.is_error() && Step::of(&f.key).is_some_and(|of| of.id == step.id))
                .count();
            json!({ "id": step.id, "title": step.title, "number": i + 1, "current": step.id == current, "errors": errors })
        })
        .collect();
    let base = open.draft.base.as_ref();
    context! {
        nav => "accounts",
        account => context! { id => open.account.as_str(), name => open.account_name.as_str() },
        draft => open.path(""),
        steps => shown(steps),
        tab => current,
        editing => base.map(|base| context! { provider => base.provider.as_str(), number => base.number }),
    }
}

pub(super) async fn to_first(
    axum::extract::State(console): State,
    Seen(who): Seen,
    Path((account, draft)): Path<(String, String)>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    Ok(goto(&open.path(first_page(&open))))
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
    Seen(who): Seen,
    Path((account, draft, step)): Path<(String, String, String)>,
    Query(how): Query<How>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    let Some((_, step)) = Step::named(&step) else {
        return Ok(super::view::nothing(Seen(who)).await);
    };
    if open.draft.raw.is_some() {
        return Ok(goto(&open.path("toml")));
    }
    let mut rows = step
        .parameters()
        .map_or_else(Vec::new, |table| edit::rows(&open.doc(), table));
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
        preview => Shown::from_safe_string(pane(console, &open.draft.source, step)?),
    };
    page(
        Some(who),
        status,
        "step.html",
        context! { ..values, ..frame(open, step.id, if check { &all } else { &[] }) },
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
                "options": options, "findings": found,
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
fn pane(console: &Console, source: &str, step: &Step) -> Result<String, Response> {
    let redirect_uri = console.app.logins.redirect_uri();
    let all = expect::steps(source, console.admin.mappings.policy(), &redirect_uri);
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
        return Ok(super::view::nothing(Seen(post.who)).await);
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
    open.draft.source = doc.to_string();
    open.keep(&console, who).await?;
    if let Some(key) = repeated {
        let problem = format!("the parameter `{key}` is there twice; keep one of them");
        return show(&console, who, &open, step, &rows, true, Some(problem));
    }
    let findings = open.findings(&console);
    let wrong = |step: &Step| {
        findings
            .iter()
            .any(|f| f.is_error() && Step::of(&f.key).is_some_and(|of| of.id == step.id))
    };
    Ok(match action {
        "back" => goto(&open.path(number.checked_sub(1).map_or(step.id, |i| STEPS[i].id))),
        "add" => goto(&format!("{}?row=true#row-new", open.path(step.id))),
        "toml" => goto(&open.path("toml")),
        "next" if wrong(step) => return show(&console, who, &open, step, &rows, true, None),
        "next" => goto(&open.path(STEPS.get(number + 1).map_or("review", |next| next.id))),
        "finish" => match STEPS.iter().find(|step| wrong(step)) {
            Some(first) if first.id == step.id => {
                return show(&console, who, &open, step, &rows, true, None);
            }
            Some(first) => goto(&format!("{}?check=true", open.path(first.id))),
            None => goto(&open.path("review")),
        },
        step_id if Step::named(step_id).is_some() => goto(&open.path(step_id)),
        _ => goto(&format!("{}?check=true", open.path(step.id))),
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
    let findings: Vec<Finding> = expect::check(&source, console.admin.mappings.policy())
        .into_iter()
        // What is still empty is not wrong yet.
        .filter(|f| post.form.get(&f.key).is_some())
        .collect();
    let html = pane(&console, &source, step)?;
    let answer = json!({ "preview": html, "findings": findings });
    Ok((
        [(header::CONTENT_TYPE, "application/json")],
        answer.to_string(),
    )
        .into_response())
}

/// `GET …/toml`
pub(super) async fn toml(
    axum::extract::State(console): State,
    Seen(who): Seen,
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
        Some(raw) => expect::check(raw, console.admin.mappings.policy()),
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
        open.draft.source = restore(&typed, &open.draft.source);
        open.draft.raw = None;
    } else {
        open.draft.raw = Some(typed);
    }
    open.keep(&console, who).await?;
    let findings = open.findings(&console);
    let good = parses && !findings.iter().any(Finding::is_error);
    match post.get("action") {
        "finish" if good => Ok(goto(&open.path("review"))),
        step if parses && Step::named(step).is_some() => Ok(goto(&open.path(step))),
        _ if parses => Ok(goto(&open.path("toml"))),
        _ => editor(&console, who, &open),
    }
}

/// What an edit would do to who users are.
fn identity_warnings(old: &str, new: &str) -> Vec<String> {
    let ((old, _, _), (new, _, _)) = (parse_toml(old), parse_toml(new));
    let text = |doc: &Value, key: &str| {
        doc.pointer(key)
            .map(|value| value.to_string().trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    [
        ("/provider/id", "The provider's id", "Users are linked to it: everyone who logs in is looked for by email, or becomes a new user."),
        ("/userinfo/response/user_id", "The place of the user's id", "Everyone who logs in may be taken for somebody else, or become a new user."),
        ("/userinfo/response/email", "The place of the email", "Users may get another email, and be linked by it to somebody else's user."),
        ("/userinfo/source", "The source of the profile", "Ids and emails may come out differently."),
        ("/userinfo/url", "The address of the profile", "Ids and emails may come out differently."),
    ]
    .iter()
    .filter(|(key, _, _)| text(&old, key) != text(&new, key))
    .map(|(key, what, why)| format!("{what} changes from `{}` to `{}`. {why}", text(&old, key), text(&new, key)))
    .collect()
}

/// `GET …/review`: what would be applied, what changes, what to think of first.
pub(super) async fn review(
    axum::extract::State(console): State,
    Seen(who): Seen,
    Path((account, draft)): Path<(String, String)>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    reviewed(&console, &who, &open, StatusCode::OK, None)
}

fn reviewed(
    console: &Console,
    who: &Current,
    open: &Open,
    status: StatusCode,
    problem: Option<Problem>,
) -> Html {
    let findings = open.findings(console);
    let old = open
        .draft
        .base
        .as_ref()
        .map_or("", |base| base.source.as_str());
    let warnings = if old.is_empty() {
        Vec::new()
    } else {
        identity_warnings(old, &open.draft.source)
    };
    let redirect_uri = console.app.logins.redirect_uri();
    let requests = expect::steps(
        &open.draft.source,
        console.admin.mappings.policy(),
        &redirect_uri,
    );
    let values = context! {
        title => "Review",
        findings => shown(findings.clone()),
        blocked => findings.iter().any(Finding::is_error),
        warnings,
        unchanged => old == open.draft.source,
        diff => shown(providers::diff_lines(old, &open.draft.source)),
        preview => Shown::from_safe_string(render("preview.html", context! { requests => shown(requests) })?),
        redirect_uri,
        problem => problem.map(shown),
    };
    page(
        Some(who),
        status,
        "review.html",
        context! { ..values, ..frame(open, "review", &findings) },
    )
}

/// `POST …/apply`
pub(super) async fn apply(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let open = Open::find(&console, who, &account, &draft).await?;
    let base = open.draft.base.as_ref();
    let risky =
        base.is_some_and(|base| !identity_warnings(&base.source, &open.draft.source).is_empty());
    if risky && post.get("understood") != "yes" {
        let problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "mapping.identity",
            "this edit changes who users are; tick the box if that is meant",
        );
        return reviewed(
            &console,
            who,
            &open,
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(problem),
        );
    }
    let path = format!("/accounts/{}/providers", open.account);
    let named = super::super::providers::named_provider(&open.draft.source);
    let same = base.is_some_and(|base| named.as_ref() == Some(&base.provider));
    let mut call = Call::new(Method::POST, path).toml(&open.draft.source);
    if same {
        call = call.if_version(base.map(|base| base.version().0));
    } else {
        call = call.if_absent();
    }
    match console.api.call(who, call).await {
        Ok(applied) => {
            draft::remove(&*console.admin.store, &open.account, &open.token)
                .await
                .map_err(|error| failing(who)(error.into()))?;
            let provider = applied["provider"].as_str().unwrap_or_default();
            Ok(goto(&format!(
                "/admin/accounts/{}/providers/{}?done=applied",
                open.account,
                segment(provider)
            )))
        }
        Err(mut problem) => {
            if problem.code == "admin.changed_meanwhile" {
                "someone else changed this mapping since you began; nothing was overwritten. Your draft is kept: look at what they did, then begin a new edit or roll theirs back.".clone_into(&mut problem.detail);
            }
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            reviewed(&console, who, &open, status, Some(problem))
        }
    }
}

/// `POST …/discard`
pub(super) async fn discard(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let open = Open::find(&console, &post.who, &account, &draft).await?;
    draft::remove(&*console.admin.store, &open.account, &open.token)
        .await
        .map_err(|error| failing(&post.who)(error.into()))?;
    Ok(goto(&format!(
        "/admin/accounts/{}?done=discarded",
        open.account
    )))
}
