//! Accounts and their stores.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::audit::changed;
use super::reply::{Reply, account, bad, condition, json, missing, tagged};
use super::{Admin, Caller};
use crate::account::{self, Account, StoreFront, directory};
use crate::authority::{Applications, password};
use crate::base::AccountId;
use crate::http::pages::Look;
use crate::http::problem::Problem;
use crate::store::{Precondition, StoreError};

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Page<T> {
    pub items: Vec<T>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where a page begins and how long it is.
#[derive(Deserialize)]
pub(super) struct Paging {
    pub after: Option<String>,
    pub limit: Option<usize>,
}

impl Paging {
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, 500)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    id: String,
    name: Option<String>,
    #[serde(default)]
    stores: Vec<StoreInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreInput {
    origin: String,
    auth_path: Option<String>,
}

impl StoreInput {
    fn check(&self) -> Reply<StoreFront> {
        StoreFront::new(&self.origin, self.auth_path.as_deref().unwrap_or("/_auth"))
            .map_err(|error| bad("store.invalid", error.to_string()))
    }
}

/// What may change in an account; what is absent stays, `null` removes.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    logo_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    color: Option<Option<String>>,
}

/// Tells `null` from absent.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
pub(super) fn given<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

fn name(text: &str) -> Reply<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(bad(
            "account.name",
            "a name has 1 to 100 characters on one line",
        ));
    }
    Ok(text.to_owned())
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Account>>> {
    let after = match paging.after.as_deref().map(str::parse::<AccountId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => return Err(bad("request.after", error.to_string())),
    };
    if let Some(own) = caller.limit() {
        let found = account::get(&*admin.store, own).await?;
        return Ok(Json(Page {
            items: found.into_iter().map(|a| a.value).collect(),
            next: None,
        }));
    }
    let limit = paging.limit();
    let found = account::page(&*admin.store, after.as_ref(), limit).await?;
    let next = (found.len() == limit)
        .then(|| found.last().map(|a| a.value.id.to_string()))
        .flatten();
    Ok(Json(Page {
        items: found.into_iter().map(|a| a.value).collect(),
        next,
    }))
}

pub(super) async fn create(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Reply {
    let input: NewAccount = json(&headers, &body)?;
    let id: AccountId = input
        .id
        .parse()
        .map_err(|error| bad("account.id", format!("{error}")))?;
    let mut account = Account {
        name: name(input.name.as_deref().unwrap_or(id.as_str()))?,
        id,
        stores: Vec::new(),
        logo_url: None,
        color: None,
        created_at: admin.clock.now(),
    };
    for store in &input.stores {
        add(&mut account, store.check()?);
    }
    match account::put(&*admin.store, &account, Precondition::Absent).await {
        Ok(version) => {
            info!(account = %account.id, "account created");
            let answer = tagged(version, (StatusCode::CREATED, Json(account.clone())));
            Ok(changed(answer, serde_json::Value::Null, account))
        }
        Err(StoreError::Conflict) => Err(Problem::new(
            StatusCode::CONFLICT,
            "account.exists",
            format!("there is an account `{}` already", account.id),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Adds a store, or gives the one at this origin its new path.
fn add(account: &mut Account, store: StoreFront) {
    match account.stores.iter_mut().find(|s| s.origin == store.origin) {
        Some(same) => *same = store,
        None => account.stores.push(store),
    }
}

pub(super) async fn show(State(admin): State<Admin>, Path(id): Path<String>) -> Reply {
    let found = account(&*admin.store, &id).await?;
    Ok(tagged(found.version, Json(found.value)))
}

pub(super) async fn change(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: Change = json(&headers, &body)?;
    edit(&admin, &id, &headers, |account| {
        if let Some(text) = &input.name {
            account.name = name(text)?;
        }
        if let Some(logo) = &input.logo_url {
            if logo.as_deref().is_some_and(|url| !Look::is_logo(url)) {
                return Err(bad("account.logo_url", "a logo is an https URL"));
            }
            account.logo_url.clone_from(logo);
        }
        if let Some(color) = &input.color {
            if color.as_deref().is_some_and(|text| !Look::is_color(text)) {
                return Err(bad("account.color", "a colour is written as `#rrggbb`"));
            }
            account.color.clone_from(color);
        }
        Ok(())
    })
    .await
}

/// Changes an account, if nobody else did meanwhile.
async fn edit(
    admin: &Admin,
    id: &str,
    headers: &HeaderMap,
    change: impl FnOnce(&mut Account) -> Reply<()>,
) -> Reply {
    let found = account(&*admin.store, id).await?;
    let before = found.value;
    let mut account = before.clone();
    change(&mut account)?;
    let when = match condition(headers)? {
        None | Some(Precondition::Any) => Precondition::Version(found.version),
        Some(given) => given,
    };
    let version = account::put(&*admin.store, &account, when).await?;
    info!(account = %account.id, "account changed");
    let answer = tagged(version, Json(account.clone()));
    Ok(changed(answer, before, account))
}

pub(super) async fn remove(State(admin): State<Admin>, Path(id): Path<String>) -> Reply {
    let found = account(&*admin.store, &id).await?;
    let id = &found.value.id;
    // The account first: nobody can log in any more while the rest goes.
    account::remove(&*admin.store, id).await?;
    for mapping in admin.mappings.list(id).await? {
        admin
            .mappings
            .remove(id, &mapping.value.provider, Precondition::Any)
            .await?;
    }
    directory::remove_all(&*admin.store, id).await?;
    password::remove_all(&*admin.store, id).await?;
    Applications::remove_all(&*admin.store, id).await?;
    crate::session::revoke_all(&*admin.store, id).await?;
    info!(account = %id, "account removed");
    let answer = StatusCode::NO_CONTENT.into_response();
    Ok(changed(answer, &found.value, serde_json::Value::Null))
}

pub(super) async fn stores(State(admin): State<Admin>, Path(id): Path<String>) -> Reply {
    let found = account(&*admin.store, &id).await?;
    let page = Page {
        items: found.value.stores,
        next: None,
    };
    Ok(tagged(found.version, Json(page)))
}

pub(super) async fn put_store(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Response> {
    let input: StoreInput = json(&headers, &body)?;
    let store = input.check()?;
    edit(&admin, &id, &headers, |account| {
        add(account, store);
        Ok(())
    })
    .await
}

/// Which store.
#[derive(Deserialize)]
pub(super) struct Which {
    origin: String,
}

pub(super) async fn remove_store(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Reply {
    edit(&admin, &id, &headers, |account| {
        let before = account.stores.len();
        let origin = which.origin.trim_end_matches('/');
        account.stores.retain(|store| store.origin != origin);
        if account.stores.len() == before {
            return Err(missing("store"));
        }
        Ok(())
    })
    .await
}
