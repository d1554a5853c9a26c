//! Client authentication by a signed assertion: `private_key_jwt` and
//! `client_secret_jwt` (RFC 7523 §2.2), and the client secret that Apple wants signed.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use url::Url;

use super::model::Assertion;
use crate::base::{Secret, Timestamp, random};

/// How long an assertion is good for: the time of one request.
const LIFETIME: Duration = Duration::from_secs(60);

/// The key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`client.private_key` is not a usable key; write an unencrypted PEM, EC P-256 (PKCS#8) or RSA"
)]
pub struct BadKey;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: u64,
    exp: u64,
}

/// Reads the key: EC gives ES256, RSA gives RS256.
///
/// # Errors
/// If it is neither.
pub fn parse_key(pem: &Secret) -> Result<(Algorithm, EncodingKey), BadKey> {
    let pem = pem.expose().as_bytes();
    EncodingKey::from_ec_pem(pem)
        .map(|key| (Algorithm::ES256, key))
        .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)))
        .map_err(|_| BadKey)
}

/// Signs an assertion for one token request: with the private key, or with the
/// client secret where it is given (`client_secret_jwt`).
///
/// # Errors
/// If the key can't be used; a compiled mapping's can.
pub fn sign(
    client_id: &str,
    assertion: &Assertion,
    secret: Option<&Secret>,
    endpoint: &Url,
    now: Timestamp,
) -> Result<Secret, BadKey> {
    let (algorithm, key) = match (secret, &assertion.private_key) {
        (Some(secret), _) if secret.is_empty() => return Err(BadKey),
        (Some(secret), _) => {
            let key = EncodingKey::from_secret(secret.expose().as_bytes());
            (Algorithm::HS256, key)
        }
        (None, Some(key)) => parse_key(key)?,
        (None, None) => return Err(BadKey),
    };
    let mut header = Header::new(algorithm);
    if secret.is_none() {
        header.kid.clone_from(&assertion.key_id);
    }
    let claims = Claims {
        iss: assertion.issuer.as_deref().unwrap_or(client_id),
        sub: client_id,
        aud: assertion.audience.as_deref().unwrap_or(endpoint.as_str()),
        jti: random::token(),
        iat: now.as_secs(),
        exp: now.plus(LIFETIME).as_secs(),
    };
    jsonwebtoken::encode(&header, &claims, &key)
        .map(Secret::new)
        .map_err(|_| BadKey)
}
