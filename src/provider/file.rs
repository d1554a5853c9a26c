//! The mapping as it is written: one struct a TOML table, one field a key.
//!
//! This is the only definition of the format. `schema.json`, the structure
//! check and the documentation an editor shows all come from it. Everything is
//! optional here, so that one mistake never hides another; what is required is
//! asked for by [`compile`](super::compile).

mod authorization;
mod client;
mod parameter;
mod places;
mod sign;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::authorization::{AuthorizationSection, Pkce, ResponseMode, StateAlphabet, StateIn};
pub use self::client::{Authentication, ClientSection};
pub use self::parameter::ParameterValue;
pub use self::places::{Places, PlacesTable, Within};
pub use self::sign::{SignAlgorithm, SignEncoding, SignIn, SignOrder, SignSection};
use super::decode::Format;
use super::email::EmailForm;

/// How to talk to one identity provider.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Vestibule provider mapping")]
pub struct ProviderFile {
    /// Step 1: who the provider is.
    pub provider: ProviderSection,
    /// Step 1: who we are to it.
    pub client: ClientSection,
    /// Step 2: the authorization request (RFC 6749 §4.1.1).
    pub authorization: AuthorizationSection,
    /// Step 2: the authorization response, our callback (RFC 6749 §4.1.2).
    pub callback: CallbackSection,
    /// Step 3: the access token exchange (RFC 6749 §4.1.3).
    pub token: TokenSection,
    /// Step 4: user information.
    pub userinfo: UserinfoSection,
    /// Who may log in.
    pub access: AccessSection,
    /// Where the provider's own session is ended at logout. Default: it goes on.
    pub end_session: Option<EndSessionSection>,
    /// Patience with a slow provider.
    pub timeouts: TimeoutsSection,
}

/// Who the provider is.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSection {
    /// Its id within the account: lower-case letters, digits and `-`. Required.
    pub id: Option<String>,
    /// Its name as shoppers read it: "Log in with …". Required.
    pub name: Option<String>,
    /// The protocol it speaks.
    pub kind: Kind,
    /// The issuer: its identifier in OpenID Connect and RFC 9207. `{tenantid}` in it is the ID token's `tid`, another name the claim of that name, where one provider has an issuer for each of its customers. Required where `kind = "openid"`.
    pub issuer: Option<String>,
    /// Where its discovery document is. Default: the issuer and `/.well-known/openid-configuration`.
    pub discovery_url: Option<String>,
    /// Where its keys are. Default: where its discovery document says; with it and all endpoints mapped, no discovery document is asked for.
    pub jwks_url: Option<String>,
    /// The hosts that URLs may have whose host is filled in: `shop.acme.test`, `*.acme.test`, with a port where it is not the usual one. Default: none.
    pub hosts: Vec<String>,
    /// Whether its email may link a login to a user that exists.
    pub email_trust: EmailTrust,
    /// Whether `response_type=code` and `grant_type=authorization_code` are sent. Default true.
    pub standard_parameters: Option<bool>,
}

/// The protocol a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// OAuth 2.0, with user information from wherever the mapping says.
    #[default]
    Oauth2,
    /// OpenID Connect: discovery, nonce, `id_token`.
    Openid,
}

/// Whether a provider's email may link a login to a user that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmailTrust {
    /// Every email of this provider counts as verified: the account's own user base.
    Provider,
    /// An email counts as verified where `email_verified` of the profile says so.
    #[default]
    Claim,
    /// Its emails never link.
    Never,
}

/// The authorization response.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackSection {
    /// The name under which the code comes, or a path in a parameter that is JSON (also in Base64): `$.payload.token`. Default `code`.
    pub code_key: Option<String>,
    /// The name under which an error comes, or a path. Default `error`.
    pub error_key: Option<String>,
    /// Errors that mean that the person refused, beside `access_denied` and what well-known providers say. Capitals and `-` or `_` make no difference.
    pub refusals: Vec<String>,
    /// A redirect URI of a store's own: `https://…{auth_path}/callback/{provider}`.
    /// Default: `{public_url}/callback/{account}/{provider}` of the broker.
    pub redirect_uri: Option<String>,
    /// Whether the redirect URI is `{public_url}/callback`, the same for all accounts.
    /// Needs `login.shared_callback` in the broker's configuration, or `kind = "openid"` with all
    /// endpoints from discovery and `iss` in every answer (RFC 9207). Default false.
    pub shared: bool,
}

/// The access token exchange.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSection {
    /// The token endpoint. Required, unless discovery tells it. `{callback.name}` and `{login.name}` are filled in, in the host only what `provider.hosts` allows: `https://{callback.shop}/oauth/token`.
    pub url: Option<String>,
    /// POST unless said otherwise; GET puts everything in the query.
    pub method: Method,
    /// How the body is written. Default `application/x-www-form-urlencoded`.
    pub content_type: ContentType,
    /// The body of a POST as it is sent, in place of all parameters; `{code}`, `{client_secret}`, `{code_verifier}` and the like are filled in, written as `content_type` or a `Content-Type` in `headers` has it. Default: the parameters.
    pub body: Option<String>,
    /// The name under which the code is sent. Default `code`.
    pub code_key: Option<String>,
    /// The name under which the redirect URI is sent. Default: as in `[authorization]`.
    pub redirect_uri_key: Option<String>,
    /// Whether the redirect URI is sent (RFC 6749 §4.1.3). Default true.
    pub send_redirect_uri: Option<bool>,
    /// Custom parameters: texts, numbers, booleans, lists and tables; `{callback.name}` is a parameter of the authorization response, `{callback.$.name.member}` a value in one that is JSON.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Extra headers; `{app_access_token}`, `{callback.name}` and the like are filled in.
    pub headers: BTreeMap<String, String>,
    /// Signatures over the request.
    pub sign: Vec<SignSection>,
    /// Whether `grant_type=authorization_code` is sent. Default: as `provider.standard_parameters`.
    pub standard_parameters: Option<bool>,
    /// Whether the person's access and refresh token are kept, encrypted, for applications with the scope `provider_token` (`GET /connect/provider-token`). Default false.
    pub keep: bool,
    /// How a kept token is refreshed (RFC 6749 §6). Default: by a POST to `url`.
    pub refresh: RefreshSection,
    /// A request that fetches an application token first.
    pub before: Option<BeforeSection>,
    /// What the answer looks like.
    pub response: TokenResponseSection,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    #[default]
    Post,
    /// PUT, with a body as that of a POST.
    Put,
}

impl Method {
    /// Whether it has a body.
    pub fn has_body(self) -> bool {
        self != Self::Get
    }
}

/// How a request body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum ContentType {
    /// `key=value&…`
    #[default]
    #[serde(rename = "application/x-www-form-urlencoded")]
    Form,
    /// A JSON object.
    #[serde(rename = "application/json")]
    Json,
    /// No body and no content type; parameters go in the query.
    #[serde(rename = "none")]
    None,
}

/// A request by which a kept access token is refreshed (RFC 6749 §6): the refresh
/// token, and the client's authentication as in the access token exchange. Its answer
/// is read as `[token.response]` says.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RefreshSection {
    /// Where to. Default: the token endpoint.
    pub url: Option<String>,
    /// POST unless said otherwise.
    pub method: Method,
    /// How the body is written.
    pub content_type: ContentType,
    /// The name under which the refresh token is sent. Default `refresh_token`.
    pub refresh_token_key: Option<String>,
    /// Custom parameters: texts, numbers, booleans, lists and tables.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Extra headers.
    pub headers: BTreeMap<String, String>,
    /// Signatures over the request.
    pub sign: Vec<SignSection>,
}

/// A request that fetches an application token before the code is exchanged.
///
/// It carries the client id and secret under `[client]`'s keys; its result is
/// `{app_access_token}` in the headers, parameters and URLs that follow.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BeforeSection {
    /// Where to. Required.
    pub url: Option<String>,
    /// POST unless said otherwise.
    pub method: Method,
    /// How the body is written.
    pub content_type: ContentType,
    /// The body of a POST as it is sent, in place of all parameters. Default: the parameters.
    pub body: Option<String>,
    /// Custom parameters: texts, numbers, booleans, lists and tables.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Extra headers.
    pub headers: BTreeMap<String, String>,
    /// Signatures over the request.
    pub sign: Vec<SignSection>,
    /// What the answer looks like.
    pub response: BeforeResponseSection,
}

/// The answer to the request before.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BeforeResponseSection {
    /// The member or path of the application token, `{header.name}`, `{cookie.name}` or `{location.name}`. Default `access_token`.
    pub access_token: Option<String>,
    /// How the answer is written.
    pub format: Format,
    /// The member or path of what counts in the answer's place: a part of it, or a text in it that is JSON (also in Base64) or a signed token itself. A list leads on, each within what the one before it found.
    pub inner: Option<Within>,
    /// A condition that a good answer meets: `$.code == 0`.
    pub success: Option<String>,
    /// Statuses of a good answer, from 300 to 499. Default: 200 to 299, and those of a redirect where a place is `{location.name}`.
    pub success_status: Vec<u16>,
    /// The member or path of the server's own words about an error.
    pub error_message: Option<String>,
}

/// The answer of the token endpoint.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenResponseSection {
    /// The member or path of the access token; `{header.x-subject-token}` or `{cookie.name}` where it stands in the answer's head, `{location.access_token}` where in the query or fragment of a redirect. Default `access_token`.
    pub access_token: Option<String>,
    /// The member or path of its lifetime in seconds: a number, digits, or absent. Default `expires_in`.
    pub expires_in: Option<String>,
    /// The member or path of the ID token. Default `id_token`.
    pub id_token: Option<String>,
    /// The member or path of the refresh token. Default `refresh_token`.
    pub refresh_token: Option<String>,
    /// How the answer is written.
    pub format: Format,
    /// The member or path of what counts in the answer's place: a part of it, or a text in it that is JSON (also in Base64) or a signed token itself. A list leads on, each within what the one before it found.
    pub inner: Option<Within>,
    /// A condition that a good answer meets: `$.code == 0`.
    pub success: Option<String>,
    /// Statuses of a good answer, from 300 to 499. Default: 200 to 299, and those of a redirect where a place is `{location.name}`.
    pub success_status: Vec<u16>,
    /// The member or path of the server's own words about an error.
    pub error_message: Option<String>,
}

/// User information.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserinfoSection {
    /// Where the profile comes from.
    pub source: Option<Source>,
    /// The user information endpoint; `{access_token}` and the like are filled in, `{token.name}` and `{callback.name}` in its host too, where `provider.hosts` allows it: `{token.instance_url}/me`.
    pub url: Option<String>,
    /// GET unless said otherwise.
    pub method: Option<Method>,
    /// Where the access token goes.
    pub send_token: Option<SendToken>,
    /// The token's name in the query or body. Default `access_token`.
    pub token_key: Option<String>,
    /// The word before the token in the `Authorization` header; empty for the token alone. Default `Bearer`.
    pub scheme: Option<String>,
    /// How the body of a POST is written.
    pub content_type: ContentType,
    /// The body of a POST as it is sent, in place of all parameters: `null`, or GraphQL's query. Default: the parameters.
    pub body: Option<String>,
    /// Custom parameters: texts, numbers, booleans, lists and tables.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Extra headers.
    pub headers: BTreeMap<String, String>,
    /// Signatures over the request.
    pub sign: Vec<SignSection>,
    /// Requests that follow; the result of each joins the profile under its name.
    pub then: Vec<ThenSection>,
    /// Where in the profile what we need is found.
    pub response: UserinfoResponseSection,
}

/// Where the profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From a request to `userinfo.url`.
    #[default]
    Request,
    /// From the answer of the token endpoint.
    TokenResponse,
    /// From the claims of the `id_token`.
    IdToken,
    /// From the claims of the access token, which is a JWT (RFC 9068) of the issuer.
    AccessToken,
}

/// Where the access token goes in a request for user information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendToken {
    /// In the `Authorization` header (RFC 6750 §2.1).
    #[default]
    Bearer,
    /// In the query (RFC 6750 §2.3).
    Query,
    /// In the body of a POST (RFC 6750 §2.2).
    Body,
    /// Nowhere by itself: `{access_token}` in the URL, a header or a parameter carries it.
    None,
}

/// A request that follows the one for user information.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ThenSection {
    /// The member of the profile that its result becomes. Required.
    pub name: Option<String>,
    /// Where to; `{access_token}` and `{profile.member}` are filled in, in the host only what `provider.hosts` allows. Required.
    pub url: Option<String>,
    /// GET unless said otherwise.
    pub method: Option<Method>,
    /// Where the access token goes. Default: as in `[userinfo]`.
    pub send_token: Option<SendToken>,
    /// How the body of a POST is written.
    pub content_type: ContentType,
    /// The body of a POST as it is sent, in place of all parameters: `null`, or GraphQL's query. Default: the parameters.
    pub body: Option<String>,
    /// Custom parameters: texts, numbers, booleans, lists and tables.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Extra headers.
    pub headers: BTreeMap<String, String>,
    /// Signatures over the request.
    pub sign: Vec<SignSection>,
    /// How the answer is written.
    pub format: Format,
    /// The member or path of what counts in the answer's place: a part of it, or a text in it that is JSON (also in Base64) or a signed token itself. A list leads on, each within what the one before it found.
    pub inner: Option<Within>,
    /// A condition that a good answer meets: `$.code == 0`.
    pub success: Option<String>,
    /// Statuses of a good answer, from 300 to 499. Default: 200 to 299, and those of a redirect where a place is `{location.name}`.
    pub success_status: Vec<u16>,
    /// The member or path of the server's own words about an error.
    pub error_message: Option<String>,
    /// Statuses by which the server says that it has nothing, such as 204 or 404: the member is null and the login goes on. Default: none.
    pub accept_status: Vec<u16>,
    /// Whether the login goes on, with null for the member, whatever keeps this answer from being had. Default false.
    pub optional: bool,
}

/// Where in the profile what we need is found. Each is a member's name, or a
/// JSONPath (RFC 9535) when it begins with `$`. `{token.…}`, `{id_token.…}` and
/// `{callback.…}` are values of the token response, the ID token and the
/// authorization response, `{login.…}` of the address at which the login began, `{header.…}`, `{cookie.…}` and `{location.…}` of the head
/// of the answer itself.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserinfoResponseSection {
    /// The user's id at the provider: stable and never reused. Required.
    pub user_id: Option<Places>,
    /// The user's email. Required, unless `email_placeholder` is set.
    pub email: Option<Places>,
    /// A domain that ends in `.invalid` (RFC 2606), for a made-up address where the provider gives no email: `u-…@qq.invalid`. It never counts as verified and never replaces a real one. Default: a login without an email is refused.
    pub email_placeholder: Option<String>,
    /// Which addresses are taken.
    pub email_form: EmailForm,
    /// The user's name.
    pub name: Option<Places>,
    /// Whether the provider verified the email.
    pub email_verified: Option<String>,
    /// The given name.
    pub given_name: Option<Places>,
    /// The family name.
    pub family_name: Option<Places>,
    /// A URL of the user's picture.
    pub picture: Option<Places>,
    /// The user's language, as in `pt-BR`.
    pub locale: Option<Places>,
    /// Names of the groups the user is in; several matches are meant.
    pub groups: Option<Places>,
    /// Further values for the session, by the name they get there. With `kind = "openid"` the claims of OpenID Connect Core §5.1 that have no key here, such as `address` and `phone_number`, are taken under their own names unless one is named here.
    pub attributes: BTreeMap<String, Places>,
    /// How the answer is written.
    pub format: Format,
    /// The member or path of what counts in the answer's place: a part of it, or a text in it that is JSON (also in Base64) or a signed token itself. A list leads on, each within what the one before it found.
    pub inner: Option<Within>,
    /// A condition that a good answer meets: `$.code == 0`.
    pub success: Option<String>,
    /// Statuses of a good answer, from 300 to 499. Default: 200 to 299, and those of a redirect where a place is `{location.name}`.
    pub success_status: Vec<u16>,
    /// The member or path of the server's own words about an error.
    pub error_message: Option<String>,
}

/// Who may log in.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSection {
    /// Only emails of these domains; empty allows all.
    pub email_domains: Vec<String>,
    /// Conditions on the profile, all of which must hold: `$.groups[?@ == 'customers']`.
    pub require: Vec<String>,
    /// Only members of one of these groups, as `userinfo.response.groups` finds them; empty allows all.
    pub groups: Vec<String>,
    /// Whether programs may log people in with an access token that they got at the provider themselves, by VTEX ID's `audience/webstore/provider/oauth/exchange`. Whoever can have the provider issue a token to a program of theirs can then be any of its people here: only for a provider all of whose programs are your own. It takes a request to a user information endpoint. Default false.
    pub token_exchange: bool,
}

/// Where the provider's own session is ended at logout.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EndSessionSection {
    /// The provider's end-session endpoint; the browser is sent there after our session has ended. Required, unless discovery tells it (`end_session_endpoint`).
    pub url: Option<String>,
    /// Whether the session's ID token is sent as `id_token_hint` (OpenID Connect RP-Initiated Logout §2). Default: where `kind = "openid"`.
    pub id_token_hint: Option<bool>,
    /// The name under which the address to return to is sent. Default `post_logout_redirect_uri`.
    pub redirect_uri_key: Option<String>,
    /// Custom parameters: texts, numbers, booleans, lists and tables.
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// Patience with a slow provider.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutsSection {
    /// To connect, as in `5s`. Default 5 s, at most 30 s.
    pub connect: Option<String>,
    /// For one whole exchange, as in `10s`. Default 10 s, at most 60 s.
    pub total: Option<String>,
    /// The longest answer that is read, as in `256KiB`. Default 1 MiB, at most 8 MiB.
    pub max_body: Option<String>,
}
