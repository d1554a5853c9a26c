//! What a body is, from its declaration and from its looks.

use super::error::ActualFormat;
use super::jsonp;

/// What a body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// There is nothing to see.
    Blank,
    /// Its first bytes tell.
    Looks(ActualFormat),
    /// They don't.
    Unclear,
}

impl Sniffed {
    pub(super) const fn got(self) -> Option<ActualFormat> {
        match self {
            Self::Looks(got) => Some(got),
            Self::Blank | Self::Unclear => None,
        }
    }
}

/// What the `Content-Type` says, where it says something. `text/plain` and
/// `application/octet-stream` don't.
pub(super) fn declared(content_type: Option<&str>) -> Option<ActualFormat> {
    let essence = content_type?.split(';').next()?.trim().to_ascii_lowercase();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    Some(match essence.as_str() {
        // JavaScript without a callback; one with it would have been seen in the body.
        "application/json"
        | "text/json"
        | "application/javascript"
        | "text/javascript"
        | "application/x-javascript"
        | "application/ecmascript"
        | "text/ecmascript" => ActualFormat::Json,
        "application/x-www-form-urlencoded" => ActualFormat::Form,
        "application/xml" | "text/xml" => ActualFormat::Xml,
        "application/jwt" => ActualFormat::Jwt,
        "text/html" | "application/xhtml+xml" => ActualFormat::Html,
        _ if subtype.ends_with("+json") => ActualFormat::Json,
        _ if subtype.ends_with("+xml") => ActualFormat::Xml,
        _ if subtype.ends_with("+jwt") => ActualFormat::Jwt,
        _ => return None,
    })
}

/// What the body looks like.
pub(super) fn sniff(body: &[u8]) -> Sniffed {
    let text = body.trim_ascii();
    let got = match text.first() {
        None => return Sniffed::Blank,
        Some(b'{' | b'[') => ActualFormat::Json,
        Some(b'<') if is_html(text) => ActualFormat::Html,
        Some(b'<') => ActualFormat::Xml,
        Some(_) if is_jwt(text) => ActualFormat::Jwt,
        Some(_) if jsonp::looks_like_call(text) => ActualFormat::Jsonp,
        Some(_) if is_form(text) => ActualFormat::Form,
        Some(_) => return Sniffed::Unclear,
    };
    Sniffed::Looks(got)
}

fn is_html(mut text: &[u8]) -> bool {
    while let Some(comment) = text.strip_prefix(b"<!--") {
        let Some(end) = comment.windows(3).position(|window| window == b"-->") else {
            return false;
        };
        text = comment[end + 3..].trim_ascii_start();
    }
    let begins = |tag: &[u8]| {
        text.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
            && text
                .get(tag.len())
                .is_none_or(|next| matches!(next, b'>' | b'/') || next.is_ascii_whitespace())
    };
    begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") || begins(b"<body")
}

/// Three or five base64url parts, the first of them a JSON object (RFC 7515 §3.1,
/// RFC 7516 §3.1).
fn is_jwt(text: &[u8]) -> bool {
    let url_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.starts_with(b"ey")
        && text.iter().all(url_safe)
        && matches!(text.split(|byte| *byte == b'.').count(), 3 | 5)
}

/// `key=value`, of printable characters without blanks or brackets.
fn is_form(text: &[u8]) -> bool {
    let key = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.%[]~+$:".contains(byte))
        .count();
    key > 0 && text.get(key) == Some(&b'=') && text.iter().all(u8::is_ascii_graphic)
}
