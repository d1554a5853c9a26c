//! Signatures over requests, as a mapping declares them.
//!
//! Every scheme is a text, made of parameters and places in some order, and a digest,
//! HMAC or RSA signature of it. What is signed is what is sent: it is made of the
//! finished parameters.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use aws_lc_rs::hmac as aws_hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::build_error::BuildError;
use super::file::{SignAlgorithm, SignEncoding, SignIn};
use super::signed::{Joined, Signed, Unsigned};
use super::template::{Fill, Slot, Template};
use crate::base::{Secret, digest as base_digest};

/// A signature, compiled.
#[derive(Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub place: SignIn,
    /// How it is made.
    pub algorithm: SignAlgorithm,
    /// What is signed.
    pub text: Template,
    /// The key of an HMAC.
    pub key: Option<Template>,
    /// The key of RSA.
    pub private_key: Option<RsaKey>,
    /// How parameters become a text.
    pub parameters: Joined,
    /// How the result is written.
    pub encoding: SignEncoding,
}

/// An RSA private key.
#[derive(Clone)]
pub struct RsaKey(Arc<KeyPair>);

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKey([redacted])")
    }
}

impl RsaKey {
    /// Reads a key in PEM: PKCS #8 or PKCS #1.
    pub fn from_pem(pem: &Secret) -> Option<Self> {
        let text: Zeroizing<String> = Zeroizing::new(
            pem.expose()
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .flat_map(str::split_whitespace)
                .collect(),
        );
        let der = Zeroizing::new(STANDARD.decode(text.as_bytes()).ok()?);
        KeyPair::from_pkcs8(&der)
            .or_else(|_| KeyPair::from_der(&der))
            .ok()
            .map(|key| Self(Arc::new(key)))
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut out)
            .ok()?;
        Some(out)
    }
}

/// The signatures of a request, in their order.
///
/// # Errors
/// If a place has no value, or a secret that is signed with is empty: anybody
/// could make such a signature.
pub fn all<'s>(
    signatures: &'s [Signature],
    fill: &Fill<'_>,
    mut request: Unsigned<'_>,
) -> Result<Vec<(&'s Signature, String)>, BuildError> {
    let mut made: Vec<(String, String)> = Vec::new();
    let mut out = Vec::new();
    for signature in signatures {
        let value = match fill.pretend {
            Some(pretend) => pretend(&format!("sign.{}", signature.name)),
            None => {
                let signed = Signed {
                    request: &request,
                    joined: &signature.parameters,
                    before: &made,
                };
                let fill = Fill {
                    signed: Some(&signed),
                    ..*fill
                };
                signature.make(&fill)?
            }
        };
        if signature.place == SignIn::Parameter {
            request
                .parameters
                .push((signature.name.clone(), value.clone()));
        }
        made.push((signature.name.clone(), value.clone()));
        out.push((signature, value));
    }
    Ok(out)
}

impl Signature {
    /// The texts in it.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        std::iter::once(&self.text).chain(&self.key)
    }

    fn make(&self, fill: &Fill<'_>) -> Result<String, BuildError> {
        let text = self.filled(&self.text, fill, is_secret)?;
        let key = match &self.key {
            Some(key) => {
                let key = self.filled(key, fill, |_| true)?;
                if key.is_empty() {
                    return Err(BuildError::EmptyKey(self.name.clone()));
                }
                key
            }
            None => Zeroizing::default(),
        };
        let (text, key) = (text.as_bytes(), key.as_bytes());
        let bytes = match self.algorithm {
            SignAlgorithm::Plain => text.to_vec(),
            SignAlgorithm::Md5 => Md5::digest(text).to_vec(),
            SignAlgorithm::Sha1 => digest(&SHA1_FOR_LEGACY_USE_ONLY, text).as_ref().to_vec(),
            SignAlgorithm::Sha256 => digest(&SHA256, text).as_ref().to_vec(),
            SignAlgorithm::Sha512 => digest(&SHA512, text).as_ref().to_vec(),
            SignAlgorithm::HmacMd5 => {
                hmac_md5(key, text).ok_or_else(|| BuildError::EmptyKey(self.name.clone()))?
            }
            SignAlgorithm::HmacSha1 => hmac(aws_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, text),
            SignAlgorithm::HmacSha256 => hmac(aws_hmac::HMAC_SHA256, key, text),
            SignAlgorithm::HmacSha512 => hmac(aws_hmac::HMAC_SHA512, key, text),
            SignAlgorithm::RsaSha256 => {
                let signed = self.private_key.as_ref().and_then(|key| key.sign(text));
                signed.ok_or_else(|| BuildError::EmptyKey(self.name.clone()))?
            }
        };
        Ok(match self.encoding {
            SignEncoding::Hex => base_digest::hex(&bytes),
            SignEncoding::UpperHex => base_digest::hex(&bytes).to_ascii_uppercase(),
            SignEncoding::Base64 => STANDARD.encode(bytes),
            SignEncoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
        })
    }

    /// A text with its places filled in, of which those that are secret have a value.
    fn filled(
        &self,
        text: &Template,
        fill: &Fill<'_>,
        secret: impl Fn(&Slot) -> bool,
    ) -> Result<Zeroizing<String>, BuildError> {
        let mut out = Zeroizing::new(String::new());
        for part in text.filled(|slot| fill.value(slot)) {
            let (slot, value) = part?;
            if slot.is_some_and(&secret) && value.trim().is_empty() {
                return Err(BuildError::EmptyKey(self.name.clone()));
            }
            out.push_str(&value);
        }
        Ok(out)
    }
}

/// What makes that nobody else can make the signature.
fn is_secret(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::ClientSecret
            | Slot::Secret(_)
            | Slot::AccessToken
            | Slot::AppAccessToken
            | Slot::Token(_)
            | Slot::Sign(_)
    )
}

fn hmac(algorithm: aws_hmac::Algorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = aws_hmac::Key::new(algorithm, key);
    aws_hmac::sign(&key, text).as_ref().to_vec()
}

fn hmac_md5(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().to_vec())
}
