//! Applications: OAuth 2.0 clients of the broker.
//!
//! The secret of an application is shown once and stored hashed: a generated
//! one has 256 random bits, so SHA-256 does; one that was given at creation may
//! be anything, so it is hashed with argon2id. One that is the key of signatures, of
//! assertions (`client_secret_jwt`) or of ID tokens (`HS256`), has to be kept itself, in
//! the sealed record. None is ever changed; a
//! *rotation* adds a generated one beside it, and the old one ends after a while.

mod address;
mod check;
mod error;
mod known;
mod records;
mod response_alg;
mod settings;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use self::check::NewApplication;
pub use self::error::ApplicationError;
pub use self::known::KnownApplications;
pub(super) use self::records::spaces;
pub use self::records::{Applications, used_at};
pub use self::response_alg::{BadResponseAlg, ResponseAlg};
pub use self::settings::{ApplicationType, AuthMethod, PushedRequests, Settings, SettingsChange};
use super::scope::Scopes;
use crate::base::{AccountId, Secret, Timestamp, digest, random};
use crate::password::SlowHash;

/// The id of an application (RFC 6749 §2.2): 1 to 100 letters, digits and `-._~`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text is not a valid client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client id has 1 to 100 letters, digits and `-`, `.`, `_`, `~`")]
pub struct BadClientId;

impl ClientId {
    /// A new, random one.
    pub fn generate() -> Self {
        Self(random::token()[..22].to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for ClientId {
    fn schema_name() -> Cow<'static, str> {
        "ClientId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._~-]{1,100}$" })
    }
}

impl FromStr for ClientId {
    type Err = BadClientId;
    fn from_str(text: &str) -> Result<Self, BadClientId> {
        let good = (1..=100).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadClientId)
        }
    }
}

impl TryFrom<String> for ClientId {
    type Error = BadClientId;
    fn try_from(text: String) -> Result<Self, BadClientId> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A way to a token that an application may go (RFC 6749 §1.3).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// A user logs in through the account's provider (RFC 6749 §4.1).
    AuthorizationCode,
    /// On its own behalf (RFC 6749 §4.4).
    ClientCredentials,
    /// A user's email and password (RFC 6749 §4.3). RFC 9700 §2.4 advises
    /// against it, so it is off unless it is asked for.
    Password,
    /// A refresh token, where the user's grant includes `offline_access` (RFC 6749 §6).
    RefreshToken,
    /// An operator acts as a customer, as storefronts of Virto Commerce ask for it.
    Impersonate,
    /// Who is logged in at the account, as storefronts of Virto Commerce ask for it.
    ExternalSignIn,
    /// An operator acts as a customer (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
    /// A program shows a code, and somebody types it in a browser elsewhere (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

impl Grant {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClientCredentials,
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::Password,
        Self::Impersonate,
        Self::ExternalSignIn,
        Self::TokenExchange,
        Self::DeviceCode,
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }

    /// Whether it is off unless some application has it, and then named in the metadata.
    pub const fn is_special(self) -> bool {
        matches!(
            self,
            Self::Impersonate | Self::ExternalSignIn | Self::TokenExchange | Self::DeviceCode
        )
    }

    /// Its name in `grant_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::Impersonate => "impersonate",
            Self::ExternalSignIn => "external_sign_in",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }
}

/// A secret as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    hash: SecretHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SecretHash {
    /// SHA-256, URL-safe base64.
    Sha256(String),
    Argon2id(SlowHash),
    /// The secret itself, which is the key of signatures (RFC 7518 §3.2).
    Plain(String),
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StoredSecret([redacted], since {}, until {:?})",
            self.created_at, self.expires_at
        )
    }
}

impl StoredSecret {
    /// A new secret of 256 random bits, and what is stored of it.
    pub fn generate(now: Timestamp) -> (Secret, Self) {
        let secret = random::token();
        let stored = Self {
            hash: SecretHash::Sha256(digest::sha256_base64url(secret.as_bytes())),
            created_at: now,
            expires_at: None,
        };
        (Secret::new(secret), stored)
    }

    /// A secret that is kept itself; see [`Application::signs_by_secret`].
    fn kept(secret: &Secret, now: Timestamp) -> Self {
        Self {
            hash: SecretHash::Plain(secret.expose().to_owned()),
            created_at: now,
            expires_at: None,
        }
    }

    fn plain(&self) -> Option<&str> {
        match &self.hash {
            SecretHash::Plain(secret) => Some(secret),
            SecretHash::Sha256(_) | SecretHash::Argon2id(_) => None,
        }
    }

    fn given(hash: SlowHash, now: Timestamp) -> Self {
        Self {
            hash: SecretHash::Argon2id(hash),
            created_at: now,
            expires_at: None,
        }
    }

    fn counts(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// An OAuth 2.0 client of the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its id; never changes.
    pub client_id: ClientId,
    /// Its name as people read it.
    pub name: String,
    /// The account it is limited to; `None`: all accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// How it may ask.
    pub grants: BTreeSet<Grant>,
    /// Where browsers may be sent with a code; compared to the letter.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where browsers may be sent after a logout; compared to the letter.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is notified of logouts (OpenID Connect Back-Channel Logout §2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// What its ID tokens and logout tokens are signed with (OpenID Connect
    /// Dynamic Client Registration §2); `None`: what the account wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<ResponseAlg>,
    /// The audience of its access tokens; `None`: its account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// It can keep no secret, so it has none, and PKCE is required (RFC 6749 §2.1).
    #[serde(default)]
    pub public: bool,
    /// How it talks to the broker, where that is not as usual.
    #[serde(flatten)]
    pub settings: Settings,
    /// Its secrets, the newest first.
    #[serde(default)]
    pub secrets: Vec<StoredSecret>,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Application {
    /// Whether it may go this way.
    pub fn allows(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// Whether it may act for this account.
    pub fn serves(&self, account: &AccountId) -> bool {
        self.account.as_ref().is_none_or(|own| own == account)
    }

    /// Whether what was granted or issued then counts: not what an application
    /// of the same id had that was removed.
    pub fn honours(&self, granted_at: Timestamp) -> bool {
        // Tokens are dated to the second.
        granted_at.as_secs() >= self.created_at.as_secs()
    }

    /// Whether its secret is the key of signatures, its own or ours.
    pub fn signs_by_secret(&self) -> bool {
        self.settings.token_endpoint_auth_method == Some(AuthMethod::ClientSecretJwt)
            || self.id_token_signed_response_alg == Some(ResponseAlg::Hs256)
    }

    /// With the secret in front by which it proved itself, so that what is signed for
    /// it is under the one of two that it has at hand.
    pub(super) fn proved_by(&self, is_it: impl Fn(&str) -> bool) -> Self {
        let mut proved = self.clone();
        proved
            .secrets
            .sort_by_key(|secret| !secret.plain().is_some_and(&is_it));
        proved
    }

    /// Adds a generated secret; the old ones end at `until` at the latest, and
    /// only the newest of them is kept.
    pub fn rotate(&mut self, now: Timestamp, until: Timestamp) -> Secret {
        let (secret, mut stored) = StoredSecret::generate(now);
        if self.signs_by_secret() {
            stored = StoredSecret::kept(&secret, now);
        }
        self.secrets.retain(|old| old.counts(now));
        self.secrets.truncate(1);
        for old in &mut self.secrets {
            old.expires_at = Some(old.expires_at.map_or(until, |end| end.min(until)));
        }
        self.secrets.insert(0, stored);
        secret
    }

    /// Whether a secret that is stored as SHA-256 is this one; none is skipped,
    /// so that the time does not tell which.
    pub(super) fn has_generated(&self, secret: &Secret, now: Timestamp) -> bool {
        let given = digest::sha256_base64url(secret.expose().as_bytes());
        let mut found = false;
        for stored in self.secrets.iter().filter(|s| s.counts(now)) {
            match &stored.hash {
                SecretHash::Sha256(hash) => {
                    found |= digest::same(hash.as_bytes(), given.as_bytes());
                }
                SecretHash::Plain(secret) => {
                    let hash = digest::sha256_base64url(secret.as_bytes());
                    found |= digest::same(hash.as_bytes(), given.as_bytes());
                }
                SecretHash::Argon2id(_) => {}
            }
        }
        found
    }

    /// The slow hashes of its secrets.
    pub(super) fn given_hashes(&self, now: Timestamp) -> impl Iterator<Item = &SlowHash> {
        self.secrets
            .iter()
            .filter(move |s| s.counts(now))
            .filter_map(|stored| match &stored.hash {
                SecretHash::Argon2id(hash) => Some(hash),
                SecretHash::Sha256(_) | SecretHash::Plain(_) => None,
            })
    }

    /// The secrets that are kept themselves, as far as they count.
    pub(super) fn plain_secrets(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let counting = self.secrets.iter().filter(move |secret| secret.counts(now));
        counting.filter_map(StoredSecret::plain)
    }

    /// Hashes the secrets that are kept themselves for nothing any more.
    pub fn forget_plain_secrets(&mut self) {
        if self.signs_by_secret() {
            return;
        }
        for stored in &mut self.secrets {
            if let Some(plain) = stored.plain() {
                // Long enough for a fast hash: such a secret has 32 characters or more.
                stored.hash = SecretHash::Sha256(digest::sha256_base64url(plain.as_bytes()));
            }
        }
    }
}
