//! Applications as requests need them: each of these asks for one.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::records::{Applications, LAST_USE_RESOLUTION, RECORDS};
use super::{Application, ClientId};
use crate::base::Timestamp;
use crate::store::{DecodedCache, Store, StoreError};

/// Applications that are remembered.
const MAX_CACHED: usize = 1000;

/// Applications that were read before, as long as nothing about them changed, and
/// when their use was noted.
#[derive(Debug)]
pub struct KnownApplications {
    decoded: DecodedCache<ClientId, Application>,
    /// With when the application was made: another one of the same id is not noted by that.
    noted: Cache<(ClientId, Timestamp), Timestamp>,
}

impl Default for KnownApplications {
    fn default() -> Self {
        Self {
            decoded: DecodedCache::new(MAX_CACHED),
            noted: Cache::new(MAX_CACHED),
        }
    }
}

impl KnownApplications {
    /// Reads an application.
    pub async fn get(
        &self,
        store: &dyn Store,
        id: &ClientId,
    ) -> Result<Option<Arc<Application>>, StoreError> {
        let name = id.as_str().as_bytes();
        self.decoded.read(store, &RECORDS, id, name).await
    }

    /// Writes the last use down, some time after the answer; nothing where this was
    /// done lately.
    pub fn note_use(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        application: &Application,
        now: Timestamp,
    ) {
        let (id, made) = (application.client_id.clone(), application.created_at);
        let key = (id, made);
        let lately = |last: Timestamp| now.since(last) < LAST_USE_RESOLUTION;
        if self.noted.get(&key).is_some_and(lately) {
            return;
        }
        self.noted.insert(key.clone(), now);
        let (known, store) = (Arc::clone(self), Arc::clone(store));
        tokio::spawn(async move {
            if let Err(error) = Applications::note_use(&*store, &key.0, now).await {
                known.noted.remove(&key);
                tracing::warn!(why = %error, "the last use of an application was not noted");
            }
        });
    }
}
