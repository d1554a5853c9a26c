//! A `redis://` URL and its relatives.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, RedisConnectionInfo};

use super::super::StoreError;
use crate::base::Secret;

/// What a URL leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One server.
    Single,
    /// The primary that sentinels name.
    Sentinel,
    /// A cluster.
    Cluster,
}

/// Where the servers are, and how one logs in to them.
pub(super) struct Address {
    pub(super) mode: Mode,
    pub(super) encrypted: bool,
    /// Of the servers, or of the sentinels.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    /// How one logs in to the sentinels.
    pub(super) sentinel_user: Option<String>,
    pub(super) sentinel_password: Option<Secret>,
    /// The name by which sentinels know the primary.
    pub(super) primary: String,
    pub(super) database: i64,
    /// Whom the servers' certificates must come from; else whom the system trusts.
    pub(super) roots: Option<PathBuf>,
}

fn refused<T>(why: impl std::fmt::Display) -> Result<T, StoreError> {
    Err(StoreError::Refused(format!("`store.transient`: {why}")))
}

/// `%40` is `@`, also in passwords.
fn plain(text: &str) -> Result<String, StoreError> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => refused("has a percent sign that is followed by no UTF-8"),
    }
}

impl Address {
    /// Takes a URL apart. What is wrong is said without quoting it: it has a password.
    pub(super) fn parse(url: &Secret) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = url.expose().split_once("://") else {
            return refused("is not a URL as in `redis://user:password@host:6379`");
        };
        let (mode, port, encrypted) = match scheme {
            "redis" => (Mode::Single, 6379, false),
            "rediss" => (Mode::Single, 6379, true),
            "redis+sentinel" => (Mode::Sentinel, 26379, false),
            "rediss+sentinel" => (Mode::Sentinel, 26379, true),
            "redis+cluster" => (Mode::Cluster, 6379, false),
            "rediss+cluster" => (Mode::Cluster, 6379, true),
            _ => {
                return refused(
                    "begins with none of `redis://`, `redis+sentinel://`, `redis+cluster://` and, for TLS, the same with `rediss`",
                );
            }
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, servers) = match server.rsplit_once('@') {
            Some((login, servers)) => (Some(login), servers),
            None => (None, server),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            Some((user, password)) => (
                Some(plain(user)?).filter(|user| !user.is_empty()),
                Some(plain(password)?)
                    .filter(|password| !password.is_empty())
                    .map(Secret::new),
            ),
            None => (None, None),
        };
        let hosts = hosts(servers, port)?;
        if mode == Mode::Single && hosts.len() > 1 {
            return refused(
                "names several servers; write `redis+sentinel://` or `redis+cluster://`",
            );
        }
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let primary = if mode == Mode::Sentinel {
            match parts.next() {
                Some(name) => plain(name)?,
                None => {
                    return refused(
                        "names no primary; write it behind the sentinels, as in `redis+sentinel://host:26379/mymaster`",
                    );
                }
            }
        } else {
            String::new()
        };
        let database = match parts.next().map(str::parse::<u16>) {
            None => 0,
            Some(Ok(0)) => 0,
            Some(Ok(_)) if mode == Mode::Cluster => {
                return refused("a cluster has no databases but number 0");
            }
            Some(Ok(number)) => i64::from(number),
            Some(Err(_)) => return refused("the database is a number, as in `redis://host/1`"),
        };
        if parts.next().is_some() {
            return refused("has more behind its servers than is understood");
        }
        let mut address = Self {
            mode,
            encrypted,
            hosts,
            user,
            password,
            sentinel_user: None,
            sentinel_password: None,
            primary,
            database,
            roots: None,
        };
        address.parameters(query)?;
        Ok(address)
    }

    fn parameters(&mut self, query: &str) -> Result<(), StoreError> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslrootcert" => self.roots = Some(PathBuf::from(plain(value)?)),
                "sentinel_user" => self.sentinel_user = Some(plain(value)?),
                "sentinel_password" => {
                    self.sentinel_password = Some(Secret::new(plain(value)?));
                }
                _ => {
                    return refused(
                        "has a parameter that is none of `sslrootcert`, `sentinel_user` and `sentinel_password`",
                    );
                }
            }
        }
        Ok(())
    }

    /// What the driver calls a server.
    pub(super) fn servers(&self) -> impl Iterator<Item = ConnectionAddr> + '_ {
        self.hosts.iter().map(|(host, port)| {
            if self.encrypted {
                ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: false,
                    tls_params: None,
                }
            } else {
                ConnectionAddr::Tcp(host.clone(), *port)
            }
        })
    }

    /// How one logs in to a server.
    pub(super) fn login(&self) -> RedisConnectionInfo {
        let mut login = RedisConnectionInfo::default().set_db(self.database);
        if let Some(user) = &self.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password.expose());
        }
        login
    }
}

fn hosts(servers: &str, port: u16) -> Result<Vec<(String, u16)>, StoreError> {
    let mut hosts = Vec::new();
    for server in servers.split(',') {
        // An IPv6 address has colons of its own, and brackets for that.
        let (host, given) = match server.rsplit_once(':') {
            Some((host, given)) if !given.contains(']') => (host, Some(given)),
            _ => (server, None),
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() {
            return refused("has no host");
        }
        let port = match given.map(str::parse) {
            None => port,
            Some(Ok(port)) => port,
            Some(Err(_)) => return refused("has a port that is not a number"),
        };
        hosts.push((host.to_owned(), port));
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, StoreError> {
        Address::parse(&Secret::new(url))
    }

    #[test]
    fn urls_of_all_kinds() {
        let one = parse("redis://db.test").unwrap();
        assert_eq!(one.hosts, [("db.test".to_owned(), 6379)]);
        assert!(one.mode == Mode::Single && one.user.is_none() && !one.encrypted);
        let one = parse("rediss://u:p%40ss@[::1]:7000/3?sslrootcert=/ca.pem").unwrap();
        assert_eq!(one.hosts, [("::1".to_owned(), 7000)]);
        assert_eq!((one.database, one.encrypted), (3, true));
        assert_eq!(one.password.unwrap().expose(), "p@ss");
        let one = parse("redis+sentinel://:p@a,b:1/primary/2?sentinel_password=s").unwrap();
        assert_eq!((one.primary.as_str(), one.database), ("primary", 2));
        assert_eq!(one.hosts[0].1, 26379);
        assert!(one.sentinel_password.is_some() && one.user.is_none());
        let one = parse("redis+cluster://a:1,b:2,c").unwrap();
        assert_eq!((one.hosts.len(), one.hosts[2].1), (3, 6379));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in [
            "redis:hunter2",
            "http://u:hunter2@a",
            "redis://u:hunter2@",
            "redis://u:hunter2@a:port",
            "redis://u:hunter2@a,b",
            "redis://u:hunter2@a/x",
            "redis://u:hunter2@a/1/2",
            "redis://u:hunter2@a?no=1",
            "redis+sentinel://u:hunter2@a",
            "redis+cluster://u:hunter2@a/1",
        ] {
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains("`store.transient`"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
