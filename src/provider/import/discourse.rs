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
    ("oauth2_user_json_url", Known),
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
    ("oauth2_callback_user_id_path", Known),
    ("oauth2_callback_user_info_paths", Known),
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
        (true, true) => mapping.set("client.authentication", "basic_and_body"),
        (true, false) => mapping.set("client.authentication", "basic"),
        _ => mapping.set("client.authentication", "body"),
    }
    let fetched = on("oauth2_fetch_user_details");
    if !fetched {
        mapping.set("userinfo.source", "token_response");
    }
    if let Some(url) = get("oauth2_user_json_url") {
        let id = get("oauth2_callback_user_id_path").and_then(scalar);
        user_url(&mut mapping, url, id.as_deref());
    }
    if let Some(id) = get("oauth2_callback_user_id_path") {
        let id = format!("user_id:{}", scalar(id).unwrap_or_default());
        callback_paths(
            &mut mapping,
            "oauth2_callback_user_id_path",
            &id.into(),
            fetched,
        );
    }
    if let Some(paths) = get("oauth2_callback_user_info_paths") {
        callback_paths(
            &mut mapping,
            "oauth2_callback_user_info_paths",
            paths,
            fetched,
        );
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
        method @ ("GET" | "PUT") => mapping.set("token.method", method),
        "POST" => {}
        other => mapping.left(
            name,
            format!("{other} is not a method for a token request here"),
        ),
    }
}

/// `:token` and `:id` are placeholders of the URL; the id is one of the token response.
fn user_url(mapping: &mut Mapping, value: &Value, id: Option<&str>) {
    let name = "oauth2_user_json_url";
    let text = scalar(value).unwrap_or_default();
    let filled = text.replace(":token", "{access_token}");
    let id = id.and_then(|path| super::places::place(in_response(path)));
    let filled = match &id {
        Some(place) => filled.replace(":id", &format!("{{token.{place}}}")),
        None => filled,
    };
    if text.contains(":token") {
        mapping.set("userinfo.send_token", "none");
    }
    if filled == text {
        mapping.url("userinfo.url", name, &text);
    } else {
        mapping.set("userinfo.url", filled);
    }
    if text.contains(":id") && id.is_none() {
        mapping.left(
            name,
            "`:id` is the id of the token response; write a placeholder for it by hand",
        );
    }
}

/// A path in the token response.
fn in_response(path: &str) -> &str {
    path.trim().trim_start_matches("params.")
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

/// `name:params.user.name|email:params.user.email`, values of the token response. What
/// user information says goes before them.
fn callback_paths(mapping: &mut Mapping, name: &str, value: &Value, fetched: bool) {
    for word in words(value) {
        let Some((field, path)) = word.split_once(':') else {
            mapping.left(name, format!("`{word}` has no path"));
            continue;
        };
        let Some(place) = super::places::place(in_response(path)) else {
            mapping.left(name, format!("`{path}` is more than a path"));
            continue;
        };
        let place = if fetched {
            format!("{{token.{place}}}")
        } else {
            place
        };
        match field {
            "user_id" => mapping.set_default("userinfo.response.user_id", place),
            "name" => mapping.set_default("userinfo.response.name", place),
            "email" => mapping.set_default("userinfo.response.email", place),
            "avatar" => mapping.set_default("userinfo.response.picture", place),
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
