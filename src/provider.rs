//! Floor 3: a mapping, from its file to requests and values.
//!
//! [`mod@file`] is the format, [`compile`] turns it into a [`Provider`] or into
//! findings, [`request`] builds what is sent, [`decode`] and [`extract`] read
//! what comes back.

pub mod assertion;
mod authorization;
pub mod blanks;
pub mod body;
pub mod build_error;
pub mod bundled;
pub mod compile;
pub mod credentials;
pub mod decode;
pub mod dpop;
pub mod email;
pub mod extract;
pub mod file;
pub mod gallery;
pub mod hosts;
pub mod import;
pub mod infer;
pub mod inner;
pub mod issuer;
pub mod lifted;
pub mod mapped;
pub mod model;
pub mod moment;
pub mod parameter;
pub mod path;
pub mod percent;
pub mod preview;
pub mod redirect;
pub mod replay;
pub mod request;
pub mod sign;
pub mod signed;
pub mod state;
pub mod template;
pub mod trace;

pub use crate::document::{Finding, Severity};
pub use model::Provider;
