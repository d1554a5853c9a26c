//! Applications of the authority.

mod shape;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::info;

use self::shape::shown;
pub(super) use self::shape::{ApplicationView, Change, Filter, Input, Rotation};
use super::Admin;
use super::Caller;
use super::audit::{self, unchanged};
use super::paging::Page;
use super::reply::refused;
use super::reply::{Reply, account, condition, json as read, missing, tagged};
use crate::authority::application::{
    ApplicationError, AuthMethod, BadResponseAlg, NewApplication, ResponseAlg, used_at,
};
use crate::authority::{Application, Applications, ClientId, Scopes};
use crate::base::{AccountId, ErrorCode, Secret, units};
use crate::http::problem::Problem;
use crate::operation::{Access, limit};
use crate::store::{Precondition, Version, Versioned};

/// How long an old secret counts beside a new one.
const OVERLAP: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

impl From<ApplicationError> for Problem {
    fn from(error: ApplicationError) -> Self {
        let mut problem = Problem::new(ErrorCode::ApplicationInvalid, error.to_string());
        if let ApplicationError::Setting(field, _) = error {
            problem.field = Some(field.to_owned());
        }
        problem
    }
}

fn scopes(list: &[String]) -> Reply<Scopes> {
    Scopes::of(list.iter().map(String::as_str))
        .map_err(|error| Problem::new(ErrorCode::ApplicationScopes, error.to_string()))
}

fn response_alg(name: Option<&str>) -> Reply<Option<ResponseAlg>> {
    name.map(str::parse)
        .transpose()
        .map_err(|error: BadResponseAlg| {
            Problem::new(ErrorCode::ApplicationSigningAlg, error.to_string())
        })
}

/// An application's own audience. With another account's its tokens would count
/// there, so it takes who administers all of them to change it.
fn own_audience(
    admin: &Admin,
    caller: &Caller,
    wanted: Option<&str>,
    had: Option<&str>,
) -> Reply<()> {
    if wanted == had {
        return Ok(());
    }
    caller.check_broker(Access::Write)?;
    match wanted.map(|text| admin.check_audience(text)) {
        Some(Err(error)) => Err(Problem::new(
            ErrorCode::ApplicationAudience,
            error.to_string(),
        )),
        _ => Ok(()),
    }
}

/// The resources that an application asks tokens for are audiences too.
fn own_resources(admin: &Admin, caller: &Caller, wanted: &[String], had: &[String]) -> Reply<()> {
    for resource in wanted.iter().filter(|one| !had.contains(one)) {
        own_audience(admin, caller, Some(resource), None).map_err(|mut problem| {
            problem.field = Some("resources".to_owned());
            problem
        })?;
    }
    Ok(())
}

/// An application that the caller may deal with.
async fn find(admin: &Admin, caller: &Caller, id: &str) -> Reply<Versioned<Application>> {
    let unknown = || missing("application");
    let id: ClientId = id.parse().map_err(|_| unknown())?;
    Applications::get(&*admin.store, &id)
        .await?
        .filter(|found| caller.sees(found.value.account.as_ref()))
        .ok_or_else(unknown)
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<Filter>,
) -> Reply<Page<ApplicationView>> {
    let asked: Option<AccountId> = filter
        .account
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| missing("account"))?;
    let of = match (&asked, caller.limit()) {
        (None, Some([own])) => Some(own),
        (asked, _) => asked.as_ref(),
    };
    if !caller.sees(of) {
        return Err(missing("account"));
    }
    let after = filter
        .after
        .as_deref()
        .map(str::parse::<ClientId>)
        .transpose()
        .map_err(|error| Problem::new(ErrorCode::RequestAfter, error.to_string()))?;
    let limit = limit(filter.limit)?;
    let found = Applications::page(&*admin.store, of, after.as_ref(), limit + 1).await?;
    let page = Page::cut(found, limit, |found| found.value.client_id.to_string());
    let mut items = Vec::new();
    for application in &page.items {
        let application = &application.value;
        let used = used_at(&*admin.store, &application.client_id).await?;
        items.push(shown(application, None, used));
    }
    Ok(Page {
        items,
        next: page.next,
        total: None,
        tag: None,
    })
}

/// What the log says of an application; secrets are only ever hashes here, and
/// stay out.
fn logged(application: &Application) -> Value {
    json!(shown(application, None, None))
}

fn created(application: &Application, secret: Option<&Secret>, version: Version) -> Response {
    let shown = Json(shown(application, secret, None));
    let answer = tagged(version, (StatusCode::CREATED, shown));
    unchanged(answer)
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: Input = read(&headers, &body)?;
    own_audience(&admin, &caller, input.audience.as_deref(), None)?;
    own_resources(&admin, &caller, &input.settings.resources, &[])?;
    let (application, secret) = input.make(&admin, &caller).await?;
    let found = Applications::get(&*admin.store, &application.client_id).await?;
    if found.is_some() {
        return Err(taken());
    }
    let version = keep(&admin, &application, Precondition::Absent, Value::Null).await?;
    info!(client_id = %application.client_id, by = caller.name(), "application created");
    Ok(created(&application, secret.as_ref(), version))
}

fn taken() -> Problem {
    Problem::new(
        ErrorCode::ApplicationExists,
        "there is an application with this client id already",
    )
}

impl Input {
    /// The application, with its secret where one was generated.
    async fn make(self, admin: &Admin, caller: &Caller) -> Reply<(Application, Option<Secret>)> {
        let new = self.check(admin, caller).await?;
        let made = new.make(&admin.hasher, &admin.audience, admin.clock.now());
        Ok(made.await?)
    }

    /// What it describes, if the caller may have it.
    async fn check(self, admin: &Admin, caller: &Caller) -> Reply<NewApplication> {
        if !caller.sees(self.account.as_ref()) {
            return Err(refused(
                "applications can be created for your own account only",
            ));
        }
        if let Some(id) = &self.account {
            account(&*admin.store, id.as_str()).await?;
        }
        let alg = match &self.id_token_signed_response_alg {
            None => Some(ResponseAlg::USUAL),
            Some(name) => response_alg(name.as_deref())?,
        };
        Ok(NewApplication {
            client_id: self.client_id,
            secret: self.client_secret.map(Secret::new),
            name: self.name.map(|name| name.trim().to_owned()),
            account: self.account,
            scopes: self.scopes.as_deref().map(scopes).transpose()?,
            grants: self.grants,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            backchannel_logout_uri: self.backchannel_logout_uri,
            id_token_signed_response_alg: alg,
            audience: self.audience,
            public: self.public,
            settings: self.settings,
        })
    }
}

/// Creates an application under this id, or makes the one there is as described:
/// its account, its secrets and whether it is public never change.
pub(super) async fn put(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let id: ClientId = id
        .parse()
        .map_err(|error| Problem::new(ErrorCode::ApplicationClientId, format!("{error}")))?;
    let mut input: Input = read(&headers, &body)?;
    if input.client_id.as_ref().is_some_and(|named| *named != id) {
        return Err(Problem::new(
            ErrorCode::ApplicationClientId,
            "the body names another client id than the address",
        ));
    }
    input.client_id = Some(id.clone());
    let found = Applications::get(&*admin.store, &id).await?;
    if found
        .as_ref()
        .is_some_and(|found| found.value.id_token_signed_response_alg.is_none())
    {
        // What was written when that was the default goes on to mean it.
        input.id_token_signed_response_alg.get_or_insert(None);
    }
    if found
        .as_ref()
        .is_some_and(|found| !caller.sees(found.value.account.as_ref()))
    {
        // That of another account is not to be told from none at all.
        input.check(&admin, &caller).await?;
        return Err(taken());
    }
    let when = condition(&headers)?.over(found.as_ref().map(|f| f.version))?;
    let had = found
        .as_ref()
        .and_then(|found| found.value.audience.as_deref());
    own_audience(&admin, &caller, input.audience.as_deref(), had)?;
    let had = found.as_ref().map(|found| &*found.value.settings.resources);
    let had = had.unwrap_or_default();
    own_resources(&admin, &caller, &input.settings.resources, had)?;
    let Some(found) = found else {
        let (application, secret) = input.make(&admin, &caller).await?;
        let version = keep(&admin, &application, when, Value::Null).await?;
        info!(client_id = %id, by = caller.name(), "application created");
        return Ok(created(&application, secret.as_ref(), version));
    };
    if input.account != found.value.account || input.public != found.value.public {
        return Err(Problem::new(
            ErrorCode::ApplicationFixed,
            "the account of an application and whether it is public never change; remove it and create another",
        ));
    }
    input.client_secret = None;
    let (made, _) = input.make(&admin, &caller).await?;
    let mut application = Application {
        secrets: found.value.secrets.clone(),
        created_at: found.value.created_at,
        ..made
    };
    application.forget_plain_secrets();
    application.check()?;
    write(&admin, &caller, when, &found, &application, None).await
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
    let change: Change = read(&headers, &body)?;
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
    if let Some(name) = change.id_token_signed_response_alg {
        application.id_token_signed_response_alg = response_alg(name.as_deref())?;
    }
    if let Some(wanted) = change.audience {
        let had = found.value.audience.as_deref();
        own_audience(&admin, &caller, wanted.as_deref(), had)?;
        application.audience = wanted;
    }
    change.settings.apply(&mut application.settings);
    let had = &found.value.settings.resources;
    own_resources(&admin, &caller, &application.settings.resources, had)?;
    application.forget_plain_secrets();
    application.check()?;
    let when = condition(&headers)?.over(Some(found.version))?;
    write(&admin, &caller, when, &found, &application, None).await
}

/// Puts an application that was `before`, once there is a key for what it wants signed;
/// in one commit with its entry in the audit log.
async fn keep(
    admin: &Admin,
    application: &Application,
    when: Precondition,
    before: Value,
) -> Reply<Version> {
    let alg = application.id_token_signed_response_alg;
    admin.keys.ensure(alg.and_then(ResponseAlg::of_key)).await?;
    let steps = Applications::step_put(application, when)?;
    audit::commit(admin, steps, &before, &logged(application)).await
}

/// Writes an application, if nobody else did meanwhile.
async fn write(
    admin: &Admin,
    caller: &Caller,
    when: Precondition,
    over: &Versioned<Application>,
    application: &Application,
    secret: Option<&Secret>,
) -> Reply {
    if *application == over.value {
        let same = Json(shown(application, None, None));
        return Ok(unchanged(tagged(over.version, same)));
    }
    let version = keep(admin, application, when, logged(&over.value)).await?;
    info!(client_id = %application.client_id, by = caller.name(), "application changed");
    let answer = tagged(version, Json(shown(application, secret, None)));
    Ok(unchanged(answer))
}

/// Adds a secret; the old one counts for a while.
pub(super) async fn rotate(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let rotation: Rotation = read(&headers, &body)?;
    let overlap = match rotation.overlap.as_deref() {
        None => OVERLAP,
        Some(text) => {
            units::duration(text).map_err(|why| Problem::new(ErrorCode::ApplicationOverlap, why))?
        }
    };
    let found = find(&admin, &caller, &id).await?;
    if found.value.public {
        return Err(Problem::new(
            ErrorCode::ApplicationPublic,
            "a public application has no secret",
        ));
    }
    if found.value.settings.token_endpoint_auth_method == Some(AuthMethod::PrivateKeyJwt) {
        return Err(Problem::new(
            ErrorCode::ApplicationPublic,
            "the application proves itself by its key and has no secret; change its `jwks`, or the keys at its `jwks_uri`",
        ));
    }
    let now = admin.clock.now();
    let mut application = found.value.clone();
    let secret = application.rotate(now, now.plus(overlap));
    let when = condition(&headers)?.over(Some(found.version))?;
    write(&admin, &caller, when, &found, &application, Some(&secret)).await
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Reply<Response> {
    let found = find(&admin, &caller, &id).await?;
    let when = condition(&headers)?.over(Some(found.version))?;
    let id = &found.value.client_id;
    let steps = Applications::step_remove(id, when);
    audit::commit(&admin, steps, &logged(&found.value), &Value::Null).await?;
    info!(client_id = %id, by = caller.name(), "application removed");
    Ok(unchanged(StatusCode::NO_CONTENT.into_response()))
}
