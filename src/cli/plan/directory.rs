//! The directory: read whole before anything is asked, and written from a broker.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use super::super::account::segment;
use super::super::api::Api;
use super::shape;
use crate::authority::ClientId;
use crate::base::{AccountId, Secret};
use crate::document::secret::REDACTED;
use crate::document::structure::parse_toml;

/// The largest file; the broker takes less.
const MAX_FILE: u64 = 1 << 20;

/// An account or an application.
pub(super) struct File {
    pub(super) shape: Value,
    /// The secret that an application begins with.
    pub(super) secret: Option<Secret>,
}

/// What a directory says.
#[derive(Default)]
pub(super) struct Directory {
    pub(super) accounts: BTreeMap<String, File>,
    /// By account and provider.
    pub(super) mappings: BTreeMap<(String, String), String>,
    pub(super) applications: BTreeMap<String, File>,
}

impl Directory {
    pub(super) fn read(dir: &Path) -> anyhow::Result<Self> {
        let mut this = Self::default();
        for entry in entries(dir)? {
            match name(&entry)? {
                "accounts" | "applications" => {}
                hidden if hidden.starts_with('.') => {}
                "README.md" => {}
                other => bail!(
                    "{}: `{}` is neither `accounts` nor `applications`",
                    shown(dir),
                    harmless(other)
                ),
            }
        }
        for entry in entries(&dir.join("accounts"))? {
            if entry.is_dir() {
                this.providers(&entry)?;
                continue;
            }
            let id = stem(&entry)?;
            check::<AccountId>(&entry, &id)?;
            let file = table(&entry)?;
            let shape = shape::account_file(&id, file);
            this.accounts.insert(
                id,
                File {
                    shape,
                    secret: None,
                },
            );
        }
        for entry in entries(&dir.join("applications"))? {
            let id = stem(&entry)?;
            check::<ClientId>(&entry, &id)?;
            let mut file = table(&entry)?;
            for key in ["name", "scopes", "grants"] {
                if !file.contains_key(key) {
                    bail!("{}: `{key}` is missing", shown(&entry));
                }
            }
            let secret = match file.remove("client_secret") {
                None => None,
                Some(reference) => Some(secret(&entry, &reference)?),
            };
            let shape = shape::application_file(file);
            this.applications.insert(id, File { shape, secret });
        }
        if this.accounts.is_empty() && this.applications.is_empty() {
            bail!(
                "{} has neither `accounts/ID.toml` nor `applications/CLIENT_ID.toml`",
                shown(dir)
            );
        }
        for (account, provider) in this.mappings.keys() {
            if !this.accounts.contains_key(account) {
                bail!(
                    "`accounts/{account}/providers/{provider}.toml` has no `accounts/{account}.toml`"
                );
            }
        }
        Ok(this)
    }

    fn providers(&mut self, account: &Path) -> anyhow::Result<()> {
        let id = name(account)?.to_owned();
        for entry in entries(account)? {
            if name(&entry)? != "providers" {
                bail!("{}: only `providers` is read here", shown(&entry));
            }
        }
        for entry in entries(&account.join("providers"))? {
            let provider = stem(&entry)?;
            let source = text(&entry)?;
            let (value, _, findings) = parse_toml(&source);
            if let Some(finding) = findings.first() {
                bail!("{}:{finding}", shown(&entry));
            }
            if value.pointer("/provider/id").and_then(Value::as_str) != Some(&provider) {
                bail!(
                    "{}: `provider.id` is not `{provider}`, as the file is named",
                    shown(&entry)
                );
            }
            self.mappings.insert((id.clone(), provider), source);
        }
        Ok(())
    }
}

fn check<T: std::str::FromStr>(file: &Path, id: &str) -> anyhow::Result<()>
where
    T::Err: std::fmt::Display,
{
    match id.parse::<T>() {
        Ok(_) => Ok(()),
        Err(error) => bail!("{}: {}", shown(file), harmless(&error.to_string())),
    }
}

/// A path for people. Who sends a change in may have named a file so that it writes to
/// the terminal of whoever looks at it.
fn shown(path: &Path) -> String {
    harmless(&path.display().to_string())
}

fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// What is in a directory, in order; nothing where there is none.
fn entries(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound
                && dir.parent().is_some_and(Path::exists) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", shown(dir)));
        }
    };
    let mut found = Vec::new();
    for entry in listed {
        found.push(entry.with_context(|| dir.display().to_string())?.path());
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> anyhow::Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has a name that is no UTF-8", shown(path)))
}

fn stem(file: &Path) -> anyhow::Result<String> {
    let stem = name(file)?.strip_suffix(".toml");
    let stem = stem.with_context(|| format!("{} is no `.toml` file", shown(file)))?;
    Ok(stem.to_owned())
}

/// Whoever sends a change in may have made the file anything: a device is read without
/// end, a pipe is waited for without end.
fn text(file: &Path) -> anyhow::Result<String> {
    let unreadable = || format!("{} cannot be read", shown(file));
    let found = fs::metadata(file).with_context(unreadable)?;
    if !found.is_file() {
        bail!("{} is not a file", shown(file));
    }
    if found.len() > MAX_FILE {
        bail!("{} is larger than {MAX_FILE} bytes", shown(file));
    }
    fs::read_to_string(file).with_context(unreadable)
}

fn table(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let (value, _, findings) = parse_toml(&text(file)?);
    if let Some(finding) = findings.first() {
        bail!("{}:{finding}", shown(file));
    }
    match value {
        Value::Object(table) => Ok(table),
        _ => bail!("{} is not a table", shown(file)),
    }
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`, of this process.
fn secret(file: &Path, reference: &Value) -> anyhow::Result<Secret> {
    let named = |key: &str| reference.get(key).and_then(Value::as_str);
    let given = match (named("env"), named("file")) {
        (Some(variable), None) => std::env::var(variable)
            .with_context(|| format!("{}: the variable `{variable}`", shown(file)))?,
        (None, Some(path)) => {
            let given = text(Path::new(path));
            given.with_context(|| format!("{}: `{path}`", shown(file)))?
        }
        _ => bail!(
            "{}: `client_secret` is a reference: write `{{ env = \"NAME\" }}` or `{{ file = \"PATH\" }}`",
            shown(file)
        ),
    };
    Ok(Secret::new(given.trim()))
}

/// Writes what a broker has as a directory; gives the files in which a secret is
/// left out.
pub(in crate::cli) async fn write(api: &mut Api, dir: &Path) -> anyhow::Result<Vec<String>> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| dir.display().to_string())?;
    if !entries(dir)?.is_empty() {
        bail!("{} is not empty; name a new directory", dir.display());
    }
    let id_of = |found: &Value, key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let mut redacted = Vec::new();
    for account in api.list("/accounts").await? {
        let id = id_of(&account, "id");
        put(
            dir,
            &format!("accounts/{id}.toml"),
            &shape::toml(&shape::account(&account))?,
        )?;
        let base = format!("/accounts/{}/providers", segment(&id));
        for provider in api.list(&base).await? {
            let provider = id_of(&provider, "provider");
            let source = api.toml(&format!("{base}/{}", segment(&provider))).await?;
            let file = format!("accounts/{id}/providers/{provider}.toml");
            put(dir, &file, &source)?;
            if source.contains(REDACTED) {
                redacted.push(file);
            }
        }
    }
    for application in api.list("/applications").await? {
        let id = id_of(&application, "client_id");
        let text = shape::toml(&shape::application(&application))?;
        put(dir, &format!("applications/{id}.toml"), &text)?;
    }
    Ok(redacted)
}

fn put(dir: &Path, file: &str, text: &str) -> anyhow::Result<()> {
    let path = dir.join(file);
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        let mut options = fs::OpenOptions::new();
        let mut made = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        made.write_all(text.as_bytes())
    };
    write().with_context(|| path.display().to_string())
}
