//! Keycloak: `identityProviders` of a realm export.

use serde_json::Value;

use super::mapping::Mapping;
use super::reference::Reference;
use super::table::Rule::{Known, Left, Path, Pkce, Text, Trust, Url, With, Words};
use super::table::{Rule, carry};
use super::{flag, places, scalar};

const OUTER: &[(&str, Rule)] = &[
    ("alias", Text("provider.id")),
    ("displayName", Text("provider.name")),
    ("providerId", Known),
    ("internalId", Known),
    ("config", Known),
    ("enabled", With(enabled)),
    ("trustEmail", Trust),
    ("storeToken", With(store_token)),
    ("linkOnly", With(link_only)),
    ("addReadTokenRoleOnCreate", Known),
    ("authenticateByDefault", Known),
    ("hideOnLogin", Known),
    ("hideOnLoginPage", Known),
    ("updateProfileFirstLoginMode", Known),
    ("types", Known),
    (
        "firstBrokerLoginFlowAlias",
        Left("who is new and who is linked follows `email_trust`"),
    ),
    (
        "postBrokerLoginFlowAlias",
        Left("nothing runs after a login"),
    ),
    (
        "organizationId",
        Left("an account takes the place of an organization"),
    ),
];

const CONFIG: &[(&str, Rule)] = &[
    ("clientId", Text("client.id")),
    ("clientSecret", With(secret)),
    ("clientAuthMethod", With(authentication)),
    ("authorizationUrl", Url("authorization.url")),
    ("tokenUrl", Url("token.url")),
    ("userInfoUrl", Url("userinfo.url")),
    ("issuer", Text("provider.issuer")),
    ("logoutUrl", Url("end_session.url")),
    ("defaultScope", Words("authorization.scopes")),
    ("prompt", With(prompt)),
    ("pkceEnabled", Known),
    ("pkceMethod", Known),
    ("disableUserInfo", With(no_userinfo)),
    ("userIDClaim", Path("userinfo.response.user_id")),
    ("userNameClaim", With(user_name)),
    ("emailClaim", Path("userinfo.response.email")),
    ("fullNameClaim", Path("userinfo.response.name")),
    ("givenNameClaim", Path("userinfo.response.given_name")),
    ("familyNameClaim", Path("userinfo.response.family_name")),
    ("hideOnLoginPage", Known),
    ("guiOrder", Known),
    ("validateSignature", With(signatures)),
    ("useJwksUrl", Known),
    ("jwksUrl", Url("provider.jwks_url")),
    ("loginHint", Known),
    ("uiLocales", Known),
    ("metadataDescriptorUrl", Known),
    (
        "syncMode",
        Left("an attribute of the profile is renewed at each login"),
    ),
    ("backchannelSupported", Known),
    (
        "forwardParameters",
        Left(
            "write each into `authorization.parameters`, as in `kc_idp_hint = \"{login.kc_idp_hint}\"`; no login begins without it then",
        ),
    ),
    ("allowedClockSkew", Left("a minute is allowed")),
    (
        "acceptsPromptNoneForwardFromClient",
        Left("`prompt` of an application reaches providers of kind `openid` by itself"),
    ),
    ("isAccessTokenJWT", Known),
    (
        "filteredByClaim",
        Left("write the condition into `access.require`"),
    ),
    (
        "claimFilterName",
        Left("write the condition into `access.require`"),
    ),
    (
        "claimFilterValue",
        Left("write the condition into `access.require`"),
    ),
    ("caseSensitiveOriginalUsername", Known),
    ("sendIdTokenOnLogout", Known),
    ("sendClientIdOnLogout", Known),
    ("supportsClientAssertions", Known),
];

pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let export: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let realms = match &export {
        Value::Array(realms) => realms.iter().collect(),
        realm => vec![realm],
    };
    let mut found = Vec::new();
    for realm in realms {
        let mappers = list(realm, "identityProviderMappers");
        for provider in list(realm, "identityProviders") {
            found.extend(identity_provider(realm, provider, &mappers));
        }
    }
    Ok(found)
}

fn list<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect()
}

fn identity_provider(realm: &Value, value: &Value, mappers: &[&Value]) -> Option<Mapping> {
    let kind = value.get("providerId")?.as_str()?;
    let alias = value.get("alias").and_then(scalar).unwrap_or_default();
    let config = value.get("config").unwrap_or(&Value::Null);
    let mut mapping = Mapping::default();
    carry(&mut mapping, OUTER, value);
    if let Some(name) = realm.get("realm").and_then(Value::as_str) {
        mapping.old_redirect_uri(format!("…/realms/{name}/broker/{alias}/endpoint"));
    }
    match kind {
        "oidc" | "keycloak-oidc" => {
            mapping.set("provider.kind", "openid");
            carry(&mut mapping, CONFIG, config);
            mapping.add("authorization.scopes", ["openid".to_owned()]);
            mapping.set_default("userinfo.response.user_id", "sub");
            mapping.set("userinfo.response.email_verified", "email_verified");
            mapping.set("userinfo.response.given_name", "given_name");
            mapping.set("userinfo.response.family_name", "family_name");
            if mapping.text("provider.issuer").is_none() {
                mapping.left(
                    "issuer",
                    "is not in the export; write the provider's issuer by hand",
                );
            }
        }
        "oauth2" => {
            carry(&mut mapping, CONFIG, config);
            mapping.set_default("userinfo.response.user_id", "sub");
        }
        social => {
            mapping.bundled(bundled(social)?);
            if let Some(id) = config.get("clientId") {
                Text("client.id").apply(&mut mapping, "clientId", id);
            }
        }
    }
    mapping.set_default("client.authentication", "body");
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "name");
    pkce(&mut mapping, config);
    for mapper in mappers {
        if mapper.get("identityProviderAlias").and_then(Value::as_str) == Some(alias.as_str()) {
            attribute(&mut mapping, mapper);
        }
    }
    Some(mapping)
}

/// Providers that Keycloak knows by name have no URLs in an export.
fn bundled(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "google" => "google",
        "github" => "github",
        "gitlab" => "gitlab",
        "facebook" => "facebook",
        "microsoft" => "microsoft",
        "linkedin-openid-connect" | "linkedin" => "linkedin",
        _ => return None,
    })
}

fn pkce(mapping: &mut Mapping, config: &Value) {
    let on = config.get("pkceEnabled").is_some_and(flag);
    let method = config
        .get("pkceMethod")
        .cloned()
        .unwrap_or_else(|| "S256".into());
    let value = if on { method } else { "none".into() };
    Pkce.apply(mapping, "pkceMethod", &value);
}

fn attribute(mapping: &mut Mapping, mapper: &Value) {
    let name = mapper.get("name").and_then(scalar).unwrap_or_default();
    let field = format!("mapper `{name}`");
    let get = |name: &str| mapper.get("config")?.get(name).and_then(scalar);
    let kind = mapper
        .get("identityProviderMapper")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (Some(claim), Some(attribute), true) = (
        get("claim"),
        get("user.attribute"),
        kind.ends_with("user-attribute-idp-mapper"),
    ) else {
        mapping.left(
            field,
            "only mappers from a claim to an attribute have a counterpart",
        );
        return;
    };
    let Some(place) = places::place(&claim) else {
        mapping.left(field, format!("`{claim}` is more than a path"));
        return;
    };
    match attribute.as_str() {
        "email" => mapping.set("userinfo.response.email", place),
        "firstName" => mapping.set("userinfo.response.given_name", place),
        "lastName" => mapping.set("userinfo.response.family_name", place),
        "locale" => mapping.set("userinfo.response.locale", place),
        "picture" => mapping.set("userinfo.response.picture", place),
        other => mapping.enter("userinfo.response.attributes", other, place),
    }
}

/// An export has asterisks in the secret's place.
fn secret(mapping: &mut Mapping, _: &str, value: &Value) {
    let masked = value
        .as_str()
        .is_some_and(|text| text.chars().all(|c| c == '*'));
    let vault = value
        .as_str()
        .is_some_and(|text| text.starts_with("${vault."));
    match Reference::of(value) {
        Reference::Env(name) if !masked && !vault => mapping.secret(Reference::Env(name)),
        _ => mapping.secret(Reference::Literal),
    }
}

fn authentication(mapping: &mut Mapping, name: &str, value: &Value) {
    match value.as_str().unwrap_or_default() {
        "client_secret_basic" => mapping.set("client.authentication", "basic"),
        "client_secret_basic_unencoded" => mapping.set("client.authentication", "basic_raw"),
        "client_secret_post" => mapping.set("client.authentication", "body"),
        "client_secret_jwt" => mapping.set("client.authentication", "client_secret_jwt"),
        "tls_client_auth" => {
            mapping.set("client.authentication", "tls_client_auth");
            mapping.left(
                name,
                "the realm's certificate is not in an export; name one in `client.tls_certificate`",
            );
        }
        "private_key_jwt" => {
            mapping.set("client.authentication", "private_key_jwt");
            mapping.left(
                name,
                "the realm's key is not in an export; name a key in `client.private_key`",
            );
        }
        other => mapping.left(name, format!("`{other}` has to be chosen by hand")),
    }
}

fn enabled(mapping: &mut Mapping, _: &str, value: &Value) {
    if !flag(value) {
        mapping.warn("it is switched off in the other broker");
    }
}

fn store_token(mapping: &mut Mapping, _: &str, value: &Value) {
    if flag(value) {
        mapping.flag("token.keep", true);
    }
}

fn link_only(mapping: &mut Mapping, _: &str, value: &Value) {
    if flag(value) {
        mapping.warn("it only linked users that were logged in already; here it logs people in");
    }
}

fn no_userinfo(mapping: &mut Mapping, _: &str, value: &Value) {
    if flag(value) {
        mapping.set("userinfo.source", "id_token");
    }
}

fn signatures(mapping: &mut Mapping, _: &str, value: &Value) {
    if !flag(value) {
        mapping.warn("signatures of ID tokens were not checked in the other broker; here they are");
    }
}

fn user_name(mapping: &mut Mapping, _: &str, value: &Value) {
    let name = scalar(value)
        .and_then(|text| places::place(&text))
        .unwrap_or_default();
    mapping.enter("userinfo.response.attributes", "preferred_username", name);
}

fn prompt(mapping: &mut Mapping, _: &str, value: &Value) {
    match value.as_str().unwrap_or_default() {
        "" | "unspecified" => {}
        prompt => mapping.enter("authorization.parameters", "prompt", prompt),
    }
}
