//! Tokens under a secret that the broker and one application have.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::error::KeyError;
use super::token::{Checks, Claims, Expect, Parsed, VerifyError};

/// The secret of an application as the key of HS256 (RFC 7518 §3.2, OpenID Connect
/// Core §10.1). What it signs says nothing to anybody else, and whoever has the secret
/// can make the same: it never counts as a token of the broker's own keys.
#[derive(Clone, Copy)]
pub struct SharedKey<'a>(&'a str);

impl<'a> SharedKey<'a> {
    /// The key that a secret is.
    pub fn new(secret: &'a str) -> Self {
        Self(secret)
    }

    /// A compact JWS (RFC 7515 §3.1) over `claims`. It names no key: there is one.
    ///
    /// # Errors
    /// [`KeyError::Claims`] if the claims do not become JSON.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let payload = serde_json::to_vec(claims).map_err(|e| KeyError::Claims(e.to_string()))?;
        let header = serde_json::json!({ "alg": "HS256", "typ": typ }).to_string();
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        let signature = hmac::sign(&key, token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        Ok(token)
    }

    /// Verifies a token that was signed with it: algorithm, signature, issuer, audience
    /// and time, always.
    ///
    /// # Errors
    /// The first of these that is wrong.
    pub fn verify(&self, token: &str, expect: &Expect<'_>) -> Result<Claims, VerifyError> {
        let parsed = Parsed::new(token)?;
        parsed.check_shared(self.0)?;
        parsed.claims(&Checks::from(*expect))
    }
}

impl fmt::Debug for SharedKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey([redacted])")
    }
}
