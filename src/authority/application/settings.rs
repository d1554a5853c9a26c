//! How an application talks to the broker, where it differs from what is usual. The
//! names are those of Dynamic Client Registration (RFC 7591 §2) where that has one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::address::is_address;
use super::error::ApplicationError;
use super::{Application, ResponseAlg};
use crate::account::application_policy::{
    MAX_ACCESS_TOKEN_LIFETIME, MAX_GRANT_LIFETIME, are_names, check_lifetime,
};
use crate::authority::audience;
use crate::base::units;
use crate::protocol::jws::{KeySet, PRIVATE_MEMBERS};

/// The most resources of one application.
const MAX_RESOURCES: usize = 20;
/// The longest key set, in bytes.
const MAX_JWKS: usize = 64 << 10;
/// The most roles of one application, and the longest name of a role or group.
const MAX_ROLES: usize = 50;
const MAX_NAME: usize = 100;

/// How an application proves who it is (RFC 7591 §2, OpenID Connect Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// By its secret, in HTTP Basic.
    ClientSecretBasic,
    /// By its secret, in the body.
    ClientSecretPost,
    /// By an assertion under its secret.
    ClientSecretJwt,
    /// By an assertion under its private key.
    PrivateKeyJwt,
}

impl AuthMethod {
    /// Its name in `token_endpoint_auth_method`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// Where an application runs (OpenID Connect Dynamic Client Registration §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// On a server or in a page.
    #[default]
    Web,
    /// On somebody's device (RFC 8252): its redirect URIs may have a private-use
    /// scheme, and those on loopback count with any port.
    Native,
}

/// What becomes of authorization requests that are pushed (RFC 9126).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushedRequests {
    /// They are refused.
    #[default]
    Off,
    /// They may be pushed.
    Allowed,
    /// No other counts.
    Required,
}

/// Tells `null` from absent.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Takes `null` for what is usual.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        /// The settings of an application, each of which may be left out.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct Settings {
            $(
                $(#[doc = $doc])+
                #[serde(deserialize_with = "or_default")]
                pub $name: $type,
            )+
        }

        /// What changes of them: what is absent stays, `null` is as if it were left out.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct SettingsChange {
            $(
                $(#[doc = $doc])+
                #[serde(deserialize_with = "given")]
                pub $name: Option<Option<$type>>,
            )+
        }

        impl SettingsChange {
            /// Makes the change.
            pub fn apply(self, settings: &mut Settings) {
                $(if let Some(wanted) = self.$name {
                    settings.$name = wanted.unwrap_or_default();
                })+
            }
        }
    };
}

settings! {
    /// How it proves who it is, and no other way counts. `null`: by its secret, in HTTP
    /// Basic or in the body. `client_secret_jwt` is chosen when an application is made.
    token_endpoint_auth_method: Option<AuthMethod>,
    /// Its public keys, for `private_key_jwt`: a JWK Set (RFC 7517 §5).
    jwks: Option<Value>,
    /// Where it publishes them, in place of `jwks`.
    jwks_uri: Option<String>,
    /// `native`: its redirect URIs may have a private-use scheme, as in
    /// `com.acme.app:/callback`, and those on loopback count with any port (RFC 8252 §7).
    application_type: ApplicationType,
    /// Whether its authorization requests have to have a `code_challenge` (RFC 7636).
    require_pkce: bool,
    /// Whether its authorization requests may or have to be pushed (RFC 9126).
    pushed_authorization_requests: PushedRequests,
    /// Which resources it may ask tokens for by `resource` (RFC 8707): absolute URIs,
    /// which are the audience of the tokens then. It takes who administers all accounts
    /// to change them.
    resources: Vec<String>,
    /// How long its access tokens and ID tokens live, as in `1h`, from `1m` to `24h`;
    /// `null`: as long as the broker's.
    access_token_lifetime: Option<String>,
    /// How long its refresh tokens live from their last use, as in `7d`; the broker's
    /// `auth.refresh_token_lifetime` where that is shorter.
    refresh_token_lifetime: Option<String>,
    /// How long what a user granted can be refreshed at all, from the login on, as in
    /// `90d`; `null`: for as long as it is used.
    refresh_token_absolute_lifetime: Option<String>,
    /// Which claims about the user its ID tokens have, of those that its scopes give, as
    /// in `email`; `null`: all.
    id_token_claims: Option<Vec<String>>,
    /// Which claims about the user userinfo has for it; `null`: all that its scopes give.
    userinfo_claims: Option<Vec<String>>,
    /// Which claims about the user its access tokens have, of those that its scopes give;
    /// none unless named. Whoever an access token is shown to reads them.
    access_token_claims: Vec<String>,
    /// Whether people are asked before their first login to it, and again for a scope
    /// that they did not grant yet. For applications of others.
    consent: bool,
    /// Whether its refresh tokens stay the same. Else each use gives another one, and
    /// one that comes again ends them all (RFC 9700 §4.14).
    reuse_refresh_tokens: bool,
    /// Whether requests to the token endpoint that name no client are its own, where they
    /// name its account: by `storeId`, by the address `/accounts/{account}/connect/token`,
    /// or by what they bring. For storefronts of Virto Commerce; only a public application
    /// of one account can have it.
    unnamed_requests: bool,
    /// Whether its access tokens and userinfo have the claims that resource servers of
    /// Virto Commerce read: `name`, `email` and `role`, which are the groups of a user.
    virto_claims: bool,
    /// The roles in tokens of its own, where it has `virto_claims`.
    roles: Vec<String>,
    /// The group whose members may act as other users, by `impersonate` or token exchange
    /// (RFC 8693); `null`: nobody.
    impersonation_group: Option<String>,
}

fn wrong(field: &'static str, why: impl Into<String>) -> ApplicationError {
    ApplicationError::Setting(field, why.into())
}

fn lifetime(
    field: &'static str,
    text: Option<&str>,
    longest: Duration,
) -> Result<(), ApplicationError> {
    check_lifetime(field, text, longest).map_err(|why| wrong(field, why))
}

impl Settings {
    /// A lifetime of theirs, which was checked when it was written.
    pub(in crate::authority) fn lifetime(text: Option<&String>) -> Option<Duration> {
        text.and_then(|text| units::duration(text).ok())
    }

    /// How long access tokens live, where the broker's live so long.
    pub fn access_tokens(&self, usual: Duration) -> Duration {
        Self::lifetime(self.access_token_lifetime.as_ref()).unwrap_or(usual)
    }

    /// How long refresh tokens live from their last use.
    pub fn refresh_tokens(&self, usual: Duration) -> Duration {
        Self::lifetime(self.refresh_token_lifetime.as_ref()).map_or(usual, |own| own.min(usual))
    }

    /// How long a grant can be refreshed.
    pub fn grant(&self) -> Option<Duration> {
        Self::lifetime(self.refresh_token_absolute_lifetime.as_ref())
    }

    /// Checks what is the same for all applications.
    pub(super) fn check(&self) -> Result<(), ApplicationError> {
        lifetime(
            "access_token_lifetime",
            self.access_token_lifetime.as_deref(),
            MAX_ACCESS_TOKEN_LIFETIME,
        )?;
        for (field, text) in [
            ("refresh_token_lifetime", &self.refresh_token_lifetime),
            (
                "refresh_token_absolute_lifetime",
                &self.refresh_token_absolute_lifetime,
            ),
        ] {
            lifetime(field, text.as_deref(), MAX_GRANT_LIFETIME)?;
        }
        if self.resources.len() > MAX_RESOURCES {
            return Err(wrong("resources", "there are more than 20 resources"));
        }
        for resource in &self.resources {
            audience::check(resource, None).map_err(|_| {
                wrong(
                    "resources",
                    "a resource is an absolute URI without a fragment, as in `https://api.acme.test`",
                )
            })?;
        }
        for (field, claims) in [
            ("id_token_claims", self.id_token_claims.as_deref()),
            ("userinfo_claims", self.userinfo_claims.as_deref()),
            ("access_token_claims", Some(&self.access_token_claims[..])),
        ] {
            if !are_names(claims.unwrap_or_default()) {
                return Err(wrong(
                    field,
                    format!("`{field}` has at most 50 names of claims, as in `email`"),
                ));
            }
        }
        let bad = |name: &str| {
            name.trim().is_empty()
                || name.chars().count() > MAX_NAME
                || name.chars().any(char::is_control)
        };
        if self.roles.len() > MAX_ROLES || self.roles.iter().any(|role| bad(role)) {
            return Err(wrong(
                "roles",
                "there are at most 50 roles, each of 1 to 100 characters on one line",
            ));
        }
        if self.impersonation_group.as_deref().is_some_and(bad) {
            return Err(wrong(
                "impersonation_group",
                "a group has 1 to 100 characters on one line",
            ));
        }
        self.check_keys()
    }

    fn check_keys(&self) -> Result<(), ApplicationError> {
        let wants_keys = self.token_endpoint_auth_method == Some(AuthMethod::PrivateKeyJwt);
        match (&self.jwks, &self.jwks_uri) {
            (Some(_), Some(_)) => Err(wrong("jwks_uri", "give `jwks` or `jwks_uri`, not both")),
            (None, None) if wants_keys => Err(wrong(
                "jwks",
                "`private_key_jwt` needs the application's public keys: give `jwks` or `jwks_uri`",
            )),
            (Some(jwks), None) => check_jwks(jwks),
            (None, Some(uri)) if !is_address(uri) => Err(wrong(
                "jwks_uri",
                "`jwks_uri` is an https URL without a fragment (http is for loopback only)",
            )),
            _ => Ok(()),
        }
    }
}

fn check_jwks(jwks: &Value) -> Result<(), ApplicationError> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| wrong("jwks", "`jwks` is an object with a list `keys`"))?;
    if jwks.to_string().len() > MAX_JWKS {
        return Err(wrong("jwks", "`jwks` is longer than 64 KiB"));
    }
    let private = |key: &Value| PRIVATE_MEMBERS.iter().any(|name| key.get(name).is_some());
    if keys.iter().any(private) {
        return Err(wrong(
            "jwks",
            "`jwks` has a private or shared key in it; give the public part, and make another key, since this one is no longer secret",
        ));
    }
    if KeySet::parse(jwks).is_empty() {
        return Err(wrong(
            "jwks",
            "no key of `jwks` can be used: they are EC P-256 or P-384, Ed25519, or RSA of 2048 bits or more, for signatures",
        ));
    }
    Ok(())
}

impl Application {
    /// Whether settings and the rest fit together.
    pub(super) fn check_settings(&self) -> Result<(), ApplicationError> {
        let settings = &self.settings;
        settings.check()?;
        if self.public {
            if settings.token_endpoint_auth_method.is_some() {
                return Err(wrong(
                    "token_endpoint_auth_method",
                    "a public application does not authenticate (`none`); leave the method out",
                ));
            }
            if settings.reuse_refresh_tokens {
                return Err(wrong(
                    "reuse_refresh_tokens",
                    "the refresh tokens of a public application are replaced with each use (RFC 9700 §4.14.2)",
                ));
            }
        }
        if settings.unnamed_requests && !(self.public && self.account.is_some()) {
            return Err(wrong(
                "unnamed_requests",
                "only a public application of one account can be meant by requests that name no client",
            ));
        }
        let now_hashed = self.secrets.iter().any(|secret| secret.plain().is_none());
        if self.id_token_signed_response_alg == Some(ResponseAlg::Hs256) {
            let by_key = settings.token_endpoint_auth_method == Some(AuthMethod::PrivateKeyJwt);
            if self.public || by_key {
                return Err(wrong(
                    "id_token_signed_response_alg",
                    "`HS256` is a signature under the client secret, and this application has none (OpenID Connect Core §10.1); use `RS256` or `ES256`",
                ));
            }
            if now_hashed {
                return Err(wrong(
                    "id_token_signed_response_alg",
                    "the secret was stored as a hash, which signs nothing; make another application with `HS256`, or use `RS256` or `ES256`",
                ));
            }
        }
        match settings.token_endpoint_auth_method {
            Some(AuthMethod::ClientSecretJwt) if now_hashed => Err(wrong(
                "token_endpoint_auth_method",
                "the secret was stored as a hash, which checks no signature; make another application with `client_secret_jwt`",
            )),
            Some(AuthMethod::PrivateKeyJwt) => Ok(()),
            _ if !self.public && self.secrets.is_empty() => Err(wrong(
                "token_endpoint_auth_method",
                "the application has no secret; rotate it first, or make another application",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a browser may be sent there (RFC 6749 §3.1.2.3): to the letter, but
    /// for the port of a native application's loopback address (RFC 8252 §7.3).
    pub fn redirects_to(&self, uri: &str) -> bool {
        if self.redirect_uris.iter().any(|known| known == uri) {
            return true;
        }
        let native = self.settings.application_type == ApplicationType::Native;
        let Some(portless) = without_port(uri).filter(|_| native) else {
            return false;
        };
        let mut known = self.redirect_uris.iter();
        known.any(|known| without_port(known).is_some_and(|known| known == portless))
    }
}

/// A loopback address without its port; `None` for any other.
fn without_port(uri: &str) -> Option<String> {
    if !uri.starts_with("http://") || !is_address(uri) {
        return None;
    }
    let (authority, rest) = match uri["http://".len()..].find(['/', '?']) {
        Some(at) => uri["http://".len()..].split_at(at),
        None => (&uri["http://".len()..], ""),
    };
    let port = authority.rfind(':').filter(|at| {
        authority[at + 1..]
            .bytes()
            .all(|digit| digit.is_ascii_digit())
    });
    let host = port.map_or(authority, |at| &authority[..at]);
    Some(format!("{}{rest}", host.to_ascii_lowercase()))
}
