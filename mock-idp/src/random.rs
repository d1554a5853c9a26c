//! Randomness, as text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    aws_lc_rs::rand::fill(&mut buffer).expect("the system has randomness");
    buffer
}

/// Random bytes, URL-safe: 4 characters for 3 bytes.
pub(crate) fn random(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut buffer).expect("the system has randomness");
    URL_SAFE_NO_PAD.encode(buffer)
}
