//! The keys in use.

mod change;
mod source;
mod stored;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;

use self::source::FileSource;
pub use self::stored::{Beside, alone};
use self::stored::{open_stored, unseal, update};
pub(super) use self::stored::{seal_ring_again, sealed_ring};
use super::algorithm::Algorithm;
use super::error::KeyError;
use super::master::Master;
use super::ring::{Retention, Ring, Slot};
use super::signing::SigningKey;
use super::snapshot::{KeyInfo, Signers, Snapshot};
use super::token::{Claims, Expect, VerifyError};
use crate::base::{BackgroundPool, Clock, Timestamp};
use crate::config::Auth;
use crate::store::Store;

/// Slow signatures. Of the process, not of a keyring: the processors are the process's too.
static SIGNATURES: LazyLock<BackgroundPool> = LazyLock::new(|| BackgroundPool::start("sign"));

/// An unknown `kid` makes the store be read at most so often (J12).
const RELOAD_INTERVAL: Duration = Duration::from_secs(5);

/// The keys that sign and those that verify; see the module's head for their lives.
///
/// Signing and verifying take no lock: they go by a snapshot that changes swap.
pub struct Keyring {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    master: Master,
    file: Option<FileSource>,
    token_lifetime: Duration,
    snapshot: ArcSwap<Snapshot>,
    /// Changes, one at a time, so that an older view never replaces a newer one.
    changing: Mutex<()>,
    looked_at: AtomicU64,
}

impl Keyring {
    /// The keys of the configuration and the store.
    ///
    /// With a configured file its key is the default one. Without, the stored one
    /// is, made at the very first start; of several brokers that start at once,
    /// one makes it. Additional keys are stored in any case. `token_lifetime` is
    /// the longest that any token signed here lives; a key that the file's takes
    /// over from is published for so long.
    ///
    /// # Errors
    /// Whatever is wrong with files, master key or store; never replaced silently.
    pub async fn open(
        store: Arc<dyn Store>,
        auth: &Auth,
        clock: Arc<dyn Clock>,
        data_dir: &Path,
        token_lifetime: Duration,
    ) -> Result<Self, KeyError> {
        let master = Master::new(auth, data_dir)?;
        let file = FileSource::new(auth)?;
        let now = clock.now();
        let keep = Retention {
            replaced: token_lifetime,
            superseded: token_lifetime,
        };
        let (ring, default) = match &file {
            Some(file) => {
                let key = file.load(now).await?;
                let ring = update(&*store, &alone, |ring| {
                    ring.purge(clock.surely());
                    ring.adopt(&key, now, keep);
                    Ok(())
                });
                (ring.await?, key)
            }
            None => open_stored(&*store, &master, &*clock, keep).await?,
        };
        let signers = signers(&ring, default, &[], &master)?;
        Ok(Self {
            snapshot: ArcSwap::from_pointee(Snapshot::new(&ring, Arc::new(signers))?),
            store,
            clock,
            master,
            file,
            token_lifetime,
            changing: Mutex::new(()),
            looked_at: AtomicU64::new(0),
        })
    }

    /// Signs `claims` with the key of the algorithm that is wanted; without, with
    /// the default one. See [`SigningKey::sign`]. Where no key of it signs yet,
    /// one is made as [`Keyring::ensure`] does: nothing fails for its lack.
    ///
    /// An EC signature is made at once. An RSA signature takes up to a hundred
    /// times as long, so it is made on a thread of its own, at a low priority,
    /// and other requests go on meanwhile.
    pub async fn sign(
        &self,
        wanted: Option<Algorithm>,
        typ: &str,
        claims: &(impl Serialize + Sync),
    ) -> Result<String, KeyError> {
        if let Some(algorithm) = wanted {
            self.ensure(algorithm).await?;
        }
        let (key, unsigned) = {
            let snapshot = self.snapshot.load();
            // Withdrawn a moment ago.
            let key = snapshot.signers.of(wanted).ok_or(KeyError::Busy)?;
            let unsigned = key.unsigned(typ, claims)?;
            if key.is_quick() {
                return key.seal(unsigned);
            }
            (Arc::clone(key), unsigned)
        };
        let sealed = SIGNATURES.run(move || key.seal(unsigned)).await;
        sealed.unwrap_or(Err(KeyError::Crypto("sign")))
    }

    /// The default key.
    pub fn active(&self) -> Arc<SigningKey> {
        Arc::clone(&self.snapshot.load().signers.default)
    }

    /// What tokens are signed with at present, the default key's in front.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let snapshot = self.snapshot.load();
        snapshot.signers.all().map(|key| key.algorithm()).collect()
    }

    /// Verifies a token of ours (RFC 7515 §5.2, RFC 7519 §7.2, RFC 8725): key,
    /// algorithm, signature, issuer, audience and time, always.
    pub fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<Claims, VerifyError> {
        self.snapshot.load().verify(token, expect)
    }

    /// Like [`Keyring::verify`]; where the key is unknown, the store is looked at
    /// again first: another broker may have rotated. At most every 5 seconds.
    pub async fn verify_fresh(
        &self,
        token: &str,
        expect: &Expect<'_>,
    ) -> Result<Claims, VerifyError> {
        let first = self.verify(token, expect);
        if first != Err(VerifyError::UnknownKey) || !self.may_look() {
            return first;
        }
        if let Err(error) = self.reload().await {
            tracing::warn!(%error, "the signing keys could not be read again");
            return first;
        }
        self.verify(token, expect)
    }

    /// Whether tokens under the key of this name count.
    pub fn has(&self, kid: &str, now: Timestamp) -> bool {
        self.snapshot.load().has(kid, now)
    }

    fn may_look(&self) -> bool {
        let now = self.clock.now().as_millis();
        let last = self.looked_at.load(Ordering::Relaxed);
        let due =
            last.saturating_add(u64::try_from(RELOAD_INTERVAL.as_millis()).unwrap_or(u64::MAX));
        (last == 0 || now >= due)
            && self
                .looked_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The public keys as a JWK set (RFC 7517 §5), those that sign first.
    pub fn jwks(&self) -> Value {
        self.snapshot.load().jwks(self.clock.now())
    }

    /// What there is to tell about each key, those that sign first.
    pub fn list(&self) -> Vec<KeyInfo> {
        self.snapshot.load().list(self.clock.now())
    }

    /// A public key as PEM; without a `kid`, the default one's.
    pub fn public_pem(&self, kid: Option<&str>) -> Result<String, KeyError> {
        self.snapshot.load().public_key(kid)?.to_pem()
    }

    /// A certificate and those behind it as PEM; without a `kid`, the default key's.
    pub fn certificate_pem(&self, kid: Option<&str>) -> Result<String, KeyError> {
        let snapshot = self.snapshot.load();
        let chain = snapshot.chain(kid)?.iter();
        Ok(chain.map(super::certificate::Certificate::to_pem).collect())
    }

    /// Another number whenever the stored keys may have changed; `None` while that
    /// is not known: see [`Store::revision`].
    pub fn revision(&self) -> Option<u64> {
        self.store.revision(super::ring::space())
    }

    /// Reads the store again, for what other brokers changed. A configured file is
    /// read again by [`Keyring::rotate`] only.
    pub async fn reload(&self) -> Result<(), KeyError> {
        let _changing = self.changing.lock().await;
        self.look().await
    }

    async fn look(&self) -> Result<(), KeyError> {
        let now = self.clock.now();
        let known = self.signers();
        let ring = update(&*self.store, &alone, |ring| {
            if ring.active(Slot::Default).is_none() {
                return Err(KeyError::Gone);
            }
            if self.signs_alone(ring) {
                ring.extend(known.default.kid(), now, self.token_lifetime);
            }
            Ok(())
        })
        .await?;
        self.show(&ring, &known)
    }

    fn signers(&self) -> Arc<Signers> {
        Arc::clone(&self.snapshot.load().signers)
    }

    /// True where the ring's default key is not ours to use: ours is from a file,
    /// or theirs is. Ours goes on signing then, and stays published.
    fn signs_alone(&self, ring: &Ring) -> bool {
        let active = ring.active(Slot::Default);
        self.file.is_some() || active.is_some_and(|active| active.sealed.is_none())
    }

    /// Swaps in a view of `ring`; `known` are our keys so far, and spare decrypting
    /// those of the ring that are the same.
    fn show(&self, ring: &Ring, known: &Signers) -> Result<(), KeyError> {
        let active = ring.active(Slot::Default);
        let same = active.is_some_and(|active| active.kid == known.default.kid());
        let default = if same || self.signs_alone(ring) {
            Arc::clone(&known.default)
        } else {
            unseal(active, &self.master)?
        };
        let signers = signers(ring, default, &known.additional, &self.master)?;
        let snapshot = Snapshot::new(ring, Arc::new(signers))?;
        self.snapshot.store(Arc::new(snapshot));
        Ok(())
    }
}

/// The default key, and the additional ones of other algorithms than its own.
fn signers(
    ring: &Ring,
    default: Arc<SigningKey>,
    known: &[Arc<SigningKey>],
    master: &Master,
) -> Result<Signers, KeyError> {
    let mut additional = Vec::new();
    for stored in ring.additional() {
        if stored.algorithm() == Some(default.algorithm()) {
            continue;
        }
        additional.push(match known.iter().find(|key| key.kid() == stored.kid) {
            Some(same) => Arc::clone(same),
            None => unseal(Some(stored), master)?,
        });
    }
    Ok(Signers {
        default,
        additional,
    })
}
