//! A page of a list links to the next one (RFC 8288).

use axum::Json;
use axum::extract::{OriginalUri, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::reply::with_tag;
pub(super) use crate::operation::{Page, Paging};

/// The cursor of an answer, for the layer that links.
#[derive(Clone)]
struct Cursor(String);

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let (cursor, tag) = (self.next.clone(), self.tag.clone());
        let mut answer = Json(self).into_response();
        if let Some(tag) = tag {
            answer = with_tag(tag.as_str(), answer);
        }
        if let Some(cursor) = cursor {
            answer.extensions_mut().insert(Cursor(cursor));
        }
        answer
    }
}

/// Links to the next page.
pub(super) async fn link(uri: OriginalUri, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    if let Some(Cursor(cursor)) = answer.extensions_mut().remove() {
        let query = uri.query().unwrap_or_default().as_bytes();
        let kept = form_urlencoded::parse(query).filter(|(name, _)| name != "after");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("after", &cursor)
            .finish();
        let link = format!("<{}?{query}>; rel=\"next\"", uri.path());
        if let Ok(value) = HeaderValue::from_str(&link) {
            answer.headers_mut().insert(header::LINK, value);
        }
    }
    answer
}
