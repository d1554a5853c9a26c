//! Signed tokens: compact JWS (RFC 7515), and others' published keys (RFC 7517).
//!
//! Every token is taken apart here, whoever signed it, under one set of limits.
//! By an issuer's key set only public-key signatures count; a shared secret counts where
//! the caller names it. A token's own header never says which key to trust: `jku`, `jwk`, `x5u` and `x5c` are never looked at.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The longest token that is read, in bytes.
pub const MAX_TOKEN: usize = 64 << 10;
/// No more keys of a set are looked at; the rest is as if it were not there.
pub const MAX_KEYS: usize = 100;
/// The most signature checks one token may cost.
const MAX_TRIES: usize = 20;

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN`].
    #[error("it is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not a compact JWS (RFC 7515 §7.1), or not the JSON it should be.
    #[error("it is not a signed token: {0}")]
    Malformed(&'static str),
    /// `none`, a shared-key algorithm, or one that is not known.
    #[error(
        "its algorithm is not one of the public-key signatures that count: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
    )]
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

/// A compact JWS taken apart. Nothing of it is trusted yet.
pub struct Jws<'t> {
    header: Map<String, Value>,
    signed: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart and refuses what no key could put right.
    ///
    /// # Errors
    /// [`JwsError::TooLong`], [`JwsError::Malformed`] or [`JwsError::Critical`].
    pub fn parse(token: &'t str) -> Result<Self, JwsError> {
        if token.len() > MAX_TOKEN {
            return Err(JwsError::TooLong);
        }
        let parts: Vec<&str> = token.splitn(4, '.').collect();
        let &[header, payload, signature] = parts.as_slice() else {
            return Err(JwsError::Malformed("it does not have three parts"));
        };
        let header = object(&decode(header)?)
            .ok_or(JwsError::Malformed("its header is not a JSON object"))?;
        let jws = Self {
            signed: &token[..token.len() - signature.len() - 1],
            payload: decode(payload)?,
            signature: decode(signature)?,
            header,
        };
        if jws.header.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        Ok(jws)
    }

    /// The header (RFC 7515 §4).
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// `alg`; empty where it is missing or not a text.
    pub fn algorithm(&self) -> &str {
        self.header
            .get("alg")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What kind of token it says it is (RFC 8725 §3.11), in lower case and without
    /// `application/`; `None` where it says nothing.
    pub fn kind(&self) -> Option<String> {
        let typ = self.header.get("typ")?.as_str().unwrap_or_default();
        let typ = typ.to_ascii_lowercase();
        Some(typ.strip_prefix("application/").unwrap_or(&typ).to_owned())
    }

    /// The key it names; `None` if it names none.
    ///
    /// # Errors
    /// If `kid` is not a text.
    pub fn kid(&self) -> Result<Option<&str>, JwsError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => Err(JwsError::Malformed("its `kid` is not a text")),
        }
    }

    /// What the signature is over (RFC 7515 §5.2).
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The signature as bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The payload as bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Whether it is signed with HS256 under a secret that both sides have (RFC 7518 §3.2).
    pub fn is_under(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        self.algorithm() == "HS256" && hmac::verify(&key, self.signed(), self.signature()).is_ok()
    }

    /// The payload as claims, each of which may be there once (RFC 7519 §4).
    ///
    /// # Errors
    /// If it is not such a JSON object.
    pub fn claims(&self) -> Result<Map<String, Value>, JwsError> {
        object(&self.payload).ok_or(JwsError::Malformed("its claims are not a JSON object"))
    }

    /// Checks the signature by an issuer's published keys. What the token says of
    /// its algorithm only chooses among keys, each of which is for its own.
    ///
    /// # Errors
    /// [`JwsError::UnknownKey`] is the one for which fetching the keys anew may help.
    pub fn verify(&self, keys: &KeySet) -> Result<(), JwsError> {
        let algorithm = Algorithm::named(self.algorithm()).ok_or(JwsError::Algorithm)?;
        let kid = self.kid()?;
        let named = keys
            .keys
            .iter()
            .filter(|key| kid.is_none() || key.id.as_deref() == kid);
        let mut named = named.peekable();
        if named.peek().is_none() {
            return Err(JwsError::UnknownKey);
        }
        let verified = named
            .filter(|key| key.algorithms.contains(&algorithm))
            .take(MAX_TRIES)
            .any(|key| key.key.verify(algorithm, self.signed(), &self.signature));
        match kid {
            _ if verified => Ok(()),
            // A set of one key without ids may have been rotated.
            None => Err(JwsError::UnknownKey),
            Some(_) => Err(JwsError::Signature),
        }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwsError::Malformed("a part is not base64url"))
}

/// The keys an issuer publishes, as far as they can be used.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

struct PublicKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: Key,
}

enum Key {
    /// The key fixes the algorithm.
    Parsed(ParsedPublicKey),
    /// The algorithm is one of several.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl Key {
    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Parsed(key) => key.verify_sig(message, signature).is_ok(),
            Self::Rsa(key) => algorithm
                .rsa()
                .is_some_and(|how| key.verify(how, message, signature).is_ok()),
        }
    }
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

/// Members of a JWK that no public key has (RFC 7518 §6).
pub const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Whether `key_ops` (RFC 7517 §4.3) is a list that has `verify` in it.
pub fn may_verify(operations: &Value) -> bool {
    let all = operations.as_array();
    all.is_some_and(|all| all.iter().any(|one| one == "verify"))
}

fn public_key(jwk: &Value) -> Option<PublicKey> {
    use Algorithm::{Ed25519, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};

    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let private = PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some());
    let verifies = jwk.get("use").is_none_or(|purpose| purpose == "sig")
        && jwk.get("key_ops").is_none_or(may_verify);
    if private || !verifies {
        return None;
    }
    let point = |size: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
    };
    let parsed = |how: &'static dyn VerificationAlgorithm, key: &[u8]| {
        ParsedPublicKey::new(how, key).ok().map(Key::Parsed)
    };
    let (possible, key) = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            // Padded with zeros by some.
            let strip = |number: Vec<u8>| -> Vec<u8> {
                number.into_iter().skip_while(|byte| *byte == 0).collect()
            };
            let (n, e) = (strip(bytes("n")?), strip(bytes("e")?));
            let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
            if !(2048..=8192).contains(&bits) {
                return None;
            }
            let key = RsaPublicKeyComponents { n, e };
            key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
            let all = vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];
            (all, Key::Rsa(key))
        }
        ("EC", Some("P-256")) => (vec![Es256], parsed(&ECDSA_P256_SHA256_FIXED, &point(32)?)?),
        ("EC", Some("P-384")) => (vec![Es384], parsed(&ECDSA_P384_SHA384_FIXED, &point(48)?)?),
        ("OKP", Some("Ed25519")) => (vec![Ed25519], parsed(&ED25519, &bytes("x")?)?),
        _ => return None,
    };
    let named = text("alg").map(Algorithm::named);
    let mut algorithms = possible;
    algorithms.retain(|one| named.is_none_or(|named| named == Some(*one)));
    (!algorithms.is_empty()).then(|| PublicKey {
        id: text("kid").map(str::to_owned),
        algorithms,
        key,
    })
}

/// The signatures of others that count (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Ed25519,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            // RFC 9864 gives it the second name.
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Self::Es256 | Self::Es384 | Self::Ed25519 => return None,
        })
    }
}

/// A JSON object whose members all have different names (RFC 7515 §4, RFC 7519
/// §4): readers differ in which of two they take, and that can be abused.
fn object(json: &[u8]) -> Option<Map<String, Value>> {
    struct Unique(Map<String, Value>);
    struct UniqueVisitor;

    impl<'de> Visitor<'de> for UniqueVisitor {
        type Value = Unique;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
            let mut all = Map::new();
            while let Some((name, value)) = members.next_entry::<String, Value>()? {
                if all.insert(name, value).is_some() {
                    return Err(A::Error::custom("a name occurs twice"));
                }
            }
            Ok(Unique(all))
        }
    }

    impl<'de> Deserialize<'de> for Unique {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_map(UniqueVisitor)
        }
    }

    serde_json::from_slice::<Unique>(json)
        .ok()
        .map(|unique| unique.0)
}
