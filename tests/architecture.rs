//! The rules of the house (`docs/architecture.md`), held by reading the sources.
//!
//! Names are found among the tokens, so comments and strings don't count.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "architecture/circles.rs"]
mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// Who stands where; `main` and `lib` stand above all.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["config", "document", "protocol"],
    &["outbound", "store"],
    &["provider", "key", "password"],
    &["account", "session", "operator", "audit", "mail"],
    &["login", "authority"],
    &["operation"],
    &["http", "admin"],
    &["cli", "broker", "demo"],
];

/// Imports among siblings, each with its reason.
const SIBLINGS: &[(&str, &str, &str)] = &[
    ("config", "document", "a configuration is a document"),
    (
        "admin",
        "http",
        "one server, one form of problems, one look of pages",
    ),
    ("account", "mail", "an account has texts of its own"),
    ("cli", "broker", "commands start the broker"),
    ("cli", "demo", "so does this one"),
    ("demo", "broker", "the demo has a broker in it"),
];

/// Who may name another crate.
const CRATES: &[(&str, &[&str], &str)] = &[
    (
        "reqwest",
        &["outbound"],
        "every request to a provider passes the guard",
    ),
    (
        "sled",
        &["store::sled"],
        "a store's driver stays behind the trait",
    ),
    (
        "tokio_postgres",
        &["store::postgres"],
        "a store's driver stays behind the trait",
    ),
    (
        "deadpool_postgres",
        &["store::postgres"],
        "a store's driver stays behind the trait",
    ),
    (
        "redis",
        &["store::redis"],
        "a store's driver stays behind the trait",
    ),
    (
        "axum",
        &["http", "admin", "cli", "broker", "demo"],
        "logins know no HTTP server",
    ),
    (
        "lettre",
        &["config", "mail"],
        "one place speaks to the mail server; an address is checked where it is configured",
    ),
    ("anyhow", &["cli", "demo"], "elsewhere errors are types"),
];

/// Lines of code a file may have.
const MAX_LINES: usize = 400;
/// Files that may be longer, up to [`HARD_MAX`], each with its reason.
const LONGER: &[(&str, &str)] = &[];
const HARD_MAX: usize = 450;

struct Source {
    /// Below `src`, with `/`.
    path: String,
    /// `store::sled::open`.
    module: String,
    tokens: Vec<Token>,
    lines: usize,
}

/// A token, and how many inline modules it is in.
#[derive(Debug, Clone)]
struct Token {
    text: String,
    line: usize,
    depth: usize,
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let path = file
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        let text = fs::read_to_string(file).unwrap();
        let stream: TokenStream = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut tokens = Vec::new();
        flatten(stream, 0, &mut tokens);
        // A line counts that has a token other than a comment: doc comments are
        // attributes to the compiler, so they are told apart by the text.
        let text: Vec<&str> = text.lines().collect();
        let lines: BTreeSet<usize> = tokens.iter().map(|t| t.line).collect();
        let lines = lines
            .iter()
            .filter(|n| !text[**n - 1].trim_start().starts_with("//"))
            .count();
        Self {
            module: path.trim_end_matches(".rs").replace('/', "::"),
            path,
            tokens,
            lines,
        }
    }

    fn room(&self) -> &str {
        self.module.split("::").next().unwrap()
    }

    /// The rooms this file names: after `crate::`, or after as many `super::`
    /// as lead out of its own.
    fn imports(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        let t = |i: usize| self.tokens.get(i).map_or("", |t| t.text.as_str());
        let path_separator = |i: usize| t(i) == ":" && t(i + 1) == ":";
        for (i, token) in self.tokens.iter().enumerate() {
            let after_path = i >= 2 && path_separator(i - 2);
            let mut at = i;
            match token.text.as_str() {
                "crate" if path_separator(i + 1) && !(i > 0 && t(i - 1) == "$") => at += 3,
                "super" if !after_path => {
                    let mut up = 0;
                    while t(at) == "super" && path_separator(at + 1) {
                        up += 1;
                        at += 3;
                    }
                    let own = self.module.split("::").count() + token.depth;
                    if up < own || up == 0 {
                        continue;
                    }
                }
                _ => continue,
            }
            if t(at) == "{" {
                // The first name of each branch.
                let mut open = 0;
                let mut first = true;
                for j in at.. {
                    match t(j) {
                        "{" => open += 1,
                        "}" => open -= 1,
                        "," if open == 1 => first = true,
                        name if open == 1 && first => {
                            found.push((name.to_owned(), self.tokens[j].line));
                            first = false;
                        }
                        _ => {}
                    }
                    if open == 0 {
                        break;
                    }
                }
            } else {
                found.push((t(at).to_owned(), token.line));
            }
        }
        found
    }

    /// Where another crate is named: `name::…`, at the start of a path.
    fn names_crate(&self, name: &str) -> Option<usize> {
        let t = |i: usize| self.tokens.get(i).map_or("", |t| t.text.as_str());
        (0..self.tokens.len())
            .find(|&i| {
                let starts = i < 2
                    || t(i - 1) != ":"
                    // `::sled::…` starts a path too; `super::sled::…` does not.
                    || (i >= 3 && t(i - 2) == ":" && !is_word(t(i - 3)) && t(i - 3) != ">");
                t(i) == name && starts && t(i + 1) == ":" && t(i + 2) == ":"
            })
            .map(|i| self.tokens[i].line)
    }
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !matches!(text, "use" | "in" | "as" | "return" | "else" | "match")
}

fn flatten(stream: TokenStream, depth: usize, into: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (i, tree) in trees.iter().enumerate() {
        let token = |text: &str, line: usize| Token {
            text: text.to_owned(),
            line,
            depth,
        };
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                let is_module = i >= 2 && trees[i - 2].to_string() == "mod" && open == "{";
                into.push(token(open, group.span_open().start().line));
                flatten(group.stream(), depth + usize::from(is_module), into);
                into.push(token(close, group.span_close().start().line));
            }
            TokenTree::Literal(literal) => {
                // All its lines, since a text can have many; its contents never.
                for line in literal.span().start().line..=literal.span().end().line {
                    into.push(token("\"", line));
                }
            }
            other => into.push(token(&other.to_string(), other.span().start().line)),
        }
    }
}

fn sources(root: &Path) -> Vec<Source> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(root, &mut files);
    files.sort();
    assert!(!files.is_empty(), "{} has no sources", root.display());
    files.iter().map(|file| Source::read(root, file)).collect()
}

fn ours() -> Vec<Source> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .into_iter()
        .filter(|source| !matches!(source.module.as_str(), "lib" | "main"))
        .collect()
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn each_room_has_its_floor() {
    let rooms: BTreeSet<String> = ours().iter().map(|s| s.room().to_owned()).collect();
    let homeless: Vec<_> = rooms
        .iter()
        .filter(|room| floor(room).is_none())
        .map(|room| format!("src/{room}: on no floor; see FLOORS in this test"))
        .collect();
    report(&homeless);
    let listed: Vec<String> = fs::read_to_string("src/lib.rs")
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("//! | ") && line.contains("[`"))
        .map(str::to_owned)
        .collect();
    for line in listed {
        let mut cells = line.trim_start_matches("//! |").split('|');
        let number: usize = cells.next().unwrap().trim().parse().unwrap();
        for room in cells.next().unwrap().split('`').skip(1).step_by(2) {
            assert_eq!(floor(room), Some(number), "the table of src/lib.rs: {room}");
        }
    }
}

#[test]
fn rooms_import_only_from_below() {
    let mut broken = Vec::new();
    let mut used = BTreeSet::new();
    for source in ours() {
        let own = source.room();
        let Some(here) = floor(own) else { continue };
        for (room, line) in source.imports() {
            // Names that are not rooms are macros or items of `lib.rs`.
            let Some(there) = floor(&room) else { continue };
            if room == own || there < here {
                continue;
            }
            let allowed = SIBLINGS
                .iter()
                .find(|(from, to, _)| *from == own && *to == room && here == there);
            match allowed {
                Some((from, to, _)) => {
                    used.insert((*from, *to));
                }
                None => broken.push(format!(
                    "src/{}:{line}: `{own}` (floor {here}) imports `{room}` (floor {there})",
                    source.path
                )),
            }
        }
    }
    for (from, to, _) in SIBLINGS {
        if !used.contains(&(*from, *to)) {
            broken.push(format!(
                "`{from}` no longer imports `{to}`: take it off SIBLINGS"
            ));
        }
    }
    report(&broken);
}

#[test]
fn drivers_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for source in ours() {
        for (name, rooms, why) in CRATES {
            let at_home = rooms.iter().any(|room| {
                source.module == *room || source.module.starts_with(&format!("{room}::"))
            });
            if !at_home && let Some(line) = source.names_crate(name) {
                broken.push(format!("src/{}:{line}: names `{name}`: {why}", source.path));
            }
        }
    }
    report(&broken);
}

/// Crates that are named for their features alone, with what for.
const NAMED_NOWHERE: &[(&str, &str)] = &[];

#[test]
fn each_dependency_is_used() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let named: BTreeSet<String> = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .iter()
        .flat_map(|source| source.tokens.iter().map(|token| token.text.clone()))
        .collect();
    let mut broken = Vec::new();
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        let used = named.contains(&name.replace('-', "_"))
            || NAMED_NOWHERE.iter().any(|(known, _)| known == name);
        if !used {
            broken.push(format!("Cargo.toml: nothing in src names `{name}`"));
        }
    }
    report(&broken);
}

#[test]
fn only_the_clock_reads_the_clock() {
    let mut broken = Vec::new();
    for source in ours() {
        if source.module == "base::clock" {
            continue;
        }
        for window in source.tokens.windows(4) {
            let text: Vec<&str> = window.iter().map(|t| t.text.as_str()).collect();
            if text == ["SystemTime", ":", ":", "now"]
                || text == ["OffsetDateTime", ":", ":", "now_utc"]
            {
                let line = window[0].line;
                broken.push(format!("src/{}:{line}: take a `Clock`", source.path));
            }
        }
    }
    report(&broken);
}

#[test]
fn files_stay_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let longer: BTreeMap<&str, &str> = LONGER.iter().copied().collect();
    let mut broken = Vec::new();
    for dir in ["src", "mock-idp/src"] {
        for source in sources(&root.join(dir)) {
            let path = format!("{dir}/{}", source.path);
            let max = if longer.contains_key(path.as_str()) {
                HARD_MAX
            } else {
                MAX_LINES
            };
            if source.lines > max {
                broken.push(format!(
                    "{path}: {} lines of code, {max} are allowed",
                    source.lines
                ));
            }
        }
    }
    report(&broken);
}

#[test]
fn the_mock_does_not_know_the_broker() {
    let manifest = fs::read_to_string("mock-idp/Cargo.toml").unwrap();
    assert!(
        !manifest.contains("vestibule"),
        "shared code would err twice"
    );
    for source in sources(Path::new("mock-idp/src")) {
        assert_eq!(source.names_crate("vestibule"), None, "{}", source.path);
    }
}

/// The reader itself, on a text that breaks each rule.
#[test]
fn the_reader_sees_through_forms() {
    let dir = tempfile::tempdir().unwrap();
    let room = dir.path().join("store");
    fs::create_dir(&room).unwrap();
    let file = room.join("x.rs");
    fs::write(
        &file,
        r#"
//! crate::cli in a comment
use crate::{base::Clock, login::{start, http}, config};
use super::super::account::Account;
use super::sled::fault;
fn f() -> crate::session::Session { "crate::demo"; ::sled::open(); super::super::super::x() }
mod inner { use super::super::super::admin; use super::super::y; }
"#,
    )
    .unwrap();
    let source = Source::read(dir.path(), &file);
    let names: Vec<String> = source.imports().into_iter().map(|(n, _)| n).collect();
    assert_eq!(
        names,
        [
            "base", "login", "config", "account", "session", "x", "admin"
        ]
    );
    assert_eq!(source.names_crate("sled"), Some(6));
    assert_eq!(source.names_crate("demo"), None);
    assert_eq!(source.lines, 5);
}

/// Names that secrets and their hashes have here.
const SECRETS: &[&str] = &[
    "expose",
    "secret",
    "secrets",
    "digest",
    "hash",
    "csrf",
    "nonce",
    "verifier",
    "challenge",
    "signature",
    "password",
    "binding",
    "spare",
    "sha256",
    "sha256_base64url",
];

/// Comparisons of such names that do not compare secrets, each with its reason.
const NO_SECRETS: &[(&str, &str)] = &[(
    "login/openid/id_token.rs",
    "`at_hash` is in a token whose signature was checked",
)];

/// `==` and `!=` on something that is named like a secret: the lines.
fn plain_comparisons(source: &Source) -> Vec<usize> {
    let t = |i: usize| source.tokens.get(i).map_or("", |t| t.text.as_str());
    let mut found = Vec::new();
    for i in 1..source.tokens.len() {
        let equal = t(i) == "=" && t(i + 1) == "=" && !"=!<>".contains(t(i - 1));
        let unequal = t(i) == "!" && t(i + 1) == "=";
        if !equal && !unequal {
            continue;
        }
        let left = operand((0..i).rev().map(t), ")", "(");
        let right = operand((i + 2..source.tokens.len()).map(t), "(", ")");
        // How long it is tells nothing.
        let length = |words: &[&str]| words.contains(&"len") || words.contains(&"is_some");
        let secret =
            |words: &[&str]| !length(words) && words.iter().any(|word| SECRETS.contains(word));
        if secret(&left) || secret(&right) {
            found.push(source.tokens[i].line);
        }
    }
    found
}

/// The tokens of one side, up to where it ends.
fn operand<'a>(tokens: impl Iterator<Item = &'a str>, open: &str, close: &str) -> Vec<&'a str> {
    let mut depth = 0;
    tokens
        .take_while(|token| {
            if *token == open {
                depth += 1;
            } else if *token == close {
                depth -= 1;
            }
            let ends = [",", ";", "{", "}", "&", "|", "=", "if", "match", "return"];
            depth >= 0 && (depth > 0 || !ends.contains(token))
        })
        .collect()
}

/// Threat K7: a comparison that stops at the first difference tells how much of
/// a guess was right. Secrets are compared by `digest::same`, or as [`Secret`]s,
/// which compare by it; slow hashes by their library.
///
/// [`Secret`]: vestibule::base::Secret
#[test]
fn k07_secrets_are_compared_in_constant_time() {
    let all = ours();
    let of = |path: &str| all.iter().find(|source| source.path == path).unwrap();
    assert!(of("base/digest.rs").names_crate("subtle").is_some());
    assert!(of("base/secret.rs").names_crate("digest").is_some());
    let rooms = [
        "account",
        "session",
        "operator",
        "password",
        "login",
        "authority",
        "http",
        "admin",
    ];
    let mut broken = Vec::new();
    let mut same = 0;
    for source in all.iter().filter(|source| rooms.contains(&source.room())) {
        let known = NO_SECRETS.iter().any(|(path, _)| *path == source.path);
        for line in plain_comparisons(source) {
            if !known {
                broken.push(format!("src/{}:{line}: use `digest::same`", source.path));
            }
        }
        let texts: Vec<&str> = source.tokens.iter().map(|t| t.text.as_str()).collect();
        same += texts
            .windows(2)
            .filter(|pair| *pair == ["same", "("])
            .count();
    }
    assert!(same >= 8, "the comparisons are made elsewhere now: {same}");
    report(&broken);

    // The reader itself.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.rs");
    let text = "fn f() {
        if given.expose() == stored.text() {}
        let a = b != self.digest;
        x(a == b, hash.len() == 43, secret);
        y && nonce(1, 2) == z;
    }";
    fs::write(&file, text).unwrap();
    let lines = plain_comparisons(&Source::read(dir.path(), &file));
    assert_eq!(lines, [2, 3, 5]);
}
