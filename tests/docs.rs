//! `docs/provider-mapping.md` ends with the format's keys, written here from the
//! schema; `docs/errors.md` lists the error codes, `docs/security.md` the tests of
//! each threat. After a change of one:
//! `UPDATE_DOCS=1 cargo test --test docs`.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "docs/reference.rs"]
mod reference;
#[path = "docs/site.rs"]
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vestibule::base::ErrorCode;
use vestibule::http::status::status;
use vestibule::provider::compile::SCHEMA;

const BEGIN: &str = "<!-- keys: written by tests/docs.rs -->";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/provider-mapping.md")
}

/// What a schema leads to: through `$ref`, `anyOf` with null, and lists.
fn target(schema: &Value) -> &Value {
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
        return target(SCHEMA.pointer(pointer.trim_start_matches('#')).unwrap());
    }
    if let Some(any) = schema.get("anyOf").and_then(Value::as_array)
        && let [one, null] = &any[..]
        && null["type"] == "null"
    {
        return target(one);
    }
    schema
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    let at = target(schema);
    let at = at.get("items").map_or(at, target);
    at.get("properties")?.as_object()
}

/// The values of an enumeration, each with what it means.
fn values(schema: &Value) -> Vec<(&str, String)> {
    let choices = target(schema).get("oneOf").and_then(Value::as_array);
    choices
        .into_iter()
        .flatten()
        .filter_map(|choice| Some((choice.get("const")?.as_str()?, text(choice))))
        .collect()
}

fn text(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

fn kind(schema: &Value) -> String {
    if schema.to_string().contains("\"#/$defs/Places\"")
        && schema.get("additionalProperties").is_none()
    {
        return "place".to_owned();
    }
    let at = target(schema);
    let name = |of: &Value| match of {
        Value::Array(kinds) => kinds[0].as_str().unwrap().to_owned(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let values = values(schema);
    if !values.is_empty() {
        let names: Vec<String> = values.iter().map(|(name, _)| format!("`{name}`")).collect();
        return names.join(", ");
    }
    match name(&at["type"]).as_str() {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => "list".to_owned(),
        "object" => "table".to_owned(),
        _ => "secret".to_owned(),
    }
}

/// The default, and the description without it.
fn default(schema: &Value) -> (String, String) {
    let text = text(schema);
    if let Some((before, after)) = text.split_once("Required") {
        let condition = after.trim_end_matches('.');
        return (format!("required{condition}"), before.trim().to_owned());
    }
    if let Some((before, after)) = text.split_once("Default") {
        let default = after.trim_start_matches(':').trim().trim_end_matches('.');
        return (default.to_owned(), before.trim().to_owned());
    }
    let written = match &schema["default"] {
        Value::String(value) => format!("`{value}`"),
        Value::Bool(value) => value.to_string(),
        // Of an optional enumeration the first value is the default.
        _ => values(schema)
            .first()
            .map(|(value, _)| format!("`{value}`"))
            .unwrap_or_default(),
    };
    (written, text)
}

/// One table of the format, and those below it.
fn section(out: &mut String, explained: &mut BTreeSet<String>, name: &str, schema: &Value) {
    let list = schema["type"] == "array";
    let title = if list {
        format!("[[{name}]]")
    } else {
        format!("[{name}]")
    };
    let _ = writeln!(out, "\n### `{title}`\n\n{}\n", text(schema));
    out.push_str("| key | | default | |\n|---|---|---|---|\n");
    let mut choices = String::new();
    let mut below = Vec::new();
    for (key, schema) in properties(schema).unwrap() {
        if properties(schema).is_some() {
            below.push((format!("{name}.{key}"), schema));
            continue;
        }
        let (default, text) = default(schema);
        let _ = writeln!(out, "| `{key}` | {} | {default} | {text} |", kind(schema));
        let values = values(schema);
        // Once is enough, wherever the same values are meant.
        if !values.is_empty() && explained.insert(format!("{values:?}")) {
            let _ = writeln!(choices, "\n`{key}` is\n");
            for (value, meaning) in values {
                let _ = writeln!(choices, "- `{value}`: {meaning}");
            }
        }
    }
    out.push_str(&choices);
    for (name, schema) in below {
        section(out, explained, &name, schema);
    }
}

fn keys() -> String {
    let mut out = format!("{BEGIN}\n");
    let mut explained = BTreeSet::new();
    for (name, schema) in SCHEMA["properties"].as_object().unwrap() {
        section(&mut out, &mut explained, name, schema);
    }
    out
}

#[test]
fn the_reference_has_every_key() {
    let written = std::fs::read_to_string(file()).unwrap();
    let (prose, tables) = written.split_once(BEGIN).expect("the mark of the tables");
    let expected = keys();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file(), format!("{prose}{expected}")).unwrap();
    } else {
        assert!(
            format!("{BEGIN}{tables}") == expected,
            "docs/provider-mapping.md is not what the schema says; \
             write it anew with `UPDATE_DOCS=1 cargo test --test docs`"
        );
    }
}

/// `docs/errors.md`: every code with its status, as [`ErrorCode`] says.
fn codes() -> String {
    let mut out = String::from(
        "# Error codes\n\n\
         Every failure has a stable code. Pages show it, problem documents (RFC 9457) have it as \
         `code` and in `type` (`urn:vestibule:…`), logs and metrics name it. A code never changes \
         its meaning. This page is written by `tests/docs.rs` from `src/base/error_code.rs`.\n",
    );
    let mut row = |title: &str, shoppers: bool| {
        let _ = write!(
            out,
            "\n## {title}\n\n| code | status | what happened, what to do |\n|---|---|---|\n"
        );
        for code in ErrorCode::ALL {
            if code.is_for_shoppers() == shoppers {
                let (status, meaning) = (status(*code).as_u16(), code.meaning());
                let _ = writeln!(out, "| `{code}` | {status} | {meaning} |");
            }
        }
    };
    row("On shoppers' pages", true);
    row("For programs and operators", false);
    out
}

#[test]
fn the_error_reference_has_every_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let expected = codes();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(
            std::fs::read_to_string(path).unwrap() == expected,
            "docs/errors.md is not what `ErrorCode` says; \
             write it anew with `UPDATE_DOCS=1 cargo test --test docs`"
        );
    }
}

/// The pages that the contents of the site name, in `zensical.toml`.
fn listed(nav: &toml::Value, into: &mut Vec<String>) {
    match nav {
        toml::Value::String(page) => into.push(page.clone()),
        toml::Value::Array(items) => {
            for item in items {
                listed(item, into);
            }
        }
        toml::Value::Table(named) => {
            for below in named.values() {
                listed(below, into);
            }
        }
        other => panic!("the contents have {other}"),
    }
}

/// The contents of the site: each page once, and no other.
#[test]
fn the_site_has_every_page_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let site = std::fs::read_to_string(root.join("zensical.toml")).unwrap();
    let site: toml::Table = site.parse().unwrap();
    let mut pages = Vec::new();
    listed(&site["project"]["nav"], &mut pages);
    pages.sort_unstable();
    let names = |folder: &str| -> Vec<String> {
        std::fs::read_dir(root.join("docs").join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "md"))
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .map(|name| format!("{folder}{name}"))
            .collect()
    };
    let mut there = names("");
    there.extend(names("decisions/"));
    there.sort();
    assert_eq!(pages, there);
}

/// The names that follow `before` in the sources, in quotes.
fn named(before: &str) -> BTreeSet<String> {
    let mut sources = String::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&src, &mut sources);
    sources
        .split(before)
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// `docs/metrics.md` and `docs/audit-events.md` have what the program has.
#[test]
fn the_references_have_every_metric_and_every_named_event() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let metrics = std::fs::read_to_string(docs.join("metrics.md")).unwrap();
    let mut known = BTreeSet::new();
    for kind in ["counter!(", "gauge!(", "histogram!("] {
        known.extend(named(kind));
    }
    assert!(known.len() >= 6, "{known:?}");
    let listed: BTreeSet<String> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, known);
    let events = std::fs::read_to_string(docs.join("audit-events.md")).unwrap();
    let verbs = [".create", ".set", ".change", ".remove", ".delete"];
    for event in named("Entry::new(") {
        let by_rule = verbs.iter().any(|verb| event.ends_with(verb));
        assert!(
            by_rule || events.contains(&format!("`{event}`")),
            "docs/audit-events.md lacks `{event}`"
        );
    }
}

fn collect(dir: &Path, into: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with(".venv") {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// `docs/odd-providers.md`: each kind has tests, and they are there.
#[test]
fn the_tests_of_each_odd_provider_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    collect(&root.join("tests"), &mut sources);
    let page = std::fs::read_to_string(root.join("docs/odd-providers.md")).unwrap();
    let mut kinds = 0;
    for line in page.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let (_, tests) = line
            .trim_end_matches([' ', '|'])
            .rsplit_once(" | ")
            .unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {line}");
        for name in names {
            let there = sources.contains(&format!("fn {name}("));
            assert!(there, "there is no test `{name}`");
        }
        kinds += 1;
    }
    assert!(kinds > 30, "{kinds}");
}

/// `docs/reliability.md`: the tests that hold a line are there.
#[test]
fn the_tests_of_each_failure_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    collect(&root.join("tests"), &mut sources);
    let page = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let mut held = 0;
    for (number, line) in page.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [failure, _, _, _, tests] = cells[..] else {
            continue;
        };
        if failure == "failure" || failure.starts_with("---") {
            continue;
        }
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "line {}: no test", number + 1);
        for name in names {
            let there = sources.contains(&format!("fn {name}("));
            assert!(there, "line {}: there is no test `{name}`", number + 1);
        }
        held += 1;
    }
    assert!(held > 15, "{held}");
}

/// Names of tests that begin with threats' ids, by each id without zeros
/// before its number: `k07_…` is K7's, `f12_d7_…` both F12's and D7's. The complaints have numbers of their own.
fn tests_by_threat() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    let mut folders = vec![
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !["node_modules", ".venv", "complaints"]
                    .iter()
                    .any(|skipped| path.ends_with(skipped))
                {
                    folders.push(path);
                }
                continue;
            }
            if path.extension().is_none_or(|e| e != "rs") {
                continue;
            }
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let line = line.trim_start();
                let line = line.strip_prefix("async ").unwrap_or(line);
                let Some((name, _)) = line.strip_prefix("fn ").and_then(|l| l.split_once('('))
                else {
                    continue;
                };
                for id in name.split('_').map_while(threat) {
                    found.entry(id).or_default().insert(name.to_owned());
                }
            }
        }
    }
    found
}

/// The id of a threat, where that is what the part of a name is.
fn threat(part: &str) -> Option<String> {
    let (letter, number) = part.split_at_checked(1)?;
    let number: u32 = number.parse().ok()?;
    Some(format!("{}{number}", letter.to_uppercase()))
}

#[test]
fn the_table_of_threats_names_their_tests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let mut tests = tests_by_threat();
    let mut expected = String::new();
    for line in written.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let is_row = line.starts_with("| ")
            && cells.len() == 4
            && cells[0].len() <= 3
            && cells[0][1..].parse::<u32>().is_ok();
        if is_row {
            let names = tests.remove(cells[0]).map_or_else(
                || "*no test yet*".to_owned(),
                |names| {
                    let names: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
                    names.join(", ")
                },
            );
            let _ = writeln!(
                expected,
                "| {} | {} | {} | {names} |",
                cells[0], cells[1], cells[2]
            );
        } else {
            let _ = writeln!(expected, "{line}");
        }
    }
    assert!(
        tests.is_empty(),
        "tests of threats that docs/security.md has no row for: {tests:?}"
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(
            written == expected,
            "docs/security.md does not name the tests that there are; \
             write it anew with `UPDATE_DOCS=1 cargo test --test docs`"
        );
    }
}

/// `file::test` wherever `docs/conformance.md` names one.
#[test]
fn the_tests_that_conformance_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let written = std::fs::read_to_string(root.join("docs/conformance.md")).unwrap();
    let quoted = written.split('`').skip(1).step_by(2);
    let mut named = 0;
    for (file, test) in quoted.filter_map(|text| text.split_once("::")) {
        named += 1;
        let mut sources = vec![root.join(format!("tests/{file}.rs"))];
        if let Ok(parts) = std::fs::read_dir(root.join("tests").join(file)) {
            sources.extend(parts.map(|part| part.unwrap().path()));
        }
        let there = sources.iter().any(|source| {
            let text = std::fs::read_to_string(source).unwrap_or_default();
            text.contains(&format!("fn {test}("))
        });
        assert!(
            there,
            "docs/conformance.md names `{file}::{test}`, which is no test"
        );
    }
    assert!(named > 20, "docs/conformance.md names {named} tests");
}
