//! The first step: a login begins, and the browser goes to the provider.

use std::net::IpAddr;
use std::sync::Arc;

use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier};
use tracing::info;
use url::Url;

use super::error::{LoginError, Step};
use super::openid::AuthenticationAge;
use super::pending::{self, Browser, LOGINS, PendingLogin, Stage};
use super::{Logins, ReturnTo, trial};
use crate::account::{Account, StoreFront};
use crate::base::{Secret, Spent, Timestamp, random, traces};
use crate::provider::Provider;
use crate::provider::dpop;
use crate::provider::file::{Kind, Pkce, ResponseMode};
use crate::provider::hosts::fill_url;
use crate::provider::moment::Moment;
use crate::provider::request::{self, AuthorizationValues, Demands};
use crate::provider::template::Fill;
use crate::store::{Precondition, Token};

/// What a login begins with.
pub struct StartRequest<'a> {
    /// The account.
    pub account: &'a Account,
    /// The store it begins on.
    pub store: &'a StoreFront,
    /// The provider that was chosen.
    pub provider: &'a Arc<Provider>,
    /// The page that was asked for.
    pub return_to: ReturnTo,
    /// The browser.
    pub browser: &'a Browser,
    /// Whom the storefront expects, handed on to the provider.
    pub login_hint: Option<&'a str>,
    /// Parameters of the address at which it begins.
    pub parameters: &'a [(String, String)],
    /// The client's address, where clients are told apart.
    pub client: Option<IpAddr>,
    /// What an application demands.
    pub demands: &'a Demands,
    /// The trial it is the login of.
    pub trial: Option<&'a Token>,
    /// Whether it is an operator's, to the console.
    pub console: bool,
}

/// A login that has begun.
pub struct Started {
    /// The provider's authorization endpoint, with the request in its query.
    pub location: String,
}

/// Stores the pending login and builds the authorization request.
pub async fn start(logins: &Logins, request: StartRequest<'_>) -> Result<Started, LoginError> {
    let StartRequest {
        account,
        store,
        provider,
        return_to,
        browser,
        login_hint,
        parameters,
        client,
        demands,
        trial,
        console,
    } = request;
    let parameters = handed_on(provider, parameters)?;
    let now = logins.now();
    let begun = logins.shares.logins.may_begin(client, now);
    begun.map_err(|Spent(wait)| LoginError::TooMany { wait })?;
    // Nobody types a password for a provider that fails (threat F16).
    for lane in [super::lane, super::profile_lane] {
        let lane = lane(account.id.as_str(), provider.id.as_str());
        let open = logins.outbound.check(&lane);
        open.map_err(|error| LoginError::Transport {
            step: Step::Start,
            error,
        })?;
    }
    let expires_at = now.plus(logins.lifetime);
    let kept_until = expires_at.plus(logins.lifetime);
    let (token, state) = fresh_state(provider, account, kept_until);
    let code_verifier = PkceCodeVerifier::new(random::token());
    let nonce = (provider.kind == Kind::Openid).then(random::token);
    let redirect_uri = provider.redirect_uri(&logins.public_url, account.id.as_str());
    let redirect_uri = request::redirect_uri(provider, &redirect_uri, state.secret());
    let code_challenge = code_challenge(provider.authorization.pkce, &code_verifier);
    let proof_key = provider.client.dpop.then(dpop::fresh_key).flatten();
    let proof_key = proof_key.as_ref().map(Secret::expose);
    let moment = Moment::new(now);
    let fill = Fill {
        client_id: &provider.client.id,
        client_secret: provider.client.secret.as_ref(),
        redirect_uri: &redirect_uri,
        login: &parameters,
        moment: Some(&moment),
        ..Fill::default()
    };
    let endpoint = endpoint(logins, account, provider, &fill).await?;
    let values = AuthorizationValues {
        fill,
        state: state.secret(),
        code_challenge: &code_challenge,
        nonce: nonce.as_deref(),
        login_hint,
        demands,
    };
    let location = logins
        .authorization_request(account, provider, &endpoint, values, proof_key)
        .await?;
    if trial.is_some() && provider.authorization.response_mode == Some(ResponseMode::Fragment) {
        trial::expects_fragment(logins, &account.id, &provider.id).await?;
    }
    let pending = PendingLogin {
        id: random::support_id(),
        account: account.id.clone(),
        provider: provider.id.clone(),
        store: store.origin.clone(),
        return_to: return_to.as_str().to_owned(),
        browser: browser.digest(),
        redirect_uri,
        counts_at: provider.counts_at(),
        code_verifier,
        proof_key: proof_key.map(str::to_owned),
        nonce,
        started_at: now,
        freshness: freshness(provider, demands, now),
        trial: trial.map(|id| id.as_str().to_owned()),
        trace: traces::current(),
        console,
        parameters,
        expires_at,
    };
    let id = pending.id.clone();
    traces::note("vestibule.login", id.clone());
    keep(logins, client, &token, pending, now).await?;
    info!(
        target: "vestibule::login",
        login = id,
        account = %account.id,
        provider = %provider.id,
        "login begins: the browser goes to the provider's authorization endpoint"
    );
    Ok(Started { location })
}

/// Where the browser is sent: the visitor may name a part of it.
async fn endpoint(
    logins: &Logins,
    account: &Account,
    provider: &Provider,
    fill: &Fill<'_>,
) -> Result<Url, LoginError> {
    let step = Step::Start;
    match &provider.authorization.open_url {
        Some(url) => {
            fill_url(url, fill, &provider.hosts).map_err(|error| LoginError::Build { step, error })
        }
        None => {
            let account = account.id.as_str();
            logins.authorization_endpoint(account, provider).await
        }
    }
}

/// Stores the pending login, in place of those that its client began long before.
async fn keep(
    logins: &Logins,
    client: Option<IpAddr>,
    token: &Token,
    pending: PendingLogin,
    now: Timestamp,
) -> Result<(), LoginError> {
    let lengths = pending.parameters.iter().map(|(n, v)| n.len() + v.len());
    let texts = pending.return_to.len() + pending.redirect_uri.len() + lengths.sum::<usize>();
    for forgotten in logins.shares.logins.keep(client, token, texts, now) {
        LOGINS
            .delete_by(&*logins.store, "", &forgotten)
            .await
            .map_err(Step::Start.store())?;
    }
    let pending = Stage::Pending(Box::new(pending));
    LOGINS
        .put_by(&*logins.store, "", token, &pending, Precondition::Absent)
        .await
        .map_err(Step::Start.store())?;
    Ok(())
}

/// The longest parameter that is handed on, in bytes.
const MAX_PARAMETER: usize = 256;

/// The parameters that the mapping hands on. Anybody can write the link with them, so
/// the mapping says which they are, and which hosts they may name.
fn handed_on(
    provider: &Provider,
    given: &[(String, String)],
) -> Result<Vec<(String, String)>, LoginError> {
    let wanted = given.iter().filter(|(name, value)| {
        let sound = !value.trim().is_empty() && !value.chars().any(char::is_control);
        sound && value.len() <= MAX_PARAMETER && provider.login.wants(name)
    });
    let found: Vec<(String, String)> = wanted.cloned().collect();
    match provider.login.required.iter().find(|name| {
        let mut all = found.iter();
        !all.any(|(known, _)| known == *name)
    }) {
        Some(name) => Err(LoginError::ParameterMissing(name.clone())),
        None => Ok(found),
    }
}

/// A state, and the token that finds its login.
fn fresh_state(
    provider: &Provider,
    account: &Account,
    kept_until: Timestamp,
) -> (Token, CsrfToken) {
    match provider.authorization.state {
        None => {
            let token = Token::new(kept_until);
            let state = pending::state(&token, &account.id);
            (token, state)
        }
        Some(shape) => {
            let state = shape.fresh();
            (pending::shaped(&state, kept_until), CsrfToken::new(state))
        }
    }
}

/// What the authorization request shows of the verifier (RFC 7636 §4.2).
fn code_challenge(method: Pkce, verifier: &PkceCodeVerifier) -> String {
    match method {
        Pkce::S256 => {
            let challenge = PkceCodeChallenge::from_code_verifier_sha256(verifier);
            challenge.as_str().to_owned()
        }
        Pkce::Plain => verifier.secret().clone(),
        Pkce::None => String::new(),
    }
}

/// How fresh the authentication at the provider must be, where the application
/// cares and the provider can tell.
fn freshness(provider: &Provider, demands: &Demands, now: Timestamp) -> Option<AuthenticationAge> {
    if provider.kind != Kind::Openid {
        return None;
    }
    demands.oldest().map(|age| AuthenticationAge {
        since: Timestamp::from_secs(now.as_secs().saturating_sub(age)),
        must_say: demands.max_age.is_some(),
    })
}
