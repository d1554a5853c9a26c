//! The people of an account, as who administers them sees them.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "people/logins.rs"]
mod logins;
#[path = "people/manage.rs"]
mod manage;
#[path = "people/search.rs"]
mod search;
mod support;
