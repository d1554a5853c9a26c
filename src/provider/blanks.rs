//! What a sample mapping leaves to whoever uses it: placeholders such as
//! `YOUR_REALM`, and secrets.

use std::collections::BTreeMap;

use serde_json::Value;
use toml_edit::visit::{Visit, visit_inline_table};
use toml_edit::visit_mut::{VisitMut, visit_inline_table_mut};
use toml_edit::{DocumentMut, Formatted, InlineTable};

use crate::document::Finding;

const PREFIX: &str = "YOUR_";

/// A value that each installation has its own of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blank {
    /// As it stands in the sample: `YOUR_REALM`.
    pub name: String,
    /// For a form: `Realm`.
    pub label: String,
    /// The first value that it is in: `https://YOUR_HOST/realms/YOUR_REALM`.
    pub example: String,
}

/// The first placeholder in a text.
fn placeholder(text: &str) -> Option<&str> {
    let at = text.match_indices(PREFIX).map(|(at, _)| at).find(|at| {
        !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text[at + PREFIX.len()..].starts_with(|c: char| c.is_ascii_uppercase())
    })?;
    let rest = &text[at..];
    let end = rest
        .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches('_'))
}

fn label(name: &str) -> String {
    let words = name[PREFIX.len()..].to_ascii_lowercase().replace('_', " ");
    let words = words.replace("appid", "app id");
    let words: Vec<String> = words
        .split(' ')
        .enumerate()
        .map(|(i, word)| match word {
            "id" | "api" | "rest" => word.to_ascii_uppercase(),
            _ if i == 0 => {
                let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
                format!("{}{rest}", first.to_ascii_uppercase())
            }
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}

/// The placeholders of a sample, in their order.
pub fn blanks(source: &str) -> Vec<Blank> {
    #[derive(Default)]
    struct Found(Vec<Blank>);
    impl<'d> Visit<'d> for Found {
        fn visit_string(&mut self, node: &'d Formatted<String>) {
            let mut rest = node.value().as_str();
            while let Some(name) = placeholder(rest) {
                if !self.0.iter().any(|blank| blank.name == name) {
                    self.0.push(Blank {
                        name: name.to_owned(),
                        label: label(name),
                        example: node.value().clone(),
                    });
                }
                rest = rest.split_once(name).map_or("", |(_, rest)| rest);
            }
        }
    }
    let mut found = Found::default();
    if let Ok(doc) = source.parse::<DocumentMut>() {
        found.visit_document(&doc);
    }
    found.0
}

/// Whether a sample reads a secret from a variable, which a form asks for in its stead.
pub fn asks_for_a_secret(source: &str) -> bool {
    struct Found(bool);
    impl<'d> Visit<'d> for Found {
        fn visit_inline_table(&mut self, node: &'d InlineTable) {
            self.0 |= is_variable(node);
            visit_inline_table(self, node);
        }
    }
    let mut found = Found(false);
    if let Ok(doc) = source.parse::<DocumentMut>() {
        found.visit_document(&doc);
    }
    found.0
}

fn is_variable(table: &InlineTable) -> bool {
    table.len() == 1 && table.contains_key("env")
}

/// A sample with its placeholders and its secret filled in; an answer that is
/// empty leaves its placeholder.
///
/// Answers may say more than the placeholder: the whole value, or a host with
/// its scheme.
pub fn fill(source: &str, answers: &BTreeMap<String, String>, secret: &str) -> String {
    struct Filling<'a> {
        answers: &'a BTreeMap<String, String>,
        secret: &'a str,
    }
    impl VisitMut for Filling<'_> {
        fn visit_string_mut(&mut self, node: &mut Formatted<String>) {
            let mut text = node.value().clone();
            for (name, answer) in self.answers {
                if !answer.is_empty() && placeholder_at(&text, name) {
                    text = filled(&text, name, answer);
                }
            }
            if text != *node.value() {
                let decor = node.decor().clone();
                *node = Formatted::new(text);
                *node.decor_mut() = decor;
            }
        }

        fn visit_value_mut(&mut self, node: &mut toml_edit::Value) {
            if !self.secret.is_empty()
                && let Some(table) = node.as_inline_table()
                && is_variable(table)
            {
                let decor = node.decor().clone();
                *node = toml_edit::Value::from(self.secret);
                *node.decor_mut() = decor;
                return;
            }
            toml_edit::visit_mut::visit_value_mut(self, node);
        }

        fn visit_inline_table_mut(&mut self, node: &mut InlineTable) {
            visit_inline_table_mut(self, node);
        }
    }
    let Ok(mut doc) = source.parse::<DocumentMut>() else {
        return source.to_owned();
    };
    Filling { answers, secret }.visit_document_mut(&mut doc);
    doc.to_string()
}

/// Whether a text has this placeholder, and not only one that begins like it.
fn placeholder_at(text: &str, name: &str) -> bool {
    let mut rest = text;
    while let Some(found) = placeholder(rest) {
        if found == name {
            return true;
        }
        rest = rest.split_once(found).map_or("", |(_, rest)| rest);
    }
    false
}

fn filled(text: &str, name: &str, answer: &str) -> String {
    let answer = answer.trim();
    let Some((before, after)) = text.split_once(name) else {
        return text.to_owned();
    };
    let mut part = answer;
    if before.ends_with("://") {
        part = part.split_once("://").map_or(part, |(_, host)| host);
        part = part.trim_end_matches('/');
    }
    // The whole value was given: `123.apps.example.com` for `YOUR_ID.apps.example.com`.
    if placeholder(after).is_none() {
        part = part.strip_prefix(before).unwrap_or(part);
        if !after.is_empty() {
            part = part.strip_suffix(after).unwrap_or(part);
        }
    }
    let rest = if placeholder_at(after, name) {
        filled(after, name, answer)
    } else {
        after.to_owned()
    };
    format!("{before}{part}{rest}")
}

/// A mapping's values that are a sample's placeholders still: such a mapping
/// sends shoppers to nobody's server, or as nobody's client.
pub fn unfilled(value: &Value) -> Vec<Finding> {
    fn walk(value: &Value, key: &str, found: &mut Vec<Finding>) {
        match value {
            Value::String(text) => {
                if let Some(name) = placeholder(text) {
                    let message = format!("`{name}` is the sample's placeholder");
                    found.push(Finding::error(key, message).hint(format!(
                        "put your own {} in its place",
                        label(name).to_lowercase()
                    )));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, key, found)),
            Value::Object(members) => {
                for (name, member) in members {
                    let below = if key.is_empty() {
                        name.clone()
                    } else {
                        format!("{key}.{name}")
                    };
                    walk(member, &below, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_replace_placeholders_everywhere_and_comments_stay() {
        let source = "# YOUR_HOST\na = \"https://YOUR_HOST/realms/YOUR_REALM\" # why\nb = { env = \"X\" }\nc = [\"YOUR_REALM\", \"HARBOUR_X\"]\n";
        let answers = BTreeMap::from([
            ("YOUR_HOST".to_owned(), "https://id.acme.test/".to_owned()),
            ("YOUR_REALM".to_owned(), " shop \"1\" ".to_owned()),
        ]);
        assert_eq!(
            fill(source, &answers, "s3"),
            "# YOUR_HOST\na = 'https://id.acme.test/realms/shop \"1\"' # why\nb = \"s3\"\nc = ['shop \"1\"', \"HARBOUR_X\"]\n"
        );
    }

    #[test]
    fn a_whole_value_is_taken_for_its_part() {
        let source = "id = \"YOUR_CLIENT_ID.apps.test\"\n";
        for typed in ["12-ab", "12-ab.apps.test"] {
            let answers = BTreeMap::from([("YOUR_CLIENT_ID".to_owned(), typed.to_owned())]);
            assert_eq!(fill(source, &answers, ""), "id = \"12-ab.apps.test\"\n");
        }
    }

    #[test]
    fn blanks_are_named_for_people() {
        let labels = |text: &str| {
            let found = blanks(&format!("a = \"{text}\"\n"));
            found.into_iter().map(|b| b.label).collect::<Vec<_>>()
        };
        assert_eq!(labels("https://YOUR_HOST/YOUR_REALM"), ["Host", "Realm"]);
        assert_eq!(labels("YOUR_CLIENT_ID.x"), ["Client ID"]);
        assert_eq!(labels("YOUR_APPID"), ["App ID"]);
        assert_eq!(labels("YOUR_ and HARBOUR_A"), [""; 0]);
    }
}
