//! What was issued to a user, and its end.

use crate::account::directory;
use crate::base::{AccountId, UserId};
use crate::session;
use crate::store::{Store, StoreError};

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
