//! Floor 8: broker, mock identity provider, mail server and a sample storefront on
//! loopback.
//!
//! The mail server delivers nothing: what it takes stands on the terminal and on a
//! page of the storefront, so that a login by code can be tried.
//!
//! The storefront is what a platform would have: pages of its own, and a path,
//! `/_auth`, that its web server proxies to the broker.

mod browser;
mod storefront;
pub mod visit;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use ipnet::IpNet;
use mock_idp::{MailCatcher, MockIdp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::account::mapping::Consent;
use crate::account::{self, Account, StoreFront};
use crate::base::{AccountId, Clock, SystemClock, random};
use crate::broker::Broker;
use crate::config::{self, Config};
use crate::http::server::{Listener, ServerOptions, bind, bind_unix, serve};
use crate::operator::{Email, invite};
use crate::provider::gallery;
use crate::store::Precondition;

/// The account of the demo.
const ACCOUNT: &str = "demo";
/// Where the bundled mapping expects the mock.
const MOCK_ORIGIN: &str = "http://127.0.0.1:9091";

/// A running demo.
pub struct Demo {
    storefront: String,
    broker_url: String,
    console: String,
    mock: MockIdp,
    postman: JoinHandle<()>,
    data_dir: PathBuf,
    broker: Broker,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Demo {
    /// Starts all of them: the storefront on `port`, the broker and the mock on the next two, the mail server on a free one.
    pub async fn start(port: u16) -> anyhow::Result<Self> {
        let at = |offset: u16| format!("127.0.0.1:{}", port + offset);
        let hint = "choose other ports with `--port`";
        let shop = bind(&at(0)).await.context(hint)?;
        let door = bind(&at(1)).await.context(hint)?;
        let mock = MockIdp::start(mock_idp::Config {
            listen: at(2).parse()?,
            ..mock_idp::Config::default()
        })
        .await
        .with_context(|| {
            format!(
                "the mock identity provider cannot listen on {}; {hint}",
                at(2)
            )
        })?;
        let storefront = format!("http://{}", at(0));
        let broker_url = format!("http://{}", at(1));

        let data_dir =
            std::env::temp_dir().join(format!("vestibule-demo-{}", random::support_id()));
        let mail = MailCatcher::start("127.0.0.1:0".parse()?).await;
        let mail = Arc::new(mail.context("the mail server cannot listen on 127.0.0.1")?);
        let config = config(&broker_url, data_dir.clone(), &mail)?;
        let broker = Broker::open(&config, Arc::new(SystemClock)).await?;
        register(&broker, &storefront, &mock.origin()).await?;
        let console = console_link(&broker, &broker_url).await?;

        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut run = |listeners: Vec<Listener>, app: axum::Router| {
            let mut stopped = stopped.clone();
            let shutdown = async move {
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            tasks.push(tokio::spawn(serve(
                listeners,
                app,
                ServerOptions::default(),
                shutdown,
            )));
        };
        let socket = bind_unix(config.admin_socket())?;
        run(vec![Listener::Tcp(door)], broker.router());
        run(vec![Listener::Unix(socket)], broker.admin_router());
        run(
            vec![Listener::Tcp(shop)],
            storefront::router(&storefront, &broker_url, ACCOUNT, Arc::clone(&mail)),
        );
        Ok(Self {
            storefront,
            broker_url,
            console,
            mock,
            postman: tokio::spawn(tell(mail)),
            data_dir,
            broker,
            stop,
            tasks,
        })
    }

    /// The storefront's address.
    pub fn storefront(&self) -> &str {
        &self.storefront
    }

    /// The address that signs in to the console, once.
    pub fn console(&self) -> &str {
        &self.console
    }

    /// What the terminal shows first.
    pub fn welcome(&self) -> String {
        let mut out = format!(
            "Vestibule demo\n\n  Open     {}\n  Console  {}\n           (signs you in once, within a quarter of an hour)\n  Broker   {}\n  Provider {}  (mock; its faults: PUT {}/control/faults)\n  Mail     {}{}  (what was sent, here and there)\n  Data     {}\n\nAccounts to log in as:\n",
            self.storefront,
            self.console,
            self.broker_url,
            self.mock.origin(),
            self.mock.origin(),
            self.storefront,
            storefront::MAIL_PATH,
            self.data_dir.display(),
        );
        for account in &self.mock.config().accounts {
            let note = match account
                .profile
                .get("email")
                .and_then(serde_json::Value::as_str)
            {
                Some(email) => email.to_owned(),
                None => "has no email, so the login fails".to_owned(),
            };
            let _ = writeln!(
                out,
                "  {:8} {:9} {note}",
                account.username, account.password
            );
        }
        out.push_str("\nOr with any email: the code is in the mail.\n\nEach step of a login follows, one line each. Ctrl-C ends the demo.\n");
        out
    }

    /// Stops everything and removes the data.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.postman.abort();
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await??;
        }
        self.broker.close().await?;
        self.mock.shutdown().await;
        std::fs::remove_dir_all(&self.data_dir)
            .with_context(|| format!("{} is left over", self.data_dir.display()))?;
        Ok(())
    }
}

/// Shows each message on the terminal as it comes.
async fn tell(mail: Arc<MailCatcher>) {
    for seen in 1.. {
        if let Some(letter) = mail.wait_for(seen).await.get(seen - 1) {
            let text = letter.text.trim().replace('\n', "\n    ");
            let to = letter.to.join(", ");
            println!("mail to {to}: {}\n\n    {text}\n", letter.subject);
        }
    }
}

/// A configuration in which loopback is a network providers may be on.
fn config(broker_url: &str, data_dir: PathBuf, mail: &MailCatcher) -> anyhow::Result<Config> {
    let variables = [
        ("MAIL__URL", mail.url()),
        ("MAIL__FROM", "Demo Shop <login@demo.test>".to_owned()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let mut config = config::from_parts("", variables, None).map_err(|findings| {
        anyhow::anyhow!(
            findings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        )
    })?;
    config.public_url = Some(Url::parse(broker_url)?);
    config.data_dir = data_dir;
    config.outbound.allow_http = true;
    config.outbound.allow_networks = vec!["127.0.0.0/8".parse::<IpNet>()?];
    config.metrics_listen = None;
    Ok(config)
}

/// The address that signs in to the demo's console, once.
async fn console_link(broker: &Broker, broker_url: &str) -> anyhow::Result<String> {
    let store = &*broker.app().logins.store;
    let email = Email::parse("owner@demo.test")?;
    let ticket = invite::demo(store, email, "Demo owner", SystemClock.now()).await?;
    Ok(format!(
        "{broker_url}/admin/welcome?ticket={}",
        ticket.as_str()
    ))
}

/// Registers the demo's account with the bundled mapping, moved to the mock's port.
async fn register(broker: &Broker, storefront: &str, mock: &str) -> anyhow::Result<()> {
    let logins = &broker.app().logins;
    let now = SystemClock.now();
    let id: AccountId = ACCOUNT.parse()?;
    let account = Account {
        access_key: true,
        ..Account::new(
            id.clone(),
            "Demo Shop",
            vec![StoreFront::new(storefront, storefront::AUTH_PATH)?],
            now,
        )
    };
    account::put(&*logins.store, &account, Precondition::Absent).await?;
    let mapping = gallery::get("mock-idp")
        .context("the mock's mapping is bundled")?
        .replace(MOCK_ORIGIN, mock);
    logins
        .mappings
        .apply(&id, &mapping, "demo", now, None, Consent::default())
        .await?;
    Ok(())
}
