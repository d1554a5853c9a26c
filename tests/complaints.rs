//! What users of other brokers' generic OAuth 2.0 providers complain about, and the
//! traps in those brokers' sources: each is a test by full logins. The numbers are
//! those of the design's list.

#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

mod support;

#[path = "complaints/answers.rs"]
mod answers;
#[path = "complaints/bytes.rs"]
mod bytes;
#[path = "complaints/invented.rs"]
mod invented;
#[path = "complaints/journeys.rs"]
mod journeys;
#[path = "complaints/operation.rs"]
mod operation;
#[path = "complaints/outcomes.rs"]
mod outcomes;
#[path = "complaints/places.rs"]
mod places;
#[path = "complaints/profile.rs"]
mod profile;
#[path = "complaints/scene.rs"]
mod scene;
#[path = "complaints/sources.rs"]
mod sources;
#[path = "complaints/token.rs"]
mod token;
#[path = "complaints/traps.rs"]
mod traps;
#[path = "complaints/wire.rs"]
mod wire;
