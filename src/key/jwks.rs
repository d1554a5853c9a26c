//! Tokens checked as a resource server does it: with a certificate, or with a
//! published key set.

use serde_json::Value;

use super::certificate::Certificate;
use super::public::PublicKey;
use super::token::{Checks, Claims, Parsed, VerifyError};

/// No more keys of a set are looked at; the rest is as if it were not there.
pub const MAX_KEYS: usize = 100;
/// No more of them are tried, where several have the token's `kid`.
const MAX_TRIES: usize = 4;

/// Verifies a token with the certificate of the key that signed it: the first in
/// the text, PEM. The certificate must be valid too.
pub fn verify_with_cert(
    token: &str,
    cert_pem: &str,
    checks: &Checks<'_>,
) -> Result<Claims, VerifyError> {
    let bad = VerifyError::Certificate;
    let all = Certificate::read_all(cert_pem.as_bytes()).map_err(bad)?;
    let leaf = all.first().ok_or(VerifyError::NoUsableKey)?;
    leaf.check_time(checks.now).map_err(bad)?;
    let key = leaf.public_key().map_err(bad)?;
    let parsed = Parsed::new(token)?;
    parsed.check_signature(&key)?;
    parsed.claims(checks)
}

/// Verifies a token with a JWK set (RFC 7517 §5). Keys that cannot be for it are
/// passed over: symmetric, private and weak ones, other algorithms.
pub fn verify_with_jwks(
    token: &str,
    jwks: &Value,
    checks: &Checks<'_>,
) -> Result<Claims, VerifyError> {
    let parsed = Parsed::new(token)?;
    let wanted = parsed.kid()?;
    // What a token says of its algorithm only chooses among keys, each of which
    // has one of its own.
    let Some(algorithm) = parsed.algorithm() else {
        return Err(parsed
            .check_algorithm(None)
            .err()
            .unwrap_or(VerifyError::Signature));
    };
    let mut usable = 0;
    let mut fitting = Vec::new();
    let listed = jwks.get("keys").and_then(Value::as_array);
    for jwk in listed.into_iter().flatten().take(MAX_KEYS) {
        let Some(jwk) = jwk.as_object() else { continue };
        let Some(key) = PublicKey::from_jwk(jwk) else {
            continue;
        };
        usable += 1;
        let kid = jwk.get("kid").and_then(Value::as_str);
        if key.algorithm() == algorithm && (wanted.is_none() || kid == wanted) {
            fitting.push(key);
        }
    }
    if usable == 0 {
        return Err(VerifyError::NoUsableKey);
    }
    match (fitting.as_slice(), wanted) {
        ([], _) => return Err(VerifyError::UnknownKey),
        ([_, _, ..], None) => return Err(VerifyError::NoKeyId),
        _ => {}
    }
    if !fitting
        .iter()
        .take(MAX_TRIES)
        .any(|key| parsed.is_signed_by(key))
    {
        return Err(VerifyError::Signature);
    }
    parsed.claims(checks)
}
