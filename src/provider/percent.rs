//! Percent-encoding (RFC 3986 §2.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 leaves unreserved; all else is encoded, a space as `%20`,
/// which servers that don't decode `+` in a query understand too.
pub const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes for a path segment or a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}
