//! The configuration as it is written: one struct a TOML table.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Addresses, SecondFactor};
use crate::document::SecretSource;

/// `vestibule.toml`. Every key is also a variable: `VESTIBULE_PUBLIC_URL`,
/// `VESTIBULE_STORE__DURABLE`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Vestibule configuration")]
pub struct ConfigFile {
    /// The issuer, and base of the redirect URIs: `https://login.platform.test`.
    pub public_url: Option<String>,
    /// Address and port to serve on. Default `127.0.0.1:8080`.
    pub listen: Option<String>,
    /// Networks of the proxies in front, as in `10.1.0.0/16`, which are believed about whose a request is. Default: none.
    pub trusted_proxies: Vec<String>,
    /// The header in which they say it. Default `X-Forwarded-For`; `Forwarded` (RFC 7239) and headers with one address are understood too.
    pub client_address_header: Option<String>,
    /// Where everything is kept. Default `vestibule-data` in the working directory.
    pub data_dir: Option<String>,
    /// Where records are kept.
    pub store: StoreSection,
    /// Keys and tokens.
    pub auth: AuthSection,
    /// Logins.
    pub login: LoginSection,
    /// Sessions.
    pub session: SessionSection,
    /// The console.
    pub console: ConsoleSection,
    /// The mail server for access keys and other messages to shoppers.
    pub mail: MailSection,
    /// Requests to providers.
    pub outbound: OutboundSection,
    /// Name servers.
    pub dns: DnsSection,
    /// Health and metrics.
    pub metrics: MetricsSection,
    /// Traces of requests.
    pub traces: TracesSection,
}

/// Where records are kept.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// Accounts, mappings, users, keys, sessions. `sled`: in the data directory, for one broker. `postgres://user:password@host/database`: in PostgreSQL, for any number of brokers; it asks for `auth.master_key`, and for `vestibule data migrate` before the first start. The connection is encrypted and the server's certificate checked, except on the same machine; `?sslmode=disable` and `?sslrootcert=PATH` change that.
    pub durable: Option<SecretSource>,
    /// Pending logins and tickets. Default: in the same place. With PostgreSQL also in Redis or Valkey: `redis://user:password@host:6379/0`, `redis+sentinel://host,host/name-of-primary` or `redis+cluster://host,host`; with `rediss` instead of `redis` the connection is encrypted, and `?sslrootcert=PATH` names whom its certificate must come from.
    pub transient: Option<SecretSource>,
}

/// Keys and tokens.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSection {
    /// A private key file: PEM (PKCS#8 or PKCS#1, plain or encrypted) or PFX. None: an EC key is made.
    pub private_key: Option<String>,
    /// The password of that file.
    pub private_key_password: Option<SecretSource>,
    /// The certificate of that key.
    pub public_cert: Option<String>,
    /// Another authority whose tokens the admin API accepts too.
    pub authority: Option<String>,
    /// The audience of access tokens. Default `resource_server`.
    pub audience: Option<String>,
    /// How long access tokens live. Default `30m`.
    pub access_token_lifetime: Option<String>,
    /// How long refresh tokens live. Default `30d`.
    pub refresh_token_lifetime: Option<String>,
    /// The key under which secrets are encrypted in the store. None: one is made, in `master.key` of the data directory.
    pub master_key: Option<SecretSource>,
    /// Master keys of before, which decrypt only. At its start a broker encrypts what is under them anew.
    pub former_master_keys: Vec<SecretSource>,
}

/// Logins.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginSection {
    /// From its start to its callback. Default `10m`.
    pub lifetime: Option<String>,
    /// Whether mappings may have the one redirect URI of all accounts, `{public_url}/callback`
    /// (`callback.shared`). Then one account's provider can collect another's codes (RFC 9700 §4.4),
    /// so only where all accounts trust each other's providers. Default false.
    pub shared_callback: Option<bool>,
    /// How long the log of logins keeps each, 400 days at most; `0s` keeps none. Default `30d`.
    pub log_lifetime: Option<String>,
    /// What the log and sessions keep of the address that a login comes from: `shortened` (its network), `full` or `none`. Default `shortened`.
    pub log_addresses: Option<Addresses>,
    /// Whether a mapping with a bundled one's id, such as `google`, may talk to another server.
    /// Shoppers take that for the known provider's, so only for tests with an imitation of it.
    /// Default false.
    pub bundled_ids_elsewhere: Option<bool>,
}

/// Sessions.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSection {
    /// From login to its end. Default `24h`.
    pub lifetime: Option<String>,
    /// Without use, to its end. Default: no such limit.
    pub idle: Option<String>,
}

/// The console.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSection {
    /// An account of this broker through whose providers operators may log in too. A login counts where its provider vouches for an operator's email; it never makes an operator.
    pub login_account: Option<String>,
    /// Whether operators need a second factor: an app that makes codes. `optional`: each decides. `required`: who has none can do nothing after a login but set it up. Applications are not affected. Default `optional`.
    pub second_factor: Option<SecondFactor>,
}

/// The mail server for access keys and other messages to shoppers.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// `smtp://host:25` (in the clear, for a relay on the same machine), `smtp+starttls://user@host:587` or `smtps://user@host:465`. None: no mail can be sent.
    pub url: Option<String>,
    /// The password of the user in `url`.
    pub password: Option<SecretSource>,
    /// The sender of what has no sender of its own: `login@platform.test`, or `Platform <login@platform.test>`.
    pub from: Option<String>,
}

/// Requests to providers.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundSection {
    /// Private networks that provider URLs may point into, as in `10.1.0.0/16`.
    pub allow_networks: Vec<String>,
    /// Whether provider URLs may be http. Default false.
    pub allow_http: Option<bool>,
}

/// Name servers.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DnsSection {
    /// The name server that is asked for the TXT records by which an account's people prove a domain of emails: its address, as in `192.0.2.53` or `192.0.2.53:5353`. Name one that gives everybody's answers where the system's gives others inside. Default: those of the system.
    pub nameserver: Option<String>,
}

/// Health and metrics.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsSection {
    /// Address and port; empty switches it off. Default `127.0.0.1:9464`, where free.
    pub listen: Option<String>,
}

/// Traces of requests.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TracesSection {
    /// The OpenTelemetry collector that traces are sent to, by OTLP over HTTP: `http://127.0.0.1:4318`; without a path, `/v1/traces` is added. None: nothing is traced.
    pub endpoint: Option<String>,
    /// Headers that the collector asks for, as in `authorization = { file = "collector-token" }`.
    pub headers: BTreeMap<String, SecretSource>,
    /// Which part of the traces that begin here is sent, from `0` to `1`. Of a request that comes with a `traceparent`, its sender has decided. Default `1`.
    pub sample: Option<f64>,
}
