//! What black-box tests share: a broker and a mock identity provider on
//! loopback, and a browser that stops at every redirect.
//!
//! The clock is the test's; nothing here sleeps.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::wrong_self_convention
)]

pub mod attack;
pub mod form;
pub mod postgres;
pub mod program;
pub mod redis;
pub mod replicas;
pub mod shop;
pub mod slow;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use mock_idp::MockIdp;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, ClientBuilder, Method, StatusCode, redirect};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;
use vestibule::account::directory::Wanted;
use vestibule::account::mapping::{Consent, People};
use vestibule::account::{self, Account, StoreFront};
use vestibule::base::{AccountId, Clock, ManualClock};
use vestibule::broker::{self, Broker};
use vestibule::config::{self, Config};
use vestibule::http::server::{Listener, ServerOptions, serve};
use vestibule::provider::gallery;
use vestibule::store::{MemoryStore, Precondition, RecordingStore, Store};

/// A broker and what it stands between.
pub struct World {
    pub broker: Broker,
    pub origin: String,
    pub clock: ManualClock,
    pub store: Arc<dyn Store>,
    pub idp: MockIdp,
    data: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
    _task: JoinHandle<std::io::Result<()>>,
}

/// What brokers on one store have alike.
pub struct Named {
    public_url: String,
    master_key: Vec<u8>,
}

impl World {
    /// A broker with the account `acme`, whose one provider is the mock with
    /// its bundled mapping, and whose one store is at the broker's own origin.
    pub async fn start() -> Self {
        let world = Self::empty().await;
        world.account("acme").await;
        world.apply("acme", &world.mapping()).await;
        world
    }

    /// A broker without accounts.
    pub async fn empty() -> Self {
        Self::with(|_| {}).await
    }

    /// A broker without accounts, with a configuration of the test's.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(change, |store| store).await
    }

    /// As [`World::with`], with a store of the test's in front of the memory.
    pub async fn over(
        change: impl FnOnce(&mut Config),
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let data = tempfile::tempdir().unwrap();
        let mut config = config::from_parts("", [], None).unwrap();
        config.public_url = Some(Url::parse(&origin).unwrap());
        config.data_dir = data.path().to_owned();
        config.outbound.allow_http = true;
        config.outbound.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        // Nobody answers there; who needs answers starts a name server.
        config.nameserver = Some("127.0.0.1:1".parse().unwrap());
        // Tests have a second provider in an account under a bundled id.
        config.bundled_ids_elsewhere = true;
        change(&mut config);
        let clock = ManualClock::new(vestibule::base::SystemClock.now());
        let memory = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let store = wrap(Arc::new(RecordingStore::new(memory, broker::spaces())));
        let broker = Broker::on(Arc::clone(&store), &config, Arc::new(clock.clone()))
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let app = broker.router();
        let task = tokio::spawn(serve(
            vec![Listener::Tcp(listener)],
            app,
            ServerOptions {
                proxies: config.proxies.clone(),
                ..ServerOptions::default()
            },
            async {
                let _ = stopped.await;
            },
        ));
        Self {
            broker,
            origin,
            clock,
            store,
            idp: MockIdp::start(mock_idp::Config::default()).await.unwrap(),
            data,
            _stop: stop,
            _task: task,
        }
    }

    /// Another broker on the store of the one that `named` is of.
    pub async fn beside(store: Arc<dyn Store>, named: Named) -> Self {
        let like = move |config: &mut Config| {
            std::fs::write(config.data_dir.join("master.key"), named.master_key).unwrap();
            config.public_url = Some(Url::parse(&named.public_url).unwrap());
        };
        Self::over(like, move |_| store).await
    }

    /// What another broker on the store has alike.
    pub fn named(&self) -> Named {
        Named {
            public_url: self.origin.clone(),
            master_key: std::fs::read(self.data_dir().join("master.key")).unwrap(),
        }
    }

    /// Where the broker's files are.
    pub fn data_dir(&self) -> &std::path::Path {
        self.data.path()
    }

    /// The bundled mapping of the mock, moved to where this one listens.
    pub fn mapping(&self) -> String {
        mapping_for(&self.idp)
    }

    /// Creates an account with one store at the broker's own origin.
    pub async fn account(&self, id: &str) -> Account {
        self.account_with(id, &[(&self.origin, &format!("/accounts/{id}"))])
            .await
    }

    /// Creates an account with these stores: origin and `auth_path`.
    pub async fn account_with(&self, id: &str, stores: &[(&str, &str)]) -> Account {
        let account = Account::new(
            id.parse().unwrap(),
            id,
            stores
                .iter()
                .map(|(origin, path)| StoreFront::new(origin, path).unwrap())
                .collect(),
            self.clock.now(),
        );
        account::put(&*self.store, &account, Precondition::Absent)
            .await
            .unwrap();
        account
    }

    /// Applies a mapping, which must compile.
    pub async fn apply(&self, account: &str, mapping: &str) {
        let id: AccountId = account.parse().unwrap();
        let mappings = &self.broker.app().logins.mappings;
        if let Err(error) = mappings
            .apply(
                &id,
                mapping,
                "test",
                self.clock.now(),
                None,
                Consent {
                    // The same mock, moved.
                    people: Some(People::Same),
                    ..Consent::default()
                },
            )
            .await
        {
            panic!("the mapping was refused: {error:?}\n{mapping}");
        }
    }

    /// A URL below an account.
    pub fn url(&self, account: &str, endpoint: &str) -> String {
        format!("{}/accounts/{account}/{endpoint}", self.origin)
    }

    /// The users of an account.
    pub async fn users(&self, account: &str) -> Vec<account::User> {
        let id: AccountId = account.parse().unwrap();
        account::directory::search(&*self.store, &id, &Wanted::default(), None, 500)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, user)| user.value)
            .collect()
    }

    /// How often the mock's endpoint was called.
    pub fn calls(&self, path: &str) -> usize {
        self.idp.journal().iter().filter(|e| e.path == path).count()
    }

    /// A whole login of `ada`, which must end in a session.
    pub async fn log_in(&self, browser: &mut Browser) {
        let end = browser
            .log_in(
                &self.url("acme", "login?return_to=/welcome"),
                "ada",
                "lovelace",
            )
            .await;
        assert_eq!(
            end.url.path(),
            "/welcome",
            "{} {}",
            end.status,
            attack::said(&end)
        );
        assert!(
            browser.session(self, "acme").await["authenticated"]
                .as_bool()
                .unwrap()
        );
    }
}

/// The bundled mapping of the mock, moved to where `idp` listens.
pub fn mapping_for(idp: &MockIdp) -> String {
    gallery::get("mock-idp")
        .unwrap()
        .replace("http://127.0.0.1:9091", &idp.origin())
}

/// A browser that stops at every redirect. Cookies go by host and port, stricter
/// than a real one, so that the broker and the mock don't see each other's.
pub struct Browser {
    client: Client,
    pub jar: BTreeMap<(String, String), String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub url: Url,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Where it redirects to.
    pub fn location(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().unwrap();
        Some(self.url.join(location).unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The stable code that an error page or a problem shows.
    pub fn shows(&self, code: &str) -> bool {
        self.body.contains(code)
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    pub fn new() -> Self {
        Self {
            client: client(|builder| builder),
            jar: BTreeMap::new(),
        }
    }

    /// From now on, what is said to `host` at the port of its scheme goes to `address`.
    pub fn goes_to(&mut self, host: &str, address: SocketAddr) {
        self.client = client(|builder| builder.resolve(host, address));
    }

    pub async fn get(&mut self, url: impl AsRef<str>) -> Page {
        self.send(Method::GET, url.as_ref(), &[], None).await
    }

    pub async fn get_with(&mut self, url: impl AsRef<str>, headers: &[(&str, &str)]) -> Page {
        self.send(Method::GET, url.as_ref(), headers, None).await
    }

    pub async fn post(&mut self, url: impl AsRef<str>, form: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, url.as_ref(), &kind, Some(body))
            .await
    }

    pub async fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Page {
        let url = Url::parse(url).unwrap();
        let host = authority(&url);
        let mut request = self.client.request(method, url.clone());
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|((of, _), _)| *of == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        for header in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie::Cookie::parse(header.to_str().unwrap().to_owned()).unwrap();
            let key = (host.clone(), cookie.name().to_owned());
            if cookie
                .max_age()
                .is_some_and(cookie::time::Duration::is_zero)
            {
                self.jar.remove(&key);
            } else {
                self.jar.insert(key, cookie.value().to_owned());
            }
        }
        Page {
            status: answer.status(),
            headers: answer.headers().clone(),
            url,
            body: answer.text().await.unwrap_or_default(),
        }
    }

    /// Follows redirects until a page comes, at most twenty.
    pub async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..20 {
            match page.location().filter(|_| page.status.is_redirection()) {
                Some(next) => page = self.get(next.as_str()).await,
                None => return page,
            }
        }
        panic!("it goes round in circles: {}", page.url);
    }

    /// From a login's start to the callback's address, which is not visited:
    /// the mock's form is filled in on the way.
    pub async fn to_callback(&mut self, start: &str, username: &str, password: &str) -> Url {
        let page = self.get(start).await;
        self.through_idp(page, username, password).await
    }

    /// From the page that sends to the mock to the callback's address.
    pub async fn through_idp(&mut self, page: Page, username: &str, password: &str) -> Url {
        let authorize = page.location().unwrap_or_else(|| {
            panic!("no redirect to the provider: {} {}", page.status, page.body)
        });
        let form = self.get(authorize.as_str()).await;
        if let Some(callback) = form.location() {
            return callback;
        }
        let login = authorize.join("/login").unwrap();
        let answer = self
            .post(
                login.as_str(),
                &[
                    ("request", authorize.query().unwrap_or_default()),
                    ("username", username),
                    ("password", password),
                ],
            )
            .await;
        answer
            .location()
            .unwrap_or_else(|| panic!("the mock refused: {} {}", answer.status, answer.body))
    }

    /// A whole login; gives the page it ends on.
    pub async fn log_in(&mut self, start: &str, username: &str, password: &str) -> Page {
        let callback = self.to_callback(start, username, password).await;
        let page = self.get(callback.as_str()).await;
        self.follow(page).await
    }

    /// What `session` says.
    pub async fn session(&mut self, world: &World, account: &str) -> Value {
        self.get(world.url(account, "session")).await.json()
    }
}

fn client(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        // Everything is on loopback: reading the system's certificates would take
        // longer than a login.
        .tls_certs_only([]);
    change(builder).build().unwrap()
}

fn authority(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap(),
        url.port_or_known_default().unwrap()
    )
}
