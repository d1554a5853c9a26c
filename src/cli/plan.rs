//! `vestibule plan` and `vestibule apply`: accounts, mappings and applications as a
//! directory of files says, which is in git.

mod directory;
mod shape;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use http::Method;
use serde_json::{Value, json};

pub(super) use self::directory::write as write_directory;
use self::directory::{Directory, File};
use super::Global;
use super::account::segment;
use super::api::{Api, Refused, RequestBody};
use super::output::show;
use super::provider::apply::Accept;
use super::provider::diff::{against_live, unified};

/// Show what `apply` would change; exit status 2 if there is anything
///
/// DIR has `accounts/ID.toml`, `accounts/ID/providers/PROVIDER.toml` and
/// `applications/CLIENT_ID.toml`; `vestibule export DIR --configuration` writes one.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The directory
    dir: PathBuf,
    /// Remove what is on the broker and not in the directory, too
    #[arg(long)]
    prune: bool,
}

/// Make accounts, mappings and applications what a directory says
///
/// Done again it changes nothing. See `vestibule plan`.
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    plan: Plan,
    #[command(flatten)]
    accept: Accept,
}

/// What is to be done to one thing.
struct Change {
    /// Its file's name within the directory, without the ending.
    what: String,
    verb: Verb,
    /// From what it is to what it shall be.
    diff: String,
    method: Method,
    path: String,
    body: Option<RequestBody>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Change,
    Remove,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Change => "changed",
            Self::Remove => "removed",
        }
    }
}

/// What differs, and what is on the broker only and stays.
struct Difference {
    changes: Vec<Change>,
    left: Vec<String>,
}

impl Plan {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let directory = Directory::read(&self.dir)?;
        let prune = self.prune;
        let found = Api::with(global, async |api| {
            compare(api, &directory, prune, "").await
        })
        .await?;
        if global.json {
            show(true, &found.json(false));
        } else {
            print!("{}", found.text());
            println!("{}", found.summary("to "));
        }
        Ok(if found.changes.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        })
    }
}

impl Apply {
    pub async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let directory = Directory::read(&self.plan.dir)?;
        let (prune, accept) = (self.plan.prune, self.accept.query());
        let found = Api::with(global, async |api| {
            let mut found = compare(api, &directory, prune, &accept).await?;
            for change in &mut found.changes {
                let body = change.body.take();
                let sent = api.send(change.method.clone(), &change.path, body).await;
                if let Err(error) = sent {
                    let findings = error
                        .downcast_ref::<Refused>()
                        .map(|refused| &refused.findings);
                    for finding in findings.into_iter().flatten() {
                        eprintln!("{}.toml:{finding}\n", change.what);
                    }
                    return Err(error.context(format!(
                        "{} could not be {}; what stands before it in the plan is done",
                        change.what,
                        change.verb.done()
                    )));
                }
                if !global.json {
                    println!("{}: {}", change.verb.name(), change.what);
                }
            }
            Ok(found)
        })
        .await?;
        if global.json {
            show(true, &found.json(true));
        } else {
            println!("{}", found.summary(""));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Difference {
    fn count(&self, verb: Verb) -> usize {
        self.changes
            .iter()
            .filter(|change| change.verb == verb)
            .count()
    }

    fn summary(&self, to: &str) -> String {
        let mut said = if self.changes.is_empty() {
            "nothing differs".to_owned()
        } else {
            let count = |verb: Verb| format!("{} {to}{}", self.count(verb), verb.name());
            let all = [Verb::Create, Verb::Change, Verb::Remove].map(count);
            all.join(", ")
        };
        if !self.left.is_empty() {
            let _ = write!(
                said,
                "; on the broker only: {} (`--prune` removes them)",
                self.left.join(", ")
            );
        }
        said
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let _ = writeln!(
                text,
                "{}: {}\n{}",
                change.verb.name(),
                change.what,
                change.diff
            );
        }
        text
    }

    fn json(&self, applied: bool) -> Value {
        let changes: Vec<Value> = self
            .changes
            .iter()
            .map(|change| {
                json!({ "what": change.what, "do": change.verb.name(), "diff": change.diff })
            })
            .collect();
        json!({ "applied": applied, "changes": changes, "on_the_broker_only": self.left })
    }
}

/// What differs between a directory and a broker, in the order in which it is done.
async fn compare(
    api: &mut Api,
    directory: &Directory,
    prune: bool,
    accept: &str,
) -> anyhow::Result<Difference> {
    let accounts = api.list("/accounts").await?;
    let id_of = |found: &Value, key: &str| found[key].as_str().unwrap_or_default().to_owned();
    let accounts: BTreeMap<String, Value> = accounts
        .into_iter()
        .map(|found| (id_of(&found, "id"), found))
        .collect();
    let (mut changes, mut gone) = (Vec::new(), Vec::new());
    for (id, file) in &directory.accounts {
        let what = format!("accounts/{id}");
        let live = accounts.get(id).map(shape::account);
        let path = format!("/accounts/{}", segment(id));
        changes.extend(thing(file, live.as_ref(), what, path));
    }
    for id in accounts.keys() {
        if !directory.accounts.contains_key(id) {
            gone.push(remove(
                format!("accounts/{id}"),
                format!("/accounts/{}", segment(id)),
            ));
            continue;
        }
        let base = format!("/accounts/{}/providers", segment(id));
        for provider in api.list(&base).await? {
            let provider = id_of(&provider, "provider");
            if !directory
                .mappings
                .contains_key(&(id.clone(), provider.clone()))
            {
                let path = format!("{base}/{}", segment(&provider));
                gone.push(remove(format!("accounts/{id}/providers/{provider}"), path));
            }
        }
    }
    for ((account, provider), source) in &directory.mappings {
        let known = accounts.contains_key(account);
        let change = mapping(api, (account, provider), source, known, accept).await?;
        changes.extend(change);
    }
    let applications = api.list("/applications").await?;
    let applications: BTreeMap<String, Value> = applications
        .into_iter()
        .map(|found| (id_of(&found, "client_id"), found))
        .collect();
    for (id, file) in &directory.applications {
        let live = applications.get(id);
        let path = format!("/applications/{}", segment(id));
        changes.extend(thing(
            file,
            live.map(|live| shape::application_beside(live, &file.shape))
                .as_ref(),
            format!("applications/{id}"),
            path,
        ));
    }
    for id in applications.keys() {
        if !directory.applications.contains_key(id) {
            let path = format!("/applications/{}", segment(id));
            gone.push(remove(format!("applications/{id}"), path));
        }
    }
    let mut left = Vec::new();
    if prune {
        // What belongs to others goes before them.
        gone.reverse();
        changes.extend(gone);
    } else {
        left.extend(gone.into_iter().map(|change| change.what));
    }
    Ok(Difference { changes, left })
}

fn remove(what: String, path: String) -> Change {
    Change {
        what,
        verb: Verb::Remove,
        diff: String::new(),
        method: Method::DELETE,
        path,
        body: None,
    }
}

/// An account or an application.
fn thing(file: &File, live: Option<&Value>, what: String, path: String) -> Option<Change> {
    if live == Some(&file.shape) {
        return None;
    }
    let text = |shape: &Value| shape::toml(shape).unwrap_or_default();
    let old = live.map(text).unwrap_or_default();
    let mut body = shape::body(file.shape.clone());
    if let (None, Some(secret)) = (live, &file.secret) {
        // Taken at its creation only.
        body["client_secret"] = secret.expose().into();
    }
    Some(Change {
        what,
        verb: if live.is_some() {
            Verb::Change
        } else {
            Verb::Create
        },
        diff: unified(&old, &text(&file.shape), "live", "file"),
        method: Method::PUT,
        path,
        body: Some(RequestBody::json(&body)),
    })
}

/// A mapping; one that the broker would refuse ends the plan.
async fn mapping(
    api: &mut Api,
    (account, provider): (&str, &str),
    source: &str,
    known: bool,
    accept: &str,
) -> anyhow::Result<Option<Change>> {
    let what = format!("accounts/{account}/providers/{provider}");
    let (live, diff) = if known {
        let changes = against_live(api, account, source)
            .await
            .with_context(|| what.clone())?;
        (changes.live, changes.text)
    } else {
        (
            false,
            unified("", &crate::document::redact::redact(source), "live", "file"),
        )
    };
    if diff.is_empty() {
        return Ok(None);
    }
    if known {
        let path = format!("/accounts/{}/preview", segment(account));
        let body = RequestBody::toml(source.to_owned());
        if let Err(error) = api.send(Method::POST, &path, Some(body)).await {
            let findings = error
                .downcast_ref::<Refused>()
                .map(|refused| &refused.findings);
            for finding in findings.into_iter().flatten() {
                eprintln!("{what}.toml:{finding}\n");
            }
            return Err(error.context(what));
        }
    }
    Ok(Some(Change {
        what,
        verb: if live { Verb::Change } else { Verb::Create },
        diff,
        method: Method::POST,
        path: format!("/accounts/{}/providers{accept}", segment(account)),
        body: Some(RequestBody::toml(source.to_owned())),
    }))
}
