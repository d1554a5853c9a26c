//! Floor 4: what a browser holds after a login.
//!
//! The cookie is a signed JWT that others can verify. The broker itself goes by
//! the record in the store, which holds the SHA-256 of the token that was
//! issued: a token that is not in the store is not a session, whoever signed it,
//! and a logout counts at once. That also spares a signature check per request.

mod error;
mod records;
pub mod renewal;
pub mod upstream;
mod vtex;

pub use self::error::SessionError;
pub use self::records::{get_id, index, page, page_of, revoke_id, revoke_user};
pub use self::upstream::AtProvider;
pub use self::vtex::{VtexPart, VtexTokens, name_of};

use std::sync::Arc;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use quick_cache::sync::Cache;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::{AccountId, Authenticated, LoginMethod, Timestamp, UserId, digest, random};
use crate::config;
use crate::key::{Algorithm, Keyring};
use crate::store::{Keyspace, Precondition, Space, Store, StoreError, Token, Version, Watched};

static SESSIONS: Space = Space::durable("sessions")
    .expiring()
    .owned()
    .watched(Watched::Removals);

/// The longest token. Browsers keep cookies of up to 4096 bytes, name and
/// attributes included.
const MAX_TOKEN: usize = 3800;

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Whose.
    pub user: UserId,
    /// The user's, as they logged in.
    #[serde(default)]
    pub generation: u64,
    /// Their email at login.
    pub email: String,
    /// Whether somebody who may be trusted with it vouched for the email.
    #[serde(default)]
    pub email_verified: bool,
    /// Their id at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_user_id: Option<String>,
    /// Their name at login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What else the mapping put into the session.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub more: Map<String, Value>,
    /// Through which provider they logged in, or by which method of our own.
    #[serde(rename = "provider")]
    pub method: LoginMethod,
    /// When they authenticated at the provider, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// How, where the provider says so: `acr` and `amr` (OpenID Connect Core §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// See `acr`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// The browser that it began in, and the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where it began: a network, unless configured otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// SHA-256 of the token, URL-safe base64.
    pub digest: String,
    /// What clients of VTEX ID hold besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtex: Option<VtexPart>,
    /// Whether its provider can end it, see [`upstream`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_provider: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to within a twentieth of the idle limit.
    pub seen_at: Timestamp,
}

impl Session {
    /// Whether this is the digest of one of its tokens.
    fn is_of(&self, digest: &str) -> bool {
        let same = |own: &String| digest::same(own.as_bytes(), digest.as_bytes());
        same(&self.digest) || self.vtex.as_ref().is_some_and(|vtex| same(vtex.digest()))
    }

    /// Lets nothing renew it, and removes what is kept beside it.
    async fn forget_rest(&self, store: &dyn Store, account: &AccountId) -> Result<(), StoreError> {
        upstream::forget(store, account, self).await?;
        match &self.vtex {
            Some(part) => part.forget_renewal(store, account).await,
            None => Ok(()),
        }
    }

    /// When the person authenticated (OpenID Connect Core §2): at the provider,
    /// where it says so, else as the session began.
    pub fn authenticated_at(&self) -> Timestamp {
        self.auth_time.unwrap_or(self.created_at)
    }
}

/// A session that began.
pub struct Begun {
    /// The token for the cookie.
    pub token: String,
    /// What clients of VTEX ID hold, where the account has such.
    pub vtex: Option<VtexTokens>,
    /// The session.
    pub session: Session,
}

/// The claims of the cookie (RFC 7519), and of nothing else: its audience is the account's URL.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: String,
    account: &'a str,
    sid: &'a str,
    provider: &'a str,
    email: &'a str,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    iat: u64,
    exp: u64,
    jti: String,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

/// Whose session begins, and how they logged in.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// The user.
    pub user: UserId,
    /// All that is told of them is on disk: then the session itself is not waited
    /// for. A crash within a moment may lose it, and they log in again.
    pub settled: bool,
    /// The user's, as they logged in.
    pub generation: u64,
    /// Their email.
    pub email: &'a str,
    /// Whether somebody vouched for it.
    pub email_verified: bool,
    /// Their id at the provider.
    pub provider_user_id: Option<&'a str>,
    /// Their name.
    pub name: Option<&'a str>,
    /// What else the mapping puts into the session.
    pub more: &'a Map<String, Value>,
    /// How they logged in.
    pub method: &'a LoginMethod,
    /// How and when they authenticated there, where it says so.
    pub authenticated: &'a Authenticated,
    /// Their browser and system.
    pub device: Option<&'a str>,
    /// Where they are.
    pub address: Option<&'a str>,
    /// What the account wants its tokens signed with; `None`: by the default key.
    pub signing_alg: Option<Algorithm>,
    /// Whether clients of VTEX ID read a token of it.
    pub vtex: bool,
    /// What their OpenID provider knows the session as.
    pub at_provider: Option<&'a AtProvider>,
    /// How long it may live at most, where that is less than a session's lifetime.
    /// Nothing renews such a session.
    pub at_most: Option<Duration>,
}

/// Only the part of the claims that finds the record.
#[derive(Deserialize)]
struct Pointer {
    sid: String,
}

const SPACE: Keyspace<Session> =
    Keyspace::new(&SESSIONS).owned_by(|session| Some(session.user.as_bytes().to_vec()));

/// Sessions that are remembered: a proxy asks about the same few again and again.
const MAX_CACHED: usize = 10_000;

/// A token that was found to stand for a session, and the record's version then.
type CachedSession = (Token, Version, Arc<Session>);

/// How a record is looked at.
#[derive(Clone, Copy)]
enum Look {
    /// As [`Store::recall`] does.
    Recall,
    /// As it is now.
    Now,
}

/// Issues and looks up sessions.
#[derive(Debug)]
pub struct Sessions {
    issuer: String,
    lifetime: Duration,
    idle: Option<Duration>,
    /// By the SHA-256 of the token. The record is asked for all the same, so that a
    /// logout counts; reading token and record again is spared.
    known: Cache<[u8; 32], CachedSession>,
}

impl Sessions {
    /// Sessions of the broker at `issuer`.
    pub fn new(issuer: String, config: config::Session) -> Self {
        Self {
            issuer,
            lifetime: config.lifetime,
            idle: config.idle,
            known: Cache::new(MAX_CACHED),
        }
    }

    /// How long a session lasts.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Begins a session; gives the token for the cookie once what it tells is on
    /// disk, see [`Subject::settled`].
    pub async fn begin(
        &self,
        store: &dyn Store,
        keys: &Keyring,
        subject: Subject<'_>,
        now: Timestamp,
    ) -> Result<Begun, SessionError> {
        let account = subject.account;
        let lifetime = subject
            .at_most
            .map_or(self.lifetime, |most| most.min(self.lifetime));
        let sid = Token::new(now.plus(lifetime));
        let alg = subject.signing_alg;
        let none = Map::new();
        let mut claims = Claims {
            iss: &self.issuer,
            sub: subject.user.to_string(),
            aud: audience(&self.issuer, account),
            account: account.as_str(),
            sid: sid.as_str(),
            provider: subject.method.as_str(),
            email: subject.email,
            email_verified: subject.email_verified,
            name: subject.name,
            iat: now.as_secs(),
            exp: sid.expires_at().as_secs(),
            jti: random::token(),
            more: subject.more,
        };
        let mut token = keys.sign(alg, "JWT", &claims).await?;
        if token.len() > MAX_TOKEN {
            // A browser would not keep it, and the shopper would not know why.
            // `session` still tells everything: the record has it.
            claims.more = &none;
            token = keys.sign(alg, "JWT", &claims).await?;
        }
        if token.len() > MAX_TOKEN {
            claims.name = None;
            token = keys.sign(alg, "JWT", &claims).await?;
        }
        let mut session = Session {
            user: subject.user,
            generation: subject.generation,
            email: subject.email.to_owned(),
            email_verified: subject.email_verified,
            provider_user_id: subject.provider_user_id.map(str::to_owned),
            name: subject.name.map(str::to_owned),
            more: subject.more.clone(),
            method: subject.method.clone(),
            auth_time: subject.authenticated.at,
            acr: subject.authenticated.acr.clone(),
            amr: subject.authenticated.amr.clone(),
            device: subject.device.map(str::to_owned),
            address: subject.address.map(str::to_owned),
            digest: digest::sha256_base64url(token.as_bytes()),
            vtex: None,
            at_provider: subject.at_provider.is_some(),
            created_at: now,
            expires_at: sid.expires_at(),
            seen_at: now,
        };
        let mut tokens = None;
        if subject.vtex {
            let (part, begun) = vtex::begin(store, keys, account, &sid, &session, now).await?;
            if subject.at_most.is_some() {
                part.forget_renewal(store, account).await?;
            }
            session.vtex = Some(part);
            tokens = Some(begun);
        }
        if let Some(at) = subject.at_provider {
            upstream::begin(store, account, &sid, &session, at).await?;
        }
        let (account, new) = (account.as_str(), Precondition::Absent);
        if subject.settled {
            SPACE
                .put_soon_by(store, account, &sid, &session, new)
                .await?;
        } else {
            SPACE.put_by(store, account, &sid, &session, new).await?;
        }
        Ok(Begun {
            token,
            vtex: tokens,
            session,
        })
    }

    /// The session a cookie's token stands for; `None` if it is unknown, has ended, or was revoked.
    pub async fn find(
        &self,
        store: &dyn Store,
        account: &AccountId,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        let Some(mut found) = self.read(store, account, token, Look::Recall).await? else {
            return Ok(None);
        };
        if self.is_idle(&found.2, now) {
            // What is remembered may have been used at another broker since.
            found = match self.read(store, account, token, Look::Now).await? {
                Some(read) if !self.is_idle(&read.2, now) => read,
                _ => return Ok(None),
            };
        }
        let (sid, version, session) = found;
        if now >= session.expires_at {
            return Ok(None);
        }
        if let Some(idle) = self.idle
            && now.since(session.seen_at) >= idle / 20
        {
            self.touch(store, account, &sid, version, &session, now)
                .await?;
        }
        Ok(Some(session))
    }

    fn is_idle(&self, session: &Session, now: Timestamp) -> bool {
        let unused = now.since(session.seen_at);
        self.idle.is_some_and(|idle| unused >= idle)
    }

    /// The record that a token stands for, whether or not it is over.
    async fn read(
        &self,
        store: &dyn Store,
        account: &AccountId,
        token: &str,
        look: Look,
    ) -> Result<Option<CachedSession>, StoreError> {
        let digest = digest::sha256(token.as_bytes());
        let known = self.known.get(&digest);
        let sid = known.as_ref().map(|(sid, ..)| sid.clone());
        let Some(sid) = sid.or_else(|| session_id(token)) else {
            return Ok(None);
        };
        let key = sid.key(&SESSIONS, account.as_str());
        let found = match look {
            Look::Recall => SPACE.recall_encoded(store, &key).await?,
            Look::Now => SPACE.get_encoded_at(store, &key).await?,
        };
        let Some(found) = found else {
            return Ok(None);
        };
        // The digest, which was compared then, says that the token is the same.
        if let Some(known) = known.filter(|(_, version, _)| *version == found.version()) {
            return Ok(Some(known));
        }
        let session = Arc::new(found.decode()?);
        if !session.is_of(&digest::base64url(&digest)) {
            return Ok(None);
        }
        let found = (sid, found.version(), session);
        self.known.insert(digest, found.clone());
        Ok(Some(found))
    }

    async fn touch(
        &self,
        store: &dyn Store,
        account: &AccountId,
        sid: &Token,
        version: Version,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let seen = Session {
            seen_at: now,
            ..session.clone()
        };
        // Someone else touched or revoked it meanwhile: theirs counts.
        let when = Precondition::Version(version);
        match SPACE
            .put_soon_by(store, account.as_str(), sid, &seen, when)
            .await
        {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the session a token stands for; on disk when this returns.
    pub async fn revoke(
        &self,
        store: &dyn Store,
        account: &AccountId,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        let Some(session) = self.find(store, account, token, now).await? else {
            return Ok(None);
        };
        revoke_found(store, account, token, &session).await?;
        Ok(Some(session))
    }
}

/// Ends the session that [`Sessions::find`] gave for this token; on disk when this
/// returns.
pub async fn revoke_found(
    store: &dyn Store,
    account: &AccountId,
    token: &str,
    session: &Session,
) -> Result<(), StoreError> {
    session.forget_rest(store, account).await?;
    if let Some(sid) = session_id(token) {
        SPACE.delete_by(store, account.as_str(), &sid).await?;
    }
    Ok(())
}

/// The audience of an account's session tokens: no other token has it, so a
/// session is never mistaken for an access token or the other way round.
pub fn audience(issuer: &str, account: &AccountId) -> String {
    format!("{issuer}/accounts/{account}")
}

/// The session id in a token, read without trust: it only finds the record.
fn session_id(token: &str) -> Option<Token> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let pointer: Pointer = serde_json::from_slice(&json).ok()?;
    Token::parse(&pointer.sid)
}

/// All spaces of this room.
pub fn spaces() -> [&'static Space; 4] {
    let [id_tokens, names] = upstream::spaces();
    [&SESSIONS, renewal::space(), id_tokens, names]
}
