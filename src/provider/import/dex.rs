//! Dex: `connectors` of type `oauth` and `oidc`.

use serde_json::Value;

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Name, Parameter, Pkce, Secret, Text, Url, With, Words};
use super::table::{Rule, carry, words};
use super::{flag, scalar, yaml};

const TLS: Rule = Left("certificates are checked against the system's authorities");

const OAUTH: &[(&str, Rule)] = &[
    ("clientID", Text("client.id")),
    ("clientSecret", Secret),
    ("redirectURI", With(old_redirect_uri)),
    ("authorizationURL", Url("authorization.url")),
    ("tokenURL", Url("token.url")),
    ("userInfoURL", Url("userinfo.url")),
    ("scopes", Words("authorization.scopes")),
    ("userIDKey", Name("userinfo.response.user_id")),
    ("claimMapping", With(claims_of_oauth)),
    ("rootCAs", TLS),
    ("insecureSkipVerify", TLS),
];

const OIDC: &[(&str, Rule)] = &[
    ("issuer", Url("provider.issuer")),
    ("clientID", Text("client.id")),
    ("clientSecret", Secret),
    ("redirectURI", With(old_redirect_uri)),
    ("basicAuthUnsupported", With(basic_unsupported)),
    ("scopes", Words("authorization.scopes")),
    ("insecureSkipEmailVerified", Rule::Trust),
    ("acrValues", With(acr_values)),
    ("promptType", Parameter("prompt")),
    ("pkceChallenge", Pkce),
    ("getUserInfo", With(get_user_info)),
    ("userIDKey", Name("userinfo.response.user_id")),
    ("userNameKey", Name("userinfo.response.name")),
    ("hostedDomains", Words("access.email_domains")),
    ("allowedGroups", With(allowed_groups)),
    ("insecureEnableGroups", With(groups)),
    ("claimMapping", With(claims_of_oidc)),
    ("overrideClaimMapping", With(override_mapping)),
    ("providerDiscoveryOverrides", With(overrides)),
    (
        "issuerAlias",
        Left("the issuer must be the one that the ID token names"),
    ),
    ("claimModifications", Left("values are taken as they come")),
    ("rootCAs", TLS),
    ("insecureSkipVerify", TLS),
];

pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let documents = yaml::read(text)?;
    let connectors = documents
        .iter()
        .filter_map(|document| yaml::find(document, "connectors")?.as_array())
        .flatten();
    Ok(connectors.filter_map(connector).collect())
}

fn connector(value: &Value) -> Option<Mapping> {
    let kind = value.get("type")?.as_str()?;
    let config = value.get("config").unwrap_or(&Value::Null);
    let mut mapping = Mapping::default();
    for (field, key) in [("id", "provider.id"), ("name", "provider.name")] {
        let text = value.get(field).and_then(scalar).unwrap_or_default();
        Text(key).apply(&mut mapping, field, &Value::String(text));
    }
    match kind {
        "oauth" => {
            carry(&mut mapping, OAUTH, config);
            mapping.set_default("userinfo.response.user_id", "id");
            mapping.set_default("userinfo.response.email", "email");
            mapping.set_default("userinfo.response.name", "user_name");
            mapping.set("authorization.pkce", "none");
            mapping.warn("Dex writes large numbers as ids with an exponent (12345678 as 1.2345678e+07); here they stay digit for digit, so whoever has such an id is a new person");
        }
        "oidc" => {
            mapping.set("provider.kind", "openid");
            carry(&mut mapping, OIDC, config);
            mapping.add("authorization.scopes", ["openid".to_owned()]);
            if config
                .get("scopes")
                .is_none_or(|scopes| words(scopes).is_empty())
            {
                mapping.add(
                    "authorization.scopes",
                    ["profile", "email"].map(str::to_owned),
                );
            }
            mapping.set_default("client.authentication", "basic");
            mapping.set_default("authorization.pkce", "none");
            mapping.set_default("userinfo.source", "id_token");
            mapping.set_default("userinfo.response.user_id", "sub");
            mapping.set_default("userinfo.response.email", "email");
            mapping.set("userinfo.response.email_verified", "email_verified");
            mapping.set_default("userinfo.response.name", "name");
        }
        other => bundled(other, &mut mapping, config)?,
    }
    Some(mapping)
}

/// Dex's connectors of one vendor have no URLs; the bundled mapping has.
fn bundled(kind: &str, mapping: &mut Mapping, config: &Value) -> Option<()> {
    let name = ["github", "gitlab", "google", "microsoft", "linkedin"]
        .into_iter()
        .find(|name| *name == kind)?;
    mapping.bundled(name);
    let rows: &[(&str, Rule)] = &[
        ("clientID", Text("client.id")),
        ("clientSecret", Known),
        ("redirectURI", With(old_redirect_uri)),
    ];
    carry(mapping, rows, config);
    Some(())
}

fn old_redirect_uri(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.old_redirect_uri(scalar(value).unwrap_or_default());
}

fn claims_of_oauth(mapping: &mut Mapping, _: &str, value: &Value) {
    const ROWS: &[(&str, Rule)] = &[
        ("userNameKey", Name("userinfo.response.name")),
        ("preferredUsernameKey", With(preferred_name)),
        ("groupsKey", Name("userinfo.response.groups")),
        ("emailKey", Name("userinfo.response.email")),
        ("emailVerifiedKey", Name("userinfo.response.email_verified")),
    ];
    carry(mapping, ROWS, value);
}

fn claims_of_oidc(mapping: &mut Mapping, _: &str, value: &Value) {
    const ROWS: &[(&str, Rule)] = &[
        ("preferred_username", With(preferred_name)),
        ("email", Name("userinfo.response.email")),
        ("groups", Name("userinfo.response.groups")),
    ];
    carry(mapping, ROWS, value);
    mapping.warn("Dex takes a mapped claim only where the standard one is absent, unless `overrideClaimMapping` is set; here the mapped one is taken");
}

fn override_mapping(_: &mut Mapping, _: &str, _: &Value) {}

fn preferred_name(mapping: &mut Mapping, _: &str, value: &Value) {
    let name = scalar(value).unwrap_or_default();
    mapping.enter("userinfo.response.attributes", "preferred_username", name);
}

fn basic_unsupported(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.set(
        "client.authentication",
        if flag(value) { "body" } else { "basic" },
    );
}

fn get_user_info(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.set(
        "userinfo.source",
        if flag(value) { "request" } else { "id_token" },
    );
}

fn acr_values(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.enter(
        "authorization.parameters",
        "acr_values",
        words(value).join(" "),
    );
}

fn groups(mapping: &mut Mapping, _: &str, value: &Value) {
    if flag(value) {
        mapping.set_default("userinfo.response.groups", "$.groups[*]");
    }
}

/// One of these groups must be among the person's.
pub(super) fn allowed_groups(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.add("access.groups", words(value));
}

fn overrides(mapping: &mut Mapping, _: &str, value: &Value) {
    const ROWS: &[(&str, Rule)] = &[
        ("tokenURL", Url("token.url")),
        ("authURL", Url("authorization.url")),
        ("userInfoURL", Url("userinfo.url")),
        (
            "jwksURL",
            Left("the keys are where the discovery document says"),
        ),
    ];
    carry(mapping, ROWS, value);
}
