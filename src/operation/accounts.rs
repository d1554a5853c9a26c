//! Accounts and their storefronts.

mod fields;
mod leaving;
mod logo;
mod remove;
mod store;
mod view;
mod ways;
mod write;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use self::fields::{color, logo_url, name, own_audience, passwords, signing_alg, unverified_email};
pub use self::logo::{LogoInput, remove_logo, set_logo};
pub use self::remove::remove;
use self::store::add;
pub use self::store::{StoreInput, StoreQuery, StoresQuery, put_store, remove_store, stores};
pub use self::view::AccountView;
pub use self::ways::{DomainInput, domain_name};
use self::ways::{domains, off, order};
use self::write::{make, replace};
use super::page::MAX;
use super::{
    Access, Caller, Changed, Condition, Found, OperationError, Operations, Outcome, Page, Paging,
    limit,
};
use crate::account::settings::PasswordRules;
use crate::account::{self, Account, LoginSettings, UnverifiedEmail, Ways};
use crate::base::{AccountId, ErrorCode, LoginMethod, ProviderId};
use crate::key::Algorithm;
use crate::password::PasswordRule;
use crate::store::Precondition;

/// A new account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    // Text here and below, so that what is wrong with it is an error about it.
    /// Its id: lower-case letters, digits and `-`.
    #[schemars(with = "AccountId")]
    pub id: String,
    /// Its name as shoppers read it; its id unless given.
    pub name: Option<String>,
    /// Its storefronts.
    #[serde(default)]
    pub stores: Vec<StoreInput>,
    /// What its sessions and tokens are signed with: `ES256` or `RS256`; by the
    /// default key unless given.
    #[schemars(with = "Option<Algorithm>")]
    pub signing_alg: Option<String>,
    /// The audience of its access tokens, an absolute URI; the broker's unless given.
    pub audience: Option<String>,
}

/// An account as a whole: what is absent is taken away.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WholeAccount {
    /// Its name as shoppers read it; its id unless given.
    pub name: Option<String>,
    /// Its storefronts.
    #[serde(default)]
    pub stores: Vec<StoreInput>,
    /// A logo for its pages, https.
    pub logo_url: Option<String>,
    /// An accent colour for its pages: `#rrggbb`.
    pub color: Option<String>,
    /// What its sessions and tokens are signed with; by the default key unless given.
    #[schemars(with = "Option<Algorithm>")]
    pub signing_alg: Option<String>,
    /// What becomes of an email that nobody vouched for; it is marked unless given.
    #[schemars(with = "Option<UnverifiedEmail>")]
    pub unverified_email: Option<String>,
    /// Whether people may log in by a code that is sent to their email; not unless
    /// given. It takes a mail server.
    #[serde(default)]
    pub access_key: bool,
    /// Whether people may log in with a password; not unless given.
    #[serde(default)]
    pub password: bool,
    /// What passwords must be like; `classes` unless given.
    #[schemars(with = "Option<PasswordRule>")]
    pub password_rule: Option<String>,
    /// After how many days another has to be chosen; never unless given.
    #[schemars(range(min = 0, max = 3650))]
    pub password_expires_days: Option<u32>,
    /// How many of a person's last passwords may not be chosen again; none unless
    /// given.
    #[schemars(range(min = 0, max = 24))]
    pub password_former: Option<u8>,
    /// The order of the ways to log in; those it does not name come after.
    #[serde(default)]
    #[schemars(with = "Vec<LoginMethod>")]
    pub login_order: Vec<String>,
    /// Providers that nobody logs in through now. Their mappings stay.
    #[serde(default)]
    #[schemars(with = "Vec<ProviderId>")]
    pub providers_off: Vec<String>,
    /// Whether the email is asked for before the ways to log in are shown; not unless
    /// given.
    #[serde(default)]
    pub email_first: bool,
    /// Domains of emails whose people log in through a provider of their own, where
    /// the email is asked for first.
    #[serde(default)]
    pub email_domains: Vec<DomainInput>,
    /// Whether its stores' front ends may speak VTEX ID; not unless given.
    #[serde(default)]
    pub vtex_compatible: bool,
    /// The audience of its access tokens, an absolute URI; the broker's unless
    /// given. It takes who administers all accounts to change it.
    pub audience: Option<String>,
}

/// What may change in an account; what is absent stays, `null` removes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// Its name as shoppers read it.
    pub name: Option<String>,
    /// An https URL of its logo.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    pub logo_url: Option<Option<String>>,
    /// Its accent colour, as in `#0b5fff`.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    pub color: Option<Option<String>>,
    /// What its sessions and tokens are signed with: `ES256` or `RS256`; `null`: by
    /// the default key.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Algorithm>")]
    pub signing_alg: Option<Option<String>>,
    /// What becomes of an email that nobody vouched for: `mark`, `withhold` or
    /// `refuse`.
    #[schemars(with = "Option<UnverifiedEmail>")]
    pub unverified_email: Option<String>,
    /// Whether people may log in by a code that is sent to their email. It takes a
    /// mail server.
    pub access_key: Option<bool>,
    /// Whether people may log in with a password.
    pub password: Option<bool>,
    /// What passwords must be like: `classes` (8 characters, a digit, a lower-case and
    /// an upper-case letter) or `length` (10 characters, and none that many people
    /// have).
    #[schemars(with = "Option<PasswordRule>")]
    pub password_rule: Option<String>,
    /// After how many days another has to be chosen; 0: never.
    #[schemars(range(min = 0, max = 3650))]
    pub password_expires_days: Option<u32>,
    /// How many of a person's last passwords may not be chosen again.
    #[schemars(range(min = 0, max = 24))]
    pub password_former: Option<u8>,
    /// The order of the ways to log in: `access_key`, `password` and providers; those
    /// it does not name come after.
    #[schemars(with = "Option<Vec<LoginMethod>>")]
    pub login_order: Option<Vec<String>>,
    /// Providers that nobody logs in through now. Their mappings stay.
    #[schemars(with = "Option<Vec<ProviderId>>")]
    pub providers_off: Option<Vec<String>>,
    /// Whether the email is asked for before the ways to log in are shown.
    pub email_first: Option<bool>,
    /// Domains of emails whose people log in through a provider of their own, where
    /// the email is asked for first. It takes who administers all accounts to say
    /// that one is verified; others lead nowhere.
    pub email_domains: Option<Vec<DomainInput>>,
    /// Whether its stores' front ends may speak VTEX ID, below `/api/vtexid`.
    pub vtex_compatible: Option<bool>,
    /// The audience of its access tokens, an absolute URI; `null`: the broker's. It
    /// takes who administers all accounts to change it.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    pub audience: Option<Option<String>>,
}

/// Tells `null` from absent.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl WholeAccount {
    /// The account it describes, as of now.
    fn make(self, ops: &Operations, id: AccountId) -> Outcome<Account> {
        let named = name(self.name.as_deref().unwrap_or(id.as_str()))?;
        let mut account = Account {
            logo_url: logo_url(self.logo_url)?,
            color: color(self.color)?,
            signing_alg: signing_alg(self.signing_alg.as_deref())?,
            unverified_email: unverified_email(self.unverified_email.as_deref().unwrap_or("mark"))?,
            access_key: self.access_key,
            login: LoginSettings {
                password: self.password,
                vtex_compatible: self.vtex_compatible,
                rules: passwords(
                    PasswordRules::default(),
                    self.password_rule.as_deref(),
                    self.password_expires_days,
                    self.password_former,
                )?,
                ways: Ways {
                    order: order(&self.login_order)?,
                    off: off(&self.providers_off)?,
                    email_first: self.email_first,
                    domains: domains(self.email_domains)?,
                },
                ..LoginSettings::default()
            },
            audience: own_audience(ops, self.audience)?,
            ..Account::new(id, named, Vec::new(), ops.clock.now())
        };
        for store in &self.stores {
            add(&mut account, store.check()?);
        }
        Ok(account)
    }
}

impl AccountChange {
    fn apply(self, ops: &Operations, account: &mut Account) -> Outcome<()> {
        if let Some(text) = &self.name {
            account.name = name(text)?;
        }
        if let Some(url) = self.logo_url {
            account.logo_url = logo_url(url)?;
        }
        if let Some(text) = self.color {
            account.color = color(text)?;
        }
        if let Some(name) = &self.signing_alg {
            account.signing_alg = signing_alg(name.as_deref())?;
        }
        if let Some(name) = &self.unverified_email {
            account.unverified_email = unverified_email(name)?;
        }
        if let Some(on) = self.access_key {
            account.access_key = on;
        }
        if let Some(on) = self.password {
            account.login.password = on;
        }
        account.login.rules = passwords(
            account.login.rules,
            self.password_rule.as_deref(),
            self.password_expires_days,
            self.password_former,
        )?;
        let ways = &mut account.login.ways;
        if let Some(names) = &self.login_order {
            ways.order = order(names)?;
        }
        if let Some(names) = &self.providers_off {
            ways.off = off(names)?;
        }
        if let Some(on) = self.email_first {
            ways.email_first = on;
        }
        if let Some(list) = self.email_domains {
            ways.domains = domains(list)?;
        }
        if let Some(on) = self.vtex_compatible {
            account.login.vtex_compatible = on;
        }
        if let Some(text) = self.audience {
            account.audience = own_audience(ops, text)?;
        }
        Ok(())
    }
}

fn id(text: &str) -> Outcome<AccountId> {
    text.parse::<AccountId>()
        .map_err(|error| OperationError::invalid(ErrorCode::AccountId, "id", error))
}

fn address(id: &AccountId) -> String {
    format!("/accounts/{id}")
}

/// Which accounts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountQuery {
    /// Only those whose id, name or a store's origin has this in it. Case doesn't matter.
    pub q: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

impl AccountQuery {
    fn wants(&self, account: &Account) -> bool {
        let Some(text) = self.q.as_deref().map(str::trim) else {
            return true;
        };
        let text = text.to_lowercase();
        let has = |other: &str| other.to_lowercase().contains(&text);
        has(account.id.as_str())
            || has(&account.name)
            || account.stores.iter().any(|store| has(&store.origin))
    }
}

/// A page of accounts in the order of their ids; of a caller limited to some, these.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    query: AccountQuery,
) -> Outcome<Page<AccountView>> {
    caller.check(Access::Read)?;
    let limit = limit(query.limit)?;
    let paging = Paging::new(limit, query.after.as_deref());
    let mut after = paging.after::<AccountId>()?;
    let mut found = Vec::new();
    match caller.limit() {
        Some(own) => {
            let mut own = own.to_vec();
            own.sort();
            own.dedup();
            let is_next = |id: &AccountId| after.as_ref().is_none_or(|after| after < id);
            for id in own.iter().filter(|id| is_next(id)) {
                let account = account::get(&*ops.store, id).await?;
                found.extend(account.filter(|account| query.wants(&account.value)));
                if found.len() > limit {
                    break;
                }
            }
        }
        None => loop {
            let step = if query.q.is_some() { MAX } else { limit + 1 };
            let page = account::page(&*ops.store, after.as_ref(), step).await?;
            let full = page.len() == step;
            after = page.last().map(|account| account.value.id.clone());
            found.extend(
                page.into_iter()
                    .filter(|account| query.wants(&account.value)),
            );
            if !full || found.len() > limit {
                break;
            }
        },
    }
    let page = Page::cut(found, limit, |account| account.value.id.to_string());
    Ok(page.map(|account| account.value.into()))
}

/// An account.
pub async fn show(ops: &Operations, caller: &Caller, id: &str) -> Outcome<Found<AccountView>> {
    let found = ops.account(caller, Access::Read, id).await?;
    Ok(Found::of(found, AccountView::from))
}

/// Creates an account.
pub async fn create(
    ops: &Operations,
    caller: &Caller,
    new: NewAccount,
) -> Outcome<Changed<AccountView>> {
    caller.check_broker(Access::Write)?;
    let whole = WholeAccount {
        name: new.name,
        stores: new.stores,
        signing_alg: new.signing_alg,
        audience: new.audience,
        ..WholeAccount::default()
    };
    let account = whole.make(ops, id(&new.id)?)?;
    make(ops, caller, account, Precondition::Absent)
        .await
        .map_err(|error| {
            let taken = || format!("there is an account `{}` already", new.id);
            error.if_stale(|| OperationError::new(ErrorCode::AccountExists, taken()).at("id"))
        })
}

/// Creates an account under this id, or makes the one there is as described.
pub async fn put(
    ops: &Operations,
    caller: &Caller,
    name: &str,
    whole: WholeAccount,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    caller.check_account(Access::Write, name.parse().ok().as_ref())?;
    let id = id(name)?;
    let found = account::get(&*ops.store, &id).await?;
    let Some(found) = found else {
        if caller.limit().is_some() {
            return Err(OperationError::forbidden(
                "accounts are created with a token for all accounts",
            ));
        }
        let account = whole.make(ops, id)?;
        return make(ops, caller, account, when.over(None)?).await;
    };
    let mut wanted = whole.make(ops, id)?;
    wanted.created_at = found.value.created_at;
    // What messages say has an address of its own.
    wanted.login.messages = found.value.login.messages.clone();
    // So has its own logo.
    wanted.logo.clone_from(&found.value.logo);
    replace(ops, caller, found, wanted, when, "account.change").await
}

/// Changes an account.
pub async fn change(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    change: AccountChange,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    edit(ops, caller, id, when, "account.change", |account| {
        change.apply(ops, account)
    })
    .await
}

/// Changes an account in place.
pub(super) async fn edit(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    when: &Condition,
    what: &'static str,
    change: impl FnOnce(&mut Account) -> Outcome<()>,
) -> Outcome<Changed<AccountView>> {
    let found = ops.account(caller, Access::Write, id).await?;
    let mut wanted = found.value.clone();
    change(&mut wanted)?;
    replace(ops, caller, found, wanted, when, what).await
}
