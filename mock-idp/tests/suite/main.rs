//! The mock identity provider, seen from outside.
#![allow(clippy::unwrap_used)]

mod control;
mod errors;
mod faults;
mod imitate;
mod login;
mod names;
mod openid;
mod visitor;
