//! Values that stand elsewhere: in a variable or a file.

use serde_json::Value;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// In a variable of the environment.
    Env(String),
    /// In a file.
    File(String),
    /// In the other configuration itself, or nowhere.
    Literal,
}

impl Reference {
    /// Reads a value that is meant as a secret.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Object(tagged) => tagged
                .iter()
                .find_map(|(tag, value)| Self::tagged(tag, value))
                .unwrap_or(Self::Literal),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Self::Literal,
        }
    }

    /// Reads `$NAME`, `${NAME}`, `${NAME:default}`, `${env.NAME}`, `%(NAME)s`,
    /// `$__env{NAME}`, `$__file{PATH}`, `ENV["NAME"]` and `process.env.NAME`.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let within = |open: &str, close: &str| {
            let inner = text.strip_prefix(open)?.strip_suffix(close)?;
            Some(inner.trim())
        };
        if let Some(path) = within("$__file{", "}") {
            return Self::File(path.to_owned());
        }
        let quotes: &[char] = &['"', '\''];
        let name = within("$__env{", "}")
            .or_else(|| within("${env.", "}"))
            .or_else(|| within("${", "}").map(before_default))
            .or_else(|| within("ENV[", "]").map(|name| name.trim_matches(quotes)))
            .or_else(|| within("ENV.fetch(", ")").map(|name| name.trim_matches(quotes)))
            .or_else(|| text.strip_prefix("process.env."))
            .or_else(|| text.strip_prefix('$'));
        match name {
            Some(name) if is_variable(name) => Self::Env(name.to_owned()),
            _ => Self::Literal,
        }
    }

    /// A YAML tag such as `!Env NAME`, `!Env [NAME, default]`, `!File PATH`.
    fn tagged(tag: &str, value: &Value) -> Option<Self> {
        let text = match value {
            Value::Array(items) => items.first()?.as_str()?,
            other => other.as_str()?,
        };
        match tag {
            "!Env" if is_variable(text) => Some(Self::Env(text.to_owned())),
            "!File" => Some(Self::File(text.to_owned())),
            _ => None,
        }
    }
}

fn before_default(text: &str) -> &str {
    text.split_once(':').map_or(text, |(name, _)| name)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
