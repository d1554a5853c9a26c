//! Who an application is (RFC 6749 §2.3).

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::Authority;
use super::application::{Application, AuthMethod, ClientId};
use super::assertion;
use super::error::{Code, OAuthError};
use crate::base::{Secret, Timestamp, digest};
use crate::protocol::form::Pairs;
use crate::protocol::jws::Jws;

/// The longest `Authorization` header that is read, in bytes.
const MAX_HEADER: usize = 8192;

/// How a client says who it is.
pub struct Credentials {
    id: String,
    way: Way,
    /// What the secret may be: as it was sent, and form-decoded where that differs.
    secrets: Vec<Secret>,
}

/// How the proof came (RFC 6749 §2.3.1, RFC 7523 §2.2).
enum Way {
    Basic,
    Body,
    Assertion(String),
}

impl Credentials {
    /// Reads them from a request: HTTP Basic or the body, not both.
    ///
    /// # Errors
    /// `invalid_request` for both, `invalid_client` for none.
    pub fn read(authorization: Option<&str>, form: &Pairs) -> Result<Self, OAuthError> {
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        if let Some(assertion) = form.get("client_assertion") {
            return Self::asserted(authorization, form, assertion);
        }
        let Some(header) = authorization else {
            return match id {
                Some(id) => Ok(Self {
                    id: id.to_owned(),
                    way: Way::Body,
                    secrets: secret.map(Secret::new).into_iter().collect(),
                }),
                None => Err(OAuthError::new(
                    Code::InvalidClient,
                    "there is no client authentication",
                )),
            };
        };
        if secret.is_some() {
            return Err(OAuthError::request(
                "the client authenticates twice; use either HTTP Basic or the body (RFC 6749 §2.3)",
            ));
        }
        let basic = Self::basic(header).ok_or_else(OAuthError::client)?;
        if id.is_some_and(|id| id != basic.id) {
            return Err(OAuthError::request(
                "`client_id` in the body is not that of the `Authorization` header",
            ));
        }
        Ok(basic)
    }

    /// HTTP Basic; id and secret are form-encoded in it (RFC 6749 §2.3.1), and
    /// many clients forget that.
    fn basic(header: &str) -> Option<Self> {
        if header.len() > MAX_HEADER {
            return None;
        }
        let (scheme, rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let mut secrets = Vec::new();
        if !secret.is_empty() {
            let plain = Secret::new(secret);
            let decoded = decoded(secret).map(Secret::new);
            secrets.extend(decoded.filter(|decoded| *decoded != plain));
            secrets.push(plain);
        }
        Some(Self {
            id: decoded(id)?,
            way: Way::Basic,
            secrets,
        })
    }

    /// An assertion (RFC 7523 §2.2), which says itself whose it is.
    fn asserted(
        authorization: Option<&str>,
        form: &Pairs,
        assertion: &str,
    ) -> Result<Self, OAuthError> {
        if authorization.is_some() || form.get("client_secret").is_some() {
            return Err(OAuthError::request(
                "the client authenticates twice; send either `client_assertion` or a secret (RFC 6749 §2.3)",
            ));
        }
        if form.get("client_assertion_type") != Some(assertion::TYPE) {
            return Err(OAuthError::request(
                "`client_assertion_type` is not `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`",
            ));
        }
        let id = assertion::subject(assertion).ok_or_else(OAuthError::client)?;
        if form.get("client_id").is_some_and(|given| given != id) {
            return Err(OAuthError::client());
        }
        Ok(Self {
            id,
            way: Way::Assertion(assertion.to_owned()),
            secrets: Vec::new(),
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

impl Authority {
    /// The application that a request comes from; `from` is the client's address.
    ///
    /// # Errors
    /// `invalid_client`, the same for an unknown one and a wrong secret.
    pub async fn authenticate(
        &self,
        given: &Credentials,
        from: Option<IpAddr>,
    ) -> Result<Arc<Application>, OAuthError> {
        let id: ClientId = given.id.parse().map_err(|_| OAuthError::client())?;
        let application = self
            .application(&id)
            .await?
            .ok_or_else(OAuthError::client)?;
        let now = self.now();
        let method = application.settings.token_endpoint_auth_method;
        let good = match (&given.way, method) {
            (Way::Body | Way::Basic, None) if application.public => given.secrets.is_empty(),
            (Way::Assertion(assertion), Some(method)) => {
                self.check_assertion(&application, method, assertion)
                    .await?
            }
            (Way::Basic, None | Some(AuthMethod::ClientSecretBasic))
            | (Way::Body, None | Some(AuthMethod::ClientSecretPost)) => {
                self.has_secret(&application, &given.secrets, from, now)
                    .await?
            }
            _ => false,
        };
        if !good {
            return Err(OAuthError::client());
        }
        self.applications.note_use(&self.store, &application, now);
        if application.secrets.len() < 2 || !application.signs_by_secret() {
            return Ok(application);
        }
        Ok(Arc::new(application.proved_by(|secret| {
            match &given.way {
                Way::Assertion(assertion) => {
                    Jws::parse(assertion).is_ok_and(|jws| jws.is_under(secret))
                }
                Way::Basic | Way::Body => given
                    .secrets
                    .iter()
                    .any(|one| digest::same(one.expose().as_bytes(), secret.as_bytes())),
            }
        })))
    }

    /// An application that keeps a secret, and proved it.
    ///
    /// # Errors
    /// As [`Authority::authenticate`]; a public one is refused too.
    pub async fn authenticate_confidential(
        &self,
        given: &Credentials,
        from: Option<IpAddr>,
    ) -> Result<Arc<Application>, OAuthError> {
        let application = self.authenticate(given, from).await?;
        if application.public {
            return Err(OAuthError::client());
        }
        Ok(application)
    }

    /// An application by its id.
    pub async fn application(&self, id: &ClientId) -> Result<Option<Arc<Application>>, OAuthError> {
        Ok(self.applications.get(&*self.store, id).await?)
    }

    async fn has_secret(
        &self,
        application: &Application,
        given: &[Secret],
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<bool, OAuthError> {
        for secret in given {
            if application.has_generated(secret, now) {
                return Ok(true);
            }
        }
        let hashes: Vec<_> = application.given_hashes(now).cloned().collect();
        self.client_guesses
            .is_right(&application.client_id, &hashes, given, from, now)
            .await
    }
}
