//! Whom access tokens are for (RFC 9068 §3).
//!
//! All access tokens have the broker's audience unless an account or an
//! application has its own. An own one is an absolute URI, as a resource is in
//! RFC 8707 §2: so it is never a client id, and no ID token passes for an access
//! token. A token for the admin API is for the broker, whoever has it.

use url::Url;

use super::Authority;
use super::application::Application;
use super::error::{Code, OAuthError};
use super::granted::Granted;
use super::scope::{self, Scopes};
use crate::base::AccountId;
use crate::protocol::form::Pairs;
use crate::store::StoreError;

/// The longest audience, in bytes.
const MAX: usize = 500;

/// The text is not a valid audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an audience is an absolute URI without a fragment, as in `https://api.acme.test` or `urn:acme:api`, and none of the broker's own addresses"
)]
pub struct BadAudience;

/// Checks an audience that someone wants; `issuer` is the broker's.
pub fn check(text: &str, issuer: Option<&str>) -> Result<(), BadAudience> {
    let plain = text.len() <= MAX && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let url = Url::parse(text).map_err(|_| BadAudience)?;
    // The broker's sessions have audiences below its issuer.
    let own = issuer.and_then(|issuer| Url::parse(issuer).ok());
    let ours = own.is_some_and(|own| own.origin() == url.origin() && url.has_host());
    if plain && url.fragment().is_none() && !ours {
        Ok(())
    } else {
        Err(BadAudience)
    }
}

fn target() -> OAuthError {
    OAuthError::new(
        Code::InvalidTarget,
        "`resource` is none that the application may ask tokens for",
    )
}

impl Application {
    /// Whether tokens with these scopes may be for this resource (RFC 8707 §2). One
    /// for the admin API is for the broker alone.
    pub(super) fn has_resource(&self, resource: &str, scopes: &Scopes) -> bool {
        let known = &self.settings.resources;
        known.iter().any(|known| known == resource) && !scopes.iter().any(scope::is_admin)
    }

    /// The resource that a request asks a token for (RFC 8707 §2).
    ///
    /// # Errors
    /// `invalid_target` for one that is not the application's.
    pub(super) fn resource(
        &self,
        form: &Pairs,
        scopes: &Scopes,
    ) -> Result<Option<String>, OAuthError> {
        match form.get("resource") {
            None => Ok(None),
            Some(one) if self.has_resource(one, scopes) => Ok(Some(one.to_owned())),
            Some(_) => Err(target()),
        }
    }

    /// What was granted, for the resource that is asked for now: the one that was
    /// granted, or any of the application's where none was named (RFC 8707 §2.2).
    pub(super) fn narrowed_to(
        &self,
        granted: &Granted,
        resource: Option<&str>,
    ) -> Result<Granted, OAuthError> {
        let mut granted = granted.clone();
        let Some(wanted) = resource else {
            return Ok(granted);
        };
        let same = granted.resource.as_deref().is_none_or(|one| one == wanted);
        if !same || !self.has_resource(wanted, &granted.scopes) {
            return Err(target());
        }
        granted.resource = Some(wanted.to_owned());
        Ok(granted)
    }
}

impl Authority {
    /// Whom a token with these scopes is for.
    pub(super) async fn audience_of(
        &self,
        application: &Application,
        account: Option<&AccountId>,
        scopes: &Scopes,
    ) -> Result<String, StoreError> {
        if scopes.iter().any(scope::is_admin) {
            return Ok(self.audience.clone());
        }
        if let Some(own) = &application.audience {
            return Ok(own.clone());
        }
        let account = match account {
            Some(id) => self.accounts.get(id).await?,
            None => None,
        };
        let own = account.and_then(|account| account.audience.clone());
        Ok(own.unwrap_or_else(|| self.audience.clone()))
    }
}
