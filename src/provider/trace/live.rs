//! What looks like a live token in an answer, whether or not the mapping finds it
//! there: in a test that failed, it is in a place that nobody named (threat F18).

use serde_json::Value;

/// Shorter values are no tokens, and masking them would scramble the text.
const SHORTEST: usize = 8;
/// From so many characters on a value of a token endpoint is taken for a token by
/// its looks alone.
const OPAQUE: usize = 24;

/// The values to mask in an answer of this step, each with the name it has there.
pub(super) fn tokens(step: &str, body: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let by_looks = ["token", "before", "app"]
        .iter()
        .any(|name| step.starts_with(name));
    if let Ok(value) = serde_json::from_str::<Value>(body) {
        walk("", &value, by_looks, &mut found);
    } else {
        for (name, value) in form_urlencoded::parse(body.trim().as_bytes()) {
            note(&name, &value, by_looks, &mut found);
        }
        for line in body.lines().map(str::trim) {
            let (name, value) = line.split_once([':', '=']).unwrap_or(("", line));
            note(name.trim(), value.trim(), by_looks, &mut found);
        }
    }
    signed(body, &mut found);
    found
}

/// The same for the address of a redirect.
pub(super) fn in_location(step: &str, address: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in address.split(['?', '#']).skip(1) {
        found.extend(tokens(step, part));
    }
    found
}

/// The values in a `Cookie` header.
pub(super) fn cookies(header: &str) -> impl Iterator<Item = &str> {
    let values = header.split(';').filter_map(|pair| pair.split_once('='));
    values
        .map(|(_, value)| value.trim())
        .filter(|value| value.len() >= SHORTEST)
}

/// The same for a document that was read from an answer.
pub(super) fn in_document(step: &str, document: &Value) -> Vec<(String, String)> {
    tokens(step, &document.to_string())
}

fn walk(name: &str, value: &Value, by_looks: bool, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => note(name, text, by_looks, found),
        Value::Array(items) => {
            for item in items {
                walk(name, item, by_looks, found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                walk(name, member, by_looks, found);
            }
        }
        _ => {}
    }
}

fn note(name: &str, text: &str, by_looks: bool, found: &mut Vec<(String, String)>) {
    let named = text.len() >= SHORTEST && names_a_token(name);
    if named || (by_looks && is_opaque(text)) {
        let name = if name.is_empty() { "token" } else { name };
        found.push((name.to_owned(), text.to_owned()));
    }
}

/// Whether a value of this name is a token, a key or the like.
pub(super) fn names_a_token(name: &str) -> bool {
    let plain = name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    // What kind of token it is, and when it ends, is no secret.
    let about = [
        "type", "expire", "expiry", "lifetime", "scope", "url", "uri",
    ];
    let words = [
        "token",
        "secret",
        "password",
        "jwt",
        "assertion",
        "ticket",
        "sessionkey",
        "apikey",
        "subscriptionkey",
        "appkey",
        "accesskey",
        "credential",
    ];
    words.iter().any(|word| plain.contains(word)) && !about.iter().any(|word| plain.contains(word))
}

/// Letters and digits without a space, as random values are written.
fn is_opaque(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=|:".contains(c);
    text.len() >= OPAQUE
        && text.chars().all(part)
        && text.contains(|c: char| c.is_ascii_digit())
        && text.contains(|c: char| c.is_ascii_alphabetic())
        && !text.contains("://")
}

/// Signed and encrypted tokens in compact form (RFC 7515 §7.1), wherever they stand.
fn signed(text: &str, found: &mut Vec<(String, String)>) {
    let part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    for run in text.split(|c: char| !part(c)) {
        if run.starts_with("eyJ") && run.matches('.').count() >= 2 && run.len() >= OPAQUE {
            found.push(("token".to_owned(), run.to_owned()));
        }
    }
}
