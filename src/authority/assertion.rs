//! Client authentication by a signed assertion: `private_key_jwt` and
//! `client_secret_jwt` (RFC 7523 §2.2 and §3, OpenID Connect Core §9).
//!
//! An assertion counts once: its `jti` is kept until it has expired. It is for us by
//! our issuer, or by one of our endpoints, as clients write either.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;
use url::Url;

use super::Authority;
use super::application::{Application, AuthMethod};
use super::error::{Code, OAuthError};
use super::id_token::untrusted;
use crate::base::{SKEW, Timestamp, digest};
use crate::outbound::{Limits, PreparedRequest};
use crate::protocol::jws::{Jws, JwsError, KeySet};
use crate::store::{Key, Precondition, Space, StoreError};

static USED: Space = Space::durable("client_assertions").expiring();

/// `client_assertion_type` (RFC 7523 §2.2).
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The algorithms by which assertions count, for the metadata (RFC 8414 §2).
pub const ALGORITHMS: [&str; 10] = [
    "HS256", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];
/// The longest assertion, in bytes.
const MAX_ASSERTION: usize = 16 << 10;
/// An assertion that lives longer is none for one request, and would have to be
/// remembered for as long.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How far an application's clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(SKEW);
/// How long published keys are taken as they are.
const CACHE_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long they count where newer ones cannot be had.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// At most one look for new keys, or after a failure, in this time.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// The most addresses whose keys are remembered.
const MAX_KNOWN: usize = 1000;
/// The longest key set, in bytes.
const MAX_KEYS: usize = 256 << 10;

pub(super) fn space() -> &'static Space {
    &USED
}

/// The published keys of applications.
#[derive(Default)]
pub struct ClientKeys(Mutex<HashMap<String, Arc<AsyncMutex<Known>>>>);

#[derive(Default)]
struct Known {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    looked: Option<Timestamp>,
}

impl ClientKeys {
    /// What is known of an address.
    fn at(&self, uri: &str) -> Arc<AsyncMutex<Known>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KNOWN && !all.contains_key(uri) {
            all.clear();
        }
        Arc::clone(all.entry(uri.to_owned()).or_default())
    }
}

/// Whose an assertion says that it is; nothing of it is believed yet.
pub(super) fn subject(assertion: &str) -> Option<String> {
    if assertion.len() > MAX_ASSERTION {
        return None;
    }
    let claims = untrusted(assertion)?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

impl Authority {
    /// Whether an assertion proves that a request comes from this application.
    pub(super) async fn check_assertion(
        &self,
        application: &Application,
        method: AuthMethod,
        assertion: &str,
    ) -> Result<bool, OAuthError> {
        let now = self.now();
        let Ok(jws) = Jws::parse(assertion) else {
            return Ok(false);
        };
        // First what costs nothing: strangers make us fetch no keys for nonsense.
        let Some((jti, expires_at)) = self.claims_of(application, &jws, now) else {
            return Ok(false);
        };
        let signed = match method {
            AuthMethod::PrivateKeyJwt => self.is_by_its_key(application, &jws, now).await?,
            AuthMethod::ClientSecretJwt => is_by_its_secret(application, &jws, now),
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => false,
        };
        Ok(signed && self.is_first(application, &jti, expires_at).await?)
    }

    /// `jti` and end of an assertion whose claims are right (RFC 7523 §3).
    fn claims_of(
        &self,
        application: &Application,
        jws: &Jws<'_>,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let claims = jws.claims().ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let id = Some(application.client_id.as_str());
        if text("iss") != id || text("sub") != id || !self.is_audience(claims.get("aud")?) {
            return None;
        }
        let expires_at = date(&claims, "exp")??;
        let begins = [date(&claims, "nbf")?, date(&claims, "iat")?];
        let early = |at: &Timestamp| now.plus(LEEWAY) < *at;
        if now >= expires_at.plus(LEEWAY)
            || expires_at > now.plus(MAX_LIFETIME + LEEWAY)
            || begins.iter().flatten().any(early)
        {
            return None;
        }
        let jti = text("jti").filter(|jti| (1..=512).contains(&jti.len()))?;
        Some((jti.to_owned(), expires_at.plus(LEEWAY)))
    }

    fn is_audience(&self, audience: &Value) -> bool {
        let ours = |one: &Value| {
            let rest = one.as_str().and_then(|one| one.strip_prefix(&self.issuer));
            matches!(
                rest,
                Some(
                    "" | "/"
                        | "/connect/token"
                        | "/connect/introspect"
                        | "/connect/revoke"
                        | "/connect/par"
                        | "/connect/device_authorization"
                )
            )
        };
        match audience {
            Value::Array(several) => several.iter().any(ours),
            one => ours(one),
        }
    }

    async fn is_by_its_key(
        &self,
        application: &Application,
        jws: &Jws<'_>,
        now: Timestamp,
    ) -> Result<bool, OAuthError> {
        let settings = &application.settings;
        if let Some(jwks) = &settings.jwks {
            return Ok(jws.verify(&KeySet::parse(jwks)).is_ok());
        }
        let Some(uri) = &settings.jwks_uri else {
            return Ok(false);
        };
        let keys = self.client_keys(application, uri, now, false).await?;
        match jws.verify(&keys) {
            // It may have rotated.
            Err(JwsError::UnknownKey) => {
                let keys = self.client_keys(application, uri, now, true).await?;
                Ok(jws.verify(&keys).is_ok())
            }
            other => Ok(other.is_ok()),
        }
    }

    /// The keys at an address, as they were fetched within the hour, or anew.
    async fn client_keys(
        &self,
        application: &Application,
        uri: &str,
        now: Timestamp,
        anew: bool,
    ) -> Result<Arc<KeySet>, OAuthError> {
        // One fetch serves all who wait for it.
        let known = self.client_keys.at(uri);
        let mut known = known.lock().await;
        let age = |at: Timestamp| now.since(at);
        let lately = known.looked.is_some_and(|at| age(at) < REFRESH_INTERVAL);
        if let Some((keys, at)) = &known.keys
            && (lately || (!anew && age(*at) < CACHE_LIFETIME))
        {
            return Ok(Arc::clone(keys));
        }
        if !lately {
            known.looked = Some(now);
            match self.fetch_keys(application, uri).await {
                Ok(keys) => known.keys = Some((Arc::new(keys), now)),
                Err(why) => {
                    warn!(client_id = %application.client_id, why, "the keys of an application cannot be fetched");
                }
            }
        }
        let good = known.keys.as_ref().filter(|(_, at)| age(*at) < MAX_AGE);
        good.map(|(keys, _)| Arc::clone(keys)).ok_or_else(|| {
            OAuthError::new(
                Code::TemporarilyUnavailable,
                "the application's keys cannot be fetched from its `jwks_uri`; the broker's log says why",
            )
        })
    }

    async fn fetch_keys(&self, application: &Application, uri: &str) -> Result<KeySet, String> {
        let request = PreparedRequest {
            method: http::Method::GET,
            url: Url::parse(uri).map_err(|error| error.to_string())?,
            headers: vec![("Accept".to_owned(), "application/json".to_owned())],
            body: None,
        };
        let limits = Limits {
            max_body: MAX_KEYS,
            ..Limits::default()
        };
        let lane = format!("application/{}", application.client_id);
        let sent = self.outbound.send(&lane, request, &limits).await;
        let answer = sent.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("`jwks_uri` answered {}", answer.status));
        }
        let document: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| "`jwks_uri` did not answer with JSON".to_owned())?;
        Ok(KeySet::parse(&document))
    }

    /// Notes an assertion as used; on disk when this returns. `false`: it was before.
    async fn is_first(
        &self,
        application: &Application,
        jti: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = digest::sha256(format!("{} {jti}", application.client_id).as_bytes());
        let key = Key::expiring(&USED, "", expires_at, &id);
        // One `jti` with another `exp` is another key, and was signed by the application.
        match self.store.put(&key, Vec::new(), Precondition::Absent).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether an assertion is under a secret that counts (RFC 7518 §3.2).
fn is_by_its_secret(application: &Application, jws: &Jws<'_>, now: Timestamp) -> bool {
    application
        .plain_secrets(now)
        .any(|secret| jws.is_under(secret))
}

/// A `NumericDate`; the outer `None` where it is there and no such.
#[expect(clippy::option_option, reason = "absent and wrong are two things")]
fn date(claims: &Map<String, Value>, name: &str) -> Option<Option<Timestamp>> {
    match claims.get(name) {
        None => Some(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|s| (0.0..4e9).contains(s))?;
            let since = Duration::try_from_secs_f64(seconds).ok()?;
            Some(Some(Timestamp::default().plus(since)))
        }
    }
}
