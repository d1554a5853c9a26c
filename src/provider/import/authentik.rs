//! authentik: blueprints with `authentik_sources_oauth.oauthsource`.

use serde_json::Value;

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Pkce, Secret, Text, Url, With};
use super::table::{Rule, carry, words};
use super::{flag, scalar, yaml};

const ROWS: &[(&str, Rule)] = &[
    ("slug", Text("provider.id")),
    ("name", Text("provider.name")),
    ("enabled", With(enabled)),
    ("provider_type", Known),
    ("consumer_key", Text("client.id")),
    ("consumer_secret", Secret),
    ("authorization_url", Url("authorization.url")),
    ("access_token_url", Url("token.url")),
    ("profile_url", Url("userinfo.url")),
    ("request_token_url", Left("OAuth 1 is not spoken")),
    ("oidc_well_known_url", With(well_known)),
    (
        "oidc_jwks_url",
        Left("the keys are where the issuer's discovery document says"),
    ),
    (
        "oidc_jwks",
        Left("the keys are where the issuer's discovery document says"),
    ),
    ("additional_scopes", Known),
    ("pkce", Pkce),
    ("authorization_code_auth_method", With(authentication)),
    ("user_matching_mode", With(matching)),
    (
        "group_matching_mode",
        Left("groups are names in the session"),
    ),
    ("user_path_template", Known),
    ("icon", Known),
    ("policy_engine_mode", Known),
    ("authentication_flow", Left("nothing runs after a login")),
    (
        "enrollment_flow",
        Left("whoever logs in for the first time is a new user"),
    ),
    (
        "user_property_mappings",
        Left("Python is not run; write the paths into `userinfo.response`"),
    ),
    (
        "group_property_mappings",
        Left("Python is not run; write the path into `userinfo.response.groups`"),
    ),
];

pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let documents = yaml::read(text)?;
    let mut found = Vec::new();
    for document in &documents {
        entries(document, &mut found);
    }
    Ok(found)
}

/// Blueprints also stand as text inside a Kubernetes secret or configuration map.
fn entries(value: &Value, found: &mut Vec<Mapping>) {
    match value {
        Value::Object(map) => {
            let model = map.get("model").and_then(Value::as_str).unwrap_or_default();
            if model.eq_ignore_ascii_case("authentik_sources_oauth.oauthsource") {
                found.push(source(value));
                return;
            }
            map.values().for_each(|value| entries(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| entries(value, found)),
        Value::String(text) if text.contains("authentik_sources_oauth") => {
            for document in yaml::read(text).unwrap_or_default() {
                if !document.is_string() {
                    entries(&document, found);
                }
            }
        }
        _ => {}
    }
}

fn source(entry: &Value) -> Mapping {
    let mut mapping = Mapping::default();
    for part in ["identifiers", "attrs"] {
        carry(&mut mapping, ROWS, entry.get(part).unwrap_or(&Value::Null));
    }
    let attribute = |name: &str| entry.get("attrs")?.get(name);
    let kind = attribute("provider_type")
        .and_then(scalar)
        .unwrap_or_default();
    if let Some(slug) = mapping.text("provider.id") {
        let uri = format!("…/source/oauth/callback/{slug}/");
        mapping.old_redirect_uri(uri);
    }
    let own_urls = mapping.has("token.url") || mapping.has("provider.issuer");
    let bundled = match kind.as_str() {
        "azuread" | "entraid" => Some("microsoft"),
        name => [
            "apple", "discord", "facebook", "github", "gitlab", "google", "okta",
        ]
        .into_iter()
        .find(|known| *known == name),
    };
    match bundled.filter(|_| !own_urls) {
        Some(name) => mapping.bundled(name),
        None => own(&mut mapping, &kind, attribute("additional_scopes")),
    }
    mapping
}

fn own(mapping: &mut Mapping, kind: &str, scopes: Option<&Value>) {
    let scopes = scopes.map(words).unwrap_or_default();
    let replaces = scopes.first().is_some_and(|scope| scope.starts_with('*'));
    if !replaces {
        mapping.add(
            "authorization.scopes",
            ["openid", "email", "profile"].map(str::to_owned),
        );
    }
    mapping.add(
        "authorization.scopes",
        scopes
            .iter()
            .map(|scope| scope.trim_start_matches('*').to_owned()),
    );
    if mapping.has("provider.issuer") {
        mapping.set("provider.kind", "openid");
        mapping.set_default("userinfo.response.email_verified", "email_verified");
    } else {
        mapping.warn(format!("the source's type `{kind}` decides where id, email and name are found; the usual names are written here, compare them with the provider's answer"));
    }
    mapping.set_default("client.authentication", "basic");
    mapping.set_default("authorization.pkce", "none");
    mapping.set_default("userinfo.response.user_id", "sub");
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "name");
}

fn well_known(mapping: &mut Mapping, name: &str, value: &Value) {
    let url = scalar(value).unwrap_or_default();
    match url.strip_suffix("/.well-known/openid-configuration") {
        Some(issuer) => mapping.set("provider.issuer", issuer),
        None => mapping.left(name, "is not an issuer with `/.well-known/openid-configuration` behind it; write the issuer by hand"),
    }
}

fn authentication(mapping: &mut Mapping, _: &str, value: &Value) {
    let body = scalar(value).is_some_and(|method| method == "post_body");
    mapping.set("client.authentication", if body { "body" } else { "basic" });
}

fn matching(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).unwrap_or_default().as_str() {
        "email_link" => mapping.set("provider.email_trust", "provider"),
        "email_deny" => mapping.set("provider.email_trust", "never"),
        "identifier" => {}
        other => mapping.left(
            name,
            format!("`{other}` has no counterpart; people are linked by email or not at all"),
        ),
    }
}

fn enabled(mapping: &mut Mapping, _: &str, value: &Value) {
    if !flag(value) {
        mapping.warn("it is switched off in the other broker");
    }
}
