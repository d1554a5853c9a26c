//! Why there is no hash.

/// The longest text that is hashed, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many hashes at once.
    #[error("too many passwords are being checked at once; try again in a moment")]
    Busy,
    /// Longer than any password.
    #[error("a password or secret has at most {MAX_LENGTH} bytes")]
    TooLong,
    /// The library or a stored hash is broken.
    #[error("the hash function failed")]
    Failed,
}
