//! What people allowed applications that have to ask: listed and withdrawn.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::grants::{Filter, named};
use super::paging::Page;
use super::reply::{Reply, missing};
use super::{Admin, audit};
use crate::authority::ClientId;
use crate::authority::consent::{self, Consent};
use crate::authority::grants::Beside;
use crate::base::digest::{hex, unhex};
use crate::base::{ErrorCode, UserId};
use crate::http::problem::Problem;
use crate::operation::limit;

/// What a user allowed an application.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Consent")]
pub(super) struct ConsentView {
    user: UserId,
    /// The application's client id.
    application: ClientId,
    /// What it may ask for without a question.
    scopes: Vec<String>,
    /// RFC 3339.
    given_at: String,
}

impl From<Consent> for ConsentView {
    fn from(consent: Consent) -> Self {
        Self {
            user: consent.user,
            application: consent.client_id,
            scopes: consent.scopes.iter().map(str::to_owned).collect(),
            given_at: consent.given_at.rfc3339(),
        }
    }
}

/// Whose consent, and to which application.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The user, by id or email.
    user: String,
    /// The application, by its client id.
    application: String,
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Reply<Page<ConsentView>> {
    let (user, application) = (filter.user.as_deref(), filter.application.as_deref());
    let (account, user, application) = named(&admin, &id, user, application).await?;
    let cursor = filter.after.as_deref().map(|after| {
        unhex(after)
            .filter(|place| place.len() == 48)
            .ok_or_else(|| Problem::new(ErrorCode::RequestAfter, "no page gave this `after`"))
    });
    let (mut after, limit) = (cursor.transpose()?, limit(filter.limit)?);
    let mut found = Vec::new();
    loop {
        let page = consent::page(&*admin.store, &account, user, after, limit + 1).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        let meant = |consent: &Consent| {
            application
                .as_ref()
                .is_none_or(|id| consent.client_id == *id)
        };
        found.extend(page.into_iter().filter(|(_, consent)| meant(consent)));
        if found.len() > limit {
            found.truncate(limit + 1);
            break;
        }
    }
    let page = Page::cut(found, limit, |(place, _)| hex(place));
    Ok(page.map(|(_, consent)| consent.into()))
}

/// Takes a user's consent back; what it gave ends.
pub(super) async fn withdraw(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Reply {
    let (user, application) = (Some(&*which.user), Some(&*which.application));
    let (account, user, application) = named(&admin, &id, user, application).await?;
    let (Some(user), Some(application)) = (user, application) else {
        return Err(missing("consent"));
    };
    let before = json!({ "user": user, "application": application });
    let entry = Beside::new(audit::step(&admin, &before, &Value::Null)?);
    let ending = admin.ending().with(&entry).telling();
    let ended = consent::withdraw(&ending, &account, user, &application).await?;
    ended.ok_or_else(|| missing("consent"))?;
    info!(account = %account, %user, client_id = %application, "a consent is withdrawn");
    Ok(audit::unchanged(StatusCode::NO_CONTENT.into_response()))
}
