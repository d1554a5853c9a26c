//! What is probably meant otherwise: names that look like paths, paths with names
//! that need brackets, braces around no place.

use super::Check;
use crate::document::structure::nearest;
use crate::provider::path::Place;
use crate::provider::template::{SLOT_NAMES, Template};

impl Check<'_> {
    /// A member's name that looks like a path.
    pub(super) fn suspicious_name(&mut self, key: &str, text: &str) {
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

/// A path with brackets around the names that need them: `$.a.b-c` is `$.a['b-c']`.
fn bracketed(path: &str) -> String {
    let Some(rest) = path.strip_prefix('$') else {
        return path.to_owned();
    };
    if rest.contains(['\'', '"', '?', '(', '@', '*']) || rest.contains("..") {
        return path.to_owned();
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
