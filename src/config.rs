//! Floor 1: the broker's configuration, from a file and `VESTIBULE_…` variables,
//! checked whole before anything starts.

pub mod appsettings;
mod file;
mod load;
mod mail;
mod store;
mod traces;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use lettre::message::Mailbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::file::ConfigFile;
pub use self::load::{Loaded, SCHEMA, from_parts, load};
use crate::base::{AccountId, Secret};

/// The configuration, with nothing left to interpret.
#[derive(Debug, Clone)]
pub struct Config {
    /// The issuer, and base of the redirect URIs; an origin without a slash
    /// at its end. `None` where only data is administered.
    pub public_url: Option<Url>,
    /// Address and port to serve on.
    pub listen: String,
    /// The proxies in front.
    pub proxies: Proxies,
    /// Where the broker's files are, and everything else where the store is [`StorePlace::DataDir`].
    pub data_dir: PathBuf,
    /// Where records are kept.
    pub store: StorePlace,
    /// The Redis or Valkey with this URL has the transient records; `None`: they are
    /// where the durable ones are.
    pub transient: Option<Secret>,
    /// How long a login may take.
    pub login_lifetime: Duration,
    /// The log of logins.
    pub login_log: LoginLog,
    /// Whether mappings may have the one redirect URI of all accounts.
    pub shared_callback: bool,
    /// Whether a bundled mapping's id may stand for another server.
    pub bundled_ids_elsewhere: bool,
    /// Sessions.
    pub session: Session,
    /// The account through whose providers operators may log in to the console.
    pub console_login_account: Option<AccountId>,
    /// Whether operators need a second factor.
    pub console_second_factor: SecondFactor,
    /// Keys and tokens.
    pub auth: Auth,
    /// The mail server; `None`: no mail can be sent.
    pub mail: Option<Mail>,
    /// Where providers' URLs may point.
    pub outbound: Outbound,
    /// The name server for proofs of domains; `None`: those of the system.
    pub nameserver: Option<SocketAddr>,
    /// Address and port of health and metrics; `None` where switched off.
    pub metrics_listen: Option<String>,
    /// Whether that address was asked for, so that a taken port is an error.
    pub metrics_required: bool,
    /// Where traces go; `None`: nothing is traced.
    pub traces: Option<Traces>,
}

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The address that takes them.
    pub endpoint: Url,
    /// What the collector asks for.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Which part is sent, from 0 to 1.
    pub sample: f64,
}

/// What is kept of logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginLog {
    /// How long; zero: nothing is kept.
    pub keep: Duration,
    /// What of the address.
    pub addresses: Addresses,
}

/// What is kept of the address that a login comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Addresses {
    /// Its network: the first 24 bits of IPv4, the first 48 of IPv6.
    Shortened,
    /// All of it.
    Full,
    /// Nothing.
    None,
}

/// Whether operators need a second factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Each decides.
    #[default]
    Optional,
    /// Who has none can do nothing but set it up.
    Required,
}

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In the data directory, which one broker has.
    DataDir,
    /// In the PostgreSQL database with this URL, which several brokers share.
    Postgres(Secret),
}

/// How sessions live.
#[derive(Debug, Clone, Copy)]
pub struct Session {
    /// From login to its end.
    pub lifetime: Duration,
    /// Without use, to its end; `None`: no such limit.
    pub idle: Option<Duration>,
}

/// Keys and tokens; the key names are those of Virto Commerce's JWT documentation.
#[derive(Debug, Clone)]
pub struct Auth {
    /// A private key: PEM or PFX.
    pub private_key: Option<PathBuf>,
    /// Its password.
    pub private_key_password: Option<Secret>,
    /// Its certificate.
    pub public_cert: Option<PathBuf>,
    /// Another authority whose tokens the admin API accepts.
    pub authority: Option<Url>,
    /// The audience of access tokens.
    pub audience: String,
    /// The lifetime of access tokens.
    pub access_token_lifetime: Duration,
    /// The lifetime of refresh tokens.
    pub refresh_token_lifetime: Duration,
    /// The key under which secrets are encrypted in the store.
    pub master_key: Option<Secret>,
    /// Keys that took its place before, which decrypt only.
    pub former_master_keys: Vec<Secret>,
}

/// The mail server.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: MailTls,
    /// User and password, where it asks for them.
    pub credentials: Option<(String, Secret)>,
    /// The sender of what has no sender of its own.
    pub from: Mailbox,
}

/// Whether the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// No.
    None,
    /// From the command STARTTLS on (RFC 3207); it must be offered.
    StartTls,
    /// From the beginning (RFC 8314).
    Implicit,
}

/// Where providers' URLs may point.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    /// Private networks they may point into.
    pub allow_networks: Vec<IpNet>,
    /// Whether http is allowed.
    pub allow_http: bool,
}

/// The proxies in front of the broker that are believed about whom they speak for.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// The header in which they say it.
    pub header: HeaderName,
}

impl Default for Proxies {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            header: HeaderName::from_static("x-forwarded-for"),
        }
    }
}

impl Proxies {
    /// Whether a trusted proxy has this address.
    pub fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

impl Config {
    /// The Unix socket of the admin API.
    pub fn admin_socket(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }
}
