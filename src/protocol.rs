//! Floor 1: what the RFCs define, without any I/O.

pub mod form;
pub mod jwe;
pub mod jws;
