//! What an application must be.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::{Application, ClientId, Grant, StoredSecret};
use crate::authority::scope::{self, BadScope, Scopes};
use crate::base::{AccountId, Secret, Timestamp};
use crate::key::Algorithm;
use crate::password::{HashError, Hasher};

/// The most addresses of one kind.
const MAX_URIS: usize = 50;
/// The longest address, in bytes.
const MAX_URI: usize = 2000;

/// What an application is made of.
#[derive(Debug, Default)]
pub struct NewApplication {
    /// Its id; none: one is generated.
    pub client_id: Option<ClientId>,
    /// Its secret; none: one is generated, unless it is public.
    pub secret: Option<Secret>,
    /// Its name; none: its id.
    pub name: Option<String>,
    /// The account it is limited to; none: all.
    pub account: Option<AccountId>,
    /// What it may ask for; none: for logins what they need, else nothing.
    pub scopes: Option<Scopes>,
    /// How it may ask; none: logins where it has a redirect URI, else on its own behalf.
    pub grants: Option<BTreeSet<Grant>>,
    /// Where browsers may be sent with a code.
    pub redirect_uris: Vec<String>,
    /// Where browsers may be sent after a logout.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is notified of logouts.
    pub backchannel_logout_uri: Option<String>,
    /// What its ID tokens and logout tokens are signed with; none: what the
    /// account wants.
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// The audience of its access tokens; none: its account's.
    pub audience: Option<String>,
    /// It can keep no secret.
    pub public: bool,
}

/// What is wrong with an application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// The name.
    #[error("a display name has 1 to 100 characters on one line")]
    Name,
    /// A secret that could be guessed.
    #[error(
        "a client secret that is given has 16 to 1024 characters; leave it out to have one generated"
    )]
    Secret,
    /// A public client with a secret.
    #[error("a public application keeps no secret; leave out the secret, or `public`")]
    PublicSecret,
    /// A grant that needs a secret.
    #[error(
        "a public application cannot have `client_credentials`, which needs a secret (RFC 6749 §4.4)"
    )]
    PublicClientCredentials,
    /// Logins without a place to come back to.
    #[error("`authorization_code` needs at least one redirect URI")]
    NoRedirectUri,
    /// No grant at all.
    #[error("an application needs at least one grant")]
    NoGrant,
    /// An address.
    #[error(
        "`{0}` is not a valid {1}: write an https URL without a fragment (http is for loopback only), exactly as it will be sent"
    )]
    Uri(String, &'static str),
    /// Too many addresses.
    #[error("there are more than {MAX_URIS} addresses of one kind")]
    TooManyUris,
    /// The id would make its ID tokens look like access tokens.
    #[error("the client id is the audience of access tokens; choose another")]
    Audience,
    /// A scope.
    #[error(transparent)]
    Scope(#[from] BadScope),
    /// The secret could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl NewApplication {
    /// Makes the application; gives its secret too, where one was generated.
    pub async fn make(
        self,
        hasher: &Hasher,
        audience: &str,
        now: Timestamp,
    ) -> Result<(Application, Option<Secret>), ApplicationError> {
        let client_id = self.client_id.unwrap_or_else(ClientId::generate);
        if client_id.as_str() == audience {
            return Err(ApplicationError::Audience);
        }
        let grants = self.grants.unwrap_or_else(|| {
            if self.redirect_uris.is_empty() {
                BTreeSet::from([Grant::ClientCredentials])
            } else {
                BTreeSet::from([Grant::AuthorizationCode, Grant::RefreshToken])
            }
        });
        let scopes = match self.scopes {
            Some(scopes) => scopes,
            None if grants.contains(&Grant::AuthorizationCode) => Scopes::of([
                scope::OPENID,
                scope::PROFILE,
                scope::EMAIL,
                scope::ADDRESS,
                scope::PHONE,
                scope::OFFLINE_ACCESS,
            ])?,
            None => Scopes::default(),
        };
        let mut shown = None;
        let secrets = match (self.public, self.secret) {
            (true, Some(_)) => return Err(ApplicationError::PublicSecret),
            (true, None) => Vec::new(),
            (false, Some(secret)) => {
                if !(16..=1024).contains(&secret.expose().len()) {
                    return Err(ApplicationError::Secret);
                }
                vec![StoredSecret::given(hasher.hash(&secret).await?, now)]
            }
            (false, None) => {
                let (secret, stored) = StoredSecret::generate(now);
                shown = Some(secret);
                vec![stored]
            }
        };
        let application = Application {
            name: self.name.unwrap_or_else(|| client_id.to_string()),
            client_id,
            account: self.account,
            scopes,
            grants,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            backchannel_logout_uri: self.backchannel_logout_uri,
            id_token_signed_response_alg: self.id_token_signed_response_alg,
            audience: self.audience,
            public: self.public,
            secrets,
            created_at: now,
        };
        application.check()?;
        Ok((application, shown))
    }
}

impl Application {
    /// Checks what can be changed.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ApplicationError> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(ApplicationError::Name);
        }
        if self.grants.is_empty() {
            return Err(ApplicationError::NoGrant);
        }
        if self.public && self.allows(Grant::ClientCredentials) {
            return Err(ApplicationError::PublicClientCredentials);
        }
        if self.allows(Grant::AuthorizationCode) && self.redirect_uris.is_empty() {
            return Err(ApplicationError::NoRedirectUri);
        }
        uris(&self.redirect_uris, "redirect URI")?;
        uris(&self.post_logout_redirect_uris, "post-logout redirect URI")?;
        uris(
            self.backchannel_logout_uri.as_slice(),
            "back-channel logout URI",
        )
    }
}

fn uris(uris: &[String], what: &'static str) -> Result<(), ApplicationError> {
    if uris.len() > MAX_URIS {
        return Err(ApplicationError::TooManyUris);
    }
    match uris.iter().find(|uri| !is_address(uri)) {
        Some(bad) => Err(ApplicationError::Uri(
            bad.chars().filter(|c| !c.is_control()).take(100).collect(),
            what,
        )),
        None => Ok(()),
    }
}

/// An absolute https URL, or http on loopback, without fragment and credentials
/// (RFC 6749 §3.1.2, RFC 8252 §7.3), that every reader reads alike.
fn is_address(text: &str) -> bool {
    let plain = text.len() <= MAX_URI && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    let secure = match url.scheme() {
        "https" => url.has_host(),
        "http" => loopback(&url),
        _ => false,
    };
    plain
        && secure
        && text.contains("://")
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
