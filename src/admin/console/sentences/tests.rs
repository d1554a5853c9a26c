//! That nothing is missing, that nothing is left over, and that no template has words
//! of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

/// What is a name or a sample in every language.
const NAMES: &[&str] = &[
    "V",
    "Vestibule",
    "TOML",
    "HTML",
    "acme.test",
    "https://www.acme.test",
    "https://www.acme.test/callback",
    "https://api.acme.test",
    "https://",
    "https://…",
    "/_auth",
    "#0b5fff",
    "Acme &lt;login@acme.example&gt;",
];

pub(super) fn console() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/console")
}

/// The files below a folder that end in this, with their text.
pub(super) fn files(folder: &Path, end: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            let text = std::fs::read_to_string(&path).expect("text");
            found.push((path.file_name().unwrap().to_string_lossy().into(), text));
        }
    }
    found
}

pub(super) fn forms(sentence: &Sentence) -> Vec<&str> {
    match sentence {
        Sentence::Plain(text) => vec![text],
        Sentence::Counted { one, other } => vec![one, other],
    }
}

/// What a sentence has beside text, in whatever order.
fn parts_of(text: &str) -> BTreeSet<String> {
    let parts = pieces(text).into_iter().flat_map(|piece| match piece {
        Piece::Text(_) => Vec::new(),
        Piece::Value(name) => vec![format!("{{{name}}}")],
        Piece::Link(_, name) => vec![format!("({name})")],
        Piece::Code(code) => vec![format!("`{code}`")],
    });
    parts.collect()
}

#[test]
fn every_language_has_every_sentence_with_the_same_parts() {
    for lang in Lang::ALL {
        for id in of(lang).keys() {
            assert!(of(Lang::En).contains_key(id), "{lang:?}: nothing uses {id}");
        }
        for (id, english) in of(Lang::En) {
            let theirs = of(lang).get(id);
            let theirs = theirs.unwrap_or_else(|| panic!("{lang:?}: {id} is missing"));
            let (theirs, english) = (forms(theirs), forms(english));
            assert_eq!(theirs.len(), english.len(), "{lang:?}: forms of {id}");
            for (theirs, english) in theirs.iter().zip(english) {
                assert!(!theirs.trim().is_empty(), "{lang:?}: {id} is empty");
                assert_eq!(parts_of(theirs), parts_of(english), "{lang:?}: {id}");
            }
        }
    }
}

/// What stands between two marks, each time.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let parts = text.split(open).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(close)?.0))
        .collect()
}

/// A text without what stands between two marks.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(open) {
        left.push_str(before);
        rest = from.split_once(close).map_or("", |(_, after)| after);
    }
    left + rest
}

pub(super) fn is_id(text: &str) -> bool {
    let (table, name) = text.split_once('.').unwrap_or_default();
    let plain = |part: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !part.is_empty() && part.chars().all(known)
    };
    plain(table) && plain(name)
}

/// The ids that a source asks for by name.
fn asked(text: &str) -> Vec<&str> {
    let calls = ["t(", "say(", "say_with("].into_iter().flat_map(|call| {
        text.match_indices(call).filter_map(move |(at, _)| {
            let before = text[..at].chars().next_back();
            let is_call = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '!');
            let argument = text[at + call.len()..].trim_start().strip_prefix('"')?;
            let (id, after) = argument.split_once('"')?;
            (is_call && after.trim_start().starts_with([',', ')'])).then_some(id)
        })
    });
    calls.collect()
}

#[test]
fn every_sentence_that_is_used_is_there_and_none_is_left_over() {
    let mut sources = files(&console(), ".rs");
    sources.retain(|(name, _)| name != "tests.rs");
    for (_, text) in &mut sources {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        *text = code.collect::<Vec<_>>().join("\n");
    }
    sources.extend(files(&console(), ".html"));
    let (mut used, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
    for (name, text) in &sources {
        for id in asked(text) {
            assert!(of(Lang::En).contains_key(id), "{name}: no sentence {id}");
        }
        let words = text.split('"');
        used.extend(words.filter(|word| is_id(word)).map(str::to_owned));
        let begun = text.match_indices("\" ~").map(|(at, _)| &text[..at]);
        prefixes.extend(begun.filter_map(|text| text.rsplit('"').next()));
    }
    let script = std::fs::read_to_string(console().join("console.js")).unwrap();
    let words = script.split(['\'', '"']);
    used.extend(words.map(|word| format!("script.{word}")));
    for id in of(Lang::En).keys() {
        let mut prefixes = prefixes.iter();
        let known = used.contains(id)
            || prefixes.any(|prefix| prefix.contains('.') && id.starts_with(prefix));
        assert!(known, "nothing uses {id}");
    }
}

/// Whether a text is something to read, and nobody's name.
fn is_said(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '·');
    !NAMES.contains(&text) && without(text, "&", ";").chars().any(char::is_alphabetic)
}

/// Whether a text within an expression looks like something to read.
fn looks_said(text: &str) -> bool {
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_uppercase())
        && chars.next().is_some_and(|c| c.is_ascii_lowercase());
    let words = text
        .split(' ')
        .filter(|word| word.len() > 1 && word.chars().all(char::is_alphabetic));
    !text.contains(['=', '/']) && (begins || words.count() > 1) && !NAMES.contains(&text)
}

#[test]
fn no_template_has_words_of_its_own() {
    let read = ["aria-label", "placeholder", "title", "data-l", "alt"];
    for (name, text) in files(&console().join("templates"), ".html") {
        // Attributes that a macro adds to a tag elsewhere.
        let mut markup = without(&text, "{% macro field_attributes", "endmacro %}");
        for (open, close) in [
            ("{% set of %}", "{% endset %}"),
            ("{% raw %}", "{% endraw %}"),
            ("<code>", "</code>"),
            ("<svg", "</svg>"),
            ("<!doctype", ">"),
            ("{#", "#}"),
        ] {
            markup = without(&markup, open, close);
        }
        for (open, close) in [("{{", "}}"), ("{%", "%}")] {
            for code in between(&markup, open, close) {
                for (at, text) in code.split('"').enumerate() {
                    let literal = at % 2 == 1 && !is_id(text);
                    assert!(
                        !literal || !looks_said(text),
                        "{name} says “{text}”: {code}"
                    );
                }
            }
            markup = without(&markup, open, close);
        }
        for attribute in read {
            for value in between(&markup, &format!(" {attribute}=\""), "\"") {
                assert!(!is_said(value), "{name} says “{value}” in {attribute}");
            }
        }
        for text in markup.split('<') {
            let text = text.split_once('>').map_or(text, |(_, text)| text);
            for line in text.lines() {
                assert!(!is_said(line), "{name} says “{line}”");
            }
        }
    }
}

#[test]
fn a_problem_is_told_in_every_language_with_its_values() {
    let problems = &problems::PROBLEMS;
    let mut seen = BTreeSet::new();
    for problem in problems.iter() {
        assert!(seen.insert(&problem.en), "twice: {}", problem.en);
        let names: BTreeSet<&str> = problems::parts(&problem.en).1.into_iter().collect();
        for theirs in [&problem.portuguese, &problem.es] {
            let places: BTreeSet<&str> = problems::parts(theirs).1.into_iter().collect();
            assert_eq!(names, places, "{}", problem.en);
            let ticks = |text: &str| text.matches('`').count();
            assert_eq!(ticks(theirs), ticks(&problem.en), "{}", problem.en);
        }
    }
}

/// The rooms whose refusals and findings come to a page.
const SPEAKERS: &[&str] = &[
    "account",
    "authority/application",
    "authority/application.rs",
    "document",
    "operation",
    "operator",
    "operator.rs",
    "password",
    "provider/blanks.rs",
    "provider/compile",
    "provider/compile.rs",
    "provider/path",
    "provider/path.rs",
];

/// What comes to no page, or only within a sentence that is in the list.
const UNSAID: &[&str] = &[
    "local operator",
    "{} in `{}`",
    "{place}: {why}",
    "{begins} {}",
    "name = \\\"Acme Accounts\\\"",
    "id = \\\"acme\\\"",
    "id = \\\"storefront-42\\\"",
    "secret = { env = \\\"ACME_CLIENT_SECRET\\\" }",
    "name = \\\"sign\\\"",
    "name = \\\"emails\\\"",
    "email = \\\"email\\\"",
    "named at all",
    "A file the broker can read.",
    "A variable of the broker's environment.",
    "operators' codes",
    "\\n  hint: {hint}",
    "at the top level",
    "in `[{at}]`",
    "unknown key `{name}` {place}",
    "{} at {hosts}",
    "{token} with {url} at {hosts}",
    "{token} with {scheme}://{host}",
    "Set-up link",
    "operators' codes in all",
    "recovery code",
    "an operator",
    "not a key in base32",
    "StoredSecret([redacted], since {}, until {:?})",
];

/// The texts of a source that read like sentences.
fn sentences_in(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let logged = [
        "tracing::",
        "info!",
        "warn!",
        "debug!",
        ".expect(",
        "reason = ",
    ];
    let lines = source.lines().map(str::trim);
    // Doc comments of a schema are the API's, which is in English.
    let lines =
        lines.filter(|line| !line.starts_with("//") && !line.starts_with("\"description\""));
    let lines = lines.filter(|line| !logged.iter().any(|log| line.contains(log)));
    let code = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    let mut found = Vec::new();
    for line in code.lines() {
        let quoted = line.replace("\\\"", "\u{1}");
        for text in quoted.split('"').skip(1).step_by(2) {
            let text = text.replace('\u{1}', "\\\"");
            let words = text.split(' ').filter(|word| {
                let word = word.trim_matches(|c: char| !c.is_alphabetic());
                word.len() > 1 && word.chars().all(|c| c.is_alphabetic() || c == '\'')
            });
            if words.count() > 1 && text.len() > 9 && !text.starts_with('/') {
                found.push(text);
            }
        }
    }
    found
}

/// A format string with something in its places.
fn filled(text: &str) -> String {
    let text = text.replace("\\\"", "\"");
    let text = text.replace("{{{", "\u{1}{").replace("{{", "\u{1}");
    let text = text.replace("}}}", "}\u{2}").replace("}}", "\u{2}");
    let (texts, _) = problems::parts(&text);
    texts.join("x").replace('\u{1}', "{").replace('\u{2}', "}")
}

#[test]
fn what_the_rooms_below_say_is_told_in_every_language() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut missing = BTreeSet::new();
    for speaker in SPEAKERS {
        let path = root.join(speaker);
        let sources = if path.is_dir() {
            files(&path, ".rs")
        } else {
            vec![(speaker.to_string(), std::fs::read_to_string(&path).unwrap())]
        };
        for (name, source) in sources {
            for text in sentences_in(&source) {
                let said = filled(&text);
                let known = problems::translated(Lang::Es, &said, 0).is_some();
                if !known && !UNSAID.contains(&text.as_str()) {
                    missing.insert(format!("{name}: {text}"));
                }
            }
        }
    }
    let missing: Vec<String> = missing.into_iter().collect();
    assert!(
        missing.is_empty(),
        "problems.toml lacks:\n{}",
        missing.join("\n")
    );
}

#[tokio::test]
async fn a_sentence_is_in_the_language_of_its_request() {
    assert_eq!(say("common.save"), "Save");
    let said = speaking(Lang::Es, async { say("common.save") }).await;
    assert_eq!(said, "Guardar");
    let said = speaking(Lang::PtBr, async { problem("there is no such account") });
    assert_eq!(said.await, "não existe: conta");
}

#[test]
fn values_are_text_and_only_a_sentence_has_marks() {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    add_to(&mut templates);
    let show = |template: &str| templates.render_named_str("x.html", template, ()).unwrap();
    assert_eq!(
        show(r#"{{ t("known.it_becomes_a_part_of", example="<b>`x`[a](b)") }}"#),
        "It becomes a part of <code>&lt;b&gt;`x`[a](b)</code>."
    );
    assert_eq!(
        show(r#"{{ t("known.set_up", name="<i>") }}"#),
        "Set up &lt;i&gt;"
    );
    assert_eq!(
        show(r#"{{ t("accounts.no_account_matches_show_all", link="/a?b=\"c") }}"#),
        "No account matches. <a href=\"/a?b=&quot;c\">Show all</a>"
    );
    for (count, said) in [(0, "0 users"), (1, "1 user"), (2, "2 users")] {
        let template = format!(r#"{{{{ t("users.number", count={count}) }}}}"#);
        assert_eq!(show(&template), said);
    }
    let error = templates.render_named_str("x.html", r#"{{ t("no.such") }}"#, ());
    assert!(error.is_err());
}
