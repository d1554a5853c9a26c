//! Vestibule, a login broker.
//!
//! A storefront sends a shopper to `GET /accounts/{account}/login`. From there:
//!
//! 1. [`login::start`] stores a pending login under `state` and redirects to the
//!    provider that the account's mapping describes;
//! 2. the provider sends the browser back to `/callback`; [`login::callback`]
//!    takes the pending login, once;
//! 3. [`login::exchange`] exchanges the code, [`login::userinfo`] fetches the
//!    profile, both as the mapping says;
//! 4. [`login::identify`] finds or creates the user and sends the browser to the
//!    store's `finish` with a ticket;
//! 5. [`login::finish`] sets the session cookie and returns the shopper to the
//!    page that was asked for.
//!
//! | floor | module | holds |
//! |---|---|---|
//! | 8 | [`cli`], [`broker`], [`demo`] | one file a command; wires everything |
//! | 7 | [`http`], [`admin`] | routes, cookies, pages, problem JSON; the admin API and the console |
//! | 6 | [`operation`] | what administrators do, one typed function an operation |
//! | 5 | [`login`], [`authority`] | the flow, one file a step; the OAuth 2.0 server |
//! | 4 | [`account`], [`session`], [`operator`], [`audit`], [`mail`] | accounts, stores, mappings, users; sessions; who administers, and what they did; messages to people |
//! | 3 | [`provider`], [`key`], [`password`] | a mapping from file to requests and values; signing keys; slow hashes |
//! | 2 | [`outbound`], [`store`] | the only HTTP client; where everything is kept |
//! | 1 | [`config`], [`document`], [`protocol`] | configuration; checked documents; words of the RFCs |
//! | 0 | [`base`] | clock, randomness, ids, secrets |
//!
//! A module imports only from floors below its own; `tests/architecture.rs`
//! holds it to that.
//!
//! A comment or a test that says `threat K7` refers to that row of the table in
//! `docs/security.md`. VTEX ID's documentation of custom OAuth providers names
//! the keys of a mapping; Virto Commerce's documentation of JWT names those of
//! `[auth]`.

pub mod account;
pub mod admin;
pub mod audit;
pub mod authority;
pub mod base;
pub mod broker;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod document;
pub mod http;
pub mod key;
pub mod login;
pub mod mail;
pub mod operation;
pub mod operator;
pub mod outbound;
pub mod password;
pub mod protocol;
pub mod provider;
pub mod session;
pub mod store;
