//! Floor 4: signing keys, their files and their rotation, and what is checked
//! in a token.
//!
//! A [`SigningKey`] is P-256 (ES256) or RSA of at least 2048 bits (RS256). It is
//! parsed once and kept in memory: parsing costs as much as signing. Its `kid`
//! is the thumbprint of its public part (RFC 7638), so the same key has the
//! same name everywhere.
//!
//! The [`Keyring`] holds *active* keys, which sign, at most one an algorithm,
//! and others that only verify: *published* ones that were active, until the
//! last token they signed has expired, and *next* ones, published ahead of their
//! use. One active key is the *default*: that of the configured file, or one
//! that the keyring made itself and keeps in the store, encrypted under the
//! master key. An *additional* one, always in the store, signs only what asks
//! for its algorithm, and is made where it is missing.
//!
//! # Rotation
//! `rotate` alone is right for one process whose tokens' readers fetch the key
//! set again when they meet an unknown `kid`, as they should. Where readers only
//! refresh by the clock, or several brokers share a store: `prepare` first, wait
//! until every cache has turned over, then `rotate`. Brokers call `reload`
//! regularly; one that meets an unknown `kid` before that can look at once, by
//! [`Keyring::verify_fresh`]. A key whose private part may be known to others
//! goes with a `rotate` that keeps it for no time, and every token it signed with it.
//!
//! With a configured key file the file decides: replace it (and its
//! certificate), then `rotate` or restart. That is about the default key:
//! an additional one is rotated, prepared and imported all the same.
//!
//! Where a rotation makes an algorithm the default's, the additional key of that
//! algorithm signs no more and stays published like one that was rotated.

mod algorithm;
mod certificate;
mod der;
mod error;
mod file;
mod generate;
mod jwks;
mod keyring;
mod master;
mod pem;
mod pfx;
mod public;
mod ring;
mod shared;
mod signing;
mod snapshot;
mod token;
pub mod vault;

pub use self::algorithm::{Algorithm, BadAlgorithm};
pub use self::certificate::{Certificate, CertificateInfo};
pub use self::error::{FileProblem, KeyError};
pub use self::file::{KeyFile, MAX_FILE_SIZE, read_key};
pub use self::generate::{KeyKind, SelfSigned, generate};
pub use self::jwks::{verify_with_cert, verify_with_jwks};
pub use self::keyring::{Beside, Keyring, alone};
pub use self::public::PublicKey;
pub use self::ring::{KeyState, Origin, Outline, Role};
pub use self::shared::SharedKey;
pub use self::signing::SigningKey;
pub use self::snapshot::KeyInfo;
pub use self::token::{Checks, Claims, Expect, VerifyError};
use crate::store::Space;

/// All spaces of this room.
pub fn spaces() -> [&'static Space; 2] {
    [ring::space(), vault::space()]
}
