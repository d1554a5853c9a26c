//! What an application must be.

use std::collections::BTreeSet;

use super::address::{is_address, is_private_use};
use super::error::{ApplicationError, MAX_URIS};
use super::{
    Application, ApplicationType, AuthMethod, ClientId, Grant, ResponseAlg, Settings, StoredSecret,
};
use crate::authority::scope::{self, Scopes};
use crate::base::{AccountId, Secret, Timestamp};
use crate::password::Hasher;

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
    pub id_token_signed_response_alg: Option<ResponseAlg>,
    /// The audience of its access tokens; none: its account's.
    pub audience: Option<String>,
    /// It can keep no secret.
    pub public: bool,
    /// How it talks to the broker, where that is not as usual.
    pub settings: Settings,
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
            None if grants.contains(&Grant::AuthorizationCode)
                || grants.contains(&Grant::DeviceCode) =>
            {
                Scopes::of([
                    scope::OPENID,
                    scope::PROFILE,
                    scope::EMAIL,
                    scope::ADDRESS,
                    scope::PHONE,
                    scope::OFFLINE_ACCESS,
                ])?
            }
            None => Scopes::default(),
        };
        let mut shown = None;
        let secrets = match (self.public, self.secret) {
            (true, Some(_)) => return Err(ApplicationError::PublicSecret),
            (true, None) => Vec::new(),
            (false, given)
                if self.settings.token_endpoint_auth_method == Some(AuthMethod::PrivateKeyJwt) =>
            {
                if given.is_some() {
                    return Err(ApplicationError::KeyAndSecret);
                }
                Vec::new()
            }
            (false, given)
                if self.settings.token_endpoint_auth_method
                    == Some(AuthMethod::ClientSecretJwt)
                    || self.id_token_signed_response_alg == Some(ResponseAlg::Hs256) =>
            {
                let secret = match given {
                    Some(secret) if (32..=1024).contains(&secret.expose().len()) => secret,
                    Some(_) => return Err(ApplicationError::ShortKey),
                    None => {
                        let secret = StoredSecret::generate(now).0;
                        shown = Some(secret.clone());
                        secret
                    }
                };
                vec![StoredSecret::kept(&secret, now)]
            }
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
            settings: self.settings,
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
        let native = self.settings.application_type == ApplicationType::Native;
        let place = |uri: &str| is_address(uri) || (native && is_private_use(uri));
        uris(&self.redirect_uris, "redirect URI", place)?;
        let after = &self.post_logout_redirect_uris;
        uris(after, "post-logout redirect URI", place)?;
        uris(
            self.backchannel_logout_uri.as_slice(),
            "back-channel logout URI",
            is_address,
        )?;
        self.check_settings()
    }
}

fn uris(
    uris: &[String],
    what: &'static str,
    good: impl Fn(&str) -> bool,
) -> Result<(), ApplicationError> {
    if uris.len() > MAX_URIS {
        return Err(ApplicationError::TooManyUris);
    }
    match uris.iter().find(|uri| !good(uri)) {
        Some(bad) => Err(ApplicationError::Uri(
            bad.chars().filter(|c| !c.is_control()).take(100).collect(),
            what,
        )),
        None => Ok(()),
    }
}
