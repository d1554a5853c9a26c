//! What can be changed: names, shapes, lifetimes, accounts.

mod account;
mod endpoints;
mod signature;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use account::Account;
pub use endpoints::{
    AuthorizeConfig, CallbackConfig, Encoding, RequiredParameters, TokenConfig, TokenIn,
    TokenResponseConfig, UserinfoConfig, UserinfoResponseConfig,
};
pub use signature::{SignatureAlgorithm, SignatureConfig, SignatureEncoding};

/// The whole configuration; every key is optional, unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The main client's id. Default `vestibule-demo`.
    pub client_id: String,
    /// The main client's secret. Default `vestibule-demo-secret`.
    pub client_secret: String,
    /// Another secret of the main client that is accepted as well (secret roll-over).
    pub previous_client_secret: Option<String>,
    /// Redirect URIs of the main client; empty: any loopback or https one.
    pub redirect_uris: Vec<String>,
    /// The main client's public keys (`{"keys":[…]}`), for `private_key_jwt`.
    pub jwks: Option<Value>,
    /// Further clients.
    pub clients: Vec<Client>,
    /// How clients may prove themselves. Default body and form-encoded Basic.
    pub client_authentication: Vec<ClientAuthentication>,
    /// Whether a client whose secret is empty proves itself with it. Default false.
    pub empty_secrets: bool,
    /// Refuse authorization requests without a `code_challenge`.
    pub pkce_required: bool,
    /// Knows only `plain` of PKCE's methods, and refuses `S256`. Default false.
    pub pkce_plain: bool,
    /// The authorization request.
    pub authorize: AuthorizeConfig,
    /// The authorization response.
    pub callback: CallbackConfig,
    /// The token request and response.
    pub token: TokenConfig,
    /// The profile request and response.
    pub userinfo: UserinfoConfig,
    /// OpenID Connect.
    pub openid: OpenIdConfig,
    /// The application-token endpoint of Feishu-like servers.
    pub app_token: AppToken,
    /// Tokens that are bound to a key (RFC 9449).
    pub dpop: Dpop,
    /// How long a code is good, in seconds. Default 120.
    pub code_lifetime: u64,
    /// How long an access token is good, in seconds, whatever `expires_in` claims. Default 3600.
    pub access_token_lifetime: u64,
    /// Who can log in.
    pub accounts: Vec<Account>,
    /// Static JSON answers by path, for whoever holds an access token.
    pub routes: BTreeMap<String, Value>,
    /// Further paths at which endpoints answer: `{"/oauth2.0/token":"/token"}`. Discovery
    /// names them instead of the endpoints' own.
    pub paths: BTreeMap<String, String>,
    /// Whether requests are written down. Default true.
    pub journal: bool,
    /// How many requests the journal keeps. Default 10,000.
    pub journal_capacity: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            client_id: "vestibule-demo".into(),
            client_secret: "vestibule-demo-secret".into(),
            previous_client_secret: None,
            redirect_uris: Vec::new(),
            jwks: None,
            clients: Vec::new(),
            client_authentication: vec![ClientAuthentication::Body, ClientAuthentication::Basic],
            empty_secrets: false,
            pkce_required: false,
            pkce_plain: false,
            authorize: AuthorizeConfig::default(),
            callback: CallbackConfig::default(),
            token: TokenConfig::default(),
            userinfo: UserinfoConfig::default(),
            openid: OpenIdConfig::default(),
            app_token: AppToken::default(),
            dpop: Dpop::default(),
            code_lifetime: 120,
            access_token_lifetime: 3600,
            accounts: Account::defaults(),
            routes: BTreeMap::new(),
            paths: BTreeMap::new(),
            journal: true,
            journal_capacity: 10_000,
        }
    }
}

impl Config {
    /// Reads a configuration from JSON.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The client of this id.
    pub(crate) fn client(&self, id: &str) -> Option<KnownClient<'_>> {
        if id == self.client_id {
            let mut secrets = vec![self.client_secret.as_str()];
            secrets.extend(self.previous_client_secret.as_deref());
            return Some(KnownClient {
                secrets,
                redirect_uris: &self.redirect_uris,
                jwks: self.jwks.as_ref(),
            });
        }
        self.clients
            .iter()
            .find(|client| client.id == id)
            .map(|client| KnownClient {
                secrets: vec![client.secret.as_str()],
                redirect_uris: &client.redirect_uris,
                jwks: client.jwks.as_ref(),
            })
    }

    /// The endpoint that answers at a path. A key may name the method too
    /// (`GET /login`), and end in `*` for what follows.
    pub(crate) fn endpoint(&self, method: &str, path: &str) -> String {
        let whole = self.paths.get(path);
        if let Some(target) = whole.or_else(|| self.paths.get(&format!("{method} {path}"))) {
            return target.clone();
        }
        let beginning = self.paths.iter().find_map(|(key, target)| {
            let rest = path.strip_prefix(key.strip_suffix('*')?)?;
            Some(format!("{}{rest}", target.trim_end_matches('*')))
        });
        beginning.unwrap_or_else(|| path.to_owned())
    }

    /// The path at which an endpoint is published.
    pub(crate) fn published<'a>(&'a self, endpoint: &'a str) -> &'a str {
        self.paths
            .iter()
            .find(|(_, target)| *target == endpoint)
            .map_or(endpoint, |(path, _)| path)
    }

    /// The account of this name.
    pub(crate) fn account(&self, username: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.username == username)
    }

    /// Whether this way of client authentication is accepted.
    pub(crate) fn accepts(&self, way: ClientAuthentication) -> bool {
        self.client_authentication.contains(&way)
    }
}

/// What the endpoints need to know about a client.
pub(crate) struct KnownClient<'a> {
    pub(crate) secrets: Vec<&'a str>,
    pub(crate) redirect_uris: &'a [String],
    pub(crate) jwks: Option<&'a Value>,
}

/// A further client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret.
    #[serde(default)]
    pub secret: String,
    /// Its redirect URIs; empty: any loopback or https one.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Its public keys (`{"keys":[…]}`), for `private_key_jwt`.
    #[serde(default)]
    pub jwks: Option<Value>,
}

/// A way a client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// Id and secret in the body.
    Body,
    /// HTTP Basic, id and secret form-encoded first, as RFC 6749 §2.3.1 says.
    Basic,
    /// HTTP Basic with id and secret as they are, as many servers expect.
    BasicRaw,
    /// The id by HTTP Basic and in the body, the secret too.
    BasicAndBody,
    /// Id and secret in the query string.
    Query,
    /// The id alone.
    None,
    /// An assertion with the secret as its key (HS256).
    ClientSecretJwt,
    /// A signed assertion (RFC 7523), checked against the client's `jwks`.
    PrivateKeyJwt,
    /// Such an assertion as the client secret, its `iss` whoever holds the key (Apple).
    SignedSecret,
}

/// OpenID Connect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenIdConfig {
    /// Serve discovery and keys, and an ID token where the scope has `openid`. Default false.
    pub enabled: bool,
    /// Give an ID token whatever the scope.
    pub always_id_token: bool,
    /// The issuer, `{origin}` in it filled in; default: the origin.
    pub issuer: Option<String>,
    /// The algorithm of ID tokens. Default ES256.
    pub algorithm: Algorithm,
    /// How long an ID token is good, in seconds. Default 300.
    pub id_token_lifetime: u64,
    /// The client's key (a JWK on P-256) that ID tokens and signed profiles are encrypted
    /// to. Default none.
    pub encrypt_to: Option<Value>,
    /// The members of the profile that the ID token has too. Default `email`,
    /// `email_verified`, `name`.
    pub id_token_claims: Vec<String>,
}

impl Default for OpenIdConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            always_id_token: false,
            issuer: None,
            algorithm: Algorithm::Es256,
            id_token_lifetime: 300,
            encrypt_to: None,
            id_token_claims: ["email", "email_verified", "name"].map(String::from).into(),
        }
    }
}

/// A signature algorithm of ID tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA PKCS#1 v1.5.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// Its name in a JWS header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// Tokens that are bound to a key of the client's (RFC 9449).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dpop {
    /// Refuse requests without a proof at `/par`, `/token` and `/userinfo`. Default false.
    pub required: bool,
    /// The nonce that every proof must have; who lacks it is told. Default none.
    pub nonce: Option<String>,
}

/// The application-token endpoint, `POST /app_token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppToken {
    /// The application's id. Default: as the main client.
    pub app_id: Option<String>,
    /// The application's secret. Default: as the main client.
    pub app_secret: Option<String>,
    /// The token endpoint wants the application token as its bearer token, and then no
    /// client credentials. Default false.
    pub required: bool,
    /// It is asked for by GET, in the query (WeCom). Default false.
    pub get: bool,
    /// Name of the application's id. Default `app_id`.
    pub id_key: String,
    /// Name of its secret. Default `app_secret`.
    pub secret_key: String,
    /// Name of the token in the answer. Default `app_access_token`.
    pub token_key: String,
    /// The parameter that carries it to the token endpoint. Default: a bearer token.
    pub parameter: Option<String>,
    /// How long an application token is good, in seconds. Default 7200.
    pub lifetime: u64,
}

impl Default for AppToken {
    fn default() -> Self {
        Self {
            app_id: None,
            app_secret: None,
            required: false,
            get: false,
            id_key: "app_id".into(),
            secret_key: "app_secret".into(),
            token_key: "app_access_token".into(),
            parameter: None,
            lifetime: 7200,
        }
    }
}
