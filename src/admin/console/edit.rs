//! The wizard's answers in a mapping's text, and back. Comments, order and
//! every key the wizard does not know stay as they are.

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use super::fields::{Kind, Step};
use super::sentences::say;
use crate::document::REDACTED;
use crate::document::redact::sounds_secret;
use crate::protocol::form::Pairs;

/// What a mapping that begins with nothing has: the wizard's four steps.
pub(super) const EMPTY: &str = r#"[provider]                                   # step 1: provider details

[client]
id_key     = "client_id"
secret_key = "client_secret"

[authorization]                              # step 2: authorization code

[callback]
code_key = "code"

[token]                                      # step 3: access token exchange
content_type = "application/x-www-form-urlencoded"
code_key     = "code"

[token.response]
access_token = "access_token"
expires_in   = "expires_in"

[userinfo]                                   # step 4: user information
send_token = "bearer"

[userinfo.response]
"#;

/// A row of custom parameters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Row {
    pub key: String,
    pub value: String,
}

/// Where a secret comes from: `literal`, `env` or `file`, and the text shown.
pub(super) struct SecretShown {
    pub from: &'static str,
    pub text: String,
}

pub(super) fn find<'d>(doc: &'d DocumentMut, key: &str) -> Option<&'d Item> {
    let mut at: &Item = doc.as_item();
    for part in key.split('.') {
        at = at.as_table_like()?.get(part)?;
    }
    Some(at)
}

/// The table of a key's parent, made where it is missing, and the key's last part.
fn parent<'d, 'k>(
    doc: &'d mut DocumentMut,
    key: &'k str,
) -> Option<(&'d mut dyn TableLike, &'k str)> {
    let mut at: &mut Item = doc.as_item_mut();
    let mut parts = key.split('.').peekable();
    let mut part = parts.next()?;
    while parts.peek().is_some() {
        at = at
            .as_table_like_mut()?
            .entry(part)
            .or_insert_with(|| Item::Table(Table::new()));
        part = parts.next()?;
    }
    Some((at.as_table_like_mut()?, part))
}

/// The text of a key, empty where it is absent.
pub(super) fn get(doc: &DocumentMut, key: &str) -> String {
    match find(doc, key).and_then(Item::as_value) {
        Some(Value::String(text)) => text.value().clone(),
        Some(other) => other.to_string().trim().to_owned(),
        None => String::new(),
    }
}

/// Sets a key's text, keeping what stands around it.
pub(super) fn set(doc: &mut DocumentMut, key: &str, text: &str) {
    if get(doc, key) != text || find(doc, key).is_none() {
        put(doc, key, Value::from(text));
    }
}

/// Sets a key to an item that is no value.
pub(super) fn put_item(doc: &mut DocumentMut, key: &str, new: Item) {
    if let Some((table, last)) = parent(doc, key) {
        table.insert(last, new);
    }
}

pub(super) fn put(doc: &mut DocumentMut, key: &str, new: Value) {
    let Some((table, last)) = parent(doc, key) else {
        return;
    };
    if let Some(old) = table.get_mut(last).and_then(Item::as_value_mut) {
        let decor = old.decor().clone();
        *old = new;
        *old.decor_mut() = decor;
    } else {
        table.insert(last, value(new));
    }
}

pub(super) fn remove(doc: &mut DocumentMut, key: &str) {
    if find(doc, key).is_some()
        && let Some((table, last)) = parent(doc, key)
    {
        table.remove(last);
    }
}

/// The custom parameters of a table.
fn rows(doc: &DocumentMut, key: &str) -> Vec<Row> {
    let table = find(doc, key).and_then(Item::as_table_like);
    let text = |item: &Item| match item.as_value() {
        Some(Value::String(text)) => text.value().clone(),
        Some(other) => other.to_string().trim().to_owned(),
        None => String::new(),
    };
    table
        .into_iter()
        .flat_map(TableLike::iter)
        .map(|(key, item)| Row {
            key: key.to_owned(),
            value: text(item),
        })
        .collect()
}

/// The custom parameters as a page shows them: those that hold secrets redacted.
pub(super) fn shown_rows(doc: &DocumentMut, key: &str) -> Vec<Row> {
    let mut rows = rows(doc, key);
    for row in &mut rows {
        if sounds_secret(&row.key) && !row.value.is_empty() {
            REDACTED.clone_into(&mut row.value);
        }
    }
    rows
}

pub(super) fn set_rows(doc: &mut DocumentMut, key: &str, new: &[Row]) {
    let old = rows(doc, key);
    let mut new = new.to_vec();
    for row in &mut new {
        let known = old.iter().find(|known| known.key == row.key);
        if let Some(known) = known.filter(|_| row.value == REDACTED) {
            row.value.clone_from(&known.value);
        }
    }
    if old == new {
        return;
    }
    if new.is_empty() {
        remove(doc, key);
        return;
    }
    let Some((table, last)) = parent(doc, key) else {
        return;
    };
    let item = table
        .entry(last)
        .or_insert_with(|| value(InlineTable::new()));
    let Some(table) = item.as_table_like_mut() else {
        return;
    };
    for row in &old {
        if !new.iter().any(|kept| kept.key == row.key) {
            table.remove(&row.key);
        }
    }
    for row in &new {
        let known = old.iter().find(|known| known.key == row.key);
        if known.is_some_and(|known| known.value == row.value) {
            continue;
        }
        match table.get_mut(&row.key).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                *old = Value::from(row.value.as_str());
                *old.decor_mut() = decor;
            }
            None => {
                table.insert(&row.key, value(row.value.as_str()));
            }
        }
    }
}

/// A secret as a page shows it: a literal never.
pub(super) fn secret(doc: &DocumentMut, key: &str) -> SecretShown {
    let item = find(doc, key);
    let place = |name: &str| {
        let table = item.and_then(Item::as_table_like)?;
        table.get(name)?.as_str().map(str::to_owned)
    };
    if let Some(text) = place("env") {
        return SecretShown { from: "env", text };
    }
    if let Some(text) = place("file") {
        return SecretShown { from: "file", text };
    }
    let text = match item.and_then(Item::as_str) {
        Some(literal) if !literal.is_empty() => REDACTED.to_owned(),
        _ => String::new(),
    };
    SecretShown {
        from: "literal",
        text,
    }
}

pub(super) fn set_secret(doc: &mut DocumentMut, key: &str, from: &str, text: &str) {
    let shown = secret(doc, key);
    if shown.from == from && shown.text == text {
        return;
    }
    match (from, text) {
        (_, "") => remove(doc, key),
        ("env" | "file", text) => {
            let mut place = InlineTable::new();
            place.insert(from, Value::from(text));
            put(doc, key, Value::InlineTable(place));
        }
        (_, text) => put(doc, key, Value::from(text)),
    }
}

/// Whether a text can be a variable's name and not a secret that was pasted in
/// the wrong place: such a text is neither kept nor shown again.
pub(super) fn names_a_variable(text: &str) -> bool {
    let conventional = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.is_empty()
        || text.chars().all(conventional)
        || (text.len() < 256 && !text.contains(['=', '\0']) && std::env::var_os(text).is_some())
}

/// The label of a secret whose variable is no variable's name.
pub(super) fn misplaced_secret(step: &Step, form: &Pairs) -> Option<String> {
    let field = step.fields().find(|field| {
        matches!(field.kind, Kind::Secret)
            && form.get(&format!("{}.from", field.key)) == Some("env")
            && !names_a_variable(form.get(field.key).unwrap_or_default())
    })?;
    Some(say(field.label))
}

/// The rows of a form, in order; empty ones left out.
pub(super) fn typed_rows(form: &Pairs) -> Vec<Row> {
    let mut numbers: Vec<u32> = form
        .iter()
        .filter_map(|(name, _)| {
            name.strip_prefix("row.")?
                .strip_suffix(".key")?
                .parse()
                .ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
        .into_iter()
        .map(|number| Row {
            key: form
                .get(&format!("row.{number}.key"))
                .unwrap_or_default()
                .trim()
                .to_owned(),
            value: form
                .get(&format!("row.{number}.value"))
                .unwrap_or_default()
                .to_owned(),
        })
        .filter(|row| !row.key.is_empty() || !row.value.is_empty())
        .collect()
}

/// A key that two rows have: a table holds one of each.
pub(super) fn repeated(rows: &[Row]) -> Option<&str> {
    rows.iter()
        .enumerate()
        .find(|(i, row)| rows[..*i].iter().any(|other| other.key == row.key))
        .map(|(_, row)| row.key.as_str())
}

/// Rows without those whose key an earlier one has.
pub(super) fn first_of_each(rows: &[Row]) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::new();
    for row in rows {
        if !kept.iter().any(|other| other.key == row.key) {
            kept.push(row.clone());
        }
    }
    kept
}

/// The keys of a mapping that the wizard does not show.
pub(super) fn others(doc: &DocumentMut) -> Vec<String> {
    let mut found = Vec::new();
    collect(doc.as_table(), "", &mut found);
    found
}

fn collect(table: &dyn TableLike, at: &str, out: &mut Vec<String>) {
    for (name, item) in table.iter() {
        let path = if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        };
        let known = super::fields::STEPS.iter().any(|step| {
            step.parameters() == Some(&path) || step.fields().any(|field| field.key == path)
        });
        if known {
            continue;
        }
        let below = super::fields::STEPS
            .iter()
            .flat_map(Step::fields)
            .any(|field| field.key.starts_with(&format!("{path}.")));
        match item.as_table_like() {
            Some(table) if below => collect(table, &path, out),
            _ => out.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_shown_redacted_stays() {
        let mut doc: DocumentMut = "[client]\nsecret = \"s3cret\" # from them\n"
            .parse()
            .unwrap();
        assert_eq!(secret(&doc, "client.secret").text, REDACTED);
        set_secret(&mut doc, "client.secret", "literal", REDACTED);
        assert!(doc.to_string().contains("s3cret"));
        set_secret(&mut doc, "client.secret", "env", "NAME");
        assert_eq!(
            doc.to_string(),
            "[client]\nsecret = { env = \"NAME\" } # from them\n"
        );
    }
}
