//! A provider's own words about a refusal, wherever in its answer they are.

use serde_json::Value;

/// Members that hold an error's code.
const CODES: &[&str] = &[
    "error",
    "code",
    "type",
    "errorCode",
    "error_code",
    "errcode",
    "__type",
    "status",
];
/// Members that hold its words.
const WORDS: &[&str] = &[
    "error_description",
    "message",
    "Message",
    "errorSummary",
    "error_message",
    "error_msg",
    "errmsg",
    "msg",
    "detail",
    "title",
    "faultstring",
];
/// Members that hold the two, as an object or the first of a list.
const AROUND: &[&str] = &["error", "errors", "fault", "detail", "response", "Error"];

/// The code of an error, or else its words, and the words beside a code.
pub(super) fn words(document: &Value) -> Option<(String, Option<String>)> {
    look(document, 3)
}

fn look(document: &Value, depth: usize) -> Option<(String, Option<String>)> {
    let depth = depth.checked_sub(1)?;
    let members = match document {
        Value::Object(members) => members,
        Value::Array(items) => return look(items.first()?, depth),
        Value::String(text) if !text.is_empty() => return Some((text.clone(), None)),
        _ => return None,
    };
    let found = |names: &[&str]| names.iter().find_map(|name| scalar(members.get(*name)?));
    if let Some(within) = AROUND
        .iter()
        .filter_map(|name| members.get(*name))
        .filter(|value| value.is_object() || value.is_array())
        .find_map(|value| look(value, depth))
    {
        return Some(within);
    }
    match (found(CODES), found(WORDS)) {
        (Some(code), words) => Some((code, words)),
        (None, Some(words)) => Some((words, None)),
        // The root element of XML.
        (None, None) if members.len() == 1 => look(members.values().next()?, depth),
        (None, None) => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The words of an answer that is plain text, or a page's title.
pub(super) fn plain_words(content_type: Option<&str>, body: &[u8]) -> Option<String> {
    let text = crate::provider::decode::text(content_type, body);
    let lower = text.to_ascii_lowercase();
    let words = match lower.find("<title>") {
        Some(at) => text[at + 7..].split('<').next()?,
        None if lower.trim_start().starts_with('<') => return None,
        None => &text,
    };
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then_some(words)
}
