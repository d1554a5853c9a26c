//! What the keyring knows at one moment, ready for use without a lock.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::certificate::{Certificate, CertificateInfo};
use super::error::KeyError;
use super::public::PublicKey;
use super::ring::{KeyState, Origin, Ring, Role};
use super::signing::{SigningKey, jwk};
use super::token::{Claims, Expect, Parsed, VerifyError};
use crate::base::Timestamp;

/// What there is to tell about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its name, the RFC 7638 thumbprint.
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Its size.
    pub bits: usize,
    /// What it is for at present.
    pub state: KeyState,
    /// What it is asked to sign, in its time.
    pub role: Role,
    /// Where its private part is.
    pub origin: Origin,
    /// When it was made, or first seen in its file.
    pub created_at: Timestamp,
    /// When it stops verifying tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
    /// Its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateInfo>,
}

/// One key that verifies.
struct VerifyingKey {
    key: PublicKey,
    info: KeyInfo,
    chain: Vec<Certificate>,
    jwk: Value,
}

/// The keys that sign, at most one an algorithm.
pub(super) struct Signers {
    pub(super) default: Arc<SigningKey>,
    pub(super) additional: Vec<Arc<SigningKey>>,
}

impl Signers {
    /// The default one in front.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        [&self.default].into_iter().chain(&self.additional)
    }

    /// The one for an algorithm; without, the default one.
    pub(super) fn of(&self, wanted: Option<Algorithm>) -> Option<&Arc<SigningKey>> {
        self.all()
            .find(|key| wanted.is_none_or(|wanted| key.algorithm() == wanted))
    }
}

/// Every key, and those that sign.
pub(super) struct Snapshot {
    pub(super) signers: Arc<Signers>,
    known: Vec<VerifyingKey>,
    by_kid: HashMap<String, usize>,
}

impl VerifyingKey {
    /// True until nothing it signed can be valid any more, whether or not the
    /// store was cleared of it yet.
    fn lives(&self, now: Timestamp) -> bool {
        self.info.retires_at.is_none_or(|end| now < end)
    }
}

impl Snapshot {
    pub(super) fn new(ring: &Ring, signers: Arc<Signers>) -> Result<Self, KeyError> {
        let mut known = Vec::with_capacity(ring.keys.len());
        for stored in &ring.keys {
            let key = stored.public_key()?;
            let chain = stored.certificates()?;
            known.push(VerifyingKey {
                info: KeyInfo {
                    kid: stored.kid.clone(),
                    algorithm: key.algorithm(),
                    bits: key.bits(),
                    state: stored.state,
                    role: stored.role,
                    origin: stored.origin,
                    created_at: stored.created_at,
                    retires_at: stored.retires_at,
                    certificate: chain.first().map(Certificate::info),
                },
                jwk: Value::Object(jwk(&key, &chain)),
                key,
                chain,
            });
        }
        // Readers that take the first key of a set should find the one in use.
        known.sort_by_key(|key| match (key.info.state, key.info.role) {
            (KeyState::Active, Role::Default) => 0,
            (KeyState::Active, Role::Additional) => 1,
            (KeyState::Next, _) => 2,
            (KeyState::Published, _) => 3,
        });
        let by_kid = known
            .iter()
            .enumerate()
            .map(|(i, one)| (one.info.kid.clone(), i))
            .collect();
        Ok(Self {
            signers,
            known,
            by_kid,
        })
    }

    fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.by_kid.get(kid).map(|i| &self.known[*i])
    }

    /// Whether tokens under the key of this name count.
    pub(super) fn has(&self, kid: &str, now: Timestamp) -> bool {
        self.find(kid).is_some_and(|known| known.lives(now))
    }

    pub(super) fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<Claims, VerifyError> {
        let parsed = Parsed::new(token)?;
        let kid = parsed.kid()?.ok_or(VerifyError::NoKeyId)?;
        let known = self
            .find(kid)
            .filter(|known| known.lives(expect.now))
            .ok_or(VerifyError::UnknownKey)?;
        parsed.check_signature(&known.key)?;
        parsed.claims(&(*expect).into())
    }

    pub(super) fn jwks(&self, now: Timestamp) -> Value {
        let live = self.known.iter().filter(|known| known.lives(now));
        json!({ "keys": live.map(|known| known.jwk.clone()).collect::<Vec<_>>() })
    }

    pub(super) fn list(&self, now: Timestamp) -> Vec<KeyInfo> {
        let live = self.known.iter().filter(|known| known.lives(now));
        live.map(|known| known.info.clone()).collect()
    }

    pub(super) fn public_key(&self, kid: Option<&str>) -> Result<&PublicKey, KeyError> {
        Ok(&self.known(kid)?.key)
    }

    pub(super) fn chain(&self, kid: Option<&str>) -> Result<&[Certificate], KeyError> {
        let known = self.known(kid)?;
        if known.chain.is_empty() {
            return Err(KeyError::NoCertificate(known.info.kid.clone()));
        }
        Ok(&known.chain)
    }

    fn known(&self, kid: Option<&str>) -> Result<&VerifyingKey, KeyError> {
        let kid = kid.unwrap_or(self.signers.default.kid());
        self.find(kid)
            .ok_or_else(|| KeyError::NoSuchKey(kid.chars().take(60).collect()))
    }
}
