//! Where the client's credentials go in a request to the token endpoint (RFC 6749 §2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::file::Authentication;
use super::model::Client;
use crate::base::Secret;

/// What proves who we are.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// By which way.
    pub way: Authentication,
    /// The client secret that is offered.
    pub secret: Option<&'a Secret>,
    /// The assertion, where the way is one of those that sign.
    pub assertion: Option<&'a str>,
    /// Replaces the Basic credentials; for previews.
    pub basic: Option<&'a str>,
}

/// The credentials, by where they go.
#[derive(Default)]
pub struct Credentials<'a> {
    /// Parameters of the body.
    pub body: Vec<(&'a str, String)>,
    /// Parameters of the query.
    pub query: Vec<(&'a str, String)>,
    /// The `Authorization` header.
    pub header: Option<(String, String)>,
}

impl<'a> Credentials<'a> {
    /// The credentials of a client.
    pub fn of(client: &'a Client, proof: &Proof<'_>) -> Self {
        let id = (client.id_key.as_str(), client.id.clone());
        let secret = proof
            .secret
            .map(|secret| (client.secret_key.as_str(), secret.expose().to_owned()));
        let assertion = proof.assertion.unwrap_or_default().to_owned();
        let basic = |raw: bool| {
            let credentials = match proof.basic {
                Some(marker) => marker.to_owned(),
                None => basic(&client.id, proof.secret, raw),
            };
            Some(("Authorization".to_owned(), format!("Basic {credentials}")))
        };
        let mut out = Self::default();
        match proof.way {
            Authentication::Body => {
                out.body.push(id);
                out.body.extend(secret);
            }
            Authentication::Query => {
                out.query.push(id);
                out.query.extend(secret);
            }
            Authentication::None | Authentication::TlsClientAuth => out.body.push(id),
            Authentication::Basic => out.header = basic(false),
            Authentication::BasicRaw => out.header = basic(true),
            Authentication::BasicAndBody => {
                out.body.push(id);
                out.body.extend(secret);
                out.header = basic(false);
            }
            Authentication::AppToken => {}
            Authentication::SignedSecret => {
                out.body.push(id);
                out.body.push((&client.secret_key, assertion));
            }
            Authentication::PrivateKeyJwt | Authentication::ClientSecretJwt => {
                out.body.push(id);
                out.body.push((
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
                ));
                out.body.push(("client_assertion", assertion));
            }
        }
        out
    }
}

/// The ways that discovery has names for, the preferred in front: a key or
/// certificate that the mapping has is there to be used; else the secret goes where
/// most servers look for it.
const LISTED: &[(&str, Authentication)] = &[
    ("private_key_jwt", Authentication::PrivateKeyJwt),
    ("tls_client_auth", Authentication::TlsClientAuth),
    ("self_signed_tls_client_auth", Authentication::TlsClientAuth),
    ("client_secret_post", Authentication::Body),
    ("client_secret_basic", Authentication::Basic),
    ("client_secret_jwt", Authentication::ClientSecretJwt),
];

/// Whether the mapping has what this way needs.
fn able(client: &Client, way: Authentication) -> bool {
    let secret = client.secret.as_ref();
    match way {
        Authentication::PrivateKeyJwt => client.assertion.private_key.is_some(),
        Authentication::TlsClientAuth => client.certificate.is_some(),
        Authentication::ClientSecretJwt => secret.is_some_and(|secret| !secret.is_empty()),
        _ => secret.is_some(),
    }
}

/// How to authenticate where the mapping does not say, if discovery lists it.
pub fn preferred(client: &Client) -> Authentication {
    among(client, |_| true)
}

/// How to authenticate where the mapping does not say, among what discovery lists
/// in `token_endpoint_auth_methods_supported`. A server that lists nothing takes
/// `client_secret_basic` (OpenID Connect Discovery §3).
pub fn listed(client: &Client, methods: Option<&[String]>) -> Authentication {
    match methods {
        None if client.secret.is_some() => Authentication::Basic,
        None => preferred(client),
        Some(methods) => among(client, |name| methods.iter().any(|listed| listed == name)),
    }
}

fn among(client: &Client, listed: impl Fn(&str) -> bool) -> Authentication {
    LISTED
        .iter()
        .find(|(name, way)| able(client, *way) && listed(name))
        .map_or(Authentication::Body, |(_, way)| *way)
}

/// Credentials for HTTP Basic: both parts form-encoded first (RFC 6749 §2.3.1), or as they are.
fn basic(id: &str, secret: Option<&Secret>, raw: bool) -> String {
    let part = |text: &str| -> String {
        if raw {
            text.to_owned()
        } else {
            form_urlencoded::byte_serialize(text.as_bytes()).collect()
        }
    };
    let secret = secret.map(Secret::expose).unwrap_or_default();
    STANDARD.encode(format!("{}:{}", part(id), part(secret)))
}
