//! The private key, and the tokens it signs.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::ObjectIdentifier;
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::der;
use super::error::{FileProblem, KeyError};
use super::public::PublicKey;
use crate::base::digest;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// The types of token whose header is made once: sessions and ID tokens
/// (RFC 7519 §5.1), access tokens (RFC 9068 §2.1).
const USUAL_TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// A private key that signs tokens.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
    chain: Vec<Certificate>,
    /// The base64url headers of the usual types.
    headers: [String; 2],
}

/// A token that lacks only its signature.
pub(super) struct Unsigned(String);

enum Pair {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    /// From a PKCS#8 `PrivateKeyInfo` in DER (RFC 5958).
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, FileProblem> {
        let info = PrivateKeyInfoRef::try_from(bytes).map_err(|_| FileProblem::NotAKey)?;
        let unsupported = |what: &str| Err(FileProblem::UnsupportedKey(what.to_owned()));
        match info.algorithm.oid {
            RSA => Self::from_pkcs1(info.private_key.as_bytes()),
            EC => match info.algorithm.parameters_oid() {
                Ok(P256) => {
                    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes);
                    Self::new(Pair::P256(pair.map_err(|_| FileProblem::Damaged)?))
                }
                _ => unsupported("an EC key on another curve than P-256"),
            },
            RSA_PSS => unsupported("a key for RSA-PSS only"),
            ED25519 => unsupported("an Ed25519 key"),
            _ => unsupported("a key of another kind"),
        }
    }

    /// From a PKCS#1 `RSAPrivateKey` in DER (RFC 8017 §A.1.2).
    pub fn from_pkcs1(bytes: &[u8]) -> Result<Self, FileProblem> {
        match der::rsa_bits(bytes).ok_or(FileProblem::Damaged)? {
            bits if bits < 2048 => return Err(FileProblem::RsaTooSmall { bits }),
            bits if bits > 8192 => {
                return Err(FileProblem::UnsupportedKey(format!(
                    "an RSA key of {bits} bits"
                )));
            }
            _ => {}
        }
        let pair = RsaKeyPair::from_der(bytes).map_err(|_| FileProblem::Damaged)?;
        Self::new(Pair::Rsa(pair))
    }

    /// From a SEC 1 `ECPrivateKey` in DER (RFC 5915).
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, FileProblem> {
        // The library gives one answer for a damaged key and for another curve.
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes)
            .map_err(|_| {
                FileProblem::UnsupportedKey(
                    "an EC key that is damaged or on another curve than P-256".to_owned(),
                )
            })?;
        Self::new(Pair::P256(pair))
    }

    pub(super) fn from_p256(pair: EcdsaKeyPair) -> Result<Self, FileProblem> {
        Self::new(Pair::P256(pair))
    }

    pub(super) fn from_rsa(pair: RsaKeyPair) -> Result<Self, FileProblem> {
        Self::new(Pair::Rsa(pair))
    }

    fn new(pair: Pair) -> Result<Self, FileProblem> {
        let public = match &pair {
            Pair::P256(pair) => PublicKey::from_p256(pair.public_key().as_ref()),
            Pair::Rsa(pair) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                PublicKey::from_rsa(&parts.n, &parts.e).ok()
            }
        }
        .ok_or(FileProblem::Damaged)?;
        let headers = USUAL_TYPES.map(|typ| header(&public, typ));
        Ok(Self {
            pair,
            public,
            chain: Vec::new(),
            headers,
        })
    }

    /// With its certificate in front of those that lead to its root. Fails
    /// unless one of them is for this key.
    pub fn with_certificates(mut self, mut all: Vec<Certificate>) -> Result<Self, FileProblem> {
        let own = all
            .iter()
            .position(|one| one.public_key().is_ok_and(|key| key == self.public))
            .ok_or(FileProblem::CertificateMismatch)?;
        let leaf = all.remove(own);
        all.insert(0, leaf);
        self.chain = all;
        Ok(self)
    }

    /// The RFC 7638 thumbprint of its public part.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Its public part.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Its certificate and those behind it; empty if it has none.
    pub fn certificates(&self) -> &[Certificate] {
        &self.chain
    }

    /// Its public part as a JWK (RFC 7517), with `x5c` and `x5t#S256` where it
    /// has a certificate.
    pub fn jwk(&self) -> Map<String, Value> {
        jwk(&self.public, &self.chain)
    }

    /// A compact JWS (RFC 7515 §3.1) over `claims`. It keeps the thread busy
    /// for as long as `cargo bench --bench authority` tells; see [`Keyring::sign`].
    ///
    /// # Errors
    /// [`KeyError::Claims`] if the claims do not become JSON.
    ///
    /// [`Keyring::sign`]: super::Keyring::sign
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        self.seal(self.unsigned(typ, claims)?)
    }

    /// Whether a signature is so cheap that it may be made between two requests.
    pub(super) fn is_quick(&self) -> bool {
        matches!(self.pair, Pair::P256(_))
    }

    /// Header and payload, which the signature is over (RFC 7515 §5.1).
    pub(super) fn unsigned(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<Unsigned, KeyError> {
        let payload = serde_json::to_vec(claims).map_err(|e| KeyError::Claims(e.to_string()))?;
        let made;
        let header = if let Some(usual) = USUAL_TYPES.iter().position(|usual| *usual == typ) {
            &self.headers[usual]
        } else {
            made = header(&self.public, typ);
            &made
        };
        let signature_size = self.public.bits().div_ceil(8) * 2;
        let mut token =
            String::with_capacity(header.len() + (payload.len() + signature_size) * 4 / 3 + 8);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        Ok(Unsigned(token))
    }

    /// Puts the signature behind it.
    pub(super) fn seal(&self, unsigned: Unsigned) -> Result<String, KeyError> {
        let Unsigned(mut token) = unsigned;
        let failed = |_| KeyError::Crypto("sign");
        // The library draws its randomness itself and leaves this one unused.
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => {
                let signature = pair.sign(&random, token.as_bytes()).map_err(failed)?;
                token.push('.');
                URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature)
                    .map_err(failed)?;
                token.push('.');
                URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
            }
        }
        Ok(token)
    }

    /// The private key as PKCS#8 in DER.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_| KeyError::Crypto("write a private key");
        match &self.pair {
            Pair::P256(pair) => pair
                .to_pkcs8v1()
                .map(|der| Zeroizing::new(der.as_ref().to_vec()))
                .map_err(failed),
            Pair::Rsa(pair) => AsDer::as_der(pair)
                .map(|der| Zeroizing::new(der.as_ref().to_vec()))
                .map_err(failed),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SigningKey({}, {}, [redacted])",
            self.algorithm(),
            self.kid()
        )
    }
}

/// The protected header (RFC 7515 §4.1), base64url.
fn header(key: &PublicKey, typ: &str) -> String {
    let json = serde_json::json!({
        "alg": key.algorithm().as_str(),
        "kid": key.kid(),
        "typ": typ,
    });
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// A public key and its certificates as a JWK.
pub(super) fn jwk(key: &PublicKey, chain: &[Certificate]) -> Map<String, Value> {
    let mut jwk = key.jwk();
    if let Some(leaf) = chain.first() {
        // RFC 7517 §4.7: x5c is the one member in plain base64.
        let all: Vec<Value> = chain
            .iter()
            .map(|one| Value::String(STANDARD.encode(one.der())))
            .collect();
        jwk.insert("x5c".to_owned(), Value::Array(all));
        let print = digest::sha256_base64url(leaf.der());
        jwk.insert("x5t#S256".to_owned(), Value::String(print));
    }
    jwk
}
