//! Users to and from files.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use http::Method;
use serde_json::{Value, json};

use crate::cli::account::segment;
use crate::cli::api::{Api, RequestBody};
use crate::operation::users::import::ImportReport;
use crate::operation::users::rows::{self, Format};
use crate::operation::users::{ImportedUser, import};

/// How many users one request carries: its body is short, and progress is seen.
const AT_ONCE: usize = 200;

/// Create the users of a file: CSV whose first line names its columns, or JSON lines
///
/// Columns are `email`, `name`, `email_trusted`, `disabled`, `provider`, `provider_user_id` and `password_hash`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Import {
    /// The file; `-` is stdin
    file: PathBuf,
    /// What the file is; by its beginning unless given
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// Check and report, and create nobody
    #[arg(long)]
    dry_run: bool,
    /// The account
    #[arg(long)]
    account: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FileFormat {
    Csv,
    Jsonl,
}

fn text_of(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes =
            std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
        let line = before.split('\n').count();
        anyhow::anyhow!(
            "{} is not UTF-8 in line {line}; write it as UTF-8",
            file.display()
        )
    })
}

impl Import {
    pub async fn call(self, api: &mut Api, as_json: bool) -> anyhow::Result<()> {
        let text = text_of(&self.file)?;
        let format = match self.format {
            Some(FileFormat::Csv) => Format::Csv,
            Some(FileFormat::Jsonl) => Format::JsonLines,
            None => Format::of(&text),
        };
        let rows = rows::read(&text, format)
            .with_context(|| format!("{} has no users to import", self.file.display()))?;
        let mut report = ImportReport {
            dry_run: self.dry_run,
            ..ImportReport::default()
        };
        let mut users: Vec<(usize, ImportedUser)> = Vec::new();
        for (line, row) in rows {
            match row {
                Ok(user) => users.push((line, user)),
                Err(why) => report.unreadable(line, why),
            }
        }
        let total = users.len();
        let progress = std::io::stderr().is_terminal();
        let path = format!("/accounts/{}/users/import", segment(&self.account));
        let mut done = 0;
        for part in users.chunks(AT_ONCE.min(import::MOST)) {
            let list: Vec<&ImportedUser> = part.iter().map(|(_, user)| user).collect();
            let body = json!({ "users": list, "dry_run": self.dry_run });
            let answer = api
                .send(Method::POST, &path, Some(RequestBody::json(&body)))
                .await
                .with_context(|| {
                    format!("after {done} of {total} users; run it again to go on: who is there already stays")
                })?;
            let mut answer: ImportReport = serde_json::from_value(answer.unwrap_or_default())?;
            for row in &mut answer.rows {
                let line = part.get(row.row.saturating_sub(1));
                row.row = line.map_or(row.row, |(line, _)| *line);
            }
            report.join(answer);
            done += part.len();
            if progress {
                eprint!("\r{done} of {total}");
            }
        }
        if progress && total > 0 {
            eprintln!();
        }
        report.rows.sort_by_key(|row| row.row);
        say(&report, as_json)?;
        if report.invalid > 0 {
            bail!(
                "{} of {} users cannot be created: mend these lines and run it again, who is there already stays",
                report.invalid,
                report.rows.len()
            );
        }
        Ok(())
    }
}

fn say(report: &ImportReport, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{:#}", serde_json::to_value(report)?);
        return Ok(());
    }
    for row in &report.rows {
        if let Some(why) = &row.why {
            let who = if row.email.is_empty() {
                String::new()
            } else {
                crate::cli::output::text(&Value::String(format!(" {}", row.email)))
            };
            let why = crate::cli::output::text(&Value::String(why.clone()));
            println!("line {}:{who}: {why}", row.row);
        }
    }
    let created = if report.dry_run {
        "would be created"
    } else {
        "created"
    };
    println!(
        "{} {created}, {} there already, {} invalid",
        report.created, report.exists, report.invalid
    );
    Ok(())
}

/// Print all that is kept of a user; without one, all users of the account as JSON
/// lines, which `user import` takes
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Export {
    /// The user's id or email
    user: Option<String>,
    /// The account
    #[arg(long)]
    account: String,
}

impl Export {
    pub async fn call(self, api: &mut Api) -> anyhow::Result<()> {
        let users = format!("/accounts/{}/users", segment(&self.account));
        if let Some(user) = self.user {
            let path = format!("{users}/{}/export", segment(&user));
            let found = api.send(Method::GET, &path, None).await?;
            println!("{:#}", found.unwrap_or_default());
            return Ok(());
        }
        api.each(&users, |user| println!("{user}")).await
    }
}
