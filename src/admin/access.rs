//! Who may call the admin API, and what for.
//!
//! Over the Unix socket: the owner of the data, for everything. Over the
//! network: applications, by their own access tokens with `admin:read` or
//! `admin:write`, for their account or for all. Tokens of another authority
//! count the same where one is configured. A user's token never counts.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::Admin;
use super::reply::missing;
use crate::authority::Scopes;
use crate::authority::access::bearer;
use crate::authority::scope::{ADMIN_READ, ADMIN_WRITE};
use crate::base::{AccountId, ErrorCode};
use crate::http::problem::Problem;
use crate::http::server::Peer;

/// Who calls, for the author of a change.
#[derive(Debug, Clone)]
pub(super) struct Caller(pub String, Limit);

/// The accounts of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    All,
    Account(AccountId),
}

impl Caller {
    /// An operator, who may deal with everything.
    pub fn operator(email: &str) -> Self {
        Self(email.to_owned(), Limit::All)
    }

    /// The account the caller is limited to; `None`: all.
    pub fn limit(&self) -> Option<&AccountId> {
        match &self.1 {
            Limit::All => None,
            Limit::Account(account) => Some(account),
        }
    }

    /// Whether the caller may deal with what belongs to this account, or to all.
    pub fn may(&self, account: Option<&AccountId>) -> bool {
        self.limit().is_none_or(|own| account == Some(own))
    }
}

/// What a bearer token stands for.
struct Bearer {
    caller: Caller,
    scopes: Scopes,
}

/// Lets through who may, with a [`Caller`].
pub(super) async fn authenticate(
    State(admin): State<Admin>,
    mut request: Request,
    next: Next,
) -> Response {
    if request
        .extensions()
        .get::<Peer>()
        .is_some_and(Peer::is_unix)
    {
        let caller = Caller("local operator".to_owned(), Limit::All);
        request.extensions_mut().insert(caller);
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let headers = request.headers().clone();
    match network(&admin, &headers, &method, &path).await {
        Ok(caller) => {
            info!(target: "vestibule::admin", by = caller.0, %method, path, "admin API");
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(answer) => answer,
    }
}

async fn network(
    admin: &Admin,
    headers: &HeaderMap,
    method: &Method,
    path: &str,
) -> Result<Caller, Response> {
    let mut headers = headers.get_all(header::AUTHORIZATION).iter();
    let header = headers.next().and_then(|value| value.to_str().ok());
    let token = bearer(header)
        .ok()
        .filter(|_| headers.next().is_none())
        .ok_or_else(|| unauthenticated("send an access token with `admin:read` or `admin:write`; on the Unix socket in the data directory none is needed"))?;
    let Bearer { caller, scopes } = read(admin, token).await?;
    let safe = matches!(*method, Method::GET | Method::HEAD);
    if !(scopes.has(ADMIN_WRITE) || safe && scopes.has(ADMIN_READ)) {
        let wanted = if safe { ADMIN_READ } else { ADMIN_WRITE };
        let mut answer = forbidden(&format!("this needs an access token with `{wanted}`"));
        let text = format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\"");
        if let Ok(value) = HeaderValue::from_str(&text) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        return Err(answer);
    }
    match caller.limit() {
        Some(own) if !safe && makes_operators(admin, own, path) => Err(forbidden(
            "operators log in through this account's providers; only who administers all accounts may change them",
        )),
        Some(own) => within(own, path, method).map(|()| caller),
        None => Ok(caller),
    }
}

async fn read(admin: &Admin, token: &str) -> Result<Bearer, Response> {
    let refused = || {
        unauthenticated("the access token is unknown, expired, revoked, or not meant for this API")
    };
    let Some(app) = &admin.app else {
        return Err(refused());
    };
    if let Some(foreign) = admin.foreign.as_ref().filter(|f| f.claims(token)) {
        let audience = Some(app.authority.audience.as_str());
        let claims = foreign
            .verify(token, audience, admin.clock.now())
            .await
            .map_err(|why| {
                info!(target: "vestibule::admin", %why, "a token of the other authority is refused");
                refused()
            })?;
        let name = claims.text("client_id").or(claims.text("sub"));
        let limit = match claims.all().get("account") {
            None => Limit::All,
            Some(account) => {
                let id = account.as_str().and_then(|id| id.parse().ok());
                Limit::Account(id.ok_or_else(refused)?)
            }
        };
        return Ok(Bearer {
            caller: Caller(
                format!("{} of the other authority", name.unwrap_or("?")),
                limit,
            ),
            scopes: Scopes::parse(claims.text("scope").unwrap_or_default())
                .map_err(|_| refused())?,
        });
    }
    let found = app.authority.access(token).await.map_err(|error| {
        Problem::new(ErrorCode::ServiceUnavailable, error.description).into_response()
    })?;
    let access = found
        .filter(|access| access.user.is_none())
        .ok_or_else(refused)?;
    Ok(Bearer {
        caller: Caller(
            format!("application {}", access.client_id),
            access.account.map_or(Limit::All, Limit::Account),
        ),
        scopes: access.scopes,
    })
}

/// Whether this is a provider through which operators log in to the console:
/// who may change it can be any of them.
fn makes_operators(admin: &Admin, own: &AccountId, path: &str) -> bool {
    admin.login_account.as_ref() == Some(own)
        && path.starts_with(&format!("/api/v1/accounts/{own}/providers"))
}

/// What a caller who is limited to an account may address: that account, and
/// lists that show no more. The answer for another's is that for none (threat T5).
fn within(own: &AccountId, path: &str, method: &Method) -> Result<(), Response> {
    let rest = path.strip_prefix("/api/v1/").unwrap_or_default();
    let mut segments = rest.split('/');
    match (segments.next(), segments.next()) {
        (Some("accounts"), Some(id)) if id == own.as_str() => Ok(()),
        (Some("accounts"), Some(_)) => Err(missing("account").into_response()),
        // Their handlers show what is of that account.
        (Some("accounts" | "openapi.json" | "audit"), None) if method == Method::GET => Ok(()),
        // Their handlers look at each application's own account.
        (Some("applications"), _) => Ok(()),
        _ => Err(forbidden("this needs an access token for all accounts")),
    }
}

fn unauthenticated(detail: &str) -> Response {
    let problem = Problem::new(ErrorCode::AdminUnauthenticated, detail);
    let mut answer = problem.into_response();
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

pub(super) fn forbidden(detail: &str) -> Response {
    refused(detail).into_response()
}

/// A 403 as a problem.
pub(super) fn refused(detail: &str) -> Problem {
    Problem::new(ErrorCode::AdminForbidden, detail)
}
