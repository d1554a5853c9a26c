//! The shape of `state` at servers that take not every one.

use super::file::StateAlphabet;
use crate::base::random;

/// The least randomness a state may have, in bits: guessing it is then as hard as
/// guessing a key (RFC 6749 §10.10).
pub const MIN_BITS: f64 = 128.0;
/// The most characters a state may have.
pub const MAX_LENGTH: usize = 256;
/// The randomness of a state of which only the alphabet is mapped, in bits.
const USUAL_BITS: f64 = 160.0;

/// Of what a state is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateShape {
    alphabet: StateAlphabet,
    length: usize,
}

impl StateAlphabet {
    fn characters(self) -> &'static [u8] {
        const ALL: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
        match self {
            Self::UrlSafe => ALL,
            Self::Alphanumeric => &ALL[..62],
            Self::LowerAlphanumeric => &ALL[..36],
            Self::Hexadecimal => &ALL[..16],
            Self::Digits => &ALL[..10],
        }
    }

    /// How many characters have so much randomness.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few dozen characters"
    )]
    fn length(self, bits: f64) -> usize {
        (bits / (self.characters().len() as f64).log2()).ceil() as usize
    }

    /// The fewest characters a state of it may have.
    pub fn least(self) -> usize {
        self.length(MIN_BITS)
    }
}

impl StateShape {
    /// A shape; `None` if such a state could be guessed, or is too long.
    pub fn new(alphabet: StateAlphabet, length: Option<usize>) -> Option<Self> {
        let length = length.unwrap_or_else(|| alphabet.length(USUAL_BITS));
        let fits = (alphabet.least()..=MAX_LENGTH).contains(&length);
        fits.then_some(Self { alphabet, length })
    }

    /// A fresh state of this shape, each character as likely as any other.
    pub fn fresh(self) -> String {
        let characters = self.alphabet.characters();
        // A byte above the last whole multiple would favour the first characters.
        let usable = 256 / characters.len() * characters.len();
        let mut out = String::with_capacity(self.length);
        while out.len() < self.length {
            let drawn = random::bytes::<64>().into_iter().map(usize::from);
            let left = self.length - out.len();
            let chosen = drawn.filter(|byte| *byte < usable).take(left);
            out.extend(chosen.map(|byte| char::from(characters[byte % characters.len()])));
        }
        out
    }
}

/// Whether a text may be a state of some shape.
pub fn may_be_shaped(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (StateAlphabet::UrlSafe.least()..=MAX_LENGTH).contains(&text.len()) && text.chars().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_its_length_and_its_characters() {
        for (alphabet, least) in [
            (StateAlphabet::UrlSafe, 22),
            (StateAlphabet::Alphanumeric, 22),
            (StateAlphabet::LowerAlphanumeric, 25),
            (StateAlphabet::Hexadecimal, 32),
            (StateAlphabet::Digits, 39),
        ] {
            assert_eq!(alphabet.least(), least);
            assert_eq!(StateShape::new(alphabet, Some(least - 1)), None);
            assert_eq!(StateShape::new(alphabet, Some(MAX_LENGTH + 1)), None);
            let shape = StateShape::new(alphabet, Some(MAX_LENGTH)).expect("it fits");
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..40 {
                let state = shape.fresh();
                assert!(may_be_shaped(&state) && state.len() == MAX_LENGTH);
                seen.extend(state.bytes());
            }
            let mut wanted = alphabet.characters().to_vec();
            wanted.sort_unstable();
            assert_eq!(seen.into_iter().collect::<Vec<_>>(), wanted);
        }
    }
}
