//! The admin API, called in this process in an operator's name.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::rights::caller;
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operator::session::Current;

pub(super) struct Api(Router);

/// What is sent.
pub(super) enum RequestBody<'a> {
    Nothing,
    Json(Value),
    Toml(&'a str),
}

/// A call that is about to be made.
pub(super) struct Call<'a> {
    method: Method,
    path: String,
    sent: RequestBody<'a>,
    version: Option<u64>,
    absent: bool,
}

impl<'a> Call<'a> {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            sent: RequestBody::Nothing,
            version: None,
            absent: false,
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn json(mut self, value: Value) -> Self {
        self.sent = RequestBody::Json(value);
        self
    }

    pub fn toml(mut self, text: &'a str) -> Self {
        self.sent = RequestBody::Toml(text);
        self
    }

    /// Only if the record is still of this version.
    pub fn if_version(mut self, version: Option<u64>) -> Self {
        self.version = version;
        self
    }

    /// Only if there is no such record.
    pub fn if_absent(mut self) -> Self {
        self.absent = true;
        self
    }
}

impl Api {
    pub fn new(router: Router) -> Self {
        Self(router)
    }

    /// Calls the API; an answer without a body is `null`.
    pub async fn call(&self, who: &Current, call: Call<'_>) -> Result<Value, Problem> {
        let answer = self.raw(who, call).await?;
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|_| broken())?.to_bytes();
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| broken())
    }

    /// Calls the API; gives the record's version too, for [`Call::if_version`].
    pub async fn read(
        &self,
        who: &Current,
        call: Call<'_>,
    ) -> Result<(Value, Option<u64>), Problem> {
        let answer = self.raw(who, call).await?;
        let tag = answer.headers().get(header::ETAG);
        let version = tag
            .and_then(|tag| tag.to_str().ok()?.strip_prefix("\"v")?.strip_suffix('"'))
            .and_then(|number| number.parse().ok());
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|_| broken())?.to_bytes();
        let value = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        Ok((value, version))
    }

    /// Calls the API and gives its answer as it is.
    pub async fn raw(&self, who: &Current, call: Call<'_>) -> Result<Response, Problem> {
        let mut request = Request::builder().method(call.method).uri(call.path);
        if let Some(version) = call.version {
            request = request.header(header::IF_MATCH, format!("\"v{version}\""));
        }
        if call.absent {
            request = request.header(header::IF_NONE_MATCH, "*");
        }
        let body = match call.sent {
            RequestBody::Nothing => Body::empty(),
            RequestBody::Json(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
            RequestBody::Toml(text) => {
                request = request.header(header::CONTENT_TYPE, "application/toml");
                Body::from(text.to_owned())
            }
        };
        let mut request = request.body(body).map_err(|_| broken())?;
        let caller = caller(who);
        request.extensions_mut().insert(caller);
        let answer = match self.0.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if answer.status().is_success() {
            return Ok(answer);
        }
        let bytes = answer.into_body().collect().await;
        let bytes = bytes.map_err(|_| broken())?.to_bytes();
        Err(serde_json::from_slice(&bytes).unwrap_or_else(|_| broken()))
    }
}

fn broken() -> Problem {
    Problem::new(ErrorCode::ServiceError, "the console could not ask the API")
}

/// A field of a form as the API takes it: an empty one takes away what there was.
pub(super) fn or_null(text: &str) -> Value {
    match text {
        "" => Value::Null,
        text => text.into(),
    }
}

/// A text as one segment of a path, or one value of a query.
pub(super) fn segment(text: &str) -> String {
    crate::provider::request::encode(text)
}
