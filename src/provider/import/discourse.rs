//! Discourse: the site settings `oauth2_…` of its plugin for plain OAuth 2.0.

use serde_json::Value;

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Path, Secret, Text, Url, With, Words};
use super::table::{Rule, carry_one, words};
use super::{flag, members, pairs, scalar, yaml};

const ROWS: &[(&str, Rule)] = &[
    ("oauth2_enabled", Known),
    ("oauth2_client_id", Text("client.id")),
    ("oauth2_client_secret", Secret),
    ("oauth2_authorize_url", Url("authorization.url")),
    (
        "oauth2_authorize_signup_url",
        Left("there is one authorization endpoint"),
    ),
    ("oauth2_token_url", Url("token.url")),
    ("oauth2_token_url_method", With(token_method)),
    ("oauth2_user_json_url", With(user_url)),
    ("oauth2_user_json_url_method", With(user_method)),
    (
        "oauth2_json_user_id_path",
        Path("userinfo.response.user_id"),
    ),
    ("oauth2_json_username_path", With(user_name)),
    ("oauth2_json_name_path", Path("userinfo.response.name")),
    ("oauth2_json_email_path", Path("userinfo.response.email")),
    (
        "oauth2_json_email_verified_path",
        Path("userinfo.response.email_verified"),
    ),
    ("oauth2_json_avatar_path", Path("userinfo.response.picture")),
    ("oauth2_callback_user_id_path", With(callback_id)),
    ("oauth2_callback_user_info_paths", With(callback_paths)),
    ("oauth2_fetch_user_details", Known),
    ("oauth2_email_verified", Rule::Trust),
    ("oauth2_overrides_email", Known),
    ("oauth2_send_auth_header", Known),
    ("oauth2_send_auth_body", Known),
    ("oauth2_scope", Words("authorization.scopes")),
    ("oauth2_authorize_options", With(options)),
    ("oauth2_button_title", With(button)),
    ("oauth2_allow_association_change", Known),
    (
        "oauth2_disable_csrf",
        Left("`state` is always sent and always checked"),
    ),
    ("oauth2_full_screen_login", Known),
    ("oauth2_debug_auth", Known),
    (
        "oauth2_full_name_template",
        Left("the name is taken as one value"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "other formats can be unreadable")]
pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let found = settings(text);
    let get = |name: &str| {
        found
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    };
    if get("oauth2_token_url").is_none() && get("oauth2_authorize_url").is_none() {
        return Ok(Vec::new());
    }
    let mut mapping = Mapping::default();
    mapping.set("provider.id", "oauth2-basic");
    mapping.set("provider.name", "OAuth 2.0");
    for (name, value) in &found {
        carry_one(&mut mapping, ROWS, name, value);
    }
    // Both are on where the settings are silent.
    let on = |name| get(name).is_none_or(flag);
    match (on("oauth2_send_auth_header"), on("oauth2_send_auth_body")) {
        (true, true) => {
            mapping.set("client.authentication", "basic");
            mapping.left("oauth2_send_auth_body", "the client authenticates by Basic alone (RFC 6749 §2.3); where the provider needs the body, set `authentication = \"body\"`");
        }
        (true, false) => mapping.set("client.authentication", "basic"),
        _ => mapping.set("client.authentication", "body"),
    }
    if get("oauth2_fetch_user_details").is_some_and(|value| !flag(value)) {
        mapping.set("userinfo.source", "token_response");
    }
    mapping.set("authorization.pkce", "none");
    mapping.set_default("userinfo.response.user_id", "id");
    mapping.set_default("userinfo.response.email", "email");
    mapping.old_redirect_uri("…/auth/oauth2_basic/callback");
    Ok(vec![mapping])
}

/// The settings from lines or, in a backup, from JSON or YAML.
fn settings(text: &str) -> Vec<(String, Value)> {
    let own = |name: &str| {
        let name = name.rsplit('.').next().unwrap_or(name);
        name.starts_with("oauth2_").then(|| name.to_owned())
    };
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return rows(&value)
            .into_iter()
            .filter_map(|(name, value)| Some((own(&name)?, value)))
            .collect();
    }
    let lines: Vec<(String, Value)> = pairs::read(text)
        .into_iter()
        .filter_map(|(name, value)| Some((own(&name)?, value)))
        .collect();
    if !lines.is_empty() {
        return lines;
    }
    let documents = yaml::read(text).unwrap_or_default();
    documents
        .iter()
        .flat_map(rows)
        .filter_map(|(name, value)| Some((own(&name)?, value)))
        .collect()
}

/// An object's members, or a list of `{name, value}`.
fn rows(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Array(items) => items
            .iter()
            .filter_map(|item| {
                let name = item.get("name").or_else(|| item.get("setting"))?.as_str()?;
                Some((name.to_owned(), item.get("value")?.clone()))
            })
            .collect(),
        object => members(object)
            .flat_map(|(name, value)| match value {
                Value::Object(_) => rows(value),
                _ => vec![(name.to_owned(), value.clone())],
            })
            .collect(),
    }
}

fn token_method(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value)
        .unwrap_or_default()
        .to_ascii_uppercase()
        .as_str()
    {
        "GET" => mapping.set("token.method", "GET"),
        "POST" => {}
        other => mapping.left(
            name,
            format!("{other} is not a method for a token request here"),
        ),
    }
}

/// `:token` and `:id` are placeholders of the URL.
fn user_url(mapping: &mut Mapping, name: &str, value: &Value) {
    let text = scalar(value).unwrap_or_default();
    if text.contains(":token") {
        mapping.set("userinfo.send_token", "none");
        mapping.set("userinfo.url", text.replace(":token", "{access_token}"));
    } else {
        mapping.url("userinfo.url", name, &text);
    }
    if text.contains(":id") {
        mapping.left(
            name,
            "`:id` is the id of the token response; write a placeholder for it by hand",
        );
    }
}

fn user_method(mapping: &mut Mapping, _: &str, value: &Value) {
    if scalar(value)
        .unwrap_or_default()
        .eq_ignore_ascii_case("POST")
    {
        mapping.set("userinfo.method", "POST");
    }
}

fn user_name(mapping: &mut Mapping, _: &str, value: &Value) {
    if let Some(place) = scalar(value).and_then(|text| super::places::place(&text)) {
        mapping.enter("userinfo.response.attributes", "username", place);
    }
}

fn callback_id(mapping: &mut Mapping, name: &str, value: &Value) {
    if let Some(path) = scalar(value) {
        let path = path.trim_start_matches("params.");
        Path("userinfo.response.user_id").apply(mapping, name, &path.into());
    }
}

/// `name:params.user.name|email:params.user.email`
fn callback_paths(mapping: &mut Mapping, name: &str, value: &Value) {
    for word in words(value) {
        let Some((field, path)) = word.split_once(':') else {
            mapping.left(name, format!("`{word}` has no path"));
            continue;
        };
        let path = Value::from(path.trim_start_matches("params."));
        match field {
            "name" => Path("userinfo.response.name").apply(mapping, name, &path),
            "email" => Path("userinfo.response.email").apply(mapping, name, &path),
            "avatar" => Path("userinfo.response.picture").apply(mapping, name, &path),
            other => mapping.left(name, format!("`{other}` has no counterpart")),
        }
    }
}

fn options(mapping: &mut Mapping, name: &str, value: &Value) {
    let options = words(value).join(", ");
    if options != "scope" {
        mapping.left(
            name,
            format!("parameters of the store's request are not handed on: {options}"),
        );
    }
}

fn button(mapping: &mut Mapping, _: &str, value: &Value) {
    let title = scalar(value).unwrap_or_default();
    let name = title.strip_prefix("with ").unwrap_or(&title);
    mapping.set("provider.name", name);
}
