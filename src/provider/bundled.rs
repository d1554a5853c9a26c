//! The ids of bundled mappings belong to their servers: whoever reads "Continue
//! with Google" types a password that is Google's (threat F27).

use icu_normalizer::DecomposingNormalizer;
use serde_json::Value;

use super::gallery::{self, BUILT_IN};
use crate::document::Finding;

/// What is wrong with a mapping that has a bundled one's id and another server.
pub(in crate::provider) fn imitation(mapping: &Value) -> Option<Finding> {
    let id = mapping.pointer("/provider/id")?.as_str()?;
    if !BUILT_IN.contains(&id) {
        return None;
    }
    let bundled = gallery::get(id)?;
    let mut hosts = Vec::new();
    collect(mapping, &mut hosts);
    let other = hosts.into_iter().find(|host| !names(bundled, host))?;
    let finding = Finding::error(
        "provider.id",
        format!("the id `{id}` belongs to the bundled mapping, whose server is not `{other}`"),
    );
    Some(finding.hint(format!(
        "give this mapping an id of its own, such as `own-{id}`; for an imitation of the server in a test, set `login.bundled_ids_elsewhere = true` in the broker's configuration"
    )))
}

/// The bundled provider's name that this name of another could be taken for.
pub fn imitated_name(id: &str, name: &str) -> Option<&'static str> {
    let own = skeleton(name);
    BUILT_IN
        .iter()
        .filter(|bundled| **bundled != id)
        .filter_map(|bundled| gallery::name(bundled))
        .find(|known| skeleton(known) == own)
}

/// The hosts of all URLs that a mapping sends anybody to.
fn collect(value: &Value, hosts: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("parameters" | "headers" | "callback", _) => {}
                    ("url" | "issuer" | "discovery_url" | "jwks_url", Value::String(url)) => {
                        hosts.extend(host(url));
                    }
                    _ => collect(value, hosts),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, hosts)),
        _ => {}
    }
}

fn host(url: &str) -> Option<String> {
    if let Ok(url) = url::Url::parse(url) {
        return url.host_str().map(str::to_owned);
    }
    // A placeholder in it: as it is written.
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#']).next().map(str::to_owned)
}

/// Whether a bundled mapping names a host, in a comment too: there it has the
/// addresses of other regions and of its sandbox.
fn names(bundled: &str, host: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !host.is_empty()
        && bundled.match_indices(host).any(|(at, _)| {
            !bundled[..at].ends_with(part) && !bundled[at + host.len()..].starts_with(part)
        })
}

/// A name as the eye takes it: without case, accents, spaces and signs, and with
/// letters of other alphabets that look the same.
fn skeleton(name: &str) -> String {
    let normalizer = DecomposingNormalizer::new_nfkd();
    normalizer
        .normalize(name)
        .chars()
        .flat_map(char::to_lowercase)
        .filter_map(|c| match c {
            'а' => Some('a'),
            'с' | 'ϲ' => Some('c'),
            'ԁ' => Some('d'),
            'е' => Some('e'),
            'ɡ' => Some('g'),
            'һ' => Some('h'),
            'і' | 'ı' | 'ι' | 'l' | '1' | '|' | 'ӏ' => Some('i'),
            'ј' => Some('j'),
            'κ' | 'к' => Some('k'),
            'м' => Some('m'),
            'ո' => Some('n'),
            'о' | 'ο' | '0' => Some('o'),
            'р' | 'ρ' => Some('p'),
            'ѕ' => Some('s'),
            'т' | 'τ' => Some('t'),
            'υ' | 'ս' => Some('u'),
            'ν' | 'ѵ' => Some('v'),
            'ԝ' => Some('w'),
            'х' | 'χ' => Some('x'),
            'у' | 'γ' => Some('y'),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}
