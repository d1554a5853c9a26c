//! Floor 6: what administrators do, one typed function an operation.
//!
//! An operation takes who calls, what they want and on what condition, and gives
//! what came of it, or an [`OperationError`] with a stable code and the field it is
//! about. Who may do it, what is checked, what is changed and what the audit log
//! says of it stand in that one function; the change and its entry in the log are
//! one commit. The admin API, the console and the command line only translate.
//!
//! | file | operations on |
//! |---|---|
//! | `access_keys` | addresses that get no codes for a while |
//! | `accounts` | accounts and their storefronts |
//! | `audit_log` | the audit log |
//! | `domain_proofs` | domains of emails that an account's people prove by DNS |
//! | `messages` | messages to the people of an account |
//! | `logins` | the log of logins |
//! | `operators` | the second factor of operators |
//! | `passwords` | passwords of people, expired |
//! | `setup_links` | links by which an account's own people set up its providers |
//! | `users` | the people of an account |

pub mod access_keys;
pub mod accounts;
pub mod audit_log;
mod caller;
mod change;
mod condition;
pub mod difference;
pub mod domain_proofs;
mod error;
mod keys;
pub mod logins;
pub mod messages;
pub mod operators;
mod page;
pub mod passwords;
pub mod setup_links;
pub mod users;
pub mod ways;

use std::sync::Arc;
use std::time::Duration;

pub use self::accounts::given;
pub use self::caller::{Access, Caller};
pub use self::change::{Changed, Done, Entry, Found};
pub use self::condition::{Condition, Tag};
pub use self::error::{OperationError, Outcome};
pub use self::keys::{Keys, tag as key_tag};
pub use self::page::{Page, Paging, limit};
use crate::account::{self, Account, Mappings};
use crate::authority::{Authority, audience};
use crate::base::{AccountId, Clock};
use crate::config::SecondFactor;
use crate::login::Logins;
use crate::outbound::TxtRecords;
use crate::password::Hasher;
use crate::store::{Space, Store, Versioned};

/// What operations work with.
pub struct Operations {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The accounts' providers.
    pub mappings: Arc<Mappings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The signing keys.
    pub keys: Keys,
    /// Slow hashes.
    pub hasher: Hasher,
    /// The audience of access tokens.
    pub audience: String,
    /// The broker's own origin, where the configuration has one.
    pub public_url: Option<String>,
    /// Whether there is a mail server.
    pub sends_mail: bool,
    /// How long the log of logins keeps each.
    pub login_log: Duration,
    /// The account through whose providers operators may log in to the console.
    pub login_account: Option<AccountId>,
    /// All that records are kept in.
    pub spaces: Vec<&'static Space>,
    /// Who removes what is left of accounts: one at a time in this broker.
    pub clearing: tokio::sync::Mutex<()>,
    /// Whether operators need a second factor.
    pub second_factor: SecondFactor,
    /// Looks up the records that prove domains.
    pub txt: TxtRecords,
    /// The broker that serves; `None` where only data is administered.
    pub serving: Option<Serving>,
}

/// A broker that serves, as far as operations reach into it.
pub struct Serving {
    /// Its logins.
    pub logins: Arc<Logins>,
    /// Its authority.
    pub authority: Arc<Authority>,
}

impl Operations {
    /// Checks an audience that an account or an application is to have.
    pub fn check_audience(&self, text: &str) -> Result<(), audience::BadAudience> {
        let authority = self.serving.as_ref().map(|serving| &serving.authority);
        audience::check(text, authority.map(|authority| authority.issuer.as_str()))
    }

    /// An account that the caller may deal with so far. The answer for one that
    /// belongs to someone else is that for one that does not exist (threat T5).
    pub async fn account(
        &self,
        caller: &Caller,
        access: Access,
        id: &str,
    ) -> Outcome<Versioned<Account>> {
        let unknown = || OperationError::missing("account");
        let id: Option<AccountId> = id.parse().ok();
        caller.check_account(access, id.as_ref())?;
        account::get(&*self.store, &id.ok_or_else(unknown)?)
            .await?
            .ok_or_else(unknown)
    }
}
