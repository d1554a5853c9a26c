//! Where applications are kept.

use std::time::Duration;

use super::{Application, ClientId};
use crate::base::{AccountId, Timestamp};
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Version, Versioned};

static APPLICATIONS: Space = Space::durable("applications").owned().sealed();
static USES: Space = Space::durable("application_uses");

pub(in crate::authority) fn spaces() -> [&'static Space; 2] {
    [&APPLICATIONS, &USES]
}

/// By client id, in no partition: a client id names one application of all. An
/// application is its account's, where it has one.
pub(super) const RECORDS: Keyspace<Application> =
    Keyspace::new(&APPLICATIONS).owned_by(|application| {
        let account = application.account.as_ref()?;
        Some(account.as_str().as_bytes().to_vec())
    });
const LAST_USES: Keyspace<Timestamp> = Keyspace::new(&USES);

/// The last use is written down at most so often.
pub(super) const LAST_USE_RESOLUTION: Duration = Duration::from_secs(300);

/// The applications in a store.
pub struct Applications;

impl Applications {
    /// The space that has them.
    pub fn space() -> &'static Space {
        RECORDS.space()
    }

    /// Reads an application.
    pub async fn get(
        store: &dyn Store,
        id: &ClientId,
    ) -> Result<Option<Versioned<Application>>, StoreError> {
        RECORDS.get(store, "", id.as_str().as_bytes()).await
    }

    /// Writes an application if `when` holds.
    pub async fn put(
        store: &dyn Store,
        application: &Application,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        let id = application.client_id.as_str().as_bytes();
        RECORDS.put(store, "", id, application, when).await
    }

    /// The steps of a batch that write an application if `when` holds.
    pub fn step_put(
        application: &Application,
        when: Precondition,
    ) -> Result<Vec<Step>, StoreError> {
        let id = application.client_id.as_str().as_bytes();
        Ok(vec![
            RECORDS.step_check("", id, when),
            RECORDS.step_put("", id, application)?,
        ])
    }

    /// The steps of a batch that remove an application if `when` holds; its tokens end
    /// with it.
    pub fn step_remove(id: &ClientId, when: Precondition) -> Vec<Step> {
        let id = id.as_str().as_bytes();
        vec![
            RECORDS.step_check("", id, when),
            RECORDS.step_delete("", id),
            LAST_USES.step_delete("", id),
        ]
    }

    /// Removes an application; its tokens end with it.
    pub async fn remove(
        store: &dyn Store,
        id: &ClientId,
        when: Precondition,
    ) -> Result<bool, StoreError> {
        let id = id.as_str().as_bytes();
        let removed = RECORDS.delete(store, "", id, when).await?;
        LAST_USES.delete(store, "", id, Precondition::Any).await?;
        Ok(removed)
    }

    /// A page of applications in the order of their ids; of one account, if that
    /// is given.
    pub async fn page(
        store: &dyn Store,
        account: Option<&AccountId>,
        after: Option<&ClientId>,
        limit: usize,
    ) -> Result<Vec<Versioned<Application>>, StoreError> {
        let after = after.map(|id| id.as_str().as_bytes().to_vec());
        let page = match account {
            None => RECORDS.page(store, "", b"", after, limit).await?,
            Some(account) => {
                let owner = account.as_str().as_bytes();
                RECORDS.page_of(store, "", owner, after, limit).await?
            }
        };
        Ok(page
            .into_iter()
            .map(|(_, application)| application)
            .collect())
    }

    /// Gives applications of before their owners.
    pub async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        RECORDS.index(store, now).await
    }

    /// Notes a use, unless one was noted lately.
    pub async fn note_use(
        store: &dyn Store,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(last) = used_at(store, id).await?
            && now.since(last) < LAST_USE_RESOLUTION
        {
            return Ok(());
        }
        let key = id.as_str().as_bytes();
        LAST_USES
            .put(store, "", key, &now, Precondition::Any)
            .await?;
        Ok(())
    }
}

/// When an application was last used, to within five minutes.
pub async fn used_at(store: &dyn Store, id: &ClientId) -> Result<Option<Timestamp>, StoreError> {
    let found = LAST_USES.get(store, "", id.as_str().as_bytes()).await?;
    Ok(found.map(|found| found.value))
}
