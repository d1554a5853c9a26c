//! What a running server knows: configuration, faults, codes, tokens, logged-in browsers.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::faults::{FaultKind, Faults};
use crate::journal::Journal;
use crate::keys::KeyRing;
use crate::params::Params;
use crate::random::random;

/// The state shared by all connections.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) origin: String,
    pub(crate) addr: SocketAddr,
    config: RwLock<Arc<Config>>,
    faults: Mutex<Faults>,
    pub(crate) journal: Journal,
    pub(crate) keys: KeyRing,
    /// Authorization codes; a used one stays, so that its second use is noticed.
    codes: Mutex<Expiring<Code>>,
    tokens: Mutex<Expiring<Token>>,
    app_tokens: Mutex<Expiring<()>>,
    refresh_tokens: Mutex<Expiring<Code>>,
    pushed: Mutex<Expiring<Params>>,
    /// Texts that count once.
    nonces: Mutex<Expiring<()>>,
    /// Logged-in browsers, by their cookie's value.
    browsers: Mutex<Expiring<Seen>>,
}

/// Who logged in, and when.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) username: String,
    /// Seconds since 1970.
    pub(crate) at: u64,
}

/// What a code stands for.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) seen: Seen,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    /// The thumbprint of the key it is bound to.
    pub(crate) bound_to: Option<String>,
    /// The token its first use gave.
    pub(crate) used_for: Option<String>,
}

/// What an access token stands for.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) username: String,
    pub(crate) scope: String,
    /// The thumbprint of the key it is bound to.
    pub(crate) bound_to: Option<String>,
}

impl Shared {
    pub(crate) fn new(addr: SocketAddr, config: Config) -> Self {
        Self {
            origin: format!("http://{addr}"),
            addr,
            config: RwLock::new(Arc::new(config)),
            faults: Mutex::default(),
            journal: Journal::default(),
            keys: KeyRing::new(),
            codes: Mutex::default(),
            tokens: Mutex::default(),
            app_tokens: Mutex::default(),
            refresh_tokens: Mutex::default(),
            pushed: Mutex::default(),
            nonces: Mutex::default(),
            browsers: Mutex::default(),
        }
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut config));
    }

    pub(crate) fn faults(&self) -> Faults {
        lock(&self.faults).clone()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// The faults of `endpoint` that strike now; counts them down.
    pub(crate) fn take_faults(
        &self,
        endpoint: &str,
        wanted: impl Fn(&FaultKind) -> bool,
    ) -> Vec<FaultKind> {
        lock(&self.faults).take(endpoint, wanted)
    }

    /// The issuer of ID tokens and of `iss` on the callback.
    pub(crate) fn issuer(&self, config: &Config) -> String {
        config.openid.issuer.as_ref().map_or_else(
            || self.origin.clone(),
            |issuer| issuer.replace("{origin}", &self.origin),
        )
    }

    pub(crate) fn issue_code(&self, code: Code, lifetime: Duration) -> String {
        let name = random(54); // 72 characters
        lock(&self.codes).insert(name.clone(), code, lifetime);
        name
    }

    /// Works on a code under the lock, so that of two parallel uses one is the second.
    pub(crate) fn with_code<T>(&self, code: &str, f: impl FnOnce(Option<&mut Code>) -> T) -> T {
        f(lock(&self.codes).get_mut(code))
    }

    pub(crate) fn issue_token(&self, token: Token, lifetime: Duration) -> String {
        let name = random(32);
        lock(&self.tokens).insert(name.clone(), token, lifetime);
        name
    }

    /// Makes a token of the caller's own good.
    pub(crate) fn admit_token(&self, name: String, token: Token, lifetime: Duration) {
        lock(&self.tokens).insert(name, token, lifetime);
    }

    pub(crate) fn token(&self, name: &str) -> Option<Token> {
        lock(&self.tokens).get_mut(name).cloned()
    }

    pub(crate) fn revoke_token(&self, name: &str) {
        lock(&self.tokens).remove(name);
    }

    /// Keeps a request that was pushed; gives its `request_uri`.
    pub(crate) fn push(&self, params: Params) -> String {
        let name = format!("urn:ietf:params:oauth:request_uri:{}", random(24));
        lock(&self.pushed).insert(name.clone(), params, Duration::from_secs(60));
        name
    }

    /// Whether a text was never seen here, as far as anybody remembers.
    pub(crate) fn first_use(&self, text: &str) -> bool {
        let mut seen = lock(&self.nonces);
        let first = seen.get_mut(text).is_none();
        if first {
            seen.insert(text.to_owned(), (), Duration::from_secs(600));
        }
        first
    }

    /// A request that was pushed; it counts no more.
    pub(crate) fn take_pushed(&self, name: &str) -> Option<Params> {
        let mut pushed = lock(&self.pushed);
        let found = pushed.get_mut(name).cloned();
        pushed.remove(name);
        found
    }

    pub(crate) fn issue_refresh_token(&self, code: Code) -> String {
        let name = format!("r-{}", random(32));
        let lifetime = Duration::from_secs(24 * 3600);
        lock(&self.refresh_tokens).insert(name.clone(), code, lifetime);
        name
    }

    /// What a refresh token stands for; it counts no more.
    pub(crate) fn take_refresh_token(&self, name: &str) -> Option<Code> {
        let mut tokens = lock(&self.refresh_tokens);
        let found = tokens.get_mut(name).cloned();
        tokens.remove(name);
        found
    }

    pub(crate) fn issue_app_token(&self, lifetime: Duration) -> String {
        let name = format!("a-{}", random(24));
        lock(&self.app_tokens).insert(name.clone(), (), lifetime);
        name
    }

    pub(crate) fn knows_app_token(&self, name: &str) -> bool {
        lock(&self.app_tokens).get_mut(name).is_some()
    }

    pub(crate) fn remember_browser(&self, seen: Seen) -> String {
        let name = random(24);
        let day = Duration::from_secs(24 * 60 * 60);
        lock(&self.browsers).insert(name.clone(), seen, day);
        name
    }

    pub(crate) fn browser(&self, name: &str) -> Option<Seen> {
        lock(&self.browsers).get_mut(name).cloned()
    }

    pub(crate) fn forget_browser(&self, name: &str) {
        lock(&self.browsers).remove(name);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many entries a table holds before the oldest give way: a benchmark must not fill memory.
const CAPACITY: usize = 100_000;

/// A table whose entries die. Lifetimes within a table are mostly equal, so the front of the
/// queue is what expires first.
#[derive(Debug)]
struct Expiring<V> {
    entries: HashMap<String, (Instant, V)>,
    queue: VecDeque<(Instant, String)>,
}

impl<V> Default for Expiring<V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            queue: VecDeque::new(),
        }
    }
}

impl<V> Expiring<V> {
    fn insert(&mut self, name: String, value: V, lifetime: Duration) {
        let now = Instant::now();
        while self.queue.len() >= CAPACITY || self.queue.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, oldest)) = self.queue.pop_front() else {
                break;
            };
            self.entries.remove(&oldest);
        }
        // A lifetime beyond what the clock can hold: as good as for ever.
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        let dies = now + lifetime.min(century);
        self.queue.push_back((dies, name.clone()));
        self.entries.insert(name, (dies, value));
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        let now = Instant::now();
        self.entries
            .get_mut(name)
            .filter(|(dies, _)| *dies > now)
            .map(|(_, value)| value)
    }

    fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }
}
