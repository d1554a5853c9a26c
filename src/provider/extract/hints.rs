//! What in a document looks like the value that was not found.

use serde_json::Value;

use super::super::email;
use super::super::mapped::Documents;

/// Where in a login's answers there is something like an email.
pub(super) fn suggest_email(documents: &Documents<'_>) -> Option<String> {
    let fits = |_: &str, value: &Value| {
        value
            .as_str()
            .is_some_and(|text| email::normalize(text).is_ok())
    };
    anywhere(documents, &fits).map(|place| format!("`{place}` looks like an email"))
}

/// Where in a login's answers there is something like a user's id.
pub(super) fn suggest_id(documents: &Documents<'_>) -> Option<String> {
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
    let fits = |name: &str, value: &Value| {
        let said = match value {
            Value::String(text) => !text.is_empty(),
            other => other.is_number(),
        };
        said && NAMES.contains(&name.to_lowercase().as_str())
    };
    anywhere(documents, &fits).map(|place| format!("`{place}` looks like an id"))
}

/// Where in an answer there is something like the token that was not found.
pub(super) fn suggest_token(field: &str, document: &Value) -> Option<String> {
    let wanted = field
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .replace('_', "");
    let fits = |name: &str, value: &Value| {
        let name = name.to_lowercase().replace(['_', '-'], "");
        value.as_str().is_some_and(|text| text.len() >= 8)
            && (name == wanted
                || wanted == "accesstoken" && (name == "token" || name.ends_with("accesstoken")))
    };
    search(document, &fits).map(|path| format!("`{path}` looks like one"))
}

/// The first value that fits, in the profile or else in what came before it, as a
/// mapping names it.
fn anywhere(documents: &Documents<'_>, fits: &dyn Fn(&str, &Value) -> bool) -> Option<String> {
    let before = [
        ("id_token", documents.id_token),
        ("token", documents.token),
        ("callback", documents.callback),
    ];
    search(documents.profile, fits).or_else(|| {
        before.into_iter().find_map(|(name, document)| {
            let path = search(document?, fits)?;
            Some(format!("{{{name}.{path}}}"))
        })
    })
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
