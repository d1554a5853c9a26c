//! Operators and the audit log.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::ListQuery;
use super::api::{Call, segment};
use super::confirm::{self, Ask};
use super::guard::{Desk, LoggedIn, Post};
use super::sentences::{self, say, say_with};
use super::view::{Failed, Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::audit::Entry;
use crate::base::AccountId;
use crate::http::problem::Problem;
use crate::operation::audit_log::{self, AuditQuery};
use crate::operator::session::Current;

/// `GET /admin/operators`
pub(super) async fn operators(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Query(place): Query<ListQuery>,
) -> Html {
    let more = context! { done => place.done };
    listed(&console, &who, StatusCode::OK, more).await
}

async fn listed(console: &Console, who: &Current, status: StatusCode, more: TemplateValue) -> Html {
    let found = console
        .api
        .call(who, Call::get("/operators?limit=500"))
        .await
        .map_err(failing(who))?;
    let sessions = super::sessions::list(console, who)
        .await
        .map_err(|error| failing(who)(error.into()))?;
    let values = context! {
        title => say("common.operators"),
        sessions,
        login_account => console.admin.login_account.as_ref().map(AccountId::as_str),
        nav => "operators",
        operators => shown(found["items"].clone()),
    };
    page(
        Some(who),
        status,
        "operators.html",
        context! { ..more, ..values },
    )
}

/// `POST /admin/operators`: a new operator; the page shows their link, once.
pub(super) async fn invite(axum::extract::State(console): State, post: Post) -> Html {
    let mut body = json!({ "email": post.get("email").trim() });
    if !post.get("name").trim().is_empty() {
        body["name"] = post.get("name").trim().into();
    }
    add_rights(&post, &mut body);
    let call = Call::new(Method::POST, "/operators").json(body);
    answer(&console, &post, call).await
}

/// Role and accounts of a form, where it has them.
fn add_rights(post: &Post, body: &mut Value) {
    if let Some(role) = post.filled("role") {
        body["role"] = role.into();
        let accounts = post.get("accounts").split([' ', ',']);
        let accounts: Vec<&str> = accounts.filter(|id| !id.is_empty()).collect();
        body["accounts"] = accounts.into();
    }
}

async fn answer(console: &Console, post: &Post, call: Call<'_>) -> Html {
    match console.api.call(&post.who, call).await {
        Ok(made) => {
            let more =
                context! { link => made["link"].as_str(), invited => made["email"].as_str() };
            listed(console, &post.who, StatusCode::OK, more).await
        }
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let form = post.typed();
            let more = context! { problem => shown(problem), form };
            listed(console, &post.who, status, more).await
        }
    }
}

/// The page that asks, where an operator loses something by it.
fn asked(post: &Post) -> Option<Html> {
    let email = post.get("email");
    let (title, ends, button) = match post.get("action") {
        "disable" => (
            say_with("confirm.disable_operator", &[("email", &email)]),
            vec![say("confirm.operator_disabled")],
            say("common.disable"),
        ),
        "second-factor" => (
            say_with("confirm.remove_second_factor", &[("email", &email)]),
            vec![
                say("confirm.second_factor_sessions"),
                say("confirm.second_factor_lost"),
            ],
            say("operators.remove_second_factor"),
        ),
        "remove" => (
            say_with("confirm.remove_operator", &[("email", &email)]),
            vec![
                say("confirm.operator_removed"),
                say("confirm.operator_drafts"),
            ],
            say("common.remove"),
        ),
        _ => return None,
    };
    let ask = Ask {
        title,
        ends,
        button,
        back: "/admin/operators".to_owned(),
    };
    confirm::unless_confirmed(post, &ask)
}

/// `POST /admin/operators/change`
pub(super) async fn change_operator(axum::extract::State(console): State, post: Post) -> Html {
    if let Some(page) = asked(&post) {
        return page;
    }
    let path = format!("/operators/{}", segment(post.get("email")));
    let call = match post.get("action") {
        "invite" => {
            return answer(
                &console,
                &post,
                Call::new(Method::POST, format!("{path}/invite")),
            )
            .await;
        }
        "disable" => Call::new(Method::PATCH, path).json(json!({ "disabled": true })),
        "enable" => Call::new(Method::PATCH, path).json(json!({ "disabled": false })),
        "rights" => {
            let mut body = json!({});
            add_rights(&post, &mut body);
            Call::new(Method::PATCH, path).json(body)
        }
        "second-factor" => Call::new(Method::DELETE, format!("{path}/second-factor")),
        "remove" => Call::new(Method::DELETE, path),
        _ => return Ok(redirect_to("/admin/operators")),
    };
    console
        .api
        .call(&post.who, call)
        .await
        .map_err(failing(&post.who))?;
    Ok(redirect_to("/admin/operators?done=saved"))
}

/// What is searched for in the audit log. Empty fields are none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuditSearch {
    account: String,
    who: String,
    what: String,
    target: String,
    since: String,
    until: String,
    /// Where an older page begins.
    before: String,
}

/// How many entries a page has.
const LENGTH: usize = 50;

impl AuditSearch {
    /// The same within one account.
    pub fn of(self, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            ..self
        }
    }

    /// The fields that are filled.
    fn filled(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("account", &self.account),
            ("who", &self.who),
            ("what", &self.what),
            ("target", &self.target),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let fields = fields.into_iter().map(|(name, text)| (name, text.trim()));
        fields.filter(|(_, text)| !text.is_empty())
    }

    fn query(&self) -> AuditQuery {
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditQuery {
            account: filled(&self.account),
            who: filled(&self.who),
            what: filled(&self.what),
            target: filled(&self.target),
            since: filled(&self.since),
            until: filled(&self.until),
            after: filled(&self.before),
            limit: Some(LENGTH),
            newest: true,
            format: None,
        }
    }

    /// What a page shows of it: the entries, what was searched for, and the address of
    /// the next page.
    pub async fn found(&self, desk: &Desk) -> Result<TemplateValue, Failed> {
        let outcome = audit_log::list(desk.ops(), &desk.caller(), &self.query()).await;
        let (found, problem) = match outcome {
            Ok(found) => (Some(found), None),
            Err(refused) if refused.field.is_some() => (None, Some(Problem::from(refused))),
            Err(refused) => return Err(refused.into()),
        };
        let entries: Vec<Value> = found
            .iter()
            .flat_map(|found| found.items.iter().map(entry))
            .collect();
        let searched = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.filled())
            .finish();
        let narrowed = self.filled().any(|(name, _)| name != "account");
        let search: BTreeMap<&str, String> = self
            .filled()
            .map(|(name, text)| (name, text.to_owned()))
            .collect();
        Ok(context! {
            entries => shown(entries),
            search => search,
            searched,
            narrowed,
            problem => problem.map(shown),
            next => found.and_then(|found| found.next),
        })
    }
}

/// `GET /admin/audit`
pub(super) async fn audit(desk: Desk, Query(which): Query<AuditSearch>) -> Html {
    let values = context! { title => say("common.audit_log"), nav => "audit" };
    let found = which.found(&desk).await?;
    desk.page(StatusCode::OK, "audit.html", context! { ..values, ..found })
}

/// An entry with what changed in it as lines, and its sentence where it has one.
pub(super) fn entry(entry: &Entry) -> Value {
    let text = |side: &Value| match side.get("mapping").and_then(Value::as_str) {
        Some(mapping) => mapping.to_owned(),
        None if side.is_null() => String::new(),
        None => format!("{side:#}\n"),
    };
    let (before, after) = (text(&entry.before), text(&entry.after));
    let event = entry.what.replace('.', "_");
    let mut shown = json!({
        "at": entry.at,
        "who": entry.who,
        "what": entry.what,
        "target": entry.target,
    });
    if sentences::has(&format!("events.{event}")) {
        shown["event"] = event.into();
    }
    if before != after {
        shown["diff"] = json!(crate::operation::difference::diff_lines(&before, &after));
    }
    shown
}

/// `GET /admin/audit.jsonl`
pub(super) async fn export(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Query(which): Query<AuditSearch>,
) -> Result<Response, Response> {
    let query = form_urlencoded::Serializer::new("format=jsonl".to_owned())
        .extend_pairs(which.filled())
        .finish();
    let call = Call::get(format!("/audit?{query}"));
    let mut answer = console.api.raw(&who, call).await.map_err(failing(&who))?;
    answer.headers_mut().insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"vestibule-audit.jsonl\""),
    );
    Ok(answer)
}
