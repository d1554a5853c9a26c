//! The authorization request on its way: in the browser's address, or pushed first
//! (RFC 9126), as parameters or as a signed object (RFC 9101).

use std::collections::BTreeSet;
use std::sync::Arc;

use url::Url;

use super::Logins;
use super::context::Context;
use super::error::{LoginError, Step};
use crate::account::Account;
use crate::base::Secret;
use crate::provider::Provider;
use crate::provider::decode::Format;
use crate::provider::file::Kind;
use crate::provider::model::Answer;
use crate::provider::request::{self, AuthorizationValues, BuildError, TokenValues};
use crate::provider::template::Fill;
use crate::provider::trace::Trace;

/// The longest reference to a pushed request: those of RFC 9126 §2.2 have some dozen
/// bytes, and browsers and proxies take addresses of a few thousand.
const MAX_REQUEST_URI: usize = 2_000;

fn unbuilt(error: BuildError) -> LoginError {
    LoginError::Build {
        step: Step::Start,
        error,
    }
}

impl Logins {
    /// Where the browser is sent with an authorization request.
    pub(super) async fn authorization_request(
        &self,
        account: &Account,
        provider: &Arc<Provider>,
        endpoint: &Url,
        values: AuthorizationValues<'_>,
        proof_key: Option<&str>,
    ) -> Result<String, LoginError> {
        let pushed = self.pushed_endpoint(account, provider).await?;
        let mut pairs =
            request::authorization_pairs(provider, endpoint, values).map_err(unbuilt)?;
        if provider.authorization.request_object {
            pairs =
                request::request_object(provider, endpoint, pairs, self.now()).map_err(unbuilt)?;
        }
        let Some(pushed) = pushed else {
            return Ok(request::with_pairs(provider, endpoint, &pairs));
        };
        let redirect_uri = values.fill.redirect_uri.to_owned();
        let login = Context::of_none(
            Arc::new(account.clone()),
            Arc::clone(provider),
            redirect_uri,
            self.now(),
        )
        .with_proof_key(proof_key);
        let client = &provider.client;
        let first = self.push(&login, &pushed, &pairs, client.secret.as_ref());
        let request_uri = match (first.await, &client.previous_secret) {
            (Err(error), Some(previous)) if super::exchange::is_invalid_client(&error) => {
                self.push(&login, &pushed, &pairs, Some(previous)).await
            }
            (first, _) => first,
        }?;
        Ok(request::by_reference(provider, endpoint, &request_uri))
    }

    /// Where the request is pushed to, if it is.
    async fn pushed_endpoint(
        &self,
        account: &Account,
        provider: &Provider,
    ) -> Result<Option<Url>, LoginError> {
        let set = &provider.authorization;
        if set.pushed == Some(false) {
            return Ok(None);
        }
        if set.pushed_url.is_some() {
            return Ok(set.pushed_url.clone());
        }
        // Where the authorization endpoint is mapped nobody asked discovery yet, and a
        // login need not wait for it.
        let discovers = provider.kind == Kind::Openid && set.url.is_none();
        if set.pushed.is_none() && !discovers {
            return Ok(None);
        }
        let (id, now) = (account.id.as_str(), self.now());
        let metadata = self
            .directory
            .metadata(&self.outbound, id, provider, now)
            .await?;
        if set.pushed.is_none() && !metadata.requires_pushed {
            return Ok(None);
        }
        let endpoint = metadata.pushed_endpoint.clone();
        let none = BuildError::NoEndpoint("pushed authorization request endpoint");
        endpoint.map(Some).ok_or_else(|| unbuilt(none))
    }

    /// Pushes a request; gives its `request_uri` (RFC 9126 §2.2).
    async fn push(
        &self,
        login: &Context,
        endpoint: &Url,
        pairs: &[(&str, String)],
        secret: Option<&Secret>,
    ) -> Result<String, LoginError> {
        let first = self.push_once(login, endpoint, pairs, secret).await;
        if login.again(&first) {
            return self.push_once(login, endpoint, pairs, secret).await;
        }
        first
    }

    async fn push_once(
        &self,
        login: &Context,
        endpoint: &Url,
        pairs: &[(&str, String)],
        secret: Option<&Secret>,
    ) -> Result<String, LoginError> {
        let (provider, account) = (login.provider(), login.account().as_str());
        let way = self.authentication(account, provider).await?;
        let assertion = self
            .client_assertion(provider, way, secret, endpoint)
            .map_err(unbuilt)?;
        let values = TokenValues {
            fill: Fill {
                client_secret: secret,
                ..provider.client.fill()
            },
            code_verifier: "",
            authentication: way,
            client_assertion: assertion.as_ref().map(Secret::expose),
            basic: None,
        };
        let request =
            request::pushed(provider, endpoint, pairs.to_vec(), &values).map_err(unbuilt)?;
        let answer = Answer {
            format: Format::Auto,
            inner: Vec::new(),
            lifted: BTreeSet::new(),
            good: Vec::new(),
            success: None,
            error_message: None,
            nothing: Vec::new(),
        };
        let mut trace = Trace::off();
        let document = self
            .ask(login, Step::Start, request, &answer, &mut trace)
            .await?;
        let found = document.get("request_uri").and_then(|uri| uri.as_str());
        // It goes into the browser's address, whatever the provider calls one.
        let found = found.filter(|uri| (1..=MAX_REQUEST_URI).contains(&uri.len()));
        found.map(str::to_owned).ok_or(LoginError::Rejected {
            step: Step::Start,
            status: 201,
            detail: Some(format!(
                "the answer to the pushed request has no `request_uri` of at most {MAX_REQUEST_URI} bytes"
            )),
            retry_after: None,
        })
    }
}
