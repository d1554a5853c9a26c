//! OpenID Connect: discovery and keys.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::config::{ClientAuthentication, Config};
use crate::request::Request;
use crate::state::Shared;

/// The paths that are answered, for people.
pub(crate) fn endpoints(config: &Config) -> Vec<&str> {
    let mut paths = vec![
        "/authorize",
        "/token",
        "/userinfo",
        "/logout",
        "/revoke",
        "/app_token",
    ];
    if config.openid.enabled {
        paths.extend(["/.well-known/openid-configuration", "/jwks.json"]);
    }
    paths.extend(config.paths.keys().map(String::as_str));
    paths.extend(config.routes.keys().map(String::as_str));
    paths
}

/// `/.well-known/openid-configuration`.
pub(crate) fn discovery(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if !config.openid.enabled {
        return Answer::not_found();
    }
    if request.method != Method::GET {
        return Answer::method_not_allowed("GET");
    }
    let at = |path: &str| format!("{}{}", shared.origin, config.published(path));
    let mut methods: Vec<&str> = config
        .client_authentication
        .iter()
        .filter_map(|way| match way {
            ClientAuthentication::Body | ClientAuthentication::SignedSecret => {
                Some("client_secret_post")
            }
            ClientAuthentication::Basic
            | ClientAuthentication::BasicRaw
            | ClientAuthentication::BasicAndBody => Some("client_secret_basic"),
            ClientAuthentication::ClientSecretJwt => Some("client_secret_jwt"),
            ClientAuthentication::None => Some("none"),
            ClientAuthentication::PrivateKeyJwt => Some("private_key_jwt"),
            ClientAuthentication::Query => None,
        })
        .collect();
    methods.dedup();
    Answer::json(
        StatusCode::OK,
        json!({
            "issuer": shared.issuer(config),
            "pushed_authorization_request_endpoint": at("/par"),
            "require_pushed_authorization_requests": config.authorize.pushed_required,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "jwks_uri": at("/jwks.json"),
            "end_session_endpoint": at("/logout"),
            "revocation_endpoint": at("/revoke"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "profile", "email"],
            "prompt_values_supported": ["none", "login", "select_account"],
            "claims_supported": ["sub", "email", "email_verified", "name"],
            "id_token_signing_alg_values_supported": [config.openid.algorithm.name()],
            "token_endpoint_auth_methods_supported": methods,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": config.callback.iss,
        }),
    )
}

/// `/jwks.json`.
pub(crate) fn jwks(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if !config.openid.enabled && !config.openid.always_id_token {
        return Answer::not_found();
    }
    if request.method != Method::GET {
        return Answer::method_not_allowed("GET");
    }
    Answer::json(StatusCode::OK, shared.keys.jwks())
}

/// The key set that the fault `jku` points at: whoever fetches it has fallen for it.
pub(crate) fn foreign_jwks(shared: &Shared) -> Answer {
    Answer::json(
        StatusCode::OK,
        json!({ "keys": [shared.keys.foreign().jwk()] }),
    )
}
