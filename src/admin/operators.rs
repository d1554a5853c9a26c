//! Operators: who may use the console.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::Admin;
use super::accounts::{Page, Paging};
use super::audit::changed;
use super::reply::{Reply, bad, json as read, missing};
use crate::base::Timestamp;
use crate::http::problem::Problem;
use crate::operator::{self, Email, Operator, invite, session};
use crate::store::{Precondition, StoreError, Versioned};

/// An operator as the API shows it.
#[derive(Serialize)]
pub(super) struct Shown {
    email: String,
    name: String,
    /// Whether a password was chosen.
    active: bool,
    disabled: bool,
    created_at: String,
    last_login_at: Option<String>,
}

impl From<&Operator> for Shown {
    fn from(operator: &Operator) -> Self {
        Self {
            email: operator.email.to_string(),
            name: operator.name.clone(),
            active: operator.password.is_some(),
            disabled: operator.disabled,
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

fn with_link(operator: &Operator, link: &str) -> Value {
    let mut shown = json!(Shown::from(operator));
    if let Some(members) = shown.as_object_mut() {
        members.insert("link".to_owned(), link.into());
    }
    shown
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Shown>>> {
    let limit = paging.limit();
    let found = operator::page(&*admin.store, paging.after.as_deref(), limit).await?;
    let next = (found.len() == limit)
        .then(|| found.last().map(|o| o.value.email.to_string()))
        .flatten();
    let items = found.iter().map(|o| Shown::from(&o.value)).collect();
    Ok(Json(Page { items, next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    email: String,
    name: Option<String>,
}

/// Creates an operator without a password, and the link with which its owner chooses one.
pub(super) async fn create(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Reply {
    let new: New = read(&headers, &body)?;
    let email = Email::parse(&new.email).map_err(|e| bad("operator.email", e.to_string()))?;
    let name = operator::name(new.name.as_deref().unwrap_or(email.as_str()))
        .map_err(|e| bad("operator.name", e.to_string()))?;
    let operator = Operator {
        email,
        name,
        password: None,
        disabled: false,
        created_at: admin.clock.now(),
        last_login_at: None,
    };
    match operator::put(&*admin.store, &operator, Precondition::Absent).await {
        Ok(_) => {}
        Err(StoreError::Conflict) => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "operator.exists",
                format!("there is an operator `{}` already", operator.email),
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let link = link(&admin, &operator.email).await?;
    info!(operator = %operator.email, "operator created");
    let answer = (StatusCode::CREATED, Json(with_link(&operator, &link))).into_response();
    Ok(changed(answer, Value::Null, Shown::from(&operator)))
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Path(email): Path<String>,
) -> Reply<Json<Shown>> {
    Ok(Json(Shown::from(&find(&admin, &email).await?.value)))
}

/// What may change in an operator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    name: Option<String>,
    disabled: Option<bool>,
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
        operator.name = operator::name(name).map_err(|e| bad("operator.name", e.to_string()))?;
    }
    operator.disabled = edit.disabled.unwrap_or(operator.disabled);
    let when = Precondition::Version(found.version);
    operator::put(&*admin.store, &operator, when).await?;
    if operator.disabled {
        session::revoke_all(&*admin.store, &operator.email).await?;
    }
    info!(operator = %operator.email, disabled = operator.disabled, "operator changed");
    let answer = Json(Shown::from(&operator)).into_response();
    Ok(changed(
        answer,
        Shown::from(&found.value),
        Shown::from(&operator),
    ))
}

/// A new link with which an operator chooses another password.
pub(super) async fn invite(
    State(admin): State<Admin>,
    Path(email): Path<String>,
) -> Reply<Json<Value>> {
    let found = find(&admin, &email).await?;
    let link = link(&admin, &found.value.email).await?;
    Ok(Json(with_link(&found.value, &link)))
}

/// Removes an operator and ends their sessions.
pub(super) async fn remove(
    State(admin): State<Admin>,
    Path(email): Path<String>,
) -> Reply<Response> {
    let found = find(&admin, &email).await?;
    operator::remove(&admin.store, &found.value.email).await?;
    info!(operator = %found.value.email, "operator removed");
    let answer = StatusCode::NO_CONTENT.into_response();
    Ok(changed(answer, Shown::from(&found.value), Value::Null))
}
