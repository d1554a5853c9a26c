//! What is probably meant otherwise: names that look like paths, paths with names
//! that need brackets, braces around no place.

use super::Check;
use crate::document::structure::nearest;
use crate::provider::extract::member_path;
use crate::provider::path::Place;
use crate::provider::template::{SLOT_NAMES, Slot, Template};

impl Check<'_> {
    /// A member's name that looks like a path.
    pub(super) fn suspicious_name(&mut self, key: &str, text: &str) {
        if let Some(path) = foreign(text) {
            self.warn(
                key,
                format!("`{text}` is the name of one member"),
                format!("if a path is meant, write `{path}`"),
            );
            return;
        }
        let dotted = text.split(['.', '[']).count() > 1;
        let plain = |part: &str| {
            let part = part.trim_end_matches(|c: char| c == ']' || c.is_ascii_digit() || c == '[');
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        };
        if text.starts_with(['$', '{', '@']) || !dotted || !text.split('.').all(plain) {
            return;
        }
        let path = bracketed(&format!("$.{text}"));
        if Place::parse(&path).is_ok() {
            self.warn(
                key,
                format!("`{text}` is the name of one member, dots and all"),
                format!("if a path is meant, write `{path}`"),
            );
        }
    }

    /// What is wrong with a place, and how it would be right.
    pub(super) fn bad_place(&mut self, key: &str, text: &str, why: String) {
        match mended(text, |path| Place::parse(path).is_ok()) {
            Some(path) => self.error_hint(key, why, format!("did you mean `{path}`?")),
            None => self.error(key, why),
        }
    }

    /// Places within braces whose names look like paths: `{token.data.id}`.
    pub(super) fn suspicious_members(&mut self, key: &str, template: &Template) {
        for slot in template.slots() {
            if let Slot::Token(place) | Slot::Profile(place) = slot {
                self.suspicious_name(key, place.as_str());
            }
        }
    }

    /// Secrets that `client.secrets` does not have.
    pub(super) fn unknown_secrets(&mut self, key: &str, template: &Template) {
        for slot in template.slots() {
            let Slot::Secret(name) = slot else { continue };
            if self.secrets.contains(name) {
                continue;
            }
            let known: Vec<&str> = self.secrets.iter().map(String::as_str).collect();
            let hint = match nearest(name, &known) {
                Some(near) => format!("did you mean `{{secret.{near}}}`?"),
                None => format!("write: client.secrets = {{ {name} = {{ env = \"…\" }} }}"),
            };
            self.error_hint(key, format!("`client.secrets` has no `{name}`"), hint);
        }
    }

    /// Braces around what is not a place. They are sent as they are, since a value
    /// may hold JSON; who wrote a single word there meant a place.
    pub(super) fn suspicious_braces(&mut self, key: &str, template: &Template) {
        for slot in template.doubled() {
            self.warn(
                key,
                format!("what stands around `{{{slot}}}` is sent with it"),
                format!("write `{{{slot}}}` alone, in one pair of braces"),
            );
        }
        for word in template.unknown() {
            let known: Vec<&str> = SLOT_NAMES
                .iter()
                .map(|name| name.trim_end_matches('…').trim_end_matches('.'))
                .collect();
            let (head, rest) = word.split_once('.').unwrap_or((word, ""));
            let near = nearest(head, &known);
            match near {
                Some(near) => {
                    let dot = if rest.is_empty() { "" } else { "." };
                    self.error_hint(
                        key,
                        format!("`{{{word}}}` is not a place that is filled in"),
                        format!("did you mean `{{{near}{dot}{rest}}}`?"),
                    );
                }
                None => self.warn(
                    key,
                    format!("`{{{word}}}` is not a place, and is sent as it is"),
                    format!("known places: {}", SLOT_NAMES.join(", ")),
                ),
            }
        }
    }
}

/// A path or a condition that does not parse, mended in the ways in which they are
/// usually miswritten; `None` if none of them helps.
pub(super) fn mended(text: &str, parses: impl Fn(&str) -> bool) -> Option<String> {
    let lacks_dot = |text: &str| match text.strip_prefix('$') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
            format!("$.{rest}")
        }
        _ => text.to_owned(),
    };
    // One path alone, or each path of a condition.
    let each = |text: &str| {
        let words = text.split(' ').map(bracketed);
        words.collect::<Vec<_>>().join(" ")
    };
    let compared = text
        .replace("===", "==")
        .replace(" = ", " == ")
        .replace(" and ", " && ")
        .replace(" or ", " || ");
    [
        each(text),
        bracketed(text),
        lacks_dot(text),
        text.replace(".[", "["),
        text.replace("[]", "[*]"),
        each(&compared),
    ]
    .into_iter()
    .find(|path| path != text && parses(path))
}

/// The same for a text with such a path in braces: `{token.$.a.b-c}`.
pub(super) fn mended_braces(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}')?;
        let inside = &rest[open + 1..close];
        out.push_str(&rest[..=open]);
        match inside.split_once('.') {
            Some((root @ ("token" | "profile"), path)) if Place::parse(path).is_err() => {
                let path = mended(path, |path| Place::parse(path).is_ok())?;
                out.extend([root, ".", path.as_str()]);
            }
            _ => out.push_str(inside),
        }
        rest = &rest[close..];
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// A path as other notations write it, in ours: `/data/id` (RFC 6901), `data["id"]`,
/// `data->id`, `data.0.id`, `.data.id`, `data[].id`.
fn foreign(text: &str) -> Option<String> {
    if let Some(path) = of_jq(text) {
        return Some(path);
    }
    let plain = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    let names: Vec<&str> = if let Some(pointer) = text.strip_prefix('/') {
        pointer.split('/').collect()
    } else if text.contains("->") {
        text.split("->").collect()
    } else if text.contains("[\"") || text.contains("['") {
        text.split(['[', '.'])
            .map(|part| part.trim_matches([']', '"', '\'']))
            .collect()
    } else if text.split('.').skip(1).any(is_index) {
        text.split('.').collect()
    } else {
        return None;
    };
    if text.starts_with(['$', '{', '@']) || !names.iter().all(|name| plain(name)) {
        return None;
    }
    let mut path = "$".to_owned();
    for name in names {
        if is_index(name) {
            path = format!("{path}[{name}]");
        } else {
            path = member_path(&path, name);
        }
    }
    Place::parse(&path).is_ok().then_some(path)
}

/// `.data.id`, `@.data.id`, `data[].id` and `data.*.id`.
fn of_jq(text: &str) -> Option<String> {
    let rest = text.strip_prefix('@').unwrap_or(text);
    let (rest, dotted) = rest
        .strip_prefix('.')
        .map_or((rest, false), |rest| (rest, true));
    let many = rest.contains("[]") || rest.contains("[*]") || rest.contains(".*");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.[]*".contains(c);
    if !(dotted || many) || !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let path = bracketed(&format!("$.{}", rest.replace("[]", "[*]")));
    let path = if many && path.contains('*') {
        format!("$.{}", rest.replace("[]", "[*]").replace(".*", "[*]"))
    } else {
        path
    };
    (rest.chars().all(plain) && Place::parse(&path).is_ok()).then_some(path)
}

fn is_index(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// A path with brackets around the names that need them: `$.a.b-c` is `$.a['b-c']`.
fn bracketed(path: &str) -> String {
    let Some(rest) = path.strip_prefix('$') else {
        return path.to_owned();
    };
    if rest.contains(['\'', '"', '?', '(', '@', '*']) || rest.contains("..") {
        return path.to_owned();
    }
    // A claim that a URL names, as Auth0's are.
    if let Some(name) = rest.strip_prefix('.').filter(|name| name.contains("://")) {
        return format!("$['{name}']");
    }
    let parts = rest.split('.').map(|part| {
        let (name, index) = part.find('[').map_or((part, ""), |at| part.split_at(at));
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        match (name.is_empty(), plain) {
            (true, _) => index.to_owned(),
            (false, true) => format!(".{name}{index}"),
            (false, false) => format!("['{name}']{index}"),
        }
    });
    format!("${}", parts.collect::<String>())
}
