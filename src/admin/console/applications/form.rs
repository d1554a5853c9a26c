//! What a form says of an application, and which field a refusal is about.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};
use serde_json::{Value, json};

use super::super::Console;
use super::super::api::or_null;
use super::super::view::shown;
use crate::authority::application::{ApplicationError, NewApplication};
use crate::authority::{ClientId, Grant, Scopes};
use crate::base::{ErrorCode, Secret};
use crate::http::problem::Problem;
use crate::protocol::form::Pairs;

/// What a form says of an application.
pub(super) fn typed(form: &Pairs) -> Value {
    let get = |name: &str| form.get(name).unwrap_or_default();
    let grants: Vec<&str> = Grant::ALL
        .into_iter()
        .map(Grant::as_str)
        .filter(|grant| form.get(&format!("grant.{grant}")).is_some())
        .collect();
    json!({
        "client_id": get("client_id").trim(),
        "suggested": get("suggested"),
        "client_secret": get("client_secret"),
        "name": get("name"),
        "account": get("account").trim(),
        "public": form.get("public").is_some(),
        "scopes": get("scopes"),
        "grants": grants,
        "redirect_uris": get("redirect_uris"),
        "post_logout_redirect_uris": get("post_logout_redirect_uris"),
        "backchannel_logout_uri": get("backchannel_logout_uri").trim(),
        "id_token_signed_response_alg": get("id_token_signed_response_alg"),
        "audience": get("audience").trim(),
        "token_endpoint_auth_method": get("token_endpoint_auth_method"),
        "jwks": get("jwks").trim(),
        "jwks_uri": get("jwks_uri").trim(),
        "application_type": get("application_type"),
        "require_pkce": form.get("require_pkce").is_some(),
        "pushed_authorization_requests": get("pushed_authorization_requests"),
        "resources": get("resources"),
        "access_token_lifetime": get("access_token_lifetime").trim(),
        "refresh_token_lifetime": get("refresh_token_lifetime").trim(),
        "refresh_token_absolute_lifetime": get("refresh_token_absolute_lifetime").trim(),
        "reuse_refresh_tokens": form.get("reuse_refresh_tokens").is_some(),
        "consent": form.get("consent").is_some(),
        "id_token_claims": get("id_token_claims").trim(),
        "userinfo_claims": get("userinfo_claims").trim(),
        "access_token_claims": get("access_token_claims").trim(),
        "unnamed_requests": form.get("unnamed_requests").is_some(),
        "virto_claims": form.get("virto_claims").is_some(),
        "roles": get("roles"),
        "impersonation_group": get("impersonation_group").trim(),
    })
}

/// The key set that was typed; what is no JSON is sent as a text, which is refused.
fn jwks(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The lines of a field that are not empty.
fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

/// Names between spaces or commas; none: as is usual.
pub(in crate::admin::console) fn names(text: &str) -> Value {
    let names = text.split([',', ' ', '\n', '\r']);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        Value::Null
    } else {
        names.into()
    }
}

/// What can change, as the API reads it.
pub(super) fn changes(typed: &Value) -> Value {
    let optional = |name| or_null(text(typed, name));
    json!({
        "name": text(typed, "name").trim(),
        "scopes": text(typed, "scopes").split_whitespace().collect::<Vec<_>>(),
        "grants": typed["grants"],
        "redirect_uris": lines(text(typed, "redirect_uris")),
        "post_logout_redirect_uris": lines(text(typed, "post_logout_redirect_uris")),
        "backchannel_logout_uri": optional("backchannel_logout_uri"),
        "id_token_signed_response_alg": optional("id_token_signed_response_alg"),
        "audience": optional("audience"),
        "token_endpoint_auth_method": optional("token_endpoint_auth_method"),
        "jwks": jwks(text(typed, "jwks")),
        "jwks_uri": optional("jwks_uri"),
        "application_type": optional("application_type"),
        "require_pkce": typed["require_pkce"],
        "pushed_authorization_requests": optional("pushed_authorization_requests"),
        "resources": lines(text(typed, "resources")),
        "access_token_lifetime": optional("access_token_lifetime"),
        "refresh_token_lifetime": optional("refresh_token_lifetime"),
        "refresh_token_absolute_lifetime": optional("refresh_token_absolute_lifetime"),
        "reuse_refresh_tokens": typed["reuse_refresh_tokens"],
        "consent": typed["consent"],
        "id_token_claims": names(text(typed, "id_token_claims")),
        "userinfo_claims": names(text(typed, "userinfo_claims")),
        "access_token_claims": names(text(typed, "access_token_claims")),
        "unnamed_requests": typed["unnamed_requests"],
        "virto_claims": typed["virto_claims"],
        "roles": lines(text(typed, "roles")),
        "impersonation_group": optional("impersonation_group"),
    })
}

/// The field of a setting, by its name.
fn setting(name: &str) -> Option<&'static str> {
    [
        "token_endpoint_auth_method",
        "jwks",
        "jwks_uri",
        "resources",
        "access_token_lifetime",
        "refresh_token_lifetime",
        "refresh_token_absolute_lifetime",
        "reuse_refresh_tokens",
        "id_token_claims",
        "userinfo_claims",
        "access_token_claims",
        "unnamed_requests",
        "roles",
        "impersonation_group",
        "id_token_signed_response_alg",
    ]
    .into_iter()
    .find(|field| *field == name)
}

/// Which field a refusal is about; empty where it is about none.
async fn place(console: &Console, typed: &Value, problem: &Problem) -> &'static str {
    if let Some(field) = problem.field.as_deref().and_then(setting) {
        return field;
    }
    match problem.code {
        ErrorCode::ApplicationExists => return "client_id",
        ErrorCode::ApplicationScopes => return "scopes",
        ErrorCode::ApplicationSigningAlg => return "id_token_signed_response_alg",
        ErrorCode::ApplicationAudience => return "audience",
        ErrorCode::AdminNotFound => return "account",
        _ => {}
    }
    if text(typed, "client_id").parse::<ClientId>().is_err() {
        return "client_id";
    }
    let Ok(scopes) = Scopes::of(text(typed, "scopes").split_whitespace()) else {
        return "scopes";
    };
    let grants: BTreeSet<Grant> = Grant::ALL
        .into_iter()
        .filter(|grant| {
            let grants = typed["grants"].as_array().into_iter().flatten();
            grants.into_iter().any(|given| given == grant.as_str())
        })
        .collect();
    let owned = |name| {
        let found = lines(text(typed, name)).into_iter();
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    let again = NewApplication {
        client_id: text(typed, "client_id").parse().ok(),
        secret: Some(text(typed, "client_secret").trim())
            .filter(|secret| !secret.is_empty() && typed["public"] != true)
            .map(Secret::new),
        name: Some(text(typed, "name").trim().to_owned()),
        scopes: Some(scopes),
        grants: Some(grants),
        redirect_uris: owned("redirect_uris"),
        post_logout_redirect_uris: owned("post_logout_redirect_uris"),
        backchannel_logout_uri: owned("backchannel_logout_uri").pop(),
        public: typed["public"] == true,
        ..NewApplication::default()
    };
    let admin = &console.admin;
    let made = again
        .make(&admin.hasher, &admin.audience, admin.clock.now())
        .await;
    match made {
        Err(ApplicationError::Name) => "name",
        Err(
            ApplicationError::Secret | ApplicationError::ShortKey | ApplicationError::PublicSecret,
        ) => "client_secret",
        Err(ApplicationError::Audience) => "client_id",
        Err(ApplicationError::NoGrant | ApplicationError::PublicClientCredentials) => "grants",
        Err(ApplicationError::NoRedirectUri | ApplicationError::Uri(_, "redirect URI")) => {
            "redirect_uris"
        }
        Err(ApplicationError::Uri(_, "post-logout redirect URI")) => "post_logout_redirect_uris",
        Err(ApplicationError::Uri(..)) => "backchannel_logout_uri",
        _ => "",
    }
}

/// The page with what was typed, and what is wrong with it.
pub(super) struct Refused {
    pub typed: Value,
    pub problem: Problem,
    pub place: &'static str,
}

impl Refused {
    pub async fn new(console: &Console, typed: Value, problem: Problem) -> Self {
        let place = place(console, &typed, &problem).await;
        Self {
            typed,
            problem,
            place,
        }
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::BAD_REQUEST)
    }

    pub fn values(&self) -> TemplateValue {
        let detail = self.problem.detail.as_str();
        context! {
            form => shown(&self.typed),
            wrong => context! { field => self.place, detail },
        }
    }
}
