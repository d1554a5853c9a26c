//! Renewal of a session past its end, for clients that hold a token for it
//! (`vid_rt`). A token counts once, and ends with its session's logout.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{AccountId, LoginMethod, Timestamp, UserId};
use crate::store::{Key, Keyspace, Precondition, Space, Store, StoreError, Token};

/// How long a session can be renewed.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

static RENEWALS: Space = Space::durable("session_renewals").expiring().owned();
const RECORDS: Keyspace<Renewal> =
    Keyspace::new(&RENEWALS).owned_by(|renewal| Some(renewal.user.as_bytes().to_vec()));

pub(super) fn space() -> &'static Space {
    &RENEWALS
}

/// Whose session is renewed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Renewal {
    /// The user.
    pub user: UserId,
    /// The user's, as they logged in.
    pub generation: u64,
    /// How they logged in.
    pub method: LoginMethod,
    /// When.
    pub authenticated_at: Timestamp,
}

/// A token that renews a session, and what names its record.
pub struct NewRenewal {
    /// The token.
    pub token: Token,
    /// Names the record; opens nothing.
    pub key: Vec<u8>,
}

impl NewRenewal {
    /// A new one; not written yet.
    pub fn new(account: &AccountId, now: Timestamp) -> Self {
        let token = Token::new(now.plus(LIFETIME));
        let key = token.key(&RENEWALS, account.as_str()).id().to_vec();
        Self { token, key }
    }

    /// Writes it down.
    pub async fn write(
        &self,
        store: &dyn Store,
        account: &AccountId,
        renewal: &Renewal,
    ) -> Result<(), StoreError> {
        let new = Precondition::Absent;
        RECORDS
            .put_by(store, account.as_str(), &self.token, renewal, new)
            .await
            .map(|_| ())
    }
}

/// Takes a token: it counts no more.
pub async fn take(
    store: &dyn Store,
    account: &AccountId,
    token: &str,
    now: Timestamp,
) -> Result<Option<Renewal>, StoreError> {
    let token = Token::parse(token).filter(|token| now < token.expires_at());
    match token {
        Some(token) => RECORDS.take_by(store, account.as_str(), &token).await,
        None => Ok(None),
    }
}

/// Removes the record of this name.
pub(super) async fn forget(
    store: &dyn Store,
    account: &AccountId,
    key: &[u8],
) -> Result<(), StoreError> {
    match Key::of_id(&RENEWALS, account.as_str(), key) {
        Some(key) => store.delete(&key, Precondition::Any).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Removes all of a user.
pub(super) async fn forget_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<(), StoreError> {
    RECORDS
        .remove_of(store, account.as_str(), user.as_bytes())
        .await
        .map(|_| ())
}
