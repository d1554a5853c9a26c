//! `[authorization]`: the authorization request.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ParameterValue, SignSection};

/// The authorization request.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizationSection {
    /// The authorization endpoint. Required, unless discovery tells it. `{login.shop}` is the parameter `shop` of the address at which the login began (`login?provider=acme&shop=…`), in the host only what `provider.hosts` allows: `https://{login.shop}/oauth/authorize`.
    pub url: Option<String>,
    /// What stands behind a `#` at the end of the URL, against RFC 6749 §3.1: `wechat_redirect`. Default: nothing.
    pub fragment: Option<String>,
    /// The name under which the client id is sent here. Default: as `client.id_key`.
    pub client_id_key: Option<String>,
    /// Custom parameters: texts, numbers, booleans, lists and tables. `{login.name}`, `{now.seconds}`, `{random}` and the like are filled in.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Proof Key for Code Exchange (RFC 7636). Default `S256`.
    pub pkce: Pkce,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// What stands between scopes. Default: a space.
    pub scope_separator: Option<String>,
    /// Whether scopes and their separator stand in the URL as they are (`a,b` and not `a%2Cb`), as far as a query can hold them. Default false.
    pub scope_unencoded: bool,
    /// The name under which scopes are sent. Default `scope`.
    pub scope_key: Option<String>,
    /// The name under which the redirect URI is sent. Default `redirect_uri`.
    pub redirect_uri_key: Option<String>,
    /// The name under which `state` is sent and comes back. Default `state`.
    pub state_key: Option<String>,
    /// Which characters the state is made of. Default: letters, digits, `-` and `_`.
    pub state_alphabet: Option<StateAlphabet>,
    /// How many characters the state has, where the provider limits that: as many as 128 bits of randomness need, or more. Default: 41 or more, or with `state_alphabet` as many as 160 bits need.
    pub state_length: Option<usize>,
    /// How the state gets to the provider and back. The provider must allow a query at the end of a redirect URI for `redirect_uri`.
    pub state_in: StateIn,
    /// How the answer reaches the callback.
    pub response_mode: Option<ResponseMode>,
    /// Whether the request is pushed to the provider first (RFC 9126), with the client's authentication, and the browser brings its `request_uri`. Default: where the discovery document says that it must be (`require_pushed_authorization_requests`).
    pub pushed: Option<bool>,
    /// Where the request is pushed to. Default: as discovery tells (`pushed_authorization_request_endpoint`).
    pub pushed_url: Option<String>,
    /// Whether the parameters are sent as one object that `client.private_key` signs (RFC 9101), for the issuer, or where there is none for the authorization endpoint. Default false.
    pub request_object: bool,
    /// Signatures over the request, among its parameters.
    pub sign: Vec<SignSection>,
    /// Whether `response_type=code` is sent. Default: as `provider.standard_parameters`.
    pub standard_parameters: Option<bool>,
}

/// Proof Key for Code Exchange (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum Pkce {
    /// A fresh verifier each login; its SHA-256 in the authorization request.
    #[default]
    S256,
    /// The verifier itself in the authorization request (RFC 7636 §4.2), for servers that know no other.
    #[serde(rename = "plain")]
    Plain,
    /// Not sent, for servers that refuse unknown parameters.
    #[serde(rename = "none")]
    None,
}

/// How the authorization response reaches the callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// As a form the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
    /// Behind the `#` of a redirect (OAuth 2.0 Multiple Response Type Encoding Practices). No server sees that: a page at the callback posts it on by a script, and says so where scripts are off.
    Fragment,
}

/// Which characters a state is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateAlphabet {
    /// Letters, digits, `-` and `_`.
    #[default]
    UrlSafe,
    /// Letters and digits.
    Alphanumeric,
    /// Small letters and digits.
    LowerAlphanumeric,
    /// `0` to `9` and `a` to `f`.
    Hexadecimal,
    /// Digits.
    Digits,
}

/// How the state gets to the provider and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateIn {
    /// As a parameter of its own.
    #[default]
    Parameter,
    /// In the query of the redirect URI, for servers that drop the parameter (CAS).
    RedirectUri,
}
