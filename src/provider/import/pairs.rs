//! Settings that stand one a line, however they are written.

use serde_json::Value;

/// Reads `key = value` as INI and Terraform write it, `key: value` as YAML and
/// Nix do, `KEY=value` of an environment with or without `export` or a list's
/// dash, `--key=value` of a command line, `"key": "value",` of JSON, and
/// `key | value` of a table. Other lines are passed over.
pub(super) fn read(text: &str) -> Vec<(String, Value)> {
    text.lines().filter_map(|line| pair(line.trim())).collect()
}

/// Only the settings of one INI section.
pub(super) fn section(text: &str, wanted: &str) -> Vec<(String, Value)> {
    let mut inside = false;
    let mut lines = String::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inside = name.trim() == wanted;
        } else if inside {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    read(&lines)
}

fn pair(line: &str) -> Option<(String, Value)> {
    if line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let line = line.trim_start_matches("export ").trim_start_matches("- ");
    let line = line.trim_start_matches("--").trim_start_matches('|').trim();
    let at = line.find(['=', ':', '|'])?;
    let (key, value) = line.split_at(at);
    let key = key.trim().trim_matches(['"', '\'', '`']);
    let good = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    // `=>` of Ruby and `:=` are one sign.
    let value = value[1..].trim_start_matches(['=', '>']);
    good.then(|| (key.to_owned(), parse(value)))
}

/// A value without what surrounds it.
fn parse(text: &str) -> Value {
    let text = text
        .trim()
        .trim_end_matches([',', ';'])
        .trim_end_matches('|')
        .trim();
    if let Some(list) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let items = list
            .split(',')
            .map(|item| Value::String(unquoted(item).to_owned()));
        let items = items.filter(|item| item.as_str() != Some(""));
        return Value::Array(items.collect());
    }
    Value::String(unquoted(text).to_owned())
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ["\"", "'", "`"] {
        let inner = text.strip_prefix(quote).and_then(|rest| {
            // A remark may follow.
            rest.find(quote).map(|end| &rest[..end])
        });
        if let Some(inner) = inner {
            return inner;
        }
    }
    // A remark behind an unquoted value.
    text.split(" #").next().unwrap_or_default().trim()
}
