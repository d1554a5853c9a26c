//! What the broker sends, where a provider wants it otherwise than the standards
//! have it: each kind by full logins.

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::format_collect
)]

mod support;

#[path = "requests/bodies.rs"]
mod bodies;
#[path = "requests/dpop.rs"]
mod dpop;
#[path = "requests/hosts.rs"]
mod hosts;
#[path = "requests/pushed.rs"]
mod pushed;
#[path = "complaints/scene.rs"]
mod scene;
#[path = "requests/sign.rs"]
mod sign;
#[path = "requests/state.rs"]
mod state;
