//! `vestibule key`

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::segment;
use super::api::{Api, RequestBody};
use super::output::{Most, show};
use crate::base::{Clock, Secret, SystemClock};
use crate::key::{Algorithm, KeyError, KeyKind, SelfSigned, generate, vault};
use crate::operation::Caller;
use crate::{audit, broker};

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Write a new private key as PEM, without openssl
    Generate(Generate),
    /// Publish the key of a file; the next rotation makes it the active one
    Import {
        /// PEM, DER or PFX
        file: PathBuf,
        /// The file with its password
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// The certificate's file, where it is not in the same
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
        /// It is to sign only what asks for its algorithm; else the default key follows it
        #[arg(long)]
        additional: bool,
    },
    /// List the keys that sign and verify
    List {
        #[command(flatten)]
        most: Most,
    },
    /// Make the next key the active one; the old one verifies until its last token ends
    Rotate {
        /// The key that signs `ES256` or `RS256`; the default one unless given
        #[arg(long, value_name = "ALGORITHM")]
        alg: Option<Algorithm>,
        /// Only publish the next key, for readers that refresh by the clock
        #[arg(long, conflicts_with = "withdraw")]
        prepare: bool,
        /// The old key is known to others: withdraw it, and all it signed, at once
        #[arg(long)]
        withdraw: bool,
    },
    /// Make a new master key and encrypt all stored secrets under it; no broker may run
    RotateMaster,
    /// Print a public key, or its certificate, as PEM
    Export {
        /// Its `kid`; the default key's unless given
        kid: Option<String>,
        /// The certificate
        #[arg(long)]
        certificate: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Generate {
    /// `ec`, `rsa-2048`, `rsa-3072` or `rsa-4096`
    #[arg(long, default_value = "ec")]
    kind: String,
    /// Where to write it, mode 0600; must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Encrypt it under the password in this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write a self-signed certificate here too
    #[arg(long, value_name = "FILE", requires = "common_name")]
    certificate: Option<PathBuf>,
    /// The certificate's name
    #[arg(long, value_name = "NAME")]
    common_name: Option<String>,
    /// The certificate's organization
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// The certificate's country, two letters
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// A host name in the certificate; may be repeated
    #[arg(long = "dns", value_name = "NAME")]
    names: Vec<String>,
    /// How many days the certificate is valid
    #[arg(long, default_value_t = 3650)]
    days: u32,
}

impl Key {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Generate(wanted) => tokio::task::spawn_blocking(move || wanted.write()).await?,
            Self::RotateMaster => rotate_master(global).await,
            other => Api::with(global, async |api| other.call(api, global.json).await).await,
        }
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Generate(_) | Self::RotateMaster => {}
            Self::Import {
                file,
                password_file,
                certificate,
                additional,
            } => {
                let encoded = |path: &Path| {
                    std::fs::read(path)
                        .map(|bytes| STANDARD.encode(bytes))
                        .with_context(|| format!("`{}` cannot be read", path.display()))
                };
                let mut body = json!({ "file": encoded(&file)?, "additional": additional });
                if let Some(path) = password_file {
                    body["password"] = password(&path)?.expose().into();
                }
                if let Some(path) = certificate {
                    body["certificate"] = encoded(&path)?.into();
                }
                let made = api
                    .send(Method::POST, "/keys", Some(RequestBody::json(&body)))
                    .await?;
                show(json, &made.unwrap_or_default());
            }
            Self::List { most } => {
                let found = api.part("/keys", &most).await?;
                let columns = [
                    "kid",
                    "algorithm",
                    "bits",
                    "state",
                    "role",
                    "origin",
                    "created_at",
                    "retires_at",
                ];
                found.print(json, &columns);
            }
            Self::Rotate {
                alg,
                prepare,
                withdraw,
            } => {
                let mut body = json!({ "algorithm": alg });
                let path = if prepare {
                    "/keys/prepare"
                } else {
                    body["withdraw"] = withdraw.into();
                    "/keys/rotate"
                };
                let made = api
                    .send(Method::POST, path, Some(RequestBody::json(&body)))
                    .await?;
                show(json, &made.unwrap_or_default());
            }
            Self::Export { kid, certificate } => {
                let kid = kid.unwrap_or_else(|| "active".to_owned());
                let found = api
                    .send(Method::GET, &format!("/keys/{}", segment(&kid)), None)
                    .await?
                    .unwrap_or_default();
                let member = if certificate {
                    "certificate_pem"
                } else {
                    "public_key"
                };
                let pem = found.get(member).and_then(Value::as_str);
                print!("{}", pem.context("this key has no certificate")?);
            }
        }
        Ok(())
    }
}

/// The entry of the audit log comes first: what is killed on the way goes on with
/// the next start, and must be known too.
async fn rotate_master(global: &Global) -> anyhow::Result<()> {
    if global.server.is_some() {
        anyhow::bail!("the master key is changed where the data is: leave out `--server`");
    }
    let config = global.load()?;
    if config.auth.master_key.is_some() {
        return Err(KeyError::MasterGiven.into());
    }
    let clock = Arc::new(SystemClock);
    let store = broker::open_bare(&config, clock.clone()).await?;
    let rotated = async {
        let entry = audit::Entry {
            id: String::new(),
            at: String::new(),
            who: Caller::local().name().to_owned(),
            what: "key.rotate_master".to_owned(),
            account: None,
            target: "/keys/master".to_owned(),
            before: Value::Null,
            after: Value::Null,
        };
        audit::write(&*store, clock.now(), entry).await?;
        vault::rotate(
            Arc::clone(&store),
            &config.auth,
            &config.data_dir,
            broker::spaces(),
        )
        .await?;
        anyhow::Ok(())
    };
    let rotated = rotated.await;
    store.close().await?;
    rotated
}

impl Generate {
    fn write(self) -> anyhow::Result<()> {
        let kind: KeyKind = self.kind.parse()?;
        let password = self.password_file.as_deref().map(password).transpose()?;
        let key = generate(kind)?;
        fresh(&self.out, 0o600, key.to_pem(password.as_ref())?.expose())?;
        if let (Some(path), Some(common_name)) = (&self.certificate, self.common_name) {
            let wanted = SelfSigned {
                common_name,
                organization: self.organization,
                country: self.country,
                alternative_names: self.names,
                days: self.days,
            };
            let certificate = key.self_signed(&wanted, SystemClock.now())?;
            fresh(path, 0o644, &certificate.to_pem())?;
        }
        println!("{}", key.kid());
        Ok(())
    }
}

/// Writes a file that was not there.
fn fresh(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("`{}` cannot be written", path.display()))
}

/// The first line of a file, as openssl's `-passin file:` reads it.
fn password(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}
