//! Access tokens (RFC 9068): issued, checked, revoked.
//!
//! They are JWTs of type `at+jwt` that any resource server can check by itself.
//! Where we are asked (introspection, user information, the admin API), one
//! counts only while its application exists, its user may act, and nobody ended
//! it, its grant or its session.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Authority;
use super::application::{Application, ClientId};
use super::error::{Code, OAuthError};
use super::granted::{Actor, Granted, Grantee};
use super::scope::Scopes;
pub use super::verified::Access;
use super::verified::{Verified, number};
use crate::account::directory;
use crate::base::{AccountId, Timestamp, UserId, random};
use crate::key::{Claims, Expect};
use crate::protocol::jws::Jws;
use crate::store::StoreError;

/// `typ` of access tokens (RFC 9068 §2.1).
pub const TYP: &str = "at+jwt";
/// Members of access tokens that are no claims about the user.
pub(super) const OWN: [&str; 6] = [
    "client_id",
    "scope",
    "grant_id",
    "generation",
    "act",
    "userinfo",
];
/// What stands before a client id in `sub`.
const CLIENT: &str = "client:";

#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    nbf: u64,
    jti: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_id: Option<&'a str>,
    /// The user's, see [`Granted`].
    #[serde(skip_serializing_if = "is_zero")]
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor>,
    /// How the user authenticated (RFC 9068 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    /// Claims for userinfo that were asked for by name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    userinfo: &'a [String],
    /// What the application chose, and what resource servers of Virto Commerce's
    /// platform read.
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Authority {
    /// Issues an access token.
    pub async fn access_token(
        &self,
        application: &Application,
        to: &Grantee<'_>,
    ) -> Result<String, OAuthError> {
        let now = self.now();
        let lifetime = self.token_lifetime(application);
        let expires = Timestamp::from_secs(now.plus(lifetime).as_secs());
        let jti = random::token();
        let sub = match to.user {
            Some(user) => user.to_string(),
            None => format!("{CLIENT}{}", application.client_id),
        };
        let audience = match to.resource {
            Some(resource) => resource.to_owned(),
            None => self.audience_of(application, to.account, to.scopes).await?,
        };
        let claims = AccessClaims {
            iss: &self.issuer,
            sub: &sub,
            aud: &audience,
            exp: expires.as_secs(),
            iat: now.as_secs(),
            nbf: now.as_secs(),
            jti: &jti,
            client_id: application.client_id.as_str(),
            scope: &to.scopes.to_string(),
            account: to.account.map(AccountId::as_str),
            sid: to.sid,
            grant_id: to.grant_id,
            generation: to.generation,
            act: to.actor,
            auth_time: to
                .granted
                .and_then(|granted| Some(granted.auth_time?.as_secs())),
            acr: to.granted.and_then(|granted| granted.acr.as_deref()),
            amr: to
                .granted
                .map(|granted| &granted.amr[..])
                .unwrap_or_default(),
            userinfo: to
                .granted
                .map(|granted| &granted.claims[..])
                .unwrap_or_default(),
            more: self.chosen_claims(application, to).await?,
        };
        let alg = match to.account {
            Some(account) => self.signing_alg(account).await?,
            None => None,
        };
        Ok(self.keys.sign(alg, TYP, &claims).await?)
    }

    /// Checks an access token of ours; `None` if it does not count.
    ///
    /// # Errors
    /// If the store fails: never a yes that was not looked up (threat C8).
    pub async fn access(&self, token: &str) -> Result<Option<Arc<Access>>, OAuthError> {
        let now = self.now();
        let known = match self.verified.get(token, &self.keys, now) {
            Some(known) => known,
            None => match self.verify(token, now).await {
                Some(verified) => self.verified.put(token, verified),
                None => return Ok(None),
            },
        };
        if self.is_revoked(known.marks.as_ref()).await? {
            return Ok(None);
        }
        let access = &known.access;
        let Some(application) = self.application(&access.client_id).await? else {
            return Ok(None);
        };
        let account = access.account.as_ref();
        let audience = &known.audience;
        if !application.has_resource(audience, &access.scopes) {
            let meant = self.audience_of(&application, account, &access.scopes);
            if meant.await? != *audience {
                return Ok(None);
            }
        }
        let good = known.issued_at.is_some_and(|at| application.honours(at))
            && match (access.user, account) {
                (None, _) => owns(&application, access),
                (Some(user), Some(account)) => {
                    let generation = number(&access.claims, "generation").unwrap_or_default();
                    application.serves(account)
                        && self.may_act(account, user, generation).await?
                        && self
                            .actor_may_act(&application, account, user, access.actor)
                            .await?
                }
                (Some(_), None) => false,
            };
        Ok(good.then(|| Arc::clone(access)))
    }

    /// An access token of ours, by its signature and its own claims alone.
    async fn verify(&self, token: &str, now: Timestamp) -> Option<Verified> {
        // Whom it should be for is known once it is known whose it is.
        let jws = Jws::parse(token).ok()?;
        let claims = jws.claims().ok()?;
        let audience = claims.get("aud")?.as_str()?;
        let expect = Expect {
            issuer: &self.issuer,
            audience,
            typ: Some(TYP),
            now,
        };
        let verified = self.keys.verify_fresh(token, &expect).await.ok()?;
        let kid = jws.kid().ok()??;
        Some(Verified::new(read(verified)?, kid, audience))
    }

    /// Whether what was granted still counts, its refresh tokens and marks aside.
    pub(super) async fn counts(
        &self,
        application: &Application,
        granted: &Granted,
    ) -> Result<bool, StoreError> {
        let honoured = granted.granted_at.is_none_or(|at| application.honours(at));
        Ok(honoured
            && self
                .may_act(&granted.account, granted.user, granted.generation)
                .await?
            && self
                .actor_may_act(application, &granted.account, granted.user, granted.actor)
                .await?)
    }

    async fn may_act(
        &self,
        account: &AccountId,
        user: UserId,
        generation: u64,
    ) -> Result<bool, StoreError> {
        directory::may_act(&*self.store, account, user, generation).await
    }
}

/// An application's own token counts only for what it may do now.
fn owns(application: &Application, access: &Access) -> bool {
    application
        .account
        .as_ref()
        .is_none_or(|own| access.account.as_ref() == Some(own))
        && access.scopes.within(&application.scopes)
}

fn read(claims: Claims) -> Option<Access> {
    let client_id: ClientId = claims.text("client_id")?.parse().ok()?;
    let account = match claims.text("account") {
        Some(account) => Some(account.parse().ok()?),
        None => None,
    };
    let actor = match claims.all().get("act") {
        Some(act) => Some(serde_json::from_value(act.clone()).ok()?),
        None => None,
    };
    let sub = claims.text("sub")?;
    let user = match sub.strip_prefix(CLIENT) {
        Some(id) if id == client_id.as_str() => None,
        Some(_) => return None,
        None => Some(sub.parse().ok()?),
    };
    Some(Access {
        scopes: Scopes::parse(claims.text("scope").unwrap_or_default()).ok()?,
        client_id,
        account,
        user,
        actor,
        claims,
    })
}

/// What the caller of a protected resource sent as its token (RFC 6750 §2.1).
///
/// # Errors
/// `invalid_token` for anything but one well-formed bearer token (threat K14).
pub fn bearer(authorization: Option<&str>) -> Result<&str, OAuthError> {
    let bad = || OAuthError::new(Code::InvalidToken, "there is no well-formed bearer token");
    let (scheme, token) = authorization
        .and_then(|h| h.split_once(' '))
        .ok_or_else(bad)?;
    let token = token.trim_matches(' ');
    let good = scheme.eq_ignore_ascii_case("bearer")
        && (1..=16_384).contains(&token.len())
        && token.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
        });
    if good { Ok(token) } else { Err(bad()) }
}
