//! Secrets out of a document that is shown, and back into one that returns.

use std::ops::Range;

use super::secret::REDACTED;
use super::structure::{Spans, parse_toml};

/// The keys of a mapping whose literal values are secrets.
const SECRETS: &[&str] = &[
    "client.secret",
    "client.previous_secret",
    "client.private_key",
];

/// A mapping with its literal secrets replaced by `[redacted]`; comments and
/// all else stay as they are.
pub fn redact(source: &str) -> String {
    let (value, spans, _) = parse_toml(source);
    let mut cuts: Vec<(Range<usize>, String)> = secret_literals(&value, &spans)
        .into_iter()
        .map(|(_, span)| (span, format!("\"{REDACTED}\"")))
        .collect();
    for header in authorization_headers(&value) {
        if let Some(span) = spans.value(&header) {
            cuts.push((span, format!("\"{REDACTED}\"")));
        }
    }
    splice(source, cuts)
}

/// A mapping whose `[redacted]` literals are replaced by those of `stored`.
pub fn restore(source: &str, stored: &str) -> String {
    let (value, spans, _) = parse_toml(source);
    let (old_value, old_spans, _) = parse_toml(stored);
    let mut known: Vec<(String, Range<usize>)> = secret_literals(&old_value, &old_spans);
    for header in authorization_headers(&old_value) {
        known.extend(old_spans.value(&header).map(|span| (header, span)));
    }
    let cuts = known
        .into_iter()
        .filter(|(key, _)| literal(&value, key) == Some(REDACTED))
        .filter_map(|(key, old)| Some((spans.value(&key)?, stored.get(old)?.to_owned())))
        .collect();
    splice(source, cuts)
}

fn secret_literals(value: &serde_json::Value, spans: &Spans) -> Vec<(String, Range<usize>)> {
    SECRETS
        .iter()
        .filter(|key| literal(value, key).is_some())
        .filter_map(|key| Some(((*key).to_owned(), spans.value(key)?)))
        .collect()
}

/// Fixed `Authorization` headers of any request.
fn authorization_headers(value: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    let then = value.pointer("/userinfo/then");
    let follow_ups = then
        .and_then(serde_json::Value::as_array)
        .map_or(0, Vec::len);
    let tables = ["token.headers", "token.before.headers", "userinfo.headers"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..follow_ups).map(|i| format!("userinfo.then.{i}.headers")));
    for table in tables {
        let pointer = format!("/{}", table.replace('.', "/"));
        let headers = value
            .pointer(&pointer)
            .and_then(serde_json::Value::as_object);
        for (name, text) in headers.into_iter().flatten() {
            let fixed = text.as_str().is_some_and(|text| !text.contains("_token}"));
            if name.eq_ignore_ascii_case("authorization") && fixed {
                found.push(format!("{table}.{name}"));
            }
        }
    }
    found
}

fn literal<'v>(value: &'v serde_json::Value, key: &str) -> Option<&'v str> {
    value
        .pointer(&format!("/{}", key.replace('.', "/")))?
        .as_str()
}

fn splice(source: &str, mut cuts: Vec<(Range<usize>, String)>) -> String {
    cuts.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut out = source.to_owned();
    for (span, text) in cuts {
        if out.get(span.clone()).is_some() {
            out.replace_range(span, &text);
        }
    }
    out
}
