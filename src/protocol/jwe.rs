//! Encrypted tokens: compact JWE (RFC 7516), decrypted with a key of ours.
//!
//! What decrypts is not thereby anybody's word: our public key is public. A
//! signature within, or the connection it came by, says whose it is.

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey};
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap as _};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::jws::MAX_TOKEN;

/// Why an encrypted token can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not a compact JWE (RFC 7516 §7.1), or not what its header says.
    #[error("it is not an encrypted token: {0}")]
    Malformed(&'static str),
    /// Another algorithm.
    #[error(
        "its `alg` or `enc` is not one that is read: RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW, with A128GCM, A256GCM, A128CBC-HS256 or A256CBC-HS512"
    )]
    Algorithm,
    /// An extension that must be understood, or compression.
    #[error("its header has `crit` or `zip`, which are not read")]
    Critical,
    /// For another key, or changed on its way.
    #[error("it was not encrypted to this key, or is not as it was sent")]
    Undecryptable,
}

/// A private key for what others encrypt to us.
pub struct DecryptionKey(Kind);

enum Kind {
    Rsa(OaepPrivateDecryptingKey),
    Ec(&'static Curve, agreement::PrivateKey),
}

struct Curve {
    name: &'static str,
    algorithm: &'static agreement::Algorithm,
    /// The length of a coordinate.
    length: usize,
}

const CURVES: &[Curve] = &[
    Curve {
        name: "P-256",
        algorithm: &ECDH_P256,
        length: 32,
    },
    Curve {
        name: "P-384",
        algorithm: &ECDH_P384,
        length: 48,
    },
    Curve {
        name: "P-521",
        algorithm: &ECDH_P521,
        length: 66,
    },
];

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Rsa(_) => "DecryptionKey(RSA)",
            Kind::Ec(..) => "DecryptionKey(EC)",
        })
    }
}

impl DecryptionKey {
    /// Reads a private key in PKCS#8 PEM: RSA of 2048 to 8192 bits, or a NIST curve.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
        let (text, _) = rest.split_once("-----END PRIVATE KEY-----")?;
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).ok()?);
        if let Ok(key) = PrivateDecryptingKey::from_pkcs8(&der) {
            return Some(Self(Kind::Rsa(OaepPrivateDecryptingKey::new(key).ok()?)));
        }
        CURVES.iter().find_map(|curve| {
            let key = agreement::PrivateKey::from_private_key_der(curve.algorithm, &der).ok()?;
            Some(Self(Kind::Ec(curve, key)))
        })
    }

    /// What a token holds.
    ///
    /// # Errors
    /// If it can't be read with this key, or is not as it was sent.
    pub fn decrypt(&self, token: &str) -> Result<Vec<u8>, JweError> {
        if token.len() > MAX_TOKEN {
            return Err(JweError::Malformed("it is too long"));
        }
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let &[protected, encrypted_key, iv, ciphertext, tag] = parts.as_slice() else {
            return Err(JweError::Malformed("it does not have five parts"));
        };
        let header: Map<String, Value> = decoded(protected)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(JweError::Malformed("its header is not a JSON object"))?;
        if header.contains_key("crit") || header.contains_key("zip") {
            return Err(JweError::Critical);
        }
        let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
        let encryption = Encryption::named(text("enc")).ok_or(JweError::Algorithm)?;
        let key = match (&self.0, text("alg")) {
            (Kind::Rsa(key), "RSA-OAEP-256") => {
                let encrypted = decoded(encrypted_key)?;
                let mut out = Zeroizing::new(vec![0; key.min_output_size()]);
                let key = key
                    .decrypt(&OAEP_SHA256_MGF1SHA256, &encrypted, &mut out, None)
                    .map_err(|_| JweError::Undecryptable)?;
                Zeroizing::new(key.to_vec())
            }
            (Kind::Ec(curve, key), "ECDH-ES") if encrypted_key.is_empty() => {
                let name = encryption.name();
                agreed(curve, key, &header, (name, encryption.key_length()))?
            }
            (Kind::Ec(curve, key), name @ ("ECDH-ES+A128KW" | "ECDH-ES+A256KW")) => {
                let (cipher, length) = match name {
                    "ECDH-ES+A128KW" => (&key_wrap::AES_128, 16),
                    _ => (&key_wrap::AES_256, 32),
                };
                let kek = agreed(curve, key, &header, (name, length))?;
                unwrapped(cipher, &kek, &decoded(encrypted_key)?)?
            }
            _ => return Err(JweError::Algorithm),
        };
        if key.len() != encryption.key_length() {
            return Err(JweError::Undecryptable);
        }
        encryption
            .open(
                &key,
                protected,
                &decoded(iv)?,
                decoded(ciphertext)?,
                &decoded(tag)?,
            )
            .ok_or(JweError::Undecryptable)
    }
}

/// The key that both sides can compute (RFC 7518 §4.6).
fn agreed(
    curve: &Curve,
    own: &agreement::PrivateKey,
    header: &Map<String, Value>,
    purpose: (&str, usize),
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let bad = JweError::Malformed("its `epk` is not a key of this curve");
    let peer = header.get("epk").ok_or(bad)?;
    let member = |name: &str| peer.get(name).and_then(Value::as_str).ok_or(bad);
    if member("kty")? != "EC" || member("crv")? != curve.name {
        return Err(bad);
    }
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = decoded(member(name)?)?;
        if coordinate.len() != curve.length {
            return Err(bad);
        }
        point.extend(coordinate);
    }
    let party = |name: &str| match header.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => decoded(text),
        Some(_) => Err(JweError::Malformed("`apu` or `apv` is not a text")),
    };
    let (apu, apv) = (party("apu")?, party("apv")?);
    let peer = UnparsedPublicKey::new(curve.algorithm, point);
    agreement::agree(own, peer, JweError::Undecryptable, |secret| {
        Ok(concat_kdf(secret, purpose, &apu, &apv))
    })
}

/// The content's key in its wrapping (RFC 7518 §4.4, RFC 3394).
fn unwrapped(
    cipher: &'static key_wrap::AesBlockCipher,
    kek: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let bad = JweError::Undecryptable;
    // The longest key of a content has 64 bytes.
    if wrapped.len() > 72 {
        return Err(bad);
    }
    let kek = AesKek::new(cipher, kek).map_err(|_| bad)?;
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let key = kek.unwrap(wrapped, &mut out).map_err(|_| bad)?;
    Ok(Zeroizing::new(key.to_vec()))
}

/// RFC 7518 §4.6.2, with SHA-256: a key of this length for this algorithm.
fn concat_kdf(
    secret: &[u8],
    (name, length): (&str, usize),
    apu: &[u8],
    apv: &[u8],
) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + 32));
    let mut round: u32 = 1;
    while key.len() < length {
        let mut input = Zeroizing::new(round.to_be_bytes().to_vec());
        input.extend_from_slice(secret);
        for part in [name.as_bytes(), apu, apv] {
            input.extend_from_slice(&length32(part.len()));
            input.extend_from_slice(part);
        }
        input.extend_from_slice(&length32(length * 8));
        key.extend_from_slice(digest(&SHA256, &input).as_ref());
        round += 1;
    }
    key.truncate(length);
    key
}

fn length32(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// How the content is encrypted (RFC 7518 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    A128Gcm,
    A256Gcm,
    A128CbcHs256,
    A256CbcHs512,
}

impl Encryption {
    fn named(name: &str) -> Option<Self> {
        let all = [
            Self::A128Gcm,
            Self::A256Gcm,
            Self::A128CbcHs256,
            Self::A256CbcHs512,
        ];
        all.into_iter().find(|one| one.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    fn key_length(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A256CbcHs512 => 64,
        }
    }

    fn open(
        self,
        key: &[u8],
        protected: &str,
        iv: &[u8],
        mut ciphertext: Vec<u8>,
        tag: &[u8],
    ) -> Option<Vec<u8>> {
        let algorithm = match self {
            Self::A128Gcm => &AES_128_GCM,
            Self::A256Gcm => &AES_256_GCM,
            Self::A128CbcHs256 => {
                return open_cbc(
                    &AES_128,
                    hmac::HMAC_SHA256,
                    key,
                    protected,
                    iv,
                    ciphertext,
                    tag,
                );
            }
            Self::A256CbcHs512 => {
                return open_cbc(
                    &AES_256,
                    hmac::HMAC_SHA512,
                    key,
                    protected,
                    iv,
                    ciphertext,
                    tag,
                );
            }
        };
        if tag.len() != 16 {
            return None;
        }
        ciphertext.extend_from_slice(tag);
        let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        let aad = Aad::from(protected.as_bytes());
        let plain = key.open_in_place(nonce, aad, &mut ciphertext).ok()?;
        Some(plain.to_vec())
    }
}

/// RFC 7518 §5.2: the tag is checked before anything is decrypted.
fn open_cbc(
    cipher: &'static aws_lc_rs::cipher::Algorithm,
    mac: hmac::Algorithm,
    key: &[u8],
    protected: &str,
    iv: &[u8],
    mut ciphertext: Vec<u8>,
    tag: &[u8],
) -> Option<Vec<u8>> {
    let (mac_key, cipher_key) = key.split_at(key.len() / 2);
    let bits = u64::try_from(protected.len()).ok()?.checked_mul(8)?;
    let mut input = protected.as_bytes().to_vec();
    input.extend_from_slice(iv);
    input.extend_from_slice(&ciphertext);
    input.extend_from_slice(&bits.to_be_bytes());
    let whole = hmac::sign(&hmac::Key::new(mac, mac_key), &input);
    let wanted = whole.as_ref().get(..mac_key.len())?;
    if !crate::base::digest::same(wanted, tag) {
        return None;
    }
    let iv: [u8; 16] = iv.try_into().ok()?;
    let key = UnboundCipherKey::new(cipher, cipher_key).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let plain = key
        .decrypt(&mut ciphertext, DecryptionContext::Iv128(iv.into()))
        .ok()?;
    Some(plain.to_vec())
}

fn decoded(text: &str) -> Result<Vec<u8>, JweError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| JweError::Malformed("a part is not base64url"))
}

/// Whether a text has the five parts of an encrypted token.
pub fn is_encrypted(token: &str) -> bool {
    token.split('.').count() == 5
}
