//! What can't be undone: named, with what ends by it, and asked about before it is
//! done. The form that asks for it is answered with this page; its button sends the
//! same form again with a yes.

use axum::http::StatusCode;
use minijinja::{Value, context};

use super::form_token;
use super::guard::Post;
use super::once::NothingDone;
use super::view::{Html, shown};

/// What is about to happen.
pub(super) struct Ask {
    /// Names it: `Delete ada@example.com`.
    pub title: String,
    /// What ends or changes, a sentence each.
    pub ends: Vec<String>,
    /// What the button says.
    pub button: String,
    /// The page to go back to.
    pub back: String,
}

/// Whether the form says that this is meant.
pub(super) fn is_confirmed(post: &Post) -> bool {
    post.get("confirmed") == "yes"
}

/// The page that asks, where the form does not say yet that this is meant.
pub(super) fn unless_confirmed(post: &Post, ask: &Ask) -> Option<Html> {
    (!is_confirmed(post)).then(|| page(post, ask, StatusCode::OK, context! {}))
}

/// The page that asks.
pub(super) fn page(post: &Post, ask: &Ask, status: StatusCode, more: Value) -> Html {
    let again = [
        "csrf",
        form_token::FIELD,
        "confirmed",
        "understood",
        "accept",
        "sessions",
    ];
    let fields: Vec<Value> = post
        .form
        .iter()
        .filter(|(name, _)| !again.contains(name))
        .map(|(name, value)| context! { name, value })
        .collect();
    let values = context! {
        title => ask.title.as_str(),
        nav => "",
        ends => shown(&ask.ends),
        button => ask.button.as_str(),
        back => ask.back.as_str(),
        fields,
    };
    let mut answer = post.page(status, "confirm.html", context! { ..more, ..values })?;
    answer.extensions_mut().insert(NothingDone);
    Ok(answer)
}
