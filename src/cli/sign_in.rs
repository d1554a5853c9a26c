//! An operator logs in at a broker elsewhere, by the device grant (RFC 8628), and what
//! they get for it is kept: one token a broker, in a file that nobody else reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;
use url::Url;

use super::Global;
use super::endpoint::{Endpoint, origin};
use crate::base::{Clock, Secret, SystemClock};

/// The application that operators log in with, unless another is named.
pub(super) const CLIENT_ID: &str = "vestibule-cli";

/// What a broker gave.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    client_id: String,
    access_token: String,
    expires_at: u64,
}

impl Kept {
    /// The token, while it lives.
    pub fn token(&self) -> Option<Secret> {
        let now = SystemClock.now().as_secs();
        (now < self.expires_at).then(|| Secret::new(self.access_token.clone()))
    }
}

/// The file with the tokens, by the brokers' origins.
pub(super) struct Tokens {
    path: PathBuf,
    all: BTreeMap<String, Kept>,
}

impl Tokens {
    /// Reads them.
    pub fn read() -> anyhow::Result<Self> {
        let path = path()?;
        let all = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
            Ok(bytes) => {
                let mode = fs::metadata(&path)?.permissions().mode();
                if mode & 0o077 != 0 {
                    bail!(
                        "{} can be read by others (mode {:o}); end what is in it with `vestibule operator logout`, or `chmod 600` it if nobody did",
                        path.display(),
                        mode & 0o777
                    );
                }
                serde_json::from_slice(&bytes).with_context(|| {
                    format!("{} is damaged; remove it and log in again", path.display())
                })?
            }
        };
        Ok(Self { path, all })
    }

    /// What a broker gave.
    pub fn of(&self, server: &Url) -> Option<&Kept> {
        self.all.get(&origin(server))
    }

    /// Replaces the file, readable to its owner only from its first moment on.
    fn write(&self) -> anyhow::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let failed = || format!("{} cannot be written", self.path.display());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(failed)?;
        let new = self
            .path
            .with_extension(format!("{}.new", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&serde_json::to_vec(&self.all)?)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        write()
            .inspect_err(|_| {
                let _ = fs::remove_file(&new);
            })
            .with_context(failed)
    }
}

/// Where the file is: where programs keep what is this machine's (XDG Base Directory).
fn path() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .context("neither HOME nor XDG_STATE_HOME says where to keep the token")?;
    Ok(state.join("vestibule").join("tokens.json"))
}

fn server(global: &Global) -> anyhow::Result<&str> {
    global
        .server
        .as_deref()
        .context("name the broker: `--server https://login.example.com` (or VESTIBULE_SERVER)")
}

/// Logs an operator in.
pub(super) async fn log_in(
    global: &Global,
    client_id: &str,
    read_only: bool,
) -> anyhow::Result<()> {
    let endpoint = Endpoint::open(server(global)?, global.timeout)?;
    let mut tokens = Tokens::read()?;
    let scope = if read_only {
        "admin:read"
    } else {
        "admin:read admin:write"
    };
    let form = [("client_id", client_id), ("scope", scope)];
    let begun = endpoint
        .post("/connect/device_authorization", &form)
        .await?;
    let text = |name: &str| begun.get(name).and_then(Value::as_str);
    let (Some(device_code), Some(user_code), Some(page)) = (
        text("device_code"),
        text("user_code"),
        text("verification_uri"),
    ) else {
        bail!(
            "{} does not let operators log in with `{client_id}`: {}. Its owner allows it with `vestibule app create --client-id {CLIENT_ID} --public --grant urn:ietf:params:oauth:grant-type:device_code --scope admin:read --scope admin:write`",
            endpoint.server,
            refusal(&begun)
        );
    };
    eprintln!("Open {page} in a browser and enter the code");
    eprintln!();
    eprintln!("    {user_code}");
    eprintln!();
    if let Some(whole) = text("verification_uri_complete") {
        eprintln!("or open {whole} and compare the code there.");
    }
    let device_code = Secret::new(device_code);
    let seconds = |name: &str, usual| begun.get(name).and_then(Value::as_u64).unwrap_or(usual);
    let lives = Duration::from_secs(seconds("expires_in", 600));
    let mut pause = Duration::from_secs(seconds("interval", 5));
    let mut waited = Duration::ZERO;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", client_id),
        ("device_code", device_code.expose()),
    ];
    loop {
        sleep(pause).await;
        waited += pause.max(Duration::from_millis(10));
        let answer = endpoint.post("/connect/token", &form).await?;
        match answer.get("error").and_then(Value::as_str) {
            None => {
                let token = answer.get("access_token").and_then(Value::as_str);
                let token = token.context("the broker gives no access token")?;
                let lives = answer.get("expires_in").and_then(Value::as_u64);
                let kept = Kept {
                    client_id: client_id.to_owned(),
                    access_token: token.to_owned(),
                    expires_at: SystemClock.now().as_secs() + lives.unwrap_or(3600),
                };
                tokens.all.insert(origin(&endpoint.server), kept);
                tokens.write()?;
                eprintln!("You are logged in at {}.", origin(&endpoint.server));
                return Ok(());
            }
            Some("authorization_pending") if waited < lives => {}
            // RFC 8628 §3.5
            Some("slow_down") if waited < lives => pause += Duration::from_secs(5),
            Some("authorization_pending" | "slow_down" | "expired_token") => {
                bail!("nobody entered the code in time; run the command again")
            }
            Some("access_denied") => bail!("the login was declined"),
            Some(_) => bail!("the broker refuses: {}", refusal(&answer)),
        }
    }
}

/// Ends what a broker gave, there and here.
pub(super) async fn log_out(global: &Global) -> anyhow::Result<()> {
    let endpoint = Endpoint::open(server(global)?, global.timeout)?;
    let mut tokens = Tokens::read()?;
    let Some(kept) = tokens.all.remove(&origin(&endpoint.server)) else {
        bail!("nobody is logged in at {}", origin(&endpoint.server));
    };
    let form = [
        ("client_id", kept.client_id.as_str()),
        ("token", kept.access_token.as_str()),
    ];
    let answer = endpoint
        .send(Method::POST, "/connect/revoke", &form)
        .await
        .context("the login was not ended; try again")?;
    if answer.0 >= 500 {
        bail!("the broker could not end the login; try again");
    }
    tokens.write()?;
    eprintln!("You are logged out of {}.", origin(&endpoint.server));
    Ok(())
}

fn refusal(answer: &Value) -> &str {
    let said = answer.get("error_description").and_then(Value::as_str);
    said.unwrap_or("it does not say why")
}
