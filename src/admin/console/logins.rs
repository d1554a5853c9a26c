//! The log of an account's logins.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;
use serde::Deserialize;

use super::guard::Desk;
use super::sentences::say;
use super::view::{Html, shown};
use crate::operation::accounts;
use crate::operation::logins::{self, LoginQuery};

/// What is searched for. Empty fields are none.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    id: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    outcome: String,
    after: Option<String>,
}

/// `GET /admin/accounts/{account}/logins`
pub(super) async fn list(desk: Desk, Path(id): Path<String>, Query(search): Query<Search>) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), &id).await?.value;
    let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let query = LoginQuery {
        id: filled(&search.id).map(|id| id.to_lowercase()),
        email: filled(&search.email),
        provider: filled(&search.provider),
        outcome: filled(&search.outcome),
        after: search.after,
        limit: Some(50),
        user: None,
    };
    let found = logins::list(desk.ops(), &desk.caller(), &id, query).await?;
    let mut again = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("id", &search.id),
        ("email", &search.email),
        ("provider", &search.provider),
        ("outcome", &search.outcome),
    ] {
        if !value.trim().is_empty() {
            again.append_pair(name, value.trim());
        }
    }
    let searched = again.finish();
    let values = context! {
        title => say("common.logins"),
        nav => "accounts",
        account => shown(account),
        items => shown(found.items),
        next => found.next,
        search => context! {
            id => search.id,
            email => search.email,
            provider => search.provider,
            outcome => search.outcome,
        },
        searched,
    };
    desk.page(StatusCode::OK, "logins.html", values)
}
