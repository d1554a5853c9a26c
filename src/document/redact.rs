//! Secrets out of a document that is shown, and back into one that returns.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use url::Url;

use super::finding::Finding;
use super::secret::REDACTED;
use super::structure::{Spans, parse_toml};

/// The keys of a mapping whose literal values are secrets.
const SECRETS: &[&str] = &[
    "client.secret",
    "client.previous_secret",
    "client.private_key",
    "client.decryption_key",
    "client.tls_certificate",
    "client.tls_private_key",
];

/// A mapping with its literal secrets replaced by `[redacted]`; comments and
/// all else stay as they are.
pub fn redact(source: &str) -> String {
    replace(source, |_| REDACTED.to_owned())
}

/// A mapping with each literal secret replaced by what `with` makes of it, which
/// must need no escapes in TOML.
pub fn replace(source: &str, with: impl Fn(&str) -> String) -> String {
    let (value, spans, _) = parse_toml(source);
    let mut cuts: Vec<(Range<usize>, String)> = Vec::new();
    let mut cut = |span: Range<usize>, secret: &str| {
        cuts.push((span, format!("\"{}\"", with(secret))));
    };
    for (key, span) in secret_literals(&value, &spans) {
        cut(span, literal(&value, &key).unwrap_or_default());
    }
    for path in secret_texts(&value) {
        if let (Some(span), Some(secret)) = (spans.value(&path.join(".")), at(&value, &path)) {
            cut(span, secret);
        }
    }
    splice(source, cuts)
}

/// A mapping whose `[redacted]` literals are replaced by those of `stored`.
///
/// Only if it sends nothing to an origin that `stored` does not name: whoever
/// may change a mapping, but was not shown its secrets, must not have them sent
/// to a server of theirs (threat T3).
pub fn restore(source: &str, stored: &str) -> String {
    let (value, spans, _) = parse_toml(source);
    let (old_value, old_spans, _) = parse_toml(stored);
    if !origins(&value).is_subset(&origins(&old_value)) {
        return source.to_owned();
    }
    let mut known: Vec<(String, Range<usize>)> = secret_literals(&old_value, &old_spans);
    known.retain(|(key, _)| literal(&value, key) == Some(REDACTED));
    for path in secret_texts(&old_value) {
        if at(&value, &path) == Some(REDACTED) {
            let key = path.join(".");
            known.extend(old_spans.value(&key).map(|span| (key, span)));
        }
    }
    let cuts = known
        .into_iter()
        .filter_map(|(key, old)| Some((spans.value(&key)?, stored.get(old)?.to_owned())))
        .collect();
    splice(source, cuts)
}

/// What a mapping names on the broker's host (`{ file = … }`, `{ env = … }`) as
/// findings, but for what `stored` names at the same key, as long as nothing goes
/// to an origin that `stored` does not name.
///
/// Who administers one account only does not own the host: any file and variable
/// of it could be sent to a server of theirs.
pub fn references(source: &str, stored: Option<&str>) -> Vec<Finding> {
    let (value, spans, _) = parse_toml(source);
    let old = stored.map(|stored| parse_toml(stored).0);
    let same_origins = old
        .as_ref()
        .is_some_and(|old| origins(&value).is_subset(&origins(old)));
    let fixed = SECRETS.iter().map(|key| key.split('.').collect::<Vec<_>>());
    let named = further(&value).map(|name| vec!["client", "secrets", name]);
    fixed
        .chain(named)
        .filter_map(|path| {
            let of = |value: &Value| {
                let mut path = path.iter();
                let found = path.try_fold(value, |at, name| at.get(name))?;
                Some(found).filter(|v| v.is_object()).cloned()
            };
            let named = of(&value)?;
            let known = same_origins && old.as_ref().and_then(of).as_ref() == Some(&named);
            let key = path.join(".");
            let message = "only an administrator of all accounts may name files and variables of the broker's host";
            let hint = "write the secret itself; it is never shown again";
            (!known).then(|| spans.place(Finding::error(key, message).hint(hint)))
        })
        .collect()
}

/// Whether a mapping would send a secret of `stored` to an origin that `stored`
/// does not name (threat T3).
pub fn leaks(source: &str, stored: &str) -> bool {
    let (value, _, _) = parse_toml(source);
    let (old_value, _, _) = parse_toml(stored);
    let secrets = |value: &Value, keys: Vec<Vec<String>>| -> BTreeSet<String> {
        let literals = SECRETS.iter().filter_map(|key| literal(value, key));
        let texts = keys.iter().filter_map(|path| at(value, path));
        literals.chain(texts).map(str::to_owned).collect()
    };
    let new = secrets(&value, secret_texts(&value));
    let old = secrets(&old_value, secret_texts(&old_value));
    !new.is_disjoint(&old) && !origins(&value).is_subset(&origins(&old_value))
}

/// The text at a path.
fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v str> {
    path.iter()
        .try_fold(value, |at, name| match at {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            other => other.get(name),
        })?
        .as_str()
}

/// Where a mapping may send something: the origins of all URLs in it, and the hosts
/// that an answer may name where a URL leaves its host open. Who answers chooses among
/// those, so that one more of them is one more place.
fn origins(value: &Value) -> BTreeSet<String> {
    let hosts = value.pointer("/provider/hosts").and_then(Value::as_array);
    let hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
    let hosts = hosts.map(|host| format!("named: {}", host.to_ascii_lowercase()));
    let open = has_open_host(value).then(|| "named at all".to_owned());
    urls(value).into_iter().chain(hosts).chain(open).collect()
}

fn urls(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => Url::parse(text)
            .ok()
            .filter(Url::has_host)
            .map(|url| url.origin().ascii_serialization())
            .into_iter()
            .collect(),
        Value::Array(items) => items.iter().flat_map(urls).collect(),
        Value::Object(members) => members.values().flat_map(urls).collect(),
        _ => BTreeSet::new(),
    }
}

/// Whether the host of a URL is filled in when it is asked, in whole or in part.
fn has_open_host(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_open_host),
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(text) => name == "url" && is_open(text),
            below => has_open_host(below),
        }),
        _ => false,
    }
}

/// Whether something is filled in before a URL's path.
fn is_open(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('{'))
}

fn secret_literals(value: &Value, spans: &Spans) -> Vec<(String, Range<usize>)> {
    SECRETS
        .iter()
        .filter(|key| literal(value, key).is_some())
        .filter_map(|key| Some(((*key).to_owned(), spans.value(key)?)))
        .collect()
}

/// Headers and custom parameters that hold secrets, by their names, with fixed
/// values, and `client.secrets`: the path to each, its segments apart, since a name may have a dot.
fn secret_texts(value: &Value) -> Vec<Vec<String>> {
    fn walk(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let inside = path
            .iter()
            .any(|name| matches!(name.as_str(), "headers" | "parameters"));
        let mut below = |name: String, value: &Value| {
            let secret = inside && sounds_secret(&name) && value.as_str().is_some_and(is_fixed);
            path.push(name);
            if secret {
                found.push(path.clone());
            } else {
                walk(value, path, found);
            }
            path.pop();
        };
        match value {
            Value::Object(members) => members.iter().for_each(|(n, v)| below(n.clone(), v)),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(i, v)| below(i.to_string(), v));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, &mut Vec::new(), &mut found);
    let named = further(value).map(|name| ["client", "secrets", name].map(str::to_owned).to_vec());
    found.extend(named.filter(|path| at(value, path).is_some()));
    found
}

/// The names of `client.secrets`.
fn further(value: &Value) -> impl Iterator<Item = &str> {
    let table = value.pointer("/client/secrets").and_then(Value::as_object);
    table
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
}

/// Whether a header or parameter of this name holds a secret.
pub fn sounds_secret(name: &str) -> bool {
    let plain = name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    [
        "authorization",
        "secret",
        "password",
        "apikey",
        "privatekey",
    ]
    .iter()
    .any(|word| plain.contains(word))
}

/// Whether a value is written out, not filled in for each request.
fn is_fixed(text: &str) -> bool {
    !text.contains("_token}") && !text.contains("_secret}")
}

fn literal<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
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
