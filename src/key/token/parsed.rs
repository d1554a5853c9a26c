//! A token of ours, checked: its header, its signature, its claims.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Checks, Claims, VerifyError};
use crate::base::Timestamp;
use crate::key::public::PublicKey;
use crate::protocol::jws::{Jws, JwsError, KeySet};

/// The last moment a claim may name: the year 9999. What lies beyond is a mistake.
const MAX_DATE: f64 = 253_402_300_800.0;
/// Header members by which a token would bring the key to check it with
/// (RFC 7515 §4.1.2–4.1.6, CVE-2018-0114). They are never looked at; an access
/// token that has one is refused all the same.
const FOREIGN_KEYS: [&str; 4] = ["jku", "jwk", "x5u", "x5c"];

impl From<JwsError> for VerifyError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong => Self::TooLong,
            JwsError::Malformed(why) => Self::Malformed(why),
            JwsError::Critical => Self::Critical,
            JwsError::Algorithm => Self::Algorithm {
                token: String::new(),
                key: PUBLIC_KEY,
            },
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::Signature => Self::Signature,
        }
    }
}

/// What stands for the algorithms of a key set in a [`VerifyError::Algorithm`].
const PUBLIC_KEY: &str = "public-key signatures";

/// A token taken apart; nothing of it is trusted yet.
pub(in crate::key) struct Parsed<'t>(Jws<'t>);

impl<'t> Parsed<'t> {
    /// Takes a token apart and refuses what no key could put right.
    pub(in crate::key) fn new(token: &'t str) -> Result<Self, VerifyError> {
        let jws = Jws::parse(token)?;
        let mut foreign = FOREIGN_KEYS.iter();
        match foreign.find(|name| jws.header().contains_key(**name)) {
            Some(name) => Err(VerifyError::ForeignKey(name)),
            None => Ok(Self(jws)),
        }
    }

    /// The key it names; `None` if it names none.
    pub(in crate::key) fn kid(&self) -> Result<Option<&str>, VerifyError> {
        Ok(self.0.kid()?)
    }

    fn other_algorithm(&self, key: &'static str) -> VerifyError {
        // It is shown to people; a stranger's long text is not.
        let token = self.0.algorithm().chars();
        let token = token.filter(|c| !c.is_control()).take(20).collect();
        VerifyError::Algorithm { token, key }
    }

    /// Algorithm and signature, by one key.
    pub(in crate::key) fn check_signature(&self, key: &PublicKey) -> Result<(), VerifyError> {
        if self.0.algorithm() != key.algorithm().as_str() {
            return Err(self.other_algorithm(key.algorithm().as_str()));
        }
        if key.verify(self.0.signed(), self.0.signature()) {
            Ok(())
        } else {
            Err(VerifyError::Signature)
        }
    }

    /// Algorithm and signature, by a secret that both sides have.
    pub(in crate::key) fn check_shared(&self, secret: &str) -> Result<(), VerifyError> {
        if self.0.algorithm() != "HS256" {
            return Err(self.other_algorithm("HS256"));
        }
        if self.0.is_under(secret) {
            Ok(())
        } else {
            Err(VerifyError::Signature)
        }
    }

    /// Algorithm and signature, by published keys.
    pub(in crate::key) fn check_published(&self, keys: &KeySet) -> Result<(), VerifyError> {
        match self.0.verify(keys) {
            Err(JwsError::Algorithm) => Err(self.other_algorithm(PUBLIC_KEY)),
            Err(_) if keys.is_empty() => Err(VerifyError::NoUsableKey),
            other => Ok(other?),
        }
    }

    /// The claims, once the signature is known to be right (RFC 7519 §7.2).
    pub(in crate::key) fn claims(&self, checks: &Checks<'_>) -> Result<Claims, VerifyError> {
        let all = self.0.claims()?;
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
            let given = self.0.header().get("typ").and_then(Value::as_str);
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
