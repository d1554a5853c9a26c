//! Tokens of another authority, for the admin API: checked by its published
//! keys (OpenID Connect Discovery §4, RFC 7517).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::id_token::untrusted;
use crate::base::{SKEW, Timestamp};
use crate::key::{Checks, Claims, VerifyError, verify_with_jwks};
use crate::outbound::{Limits, Outbound, PreparedRequest};
use crate::protocol::jws::Jws;

/// How long documents are taken as they are.
const CACHE_LIFETIME: Duration = Duration::from_secs(3600);
/// At most one look for new keys, or after a failure, in this time.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// How far its clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(SKEW);

/// Another authority. Its access tokens say `at+jwt` (RFC 9068 §2.1), or as those from
/// before that RFC `JWT` or nothing (RFC 7519 §5.1).
pub struct ForeignAuthority {
    issuer: String,
    outbound: Arc<Outbound>,
    known: Mutex<CachedKeys>,
}

#[derive(Default)]
struct CachedKeys {
    /// The issuer to the letter, and its keys.
    keys: Option<(String, Arc<Value>, Timestamp)>,
    /// When an unknown key last made us look again.
    looked_again: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

/// Why a token of it does not count, or cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It is none of its.
    #[error("the token is from another issuer")]
    Issuer,
    /// The token.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// The authority.
    #[error("the authority's documents cannot be fetched: {0}")]
    Unreachable(String),
}

impl ForeignAuthority {
    /// The authority at a URL.
    pub fn new(authority: &Url, outbound: Arc<Outbound>) -> Self {
        Self {
            issuer: authority.as_str().trim_end_matches('/').to_owned(),
            outbound,
            known: Mutex::default(),
        }
    }

    /// Whether a token says that it is from there; nothing of it is believed yet.
    pub fn claims(&self, token: &str) -> bool {
        untrusted(token)
            .as_ref()
            .and_then(|claims| claims.get("iss")?.as_str())
            .is_some_and(|iss| iss.trim_end_matches('/') == self.issuer)
    }

    /// Checks a token: kind, signature, issuer, audience and time.
    pub async fn verify(
        &self,
        token: &str,
        audience: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, ForeignError> {
        if !self.claims(token) {
            return Err(ForeignError::Issuer);
        }
        // What another kind is signed for, a logout say, is no right to anything.
        let kind = Jws::parse(token).map(|jws| jws.kind());
        if !matches!(
            kind.as_ref().map(Option::as_deref),
            Ok(None | Some("at+jwt" | "jwt"))
        ) {
            return Err(VerifyError::Type.into());
        }
        let (issuer, keys) = self.keys(now, false).await?;
        let checks = |issuer| Checks {
            issuer: Some(issuer),
            audience,
            // Checked above: several count.
            typ: None,
            now,
            leeway: LEEWAY,
        };
        match verify_with_jwks(token, &keys, &checks(&issuer)) {
            // It may have rotated.
            Err(VerifyError::UnknownKey | VerifyError::NoUsableKey) => {
                let (issuer, keys) = self.keys(now, true).await?;
                Ok(verify_with_jwks(token, &keys, &checks(&issuer))?)
            }
            other => Ok(other?),
        }
    }

    async fn keys(&self, now: Timestamp, anew: bool) -> Result<(String, Arc<Value>), ForeignError> {
        let mut known = self.known.lock().await;
        let lately = |at: Option<Timestamp>| at.is_some_and(|at| now.since(at) < REFRESH_INTERVAL);
        if let Some((issuer, keys, at)) = &known.keys
            && (now.since(*at) < CACHE_LIFETIME && !anew || lately(known.looked_again))
        {
            return Ok((issuer.clone(), Arc::clone(keys)));
        }
        if lately(known.failed_at) {
            return Err(ForeignError::Unreachable(
                "the last try failed less than a minute ago".to_owned(),
            ));
        }
        if anew {
            known.looked_again = Some(now);
        }
        let fetched = self.fetch().await;
        known.failed_at = fetched.is_err().then_some(now);
        let (issuer, keys) = fetched?;
        let keys = Arc::new(keys);
        known.keys = Some((issuer.clone(), Arc::clone(&keys), now));
        Ok((issuer, keys))
    }

    async fn fetch(&self) -> Result<(String, Value), ForeignError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let metadata = self.get(&url).await?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        let issuer = text("issuer")
            .filter(|issuer| issuer.trim_end_matches('/') == self.issuer)
            .ok_or_else(|| {
                ForeignError::Unreachable("its discovery document names another issuer".to_owned())
            })?;
        let keys = text("jwks_uri").ok_or_else(|| {
            ForeignError::Unreachable("its discovery document has no `jwks_uri`".to_owned())
        })?;
        Ok((issuer.to_owned(), self.get(keys).await?))
    }

    async fn get(&self, url: &str) -> Result<Value, ForeignError> {
        let unreachable = |why: &dyn std::fmt::Display| ForeignError::Unreachable(why.to_string());
        let request = PreparedRequest {
            method: http::Method::GET,
            url: Url::parse(url).map_err(|e| unreachable(&e))?,
            headers: vec![("Accept".to_owned(), "application/json".to_owned())],
            body: None,
        };
        let answer = self
            .outbound
            .send("authority", request, &Limits::default())
            .await
            .map_err(|e| unreachable(&e))?;
        if answer.status != 200 {
            return Err(unreachable(&format!("{url} answered {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|e| unreachable(&e))
    }
}
