//! The keys as they are stored, all in one record: few, small, and changed
//! together, so that one conditional write keeps every broker's view whole.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::error::KeyError;
use super::master::Sealed;
use super::public::PublicKey;
use super::signing::SigningKey;
use crate::base::Timestamp;
use crate::store::{Keyspace, Space, Watched};

static SPACE: Space = Space::durable("keys").watched(Watched::Writes);

pub(super) fn space() -> &'static Space {
    &SPACE
}

/// The one record.
pub(super) static RINGS: Keyspace<Ring> = Keyspace::new(&SPACE);
/// Its id.
pub(super) const ID: &[u8] = b"ring";

/// Brokers that share a store notice a rotation only when they look; until then
/// they sign with the old key, which is published for so much longer.
const RELOAD_MARGIN: Duration = Duration::from_secs(300);

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

/// What a key is asked to sign, in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeyRole")]
pub enum Role {
    /// Whatever asks for no algorithm, or for its own.
    #[default]
    Default,
    /// Only what asks for its algorithm.
    Additional,
}

/// Where one key of a ring is active, and one may be next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Default,
    Additional(Algorithm),
}

impl Slot {
    pub(super) fn role(self) -> Role {
        match self {
            Self::Default => Role::Default,
            Self::Additional(_) => Role::Additional,
        }
    }
}

/// One key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) kid: String,
    pub(super) state: KeyState,
    /// Rings from before there were additional keys say nothing of it.
    #[serde(default)]
    pub(super) role: Role,
    pub(super) origin: Origin,
    /// For a file's key: when it was first seen.
    pub(super) created_at: Timestamp,
    /// When it stops verifying tokens.
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
        (role, state): (Role, KeyState),
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
            role,
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

    /// What it signs with; `None` if that is damaged.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        let name = self.public.get("alg")?.as_str()?;
        name.parse().ok()
    }

    /// Whether it is, was or will be active there.
    fn is_at(&self, place: Slot) -> bool {
        match place {
            Slot::Default => self.role == Role::Default,
            Slot::Additional(algorithm) => {
                self.role == Role::Additional && self.algorithm() == Some(algorithm)
            }
        }
    }

    /// Whether `new`, once active, leaves it nothing to sign: a default key
    /// takes over from an additional one of its algorithm too.
    fn yields_to(&self, new: &Self) -> bool {
        let same = self.algorithm() == new.algorithm();
        match new.role {
            Role::Default => self.role == Role::Default || same,
            Role::Additional => self.role == Role::Additional && same,
        }
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

/// How long keys that sign no more stay published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    /// The one that is replaced; zero withdraws it.
    pub(super) replaced: Duration,
    /// An additional one that the default one takes over from: it may be
    /// replaced because it is known to others, this one is not.
    pub(super) superseded: Duration,
}

impl Retention {
    fn of(self, old: &Stored, new: &Stored) -> Duration {
        if old.role == new.role {
            self.replaced
        } else {
            self.superseded
        }
    }
}

/// What the audit log says of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outline {
    /// Its name.
    pub kid: String,
    /// What it is for.
    pub state: KeyState,
    /// What it is asked to sign, in its time.
    pub role: Role,
}

/// Where a key is in a list: readers that take the first key of a set should find the
/// one in use.
pub(super) fn place(state: KeyState, role: Role) -> u8 {
    match (state, role) {
        (KeyState::Active, Role::Default) => 0,
        (KeyState::Active, Role::Additional) => 1,
        (KeyState::Next, _) => 2,
        (KeyState::Published, _) => 3,
    }
}

/// All keys.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ring {
    pub(super) keys: Vec<Stored>,
}

impl Ring {
    /// What the audit log says of it.
    pub(super) fn outline(&self) -> Vec<Outline> {
        let mut outline: Vec<_> = self
            .keys
            .iter()
            .map(|key| Outline {
                kid: key.kid.clone(),
                state: key.state,
                role: key.role,
            })
            .collect();
        outline.sort_by_key(|key| place(key.state, key.role));
        outline
    }

    fn find(&self, place: Slot, state: KeyState) -> Option<&Stored> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.state == state && key.is_at(place))
    }

    pub(super) fn active(&self, place: Slot) -> Option<&Stored> {
        self.find(place, KeyState::Active)
    }

    pub(super) fn next(&self, place: Slot) -> Option<&Stored> {
        self.find(place, KeyState::Next)
    }

    /// The additional keys that sign.
    pub(super) fn additional(&self) -> impl Iterator<Item = &Stored> {
        let active = |key: &&Stored| key.state == KeyState::Active && key.role == Role::Additional;
        self.keys.iter().filter(active)
    }

    /// True if a master key is needed to read it.
    pub(super) fn has_sealed(&self) -> bool {
        self.keys.iter().any(|key| key.sealed.is_some())
    }

    /// Forgets the keys whose time is over, see [`Clock::surely`](crate::base::Clock::surely).
    pub(super) fn purge(&mut self, surely: Timestamp) {
        self.keys
            .retain(|key| key.retires_at.is_none_or(|end| surely < end));
    }

    /// Puts a key published ahead; it takes the place of one that was.
    pub(super) fn put_next(&mut self, place: Slot, key: Stored) {
        self.keys.retain(|old| {
            let replaced = old.state == KeyState::Next && old.is_at(place);
            !replaced && old.kid != key.kid
        });
        self.keys.push(key);
    }

    /// Makes `key` the active one of its place. The one that was stays published
    /// as `keep` says, without its private part, which nobody needs any more; with
    /// nothing to keep it for, it goes at once. A key published ahead goes too.
    pub(super) fn activate(&mut self, key: Stored, now: Timestamp, keep: Retention) {
        self.keys.retain(|old| {
            let over = match old.state {
                KeyState::Next => true,
                KeyState::Active => keep.of(old, &key).is_zero(),
                KeyState::Published => false,
            };
            old.kid != key.kid && !(over && old.yields_to(&key))
        });
        for old in &mut self.keys {
            if old.state == KeyState::Active && old.yields_to(&key) {
                old.state = KeyState::Published;
                old.retires_at = Some(now.plus(keep.of(old, &key)).plus(RELOAD_MARGIN));
                old.sealed = None;
            }
        }
        self.keys.push(Stored {
            state: KeyState::Active,
            ..key
        });
    }

    /// Makes the key of the configured file the default one, if it is not.
    pub(super) fn adopt(&mut self, key: &SigningKey, now: Timestamp, keep: Retention) {
        let stored = Stored::new(key, (Role::Default, KeyState::Active), None, now);
        let same = |old: &&mut Stored| {
            old.kid == stored.kid && old.state == KeyState::Active && old.origin == Origin::File
        };
        match self.keys.iter_mut().find(same) {
            Some(old) => {
                old.chain.clone_from(&stored.chain);
                let over = |old: &Stored| old.state == KeyState::Next && old.yields_to(&stored);
                self.keys.retain(|old| !over(old));
            }
            None => self.activate(stored, now, keep),
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
                key.retires_at = Some(needed.plus(keep).plus(RELOAD_MARGIN));
            }
        }
    }
}
