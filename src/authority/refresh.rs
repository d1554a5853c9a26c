//! Refresh tokens (RFC 6749 §6), rotated with each use (RFC 9700 §4.14).
//!
//! A grant and all refresh tokens that follow from it are one *family*, one
//! record. A refresh token is the family's key and a secret; the record has the
//! SHA-256 of the secrets that count. Using one replaces it. Whoever comes with
//! a secret that no longer counts shows that it was copied: the family ends,
//! and with it the access tokens that it gave.
//!
//! # Grace
//! An answer can be lost on its way, and then the client has only the old
//! token. So the one that was replaced last is taken once more, from
//! [`GRACE_FROM`] to [`GRACE_UNTIL`] after its use; then both new tokens count
//! until one of them is used. In the first second there is no grace: who comes
//! then runs beside the request that won, and is told to come back.
//!
//! # Time
//! A refresh token ends its lifetime after it was issued. An old one leads to its
//! family for as long as that lives, see `family.rs`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::Authority;
use super::application::{Application, Grant};
use super::error::{Code, OAuthError};
use super::family::Family;
use super::granted::Granted;
use super::revoked::SID;
use super::scope::{self, Scopes};
use crate::base::{Secret, Timestamp, digest, random};
use crate::store::{StoreError, Token};

/// From when on after its use a refresh token is taken once more.
pub const GRACE_FROM: Duration = Duration::from_secs(1);
/// Until when.
pub const GRACE_UNTIL: Duration = Duration::from_secs(10);

/// How long a refresh token of who acts as somebody else lives without a use: no longer
/// than a logout leaves its mark, see `revoked.rs`.
const ACTING: Duration = Duration::from_secs(24 * 60 * 60);

/// A refresh token taken apart.
struct Presented {
    family: Token,
    secret: String,
}

impl Presented {
    fn parse(text: &str) -> Option<Self> {
        let (family, secret) = text.split_once('.')?;
        Some(Self {
            family: Token::parse(family)?,
            secret: hash(secret),
        })
    }
}

/// What a refresh gives.
pub struct Refreshed<'a> {
    /// The application, as the account takes it.
    pub application: Cow<'a, Application>,
    /// What is granted, with the scopes that were asked for.
    pub granted: Granted,
    /// The access token.
    pub access_token: String,
    /// The next refresh token.
    pub refresh_token: Secret,
}

fn hash(secret: &str) -> String {
    digest::sha256_base64url(secret.as_bytes())
}

fn invalid_refresh_token() -> OAuthError {
    OAuthError::grant("the refresh token is unknown, was used or revoked, or has expired")
}

impl Authority {
    /// The first refresh token of a grant, on disk when this returns; `None`
    /// where there is none to be had. `grant` is what all its tokens go by.
    pub(super) async fn begin_family(
        &self,
        application: &Application,
        granted: &Granted,
        grant: &Token,
    ) -> Result<Option<Secret>, OAuthError> {
        let refreshes =
            application.allows(Grant::RefreshToken) && granted.scopes.has(scope::OFFLINE_ACCESS);
        let secret = random::token();
        let mut family = Family {
            granted: granted.clone(),
            expires_at: self.refresh_ends(application, granted),
            current: hash(&secret),
            spare: None,
            used: None,
            issued: Vec::new(),
            grant_id: Some(grant.name()),
        };
        if !refreshes {
            family.expires_at = self.now().plus(self.token_lifetime(application));
            family.current = String::new();
            self.note_grant(grant, family).await?;
            return Ok(None);
        }
        match self.put_family(grant, family).await {
            Err(StoreError::Conflict) => Err(OAuthError::grant("the session has ended")),
            other => Ok(other?),
        }?;
        Ok(Some(Secret::new(format!("{}.{secret}", grant.as_str()))))
    }

    /// Uses a refresh token.
    pub(super) async fn refresh<'a>(
        &self,
        application: &'a Application,
        text: &str,
        wanted: Option<&Scopes>,
        resource: Option<&str>,
    ) -> Result<Refreshed<'a>, OAuthError> {
        let presented = Presented::parse(text).ok_or_else(invalid_refresh_token)?;
        let Some((token, found)) = self.find_family(presented.family).await? else {
            return Err(invalid_refresh_token());
        };
        let family = &found.family;
        let granted = &family.granted;
        if granted.client_id != application.client_id || !application.serves(&granted.account) {
            // Someone else's token: it is not used up by that.
            return Err(invalid_refresh_token());
        }
        let limited = self.at_account(application, &granted.account).await?;
        let application = &*limited;
        let now = self.now();
        let secret_use = family.secret_use(&presented.secret, now);
        let reuses = application.settings.reuse_refresh_tokens && secret_use == SecretUse::Next;
        match secret_use {
            SecretUse::Copied => {
                warn!(
                    client_id = %application.client_id,
                    account = %granted.account,
                    "a refresh token was used twice: its family is revoked"
                );
                self.end_family(&token).await?;
                return Err(invalid_refresh_token());
            }
            SecretUse::TooSoon => {
                return Err(OAuthError::new(
                    Code::SlowDown,
                    "another request with this refresh token is being answered; retry in a second",
                ));
            }
            SecretUse::Next | SecretUse::Grace if now >= family.expires_at => {
                return Err(invalid_refresh_token());
            }
            SecretUse::Next | SecretUse::Grace => {}
        }
        if !self.counts(application, granted).await? || self.actor_left(granted).await? {
            self.end_family(&token).await?;
            return Err(invalid_refresh_token());
        }
        let scopes = Self::narrowed(application, granted, wanted)?;
        let granted = Granted {
            scopes,
            ..application.narrowed_to(granted, resource)?
        };
        let grant_id = token.name();
        let access_token = self
            .access_token(application, &granted.grantee(&grant_id))
            .await?;
        let secret = random::token();
        let ends = self.refresh_ends(application, &granted);
        let mut next = family.next(secret_use, presented.secret, hash(&secret), now, ends);
        if reuses {
            next.current.clone_from(&family.current);
            next.spare.clone_from(&family.spare);
            next.used.clone_from(&family.used);
        }
        next.grant_id = Some(grant_id);
        let at = token.clone();
        let token = match self.write_family(token, &found, next, now).await {
            Ok(token) => token,
            // Another use of a token that stays wrote what this one would.
            Err(StoreError::Conflict) if reuses => at,
            Err(StoreError::Conflict) => {
                return Err(OAuthError::new(
                    Code::SlowDown,
                    "another request with this refresh token won; retry in a second",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Refreshed {
            application: limited,
            granted,
            access_token,
            refresh_token: Secret::new(if reuses {
                text.to_owned()
            } else {
                format!("{}.{secret}", token.as_str())
            }),
        })
    }

    /// Whether who acts as the user has logged out. Their grant is found by the user, so
    /// that the logout leaves a mark and not an end; the token lives no longer than that
    /// ([`ACTING`]).
    async fn actor_left(&self, granted: &Granted) -> Result<bool, StoreError> {
        match (granted.actor, &granted.sid) {
            (Some(_), Some(sid)) => self.is_marked(SID, sid).await,
            _ => Ok(false),
        }
    }

    /// When a refresh token ends that is made now: some time after its last use, and
    /// with the grant at the latest.
    fn refresh_ends(&self, application: &Application, granted: &Granted) -> Timestamp {
        let settings = &application.settings;
        let now = self.now();
        let idle = settings.refresh_tokens(self.refresh_token_lifetime);
        let idle = match granted.actor {
            Some(_) => now.plus(idle.min(ACTING)),
            None => now.plus(idle),
        };
        let grant = settings.grant().map(|longest| {
            let from = granted.auth_time.or(granted.granted_at).unwrap_or(now);
            from.plus(longest)
        });
        grant.map_or(idle, |grant| grant.min(idle))
    }

    /// What was granted and is still the application's, or less where less was asked.
    fn narrowed(
        application: &Application,
        granted: &Granted,
        wanted: Option<&Scopes>,
    ) -> Result<Scopes, OAuthError> {
        let granted = granted.scopes.common(&application.scopes);
        match wanted {
            None => Ok(granted),
            Some(wanted) if wanted.within(&granted) => Ok(wanted.clone()),
            Some(_) => Err(OAuthError::new(
                Code::InvalidScope,
                "a scope was asked for that was not granted before",
            )),
        }
    }

    /// The application that a refresh token was given to, whether it counts or not.
    pub(super) async fn application_of_refresh(
        &self,
        text: &str,
    ) -> Result<Option<Arc<Application>>, OAuthError> {
        let Some(presented) = Presented::parse(text) else {
            return Ok(None);
        };
        match self.find_family(presented.family).await? {
            Some((_, found)) => self.application(&found.family.granted.client_id).await,
            None => Ok(None),
        }
    }

    /// What a refresh token stands for, if it counts and is this application's.
    pub(super) async fn look_at_refresh(
        &self,
        application: &Application,
        text: &str,
    ) -> Result<Option<(Granted, Timestamp)>, StoreError> {
        let Some(presented) = Presented::parse(text) else {
            return Ok(None);
        };
        let Some((_, found)) = self.find_family(presented.family).await? else {
            return Ok(None);
        };
        let family = found.family;
        let now = self.now();
        let counts = family.granted.client_id == application.client_id
            && now < family.expires_at
            && matches!(family.secret_use(&presented.secret, now), SecretUse::Next)
            && self.counts(application, &family.granted).await?;
        Ok(counts.then_some((family.granted, family.expires_at)))
    }

    /// Ends the family of a refresh token, if it is this application's; says
    /// whether the text is a refresh token at all (RFC 7009 §2.1).
    pub(super) async fn revoke_refresh(
        &self,
        application: &Application,
        text: &str,
    ) -> Result<bool, StoreError> {
        let Some(presented) = Presented::parse(text) else {
            return Ok(false);
        };
        if let Some((token, found)) = self.find_family(presented.family).await?
            && found.family.granted.client_id == application.client_id
        {
            self.end_family(&token).await?;
        }
        Ok(true)
    }
}

/// What a presented secret means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SecretUse {
    Next,
    Grace,
    TooSoon,
    Copied,
}

impl Family {
    fn secret_use(&self, secret: &str, now: Timestamp) -> SecretUse {
        let is = |known: &str| digest::same(known.as_bytes(), secret.as_bytes());
        if is(&self.current) || self.spare.as_deref().is_some_and(is) {
            return SecretUse::Next;
        }
        match &self.used {
            Some((used, at)) if is(used) => match now.since(*at) {
                since if since < GRACE_FROM => SecretUse::TooSoon,
                since if since <= GRACE_UNTIL && self.spare.is_none() => SecretUse::Grace,
                _ => SecretUse::Copied,
            },
            _ => SecretUse::Copied,
        }
    }

    fn next(
        &self,
        secret_use: SecretUse,
        presented: String,
        secret: String,
        now: Timestamp,
        ends: Timestamp,
    ) -> Self {
        let mut next = self.clone();
        next.expires_at = ends;
        next.issued.retain(|old| now < old.expires_at);
        if secret_use == SecretUse::Grace {
            next.spare = Some(secret);
        } else {
            next.current = secret;
            next.spare = None;
            next.used = Some((presented, now));
        }
        next
    }
}
