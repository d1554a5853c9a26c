//! The admin API, operation by operation, as its own OpenAPI document lists them:
//! an operation that is added is in these tests by itself.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

#[path = "api/access.rs"]
mod access;
#[path = "api/changes.rs"]
mod changes;
#[path = "api/document.rs"]
mod document;
#[path = "api/examples.rs"]
mod examples;
#[path = "api/lists.rs"]
mod lists;
#[path = "api/mappings.rs"]
mod mappings;
#[path = "api/roles.rs"]
mod roles;
#[path = "api/scene.rs"]
mod scene;
