//! A `postgres://` URL: what the driver takes, and the two parameters it does not
//! know, `sslmode` and `sslrootcert`.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::super::StoreError;
use crate::base::Secret;

/// How long making a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(3);

/// Where the database is, and whether the way there is encrypted.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) roots: Option<PathBuf>,
    pub(super) encrypted: bool,
}

impl Address {
    /// Takes a URL apart. The default is TLS, except on this machine.
    pub(super) fn parse(url: &Secret) -> Result<Self, StoreError> {
        let refused = |why: &str| StoreError::Refused(format!("`store.durable`: {why}"));
        let (base, query) = match url.expose().split_once('?') {
            Some((base, query)) => (base, query),
            None => (url.expose(), ""),
        };
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => {
                    let path = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
                    roots = Some(PathBuf::from(path.into_owned()));
                }
                _ => rest.push(pair),
            }
        }
        let text = Secret::new(if rest.is_empty() {
            base.to_owned()
        } else {
            format!("{base}?{}", rest.join("&"))
        });
        // The driver's error may quote what stands there, so it is left out.
        let mut config: Config = text
            .expose()
            .parse()
            .map_err(|_| refused("is not a URL as in `postgres://user:password@host/database`"))?;
        if config.get_hosts().is_empty() {
            return Err(refused("has no host"));
        }
        let encrypted = match mode.as_deref() {
            None => !config.get_hosts().iter().all(is_here),
            Some("disable") => false,
            Some("require" | "verify-full") => true,
            Some(_) => {
                return Err(refused(
                    "`sslmode` is `disable` or `verify-full`; anything between protects from nobody",
                ));
            }
        };
        let ssl = if encrypted {
            SslMode::Require
        } else {
            SslMode::Disable
        };
        common(&mut config, ssl);
        if config.get_application_name().is_none() {
            config.application_name("vestibule");
        }
        Ok(Self {
            config,
            roots,
            encrypted,
        })
    }
}

/// What is the same for all databases.
pub(super) fn common(config: &mut Config, ssl: SslMode) {
    config
        .ssl_mode(ssl)
        // Of several servers the one that takes writes, after a failover too.
        .target_session_attrs(TargetSessionAttrs::ReadWrite)
        .tcp_user_timeout(Duration::from_secs(10))
        .keepalives_idle(Duration::from_secs(30))
        .connect_timeout(CONNECT);
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let name = name.trim_matches(['[', ']']);
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, StoreError> {
        Address::parse(&Secret::new(url))
    }

    #[test]
    fn the_way_is_encrypted_unless_it_is_this_machine() {
        for (url, encrypted) in [
            ("postgres://u@localhost/d", false),
            ("postgres://u@127.0.0.1:5433/d", false),
            ("postgres://u@/d?host=/run/postgresql", false),
            ("postgres://u@db.platform.test/d", true),
            ("postgres://u@localhost,db.platform.test/d", true),
            ("postgres://u@db.platform.test/d?sslmode=disable", false),
            ("postgres://u@localhost/d?sslmode=verify-full", true),
        ] {
            assert_eq!(parse(url).unwrap().encrypted, encrypted, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in [
            "postgres://u:hunter2@db:port/d",
            "postgres://u:hunter2@db/d?sslmode=prefer",
            "postgres://u:hunter2@db/d?nonsense=1",
        ] {
            let error = parse(url).err().unwrap().to_string();
            assert!(error.contains("`store.durable`"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
