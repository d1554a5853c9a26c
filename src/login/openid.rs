//! OpenID Connect: what a provider publishes about itself, and its ID tokens.

mod directory;
mod id_token;
pub mod logout;

use std::borrow::Cow;

use serde_json::Value;
use url::Url;

pub use self::directory::Directory;
use self::id_token::check_same;
pub use self::id_token::{AuthenticationAge, Expected, IdTokenError, check_claims, check_signed};
use super::Logins;
use super::arrival::Arrival;
use super::context::Context;
use super::error::{LoginError, Step, words};
use super::exchange::TokenResponse;
use crate::base::{AccountId, Secret, Timestamp};
use crate::protocol::jwe::{self, JweError};
use crate::protocol::jws::{Jws, JwsError};
use crate::provider::Provider;
use crate::provider::decode::strict_json;
use crate::provider::file::{Authentication, Kind};
use crate::provider::model::ProfileSource;
use crate::provider::request::BuildError;
use crate::provider::trace::Trace;
use crate::provider::{assertion, credentials};

fn no_endpoint(step: Step, what: &'static str) -> LoginError {
    LoginError::Build {
        step,
        error: BuildError::NoEndpoint(what),
    }
}

/// A token, decrypted where it is encrypted.
fn opened<'t>(provider: &Provider, token: &'t str) -> Result<Cow<'t, str>, IdTokenError> {
    if !jwe::is_encrypted(token) {
        return Ok(Cow::Borrowed(token));
    }
    let key = provider.client.decryption_key.as_ref();
    let plain = key
        .ok_or(IdTokenError::NoDecryptionKey)?
        .decrypt(token)
        .map_err(IdTokenError::Encrypted)?;
    let bad = IdTokenError::Encrypted(JweError::Malformed("what it holds is not a text"));
    String::from_utf8(plain).map(Cow::Owned).map_err(|_| bad)
}

impl Logins {
    /// Where the browser is sent: as mapped, else as discovered.
    pub(super) async fn authorization_endpoint(
        &self,
        account: &str,
        provider: &Provider,
    ) -> Result<Url, LoginError> {
        if let Some(url) = &provider.authorization.url {
            return Ok(url.clone());
        }
        let metadata = self
            .directory
            .metadata(&self.outbound, account, provider, self.now())
            .await?;
        metadata
            .authorization_endpoint
            .clone()
            .ok_or_else(|| no_endpoint(Step::Start, "authorization endpoint"))
    }

    /// Where the code is exchanged: as mapped, else as discovered.
    pub(super) async fn token_endpoint(
        &self,
        account: &str,
        provider: &Provider,
    ) -> Result<Url, LoginError> {
        if let Some(url) = &provider.token.url {
            return Ok(url.clone());
        }
        let metadata = self
            .directory
            .metadata(&self.outbound, account, provider, self.now())
            .await?;
        metadata
            .token_endpoint
            .clone()
            .ok_or_else(|| no_endpoint(Step::Token, "token endpoint"))
    }

    /// Whether there is anything to ask for user information.
    pub(super) async fn has_userinfo(&self, login: &Context) -> Result<bool, LoginError> {
        Ok(login.provider().userinfo.request.url.is_some()
            || self.userinfo_endpoint(login).await?.is_some())
    }

    /// The discovered user information endpoint, where none is mapped.
    pub(super) async fn userinfo_endpoint(
        &self,
        login: &Context,
    ) -> Result<Option<Url>, LoginError> {
        let provider = login.provider();
        if provider.userinfo.request.url.is_some() || provider.kind != Kind::Openid {
            return Ok(None);
        }
        let account = login.account().as_str();
        let metadata = self
            .directory
            .metadata(&self.outbound, account, provider, self.now())
            .await?;
        if metadata.userinfo_endpoint.is_none()
            && provider.userinfo.source == ProfileSource::Request
        {
            return Err(no_endpoint(Step::Userinfo, "userinfo endpoint"));
        }
        Ok(metadata.userinfo_endpoint.clone())
    }

    /// Checks the `iss` of an authorization response (RFC 9207).
    pub(super) async fn check_issuer(
        &self,
        account: &AccountId,
        provider: &Provider,
        given: Option<&str>,
        at: &Arrival,
    ) -> Result<(), LoginError> {
        match (&provider.issuer, given) {
            (Some(expected), Some(given)) if !expected.may_be(given) => {
                let (given, expected) = (words(given), expected.as_str());
                Err(LoginError::IssuerMismatch(format!(
                    "names another issuer than the mapping's: `{given}`, and not `{expected}`"
                )))
            }
            (Some(_), None) if provider.callback.requires_iss => Err(LoginError::IssuerMismatch(
                "is missing, and the redirect URI of all accounts needs it".to_owned(),
            )),
            (Some(_), None) if provider.kind == Kind::Openid => {
                let metadata = self
                    .directory
                    .metadata(&self.outbound, account.as_str(), provider, self.now())
                    .await?;
                if metadata.sends_iss {
                    Err(LoginError::IssuerMismatch(
                        "is missing, though the provider promises it".to_owned(),
                    ))
                } else {
                    Ok(())
                }
            }
            // Not ours to compare, but whose is it? Another provider's answer to
            // this one's state is a mix-up (RFC 9700 §4.4).
            (None, Some(given)) if self.is_foreign_issuer(account, given, at).await? => {
                Err(LoginError::IssuerMismatch(format!(
                    "names the issuer of another provider, `{}`; if it is this one's, write it as `provider.issuer`",
                    words(given)
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether a provider that answers where the answer came has this issuer: one
    /// of the account's, or at the address of all accounts anybody's.
    async fn is_foreign_issuer(
        &self,
        account: &AccountId,
        given: &str,
        at: &Arrival,
    ) -> Result<bool, LoginError> {
        let account = (*at != Arrival::Shared).then_some(account);
        self.mappings
            .has_issuer(account, given)
            .await
            .map_err(Step::Callback.store())
    }

    /// The claims of the ID token, its signature and every rule checked, and when
    /// the person authenticated, if they say so.
    pub(super) async fn id_token_claims(
        &self,
        token: &TokenResponse,
        trace: &mut Trace,
    ) -> Result<(Value, Option<Timestamp>), LoginError> {
        let login = token.login();
        let provider = login.provider();
        let id_token = token
            .id_token()
            .ok_or(LoginError::IdToken(IdTokenError::Missing))?;
        let now = self.now();
        let wrong = |error| LoginError::IdToken(IdTokenError::Signature(error));
        let id_token = opened(provider, id_token.expose()).map_err(LoginError::IdToken)?;
        let jws = Jws::parse(&id_token).map_err(wrong)?;
        let claims = strict_json(jws.payload());
        // A trace has them whatever is wrong with them.
        if let Ok(claims) = &claims {
            trace.document("id_token", claims);
        }
        if is_of_another_kind(&jws, None) {
            return Err(LoginError::IdToken(IdTokenError::OtherKind));
        }
        let account = login.account().as_str();
        self.verify(account, provider, &jws, wrong).await?;
        let claims = claims.map_err(|error| LoginError::Undecodable {
            step: Step::IdToken,
            error,
        })?;
        let expected = Expected {
            issuer: provider.issuer.as_ref(),
            client_id: &provider.client.id,
            nonce: login.nonce(),
            freshness: login.authentication_age(),
            access_token: token.access_token().ok().map(Secret::expose),
            algorithm: jws.algorithm(),
            now,
        };
        let auth_time = check_claims(&claims, &expected).map_err(LoginError::IdToken)?;
        if trace.is_on() {
            trace.notes.push(crate::provider::extract::Note {
                field: "id_token".to_owned(),
                place: jws.algorithm().to_owned(),
                matched: vec!["object".to_owned()],
                outcome: "signature and claims are valid".to_owned(),
                hint: None,
            });
        }
        Ok((claims, auth_time))
    }

    /// Checks the ID token that came with a refresh: by the same provider, for us and
    /// about the same person (OpenID Connect Core §12.2). Nothing else is read of it.
    pub(super) async fn check_refreshed(
        &self,
        login: &Context,
        id_token: &str,
        subject: Option<&str>,
    ) -> Result<(), LoginError> {
        let provider = login.provider();
        let wrong = |error| LoginError::IdToken(IdTokenError::Signature(error));
        let id_token = opened(provider, id_token).map_err(LoginError::IdToken)?;
        let jws = Jws::parse(&id_token).map_err(wrong)?;
        self.verify(login.account().as_str(), provider, &jws, wrong)
            .await?;
        let claims = strict_json(jws.payload()).map_err(|error| LoginError::Undecodable {
            step: Step::IdToken,
            error,
        })?;
        let issuer = provider.issuer.as_ref();
        check_same(&claims, issuer, &provider.client.id, subject).map_err(LoginError::IdToken)
    }

    /// Checks a signature by the provider's keys.
    async fn verify(
        &self,
        account: &str,
        provider: &Provider,
        jws: &Jws<'_>,
        wrong: impl Fn(JwsError) -> LoginError,
    ) -> Result<(), LoginError> {
        let now = self.now();
        let keys = self
            .directory
            .keys(&self.outbound, account, provider, now)
            .await?;
        let mut verified = jws.verify(&keys);
        if matches!(verified, Err(JwsError::UnknownKey | JwsError::Signature)) {
            // Rotated meanwhile, perhaps under the same `kid`: one more look, at most
            // one a minute.
            let keys = self
                .directory
                .keys_anew(&self.outbound, account, provider, now)
                .await?;
            verified = jws.verify(&keys);
        }
        verified.map_err(wrong)
    }

    /// The claims of a signed profile (OpenID Connect Core §5.3.2), or of an access
    /// token (RFC 9068), by the provider's keys. Whom an access token is for is the
    /// business of whoever it is shown to.
    pub(super) async fn signed_claims(
        &self,
        login: &Context,
        step: Step,
        token: &str,
    ) -> Result<Value, LoginError> {
        let provider = login.provider();
        let invalid = |error| LoginError::SignedAnswer { step, error };
        let wrong = |error| invalid(IdTokenError::Signature(error));
        let opened = opened(provider, token.trim()).map_err(invalid)?;
        // What is encrypted need not be signed: then it is as good as the connection
        // it came by, as JSON would be.
        let claims = if matches!(opened, Cow::Owned(_)) && opened.trim_start().starts_with('{') {
            strict_json(opened.as_bytes())
        } else {
            let jws = Jws::parse(&opened).map_err(wrong)?;
            let own = (step == Step::Token).then_some("at+jwt");
            if is_of_another_kind(&jws, own) {
                return Err(invalid(IdTokenError::OtherKind));
            }
            let account = login.account().as_str();
            self.verify(account, provider, &jws, wrong).await?;
            strict_json(jws.payload())
        };
        let claims = claims.map_err(|error| LoginError::Undecodable { step, error })?;
        let client_id = (step != Step::Token).then_some(provider.client.id.as_str());
        check_signed(&claims, provider.issuer.as_ref(), client_id, self.now()).map_err(invalid)?;
        Ok(claims)
    }

    /// Whether there are keys to check signed answers with.
    pub(super) fn has_keys(login: &Context) -> bool {
        let provider = login.provider();
        provider.kind == Kind::Openid
            || provider.jwks_url.is_some()
            || provider.client.decryption_key.is_some()
    }

    /// How we prove ourselves: as mapped, else by what discovery lists.
    pub(super) async fn authentication(
        &self,
        account: &str,
        provider: &Provider,
    ) -> Result<Authentication, LoginError> {
        if let Some(way) = provider.client.authentication {
            return Ok(way);
        }
        let metadata = self
            .directory
            .metadata(&self.outbound, account, provider, self.now())
            .await?;
        let methods = metadata.client_authentication.as_deref();
        Ok(credentials::listed(&provider.client, methods))
    }

    /// The signed assertion, where we prove ourselves by one.
    pub(super) fn client_assertion(
        &self,
        provider: &Provider,
        way: Authentication,
        secret: Option<&Secret>,
        endpoint: &Url,
    ) -> Result<Option<Secret>, BuildError> {
        if !way.has_assertion() {
            return Ok(None);
        }
        let client = &provider.client;
        let secret = secret.filter(|_| way == Authentication::ClientSecretJwt);
        assertion::sign(&client.id, &client.assertion, secret, endpoint, self.now())
            .map(Some)
            .map_err(|error| BuildError::Assertion(error.to_string()))
    }
}

/// Kinds of tokens that some issuers sign with the same keys, and that stand for
/// something else than what a login takes them for (RFC 8725 §3.11).
const KINDS: [&str; 5] = [
    "at+jwt",
    "dpop+jwt",
    "logout+jwt",
    "oauth-authz-req+jwt",
    "secevent+jwt",
];

/// Whether a token says that it is of another kind than `own`. Names that nobody gave
/// to a kind are taken for none.
fn is_of_another_kind(jws: &Jws<'_>, own: Option<&str>) -> bool {
    let kind = jws.kind();
    let kind = kind.as_deref().filter(|kind| KINDS.contains(kind));
    kind.is_some() && kind != own
}
