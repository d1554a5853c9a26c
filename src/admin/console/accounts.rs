//! Accounts, their stores and their choices of authentication.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::json;

use super::api::segment;
use super::confirm::{self, Ask};
use super::guard::{Desk, Post};
use super::proofs;
use super::sentences::{say, say_with};
use super::view::{Html, provider_name, redirect_to, shown, status};
use super::ways_screen;
use crate::account::draft;
use crate::base::{AccountId, ErrorCode};
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountChange, AccountQuery, NewAccount, StoreInput};
use crate::operation::setup_links as operation_links;
use crate::operation::{Access, Caller, Changed, Condition, OperationError, Outcome, Paging};
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
fn store(post: &Post) -> Option<StoreInput> {
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
        public_url => desk.console.origin.as_str(),
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

/// What comes of a form of the account's page: back to the page, or the page with
/// the problem and what was typed.
pub(super) async fn done<T>(
    post: &Post,
    id: &str,
    outcome: Outcome<Changed<T>>,
    done: &str,
    which: &str,
) -> Html {
    let Err(refused) = outcome else {
        // Where the page itself shows what changed, it is shown from there on.
        let at = match which {
            "order" | "domains" => format!("#{which}"),
            _ => String::new(),
        };
        let to = format!("/admin/accounts/{}?done={done}{at}", segment(id));
        return Ok(redirect_to(&to));
    };
    // Sent again, it is refused again: the version stays what it was.
    let stale = refused.is_stale();
    let problem = Problem::from(refused);
    let more = context! { problem => shown(&problem), which, form => post.typed(), stale };
    let more = if stale {
        context! { etag => post.get("etag"), ..more }
    } else {
        more
    };
    account(post, id, status(&problem), more).await
}

pub(super) async fn change(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        name: Some(post.get("name").to_owned()),
        logo_url: Some(post.filled("logo_url")),
        color: Some(post.filled("color")),
        // An account's own administrator is not shown the rest.
        signing_alg: post.has("signing_alg").then(|| post.filled("signing_alg")),
        unverified_email: post.filled("unverified_email"),
        vtex_compatible: post.filled("vtex_compatible").map(|text| text == "true"),
        audience: post.has("audience").then(|| post.filled("audience")),
        ..AccountChange::default()
    };
    save(&post, &id, change, "saved", "settings").await
}

/// Changes an account as the form `which` of its page asks.
pub(super) async fn save(
    post: &Post,
    id: &str,
    change: AccountChange,
    what: &str,
    which: &str,
) -> Html {
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), id, change, &when).await;
    done(post, id, changed, what, which).await
}

/// A number of a form; `None` where the form has no such field, zero where it is empty.
pub(super) fn number<N: std::str::FromStr + Default>(
    post: &Post,
    name: &str,
    most: N,
) -> Option<N> {
    let text = post.filled(name);
    let number = text.map_or(N::default(), |text| text.trim().parse().unwrap_or(most));
    post.has(name).then_some(number)
}

pub(super) async fn add_store(Path(id): Path<String>, post: Post) -> Html {
    let (ops, caller, when) = (post.ops(), post.caller(), Condition::None);
    let store = store(&post).unwrap_or_default();
    let changed = accounts::put_store(ops, &caller, &id, store, &when).await;
    done(&post, &id, changed, "store", "store").await
}

pub(super) async fn remove_store(Path(id): Path<String>, post: Post) -> Html {
    let ask = Ask {
        title: say_with(
            "confirm.remove_store_of",
            &[("origin", &post.get("origin"))],
        ),
        ends: vec![say("confirm.store_ends"), say("confirm.store_sessions")],
        button: say("confirm.remove_store"),
        back: format!("/admin/accounts/{}", segment(&id)),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let (ops, caller, when) = (post.ops(), post.caller(), Condition::None);
    let changed = accounts::remove_store(ops, &caller, &id, post.get("origin"), &when).await;
    done(&post, &id, changed, "store-removed", "store").await
}

/// Removes the account; its id has to be typed.
pub(super) async fn remove(Path(id): Path<String>, post: Post) -> Html {
    if post.get("confirm").trim() != id {
        let why = format!("type `{id}` to remove the account");
        let refused = OperationError::new(ErrorCode::AccountConfirm, why);
        let problem = Problem::from(refused.at("confirm"));
        let more = context! { problem => shown(&problem), which => "remove" };
        return account(&post, &id, status(&problem), more).await;
    }
    accounts::remove(post.ops(), &post.caller(), &id, &Condition::None).await?;
    Ok(redirect_to("/admin/?done=removed"))
}
