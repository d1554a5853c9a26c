//! What a check of a mapping or a configuration has to say, and where.

use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The mapping can't go live.
    Error,
    /// It can, but someone should look.
    Warning,
}

/// One thing a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The key it is about: `token.response.access_token`; empty for the whole file.
    pub key: String,
    /// Line in the file, from 1; absent where the mapping did not come as a file.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// The offending text as it stands there.
    pub text: Option<String>,
    /// A JSON pointer (RFC 6901) to it, where the document came as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// An error about a key.
    pub fn error(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            key: key.into(),
            line: None,
            column: None,
            text: None,
            pointer: None,
            message: message.into(),
            hint: None,
        }
    }

    /// A warning about a key.
    pub fn warning(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(key, message)
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the place: a range of bytes in `source`.
    #[must_use]
    pub fn at(mut self, source: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(source, span.start);
        let end = floor_boundary(source, span.end).max(start);
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        self.line = Some(before.matches('\n').count() + 1);
        self.column = Some(source[line_start..start].chars().count() + 1);
        let text = source[start..end].lines().next().unwrap_or_default();
        self.text = Some(text.chars().take(120).collect()).filter(|t: &String| !t.is_empty());
        self
    }

    /// Gives it a place in JSON in place of one in a text.
    #[must_use]
    pub fn pointed(mut self, pointer: String) -> Self {
        (self.line, self.column, self.text) = (None, None, None);
        self.pointer = Some(pointer);
        self
    }

    /// True if the mapping can't go live because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

fn floor_boundary(source: &str, mut at: usize) -> usize {
    at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(text) = &self.text {
            write!(f, "\n    {text}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
