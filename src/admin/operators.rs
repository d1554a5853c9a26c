//! Operators: who may use the console.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::Admin;
use super::audit::{self, unchanged};
use super::paging::{Page, Paging};
use super::reply::{Reply, condition, json as read, missing, tagged};
use crate::base::{AccountId, ErrorCode, Lang, Timestamp};
use crate::http::problem::Problem;
use crate::operation::accounts::given;
use crate::operator::{self, Email, Operator, Role, invite, session};
use crate::store::{Precondition, Step, Versioned};

/// A person who administers the broker.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Operator")]
pub(super) struct OperatorView {
    /// In lower case; it is the operator's id.
    email: String,
    name: String,
    /// Whether a password was chosen.
    active: bool,
    /// Whether a code is asked for at the login, beside the password.
    second_factor: bool,
    disabled: bool,
    /// What it may do in the console.
    role: Role,
    /// The accounts it is limited to; none: all, and the broker itself.
    accounts: BTreeSet<AccountId>,
    /// The language of its pages in the console; none: as its browser prefers.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Lang>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    last_login_at: Option<String>,
}

/// An operator, and the link with which they choose a password.
#[derive(Serialize, JsonSchema)]
pub(super) struct Invited {
    #[serde(flatten)]
    operator: OperatorView,
    /// It counts once.
    link: String,
}

impl From<&Operator> for OperatorView {
    fn from(operator: &Operator) -> Self {
        Self {
            email: operator.email.to_string(),
            name: operator.name.clone(),
            active: operator.password.is_some(),
            second_factor: operator.second_factor.is_some(),
            disabled: operator.disabled,
            role: operator.role,
            accounts: operator.accounts.clone(),
            language: operator.language,
            created_at: operator.created_at.rfc3339(),
            last_login_at: operator.last_login_at.map(Timestamp::rfc3339),
        }
    }
}

async fn find(admin: &Admin, email: &str) -> Reply<Versioned<Operator>> {
    let email = Email::parse(email).map_err(|_| missing("operator"))?;
    operator::get(&*admin.store, &email)
        .await?
        .ok_or_else(|| missing("operator"))
}

/// A new link for an operator, its address where the broker knows its own; and the step
/// of a batch that makes it.
fn link(admin: &Admin, email: &Email) -> Reply<(String, Step)> {
    let (ticket, step) = invite::step_create(Some(email), admin.clock.now())?;
    let base = admin
        .app
        .as_ref()
        .map_or("", |app| app.logins.public_url.as_str());
    let link = format!("{base}/admin/welcome?ticket={}", ticket.as_str());
    Ok((link, step))
}

fn with_link(operator: &Operator, link: String) -> Json<Invited> {
    Json(Invited {
        operator: OperatorView::from(operator),
        link,
    })
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Query(paging): Query<Paging>,
) -> Reply<Page<OperatorView>> {
    let limit = paging.limit()?;
    let found = operator::page(&*admin.store, paging.after.as_deref(), limit + 1).await?;
    let page = Page::cut(found, limit, |o| o.value.email.to_string());
    Ok(page.map(|o| OperatorView::from(&o.value)))
}

/// A new operator.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewOperator")]
pub(super) struct NewOperator {
    email: String,
    name: Option<String>,
    /// What it may do in the console; everything unless given.
    #[serde(default)]
    role: Role,
    /// The accounts it is limited to; all unless given. An account administrator has some.
    #[serde(default)]
    accounts: BTreeSet<AccountId>,
    /// The language of its pages in the console; as its browser prefers unless given.
    #[serde(default)]
    language: Option<Lang>,
}

/// An account's own administrator is that of some.
fn check_rights(role: Role, accounts: &BTreeSet<AccountId>) -> Reply<()> {
    if role != Role::AccountAdministrator || !accounts.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(
        ErrorCode::OperatorAccounts,
        "an account administrator is limited to accounts: name one or more, or choose the role `administrator`",
    );
    problem.field = Some("accounts".to_owned());
    Err(problem)
}

/// Creates an operator without a password, and the link with which its owner chooses one.
pub(super) async fn create(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Reply {
    let new: NewOperator = read(&headers, &body)?;
    let email = Email::parse(&new.email)
        .map_err(|e| Problem::new(ErrorCode::OperatorEmail, e.to_string()))?;
    let name = operator::name(new.name.as_deref().unwrap_or(email.as_str()))
        .map_err(|e| Problem::new(ErrorCode::OperatorName, e.to_string()))?;
    check_rights(new.role, &new.accounts)?;
    let operator = Operator {
        email,
        name,
        password: None,
        second_factor: None,
        disabled: false,
        role: new.role,
        accounts: new.accounts,
        language: new.language,
        created_at: admin.clock.now(),
        last_login_at: None,
    };
    if operator::get(&*admin.store, &operator.email)
        .await?
        .is_some()
    {
        return Err(Problem::new(
            ErrorCode::OperatorExists,
            format!("there is an operator `{}` already", operator.email),
        ));
    }
    let mut steps = operator::step_put(&operator, Precondition::Absent)?;
    let (link, step) = link(&admin, &operator.email)?;
    steps.push(step);
    let version = audit::commit(&admin, steps, &Value::Null, &logged(&operator)).await?;
    info!(operator = %operator.email, "operator created");
    let shown = (StatusCode::CREATED, with_link(&operator, link));
    Ok(unchanged(tagged(version, shown)))
}

pub(super) async fn show(State(admin): State<Admin>, Path(email): Path<String>) -> Reply {
    let found = find(&admin, &email).await?;
    Ok(tagged(
        found.version,
        Json(OperatorView::from(&found.value)),
    ))
}

/// What the audit log says of an operator.
fn logged(operator: &Operator) -> Value {
    json!(OperatorView::from(operator))
}

/// What has to hold of a change by which an owner may be one no more: somebody has to
/// be left who can do everything, else nobody could give that back to anyone.
async fn leaves_an_owner(admin: &Admin, operator: &Operator) -> Reply<Option<Step>> {
    if !operator.owns_all() {
        return Ok(None);
    }
    let other = operator::step_other_owner(&*admin.store, &operator.email).await?;
    if other.is_none() {
        return Err(Problem::new(
            ErrorCode::OperatorLast,
            "this is the last owner who can log in; make another operator an owner first",
        ));
    }
    Ok(other)
}

/// What may change in an operator; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OperatorChange")]
#[expect(
    clippy::option_option,
    reason = "an absent language stays, `null` takes it back"
)]
pub(super) struct Edit {
    name: Option<String>,
    disabled: Option<bool>,
    /// What it may do in the console.
    role: Option<Role>,
    /// The accounts it is limited to; an empty list: all, and the broker itself.
    accounts: Option<BTreeSet<AccountId>>,
    /// The language of its pages in the console; `null`: as its browser prefers.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Lang>")]
    language: Option<Option<Lang>>,
}

/// Changes an operator; a disabled one's sessions end.
pub(super) async fn change(
    State(admin): State<Admin>,
    Path(email): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let edit: Edit = read(&headers, &body)?;
    let found = find(&admin, &email).await?;
    let mut operator = found.value.clone();
    if let Some(name) = &edit.name {
        operator.name = operator::name(name)
            .map_err(|e| Problem::new(ErrorCode::OperatorName, e.to_string()))?;
    }
    operator.role = edit.role.unwrap_or(operator.role);
    if let Some(accounts) = edit.accounts {
        operator.accounts = accounts;
    }
    check_rights(operator.role, &operator.accounts)?;
    operator.language = edit.language.unwrap_or(operator.language);
    operator.disabled = edit.disabled.unwrap_or(operator.disabled);
    let when = condition(&headers)?.over(Some(found.version))?;
    let mut steps = operator::step_put(&operator, when)?;
    if !operator.owns_all() {
        steps.extend(leaves_an_owner(&admin, &found.value).await?);
    }
    let (before, after) = (logged(&found.value), logged(&operator));
    let version = audit::commit(&admin, steps, &before, &after).await?;
    if operator.disabled {
        session::revoke_all(&*admin.store, &operator.email).await?;
    }
    info!(operator = %operator.email, disabled = operator.disabled, "operator changed");
    let answer = tagged(version, Json(OperatorView::from(&operator)));
    Ok(unchanged(answer))
}

/// A new link with which an operator chooses another password.
pub(super) async fn invite(
    State(admin): State<Admin>,
    Path(email): Path<String>,
    headers: HeaderMap,
) -> Reply {
    let found = find(&admin, &email).await?;
    condition(&headers)?.over(Some(found.version))?;
    let (link, step) = link(&admin, &found.value.email)?;
    audit::commit(&admin, vec![step], &Value::Null, &Value::Null).await?;
    let answer = tagged(found.version, with_link(&found.value, link));
    Ok(unchanged(answer))
}

/// Removes an operator and ends their sessions.
pub(super) async fn remove(
    State(admin): State<Admin>,
    Path(email): Path<String>,
    headers: HeaderMap,
) -> Reply<Response> {
    let found = find(&admin, &email).await?;
    let when = condition(&headers)?.over(Some(found.version))?;
    let mut steps = operator::step_remove(&found.value.email, when);
    steps.extend(leaves_an_owner(&admin, &found.value).await?);
    audit::commit(&admin, steps, &logged(&found.value), &Value::Null).await?;
    session::revoke_all(&*admin.store, &found.value.email).await?;
    info!(operator = %found.value.email, "operator removed");
    Ok(unchanged(StatusCode::NO_CONTENT.into_response()))
}
