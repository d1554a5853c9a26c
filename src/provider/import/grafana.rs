//! Grafana: `auth.generic_oauth`, as INI, variables, Helm values, the SSO
//! settings' JSON or Terraform.

use serde_json::{Map, Value};

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Path, Pkce, Secret, Text, Url, With, Words};
use super::table::{Rule, carry};
use super::{dex, members, pairs, places, scalar, yaml};

const ROWS: &[(&str, Rule)] = &[
    ("name", Text("provider.name")),
    ("enabled", Known),
    ("icon", Known),
    ("client_id", Text("client.id")),
    ("client_secret", Secret),
    ("auth_url", Url("authorization.url")),
    ("token_url", Url("token.url")),
    ("api_url", Url("userinfo.url")),
    ("scopes", Words("authorization.scopes")),
    ("empty_scopes", Known),
    ("auth_style", With(auth_style)),
    ("use_pkce", Pkce),
    ("signout_redirect_url", With(sign_out)),
    ("email_attribute_path", Path("userinfo.response.email")),
    ("email_attribute_name", With(email_attribute)),
    ("login_attribute_path", With(login)),
    ("name_attribute_path", Path("userinfo.response.name")),
    ("groups_attribute_path", With(groups)),
    ("id_token_attribute_name", With(id_token)),
    ("allowed_domains", Words("access.email_domains")),
    ("allowed_groups", With(dex::allowed_groups)),
    ("allow_sign_up", Known),
    ("auto_login", Known),
    ("login_prompt", With(prompt)),
    (
        "use_refresh_token",
        Left("the provider's refresh token is not used"),
    ),
    (
        "role_attribute_path",
        Left(
            "roles are the store's business; write what it needs into `userinfo.response.attributes`",
        ),
    ),
    (
        "role_attribute_strict",
        Left("write the condition into `access.require`"),
    ),
    ("allow_assign_grafana_admin", Known),
    ("skip_org_role_sync", Known),
    (
        "org_mapping",
        Left("organizations are the store's business"),
    ),
    (
        "org_attribute_path",
        Left("organizations are the store's business"),
    ),
    (
        "allowed_organizations",
        Left("write the condition into `access.require`"),
    ),
    (
        "team_ids",
        Left("write the condition into `access.require`"),
    ),
    (
        "team_ids_attribute_path",
        Left("write the condition into `access.require`"),
    ),
    (
        "teams_url",
        Left("write a request into `[[userinfo.then]]` and the condition into `access.require`"),
    ),
    (
        "tls_skip_verify_insecure",
        Left("certificates are checked against the system's authorities"),
    ),
    (
        "tls_client_cert",
        Left("a client certificate has to be named by hand"),
    ),
    (
        "tls_client_key",
        Left("a client certificate has to be named by hand"),
    ),
    (
        "tls_client_ca",
        Left("certificates are checked against the system's authorities"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "other formats can be unreadable")]
pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let Some(settings) = settings(text) else {
        return Ok(Vec::new());
    };
    let mut mapping = Mapping::default();
    mapping.set("provider.id", "generic-oauth");
    carry(&mut mapping, ROWS, &settings);
    mapping.set_default("authorization.pkce", "none");
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "name");
    mapping.set("userinfo.response.user_id", "sub");
    mapping.old_redirect_uri("…/login/generic_oauth");
    mapping.warn("Grafana takes the id from `sub` and no other member; a provider without `sub` needs another `user_id`");
    mapping.warn("Grafana takes a top-level `email` before the path that is configured; here the path alone counts");
    if mapping.text("client.authentication").is_none() {
        mapping.set("client.authentication", "basic");
        mapping.warn("Grafana finds out how the client authenticates; if the provider refuses Basic, set `authentication = \"body\"`");
    }
    Ok(vec![mapping])
}

/// The settings with names as in the INI file, from whichever form.
fn settings(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return from_json(&value);
    }
    let ini = pairs::section(text, "auth.generic_oauth");
    if !ini.is_empty() {
        return Some(object(ini.into_iter()));
    }
    let variables = pairs::read(text).into_iter().filter_map(|(name, value)| {
        let name = name
            .strip_prefix("GF_AUTH_GENERIC_OAUTH_")?
            .to_ascii_lowercase();
        Some((name, value))
    });
    let variables: Vec<_> = variables.collect();
    if !variables.is_empty() {
        return Some(object(variables.into_iter()));
    }
    if text.contains("grafana_sso_settings") {
        let own = pairs::read(text).into_iter();
        let own = own.filter(|(name, _)| ROWS.iter().any(|(known, _)| known == name));
        return Some(object(own));
    }
    let documents = yaml::read(text).ok()?;
    let found = documents
        .iter()
        .find_map(|document| yaml::find(document, "auth.generic_oauth"))?;
    found.is_object().then(|| found.clone())
}

/// `{"provider": "generic_oauth", "settings": {"authUrl": …}}`, or Helm's values.
fn from_json(value: &Value) -> Option<Value> {
    if let Some(found) = yaml::find(value, "auth.generic_oauth") {
        return Some(found.clone());
    }
    let named = value.get("provider").and_then(Value::as_str) == Some("generic_oauth");
    let settings = value.get("settings").filter(|_| named)?;
    let renamed = members(settings).map(|(name, value)| (snake(name), value.clone()));
    Some(object(renamed))
}

fn object(pairs: impl Iterator<Item = (String, Value)>) -> Value {
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn auth_style(mapping: &mut Mapping, _: &str, value: &Value) {
    match value.as_str().unwrap_or_default() {
        "InParams" => mapping.set("client.authentication", "body"),
        "InHeader" => mapping.set("client.authentication", "basic"),
        _ => {}
    }
}

fn email_attribute(mapping: &mut Mapping, name: &str, value: &Value) {
    // The default; it is only read where there is no path and no `email`.
    if value.as_str() != Some("email:primary") {
        mapping.left(
            name,
            "is a member of an `attributes` map of lists; write the path by hand",
        );
    }
}

fn login(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).and_then(|text| places::place(&text)) {
        Some(place) => mapping.enter("userinfo.response.attributes", "login", place),
        None => mapping.left(
            name,
            "is more than a path; say it as JSONPath (RFC 9535) by hand",
        ),
    }
}

fn groups(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).and_then(|text| places::list(text.trim_end_matches("[*]"))) {
        Some(place) if place.contains("[*]") => mapping.set("userinfo.response.groups", place),
        Some(place) => mapping.set("userinfo.response.groups", all_of(&place)),
        None => mapping.left(
            name,
            "is more than a path; say it as JSONPath (RFC 9535) by hand",
        ),
    }
}

/// The items of a list.
pub(super) fn all_of(place: &str) -> String {
    if place.starts_with('$') {
        format!("{place}[*]")
    } else {
        places::of_names(&[place.to_owned(), String::new()])
            .trim_end_matches("['']")
            .trim_end_matches('.')
            .to_owned()
            + "[*]"
    }
}

fn id_token(mapping: &mut Mapping, name: &str, value: &Value) {
    if value.as_str() != Some("id_token") {
        mapping.left(name, "the ID token's name is `token.response.id_token`");
    }
}

fn sign_out(mapping: &mut Mapping, name: &str, value: &Value) {
    let text = scalar(value).unwrap_or_default();
    mapping.url(
        "end_session.url",
        name,
        text.split('?').next().unwrap_or_default(),
    );
}

fn prompt(mapping: &mut Mapping, _: &str, value: &Value) {
    let prompt = scalar(value).unwrap_or_default();
    mapping.enter("authorization.parameters", "prompt", prompt);
}
