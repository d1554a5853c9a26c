//! What people granted to applications: listed and ended.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::paging::Page;
use super::reply::{Reply, account, missing};
use super::{Admin, audit, users};
use crate::account::directory;
use crate::authority::ClientId;
use crate::authority::grants::{self, Beside, Living, Which};
use crate::base::{AccountId, ErrorCode, Timestamp, UserId};
use crate::http::problem::Problem;
use crate::operation::limit;

/// What a user granted to an application, as long as a token of it lives.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GivenGrant")]
pub(super) struct GrantView {
    /// Names it, also in its access tokens, as `grant_id`; `null` for one of an
    /// earlier version that was not used since.
    id: Option<String>,
    user: UserId,
    /// The user's email.
    email: Option<String>,
    /// The application's client id.
    application: ClientId,
    /// What it may do.
    scopes: Vec<String>,
    /// Whether it has a refresh token.
    refreshes: bool,
    /// RFC 3339; `null` for one of an earlier version.
    granted_at: Option<String>,
    /// When its last token ends, unless it is refreshed (RFC 3339).
    expires_at: String,
}

impl From<Living> for GrantView {
    fn from(living: Living) -> Self {
        let granted = living.granted;
        Self {
            id: living.grant_id,
            user: granted.user,
            email: None,
            application: granted.client_id,
            scopes: granted.scopes.iter().map(str::to_owned).collect(),
            refreshes: living.refreshes,
            granted_at: granted.granted_at.map(Timestamp::rfc3339),
            expires_at: living.expires_at.rfc3339(),
        }
    }
}

/// Which grants of an account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only those of this user, by id or email.
    pub user: Option<String>,
    /// Only those to this application, by its client id.
    pub application: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

/// Whose grants end: a user's, an application's, or one's to the other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// The user, by id or email.
    user: Option<String>,
    /// The application, by its client id.
    application: Option<String>,
}

/// How many grants ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RevokedGrants")]
pub(super) struct Revoked {
    revoked: usize,
}

/// The account, and whom a filter names in it.
pub(super) async fn named(
    admin: &Admin,
    id: &str,
    user: Option<&str>,
    application: Option<&str>,
) -> Reply<(AccountId, Option<UserId>, Option<ClientId>)> {
    let account = account(&*admin.store, id).await?.value.id;
    let user = match user {
        Some(user) => Some(users::find(admin, id, user).await?.1.value.id),
        None => None,
    };
    let application = application
        .map(str::parse::<ClientId>)
        .transpose()
        .map_err(|_| missing("application"))?;
    Ok((account, user, application))
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Reply<Page<GrantView>> {
    let (user, application) = (filter.user.as_deref(), filter.application.as_deref());
    let (account, user, application) = named(&admin, &id, user, application).await?;
    let which = Which {
        account: &account,
        user,
        application: application.as_ref(),
    };
    let cursor = filter.after.as_deref().map(|after| {
        let place = URL_SAFE_NO_PAD.decode(after).ok();
        let place = place.filter(|place| place.len() == 40);
        place.ok_or_else(|| Problem::new(ErrorCode::RequestAfter, "no page gave this `after`"))
    });
    let (after, limit) = (cursor.transpose()?, limit(filter.limit)?);
    let found = grants::page(&*admin.store, &which, after, limit + 1, admin.clock.now()).await?;
    let page = Page::cut(found, limit, |one| URL_SAFE_NO_PAD.encode(&one.place));
    let mut page = page.map(GrantView::from);
    for one in &mut page.items {
        let user = directory::get(&*admin.store, &account, one.user).await?;
        one.email = user.map(|user| user.value.email);
    }
    Ok(page)
}

/// Ends one grant.
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Path((id, grant)): Path<(String, String)>,
) -> Reply {
    let account = account(&*admin.store, &id).await?.value.id;
    let well_formed = grant.len() == 43 && grant.is_ascii();
    let found = if well_formed {
        grants::get(&admin.ending(), &account, &grant).await?
    } else {
        None
    };
    let granted = found.ok_or_else(|| missing("grant"))?;
    let before = json!({ "user": granted.user, "application": granted.client_id });
    let entry = Beside::new(audit::step(&admin, &before, &Value::Null)?);
    grants::end(&admin.ending().with(&entry).telling(), &grant).await?;
    info!(account = %account, user = %granted.user, client_id = %granted.client_id, "grant revoked");
    Ok(audit::unchanged(StatusCode::NO_CONTENT.into_response()))
}

/// Ends all grants of a user, to an application, or of one to the other.
pub(super) async fn revoke_all(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Reply {
    let (user, application) = (whose.user.as_deref(), whose.application.as_deref());
    let (account, user, application) = named(&admin, &id, user, application).await?;
    if user.is_none() && application.is_none() {
        return Err(Problem::new(
            ErrorCode::RequestBad,
            "say whose grants end: `user`, `application`, or both",
        ));
    }
    let which = Which {
        account: &account,
        user,
        application: application.as_ref(),
    };
    // With the first that ends: how many there are is known when the last one has.
    let before = json!({ "user": user, "application": application });
    let entry = Beside::new(audit::step(&admin, &before, &Value::Null)?);
    let ending = admin.ending().with(&entry).telling();
    let revoked = grants::end_all(&ending, &which).await?.len();
    info!(account = %account, revoked, "grants revoked");
    Ok(audit::unchanged(Json(Revoked { revoked }).into_response()))
}
