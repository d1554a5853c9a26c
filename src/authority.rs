//! Floor 5: the OAuth 2.0 authorization server and OpenID Connect provider.
//!
//! | file | holds | after |
//! |---|---|---|
//! | [`application`] | clients and their secrets | RFC 6749 §2 |
//! | [`client`], [`client_guesses`] | client authentication; a limit to guessing secrets | RFC 6749 §2.3 |
//! | [`assertion`] | client authentication by signed assertions | RFC 7523 |
//! | [`device`] | programs without a browser | RFC 8628 |
//! | [`pushed`] | authorization requests that are pushed | RFC 9126 |
//! | [`features`] | what of all this some application may use | RFC 8414 §2 |
//! | `claims` | claims that are named one by one | OpenID Connect Core §5.5 |
//! | [`consent`] | what people allowed applications | OpenID Connect Core §3.1.2.4 |
//! | [`token`] | the token endpoint, one function a grant | RFC 6749 §4 |
//! | [`audience`] | whom access tokens are for | RFC 9068 §3, RFC 8707 |
//! | `policy` | an application as an account takes it | |
//! | [`access`], [`verified`] | access tokens: issued, checked, revoked; those checked before | RFC 9068 |
//! | [`revoked`] | what was revoked before its time | RFC 7009 |
//! | [`grants`] | what was granted: listed, ended | RFC 7009 |
//! | [`granted`] | what a user granted, and whom a token is for | RFC 6749 §1.3 |
//! | [`refresh`], `family` | refresh tokens: rotation, grace; their records | RFC 9700 §4.14 |
//! | [`impersonate`] | an operator acts as a customer | RFC 8693 |
//! | [`platform`] | what storefronts of Virto Commerce send and read | |
//! | [`password`] | users' passwords | RFC 6749 §4.3 |
//! | [`authorize`], [`code`] | authorization requests and codes, PKCE | RFC 6749 §4.1, RFC 7636 |
//! | [`id_token`], `response_key` | ID tokens; what signs them | OpenID Connect Core §2 |
//! | [`introspect`] | introspection and revocation | RFC 7662, RFC 7009 |
//! | [`logout`], [`notices`] | logout at and from applications; applications are told | OpenID Connect RP-Initiated and Back-Channel Logout |
//! | [`metadata`] | what is published about all of it | RFC 8414 |
//! | [`foreign`] | tokens of another authority | RFC 7519 §7.2 |
//!
//! A token's `sub` is a user's id, or `client:` and the client id where an
//! application acts on its own behalf, so neither can be taken for the other
//! (RFC 9700 §4.15). Scopes of the admin API are only ever in an application's
//! own token, never in a user's.

pub mod access;
pub mod application;
pub mod assertion;
pub mod audience;
pub mod authorize;
mod claims;
pub mod client;
pub mod client_guesses;
pub mod code;
pub mod consent;
pub mod device;
pub mod error;
mod family;
pub mod features;
pub mod foreign;
pub mod granted;
pub mod grants;
pub mod id_token;
pub mod impersonate;
pub mod introspect;
pub mod logout;
pub mod metadata;
pub mod notices;
pub mod password;
pub mod platform;
mod policy;
pub mod pushed;
pub mod refresh;
mod response_key;
pub mod revoked;
pub mod scope;
pub mod token;
pub mod verified;

use std::sync::Arc;
use std::time::Duration;

use self::application::KnownApplications;
pub use self::application::{Application, Applications, ClientId, Grant};
use self::assertion::ClientKeys;
use self::client_guesses::ClientGuesses;
use self::device::DeviceLimits;
pub use self::error::{Code, OAuthError};
use self::features::KnownFeatures;
use self::notices::Notices;
pub use self::scope::Scopes;
use self::verified::VerifiedTokens;
use crate::account::Accounts;
use crate::account::application_policy::MAX_ACCESS_TOKEN_LIFETIME;
use crate::base::{AccountId, Clock, Timestamp};
use crate::key::{Algorithm, Keyring};
use crate::outbound::Outbound;
use crate::password::{Hasher, Throttle};
use crate::session::Session;
use crate::store::{Space, Store, StoreError};

/// What the authority works with.
pub struct Authority {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The accounts in it.
    pub accounts: Arc<Accounts>,
    /// The applications in it.
    pub applications: Arc<KnownApplications>,
    /// Access tokens that were checked before.
    pub verified: VerifiedTokens,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The only HTTP client.
    pub outbound: Arc<Outbound>,
    /// The signing keys.
    pub keys: Arc<Keyring>,
    /// Slow hashes.
    pub hasher: Hasher,
    /// Who guessed clients' secrets lately.
    pub client_guesses: ClientGuesses,
    /// The keys that clients publish.
    pub client_keys: ClientKeys,
    /// What some application may use.
    pub features: KnownFeatures,
    /// How often devices ask, and codes of theirs are typed wrong.
    pub device_limits: DeviceLimits,
    /// Who guessed passwords lately.
    pub throttle: Throttle,
    /// Logouts that applications are told of.
    pub notices: Notices,
    /// The issuer: our public URL without a slash at its end.
    pub issuer: String,
    /// The audience of access tokens.
    pub audience: String,
    /// How long access tokens and ID tokens live.
    pub access_token_lifetime: Duration,
    /// How long refresh tokens live, from their last use.
    pub refresh_token_lifetime: Duration,
    /// From an authorization request to the end of its login.
    pub login_lifetime: Duration,
}

impl Authority {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long access tokens and ID tokens of an application live.
    fn token_lifetime(&self, application: &Application) -> Duration {
        application
            .settings
            .access_tokens(self.access_token_lifetime)
    }

    /// The longest that an access token of any application lives.
    fn longest_access_token(&self) -> Duration {
        self.access_token_lifetime.max(MAX_ACCESS_TOKEN_LIFETIME)
    }

    /// What tokens of an account are signed with; `None`: by the default key.
    async fn signing_alg(&self, account: &AccountId) -> Result<Option<Algorithm>, StoreError> {
        let found = self.accounts.get(account).await?;
        Ok(found.and_then(|account| account.signing_alg))
    }
}

/// All spaces of this room.
pub fn spaces() -> impl Iterator<Item = &'static Space> {
    revoked::spaces()
        .into_iter()
        .chain(family::spaces())
        .chain(code::spaces())
        .chain(authorize::spaces())
        .chain(logout::spaces())
        .chain(application::spaces())
        .chain(device::spaces())
        .chain([assertion::space(), pushed::space(), consent::space()])
        .chain([notices::space()])
}

/// Gives records of before their owners.
pub async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    Applications::index(store, now).await?;
    family::index(store, now).await
}

/// The public name of a session (`sid` in OpenID Connect Back-Channel Logout
/// §2.1): it tells who knows it nothing that the session's cookie has in it.
pub fn session_name(session: &Session) -> String {
    crate::base::digest::sha256_base64url(session.digest.as_bytes())
}
