//! Whose language it is.
//!
//! An operator's own setting, else what was chosen on a page of this browser, else what
//! the browser prefers, else English.

use std::future::Future;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::State;
use super::super::guard::{Kind, cookie, set_cookie};
use crate::base::Lang;
use crate::protocol::form::Pairs;

/// How long a browser keeps what was chosen.
const KEPT: u64 = 365 * 24 * 3600;

tokio::task_local! {
    static SPOKEN: Chosen;
}

/// The language of a request, and the page's address for another one.
#[derive(Debug, Clone, Default)]
struct Chosen {
    lang: Lang,
    /// The query of the page without `language`, which a switch keeps; `None` for the
    /// answer to a form, which no other address has.
    query: Option<String>,
}

/// The language of this request; English where none is answered.
pub(in crate::admin::console) fn current() -> Lang {
    SPOKEN.try_with(|chosen| chosen.lang).unwrap_or_default()
}

/// Answers in a language, within a request whose language was another.
pub(in crate::admin::console) async fn speaking<F: Future>(lang: Lang, answer: F) -> F::Output {
    let query = SPOKEN
        .try_with(|chosen| chosen.query.clone())
        .unwrap_or_default();
    SPOKEN.scope(Chosen { lang, query }, answer).await
}

/// The languages, with the address of this page in each.
pub(in crate::admin::console) fn switch() -> Vec<Value> {
    let chosen = SPOKEN.try_with(Chosen::clone).unwrap_or_default();
    let query = chosen.query.as_deref();
    Lang::ALL
        .into_iter()
        .map(|lang| {
            let tag = lang.tag();
            let href = query.map(|query| {
                let and = if query.is_empty() { "" } else { "&" };
                format!("?{query}{and}language={tag}")
            });
            let now = lang == chosen.lang;
            json!({ "tag": tag, "name": lang.own_name(), "href": href, "now": now })
        })
        .collect()
}

/// The layer that chooses the language of a request.
pub(in crate::admin::console) async fn spoken(
    axum::extract::State(console): State,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let asked = Pairs::parse(query).ok();
    let asked = asked.as_ref().and_then(|query| query.get("language"));
    let asked = asked.and_then(|tag| Lang::ALL.into_iter().find(|lang| lang.tag() == tag));
    let lang = asked.unwrap_or_else(|| {
        let kept = cookie(&console, request.headers(), Kind::Language);
        Lang::choose(kept.as_deref(), accepted(request.headers()))
    });
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("language="))
        .collect();
    let chosen = Chosen {
        lang,
        query: request.method().is_safe().then(|| rest.join("&")),
    };
    let mut answer = SPOKEN.scope(chosen, next.run(request)).await;
    if let Some(lang) = asked {
        let kept = set_cookie(&console, Kind::Language, lang.tag(), KEPT);
        answer.headers_mut().append(header::SET_COOKIE, kept);
    }
    answer
}

fn accepted(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::ACCEPT_LANGUAGE);
    value.and_then(|value: &HeaderValue| value.to_str().ok())
}
