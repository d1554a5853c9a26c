//! A little identity provider that works like a real one and misbehaves on command.
//!
//! It serves an OAuth 2.0 authorization server (optionally OpenID Connect) with a login
//! form, test accounts, codes that count once, and a profile endpoint. Every name it uses
//! can be changed ([`Config`]), every answer can be spoilt ([`Faults`]), and everything it
//! receives is written down ([`JournalEntry`]): it is the other side of a login in tests.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use mock_idp::{Config, FaultKind, Faults, MockIdp};
//!
//! let idp = MockIdp::start(Config::default()).await?;
//! idp.set_faults(Faults::none().once("token", FaultKind::Slow { ms: 300 }));
//! println!("log in at {}/authorize", idp.origin());
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `server`, `wire`, `body` | connections: what came in, byte for byte; what goes out, spoilt if asked |
//! | `authorize`, `callback`, `login`, `login_page` | the browser's half of a login |
//! | `pushed` | authorization requests that are pushed or signed |
//! | `token`, `client_auth`, `userinfo` | the back channel |
//! | `signature`, `dpop` | signatures over requests, proofs of a key |
//! | `openid`, `keys`, `id_token`, `jwe` | OpenID Connect |
//! | `mail` | a mail server that keeps what it is sent |
//! | `control`, `journal`, `faults`, `config` | the instrument's knobs and dials |
//!
//! It shares no code with the broker on purpose: a shared mistake would go unseen.

mod answer;
mod authorize;
mod body;
mod callback;
mod client_auth;
mod config;
mod control;
mod dotted;
mod dpop;
mod faults;
mod format;
mod id_token;
mod journal;
mod jwe;
mod keys;
mod login;
mod login_page;
mod mail;
mod openid;
mod params;
mod pushed;
mod random;
mod request;
mod server;
mod signature;
mod state;
mod token;
mod userinfo;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use config::{
    Account, Algorithm, AppToken, AuthorizeConfig, CallbackConfig, Client, ClientAuthentication,
    Config, Dpop, Encoding, OpenIdConfig, RequiredParameters, SignatureAlgorithm, SignatureConfig,
    SignatureEncoding, TokenConfig, TokenIn, TokenResponseConfig, UserinfoConfig,
    UserinfoResponseConfig,
};
pub use faults::{Fault, FaultKind, Faults};
pub use format::Format;
pub use journal::JournalEntry;
pub use mail::{Letter, MailCatcher, MailFault};

use id_token::Whose;
use serde_json::{Map, Value};
use state::Shared;

/// A running identity provider. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct MockIdp {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl MockIdp {
    /// Binds `config.listen` and serves until the handle is dropped.
    pub async fn start(config: Config) -> std::io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let shared = Arc::new(Shared::new(listener.local_addr()?, config));
        let task = tokio::spawn(server::run(listener, Arc::clone(&shared)));
        Ok(Self { shared, task })
    }

    /// The scheme, host and port it answers at: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        self.shared.origin.clone()
    }

    /// The bound address.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// Every request received, in order of arrival; requests to `/control/` are left out.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.journal.entries()
    }

    /// Forgets the journal; sequence numbers go on.
    pub fn clear_journal(&self) {
        self.shared.journal.clear();
    }

    /// Replaces all faults.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// The faults still to come: those with `times` have counted down.
    pub fn faults(&self) -> Faults {
        self.shared.faults()
    }

    /// Changes names, shapes or accounts while running; `listen` has no effect any more.
    pub fn configure(&self, change: impl FnOnce(&mut Config)) {
        self.shared.configure(change);
    }

    /// The configuration in force.
    pub fn config(&self) -> Config {
        Config::clone(&self.shared.config())
    }

    /// New signing keys; the previous ones stay in the key set once more (J11).
    pub fn rotate_keys(&self) {
        self.shared.keys.rotate();
    }

    /// A token of any kind, signed as ID tokens are: a logout token, say.
    #[must_use]
    pub fn sign(&self, header: Map<String, Value>, claims: Map<String, Value>) -> String {
        id_token::sign(&self.shared, header, claims, Whose::Own)
    }

    /// The same, signed by somebody else who names our key.
    #[must_use]
    pub fn forge(&self, header: Map<String, Value>, claims: Map<String, Value>) -> String {
        id_token::sign(&self.shared, header, claims, Whose::Foreign)
    }

    /// Closes the port and every connection, and waits until that is done.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // The only possible error is the cancellation just asked for.
        let _cancelled = (&mut self.task).await;
    }
}

impl Drop for MockIdp {
    fn drop(&mut self) {
        self.task.abort();
    }
}
