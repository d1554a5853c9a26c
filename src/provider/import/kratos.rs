//! Ory Kratos: `selfservice.methods.oidc.config.providers`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Pkce, Secret, Text, Url, With, Words};
use super::table::{Rule, carry};
use super::{places, scalar, yaml};

const ROWS: &[(&str, Rule)] = &[
    ("id", Text("provider.id")),
    ("label", Text("provider.name")),
    ("provider", Known),
    ("client_id", Text("client.id")),
    ("client_secret", Secret),
    ("issuer_url", Url("provider.issuer")),
    ("auth_url", Url("authorization.url")),
    ("token_url", Url("token.url")),
    ("scope", Words("authorization.scopes")),
    ("pkce", Pkce),
    ("claims_source", With(claims_source)),
    ("mapper_url", With(mapper)),
    ("subject_source", With(subject_source)),
    ("requested_claims", With(requested_claims)),
    (
        "additional_id_token_audiences",
        Left("an ID token is for the client alone"),
    ),
    (
        "account_linking_mode",
        Left("people are linked by `email_trust`"),
    ),
    (
        "organization_id",
        Left("an account takes the place of an organization"),
    ),
    ("microsoft_tenant", With(tenant)),
    ("apple_team_id", Left("write it into the bundled mapping")),
    (
        "apple_private_key_id",
        Left("write it into the bundled mapping"),
    ),
    (
        "apple_private_key",
        Left("write it into the bundled mapping"),
    ),
];

pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let documents = yaml::read(text)?;
    let providers = documents.iter().filter_map(|document| {
        yaml::find(document, "oidc")?
            .get("config")?
            .get("providers")?
            .as_array()
    });
    Ok(providers
        .flatten()
        .filter(|item| item.is_object())
        .map(provider)
        .collect())
}

fn provider(value: &Value) -> Mapping {
    let mut mapping = Mapping::default();
    let kind = value.get("provider").and_then(scalar).unwrap_or_default();
    carry(&mut mapping, ROWS, value);
    let id = mapping.text("provider.id").unwrap_or_default().to_owned();
    mapping.old_redirect_uri(format!("…/self-service/methods/oidc/callback/{id}"));
    match bundled(&kind) {
        Some(name) => mapping.bundled(name),
        None => {
            mapping.set("provider.kind", "openid");
            mapping.add("authorization.scopes", ["openid".to_owned()]);
            mapping.set_default("client.authentication", "basic");
            mapping.set_default("userinfo.source", "id_token");
            mapping.set_default("userinfo.response.user_id", "sub");
            mapping.set_default("userinfo.response.email", "email");
            mapping.set_default("userinfo.response.email_verified", "email_verified");
            if kind != "generic" {
                mapping.warn(format!("`{kind}` is a provider that Kratos knows by name; its URLs have to be written by hand"));
            }
        }
    }
    mapping
}

fn bundled(kind: &str) -> Option<&'static str> {
    const NAMES: &[&str] = &[
        "apple",
        "auth0",
        "discord",
        "dingtalk",
        "facebook",
        "github",
        "gitlab",
        "google",
        "lark",
        "line",
        "linkedin",
        "microsoft",
        "slack",
        "vk",
        "yandex",
        "salesforce",
    ];
    let name = NAMES.iter().copied().find(|name| *name == kind)?;
    Some(if name == "lark" { "feishu" } else { name })
}

fn claims_source(mapping: &mut Mapping, _: &str, value: &Value) {
    if scalar(value).as_deref() == Some("userinfo") {
        mapping.set("userinfo.source", "request");
    }
}

fn subject_source(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).as_deref() {
        Some("userinfo" | "id_token") => {}
        Some("oid") => mapping.set("userinfo.response.user_id", "oid"),
        _ => mapping.left(
            name,
            "has no counterpart; choose `userinfo.response.user_id` by hand",
        ),
    }
}

fn requested_claims(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.enter("authorization.parameters", "claims", value.to_string());
}

fn tenant(mapping: &mut Mapping, name: &str, value: &Value) {
    let tenant = scalar(value).unwrap_or_default();
    mapping.left(
        name,
        format!("write `{tenant}` in the place of the tenant in the URLs"),
    );
}

/// The mapper is Jsonnet; its plain assignments can be read.
fn mapper(mapping: &mut Mapping, name: &str, value: &Value) {
    let url = scalar(value).unwrap_or_default();
    let source = url
        .strip_prefix("base64://")
        .and_then(|text| STANDARD.decode(text.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(source) = source else {
        mapping.left(
            name,
            format!(
                "`{url}` is elsewhere; the usual claims are written here, compare them with it"
            ),
        );
        return;
    };
    // Several may stand on one line.
    for line in source.lines().flat_map(|line| line.split([',', '{', '}'])) {
        assignment(mapping, name, line.trim());
    }
    if source.contains("email_verified") {
        mapping.set("provider.email_trust", "claim");
    }
}

/// `email: claims.email,` within `traits`.
fn assignment(mapping: &mut Mapping, field: &str, line: &str) {
    let line = line.trim_end_matches(',');
    let Some((target, source)) = line.split_once(':') else {
        return;
    };
    let (target, source) = (
        target.trim().trim_matches(['"', '\'', '[', ']']),
        source.trim(),
    );
    let Some(path) = source.strip_prefix("claims.") else {
        if source.contains("claims") {
            mapping.left(
                field,
                format!("`{}` is more than an assignment", line.trim()),
            );
        }
        return;
    };
    let path = path.strip_prefix("raw_claims.").unwrap_or(path);
    let Some(place) = places::place(path) else {
        mapping.left(
            field,
            format!("`{}` is more than an assignment", line.trim()),
        );
        return;
    };
    match target {
        "email" => mapping.set("userinfo.response.email", place),
        "name" | "full_name" => mapping.set("userinfo.response.name", place),
        "first_name" | "given_name" | "first" => mapping.set("userinfo.response.given_name", place),
        "last_name" | "family_name" | "last" => mapping.set("userinfo.response.family_name", place),
        "picture" | "avatar" => mapping.set("userinfo.response.picture", place),
        other => mapping.enter("userinfo.response.attributes", other, place),
    }
}
