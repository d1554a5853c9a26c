//! `POST /token`: a code for an access token. And `/app_token`, `/revoke`.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, OAuthError};
use crate::client_auth;
use crate::config::{Config, Encoding};
use crate::params::Params;
use crate::request::Request;
use crate::signature::Signed;
use crate::state::{Code, Shared, Token};
use crate::{dotted, dpop, id_token};

/// The token endpoint.
pub(crate) fn answer(shared: &Shared, config: &Config, request: &Request) -> Answer {
    let params = match (request.method.clone(), config.token.allow_get) {
        (Method::POST, _) => body(config.token.encoding, request),
        (Method::GET, true) => Ok(request.query.clone()),
        (_, true) => return Answer::method_not_allowed("GET, POST"),
        (_, false) => return Answer::method_not_allowed("POST"),
    };
    params
        .and_then(|params| exchange(shared, config, request, &params))
        .unwrap_or_else(Answer::from)
}

/// A body in one of the encodings allowed.
fn body(encoding: Encoding, request: &Request) -> Result<Params, OAuthError> {
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    let sent = request.content_type();
    let wanted = match encoding {
        Encoding::Json => json,
        Encoding::Either if sent == json => json,
        Encoding::Form | Encoding::Either => form,
    };
    if sent != wanted {
        return Err(OAuthError::request(format!(
            "the content type must be {wanted}, not {sent:?}"
        )));
    }
    let params = if wanted == json {
        Params::json(&request.body)
            .ok_or_else(|| OAuthError::request("the body is not a JSON object"))?
    } else {
        Params::form(&request.body)
    };
    match params.duplicate() {
        Some(name) => Err(OAuthError::request(format!(
            "the parameter {name} came twice"
        ))),
        None => Ok(params),
    }
}

fn exchange(
    shared: &Shared,
    config: &Config,
    request: &Request,
    params: &Params,
) -> Result<Answer, OAuthError> {
    let names = &config.token;
    let client_id = if config.app_token.required {
        let bearer = request
            .header(header::AUTHORIZATION)
            .and_then(|v| v.strip_prefix("Bearer "));
        let sent = match &config.app_token.parameter {
            Some(name) => params.get(name),
            None => bearer,
        };
        if !sent.is_some_and(|token| shared.knows_app_token(token)) {
            return Err(OAuthError::token(
                "Bearer",
                "the application token is missing or unknown",
            ));
        }
        config.client_id.clone()
    } else {
        client_auth::authenticate(shared, config, request, params)?
    };
    match params.get("grant_type") {
        Some("authorization_code") => {}
        Some("refresh_token") if names.refresh_tokens => {
            return refresh(shared, config, params, &client_id);
        }
        Some(other) => {
            let text = format!("grant_type must be authorization_code, not {other}");
            return Err(OAuthError::bad("unsupported_grant_type", text));
        }
        None if names.grant_type_required => {
            return Err(OAuthError::request("the parameter grant_type is missing"));
        }
        None => {}
    }
    let Some(code) = params.get(&names.code) else {
        return Err(OAuthError::request(format!(
            "the parameter {} is missing",
            names.code
        )));
    };
    if let Some(lack) = params
        .lacks(&names.required_parameters)
        .or_else(|| request.lacks_header(&names.required_headers))
        .or_else(|| unsigned(shared, config, request, params))
    {
        return Err(OAuthError::request(lack));
    }
    let (code, access_token) = shared.with_code(code, |code| {
        let code = code.ok_or_else(|| OAuthError::grant("the code is unknown or expired"))?;
        redeem(shared, config, request, params, &client_id, code)
    })?;
    Ok(response(shared, config, &code, &access_token))
}

/// What is wrong with the signature, if one is wanted.
fn unsigned(
    shared: &Shared,
    config: &Config,
    request: &Request,
    params: &Params,
) -> Option<String> {
    let mut params = params.clone();
    if request.method == Method::POST {
        params.extend(request.query.clone());
    }
    let signed = Signed {
        shared,
        config,
        request,
        params: &params,
    };
    signed.lacks(config.token.signature.as_ref())
}

/// RFC 6749 §6: a refresh token for new ones.
fn refresh(
    shared: &Shared,
    config: &Config,
    params: &Params,
    client_id: &str,
) -> Result<Answer, OAuthError> {
    let given = params.get("refresh_token").unwrap_or_default();
    let known = shared.take_refresh_token(given);
    let code = known
        .filter(|code| code.client_id == client_id)
        .ok_or_else(|| OAuthError::grant("the refresh token is unknown or was used before"))?;
    let token = Token {
        username: code.seen.username.clone(),
        scope: code.scope.clone(),
        bound_to: None,
    };
    let lifetime = Duration::from_secs(config.access_token_lifetime);
    let access_token = shared.issue_token(token, lifetime);
    Ok(response(shared, config, &code, &access_token))
}

/// Checks a code and uses it up; a second use takes back what the first one gave.
fn redeem(
    shared: &Shared,
    config: &Config,
    request: &Request,
    params: &Params,
    client_id: &str,
    code: &mut Code,
) -> Result<(Code, String), OAuthError> {
    if let Some(token) = &code.used_for {
        shared.revoke_token(token);
        return Err(OAuthError::grant(
            "the code was used before; its access token is revoked",
        ));
    }
    if code.client_id != client_id {
        return Err(OAuthError::grant("the code was given to another client"));
    }
    let key = dpop::thumbprint(request);
    if code.bound_to.is_some() && code.bound_to != key {
        return Err(OAuthError::grant("the code is bound to another key"));
    }
    match params.get(&config.token.redirect_uri) {
        Some(uri) if uri == code.redirect_uri => {}
        None if !config.token.redirect_uri_required => {}
        Some(_) => {
            return Err(OAuthError::grant(
                "the redirect URI is not the one of the login",
            ));
        }
        None => {
            let name = &config.token.redirect_uri;
            return Err(OAuthError::request(format!(
                "the parameter {name} is missing"
            )));
        }
    }
    match (&code.challenge, params.get("code_verifier")) {
        (Some(challenge), Some(verifier)) => {
            let hash = if config.pkce_plain {
                verifier.to_owned()
            } else {
                URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
            };
            if !(43..=128).contains(&verifier.len()) || hash != *challenge {
                return Err(OAuthError::grant(
                    "code_verifier does not fit code_challenge",
                ));
            }
        }
        (Some(_), None) => return Err(OAuthError::grant("code_verifier is missing")),
        // RFC 9700 §2.1.1: without a challenge a verifier means that somebody stripped it.
        (None, Some(_)) => return Err(OAuthError::grant("there was no code_challenge")),
        (None, None) => {}
    }
    let token = Token {
        username: code.seen.username.clone(),
        scope: code.scope.clone(),
        bound_to: key,
    };
    let lifetime = Duration::from_secs(config.access_token_lifetime);
    let access_token = shared.issue_token(token, lifetime);
    code.used_for = Some(access_token.clone());
    Ok((code.clone(), access_token))
}

fn response(shared: &Shared, config: &Config, code: &Code, access_token: &str) -> Answer {
    let names = &config.token.response;
    let mut inner = Value::Object(Map::new());
    if !names.access_token.is_empty() {
        dotted::set(&mut inner, &names.access_token, json!(access_token));
    }
    if let Some(name) = &names.token_type {
        dotted::set(&mut inner, name, json!(names.token_type_value));
    }
    if let Some(name) = &names.expires_in {
        dotted::set(&mut inner, name, names.expires_in_value.clone());
    }
    if config.token.refresh_tokens {
        let token = shared.issue_refresh_token(code.clone());
        dotted::set(&mut inner, "refresh_token", json!(token));
    }
    if !code.scope.is_empty() {
        dotted::set(&mut inner, "scope", json!(code.scope));
    }
    let account = config.account(&code.seen.username);
    if let (Some(name), Some(account)) = (&names.profile, account) {
        dotted::set(&mut inner, name, account.profile.clone());
    }
    let openid = config.openid.enabled && code.scope.split(' ').any(|scope| scope == "openid");
    if (openid || config.openid.always_id_token)
        && let Some(account) = account
    {
        let token = id_token::make(shared, config, account, code, access_token);
        if config.userinfo.accept_id_token {
            let stands_for = Token {
                username: code.seen.username.clone(),
                scope: code.scope.clone(),
                bound_to: None,
            };
            let lifetime = Duration::from_secs(config.access_token_lifetime);
            shared.admit_token(token.clone(), stands_for, lifetime);
        }
        dotted::set(&mut inner, "id_token", json!(token));
    }
    let whole = dotted::wrap(inner, names.wrapper.as_deref(), &names.extra);
    Answer::data(whole, names.format, names.content_type.clone()).with(header::PRAGMA, "no-cache")
}

/// The application token of Feishu-like servers: id and secret as JSON, for a token as JSON.
pub(crate) fn app_token(shared: &Shared, config: &Config, request: &Request) -> Answer {
    let app = &config.app_token;
    let method = if app.get { Method::GET } else { Method::POST };
    if request.method != method {
        return Answer::method_not_allowed(if app.get { "GET" } else { "POST" });
    }
    let id = app.app_id.as_ref().unwrap_or(&config.client_id);
    let secret = app.app_secret.as_ref().unwrap_or(&config.client_secret);
    let params = if app.get {
        request.query.clone()
    } else {
        Params::json(&request.body).unwrap_or_default()
    };
    let right = params.get(&app.id_key) == Some(id) && params.get(&app.secret_key) == Some(secret);
    // Such servers say 200 to everything and put the error into the envelope.
    let value = if right {
        let token = shared.issue_app_token(Duration::from_secs(app.lifetime));
        json!({ "code": 0, "msg": "ok", &app.token_key: token, "expire": app.lifetime })
    } else {
        json!({ "code": 10014, "msg": "app_id or app_secret is wrong" })
    };
    Answer::json(StatusCode::OK, value)
}

/// Revocation (RFC 7009): an unknown token is as good as revoked.
pub(crate) fn revoke(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if request.method != Method::POST {
        return Answer::method_not_allowed("POST");
    }
    let params = Params::form(&request.body);
    if let Err(refusal) = client_auth::authenticate(shared, config, request, &params) {
        return refusal.into();
    }
    match params.get("token") {
        Some(token) => {
            shared.revoke_token(token);
            Answer::json(StatusCode::OK, json!({}))
        }
        None => OAuthError::request("the parameter token is missing").into(),
    }
}
