//! Content codings that nobody asked for: what was asked for, `gzip`, the library
//! undoes by itself.

use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

use super::error::{OutboundError, root};

/// The body without its content coding. What isn't known is left as it is: some
/// servers name a character encoding there.
///
/// # Errors
/// [`OutboundError::TooLarge`] where more than `max` bytes come out,
/// [`OutboundError::Unreadable`] where the body isn't what the header says.
pub(super) fn undone(
    headers: &mut HeaderMap,
    body: Bytes,
    max: usize,
    host: &str,
) -> Result<Bytes, OutboundError> {
    let coding = headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.trim().to_ascii_lowercase());
    let out = match coding.as_deref() {
        _ if body.is_empty() => return Ok(body),
        Some("x-gzip") => bounded(GzDecoder::new(&body[..]), max),
        // zlib's format by RFC 9110 §8.4.1.2; without its frame by custom of some.
        Some("deflate") => match bounded(ZlibDecoder::new(&body[..]), max) {
            Err(_) => bounded(DeflateDecoder::new(&body[..]), max),
            out => out,
        },
        Some("br") => bounded(Decompressor::new(&body[..], 4096), max),
        _ => return Ok(body),
    };
    let out = out.map_err(|error| OutboundError::Unreadable {
        host: host.to_owned(),
        why: root(&error),
    })?;
    if out.len() > max {
        return Err(OutboundError::TooLarge { limit: max });
    }
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    Ok(Bytes::from(out))
}

/// What comes out, as far as one byte more than is allowed.
fn bounded(from: impl Read, max: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    from.take(max as u64 + 1).read_to_end(&mut out)?;
    Ok(out)
}
