//! What the console says, in the language of who reads it.
//!
//! Every sentence has an id, and stands under it in `sentences/en.toml`, `pt-BR.toml`
//! and `es.toml`. A template writes `{{ t("users.title") }}`, code [`say`]. Which
//! language it is belongs to the request: see [`current`].
//!
//! A sentence may hold `{name}`, which is replaced by a value; `` `code` ``; and
//! `[text](name)`, a link to the address that is given as `name`. All else is text. One
//! that depends on a number has a form for `one` and for `other` things, chosen by the
//! value `count`.

#[cfg(test)]
mod events;
mod language;
mod problems;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod values;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind};

pub(super) use self::language::{carried, chosen, current, speaking, switch};
pub(super) use self::problems::told as problem;
use super::markup::escaped;
use crate::base::Lang;

/// A sentence of one language.
#[derive(Debug)]
enum Sentence {
    Plain(String),
    /// For one thing, and for another number of them.
    Counted {
        one: String,
        other: String,
    },
}

type Sentences = HashMap<String, Sentence>;

static ENGLISH: LazyLock<Sentences> = LazyLock::new(|| read(source(Lang::En)));
static PORTUGUESE: LazyLock<Sentences> = LazyLock::new(|| read(source(Lang::PtBr)));
static SPANISH: LazyLock<Sentences> = LazyLock::new(|| read(source(Lang::Es)));

fn source(lang: Lang) -> &'static str {
    match lang {
        Lang::En => include_str!("sentences/en.toml"),
        Lang::PtBr => include_str!("sentences/pt-BR.toml"),
        Lang::Es => include_str!("sentences/es.toml"),
    }
}

fn of(lang: Lang) -> &'static Sentences {
    match lang {
        Lang::En => &ENGLISH,
        Lang::PtBr => &PORTUGUESE,
        Lang::Es => &SPANISH,
    }
}

#[expect(clippy::expect_used, reason = "compiled in; a test reads each of them")]
fn read(source: &str) -> Sentences {
    let tables: toml::Table = source.parse().expect("the bundled sentences are TOML");
    let mut found = Sentences::new();
    for (table, below) in tables {
        for (name, value) in below.as_table().into_iter().flatten() {
            let sentence = match value {
                toml::Value::Table(forms) => {
                    let form = |name| forms.get(name).and_then(toml::Value::as_str);
                    Sentence::Counted {
                        one: form("one").unwrap_or_default().to_owned(),
                        other: form("other").unwrap_or_default().to_owned(),
                    }
                }
                other => Sentence::Plain(other.as_str().unwrap_or_default().to_owned()),
            };
            found.insert(format!("{table}.{name}"), sentence);
        }
    }
    found
}

/// The text of a sentence, for so many things where it counts them.
fn text(lang: Lang, id: &str, count: Option<i64>) -> Option<&'static str> {
    let sentence = of(lang).get(id).or_else(|| of(Lang::En).get(id))?;
    Some(match (sentence, count) {
        (Sentence::Plain(text), _) => text,
        (Sentence::Counted { one, other }, Some(count)) => {
            // CLDR's rules: in Portuguese none is one of its kind, too.
            let is_one = count == 1 || (lang == Lang::PtBr && count == 0);
            if is_one { one } else { other }
        }
        (Sentence::Counted { other, .. }, None) => other,
    })
}

/// What is between the parts of a sentence that are replaced.
enum Piece<'s> {
    Text(&'s str),
    Code(&'s str),
    Value(&'s str),
    /// A link's text, and the name of the value that is its address.
    Link(&'s str, &'s str),
}

/// A sentence in its pieces. What is no whole piece is text.
fn pieces(sentence: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = sentence;
    while let Some(at) = rest.find(['{', '`', '[']) {
        let (before, from) = rest.split_at(at);
        let inner = &from[1..];
        let piece = match from.as_bytes()[0] {
            b'{' => inner
                .split_once('}')
                .map(|(name, rest)| (Piece::Value(name), rest)),
            b'`' => inner
                .split_once('`')
                .map(|(code, rest)| (Piece::Code(code), rest)),
            _ => inner.split_once("](").and_then(|(text, rest)| {
                let (name, rest) = rest.split_once(')')?;
                Some((Piece::Link(text, name), rest))
            }),
        };
        let Some((piece, after)) = piece else {
            break;
        };
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        found.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// Whether there is such a sentence.
pub(super) fn has(id: &str) -> bool {
    ENGLISH.contains_key(id)
}

/// What a step of a login is called, as the wizard calls it; a request that a mapping
/// names has its own name.
pub(super) fn step(name: String) -> String {
    match name.as_str() {
        "authorization" => say("trial.step_authorization"),
        "discovery" => say("trial.step_discovery"),
        "jwks" => say("trial.step_jwks"),
        "start" => say("trial.step_start"),
        "callback" => say("trial.step_callback"),
        "before" => say("trial.step_before"),
        "token" => say("trial.step_token"),
        "id_token" => say("trial.step_id_token"),
        "userinfo" => say("trial.step_userinfo"),
        "then" => say("trial.step_then"),
        "identify" => say("trial.step_identify"),
        "finish" => say("trial.step_finish"),
        _ => name,
    }
}

/// A sentence, as text: backticks and all.
pub(super) fn say(id: &str) -> String {
    say_with(id, &[])
}

/// A sentence with values in it, as text.
pub(super) fn say_with(id: &str, values: &[(&str, &dyn Display)]) -> String {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name);
    let count = value("count").and_then(|(_, count)| count.to_string().parse().ok());
    let Some(sentence) = text(current(), id, count) else {
        return id.to_owned();
    };
    let mut said = String::new();
    let mut rest = sentence;
    while let Some((before, from)) = rest.split_once('{') {
        said.push_str(before);
        match from.split_once('}') {
            Some((name, after)) => {
                match value(name) {
                    Some((_, value)) => said.push_str(&value.to_string()),
                    None => said.extend(["{", name, "}"]),
                }
                rest = after;
            }
            None => {
                said.push('{');
                rest = from;
            }
        }
    }
    said.push_str(rest);
    said
}

/// A value within a page: as it is where it is markup already.
fn markup(value: &Value) -> String {
    if value.is_safe() {
        value.to_string()
    } else {
        escaped(&value.to_string())
    }
}

/// `t(id, name=value, …)` of the templates.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what a template calls takes its values so"
)]
fn t(id: &str, values: Kwargs) -> Result<Value, Error> {
    let value = |name: &str| values.get::<Value>(name);
    let count = if values.has("count") {
        value("count")?.as_i64()
    } else {
        None
    };
    let unknown = || Error::new(ErrorKind::InvalidOperation, format!("no sentence `{id}`"));
    let sentence = text(current(), id, count).ok_or_else(unknown)?;
    // Code, and the text of a link, may have values in them.
    let within = |inner: &str| {
        let mut html = String::new();
        for piece in pieces(inner) {
            match piece {
                Piece::Value(name) => html.push_str(&markup(&value(name)?)),
                Piece::Text(text) => html.push_str(&escaped(text)),
                Piece::Code(_) | Piece::Link(..) => {}
            }
        }
        Ok::<_, Error>(html)
    };
    // Text stays text, for filters that take one.
    let (mut plain, mut html, mut marked) = (String::new(), String::new(), false);
    for piece in pieces(sentence) {
        match piece {
            Piece::Text(text) => {
                plain.push_str(text);
                html.push_str(&escaped(text));
            }
            Piece::Value(name) => {
                let value = value(name)?;
                marked |= value.is_safe();
                plain.push_str(&value.to_string());
                html.push_str(&markup(&value));
            }
            Piece::Code(code) => {
                marked = true;
                html.extend(["<code>", &within(code)?, "</code>"]);
            }
            Piece::Link(text, name) => {
                marked = true;
                let (address, text) = (markup(&value(name)?), within(text)?);
                html.extend(["<a href=\"", &address, "\">", &text, "</a>"]);
            }
        }
    }
    values.assert_all_used()?;
    Ok(if marked {
        Value::from_safe_string(html)
    } else {
        Value::from(plain)
    })
}

/// The sentences of the script, as JSON.
pub(super) fn of_script() -> String {
    let ids = ENGLISH.keys();
    let said: BTreeMap<&str, String> = ids
        .filter_map(|id| Some((id.strip_prefix("script.")?, say(id))))
        .collect();
    serde_json::json!(said).to_string()
}

/// Gives the templates their sentences.
pub(super) fn add_to(templates: &mut Environment<'_>) {
    templates.add_function("t", t);
}
