//! The words of schemas and of those who mistype them.

use serde_json::Value;

/// The types that a schema allows.
pub(super) fn schema_types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether a value is of a type of JSON Schema's.
pub(super) fn fits(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// That type as a writer of TOML calls it.
pub(super) fn toml_word(kind: &str) -> &'static str {
    match kind {
        "string" => "a string",
        "boolean" => "true or false",
        "integer" | "number" => "a number",
        "array" => "an array",
        "object" => "a table",
        _ => "something else",
    }
}

/// The candidate nearest to a misspelt word, if any is near enough.
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let plain = word.replace('-', "_").to_lowercase();
    candidates
        .iter()
        .map(|c| (strsim::damerau_levenshtein(&plain, c), *c))
        .min()
        .filter(|(distance, c)| {
            *distance <= 1 + c.len() / 5
                || (plain.len() > 3 && (c.starts_with(&plain) || plain.starts_with(c)))
        })
        .map(|(_, c)| c)
}
