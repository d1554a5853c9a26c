//! The same document as TOML and as JSON, with nothing lost on the way: order,
//! digits of numbers, and names of any kind survive. What JSON can say and TOML
//! cannot (`null`, integers of more than 64 bits) is refused with its place.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use toml_edit::{DocumentMut, Item, TableLike};

use super::finding::Finding;

/// Writes a JSON object as TOML. What is read from it again is the same object.
///
/// # Errors
/// Each value that TOML has no form for.
pub fn to_toml(document: &Value) -> Result<String, Vec<Finding>> {
    let Value::Object(members) = document else {
        return Err(vec![
            Finding::error("", "must be an object").pointed(String::new()),
        ]);
    };
    let mut writer = Writer::default();
    writer.table(members, &mut Vec::new());
    if writer.findings.is_empty() {
        Ok(writer.out)
    } else {
        Err(writer.findings)
    }
}

/// Reads TOML as a JSON object; `None` where it is not valid. A date becomes its
/// text, infinity and NaN too: JSON has no other form for them.
pub fn to_json(source: &str) -> Option<Value> {
    let document: DocumentMut = source.parse().ok()?;
    Some(members(document.as_table()))
}

#[derive(Default)]
struct Writer {
    out: String,
    findings: Vec<Finding>,
}

impl Writer {
    /// Tables get headings as far as nothing follows them that would then end up
    /// inside of them; before that they are written in one line, so that the order stays.
    fn table(&mut self, members: &Map<String, Value>, path: &mut Vec<String>) {
        let inline = members
            .values()
            .rposition(|value| !has_heading(value))
            .map_or(0, |last| last + 1);
        self.lines(members.iter().take(inline), path);
        for (name, value) in members.iter().skip(inline) {
            path.push(name.clone());
            match value {
                Value::Object(members) => {
                    self.heading("[", "]", path);
                    self.table(members, path);
                }
                Value::Array(items) => {
                    for (i, item) in items.iter().enumerate() {
                        self.heading("[[", "]]", path);
                        path.push(i.to_string());
                        // What is below is written in one line: a heading has no
                        // place for the index.
                        self.lines(item.as_object().into_iter().flatten(), path);
                        path.pop();
                    }
                }
                _ => {}
            }
            path.pop();
        }
    }

    fn lines<'v>(
        &mut self,
        members: impl Iterator<Item = (&'v String, &'v Value)>,
        path: &mut Vec<String>,
    ) {
        for (name, value) in members {
            path.push(name.clone());
            let _ = write!(self.out, "{} = ", key(name));
            self.value(value, path);
            self.out.push('\n');
            path.pop();
        }
    }

    fn heading(&mut self, open: &str, close: &str, path: &[String]) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let names: Vec<String> = path.iter().map(|name| key(name)).collect();
        let _ = writeln!(self.out, "{open}{}{close}", names.join("."));
    }

    fn value(&mut self, value: &Value, path: &mut Vec<String>) {
        match value {
            Value::Null => self.refuse(path, "`null` is not allowed here; leave the member out"),
            Value::Bool(flag) => {
                let _ = write!(self.out, "{flag}");
            }
            Value::Number(number) => {
                let text = number.to_string();
                match text.parse::<toml_edit::Value>() {
                    Ok(toml_edit::Value::Float(float)) if !float.value().is_finite() => {
                        self.refuse(path, "the number is out of range");
                    }
                    Ok(_) => self.out.push_str(&text),
                    Err(_) => self.refuse(path, "the number is out of range"),
                }
            }
            Value::String(text) => self.out.push_str(&quoted(text)),
            Value::Array(items) => {
                self.out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.out.push_str(", ");
                    }
                    path.push(i.to_string());
                    self.value(item, path);
                    path.pop();
                }
                self.out.push(']');
            }
            Value::Object(members) => {
                self.out.push('{');
                for (i, (name, value)) in members.iter().enumerate() {
                    self.out.push_str(if i > 0 { ", " } else { " " });
                    path.push(name.clone());
                    let _ = write!(self.out, "{} = ", key(name));
                    self.value(value, path);
                    path.pop();
                }
                self.out
                    .push_str(if members.is_empty() { "}" } else { " }" });
            }
        }
    }

    fn refuse(&mut self, path: &[String], why: &str) {
        let finding = Finding::error(path.join("."), why);
        self.findings.push(finding.pointed(pointer(path)));
    }
}

/// Whether a value is written below a heading of its own.
fn has_heading(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A basic string: JSON's form of it, but for one character.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn members(table: &dyn TableLike) -> Value {
    let members = table
        .iter()
        .map(|(name, item)| (name.to_owned(), item_json(item)));
    Value::Object(members.collect())
}

fn item_json(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => value_json(value),
        Item::Table(table) => members(table),
        Item::ArrayOfTables(tables) => {
            Value::Array(tables.iter().map(|table| members(table)).collect())
        }
    }
}

fn value_json(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => {
            let text = number.display_repr().replace('_', "");
            let text = text.strip_prefix('+').unwrap_or(&text);
            serde_json::from_str::<Number>(text).map_or_else(|_| text.into(), Value::Number)
        }
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        toml_edit::Value::Datetime(moment) => moment.value().to_string().into(),
        toml_edit::Value::Array(items) => Value::Array(items.iter().map(value_json).collect()),
        toml_edit::Value::InlineTable(table) => members(table),
    }
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &[impl AsRef<str>]) -> String {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    path.iter().fold(String::new(), |pointer, name| {
        pointer + "/" + &escaped(name.as_ref())
    })
}

/// The pointer to what a finding's dotted key names in a document, or to the
/// nearest thing around it that is there. Names may have dots in them.
pub fn pointer_to(document: &Value, key: &str) -> String {
    let mut path: Vec<String> = Vec::new();
    let (mut at, mut rest) = (document, key);
    loop {
        let names: Vec<String> = match at {
            Value::Object(members) => members.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|i| i.to_string()).collect(),
            _ => Vec::new(),
        };
        let fits = |name: &&String| {
            rest.strip_prefix(name.as_str())
                .is_some_and(|tail| tail.is_empty() || tail.starts_with('.'))
        };
        let Some(name) = names.iter().filter(fits).max_by_key(|name| name.len()) else {
            return pointer(&path);
        };
        rest = rest[name.len()..].trim_start_matches('.');
        let below = match at {
            Value::Array(items) => name.parse::<usize>().ok().and_then(|i| items.get(i)),
            other => other.get(name.as_str()),
        };
        path.push(name.clone());
        match below {
            Some(below) if !rest.is_empty() => at = below,
            _ => return pointer(&path),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            (any::<i32>(), 0..1_000_000_u32).prop_map(|(whole, part)| {
                serde_json::from_str(&format!("{whole}.{part:06}")).unwrap_or_default()
            }),
        ];
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            number,
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                members_of(inner),
            ]
        })
    }

    fn members_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        let name = prop_oneof!["[a-z_]{1,8}", any::<String>()];
        prop::collection::vec((name, inner), 0..6)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn json_comes_back_as_it_was(document in members_of(any_value())) {
            let toml = to_toml(&document).unwrap_or_else(|found| panic!("{found:?}"));
            let back = to_json(&toml).unwrap_or_else(|| panic!("not TOML:\n{toml}"));
            // As texts, so that the order of members counts.
            prop_assert_eq!(back.to_string(), document.to_string(), "{}", toml);
        }

        #[test]
        fn a_pointer_always_leads_somewhere(document in members_of(any_value()), key in ".{0,20}") {
            prop_assert!(document.pointer(&pointer_to(&document, &key)).is_some());
        }
    }

    #[test]
    fn a_mapping_looks_like_one_that_a_person_wrote() {
        let document = json!({
            "provider": { "id": "acme", "name": "Ac\"me" },
            "client": { "id": "x", "secret": { "env": "A" } },
            "userinfo": { "response": { "email": "$.e" }, "url": "https://a.test" },
            "then": [{ "name": "more", "headers": { "X.Y": "1" } }],
        });
        let toml = to_toml(&document).unwrap_or_default();
        assert_eq!(
            toml,
            "[provider]\nid = \"acme\"\nname = \"Ac\\\"me\"\n\n[client]\nid = \"x\"\n\n[client.secret]\nenv = \"A\"\n\n\
             [userinfo]\nresponse = { email = \"$.e\" }\nurl = \"https://a.test\"\n\n\
             [[then]]\nname = \"more\"\nheaders = { \"X.Y\" = \"1\" }\n"
        );
    }

    #[test]
    fn what_toml_cannot_say_is_refused_with_its_place() {
        let text = r#"{"a":{"b/c":[1,null]},"n":92233720368547758070}"#;
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let found = to_toml(&document).unwrap_err();
        let places: Vec<_> = found.iter().map(|f| f.pointer.as_deref()).collect();
        assert_eq!(places, [Some("/a/b~1c/1"), Some("/n")]);
    }

    #[test]
    fn a_key_with_dots_is_found() {
        let document = json!({ "token": { "parameters": { "app.id": "x" } } });
        let at = |key| pointer_to(&document, key);
        assert_eq!(at("token.parameters.app.id"), "/token/parameters/app.id");
        assert_eq!(at("token.response.access_token"), "/token");
        assert_eq!(at(""), "");
    }
}
