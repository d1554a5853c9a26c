//! Authorization requests that are pushed (RFC 9126) or signed objects (RFC 9101).

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, OAuthError};
use crate::client_auth;
use crate::config::Config;
use crate::dpop;
use crate::format;
use crate::params::Params;
use crate::request::Request;
use crate::state::Shared;

/// `POST /par`.
pub(crate) fn answer(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if request.method != Method::POST {
        return Answer::method_not_allowed("POST");
    }
    let params = Params::form(&request.body);
    let client = client_auth::authenticate(shared, config, request, &params);
    let pushed = client.and_then(|client| {
        if params.get("request_uri").is_some() {
            return Err(OAuthError::request("request_uri is not pushed"));
        }
        let opened = opened(shared, config, &params).map_err(OAuthError::request)?;
        if opened.get(&config.authorize.client_id) != Some(&client) {
            return Err(OAuthError::request("the request is of another client"));
        }
        let mut opened = opened;
        if let Some(key) = dpop::thumbprint(request) {
            opened.extend(Params::of(vec![("dpop_jkt".to_owned(), key)]));
        }
        Ok(shared.push(opened))
    });
    match pushed {
        Ok(uri) => {
            let body = json!({ "request_uri": uri, "expires_in": 60 });
            Answer::json(StatusCode::CREATED, body)
        }
        Err(refusal) => refusal.into(),
    }
}

/// The request that the browser brings: itself, or what it stands for.
pub(crate) fn resolve(shared: &Shared, config: &Config, params: &Params) -> Result<Params, String> {
    match params.get("request_uri") {
        Some(uri) => shared
            .take_pushed(uri)
            .filter(|pushed| {
                let name = &config.authorize.client_id;
                pushed.get(name) == params.get(name)
            })
            .ok_or_else(|| "the request_uri is unknown or was used before".to_owned()),
        None if config.authorize.pushed_required => Err("the request must be pushed".to_owned()),
        None => opened(shared, config, params),
    }
}

/// The parameters in a request object, or the parameters themselves.
fn opened(shared: &Shared, config: &Config, params: &Params) -> Result<Params, String> {
    let Some(object) = params.get("request") else {
        return if config.authorize.object_required {
            Err("the request must be a signed object".to_owned())
        } else {
            Ok(params.clone())
        };
    };
    let id = params.get(&config.authorize.client_id).unwrap_or_default();
    let claims = client_auth::request_object(shared, config, id, object)
        .map_err(|why| format!("the request object: {why}"))?;
    let Value::Object(members) = claims else {
        return Err("the request object has no members".to_owned());
    };
    // Only what is signed counts (RFC 9101 §6.3).
    let pairs = members
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "iss" | "aud" | "iat" | "nbf" | "exp" | "jti"))
        .map(|(name, value)| (name.clone(), format::text(value)))
        .collect();
    Ok(Params::of(pairs))
}
