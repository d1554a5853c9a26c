//! The keys in use.

mod apart;
mod source;
mod stored;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;

use self::source::{FileSource, blocking};
use self::stored::{open_stored, stored, unseal, update};
use super::error::KeyError;
use super::generate::{KeyKind, generate};
use super::master::Master;
use super::ring::{ID, KeyState, RINGS, Ring, Stored};
use super::signing::SigningKey;
use super::snapshot::{KeyInfo, Snapshot};
use super::token::{Claims, Expect, VerifyError};
use crate::base::{Clock, Timestamp};
use crate::config::Auth;
use crate::store::Store;

/// An unknown `kid` makes the store be read at most so often (J12).
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The active key and those that verify; see the module's head for their lives.
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
    /// With a configured file its key is the active one. Without, the stored one
    /// is, made at the very first start; of several brokers that start at once,
    /// one makes it. `token_lifetime` is the longest that any token signed here
    /// lives; a key that the file's takes over from is published for so long.
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
        let master = Master::new(auth.master_key.clone(), data_dir)?;
        let file = FileSource::new(auth)?;
        let now = clock.now();
        let (ring, active) = match &file {
            Some(file) => {
                let key = file.load(now).await?;
                let ring = update(&*store, |ring| {
                    ring.purge(now);
                    ring.adopt(&key, now, token_lifetime);
                    Ok(())
                });
                (ring.await?, key)
            }
            None => open_stored(&*store, &master, now, token_lifetime).await?,
        };
        Ok(Self {
            snapshot: ArcSwap::from_pointee(Snapshot::new(&ring, active)?),
            store,
            clock,
            master,
            file,
            token_lifetime,
            changing: Mutex::new(()),
            looked_at: AtomicU64::new(0),
        })
    }

    /// Signs `claims` with the active key; see [`SigningKey::sign`].
    ///
    /// An EC signature is made at once. An RSA signature takes up to a hundred
    /// times as long, so it is made on a thread of its own, at a low priority,
    /// and other requests go on meanwhile.
    pub async fn sign(
        &self,
        typ: &str,
        claims: &(impl Serialize + Sync),
    ) -> Result<String, KeyError> {
        let (active, unsigned) = {
            let snapshot = self.snapshot.load();
            let unsigned = snapshot.active.unsigned(typ, claims)?;
            if snapshot.active.is_quick() {
                return snapshot.active.seal(unsigned);
            }
            (Arc::clone(&snapshot.active), unsigned)
        };
        apart::run(move || active.seal(unsigned)).await
    }

    /// The active key.
    pub fn active(&self) -> Arc<SigningKey> {
        self.snapshot.load().active.clone()
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

    fn may_look(&self) -> bool {
        let now = self.clock.now().as_millis();
        let last = self.looked_at.load(Ordering::Relaxed);
        let due = last.saturating_add(u64::try_from(LOOK_AGAIN.as_millis()).unwrap_or(u64::MAX));
        (last == 0 || now >= due)
            && self
                .looked_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The public keys as a JWK set (RFC 7517 §5), the active one first.
    pub fn jwks(&self) -> Value {
        self.snapshot.load().jwks(self.clock.now())
    }

    /// What there is to tell about each key, the active one first.
    pub fn list(&self) -> Vec<KeyInfo> {
        self.snapshot.load().list(self.clock.now())
    }

    /// A public key as PEM; without a `kid`, the active one's.
    pub fn public_pem(&self, kid: Option<&str>) -> Result<String, KeyError> {
        self.snapshot.load().public_key(kid)?.to_pem()
    }

    /// A certificate and those behind it as PEM; without a `kid`, the active key's.
    pub fn certificate_pem(&self, kid: Option<&str>) -> Result<String, KeyError> {
        let snapshot = self.snapshot.load();
        let chain = snapshot.chain(kid)?.iter();
        Ok(chain.map(super::certificate::Certificate::to_pem).collect())
    }

    /// Reads the store again, for what other brokers changed. A configured file is
    /// read again by [`Keyring::rotate`] only.
    pub async fn reload(&self) -> Result<(), KeyError> {
        let _changing = self.changing.lock().await;
        let now = self.clock.now();
        let active = self.active();
        let ring = update(&*self.store, |ring| {
            if ring.active().is_none() {
                return Err(KeyError::Gone);
            }
            if self.signs_alone(ring) {
                ring.extend(active.kid(), now, self.token_lifetime);
            }
            Ok(())
        })
        .await?;
        self.show(&ring, &active)
    }

    /// Makes a new active key; the old one verifies on for `keep_old_for`, the
    /// longest that a token it signed can live. Zero withdraws it at once.
    ///
    /// The key published ahead by [`Keyring::prepare`] or [`Keyring::import`] is
    /// the new one; else one of the same kind is made. With a configured file,
    /// the new key is what the file now holds.
    pub async fn rotate(&self, keep_old_for: Duration) -> Result<KeyInfo, KeyError> {
        let _changing = self.changing.lock().await;
        let now = self.clock.now();
        let old = self.active();
        let (ring, active) = if let Some(file) = &self.file {
            let key = file.load(now).await?;
            // The same key with a renewed certificate is worth showing.
            if key.kid() == old.kid() && key.certificates() == old.certificates() {
                return Err(KeyError::SameFile { path: file.path() });
            }
            let ring = update(&*self.store, |ring| {
                ring.purge(now);
                ring.adopt(&key, now, keep_old_for);
                Ok(())
            });
            (ring.await?, key)
        } else {
            let fresh = self.fresh_if_none(&old, now).await?;
            let ring = update(&*self.store, |ring| {
                ring.purge(now);
                // Neither: another broker took the next one just now.
                let next = ring.next().or(fresh.as_ref()).ok_or(KeyError::Busy)?;
                ring.activate(next.clone(), now, keep_old_for);
                Ok(())
            })
            .await?;
            let active = unseal(&ring, &self.master)?;
            (ring, active)
        };
        self.show(&ring, &active)?;
        self.info(active.kid())
    }

    /// Publishes the next key ahead of its use; the one there is, if there is one.
    pub async fn prepare(&self) -> Result<KeyInfo, KeyError> {
        let _changing = self.changing.lock().await;
        self.not_from_file()?;
        let fresh = self.fresh_if_none(&self.active(), self.clock.now()).await?;
        self.publish(|ring| {
            if let (None, Some(fresh)) = (ring.next(), &fresh) {
                ring.put_next(fresh.clone());
            }
            ring.next()
                .map(|next| next.kid.clone())
                .ok_or(KeyError::Busy)
        })
        .await
    }

    /// Puts a key and its certificate into the store and publishes it; the next
    /// [`Keyring::rotate`] makes it the active one.
    pub async fn import(&self, key: &SigningKey) -> Result<KeyInfo, KeyError> {
        let _changing = self.changing.lock().await;
        self.not_from_file()?;
        let stored = self.stored(key, self.clock.now())?;
        self.publish(|ring| {
            // One that has signed must stay what it is, for its tokens' sake.
            let signed = |old: &Stored| old.kid == stored.kid && old.state != KeyState::Next;
            if ring.keys.iter().any(signed) {
                return Err(KeyError::AlreadyKnown);
            }
            ring.put_next(stored.clone());
            Ok(stored.kid.clone())
        })
        .await
    }

    fn not_from_file(&self) -> Result<(), KeyError> {
        match &self.file {
            Some(file) => Err(KeyError::FromFile { path: file.path() }),
            None => Ok(()),
        }
    }

    /// A new key like `old`, whose readers know how to verify that; `None` where
    /// one is published ahead.
    async fn fresh_if_none(
        &self,
        old: &SigningKey,
        now: Timestamp,
    ) -> Result<Option<Stored>, KeyError> {
        let ring = RINGS
            .get(&*self.store, "", ID)
            .await?
            .ok_or(KeyError::Gone)?;
        if ring.value.next().is_some() {
            return Ok(None);
        }
        let kind = KeyKind::like(old.public_key());
        let key = blocking(move || generate(kind)).await?;
        self.stored(&key, now).map(Some)
    }

    fn stored(&self, key: &SigningKey, now: Timestamp) -> Result<Stored, KeyError> {
        stored(key, &self.master.existing()?, KeyState::Next, now)
    }

    async fn publish(
        &self,
        mut change: impl FnMut(&mut Ring) -> Result<String, KeyError>,
    ) -> Result<KeyInfo, KeyError> {
        let mut kid = String::new();
        let ring = update(&*self.store, |ring| {
            kid = change(ring)?;
            Ok(())
        })
        .await?;
        self.show(&ring, &self.active())?;
        self.info(&kid)
    }

    /// True where the ring's active key is not ours to use: ours is from a file,
    /// or theirs is. Ours goes on signing then, and stays published.
    fn signs_alone(&self, ring: &Ring) -> bool {
        self.file.is_some() || ring.active().is_some_and(|active| active.sealed.is_none())
    }

    /// Swaps in a view of `ring`; `known` is our key so far, and spares decrypting
    /// the ring's active one where that is the same.
    fn show(&self, ring: &Ring, known: &Arc<SigningKey>) -> Result<(), KeyError> {
        let same = ring
            .active()
            .is_some_and(|active| active.kid == known.kid());
        let active = if same || self.signs_alone(ring) {
            known.clone()
        } else {
            unseal(ring, &self.master)?
        };
        self.snapshot.store(Arc::new(Snapshot::new(ring, active)?));
        Ok(())
    }

    fn info(&self, kid: &str) -> Result<KeyInfo, KeyError> {
        let found = self.list().into_iter().find(|info| info.kid == kid);
        found.ok_or_else(|| KeyError::NoSuchKey(kid.to_owned()))
    }
}
