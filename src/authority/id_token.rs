//! ID tokens (OpenID Connect Core §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::Authority;
use super::ClientId;
use super::application::{Application, ResponseAlg};
use super::error::OAuthError;
use super::granted::Granted;
use super::scope::{self, Scopes};
use crate::account::{UnverifiedEmail, User};
use crate::base::{AccountId, Timestamp, digest};
use crate::key::{Claims, Expect, SharedKey};
use crate::protocol::jws::Jws;
use crate::store::StoreError;

/// Claims that say something about the token; no profile sets them (threat M9).
pub(super) const OURS: [&str; 18] = [
    "provider_user_id",
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "sid",
    "account",
];

/// Who logged in.
pub(super) struct Identity<'a> {
    pub application: &'a Application,
    pub granted: &'a Granted,
    pub person: Person<'a>,
    pub nonce: Option<&'a str>,
}

/// What is known of a user.
pub(super) struct Person<'a> {
    pub email: &'a str,
    pub email_verified: bool,
    pub name: Option<&'a str>,
    pub more: &'a Map<String, Value>,
    /// Their id at the provider they came through.
    pub provider_user_id: Option<&'a str>,
}

impl<'a> From<&'a User> for Person<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            email: &user.email,
            email_verified: user.email_trusted,
            name: user.name.as_deref(),
            more: &user.more,
            provider_user_id: user.last_link.as_ref().map(|link| link.user_id.as_str()),
        }
    }
}

/// An ID token of ours that came back as a hint.
#[derive(Debug, Clone)]
pub struct Hint {
    /// Whose.
    pub subject: String,
    /// For which application.
    pub client_id: String,
    /// In which account.
    pub account: Option<String>,
    /// Of which session.
    pub sid: Option<String>,
}

/// The claims about a user that these scopes give (OpenID Connect Core §5.4), and those
/// that were asked for by name. An email that nobody vouched for is there only if the
/// account's rule lets it (threat F2).
pub(super) fn about(
    scopes: &Scopes,
    wanted: &[String],
    person: &Person<'_>,
    rule: UnverifiedEmail,
) -> Map<String, Value> {
    let (name, more) = (person.name, person.more);
    let asked = |claim: &str, scope: &str| {
        scopes.has(scope) || (!wanted.is_empty() && wanted.iter().any(|name| name == claim))
    };
    let mut claims = Map::new();
    if person.email_verified || rule == UnverifiedEmail::Mark {
        if asked("email", scope::EMAIL) {
            claims.insert("email".to_owned(), person.email.into());
        }
        if asked("email", scope::EMAIL) || asked("email_verified", scope::EMAIL) {
            claims.insert("email_verified".to_owned(), person.email_verified.into());
        }
    }
    for (key, value) in more {
        match scope_of(key) {
            Some(scope) if asked(key, scope) => {
                claims.insert(key.clone(), formatted(key, value));
            }
            Some(_) => {}
            None => {
                let own = OURS.contains(&key.as_str()) || key.starts_with("email");
                if !own && asked(key, scope::PROFILE) {
                    claims.insert(key.clone(), value.clone());
                }
            }
        }
    }
    if let Some(name) = name.filter(|_| asked("name", scope::PROFILE)) {
        claims.insert("name".to_owned(), name.into());
    }
    if scopes.has(scope::PROFILE)
        && let Some(id) = person.provider_user_id
    {
        claims.insert("provider_user_id".to_owned(), id.into());
    }
    claims
}

/// Leaves those claims about the user that an application chose for a token; all where
/// it chose none.
pub(super) fn chosen(claims: &mut Map<String, Value>, choice: Option<&Vec<String>>) {
    if let Some(choice) = choice {
        claims.retain(|name, _| choice.contains(name));
    }
}

/// The scope of its own that asks for a mapped value (OpenID Connect Core §5.4).
pub(super) fn scope_of(claim: &str) -> Option<&'static str> {
    match claim {
        "address" => Some(scope::ADDRESS),
        "phone_number" | "phone_number_verified" => Some(scope::PHONE),
        _ => None,
    }
}

/// An address is an object (OpenID Connect Core §5.1.1), also where a provider
/// has it in one line, and whether a number was verified is a boolean (§5.1).
fn formatted(claim: &str, value: &Value) -> Value {
    match value {
        Value::String(line) if claim == "address" => json!({ "formatted": line }),
        verified if claim == "phone_number_verified" => {
            let text = verified.as_str().map(str::to_ascii_lowercase);
            let yes = text.is_some_and(|text| text == "true" || text == "1");
            (yes || verified == &Value::Bool(true) || verified.as_u64() == Some(1)).into()
        }
        value => value.clone(),
    }
}

impl Authority {
    /// What becomes of emails that nobody vouched for in an account.
    pub(super) async fn unverified_email(
        &self,
        account: &AccountId,
    ) -> Result<UnverifiedEmail, StoreError> {
        let found = self.accounts.get(account).await?;
        // A removed account hands on nothing.
        Ok(found.map_or(UnverifiedEmail::Refuse, |found| found.unverified_email))
    }

    /// Issues an ID token beside an access token.
    pub(super) async fn id_token(
        &self,
        identity: &Identity<'_>,
        access_token: &str,
    ) -> Result<String, OAuthError> {
        let granted = identity.granted;
        let now = self.now();
        let rule = self.unverified_email(&granted.account).await?;
        let wanted = granted.wanted_in_id_token();
        let mut claims = about(&granted.scopes, wanted, &identity.person, rule);
        let choice = identity.application.settings.id_token_claims.as_ref();
        chosen(&mut claims, choice);
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.issuer.as_str().into());
        set("sub", granted.user.to_string().into());
        set("aud", granted.client_id.as_str().into());
        set("iat", now.as_secs().into());
        let lifetime = self.token_lifetime(identity.application);
        set("exp", now.plus(lifetime).as_secs().into());
        set("at_hash", at_hash(access_token).into());
        set("account", granted.account.as_str().into());
        if let Some(at) = granted.auth_time {
            set("auth_time", at.as_secs().into());
        }
        if let Some(acr) = &granted.acr {
            set("acr", acr.as_str().into());
        }
        if !granted.amr.is_empty() {
            set("amr", granted.amr.clone().into());
        }
        // Who acts as the user has a session of their own, and the user none in it.
        if let Some(sid) = granted.sid.as_ref().filter(|_| granted.actor.is_none()) {
            set("sid", sid.as_str().into());
        }
        if let Some(nonce) = identity.nonce {
            set("nonce", nonce.into());
        }
        let keys = self
            .response_keys(identity.application, &granted.account)
            .await?;
        // A secret that ended since the application proved itself by it.
        let key = keys.first().ok_or_else(OAuthError::client)?;
        Ok(key.sign(&self.keys, "JWT", &claims).await?)
    }

    /// Reads an ID token of ours that comes back as a hint. It may have expired
    /// (OpenID Connect RP-Initiated Logout §2), so it is checked as of the
    /// moment it was issued.
    ///
    /// One that is signed with HS256 counts for an application that has its ID tokens
    /// signed so, under a secret of that application alone.
    pub async fn hint(&self, token: &str) -> Result<Option<Hint>, OAuthError> {
        let Some((client_id, issued)) = named(token) else {
            return Ok(None);
        };
        let expect = Expect {
            issuer: &self.issuer,
            audience: client_id.as_str(),
            typ: Some("JWT"),
            now: issued,
        };
        let claims = match self.keys.verify(token, &expect) {
            Ok(claims) => Some(claims),
            Err(_) => self.shared_claims(token, &client_id, &expect).await?,
        };
        Ok(claims.and_then(|claims| {
            let text = |name: &str| claims.text(name).map(str::to_owned);
            Some(Hint {
                subject: text("sub")?,
                client_id: client_id.to_string(),
                account: text("account"),
                sid: text("sid"),
            })
        }))
    }

    /// The claims of an ID token under the secret of the application that it is for.
    async fn shared_claims(
        &self,
        token: &str,
        client_id: &ClientId,
        expect: &Expect<'_>,
    ) -> Result<Option<Claims>, OAuthError> {
        let application = self.application(client_id).await?.filter(|application| {
            application.id_token_signed_response_alg == Some(ResponseAlg::Hs256)
                && application.honours(expect.now)
        });
        Ok(application.and_then(|application| {
            let mut secrets = application.plain_secrets(self.now());
            secrets.find_map(|secret| SharedKey::new(secret).verify(token, expect).ok())
        }))
    }
}

/// For which application an ID token says that it is, and since when; nothing of it is
/// believed yet.
fn named(token: &str) -> Option<(ClientId, Timestamp)> {
    let claims = untrusted(token)?;
    let client_id = claims.get("aud")?.as_str()?.parse().ok()?;
    let issued = Timestamp::from_secs(claims.get("iat")?.as_u64()?);
    Some((client_id, issued))
}

/// The claims of a token whose signature is not checked yet.
pub(super) fn untrusted(token: &str) -> Option<Map<String, Value>> {
    Jws::parse(token).ok()?.claims().ok()
}

/// The left half of the access token's hash (OpenID Connect Core §3.1.3.6); all
/// our algorithms end in 256.
fn at_hash(access_token: &str) -> String {
    let full = digest::sha256(access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&full[..16])
}
