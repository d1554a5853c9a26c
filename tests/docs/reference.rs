//! The references that are written from code: `docs/cli.md` from the commands,
//! `docs/configuration.md` from the configuration's structs, `docs/api.md` from the
//! operations of the admin API.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command};
use serde_json::Value;

/// A page that is written from code.
fn page(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
        return;
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == expected,
        "docs/{name} is not what the code says; write it anew with `UPDATE_DOCS=1 cargo test --test docs`"
    );
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\n', " ")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

fn values(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
    names.join(" ")
}

fn row(out: &mut String, argument: &Arg) {
    let name = match argument.get_long() {
        None => values(argument),
        Some(long) if argument.get_action().takes_values() => {
            format!("--{long} {}", values(argument))
        }
        Some(long) => format!("--{long}"),
    };
    let mut about = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let choices: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    let switch = !argument.get_action().takes_values();
    if !switch && !choices.is_empty() {
        let _ = write!(about, ": {}", choices.join(", "));
    }
    let defaults = argument.get_default_values();
    if !switch && !defaults.is_empty() && !about.contains("[default") {
        let defaults: Vec<_> = defaults.iter().map(|one| one.to_string_lossy()).collect();
        let _ = write!(about, " [default: {}]", defaults.join(", "));
    }
    let _ = writeln!(out, "| `{}` | {} |", name.replace('|', "\\|"), cell(&about));
}

fn own(command: &Command) -> Vec<&Arg> {
    let all = command.get_arguments();
    all.filter(|one| !one.is_hide_set() && !one.is_global_set())
        .filter(|one| !["help", "version"].contains(&one.get_id().as_str()))
        .collect()
}

fn table(out: &mut String, arguments: &[&Arg]) {
    if arguments.is_empty() {
        return;
    }
    out.push_str("\n| argument | |\n|---|---|\n");
    for argument in arguments {
        row(out, argument);
    }
}

fn commands(out: &mut String, command: &Command, path: &str, depth: usize) {
    let below = command.get_subcommands();
    for one in below.filter(|one| one.get_name() != "help" && !one.is_hide_set()) {
        let path = format!("{path} {}", one.get_name());
        let about = one.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            out,
            "\n{} {}\n\n{about}.",
            "#".repeat(depth),
            path.trim_start()
        );
        let arguments = own(one);
        if !one.has_subcommands() {
            let inputs = arguments.iter().filter(|one| one.is_positional());
            let inputs = inputs.fold(String::new(), |all, one| {
                let name = values(one);
                let name = if one.is_required_set() {
                    name
                } else {
                    format!("[{name}]")
                };
                format!("{all} {name}")
            });
            let _ = writeln!(out, "\n```sh\nvestibule{path}{inputs}\n```");
        }
        table(out, &arguments);
        commands(out, one, &path, depth + 1);
    }
}

#[test]
fn the_reference_of_the_command_line() {
    let command = vestibule::cli::command();
    let mut out = String::from(
        "# Command line\n\nWritten by `tests/docs.rs` from the commands themselves; `vestibule COMMAND --help` says the same. Commands act on the broker of the configuration's data directory, running or not, or with `--server` on one elsewhere. The exit status is 2 for bad usage and 1 for a failure.\n\n## Options of every command\n",
    );
    let global: Vec<&Arg> = command
        .get_arguments()
        .filter(|one| one.is_global_set() && one.get_id() != "version")
        .collect();
    table(&mut out, &global);
    commands(&mut out, &command, "", 2);
    page("cli.md", &out);
}

/// What a part of the configuration's schema leads to.
fn target(schema: &Value) -> &Value {
    let root = &*vestibule::config::SCHEMA;
    let named = |pointer: &str| target(root.pointer(pointer.trim_start_matches('#')).unwrap());
    match (
        schema.get("$ref"),
        schema.get("anyOf").and_then(Value::as_array),
    ) {
        (Some(pointer), _) => named(pointer.as_str().unwrap()),
        (None, Some(any)) if any.len() == 2 && any[1]["type"] == "null" => target(&any[0]),
        _ => schema,
    }
}

/// The description of a key, and what the last sentence says of its default.
fn told(schema: &Value) -> (String, String) {
    let text = cell(schema["description"].as_str().unwrap_or_default());
    let Some(at) = text
        .find("Default")
        .filter(|at| text[*at..].matches(". ").count() == 0)
    else {
        return (text, String::new());
    };
    let default = text[at + "Default".len()..].trim_start_matches([':', ' ']);
    (
        text[..at].trim().to_owned(),
        default.trim_end_matches('.').to_owned(),
    )
}

fn section(out: &mut String, name: &str, schema: &Value) {
    let about = schema["description"].as_str().unwrap_or_default();
    let _ = writeln!(
        out,
        "\n## `[{name}]`\n\n{about}\n\n| key | variable | default | |\n|---|---|---|---|"
    );
    for (key, schema) in target(schema)["properties"].as_object().unwrap() {
        let (text, default) = told(schema);
        let variable = format!("VESTIBULE_{}__{}", name.to_uppercase(), key.to_uppercase());
        let _ = writeln!(out, "| `{key}` | `{variable}` | {default} | {text} |");
    }
}

#[test]
fn the_reference_of_the_configuration() {
    let schema = &*vestibule::config::SCHEMA;
    let mut out = String::from(
        "# Configuration\n\nWritten by `tests/docs.rs` from `src/config/file.rs`. `vestibule.toml` is named by `--config` or `VESTIBULE_CONFIG`, or found in the working directory. Every key is also a variable. Unknown keys are errors. Relative paths are relative to the file. A secret is a text, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`.\n\n| key | variable | default | |\n|---|---|---|---|\n",
    );
    let (mut sections, mut keys) = (Vec::new(), 0);
    for (key, schema) in schema["properties"].as_object().unwrap() {
        if target(schema).get("properties").is_some() {
            sections.push((key, schema));
            continue;
        }
        keys += 1;
        let (text, default) = told(schema);
        let variable = format!("VESTIBULE_{}", key.to_uppercase());
        let _ = writeln!(out, "| `{key}` | `{variable}` | {default} | {text} |");
    }
    assert!(keys >= 5 && sections.len() >= 8);
    for (name, schema) in sections {
        section(&mut out, name, schema);
    }
    page("configuration.md", &out);
}

#[test]
fn the_reference_of_the_admin_api() {
    let document = vestibule::admin::openapi();
    let mut out = String::from(
        "# Admin API\n\nWritten by `tests/docs.rs` from the operations themselves. `GET /api/v1/openapi.json`, or `vestibule openapi`, is the whole of it, with inputs, answers and examples; [how it is used](admin-api.md) is another page.\n",
    );
    let mut rooms: Vec<(String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            let Some(summary) = described["summary"].as_str() else {
                continue;
            };
            let tag = described["tags"][0].as_str().unwrap_or("Others");
            let row = format!(
                "| `{}` | `{path}` | {} |\n",
                method.to_uppercase(),
                cell(summary)
            );
            match rooms.iter_mut().find(|(room, _)| room == tag) {
                Some((_, rows)) => rows.push_str(&row),
                None => rooms.push((tag.to_owned(), row)),
            }
        }
    }
    assert!(rooms.len() > 5);
    for (room, rows) in rooms {
        let _ = write!(out, "\n## {room}\n\n| | | |\n|---|---|---|\n{rows}");
    }
    page("api.md", &out);
}
