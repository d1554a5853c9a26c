//! How the broker proves itself to a provider, and what it asks: by full logins.

#![allow(missing_docs, clippy::unwrap_used)]
// The scene is shared with the complaints, which need more of it.
#![allow(dead_code, clippy::needless_pass_by_value)]

mod support;

#[path = "clients/authentication.rs"]
mod authentication;
#[path = "clients/mutual_tls.rs"]
mod mutual_tls;
#[path = "complaints/scene.rs"]
mod scene;
