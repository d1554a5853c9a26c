//! Floor 8: puts the rooms together into a running broker.

mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinHandle;
use tracing::warn;

use self::upkeep::upkeep;
use crate::account::application_policy::MAX_ACCESS_TOKEN_LIFETIME;
use crate::account::{self, Accounts, Mappings};
use crate::admin::{self, Admin};
use crate::audit;
use crate::authority::assertion::ClientKeys;
use crate::authority::client_guesses::ClientGuesses;
use crate::authority::device::DeviceLimits;
use crate::authority::features::KnownFeatures;
use crate::authority::foreign::ForeignAuthority;
use crate::authority::notices::Notices;
use crate::authority::verified::VerifiedTokens;
use crate::authority::{self, Authority, password};
use crate::base::{AccountId, Clock, Timestamp};
use crate::config::{Config, StorePlace};
use crate::http::pages::Pages;
use crate::http::{self, App, Shared};
use crate::key::{self, Algorithm, KeyError, Keyring, vault};
use crate::login::access_key::limits::CodeLimits;
use crate::login::journal::Journal;
use crate::login::password::Guesses;
use crate::login::share::AllShares;
use crate::login::{self, Logins, drift, health, meters, openid};
use crate::mail::{self, Mail};
use crate::operation::{Keys, Operations, Serving};
use crate::operator;
use crate::outbound::{Outbound, OutboundError, Policy, TxtRecords};
use crate::password::{Hasher, Throttle};
use crate::provider::redirect::Redirects;
use crate::session::{self, Sessions};
use crate::store::{
    self, PostgresOptions, PostgresStore, RecordingStore, RedisStore, SledOptions, SledStore,
    Space, SplitStore, Store, StoreError, backup,
};

/// Why a broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `public_url` is needed to serve.
    #[error(
        "`public_url` is not set; write it in vestibule.toml or set VESTIBULE_PUBLIC_URL, as in https://login.platform.test"
    )]
    NoPublicUrl,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The mail server.
    #[error("`[mail]`: {0}")]
    Mail(String),
    /// The HTTP client.
    #[error("the HTTP client for providers cannot be made: {0}")]
    Outbound(#[from] OutboundError),
}

/// A broker, ready to be served.
pub struct Broker {
    app: Shared,
    admin: Admin,
    sweeper: JoinHandle<()>,
    postman: JoinHandle<()>,
    journal: JoinHandle<()>,
}

impl Broker {
    /// Opens the store of a configuration and puts a broker on it.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if config.public_url.is_none() {
            return Err(OpenError::NoPublicUrl);
        }
        let store = open_store(config, Arc::clone(&clock)).await?;
        Self::on(store, config, clock).await
    }

    /// Puts a broker on a store.
    pub async fn on(
        store: Arc<dyn Store>,
        config: &Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let public_url = config.public_url.as_ref().ok_or(OpenError::NoPublicUrl)?;
        let public_url = public_url.origin().ascii_serialization();
        let policy = policy(config);
        let outbound = Arc::new(Outbound::new(policy.clone(), Arc::clone(&clock))?);
        let mappings = Arc::new(Mappings::new(Arc::clone(&store), policy, redirects(config)));
        let longest = longest(config);
        let (auth, dir) = (&config.auth, &config.data_dir);
        let keys = Keyring::open(Arc::clone(&store), auth, Arc::clone(&clock), dir, longest);
        let keys = Arc::new(keys.await?);
        let accounts = Arc::new(Accounts::new(Arc::clone(&store)));
        let authority = Arc::new(Authority {
            store: Arc::clone(&store),
            accounts: Arc::clone(&accounts),
            applications: Arc::default(),
            verified: VerifiedTokens::default(),
            clock: Arc::clone(&clock),
            outbound: Arc::clone(&outbound),
            keys: Arc::clone(&keys),
            hasher: Hasher::new(),
            client_guesses: ClientGuesses::new(Arc::clone(&store)),
            client_keys: ClientKeys::default(),
            features: KnownFeatures::default(),
            device_limits: DeviceLimits::new(&store),
            throttle: Throttle::new(Arc::clone(&store), "grants", password::PAUSES),
            notices: Notices::default(),
            issuer: public_url.clone(),
            audience: config.auth.audience.clone(),
            access_token_lifetime: config.auth.access_token_lifetime,
            refresh_token_lifetime: config.auth.refresh_token_lifetime,
            login_lifetime: config.login_lifetime,
        });
        let mail = mail(config, &store, &clock)?;
        let hasher = authority.hasher.clone();
        let log = config.login_log;
        let (journal, writing) = Journal::new(log, Arc::clone(&store), Arc::clone(&clock));
        let app = Arc::new(App {
            authority,
            logins: Arc::new(Logins {
                journal: Arc::new(journal),
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                outbound,
                accounts,
                mappings: Arc::clone(&mappings),
                keys,
                sessions: Sessions::new(public_url.clone(), config.session),
                directory: openid::Directory::default(),
                watch: drift::Watch::default(),
                health: health::Health::default(),
                mail: Arc::clone(&mail),
                code_limits: CodeLimits::new(Arc::clone(&store)),
                hasher,
                guesses: Guesses::new(Arc::clone(&store)),
                shares: AllShares::default(),
                refreshes: login::kept::Refreshes::default(),
                meters: meters::Meters::default(),
                public_url,
                lifetime: config.login_lifetime,
            }),
            pages: Pages::new(),
            mail: Arc::clone(&mail),
        });
        let ops = Arc::new(Operations {
            spaces: spaces().collect(),
            clearing: tokio::sync::Mutex::default(),
            store,
            mappings,
            clock,
            keys: Keys::of(Arc::clone(&app.authority.keys), longest),
            hasher: app.authority.hasher.clone(),
            audience: config.auth.audience.clone(),
            public_url: redirects(config).public_url,
            sends_mail: config.mail.is_some(),
            login_log: config.login_log.keep,
            login_account: login_account(config, &*app.logins.store).await?,
            second_factor: config.console_second_factor,
            txt: TxtRecords::new(config.nameserver),
            serving: Some(Serving {
                logins: Arc::clone(&app.logins),
                authority: Arc::clone(&app.authority),
            }),
        });
        let admin = Admin {
            ops: Arc::clone(&ops),
            foreign: foreign(config, &app.authority.outbound),
            app: Some(Arc::clone(&app)),
        };
        let notices = Arc::clone(&app.authority);
        Ok(Self {
            app,
            admin,
            sweeper: tokio::spawn(upkeep(ops, Arc::clone(&notices.keys))),
            postman: tokio::spawn(async move {
                tokio::join!(mail.run(), notices.send_notices());
            }),
            journal: tokio::spawn(writing),
        })
    }

    /// Sees to it that a key of each algorithm signs and is published: who asks for
    /// either has it at once, and no client that keeps our keys meets an unknown one.
    pub async fn provide_keys(&self) -> Result<(), KeyError> {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
            self.app.authority.keys.ensure(algorithm).await?;
        }
        Ok(())
    }

    /// What the network sees: browser endpoints, and the admin API's refusals.
    pub fn router(&self) -> Router {
        let all = http::router(Arc::clone(&self.app))
            .merge(admin::router(self.admin.clone()))
            .merge(admin::console::router(self.admin.clone(), &self.app));
        http::with_headers(&self.app, all)
    }

    /// A single-use link that makes the first operator; `None` where there was one.
    pub async fn first_operator(&self) -> Result<Option<String>, StoreError> {
        let ticket = operator::invite::first(&*self.admin.store, self.admin.clock.now()).await?;
        let base = &self.app.logins.public_url;
        Ok(ticket.map(|ticket| format!("{base}/admin/welcome?ticket={}", ticket.as_str())))
    }

    /// What the Unix socket sees.
    pub fn admin_router(&self) -> Router {
        admin::router(self.admin.clone())
    }

    /// Health and metrics.
    pub fn health_router(&self) -> Router {
        http::health::router(Arc::clone(&self.app))
    }

    /// What the endpoints work with; for tests and the demo.
    pub fn app(&self) -> &Shared {
        &self.app
    }

    /// What administrators do here; for tests.
    pub fn operations(&self) -> &Operations {
        &self.admin.ops
    }

    /// Writes everything down; a broker that is dropped without it has stopped uncleanly.
    pub async fn close(self) -> Result<(), StoreError> {
        self.sweeper.abort();
        self.postman.abort();
        self.app.logins.journal.flush().await;
        let logins = &self.app.logins;
        logins.health.write(&*logins.store, logins.now()).await;
        self.journal.abort();
        self.app.logins.store.close().await
    }
}

/// What sends messages to people.
fn mail(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Mail>, OpenError> {
    let mail = Mail::new(Arc::clone(store), Arc::clone(clock), config.mail.as_ref());
    Ok(Arc::new(mail.map_err(OpenError::Mail)?))
}

/// Where mappings' URLs may point.
pub fn policy(config: &Config) -> Policy {
    Policy {
        allow_networks: config.outbound.allow_networks.clone(),
        allow_http: config.outbound.allow_http,
        bundled_ids_elsewhere: config.bundled_ids_elsewhere,
    }
}

/// What redirect URIs are made of.
pub fn redirects(config: &Config) -> Redirects {
    let public_url = config.public_url.as_ref();
    Redirects {
        public_url: public_url.map(|url| url.origin().ascii_serialization()),
        allow_shared: config.shared_callback,
    }
}

/// Opens the store of a configuration, its secrets encrypted.
pub async fn open_store(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, OpenError> {
    let now = clock.now();
    let mut bare = open_bare(config, clock).await?;
    backup::check_finished(&*bare).await?;
    // A database makes a copy by itself; here what changes meanwhile is remembered.
    if config.store == StorePlace::DataDir {
        bare = Arc::new(RecordingStore::new(bare, spaces()));
    }
    let store = vault::open(bare, &config.auth, &config.data_dir, spaces()).await?;
    index(&*store, now).await?;
    Ok(store)
}

/// Opens the store of a configuration; what is encrypted stays so.
pub async fn open_bare(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, StoreError> {
    if let StorePlace::Postgres(url) = &config.store {
        let durable = PostgresStore::open(url, Arc::clone(&clock), PostgresOptions::default())
            .await?
            .copying(spaces());
        let Some(url) = &config.transient else {
            return Ok(Arc::new(durable));
        };
        let transient = RedisStore::open(url, Arc::clone(&clock)).await?;
        transient.claim(&durable.installation().await?).await?;
        let (durable, transient) = (Arc::new(durable), Arc::new(transient));
        store::together::agree(&durable, &transient, clock).await?;
        return Ok(Arc::new(SplitStore::new(durable, transient)));
    }
    let dir = config.data_dir.clone();
    let opened =
        tokio::task::spawn_blocking(move || SledStore::open(&dir, clock, SledOptions::default()))
            .await;
    match opened {
        Ok(store) => Ok(Arc::new(store?)),
        Err(_) => Err(StoreError::Unavailable("opening it was interrupted".into())),
    }
}

/// Gives records that an earlier version wrote their owners and users the words, by
/// which they are found now, and accounts of before their stores' origins.
async fn index(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    account::origins::index(store).await?;
    session::index(store, now).await?;
    account::directory::index(store, now).await?;
    operator::session::index(store, now).await?;
    authority::index(store, now).await
}

/// The admin API on a store without a broker: a data directory must be nobody else's.
pub async fn open_admin(config: &Config, clock: Arc<dyn Clock>) -> Result<Admin, OpenError> {
    let store = open_store(config, Arc::clone(&clock)).await?;
    let keys = Keys::in_data(
        Arc::clone(&store),
        Arc::clone(&clock),
        config.auth.clone(),
        config.data_dir.clone(),
        longest(config),
    );
    let ops = Operations {
        spaces: spaces().collect(),
        clearing: tokio::sync::Mutex::default(),
        mappings: Arc::new(Mappings::new(
            Arc::clone(&store),
            policy(config),
            redirects(config),
        )),
        store,
        clock,
        keys,
        hasher: Hasher::new(),
        audience: config.auth.audience.clone(),
        public_url: redirects(config).public_url,
        sends_mail: config.mail.is_some(),
        login_log: config.login_log.keep,
        login_account: config.console_login_account.clone(),
        second_factor: config.console_second_factor,
        txt: TxtRecords::new(config.nameserver),
        serving: None,
    };
    Ok(Admin {
        ops: Arc::new(ops),
        app: None,
        foreign: None,
    })
}

/// The longest that a token of ours lives.
fn longest(config: &Config) -> Duration {
    config
        .session
        .lifetime
        .max(config.auth.access_token_lifetime)
        .max(MAX_ACCESS_TOKEN_LIFETIME)
}

/// The account through whose providers operators may log in.
async fn login_account(
    config: &Config,
    store: &dyn Store,
) -> Result<Option<AccountId>, StoreError> {
    let Some(id) = &config.console_login_account else {
        return Ok(None);
    };
    if crate::account::get(store, id).await?.is_none() {
        warn!(account = %id, "`console.login_account` names an account that is not there yet");
    }
    Ok(Some(id.clone()))
}

/// Another authority whose tokens the admin API accepts.
fn foreign(config: &Config, outbound: &Arc<Outbound>) -> Option<Arc<ForeignAuthority>> {
    let authority = config.auth.authority.as_ref()?;
    Some(Arc::new(ForeignAuthority::new(
        authority,
        Arc::clone(outbound),
    )))
}

/// All spaces of all rooms.
pub fn spaces() -> impl Iterator<Item = &'static Space> {
    account::spaces()
        .chain(audit::spaces())
        .chain(authority::spaces())
        .chain(key::spaces())
        .chain(login::spaces())
        .chain(mail::spaces())
        .chain(operator::spaces())
        .chain(crate::password::spaces())
        .chain(session::spaces())
        .chain(store::spaces())
}
