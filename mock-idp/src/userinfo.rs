//! `GET|POST /userinfo`, and static routes behind the same access token.

use hyper::{Method, StatusCode, header};
use serde_json::json;

use crate::answer::{Answer, OAuthError};
use crate::config::{Config, TokenIn};
use crate::dotted;
use crate::dpop;
use crate::id_token;
use crate::params::Params;
use crate::request::Request;
use crate::signature::Signed;
use crate::state::{Shared, Token};

/// The profile endpoint.
pub(crate) fn answer(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if request.method != Method::GET && request.method != Method::POST {
        return Answer::method_not_allowed("GET, POST");
    }
    let params = all_params(request);
    let required = &config.userinfo;
    let signed = Signed {
        shared,
        config,
        request,
        params: &params,
    };
    if let Some(lack) = params
        .lacks(&required.required_parameters)
        .or_else(|| request.lacks_header(&required.required_headers))
        .or_else(|| signed.lacks(required.signature.as_ref()))
    {
        return OAuthError::request(lack).into();
    }
    profile(shared, config, request).unwrap_or_else(Answer::from)
}

fn profile(shared: &Shared, config: &Config, request: &Request) -> Result<Answer, OAuthError> {
    let token = authorized(shared, config, request)?;
    let Some(account) = config.account(&token.username) else {
        return Err(OAuthError::token(
            &config.userinfo.scheme,
            "the account is gone",
        ));
    };
    let shape = &config.userinfo.response;
    let mut profile = account.profile.clone();
    if config.openid.enabled
        && token.scope.split(' ').any(|scope| scope == "openid")
        && let Some(members) = profile.as_object_mut()
    {
        members
            .entry("sub")
            .or_insert_with(|| json!(account.subject()));
    }
    if shape.signed {
        let token = id_token::signed_profile(shared, config, profile);
        return Ok(Answer::raw(StatusCode::OK, "application/jwt", token));
    }
    let whole = dotted::wrap(profile, shape.wrapper.as_deref(), &shape.extra);
    Ok(Answer::data(
        whole,
        shape.format,
        shape.content_type.clone(),
    ))
}

/// Static routes: an account's own first.
pub(crate) fn route(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if request.path.starts_with("/userinfo/") && config.userinfo.token_in == TokenIn::Path {
        return answer(shared, config, request);
    }
    let known = config.routes.contains_key(&request.path)
        || config
            .accounts
            .iter()
            .any(|account| account.routes.contains_key(&request.path));
    if !known {
        return Answer::not_found();
    }
    match authorized(shared, config, request) {
        Err(refusal) => refusal.into(),
        Ok(token) => config
            .account(&token.username)
            .and_then(|account| account.routes.get(&request.path))
            .or_else(|| config.routes.get(&request.path))
            .map_or_else(Answer::not_found, |value| {
                Answer::json(StatusCode::OK, value.clone())
            }),
    }
}

fn all_params(request: &Request) -> Params {
    let mut params = request.query.clone();
    params.extend(body_params(request));
    params
}

fn body_params(request: &Request) -> Params {
    if request.content_type() == "application/json" {
        Params::json(&request.body).unwrap_or_default()
    } else {
        Params::form(&request.body)
    }
}

/// The token a request carries, in the one place where it is accepted (RFC 6750 §2).
fn authorized(shared: &Shared, config: &Config, request: &Request) -> Result<Token, OAuthError> {
    let names = &config.userinfo;
    let scheme = names.scheme.as_str();
    let body = body_params(request);
    let bearer = request.header(header::AUTHORIZATION).and_then(|value| {
        if scheme.is_empty() {
            return (!value.contains(' ')).then_some(value);
        }
        let (sent, token) = value.split_once(' ')?;
        sent.eq_ignore_ascii_case(scheme).then_some(token.trim())
    });
    let own = request.headers.get(&names.token_key);
    let places = [
        (TokenIn::Header, own.and_then(|value| value.to_str().ok())),
        (TokenIn::Bearer, bearer),
        (TokenIn::Query, request.query.get(&names.token_key)),
        (TokenIn::Body, body.get(&names.token_key)),
        (TokenIn::Path, request.path.strip_prefix("/userinfo/")),
    ];
    let mut sent = places
        .into_iter()
        .filter_map(|(place, token)| Some((place, token?)));
    let Some((place, token)) = sent.next() else {
        return Err(OAuthError::token(scheme, "the access token is missing"));
    };
    if sent.next().is_some() {
        return Err(OAuthError::request(
            "the access token came in more than one place",
        ));
    }
    // A path counts only where it is asked for: elsewhere such a path does not exist.
    let accepted = names.token_in == place || names.token_in == TokenIn::Any;
    if !accepted {
        return Err(OAuthError::token(
            scheme,
            "the access token is not accepted in that place",
        ));
    }
    let known = shared.token(token).ok_or_else(|| {
        OAuthError::token(scheme, "the access token is unknown, expired or revoked")
    })?;
    if known.bound_to.is_some() && known.bound_to != dpop::thumbprint(request) {
        return Err(OAuthError::token(
            scheme,
            "the access token is bound to another key",
        ));
    }
    Ok(known)
}
