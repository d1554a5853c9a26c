//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2).
//!
//! A request is checked client and redirect URI first: until both are known to
//! belong together nothing is sent anywhere (RFC 6749 §4.1.2.1). Where the
//! browser has no fitting session at the issuer's own origin, the request waits
//! as a record, bound to the browser, while the account's login runs, and is
//! taken up again once.

mod request;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::Authority;
use super::application::ClientId;
use super::code::CodeRecord;
use super::error::{Code, OAuthError};
use super::granted::Granted;
use super::scope::Scopes;
use crate::account::UnverifiedEmail;
use crate::base::{AccountId, SKEW, Timestamp, digest};
use crate::provider::request::Demands;
use crate::session::Session;
use crate::store::{Keyspace, Precondition, Space, StoreError, Token};

static REQUESTS: Space = Space::transient("authorization_requests").expiring();

const WAITING: Keyspace<WaitingRequest> = Keyspace::new(&REQUESTS);

pub(super) fn spaces() -> [&'static Space; 1] {
    [&REQUESTS]
}

/// How the answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the redirect URI's query.
    Query,
    /// Posted by a form (OAuth 2.0 Form Post Response Mode §2).
    FormPost,
}

/// An authorization request that was checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Authorization {
    /// The application.
    pub client_id: ClientId,
    /// The account whose login it is.
    pub account: AccountId,
    /// Where the answer goes.
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
    pub(super) scopes: Scopes,
    nonce: Option<String>,
    challenge: Option<String>,
    /// Whom the application expects.
    pub login_hint: Option<String>,
    /// Languages for the pages, those preferred in front.
    pub ui_locales: Option<String>,
    /// `prompt=none`: no page may be shown.
    pub silent: bool,
    /// `prompt=login`, or the like: a session is not enough.
    prompt: Option<String>,
    max_age: Option<u64>,
    /// `prompt=consent`: the user is asked, whatever they allowed before.
    #[serde(default)]
    pub asks_again: bool,
    /// `sub` of an ID token hint, or that `claims` asks for.
    expected: Option<String>,
    /// Of which `acr` one is essential (OpenID Connect Core §5.5.1.1); empty: none is.
    #[serde(default)]
    essential_acr: Vec<String>,
    asked_at: Timestamp,
    /// The resource that the tokens are for (RFC 8707).
    #[serde(default)]
    resource: Option<String>,
    /// `acr_values` (OpenID Connect Core §3.1.2.1).
    #[serde(default)]
    acr_values: Option<String>,
    /// `claims` as it was sent (OpenID Connect Core §5.5), for the provider.
    #[serde(default)]
    claims: Option<String>,
    /// The names in it that the application may ask for: in userinfo.
    #[serde(default)]
    pub(super) wanted_claims: Vec<String>,
    /// And in the ID token.
    #[serde(default)]
    pub(super) wanted_in_id_token: Option<Vec<String>>,
    /// Parameters that no standard knows, for the login: a provider's mapping may want
    /// them (`{login.name}`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct WaitingRequest {
    request: Authorization,
    /// SHA-256 of the browser's binding.
    browser: String,
}

/// An answer for the application, on its way through the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// The registered redirect URI.
    pub uri: String,
    /// How it travels.
    pub mode: ResponseMode,
    /// What it says.
    pub parameters: Vec<(&'static str, String)>,
}

impl Redirection {
    /// The URL for [`ResponseMode::Query`].
    pub fn url(&self) -> String {
        match Url::parse(&self.uri) {
            Ok(mut url) => {
                url.query_pairs_mut().extend_pairs(&self.parameters);
                url.into()
            }
            // Was checked when it was registered.
            Err(_) => self.uri.clone(),
        }
    }
}

/// Why a request is not answered with a login or a code.
#[derive(Debug)]
pub enum AuthorizeError {
    /// It cannot be known whom to tell: a page for the visitor.
    Page(OAuthError),
    /// The application is told.
    Redirect(Redirection),
}

impl From<OAuthError> for AuthorizeError {
    fn from(error: OAuthError) -> Self {
        Self::Page(error)
    }
}

impl Authorization {
    /// Whether a session is what the application asked for.
    pub fn fits(&self, session: &Session, now: Timestamp) -> bool {
        let at = session.authenticated_at();
        // A session that began after the request is judged as of the request, as
        // its login was; the provider's clock may differ.
        let new = session.created_at >= self.asked_at;
        let fresh = self.demands().oldest().is_none_or(|age| {
            if new {
                let old = self.asked_at.as_secs().saturating_sub(at.as_secs());
                old <= age.saturating_add(SKEW)
            } else {
                now.since(at) <= Duration::from_secs(age)
            }
        });
        let expected = self
            .expected
            .as_ref()
            .is_none_or(|sub| *sub == session.user.to_string());
        expected && fresh && self.has_acr(session) && (new || self.prompt.is_none())
    }

    /// Whether somebody authenticated in a way that does.
    fn has_acr(&self, session: &Session) -> bool {
        let has = |acr: &String| self.essential_acr.contains(acr);
        self.essential_acr.is_empty() || session.acr.as_ref().is_some_and(has)
    }

    /// Why a login was of no use that ended in this session, if in any.
    pub fn unmet(&self, session: Option<&Session>) -> OAuthError {
        if session.is_some_and(|session| !self.has_acr(session)) {
            return OAuthError::new(
                Code::UnmetAuthenticationRequirements,
                "the user did not authenticate in a way that `claims` asks for",
            );
        }
        OAuthError::new(
            Code::LoginRequired,
            "the login did not end in a session that fits the request",
        )
    }

    /// What the login is asked for, beyond that somebody logs in.
    pub fn demands(&self) -> Demands {
        Demands {
            prompt: self.prompt.clone(),
            max_age: self.max_age,
            ui_locales: self.ui_locales.clone(),
            acr_values: self.acr_values.clone(),
            claims: self.claims.clone(),
        }
    }

    /// How many bytes of texts from outside it has, for what is kept of one client.
    pub fn texts(&self) -> usize {
        let texts = [
            &self.state,
            &self.nonce,
            &self.challenge,
            &self.login_hint,
            &self.ui_locales,
            &self.prompt,
            &self.expected,
            &self.resource,
            &self.acr_values,
            &self.claims,
        ];
        let texts = texts.into_iter().flatten().map(String::len);
        let others = self
            .others
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let names = self.wanted_claims.iter().map(String::len).chain(others);
        let scopes = self.scopes.iter().map(str::len);
        self.redirect_uri.len() + texts.chain(names).chain(scopes).sum::<usize>()
    }

    /// The request as the browser brings it, now.
    pub(super) fn begun(mut self, now: Timestamp) -> Self {
        self.asked_at = now;
        self
    }

    fn answer(&self, issuer: &str, mut parameters: Vec<(&'static str, String)>) -> Redirection {
        if let Some(state) = &self.state {
            parameters.push(("state", state.clone()));
        }
        // RFC 9207 §2
        parameters.push(("iss", issuer.to_owned()));
        Redirection {
            uri: self.redirect_uri.clone(),
            mode: self.mode,
            parameters,
        }
    }
}

impl Authority {
    /// A refusal that the application is told of.
    pub fn refuse(&self, request: &Authorization, error: &OAuthError) -> Redirection {
        let parameters = vec![
            ("error", error.code.as_str().to_owned()),
            ("error_description", error.description.to_string()),
        ];
        request.answer(&self.issuer, parameters)
    }

    /// A code for the user of a session.
    pub async fn grant(
        &self,
        request: &Authorization,
        session: &Session,
    ) -> Result<Redirection, OAuthError> {
        let application = self
            .application(&request.client_id)
            .await?
            .filter(|app| app.serves(&request.account))
            .filter(|app| app.redirects_to(&request.redirect_uri))
            .ok_or_else(OAuthError::client)?;
        let application = self.at_account(&application, &request.account).await?;
        let scopes = request.scopes.common(&application.scopes);
        let (client_id, account) = (&application.client_id, &request.account);
        let granted = Granted {
            claims: request.wanted_claims.clone(),
            id_token_claims: request.wanted_in_id_token.clone(),
            resource: request.resource.clone(),
            ..Granted::by(session, client_id, account, scopes, self.now())
        };
        if !self.counts(&application, &granted).await? {
            let denied = OAuthError::new(Code::AccessDenied, "the user may not log in");
            return Ok(self.refuse(request, &denied));
        }
        let refuses = self.unverified_email(&request.account).await? == UnverifiedEmail::Refuse;
        if refuses && !session.email_verified {
            let denied = OAuthError::new(Code::AccessDenied, "nobody vouched for the user's email");
            return Ok(self.refuse(request, &denied));
        }
        let code = self
            .issue_code(&CodeRecord {
                granted,
                redirect_uri: request.redirect_uri.clone(),
                challenge: request.challenge.clone(),
                nonce: request.nonce.clone(),
                email: session.email.clone(),
                email_verified: session.email_verified,
                provider_user_id: session.provider_user_id.clone(),
                name: session.name.clone(),
                more: session.more.clone(),
            })
            .await?;
        self.note_participant(&application, &request.account, session)
            .await?;
        let parameters = vec![("code", code.as_str().to_owned())];
        Ok(request.answer(&self.issuer, parameters))
    }

    /// Lets a request wait for a login in this browser.
    pub async fn suspend(
        &self,
        request: Authorization,
        browser: &str,
    ) -> Result<Token, OAuthError> {
        let token = Token::new(self.now().plus(self.login_lifetime));
        let waiting = WaitingRequest {
            request,
            browser: digest::sha256_base64url(browser.as_bytes()),
        };
        WAITING
            .put_by(&*self.store, "", &token, &waiting, Precondition::Absent)
            .await?;
        Ok(token)
    }

    /// Forgets a request that waits: another took its place.
    pub async fn forget_waiting(&self, token: &Token) -> Result<(), StoreError> {
        WAITING.delete_by(&*self.store, "", token).await.map(drop)
    }

    /// A request that waits, by the token it waits under.
    pub async fn waiting(&self, token: &str) -> Result<Option<Authorization>, StoreError> {
        let Some(token) = Token::parse(token) else {
            return Ok(None);
        };
        let found = WAITING.get_by(&*self.store, "", &token).await?;
        Ok(found.map(|found| found.value.request))
    }

    /// Takes a request up again, once, in the browser that it waits for, of which
    /// these are the secrets.
    pub async fn resume(
        &self,
        token: &str,
        mut browser: impl Iterator<Item = &str>,
    ) -> Result<Option<Authorization>, OAuthError> {
        let Some(token) = Token::parse(token) else {
            return Ok(None);
        };
        let Some(waiting) = WAITING.get_by(&*self.store, "", &token).await? else {
            return Ok(None);
        };
        let same = browser.any(|browser| {
            let given = digest::sha256_base64url(browser.as_bytes());
            digest::same(given.as_bytes(), waiting.value.browser.as_bytes())
        });
        if !same {
            // It goes on waiting for its own.
            return Ok(None);
        }
        let request = &waiting.value.request;
        let Some(application) = self.application(&request.client_id).await? else {
            return Ok(None);
        };
        request.check_redirect(&application)?;
        let taken = WAITING.take_by(&*self.store, "", &token).await?;
        Ok(taken.map(|waiting| waiting.request))
    }
}
