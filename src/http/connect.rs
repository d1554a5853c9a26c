//! The authority's endpoints.
//!
//! | file | endpoints |
//! |---|---|
//! | this | `token`, `introspect`, `revoke`, `par`, `userinfo` |
//! | `answer` | what the broker's own pages and answers have in common |
//! | `authorize` | `authorize`, `authorize/resume` |
//! | `consent` | the question before an application gets what it asks for |
//! | `device` | `device_authorization`, and the page `device` |
//! | `external` | who is logged in, for the grant `external_sign_in` |
//! | `logout` | `logout` |
//! | `waiting` | requests that are kept |
//! | `provider_token` | `provider-token`: a user's token at their provider |
//!
//! Endpoints that programs call may be called by scripts of other origins:
//! they know no cookies, so nothing is given away by that. Those that browsers
//! visit may not (threat H11).

mod answer;
pub(super) mod authorize;
mod consent;
mod device;
mod external;
mod logout;
mod provider_token;
mod waiting;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::server::ClientAddress;
use super::{Shared, well_known};
use crate::authority::access::bearer;
use crate::authority::client::Credentials;
use crate::authority::token::TokenRequest;
use crate::authority::{Code, OAuthError};
use crate::base::AccountId;
use crate::protocol::form::{FormError, Pairs};

/// The endpoints.
pub(super) fn router() -> Router<Shared> {
    let open = Router::new()
        .route("/connect/token", post(token))
        .route("/accounts/{account}/connect/token", post(token_at))
        .route("/revoke/token", post(revoke_bearer))
        .route("/accounts/{account}/revoke/token", post(revoke_bearer))
        .route("/connect/revoke", post(revoke))
        .route("/connect/par", post(pushed))
        .route("/connect/device_authorization", post(device::authorization))
        .route("/connect/userinfo", get(userinfo).post(userinfo))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route(
            "/.well-known/openid-configuration",
            get(well_known::openid_configuration),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(well_known::openid_configuration),
        )
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(cross_origin));
    let closed = Router::new()
        .route("/connect/introspect", post(introspect))
        .route(
            "/connect/provider-token",
            get(provider_token::get).head(method_not_allowed),
        )
        .route(
            "/connect/authorize",
            get(authorize::authorize)
                .post(authorize::posted)
                .head(method_not_allowed),
        )
        .route(
            "/connect/authorize/resume",
            get(authorize::resume).head(method_not_allowed),
        )
        .route("/connect/authorize/consent", post(consent::answered))
        .route("/connect/device", get(device::ask).post(device::posted))
        .route("/connect/logout", get(logout::ask).post(logout::posted));
    open.merge(closed)
}

async fn method_not_allowed() -> Response {
    let error = OAuthError::request("this endpoint does not take this method");
    (StatusCode::METHOD_NOT_ALLOWED, Json(error.body())).into_response()
}

/// Lets scripts of any origin read answers; cookies are never part of it.
async fn cross_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

/// The status of an error (RFC 6749 §5.2, RFC 6750 §3.1).
fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidClient | Code::InvalidToken => StatusCode::UNAUTHORIZED,
        Code::InsufficientScope => StatusCode::FORBIDDEN,
        Code::SlowDown => StatusCode::TOO_MANY_REQUESTS,
        Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// An error as an answer.
pub(super) fn refusal(error: &OAuthError) -> Response {
    let mut answer = (status(error.code), Json(error.body())).into_response();
    let headers = answer.headers_mut();
    match error.code {
        Code::InvalidClient => {
            let basic = HeaderValue::from_static("Basic realm=\"vestibule\", charset=\"UTF-8\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        Code::InvalidToken | Code::InsufficientScope => {
            let text = format!("Bearer error=\"{}\"", error.code.as_str());
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(header::WWW_AUTHENTICATE, value);
            }
        }
        Code::SlowDown | Code::TemporarilyUnavailable => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    private(answer)
}

/// Keeps an answer out of every cache (RFC 6749 §5.1).
fn private(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    answer
}

/// A posted form, whose every parameter is there once (RFC 6749 §3.2).
pub(super) fn form(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Pairs, OAuthError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(OAuthError::request(
            "send `Content-Type: application/x-www-form-urlencoded`",
        ));
    }
    let body =
        body.map_err(|_| OAuthError::request("the body is too large or could not be read"))?;
    let text = std::str::from_utf8(&body)
        .map_err(|_| OAuthError::request(FormError::NotUtf8.to_string()))?;
    Pairs::parse(text).map_err(|error| OAuthError::request(error.to_string()))
}

/// The `Authorization` header; none where there are two.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(OAuthError::request(
            "there is more than one `Authorization` header",
        )),
        (Some(value), None) => Ok(Some(value.to_str().unwrap_or("?"))),
    }
}

/// The token a form is about, and the application that asks.
struct TokenQuery {
    application: Arc<crate::authority::Application>,
    token: String,
}

async fn about(
    app: &Shared,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    from: Option<IpAddr>,
    confidential: bool,
) -> Result<TokenQuery, OAuthError> {
    let form = form(headers, body)?;
    let credentials = Credentials::read(authorization(headers)?, &form)?;
    let application = if confidential {
        app.authority
            .authenticate_confidential(&credentials, from)
            .await
    } else {
        app.authority.authenticate(&credentials, from).await
    }?;
    let token = form
        .get("token")
        .ok_or_else(|| OAuthError::request("`token` is missing"))?;
    Ok(TokenQuery {
        application,
        token: token.to_owned(),
    })
}

fn address(client: Option<Extension<ClientAddress>>) -> Option<IpAddr> {
    client.and_then(|Extension(client)| client.ip)
}

fn answered(result: Result<Value, OAuthError>) -> Response {
    match result {
        Ok(body) => private(Json(body).into_response()),
        Err(error) => refusal(&error),
    }
}

/// `POST /connect/token` (RFC 6749 §3.2)
async fn token(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer_token(app, None, address(client), headers, body).await
}

/// `POST /accounts/{account}/connect/token`: the same, for clients that have a base URL
/// and nothing to name their account by.
async fn token_at(
    State(app): State<Shared>,
    Path(account): Path<String>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match account.parse() {
        Ok(account) => answer_token(app, Some(account), address(client), headers, body).await,
        Err(_) => refusal(&OAuthError::request("there is no such account")),
    }
}

async fn answer_token(
    app: Shared,
    account: Option<AccountId>,
    from: Option<IpAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    // In a task of its own: a client that goes away must not cut a rotation
    // between what was written and what is revoked.
    let task = tokio::spawn(async move {
        let form = form(&headers, body)?;
        let session = external::session(&app, &headers, account.as_ref(), &form).await?;
        let request = TokenRequest {
            authorization: authorization(&headers)?,
            form: &form,
            from,
            account: account.as_ref(),
            session: session
                .as_ref()
                .map(|(account, session)| (account, &**session)),
        };
        app.authority.token(&request).await
    });
    match task.await {
        Ok(done) => answered(done.map(crate::authority::token::TokenAnswer::into_body)),
        Err(_) => refusal(&OAuthError::new(
            Code::ServerError,
            "the request could not be answered",
        )),
    }
}

/// `POST /revoke/token`: a storefront's logout, by its bearer token.
async fn revoke_bearer(State(app): State<Shared>, headers: HeaderMap) -> Response {
    let result = async {
        let token = bearer(authorization(&headers)?)?;
        app.authority.revoke_bearer(token).await
    };
    match result.await {
        Ok(()) => private(StatusCode::OK.into_response()),
        Err(error) => refusal(&error),
    }
}

/// `POST /connect/introspect` (RFC 7662 §2)
async fn introspect(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let from = address(client);
    let result = async {
        let about = about(&app, &headers, body, from, true).await?;
        app.authority
            .introspect(&about.application, &about.token)
            .await
    };
    answered(result.await)
}

/// `POST /connect/revoke` (RFC 7009 §2)
async fn revoke(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let from = address(client);
    let result = async {
        let about = about(&app, &headers, body, from, false).await?;
        app.authority.revoke(&about.application, &about.token).await
    };
    match result.await {
        Ok(()) => private(StatusCode::OK.into_response()),
        Err(error) => refusal(&error),
    }
}

/// `POST /connect/par` (RFC 9126 §2)
async fn pushed(
    State(app): State<Shared>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let apart = client.as_ref().and_then(|Extension(client)| client.apart());
    let from = address(client);
    let result = async {
        let form = form(&headers, body)?;
        let credentials = Credentials::read(authorization(&headers)?, &form)?;
        let application = app.authority.authenticate(&credentials, from).await?;
        waiting::push(&app, apart, &application, &form).await
    };
    match result.await {
        Ok(body) => private((StatusCode::CREATED, Json(body)).into_response()),
        Err(error) => refusal(&error),
    }
}

/// `GET` and `POST /connect/userinfo` (OpenID Connect Core §5.3)
async fn userinfo(
    State(app): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let result = async {
        let header = authorization(&headers)?;
        // In the body of a form, once and in one place (RFC 6750 §2.2).
        let posted = match form(&headers, body) {
            Ok(form) => form.get("access_token").map(str::to_owned),
            Err(_) => None,
        };
        let token = match (header, &posted) {
            (Some(_), Some(_)) => {
                return Err(OAuthError::request("the access token is there twice"));
            }
            (None, Some(token)) => &format!("Bearer {token}"),
            (header, None) => header.unwrap_or_default(),
        };
        app.authority.userinfo(bearer(Some(token))?).await
    };
    answered(result.await)
}
