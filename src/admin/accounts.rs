//! Accounts and their stores.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::access::refused;
use super::audit::{changed, unchanged};
use super::paging::{Page, Paging};
use super::reply::{Condition, Reply, account, algorithm, json, missing, tagged};
use super::{Admin, Caller};
use crate::account::{self, Account, StoreFront, directory};
use crate::authority::{Applications, password};
use crate::base::{AccountId, ErrorCode};
use crate::http::pages::Look;
use crate::http::problem::Problem;
use crate::key::Algorithm;
use crate::store::{Precondition, StoreError, Version};

/// One customer of the platform.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(super) struct AccountView {
    id: AccountId,
    /// Its name as shoppers read it.
    name: String,
    /// Its storefronts; the first is where a login goes when nothing says which.
    stores: Vec<StoreFront>,
    /// A logo for its pages, https.
    logo_url: Option<String>,
    /// An accent colour for its pages: `#rrggbb`.
    color: Option<String>,
    /// What its sessions and tokens are signed with; `null`: by the default key.
    signing_alg: Option<Algorithm>,
    /// When it was created (RFC 3339).
    created_at: String,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            name: account.name,
            stores: account.stores,
            logo_url: account.logo_url,
            color: account.color,
            signing_alg: account.signing_alg,
            created_at: account.created_at.rfc3339(),
        }
    }
}

/// A new account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    // Text, so that what is wrong with it is an error about the id.
    #[schemars(with = "AccountId")]
    id: String,
    /// Its name as shoppers read it; its id unless given.
    name: Option<String>,
    #[serde(default)]
    stores: Vec<StoreInput>,
    // Text here and below, for the same reason.
    /// What its sessions and tokens are signed with; by the default key unless given.
    #[schemars(with = "Option<Algorithm>")]
    signing_alg: Option<String>,
}

/// An account as a whole: what is absent is taken away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeAccount {
    /// Its name as shoppers read it; its id unless given.
    name: Option<String>,
    #[serde(default)]
    stores: Vec<StoreInput>,
    logo_url: Option<String>,
    color: Option<String>,
    /// What its sessions and tokens are signed with; by the default key unless given.
    #[schemars(with = "Option<Algorithm>")]
    signing_alg: Option<String>,
}

/// A storefront.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreInput {
    /// Scheme, host and port, as a browser writes an origin.
    origin: String,
    /// The path under which its web server proxies to the broker; `/_auth` unless given.
    auth_path: Option<String>,
}

impl StoreInput {
    fn check(&self) -> Reply<StoreFront> {
        StoreFront::new(&self.origin, self.auth_path.as_deref().unwrap_or("/_auth"))
            .map_err(|error| Problem::new(ErrorCode::StoreInvalid, error.to_string()))
    }
}

/// What may change in an account; what is absent stays, `null` removes.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AccountChange")]
pub(super) struct Change {
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    logo_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    color: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Algorithm>")]
    signing_alg: Option<Option<String>>,
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

fn id(text: &str) -> Reply<AccountId> {
    text.parse()
        .map_err(|error| Problem::new(ErrorCode::AccountId, format!("{error}")))
}

fn name(text: &str) -> Reply<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(Problem::new(
            ErrorCode::AccountName,
            "a name has 1 to 100 characters on one line",
        ));
    }
    Ok(text.to_owned())
}

fn logo(url: Option<&str>) -> Reply<Option<String>> {
    match url {
        Some(url) if !Look::is_logo(url) => Err(Problem::new(
            ErrorCode::AccountLogoUrl,
            "a logo is an https URL",
        )),
        url => Ok(url.map(str::to_owned)),
    }
}

fn color(text: Option<&str>) -> Reply<Option<String>> {
    match text {
        Some(text) if !Look::is_color(text) => Err(Problem::new(
            ErrorCode::AccountColor,
            "a colour is written as `#rrggbb`",
        )),
        text => Ok(text.map(str::to_owned)),
    }
}

fn signing_alg(name: Option<&str>) -> Reply<Option<Algorithm>> {
    algorithm(name, ErrorCode::AccountSigningAlg)
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Query(paging): Query<Paging>,
) -> Reply<Page<AccountView>> {
    let after = match paging.after.as_deref().map(str::parse::<AccountId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(error)) => return Err(Problem::new(ErrorCode::RequestAfter, error.to_string())),
    };
    let limit = paging.limit()?;
    let found = match caller.limit() {
        Some(own) if after.as_ref().is_none_or(|after| after < own) => {
            account::get(&*admin.store, own)
                .await?
                .into_iter()
                .collect()
        }
        Some(_) => Vec::new(),
        None => account::page(&*admin.store, after.as_ref(), limit + 1).await?,
    };
    Ok(Page::cut(found, limit, |a| a.value.id.to_string()).map(|a| AccountView::from(a.value)))
}

pub(super) async fn create(State(admin): State<Admin>, headers: HeaderMap, body: Bytes) -> Reply {
    let input: NewAccount = json(&headers, &body)?;
    let whole = WholeAccount {
        name: input.name,
        stores: input.stores,
        logo_url: None,
        color: None,
        signing_alg: input.signing_alg,
    };
    let account = whole.make(&admin, id(&input.id)?)?;
    admin.keys.ensure(account.signing_alg).await?;
    match account::put(&*admin.store, &account, Precondition::Absent).await {
        Ok(version) => Ok(created(account, version)),
        Err(StoreError::Conflict) => Err(Problem::new(
            ErrorCode::AccountExists,
            format!("there is an account `{}` already", account.id),
        )),
        Err(error) => Err(error.into()),
    }
}

fn created(account: Account, version: Version) -> Response {
    info!(account = %account.id, "account created");
    let shown = Json(AccountView::from(account.clone()));
    let answer = tagged(version, (StatusCode::CREATED, shown));
    changed(answer, serde_json::Value::Null, account)
}

impl WholeAccount {
    /// The account it describes, as of now.
    fn make(&self, admin: &Admin, id: AccountId) -> Reply<Account> {
        let mut account = Account {
            name: name(self.name.as_deref().unwrap_or(id.as_str()))?,
            id,
            stores: Vec::new(),
            logo_url: logo(self.logo_url.as_deref())?,
            color: color(self.color.as_deref())?,
            signing_alg: signing_alg(self.signing_alg.as_deref())?,
            created_at: admin.clock.now(),
        };
        for store in &self.stores {
            add(&mut account, store.check()?);
        }
        Ok(account)
    }
}

/// Creates an account under this id, or makes the one there is as described.
pub(super) async fn put(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let id = self::id(&id)?;
    let found = account::get(&*admin.store, &id).await?;
    if found.is_none() && caller.limit().is_some() {
        return Err(refused(
            "accounts are created with a token for all accounts",
        ));
    }
    let input: WholeAccount = json(&headers, &body)?;
    let mut wanted = input.make(&admin, id)?;
    let when = Condition::of(&headers)?.over(found.as_ref().map(|f| f.version))?;
    match found {
        None => {
            admin.keys.ensure(wanted.signing_alg).await?;
            let version = account::put(&*admin.store, &wanted, when).await?;
            Ok(created(wanted, version))
        }
        Some(found) => {
            wanted.created_at = found.value.created_at;
            replace(&admin, found.value, found.version, wanted, when).await
        }
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
    Ok(tagged(found.version, Json(AccountView::from(found.value))))
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
        if let Some(url) = &input.logo_url {
            account.logo_url = logo(url.as_deref())?;
        }
        if let Some(text) = &input.color {
            account.color = color(text.as_deref())?;
        }
        if let Some(name) = &input.signing_alg {
            account.signing_alg = signing_alg(name.as_deref())?;
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
    let mut account = found.value.clone();
    change(&mut account)?;
    let when = Condition::of(headers)?.over(Some(found.version))?;
    replace(admin, found.value, found.version, account, when).await
}

async fn replace(
    admin: &Admin,
    before: Account,
    version: Version,
    account: Account,
    when: Precondition,
) -> Reply {
    if account == before {
        return Ok(unchanged(tagged(version, Json(AccountView::from(account)))));
    }
    admin.keys.ensure(account.signing_alg).await?;
    let version = account::put(&*admin.store, &account, when).await?;
    info!(account = %account.id, "account changed");
    let answer = tagged(version, Json(AccountView::from(account.clone())));
    Ok(changed(answer, before, account))
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Reply {
    let found = account(&*admin.store, &id).await?;
    let when = Condition::of(&headers)?.over(Some(found.version))?;
    let id = &found.value.id;
    // The account first: nobody can log in any more while the rest goes.
    account::remove(&*admin.store, id, when).await?;
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

pub(super) async fn stores(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
) -> Reply {
    let found = account(&*admin.store, &id).await?;
    let page = Page::of_all(found.value.stores, &paging, |store| store.origin.clone())?;
    Ok(tagged(found.version, page))
}

pub(super) async fn put_store(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: StoreInput = json(&headers, &body)?;
    let store = input.check()?;
    edit(&admin, &id, &headers, |account| {
        add(account, store);
        Ok(())
    })
    .await
}

/// Which store.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StoreQuery")]
pub(super) struct StoreQuery {
    /// Its origin.
    origin: String,
}

pub(super) async fn remove_store(
    State(admin): State<Admin>,
    Path(id): Path<String>,
    Query(which): Query<StoreQuery>,
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
