//! oauth2-proxy: its configuration file, flags, variables, and the alpha
//! configuration.

use serde_json::{Map, Value};

use super::mapping::Mapping;
use super::reference::Reference;
use super::table::Rule::{Known, Left, Name, Parameter, Pkce, Secret, Text, Url, With, Words};
use super::table::{Rule, carry, carry_one, words};
use super::{dex, flag, pairs, scalar, yaml};

const CFG: &[(&str, Rule)] = &[
    ("provider", Known),
    ("provider_display_name", Text("provider.name")),
    ("client_id", Text("client.id")),
    ("client_secret", Secret),
    ("client_secret_file", With(secret_file)),
    ("oidc_issuer_url", Url("provider.issuer")),
    ("login_url", Url("authorization.url")),
    ("redeem_url", Url("token.url")),
    ("profile_url", Url("userinfo.url")),
    ("validate_url", Left("a session is judged by the broker")),
    ("redirect_url", With(old_redirect_uri)),
    ("scope", Words("authorization.scopes")),
    ("code_challenge_method", Pkce),
    ("oidc_email_claim", Name("userinfo.response.email")),
    ("user_id_claim", With(user_id)),
    ("oidc_groups_claim", With(groups)),
    ("oidc_jwks_url", Url("provider.jwks_url")),
    ("skip_oidc_discovery", Known),
    (
        "oidc_extra_audiences",
        Left("an ID token is for the client alone"),
    ),
    ("oidc_audience_claims", Left("the audience is `aud`")),
    ("insecure_oidc_allow_unverified_email", Rule::Trust),
    ("insecure_oidc_skip_nonce", Known),
    (
        "insecure_oidc_skip_issuer_verification",
        Left("the issuer is always checked"),
    ),
    (
        "ssl_insecure_skip_verify",
        Left("certificates are checked against the system's authorities"),
    ),
    ("email_domains", With(domains)),
    ("email_domain", With(domains)),
    ("allowed_groups", With(dex::allowed_groups)),
    ("allowed_group", With(dex::allowed_groups)),
    ("prompt", Parameter("prompt")),
    ("acr_values", Parameter("acr_values")),
    ("skip_claims_from_profile_url", With(no_profile)),
    (
        "github_org",
        Left("write the condition into `access.require`"),
    ),
    (
        "github_team",
        Left("write the condition into `access.require`"),
    ),
];

/// What begins so has to do with the provider; the rest is about the proxy.
const ABOUT: &[&str] = &[
    "oidc_",
    "insecure_oidc_",
    "github_",
    "gitlab_",
    "google_",
    "azure_",
    "keycloak_",
];

const ALPHA: &[(&str, Rule)] = &[
    ("id", Text("provider.id")),
    ("name", Text("provider.name")),
    ("provider", Known),
    ("clientID", Text("client.id")),
    ("clientSecret", Secret),
    ("clientSecretFile", With(secret_file)),
    ("loginURL", Url("authorization.url")),
    ("redeemURL", Url("token.url")),
    ("profileURL", Url("userinfo.url")),
    ("validateURL", Left("a session is judged by the broker")),
    ("scope", Words("authorization.scopes")),
    ("code_challenge_method", Pkce),
    ("codeChallengeMethod", Pkce),
    ("allowedGroups", With(dex::allowed_groups)),
    ("loginURLParameters", With(login_parameters)),
    ("skipClaimsFromProfileURL", With(no_profile)),
    ("oidcConfig", With(oidc)),
    (
        "caFiles",
        Left("certificates are checked against the system's authorities"),
    ),
];

const OIDC: &[(&str, Rule)] = &[
    ("issuerURL", Url("provider.issuer")),
    ("emailClaim", Name("userinfo.response.email")),
    ("groupsClaim", With(groups)),
    ("userIDClaim", With(user_id)),
    ("jwksURL", Url("provider.jwks_url")),
    ("skipDiscovery", Known),
    ("insecureSkipNonce", Known),
    ("insecureAllowUnverifiedEmail", Rule::Trust),
    (
        "insecureSkipIssuerVerification",
        Left("the issuer is always checked"),
    ),
    ("audienceClaims", Left("the audience is `aud`")),
    (
        "extraAudiences",
        Left("an ID token is for the client alone"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "other formats can be unreadable")]
pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    if let Ok(documents) = yaml::read(text) {
        let alpha: Vec<Mapping> = documents
            .iter()
            .filter_map(|document| document.get("providers")?.as_array())
            .flatten()
            .filter(|provider| provider.get("clientID").is_some())
            .map(alpha)
            .collect();
        if !alpha.is_empty() {
            return Ok(alpha);
        }
    }
    let settings = settings(text);
    let named = |name: &str| settings.iter().any(|(known, _)| known == name);
    if !named("client_id") || !(named("provider") || named("oidc_issuer_url")) {
        return Ok(Vec::new());
    }
    let kind = settings.iter().find(|(name, _)| name == "provider");
    let kind = kind
        .and_then(|(_, value)| scalar(value))
        .unwrap_or_else(|| "google".to_owned());
    let mut mapping = Mapping::default();
    mapping.set("provider.id", kind.as_str());
    for (name, value) in &settings {
        if CFG.iter().any(|(known, _)| known == name) || ABOUT.iter().any(|p| name.starts_with(p)) {
            carry_one(&mut mapping, CFG, name, value);
        }
    }
    finish(&mut mapping, &kind);
    Ok(vec![mapping])
}

/// The settings by their names in the file, also from flags and variables.
fn settings(text: &str) -> Vec<(String, Value)> {
    let text = text.replace(" --", "\n--").replace("\\\n", "\n");
    pairs::read(&text)
        .into_iter()
        .map(|(name, value)| {
            let name = name.strip_prefix("OAUTH2_PROXY_").unwrap_or(&name);
            (name.to_ascii_lowercase().replace('-', "_"), value)
        })
        .collect()
}

fn alpha(provider: &Value) -> Mapping {
    let mut mapping = Mapping::default();
    carry(&mut mapping, ALPHA, provider);
    let kind = provider
        .get("provider")
        .and_then(scalar)
        .unwrap_or_default();
    finish(&mut mapping, &kind);
    mapping
}

fn finish(mapping: &mut Mapping, kind: &str) {
    let bundled = ["github", "gitlab", "google", "facebook", "linkedin"];
    let bundled = bundled.into_iter().find(|name| *name == kind);
    let own_urls = mapping.has("provider.issuer") || mapping.has("token.url");
    match bundled {
        Some(name) if !own_urls => mapping.bundled(name),
        _ => {
            let openid = mapping.has("provider.issuer");
            if openid {
                mapping.set("provider.kind", "openid");
                mapping.set_default("userinfo.response.email_verified", "email_verified");
                mapping.add("authorization.scopes", ["openid".to_owned()]);
                if !mapping.has("userinfo.url") {
                    mapping.set_default("userinfo.source", "id_token");
                }
            }
            mapping.set_default(
                "client.authentication",
                if openid { "basic" } else { "body" },
            );
            mapping.set_default("authorization.pkce", "none");
            mapping.set_default("userinfo.response.user_id", "sub");
            mapping.set_default("userinfo.response.email", "email");
            mapping.set_default("userinfo.response.name", "name");
        }
    }
    mapping.warn("oauth2-proxy knows people by their email unless `user_id_claim` is set; here they are known by `userinfo.response.user_id`, so choose a value that never changes and is never reused");
    mapping.old_redirect_uri("…/oauth2/callback");
}

fn user_id(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).as_deref() {
        Some("email") => mapping.left(
            name,
            "an email can pass to somebody else; `sub` is taken as the id",
        ),
        _ => Name("userinfo.response.user_id").apply(mapping, name, value),
    }
}

fn groups(mapping: &mut Mapping, _: &str, value: &Value) {
    let claim = scalar(value).unwrap_or_default();
    mapping.set("userinfo.response.groups", super::grafana::all_of(&claim));
}

fn domains(mapping: &mut Mapping, _: &str, value: &Value) {
    let domains = words(value).into_iter().filter(|domain| domain != "*");
    mapping.add("access.email_domains", domains);
}

fn no_profile(mapping: &mut Mapping, _: &str, value: &Value) {
    if flag(value) {
        mapping.set("userinfo.source", "id_token");
    }
}

fn secret_file(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.secret(Reference::File(scalar(value).unwrap_or_default()));
}

fn old_redirect_uri(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.old_redirect_uri(scalar(value).unwrap_or_default());
}

fn oidc(mapping: &mut Mapping, _: &str, value: &Value) {
    carry(mapping, OIDC, value);
}

/// `[{name, default: [value], allow: […]}]`
fn login_parameters(mapping: &mut Mapping, field: &str, value: &Value) {
    for item in value.as_array().into_iter().flatten() {
        let empty = Map::new();
        let item = item.as_object().unwrap_or(&empty);
        let name = item.get("name").and_then(scalar).unwrap_or_default();
        if item.contains_key("allow") {
            mapping.left(
                format!("{field}: {name}"),
                "parameters of the store's request are not handed on",
            );
        }
        let values = item.get("default").map(words).unwrap_or_default();
        match &values[..] {
            [] => {}
            [only] => mapping.enter("authorization.parameters", name, only.as_str()),
            _ => mapping.left(
                format!("{field}: {name}"),
                "has several values; a parameter is sent once",
            ),
        }
    }
}
