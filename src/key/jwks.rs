//! Tokens checked as a resource server does it: with a certificate, or with a
//! published key set.

use serde_json::Value;

use super::certificate::Certificate;
use super::token::{Checks, Claims, Parsed, VerifyError};
use crate::protocol::jws::KeySet;

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
    parsed.check_published(&KeySet::parse(jwks))?;
    parsed.claims(checks)
}
