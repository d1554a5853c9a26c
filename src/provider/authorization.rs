//! The authorization request: its parameters, signed (RFC 9101) and pushed (RFC 9126)
//! where a provider demands that.

use std::time::Duration;

use jsonwebtoken::Header;
use serde_json::{Map, Value};
use url::Url;

use super::assertion::parse_key;
use super::body::{Body, BuildError, Parts, with_query};
use super::credentials::{Credentials, Proof};
use super::file::{Kind, Method, Pkce, ResponseMode, SignIn, StateIn};
use super::issuer::Issuer;
use super::model::Provider;
use super::request::{TokenValues, base_headers};
use super::sign;
use super::signed::Unsigned;
use super::template::Fill;
use crate::base::{Timestamp, random};
use crate::outbound::PreparedRequest;

/// How long a request object counts: from here to the provider.
const LIFETIME: Duration = Duration::from_secs(300);

/// What differs from one authorization request to the next.
#[derive(Clone, Copy)]
pub struct AuthorizationValues<'a> {
    /// What places in texts stand for: client id, redirect URI, the moment, and the
    /// secret that signs.
    pub fill: Fill<'a>,
    /// The state.
    pub state: &'a str,
    /// The PKCE challenge, where the mapping uses it.
    pub code_challenge: &'a str,
    /// The nonce, for OpenID Connect.
    pub nonce: Option<&'a str>,
    /// Whom the storefront expects.
    pub login_hint: Option<&'a str>,
    /// What an application demands.
    pub demands: &'a Demands,
}

/// What an application demands of a login beyond that somebody logs in. Only
/// OpenID Connect has words for it (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// `prompt`.
    pub prompt: Option<String>,
    /// How long ago the person may have authenticated, in seconds.
    pub max_age: Option<u64>,
    /// Languages, those preferred in front.
    pub ui_locales: Option<String>,
    /// `acr_values`.
    pub acr_values: Option<String>,
    /// `claims`, a JSON object.
    pub claims: Option<String>,
}

impl Demands {
    /// How old the authentication may be, in seconds: of no age at all where
    /// another one is asked for.
    pub fn oldest(&self) -> Option<u64> {
        let prompt = self.prompt.as_deref().unwrap_or_default();
        let again = prompt.split(' ').any(|word| word == "login");
        if again { Some(0) } else { self.max_age }
    }

    /// The demands as parameters; over the mapping's own of the same name.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("prompt", self.prompt.clone()),
            ("max_age", self.max_age.map(|seconds| seconds.to_string())),
            ("ui_locales", self.ui_locales.clone()),
            ("acr_values", self.acr_values.clone()),
            ("claims", self.claims.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// The redirect URI of one login: the one that is registered, with the state in its
/// query where the mapping wants it there.
pub fn redirect_uri(provider: &Provider, registered: &str, state: &str) -> String {
    let set = &provider.authorization;
    match set.state_in {
        StateIn::Parameter => registered.to_owned(),
        StateIn::RedirectUri => with_query(registered, &[(&set.state_key, state.to_owned())], None),
    }
}

/// The URL a browser is sent to (RFC 6749 §4.1.1).
pub fn authorization(
    provider: &Provider,
    endpoint: &Url,
    values: AuthorizationValues<'_>,
) -> Result<String, BuildError> {
    let pairs = authorization_pairs(provider, endpoint, values)?;
    Ok(with_pairs(provider, endpoint, &pairs))
}

/// The parameters of an authorization request.
pub fn authorization_pairs<'p>(
    provider: &'p Provider,
    endpoint: &Url,
    values: AuthorizationValues<'_>,
) -> Result<Vec<(&'p str, String)>, BuildError> {
    let set = &provider.authorization;
    let fill = &values.fill;
    let mut pairs: Vec<(&str, String)> = Vec::with_capacity(10);
    // The order of WeChat's documents, whose in-app page matches it to the letter.
    pairs.push((&set.client_id_key, provider.client.id.clone()));
    pairs.push((&set.redirect_uri_key, fill.redirect_uri.to_owned()));
    if set.response_type {
        pairs.push(("response_type", "code".to_owned()));
    }
    if let Some((name, scope)) = &set.scope {
        pairs.push((name, scope.clone()));
    }
    if set.state_in == StateIn::Parameter {
        pairs.push((&set.state_key, values.state.to_owned()));
    }
    if let Some(nonce) = values.nonce {
        pairs.push(("nonce", nonce.to_owned()));
    }
    let method = match set.pkce {
        Pkce::S256 => Some("S256"),
        Pkce::Plain => Some("plain"),
        Pkce::None => None,
    };
    if let Some(method) = method {
        pairs.push(("code_challenge", values.code_challenge.to_owned()));
        pairs.push(("code_challenge_method", method.to_owned()));
    }
    let mode = set.response_mode.map(|mode| match mode {
        ResponseMode::Query => "query",
        ResponseMode::FormPost => "form_post",
        ResponseMode::Fragment => "fragment",
    });
    pairs.extend(mode.map(|mode| ("response_mode", mode.to_owned())));
    for (name, value) in &set.parameters {
        pairs.push((name, value.text(fill)?));
    }
    if provider.kind == Kind::Openid {
        for (name, value) in values.demands.pairs() {
            pairs.retain(|(mapped, _)| *mapped != name);
            pairs.push((name, value));
        }
    }
    if let Some(hint) = values.login_hint
        && !pairs.iter().any(|(name, _)| *name == "login_hint")
    {
        pairs.push(("login_hint", hint.to_owned()));
    }
    if !set.sign.is_empty() {
        sign_pairs(provider, endpoint, fill, &mut pairs)?;
    }
    Ok(pairs)
}

/// Adds the mapping's signatures: over everything that is sent, that of the
/// endpoint's own query too.
fn sign_pairs<'p>(
    provider: &'p Provider,
    endpoint: &Url,
    fill: &Fill<'_>,
    pairs: &mut Vec<(&'p str, String)>,
) -> Result<(), BuildError> {
    let sent = pairs.iter();
    let sent = sent.map(|(name, value)| ((*name).to_owned(), value.clone()));
    let unsigned = Unsigned {
        method: "GET",
        url: endpoint,
        parameters: endpoint.query_pairs().into_owned().chain(sent).collect(),
        body: None,
    };
    for (signature, value) in sign::all(&provider.authorization.sign, fill, unsigned)? {
        if signature.place == SignIn::Parameter {
            pairs.push((&signature.name, value));
        }
    }
    Ok(())
}

/// An authorization request of these parameters.
pub fn with_pairs(provider: &Provider, endpoint: &Url, pairs: &[(&str, String)]) -> String {
    let set = &provider.authorization;
    let scope_key = set.scope.as_ref().map(|(name, _)| name.as_str());
    let bare = scope_key.filter(|_| set.scope_unencoded);
    let mut url = with_query(endpoint.as_str(), pairs, bare);
    if let Some(fragment) = &set.fragment {
        url.push('#');
        url.push_str(fragment);
    }
    url
}

/// The same parameters as one signed object (RFC 9101 §4): `client_id` and `request`,
/// and what OpenID Connect Core §6.1 wants beside it.
///
/// # Errors
/// If the key can't be used; a compiled mapping's can.
pub fn request_object<'p>(
    provider: &'p Provider,
    endpoint: &Url,
    pairs: Vec<(&'p str, String)>,
    now: Timestamp,
) -> Result<Vec<(&'p str, String)>, BuildError> {
    let client = &provider.client;
    let bad = |error: &dyn std::fmt::Display| BuildError::Assertion(error.to_string());
    let key = client.assertion.private_key.as_ref();
    let (algorithm, key) = parse_key(key.ok_or(BuildError::NoEndpoint("private key"))?)
        .map_err(|error| bad(&error))?;
    let mut header = Header::new(algorithm);
    header.typ = Some("oauth-authz-req+jwt".to_owned());
    header.kid.clone_from(&client.assertion.key_id);
    let audience = provider.issuer.as_ref().map(Issuer::as_str);
    let mut claims = Map::new();
    for (name, value) in &pairs {
        let value = match *name {
            "max_age" => value.parse().map_or(Value::Null, |age: u64| age.into()),
            _ => Value::from(value.as_str()),
        };
        claims.insert((*name).to_owned(), value);
    }
    let (from, until) = (now.as_secs(), now.plus(LIFETIME).as_secs());
    for (name, value) in [
        ("iss", Value::from(client.id.as_str())),
        ("aud", audience.unwrap_or(endpoint.as_str()).into()),
        ("iat", from.into()),
        ("nbf", from.into()),
        ("exp", until.into()),
        ("jti", random::token().into()),
    ] {
        claims.insert(name.to_owned(), value);
    }
    let object = jsonwebtoken::encode(&header, &claims, &key).map_err(|error| bad(&error))?;
    Ok(beside(provider, pairs, object))
}

/// What stands beside a request object.
pub fn beside<'p>(
    provider: &'p Provider,
    pairs: Vec<(&'p str, String)>,
    object: String,
) -> Vec<(&'p str, String)> {
    let set = &provider.authorization;
    let scope = set.scope.as_ref().map(|(name, _)| name.as_str());
    let openid = provider.kind == Kind::Openid;
    let outside = |name: &str| {
        name == set.client_id_key || openid && (name == "response_type" || Some(name) == scope)
    };
    let mut left: Vec<(&str, String)> = pairs
        .into_iter()
        .filter(|(name, _)| outside(name))
        .collect();
    left.push(("request", object));
    left
}

/// The request by which the parameters are pushed (RFC 9126 §2.1).
pub fn pushed<'p>(
    provider: &'p Provider,
    endpoint: &Url,
    mut pairs: Vec<(&'p str, String)>,
    values: &TokenValues<'_>,
) -> Result<PreparedRequest, BuildError> {
    let credentials = Credentials::of(
        &provider.client,
        &Proof {
            way: values.authentication,
            secret: values.fill.client_secret,
            assertion: values.client_assertion,
            basic: values.basic,
        },
    );
    let mut headers = base_headers();
    headers.extend(credentials.header);
    for (name, value) in credentials.body {
        pairs.retain(|(known, _)| *known != name);
        pairs.push((name, value));
    }
    let parts = Parts {
        url: endpoint.clone(),
        method: Method::Post,
        body: &Body::Form,
        query: credentials.query,
        pairs,
        custom: Vec::new(),
        headers,
        sign: &[],
        signed_headers: &[],
    };
    parts.finish(&values.fill)
}

/// The URL a browser is sent to with a request that was pushed (RFC 9126 §4).
pub fn by_reference(provider: &Provider, endpoint: &Url, request_uri: &str) -> String {
    let pairs = [
        (
            provider.authorization.client_id_key.as_str(),
            provider.client.id.clone(),
        ),
        ("request_uri", request_uri.to_owned()),
    ];
    with_pairs(provider, endpoint, &pairs)
}
