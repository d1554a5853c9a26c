//! The structure check: a document against the schema that the structs give.
//!
//! serde stops at the first mistake. This walks the whole document, notes every
//! unknown key and wrong type with its place, and leaves those parts out, so
//! that what remains always deserializes and the meaning can be checked too.

mod words;

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

pub use self::words::nearest;
use self::words::{fits, schema_types, toml_word};
use super::finding::Finding;

/// Places of keys and values in a TOML text, by dotted key.
#[derive(Debug, Default, Clone)]
pub struct Spans {
    source: String,
    of: HashMap<String, (Range<usize>, Range<usize>)>,
}

impl Spans {
    /// Gives a finding its place: that of the key's value, or of the nearest
    /// table around it that is written down.
    pub fn place(&self, finding: Finding) -> Finding {
        let mut key = finding.key.as_str();
        loop {
            if let Some((name, value)) = self.of.get(key) {
                let whole = key == finding.key;
                let span = if whole { value.clone() } else { name.clone() };
                let secret = is_secret_key(&finding.key);
                let mut placed = finding.at(&self.source, span);
                if whole && secret {
                    placed.text = None;
                }
                return placed;
            }
            match key.rfind('.') {
                Some(dot) => key = &key[..dot],
                None => return finding,
            }
        }
    }

    /// Where the value of a key is, in bytes.
    pub fn value(&self, key: &str) -> Option<Range<usize>> {
        self.of.get(key).map(|(_, value)| value.clone())
    }

    /// Gives a finding the place of the key itself, not of its value.
    fn place_key(&self, finding: Finding) -> Finding {
        match self.of.get(&finding.key) {
            Some((name, _)) => {
                let span = name.clone();
                finding.at(&self.source, span)
            }
            None => finding,
        }
    }
}

fn is_secret_key(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    matches!(
        last,
        "secret" | "previous_secret" | "decryption_key" | "tls_certificate" | "password"
    ) || last.ends_with("private_key")
        || last.ends_with("_password")
        // Of the configuration: addresses with a password in them, and keys.
        || ["store.", "mail.url", "traces.", "auth.master_key", "auth.former_master_keys"]
            .iter()
            .any(|begin| key.starts_with(begin))
}

/// What the parser says of a key that is there twice; its span is the key.
const DUPLICATE: &str = "duplicate key";

/// Reads TOML into JSON values, remembering places; syntax errors become findings.
pub fn parse_toml(source: &str) -> (Value, Spans, Vec<Finding>) {
    let (table, errors) = DeTable::parse_recoverable(source);
    let findings = errors
        .iter()
        .map(|error| {
            if error.message() == DUPLICATE
                && let Some(span) = error.span()
                && let Some(key) = source.get(span.clone())
            {
                let message = format!("not valid TOML: `{key}` occurs twice");
                return Finding::error("", message).at(source, span);
            }
            let finding = Finding::error("", format!("not valid TOML: {}", error.message()));
            let mut placed = match error.span() {
                Some(span) => finding.at(source, span),
                None => finding,
            };
            // The line could hold a secret whose quotes are unbalanced.
            placed.text = None;
            placed
        })
        .collect();
    let mut spans = Spans {
        source: source.to_owned(),
        of: HashMap::new(),
    };
    let value = table_value(table.get_ref(), "", &mut spans.of);
    (value, spans, findings)
}

type Places = HashMap<String, (Range<usize>, Range<usize>)>;

fn table_value(table: &DeTable<'_>, at: &str, places: &mut Places) -> Value {
    let mut members = Map::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let path = join(at, name);
        places.insert(path.clone(), (key.span(), value.span()));
        members.insert(name.to_owned(), json_value(value.get_ref(), &path, places));
    }
    Value::Object(members)
}

fn json_value(value: &DeValue<'_>, at: &str, places: &mut Places) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::String(number.as_str().to_owned()), Value::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(|n| serde_json::Number::from_f64(n).map(Value::Number))
            .unwrap_or(Value::Null),
        // A date has no place in a mapping; null is refused wherever it stands.
        DeValue::Datetime(_) => Value::Null,
        DeValue::Array(items) => {
            let mut out = Vec::new();
            for (i, item) in items.iter().enumerate() {
                let path = join(at, &i.to_string());
                places.insert(path.clone(), (item.span(), item.span()));
                out.push(json_value(item.get_ref(), &path, places));
            }
            Value::Array(out)
        }
        DeValue::Table(table) => table_value(table, at, places),
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

/// Checks `document` against `schema`; what does not fit is noted and removed.
pub fn check(document: &mut Value, schema: &Value, spans: &Spans) -> Vec<Finding> {
    let mut walk = Walk {
        root: schema,
        spans,
        findings: Vec::new(),
    };
    walk.node(document, schema, "");
    walk.findings
}

struct Walk<'a> {
    root: &'a Value,
    spans: &'a Spans,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        while let Some(pointer) = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|r| r.strip_prefix('#'))
        {
            match self.root.pointer(pointer) {
                Some(found) => schema = found,
                None => break,
            }
        }
        schema
    }

    /// True if the value fits and may stay.
    fn node(&mut self, value: &mut Value, schema: &'a Value, at: &str) -> bool {
        let schema = self.resolve(schema);
        if let Some(branches) = ["anyOf", "oneOf"]
            .iter()
            .find_map(|word| schema.get(*word).and_then(Value::as_array))
        {
            return self.one_of(value, branches, schema, at);
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
            return self.choice(value, allowed, at);
        }
        if let Some(only) = schema.get("const") {
            return self.choice(value, std::slice::from_ref(only), at);
        }
        let types = schema_types(schema);
        if !types.is_empty() && !types.iter().any(|t| fits(value, t)) {
            self.wrong_type(value, &types, at);
            return false;
        }
        match value {
            Value::Object(members) => self.object(members, schema, at),
            Value::Array(items) => {
                if let Some(each) = schema.get("items") {
                    let mut i = 0;
                    items.retain_mut(|item| {
                        let path = join(at, &i.to_string());
                        i += 1;
                        self.node(item, each, &path)
                    });
                }
            }
            _ => {}
        }
        true
    }

    fn object(&mut self, members: &mut Map<String, Value>, schema: &'a Value, at: &str) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties");
        let names: Vec<String> = members.keys().cloned().collect();
        for name in names {
            let path = join(at, &name);
            let known = properties.and_then(|p| p.get(&name));
            let keep = match (known, rest) {
                (Some(schema), _) => self.member(members, &name, schema, &path),
                (None, Some(Value::Bool(false)) | None) => {
                    self.unknown(&name, properties, at, &path);
                    false
                }
                (None, Some(Value::Bool(true))) => true,
                (None, Some(schema)) => self.member(members, &name, schema, &path),
            };
            if !keep {
                members.shift_remove(&name);
            }
        }
    }

    fn member(
        &mut self,
        members: &mut Map<String, Value>,
        name: &str,
        schema: &'a Value,
        at: &str,
    ) -> bool {
        members
            .get_mut(name)
            .is_none_or(|value| self.node(value, schema, at))
    }

    fn one_of(
        &mut self,
        value: &mut Value,
        branches: &'a [Value],
        schema: &'a Value,
        at: &str,
    ) -> bool {
        // Enumerations with a description each arrive as branches of constants.
        let constants: Vec<Value> = branches
            .iter()
            .flat_map(|b| {
                let b = self.resolve(b);
                b.get("const").cloned().into_iter().chain(
                    b.get("enum")
                        .and_then(Value::as_array)
                        .cloned()
                        .unwrap_or_default(),
                )
            })
            .collect();
        let real: Vec<&Value> = branches
            .iter()
            .filter(|b| self.resolve(b).get("type").and_then(Value::as_str) != Some("null"))
            .collect();
        if !constants.is_empty() && constants.len() >= real.len() {
            return self.choice(value, &constants, at);
        }
        if let [only] = real[..] {
            return self.node(value, only, at);
        }
        let mut best: Option<Vec<Finding>> = None;
        for branch in &real {
            let mut copy = value.clone();
            let mut trial = Walk {
                root: self.root,
                spans: self.spans,
                findings: Vec::new(),
            };
            let fits = trial.node(&mut copy, branch, at) && trial.required(&copy, branch, at);
            if fits && trial.findings.is_empty() {
                *value = copy;
                return true;
            }
            if best.as_ref().is_none_or(|b| trial.findings.len() < b.len()) {
                best = Some(trial.findings);
            }
        }
        let what = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or("one of several forms");
        self.findings.push(
            self.spans.place(
                Finding::error(at, "this value has none of the forms it may have")
                    .hint(format!("write: {what}")),
            ),
        );
        false
    }

    fn required(&self, value: &Value, schema: &'a Value, _at: &str) -> bool {
        let schema = self.resolve(schema);
        let Some(names) = schema.get("required").and_then(Value::as_array) else {
            return true;
        };
        names
            .iter()
            .filter_map(Value::as_str)
            .all(|name| value.get(name).is_some())
    }

    fn choice(&mut self, value: &Value, allowed: &[Value], at: &str) -> bool {
        if allowed.contains(value) {
            return true;
        }
        let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let listed = words
            .iter()
            .map(|w| format!("\"{w}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let finding = Finding::error(at, format!("must be one of {listed}"));
        let near = value.as_str().and_then(|text| nearest(text, &words));
        let finding = match near {
            Some(word) => finding.hint(format!("did you mean \"{word}\"?")),
            None => finding,
        };
        self.findings.push(self.spans.place(finding));
        false
    }

    fn wrong_type(&mut self, value: &Value, expected: &[&str], at: &str) {
        let wanted = expected
            .iter()
            .filter(|t| **t != "null")
            .map(|t| toml_word(t))
            .collect::<Vec<_>>()
            .join(" or ");
        let got = match value {
            Value::Null => "a value of a type that is not allowed here",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "a table",
        };
        let finding = Finding::error(at, format!("must be {wanted}, but is {got}"));
        let scalar = matches!(value, Value::Number(_) | Value::Bool(_));
        let finding = if scalar && expected.contains(&"string") && !is_secret_key(at) {
            finding.hint(format!("write it in quotes: \"{value}\""))
        } else {
            finding
        };
        self.findings.push(self.spans.place(finding));
    }

    fn unknown(
        &mut self,
        name: &str,
        properties: Option<&'a Map<String, Value>>,
        at: &str,
        path: &str,
    ) {
        let known: Vec<&str> = properties
            .map(|p| p.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let place = if at.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in `[{at}]`")
        };
        let finding = Finding::error(path, format!("unknown key `{name}` {place}"));
        let elsewhere = self.sections_with(name);
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if !elsewhere.is_empty() => {
                format!("`{name}` belongs in {}", elsewhere.join(" or "))
            }
            None => format!("known keys here: {}", known.join(", ")),
        };
        self.findings.push(self.spans.place_key(finding.hint(hint)));
    }

    /// The tables that do have a key of this name.
    fn sections_with(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.search(self.root, "", name, 0, &mut found);
        found
    }

    fn search(
        &self,
        schema: &'a Value,
        at: &str,
        name: &str,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        let schema = self.resolve(schema);
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        if depth > 0 && properties.contains_key(name) {
            found.push(format!("`[{at}]`"));
        }
        if depth < 4 {
            for (key, below) in properties {
                self.search(below, &join(at, key), name, depth + 1, found);
            }
        }
    }
}
