//! Floor 0: what everything else stands on, with no I/O of its own.
//!
//! Time and randomness enter the program here and nowhere else; clippy's
//! `disallowed-methods` keeps it so.

pub mod authenticated;
mod clock;
pub mod digest;
pub mod error_code;
pub mod id;
pub mod lang;
pub mod login_method;
pub mod random;
pub mod rate;
pub mod secret;
pub mod steady;
pub mod timestamp;
pub mod traces;
pub mod units;

pub use authenticated::Authenticated;
pub use clock::{Clock, ManualClock, SKEW, SystemClock};
pub use error_code::ErrorCode;
pub use id::{AccountId, BadId, ProviderId, UserId};
pub use lang::Lang;
pub use login_method::LoginMethod;
pub use rate::{Allowance, Rate, Spent};
pub use secret::Secret;
pub use steady::Jump;
pub use timestamp::Timestamp;
