//! Accounts, and their choices of authentication.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::json;

use super::guard::{Desk, Post};
use super::proofs;
use super::sentences::say;
use super::view::{Html, provider_name, redirect_to, shown, status};
use super::ways_screen;
use crate::account::draft;
use crate::base::AccountId;
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountQuery, NewAccount, StoreInput};
use crate::operation::setup_links as operation_links;
use crate::operation::{Access, Caller, Outcome, Paging};
use crate::store::StoreError;

/// Where a list goes on, and what was just done.
#[derive(Deserialize, Default)]
pub(super) struct ListQuery {
    pub after: Option<String>,
    pub done: Option<String>,
    /// What is searched for.
    #[serde(default)]
    pub q: String,
}

/// `GET /admin/`
pub(super) async fn list(desk: Desk, Query(place): Query<ListQuery>) -> Html {
    listed(&desk, &place, StatusCode::OK, context! {}).await
}

async fn listed(desk: &Desk, place: &ListQuery, status: StatusCode, form: TemplateValue) -> Html {
    let q = place.q.trim();
    let query = AccountQuery {
        q: Some(q.to_owned()).filter(|q| !q.is_empty()),
        after: place.after.clone(),
        limit: Some(50),
    };
    let own = &desk.who.operator.accounts;
    let caller = if desk.who.operator.has_all_accounts() {
        desk.caller()
    } else {
        let own = own.iter().cloned().collect();
        Caller::of_accounts(desk.caller().name(), Access::Read, own)
    };
    let found = accounts::list(desk.ops(), &caller, query).await?;
    let values = context! {
        title => say("common.accounts"),
        nav => "accounts",
        q,
        accounts => shown(found.items),
        next => found.next,
        done => place.done.as_deref(),
    };
    desk.page(status, "accounts.html", context! { ..form, ..values })
}

/// A storefront of a form; `None` where no origin was typed.
pub(super) fn store(post: &Post) -> Option<StoreInput> {
    Some(StoreInput {
        origin: post.filled("origin")?,
        auth_path: post.filled("auth_path"),
    })
}

/// `POST /admin/`: a new account.
pub(super) async fn create(post: Post) -> Html {
    let new = NewAccount {
        id: post.get("id").trim().to_owned(),
        name: post.filled("name"),
        stores: store(&post).into_iter().collect(),
        signing_alg: None,
        audience: None,
    };
    match accounts::create(post.ops(), &post.caller(), new).await {
        Ok(made) => Ok(redirect_to(&format!(
            "/admin/accounts/{}?done=created",
            made.value.id
        ))),
        Err(refused) => {
            let problem = Problem::from(refused);
            let form = context! { problem => shown(&problem), form => post.typed() };
            listed(&post, &ListQuery::default(), status(&problem), form).await
        }
    }
}

/// `GET /admin/accounts/{account}/`
pub(super) async fn show(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    let values = context! { done => place.done };
    account(&desk, &id, StatusCode::OK, values).await
}

pub(super) async fn account(
    desk: &Desk,
    id: &str,
    status: StatusCode,
    more: TemplateValue,
) -> Html {
    let found = accounts::show(desk.ops(), &desk.caller(), id).await?;
    let account = found.value;
    let ways = ways_screen::screen(desk, &account).await?;
    let domains = proofs::of(desk, account.id.as_str()).await?;
    let proved = domains.iter().filter(|proof| proof.proved);
    let proved: Vec<String> = proved.map(|proof| proof.domain.clone()).collect();
    let values = context! {
        title => account.name.as_str(),
        nav => "accounts",
        account => shown(&account),
        etag => found.tag.version(),
        drafts => drafts(desk, &account.id).await?,
        setup_links => setup_links(desk, &account.id).await?,
        ways,
        proofs => shown(domains),
        proved,
        login_log => !desk.ops().login_log.is_zero(),
        all_accounts => desk.who.operator.has_all_accounts(),
    };
    desk.page(status, "account.html", context! { ..more, ..values })
}

/// The set-up links, the newest first.
async fn setup_links(desk: &Desk, account: &AccountId) -> Outcome<TemplateValue> {
    let all = Paging::new(200, None);
    let found = operation_links::list(desk.ops(), &desk.caller(), account.as_str(), &all).await?;
    Ok(shown(found.items))
}

/// The mappings in the making, the newest first.
async fn drafts(desk: &Desk, account: &AccountId) -> Result<TemplateValue, StoreError> {
    let found = draft::list(&*desk.ops().store, account, 100).await?;
    let drafts = found.iter().rev().filter_map(|draft| {
        let token = draft.token()?;
        let base = draft.base.as_ref();
        Some(json!({
            "token": token.as_str(),
            "name": provider_name(&draft.source, &say("account.mapping_without_name")),
            "editing": base.map(|base| base.number),
            "author": draft.author,
            // A draft is kept for so long from its beginning on.
            "until": token.expires_at().rfc3339(),
        }))
    });
    Ok(shown(drafts.collect::<Vec<_>>()))
}
