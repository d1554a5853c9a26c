//! The signing keys, as operations need them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::condition::{Condition, Tag};
use super::error::Outcome;
use crate::base::Clock;
use crate::base::digest::{hex, sha256};
use crate::config::Auth;
use crate::key::{Algorithm, KeyError, Keyring};
use crate::store::Store;

/// The keys: those of the broker that serves, or opened when they are needed.
pub struct Keys {
    open: OnceCell<Arc<Keyring>>,
    changing: Mutex<()>,
    later: Option<KeySource>,
    /// The longest that a token lives.
    longest: Duration,
}

struct KeySource {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    auth: Auth,
    data_dir: PathBuf,
}

impl Keys {
    /// The keys of a broker that serves.
    pub fn of(keys: Arc<Keyring>, longest: Duration) -> Self {
        Self {
            open: OnceCell::new_with(Some(keys)),
            changing: Mutex::new(()),
            later: None,
            longest,
        }
    }

    /// The keys in a data directory, which may never be asked for.
    pub fn in_data(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        auth: Auth,
        data_dir: PathBuf,
        longest: Duration,
    ) -> Self {
        Self {
            open: OnceCell::new(),
            changing: Mutex::new(()),
            later: Some(KeySource {
                store,
                clock,
                auth,
                data_dir,
            }),
            longest,
        }
    }

    /// The longest that a token lives.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The keys.
    pub async fn get(&self) -> Result<&Arc<Keyring>, KeyError> {
        self.open
            .get_or_try_init(|| async {
                let later = self.later.as_ref().ok_or(KeyError::Gone)?;
                Keyring::open(
                    Arc::clone(&later.store),
                    &later.auth,
                    Arc::clone(&later.clock),
                    &later.data_dir,
                    self.longest,
                )
                .await
                .map(Arc::new)
            })
            .await
    }

    /// Sees to it that what an account or application is to ask for can be signed,
    /// and is published before it is.
    pub async fn ensure(&self, wanted: Option<Algorithm>) -> Result<(), KeyError> {
        match wanted {
            Some(algorithm) => self.get().await?.ensure(algorithm).await,
            None => Ok(()),
        }
    }

    /// The keys, for a change that nobody else of this broker makes meanwhile, if
    /// the condition holds for them.
    pub async fn to_change(
        &self,
        when: &Condition,
    ) -> Outcome<(&Arc<Keyring>, MutexGuard<'_, ()>)> {
        let alone = self.changing.lock().await;
        let keys = self.get().await?;
        when.check(Some(&tag(keys)))?;
        Ok((keys, alone))
    }
}

/// The tag of all keys: any change of any of them is another.
pub fn tag(keys: &Keyring) -> Tag {
    let mut seen = String::new();
    for info in keys.list() {
        let _ = write!(
            seen,
            "{} {:?} {:?} {:?};",
            info.kid, info.state, info.role, info.retires_at
        );
    }
    Tag::new(&format!("k{}", &hex(&sha256(seen.as_bytes()))[..16]))
}
