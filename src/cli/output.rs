//! Data for people, or as JSON.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};

use serde_json::Value;

/// Writes to stdout.
pub(super) fn say(text: Arguments<'_>) {
    if let Err(error) = stdout().lock().write_fmt(text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("error: the output cannot be written: {error}");
        std::process::exit(1);
    }
}

/// Prints one thing.
pub(super) fn show(json: bool, value: &Value) {
    if json {
        println!("{value:#}");
        return;
    }
    if let Value::Object(members) = value {
        let width = members
            .keys()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, value) in members {
            println!("{name:width$}  {}", text(value));
        }
    }
}

/// Prints a list as a table of these members.
pub(super) fn table(json: bool, items: &[Value], columns: &[&str]) {
    if json {
        println!("{:#}", Value::Array(items.to_vec()));
        return;
    }
    if items.is_empty() {
        println!("none");
        return;
    }
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            columns
                .iter()
                .map(|c| text(item.get(*c).unwrap_or(&Value::Null)))
                .collect()
        })
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, name)| {
            rows.iter()
                .map(|row| row[i].chars().count())
                .chain([name.chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let print = |cells: &[String]| {
        let line: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("{}", line.join("  ").trim_end());
    };
    print(&columns.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>());
    for row in &rows {
        print(row);
    }
}

/// A value on one line, without anything that could move a terminal's cursor.
pub(super) fn text(value: &Value) -> String {
    let plain = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(members) if members.contains_key("origin") => format!(
            "{}{}",
            text(members.get("origin").unwrap_or(&Value::Null)),
            text(members.get("auth_path").unwrap_or(&Value::Null))
        ),
        other => other.to_string(),
    };
    plain.chars().filter(|c| !c.is_control()).collect()
}

/// How much of a list.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Most {
    /// How many at most; all unless given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Go on where a list before ended: what it said to give here
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
}

impl Most {
    /// How many.
    pub fn count(&self) -> usize {
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        limit.unwrap_or(usize::MAX)
    }
}

/// A part of a list.
pub(super) struct Listed {
    pub items: Vec<Value>,
    /// Where the next part begins, if there is one.
    pub next: Option<String>,
}

impl Listed {
    /// The first of these, each known by this member.
    pub fn of(all: impl Iterator<Item = Value>, most: &Most, known_by: &str) -> Self {
        let mut items: Vec<Value> = all.take(most.count().saturating_add(1)).collect();
        let more = items.len() > most.count();
        items.truncate(most.count());
        let last = items.last().filter(|_| more);
        let next = last.and_then(|last| last.get(known_by)?.as_str().map(str::to_owned));
        Self { items, next }
    }

    /// Prints it, see [`table`]; where it goes on, on stderr.
    pub fn print(&self, json: bool, columns: &[&str]) {
        table(json, &self.items, columns);
        if let Some(next) = &self.next {
            eprintln!("there is more: --after {}", quoted(next));
        }
    }
}

/// A text as a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
