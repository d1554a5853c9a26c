//! Every request of a login to a provider, built by one function a step.
//!
//! The functions are pure: the same values give the same bytes. A login passes
//! real values and sends the result; a preview passes markers and shows it.
//! That is why a preview can't lie.

use serde_json::Value;
use url::Url;

pub use super::authorization::{
    AuthorizationValues, Demands, authorization, authorization_pairs, beside, by_reference, pushed,
    redirect_uri, request_object, with_pairs,
};
pub use super::body::{BuildError, encode};
use super::body::{Parts, is_signed, one_line, with_query};
use super::credentials::{Credentials, Proof};
use super::file::{Authentication, Pkce, SendToken};
use super::hosts::{Hosts, fill_url};
use super::model::{Before, Provider, UserinfoRequest};
use super::parameter::Parameter;
use super::template::{Fill, Template};
use crate::base::Secret;
use crate::outbound::PreparedRequest;

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("vestibule/", env!("CARGO_PKG_VERSION"));

/// What differs from one token request to the next.
#[derive(Clone, Copy)]
pub struct TokenValues<'a> {
    /// What places in texts stand for: code, redirect URI, secret, application token.
    pub fill: Fill<'a>,
    /// The PKCE verifier, where the mapping uses it.
    pub code_verifier: &'a str,
    /// How we prove ourselves.
    pub authentication: Authentication,
    /// The assertion, where that is by one.
    pub client_assertion: Option<&'a str>,
    /// Replaces the Basic credentials; for previews.
    pub basic: Option<&'a str>,
}

/// The access token exchange (RFC 6749 §4.1.3).
pub fn token(
    provider: &Provider,
    endpoint: &Url,
    values: &TokenValues<'_>,
) -> Result<PreparedRequest, BuildError> {
    let set = &provider.token;
    let fill = &Fill {
        code_verifier: Some(values.code_verifier),
        ..values.fill
    };
    let mut pairs: Vec<(&str, String)> = Vec::with_capacity(10);
    let mut query: Vec<(&str, String)> = Vec::new();
    let mut headers = base_headers();
    if set.grant_type {
        pairs.push(("grant_type", "authorization_code".to_owned()));
    }
    pairs.push((&set.code_key, fill.code.unwrap_or_default().to_owned()));
    if let Some(key) = &set.redirect_uri_key {
        pairs.push((key, fill.redirect_uri.to_owned()));
    }
    let credentials = Credentials::of(
        &provider.client,
        &Proof {
            way: values.authentication,
            secret: fill.client_secret,
            assertion: values.client_assertion,
            basic: values.basic,
        },
    );
    pairs.extend(credentials.body);
    query.extend(credentials.query);
    headers.extend(credentials.header);
    if provider.authorization.pkce != Pkce::None {
        pairs.push(("code_verifier", values.code_verifier.to_owned()));
    }
    add_headers(&mut headers, &set.headers, fill)?;
    let parts = Parts {
        url: endpoint.clone(),
        method: set.method,
        body: &set.body,
        query,
        pairs,
        custom: custom(&set.parameters, fill)?,
        headers,
        sign: &set.sign,
        signed_headers: &set.headers,
    };
    parts.finish(fill)
}

/// The refresh of an access token (RFC 6749 §6).
pub fn refresh(
    provider: &Provider,
    endpoint: &Url,
    values: &TokenValues<'_>,
    refresh_token: &str,
) -> Result<PreparedRequest, BuildError> {
    let set = &provider.token.refresh;
    let fill = &values.fill;
    let mut pairs: Vec<(&str, String)> = Vec::with_capacity(6);
    let mut query: Vec<(&str, String)> = Vec::new();
    let mut headers = base_headers();
    if provider.token.grant_type {
        pairs.push(("grant_type", "refresh_token".to_owned()));
    }
    pairs.push((&set.refresh_token_key, refresh_token.to_owned()));
    let credentials = Credentials::of(
        &provider.client,
        &Proof {
            way: values.authentication,
            secret: fill.client_secret,
            assertion: values.client_assertion,
            basic: values.basic,
        },
    );
    pairs.extend(credentials.body);
    query.extend(credentials.query);
    headers.extend(credentials.header);
    add_headers(&mut headers, &set.headers, fill)?;
    let parts = Parts {
        url: endpoint.clone(),
        method: set.method,
        body: &set.body,
        query,
        pairs,
        custom: custom(&set.parameters, fill)?,
        headers,
        sign: &set.sign,
        signed_headers: &set.headers,
    };
    parts.finish(fill)
}

/// The request for an application token.
pub fn before(
    provider: &Provider,
    before: &Before,
    fill: &Fill<'_>,
) -> Result<PreparedRequest, BuildError> {
    let mut pairs: Vec<(&str, String)> =
        vec![(&provider.client.id_key, provider.client.id.clone())];
    if let Some(secret) = fill.client_secret {
        pairs.push((&provider.client.secret_key, secret.expose().to_owned()));
    }
    let mut headers = base_headers();
    add_headers(&mut headers, &before.headers, fill)?;
    let parts = Parts {
        url: before.url.clone(),
        method: before.method,
        body: &before.body,
        query: Vec::new(),
        pairs,
        custom: custom(&before.parameters, fill)?,
        headers,
        sign: &before.sign,
        signed_headers: &before.headers,
    };
    parts.finish(fill)
}

/// A request that carries the access token: for user information, or one that follows it.
pub fn userinfo(
    request: &UserinfoRequest,
    hosts: &Hosts,
    discovered: Option<&Url>,
    fill: &Fill<'_>,
) -> Result<PreparedRequest, BuildError> {
    let url = match (&request.url, discovered) {
        (Some(template), _) => fill_url(template, fill, hosts)?,
        (None, Some(url)) => url.clone(),
        (None, None) => return Err(BuildError::NoEndpoint("userinfo endpoint")),
    };
    let token = fill.access_token.map(Secret::expose).unwrap_or_default();
    let mut headers = base_headers();
    let mut query = Vec::new();
    let mut pairs = Vec::new();
    match request.send_token {
        SendToken::Bearer if request.scheme.is_empty() => {
            headers.push(("Authorization".to_owned(), token.to_owned()));
        }
        SendToken::Bearer => {
            headers.push((
                "Authorization".to_owned(),
                format!("{} {token}", request.scheme),
            ));
        }
        SendToken::Query => query.push((request.token_key.as_str(), token.to_owned())),
        SendToken::Body => pairs.push((request.token_key.as_str(), token.to_owned())),
        SendToken::None => {}
    }
    add_headers(&mut headers, &request.headers, fill)?;
    let parts = Parts {
        url,
        method: request.method,
        body: &request.body,
        query,
        pairs,
        custom: custom(&request.parameters, fill)?,
        headers,
        sign: &request.sign,
        signed_headers: &request.headers,
    };
    parts.finish(fill)
}

/// The address that ends the provider's own session (OpenID Connect RP-Initiated
/// Logout §2).
pub fn end_session(
    provider: &Provider,
    endpoint: &Url,
    id_token: Option<&str>,
    return_to: &str,
) -> Option<String> {
    let set = provider.end_session.as_ref()?;
    let fill = provider.client.fill();
    let mut pairs = vec![(set.redirect_uri_key.as_str(), return_to.to_owned())];
    for (name, value) in &set.parameters {
        pairs.push((name, value.text(&fill).ok()?));
    }
    if let Some(token) = id_token.filter(|_| set.id_token_hint) {
        pairs.push(("id_token_hint", token.to_owned()));
    }
    // Who has no hint says by it whose address to return to it is.
    if set.id_token_hint && !pairs.iter().any(|(name, _)| *name == "client_id") {
        pairs.push(("client_id", provider.client.id.clone()));
    }
    Some(with_query(endpoint.as_str(), &pairs, None))
}

fn custom<'a>(
    parameters: &'a [(String, Parameter)],
    fill: &Fill<'_>,
) -> Result<Vec<(&'a str, Value)>, BuildError> {
    parameters
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.fill(fill)?)))
        .collect()
}

pub(super) fn base_headers() -> Vec<(String, String)> {
    vec![
        // GitHub answers as a form without it.
        ("Accept".to_owned(), "application/json".to_owned()),
        // Some servers refuse requests without one; a preview shows it too.
        ("User-Agent".to_owned(), USER_AGENT.to_owned()),
    ]
}

/// Adds the mapping's headers; one of the same name replaces ours. Those with a
/// signature in them come when that is made.
fn add_headers(
    headers: &mut Vec<(String, String)>,
    extra: &[(String, Template)],
    fill: &Fill<'_>,
) -> Result<(), BuildError> {
    for (name, value) in extra.iter().filter(|(_, value)| !is_signed(value)) {
        headers.retain(|(ours, _)| !ours.eq_ignore_ascii_case(name));
        let filled = value.fill(fill, one_line)?;
        headers.push((name.clone(), filled));
    }
    Ok(())
}
