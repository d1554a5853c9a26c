//! Requests as spans of traces, see [`traces`].

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::base::traces::{self, KeyValue, Span, SpanKind, TRACEPARENT, TRACESTATE, Told};

/// The same router, with a span for each request where anything is traced: a layer
/// costs each request something, so there is none elsewhere.
pub fn layered(router: Router) -> Router {
    if traces::are_on() {
        router.layer(middleware::from_fn(traced))
    } else {
        router
    }
}

async fn traced(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map(|path| path.as_str().to_owned());
    let method = known(request.method());
    let mut attributes = vec![KeyValue::new("http.request.method", method)];
    let name = match route {
        Some(route) => {
            let name = format!("{method} {route}");
            attributes.push(KeyValue::new("http.route", route));
            name
        }
        None => method.to_owned(),
    };
    let span = Span {
        kind: SpanKind::Server,
        name,
        attributes,
    };
    let told = told(request.headers());
    traces::request(&told, span, async {
        let answer = next.run(request).await;
        let status = answer.status();
        traces::note("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            traces::failed(status.as_str());
        }
        answer
    })
    .await
}

/// Anybody may invent a method, and names of spans are few.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// What a request says of its trace. Of several `traceparent` none counts (W3C Trace
/// Context §3.2.1).
fn told(headers: &HeaderMap) -> Told {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(parent), None) = (values.next(), values.next()) else {
        return Told::new();
    };
    let Ok(parent) = parent.to_str() else {
        return Told::new();
    };
    let mut told = Told::from([(TRACEPARENT.to_owned(), parent.to_owned())]);
    let states = headers.get_all(TRACESTATE).iter();
    let states: Vec<&str> = states.filter_map(|value| value.to_str().ok()).collect();
    if !states.is_empty() {
        told.insert(TRACESTATE.to_owned(), states.join(","));
    }
    told
}
