//! Why a body wasn't understood.
//!
//! No text here ever quotes the body: it may hold tokens, and errors are logged.

use std::fmt;

use super::{Format, MAX_DEPTH, MAX_NODES};

/// A place in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// In bytes, from 0.
    pub offset: usize,
}

impl Place {
    /// The place at a byte offset; the end if that lies beyond it.
    pub(super) fn at(body: &[u8], offset: usize) -> Self {
        let offset = offset.min(body.len());
        let before = &body[..offset];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        Self {
            line: before.split(|byte| *byte == b'\n').count(),
            column: offset - line_start + 1,
            offset,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            offset,
        } = self;
        write!(f, "line {line}, column {column} (byte {offset})")
    }
}

/// What a body turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActualFormat {
    /// JSON.
    Json,
    /// A form.
    Form,
    /// JSON in a function call.
    Jsonp,
    /// XML.
    Xml,
    /// A web page.
    Html,
    /// A signed or encrypted token.
    Jwt,
    /// None of these.
    Unknown,
}

impl ActualFormat {
    /// The format that reads it.
    pub(super) const fn format(self) -> Option<Format> {
        match self {
            Self::Json => Some(Format::Json),
            Self::Form => Some(Format::Form),
            Self::Jsonp => Some(Format::Jsonp),
            Self::Xml => Some(Format::Xml),
            Self::Html | Self::Jwt | Self::Unknown => None,
        }
    }
}

impl fmt::Display for ActualFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Form => "a form",
            Self::Jsonp => "JSONP",
            Self::Xml => "XML",
            Self::Html => "an HTML page",
            Self::Jwt => "a JWT",
            Self::Unknown => "something else",
        })
    }
}

/// Why a body wasn't understood.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// Nothing, or nothing but blanks.
    #[error("expected {expected}, got an empty body")]
    Empty {
        /// What was expected.
        expected: &'static str,
    },
    /// A signed answer: OpenID Connect Core §5.3.2. The caller who can verify it
    /// takes it from here.
    #[error(
        "the answer is a JWT (`application/jwt`); have the provider answer in JSON, or read the profile from the ID token"
    )]
    IsJwt,
    /// Something of another kind.
    #[error("expected {expected}, got {got} ({content_type}, {bytes} bytes){}", plain_hint(*got))]
    Unexpected {
        /// What was expected.
        expected: &'static str,
        /// What came.
        got: ActualFormat,
        /// What the `Content-Type` says it is.
        content_type: String,
        /// How long it is.
        bytes: usize,
    },
    /// Not written as its format demands.
    #[error("the {} has a mistake at {place}: {why}", format_name(*format))]
    Syntax {
        /// The format it was read as.
        format: Format,
        /// What is wrong.
        why: String,
        /// Where.
        place: Place,
    },
    /// A name twice in one object or form. Which of the two counts would depend on the reader.
    #[error("the {} holds a name twice, the second at {place}", format_name(*format))]
    Duplicate {
        /// The format it was read as.
        format: Format,
        /// Where the second one is.
        place: Place,
    },
    /// Not UTF-8.
    #[error("the body is not valid UTF-8 from {place} on")]
    NotUtf8 {
        /// Where the first bad byte is.
        place: Place,
    },
    /// A byte order mark, which RFC 8259 §8.1 forbids.
    #[error("the body begins with a byte order mark, which must not be there")]
    ByteOrderMark,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the {} is nested deeper than {MAX_DEPTH} levels", format_name(*format))]
    TooDeep {
        /// The format it was read as.
        format: Format,
    },
    /// More than [`MAX_NODES`] values.
    #[error("the {} holds more than {MAX_NODES} values", format_name(*format))]
    TooMany {
        /// The format it was read as.
        format: Format,
    },
}

impl DecodeError {
    pub(super) fn unexpected(
        expected: Format,
        got: ActualFormat,
        content_type: Option<&str>,
        bytes: usize,
    ) -> Self {
        Self::Unexpected {
            expected: expected.name(),
            got,
            content_type: printable(content_type),
            bytes,
        }
    }

    pub(super) fn syntax(
        format: Format,
        body: &[u8],
        offset: usize,
        why: impl Into<String>,
    ) -> Self {
        Self::Syntax {
            format,
            why: why.into(),
            place: Place::at(body, offset),
        }
    }

    pub(super) fn duplicate(format: Format, body: &[u8], offset: usize) -> Self {
        Self::Duplicate {
            format,
            place: Place::at(body, offset),
        }
    }
}

/// A body as text.
pub(super) fn utf8(body: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(body).map_err(|error| DecodeError::NotUtf8 {
        place: Place::at(body, error.valid_up_to()),
    })
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Auto => "body",
        Format::Json => "JSON",
        Format::Form => "form",
        Format::Jsonp => "JSONP",
        Format::Xml => "XML",
        Format::Text => "text",
        Format::Lines => "list of lines",
        Format::Pairs => "list of `name: value`",
    }
}

fn plain_hint(got: ActualFormat) -> &'static str {
    match got {
        ActualFormat::Unknown => {
            "; if that is as it should be, the format is \"text\", \"lines\" or \"pairs\""
        }
        _ => "",
    }
}

/// The header is the provider's text: only what a media type consists of is shown.
fn printable(content_type: Option<&str>) -> String {
    let essence = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    let good = |c: char| c.is_ascii_alphanumeric() || "/+-._".contains(c);
    if essence.is_empty() {
        "no Content-Type".to_owned()
    } else {
        let shown: String = essence.chars().take(60).collect();
        shown.replace(|c| !good(c), "?").to_ascii_lowercase()
    }
}
