//! Which master key a store is encrypted under, and the way to another.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::error::KeyError;
use super::keyring::{seal_ring_again, sealed_ring};
use super::master::{Master, MasterKeys};
use crate::config::Auth;
use crate::store::{Keyspace, Precondition, SealedStore, Space, Store};

static VAULT: Space = Space::durable("vault");

/// The one record.
const RECORDS: Keyspace<Vault> = Keyspace::new(&VAULT);
const ID: &[u8] = b"sealed";

pub(super) fn space() -> &'static Space {
    &VAULT
}

/// How far a store is encrypted.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Vault {
    /// The name of the master key under which records are written.
    under: String,
    /// The spaces in which no record is in the clear or under another key.
    spaces: Vec<String>,
}

/// Puts encryption before a store, in those of the `spaces` that are sealed.
///
/// What is not encrypted yet, or under a former master key, is encrypted now.
/// That goes on where an earlier start broke off.
///
/// # Errors
/// Whatever is wrong with master key or store. Another master key than that of
/// the records is an error, and a missing one is never made anew.
pub async fn open(
    inner: Arc<dyn Store>,
    auth: &Auth,
    data_dir: &Path,
    spaces: impl IntoIterator<Item = &'static Space>,
) -> Result<Arc<dyn Store>, KeyError> {
    let master = Master::new(auth, data_dir)?;
    let spaces = spaces.into_iter().filter(|space| space.sealed).collect();
    seal(inner, &master, spaces).await
}

/// Makes a new master key in its file, and encrypts everything under it. What
/// only the former ones could read is gone from the `inner` store then, and they
/// from the file. Killed on the way, the next [`open`] goes on.
///
/// # Errors
/// As [`open`]; [`KeyError::MasterGiven`] where the configuration has the key.
pub async fn rotate(
    inner: Arc<dyn Store>,
    auth: &Auth,
    data_dir: &Path,
    spaces: impl IntoIterator<Item = &'static Space>,
) -> Result<(), KeyError> {
    let master = Master::new(auth, data_dir)?;
    let spaces: Vec<_> = spaces.into_iter().filter(|space| space.sealed).collect();
    // Everything under one key first: the file never grows beyond two.
    seal(Arc::clone(&inner), &master, spaces.clone()).await?;
    master.replace()?;
    seal(inner, &master, spaces).await.map(|_| ())
}

async fn seal(
    inner: Arc<dyn Store>,
    master: &Master,
    spaces: Vec<&'static Space>,
) -> Result<Arc<dyn Store>, KeyError> {
    let found = RECORDS.get(&*inner, "", ID).await?;
    let known = found.map(|found| found.value).unwrap_or_default();
    let keys = if known != Vault::default() || sealed_ring(&*inner).await? {
        master.existing()?
    } else {
        master.existing_or_new()?
    };
    if known != Vault::default() {
        keys.check(&known.under)?;
    }
    let keys = Arc::new(keys);
    let store = Arc::new(SealedStore::new(Arc::clone(&inner), Arc::clone(&keys) as _));
    let wanted = Vault {
        under: keys.name(),
        spaces: spaces.iter().map(|space| space.name.to_owned()).collect(),
    };
    // Another broker that has not seen the new key yet may write under a former one.
    if known != wanted || keys.has_former() {
        let done = if known.under == wanted.under && !keys.has_former() {
            known.spaces
        } else {
            Vec::new()
        };
        seal_all(&store, &*inner, (&keys, &spaces), done).await?;
        RECORDS
            .put(&*inner, "", ID, &wanted, Precondition::Any)
            .await?;
    }
    master.forget_former()?;
    Ok(store)
}

/// Encrypts whatever is not, in all spaces that are not `done`.
async fn seal_all(
    store: &SealedStore,
    inner: &dyn Store,
    (keys, spaces): (&MasterKeys, &[&'static Space]),
    done: Vec<String>,
) -> Result<(), KeyError> {
    // First of all: a store with anything under a key must say so.
    let begun = Vault {
        under: keys.name(),
        spaces: done,
    };
    RECORDS
        .put(inner, "", ID, &begun, Precondition::Any)
        .await?;
    seal_ring_again(inner, keys).await?;
    for space in spaces {
        if begun.spaces.iter().any(|name| name == space.name) {
            continue;
        }
        let records = store.seal_again(space).await?;
        if records > 0 {
            info!(
                space = space.name,
                records, "secrets were encrypted under the master key"
            );
            warn!(
                "until its place is written over, what was there before can still be read from the disk"
            );
        }
    }
    Ok(())
}
