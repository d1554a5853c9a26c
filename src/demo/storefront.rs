//! A sample storefront: a public page, a protected page, `/_auth`, and a page with
//! the mail that the demo sent.
//!
//! It knows nothing of OAuth: for the protected page it asks the broker's
//! `session` with the visitor's cookies, and sends who is nobody to `login`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use minijinja::{Environment, context};
use mock_idp::MailCatcher;
use serde_json::Value;

use crate::provider::request::encode;

/// The path that is proxied to the broker.
pub(super) const AUTH_PATH: &str = "/_auth";

/// Where the messages are.
pub(super) const MAIL_PATH: &str = "/mail";

const PAGE: &str = include_str!("storefront.html");

#[derive(Clone)]
struct Shop {
    client: Client<HttpConnector, Body>,
    host: String,
    broker: String,
    account: String,
    mail: Arc<MailCatcher>,
}

/// The storefront at `origin`.
pub(super) fn router(origin: &str, broker: &str, account: &str, mail: Arc<MailCatcher>) -> Router {
    let shop = Shop {
        client: Client::builder(TokioExecutor::new()).build_http(),
        host: origin.trim_start_matches("http://").to_owned(),
        broker: broker.to_owned(),
        account: account.to_owned(),
        mail,
    };
    Router::new()
        .route("/", get(home))
        .route("/account", get(protected))
        .route(MAIL_PATH, get(messages))
        .route("/_auth/{*rest}", any(proxy))
        .with_state(shop)
}

async fn home(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    match shop.visitor(&headers).await {
        Ok(visitor) => page(visitor.as_ref(), None),
        Err(answer) => answer,
    }
}

/// What was sent, the newest first.
async fn messages(State(shop): State<Shop>) -> Response {
    let letters = shop.mail.letters().into_iter().rev().take(50);
    let letters: Vec<_> = letters
        .map(|letter| context! { to => letter.to.join(", "), subject => letter.subject, text => letter.text.trim() })
        .collect();
    rendered(context! { letters })
}

/// Only for who is logged in; everyone else comes back here after the login.
async fn protected(State(shop): State<Shop>, uri: Uri, headers: HeaderMap) -> Response {
    match shop.visitor(&headers).await {
        Ok(Some(visitor)) => page(Some(&visitor), Some(&uri.to_string())),
        Ok(None) => {
            let login = format!("{AUTH_PATH}/login?return_to={}", encode(&uri.to_string()));
            Redirect::to(&login).into_response()
        }
        Err(answer) => answer,
    }
}

impl Shop {
    /// Who is logged in, as the broker says.
    async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Value>, Response> {
        let mut request = axum::http::Request::builder()
            .uri(format!("{}/accounts/{}/session", self.broker, self.account))
            .header(header::HOST, &self.host);
        for cookie in headers.get_all(header::COOKIE) {
            request = request.header(header::COOKIE, cookie);
        }
        let gone =
            |()| (StatusCode::BAD_GATEWAY, "the login service does not answer").into_response();
        let request = request.body(Body::empty()).map_err(|_| gone(()))?;
        let answer = self.client.request(request).await.map_err(|_| gone(()))?;
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|_| gone(()))?
            .to_bytes();
        let session: Value = serde_json::from_slice(&body).map_err(|_| gone(()))?;
        let authenticated = session.get("authenticated") == Some(&Value::Bool(true));
        Ok(authenticated.then_some(session))
    }
}

fn page(visitor: Option<&Value>, path: Option<&str>) -> Response {
    rendered(context! { visitor => minijinja::Value::from(minijinja::value::Serde(visitor)), path })
}

fn rendered(what: minijinja::Value) -> Response {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    let html = pages.render_str(
        PAGE,
        context! { auth => AUTH_PATH, mail => MAIL_PATH, ..what },
    );
    match html {
        Ok(html) => ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `/_auth/…` to `/accounts/{account}/…`, with the host the browser used: what
/// three lines of nginx would do.
async fn proxy(State(shop): State<Shop>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    let rest = path.strip_prefix(AUTH_PATH).unwrap_or(path);
    let target = format!("{}/accounts/{}{rest}", shop.broker, shop.account).parse::<Uri>();
    let (Ok(target), Ok(host)) = (target, HeaderValue::from_str(&shop.host)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = target;
    request.headers_mut().insert(header::HOST, host);
    match shop.client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => (StatusCode::BAD_GATEWAY, "the login service does not answer").into_response(),
    }
}
