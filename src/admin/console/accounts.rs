//! Accounts, and their choices of authentication.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::json;

use super::api::segment;
use super::guard::{Desk, Post};
use super::sentences::say;
use super::view::{Html, provider_name, redirect_to, shown, status};
use super::ways_screen;
use super::{branding, proofs, settings, stores};
use crate::account::draft;
use crate::base::AccountId;
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountChange, AccountQuery, NewAccount};
use crate::operation::setup_links as operation_links;
use crate::operation::{Access, Caller, Changed, Outcome, Paging};
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

/// `POST /admin/`: a new account.
pub(super) async fn create(post: Post) -> Html {
    let new = NewAccount {
        id: post.get("id").trim().to_owned(),
        name: post.filled("name"),
        stores: stores::store(&post).into_iter().collect(),
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

/// The pages of an account that have forms about it.
enum Place {
    Authentication,
    Stores,
    Branding,
    Settings,
}

impl Place {
    /// The page of a form.
    fn of(which: &str) -> Self {
        match which {
            "store" => Self::Stores,
            "look" | "logo" => Self::Branding,
            "settings" | "remove" => Self::Settings,
            _ => Self::Authentication,
        }
    }

    /// The end of its address.
    fn end(&self) -> &'static str {
        match self {
            Self::Authentication => "",
            Self::Stores => "/stores",
            Self::Branding => "/branding",
            Self::Settings => "/settings",
        }
    }
}

/// What comes of a form about an account: back to its page, or the page with the problem
/// and what was typed.
pub(super) async fn done<T>(
    post: &Post,
    id: &str,
    outcome: Outcome<Changed<T>>,
    done: &str,
    which: &str,
) -> Html {
    let place = Place::of(which);
    let Err(refused) = outcome else {
        // Where the page itself shows what changed, it is shown from there on.
        let at = match which {
            "order" | "domains" => format!("#{which}"),
            _ => String::new(),
        };
        let to = format!(
            "/admin/accounts/{}{}?done={done}{at}",
            segment(id),
            place.end()
        );
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
    let status = status(&problem);
    match place {
        Place::Authentication => account(post, id, status, more).await,
        Place::Stores => stores::display(post, id, &ListQuery::default(), status, more).await,
        Place::Branding => branding::display(post, id, status, more).await,
        Place::Settings => settings::display(post, id, status, more).await,
    }
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
