//! What a check found, in the words of the wizard: labels and links to fields. Keys
//! and lines are for those who write TOML.

use serde::Serialize;

use super::fields::{Field, Kind, STEPS, Step};
use super::sentences::{problem, say, say_with};
use crate::document::{Finding, Severity};

/// A finding as a page shows it.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// For the script, which puts it beside its field.
    pub key: String,
    pub severity: Severity,
    /// The step that has the field: several have one of a name.
    pub step: Option<String>,
    /// What the field is called.
    pub label: String,
    /// Where it is; empty where no page has the field.
    pub href: String,
    pub message: String,
    pub hint: Option<String>,
}

/// Findings for the pages of a draft at `draft`.
pub(super) fn told<'f>(findings: impl IntoIterator<Item = &'f Finding>, draft: &str) -> Vec<Told> {
    findings
        .into_iter()
        .map(|finding| {
            let (label, href) = place(&finding.key);
            let step = Step::of(&finding.key).filter(|_| href != "toml");
            Told {
                step: step.map(|step| say(step.title)),
                key: finding.key.clone(),
                severity: finding.severity,
                label,
                href: format!("{draft}{href}"),
                message: in_words(&problem(&finding.message), &finding.key),
                hint: finding.hint.as_deref().and_then(example).or_else(|| {
                    finding.hint.as_deref().and_then(|hint| {
                        (!hint.starts_with("write: "))
                            .then(|| in_words(&problem(hint), &finding.key))
                    })
                }),
            }
        })
        .collect()
}

/// Findings of a mapping that no page edits: each by its field, which leads nowhere.
pub(super) fn told_apart<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Told> {
    let mut found = told(findings, "");
    for finding in &mut found {
        finding.href.clear();
    }
    found
}

/// The field of a key.
pub(super) fn field(key: &str) -> Option<(&'static Step, &'static Field)> {
    STEPS.iter().find_map(|step| {
        let field = step.fields().find(|field| field.key == key)?;
        Some((step, field))
    })
}

/// What a key is called, and the page below the draft that has it.
fn place(key: &str) -> (String, String) {
    if let Some((step, field)) = field(key) {
        let href = format!("{}?check=true#{}", step.id, field.key);
        return (say(field.label), href);
    }
    for step in STEPS {
        let Some(table) = step.parameters() else {
            continue;
        };
        if let Some(name) = key
            .strip_prefix(table)
            .and_then(|rest| rest.strip_prefix('.'))
        {
            let href = format!("{}?check=true#rows", step.id);
            return (say_with("step.custom_parameter", &[("name", &name)]), href);
        }
    }
    // A part of a field that holds several: a header, a follow-up request.
    let whole = STEPS
        .iter()
        .flat_map(|step| step.fields().map(move |field| (step, field)));
    for (step, field) in whole {
        if key.starts_with(&format!("{}.", field.key))
            || key.starts_with(&format!("{}[", field.key))
        {
            let href = format!("{}?check=true#{}", step.id, field.key);
            return (say(field.label), href);
        }
    }
    let label = Step::of(key).map_or("step.the_mapping", |step| step.title);
    let label = say_with("step.in_toml", &[("label", &say(label))]);
    (label, "toml".to_owned())
}

/// The example of a hint that shows a line to write: its value, where that is a text.
fn example(hint: &str) -> Option<String> {
    let (_, value) = hint.strip_prefix("write: ")?.split_once(" = ")?;
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    Some(say_with("step.for_example", &[("value", &value)]))
}

/// The field that a sentence about `about` means by a key: the whole key, or its
/// part within the same table.
fn meant(name: &str, about: &str) -> Option<&'static Field> {
    if let Some((_, found)) = field(name) {
        return Some(found);
    }
    let mut table = about;
    while let Some((above, _)) = table.rsplit_once('.') {
        if let Some((_, found)) = field(&format!("{above}.{name}")) {
            return Some(found);
        }
        table = above;
    }
    // A name that one field alone has.
    let end = format!(".{name}");
    let mut all = STEPS.iter().flat_map(Step::fields);
    let only = all.find(|field| field.key.ends_with(&end))?;
    all.all(|field| !field.key.ends_with(&end)).then_some(only)
}

/// A sentence with the keys in backticks replaced by the labels of their fields.
fn in_words(text: &str, about: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        if i % 2 == 0 {
            out.push_str(piece);
            continue;
        }
        let (name, value) = match piece.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (piece.trim(), None),
        };
        match (meant(name, about), value) {
            (Some(field), None | Some("" | "…" | "...")) => {
                out.extend(["“", &say(field.label), "”"]);
            }
            (Some(field), Some(value)) => {
                let value = match field.kind {
                    Kind::Choice(options) => options
                        .iter()
                        .find(|(option, _)| *option == value)
                        .map_or_else(|| value.to_owned(), |(_, label)| say(label)),
                    _ => value.to_owned(),
                };
                out.extend(["“", &say(field.label), ": ", &value, "”"]);
            }
            _ => out.extend(["`", piece, "`"]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_the_labels_of_their_fields() {
        let finding = Finding::error("provider.name", "`name` is required")
            .hint("add `name = \"…\"`, or `kind = \"openid\"`; `elsewhere` is for later");
        let told = &told([&finding], "/d/")[0];
        assert_eq!(told.label, "Identity provider's name");
        assert_eq!(told.href, "/d/provider?check=true#provider.name");
        assert_eq!(told.message, "“Identity provider's name” is required");
        assert_eq!(
            told.hint.as_deref(),
            Some(
                "add “Identity provider's name”, or “Protocol: OpenID Connect”; `elsewhere` is for later"
            )
        );
        for (key, label, href) in [
            (
                "token.parameters.state",
                "Custom parameter “state”",
                "/d/token?check=true#rows",
            ),
            (
                "userinfo.then[0].url",
                "Follow-up requests",
                "/d/userinfo?check=true#userinfo.then",
            ),
            (
                "token.unknown",
                "Access token exchange, in the TOML tab",
                "/d/toml",
            ),
            ("", "The mapping, in the TOML tab", "/d/toml"),
        ] {
            let told = &super::told([&Finding::error(key, "x")], "/d/")[0];
            assert_eq!((told.label.as_str(), told.href.as_str()), (label, href));
        }
    }
}
