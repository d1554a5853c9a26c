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
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Most {
    /// How many at most; all unless given
    #[arg(long)]
    limit: Option<usize>,
}

impl Most {
    /// The number.
    pub fn get(self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}
