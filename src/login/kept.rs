//! A provider's tokens that are kept for applications: handed out, and refreshed
//! (RFC 6749 §6).
//!
//! Many may ask at the same moment, at several brokers, and a provider that rotates
//! refresh tokens takes each once. So one refreshes, for all who wait: within a
//! broker by a lock, between brokers by a mark on the record. What the provider
//! answers is on disk before anyone is told; where that fails, it is held in memory
//! and written before anything else is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use tracing::{info, warn};

use super::Logins;
use super::context::Context;
use super::error::{LoginError, Step};
use super::exchange::{TokenResponse, expires_in, is_invalid_client};
use crate::account::provider_tokens::{self, ProviderTokens};
use crate::base::{AccountId, ErrorCode, ProviderId, Secret, Timestamp, UserId};
use crate::provider::Provider;
use crate::provider::extract::{one_text, optional_text};
use crate::provider::file::Kind;
use crate::provider::model::Token;
use crate::provider::moment::Moment;
use crate::provider::request::{self, TokenValues};
use crate::provider::template::Fill;
use crate::provider::trace::Trace;
use crate::store::{Precondition, StoreError, Versioned};

/// How much longer than a request may take somebody is waited for who refreshes.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether another broker is done.
const POLL: Duration = Duration::from_millis(100);
/// How often what can't be written is tried at once.
const TRIES: usize = 3;

/// The longest token that is kept, in bytes: more fits into no header.
pub(super) const MAX_TOKEN: usize = 16 << 10;

/// Why there is no token to hand out.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// None is kept, or it has ended and can't be refreshed: the person logs in again.
    #[error(
        "no token of the provider is kept that can be used; the shopper logs in through it again"
    )]
    None,
    /// The provider can't be asked.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Of which record it is.
type Place = (AccountId, UserId, ProviderId);

/// Who refreshes what in this broker.
#[derive(Default)]
pub struct Refreshes {
    locks: Mutex<HashMap<Place, Weak<tokio::sync::Mutex<()>>>>,
    /// What providers gave and could not be written yet.
    unwritten: Mutex<HashMap<Place, ProviderTokens>>,
}

impl Refreshes {
    fn lock(&self, place: &Place) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(place).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(place.clone(), Arc::downgrade(&lock));
        lock
    }

    fn unwritten(&self) -> MutexGuard<'_, HashMap<Place, ProviderTokens>> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is kept of a token endpoint's answer.
struct Received {
    access_token: String,
    refresh_token: Option<String>,
    scope: Option<String>,
    expires_at: Option<Timestamp>,
    subject: Option<String>,
}

impl Received {
    /// Whether it is more than is kept of anyone.
    fn is_too_long(&self) -> bool {
        let rest = [&self.refresh_token, &self.scope, &self.subject];
        let mut rest = rest.into_iter().flatten();
        self.access_token.len() > MAX_TOKEN || rest.any(|text| text.len() > MAX_TOKEN)
    }

    fn of(set: &Token, access_token: String, document: &Value, now: Timestamp) -> Self {
        let lifetime = expires_in(&set.expires_in.matches(document), now);
        let scope = document.get("scope").and_then(Value::as_str);
        Self {
            access_token,
            refresh_token: optional_text(&set.refresh_token, document),
            scope: scope.map(str::to_owned),
            expires_at: lifetime.map(|seconds| now.plus(Duration::from_secs(seconds))),
            subject: None,
        }
    }
}

/// The tokens of a login, until it is known whose they are.
pub(super) struct Unowned(Received);

impl Unowned {
    /// Those of a login of this `sub`, where the mapping says that they are kept.
    pub fn of(token: &TokenResponse, subject: Option<&str>, now: Timestamp) -> Option<Self> {
        let provider = token.login().provider();
        let set = &provider.token;
        if !set.keep {
            return None;
        }
        let access_token = token.access_token().expose().to_owned();
        let received = Received {
            subject: subject.map(str::to_owned),
            ..Received::of(set, access_token, token.document(), now)
        };
        if received.is_too_long() {
            let account = token.login().account();
            warn!(account = %account, provider = %provider.id, "the provider's tokens are longer than 16 KiB, and are not kept");
        }
        Some(Self(received))
    }

    /// Keeps them for the user. They replace those of the login before; so do those
    /// that are too long to be kept.
    pub async fn keep(
        self,
        logins: &Logins,
        login: &Context,
        user: UserId,
    ) -> Result<(), StoreError> {
        let provider = login.provider();
        let place = (login.account().clone(), user, provider.id.clone());
        if self.0.is_too_long() {
            let (account, user, id) = &place;
            let any = Precondition::Any;
            provider_tokens::forget(&*logins.store, account, *user, id, any).await?;
            logins.refreshes.unwritten().remove(&place);
            return Ok(());
        }
        let tokens = ProviderTokens {
            user,
            provider: provider.id.clone(),
            lineage: provider.lineage,
            subject: self.0.subject,
            access_token: self.0.access_token,
            refresh_token: self.0.refresh_token,
            scope: self.0.scope,
            expires_at: self.0.expires_at,
            received_at: logins.now(),
            refreshing_until: None,
        };
        let put = provider_tokens::put(&*logins.store, &place.0, &tokens, Precondition::Any);
        put.await?;
        logins.refreshes.unwritten().remove(&place);
        Ok(())
    }
}

impl Logins {
    /// A user's access token at a provider, or at the one they logged in through
    /// last; refreshed where it is about to end.
    ///
    /// # Errors
    /// If there is none, or it can't be refreshed.
    pub async fn provider_token(
        self: &Arc<Self>,
        account: &AccountId,
        user: UserId,
        provider: Option<ProviderId>,
    ) -> Result<ProviderTokens, KeptError> {
        let provider = match provider {
            Some(provider) => Some(provider),
            None => provider_tokens::latest(&*self.store, account, user).await?,
        };
        let place = (account.clone(), user, provider.ok_or(KeptError::None)?);
        let logins = Arc::clone(self);
        // In a task of its own: who asked may go away, and the provider has taken the
        // refresh token.
        let task = tokio::spawn(async move { logins.usable(&place).await });
        task.await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("a worker stopped".into()).into()))
    }

    async fn usable(&self, place: &Place) -> Result<ProviderTokens, KeptError> {
        let (account, user, id) = place;
        let provider = match self.provider(account, id, Step::Token).await {
            Err(LoginError::UnknownProvider) => return Err(KeptError::None),
            found => found?,
        };
        let lock = self.refreshes.lock(place);
        let _alone = lock.lock().await;
        self.write_late(place).await?;
        let patience = provider.limits.total.saturating_add(GRACE);
        let tries = patience.as_millis() / POLL.as_millis();
        for _ in 0..tries {
            let found = provider_tokens::get(&*self.store, account, *user, id).await?;
            let good = |found: &Versioned<ProviderTokens>| {
                provider.token.keep && found.value.lineage == provider.lineage
            };
            let found = found.filter(good).ok_or(KeptError::None)?;
            let now = self.now();
            if found.value.is_fresh(now) {
                return Ok(found.value);
            }
            if found.value.refresh_token.is_none() {
                return Err(KeptError::None);
            }
            if found.value.is_refreshing(now) {
                tokio::time::sleep(POLL).await;
                continue;
            }
            let marked = ProviderTokens {
                refreshing_until: Some(now.plus(patience)),
                ..found.value
            };
            let when = Precondition::Version(found.version);
            match provider_tokens::put(&*self.store, account, &marked, when).await {
                Ok(version) => {
                    let found = Versioned {
                        value: marked,
                        version,
                    };
                    return self.refresh(place, &provider, found).await;
                }
                // Another broker was first, or they logged in again.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Unavailable("another broker refreshes the token".into()).into())
    }

    /// Asks the provider, and writes down what it gives before anyone is told.
    async fn refresh(
        &self,
        place: &Place,
        provider: &Arc<Provider>,
        found: Versioned<ProviderTokens>,
    ) -> Result<ProviderTokens, KeptError> {
        let (account, user, id) = place;
        let old = found.value;
        let answer = self.ask_for_refresh(account, provider, &old).await;
        let received = match answer {
            Ok(received) if received.is_too_long() => {
                warn!(account = %account, provider = %id, user = %user, "a refreshed token is longer than 16 KiB, and is not kept");
                let when = Precondition::Version(found.version);
                provider_tokens::forget(&*self.store, account, *user, id, when).await?;
                return Err(KeptError::None);
            }
            Ok(received) => received,
            Err(error) => {
                let over = refused(&error);
                warn!(account = %account, provider = %id, user = %user, why = %error, over, "a kept token could not be refreshed");
                let when = Precondition::Version(found.version);
                let store = &*self.store;
                let left = if over {
                    let gone = provider_tokens::forget(store, account, *user, id, when).await;
                    gone.map(|_| ())
                } else {
                    let again = ProviderTokens {
                        refreshing_until: None,
                        ..old
                    };
                    let put = provider_tokens::put(store, account, &again, when).await;
                    put.map(|_| ())
                };
                if let Err(error) = left {
                    warn!(why = %error, "the mark of a refresh stays until it ends");
                }
                return Err(if over { KeptError::None } else { error.into() });
            }
        };
        let new = ProviderTokens {
            subject: old.subject,
            access_token: received.access_token,
            // Who gives no other one means that the old one goes on (RFC 6749 §6).
            refresh_token: received.refresh_token.or(old.refresh_token),
            scope: received.scope.or(old.scope),
            expires_at: received.expires_at,
            received_at: self.now(),
            refreshing_until: None,
            user: old.user,
            provider: old.provider,
            lineage: old.lineage,
        };
        self.refreshes
            .unwritten()
            .insert(place.clone(), new.clone());
        self.write_late(place).await?;
        info!(account = %account, provider = %id, user = %user, "a kept token was refreshed");
        Ok(new)
    }

    /// Writes what came and could not be written. It stays until it is.
    async fn write_late(&self, place: &Place) -> Result<(), StoreError> {
        let Some(tokens) = self.refreshes.unwritten().get(place).cloned() else {
            return Ok(());
        };
        let mut failed = StoreError::Conflict;
        for _ in 0..TRIES {
            // Somebody who logged in meanwhile has newer ones.
            let there = provider_tokens::get(&*self.store, &place.0, place.1, &place.2).await;
            let when = match there {
                Ok(Some(found)) if found.value.received_at > tokens.received_at => {
                    self.refreshes.unwritten().remove(place);
                    return Ok(());
                }
                Ok(Some(found)) => Precondition::Version(found.version),
                // Forgotten meanwhile: nothing is brought back.
                Ok(None) => {
                    self.refreshes.unwritten().remove(place);
                    return Ok(());
                }
                Err(error) => {
                    failed = error;
                    continue;
                }
            };
            match provider_tokens::put(&*self.store, &place.0, &tokens, when).await {
                Ok(_) => {
                    self.refreshes.unwritten().remove(place);
                    return Ok(());
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// One refresh, with the previous secret where the provider does not know the
    /// current one yet.
    async fn ask_for_refresh(
        &self,
        account: &AccountId,
        provider: &Arc<Provider>,
        old: &ProviderTokens,
    ) -> Result<Received, LoginError> {
        let found = self.accounts.get(account).await;
        let found = found.map_err(Step::Token.store())?;
        let of = found.ok_or(LoginError::UnknownProvider)?;
        let redirect_uri = self.mappings.redirect_uri(account, provider);
        let login = Context::of_none(of, Arc::clone(provider), redirect_uri, self.now());
        let client = &provider.client;
        let first = self.offer_refresh(&login, old, client.secret.as_ref());
        let document = match (first.await, &client.previous_secret) {
            (Err(error), Some(previous)) if is_invalid_client(&error) => {
                self.offer_refresh(&login, old, Some(previous)).await
            }
            (first, _) => first,
        }?;
        let set = &provider.token;
        let access_token = one_text("token.response.access_token", &set.access_token, &document)
            .map_err(|error| LoginError::Incomplete {
                step: Step::Token,
                error,
            })?;
        if provider.kind == Kind::Openid
            && let Some(id_token) = optional_text(&set.id_token, &document)
        {
            self.check_refreshed(&login, &id_token, old.subject.as_deref())
                .await?;
        }
        Ok(Received::of(set, access_token, &document, self.now()))
    }

    async fn offer_refresh(
        &self,
        login: &Context,
        old: &ProviderTokens,
        secret: Option<&Secret>,
    ) -> Result<Value, LoginError> {
        let step = Step::Token;
        let unbuilt = |error| LoginError::Build { step, error };
        let (provider, account) = (login.provider(), login.account().as_str());
        let endpoint = match &provider.token.refresh.url {
            Some(url) => url.clone(),
            None => self.token_endpoint(account, provider).await?,
        };
        let way = self.authentication(account, provider).await?;
        let assertion = self
            .client_assertion(provider, way, secret, &endpoint)
            .map_err(unbuilt)?;
        let moment = Moment::new(self.now());
        let values = TokenValues {
            fill: Fill {
                client_secret: secret,
                redirect_uri: login.redirect_uri(),
                moment: Some(&moment),
                ..provider.client.fill()
            },
            code_verifier: "",
            authentication: way,
            client_assertion: assertion.as_ref().map(Secret::expose),
            basic: None,
        };
        let token = old.refresh_token.as_deref().unwrap_or_default();
        let request = request::refresh(provider, &endpoint, &values, token).map_err(unbuilt)?;
        let mut trace = Trace::off();
        self.ask(login, step, request, &provider.token.answer, &mut trace)
            .await
    }
}

/// Whether the provider says that the refresh token counts no more (RFC 6749 §5.2).
fn refused(error: &LoginError) -> bool {
    match error {
        LoginError::Rejected {
            status: 400 | 401 | 403,
            detail: Some(detail),
            ..
        } => detail.starts_with("invalid_grant"),
        error => error.code() == ErrorCode::LoginUnknownProvider,
    }
}
