//! Signing keys and the key set.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::config::Algorithm;
use crate::random::random;

/// The keys in use, and those of before the last rotation.
#[derive(Debug)]
pub(crate) struct KeyRing(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    current: Pair,
    previous: Option<Pair>,
    /// A key of somebody else, which is in no key set.
    foreign: Arc<SigningKey>,
}

#[derive(Debug, Clone)]
struct Pair {
    es256: Arc<SigningKey>,
    rs256: Arc<SigningKey>,
}

impl KeyRing {
    pub(crate) fn new() -> Self {
        let foreign = Arc::new(SigningKey::es256());
        let current = Pair {
            es256: Arc::new(SigningKey::es256()),
            rs256: first_rsa_key(),
        };
        Self(Mutex::new(Ring {
            current,
            previous: None,
            foreign,
        }))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn rotate(&self) {
        let fresh = Pair {
            es256: Arc::new(SigningKey::es256()),
            rs256: Arc::new(SigningKey::rs256()),
        };
        let mut ring = self.ring();
        let old = std::mem::replace(&mut ring.current, fresh);
        ring.previous = Some(old);
    }

    pub(crate) fn current(&self, algorithm: Algorithm) -> Arc<SigningKey> {
        let ring = self.ring();
        match algorithm {
            Algorithm::Es256 => Arc::clone(&ring.current.es256),
            Algorithm::Rs256 => Arc::clone(&ring.current.rs256),
        }
    }

    pub(crate) fn foreign(&self) -> Arc<SigningKey> {
        Arc::clone(&self.ring().foreign)
    }

    /// The key set: current keys first.
    pub(crate) fn jwks(&self) -> Value {
        // Out of the lock before the RSA keys are made.
        let (current, previous) = {
            let ring = self.ring();
            (ring.current.clone(), ring.previous.clone())
        };
        let keys: Vec<Value> = std::iter::once(current)
            .chain(previous)
            .flat_map(|pair| [pair.es256.jwk(), pair.rs256.jwk()])
            .collect();
        json!({ "keys": keys })
    }
}

/// RSA keys take long to make: all servers of a process start with the same one.
fn first_rsa_key() -> Arc<SigningKey> {
    static FIRST: OnceLock<Arc<SigningKey>> = OnceLock::new();
    Arc::clone(FIRST.get_or_init(|| Arc::new(SigningKey::rs256())))
}

/// A key pair with its id.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    secret: Secret,
}

enum Secret {
    Es256(EcdsaKeyPair),
    /// Made when first needed.
    Rs256(OnceLock<RsaKeyPair>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let secret = Secret::Es256(pair.expect("the system has randomness"));
        Self {
            kid: format!("ec-{}", random(6)),
            secret,
        }
    }

    fn rs256() -> Self {
        Self {
            kid: format!("rsa-{}", random(6)),
            secret: Secret::Rs256(OnceLock::new()),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Es256(_) => Algorithm::Es256,
            Secret::Rs256(_) => Algorithm::Rs256,
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Es256(pair) => pair
                .sign(&random, message)
                .expect("a generated key signs")
                .as_ref()
                .to_vec(),
            Secret::Rs256(pair) => {
                let pair = rsa(pair);
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .expect("a generated key signs");
                signature
            }
        }
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let algorithm = self.algorithm().name();
        match &self.secret {
            Secret::Es256(pair) => {
                // An uncompressed point: 4, then x and y of 32 bytes each.
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": algorithm, "kid": self.kid,
                    "x": encode(&point[1..33]), "y": encode(&point[33..65]),
                })
            }
            Secret::Rs256(pair) => {
                let (modulus, exponent) = rsa_numbers(rsa(pair).public_key().as_ref());
                json!({
                    "kty": "RSA", "use": "sig", "alg": algorithm, "kid": self.kid,
                    "n": encode(modulus), "e": encode(exponent),
                })
            }
        }
    }

    /// The public key as PEM: what the HS256 confusion takes for a shared secret.
    pub(crate) fn pem(&self) -> String {
        let der = match &self.secret {
            Secret::Es256(pair) => pair.public_key().as_der(),
            Secret::Rs256(pair) => rsa(pair).public_key().as_der(),
        };
        let text = STANDARD.encode(der.expect("a generated key encodes").as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(&String::from_utf8_lossy(line));
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }
}

fn rsa(pair: &OnceLock<RsaKeyPair>) -> &RsaKeyPair {
    pair.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("the system has randomness"))
}

/// Modulus and exponent of a PKCS#1 public key: `SEQUENCE { INTEGER n, INTEGER e }`.
fn rsa_numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = der_value(der);
    let (modulus, rest) = der_value(sequence);
    let (exponent, _) = der_value(rest);
    // DER puts a zero before a number whose first bit is set.
    (modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent)
}

/// The value at the front of DER that this program made itself, and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(der[1]);
    let (length, start) = if first < 0x80 {
        (first, 2)
    } else {
        let width = first & 0x7f;
        let length = der[2..2 + width]
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (length, 2 + width)
    };
    der[start..].split_at(length)
}
