//! Several who edit one draft: what a page types is taken into what others kept
//! since that page was made. A page says which values it was made with, so a field
//! that it did not touch is left as it is, and one that both changed is asked about.

use serde::Serialize;
use toml_edit::DocumentMut;

use super::edit::{self, Row};
use super::fields::{Field, Kind, Step};
use super::lists;
use super::sentences::say;
use crate::document::REDACTED;
use crate::protocol::form::Pairs;

/// A field that two changed to different values.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Conflict {
    pub key: &'static str,
    pub label: String,
    /// What was typed here; a secret is not repeated.
    pub typed: String,
    /// What another page kept.
    pub theirs: String,
}

/// What became of a form.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub conflicts: Vec<Conflict>,
    /// Fields that another page changed and this one did not, with their values.
    pub fresh: Vec<(&'static str, String)>,
    /// Whether the page left the custom parameters as it found them.
    pub rows_untouched: bool,
    /// The values that the page has seen by now, for its next form.
    pub seen: String,
}

/// A field as a page shows it. Secrets are shown by where they come from.
fn shown(doc: &DocumentMut, field: &Field) -> String {
    match field.kind {
        Kind::Secret => {
            let secret = edit::secret(doc, field.key);
            format!("{}:{}", secret.from, secret.text)
        }
        Kind::Choice(_) => Some(edit::get(doc, field.key))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| field.default.to_owned()),
        _ => lists::text(doc, field),
    }
}

/// Where a form says that a secret is.
fn source<'f>(form: &'f Pairs, field: &Field) -> &'f str {
    form.get(&format!("{}.from", field.key))
        .unwrap_or("literal")
}

/// What a form has in a field, empty or not.
fn filled<'f>(form: &'f Pairs, field: &Field) -> Option<&'f str> {
    let (_, text) = form.iter().find(|(name, _)| *name == field.key)?;
    Some(text)
}

fn typed(form: &Pairs, field: &Field) -> Option<String> {
    let text = filled(form, field)?;
    Some(if matches!(field.kind, Kind::Secret) {
        let from = source(form, field);
        format!("{from}:{text}")
    } else {
        text.trim().replace("\r\n", "\n")
    })
}

fn rows_text(rows: &[Row]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for row in rows {
        text.append_pair(&row.key, &row.value);
    }
    text.finish()
}

/// The values that a page of a step shows, for its hidden field `seen`.
pub(super) fn seen(doc: &DocumentMut, step: &Step) -> String {
    seen_but(doc, step, |_| None)
}

fn seen_but<'s>(
    doc: &DocumentMut,
    step: &Step,
    instead: impl Fn(&str) -> Option<&'s str>,
) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for field in step.fields() {
        let now = shown(doc, field);
        text.append_pair(field.key, instead(field.key).unwrap_or(&now));
    }
    if let Some(table) = step.parameters() {
        let now = rows_text(&edit::shown_rows(doc, table));
        text.append_pair(table, instead(table).unwrap_or(&now));
    }
    text.finish()
}

/// Whether a secret is in the middle of being typed: nothing that is taken over yet.
fn unfinished(form: &Pairs, field: &Field, seen: &str) -> bool {
    let from = source(form, field);
    let text = form.get(field.key).unwrap_or_default();
    let moved = !seen.starts_with(&format!("{from}:"));
    (from == "env" && !edit::names_a_variable(text))
        || (moved && (text.is_empty() || text == REDACTED))
}

/// Writes a step's answers into a mapping, but those of the keys in `left`.
fn answer(doc: &mut DocumentMut, step: &Step, form: &Pairs, rows: &[Row], left: &[&str]) {
    for field in step.fields() {
        if left.contains(&field.key) {
            continue;
        }
        let Some(typed) = filled(form, field) else {
            continue;
        };
        if matches!(field.kind, Kind::Secret) {
            let from = source(form, field);
            let typed = if from == "env" && !edit::names_a_variable(typed) {
                ""
            } else {
                typed
            };
            edit::set_secret(doc, field.key, from, typed);
            continue;
        }
        let typed = typed.trim().replace("\r\n", "\n");
        let typed = typed.as_str();
        let present = edit::find(doc, field.key).is_some();
        if typed.is_empty() {
            edit::remove(doc, field.key);
        } else if present || typed != field.default {
            lists::put(doc, field, typed);
        }
    }
    if let Some(table) = step.parameters()
        && !left.contains(&table)
    {
        edit::set_rows(doc, table, rows);
    }
}

/// Takes a form into a draft's mapping. `typing`: the form was not sent by a button.
pub(super) fn take(
    doc: &mut DocumentMut,
    step: &Step,
    form: &Pairs,
    rows: &[Row],
    typing: bool,
) -> Merged {
    let kept_rows = edit::first_of_each(rows);
    let seen = Pairs::parse(form.get("seen").unwrap_or_default()).unwrap_or_default();
    let before = |key: &str| {
        seen.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    let mut merged = Merged::default();
    let mut left: Vec<&str> = Vec::new();
    let mut old: Vec<&str> = Vec::new();
    for field in step.fields() {
        let (Some(before), Some(typed)) = (before(field.key), typed(form, field)) else {
            continue;
        };
        let now = shown(doc, field);
        let secret = matches!(field.kind, Kind::Secret);
        if typed == before || (secret && typing && unfinished(form, field, before)) {
            left.push(field.key);
            if typed == before && now != before {
                merged.fresh.push((field.key, now));
            }
        } else if now != before && now != typed {
            left.push(field.key);
            old.push(field.key);
            let (typed, theirs) = if secret {
                (String::new(), say("step.another_secret"))
            } else {
                (typed, now)
            };
            merged.conflicts.push(Conflict {
                key: field.key,
                label: say(field.label),
                typed,
                theirs,
            });
        }
    }
    if let Some(table) = step.parameters()
        && let Some(before) = before(table)
    {
        let now = edit::shown_rows(doc, table);
        let (text, typed) = (rows_text(&now), rows_text(&kept_rows));
        if typed == before {
            left.push(table);
            merged.rows_untouched = true;
            if text != before {
                // The page still shows the rows of before.
                old.push(table);
            }
        } else if text != before && text != typed {
            left.push(table);
            old.push(table);
            let theirs: Vec<String> = now
                .iter()
                .map(|row| format!("{} = {}", row.key, row.value))
                .collect();
            let theirs = if theirs.is_empty() {
                say("common.none")
            } else {
                theirs.join(", ")
            };
            merged.conflicts.push(Conflict {
                key: table,
                label: say("step.custom_parameters"),
                typed: String::new(),
                theirs,
            });
        }
    }
    answer(doc, step, form, &kept_rows, &left);
    merged.seen = seen_but(doc, step, |key| {
        if old.contains(&key) {
            before(key)
        } else {
            None
        }
    });
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Pairs {
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        Pairs::parse(&text).unwrap()
    }

    #[test]
    fn answers_change_only_their_own_keys() {
        let source = "# ours\n[token]\nurl = 'https://a.test/t'   # do not touch\nmethod = \"GET\"\nparameters = { b = \"1\", c = \"2\" } # two\n";
        let mut doc: DocumentMut = source.parse().unwrap();
        let (_, step) = Step::named("token").unwrap();
        let form = Pairs::parse(
            "token.url=https%3A%2F%2Fa.test%2Ft&token.code_key=code&row.0.key=b&row.0.value=1&row.1.key=d&row.1.value=3",
        )
        .unwrap();
        answer(&mut doc, step, &form, &edit::typed_rows(&form), &[]);
        assert_eq!(doc.to_string(), source.replace("c = \"2\"", "d = \"3\""));
        assert_eq!(edit::others(&doc), ["token.method"]);
    }

    #[test]
    fn each_takes_what_it_changed_and_a_field_of_both_is_asked_about() {
        let (_, step) = Step::named("token").unwrap();
        let mut doc: DocumentMut = "[token]\nurl = \"https://a.test/t\"\n".parse().unwrap();
        let seen = seen(&doc, step);
        let first = form(&[
            ("seen", &seen),
            ("token.url", "https://a.test/t"),
            ("token.code_key", "c1"),
            ("row.0.key", "a"),
            ("row.0.value", "1"),
        ]);
        let merged = take(&mut doc, step, &first, &edit::typed_rows(&first), false);
        assert!(merged.conflicts.is_empty());
        // A page that was made before it changes the address, and the same key.
        let second = form(&[
            ("seen", &seen),
            ("token.url", "https://b.test/t"),
            ("token.code_key", "c2"),
        ]);
        let merged = take(&mut doc, step, &second, &[], false);
        let keys: Vec<&str> = merged
            .conflicts
            .iter()
            .map(|conflict| conflict.key)
            .collect();
        assert_eq!(keys, ["token.code_key"]);
        assert_eq!(merged.conflicts[0].theirs, "c1");
        assert_eq!(edit::get(&doc, "token.url"), "https://b.test/t");
        assert_eq!(edit::get(&doc, "token.code_key"), "c1");
        assert_eq!(
            edit::get(&doc, "token.parameters.a"),
            "1",
            "rows it never had stay"
        );
        // The same form again is nothing new; with what was kept in view, it counts.
        let again = form(&[
            ("seen", &super::seen(&doc, step)),
            ("token.code_key", "c2"),
            ("row.0.key", "a"),
            ("row.0.value", "1"),
        ]);
        let merged = take(&mut doc, step, &again, &edit::typed_rows(&again), false);
        assert!(merged.conflicts.is_empty());
        assert_eq!(edit::get(&doc, "token.code_key"), "c2");
    }

    #[test]
    fn a_secret_that_is_half_typed_takes_nothing_away() {
        let (_, step) = Step::named("provider").unwrap();
        let text = "[client]\nsecret = \"s3cret\"\n";
        let mut doc: DocumentMut = text.parse().unwrap();
        for (from, typed) in [
            ("env", "[redacted]"),
            ("env", ""),
            ("file", "[redacted]"),
            ("env", "not a name"),
        ] {
            let half = form(&[
                ("seen", &seen(&doc, step)),
                ("client.secret.from", from),
                ("client.secret", typed),
            ]);
            take(&mut doc, step, &half, &[], true);
            assert_eq!(doc.to_string(), text, "{from} {typed}");
        }
        assert!(!seen(&doc, step).contains("s3cret"));
    }
}
