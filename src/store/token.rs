//! Random tokens that say when they end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Key, Space};
use crate::base::{Timestamp, digest, random};

/// A bearer value for one expiring record: `state`, a ticket, a session id.
///
/// It is 48 bits of expiry in milliseconds and 192 random bits, 40 URL-safe
/// characters in all. The store sees only its SHA-256, so a stolen copy of the
/// store opens nothing. Changing the expiry in a token only leads to a record
/// that does not exist.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    expires_at: Timestamp,
    random: [u8; Token::RANDOM],
}

/// What a [`Token`] is made of, for who keeps many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenSeed {
    expires_at: Timestamp,
    random: [u8; Token::RANDOM],
}

impl TokenSeed {
    /// The token.
    pub fn token(&self) -> Token {
        Token::of(self.expires_at, &self.random)
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl Token {
    const TIME: usize = 6;
    const RANDOM: usize = 24;
    const SIZE: usize = Self::TIME + Self::RANDOM;
    /// How many characters a token has.
    pub const LENGTH: usize = Self::SIZE / 3 * 4;

    /// A new token that ends at `expires_at`.
    pub fn new(expires_at: Timestamp) -> Self {
        Self::of(expires_at, &random::bytes())
    }

    fn of(expires_at: Timestamp, random: &[u8; Self::RANDOM]) -> Self {
        let millis = expires_at.as_millis().min((1 << 48) - 1);
        let mut bytes = [0; Self::SIZE];
        bytes[..Self::TIME].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[Self::TIME..].copy_from_slice(random);
        Self {
            text: URL_SAFE_NO_PAD.encode(bytes),
            expires_at: Timestamp::from_millis(millis),
            random: *random,
        }
    }

    /// What it is made of.
    pub fn seed(&self) -> TokenSeed {
        TokenSeed {
            expires_at: self.expires_at,
            random: self.random,
        }
    }

    /// The same random bits with another end: another key, under the same
    /// [`name`](Self::name).
    #[must_use]
    pub fn until(&self, expires_at: Timestamp) -> Self {
        Self::of(expires_at, &self.random)
    }

    /// A token that follows from this one and does not lead back to it.
    #[must_use]
    pub fn derived(&self, purpose: &str, expires_at: Timestamp) -> Self {
        let hash = digest::sha256(format!("{purpose} {}", self.text).as_bytes());
        let mut random = [0; Self::RANDOM];
        random.copy_from_slice(&hash[..Self::RANDOM]);
        Self::of(expires_at, &random)
    }

    /// The token that stands for a text which is the secret itself: a state of a shape
    /// that some server wants.
    pub fn of_text(text: &str, expires_at: Timestamp) -> Self {
        let hash = digest::sha256(format!("text {text}").as_bytes());
        let mut random = [0; Self::RANDOM];
        random.copy_from_slice(&hash[..Self::RANDOM]);
        Self::of(expires_at, &random)
    }

    /// A public name, that of all tokens with these random bits. It opens nothing.
    pub fn name(&self) -> String {
        digest::sha256_base64url(&self.random)
    }

    /// Reads a token that came from outside; `None` if it can't be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::SIZE + 2];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        if length != Self::SIZE {
            return None;
        }
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&bytes[..Self::TIME]);
        let mut random = [0; Self::RANDOM];
        random.copy_from_slice(&bytes[Self::TIME..Self::SIZE]);
        Some(Self {
            text: text.to_owned(),
            expires_at: Timestamp::from_millis(u64::from_be_bytes(millis)),
            random,
        })
    }

    /// The token as it is sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The key of its record.
    pub fn key(&self, space: &'static Space, partition: impl Into<String>) -> Key {
        Key::expiring(
            space,
            partition,
            self.expires_at,
            &digest::sha256(self.text.as_bytes()),
        )
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token([redacted], until {})", self.expires_at)
    }
}
