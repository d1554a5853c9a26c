//! Operators: who may use the console.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::Admin;
use super::audit::changed;
use super::paging::{Page, Paging};
use super::reply::{Reply, condition, json as read, missing, tagged};
use crate::base::{AccountId, ErrorCode, Timestamp};
use crate::http::problem::Problem;
use crate::operator::{self, Email, Operator, Role, invite, session};
use crate::store::{Precondition, StoreError, Versioned};

/// A person who administers the broker.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Operator")]
pub(super) struct OperatorView {
    /// In lower case; it is the operator's id.
    email: String,
    name: String,
    /// Whether a password was chosen.
    active: bool,
    disabled: bool,
    /// What it may do in the console.
    role: Role,
    /// The accounts it is limited to; none: all, and the broker itself.
    accounts: BTreeSet<AccountId>,
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
            disabled: operator.disabled,
            role: operator.role,
            accounts: operator.accounts.clone(),
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

/// A new link for an operator: its address where the broker knows its own.
async fn link(admin: &Admin, email: &Email) -> Reply<String> {
    let ticket = invite::create(&*admin.store, Some(email), admin.clock.now()).await?;
    let base = admin
        .app
        .as_ref()
        .map_or("", |app| app.logins.public_url.as_str());
    Ok(format!("{base}/admin/welcome?ticket={}", ticket.as_str()))
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
    /// The accounts it is limited to; all unless given.
    #[serde(default)]
    accounts: BTreeSet<AccountId>,
}

/// Creates an operator without a password, and the link with which its owner chooses one.
pub(super) async fn create(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Reply {
    let new: NewOperator = read(&headers, &body)?;
    let email = Email::parse(&new.email)
        .map_err(|e| Problem::new(ErrorCode::OperatorEmail, e.to_string()))?;
    let name = operator::name(new.name.as_deref().unwrap_or(email.as_str()))
        .map_err(|e| Problem::new(ErrorCode::OperatorName, e.to_string()))?;
    let operator = Operator {
        email,
        name,
        password: None,
        disabled: false,
        role: new.role,
        accounts: new.accounts,
        created_at: admin.clock.now(),
        last_login_at: None,
    };
    let version = match operator::put(&*admin.store, &operator, Precondition::Absent).await {
        Ok(version) => version,
        Err(StoreError::Conflict) => {
            return Err(Problem::new(
                ErrorCode::OperatorExists,
                format!("there is an operator `{}` already", operator.email),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let link = link(&admin, &operator.email).await?;
    info!(operator = %operator.email, "operator created");
    let shown = (StatusCode::CREATED, with_link(&operator, link));
    let answer = tagged(version, shown);
    Ok(changed(answer, Value::Null, OperatorView::from(&operator)))
}

pub(super) async fn show(State(admin): State<Admin>, Path(email): Path<String>) -> Reply {
    let found = find(&admin, &email).await?;
    Ok(tagged(
        found.version,
        Json(OperatorView::from(&found.value)),
    ))
}

/// What may change in an operator; what is absent stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OperatorChange")]
pub(super) struct Edit {
    name: Option<String>,
    disabled: Option<bool>,
    /// What it may do in the console.
    role: Option<Role>,
    /// The accounts it is limited to; an empty list: all, and the broker itself.
    accounts: Option<BTreeSet<AccountId>>,
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
    operator.disabled = edit.disabled.unwrap_or(operator.disabled);
    let when = condition(&headers)?.over(Some(found.version))?;
    let version = operator::put(&*admin.store, &operator, when).await?;
    if operator.disabled {
        session::revoke_all(&*admin.store, &operator.email).await?;
    }
    info!(operator = %operator.email, disabled = operator.disabled, "operator changed");
    let answer = tagged(version, Json(OperatorView::from(&operator)));
    Ok(changed(
        answer,
        OperatorView::from(&found.value),
        OperatorView::from(&operator),
    ))
}

/// A new link with which an operator chooses another password.
pub(super) async fn invite(
    State(admin): State<Admin>,
    Path(email): Path<String>,
    headers: HeaderMap,
) -> Reply {
    let found = find(&admin, &email).await?;
    condition(&headers)?.over(Some(found.version))?;
    let link = link(&admin, &found.value.email).await?;
    Ok(tagged(found.version, with_link(&found.value, link)))
}

/// Removes an operator and ends their sessions.
pub(super) async fn remove(
    State(admin): State<Admin>,
    Path(email): Path<String>,
    headers: HeaderMap,
) -> Reply<Response> {
    let found = find(&admin, &email).await?;
    let when = condition(&headers)?.over(Some(found.version))?;
    operator::remove(&admin.store, &found.value.email, when).await?;
    info!(operator = %found.value.email, "operator removed");
    let answer = StatusCode::NO_CONTENT.into_response();
    Ok(changed(
        answer,
        OperatorView::from(&found.value),
        Value::Null,
    ))
}
