//! From files and variables to a [`Config`], or to everything that is wrong.

mod variables;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;
use url::{Host, Url};

use self::variables::overlay;
use super::file::LoginSection;
use super::{Addresses, Auth, Config, ConfigFile, LoginLog, Outbound, Proxies, Session};
use crate::base::{AccountId, Secret, units};
use crate::document::structure::{self, Spans};
use crate::document::{Finding, SecretSource};

/// The JSON Schema of the configuration, generated from the structs.
pub static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(schemars::schema_for!(ConfigFile)).unwrap_or_default());

/// Variables with the prefix that name no configuration key.
const NOT_KEYS: &[&str] = &[
    "CONFIG",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "SERVER",
    "LOG",
    "LOG_FORMAT",
];

/// A configuration and where it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file it was read from, if there was one.
    pub file: Option<PathBuf>,
}

/// Finds and reads the configuration: `path`, else `VESTIBULE_CONFIG`, else
/// `vestibule.toml` in the working directory if there is one; then variables.
///
/// # Errors
/// The file's name and every finding.
pub fn load(path: Option<&Path>) -> Result<Loaded, (String, Vec<Finding>)> {
    let named = path
        .map(Path::to_path_buf)
        .or_else(|| std::env::var_os("VESTIBULE_CONFIG").map(PathBuf::from));
    let fallback = PathBuf::from("vestibule.toml");
    let file = named.or_else(|| fallback.is_file().then_some(fallback));
    let source = match &file {
        None => String::new(),
        Some(file) => std::fs::read_to_string(file).map_err(|error| {
            let name = file.display().to_string();
            let finding = Finding::error("", format!("cannot be read: {error}"))
                .hint("name another file with `--config` or `VESTIBULE_CONFIG`");
            (name, vec![finding])
        })?,
    };
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter_map(|(name, value)| Some((name.strip_prefix("VESTIBULE_")?.to_owned(), value)))
        .filter(|(name, _)| !NOT_KEYS.contains(&name.as_str()));
    let base = file
        .as_deref()
        .and_then(Path::parent)
        .map(Path::to_path_buf);
    let name = file.as_ref().map_or_else(
        || "the configuration".to_owned(),
        |f| f.display().to_string(),
    );
    from_parts(&source, variables, base.as_deref())
        .map(|config| Loaded { config, file })
        .map_err(|findings| (name, findings))
}

/// Reads a configuration from a text and variables (without their prefix).
/// Relative paths are taken from `base`, the directory of the file.
///
/// # Errors
/// Every finding.
pub fn from_parts(
    source: &str,
    variables: impl IntoIterator<Item = (String, String)>,
    base: Option<&Path>,
) -> Result<Config, Vec<Finding>> {
    let (mut value, spans, mut findings) = structure::parse_toml(source);
    for (name, text) in variables {
        if let Err(finding) = overlay(&mut value, &name, &text) {
            findings.push(finding);
        }
    }
    findings.extend(structure::check(&mut value, &SCHEMA, &spans));
    let file: ConfigFile = match serde_json::from_value(value) {
        Ok(file) => file,
        Err(error) => {
            findings.push(Finding::error("", format!("cannot be read: {error}")));
            return Err(findings);
        }
    };
    let mut check = Check {
        spans: &spans,
        findings,
        base,
    };
    let config = check.config(&file);
    let findings = check.findings;
    if findings.iter().any(Finding::is_error) {
        Err(findings)
    } else {
        Ok(config)
    }
}

pub(super) struct Check<'a> {
    spans: &'a Spans,
    findings: Vec<Finding>,
    base: Option<&'a Path>,
}

impl Check<'_> {
    pub(super) fn error(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let finding = Finding::error(key, message).hint(hint);
        self.findings.push(self.spans.place(finding));
    }

    fn config(&mut self, file: &ConfigFile) -> Config {
        let metrics = file.metrics.listen.as_deref();
        let lifetime = self.duration(
            "session.lifetime",
            file.session.lifetime.as_ref(),
            24 * 3600,
        );
        let (store, transient) = self.store(file);
        Config {
            public_url: self.public_url(file.public_url.as_ref()),
            listen: self.address("listen", file.listen.as_deref().unwrap_or("127.0.0.1:8080")),
            proxies: self.proxies(file),
            data_dir: self.path(file.data_dir.as_deref().unwrap_or("vestibule-data")),
            store,
            transient,
            login_lifetime: self.duration("login.lifetime", file.login.lifetime.as_ref(), 600),
            login_log: self.login_log(&file.login),
            shared_callback: file.login.shared_callback.unwrap_or(false),
            bundled_ids_elsewhere: file.login.bundled_ids_elsewhere.unwrap_or(false),
            session: Session {
                lifetime,
                idle: file
                    .session
                    .idle
                    .as_ref()
                    .map(|text| self.duration("session.idle", Some(text), 0)),
            },
            console_login_account: file
                .console
                .login_account
                .as_deref()
                .and_then(|text| self.login_account(text)),
            console_second_factor: file.console.second_factor.unwrap_or_default(),
            auth: self.auth(file),
            mail: self.mail(&file.mail),
            outbound: self.outbound(file),
            nameserver: file
                .dns
                .nameserver
                .as_deref()
                .filter(|text| !text.is_empty())
                .and_then(|text| self.nameserver(text)),
            metrics_listen: match metrics {
                Some("") => None,
                Some(listen) => Some(self.address("metrics.listen", listen)),
                None => Some("127.0.0.1:9464".to_owned()),
            },
            metrics_required: metrics.is_some(),
            traces: self.traces(&file.traces),
        }
    }

    fn login_account(&mut self, text: &str) -> Option<AccountId> {
        let id = text.parse().ok();
        if id.is_none() {
            let message = format!("`{text}` is not an account's id");
            self.error(
                "console.login_account",
                message,
                "write it as in `platform`",
            );
        }
        id
    }

    fn nameserver(&mut self, text: &str) -> Option<SocketAddr> {
        let address = text.parse::<SocketAddr>().ok();
        let address = address.or_else(|| text.parse().ok().map(|ip: IpAddr| (ip, 53).into()));
        if address.is_none() {
            let message = format!("`{text}` is not the address of a name server");
            let example = "write it as in `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:53`";
            self.error("dns.nameserver", message, example);
        }
        address
    }

    fn public_url(&mut self, text: Option<&String>) -> Option<Url> {
        let key = "public_url";
        let text = text?;
        let example = "write an origin such as `https://login.platform.test`";
        let Ok(url) = Url::parse(text) else {
            self.error(key, format!("`{text}` is not a URL"), example);
            return None;
        };
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
        {
            self.error(
                key,
                "must be an origin: scheme, host and port only",
                example,
            );
            return None;
        }
        let secure = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => false,
        };
        if !secure {
            self.error(key, "must be https; http serves on loopback only", example);
            return None;
        }
        Some(url)
    }

    fn address(&mut self, key: &str, text: &str) -> String {
        let port = text
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            self.error(
                key,
                format!("`{text}` is not an address and port"),
                "write it as in `0.0.0.0:8080`",
            );
        }
        text.to_owned()
    }

    fn path(&self, text: &str) -> PathBuf {
        match self.base {
            Some(base) => base.join(text),
            None => PathBuf::from(text),
        }
    }

    fn file(&mut self, key: &str, text: Option<&String>) -> Option<PathBuf> {
        let path = self.path(text.filter(|t| !t.is_empty())?);
        if let Err(error) = std::fs::File::open(&path) {
            let message = format!("`{}` cannot be read: {error}", path.display());
            self.error(key, message, "paths are relative to the configuration file");
        }
        Some(path)
    }

    fn login_log(&mut self, file: &LoginSection) -> LoginLog {
        const MOST: Duration = Duration::from_secs(400 * 24 * 3600);
        let key = "login.log_lifetime";
        let text = file.log_lifetime.as_ref();
        let none = text.is_some_and(|text| units::duration(text).is_ok_and(|t| t.is_zero()));
        let mut keep = if none {
            Duration::ZERO
        } else {
            self.duration(key, text, 30 * 24 * 3600)
        };
        if keep > MOST {
            self.error(
                key,
                "is too long",
                "the log keeps logins for `400d` at most",
            );
            keep = MOST;
        }
        LoginLog {
            keep,
            addresses: file.log_addresses.unwrap_or(Addresses::Shortened),
        }
    }

    fn duration(&mut self, key: &str, text: Option<&String>, default_secs: u64) -> Duration {
        let default = Duration::from_secs(default_secs);
        match text.map(|t| units::duration(t)) {
            None => default,
            Some(Ok(time)) if !time.is_zero() => time,
            Some(Ok(_)) => {
                self.error(key, "must be more than nothing", "write it as in `10m`");
                default
            }
            Some(Err(why)) => {
                self.error(key, why, "units are ms, s, m, h and d");
                default
            }
        }
    }

    pub(super) fn secret(&mut self, key: &str, source: Option<&SecretSource>) -> Option<Secret> {
        let source = match (source?, self.base) {
            (SecretSource::File { file }, Some(base)) => SecretSource::File {
                file: base.join(file),
            },
            (other, _) => other.clone(),
        };
        match source.read() {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.error(
                    key,
                    error.to_string(),
                    "write a literal, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`",
                );
                None
            }
        }
    }

    fn auth(&mut self, file: &ConfigFile) -> Auth {
        let set = &file.auth;
        let authority = set
            .authority
            .as_ref()
            .filter(|text| !text.is_empty())
            .and_then(|text| {
                let url = Url::parse(text).ok().filter(Url::has_host);
                if url.is_none() {
                    self.error(
                        "auth.authority",
                        format!("`{text}` is not a URL"),
                        "write the issuer's https URL",
                    );
                }
                url
            });
        Auth {
            private_key: self.file("auth.private_key", set.private_key.as_ref()),
            private_key_password: self.secret(
                "auth.private_key_password",
                set.private_key_password.as_ref(),
            ),
            public_cert: self.file("auth.public_cert", set.public_cert.as_ref()),
            authority,
            audience: set
                .audience
                .clone()
                .unwrap_or_else(|| "resource_server".to_owned()),
            access_token_lifetime: self.duration(
                "auth.access_token_lifetime",
                set.access_token_lifetime.as_ref(),
                30 * 60,
            ),
            refresh_token_lifetime: self.duration(
                "auth.refresh_token_lifetime",
                set.refresh_token_lifetime.as_ref(),
                30 * 24 * 3600,
            ),
            master_key: self.secret("auth.master_key", set.master_key.as_ref()),
            former_master_keys: set
                .former_master_keys
                .iter()
                .enumerate()
                .filter_map(|(i, secret)| {
                    self.secret(&format!("auth.former_master_keys.{i}"), Some(secret))
                })
                .collect(),
        }
    }

    fn networks(&mut self, key: &str, texts: &[String]) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let network = text
                .parse::<IpNet>()
                .ok()
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            match network {
                Some(network) => networks.push(network),
                None => self.error(
                    &format!("{key}.{i}"),
                    format!("`{text}` is not a valid network"),
                    "write it as in `10.1.0.0/16`",
                ),
            }
        }
        networks
    }

    fn proxies(&mut self, file: &ConfigFile) -> Proxies {
        let usual = Proxies::default().header;
        let header = match file.client_address_header.as_deref() {
            None => usual,
            Some(text) => text.parse().unwrap_or_else(|_| {
                let message = format!("`{text}` is not the name of a header");
                let key = "client_address_header";
                self.error(key, message, "write it as in `X-Forwarded-For`");
                usual
            }),
        };
        Proxies {
            networks: self.networks("trusted_proxies", &file.trusted_proxies),
            header,
        }
    }

    fn outbound(&mut self, file: &ConfigFile) -> Outbound {
        let key = "outbound.allow_networks";
        let allow_networks = self.networks(key, &file.outbound.allow_networks);
        Outbound {
            allow_networks,
            allow_http: file.outbound.allow_http.unwrap_or(false),
        }
    }
}

/// True for `localhost` and addresses of this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
