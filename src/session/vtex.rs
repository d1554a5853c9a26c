//! The token for a session that clients of VTEX ID read: they find who is logged in
//! among its claims, and verify nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::renewal::{self, NewRenewal, Renewal};
use super::{SESSIONS, Session, SessionError, Sessions, get_id, session_id};
use crate::base::{AccountId, Timestamp, digest, random};
use crate::key::{Algorithm, Keyring};
use crate::store::{Store, StoreError, Token};

/// What a session has besides, in an account whose front ends speak VTEX ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VtexPart {
    /// SHA-256 of the token that they read, URL-safe base64.
    digest: String,
    /// Names the record that renews it.
    renewal: String,
}

/// What clients of VTEX ID hold.
pub struct VtexTokens {
    /// The token that they read.
    pub token: String,
    /// Renews the session.
    pub renewal: Token,
}

impl VtexPart {
    /// SHA-256 of the token, URL-safe base64.
    pub(super) fn digest(&self) -> &String {
        &self.digest
    }

    /// Lets nothing renew the session.
    pub(super) async fn forget_renewal(
        &self,
        store: &dyn Store,
        account: &AccountId,
    ) -> Result<(), StoreError> {
        match URL_SAFE_NO_PAD.decode(&self.renewal) {
            Ok(key) => renewal::forget(store, account, &key).await,
            Err(_) => Ok(()),
        }
    }
}

/// The claims, as VTEX ID names them; `sid` finds the session here.
#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    account: &'a str,
    audience: &'static str,
    sess: String,
    exp: u64,
    #[serde(rename = "userId")]
    user_id: String,
    iat: u64,
    iss: &'static str,
    jti: String,
    sid: &'a str,
}

/// What such a session has besides.
pub(super) async fn begin(
    store: &dyn Store,
    keys: &Keyring,
    account: &AccountId,
    sid: &Token,
    session: &Session,
    now: Timestamp,
) -> Result<(VtexPart, VtexTokens), SessionError> {
    let token = sign(keys, account, sid, session, now).await?;
    let new = NewRenewal::new(account, now);
    let part = VtexPart {
        digest: digest::sha256_base64url(token.as_bytes()),
        renewal: URL_SAFE_NO_PAD.encode(&new.key),
    };
    let renews = Renewal {
        user: session.user,
        generation: session.generation,
        method: session.method.clone(),
        authenticated_at: session.authenticated_at(),
    };
    new.write(store, account, &renews).await?;
    let renewal = new.token;
    Ok((part, VtexTokens { token, renewal }))
}

/// Signs it, with ES256 as VTEX ID does.
async fn sign(
    keys: &Keyring,
    account: &AccountId,
    sid: &Token,
    session: &Session,
    now: Timestamp,
) -> Result<String, SessionError> {
    let claims = Claims {
        sub: &session.email,
        account: account.as_str(),
        audience: "webstore",
        sess: name(account, sid),
        exp: session.expires_at.as_secs(),
        user_id: session.user.to_string(),
        iat: now.as_secs(),
        iss: "token-emitter",
        jti: random::token(),
        sid: sid.as_str(),
    };
    Ok(keys.sign(Some(Algorithm::Es256), "jwt", &claims).await?)
}

/// What names the session of a token, read without trust; opens nothing.
pub fn name_of(account: &AccountId, token: &str) -> Option<String> {
    session_id(token).map(|sid| name(account, &sid))
}

impl Sessions {
    /// The session of a name that a token of ours says; `None` if it has ended.
    pub async fn named(
        &self,
        store: &dyn Store,
        account: &AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let Ok(id) = URL_SAFE_NO_PAD.decode(name) else {
            return Ok(None);
        };
        let found = get_id(store, account, &id).await?;
        Ok(found.filter(|session| now < session.expires_at && !self.is_idle(session, now)))
    }
}

/// What names a session; opens nothing.
fn name(account: &AccountId, sid: &Token) -> String {
    URL_SAFE_NO_PAD.encode(sid.key(&SESSIONS, account.as_str()).id())
}
