//! Floor 4: accounts, their stores, their provider mappings and their users.

pub mod credential;
pub mod directory;
pub mod domain_proof;
pub mod draft;
pub mod logo;
pub mod mapping;
pub mod origins;
pub mod provider_tokens;
pub mod settings;
pub mod setup_link;
pub mod stores;
pub mod ways;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

pub use self::directory::User;
pub use self::mapping::Mappings;
pub use self::settings::LoginSettings;
pub use self::stores::{StoreFront, StoreFrontError};
pub use self::ways::{EmailDomain, Ways};
use crate::base::{AccountId, Timestamp};
use crate::key::Algorithm;
use crate::store::{
    DecodedCache, Keyspace, Precondition, Space, Step, Store, StoreError, Version, Versioned,
    Watched,
};

static ACCOUNTS: Space = Space::durable("accounts").watched(Watched::Writes);
/// Those that are being removed, until nothing of them is left.
static LEAVING: Space = Space::durable("leaving_accounts");

/// All spaces of this room.
pub fn spaces() -> impl Iterator<Item = &'static Space> {
    [
        &ACCOUNTS,
        &LEAVING,
        credential::space(),
        domain_proof::space(),
        draft::space(),
        logo::space(),
        origins::space(),
        provider_tokens::space(),
    ]
    .into_iter()
    .chain(directory::spaces())
    .chain(mapping::spaces())
    .chain(setup_link::spaces())
}

/// One customer of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id, part of URLs and cookie names.
    pub id: AccountId,
    /// Its name as shoppers read it.
    pub name: String,
    /// Its storefronts; the first is the one a login goes to when nothing says which.
    #[serde(default)]
    pub stores: Vec<StoreFront>,
    /// A logo for its pages, https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<String>,
    /// The logo that is kept here; it goes before `logo_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<logo::Mark>,
    /// An accent colour for its pages: `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// What its sessions and tokens are signed with; `None`: by the default key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_alg: Option<Algorithm>,
    /// What becomes of an email that nobody vouched for.
    #[serde(default)]
    pub unverified_email: UnverifiedEmail,
    /// Whether people may log in by a code that is sent to their email.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub access_key: bool,
    /// What it chose for its logins besides.
    #[serde(default, skip_serializing_if = "LoginSettings::is_default")]
    pub login: LoginSettings,
    /// The audience of its users' access tokens; `None`: the broker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What becomes of a user's email that nobody vouched for where it would be handed
/// to those who may take it for who the user is: proxies, by `check`, and
/// applications.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum UnverifiedEmail {
    /// It is handed on, marked as not verified.
    #[default]
    Mark,
    /// It is left out.
    Withhold,
    /// Whoever has such an email is not let in.
    Refuse,
}

impl std::str::FromStr for UnverifiedEmail {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "mark" => Ok(Self::Mark),
            "withhold" => Ok(Self::Withhold),
            "refuse" => Ok(Self::Refuse),
            _ => Err("`unverified_email` is `mark`, `withhold` or `refuse`"),
        }
    }
}

impl Account {
    /// An account with nothing chosen yet.
    pub fn new(
        id: AccountId,
        name: impl Into<String>,
        stores: Vec<StoreFront>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            stores,
            logo_url: None,
            logo: None,
            color: None,
            signing_alg: None,
            unverified_email: UnverifiedEmail::Mark,
            access_key: false,
            login: LoginSettings::default(),
            audience: None,
            created_at,
        }
    }

    /// The address of the logo that is kept at this broker.
    pub fn kept_logo(&self, broker: &str) -> Option<String> {
        let mark = self.logo.as_ref()?;
        Some(format!("{broker}{}", mark.path(&self.id)))
    }

    /// The address of its logo: of the one that is kept, or of the one elsewhere.
    pub fn logo_at(&self, broker: &str) -> Option<String> {
        self.kept_logo(broker).or_else(|| self.logo_url.clone())
    }

    /// The store at an origin.
    pub fn store_at(&self, origin: &str) -> Option<&StoreFront> {
        self.stores.iter().find(|store| store.origin == origin)
    }

    /// The store at an origin; at the broker's own there is always one, so that
    /// the login for an application has a place to run.
    pub fn storefront_at(&self, origin: &str, broker: &str) -> Option<StoreFront> {
        let own = || StoreFront::new(broker, &stores::own_path(&self.id)).ok();
        match self.store_at(origin) {
            Some(store) => Some(store.clone()),
            None if origin == broker => own(),
            None => None,
        }
    }
}

const SPACE: Keyspace<Account> = Keyspace::new(&ACCOUNTS);
const MARKS: Keyspace<bool> = Keyspace::new(&LEAVING);

/// Accounts that are remembered.
const MAX_CACHED: usize = 10_000;

/// The accounts, as requests need them: each of these asks for one.
pub struct Accounts {
    store: Arc<dyn Store>,
    known: DecodedCache<AccountId, Account>,
}

impl Accounts {
    /// The accounts in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            known: DecodedCache::new(MAX_CACHED),
        }
    }

    /// Reads an account.
    pub async fn get(&self, id: &AccountId) -> Result<Option<Arc<Account>>, StoreError> {
        let name = id.as_str().as_bytes();
        self.known.read(&*self.store, &SPACE, id, name).await
    }
}

/// Reads an account.
pub async fn get(
    store: &dyn Store,
    id: &AccountId,
) -> Result<Option<Versioned<Account>>, StoreError> {
    SPACE.get(store, "", id.as_str().as_bytes()).await
}

/// Writes an account if `when` holds.
pub async fn put(
    store: &dyn Store,
    account: &Account,
    when: Precondition,
) -> Result<Version, StoreError> {
    SPACE
        .put(store, "", account.id.as_str().as_bytes(), account, when)
        .await
}

/// The steps of a batch that write an account if `when` holds, and if nothing is left of
/// one of its id that was removed.
pub fn step_put(account: &Account, when: Precondition) -> Result<Vec<Step>, StoreError> {
    let id = account.id.as_str().as_bytes();
    Ok(vec![
        SPACE.step_check("", id, when),
        MARKS.step_check("", id, Precondition::Absent),
        SPACE.step_put("", id, account)?,
    ])
}

/// The steps of a batch that remove an account if `when` holds. Its mappings, users
/// and sessions are out of reach then. Until they are removed and [`Leaving::left`] says
/// so, it is known that they are there.
pub fn step_remove(id: &AccountId, when: Precondition) -> Result<Vec<Step>, StoreError> {
    let id = id.as_str().as_bytes();
    Ok(vec![
        SPACE.step_check("", id, when),
        SPACE.step_delete("", id),
        MARKS.step_put("", id, &true)?,
    ])
}

/// Whether something may be left of an account that was removed.
pub async fn is_leaving(store: &dyn Store, id: &AccountId) -> Result<bool, StoreError> {
    let mark = MARKS.get(store, "", id.as_str().as_bytes()).await?;
    Ok(mark.is_some())
}

/// The removal of what is left of an account, by who began it last.
#[derive(Debug)]
pub struct Leaving {
    id: AccountId,
    version: Version,
}

impl Leaving {
    /// The step of a batch that fails it if somebody else has begun since, or is done.
    pub fn check(&self) -> Step {
        let when = Precondition::Version(self.version);
        MARKS.step_check("", self.id.as_str().as_bytes(), when)
    }

    /// The step of a batch that says that nothing is left.
    pub fn left(&self) -> Step {
        MARKS.step_delete("", self.id.as_str().as_bytes())
    }
}

/// Begins to remove what is left of an account; whoever began before is told so.
/// `None`: nothing is left.
pub async fn leave(store: &dyn Store, id: &AccountId) -> Result<Option<Leaving>, StoreError> {
    let name = id.as_str().as_bytes();
    while let Some(mark) = MARKS.get(store, "", name).await? {
        let when = Precondition::Version(mark.version);
        match MARKS.put(store, "", name, &true, when).await {
            Ok(version) => {
                let id = id.clone();
                return Ok(Some(Leaving { id, version }));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether this is a logo that pages show: an https URL.
pub fn is_logo(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host())
}

/// Whether this is a colour that pages use: `#rrggbb`.
pub fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A page of accounts in the order of their ids.
pub async fn page(
    store: &dyn Store,
    after: Option<&AccountId>,
    limit: usize,
) -> Result<Vec<Versioned<Account>>, StoreError> {
    let after = after.map(|id| id.as_str().as_bytes().to_vec());
    let found = SPACE.page(store, "", b"", after, limit).await?;
    Ok(found.into_iter().map(|(_, account)| account).collect())
}
