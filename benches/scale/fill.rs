//! An installation of a size, made by the program's own code.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::iter;
use mock_idp::MockIdp;
use serde_json::Map;
use tempfile::TempDir;
use vestibule::account::mapping::Consent;
use vestibule::account::{self, Account, StoreFront, directory};
use vestibule::base::{AccountId, Authenticated, Clock, SystemClock, UserId};
use vestibule::broker::{self, Broker};
use vestibule::config;
use vestibule::session::Subject;
use vestibule::store::{PostgresStore, Precondition};

use super::support::mapping_for;
use super::support::program::free_port;
use super::support::replicas::MASTER_KEY;
use super::{Engine, Size};

/// What is made at once: all on one thread, and each connection is held meanwhile.
const AT_ONCE: usize = 16;
/// Whose sessions are asked about.
const SAMPLES: usize = 2_000;

/// Somebody who is logged in.
pub struct Somebody {
    pub account: AccountId,
    pub user: UserId,
    pub token: String,
}

pub struct Filled {
    pub dir: TempDir,
    pub origin: String,
    pub size: Size,
    pub samples: Vec<Somebody>,
    /// How long a sweep takes that finds nothing.
    pub sweep: f64,
}

pub fn account_of(n: usize) -> AccountId {
    format!("a{n}").parse().unwrap()
}

/// A tenth of all users are one account's.
fn whose(n: usize, size: Size) -> AccountId {
    if n < size.users / 10 {
        account_of(0)
    } else {
        account_of(1 + n % (size.accounts - 1))
    }
}

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
pub async fn fill(engine: &Engine, size: Size, idp: &MockIdp) -> Filled {
    let dir = TempDir::with_prefix_in("bench-scale-", ".").unwrap();
    let origin = format!("http://127.0.0.1:{}", free_port());
    let address = origin.trim_start_matches("http://");
    let text = format!(
        "public_url = \"{origin}\"\nlisten = \"{address}\"\ndata_dir = \"data\"\n[auth]\nmaster_key = \"{MASTER_KEY}\"\n[metrics]\nlisten = \"\"\n[outbound]\nallow_http = true\nallow_networks = [\"127.0.0.0/8\"]\n[login]\nbundled_ids_elsewhere = true\n{}",
        engine.section()
    );
    std::fs::write(dir.path().join("vestibule.toml"), &text).unwrap();
    let config = config::from_parts(&text, [], Some(dir.path())).unwrap();
    let clock = Arc::new(SystemClock);
    if let Engine::Shared(servers) = engine {
        let url = servers.0.url("postgres");
        PostgresStore::migrate(&url, clock.clone()).await.unwrap();
    }
    let began = Instant::now();
    let broker = Broker::open(&config, clock.clone()).await.unwrap();
    broker.provide_keys().await.unwrap();
    let logins = &broker.app().logins;
    let (store, now) = (&*logins.store, clock.now());
    let mapping = mapping_for(idp);
    let accounts = iter(0..size.accounts).map(|n| {
        let (mapping, origin) = (&mapping, &origin);
        async move {
            let id = account_of(n);
            let front = StoreFront::new(origin, &format!("/accounts/{id}")).unwrap();
            let account = Account::new(id.clone(), id.as_str(), vec![front], now);
            account::put(store, &account, Precondition::Absent)
                .await
                .unwrap();
            let consent = Consent::default();
            let applied = logins
                .mappings
                .apply(&id, mapping, "bench", now, None, consent);
            applied.await.unwrap();
        }
    });
    accounts.buffer_unordered(AT_ONCE).collect::<()>().await;
    eprintln!("  accounts after {:.0?}", began.elapsed());
    let method = "mock-idp".parse().unwrap();
    let every = (size.sessions / SAMPLES).max(1);
    let people = iter(0..size.users).map(|n| {
        let (method, authenticated) = (&method, Authenticated::default());
        async move {
            let account = whose(n, size);
            let email = format!("user{n}@example.test");
            let name = Some(format!("User Number{n}"));
            let made = directory::create(store, &account, &email, name, now).await;
            let user = made.unwrap().unwrap().value;
            if n >= size.sessions {
                return None;
            }
            let subject = Subject {
                account: &account,
                user: user.id,
                settled: true,
                generation: 0,
                email: &email,
                email_verified: true,
                provider_user_id: None,
                name: user.name.as_deref(),
                more: &Map::new(),
                method,
                authenticated: &authenticated,
                device: None,
                address: None,
                signing_alg: None,
                vtex: false,
                at_provider: None,
                at_most: None,
            };
            let begun = logins
                .sessions
                .begin(store, &logins.keys, subject, now)
                .await;
            let token = begun.ok().unwrap().token;
            (n % every == 0).then_some(Somebody {
                account,
                user: user.id,
                token,
            })
        }
    });
    let samples = people
        .buffer_unordered(AT_ONCE)
        .filter_map(async |sample| sample)
        .collect()
        .await;
    eprintln!("  people after {:.0?}", began.elapsed());
    let began = Instant::now();
    for space in broker::spaces().filter(|space| space.expiring) {
        assert_eq!(store.purge_expired(space, 1_000).await.unwrap(), 0);
    }
    let sweep = began.elapsed().as_secs_f64();
    broker.close().await.unwrap();
    Filled {
        dir,
        origin,
        size,
        samples,
        sweep,
    }
}
