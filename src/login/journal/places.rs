//! Where failed logins stand in the log, by the support id that a shopper reads out.
//! Of one that succeeded nobody is shown an id.

use serde::{Deserialize, Serialize};

use super::{ENTRIES, LoginEntry, RECORDS, STEP, SUCCESS};
use crate::base::AccountId;
use crate::store::{Key, Keyspace, Precondition, Space, Store, StoreError};

static PLACES: Space = Space::durable("login_log_places").expiring().owned();

/// A place is its support id's, and has the id of the entry.
const BY_ID: Keyspace<Place> =
    Keyspace::new(&PLACES).owned_by(|place| Some(place.support_id.as_bytes().to_vec()));

/// The most failures under one id: there is one, as a rule.
const MOST: usize = 10;

pub(super) fn space() -> &'static Space {
    &PLACES
}

#[derive(Serialize, Deserialize)]
struct Place {
    support_id: String,
    /// The partition of the entry.
    account: String,
}

fn place_of(entry: &Key) -> Option<Key> {
    Key::of_id(&PLACES, "", entry.id())
}

/// Notes where an entry will stand, if it is a failure.
pub(super) async fn note(
    store: &dyn Store,
    key: &Key,
    account: &str,
    entry: &LoginEntry,
) -> Result<(), StoreError> {
    let Some(at) = place_of(key).filter(|_| entry.outcome != SUCCESS) else {
        return Ok(());
    };
    let place = Place {
        support_id: entry.id.clone(),
        account: account.to_owned(),
    };
    let put = BY_ID.put_soon_at(store, at, &place, Precondition::Any);
    put.await.map(drop)
}

/// The failed login with a support id.
pub async fn failure(
    store: &dyn Store,
    support_id: &str,
) -> Result<Option<LoginEntry>, StoreError> {
    let places = BY_ID.page_of(store, "", support_id.as_bytes(), None, MOST);
    for (at, place) in places.await? {
        let Some(key) = Key::of_id(&ENTRIES, &place.value.account, at.id()) else {
            continue;
        };
        if let Some(found) = RECORDS.get_at(store, &key).await? {
            return Ok(Some(found.value));
        }
    }
    Ok(None)
}

/// Forgets where an account's failures stand, before the entries go with it.
pub async fn forget(store: &dyn Store, account: &AccountId) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = RECORDS.page(store, account.as_str(), b"", after, STEP);
        let page = page.await?;
        let full = page.len() == STEP;
        after = page.last().map(|(key, _)| key.id().to_vec());
        let failures = page
            .iter()
            .filter(|(_, entry)| entry.value.outcome != SUCCESS);
        for at in failures.filter_map(|(key, _)| place_of(key)) {
            store.delete(&at, Precondition::Any).await?;
        }
        if !full {
            return Ok(());
        }
    }
}
