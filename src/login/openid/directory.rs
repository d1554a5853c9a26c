//! Discovery documents and keys of OpenID Connect providers, cached.
//!
//! The cache is by account and provider: what one account's provider says about
//! itself never reaches another account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use serde_json::Value;
use url::Url;

use crate::base::Timestamp;
use crate::login::ask::retry_after;
use crate::login::error::{LoginError, Step};
use crate::login::lane;
use crate::outbound::{Outbound, PreparedRequest};
use crate::protocol::jws::KeySet;
use crate::provider::Provider;
use crate::provider::decode::{Format, decode};
use crate::provider::issuer::Issuer;
use crate::provider::request::BuildError;

/// How long a document is taken as it is.
const CACHE_LIFETIME: Duration = Duration::from_secs(3600);
/// At most one look for new keys in this time, whatever tokens claim.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// The most providers that are remembered.
const MAX_ENTRIES: usize = 10_000;

/// What a provider publishes (OpenID Connect Discovery §3), as far as it is used.
#[derive(Debug, Default)]
pub struct Metadata {
    /// Where the browser is sent.
    pub authorization_endpoint: Option<Url>,
    /// Where the code is exchanged.
    pub token_endpoint: Option<Url>,
    /// Where user information is had.
    pub userinfo_endpoint: Option<Url>,
    /// Where its keys are.
    pub jwks_uri: Option<Url>,
    /// Whether its authorization responses carry `iss` (RFC 9207 §3).
    pub sends_iss: bool,
}

type Cached<T> = Option<(Timestamp, Arc<T>)>;

#[derive(Default)]
struct Entry {
    metadata: Cached<Metadata>,
    keys: Cached<KeySet>,
    /// When an unknown `kid` last made us look again.
    looked_again: Option<Timestamp>,
}

/// The documents that were fetched.
#[derive(Default)]
pub struct Directory {
    entries: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Entry>>>>,
}

impl Directory {
    /// One entry a provider, locked while it is fetched, so that a hundred
    /// logins that find it old fetch it once.
    fn entry(&self, account: &str, provider: &Provider) -> Arc<tokio::sync::Mutex<Entry>> {
        let issuer = provider
            .issuer
            .as_ref()
            .map(Issuer::as_str)
            .unwrap_or_default();
        let key = format!("{account}/{}/{issuer}", provider.id);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES && !entries.contains_key(&key) {
            entries.clear();
        }
        Arc::clone(entries.entry(key).or_default())
    }

    /// The provider's discovery document.
    pub async fn metadata(
        &self,
        outbound: &Outbound,
        account: &str,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, LoginError> {
        if without_discovery(provider) {
            return Ok(Arc::default());
        }
        let entry = self.entry(account, provider);
        let mut entry = entry.lock().await;
        if let Some(fresh) = fresh(&entry.metadata, now, CACHE_LIFETIME) {
            return Ok(fresh);
        }
        let issuer = provider
            .issuer
            .as_ref()
            .map(Issuer::as_str)
            .unwrap_or_default();
        let url = match &provider.discovery_url {
            Some(url) => url.to_string(),
            None => format!(
                "{}/.well-known/openid-configuration",
                issuer.trim_end_matches('/')
            ),
        };
        let document = fetch(outbound, account, provider, &url).await?;
        // To the letter, a slash at the end included: it is what tokens are checked against.
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(LoginError::IssuerMismatch(
                "cannot be checked: the discovery document names another issuer than the mapping",
            ));
        }
        let endpoint = |name: &str| {
            document
                .get(name)
                .and_then(Value::as_str)
                .and_then(|text| Url::parse(text).ok())
                .filter(|url| outbound.policy().check_url(url).is_ok())
        };
        let metadata = Arc::new(Metadata {
            authorization_endpoint: endpoint("authorization_endpoint"),
            token_endpoint: endpoint("token_endpoint"),
            userinfo_endpoint: endpoint("userinfo_endpoint"),
            jwks_uri: endpoint("jwks_uri"),
            sends_iss: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        });
        entry.metadata = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// The provider's keys.
    pub async fn keys(
        &self,
        outbound: &Outbound,
        account: &str,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, LoginError> {
        let metadata = self.metadata(outbound, account, provider, now).await?;
        let entry = self.entry(account, provider);
        let mut entry = entry.lock().await;
        if let Some(fresh) = fresh(&entry.keys, now, CACHE_LIFETIME) {
            return Ok(fresh);
        }
        let keys = fetch_keys(outbound, account, provider, &metadata).await?;
        entry.keys = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// The provider's keys after a token named one that is not known: fetched
    /// again, unless a token made us do that within the last minute.
    pub async fn keys_anew(
        &self,
        outbound: &Outbound,
        account: &str,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, LoginError> {
        let metadata = self.metadata(outbound, account, provider, now).await?;
        let entry = self.entry(account, provider);
        let mut entry = entry.lock().await;
        let lately = entry
            .looked_again
            .is_some_and(|at| within(at, now, REFRESH_INTERVAL));
        if let (true, Some((_, known))) = (lately, &entry.keys) {
            return Ok(Arc::clone(known));
        }
        entry.looked_again = Some(now);
        let keys = fetch_keys(outbound, account, provider, &metadata).await?;
        entry.keys = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }
}

/// Whether all that discovery would say is mapped.
fn without_discovery(provider: &Provider) -> bool {
    provider.discovery_url.is_none()
        && provider.jwks_url.is_some()
        && provider.authorization.url.is_some()
        && provider.token.url.is_some()
}

async fn fetch_keys(
    outbound: &Outbound,
    account: &str,
    provider: &Provider,
    metadata: &Metadata,
) -> Result<Arc<KeySet>, LoginError> {
    let url = provider.jwks_url.as_ref().or(metadata.jwks_uri.as_ref());
    let url = url.ok_or(LoginError::Build {
        step: Step::IdToken,
        error: BuildError::NoEndpoint("jwks_uri"),
    })?;
    let document = fetch(outbound, account, provider, url.as_str()).await?;
    Ok(Arc::new(KeySet::parse(&document)))
}

fn fresh<T>(cached: &Cached<T>, now: Timestamp, age: Duration) -> Option<Arc<T>> {
    cached
        .as_ref()
        .filter(|(at, _)| within(*at, now, age))
        .map(|(_, value)| Arc::clone(value))
}

/// Whether `at` is at most `age` ago. A moment still to come is not: the clock
/// was set back, and nobody should wait until it has caught up (D7).
fn within(at: Timestamp, now: Timestamp, age: Duration) -> bool {
    at <= now && now.since(at) < age
}

async fn fetch(
    outbound: &Outbound,
    account: &str,
    provider: &Provider,
    url: &str,
) -> Result<Value, LoginError> {
    let step = Step::IdToken;
    let url = Url::parse(url).map_err(|_| LoginError::Build {
        step,
        error: BuildError::Url,
    })?;
    let request = PreparedRequest {
        method: http::Method::GET,
        url,
        headers: vec![("Accept".to_owned(), "application/json".to_owned())],
        body: None,
    };
    let response = outbound
        .send(
            &lane(account, provider.id.as_str()),
            request,
            &provider.limits,
        )
        .await
        .map_err(|error| LoginError::Transport { step, error })?;
    if response.status != 200 {
        return Err(LoginError::Rejected {
            step,
            status: response.status,
            detail: None,
            retry_after: retry_after(&response.headers),
        });
    }
    let content_type = response
        .headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    decode(Format::Json, content_type, &response.body)
        .map(|decoded| decoded.value)
        .map_err(|error| LoginError::Undecodable { step, error })
}
