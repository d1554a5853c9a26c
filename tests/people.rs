//! The people of an account, as who administers them sees them.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "people/search.rs"]
mod search;
mod support;
