//! A mapping in the making: what was carried, what was not, and how it is written.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::reference::Reference;
use super::{Format, Imported, NotCarried};
use crate::base::ProviderId;
use crate::document::structure::parse_toml;
use crate::provider::bundled::imitation;
use crate::provider::gallery;

/// The keys that an import can set, in the order in which they are written.
const ORDER: &[(&str, &[&str])] = &[
    (
        "provider",
        &["id", "name", "kind", "issuer", "jwks_url", "email_trust"],
    ),
    (
        "client",
        &["id_key", "id", "secret_key", "secret", "authentication"],
    ),
    ("authorization", &["url", "scopes", "pkce", "parameters"]),
    ("token", &["url", "method", "headers", "keep"]),
    (
        "userinfo",
        &[
            "source",
            "url",
            "method",
            "send_token",
            "token_key",
            "parameters",
        ],
    ),
    (
        "userinfo.response",
        &[
            "user_id",
            "email",
            "email_verified",
            "name",
            "given_name",
            "family_name",
            "picture",
            "locale",
            "groups",
            "attributes",
        ],
    ),
    ("access", &["email_domains", "groups", "require"]),
    ("end_session", &["url"]),
];

/// What a key can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Text(String),
    Flag(bool),
    List(Vec<String>),
    Table(BTreeMap<String, String>),
    Secret(Reference),
}

/// A mapping in the making.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    values: BTreeMap<&'static str, Held>,
    /// A bundled mapping to take, for a provider that the other broker knows by name.
    bundled: Option<&'static str>,
    warnings: Vec<String>,
    not_carried: Vec<NotCarried>,
    old_redirect_uri: Option<String>,
}

impl Mapping {
    /// Sets a key, dotted, to a text. Nothing is set to an empty one.
    pub fn set(&mut self, key: &'static str, text: impl Into<String>) {
        let text = text.into();
        if !text.trim().is_empty() {
            self.values.insert(key, Held::Text(text.trim().to_owned()));
        }
    }

    /// As [`Mapping::set`], where nothing stands there yet.
    pub fn set_default(&mut self, key: &'static str, text: impl Into<String>) {
        if !self.has(key) {
            self.set(key, text);
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Held::Text(text) => Some(text),
            Held::Flag(_) | Held::List(_) | Held::Table(_) | Held::Secret(_) => None,
        }
    }

    /// Sets a key to true or false.
    pub fn flag(&mut self, key: &'static str, value: bool) {
        self.values.insert(key, Held::Flag(value));
    }

    /// One place, or several of which the first that has a value counts.
    pub fn places(&mut self, key: &'static str, mut places: Vec<String>) {
        if places.len() == 1 {
            self.set(key, places.remove(0));
        } else {
            self.values.insert(key, Held::List(places));
        }
    }

    /// Adds words to a list.
    pub fn add(&mut self, key: &'static str, words: impl IntoIterator<Item = String>) {
        for word in words {
            let Held::List(list) = self.values.entry(key).or_insert(Held::List(Vec::new())) else {
                return;
            };
            if !word.is_empty() && !list.contains(&word) {
                list.push(word);
            }
        }
    }

    /// Adds an entry to a table: a parameter, a header, an attribute.
    pub fn enter(&mut self, key: &'static str, name: impl Into<String>, value: impl Into<String>) {
        let table = Held::Table(BTreeMap::new());
        if let Held::Table(table) = self.values.entry(key).or_insert(table) {
            table.insert(name.into(), value.into());
        }
    }

    /// Where the client secret is, if the other configuration says so. A secret
    /// that stands in it is not taken over: the mapping names a variable.
    pub fn secret(&mut self, reference: Reference) {
        self.values.insert("client.secret", Held::Secret(reference));
    }

    /// A URL that must be one: what is not is told, and not repaired.
    pub fn url(&mut self, key: &'static str, field: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && !twice(text) => {
                self.set(key, text);
            }
            _ => self.left(field, "is not a URL; write the right one by hand"),
        }
    }

    /// The bundled mapping of this name stands for the provider.
    pub fn bundled(&mut self, name: &'static str) {
        self.bundled = Some(name);
    }

    /// Says that a field was not carried, and why.
    pub fn left(&mut self, field: impl Into<String>, why: impl Into<String>) {
        let entry = NotCarried {
            field: field.into(),
            why: why.into(),
        };
        if !self.not_carried.contains(&entry) {
            self.not_carried.push(entry);
        }
    }

    /// Says what changes, or what has to be decided.
    pub fn warn(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.warnings.contains(&sentence) {
            self.warnings.push(sentence);
        }
    }

    /// The redirect URI that the other broker has registered at the provider.
    pub fn old_redirect_uri(&mut self, uri: impl Into<String>) {
        self.old_redirect_uri = Some(uri.into());
    }

    /// The text for a person, with all that was noticed.
    pub fn finish(mut self, format: Format, public_url: Option<&str>) -> Imported {
        self.complete();
        let mut id = self.identify();
        if self.bundled.is_none() && imitation(&parse_toml(&self.body("")).0).is_some() {
            // The id of a bundled mapping, at another server.
            id = format!("own-{id}");
            self.set("provider.id", id.as_str());
        }
        let variable = format!(
            "{}_CLIENT_SECRET",
            id.to_ascii_uppercase().replace('-', "_")
        );
        if self.bundled.is_none() && self.text("client.authentication") != Some("none") {
            let secret = Held::Secret(Reference::Literal);
            self.values.entry("client.secret").or_insert(secret);
        }
        if self.values.get("client.secret") == Some(&Held::Secret(Reference::Literal)) {
            self.warn(format!(
                "the client secret is not copied: give it to the broker in the variable {variable}"
            ));
        }
        let base = public_url.unwrap_or("{public_url}").trim_end_matches('/');
        let mut toml = self.head(format, &id, base);
        match self.bundled.and_then(gallery::get) {
            Some(source) => toml.push_str(&self.over(source)),
            None => toml.push_str(&self.body(&variable)),
        }
        Imported {
            id,
            toml,
            warnings: self.warnings,
            not_carried: self.not_carried,
        }
    }

    /// What goes together in a mapping, and what does not.
    fn complete(&mut self) {
        let no_request = ["id_token", "token_response"];
        if self
            .text("userinfo.source")
            .is_some_and(|source| no_request.contains(&source))
        {
            for key in ["url", "method", "send_token", "token_key", "parameters"] {
                self.values.remove(format!("userinfo.{key}").as_str());
            }
        }
        if self.has("access.groups") && !self.has("userinfo.response.groups") {
            self.set("userinfo.response.groups", "$.groups[*]");
        }
    }

    /// The id, fit for a mapping, from what stands for one.
    fn identify(&mut self) -> String {
        if let Some(name) = self.bundled {
            return name.to_owned();
        }
        let named = self.text("provider.id").or(self.text("provider.name"));
        let id = slug(named.unwrap_or_default());
        if self.text("provider.name").is_none() {
            let name = named.unwrap_or("Imported provider").to_owned();
            self.set("provider.name", name);
        }
        self.set("provider.id", id.as_str());
        id
    }

    fn head(&self, format: Format, id: &str, base: &str) -> String {
        let mut head = format!("# {}, imported from {format}.\n", self.title(id));
        comment(
            &mut head,
            &match &self.old_redirect_uri {
                Some(old) => format!(
                    "At the provider, register the redirect URI {base}/callback/ACCOUNT/{id}, where ACCOUNT is the account's id, beside {old}."
                ),
                None => format!(
                    "At the provider, register the redirect URI {base}/callback/ACCOUNT/{id}, where ACCOUNT is the account's id."
                ),
            },
        );
        if !self.warnings.is_empty() {
            comment(&mut head, "To be looked at:");
            self.warnings
                .iter()
                .for_each(|sentence| item(&mut head, sentence));
        }
        if !self.not_carried.is_empty() {
            comment(&mut head, "Not carried:");
            for NotCarried { field, why } in &self.not_carried {
                item(&mut head, &format!("{field}: {why}"));
            }
        }
        head.push('\n');
        head
    }

    fn title(&self, id: &str) -> String {
        one_line(self.text("provider.name").unwrap_or(id))
    }

    /// The bundled mapping with the client's id.
    fn over(&self, source: &str) -> String {
        let Some(id) = self.text("client.id") else {
            return source.to_owned();
        };
        gallery::set(source, "client.id", &quoted(id)).unwrap_or_else(|_| source.to_owned())
    }

    fn body(&self, variable: &str) -> String {
        let mut sections = Vec::new();
        for (section, keys) in ORDER {
            let lines: Vec<(&str, String)> = keys
                .iter()
                .filter_map(|key| {
                    let held = self.values.get(format!("{section}.{key}").as_str())?;
                    Some((*key, written(held, variable)?))
                })
                .collect();
            let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
            if !lines.is_empty() {
                let mut text = format!("[{section}]\n");
                for (key, value) in lines {
                    let _ = writeln!(text, "{key:width$} = {value}");
                }
                sections.push(text);
            }
        }
        sections.join("\n")
    }
}

/// A value as TOML; `None` where there is nothing to write.
fn written(held: &Held, variable: &str) -> Option<String> {
    match held {
        Held::Text(text) => Some(quoted(text)),
        Held::Flag(value) => Some(value.to_string()),
        Held::List(list) if list.is_empty() => None,
        Held::List(list) => {
            let items: Vec<String> = list.iter().map(|word| quoted(word)).collect();
            Some(format!("[{}]", items.join(", ")))
        }
        Held::Table(table) if table.is_empty() => None,
        Held::Table(table) => {
            let items: Vec<String> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", name_of(name), quoted(value)))
                .collect();
            Some(format!("{{ {} }}", items.join(", ")))
        }
        Held::Secret(Reference::Env(name)) => Some(format!("{{ env = {} }}", quoted(name))),
        Held::Secret(Reference::File(path)) => Some(format!("{{ file = {} }}", quoted(path))),
        Held::Secret(Reference::Literal) => Some(format!("{{ env = {} }}", quoted(variable))),
    }
}

/// A text as a TOML string.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).decorated("", "").to_string()
}

/// A member's name as a TOML key.
fn name_of(name: &str) -> String {
    toml_edit::Key::new(name).display_repr().into_owned()
}

/// An id as [`ProviderId`] has it: lower-case letters, digits and `-`.
fn slug(text: &str) -> String {
    let mut id = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    let id: String = id.chars().take(32).collect();
    let id = id.trim_matches('-');
    match id.parse::<ProviderId>() {
        Ok(id) => id.to_string(),
        Err(_) => format!("provider-{id}").trim_end_matches('-').to_owned(),
    }
}

/// A URL with two schemes in it, as one documentation has it.
fn twice(text: &str) -> bool {
    text.get(8..).is_some_and(|rest| {
        let host = rest.split(['?', '#']).next().unwrap_or_default();
        host.contains("://") || host.starts_with("//")
    })
}

/// One line, for a comment: what breaks lines or could end one is replaced.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .take(300)
        .collect()
}

fn comment(out: &mut String, text: &str) {
    let _ = writeln!(out, "#\n# {}", one_line(text));
}

fn item(out: &mut String, text: &str) {
    let _ = writeln!(out, "# - {}", one_line(text));
}
