//! Signed tokens of others: JWS (RFC 7515) by published keys (RFC 7517).
//!
//! Only public-key signatures count. A token's own header never says which key
//! to trust: `jku`, `jwk`, `x5u` and `x5c` are not looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 64 << 10;
/// The most keys of a set that are looked at.
const MAX_KEYS: usize = 100;
/// The most signature checks one token may cost.
const MAX_TRIES: usize = 20;

/// Why a token's signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// It is not a compact JWS.
    #[error("it is not a signed token of three parts")]
    Malformed,
    /// `none`, a shared-key algorithm, or one that is not known.
    #[error("its algorithm is not one of the public-key signatures that count")]
    Algorithm,
    /// An extension that must be understood (RFC 7515 §4.1.11).
    #[error("its header has `crit`, which names extensions that are not known here")]
    Critical,
    /// No key of that id.
    #[error("no published key has its `kid`")]
    UnknownKey,
    /// No key makes this signature.
    #[error("its signature does not verify")]
    Signature,
}

/// The keys an issuer publishes, as far as they can be used.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?}, {:?})", self.id, self.algorithms)
    }
}

impl KeySet {
    /// Reads a JWK Set. Keys that are weak, private, symmetric, for encryption
    /// or unknown are left out.
    pub fn parse(document: &Value) -> Self {
        let keys = document
            .get("keys")
            .and_then(Value::as_array)
            .map(|keys| keys.iter().take(MAX_KEYS).filter_map(public_key).collect())
            .unwrap_or_default();
        Self { keys }
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True if none can.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn public_key(value: &Value) -> Option<PublicKey> {
    if value.get("d").is_some() || value.get("k").is_some() {
        return None;
    }
    if value.get("use").is_some_and(|u| u != "sig") {
        return None;
    }
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let possible = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            let significant = modulus.iter().skip_while(|b| **b == 0).count();
            if !(256..=1024).contains(&significant) {
                return None;
            }
            vec![
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ]
        }
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => return None,
    };
    let named = value.get("alg").and_then(Value::as_str);
    let algorithms: Vec<Algorithm> = match named {
        None => possible,
        Some(name) => possible
            .into_iter()
            .filter(|a| algorithm(name) == Some(*a))
            .collect(),
    };
    if algorithms.is_empty() {
        return None;
    }
    Some(PublicKey {
        id: value.get("kid").and_then(Value::as_str).map(str::to_owned),
        algorithms,
        key: DecodingKey::from_jwk(&jwk).ok()?,
    })
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" | "Ed25519" => Algorithm::EdDSA,
        _ => return None,
    })
}

/// A token whose signature counts. What it claims is still to be checked.
#[derive(Debug)]
pub struct Signed {
    /// The algorithm's name.
    pub algorithm: String,
    /// `typ` of the header.
    pub typ: Option<String>,
    /// The payload, as bytes.
    pub payload: Vec<u8>,
}

/// The members of a token's header that are looked at. Each may be there once
/// (RFC 7515 §4): what two readers could understand differently is malformed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    #[serde(deserialize_with = "deserialize_present")]
    alg: Option<Value>,
    #[serde(deserialize_with = "deserialize_present")]
    crit: Option<Value>,
    #[serde(deserialize_with = "deserialize_present")]
    kid: Option<Value>,
    #[serde(deserialize_with = "deserialize_present")]
    typ: Option<Value>,
}

/// A member that is there, be it `null`.
fn deserialize_present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// Checks a token's signature.
///
/// # Errors
/// [`JwsError::UnknownKey`] is the one for which fetching the keys anew may help.
pub fn verify(token: &str, keys: &KeySet) -> Result<Signed, JwsError> {
    if token.len() > MAX_TOKEN {
        return Err(JwsError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(JwsError::Malformed)?;
    if payload.contains('.') || signature.is_empty() && header.is_empty() {
        return Err(JwsError::Malformed);
    }
    let decode = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|_| JwsError::Malformed)
    };
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| JwsError::Malformed)?;
    let payload = decode(payload)?;
    let Some(Value::String(name)) = &header.alg else {
        return Err(JwsError::Algorithm);
    };
    let alg = algorithm(name).ok_or(JwsError::Algorithm)?;
    if header.crit.is_some() {
        return Err(JwsError::Critical);
    }
    let id = match &header.kid {
        None => None,
        Some(Value::String(id)) => Some(id.as_str()),
        Some(_) => return Err(JwsError::UnknownKey),
    };
    let named: Vec<&PublicKey> = keys
        .keys
        .iter()
        .filter(|key| id.is_none() || key.id.as_deref() == id)
        .collect();
    if named.is_empty() {
        return Err(JwsError::UnknownKey);
    }
    let verified = named
        .iter()
        .filter(|key| key.algorithms.contains(&alg))
        .take(MAX_TRIES)
        .any(|key| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.key, alg)
                .unwrap_or(false)
        });
    if !verified {
        // A set of one key without ids may have been rotated.
        return Err(if id.is_none() {
            JwsError::UnknownKey
        } else {
            JwsError::Signature
        });
    }
    Ok(Signed {
        algorithm: name.clone(),
        typ: header.typ.and_then(|typ| typ.as_str().map(str::to_owned)),
        payload,
    })
}
