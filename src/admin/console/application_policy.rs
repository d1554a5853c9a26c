//! What an account demands of every application.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::segment;
use super::guard::{Desk, Post};
use super::sentences::say;
use super::view::{Html, redirect_to, shown, status};
use crate::account::ApplicationPolicy;
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountChange};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    done: Option<String>,
}

/// `GET /admin/accounts/{account}/application-policy`
pub(super) async fn show(desk: Desk, Path(id): Path<String>, Query(which): Query<Which>) -> Html {
    display(&desk, &id, StatusCode::OK, context! { done => which.done }).await
}

async fn display(desk: &Desk, id: &str, status: StatusCode, more: TemplateValue) -> Html {
    let found = accounts::show(desk.ops(), &desk.caller(), id).await?;
    let policy = shown(&found.value.application_policy);
    let values = context! {
        title => say("policy.what_applications_keep_to"),
        nav => "accounts",
        account => shown(found.value),
        etag => found.tag.version(),
        form => policy,
    };
    desk.page(
        status,
        "application_policy.html",
        context! { ..more, ..values },
    )
}

/// The whole policy, as the form says.
fn policy(post: &Post) -> Value {
    let names = |name: &str| {
        let text = post.filled(name)?;
        let names = text.split([',', ' ', '\n', '\r']);
        let names: Vec<String> = names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Some(names)
    };
    json!(ApplicationPolicy {
        access_token_lifetime: post.filled("access_token_lifetime"),
        refresh_token_lifetime: post.filled("refresh_token_lifetime"),
        refresh_token_absolute_lifetime: post.filled("refresh_token_absolute_lifetime"),
        require_pkce: post.has("require_pkce"),
        consent: post.has("consent"),
        rotate_refresh_tokens: post.has("rotate_refresh_tokens"),
        scopes: names("scopes"),
        claims: names("claims"),
    })
}

/// `POST /admin/accounts/{account}/application-policy`
pub(super) async fn change(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        application_policy: Some(Some(policy(&post))),
        ..AccountChange::default()
    };
    let when = post.condition();
    let Err(refused) = accounts::change(post.ops(), &post.caller(), &id, change, &when).await
    else {
        let page = format!("/admin/accounts/{}/application-policy", segment(&id));
        return Ok(redirect_to(&format!("{page}?done=saved")));
    };
    let stale = refused.is_stale();
    let problem = Problem::from(refused);
    let more = context! { problem => shown(&problem), stale, form => post.typed() };
    display(&post, &id, status(&problem), more).await
}
