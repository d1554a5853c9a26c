//! Changes of the keys: made, published ahead, imported, rotated.

use std::sync::Arc;
use std::time::Duration;

use super::Keyring;
use super::source::blocking;
use super::stored::{Beside, alone, master_for, stored, update};
use crate::base::Timestamp;
use crate::key::algorithm::Algorithm;
use crate::key::error::KeyError;
use crate::key::generate::{KeyKind, generate};
use crate::key::ring::{ID, KeyState, RINGS, Retention, Ring, Slot, Stored};
use crate::key::signing::SigningKey;
use crate::key::snapshot::{KeyInfo, Signers};

impl Keyring {
    /// Sees to it that a key of this algorithm signs and is published. Where none
    /// does, the one published ahead becomes active, else one is made; of several
    /// who ask at once, one makes it.
    pub async fn ensure(&self, wanted: Algorithm) -> Result<(), KeyError> {
        let signs = || self.snapshot.load().signers.of(Some(wanted)).is_some();
        if signs() {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        if signs() {
            return Ok(());
        }
        // Another broker may have made it.
        self.look().await?;
        if signs() {
            return Ok(());
        }
        let now = self.clock.now();
        let place = Slot::Additional(wanted);
        let fresh = self.fresh_if_none(place, now).await?;
        let ring = update(&*self.store, &alone, |ring| {
            ring.purge(self.clock.surely());
            if self.is_taken(ring, place) || ring.active(place).is_some() {
                return Ok(());
            }
            let next = ring.next(place).or(fresh.as_ref()).ok_or(KeyError::Busy)?;
            ring.activate(next.clone(), now, self.keep(self.token_lifetime));
            Ok(())
        })
        .await?;
        self.show(&ring, &self.signers())
    }

    /// Makes a new active key; the old one verifies on for `keep_old_for`, the
    /// longest that a token it signed can live. Zero withdraws it at once.
    ///
    /// It is the key that signs `wanted`, or the default one. The key published
    /// ahead by [`Keyring::prepare`] or [`Keyring::import`] is the new one; else
    /// one of the same kind is made. With a configured file, the new default key
    /// is what the file now holds.
    pub async fn rotate(
        &self,
        wanted: Option<Algorithm>,
        keep_old_for: Duration,
        beside: Beside<'_>,
    ) -> Result<KeyInfo, KeyError> {
        let _changing = self.changing.lock().await;
        let now = self.clock.now();
        let place = self.place(wanted);
        let known = self.signers();
        let keep = self.keep(keep_old_for);
        if let (Slot::Default, Some(file)) = (place, &self.file) {
            let key = file.load(now).await?;
            let old = &known.default;
            // The same key with a renewed certificate is worth showing.
            if key.kid() == old.kid() && key.certificates() == old.certificates() {
                return Err(KeyError::SameFile { path: file.path() });
            }
            let ring = update(&*self.store, beside, |ring| {
                ring.purge(self.clock.surely());
                ring.adopt(&key, now, keep);
                Ok(())
            })
            .await?;
            let kid = key.kid().to_owned();
            let additional = known.additional.clone();
            self.show(
                &ring,
                &Signers {
                    default: key,
                    additional,
                },
            )?;
            return self.info(&kid);
        }
        let fresh = self.fresh_if_none(place, now).await?;
        let mut kid = String::new();
        let ring = update(&*self.store, beside, |ring| {
            ring.purge(self.clock.surely());
            if self.is_taken(ring, place) {
                return Err(KeyError::Busy);
            }
            // Neither: another broker took the next one just now.
            let next = ring.next(place).or(fresh.as_ref()).ok_or(KeyError::Busy)?;
            kid.clone_from(&next.kid);
            ring.activate(next.clone(), now, keep);
            Ok(())
        })
        .await?;
        self.show(&ring, &known)?;
        self.info(&kid)
    }

    /// Publishes the next key for `wanted`, or the next default one, ahead of its
    /// use; the one there is, if there is one.
    pub async fn prepare(
        &self,
        wanted: Option<Algorithm>,
        beside: Beside<'_>,
    ) -> Result<KeyInfo, KeyError> {
        let _changing = self.changing.lock().await;
        let place = self.place(wanted);
        self.not_from_file(place)?;
        let fresh = self.fresh_if_none(place, self.clock.now()).await?;
        self.publish(beside, |ring| {
            if let (None, Some(fresh)) = (ring.next(place), &fresh) {
                ring.put_next(place, fresh.clone());
            }
            ring.next(place)
                .map(|next| next.kid.clone())
                .ok_or(KeyError::Busy)
        })
        .await
    }

    /// Puts a key and its certificate into the store and publishes it; the next
    /// [`Keyring::rotate`] makes it the default one, or the additional one of its
    /// algorithm.
    pub async fn import(
        &self,
        key: &SigningKey,
        additional: bool,
        beside: Beside<'_>,
    ) -> Result<KeyInfo, KeyError> {
        let _changing = self.changing.lock().await;
        let algorithm = key.algorithm();
        let place = match (additional, self.place(Some(algorithm))) {
            (false, _) => Slot::Default,
            (true, Slot::Default) => return Err(KeyError::NotAdditional(algorithm)),
            (true, place) => place,
        };
        self.not_from_file(place)?;
        let stored = self.stored(key, place, self.clock.now()).await?;
        self.publish(beside, |ring| {
            // One that has signed must stay what it is, for its tokens' sake.
            let signed = |old: &Stored| old.kid == stored.kid && old.state != KeyState::Next;
            if ring.keys.iter().any(signed) {
                return Err(KeyError::AlreadyKnown);
            }
            ring.put_next(place, stored.clone());
            Ok(stored.kid.clone())
        })
        .await
    }

    fn keep(&self, replaced: Duration) -> Retention {
        Retention {
            replaced,
            superseded: self.token_lifetime,
        }
    }

    /// Where the key is that signs this.
    fn place(&self, wanted: Option<Algorithm>) -> Slot {
        match wanted {
            Some(other) if other != self.active().algorithm() => Slot::Additional(other),
            _ => Slot::Default,
        }
    }

    /// True where another broker just made a key of this algorithm the default one.
    fn is_taken(&self, ring: &Ring, place: Slot) -> bool {
        let Slot::Additional(wanted) = place else {
            return false;
        };
        let default = ring.active(Slot::Default);
        !self.signs_alone(ring) && default.is_some_and(|key| key.algorithm() == Some(wanted))
    }

    fn not_from_file(&self, place: Slot) -> Result<(), KeyError> {
        match (&self.file, place) {
            (Some(file), Slot::Default) => Err(KeyError::FromFile { path: file.path() }),
            _ => Ok(()),
        }
    }

    async fn ring(&self) -> Result<Ring, KeyError> {
        let found = RINGS.get(&*self.store, "", ID).await?;
        Ok(found.ok_or(KeyError::Gone)?.value)
    }

    /// A new key like the one that signs there, whose readers know how to verify
    /// that; `None` where one is published ahead.
    async fn fresh_if_none(&self, place: Slot, now: Timestamp) -> Result<Option<Stored>, KeyError> {
        if self.ring().await?.next(place).is_some() {
            return Ok(None);
        }
        let signers = self.signers();
        let kind = match place {
            Slot::Default => KeyKind::like(signers.default.public_key()),
            Slot::Additional(algorithm) => match signers.of(Some(algorithm)) {
                Some(old) => KeyKind::like(old.public_key()),
                None => algorithm.into(),
            },
        };
        let key: Arc<SigningKey> = blocking(move || generate(kind)).await?;
        self.stored(&key, place, now).await.map(Some)
    }

    async fn stored(
        &self,
        key: &SigningKey,
        place: Slot,
        now: Timestamp,
    ) -> Result<Stored, KeyError> {
        let master = master_for(&self.ring().await?, &self.master)?;
        stored(key, &master, (place.role(), KeyState::Next), now)
    }

    async fn publish(
        &self,
        beside: Beside<'_>,
        mut change: impl FnMut(&mut Ring) -> Result<String, KeyError>,
    ) -> Result<KeyInfo, KeyError> {
        let mut kid = String::new();
        let ring = update(&*self.store, beside, |ring| {
            kid = change(ring)?;
            Ok(())
        })
        .await?;
        self.show(&ring, &self.signers())?;
        self.info(&kid)
    }

    fn info(&self, kid: &str) -> Result<KeyInfo, KeyError> {
        let found = self.list().into_iter().find(|info| info.kid == kid);
        found.ok_or_else(|| KeyError::NoSuchKey(kid.to_owned()))
    }
}
