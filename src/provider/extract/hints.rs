//! What in a document looks like the value that was not found.

use serde_json::Value;

use super::super::email;

/// Where there is something like an email.
pub(super) fn suggest_email(document: &Value) -> Option<String> {
    search(document, &|_, value| {
        value
            .as_str()
            .is_some_and(|text| email::normalize(text).is_ok())
    })
    .map(|path| format!("`{path}` looks like an email"))
}

/// Where there is something like a user's id.
pub(super) fn suggest_id(document: &Value) -> Option<String> {
    const NAMES: &[&str] = &[
        "sub",
        "id",
        "userid",
        "user_id",
        "uid",
        "openid",
        "open_id",
        "unionid",
        "union_id",
        "user_name",
        "login",
    ];
    search(document, &|name, value| {
        (value.is_string() || value.is_number()) && NAMES.contains(&name.to_lowercase().as_str())
    })
    .map(|path| format!("`{path}` looks like an id"))
}

/// The path of the first value that fits, shallow ones first.
fn search(document: &Value, fits: &dyn Fn(&str, &Value) -> bool) -> Option<String> {
    let mut level = vec![("$".to_owned(), document)];
    let mut budget = 2_000;
    for _ in 0..6 {
        let mut below = Vec::new();
        for (path, value) in level {
            let children: Vec<(String, &str, &Value)> = match value {
                Value::Object(members) => members
                    .iter()
                    .map(|(name, value)| (member_path(&path, name), name.as_str(), value))
                    .collect(),
                Value::Array(items) => items
                    .iter()
                    .enumerate()
                    .map(|(i, value)| (format!("{path}[{i}]"), "", value))
                    .collect(),
                _ => continue,
            };
            for (path, name, value) in children {
                budget -= 1;
                if budget == 0 {
                    return None;
                }
                if fits(name, value) {
                    return Some(path);
                }
                below.push((path, value));
            }
        }
        level = below;
    }
    None
}

/// A path to a member, in brackets where its name needs them.
pub fn member_path(parent: &str, name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        format!("{parent}.{name}")
    } else {
        format!(
            "{parent}['{}']",
            name.replace('\\', "\\\\").replace('\'', "\\'")
        )
    }
}
