//! The language of a request, for as long as it is answered. The door says which it is.

use std::future::Future;

use serde_json::{Value, json};

use crate::base::Lang;

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

/// Answers in a language; `query` is the page's own without `language`, if it has one.
pub(in crate::admin::console) async fn chosen<F: Future>(
    lang: Lang,
    query: Option<String>,
    answer: F,
) -> F::Output {
    SPOKEN.scope(Chosen { lang, query }, answer).await
}

/// Answers in a language, within a request whose language was another.
pub(in crate::admin::console) async fn speaking<F: Future>(lang: Lang, answer: F) -> F::Output {
    let query = SPOKEN
        .try_with(|chosen| chosen.query.clone())
        .unwrap_or_default();
    chosen(lang, query, answer).await
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

/// The same language in a task of its own.
pub(in crate::admin::console) fn carried<F: Future>(answer: F) -> impl Future<Output = F::Output> {
    let chosen = SPOKEN.try_with(Chosen::clone).unwrap_or_default();
    SPOKEN.scope(chosen, answer)
}
