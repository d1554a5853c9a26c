//! What was issued to users: listed, and ended.

use super::application::ClientId;
use super::family;
use super::granted::Granted;
pub use super::revoked::{Beside, Ending};
use crate::account::{directory, provider_tokens};
use crate::base::{AccountId, Timestamp, UserId};
use crate::session;
use crate::store::{Store, StoreError};

/// Which grants of an account.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// Only this user's: then nobody else's are read.
    pub user: Option<UserId>,
    /// Only those to this application.
    pub application: Option<&'a ClientId>,
}

impl Which<'_> {
    fn has(&self, granted: &Granted) -> bool {
        granted.account == *self.account
            && self.user.is_none_or(|user| granted.user == user)
            && self.application.is_none_or(|id| granted.client_id == *id)
    }
}

/// A grant that has living tokens.
#[derive(Debug)]
pub struct Living {
    /// Where it is in a list.
    pub place: Vec<u8>,
    /// Its public name; `None`: it was not refreshed since grants have names.
    pub grant_id: Option<String>,
    /// What was granted, and to whom.
    pub granted: Granted,
    /// Whether it has a refresh token.
    pub refreshes: bool,
    /// When the last token of it ends, unless it is refreshed.
    pub expires_at: Timestamp,
}

/// A page of grants, after the place `after`.
pub async fn page(
    store: &dyn Store,
    which: &Which<'_>,
    mut after: Option<Vec<u8>>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Living>, StoreError> {
    let mut living = Vec::new();
    loop {
        let found = family::page(store, which.user, after).await?;
        let Some(last) = found.last() else {
            return Ok(living);
        };
        after = Some(last.id().to_vec());
        for found in found {
            let place = found.id().to_vec();
            let family = found.family;
            if which.has(&family.granted) && now < family.expires_at {
                living.push(Living {
                    place,
                    refreshes: family.refreshes(),
                    grant_id: family.grant_id,
                    granted: family.granted,
                    expires_at: family.expires_at,
                });
                if living.len() == limit {
                    return Ok(living);
                }
            }
        }
    }
}

/// What a grant of an account is, by its public name.
pub async fn get(
    ending: &Ending<'_>,
    account: &AccountId,
    grant_id: &str,
) -> Result<Option<Granted>, StoreError> {
    let found = family::family_of_grant(ending, grant_id).await?;
    let granted = found.map(|found| found.family.granted);
    Ok(granted.filter(|granted| granted.account == *account))
}

/// Ends one grant by its public name. On disk when this returns.
pub async fn end(ending: &Ending<'_>, grant_id: &str) -> Result<(), StoreError> {
    family::end_grant(ending, grant_id).await
}

/// Ends grants; gives what they were. On disk when this returns.
pub async fn end_all(ending: &Ending<'_>, which: &Which<'_>) -> Result<Vec<Granted>, StoreError> {
    family::end_families(ending, which.user, |granted| which.has(granted)).await
}

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Sessions.
    pub sessions: usize,
}

/// Ends everything that was issued to a user before now, at every application:
/// sessions, tickets, codes, refresh and access tokens. On disk when this returns.
///
/// The user's next login works as before. To end a user for good, disable or
/// remove the record first: what is being issued meanwhile looks at it once more
/// before it counts.
pub async fn end_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<Ended, StoreError> {
    // First, so that what is issued from here on is either of the next generation
    // or seen to be of the last.
    directory::change(store, account, user, None, |user| user.generation += 1).await?;
    provider_tokens::forget_user(store, account, user).await?;
    end_issued(store, account, user).await
}

/// Removes what was issued to a user whose record says already that it counts no
/// more: it is of another generation, disabled or gone.
pub async fn end_issued(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<Ended, StoreError> {
    let sessions = session::revoke_user(store, account, user).await?;
    Ok(Ended { sessions })
}
