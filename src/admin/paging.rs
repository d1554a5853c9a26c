//! Lists, a page at a time: `after` is the cursor that the page before gave as
//! `next`, and again as a `Link` to the next page (RFC 8288).
//!
//! A cursor names the last thing on a page, not its position: what is added or
//! removed meanwhile neither repeats nor hides anything else.

use axum::Json;
use axum::extract::{OriginalUri, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reply::Reply;
use crate::base::ErrorCode;
use crate::http::problem::Problem;

/// The longest page.
const MAX: usize = 500;
/// A page's length where none is asked for.
const DEFAULT: usize = 100;

/// A page of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub(super) struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The cursor of an answer, for the layer that links.
#[derive(Clone)]
struct Cursor(String);

impl<T> Page<T> {
    /// The page that `found` is, one thing more than which was looked for, to
    /// know whether another page follows.
    pub fn cut(mut found: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = more.then(|| found.last().map(cursor)).flatten();
        Self { items: found, next }
    }

    /// A page of a list that is all in memory.
    pub fn of_all(all: Vec<T>, paging: &Paging, id: impl Fn(&T) -> String) -> Reply<Self> {
        let limit = paging.limit()?;
        let begin = match &paging.after {
            None => 0,
            Some(after) => all
                .iter()
                .position(|one| id(one) == *after)
                .map(|at| at + 1)
                .ok_or_else(|| {
                    Problem::new(
                        ErrorCode::RequestAfter,
                        "`after` is the `next` of the page before",
                    )
                })?,
        };
        let found = all.into_iter().skip(begin).take(limit + 1).collect();
        Ok(Self::cut(found, limit, id))
    }

    /// The same page of something else.
    pub fn map<U>(self, with: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(with).collect(),
            next: self.next,
        }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let cursor = self.next.clone();
        let mut answer = Json(self).into_response();
        if let Some(cursor) = cursor {
            answer.extensions_mut().insert(Cursor(cursor));
        }
        answer
    }
}

/// Where a page begins and how long it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many things at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

impl Paging {
    pub fn limit(&self) -> Reply<usize> {
        limit(self.limit)
    }
}

/// A page's length, checked.
pub(super) fn limit(asked: Option<usize>) -> Reply<usize> {
    let asked = asked.unwrap_or(DEFAULT);
    if (1..=MAX).contains(&asked) {
        Ok(asked)
    } else {
        Err(Problem::new(
            ErrorCode::RequestLimit,
            format!("`limit` is a number from 1 to {MAX}"),
        ))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(all: &[&str], after: Option<&str>, limit: usize) -> (Vec<String>, Option<String>) {
        let paging = Paging {
            after: after.map(str::to_owned),
            limit: Some(limit),
        };
        let all = all.iter().map(|text| (*text).to_owned()).collect();
        let page = Page::of_all(all, &paging, String::clone).unwrap_or_else(|_| panic!());
        (page.items, page.next)
    }

    #[test]
    fn the_last_page_says_so_even_when_it_is_full() {
        let all = ["a", "b", "c", "d"];
        let (items, next) = page(&all, None, 2);
        assert_eq!((items.len(), next.as_deref()), (2, Some("b")));
        let (items, next) = page(&all, next.as_deref(), 2);
        assert_eq!((items, next), (vec!["c".to_owned(), "d".to_owned()], None));
    }

    #[test]
    fn what_is_added_in_front_moves_nothing() {
        let (_, next) = page(&["b", "c", "d"], None, 2);
        let (items, _) = page(&["a", "b", "c", "d"], next.as_deref(), 2);
        assert_eq!(items, ["d"]);
    }
}
