//! Paths of other brokers, as members' names and `JSONPath`s.

use std::fmt::Write as _;

/// A member's name or a JSONPath for a dotted path: `a.b`, `a.b[0].c`,
/// `a."b c".d`, `a.b[]` (the first). `None` if it is more than a path.
pub(super) fn place(text: &str) -> Option<String> {
    let text = text.trim();
    let steps = steps(text)?;
    match &steps[..] {
        [] => None,
        [Step::Member(name)] if !name.starts_with('$') => Some(name.clone()),
        steps => Some(written(steps)),
    }
}

/// The paths of `a.b || c`, of which the first that has a value counts.
pub(super) fn alternatives(text: &str) -> Option<Vec<String>> {
    text.split("||").map(place).collect()
}

/// A path to several values, as in `groups[*].name`.
pub(super) fn list(text: &str) -> Option<String> {
    let parts: Vec<Vec<Step>> = text
        .trim()
        .split("[*]")
        .map(|part| {
            if part.is_empty() {
                Some(Vec::new())
            } else {
                steps(part)
            }
        })
        .collect::<Option<_>>()?;
    let parts: Vec<String> = parts
        .iter()
        .map(|steps| written(steps).trim_start_matches('$').to_owned())
        .collect();
    Some(format!("${}", parts.join("[*]")))
}

/// A path below another one, both already as they stand in a mapping.
pub(super) fn below(root: &[String], text: &str) -> String {
    let own = text.split('.').map(str::to_owned);
    let names: Vec<String> = root.iter().cloned().chain(own).collect();
    of_names(&names)
}

/// A path given as a list of members and indexes.
pub(super) fn of_names(names: &[String]) -> String {
    match names {
        [only] if !only.starts_with('$') => only.clone(),
        names => {
            let steps: Vec<Step> = names
                .iter()
                .map(|name| match name.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => Step::Member(name.clone()),
                })
                .collect();
            written(&steps)
        }
    }
}

enum Step {
    Member(String),
    Index(usize),
}

fn written(steps: &[Step]) -> String {
    let mut path = String::from("$");
    for step in steps {
        match step {
            Step::Index(index) => {
                let _ = write!(path, "[{index}]");
            }
            Step::Member(name) if plain(name) => {
                path.push('.');
                path.push_str(name);
            }
            Step::Member(name) => {
                let name = name.replace('\\', "\\\\").replace('\'', "\\'");
                let _ = write!(path, "['{name}']");
            }
        }
    }
    path
}

/// Whether RFC 9535's shorthand takes the name (§2.5.1.1, in ASCII).
fn plain(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The steps of a dotted path; `None` if it has calls, operators or alternatives.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            '.' => {
                chars.next();
            }
            '[' => {
                chars.next();
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let inner = inner.trim();
                let index = if inner.is_empty() {
                    0
                } else {
                    inner.parse().ok()?
                };
                steps.push(Step::Index(index));
            }
            '"' => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '"').collect();
                steps.push(Step::Member(name));
            }
            _ => {
                let mut name = String::new();
                while let Some(&c) = chars.peek() {
                    match c {
                        '.' | '[' => break,
                        // A dot that belongs to the name.
                        '\\' => {
                            chars.next();
                            name.extend(chars.next());
                            continue;
                        }
                        '(' | ')' | '|' | '&' | '=' | '!' | '?' | '*' | '@' | '{' | '}' | ','
                        | '<' | '>' | '\'' | '`' => return None,
                        c if c.is_whitespace() => return None,
                        c => name.push(c),
                    }
                    chars.next();
                }
                steps.push(Step::Member(name));
            }
        }
    }
    Some(steps)
}
