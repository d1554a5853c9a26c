//! From parameters to a checked request.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Authorization, AuthorizeError, Redirection, ResponseMode};
use crate::account;
use crate::authority::Authority;
use crate::authority::application::{Application, ClientId, Grant, PushedRequests};
use crate::authority::claims::ClaimsRequest;
use crate::authority::error::{Code, OAuthError};
use crate::authority::pushed;
use crate::authority::scope::Scopes;
use crate::authority::token::{account_for, user_scopes};
use crate::base::{AccountId, ErrorCode};
use crate::protocol::form::Pairs;

/// The longest `state`, in bytes.
const MAX_STATE: usize = 4096;
/// The longest of the other values that are kept.
const MAX_VALUE: usize = 512;

impl Authority {
    /// Checks an authorization request.
    ///
    /// # Errors
    /// A page, until client and redirect URI are known to belong together; then
    /// what the application is told.
    pub async fn authorization(&self, query: &Pairs) -> Result<Authorization, AuthorizeError> {
        let application = self.requesting(query).await?;
        let pushes = application.settings.pushed_authorization_requests;
        if pushes != PushedRequests::Off
            && let Some(uri) = query.get("request_uri").filter(|uri| pushed::is_ours(uri))
        {
            return Ok(self.take_pushed(&application, uri).await?);
        }
        let redirect_uri = registered(query, &application)?;
        // How the application wants its answer may stand in a request object alone.
        // That is refused, but the refusal should reach whoever made it.
        let carried = query.get("request").map(unverified).unwrap_or_default();
        let given = |name: &str| query.get(name).or_else(|| carried.get(name)?.as_str());
        let mode = mode(given("response_mode"));
        let checked = if pushes == PushedRequests::Required {
            Err(OAuthError::request(
                "this application has to push its authorization requests (RFC 9126)",
            ))
        } else {
            self.rest(query, &application, redirect_uri, mode).await
        };
        checked.map_err(|error| {
            let state = given("state").filter(|s| s.len() <= MAX_STATE);
            let mut parameters = vec![
                ("error", error.code.as_str().to_owned()),
                ("error_description", error.description.to_string()),
            ];
            parameters.extend(state.map(|state| ("state", state.to_owned())));
            parameters.push(("iss", self.issuer.clone()));
            AuthorizeError::Redirect(Redirection {
                uri: redirect_uri.to_owned(),
                mode,
                parameters,
            })
        })
    }

    /// Checks a request that an application pushes.
    pub(in crate::authority) async fn pushed_authorization(
        &self,
        form: &Pairs,
        application: &Application,
    ) -> Result<Authorization, OAuthError> {
        let redirect_uri = registered(form, application)?;
        let mode = mode(form.get("response_mode"));
        self.rest(form, application, redirect_uri, mode).await
    }

    async fn requesting(&self, query: &Pairs) -> Result<Arc<Application>, OAuthError> {
        let unknown = || OAuthError::client().with_detail(ErrorCode::AuthorizeClient);
        let id: ClientId = query
            .get("client_id")
            .and_then(|id| id.parse().ok())
            .ok_or_else(unknown)?;
        self.application(&id).await?.ok_or_else(unknown)
    }

    async fn rest(
        &self,
        query: &Pairs,
        application: &Application,
        redirect_uri: &str,
        mode: ResponseMode,
    ) -> Result<Authorization, OAuthError> {
        for (name, code) in [
            ("request", Code::RequestNotSupported),
            ("request_uri", Code::RequestUriNotSupported),
        ] {
            if query.get(name).is_some() {
                return Err(OAuthError::new(code, "request objects are not supported"));
            }
        }
        if !application.allows(Grant::AuthorizationCode) {
            return Err(OAuthError::new(
                Code::UnauthorizedClient,
                "this application does not have the grant `authorization_code`",
            ));
        }
        match query.get("response_type") {
            Some("code") => {}
            None => return Err(OAuthError::request("`response_type` is missing")),
            Some(_) => {
                return Err(OAuthError::new(
                    Code::UnsupportedResponseType,
                    "only `response_type=code` is supported",
                ));
            }
        }
        if !matches!(
            query.get("response_mode"),
            None | Some("query" | "form_post")
        ) {
            return Err(OAuthError::request(
                "only `query` and `form_post` are supported as `response_mode`",
            ));
        }
        let account = self.account_of(query, application).await?;
        let application = &*self.at_account(application, &account).await?;
        let wanted = query
            .get("scope")
            .map(Scopes::parse)
            .transpose()
            .map_err(|error| OAuthError::new(Code::InvalidScope, error.to_string()))?;
        let prompts: Vec<&str> = query
            .get("prompt")
            .map(|text| text.split(' ').collect())
            .unwrap_or_default();
        let silent = prompts.contains(&"none");
        if silent && prompts.len() > 1 {
            return Err(OAuthError::request(
                "`prompt=none` cannot be combined with another value",
            ));
        }
        let max_age = query
            .get("max_age")
            .map(str::parse::<u64>)
            .transpose()
            .map_err(|_| OAuthError::request("`max_age` is a number of seconds"))?;
        let scopes = user_scopes(application, wanted)?;
        let claims = query.get("claims").map(ClaimsRequest::parse).transpose()?;
        let mut claims = claims.unwrap_or_default();
        let asked = claims.subject.take();
        let expected = self.expected(query, application, asked).await?;
        Ok(Authorization {
            resource: application.resource(query, &scopes)?,
            client_id: application.client_id.clone(),
            account,
            redirect_uri: redirect_uri.to_owned(),
            mode,
            state: short(query, "state", MAX_STATE)?,
            scopes,
            nonce: short(query, "nonce", MAX_VALUE)?,
            challenge: challenge(query, application)?,
            login_hint: short(query, "login_hint", 320)?.filter(|h| !h.contains(char::is_control)),
            ui_locales: short(query, "ui_locales", MAX_VALUE)?
                .filter(|l| !l.contains(char::is_control)),
            silent,
            prompt: again(&prompts),
            asks_again: prompts.contains(&"consent"),
            max_age,
            expected,
            asked_at: self.now(),
            acr_values: short(query, "acr_values", MAX_VALUE)?
                .filter(|values| !values.contains(char::is_control)),
            wanted_claims: claims.in_userinfo(application),
            wanted_in_id_token: Some(claims.in_id_token(application)),
            essential_acr: std::mem::take(&mut claims.acr),
            claims: claims.text,
            others: others(query),
        })
    }

    /// The user that the request is about, by its hint or by name.
    async fn expected(
        &self,
        query: &Pairs,
        application: &Application,
        asked: Option<String>,
    ) -> Result<Option<String>, OAuthError> {
        let Some(token) = query.get("id_token_hint") else {
            return Ok(asked);
        };
        let hint = self.hint(token).await?;
        let own = hint.filter(|hint| hint.client_id == application.client_id.as_str());
        let hinted = own.map(|hint| hint.subject).ok_or_else(|| {
            OAuthError::request("`id_token_hint` is not an ID token of this authority")
        })?;
        if asked.is_some_and(|asked| asked != hinted) {
            return Err(OAuthError::request(
                "`id_token_hint` and `claims` are about two users",
            ));
        }
        Ok(Some(hinted))
    }

    async fn account_of(
        &self,
        query: &Pairs,
        application: &Application,
    ) -> Result<AccountId, OAuthError> {
        let id = account_for(application, query)?;
        match account::get(&*self.store, &id).await? {
            Some(_) => Ok(id),
            None => Err(OAuthError::request("there is no such account")),
        }
    }
}

/// The redirect URI, if it is the application's.
fn registered<'q>(query: &'q Pairs, application: &Application) -> Result<&'q str, OAuthError> {
    query
        .get("redirect_uri")
        .filter(|uri| application.redirects_to(uri))
        .ok_or_else(unregistered)
}

/// The answer may go nowhere.
fn unregistered() -> OAuthError {
    OAuthError::request("`redirect_uri` is missing, or not one that the application registered")
        .with_detail(ErrorCode::AuthorizeRedirectUri)
}

impl Authorization {
    /// Whether its answer may still go where it was to go, a refusal included: since
    /// the application asked, the redirect URI may have been removed.
    ///
    /// # Errors
    /// For the visitor, as where a request comes with an address of nobody's.
    pub(in crate::authority) fn check_redirect(
        &self,
        application: &Application,
    ) -> Result<(), OAuthError> {
        if application.redirects_to(&self.redirect_uri) {
            Ok(())
        } else {
            Err(unregistered())
        }
    }
}

fn mode(name: Option<&str>) -> ResponseMode {
    match name {
        Some("form_post") => ResponseMode::FormPost,
        _ => ResponseMode::Query,
    }
}

/// The members of a request object (OpenID Connect Core §6.1), whoever made it.
/// Only what the redirect URI's owner may be told anyway is taken from it.
fn unverified(object: &str) -> Map<String, Value> {
    object
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
        .and_then(|payload| serde_json::from_slice(&payload).ok())
        .unwrap_or_default()
}

/// The prompts that a session does not do for.
fn again(prompts: &[&str]) -> Option<String> {
    let known = ["login", "select_account"];
    let asked: Vec<&str> = known.into_iter().filter(|p| prompts.contains(p)).collect();
    (!asked.is_empty()).then(|| asked.join(" "))
}

/// Parameters that mean something here, or that nobody may set for the login.
const KNOWN: &[&str] = &[
    "account",
    "acr_values",
    "audience",
    "claims",
    "claims_locales",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "display",
    "dpop_jkt",
    "email",
    "id_token_hint",
    "lang",
    "login_hint",
    "max_age",
    "moved",
    "nonce",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "return_to",
    "scope",
    "state",
    "ui_locales",
];

/// The most other parameters that are kept, and how long each may be.
const MAX_OTHERS: usize = 8;
const MAX_OTHER: usize = 256;

/// Parameters that no standard knows, which are ignored here (RFC 6749 §3.1): the
/// login may have a use for them.
fn others(query: &Pairs) -> Vec<(String, String)> {
    let others = query.iter().filter(|(name, value)| {
        let short = name.len() <= MAX_OTHER && value.len() <= MAX_OTHER;
        short && !value.is_empty() && !value.chars().any(char::is_control) && !KNOWN.contains(name)
    });
    others
        .take(MAX_OTHERS)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn short(query: &Pairs, name: &'static str, limit: usize) -> Result<Option<String>, OAuthError> {
    match query.get(name) {
        Some(text) if text.len() > limit => {
            Err(OAuthError::request(format!("`{name}` is too long")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// PKCE (RFC 7636 §4.3): S256 only, and not optional for public clients
/// (RFC 9700 §2.1.1).
fn challenge(query: &Pairs, application: &Application) -> Result<Option<String>, OAuthError> {
    let Some(challenge) = query.get("code_challenge") else {
        return if application.public || application.settings.require_pkce {
            Err(OAuthError::request(
                "this application has to send a `code_challenge` (RFC 7636)",
            ))
        } else {
            Ok(None)
        };
    };
    if query.get("code_challenge_method") != Some("S256") {
        return Err(OAuthError::request(
            "`code_challenge_method` must be `S256`",
        ));
    }
    let shape = challenge.len() == 43
        && challenge
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if shape {
        Ok(Some(challenge.to_owned()))
    } else {
        Err(OAuthError::request(
            "`code_challenge` is not a SHA-256 in base64url",
        ))
    }
}
