//! A provider's tokens that are kept for applications: handed out, and refreshed
//! (RFC 6749 §6).
//!
//! Many may ask at the same moment, at several brokers, and a provider that rotates
//! refresh tokens takes each once. So one refreshes, for all who wait: within a
//! broker by a lock, between brokers by a mark on the record. What the provider
//! answers is on disk before anyone is told; where that fails, it is held in memory
//! and written before anything else is done. A refresh token that came with an answer
//! which can't be used is kept as well: the one before it may count no more.

mod refresh;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tracing::{info, warn};

pub(super) use self::refresh::MAX_TOKEN;
use self::refresh::{Received, refused};
use super::Logins;
use super::context::Context;
use super::error::{LoginError, Step};
use super::exchange::TokenResponse;
use super::openid::IdTokenError;
use crate::account::provider_tokens::{self, ProviderTokens};
use crate::base::{AccountId, ProviderId, Timestamp, UserId};
use crate::provider::Provider;
use crate::provider::extract::optional_text;
use crate::store::{Precondition, StoreError, Version, Versioned};

/// How much longer than a request may take somebody is waited for who refreshes.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether another broker is done.
const POLL: Duration = Duration::from_millis(100);
/// How often what can't be written is tried at once.
const TRIES: usize = 3;

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
        let access_token = token.access_token().ok()?.expose().to_owned();
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
            must_prove: false,
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
        let (login, document) = match self.ask_for_refresh(account, provider, &old).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.not_refreshed(place, old, found.version, error).await),
        };
        let rotated = optional_text(&provider.token.refresh_token, &document);
        let proves = optional_text(&provider.token.id_token, &document).is_some();
        let old = self.keep_rotated(place, old, rotated, proves).await;
        let received = match self.judge_refresh(&login, &old, &document).await {
            Ok(received) => received,
            Err(error) => {
                warn!(account = %account, provider = %id, user = %user, why = %error, "what a refresh gave is not used");
                return Err(self.not_used(place, old, error).await?);
            }
        };
        if received.is_too_long() {
            warn!(account = %account, provider = %id, user = %user, "a refreshed token is longer than 16 KiB, and is not kept");
            let there = provider_tokens::get(&*self.store, account, *user, id).await?;
            if let Some(there) = there.filter(|one| one.value.received_at == old.received_at) {
                let when = Precondition::Version(there.version);
                provider_tokens::forget(&*self.store, account, *user, id, when).await?;
            }
            self.refreshes.unwritten().remove(place);
            return Err(KeptError::None);
        }
        let new = ProviderTokens {
            subject: old.subject,
            access_token: received.access_token,
            // Who gives no other one means that the old one goes on (RFC 6749 §6).
            refresh_token: received.refresh_token.or(old.refresh_token),
            scope: received.scope.or(old.scope),
            expires_at: received.expires_at,
            received_at: self.now(),
            refreshing_until: None,
            must_prove: false,
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

    /// What is told where the provider gave nothing.
    async fn not_refreshed(
        &self,
        place: &Place,
        old: ProviderTokens,
        version: Version,
        error: LoginError,
    ) -> KeptError {
        let (account, user, id) = place;
        let over = refused(&error);
        warn!(account = %account, provider = %id, user = %user, why = %error, over, "a kept token could not be refreshed");
        let when = Precondition::Version(version);
        let store = &*self.store;
        let left = if over {
            let gone = provider_tokens::forget(store, account, *user, id, when).await;
            gone.map(drop)
        } else {
            let again = ProviderTokens {
                refreshing_until: None,
                ..old
            };
            let put = provider_tokens::put(store, account, &again, when).await;
            put.map(drop)
        };
        if let Err(error) = left {
            warn!(why = %error, "the mark of a refresh stays until it ends");
        }
        if over { KeptError::None } else { error.into() }
    }

    /// Keeps the refresh token that an answer has, before anything else is looked at: the
    /// one before it may count no more, and to check an ID token may take a while. Until
    /// that one `proves` whose they are, what it leads to must come with a good one.
    async fn keep_rotated(
        &self,
        place: &Place,
        old: ProviderTokens,
        rotated: Option<String>,
        proves: bool,
    ) -> ProviderTokens {
        let fits =
            |token: &String| token.len() <= MAX_TOKEN && old.refresh_token.as_ref() != Some(token);
        let Some(token) = rotated.filter(fits) else {
            return old;
        };
        let new = ProviderTokens {
            refresh_token: Some(token),
            ..old
        };
        let doubtful = ProviderTokens {
            must_prove: new.must_prove || proves,
            ..new.clone()
        };
        self.refreshes.unwritten().insert(place.clone(), doubtful);
        if let Err(error) = self.write_late(place).await {
            // It is written with the rest.
            warn!(why = %error, "a provider's new refresh token could not be written at once");
        }
        new
    }

    /// What is told where nothing else of an answer is used.
    async fn not_used(
        &self,
        place: &Place,
        old: ProviderTokens,
        error: LoginError,
    ) -> Result<KeptError, StoreError> {
        let new = ProviderTokens {
            refreshing_until: None,
            must_prove: old.must_prove || !matches!(error, LoginError::Incomplete { .. }),
            ..old
        };
        self.refreshes.unwritten().insert(place.clone(), new);
        self.write_late(place).await?;
        Ok(match error {
            LoginError::IdToken(IdTokenError::Missing) => KeptError::None,
            error => error.into(),
        })
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
}
