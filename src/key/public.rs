//! Public keys: what verifies, and how it is written for others.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::algorithm::Algorithm;
use super::error::{FileProblem, KeyError};
use super::{der, pem};
use crate::base::digest;
use crate::protocol::jws::{PRIVATE_MEMBERS, may_verify};

/// A public key, parsed and ready to verify. It knows its one algorithm; what a
/// token says about it never decides anything.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    parsed: ParsedPublicKey,
    /// The members that RFC 7638 makes the thumbprint of, in its order.
    members: Vec<(&'static str, String)>,
    kid: String,
    bits: usize,
}

impl PublicKey {
    /// From an uncompressed point of P-256 (SEC 1 §2.3.3).
    pub(super) fn from_p256(point: &[u8]) -> Option<Self> {
        let &[4, ref coordinates @ ..] = point else {
            return None;
        };
        let (x, y) = coordinates.split_at_checked(32)?;
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
        let members = vec![
            ("crv", "P-256".to_owned()),
            ("kty", "EC".to_owned()),
            ("x", URL_SAFE_NO_PAD.encode(x)),
            ("y", URL_SAFE_NO_PAD.encode(y)),
        ];
        Some(Self::new(Algorithm::Es256, parsed, members, 256))
    }

    /// From modulus and exponent; `Err` with the size if that is not 2048 to
    /// 8192 bits.
    pub(super) fn from_rsa(n: &[u8], e: &[u8]) -> Result<Self, Option<usize>> {
        let strip = |number: &[u8]| {
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            number[zeros..].to_vec()
        };
        let (n, e) = (strip(n), strip(e));
        let bits = der::bits(&n);
        if !(2048..=8192).contains(&bits) {
            return Err(Some(bits));
        }
        let members = vec![
            ("e", URL_SAFE_NO_PAD.encode(&e)),
            ("kty", "RSA".to_owned()),
            ("n", URL_SAFE_NO_PAD.encode(&n)),
        ];
        let parsed = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| None)?;
        Ok(Self::new(Algorithm::Rs256, parsed, members, bits))
    }

    fn new(
        algorithm: Algorithm,
        parsed: ParsedPublicKey,
        members: Vec<(&'static str, String)>,
        bits: usize,
    ) -> Self {
        // RFC 7638 §3.2: no space, this order; base64url needs no escapes.
        let inner: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        let kid = digest::sha256_base64url(format!("{{{}}}", inner.join(",")).as_bytes());
        Self {
            algorithm,
            parsed,
            members,
            kid,
            bits,
        }
    }

    /// From a JWK (RFC 7517). `None` for what does not verify signatures here:
    /// other types and curves, symmetric and private keys, RSA below 2048 bits,
    /// keys for encryption, points that are not on the curve.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let private = PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name));
        let for_signatures = jwk.get("use").is_none_or(|purpose| purpose == "sig")
            && jwk.get("key_ops").is_none_or(may_verify);
        if private || !for_signatures {
            return None;
        }
        let key = match text("kty")? {
            "EC" if text("crv") == Some("P-256") => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Self::from_p256(&[&[4], x.as_slice(), y.as_slice()].concat())
            }
            "RSA" => Self::from_rsa(&bytes("n")?, &bytes("e")?).ok(),
            _ => None,
        }?;
        text("alg")
            .is_none_or(|alg| alg == key.algorithm.as_str())
            .then_some(key)
    }

    /// From an X.509 `SubjectPublicKeyInfo` in DER (RFC 5280 §4.1).
    pub fn from_spki(spki: &[u8]) -> Result<Self, FileProblem> {
        let (_, info) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| FileProblem::Damaged)?;
        let other = || FileProblem::UnsupportedKey("a key of another kind".to_owned());
        match info.parsed().map_err(|_| other())? {
            Parsed::RSA(rsa) => {
                Self::from_rsa(rsa.modulus, rsa.exponent).map_err(|bits| match bits {
                    Some(bits) if bits < 2048 => FileProblem::RsaTooSmall { bits },
                    Some(bits) => FileProblem::UnsupportedKey(format!("an RSA key of {bits} bits")),
                    None => FileProblem::Damaged,
                })
            }
            Parsed::EC(point) => Self::from_p256(point.data()).ok_or_else(other),
            _ => Err(other()),
        }
    }

    /// The RFC 7638 thumbprint, its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its size in bits.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// True if `signature` over `message` is by this key.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// As a JWK with `use`, `alg` and `kid`.
    pub fn jwk(&self) -> Map<String, Value> {
        let more = [
            ("use", "sig".to_owned()),
            ("alg", self.algorithm.to_string()),
            ("kid", self.kid.clone()),
        ];
        self.members
            .iter()
            .cloned()
            .chain(more)
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect()
    }

    /// As a `PUBLIC KEY` in PEM (RFC 7468 §13).
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let der =
            AsDer::as_der(&self.parsed).map_err(|_| KeyError::Crypto("write a public key"))?;
        Ok(pem::write("PUBLIC KEY", der.as_ref()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm, self.kid)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid
    }
}

impl Eq for PublicKey {}
