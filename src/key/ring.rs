//! The keys as they are stored, all in one record: few, small, and changed
//! together, so that one conditional write keeps every broker's view whole.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::certificate::Certificate;
use super::error::KeyError;
use super::master::Sealed;
use super::public::PublicKey;
use super::signing::SigningKey;
use crate::base::Timestamp;
use crate::store::{Class, Keyspace, Space};

static SPACE: Space = Space {
    name: "keys",
    class: Class::Durable,
    expiring: false,
};

/// The one record.
pub(super) static RINGS: Keyspace<Ring> = Keyspace::new(&SPACE);
/// Its id.
pub(super) const ID: &[u8] = b"ring";

/// Brokers that share a store notice a rotation only when they look; until then
/// they sign with the old key, which is published for so much longer.
const SLACK: Duration = Duration::from_secs(300);

/// What a key is for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published ahead: signs from the next rotation on.
    Next,
    /// Signs.
    Active,
    /// Only verifies what it signed before.
    Published,
}

/// Where a private key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeyOrigin")]
pub enum Origin {
    /// In the configured file; the store knows the public part.
    File,
    /// In the store, encrypted.
    Store,
}

/// One key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) kid: String,
    pub(super) state: KeyState,
    pub(super) origin: Origin,
    /// For a file's key: when it was first seen.
    pub(super) created_at: Timestamp,
    /// From when on it verifies nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retires_at: Option<Timestamp>,
    public: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chain: Vec<String>,
    /// The private part, as long as it will sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sealed: Option<Sealed>,
}

impl Stored {
    pub(super) fn new(
        key: &SigningKey,
        state: KeyState,
        sealed: Option<Sealed>,
        now: Timestamp,
    ) -> Self {
        let origin = match sealed {
            Some(_) => Origin::Store,
            None => Origin::File,
        };
        Self {
            kid: key.kid().to_owned(),
            state,
            origin,
            created_at: now,
            retires_at: None,
            public: key.public_key().jwk(),
            chain: encode(key),
            sealed,
        }
    }

    /// Its public part. The name must be its own: tokens are looked up by it.
    pub(super) fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_jwk(&self.public)
            .filter(|key| key.kid() == self.kid)
            .ok_or_else(|| {
                KeyError::Corrupt(format!("the public part of `{}` is damaged", self.kid))
            })
    }

    /// Its certificates.
    pub(super) fn certificates(&self) -> Result<Vec<Certificate>, KeyError> {
        let read = |text: &String| Certificate::from_der(&STANDARD.decode(text).ok()?);
        let all: Option<_> = self.chain.iter().map(read).collect();
        all.ok_or_else(|| {
            KeyError::Corrupt(format!("the certificate of `{}` is damaged", self.kid))
        })
    }
}

fn encode(key: &SigningKey) -> Vec<String> {
    let all = key.certificates().iter();
    all.map(|one| STANDARD.encode(one.der())).collect()
}

/// All keys.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ring {
    pub(super) keys: Vec<Stored>,
}

impl Ring {
    fn in_state(&self, state: KeyState) -> Option<&Stored> {
        self.keys.iter().find(|key| key.state == state)
    }

    pub(super) fn active(&self) -> Option<&Stored> {
        self.in_state(KeyState::Active)
    }

    pub(super) fn next(&self) -> Option<&Stored> {
        self.in_state(KeyState::Next)
    }

    /// True if a master key is needed to read it.
    pub(super) fn has_sealed(&self) -> bool {
        self.keys.iter().any(|key| key.sealed.is_some())
    }

    /// Forgets the keys whose time is over.
    pub(super) fn purge(&mut self, now: Timestamp) {
        self.keys
            .retain(|key| key.retires_at.is_none_or(|end| now < end));
    }

    /// Puts a key published ahead; it takes the place of one that was.
    pub(super) fn put_next(&mut self, key: Stored) {
        self.keys
            .retain(|old| old.state != KeyState::Next && old.kid != key.kid);
        self.keys.push(key);
    }

    /// Makes `key` the active one. The one that was stays published for `keep`,
    /// without its private part, which nobody needs any more; with nothing to
    /// keep it for, it goes at once. A key published ahead goes too.
    pub(super) fn activate(&mut self, key: Stored, now: Timestamp, keep: Duration) {
        self.keys
            .retain(|old| old.kid != key.kid && old.state != KeyState::Next);
        self.keys
            .retain(|old| !(keep.is_zero() && old.state == KeyState::Active));
        for old in &mut self.keys {
            if old.state == KeyState::Active {
                old.state = KeyState::Published;
                old.retires_at = Some(now.plus(keep).plus(SLACK));
                old.sealed = None;
            }
        }
        self.keys.push(Stored {
            state: KeyState::Active,
            ..key
        });
    }

    /// Makes the key of the configured file the active one, if it is not.
    pub(super) fn adopt(&mut self, key: &SigningKey, now: Timestamp, keep: Duration) {
        let chain = encode(key);
        let same = |old: &&mut Stored| {
            old.kid == key.kid() && old.state == KeyState::Active && old.origin == Origin::File
        };
        match self.keys.iter_mut().find(same) {
            Some(old) => {
                old.chain = chain;
                self.keys.retain(|key| key.state != KeyState::Next);
            }
            None => self.activate(Stored::new(key, KeyState::Active, None, now), now, keep),
        }
    }

    /// A broker still signs with `kid`, from its file, though others have gone
    /// on to another key: it stays published for longer. One that was withdrawn
    /// stays so.
    pub(super) fn extend(&mut self, kid: &str, now: Timestamp, keep: Duration) {
        let needed = now.plus(keep);
        for key in self.keys.iter_mut().filter(|key| key.kid == kid) {
            // Further than needed, so that this is not a write a minute.
            if key.retires_at.is_some_and(|end| end < needed) {
                key.retires_at = Some(needed.plus(keep).plus(SLACK));
            }
        }
    }
}
