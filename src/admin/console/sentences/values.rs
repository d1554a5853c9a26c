//! That sentences and those who say them agree on the values in them.

use std::collections::{BTreeMap, BTreeSet};

use super::tests::{console, files, forms};
use super::*;

/// The names of the values that a sentence takes.
fn names_in(sentence: &str) -> BTreeSet<String> {
    let names = pieces(sentence).into_iter().flat_map(|piece| match piece {
        Piece::Text(_) => BTreeSet::new(),
        Piece::Value(name) => BTreeSet::from([name.to_owned()]),
        Piece::Code(code) => names_in(code),
        Piece::Link(text, name) => {
            let mut names = names_in(text);
            names.insert(name.to_owned());
            names
        }
    });
    names.collect()
}

/// The names of the arguments of a call, whose text begins behind its first argument.
fn arguments(text: &str) -> BTreeSet<String> {
    let (mut names, mut word) = (BTreeSet::new(), String::new());
    let (mut depth, mut quote, mut before) = (0, None, ' ');
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(mark), _) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')') if depth == 0 => break,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, '=') if depth == 0 && before != '=' && characters.peek() != Some(&'=') => {
                names.insert(std::mem::take(&mut word));
            }
            (None, _) if c.is_alphanumeric() || c == '_' => word.push(c),
            (None, _) => word.clear(),
        }
        before = c;
    }
    names
}

#[test]
fn templates_give_each_sentence_the_values_that_it_takes() {
    let mut calls = 0;
    for (file, text) in files(&console(), ".html") {
        for (at, _) in text.match_indices("t(\"") {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let Some((id, rest)) = text[at + 3..].split_once('"') else {
                continue;
            };
            let Some(sentence) = of(Lang::En).get(id) else {
                continue;
            };
            let given = arguments(rest);
            let mut taken: BTreeSet<String> =
                forms(sentence).into_iter().flat_map(names_in).collect();
            if matches!(sentence, Sentence::Counted { .. }) {
                taken.insert("count".to_owned());
            }
            assert_eq!(given, taken, "{file}: {id}");
            calls += 1;
        }
    }
    assert!(calls > 500, "only {calls} were found");
}

#[test]
fn every_sentence_is_said_with_its_values() {
    let mut templates = Environment::new();
    add_to(&mut templates);
    for (id, sentence) in of(Lang::En) {
        let mut names: BTreeSet<String> = forms(sentence).into_iter().flat_map(names_in).collect();
        names.insert("count".to_owned());
        let values: BTreeMap<&str, &str> = names.iter().map(|name| (&**name, "v4lue")).collect();
        let arguments: Vec<String> = values
            .iter()
            .filter(|(name, _)| **name != "count")
            .map(|(name, value)| format!(", {name}=\"{value}\""))
            .collect();
        let counted = matches!(sentence, Sentence::Counted { .. })
            || forms(sentence)
                .into_iter()
                .any(|form| names_in(form).contains("count"));
        let count = if counted { ", count=2" } else { "" };
        let call = format!("t(\"{id}\"{}{count})", arguments.concat());
        let said = templates.compile_expression(&call).unwrap().eval(());
        let said = said
            .unwrap_or_else(|error| panic!("{call}: {error}"))
            .to_string();
        assert_eq!(
            said.matches("v4lue").count() > 0,
            !arguments.is_empty(),
            "{id}: {said}"
        );
    }
}
