//! Where a secret of a mapping comes from.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::base::Secret;

/// What `provider show` writes in place of a literal secret. Applied again, it
/// means "as it was".
pub const REDACTED: &str = "[redacted]";

/// A literal, or a place to read from.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub enum SecretSource {
    /// The secret itself.
    Literal(Literal),
    /// A variable of the broker's environment.
    Env {
        /// Its name.
        env: String,
    },
    /// A file the broker can read; a newline at its end is not part of the secret.
    File {
        /// Its path.
        file: PathBuf,
    },
}

/// A literal secret, which does not print.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Literal(String);

impl std::fmt::Debug for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

impl JsonSchema for SecretSource {
    fn schema_name() -> Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A literal, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "env": { "type": "string", "description": "A variable of the broker's environment." } },
                    "required": ["env"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": { "file": { "type": "string", "description": "A file the broker can read." } },
                    "required": ["file"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// The longest file that is read for a secret.
const MAX_FILE: u64 = 64 << 10;

/// Reads a file, which must have an end.
fn read_file(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.len() > MAX_FILE {
        return Err(io::Error::other(
            "it is not a regular file of at most 64 KiB",
        ));
    }
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("the variable `{0}` is not set; set it in the broker's environment")]
    NoVariable(String),
    /// The file can't be read.
    #[error("`{0}` cannot be read: {1}")]
    NoFile(String, String),
    /// It is empty.
    #[error("the secret is empty")]
    Empty,
    /// It was shown redacted and applied again, with nothing stored to stand for it.
    #[error(
        "`[redacted]` stands for a stored secret, and none is stored here for these addresses; write the secret, or name a variable or file"
    )]
    Redacted,
}

impl SecretSource {
    /// A literal secret.
    pub fn literal(text: impl Into<String>) -> Self {
        Self::Literal(Literal(text.into()))
    }

    /// Its text, where it is a literal.
    pub fn as_literal(&self) -> Option<&str> {
        match self {
            Self::Literal(Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Reads the secret.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Literal(Literal(text)) if text == REDACTED => return Err(SecretError::Redacted),
            Self::Literal(Literal(text)) => text.clone(),
            Self::Env { env } => {
                std::env::var(env).map_err(|_| SecretError::NoVariable(env.clone()))?
            }
            Self::File { file } => {
                let text = read_file(file)
                    .map_err(|e| SecretError::NoFile(file.display().to_string(), e.to_string()))?;
                text.strip_suffix('\n')
                    .map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
                    .unwrap_or(text)
            }
        };
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Secret::new(text))
    }
}
