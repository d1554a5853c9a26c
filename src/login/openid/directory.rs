//! Discovery documents and keys of OpenID Connect providers, cached.
//!
//! The cache is by account and provider: what one account's provider says about
//! itself never reaches another account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use serde_json::Value;
use tracing::debug;
use url::Url;

use crate::base::Timestamp;
use crate::login::ask::retry_after;
use crate::login::error::{LoginError, Step, words};
use crate::login::lane;
use crate::outbound::{Outbound, OutboundError, PreparedRequest};
use crate::protocol::jws::KeySet;
use crate::provider::Provider;
use crate::provider::decode::{Format, decode};
use crate::provider::issuer::Issuer;
use crate::provider::request::BuildError;
use crate::provider::trace::{Exchange, MaskedMessage};

/// How long a document is taken as it is.
const CACHE_LIFETIME: Duration = Duration::from_secs(3600);
/// How old a document may be that serves while a newer one can't be had.
const OLDEST: Duration = Duration::from_secs(24 * 3600);
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
    /// Where its own session is ended (OpenID Connect RP-Initiated Logout §2.1).
    pub end_session_endpoint: Option<Url>,
    /// Where authorization requests are pushed to (RFC 9126 §5).
    pub pushed_endpoint: Option<Url>,
    /// Whether they must be.
    pub requires_pushed: bool,
    /// Whether its authorization responses carry `iss` (RFC 9207 §3).
    pub sends_iss: bool,
    /// How clients may prove themselves at the token endpoint.
    pub client_authentication: Option<Vec<String>>,
}

/// One document of a provider, and the one fetch of it that is under way.
struct Document<T> {
    known: Mutex<Known<T>>,
    /// Held by whoever fetches it.
    fetching: tokio::sync::Mutex<()>,
}

struct Known<T> {
    value: Option<(Timestamp, Arc<T>)>,
    /// When it last could not be had.
    failed: Option<Timestamp>,
    /// How often that was, so that who waited for a fetch knows what came of it.
    failures: u64,
}

impl<T> Default for Document<T> {
    fn default() -> Self {
        Self {
            known: Mutex::new(Known {
                value: None,
                failed: None,
                failures: 0,
            }),
            fetching: tokio::sync::Mutex::default(),
        }
    }
}

impl<T> Document<T> {
    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document if it is not older than this.
    fn younger_than(&self, age: Duration, now: Timestamp) -> Option<Arc<T>> {
        let known = self.known();
        let (_, value) = known
            .value
            .as_ref()
            .filter(|(at, _)| within(*at, now, age))?;
        Some(Arc::clone(value))
    }

    /// The document: as it is known, or fetched.
    ///
    /// Of many who need it one fetches it, and what comes of that counts for all who
    /// wait, also if it is a failure: else they would try one after the other, and
    /// each would wait for all before it (threat F3). Where a copy is at hand that is
    /// too old, it serves meanwhile, and while the provider does not answer.
    async fn get(
        &self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, LoginError>>,
    ) -> Result<Arc<T>, LoginError> {
        if let Some(fresh) = self.younger_than(CACHE_LIFETIME, now) {
            return Ok(fresh);
        }
        let old = self.younger_than(OLDEST, now);
        let _alone = match &old {
            None => {
                let before = self.known().failures;
                let alone = self.fetching.lock().await;
                if let Some(fresh) = self.younger_than(CACHE_LIFETIME, now) {
                    return Ok(fresh);
                }
                if self.known().failures != before {
                    return Err(tried_just_now());
                }
                alone
            }
            Some(old) => match self.fetching.try_lock() {
                Ok(alone) if !self.failed_lately(now) => alone,
                _ => return Ok(Arc::clone(old)),
            },
        };
        match (self.take(now, fetch.await), old) {
            (Err(error), Some(old)) => {
                debug!(why = %error, "a document could not be fetched again; the old one serves");
                Ok(old)
            }
            (taken, _) => taken,
        }
    }

    /// The document, fetched again. Of many who need that one does it.
    async fn again(
        &self,
        now: Timestamp,
        fetch: impl Future<Output = Result<T, LoginError>>,
    ) -> Result<Arc<T>, LoginError> {
        let _alone = self.fetching.lock().await;
        self.take(now, fetch.await)
    }

    fn failed_lately(&self, now: Timestamp) -> bool {
        let failed = self.known().failed;
        failed.is_some_and(|at| within(at, now, REFRESH_INTERVAL))
    }

    fn take(&self, now: Timestamp, fetched: Result<T, LoginError>) -> Result<Arc<T>, LoginError> {
        let mut known = self.known();
        match fetched {
            Ok(value) => {
                let value = Arc::new(value);
                known.value = Some((now, Arc::clone(&value)));
                known.failed = None;
                Ok(value)
            }
            Err(error) => {
                known.failed = Some(now);
                known.failures += 1;
                Err(error)
            }
        }
    }
}

/// Somebody else's fetch failed while this login waited for it.
fn tried_just_now() -> LoginError {
    LoginError::Transport {
        step: Step::IdToken,
        error: OutboundError::BreakerOpen {
            retry_after: Duration::from_secs(1),
        },
    }
}

#[derive(Default)]
struct Entry {
    metadata: Document<Metadata>,
    keys: Document<KeySet>,
    /// When a token last made us look for keys again.
    looked_again: Mutex<Option<Timestamp>>,
    /// The last request for each, for traces: address, status and time.
    seen: Mutex<Vec<Exchange>>,
}

impl Entry {
    fn note(&self, exchange: Exchange) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|known| known.step != exchange.step);
        seen.push(exchange);
    }
}

/// The documents that were fetched.
#[derive(Default)]
pub struct Directory {
    entries: Mutex<HashMap<String, Arc<Entry>>>,
}

impl Directory {
    fn entry(&self, account: &str, provider: &Provider) -> Arc<Entry> {
        let issuer = provider
            .issuer
            .as_ref()
            .map(Issuer::as_str)
            .unwrap_or_default();
        // Who shows a certificate has endpoints of their own (RFC 8705 §5).
        let mutual = match provider.client.certificate {
            Some(_) => "mtls",
            None => "",
        };
        let key = format!("{account}/{}/{mutual}/{issuer}", provider.id);
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
        entry
            .metadata
            .get(now, fetch_metadata(outbound, account, provider, &entry))
            .await
    }

    /// The last requests for the provider's documents, for a trace.
    pub fn seen(&self, account: &str, provider: &Provider) -> Vec<Exchange> {
        let entry = self.entry(account, provider);
        let seen = entry.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
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
        entry
            .keys
            .get(
                now,
                fetch_keys(outbound, account, provider, &metadata, &entry),
            )
            .await
    }

    /// The provider's keys after those that are known did not verify a token: fetched
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
        {
            let looked = &mut *entry
                .looked_again
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let lately = looked.is_some_and(|at| within(at, now, REFRESH_INTERVAL));
            let known = entry.keys.younger_than(OLDEST, now);
            if let (true, Some(known)) = (lately, known) {
                return Ok(known);
            }
            *looked = Some(now);
        }
        entry
            .keys
            .again(
                now,
                fetch_keys(outbound, account, provider, &metadata, &entry),
            )
            .await
    }
}

async fn fetch_metadata(
    outbound: &Outbound,
    account: &str,
    provider: &Provider,
    entry: &Entry,
) -> Result<Metadata, LoginError> {
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
    let document = fetch(outbound, account, provider, &url, ("discovery", entry)).await?;
    // To the letter, a slash at the end included: it is what tokens are checked against.
    let named = document.get("issuer").and_then(Value::as_str);
    if named != Some(issuer) {
        let named = named.map_or("no issuer".to_owned(), |named| {
            format!("the issuer `{}`", words(named))
        });
        return Err(LoginError::IssuerMismatch(format!(
            "cannot be checked: the discovery document names {named}, the mapping `{issuer}`"
        )));
    }
    let good = |url: Option<&Value>| {
        url.and_then(Value::as_str)
            .and_then(|text| Url::parse(text).ok())
            .filter(|url| outbound.policy().check_url(url).is_ok())
    };
    let endpoint = |name: &str| good(document.get(name));
    let aliases = document
        .get("mtls_endpoint_aliases")
        .filter(|_| provider.client.certificate.is_some());
    let called = |name: &str| {
        aliases
            .and_then(|all| good(all.get(name)))
            .or_else(|| endpoint(name))
    };
    let methods = document.get("token_endpoint_auth_methods_supported");
    Ok(Metadata {
        authorization_endpoint: endpoint("authorization_endpoint"),
        token_endpoint: called("token_endpoint"),
        userinfo_endpoint: called("userinfo_endpoint"),
        jwks_uri: endpoint("jwks_uri"),
        pushed_endpoint: called("pushed_authorization_request_endpoint"),
        requires_pushed: document.get("require_pushed_authorization_requests")
            == Some(&Value::Bool(true)),
        end_session_endpoint: endpoint("end_session_endpoint"),
        sends_iss: document.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
        client_authentication: methods.and_then(Value::as_array).map(|all| {
            all.iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        }),
    })
}

/// Whether all that discovery would say is mapped.
fn without_discovery(provider: &Provider) -> bool {
    provider.discovery_url.is_none()
        && provider.jwks_url.is_some()
        && (provider.authorization.url.is_some() || provider.authorization.open_url.is_some())
        && (provider.token.url.is_some() || provider.token.open_url.is_some())
        && !provider.discovers_end_session()
        && (provider.authorization.pushed != Some(true)
            || provider.authorization.pushed_url.is_some())
}

async fn fetch_keys(
    outbound: &Outbound,
    account: &str,
    provider: &Provider,
    metadata: &Metadata,
    entry: &Entry,
) -> Result<KeySet, LoginError> {
    let url = provider.jwks_url.as_ref().or(metadata.jwks_uri.as_ref());
    let url = url.ok_or(LoginError::Build {
        step: Step::IdToken,
        error: BuildError::NoEndpoint("jwks_uri"),
    })?;
    let seen = ("jwks", entry);
    let document = fetch(outbound, account, provider, url.as_str(), seen).await?;
    Ok(KeySet::parse(&document))
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
    (name, entry): (&str, &Entry),
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
    let mut seen = Exchange {
        step: name.to_owned(),
        request: MaskedMessage {
            line: format!("GET {}", request.url),
            ..MaskedMessage::default()
        },
        status: None,
        response: None,
        elapsed_ms: 0,
        error: None,
    };
    let sent = outbound
        .send(
            &lane(account, provider.id.as_str()),
            request,
            &provider.limits,
        )
        .await;
    let response = match sent {
        Ok(response) => response,
        Err(error) => {
            seen.error = Some(error.to_string());
            entry.note(seen);
            return Err(LoginError::Transport { step, error });
        }
    };
    seen.status = Some(response.status);
    seen.response = Some(MaskedMessage::default());
    seen.elapsed_ms = u64::try_from(response.elapsed.as_millis()).unwrap_or(u64::MAX);
    entry.note(seen);
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
