//! The names and shapes of each endpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::SignatureConfig;
use crate::format::Format;

/// Custom parameters a request must carry: a name, and the value it must have (or any).
pub type RequiredParameters = BTreeMap<String, Option<String>>;

/// The authorization request: the names of its parameters, and which must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizeConfig {
    /// Name of the client id.
    pub client_id: String,
    /// Name of the redirect URI.
    pub redirect_uri: String,
    /// Name of the state.
    pub state: String,
    /// Name of the scope.
    pub scope: String,
    /// Refuse a request without `response_type=code`. Default true.
    pub response_type_required: bool,
    /// Refuse a request without a state. Default false.
    pub state_required: bool,
    /// Refuse a state that is longer, or has other characters than letters and digits. Default: any.
    pub state_limit: Option<usize>,
    /// Forget the state, as servers of another protocol do. Default false.
    pub state_dropped: bool,
    /// Refuse a request that was not pushed (RFC 9126). Default false.
    pub pushed_required: bool,
    /// Refuse a request that is no object signed with the client's key (RFC 9101). Default false.
    pub object_required: bool,
    /// Custom parameters that must be there.
    pub required_parameters: RequiredParameters,
    /// The signature that must be there. Default none.
    pub signature: Option<SignatureConfig>,
}

impl Default for AuthorizeConfig {
    fn default() -> Self {
        Self {
            client_id: "client_id".into(),
            redirect_uri: "redirect_uri".into(),
            state: "state".into(),
            scope: "scope".into(),
            response_type_required: true,
            state_required: false,
            state_limit: None,
            state_dropped: false,
            pushed_required: false,
            object_required: false,
            required_parameters: RequiredParameters::new(),
            signature: None,
        }
    }
}

/// The authorization response: the names of its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackConfig {
    /// Name of the code.
    pub code: String,
    /// Name of the state.
    pub state: String,
    /// Name of the error.
    pub error: String,
    /// Send `iss` (RFC 9207). Default false.
    pub iss: bool,
    /// Further parameters beside a code, such as `{"device_id":"d-1"}`.
    pub extra: BTreeMap<String, String>,
}

impl Default for CallbackConfig {
    fn default() -> Self {
        Self {
            code: "code".into(),
            state: "state".into(),
            error: "error".into(),
            iss: false,
            extra: BTreeMap::new(),
        }
    }
}

/// The token request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// How a body must be encoded. Default form.
    pub encoding: Encoding,
    /// Whether GET with a query string is answered too. Default false.
    pub allow_get: bool,
    /// Name of the client id.
    pub client_id: String,
    /// Name of the client secret.
    pub client_secret: String,
    /// Name of the code.
    pub code: String,
    /// Name of the redirect URI.
    pub redirect_uri: String,
    /// Refuse a request without the redirect URI; one that is there must always match. Default true.
    pub redirect_uri_required: bool,
    /// Refuse a request without `grant_type=authorization_code`. Default true.
    pub grant_type_required: bool,
    /// Give refresh tokens, each of which counts once (RFC 9700 §4.14.2). Default false.
    pub refresh_tokens: bool,
    /// Custom parameters that must be there.
    pub required_parameters: RequiredParameters,
    /// The signature that must be there. Default none.
    pub signature: Option<SignatureConfig>,
    /// Headers that must be there.
    pub required_headers: RequiredParameters,
    /// The answer.
    pub response: TokenResponseConfig,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            encoding: Encoding::Form,
            allow_get: false,
            client_id: "client_id".into(),
            client_secret: "client_secret".into(),
            code: "code".into(),
            redirect_uri: "redirect_uri".into(),
            redirect_uri_required: true,
            grant_type_required: true,
            refresh_tokens: false,
            required_parameters: RequiredParameters::new(),
            signature: None,
            required_headers: RequiredParameters::new(),
            response: TokenResponseConfig::default(),
        }
    }
}

/// How a token request's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `application/json`.
    Json,
    /// Either of them.
    Either,
}

/// The token response. Names may be dotted: `data.token` nests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenResponseConfig {
    /// Name of the access token; empty leaves it out, as Azure AD B2C does.
    pub access_token: String,
    /// Name of the lifetime; null leaves it out.
    pub expires_in: Option<String>,
    /// The lifetime as sent: any JSON value. Default 3600.
    pub expires_in_value: Value,
    /// Name of the token type; null leaves it out.
    pub token_type: Option<String>,
    /// The token type as sent. Default `Bearer`.
    pub token_type_value: String,
    /// Name under which the account's profile is sent as well. Default none.
    pub profile: Option<String>,
    /// Dotted path of an object around it all, such as `data`.
    pub wrapper: Option<String>,
    /// Members beside the wrapper, such as `{"code":0}`.
    pub extra: Map<String, Value>,
    /// How it is written. Default JSON.
    pub format: Format,
    /// Content type, where it differs from the format's own.
    pub content_type: Option<String>,
}

impl Default for TokenResponseConfig {
    fn default() -> Self {
        Self {
            access_token: "access_token".into(),
            expires_in: Some("expires_in".into()),
            expires_in_value: json!(3600),
            token_type: Some("token_type".into()),
            token_type_value: "Bearer".into(),
            profile: None,
            wrapper: None,
            extra: Map::new(),
            format: Format::Json,
            content_type: None,
        }
    }
}

/// The profile request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserinfoConfig {
    /// Where the token is accepted. Default any.
    pub token_in: TokenIn,
    /// Its name in a query string, body or header of its own. Default `access_token`.
    pub token_key: String,
    /// The scheme of the Authorization header; empty: the token stands there alone.
    /// Default `Bearer`.
    pub scheme: String,
    /// Whether an ID token counts as an access token here, as at LINE. Default false.
    pub accept_id_token: bool,
    /// Custom parameters that must be there.
    pub required_parameters: RequiredParameters,
    /// The signature that must be there. Default none.
    pub signature: Option<SignatureConfig>,
    /// Headers that must be there.
    pub required_headers: RequiredParameters,
    /// The answer.
    pub response: UserinfoResponseConfig,
}

impl Default for UserinfoConfig {
    fn default() -> Self {
        Self {
            token_in: TokenIn::Any,
            token_key: "access_token".into(),
            scheme: "Bearer".into(),
            accept_id_token: false,
            required_parameters: RequiredParameters::new(),
            signature: None,
            required_headers: RequiredParameters::new(),
            response: UserinfoResponseConfig::default(),
        }
    }
}

/// Where an access token is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenIn {
    /// Wherever it is, but in one place only.
    Any,
    /// The Authorization header.
    Bearer,
    /// The query string.
    Query,
    /// The body, form or JSON.
    Body,
    /// The path: `/userinfo/TOKEN`.
    Path,
    /// A header of its own, named by `token_key` (DingTalk).
    Header,
}

/// The profile response; its content is the account's `profile`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserinfoResponseConfig {
    /// A signed token in place of JSON (OpenID Connect Core §5.3.2). Default false.
    pub signed: bool,
    /// Dotted path of an object around the profile, such as `data`.
    pub wrapper: Option<String>,
    /// Members beside the wrapper, such as `{"code":0}`.
    pub extra: Map<String, Value>,
    /// How it is written. Default JSON.
    pub format: Format,
    /// Content type, where it differs from the format's own.
    pub content_type: Option<String>,
}
