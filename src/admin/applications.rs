//! Applications of the authority.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::Admin;
use super::access::{Caller, refused};
use super::accounts::{Page, Paging, given};
use super::reply::{Reply, account, bad, condition, json, missing, tagged};
use crate::authority::application::{ApplicationError, NewApplication, used_at};
use crate::authority::{Application, Applications, ClientId, Grant, Scopes};
use crate::base::{AccountId, Secret, Timestamp, units};
use crate::http::problem::Problem;
use crate::store::{Precondition, StoreError, Versioned};

/// How long an old secret counts beside a new one.
const OVERLAP: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// An application as the API shows it: no secret in it, but the one just made.
#[derive(Serialize)]
struct Shown<'a> {
    client_id: &'a ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    name: &'a str,
    account: Option<&'a AccountId>,
    scopes: Vec<&'a str>,
    grants: &'a BTreeSet<Grant>,
    redirect_uris: &'a [String],
    post_logout_redirect_uris: &'a [String],
    backchannel_logout_uri: Option<&'a str>,
    public: bool,
    secrets: Vec<ShownSecret>,
    created_at: String,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct ShownSecret {
    created_at: String,
    expires_at: Option<String>,
}

fn shown<'a>(
    application: &'a Application,
    secret: Option<&'a Secret>,
    used: Option<Timestamp>,
) -> Shown<'a> {
    Shown {
        client_id: &application.client_id,
        client_secret: secret.map(Secret::expose),
        name: &application.name,
        account: application.account.as_ref(),
        scopes: application.scopes.iter().collect(),
        grants: &application.grants,
        redirect_uris: &application.redirect_uris,
        post_logout_redirect_uris: &application.post_logout_redirect_uris,
        backchannel_logout_uri: application.backchannel_logout_uri.as_deref(),
        public: application.public,
        secrets: application
            .secrets
            .iter()
            .map(|secret| ShownSecret {
                created_at: secret.created_at.rfc3339(),
                expires_at: secret.expires_at.map(Timestamp::rfc3339),
            })
            .collect(),
        created_at: application.created_at.rfc3339(),
        last_used_at: used.map(Timestamp::rfc3339),
    }
}

impl From<ApplicationError> for Problem {
    fn from(error: ApplicationError) -> Self {
        bad("application.invalid", error.to_string())
    }
}

/// What an application is made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    client_id: Option<ClientId>,
    client_secret: Option<String>,
    name: Option<String>,
    account: Option<AccountId>,
    scopes: Option<Vec<String>>,
    grants: Option<BTreeSet<Grant>>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    backchannel_logout_uri: Option<String>,
    #[serde(default)]
    public: bool,
}

/// What may change; what is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    grants: Option<BTreeSet<Grant>>,
    redirect_uris: Option<Vec<String>>,
    post_logout_redirect_uris: Option<Vec<String>>,
    #[expect(
        clippy::option_option,
        reason = "absent, null and a value are three things"
    )]
    #[serde(default, deserialize_with = "given")]
    backchannel_logout_uri: Option<Option<String>>,
}

/// How to rotate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// How long the old secret counts; `24h` unless given.
    overlap: Option<String>,
}

/// Which of them.
#[derive(Deserialize)]
pub(super) struct Filter {
    account: Option<String>,
}

fn scopes(list: &[String]) -> Reply<Scopes> {
    Scopes::of(list.iter().map(String::as_str))
        .map_err(|error| bad("application.scopes", error.to_string()))
}

/// An application that the caller may deal with.
async fn find(admin: &Admin, caller: &Caller, id: &str) -> Reply<Versioned<Application>> {
    let unknown = || missing("application");
    let id: ClientId = id.parse().map_err(|_| unknown())?;
    Applications::get(&*admin.store, &id)
        .await?
        .filter(|found| caller.may(found.value.account.as_ref()))
        .ok_or_else(unknown)
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Query(paging): Query<Paging>,
    Query(filter): Query<Filter>,
) -> Reply {
    let asked: Option<AccountId> = filter
        .account
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| missing("account"))?;
    if !caller.may(asked.as_ref()) && asked.is_some() {
        return Err(missing("account"));
    }
    let of = asked.as_ref().or(caller.limit());
    let after = paging
        .after
        .as_deref()
        .map(str::parse::<ClientId>)
        .transpose()
        .map_err(|error| bad("request.after", error.to_string()))?;
    let limit = paging.limit();
    let found = Applications::page(&*admin.store, of, after.as_ref(), limit).await?;
    let mut items = Vec::new();
    for application in &found {
        let application = &application.value;
        let used = used_at(&*admin.store, &application.client_id).await?;
        items.push(shown(application, None, used));
    }
    let next = (found.len() == limit)
        .then(|| found.last().map(|last| last.value.client_id.to_string()))
        .flatten();
    Ok(Json(Page { items, next }).into_response())
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: Input = json(&headers, &body)?;
    if !caller.may(input.account.as_ref()) {
        return Err(refused(
            "applications can be created for your own account only",
        ));
    }
    if let Some(id) = &input.account {
        account(&*admin.store, id.as_str()).await?;
    }
    let new = NewApplication {
        client_id: input.client_id,
        secret: input.client_secret.map(Secret::new),
        name: input.name.map(|name| name.trim().to_owned()),
        account: input.account,
        scopes: input.scopes.as_deref().map(scopes).transpose()?,
        grants: input.grants,
        redirect_uris: input.redirect_uris,
        post_logout_redirect_uris: input.post_logout_redirect_uris,
        backchannel_logout_uri: input.backchannel_logout_uri,
        public: input.public,
    };
    let (application, secret) = new
        .make(&admin.hasher, &admin.audience, admin.clock.now())
        .await?;
    match Applications::put(&*admin.store, &application, Precondition::Absent).await {
        Ok(version) => {
            info!(client_id = %application.client_id, by = caller.0, "application created");
            let answer = Json(shown(&application, secret.as_ref(), None));
            Ok(tagged(version, (StatusCode::CREATED, answer)))
        }
        Err(StoreError::Conflict) => Err(Problem::new(
            StatusCode::CONFLICT,
            "application.exists",
            "there is an application with this client id already",
        )),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Reply {
    let found = find(&admin, &caller, &id).await?;
    let used = used_at(&*admin.store, &found.value.client_id).await?;
    Ok(tagged(found.version, Json(shown(&found.value, None, used))))
}

pub(super) async fn change(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let change: Change = json(&headers, &body)?;
    let found = find(&admin, &caller, &id).await?;
    let mut application = found.value.clone();
    if let Some(name) = change.name {
        name.trim().clone_into(&mut application.name);
    }
    if let Some(list) = change.scopes {
        application.scopes = scopes(&list)?;
    }
    if let Some(grants) = change.grants {
        application.grants = grants;
    }
    if let Some(uris) = change.redirect_uris {
        application.redirect_uris = uris;
    }
    if let Some(uris) = change.post_logout_redirect_uris {
        application.post_logout_redirect_uris = uris;
    }
    if let Some(uri) = change.backchannel_logout_uri {
        application.backchannel_logout_uri = uri;
    }
    application.check()?;
    write(&admin, &caller, &headers, &found, &application, None).await
}

/// Writes an application, if nobody else did meanwhile.
async fn write(
    admin: &Admin,
    caller: &Caller,
    headers: &HeaderMap,
    over: &Versioned<Application>,
    application: &Application,
    secret: Option<&Secret>,
) -> Reply {
    let when = match condition(headers)? {
        None | Some(Precondition::Any) => Precondition::Version(over.version),
        Some(given) => given,
    };
    let version = Applications::put(&*admin.store, application, when).await?;
    info!(client_id = %application.client_id, by = caller.0, "application changed");
    Ok(tagged(version, Json(shown(application, secret, None))))
}

/// Adds a secret; the old one counts for a while.
pub(super) async fn rotate(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let rotation: Rotation = json(&headers, &body)?;
    let overlap = match rotation.overlap.as_deref() {
        None => OVERLAP,
        Some(text) => units::duration(text).map_err(|why| bad("application.overlap", why))?,
    };
    let found = find(&admin, &caller, &id).await?;
    if found.value.public {
        return Err(bad(
            "application.public",
            "a public application has no secret",
        ));
    }
    let now = admin.clock.now();
    let mut application = found.value.clone();
    let secret = application.rotate(now, now.plus(overlap));
    write(
        &admin,
        &caller,
        &headers,
        &found,
        &application,
        Some(&secret),
    )
    .await
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Reply<Response> {
    let found = find(&admin, &caller, &id).await?;
    let when = condition(&headers)?.unwrap_or(Precondition::Any);
    let id = &found.value.client_id;
    Applications::remove(&*admin.store, id, when).await?;
    info!(client_id = %id, by = caller.0, "application removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}
