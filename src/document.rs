//! Floor 1: documents that people write, read with every mistake at once.
//!
//! Mappings and the configuration are both a serde struct; [`structure`] checks
//! a document against the schema that the struct gives, and says all that is
//! wrong, where, and what to do about it.

pub mod convert;
pub mod finding;
pub mod redact;
pub mod secret;
pub mod structure;

pub use finding::{Finding, Severity};
pub use secret::{REDACTED, SecretError, SecretSource};
