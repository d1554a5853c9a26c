//! A mapping, compiled: nothing in it is left to interpret.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::body::Body;
use super::decode::Format;
use super::email::EmailForm;
use super::file::{
    Authentication, EmailTrust, Kind, Method, Pkce, ResponseMode, SendToken, StateIn,
};
use super::hosts::Hosts;
pub use super::issuer::Issuer;
use super::lifted::Lifted;
use super::mapped::Mapped;
use super::parameter::Parameter;
use super::path::{Condition, Place};
use super::sign::Signature;
use super::state::StateShape;
use super::template::{Fill, Template};
use crate::base::{ProviderId, Secret};
use crate::document::Finding;
use crate::outbound::{ClientCertificate, Limits};
use crate::protocol::jwe::DecryptionKey;

/// One identity provider, ready to be talked to.
#[derive(Debug)]
pub struct Provider {
    /// Its id within the account.
    pub id: ProviderId,
    /// Its name as shoppers read it.
    pub name: String,
    /// The protocol it speaks.
    pub kind: Kind,
    /// Its issuer, for OpenID Connect and RFC 9207.
    pub issuer: Option<Issuer>,
    /// Where its discovery document is, if not below the issuer.
    pub discovery_url: Option<Url>,
    /// Where its keys are, if discovery need not say.
    pub jwks_url: Option<Url>,
    /// The hosts of URLs of which it, or a callback, names the host.
    pub hosts: Hosts,
    /// Parameters of the address at which a login begins that it hands on.
    pub login: LoginParameters,
    /// Whether its email may link.
    pub email_trust: EmailTrust,
    /// Who we are to it.
    pub client: Client,
    /// The authorization request.
    pub authorization: Authorization,
    /// The authorization response.
    pub callback: Callback,
    /// The access token exchange.
    pub token: Token,
    /// User information.
    pub userinfo: Userinfo,
    /// Who may log in.
    pub access: Access,
    /// Where its own session is ended.
    pub end_session: Option<EndSession>,
    /// How long and how much an exchange may take.
    pub limits: Limits,
    /// What someone should look at, though it works.
    pub warnings: Vec<Finding>,
    /// Which of the servers that its id has stood for in its account, from 0.
    pub lineage: u64,
    /// A mapping that is asked beside this one; no login uses its result.
    pub shadow: Option<Arc<Provider>>,
}

impl Provider {
    /// Whether only its discovery document says where its session is ended.
    pub fn discovers_end_session(&self) -> bool {
        let set = self.end_session.as_ref();
        set.is_some_and(|set| set.url.is_none())
    }
}

/// Parameters of the address at which a login begins: `{login.…}`.
#[derive(Debug, Default)]
pub struct LoginParameters {
    /// Those that requests hand on: no login begins without them.
    pub required: Vec<String>,
    /// Those whose values are mapped.
    pub values: Vec<String>,
}

impl LoginParameters {
    /// Whether one of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        let mut all = self.required.iter().chain(&self.values);
        all.any(|known| known == name)
    }
}

/// Who we are to the provider.
#[derive(Debug)]
pub struct Client {
    /// The name of the id.
    pub id_key: String,
    /// The id.
    pub id: String,
    /// The name of the secret.
    pub secret_key: String,
    /// The secret.
    pub secret: Option<Secret>,
    /// The secret before it.
    pub previous_secret: Option<Secret>,
    /// How we prove ourselves; `None`: as discovery lists.
    pub authentication: Option<Authentication>,
    /// The key for what is encrypted to us.
    pub decryption_key: Option<DecryptionKey>,
    /// What assertions are made with.
    pub assertion: Assertion,
    /// Whether tokens are bound to a key of the login's own (RFC 9449).
    pub dpop: bool,
    /// Our certificate for mutual TLS.
    pub certificate: Option<ClientCertificate>,
    /// Further secrets by name: `{secret.…}`.
    pub secrets: Vec<(String, Secret)>,
}

impl Client {
    /// What places stand for wherever the client speaks.
    pub fn fill(&self) -> Fill<'_> {
        Fill {
            client_id: &self.id,
            client_secret: self.secret.as_ref(),
            secrets: &self.secrets,
            ..Fill::default()
        }
    }
}

/// What an assertion is made with.
#[derive(Debug)]
pub struct Assertion {
    /// The private key, PEM; without one the client secret signs.
    pub private_key: Option<Secret>,
    /// Its `kid`.
    pub key_id: Option<String>,
    /// The assertion's `aud`, where it is not the token endpoint.
    pub audience: Option<String>,
    /// The assertion's `iss`, where it is not the client id.
    pub issuer: Option<String>,
}

/// The authorization request.
#[derive(Debug)]
pub struct Authorization {
    /// The endpoint; `None` until discovery tells it, or where it has places in it.
    pub url: Option<Url>,
    /// The endpoint, where the address at which the login began names a part of it.
    pub open_url: Option<Template>,
    /// What stands behind a `#` at the end of its URL.
    pub fragment: Option<String>,
    /// The name of the client id.
    pub client_id_key: String,
    /// Custom parameters, in the order they are sent.
    pub parameters: Vec<(String, Parameter)>,
    /// Signatures over it.
    pub sign: Vec<Signature>,
    /// Whether PKCE is used.
    pub pkce: Pkce,
    /// The scopes as one value under their name.
    pub scope: Option<(String, String)>,
    /// Whether it stands in the URL as it is.
    pub scope_unencoded: bool,
    /// The name of the redirect URI.
    pub redirect_uri_key: String,
    /// The name of the state.
    pub state_key: String,
    /// Of what the state is made, if not as usual.
    pub state: Option<StateShape>,
    /// How the state gets there and back.
    pub state_in: StateIn,
    /// Whether the request is pushed; `None`: where discovery demands it.
    pub pushed: Option<bool>,
    /// Where to; `None`: as discovery tells.
    pub pushed_url: Option<Url>,
    /// Whether it is a signed object.
    pub request_object: bool,
    /// `response_mode`, where it is sent.
    pub response_mode: Option<ResponseMode>,
    /// Whether `response_type=code` is sent.
    pub response_type: bool,
}

/// The authorization response.
#[derive(Debug)]
pub struct Callback {
    /// The name of the code.
    pub code_key: String,
    /// The name of an error.
    pub error_key: String,
    /// Errors that are a person's refusal, as [`refusal_word`] writes them.
    pub refusals: Vec<String>,
    /// Which redirect URI it has.
    pub redirect_uri: RedirectUri,
    /// Parameters whose values are mapped.
    pub values: Vec<String>,
    /// Whether every answer must carry the issuer (RFC 9207).
    pub requires_iss: bool,
    /// Whether it was applied when all mappings had one redirect URI; then it
    /// keeps that one.
    pub from_before: bool,
}

/// An error word in the form in which words are compared.
pub fn refusal_word(word: &str) -> String {
    word.trim()
        .to_ascii_lowercase()
        .replace(['-', ' ', '.'], "_")
}

/// The errors by which providers say that the person refused: RFC 6749's, and
/// those of LinkedIn, Apple, Amazon, Yahoo and others.
pub fn default_refusals() -> Vec<String> {
    [
        "access_denied",
        "user_denied",
        "user_cancel",
        "user_cancelled",
        "user_canceled",
        "user_cancelled_login",
        "user_cancelled_authorize",
        "user_refused",
        "authorization_declined",
        "authorization_denied",
        "consent_denied",
        "consent_declined",
        "login_cancelled",
        "cancelled",
        "canceled",
        "cancel",
        "denied",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The access token exchange.
#[derive(Debug)]
pub struct Token {
    /// The endpoint; `None` until discovery tells it, or where it has places in it.
    pub url: Option<Url>,
    /// The endpoint, where the callback names a part of it.
    pub open_url: Option<Template>,
    /// Its method.
    pub method: Method,
    /// How its body is made.
    pub body: Body,
    /// The name of the code.
    pub code_key: String,
    /// The name of the redirect URI; `None` if it is not sent.
    pub redirect_uri_key: Option<String>,
    /// Custom parameters.
    pub parameters: Vec<(String, Parameter)>,
    /// Extra headers.
    pub headers: Vec<(String, Template)>,
    /// Signatures over it.
    pub sign: Vec<Signature>,
    /// The parameters of the authorization response that this and later requests hand on.
    pub callback_parameters: Vec<String>,
    /// Whether `grant_type=authorization_code` is sent.
    pub grant_type: bool,
    /// Whether the tokens are kept for applications.
    pub keep: bool,
    /// How kept tokens are refreshed.
    pub refresh: Refresh,
    /// The request that comes before it.
    pub before: Option<Before>,
    /// Where in the answer the access token is.
    pub access_token: Place,
    /// Where its lifetime is.
    pub expires_in: Place,
    /// Where the ID token is.
    pub id_token: Place,
    /// Where the refresh token is.
    pub refresh_token: Place,
    /// What a good answer looks like.
    pub answer: Answer,
}

/// What a good answer looks like.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it is written.
    pub format: Format,
    /// Where in it is what counts in its place, each within what was found before.
    pub inner: Vec<Place>,
    /// Values of its head that count as members.
    pub lifted: BTreeSet<Lifted>,
    /// What it must meet.
    pub success: Option<Condition>,
    /// Where the server's own words about an error are.
    pub error_message: Option<Place>,
    /// Statuses by which the server says that it has nothing.
    pub nothing: Vec<u16>,
    /// Statuses of a good answer beside 200 to 299.
    pub good: Vec<u16>,
}

impl Answer {
    /// Whether an answer of this status is a good one.
    pub fn is_good(&self, status: u16) -> bool {
        (200..300).contains(&status) || self.good.contains(&status) || self.is_redirect(status)
    }

    /// Whether it is a redirect whose address says what counts.
    pub fn is_redirect(&self, status: u16) -> bool {
        matches!(status, 301 | 302 | 303 | 307 | 308)
            && self.lifted.iter().any(Lifted::is_in_location)
    }
}

/// The request that refreshes a kept token.
#[derive(Debug)]
pub struct Refresh {
    /// Where to; `None`: to the token endpoint.
    pub url: Option<Url>,
    /// Its method.
    pub method: Method,
    /// How its body is made.
    pub body: Body,
    /// The name of the refresh token.
    pub refresh_token_key: String,
    /// Custom parameters.
    pub parameters: Vec<(String, Parameter)>,
    /// Extra headers.
    pub headers: Vec<(String, Template)>,
    /// Signatures over it.
    pub sign: Vec<Signature>,
}

/// The request that fetches an application token.
#[derive(Debug)]
pub struct Before {
    /// Where to.
    pub url: Url,
    /// Its method.
    pub method: Method,
    /// How its body is made.
    pub body: Body,
    /// Custom parameters.
    pub parameters: Vec<(String, Parameter)>,
    /// Extra headers.
    pub headers: Vec<(String, Template)>,
    /// Signatures over it.
    pub sign: Vec<Signature>,
    /// Where in the answer the application token is.
    pub access_token: Place,
    /// What a good answer looks like.
    pub answer: Answer,
}

/// Where the profile comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileSource {
    /// A request to the user information endpoint.
    Request,
    /// The token endpoint's answer.
    TokenResponse,
    /// The claims of the ID token.
    IdToken,
    /// The claims of the access token.
    AccessToken,
    /// OpenID Connect as usual: the claims, and the endpoint's answer over them where there is one.
    IdTokenAndRequest,
}

/// User information.
#[derive(Debug)]
pub struct Userinfo {
    /// Where the profile comes from.
    pub source: ProfileSource,
    /// The endpoint; `None` where there is none, or until discovery tells it.
    pub request: UserinfoRequest,
    /// How its answer is written and what it must meet.
    pub answer: Answer,
    /// The requests that follow.
    pub then: Vec<Then>,
    /// Where in the profile things are.
    pub profile: ProfileMap,
}

/// A request that carries the access token.
#[derive(Debug)]
pub struct UserinfoRequest {
    /// Where to.
    pub url: Option<Template>,
    /// Its method.
    pub method: Method,
    /// Where the access token goes.
    pub send_token: SendToken,
    /// The token's name in query or body.
    pub token_key: String,
    /// The word before the token in the header.
    pub scheme: String,
    /// How its body is made.
    pub body: Body,
    /// Custom parameters.
    pub parameters: Vec<(String, Parameter)>,
    /// Extra headers.
    pub headers: Vec<(String, Template)>,
    /// Signatures over it.
    pub sign: Vec<Signature>,
}

/// A request that follows the one for user information.
#[derive(Debug)]
pub struct Then {
    /// The member of the profile that its result becomes.
    pub name: String,
    /// The request.
    pub request: UserinfoRequest,
    /// What a good answer looks like.
    pub answer: Answer,
    /// The login goes on without it.
    pub optional: bool,
}

/// Where in the profile things are.
#[derive(Debug)]
pub struct ProfileMap {
    /// The user's id at the provider.
    pub user_id: Mapped,
    /// The email.
    pub email: Mapped,
    /// Which addresses are taken.
    pub email_form: EmailForm,
    /// The domain of made-up addresses, where the provider may give no email.
    pub email_placeholder: Option<String>,
    /// The name.
    pub name: Option<Mapped>,
    /// Whether the email is verified.
    pub email_verified: Option<Verified>,
    /// The given name.
    pub given_name: Option<Mapped>,
    /// The family name.
    pub family_name: Option<Mapped>,
    /// The picture's URL.
    pub picture: Option<Mapped>,
    /// The language.
    pub locale: Option<Mapped>,
    /// The groups.
    pub groups: Option<Mapped>,
    /// Further values by name.
    pub attributes: Vec<(String, Mapped)>,
    /// Claims that an OpenID provider may have and the mapping does not name, see
    /// [`STANDARD_CLAIMS`].
    pub standard: Vec<(&'static str, Mapped)>,
}

/// The claims of OpenID Connect Core §5.1 that have no key of their own. Of a provider
/// of `kind = "openid"` they are known under their names unless the mapping says
/// otherwise: what it may tell is what the mapping's scopes ask for.
pub const STANDARD_CLAIMS: [&str; 12] = [
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
];

impl ProfileMap {
    /// Every place in it but that of `email_verified`, with its key.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Mapped)> {
        let optional = [
            ("name", &self.name),
            ("given_name", &self.given_name),
            ("family_name", &self.family_name),
            ("picture", &self.picture),
            ("locale", &self.locale),
            ("groups", &self.groups),
        ];
        [("user_id", &self.user_id), ("email", &self.email)]
            .into_iter()
            .chain(
                optional
                    .into_iter()
                    .filter_map(|(key, place)| Some((key, place.as_ref()?))),
            )
            .chain(
                self.attributes
                    .iter()
                    .map(|(name, place)| (name.as_str(), place)),
            )
    }
}

/// Who may log in.
#[derive(Debug)]
pub struct Access {
    /// Email domains in lower case; empty allows all.
    pub email_domains: Vec<String>,
    /// What the profile must meet.
    pub require: Vec<Condition>,
    /// Groups of which one is needed; empty allows all.
    pub groups: Vec<String>,
    /// Whether programs may bring access tokens that they got themselves.
    pub token_exchange: bool,
}

/// Where the provider's own session is ended.
#[derive(Debug)]
pub struct EndSession {
    /// The endpoint; `None`: as discovery tells.
    pub url: Option<Url>,
    /// Whether it is shown the ID token (OpenID Connect RP-Initiated Logout §2).
    pub id_token_hint: bool,
    /// The name of the address to return to.
    pub redirect_uri_key: String,
    /// Custom parameters.
    pub parameters: Vec<(String, Parameter)>,
}

/// The longest deadlines a mapping may set.
pub const MAX_CONNECT: Duration = Duration::from_secs(30);
/// The longest time for one exchange.
pub const MAX_TOTAL: Duration = Duration::from_secs(60);
/// The longest answer.
pub const MAX_BODY: usize = 8 << 20;

/// Which redirect URI a mapping has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectUri {
    /// `{public_url}/callback/{account}/{provider}`.
    Own,
    /// A store's own, which its web server proxies to the account.
    Store(Url),
    /// `{public_url}/callback`, the same for all.
    Shared,
}

/// How a mapping says that an email is verified.
#[derive(Debug, Clone)]
pub enum Verified {
    /// A value that must be `true`.
    Place(Mapped),
    /// A condition that must hold.
    Condition(Condition),
}
