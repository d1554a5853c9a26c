//! Who may call the admin API, and what for.
//!
//! Over the Unix socket: the owner of the data, for everything. Over the
//! network: applications, by their own access tokens with `admin:read` or
//! `admin:write`, for their account or for all. Tokens of another authority
//! count the same where one is configured. A user's token never counts. Operators who
//! logged in with a program may what their role allows ([`roles`]).

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::Admin;
use super::reply::{forbidden, insufficient, missing};
use super::roles;
use crate::authority::access::bearer;
use crate::authority::scope::{ADMIN_READ, ADMIN_WRITE};
use crate::authority::{OAuthError, Scopes};
use crate::base::{AccountId, ErrorCode};
use crate::config::SecondFactor;
use crate::http::problem::Problem;
use crate::http::server::Peer;
use crate::operation::{Access, Caller};

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
        request.extensions_mut().insert(Caller::local());
        return next.run(request).await;
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let headers = request.headers().clone();
    match network(&admin, &headers, &method, &uri).await {
        Ok(caller) => {
            info!(target: "vestibule::admin", by = caller.name(), %method, path = uri.path(), "admin API");
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
    uri: &Uri,
) -> Result<Caller, Response> {
    let path = uri.path();
    let mut headers = headers.get_all(header::AUTHORIZATION).iter();
    let header = headers.next().and_then(|value| value.to_str().ok());
    let token = bearer(header)
        .ok()
        .filter(|_| headers.next().is_none())
        .ok_or_else(|| unauthenticated("send an access token with `admin:read` or `admin:write`; on the Unix socket in the data directory none is needed"))?;
    let caller = read(admin, token, method, uri).await?;
    let safe = matches!(*method, Method::GET | Method::HEAD);
    match caller.limit() {
        Some(own) if !safe && own.iter().any(|own| makes_operators(admin, own, path)) => {
            Err(forbidden(
                "operators log in through this account's providers; only who administers all accounts may change them",
            ))
        }
        Some(own) => within(own, path, method).map(|()| caller),
        None => Ok(caller),
    }
}

/// Who a token stands for, and what it allows.
async fn read(admin: &Admin, token: &str, method: &Method, uri: &Uri) -> Result<Caller, Response> {
    let refused = || {
        unauthenticated("the access token is unknown, expired, revoked, or not meant for this API")
    };
    let Some(serving) = &admin.serving else {
        return Err(refused());
    };
    let authority = &serving.authority;
    if let Some(foreign) = admin.foreign.as_ref().filter(|f| f.claims(token)) {
        let audience = Some(authority.audience.as_str());
        let claims = foreign
            .verify(token, audience, admin.clock.now())
            .await
            .map_err(|why| {
                info!(target: "vestibule::admin", %why, "a token of the other authority is refused");
                refused()
            })?;
        let name = claims.text("client_id").or(claims.text("sub"));
        let name = format!("{} of the other authority", name.unwrap_or("?"));
        let limit = match claims.all().get("account") {
            None => None,
            Some(account) => {
                let id = account.as_str().and_then(|id| id.parse().ok());
                Some(id.ok_or_else(refused)?)
            }
        };
        let scopes = Scopes::parse(claims.text("scope").unwrap_or_default());
        let access = access(&scopes.map_err(|_| refused())?, method)?;
        return Ok(Caller::new(name, access, limit));
    }
    let unavailable = |error: OAuthError| {
        Problem::new(ErrorCode::ServiceUnavailable, error.description).into_response()
    };
    let session = authority.operator_in_program(token).await;
    if let Some(session) = session.map_err(unavailable)? {
        if admin.second_factor == SecondFactor::Required && session.operator.second_factor.is_none()
        {
            return Err(Problem::new(
                ErrorCode::OperatorSecondFactorRequired,
                "this broker wants a second factor of each operator, and you have none yet; sign in to the console and set it up on your profile",
            )
            .into_response());
        }
        return roles::caller(&session, admin.login_account.as_ref(), method, uri);
    }
    let found = authority.access(token).await.map_err(unavailable)?;
    let token = found
        .filter(|access| access.user.is_none())
        .ok_or_else(refused)?;
    let name = format!("application {}", token.client_id);
    let access = access(&token.scopes, method)?;
    Ok(Caller::new(name, access, token.account.clone()))
}

/// What scopes allow; fails where they don't allow what the method is about to do.
fn access(scopes: &Scopes, method: &Method) -> Result<Access, Response> {
    let safe = matches!(*method, Method::GET | Method::HEAD);
    match (scopes.has(ADMIN_WRITE), scopes.has(ADMIN_READ)) {
        (true, _) => Ok(Access::Write),
        (false, true) if safe => Ok(Access::Read),
        _ => Err(insufficient(if safe { ADMIN_READ } else { ADMIN_WRITE })),
    }
}

/// Whether this is a provider through which operators log in to the console:
/// who may change it can be any of them.
fn makes_operators(admin: &Admin, own: &AccountId, path: &str) -> bool {
    admin.login_account.as_ref() == Some(own)
        && ["providers", "setup-links"]
            .iter()
            .any(|part| path.starts_with(&format!("/api/v1/accounts/{own}/{part}")))
}

/// What a caller who is limited to accounts may address: these, and lists that show
/// no more. The answer for another's is that for none (threat T5).
fn within(own: &[AccountId], path: &str, method: &Method) -> Result<(), Response> {
    let rest = path.strip_prefix("/api/v1/").unwrap_or_default();
    let mut segments = rest.split('/');
    match (segments.next(), segments.next()) {
        (Some("accounts"), Some(id)) if own.iter().any(|own| id == own.as_str()) => Ok(()),
        (Some("accounts"), Some(_)) => Err(missing("account").into_response()),
        // Their handlers show what is of these accounts.
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
