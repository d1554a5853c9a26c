//! `application/x-www-form-urlencoded` text, strictly: queries and posted forms.

use percent_encoding::percent_decode_str;

/// The most pairs one text may have.
pub const MAX_PAIRS: usize = 100;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Bytes that are not UTF-8.
    #[error("a parameter is not valid UTF-8")]
    NotUtf8,
    /// A NUL, which some reader further on would take for the end.
    #[error("a parameter has a NUL character")]
    Nul,
    /// More than [`MAX_PAIRS`].
    #[error("there are more than 100 parameters")]
    TooMany,
    /// A name twice (RFC 6749 §3.1).
    #[error("a parameter occurs more than once")]
    Duplicate,
}

/// Names and values in the order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads a text.
    ///
    /// # Errors
    /// If two readers could disagree about what it says.
    pub fn parse(text: &str) -> Result<Self, FormError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in text.split('&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == MAX_PAIRS {
                return Err(FormError::TooMany);
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = decode(name)?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Duplicate);
            }
            pairs.push((name, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// Reads an authorization response, as providers write it: an ampersand may be
    /// written `&amp;`, and a parameter be there twice with one value. Two values
    /// of one are refused as ever.
    ///
    /// # Errors
    /// As [`Pairs::parse`].
    pub fn parse_response(text: &str) -> Result<Self, FormError> {
        let mut pieces: Vec<&str> = Vec::new();
        for piece in text.split('&') {
            let piece = unentitied(piece);
            if !pieces.contains(&piece) {
                pieces.push(piece);
            }
        }
        Self::parse(&pieces.join("&"))
    }

    /// A parameter that is there and not empty (RFC 6749 §3.1 treats both alike).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// What follows an `&` that was written `&amp;`.
fn unentitied(piece: &str) -> &str {
    piece.strip_prefix("amp;").unwrap_or(piece)
}

/// The value of a parameter in which `+` stands for itself; `None` where it is
/// absent or empty.
pub fn with_plus(text: &str, name: &str) -> Option<String> {
    let mut pieces = text.split('&').map(unentitied);
    let value = pieces.find_map(|piece| {
        let (found, value) = piece.split_once('=')?;
        (decode(found).as_deref() == Ok(name)).then_some(value)
    })?;
    let value = unescape(value).ok()?;
    (!value.is_empty()).then_some(value)
}

fn decode(text: &str) -> Result<String, FormError> {
    unescape(&text.replace('+', " "))
}

fn unescape(text: &str) -> Result<String, FormError> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| FormError::NotUtf8)?;
    if decoded.contains('\0') {
        return Err(FormError::Nul);
    }
    Ok(decoded.into_owned())
}
