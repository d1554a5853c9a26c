//! `VESTIBULE_…` variables as keys of the file.

use serde_json::{Map, Value};

use super::SCHEMA;
use crate::document::Finding;
use crate::document::structure;

/// Puts a variable's value under its key.
pub(super) fn overlay(value: &mut Value, name: &str, text: &str) -> Result<(), Finding> {
    let path: Vec<String> = name.split("__").map(str::to_lowercase).collect();
    let key = path.join(".");
    let unknown = || {
        let known = known_keys();
        let near = structure::nearest(&key, &known.iter().map(String::as_str).collect::<Vec<_>>())
            .map(str::to_owned);
        let hint = near.map_or_else(
            || "see `vestibule schema config`".to_owned(),
            |near| {
                format!(
                    "did you mean `VESTIBULE_{}`?",
                    near.replace('.', "__").to_uppercase()
                )
            },
        );
        Finding::error(
            "",
            format!("the variable `VESTIBULE_{name}` names no configuration key"),
        )
        .hint(hint)
    };
    let kind = key_kind(&path).ok_or_else(unknown)?;
    let typed = match kind.as_str() {
        "boolean" => text.parse().map(Value::Bool).map_err(|_| {
            Finding::error(
                &key,
                format!("`VESTIBULE_{name}` must be `true` or `false`"),
            )
        })?,
        "number" => text
            .parse::<serde_json::Number>()
            .map(Value::Number)
            .map_err(|_| {
                Finding::error(&key, format!("`VESTIBULE_{name}` must be a number"))
                    .hint("write it as in `0.5`")
            })?,
        "array" => text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| Value::String(item.to_owned()))
            .collect(),
        _ => Value::String(text.to_owned()),
    };
    let mut at = value;
    for table in &path[..path.len() - 1] {
        let Value::Object(members) = at else {
            return Err(unknown());
        };
        at = members
            .entry(table.clone())
            .or_insert_with(|| Value::Object(Map::new()));
    }
    if let (Value::Object(members), Some(last)) = (at, path.last()) {
        members.insert(last.clone(), typed);
    }
    Ok(())
}

fn resolve(mut schema: &Value) -> &Value {
    while let Some(pointer) = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|r| r.strip_prefix('#'))
    {
        match SCHEMA.pointer(pointer) {
            Some(found) => schema = found,
            None => break,
        }
    }
    schema
}

/// The type of a key as the schema says; `None` for an unknown one or a table.
fn key_kind(path: &[String]) -> Option<String> {
    let mut at = &*SCHEMA;
    for name in path {
        at = resolve(at).get("properties")?.get(name)?;
    }
    let at = resolve(at);
    let kind = match at.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds
            .iter()
            .find_map(|k| k.as_str().filter(|k| *k != "null"))?
            .to_owned(),
        _ => "string".to_owned(),
    };
    (kind != "object").then_some(kind)
}

fn known_keys() -> Vec<String> {
    let mut keys = Vec::new();
    let tables = SCHEMA.get("properties").and_then(Value::as_object);
    for (name, below) in tables.into_iter().flatten() {
        match resolve(below).get("properties").and_then(Value::as_object) {
            Some(members) => keys.extend(members.keys().map(|member| format!("{name}.{member}"))),
            None => keys.push(name.clone()),
        }
    }
    keys
}
