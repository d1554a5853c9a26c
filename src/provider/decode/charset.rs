//! From bytes to text.
//!
//! A declared character encoding is kept to, with one exception: Latin-1, which
//! servers declare by default and without meaning it, doesn't stand against a
//! body that is UTF-8. A byte that fits nowhere becomes U+FFFD, and whoever needs
//! the value it is in refuses that: see [`unreadable`].

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The character that stands for what could not be read.
const REPLACEMENT: char = '\u{fffd}';

/// True for a text in which something could not be read: it must not be taken
/// for an id, an address or a token, since others may read the same.
pub fn unreadable(text: &str) -> bool {
    text.contains(REPLACEMENT)
}

/// A display text without what could not be read.
pub fn readable(text: &str) -> String {
    text.replace(REPLACEMENT, "")
}

/// A body as text, without a byte order mark.
pub fn text<'b>(content_type: Option<&str>, body: &'b [u8]) -> Cow<'b, str> {
    let (marked, skip) = match Encoding::for_bom(body) {
        Some((encoding, length)) => (Some(encoding), length),
        None => (None, 0),
    };
    let body = &body[skip..];
    let declared = marked
        .or_else(|| charset(content_type?))
        .or_else(|| xml_encoding(body))
        .unwrap_or(UTF_8);
    let is_utf8 = std::str::from_utf8(body);
    match is_utf8 {
        Ok(text) if declared == UTF_8 || declared == WINDOWS_1252 => Cow::Borrowed(text),
        _ => declared.decode_without_bom_handling(body).0,
    }
}

/// The `charset` of a media type.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let mut parameters = content_type.split(';').skip(1);
    let value = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })?;
    Encoding::for_label(value.trim().trim_matches(['"', '\'']).as_bytes())
}

/// What an XML declaration says (XML 1.0 §4.3.3).
fn xml_encoding(body: &[u8]) -> Option<&'static Encoding> {
    let head = body.trim_ascii_start().strip_prefix(b"<?xml")?;
    let head = &head[..head.len().min(200)];
    let end = head.windows(2).position(|window| window == b"?>")?;
    let text = std::str::from_utf8(&head[..end]).ok()?;
    let (_, after) = text.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Encoding::for_label(after[1..].split(quote).next()?.as_bytes())
}
