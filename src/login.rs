//! Floor 5: a login, one file a step.
//!
//! | file | from | to |
//! |---|---|---|
//! | [`start`] | `StartRequest` | a pending login, and the authorization request |
//! | [`callback`] | `CallbackParams` + the pending login, taken | `VerifiedCallback` |
//! | [`exchange`] | `VerifiedCallback` | `TokenResponse` |
//! | [`userinfo`] | `TokenResponse` | `Profile` |
//! | [`identify`] | `Profile` | the user, and a ticket |
//! | [`finish`] | the ticket, in the browser that began | a session |
//!
//! Each step takes its input by value, and each type has private fields and one
//! constructor, so that no step can be skipped. A login by a code that comes by
//! mail has steps of its own between the first and the last: [`access_key`]; so has
//! one with a password: [`password`]. What all steps share is in [`context`],
//! [`restart`] and [`error`].

pub mod access_key;
mod advice;
mod answer;
pub mod arrival;
mod ask;
pub mod callback;
pub mod context;
pub mod drift;
pub mod error;
pub mod exchange;
pub mod finish;
pub mod health;
pub mod heavy;
pub mod identify;
pub mod journal;
pub mod kept;
mod letter;
pub mod meters;
pub mod openid;
pub mod password;
pub mod pending;
mod pushed;
mod refusal;
pub mod restart;
pub mod return_to;
pub mod shadow;
pub mod share;
pub mod start;
pub mod taken;
pub mod ticket;
pub mod trial;
pub mod userinfo;
pub mod vtex;

use std::sync::Arc;
use std::time::Duration;

pub use self::error::{Blame, LoginError, Step};
pub use self::return_to::ReturnTo;
use crate::account::{Accounts, Mappings};
use crate::base::{AccountId, Clock, ProviderId, Timestamp};
use crate::key::Keyring;
use crate::mail::Mail;
use crate::outbound::Outbound;
use crate::password::Hasher;
use crate::provider::Provider;
use crate::session::Sessions;
use crate::store::{Space, Store};

/// All spaces of this room.
pub fn spaces() -> impl Iterator<Item = &'static Space> {
    pending::spaces()
        .into_iter()
        .chain(access_key::spaces())
        .chain(password::spaces())
        .chain(trial::spaces())
        .chain(journal::spaces())
        .chain([
            drift::space(),
            health::space(),
            openid::logout::space(),
            shadow::space(),
            vtex::space(),
        ])
}

/// What a login works with.
pub struct Logins {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The only HTTP client.
    pub outbound: Arc<Outbound>,
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// The accounts' providers.
    pub mappings: Arc<Mappings>,
    /// The signing keys.
    pub keys: Arc<Keyring>,
    /// Sessions.
    pub sessions: Sessions,
    /// What OpenID Connect providers publish about themselves.
    pub directory: openid::Directory,
    /// Work that would hold up others' logins.
    pub heavy: heavy::Heavy,
    /// The drift alarm.
    pub watch: drift::Watch,
    /// How the providers do.
    pub health: health::Health,
    /// Messages to shoppers.
    pub mail: Arc<Mail>,
    /// How many codes are sent.
    pub code_limits: access_key::limits::CodeLimits,
    /// Slow hashes of passwords.
    pub hasher: Hasher,
    /// Wrong passwords.
    pub guesses: password::Guesses,
    /// The log of logins.
    pub journal: Arc<journal::Journal>,
    /// What is counted and timed.
    pub meters: meters::Meters,
    /// Our public URL without a slash at its end.
    pub public_url: String,
    /// How many are under way, and whose.
    pub shares: share::AllShares,
    /// Who refreshes kept tokens.
    pub refreshes: kept::Refreshes,
    /// From the start of a login to its callback.
    pub lifetime: Duration,
}

impl Logins {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// An account's provider, for a login that is at `step`. One that is switched off
    /// is none (threat B1).
    pub(crate) async fn provider(
        &self,
        account: &AccountId,
        id: &ProviderId,
        step: Step,
    ) -> Result<Arc<Provider>, LoginError> {
        if !self.is_on(account, id, step).await? {
            return Err(LoginError::UnknownProvider);
        }
        self.mappings
            .provider(account, id)
            .await
            .map_err(step.store())?
            .ok_or(LoginError::UnknownProvider)?
            .map_err(|findings| LoginError::misconfigured(&findings))
    }

    /// Whether the account has not switched a provider off.
    pub(crate) async fn is_on(
        &self,
        account: &AccountId,
        id: &ProviderId,
        step: Step,
    ) -> Result<bool, LoginError> {
        let account = self.accounts.get(account).await.map_err(step.store())?;
        Ok(account.is_none_or(|account| account.login.ways.is_on(id)))
    }
}

/// The name of a provider's lane in [`Outbound`]: what it suffers, others don't.
pub(crate) fn lane(account: &str, provider: &str) -> String {
    format!("{account}/{provider}")
}

/// The name of its lane for profiles: a provider that gives tokens may still have no
/// profiles to give, and neither tells of the other.
pub(crate) fn profile_lane(account: &str, provider: &str) -> String {
    format!("{account}/{provider}/profile")
}
