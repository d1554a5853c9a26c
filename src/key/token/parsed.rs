//! A token taken apart and checked.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Checks, Claims, MAX_TOKEN, VerifyError};
use crate::base::Timestamp;
use crate::key::public::{Algorithm, PublicKey};

/// The last moment a claim may name: the year 9999. What lies beyond is a mistake.
const MAX_DATE: f64 = 253_402_300_800.0;
/// Header members by which a token would bring the key to check it with
/// (RFC 7515 §4.1.2–4.1.6, CVE-2018-0114).
const FOREIGN_KEYS: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];

/// A token taken apart; nothing of it is trusted yet.
pub(in crate::key) struct Parsed<'t> {
    header: Map<String, Value>,
    signed: &'t [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Parsed<'t> {
    /// Takes a compact JWS apart and refuses what no key could put right.
    pub(in crate::key) fn new(token: &'t str) -> Result<Self, VerifyError> {
        if token.len() > MAX_TOKEN {
            return Err(VerifyError::TooLong);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, payload, signature] = parts.as_slice() else {
            return Err(VerifyError::Malformed("it does not have three parts"));
        };
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| VerifyError::Malformed("a part is not base64url"))
        };
        let parsed = Self {
            header: object(&decode(header)?)
                .ok_or(VerifyError::Malformed("its header is not a JSON object"))?,
            signed: &token.as_bytes()[..header.len() + 1 + payload.len()],
            payload: decode(payload)?,
            signature: decode(signature)?,
        };
        if parsed.header.contains_key("crit") {
            return Err(VerifyError::Critical);
        }
        match FOREIGN_KEYS
            .iter()
            .find(|name| parsed.header.contains_key(**name))
        {
            Some(name) => Err(VerifyError::ForeignKey(name)),
            None => Ok(parsed),
        }
    }

    /// The key it names; `None` if it names none.
    pub(in crate::key) fn kid(&self) -> Result<Option<&str>, VerifyError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => Err(VerifyError::Malformed("its `kid` is not a text")),
        }
    }

    /// Fails unless the token says what the key is for.
    pub(in crate::key) fn check_algorithm(
        &self,
        key: Option<Algorithm>,
    ) -> Result<(), VerifyError> {
        let token = self
            .header
            .get("alg")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let key = key.map_or("ES256 or RS256", Algorithm::as_str);
        if token == key {
            return Ok(());
        }
        // It is shown to people; a stranger's long text is not.
        let token = token.chars().filter(|c| !c.is_control()).take(20).collect();
        Err(VerifyError::Algorithm { token, key })
    }

    /// Whether the token says an algorithm that we know.
    pub(in crate::key) fn algorithm(&self) -> Option<Algorithm> {
        [Algorithm::Es256, Algorithm::Rs256]
            .into_iter()
            .find(|known| self.header.get("alg").and_then(Value::as_str) == Some(known.as_str()))
    }

    /// True if the signature is by `key`.
    pub(in crate::key) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(self.signed, &self.signature)
    }

    /// Algorithm and signature, by one key.
    pub(in crate::key) fn check_signature(&self, key: &PublicKey) -> Result<(), VerifyError> {
        self.check_algorithm(Some(key.algorithm()))?;
        if self.is_signed_by(key) {
            Ok(())
        } else {
            Err(VerifyError::Signature)
        }
    }

    /// The claims, once the signature is known to be right (RFC 7519 §7.2).
    pub(in crate::key) fn claims(&self, checks: &Checks<'_>) -> Result<Claims, VerifyError> {
        let all = object(&self.payload)
            .ok_or(VerifyError::Malformed("its claims are not a JSON object"))?;
        let leeway = checks.leeway;
        let expires_at = date(&all, "exp")?.ok_or(VerifyError::MissingClaim("exp"))?;
        if checks.now >= expires_at.plus(leeway) {
            return Err(VerifyError::Expired(expires_at));
        }
        if let Some(start) = date(&all, "nbf")?.filter(|start| checks.now.plus(leeway) < *start) {
            return Err(VerifyError::NotYetValid(start));
        }
        date(&all, "iat")?;
        if let Some(issuer) = checks.issuer {
            match all.get("iss").ok_or(VerifyError::MissingClaim("iss"))? {
                Value::String(given) if given == issuer => {}
                Value::String(_) => return Err(VerifyError::Issuer),
                _ => return Err(VerifyError::BadClaim("iss")),
            }
        }
        if let Some(audience) = checks.audience {
            let given = all.get("aud").ok_or(VerifyError::MissingClaim("aud"))?;
            if !audiences(given)?.contains(&audience) {
                return Err(VerifyError::Audience);
            }
        }
        if let Some(typ) = checks.typ {
            let given = self.header.get("typ").and_then(Value::as_str);
            if !given.is_some_and(|given| same_type(given, typ)) {
                return Err(VerifyError::Type);
            }
        }
        Ok(Claims { all, expires_at })
    }
}

/// A text, or several (RFC 7519 §4.1.3).
fn audiences(given: &Value) -> Result<Vec<&str>, VerifyError> {
    let bad = || VerifyError::BadClaim("aud");
    match given {
        Value::String(one) => Ok(vec![one]),
        Value::Array(several) => several.iter().map(|v| v.as_str().ok_or_else(bad)).collect(),
        _ => Err(bad()),
    }
}

/// Media types differ in case, and may leave `application/` out (RFC 7515 §4.1.9).
fn same_type(a: &str, b: &str) -> bool {
    let short = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.strip_prefix("application/")
            .map(str::to_owned)
            .unwrap_or(text)
    };
    short(a) == short(b)
}

/// A `NumericDate` (RFC 7519 §2): seconds, perhaps with a fraction. What is
/// there but no such number is an error, never taken as absent (CVE-2026-25537).
fn date(all: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, VerifyError> {
    let Some(value) = all.get(name) else {
        return Ok(None);
    };
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    seconds
        .filter(|seconds| (0.0..MAX_DATE).contains(seconds))
        // To the nearest millisecond: a binary fraction lies beside the written one.
        .and_then(|seconds| Duration::try_from_secs_f64(seconds + 0.0005).ok())
        .map(|since_epoch| Some(Timestamp::default().plus(since_epoch)))
        .ok_or(VerifyError::BadClaim(name))
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

    impl<'de> serde::Deserialize<'de> for Unique {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            from.deserialize_map(UniqueVisitor)
        }
    }

    serde_json::from_slice::<Unique>(json)
        .ok()
        .map(|unique| unique.0)
}
