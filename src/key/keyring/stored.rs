//! Keys in the store.

use std::sync::Arc;

use crate::base::{Clock, Timestamp};
use crate::key::error::KeyError;
use crate::key::generate::{KeyKind, generate};
use crate::key::master::{Master, MasterKeys};
use crate::key::ring::{ID, KeyState, Outline, RINGS, Retention, Ring, Role, Slot, Stored};
use crate::key::signing::SigningKey;
use crate::store::{Precondition, Step, Store, StoreError};

/// How often a conditional write is tried; more brokers than this don't rotate at once.
const TRIES: usize = 16;

/// A key as it is stored, its private part encrypted.
pub(super) fn stored(
    key: &SigningKey,
    master: &MasterKeys,
    (role, state): (Role, KeyState),
    now: Timestamp,
) -> Result<Stored, KeyError> {
    let sealed = master.seal(key.kid(), &key.to_pkcs8()?)?;
    Ok(Stored::new(key, (role, state), Some(sealed), now))
}

/// The master key for what is to be added to a ring; made now, if nothing in it
/// is encrypted yet.
pub(super) fn master_for(ring: &Ring, master: &Master) -> Result<MasterKeys, KeyError> {
    if ring.has_sealed() {
        master.existing()
    } else {
        master.existing_or_new()
    }
}

/// The stored active key; made now, if none of the stored ones can sign.
pub(super) async fn open_stored(
    store: &dyn Store,
    master: &Master,
    clock: &dyn Clock,
    keep: Retention,
) -> Result<(Ring, Arc<SigningKey>), KeyError> {
    let (now, surely) = (clock.now(), clock.surely());
    let ring = update(store, &alone, |ring| {
        // Before anything is changed: what is encrypted must be readable.
        if ring.has_sealed() {
            let master = master.existing()?;
            for key in &ring.keys {
                if let Some(sealed) = &key.sealed {
                    master.open(&key.kid, sealed)?;
                }
            }
        }
        ring.purge(surely);
        let active = ring.active(Slot::Default);
        if active.is_none_or(|active| active.sealed.is_none()) {
            let master = master_for(ring, master)?;
            let what = (Role::Default, KeyState::Active);
            let key = stored(&generate(KeyKind::P256)?, &master, what, now)?;
            ring.activate(key, now, keep);
        }
        Ok(())
    })
    .await?;
    let active = unseal(ring.active(Slot::Default), master)?;
    Ok((ring, active))
}

/// Whether a private key in a store is encrypted.
pub(in crate::key) async fn sealed_ring(store: &dyn Store) -> Result<bool, KeyError> {
    let ring = RINGS.get(store, "", ID).await?;
    Ok(ring.is_some_and(|ring| ring.value.has_sealed()))
}

/// Encrypts private keys that are under a former master key under the present one.
pub(in crate::key) async fn seal_ring_again(
    store: &dyn Store,
    master: &MasterKeys,
) -> Result<(), KeyError> {
    let ring = update(store, &alone, |ring| {
        for key in &mut ring.keys {
            if let Some(sealed) = &key.sealed
                && let Some(again) = master.seal_again(&key.kid, sealed)?
            {
                key.sealed = Some(again);
            }
        }
        Ok(())
    });
    // Nothing is written where there is no ring.
    ring.await.map(|_| ())
}

/// An active key, decrypted and parsed.
pub(super) fn unseal(
    active: Option<&Stored>,
    master: &Master,
) -> Result<Arc<SigningKey>, KeyError> {
    let active = active.ok_or(KeyError::Gone)?;
    let kid = &active.kid;
    let damaged = |_| KeyError::Corrupt(format!("the private part of `{kid}` is damaged"));
    let sealed = active.sealed.as_ref().ok_or_else(|| {
        KeyError::Corrupt(format!("the active key `{kid}` is another broker's file"))
    })?;
    let private = master.existing()?.open(kid, sealed)?;
    let mut key = SigningKey::from_pkcs8(&private).map_err(damaged)?;
    let chain = active.certificates()?;
    if !chain.is_empty() {
        key = key.with_certificates(chain).map_err(damaged)?;
    }
    if key.kid() == kid {
        Ok(Arc::new(key))
    } else {
        Err(KeyError::Corrupt(format!(
            "`{kid}` is not the name of its key"
        )))
    }
}

/// The steps that are written in one commit with a change of the keys, from what they
/// were and what they become: the entry in the audit log, so that neither is on disk
/// without the other.
pub type Beside<'a> =
    &'a (dyn Fn(&[Outline], &[Outline]) -> Result<Vec<Step>, StoreError> + Send + Sync);

/// A change of the keys by itself, with nothing beside it.
pub fn alone(_before: &[Outline], _after: &[Outline]) -> Result<Vec<Step>, StoreError> {
    Ok(Vec::new())
}

/// Changes the stored keys; again from the start, if another broker was faster.
/// Writes nothing where nothing changes.
pub(super) async fn update(
    store: &dyn Store,
    beside: Beside<'_>,
    mut change: impl FnMut(&mut Ring) -> Result<(), KeyError>,
) -> Result<Ring, KeyError> {
    for _ in 0..TRIES {
        let (before, when) = match RINGS.get(store, "", ID).await? {
            Some(found) => (found.value, Precondition::Version(found.version)),
            None => (Ring::default(), Precondition::Absent),
        };
        let mut ring = before.clone();
        change(&mut ring)?;
        if ring == before {
            return Ok(ring);
        }
        let mut steps = vec![
            RINGS.step_check("", ID, when),
            RINGS.step_put("", ID, &ring)?,
        ];
        steps.extend(beside(&before.outline(), &ring.outline())?);
        match store.commit(steps).await {
            Err(StoreError::Conflict) => {}
            Ok(_) => return Ok(ring),
            Err(error) => return Err(error.into()),
        }
    }
    Err(KeyError::Busy)
}
