//! What the authority publishes about itself (OpenID Connect Discovery §3, RFC 8414 §2).

use serde_json::{Value, json};

use super::Authority;
use super::application::{AuthMethod, Grant, ResponseAlg};
use super::assertion;
use super::scope;
use crate::key::Algorithm;
use crate::provider::model::STANDARD_CLAIMS;
use crate::store::StoreError;

/// Claims of ID tokens that say something about the login.
const ABOUT_LOGIN: [&str; 12] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "at_hash",
    "sid",
    "acr",
    "amr",
    "account",
];
/// Claims about a user that a mapping has keys for.
const ABOUT_USER: [&str; 9] = [
    "email",
    "email_verified",
    "name",
    "given_name",
    "family_name",
    "picture",
    "locale",
    "groups",
    "provider_user_id",
];

impl Authority {
    /// The document at `/.well-known/openid-configuration` and
    /// `/.well-known/oauth-authorization-server`. What is off unless an application may
    /// use it is named where one may.
    pub async fn metadata(&self) -> Result<Value, StoreError> {
        let features = self.features().await?;
        let mut all = self.constant();
        all["grant_types_supported"] = features.grants().collect();
        let own = self.keys.algorithms().into_iter().map(Algorithm::as_str);
        let shared = features.hs256.then_some(ResponseAlg::Hs256.as_str());
        all["id_token_signing_alg_values_supported"] = own.chain(shared).collect();
        if features.pushed_requests {
            let endpoint = format!("{}/connect/par", self.issuer);
            all["pushed_authorization_request_endpoint"] = endpoint.into();
            all["require_pushed_authorization_requests"] = false.into();
        }
        if features.has(Grant::DeviceCode) {
            let endpoint = format!("{}/connect/device_authorization", self.issuer);
            all["device_authorization_endpoint"] = endpoint.into();
        }
        Ok(all)
    }

    fn constant(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let confidential = [
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
            AuthMethod::ClientSecretJwt,
            AuthMethod::PrivateKeyJwt,
        ]
        .map(AuthMethod::as_str);
        let client: Vec<&str> = confidential.into_iter().chain(["none"]).collect();
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/connect/authorize"),
            "token_endpoint": at("/connect/token"),
            "userinfo_endpoint": at("/connect/userinfo"),
            "introspection_endpoint": at("/connect/introspect"),
            "revocation_endpoint": at("/connect/revoke"),
            "end_session_endpoint": at("/connect/logout"),
            "jwks_uri": at("/.well-known/jwks.json"),
            "scopes_supported": [
                scope::OPENID, scope::PROFILE, scope::EMAIL, scope::ADDRESS, scope::PHONE,
                scope::OFFLINE_ACCESS,
            ],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "form_post"],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": client,
            "token_endpoint_auth_signing_alg_values_supported": assertion::ALGORITHMS,
            "introspection_endpoint_auth_methods_supported": confidential,
            "introspection_endpoint_auth_signing_alg_values_supported": assertion::ALGORITHMS,
            "revocation_endpoint_auth_methods_supported": client,
            "revocation_endpoint_auth_signing_alg_values_supported": assertion::ALGORITHMS,
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ABOUT_LOGIN.into_iter().chain(ABOUT_USER).chain(STANDARD_CLAIMS).collect::<Vec<_>>(),
            "ui_locales_supported": ["en", "pt-BR", "es"],
            "prompt_values_supported": ["none", "login", "consent"],
            "claims_parameter_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "authorization_response_iss_parameter_supported": true,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
        })
    }
}
