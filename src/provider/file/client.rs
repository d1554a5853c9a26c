//! `[client]`: who we are to the provider.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::SecretSource;

/// Who we are to the provider.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSection {
    /// The name under which the client id is sent. Default `client_id`.
    pub id_key: Option<String>,
    /// The client id. Required.
    pub id: Option<String>,
    /// The name under which the client secret is sent. Default `client_secret`.
    pub secret_key: Option<String>,
    /// The client secret. Required, unless `authentication` is `none`, `private_key_jwt`, `signed_secret` or `tls_client_auth`. `""` where the provider gave an empty one.
    pub secret: Option<SecretSource>,
    /// The secret before this one: stands in until the new one works at the provider.
    pub previous_secret: Option<SecretSource>,
    /// How we prove ourselves at the token endpoint (RFC 6749 §2.3). Default: `body`; where `kind = "openid"`, what `token_endpoint_auth_methods_supported` of the discovery document lists.
    pub authentication: Option<Authentication>,
    /// The private key (PEM) for `private_key_jwt` (RFC 7523) and `signed_secret`.
    pub private_key: Option<SecretSource>,
    /// Our private key (PKCS#8 PEM, RSA or a NIST curve) for ID tokens and user information that are encrypted to it (RFC 7516), with RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW.
    pub decryption_key: Option<SecretSource>,
    /// The `kid` named in the assertion's header.
    pub private_key_id: Option<String>,
    /// The assertion's `aud`. Default: the token endpoint's URL.
    pub assertion_audience: Option<String>,
    /// The assertion's `iss`, where the key belongs to someone else (Apple: the team). Default: the client id.
    pub assertion_issuer: Option<String>,
    /// Whether tokens are bound to a key of the login's own (DPoP, RFC 9449): the request that is pushed, that for the token and those for user information carry a proof of it, and `Authorization` says `DPoP`. Default false.
    pub dpop: bool,
    /// Our certificate (PEM, intermediate ones behind it) for mutual TLS (RFC 8705) at all endpoints that the broker itself calls. Beside any `authentication`. The endpoints are those of `mtls_endpoint_aliases`, where discovery lists them.
    pub tls_certificate: Option<SecretSource>,
    /// The private key (PEM) of `tls_certificate`.
    pub tls_private_key: Option<SecretSource>,
    /// Further secrets by name, such as the key of an API gateway: `{secret.name}` in headers, parameters, bodies, queries and signatures of the requests that the broker itself sends.
    pub secrets: BTreeMap<String, SecretSource>,
}

/// Client authentication at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Id and secret in the request body.
    Body,
    /// `Authorization: Basic`, both parts form-encoded first, as RFC 6749 §2.3.1 says.
    Basic,
    /// `Authorization: Basic` with both parts as they are, for servers that don't decode them.
    BasicRaw,
    /// Both `basic` and `body`, which RFC 6749 §2.3 rules out, for servers that read the id in one place and the secret in the other.
    BasicAndBody,
    /// Id and secret in the URL's query.
    Query,
    /// The id alone.
    None,
    /// An assertion with the secret as key of an HMAC, HS256 (OpenID Connect Core §9).
    ClientSecretJwt,
    /// A signed assertion (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// Id and secret in the body, the secret a signed assertion made for each request, as Apple wants it.
    SignedSecret,
    /// The id alone; `tls_certificate` proves who we are (RFC 8705 §2).
    TlsClientAuth,
    /// Nothing: a header or parameter of the mapping carries `{app_access_token}`, as Feishu wants it.
    AppToken,
}

impl Authentication {
    /// Whether a secret is sent or signed with.
    pub fn needs_secret(self) -> bool {
        !matches!(
            self,
            Self::None | Self::PrivateKeyJwt | Self::SignedSecret | Self::TlsClientAuth
        )
    }

    /// Whether the private key signs.
    pub fn needs_private_key(self) -> bool {
        matches!(self, Self::PrivateKeyJwt | Self::SignedSecret)
    }

    /// Whether an assertion is made for each request.
    pub fn has_assertion(self) -> bool {
        self.needs_private_key() || self == Self::ClientSecretJwt
    }

    /// Whether the `Authorization` header is taken.
    pub fn is_basic(self) -> bool {
        matches!(self, Self::Basic | Self::BasicRaw | Self::BasicAndBody)
    }
}
