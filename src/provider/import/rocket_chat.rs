//! Rocket.Chat: the settings `Accounts_OAuth_Custom-…`.

use serde_json::{Map, Value};

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Secret, Text, With, Words};
use super::table::{Rule, carry};
use super::{grafana, members, pairs, places, scalar, yaml};

const ROWS: &[(&str, Rule)] = &[
    ("enabled", Known),
    ("url", Known),
    ("authorize_path", Known),
    ("token_path", Known),
    ("identity_path", Known),
    ("id", Text("client.id")),
    ("secret", Secret),
    ("scope", Words("authorization.scopes")),
    ("token_sent_via", With(authentication)),
    ("identity_token_sent_via", With(send_token)),
    ("access_token_param", With(token_key)),
    ("username_field", With(user_name)),
    ("email_field", With(email)),
    ("name_field", With(name)),
    ("avatar_field", With(picture)),
    ("roles_claim", With(roles)),
    ("groups_claim", With(groups)),
    ("key_field", With(key_field)),
    ("merge_users", Known),
    ("merge_users_distinct_services", Known),
    ("button_label_text", Text("provider.name")),
    ("button_label_color", Known),
    ("button_color", Known),
    ("login_style", Known),
    ("show_button", Known),
    ("merge_roles", Left("groups are names in the session")),
    ("roles_to_sync", Left("groups are names in the session")),
    ("map_channels", Left("groups are names in the session")),
    ("channels_admin", Left("groups are names in the session")),
    (
        "groups_channel_map",
        Left("groups are names in the session"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "other formats can be unreadable")]
pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let mut services: Vec<(String, Map<String, Value>)> = Vec::new();
    for (key, value) in settings(text) {
        let Some((service, field)) = parts(&key) else {
            continue;
        };
        match services.iter_mut().find(|(name, _)| *name == service) {
            Some((_, fields)) => {
                fields.insert(field, value);
            }
            None => services.push((service, Map::from_iter([(field, value)]))),
        }
    }
    let services = services
        .into_iter()
        .filter(|(_, fields)| fields.contains_key("url"));
    Ok(services
        .map(|(name, fields)| service(&name, fields))
        .collect())
}

/// The settings from lines, JSON or YAML, also as documents `{_id, value}`.
fn settings(text: &str) -> Vec<(String, Value)> {
    let documents = match serde_json::from_str::<Value>(text) {
        Ok(value) => vec![value],
        Err(_) => yaml::read(text).unwrap_or_default(),
    };
    let mut found = Vec::new();
    for document in &documents {
        collect(document, &mut found);
    }
    if found.is_empty() {
        found = pairs::read(text);
    }
    found
}

fn collect(value: &Value, found: &mut Vec<(String, Value)>) {
    if let (Some(id), Some(value)) = (value.get("_id").and_then(scalar), value.get("value")) {
        found.push((id, value.clone()));
        return;
    }
    for (name, inner) in members(value) {
        match inner {
            Value::Object(_) | Value::Array(_) => collect(inner, found),
            other if parts(name).is_some() => found.push((name.to_owned(), other.clone())),
            _ => {}
        }
    }
    for item in value.as_array().into_iter().flatten() {
        match item.as_str() {
            Some(line) => found.extend(pairs::read(line)),
            None => collect(item, found),
        }
    }
}

/// `Accounts_OAuth_Custom-Acme-token_path` and its like in the environment.
fn parts(key: &str) -> Option<(String, String)> {
    let key = key.strip_prefix("OVERWRITE_SETTING_").unwrap_or(key);
    let rest = key.strip_prefix("Accounts_OAuth_Custom")?;
    let rest = rest.trim_start_matches(['-', '_']);
    // The bare name is the switch.
    let field = ROWS
        .iter()
        .map(|(field, _)| *field)
        .filter(|field| {
            let tail = rest.to_ascii_lowercase();
            tail.ends_with(&format!("-{field}")) || tail.ends_with(&format!("_{field}"))
        })
        .max_by_key(|field| field.len());
    match field {
        Some(field) => {
            let name = &rest[..rest.len() - field.len() - 1];
            Some((name.to_owned(), field.to_owned()))
        }
        None if !rest.contains('-') && !rest.is_empty() => {
            Some((rest.to_owned(), "enabled".to_owned()))
        }
        None => None,
    }
}

fn service(name: &str, fields: Map<String, Value>) -> Mapping {
    let mut mapping = Mapping::default();
    let id: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    mapping.set("provider.id", name);
    mapping.set("provider.name", name);
    let base = fields.get("url").and_then(scalar).unwrap_or_default();
    for (field, key, usual) in [
        ("authorize_path", "authorization.url", "/oauth/authorize"),
        ("token_path", "token.url", "/oauth/token"),
        ("identity_path", "userinfo.url", "/me"),
    ] {
        let path = fields
            .get(field)
            .and_then(scalar)
            .filter(|path| !path.is_empty());
        let path = path.unwrap_or_else(|| usual.to_owned());
        let url = if path.contains("://") {
            path
        } else {
            format!(
                "{}/{}",
                base.trim_end_matches('/'),
                path.trim_start_matches('/')
            )
        };
        mapping.url(key, field, &url);
    }
    carry(&mut mapping, ROWS, &Value::Object(fields));
    mapping.set_default("client.authentication", "body");
    mapping.set("authorization.pkce", "none");
    mapping.set_default("userinfo.response.user_id", "id");
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "name");
    mapping.warn("Rocket.Chat knows people by user name or email as `key_field` says; here they are known by `userinfo.response.user_id`: choose a value that never changes and is never reused");
    mapping.old_redirect_uri(format!("…/_oauth/{id}"));
    mapping
}

fn authentication(mapping: &mut Mapping, name: &str, value: &Value) {
    if scalar(value).as_deref() == Some("header") {
        mapping.set("client.authentication", "basic");
        mapping.left(name, "Rocket.Chat leaves the word `Basic` out; where the provider insists on that, send the header by `token.headers`");
    }
}

fn send_token(mapping: &mut Mapping, _: &str, value: &Value) {
    match scalar(value).as_deref() {
        Some("payload") => mapping.set("userinfo.send_token", "query"),
        Some("header") => mapping.set("userinfo.send_token", "bearer"),
        _ => {}
    }
}

fn token_key(mapping: &mut Mapping, _: &str, value: &Value) {
    match scalar(value).as_deref() {
        None | Some("access_token") => {}
        Some(name) => mapping.set("userinfo.token_key", name),
    }
}

/// A name, a dotted path, or `{{a.b}}` alone.
fn template(mapping: &mut Mapping, field: &str, value: &Value) -> Option<String> {
    let text = scalar(value)?;
    let inner = text
        .trim()
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    // A number between dots is an index there.
    let names = inner.unwrap_or(&text).trim().split('.');
    let indexed = names.fold(String::new(), |path, name| match name.parse::<usize>() {
        Ok(index) if !path.is_empty() => format!("{path}[{index}]"),
        _ if path.is_empty() => name.to_owned(),
        _ => format!("{path}.{name}"),
    });
    let place = places::place(&indexed);
    if place.is_none() {
        mapping.left(field, format!("`{text}` is more than a path"));
    }
    place
}

fn email(mapping: &mut Mapping, field: &str, value: &Value) {
    if let Some(place) = template(mapping, field, value) {
        mapping.set("userinfo.response.email", place);
    }
}

fn name(mapping: &mut Mapping, field: &str, value: &Value) {
    if let Some(place) = template(mapping, field, value) {
        mapping.set("userinfo.response.name", place);
    }
}

fn picture(mapping: &mut Mapping, field: &str, value: &Value) {
    if let Some(place) = template(mapping, field, value) {
        mapping.set("userinfo.response.picture", place);
    }
}

fn user_name(mapping: &mut Mapping, field: &str, value: &Value) {
    if let Some(place) = template(mapping, field, value) {
        mapping.enter("userinfo.response.attributes", "username", place);
    }
}

fn groups(mapping: &mut Mapping, field: &str, value: &Value) {
    if let Some(place) = template(mapping, field, value) {
        mapping.set("userinfo.response.groups", grafana::all_of(&place));
    }
}

fn roles(mapping: &mut Mapping, field: &str, value: &Value) {
    if let Some(place) = template(mapping, field, value) {
        mapping.set_default("userinfo.response.groups", grafana::all_of(&place));
    }
}

fn key_field(mapping: &mut Mapping, field: &str, value: &Value) {
    if scalar(value).as_deref() == Some("email") {
        mapping.set("provider.email_trust", "provider");
        mapping.left(
            field,
            "people were one and the same by email; `email_trust = \"provider\"` links them so",
        );
    }
}
