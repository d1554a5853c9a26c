//! Keys of several values as the wizard's fields show them, and back: a list as
//! words, a table as lines, follow-up requests as lines.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::edit::{self, Row};
use super::fields::{Field, Kind};

/// A field's text as a page shows it; secrets in it redacted.
pub(super) fn text(doc: &DocumentMut, field: &Field) -> String {
    match field.kind {
        Kind::Words => words(doc, field.key).join(" "),
        Kind::Lines => lines(&edit::shown_rows(doc, field.key)),
        Kind::Requests => {
            let requests = requests(doc, field.key);
            let lines: Vec<String> = requests.iter().map(request_line).collect();
            lines.join("\n")
        }
        _ => edit::get(doc, field.key),
    }
}

/// Writes a field's text; what it does not show stays.
pub(super) fn put(doc: &mut DocumentMut, field: &Field, typed: &str) {
    if text(doc, field) == typed {
        return;
    }
    match field.kind {
        Kind::Words => put_words(doc, field.key, typed),
        Kind::Lines => edit::set_rows(doc, field.key, &rows(typed)),
        Kind::Requests => put_requests(doc, field.key, typed),
        _ => edit::set(doc, field.key, typed),
    }
}

fn words(doc: &DocumentMut, key: &str) -> Vec<String> {
    let list = edit::find(doc, key).and_then(Item::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|word| word.as_str().map(str::to_owned))
        .collect()
}

fn put_words(doc: &mut DocumentMut, key: &str, typed: &str) {
    let list: Array = typed.split_whitespace().collect();
    if list.is_empty() {
        edit::remove(doc, key);
    } else {
        edit::put(doc, key, list.into());
    }
}

fn lines(rows: &[Row]) -> String {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: {}", row.key, row.value))
        .collect();
    lines.join("\n")
}

fn rows(typed: &str) -> Vec<Row> {
    let rows: Vec<Row> = typed
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            Row {
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            }
        })
        .collect();
    edit::first_of_each(&rows)
}

fn requests(doc: &DocumentMut, key: &str) -> ArrayOfTables {
    edit::find(doc, key)
        .and_then(|item| item.clone().into_array_of_tables().ok())
        .unwrap_or_default()
}

fn member<'t>(table: &'t Table, name: &str) -> &'t str {
    table.get(name).and_then(Item::as_str).unwrap_or_default()
}

fn request_line(table: &Table) -> String {
    format!("{} = {}", member(table, "name"), member(table, "url"))
}

fn put_requests(doc: &mut DocumentMut, key: &str, typed: &str) {
    let old = requests(doc, key);
    let mut new = ArrayOfTables::new();
    for line in typed.lines().filter(|line| !line.trim().is_empty()) {
        let (name, url) = line.split_once('=').unwrap_or((line, ""));
        let (name, url) = (name.trim(), url.trim());
        let known = old.iter().find(|table| member(table, "name") == name);
        let mut table = known.cloned().unwrap_or_default();
        for (key, text) in [("name", name), ("url", url)] {
            if member(&table, key) != text {
                table.insert(key, value(text));
            }
        }
        new.push(table);
    }
    edit::remove(doc, key);
    if !new.is_empty() {
        edit::put_item(doc, key, Item::ArrayOfTables(new));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Step;
    use super::*;

    fn field(step: &str, key: &str) -> &'static Field {
        let (_, step) = Step::named(step).unwrap();
        step.fields().find(|field| field.key == key).unwrap()
    }

    #[test]
    fn lists_keep_what_they_do_not_show() {
        let source = "[authorization]\nscopes = [\"openid\", \"email\"] # two\n\n[userinfo]\nheaders = { X-Api-Key = \"k3y\", Accept = \"a/b\" }\n\n[[userinfo.then]]\nname = \"emails\"\nurl = \"https://id.test/emails\"\noptional = true\n";
        let mut doc: DocumentMut = source.parse().unwrap();
        let scopes = field("authorization", "authorization.scopes");
        let headers = field("userinfo", "userinfo.headers");
        let then = field("userinfo", "userinfo.then");
        assert_eq!(text(&doc, scopes), "openid email");
        assert_eq!(text(&doc, headers), "X-Api-Key: [redacted]\nAccept: a/b");
        assert_eq!(text(&doc, then), "emails = https://id.test/emails");
        for field in [scopes, headers, then] {
            let shown = text(&doc, field);
            put(&mut doc, field, &shown);
        }
        assert_eq!(doc.to_string(), source);
        put(&mut doc, scopes, "openid");
        put(&mut doc, headers, "X-Api-Key: [redacted]\nAccept: c/d");
        put(
            &mut doc,
            then,
            "emails = https://id.test/mails\norgs = https://id.test/orgs",
        );
        let changed = doc.to_string();
        for part in [
            "scopes = [\"openid\"] # two",
            "X-Api-Key = \"k3y\"",
            "Accept = \"c/d\"",
            "https://id.test/mails",
            "optional = true",
            "name = \"orgs\"",
        ] {
            assert!(changed.contains(part), "{part}\n{changed}");
        }
        for field in [scopes, headers, then] {
            put(&mut doc, field, "");
            assert_eq!(text(&doc, field), "");
        }
        // What is no line of this kind stays to be seen.
        put(&mut doc, headers, "nonsense");
        assert_eq!(text(&doc, headers), "nonsense: ");
    }
}
