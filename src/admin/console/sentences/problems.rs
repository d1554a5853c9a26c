//! What the rooms below say of a mistake, in the reader's language.
//!
//! An operation refuses, and a check finds, in English: that is what the API and the
//! command line show. The pages look the sentence up in `problems.toml` by its pattern:
//! `there is no such {what}`. A value that is itself in the list, such as a kind of
//! record, is translated too, if it is not quoted. What is not in the list is shown as it was said.

use std::sync::LazyLock;

use super::current;
use crate::base::Lang;

/// A sentence of the rooms below, and what the pages say for it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Problem {
    pub en: String,
    #[serde(rename = "pt-BR")]
    pub portuguese: String,
    pub es: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    problem: Vec<Problem>,
}

/// The list, those that say the most first: they are the ones that are meant.
#[expect(clippy::expect_used, reason = "compiled in; a test reads it")]
pub(super) static PROBLEMS: LazyLock<Vec<Problem>> = LazyLock::new(|| {
    let list: List =
        toml::from_str(include_str!("problems.toml")).expect("the bundled problems are complete");
    let mut problems = list.problem;
    let fixed = |problem: &Problem| {
        let (texts, _) = parts(&problem.en);
        texts.iter().map(|text| text.len()).sum::<usize>()
    };
    problems.sort_by_key(|problem| std::cmp::Reverse(fixed(problem)));
    problems
});

/// A pattern's texts, and the names between them: one fewer.
pub(super) fn parts(pattern: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut texts, mut names) = (Vec::new(), Vec::new());
    let mut rest = pattern;
    while let Some((before, from)) = rest.split_once('{') {
        let Some((name, after)) = from.split_once('}') else {
            break;
        };
        texts.push(before);
        names.push(name);
        rest = after;
    }
    texts.push(rest);
    (texts, names)
}

/// What stands for the names of a pattern in a sentence; `None` where it is another's.
fn values<'s>(texts: &[&str], sentence: &'s str) -> Option<Vec<&'s str>> {
    let (first, others) = texts.split_first()?;
    let mut rest = sentence.strip_prefix(first)?;
    let Some((last, between)) = others.split_last() else {
        return rest.is_empty().then(Vec::new);
    };
    let mut found = Vec::new();
    for text in between {
        let (value, after) = rest.split_once(text)?;
        found.push(value);
        rest = after;
    }
    found.push(rest.strip_suffix(last)?);
    Some(found)
}

/// A sentence of the rooms below in the language of the request.
pub(in crate::admin::console) fn told(sentence: &str) -> String {
    match current() {
        Lang::En => sentence.to_owned(),
        lang => translated(lang, sentence, 0).unwrap_or_else(|| sentence.to_owned()),
    }
}

/// How deep values are looked up in turn.
const DEPTH: usize = 3;

/// A sentence in a language; `None` if it is not in the list.
pub(super) fn translated(lang: Lang, sentence: &str, depth: usize) -> Option<String> {
    if depth == DEPTH {
        return None;
    }
    PROBLEMS.iter().find_map(|problem| {
        let (texts, names) = parts(&problem.en);
        let found = values(&texts, sentence)?;
        let theirs = match lang {
            Lang::En => &problem.en,
            Lang::PtBr => &problem.portuguese,
            Lang::Es => &problem.es,
        };
        let (texts, places) = parts(theirs);
        let mut said = texts.first().copied().unwrap_or_default().to_owned();
        for (place, text) in places.iter().zip(&texts[1..]) {
            let at = names.iter().position(|name| name == place);
            let value = at.map_or("", |at| found[at]);
            // What was quoted is as somebody wrote it.
            let quoted = said.ends_with(['`', '"']);
            match translated(lang, value, depth + 1).filter(|_| !quoted) {
                Some(value) => said.push_str(&value),
                None => said.push_str(value),
            }
            said.push_str(text);
        }
        Some(said)
    })
}
