//! A provider's own words about a refusal, wherever in its answer they are.

use http::HeaderMap;
use http::header::{LOCATION, WWW_AUTHENTICATE};
use serde_json::Value;

/// Members that hold an error's code, as [`plain`] writes them.
const CODES: &[&str] = &[
    "error",
    "code",
    "type",
    "errorcode",
    "errcode",
    "errno",
    "faultcode",
    "retcode",
    "resultcode",
    "errortype",
    "subcode",
    "status",
    "ret",
];
/// Those of them that nothing but an error or the success of a call has.
const ERRORS: &[&str] = &[
    "error",
    "code",
    "errorcode",
    "errcode",
    "errno",
    "faultcode",
    "retcode",
    "resultcode",
    "subcode",
    "ret",
];
/// Members that are false where a call failed.
const SUCCESS: &[&str] = &["success", "ok", "succeeded", "issuccess", "result"];
/// Members that hold its words.
const WORDS: &[&str] = &[
    "errordescription",
    "message",
    "errorsummary",
    "errormessage",
    "errormsg",
    "errmsg",
    "msg",
    "detail",
    "title",
    "faultstring",
    "reason",
    "description",
    "submsg",
    "retmsg",
    "returnmsg",
    "resultmsg",
    "statusmessage",
    "usermessage",
    "developermessage",
];
/// Members that hold the two, as an object or the first of a list.
const AROUND: &[&str] = &["error", "errors", "fault", "response", "meta", "baseresp"];
/// How deep a document is looked into.
const DEPTH: usize = 6;

/// A member's name without what names of one meaning differ in: the prefix of a
/// namespace, capitals, `_` and `-`.
fn plain(name: &str) -> String {
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    local.to_ascii_lowercase().replace(['_', '-'], "")
}

/// The code of an error, or else its words, and the words beside a code.
pub(super) fn words(document: &Value) -> Option<(String, Option<String>)> {
    look(document, DEPTH)
}

/// What an answer says that came as a good one and lacks what is needed: the words of
/// an error in it, where something in it says that it is one.
pub(super) fn said(document: &Value) -> Option<(String, Option<String>)> {
    let says_error = |(name, value): (&String, &Value)| {
        let name = plain(name);
        match value {
            Value::Object(members) => AROUND.contains(&name.as_str()) && !members.is_empty(),
            Value::Array(items) => AROUND.contains(&name.as_str()) && !items.is_empty(),
            Value::Bool(well) => !well && SUCCESS.contains(&name.as_str()),
            Value::String(word) if name == "status" => {
                let word = word.to_ascii_lowercase();
                matches!(word.as_str(), "error" | "fail" | "failed" | "failure")
            }
            value => ERRORS.contains(&name.as_str()) && scalar(value).is_some_and(|c| !is_well(&c)),
        }
    };
    // A profile has a type, a title and a description of its own.
    document
        .as_object()?
        .iter()
        .any(says_error)
        .then(|| words(document))?
}

/// A code by which servers say that all is well.
fn is_well(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    let words = ["200", "ok", "success", "succeeded", "true"];
    code.bytes().all(|byte| byte == b'0') || words.contains(&code.as_str())
}

fn look(document: &Value, depth: usize) -> Option<(String, Option<String>)> {
    let depth = depth.checked_sub(1)?;
    let members = match document {
        Value::Object(members) => members,
        Value::Array(items) => return look(items.first()?, depth),
        Value::String(text) if !text.is_empty() => return Some((text.clone(), None)),
        _ => return None,
    };
    let named = |wanted: &str| {
        let mut all = members.iter().filter(|(name, _)| plain(name) == wanted);
        all.next().map(|(_, value)| value)
    };
    let found = |names: &[&str]| names.iter().find_map(|name| scalar(named(name)?));
    if let Some(within) = AROUND
        .iter()
        .filter_map(|name| named(name))
        .filter(|value| value.is_object() || value.is_array())
        .find_map(|value| look(value, depth))
    {
        return Some(within);
    }
    match (found(CODES), found(WORDS)) {
        (Some(code), words) => Some((code, words)),
        (None, Some(words)) => Some((words, None)),
        (None, None) => {
            // The root element of XML, and what SOAP puts around a fault.
            if let Some(found) = named("detail").and_then(|detail| look(detail, depth)) {
                return Some(found);
            }
            let mut elements = members.iter().filter(|(name, _)| !name.starts_with('@'));
            match (elements.next(), elements.next()) {
                (Some((_, only)), None) if !only.is_string() => look(only, depth),
                _ => None,
            }
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where an answer leads that is a redirect: none is followed, and the mapping should
/// name the address that answers. What stands in its query is nobody's business.
pub(super) fn moved(status: u16, headers: &HeaderMap) -> Option<String> {
    let to = headers.get(LOCATION)?.to_str().ok()?;
    let to = to.split(['?', '#']).next().unwrap_or_default().trim();
    (matches!(status, 301 | 302 | 303 | 307 | 308) && !to.is_empty()).then(|| {
        format!("a redirect to `{to}`, which is not followed: name the address that answers")
    })
}

/// The words of a challenge (RFC 6750 §3), which has them where the body has none.
pub(super) fn challenged(headers: &HeaderMap) -> Option<(String, Option<String>)> {
    let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let parameter = |name: &str| {
        let value = challenge.match_indices(name).find_map(|(at, _)| {
            let before = challenge[..at].chars().next_back();
            let rest = challenge[at + name.len()..].trim_start();
            let value = rest.strip_prefix('=')?.trim_start();
            before.is_none_or(|c| c == ' ' || c == ',').then_some(value)
        })?;
        let text = match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => value.split([',', ' ']).next()?,
        };
        (!text.is_empty()).then(|| text.to_owned())
    };
    let words = parameter("error_description");
    match parameter("error") {
        Some(code) => Some((code, words)),
        None => Some((words?, None)),
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
