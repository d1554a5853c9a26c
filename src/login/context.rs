//! Which login it is: what all steps from the callback on share.

use std::sync::Arc;

use oauth2::PkceCodeVerifier;

use super::error::{LoginError, Step};
use super::openid::AuthenticationAge;
use super::pending::{Browser, BrowserDigest, PendingLogin};
use crate::account::Account;
use crate::base::{AccountId, Timestamp, random};
use crate::provider::Provider;
use crate::provider::dpop::Prover;

/// A login whose callback was verified. Each step passes it on to the next.
#[derive(Clone)]
pub struct Context {
    id: String,
    account: Arc<Account>,
    provider: Arc<Provider>,
    redirect_uri: String,
    nonce: Option<String>,
    authentication_age: Option<AuthenticationAge>,
    prover: Option<Arc<Prover>>,
    parameters: Vec<(String, String)>,
    origin: Origin,
}

/// Where a login came from, and what its ticket needs to know of that.
#[derive(Clone)]
pub(super) struct Origin {
    /// The origin of the store it began on.
    pub store: String,
    /// The page that was asked for.
    pub return_to: String,
    pub browser: BrowserDigest,
    pub started_at: Timestamp,
    /// Whether it is an operator's, to the console.
    pub console: bool,
}

fn prover(kept: Option<&str>) -> Option<Arc<Prover>> {
    kept.and_then(Prover::read).map(Arc::new)
}

impl Context {
    /// The login that was pending, with its account and its provider; and the
    /// verifier, which only the token request needs.
    pub(super) fn new(
        pending: PendingLogin,
        account: Arc<Account>,
        provider: Arc<Provider>,
    ) -> (Self, PkceCodeVerifier) {
        let login = Self {
            id: pending.id,
            account,
            provider,
            redirect_uri: pending.redirect_uri,
            nonce: pending.nonce,
            authentication_age: pending.freshness,
            prover: prover(pending.proof_key.as_deref()),
            parameters: pending.parameters,
            origin: Origin {
                store: pending.store,
                return_to: pending.return_to,
                browser: pending.browser,
                started_at: pending.started_at,
                console: pending.console,
            },
        };
        (login, pending.code_verifier)
    }

    /// No login at all: a request for a person who logged in before.
    pub(super) fn of_none(
        account: Arc<Account>,
        provider: Arc<Provider>,
        redirect_uri: String,
        now: Timestamp,
    ) -> Self {
        Self {
            id: random::support_id(),
            account,
            provider,
            redirect_uri,
            nonce: None,
            authentication_age: None,
            prover: None,
            parameters: Vec::new(),
            origin: Origin {
                store: String::new(),
                return_to: String::new(),
                browser: Browser::new().digest(),
                started_at: now,
                console: false,
            },
        }
    }

    /// A login that begins with an access token, and with no request of ours.
    pub(super) fn of_token(
        account: Arc<Account>,
        provider: Arc<Provider>,
        redirect_uri: String,
        origin: Origin,
    ) -> Self {
        Self {
            origin,
            ..Self::of_none(account, provider, redirect_uri, Timestamp::from_secs(0))
        }
    }

    /// The same with the key of a login that begins.
    pub(super) fn with_proof_key(self, kept: Option<&str>) -> Self {
        Self {
            prover: prover(kept),
            ..self
        }
    }

    /// The same login for another mapping of its provider: a shadow.
    pub(super) fn with_provider(&self, provider: Arc<Provider>) -> Self {
        Self {
            provider,
            ..self.clone()
        }
    }

    /// The id under which the log and the pages speak of this login.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it began.
    pub fn started_at(&self) -> Timestamp {
        self.origin.started_at
    }

    /// The provider, compiled.
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// The account's id.
    pub fn account(&self) -> &AccountId {
        &self.account.id
    }

    /// The redirect URI of the authorization request, which the token request
    /// repeats (RFC 6749 §4.1.3).
    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Parameters of the address at which it began that the mapping hands on.
    pub(super) fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The nonce that the ID token must repeat, where one was sent.
    pub(super) fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// How fresh the authentication at the provider must be, where an
    /// application demands it.
    pub(super) fn authentication_age(&self) -> Option<AuthenticationAge> {
        self.authentication_age
    }

    /// What proves that its tokens are ours, where they are bound to a key.
    pub(super) fn prover(&self) -> Option<&Prover> {
        self.prover.as_deref()
    }

    /// Whether a request is to be made again, for the provider wants its own nonce in
    /// the proof (RFC 9449 §8).
    pub(super) fn again<T>(&self, outcome: &Result<T, LoginError>) -> bool {
        let prover = self.prover().filter(|_| outcome.is_err());
        prover.is_some_and(Prover::again)
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The name of the lane in [`Outbound`](crate::outbound::Outbound) for a step.
    pub(super) fn lane(&self, step: Step) -> String {
        let (account, provider) = (self.account.id.as_str(), self.provider.id.as_str());
        match step {
            Step::Userinfo | Step::Then => super::profile_lane(account, provider),
            _ => super::lane(account, provider),
        }
    }
}
