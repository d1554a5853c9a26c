//! What people allowed applications, where these have to ask (OpenID Connect Core
//! §3.1.2.4): remembered, listed, withdrawn.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Authority;
use super::application::{Application, ClientId};
use super::authorize::Authorization;
use super::claims::giving;
use super::error::OAuthError;
use super::granted::Granted;
use super::grants::{self, Ending, Which};
use super::scope::Scopes;
use crate::base::{AccountId, Timestamp, UserId, digest};
use crate::session::Session;
use crate::store::{Keyspace, Precondition, Space, Store, StoreError};

static CONSENTS: Space = Space::durable("consents").owned();

/// By account, user and application; a user's own are found by their owner.
const RECORDS: Keyspace<Consent> =
    Keyspace::new(&CONSENTS).owned_by(|consent| Some(consent.user.as_bytes().to_vec()));

pub(super) fn space() -> &'static Space {
    &CONSENTS
}

/// What a user allowed an application.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Consent {
    /// The user.
    pub user: UserId,
    /// The application.
    pub client_id: ClientId,
    /// What.
    pub scopes: Scopes,
    /// When they last said so.
    pub given_at: Timestamp,
}

fn id(user: UserId, client_id: &ClientId) -> Vec<u8> {
    let application = digest::sha256(client_id.as_str().as_bytes());
    let user: &[u8] = user.as_bytes();
    [user, &application].concat()
}

/// A page of what users of an account allowed, or one of them, after a place in the
/// list; each with its place.
pub async fn page(
    store: &dyn Store,
    account: &AccountId,
    user: Option<UserId>,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Consent)>, StoreError> {
    let found = match user {
        Some(user) => {
            let owner = user.as_bytes();
            RECORDS
                .page_of(store, account.as_str(), owner, after, limit)
                .await?
        }
        None => {
            RECORDS
                .page(store, account.as_str(), b"", after, limit)
                .await?
        }
    };
    let found = found.into_iter();
    Ok(found
        .map(|(key, consent)| (key.id().to_vec(), consent.value))
        .collect())
}

/// Writes down what a user allowed.
pub async fn remember(
    store: &dyn Store,
    account: &AccountId,
    consent: &Consent,
) -> Result<(), StoreError> {
    let (id, when) = (id(consent.user, &consent.client_id), Precondition::Any);
    let written = RECORDS.put(store, account.as_str(), &id, consent, when);
    written.await.map(drop)
}

/// Takes a user's consent back, and ends what it gave; gives what was granted, or `None`
/// if there was no consent. On disk when this returns.
pub async fn withdraw(
    ending: &Ending<'_>,
    account: &AccountId,
    user: UserId,
    client_id: &ClientId,
) -> Result<Option<Vec<Granted>>, StoreError> {
    let store = ending.store;
    let id = id(user, client_id);
    // First, so that no other login goes on without a question meanwhile.
    let had = RECORDS.get(store, account.as_str(), &id).await?.is_some();
    if had {
        let removed = RECORDS.step_delete(account.as_str(), &id);
        ending.commit(vec![removed]).await?;
    }
    let which = Which {
        account,
        user: Some(user),
        application: Some(client_id),
    };
    let ended = grants::end_all(ending, &which).await?;
    Ok((had || !ended.is_empty()).then_some(ended))
}

/// Removes what a user allowed, for their removal.
pub async fn remove_user(
    store: &dyn Store,
    account: &AccountId,
    user: UserId,
) -> Result<(), StoreError> {
    let removed = RECORDS.remove_of(store, account.as_str(), user.as_bytes());
    removed.await.map(drop)
}

impl Authorization {
    /// What the user is asked for: the scopes, and those that give what is asked for by
    /// name.
    pub fn asks(&self, application: &Application) -> Scopes {
        let in_id_token = self.wanted_in_id_token.iter().flatten();
        let named = self.wanted_claims.iter().chain(in_id_token);
        let named = named.map(|claim| giving(claim));
        let all = self.scopes.iter().chain(named);
        let all = Scopes::of(all).unwrap_or_else(|_| self.scopes.clone());
        all.common(&application.scopes)
    }
}

impl Authority {
    /// The application of a request whose user has to be asked; `None`: nobody has to.
    pub async fn to_ask(
        &self,
        request: &Authorization,
        session: &Session,
    ) -> Result<Option<Arc<Application>>, OAuthError> {
        let application = self.application(&request.client_id).await?;
        let application = application.ok_or_else(OAuthError::client)?;
        let application = match self.at_account(&application, &request.account).await? {
            Cow::Owned(limited) => Arc::new(limited),
            Cow::Borrowed(_) => application,
        };
        if request.asks_again {
            return Ok(Some(application));
        }
        if !application.settings.consent {
            return Ok(None);
        }
        let id = id(session.user, &application.client_id);
        let known = RECORDS
            .get(&*self.store, request.account.as_str(), &id)
            .await?;
        let covers = known.is_some_and(|known| {
            application.honours(known.value.given_at)
                && request.asks(&application).within(&known.value.scopes)
        });
        Ok((!covers).then_some(application))
    }

    /// Remembers what a user allowed, with what they allowed before.
    pub async fn remember_consent(
        &self,
        request: &Authorization,
        session: &Session,
    ) -> Result<(), OAuthError> {
        let application = self.application(&request.client_id).await?;
        let application = application.ok_or_else(OAuthError::client)?;
        let application = self.at_account(&application, &request.account).await?;
        let account = request.account.as_str();
        let id = id(session.user, &application.client_id);
        let known = RECORDS.get(&*self.store, account, &id).await?;
        let asked = request.asks(&application);
        let before = known
            .map(|known| known.value)
            .filter(|known| application.honours(known.given_at));
        let scopes = match &before {
            Some(before) => Scopes::of(asked.iter().chain(before.scopes.iter())).unwrap_or(asked),
            None => asked,
        };
        let consent = Consent {
            user: session.user,
            client_id: application.client_id.clone(),
            scopes,
            given_at: self.now(),
        };
        remember(&*self.store, &request.account, &consent).await?;
        Ok(())
    }

    /// A user takes their consent back: what it gave ends, and the application hears of
    /// it.
    pub async fn withdraw_consent(
        &self,
        account: &AccountId,
        user: UserId,
        client_id: &ClientId,
    ) -> Result<bool, StoreError> {
        let ended = withdraw(&self.ending().telling(), account, user, client_id).await?;
        self.notices.wake();
        Ok(ended.is_some())
    }
}
