//! The request of a refresh (RFC 6749 §6), and what its answer is worth.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::Logins;
use super::super::context::Context;
use super::super::error::{LoginError, Step};
use super::super::exchange::{expires_in, is_invalid_client};
use super::super::openid::IdTokenError;
use crate::account::provider_tokens::ProviderTokens;
use crate::base::{AccountId, ErrorCode, Secret, Timestamp};
use crate::provider::Provider;
use crate::provider::extract::{one_text, optional_text};
use crate::provider::file::Kind;
use crate::provider::model::Token;
use crate::provider::moment::Moment;
use crate::provider::request::{self, TokenValues};
use crate::provider::template::Fill;
use crate::provider::trace::Trace;

/// The longest token that is kept, in bytes: more fits into no header.
pub(in crate::login) const MAX_TOKEN: usize = 16 << 10;

/// What is kept of a token endpoint's answer.
pub(super) struct Received {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub scope: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub subject: Option<String>,
}

impl Received {
    /// Whether it is more than is kept of anyone.
    pub fn is_too_long(&self) -> bool {
        let rest = [&self.refresh_token, &self.scope, &self.subject];
        let mut rest = rest.into_iter().flatten();
        self.access_token.len() > MAX_TOKEN || rest.any(|text| text.len() > MAX_TOKEN)
    }

    pub fn of(set: &Token, access_token: String, document: &Value, now: Timestamp) -> Self {
        let lifetime = expires_in(&set.expires_in.matches(document), now);
        let scope = document.get("scope").and_then(Value::as_str);
        Self {
            access_token,
            refresh_token: optional_text(&set.refresh_token, document),
            scope: scope.map(str::to_owned),
            expires_at: lifetime.map(|seconds| now.plus(Duration::from_secs(seconds))),
            subject: None,
        }
    }
}

impl Logins {
    /// One refresh, with the previous secret where the provider does not know the
    /// current one yet.
    pub(super) async fn ask_for_refresh(
        &self,
        account: &AccountId,
        provider: &Arc<Provider>,
        old: &ProviderTokens,
    ) -> Result<(Context, Value), LoginError> {
        let found = self.accounts.get(account).await;
        let found = found.map_err(Step::Token.store())?;
        let of = found.ok_or(LoginError::UnknownProvider)?;
        let redirect_uri = self.mappings.redirect_uri(account, provider);
        let login = Context::of_none(of, Arc::clone(provider), redirect_uri, self.now());
        let client = &provider.client;
        let first = self.offer_refresh(&login, old, client.secret.as_ref());
        let document = match (first.await, &client.previous_secret) {
            (Err(error), Some(previous)) if is_invalid_client(&error) => {
                self.offer_refresh(&login, old, Some(previous)).await
            }
            (first, _) => first,
        }?;
        Ok((login, document))
    }

    /// What is usable of an answer to a refresh.
    pub(super) async fn judge_refresh(
        &self,
        login: &Context,
        old: &ProviderTokens,
        document: &Value,
    ) -> Result<Received, LoginError> {
        let provider = login.provider();
        let set = &provider.token;
        let access_token = one_text("token.response.access_token", &set.access_token, document)
            .map_err(|error| LoginError::Incomplete {
                step: Step::Token,
                error,
            })?;
        if provider.kind == Kind::Openid {
            // It need not come (OpenID Connect Core §12.2).
            match optional_text(&set.id_token, document) {
                Some(id_token) => {
                    let subject = old.subject.as_deref();
                    self.check_refreshed(login, &id_token, subject).await?;
                }
                None if old.must_prove => return Err(LoginError::IdToken(IdTokenError::Missing)),
                None => {}
            }
        }
        Ok(Received::of(set, access_token, document, self.now()))
    }

    async fn offer_refresh(
        &self,
        login: &Context,
        old: &ProviderTokens,
        secret: Option<&Secret>,
    ) -> Result<Value, LoginError> {
        let step = Step::Token;
        let unbuilt = |error| LoginError::Build { step, error };
        let (provider, account) = (login.provider(), login.account().as_str());
        let endpoint = match &provider.token.refresh.url {
            Some(url) => url.clone(),
            None => self.token_endpoint(account, provider).await?,
        };
        let way = self.authentication(account, provider).await?;
        let assertion = self
            .client_assertion(provider, way, secret, &endpoint)
            .map_err(unbuilt)?;
        let moment = Moment::new(self.now());
        let values = TokenValues {
            fill: Fill {
                client_secret: secret,
                redirect_uri: login.redirect_uri(),
                moment: Some(&moment),
                ..provider.client.fill()
            },
            code_verifier: "",
            authentication: way,
            client_assertion: assertion.as_ref().map(Secret::expose),
            basic: None,
        };
        let token = old.refresh_token.as_deref().unwrap_or_default();
        let request = request::refresh(provider, &endpoint, &values, token).map_err(unbuilt)?;
        let mut trace = Trace::off();
        self.ask(login, step, request, &provider.token.answer, &mut trace)
            .await
    }
}

/// Whether the provider says that the refresh token counts no more (RFC 6749 §5.2).
pub(super) fn refused(error: &LoginError) -> bool {
    match error {
        LoginError::Rejected {
            status: 400 | 401 | 403,
            detail: Some(detail),
            ..
        } => detail.starts_with("invalid_grant"),
        error => error.code() == ErrorCode::LoginUnknownProvider,
    }
}
