//! The rules for an ID token's claims (OpenID Connect Core §3.1.3.7).

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{ErrorCode, SKEW, Timestamp, digest as compare};
use crate::login::error::words;
use crate::protocol::jwe::JweError;
use crate::protocol::jws::JwsError;
use crate::provider::issuer::Issuer;

/// Why an ID token does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// There is none.
    #[error("the token response has none; is `openid` among the scopes?")]
    Missing,
    /// The signature.
    #[error("{0}")]
    Signature(JwsError),
    /// It is encrypted, and can't be read.
    #[error("{0}")]
    Encrypted(JweError),
    /// It is encrypted, and there is no key.
    #[error("it is encrypted, and the mapping has no `client.decryption_key`")]
    NoDecryptionKey,
    /// `typ` of its header.
    #[error("its `typ` is that of another kind of token")]
    OtherKind,
    /// A claim that must be there is not.
    #[error("`{0}` is missing")]
    Absent(&'static str),
    /// A claim is of another type.
    #[error("`{0}` is of the wrong type")]
    Claim(&'static str),
    /// `iss`.
    #[error(
        "`iss` is not exactly the mapping's `issuer`: the token has `{given}`, the mapping `{expected}`"
    )]
    Issuer {
        /// The token's.
        given: String,
        /// The mapping's.
        expected: String,
    },
    /// `aud`.
    #[error(
        "`aud` does not name this client: the token has `{given}`, the mapping's client id is `{expected}`"
    )]
    Audience {
        /// The token's.
        given: String,
        /// The mapping's.
        expected: String,
    },
    /// `azp`.
    #[error("`azp` names another client")]
    AuthorizedParty,
    /// `exp`.
    #[error("it has expired")]
    Expired,
    /// `iat`, `nbf` or `auth_time`.
    #[error("`{0}` lies in the future")]
    Future(&'static str),
    /// `nonce`.
    #[error("`nonce` is not that of this login")]
    Nonce,
    /// `at_hash`.
    #[error("`at_hash` does not belong to the access token")]
    AccessTokenHash,
    /// `auth_time`.
    #[error("`auth_time` is older than the application allows: the provider did not ask again")]
    Stale,
    /// No `auth_time`, where there must be one.
    #[error(
        "`auth_time` is missing, which a provider that is sent `max_age` must give (OpenID Connect Core §2)"
    )]
    Undated,
    /// `sub` of the user information.
    #[error("the user information is about another `sub`")]
    OtherSubject,
}

/// What an application demands to know of the authentication at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationAge {
    /// From when on the person must have authenticated.
    pub since: Timestamp,
    /// `max_age` was sent, so the provider has to say when that was.
    pub must_say: bool,
}

/// What the claims must agree with.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The mapping's issuer.
    pub issuer: Option<&'a Issuer>,
    /// Our client id.
    pub client_id: &'a str,
    /// The nonce that was sent.
    pub nonce: Option<&'a str>,
    /// How fresh the authentication must be.
    pub freshness: Option<AuthenticationAge>,
    /// The access token that came with it, where one did.
    pub access_token: Option<&'a str>,
    /// The algorithm of its signature, which `at_hash` goes by.
    pub algorithm: &'a str,
    /// The present moment.
    pub now: Timestamp,
}

/// Checks the claims of a token whose signature is valid; gives when the person
/// authenticated at the provider, if it says so.
///
/// # Errors
/// The first rule that is broken.
pub fn check_claims(
    claims: &Value,
    expected: &Expected<'_>,
) -> Result<Option<Timestamp>, IdTokenError> {
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str);
    let issuer = text("iss").ok_or_else(|| lacking(claims, "iss"))?;
    if !expected.issuer.is_some_and(|own| own.is(issuer, claims)) {
        return Err(other_issuer(expected.issuer, issuer));
    }
    let subject = text("sub").ok_or_else(|| lacking(claims, "sub"))?;
    if subject.is_empty() || subject.len() > 255 {
        return Err(IdTokenError::Claim("sub"));
    }
    audience(claims, expected.client_id)?;
    let now = expected.now.as_secs();
    let expires = seconds(claims, "exp")?.ok_or(IdTokenError::Absent("exp"))?;
    if now >= expires.saturating_add(SKEW) {
        return Err(IdTokenError::Expired);
    }
    let issued = seconds(claims, "iat")?.ok_or(IdTokenError::Absent("iat"))?;
    if issued > now.saturating_add(SKEW) {
        return Err(IdTokenError::Future("iat"));
    }
    if seconds(claims, "nbf")?.is_some_and(|from| from > now.saturating_add(SKEW)) {
        return Err(IdTokenError::Future("nbf"));
    }
    if let Some(nonce) = expected.nonce {
        let given = text("nonce").ok_or_else(|| lacking(claims, "nonce"))?;
        if !compare::same(given.as_bytes(), nonce.as_bytes()) {
            return Err(IdTokenError::Nonce);
        }
    }
    let authenticated = auth_time(claims, expected.now)?;
    match (expected.freshness, authenticated) {
        (Some(wanted), Some(at)) if at.as_secs().saturating_add(SKEW) < wanted.since.as_secs() => {
            return Err(IdTokenError::Stale);
        }
        (Some(wanted), None) if wanted.must_say => return Err(IdTokenError::Undated),
        // `prompt=login` obliges nobody to say when: it was asked, and is
        // taken at its word.
        _ => {}
    }
    match (claims.get("at_hash"), expected.access_token) {
        (None, _) | (_, None) => Ok(authenticated),
        (Some(Value::String(hash)), Some(token)) if *hash == at_hash(expected, token) => {
            Ok(authenticated)
        }
        (Some(_), Some(_)) => Err(IdTokenError::AccessTokenHash),
    }
}

impl IdTokenError {
    /// The code of its own that it has, where it says more than that a token is wrong.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::OtherSubject => Some(ErrorCode::LoginOtherSubject),
            Self::Encrypted(_) | Self::NoDecryptionKey => Some(ErrorCode::LoginNotDecrypted),
            _ => None,
        }
    }
}

/// A claim that is not there, or is there in another type.
pub(super) fn lacking(claims: &Value, name: &'static str) -> IdTokenError {
    match claims.get(name) {
        None => IdTokenError::Absent(name),
        Some(_) => IdTokenError::Claim(name),
    }
}

pub(super) fn other_issuer(expected: Option<&Issuer>, given: &str) -> IdTokenError {
    IdTokenError::Issuer {
        given: words(given),
        expected: expected.map(Issuer::as_str).unwrap_or_default().to_owned(),
    }
}

/// Checks that a later ID token is of the same provider, for the same client and about
/// the same person as the first.
///
/// # Errors
/// The first of them that is another.
pub(super) fn check_same(
    claims: &Value,
    issuer: Option<&Issuer>,
    client_id: &str,
    subject: Option<&str>,
) -> Result<(), IdTokenError> {
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str);
    let given = text("iss").ok_or_else(|| lacking(claims, "iss"))?;
    if !issuer.is_some_and(|own| own.is(given, claims)) {
        return Err(other_issuer(issuer, given));
    }
    audience(claims, client_id)?;
    let given = text("sub").ok_or_else(|| lacking(claims, "sub"))?;
    match subject {
        Some(subject) if subject != given => Err(IdTokenError::OtherSubject),
        _ => Ok(()),
    }
}

/// Checks what a signed document other than an ID token says about itself, as far
/// as it does: whose it is, for whom, and until when.
///
/// # Errors
/// The first rule that is broken.
pub fn check_signed(
    claims: &Value,
    issuer: Option<&Issuer>,
    client_id: Option<&str>,
    now: Timestamp,
) -> Result<(), IdTokenError> {
    if let (Some(own), Some(given)) = (issuer, claims.get("iss")) {
        let given = given.as_str().ok_or(IdTokenError::Claim("iss"))?;
        if !own.is(given, claims) {
            return Err(other_issuer(issuer, given));
        }
    }
    if let (Some(client_id), Some(_)) = (client_id, claims.get("aud")) {
        audience(claims, client_id)?;
    }
    let now = now.as_secs();
    if seconds(claims, "exp")?.is_some_and(|until| now >= until.saturating_add(SKEW)) {
        return Err(IdTokenError::Expired);
    }
    if seconds(claims, "nbf")?.is_some_and(|from| from > now.saturating_add(SKEW)) {
        return Err(IdTokenError::Future("nbf"));
    }
    Ok(())
}

/// When the person authenticated at the provider, if it says so. A moment ahead
/// of now, by as much as clocks may differ, is now: our own ID tokens say it to
/// others, whose clocks are like ours.
///
/// # Errors
/// If it lies further in the future: taken as it is, it would satisfy every
/// `max_age` until then; taken for now, it would hide that the provider is wrong.
fn auth_time(claims: &Value, now: Timestamp) -> Result<Option<Timestamp>, IdTokenError> {
    // It is optional, and of no use in another form; where it has to be there, its
    // absence is told.
    let Ok(Some(at)) = seconds(claims, "auth_time") else {
        return Ok(None);
    };
    if at > now.as_secs().saturating_add(SKEW) {
        return Err(IdTokenError::Future("auth_time"));
    }
    Ok(Some(Timestamp::from_secs(at.min(now.as_secs()))))
}

pub(super) fn audience(claims: &Value, client_id: &str) -> Result<(), IdTokenError> {
    let named = match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(all)) => all.iter().any(|a| a == client_id),
        _ => return Err(lacking(claims, "aud")),
    };
    if !named {
        let given = match claims.get("aud") {
            Some(Value::String(one)) => words(one),
            Some(several) => words(&several.to_string()).replace('?', "\""),
            None => String::new(),
        };
        return Err(IdTokenError::Audience {
            given,
            expected: client_id.to_owned(),
        });
    }
    match claims.get("azp") {
        // Several audiences without `azp` are in order since errata set 2 of the
        // standard withdrew the rule: who obtained the token is then its `nonce`'s matter.
        None => Ok(()),
        Some(party) if party == client_id => Ok(()),
        Some(_) => Err(IdTokenError::AuthorizedParty),
    }
}

/// A moment in whole seconds; a fraction of one, which RFC 7519 §2 allows, is cut
/// off. Text and negative numbers are errors, never "absent": a token must not live
/// longer for being odd.
pub(super) fn seconds(claims: &Value, name: &'static str) -> Result<Option<u64>, IdTokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => whole(number).map(Some).ok_or(IdTokenError::Claim(name)),
        Some(_) => Err(IdTokenError::Claim(name)),
    }
}

/// The whole seconds of a number, read from its digits: no float is exact enough
/// for every one that can be written.
fn whole(number: &serde_json::Number) -> Option<u64> {
    if let Some(whole) = number.as_u64() {
        return Some(whole);
    }
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction))
        .then(|| whole.parse().ok())
        .flatten()
}

/// The left half of the access token's hash (OpenID Connect Core §3.1.3.6).
fn at_hash(expected: &Expected<'_>, access_token: &str) -> String {
    let algorithm = match expected.algorithm.get(2..) {
        Some("384") => &SHA384,
        Some("512" | "DSA") => &SHA512,
        _ => &SHA256,
    };
    let hash = digest(algorithm, access_token.as_bytes());
    let bytes = hash.as_ref();
    URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() / 2])
}
