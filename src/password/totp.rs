//! One-time codes that an app makes of a key and the time (RFC 6238): six digits, a new
//! code each half minute, HMAC-SHA-1. That is what every such app knows.

use std::fmt;

use aws_lc_rs::hmac;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

use crate::base::{Secret, Timestamp, digest, random};

/// How long a code is shown, in seconds (RFC 6238 §4.1).
const STEP: u64 = 30;
/// How many steps a clock may be off, either way (RFC 6238 §5.2).
const OFF: u64 = 1;
/// What a code is counted within: six digits.
const CODES: u32 = 1_000_000;
/// The length of a key in bytes, that of the hash (RFC 4226 §4, R6).
const LENGTH: usize = 20;
/// The digits of base32 (RFC 4648 §6).
const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key that an app and the broker share.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpKey([u8; LENGTH]);

impl TotpKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// As apps take it: base32 without padding.
    pub fn base32(&self) -> Secret {
        let digit = |at: usize| {
            // A key's bits are a multiple of five.
            let value = (0..5).fold(0_u8, |value, bit| {
                let bit = at * 5 + bit;
                value << 1 | (self.0[bit / 8] >> (7 - bit % 8) & 1)
            });
            char::from(DIGITS[usize::from(value)])
        };
        Secret::new((0..LENGTH * 8 / 5).map(digit).collect::<String>())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut key = [0; LENGTH];
        if text.len() != LENGTH * 8 / 5 {
            return None;
        }
        for (at, digit) in text.bytes().enumerate() {
            let value = DIGITS.iter().position(|known| *known == digit)?;
            for bit in (0..5).filter(|bit| value >> (4 - bit) & 1 == 1) {
                let bit = at * 5 + bit;
                key[bit / 8] |= 1 << (7 - bit % 8);
            }
        }
        Some(Self(key))
    }

    /// The step of a code that counts now: one of the time around now and later than
    /// `after`, so that a code counts once (RFC 6238 §5.2). `None`: the code is wrong.
    pub fn step_of(&self, code: &str, now: Timestamp, after: u64) -> Option<u64> {
        let here = now.as_secs() / STEP;
        let steps = here.saturating_sub(OFF)..=here + OFF;
        // All are looked at, so that the time it takes tells nothing.
        steps.fold(None, |found, step| {
            let same = digest::same(self.code(step).expose().as_bytes(), code.as_bytes());
            (same && step > after).then_some(step).or(found)
        })
    }

    /// The code of a step (RFC 4226 §5.3).
    fn code(&self, step: u64) -> Secret {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[tag.len() - 1] & 15);
        let word = tag[at..at + 4]
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        Secret::new(format!("{:06}", (word & 0x7fff_ffff) % CODES))
    }
}

impl Drop for TotpKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Serialize for TotpKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.base32().expose())
    }
}

impl<'de> Deserialize<'de> for TotpKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Secret::new(String::deserialize(from)?);
        Self::parse(text.expose()).ok_or_else(|| D::Error::custom("not a key in base32"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TotpKey {
        TotpKey(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, the last six of its eight digits.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_secs(second);
            assert_eq!(key().code(second / STEP).expose(), code);
            assert_eq!(key().step_of(code, now, 0), Some(second / 30));
        }
    }

    #[test]
    fn a_key_is_written_in_base32() {
        let text = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(key().base32().expose(), text);
        assert_eq!(TotpKey::parse(text).unwrap(), key());
        for other in ["", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ", &text.to_lowercase()] {
            assert!(TotpKey::parse(other).is_none());
        }
        let made = TotpKey::generate();
        assert_eq!(TotpKey::parse(made.base32().expose()).unwrap(), made);
        assert_eq!(format!("{made:?}"), "[redacted]");
    }

    #[test]
    fn a_code_counts_a_step_early_or_late_and_once() {
        let at = |second| Timestamp::from_secs(second);
        let code = key().code(90 / STEP);
        let step = |second, after| key().step_of(code.expose(), at(second), after);
        assert_eq!(step(59, 0), None);
        for second in [60, 90, 149] {
            assert_eq!(step(second, 0), Some(3), "{second}");
            assert_eq!(step(second, 2), Some(3), "{second}");
            assert_eq!(step(second, 3), None, "used at {second}");
        }
        assert_eq!(step(150, 0), None);
        for wrong in ["", "1", "abcdef", "1234567", "287 082"] {
            assert_eq!(key().step_of(wrong, at(59), 0), None);
        }
    }
}
