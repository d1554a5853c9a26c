//! PEM (RFC 7468), read as leniently as OpenSSL does: text around the blocks,
//! any line length, any line ending.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One block.
pub(super) struct Block {
    /// What stands after `BEGIN`.
    pub(super) label: String,
    /// Its bytes; `None` if they are not base64.
    pub(super) der: Option<Zeroizing<Vec<u8>>>,
    /// Encrypted in OpenSSL's own way from before PKCS#8 (`Proc-Type: 4,ENCRYPTED`).
    pub(super) old_encryption: bool,
}

/// True if there is at least the beginning of a block.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    bytes
        .windows(BEGIN.len())
        .any(|window| window == BEGIN.as_bytes())
}

/// All blocks that have an end.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        rest = &rest[start + BEGIN.len()..];
        let Some((label, after)) = rest.split_once(DASHES) else {
            break;
        };
        let Some((body, after)) = after.split_once(&format!("{END}{label}{DASHES}")) else {
            continue;
        };
        found.push(block(label, body));
        rest = after;
    }
    found
}

fn block(label: &str, body: &str) -> Block {
    let (headers, lines): (Vec<&str>, Vec<&str>) =
        body.lines().partition(|line| line.contains(':'));
    let mut text = Zeroizing::new(String::with_capacity(body.len()));
    for line in lines {
        text.extend(line.chars().filter(|c| !c.is_ascii_whitespace()));
    }
    Block {
        label: label.to_owned(),
        der: STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new),
        old_encryption: headers.iter().any(|line| line.contains("ENCRYPTED")),
    }
}

/// Writes one block.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Room for all at once: growing would leave copies of a private key behind.
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40);
    text.extend([BEGIN, label, DASHES, "\n"]);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.extend([END, label, DASHES, "\n"]);
    text
}
