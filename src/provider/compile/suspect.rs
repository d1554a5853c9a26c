//! What is probably meant otherwise: names that look like paths, paths with names
//! that need brackets, braces around no place.

use super::Check;
use crate::document::structure::nearest;
use crate::provider::extract::member_path;
use crate::provider::path::Place;
use crate::provider::template::{SLOT_NAMES, Template};

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
        let path = bracketed(text);
        if path != text && Place::parse(&path).is_ok() {
            self.error_hint(key, why, format!("did you mean `{path}`?"));
        } else {
            self.error(key, why);
        }
    }

    /// Braces around what is not a place. They are sent as they are, since a value
    /// may hold JSON; who wrote a single word there meant a place.
    pub(super) fn suspicious_braces(&mut self, key: &str, template: &Template) {
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

/// A path as other notations write it, in ours: `/data/id` (RFC 6901), `data["id"]`,
/// `data->id`, `data.0.id`.
fn foreign(text: &str) -> Option<String> {
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
