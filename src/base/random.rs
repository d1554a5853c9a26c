//! Randomness from the operating system's generator.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `N` unpredictable bytes.
///
/// # Panics
/// If the operating system has no randomness to give. Nothing safe can be done
/// without it, so the process stops.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without randomness no answer would be safe"
    )]
    SystemRandom::new()
        .fill(&mut out)
        .expect("the operating system gives randomness");
    out
}

/// 256 unpredictable bits, less the 64th part of one, as 43 URL-safe characters. The
/// first is not `-`, so that no program's command line takes an id for an option.
pub fn token() -> String {
    loop {
        let text = URL_SAFE_NO_PAD.encode(bytes::<32>());
        if !text.starts_with('-') {
            return text;
        }
    }
}

/// A short identifier a person can read out: 10 letters and digits without
/// look-alikes, 50 bits.
pub fn support_id() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    bytes::<10>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}
