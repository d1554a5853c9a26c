//! The end of a provider's session: where we end it, and where we are told.
//!
//! | what | after |
//! |---|---|
//! | where a browser is sent at logout | OpenID Connect RP-Initiated Logout §2 |
//! | a logout token, checked | OpenID Connect Back-Channel Logout §2.6 |
//! | a front-channel logout, checked | OpenID Connect Front-Channel Logout §3 |

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id_token::{audience, lacking, other_issuer, seconds};
use super::{IdTokenError, opened};
use crate::account::directory::{self, Link};
use crate::account::provider_tokens;
use crate::base::{AccountId, ProviderId, SKEW, Timestamp, UserId, digest};
use crate::login::Logins;
use crate::login::error::LoginError;
use crate::login::exchange::TokenResponse;
use crate::login::kept::MAX_TOKEN;
use crate::protocol::jws::{Jws, JwsError};
use crate::provider::Provider;
use crate::provider::decode::strict_json;
use crate::provider::request;
use crate::session::upstream::{self, AtProvider, Which};
use crate::session::{self, Session};
use crate::store::{Key, Keyspace, Precondition, Space, StoreError};

/// What a logout token is about (OpenID Connect Back-Channel Logout §2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a logout token counts at most. It is remembered as long, so that each
/// counts once.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The longest `jti`, `sub` and `sid`.
const MAX_VALUE: usize = 255;

static USED: Space = Space::transient("logout_tokens").expiring();
const RECORDS: Keyspace<Seen> = Keyspace::new(&USED);

pub(in crate::login) fn space() -> &'static Space {
    &USED
}

/// A logout token that was seen, or when a session or a person was logged out.
#[derive(Serialize, Deserialize)]
struct Seen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

/// How long it is remembered who was logged out, at least: longer than a ticket
/// lives. What is noted ends at a multiple of it, so that a few attempts find it.
const REMEMBERED: u64 = 120;

/// What is noted of a logout, by what it names.
fn noted(account: &AccountId, who: [&str; 4], period: u64) -> Key {
    let until = Timestamp::from_secs((period + 2) * REMEMBERED);
    let id = digest::sha256(format!("ended\0{}", who.join("\0")).as_bytes());
    Key::expiring(&USED, account.as_str(), until, &id)
}

/// Why a provider's logout is refused.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// The token, or the request, does not count.
    #[error("{0}")]
    Invalid(String),
    /// The provider's keys can't be had.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whose sessions end, by a provider's word. Only a checked request makes one.
#[derive(Debug)]
pub struct ProviderLogout {
    provider: ProviderId,
    lineage: u64,
    subject: Option<String>,
    sid: Option<String>,
    /// The record that keeps the token from counting twice.
    used: Option<Key>,
}

impl ProviderLogout {
    fn which(&self) -> Which<'_> {
        Which {
            provider: &self.provider,
            lineage: self.lineage,
            subject: self.subject.as_deref(),
            sid: self.sid.as_deref(),
        }
    }
}

fn invalid(error: impl std::fmt::Display) -> LogoutError {
    LogoutError::Invalid(format!("the logout token does not count: {error}"))
}

impl Logins {
    /// What the provider knows a login as: for its logout later.
    pub(in crate::login) fn at_provider(
        token: &TokenResponse,
        claims: &Value,
    ) -> Option<AtProvider> {
        let provider = token.login().provider();
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let fits = |text: &String| (1..=MAX_VALUE).contains(&text.len());
        let set = provider.end_session.as_ref();
        let hint = set.is_some_and(|set| set.id_token_hint);
        // A longer one fits into no address.
        let id_token = token.id_token().filter(|_| hint);
        let id_token = id_token.filter(|token| token.expose().len() <= MAX_TOKEN);
        Some(AtProvider {
            lineage: provider.lineage,
            subject: text("sub").filter(fits)?,
            sid: text("sid").filter(fits),
            id_token: id_token
                .and_then(|token| opened(provider, token.expose()).ok())
                .map(std::borrow::Cow::into_owned),
        })
    }

    /// Where the provider's own session is ended, if its mapping says so. Nothing
    /// that fails here keeps anyone logged in at ours.
    pub async fn end_session(
        &self,
        account: &AccountId,
        session: &Session,
        return_to: &str,
    ) -> Option<String> {
        let found = self.mappings.provider(account, session.method.provider()?);
        let provider = found.await.ok()??.ok()?;
        let endpoint = match &provider.end_session.as_ref()?.url {
            Some(url) => url.clone(),
            None => {
                let (account, now) = (account.as_str(), self.now());
                let metadata = self
                    .directory
                    .metadata(&self.outbound, account, &provider, now)
                    .await;
                metadata.ok()?.end_session_endpoint.clone()?
            }
        };
        let hint = upstream::id_token(&*self.store, account, session).await;
        let hint = hint.ok().flatten();
        request::end_session(&provider, &endpoint, hint.as_deref(), return_to)
    }

    /// Checks a logout token (OpenID Connect Back-Channel Logout §2.6). It counts once.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub async fn back_channel_logout(
        &self,
        account: &AccountId,
        provider: &Provider,
        token: &str,
    ) -> Result<ProviderLogout, LogoutError> {
        let wrong = |error| invalid(IdTokenError::Signature(error));
        let token = opened(provider, token.trim()).map_err(invalid)?;
        let jws = Jws::parse(&token).map_err(wrong)?;
        // `logout+jwt` is recommended, no more; but what says that it is something
        // else is that.
        let kind = jws.kind();
        if kind.is_some_and(|kind| kind != "logout+jwt" && kind != "jwt") {
            return Err(invalid("`typ` is that of another kind of token"));
        }
        let signature = |error: JwsError| LoginError::IdToken(IdTokenError::Signature(error));
        self.verify(account.as_str(), provider, &jws, signature)
            .await
            .map_err(|error| match error {
                LoginError::IdToken(error) => invalid(error),
                other => other.into(),
            })?;
        let claims = strict_json(jws.payload()).map_err(invalid)?;
        let until = check(&claims, provider, self.now()).map_err(invalid)?;
        if claims.get("nonce").is_some() {
            return Err(invalid("it has a `nonce`, as ID tokens have"));
        }
        let event = claims.get("events").and_then(|events| events.get(EVENT));
        if !event.is_some_and(Value::is_object) {
            return Err(invalid("`events` does not say that it is a logout"));
        }
        let text = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if (1..=MAX_VALUE).contains(&text.len()) => {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(invalid(IdTokenError::Claim(name))),
        };
        let (subject, sid) = (text("sub")?, text("sid")?);
        if subject.is_none() && sid.is_none() {
            return Err(invalid("it has neither `sub` nor `sid`"));
        }
        let jti = text("jti")?.ok_or_else(|| invalid(IdTokenError::Absent("jti")))?;
        let id = digest::sha256(format!("{}\0{jti}", provider.id).as_bytes());
        let key = Key::expiring(&USED, account.as_str(), until, &id);
        let once = RECORDS.put_at(
            &*self.store,
            key.clone(),
            &Seen { at: None },
            Precondition::Absent,
        );
        match once.await {
            Ok(_) => {}
            Err(StoreError::Conflict) => return Err(invalid("it was used already")),
            Err(error) => return Err(error.into()),
        }
        Ok(ProviderLogout {
            provider: provider.id.clone(),
            lineage: provider.lineage,
            subject,
            sid,
            used: Some(key),
        })
    }

    /// Checks a front-channel logout (OpenID Connect Front-Channel Logout §3). Both
    /// values must be there: the browser brings no cookie of ours to a frame of the
    /// provider's, so nothing else says whose session is meant.
    ///
    /// # Errors
    /// If it is another issuer's, or names no session.
    pub fn front_channel_logout(
        provider: &Provider,
        issuer: Option<&str>,
        sid: Option<&str>,
    ) -> Result<ProviderLogout, LogoutError> {
        let bad = |why: &str| LogoutError::Invalid(why.to_owned());
        let issuer = issuer.ok_or_else(|| bad("`iss` is missing"))?;
        let own = provider.issuer.as_ref();
        if !own.is_some_and(|own| own.may_be(issuer)) {
            return Err(bad("`iss` is not the mapping's `issuer`"));
        }
        let sid = sid
            .filter(|sid| (1..=MAX_VALUE).contains(&sid.len()))
            .ok_or_else(|| {
                bad("`sid` is missing; register it with `frontchannel_logout_session_required`")
            })?;
        Ok(ProviderLogout {
            provider: provider.id.clone(),
            lineage: provider.lineage,
            subject: None,
            sid: Some(sid.to_owned()),
            used: None,
        })
    }

    /// Notes who is logged out, for logins that have no session yet.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn note_logout(
        &self,
        account: &AccountId,
        logout: &ProviderLogout,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let lineage = logout.lineage.to_string();
        let (kind, name) = match (&logout.sid, &logout.subject) {
            (Some(sid), _) => ("sid", sid),
            (None, Some(subject)) => ("sub", subject),
            (None, None) => return Ok(()),
        };
        let who = [logout.provider.as_str(), &lineage, kind, name];
        let key = noted(account, who, now.as_secs() / REMEMBERED);
        let seen = Seen { at: Some(now) };
        RECORDS
            .put_at(&*self.store, key, &seen, Precondition::Any)
            .await
            .map(|_| ())
    }

    /// Whether the provider logged somebody out since their login was `identified`.
    pub(in crate::login) async fn is_logged_out(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        at: &AtProvider,
        identified: Timestamp,
    ) -> Result<bool, StoreError> {
        let lineage = at.lineage.to_string();
        let sid = at.sid.as_deref().map(|sid| ("sid", sid));
        // What was noted since then stands in the periods since then: one or two.
        let periods = identified.as_secs() / REMEMBERED..=self.now().as_secs() / REMEMBERED;
        for (kind, name) in [("sub", at.subject.as_str())].into_iter().chain(sid) {
            let who = [provider.as_str(), &lineage, kind, name];
            for period in periods.clone() {
                let key = noted(account, who, period);
                let found = RECORDS.get_at(&*self.store, &key).await?;
                if found.is_some_and(|found| found.value.at.is_some_and(|at| at > identified)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The sessions that a provider ends, each with the id of its record.
    pub async fn ended_by(
        &self,
        account: &AccountId,
        logout: &ProviderLogout,
    ) -> Result<Vec<(Vec<u8>, Session)>, StoreError> {
        upstream::find(&*self.store, account, &logout.which()).await
    }

    /// The user all of whose grants end: whoever the provider logged out wherever
    /// they are.
    pub async fn logged_out(
        &self,
        account: &AccountId,
        logout: &ProviderLogout,
    ) -> Result<Option<UserId>, StoreError> {
        let (None, Some(subject)) = (&logout.sid, &logout.subject) else {
            return Ok(None);
        };
        let link = Link {
            provider: logout.provider.clone(),
            lineage: logout.lineage,
            user_id: subject.clone(),
        };
        directory::linked(&*self.store, account, &link).await
    }

    /// Forgets the provider's tokens of a user that are kept.
    pub async fn forget_tokens(
        &self,
        account: &AccountId,
        user: UserId,
        logout: &ProviderLogout,
    ) -> Result<(), StoreError> {
        let (store, any) = (&*self.store, Precondition::Any);
        provider_tokens::forget(store, account, user, &logout.provider, any)
            .await
            .map(|_| ())
    }

    /// Ends one of those sessions.
    pub async fn revoke_record(&self, account: &AccountId, id: &[u8]) -> Result<bool, StoreError> {
        session::revoke_id(&*self.store, account, id, Vec::new()).await
    }

    /// Lets a token count again of which nothing came.
    pub async fn unused(&self, logout: &ProviderLogout) {
        if let Some(key) = &logout.used {
            // If it stays, the provider sends another one.
            let _ = self.store.delete(key, Precondition::Any).await;
        }
    }
}

/// Checks whose the claims are, for whom and until when; gives the last.
fn check(claims: &Value, provider: &Provider, now: Timestamp) -> Result<Timestamp, IdTokenError> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    let issuer = issuer.ok_or_else(|| lacking(claims, "iss"))?;
    let own = provider.issuer.as_ref();
    // One of many issuers is told by a claim that ID tokens have.
    if !own.is_some_and(|own| own.is(issuer, claims)) {
        return Err(other_issuer(own, issuer));
    }
    audience(claims, &provider.client.id)?;
    let issued = seconds(claims, "iat")?.ok_or(IdTokenError::Absent("iat"))?;
    if issued > now.as_secs().saturating_add(SKEW) {
        return Err(IdTokenError::Future("iat"));
    }
    let latest = issued.saturating_add(LIFETIME.as_secs());
    // Providers of before the final standard send no `exp`.
    let expires = seconds(claims, "exp")?.unwrap_or(latest).min(latest);
    let until = expires.saturating_add(SKEW);
    if now.as_secs() >= until {
        return Err(IdTokenError::Expired);
    }
    Ok(Timestamp::from_secs(until))
}
