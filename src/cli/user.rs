//! `vestibule user`

use std::path::Path;

use anyhow::Context;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::segment;
use super::api::{Api, RequestBody};
use super::output::{show, table};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// List the users of an account, or those that are searched for
    List {
        /// Begins their email, a word of their name or email, or their id at a provider; or is their id
        search: Option<String>,
        /// Only the one with this email
        #[arg(long)]
        email: Option<String>,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Create a user who has not logged in yet
    Create {
        /// Their email
        email: String,
        /// Their name
        #[arg(long)]
        name: Option<String>,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Give a user a password, for logins with one and for applications with the grant `password`; it is read from stdin
    SetPassword {
        /// The user's id or email
        user: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Let a user's password count no more until they chose another one
    ExpirePassword {
        /// The user's id or email
        user: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Move people of another system in, with what their passwords hash to there (bcrypt, PBKDF2, scrypt, argon2, salted SHA)
    Import {
        /// A file with one JSON object a line: `email`, and `name` and `password_hash` where there are any
        file: std::path::PathBuf,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Take a user's password away
    RemovePassword {
        /// The user's id or email
        user: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// List the addresses that get no codes for a while, since too many wrong ones were typed for them
    Blocked {
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Let an address get codes again
    Unblock {
        /// The address
        email: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// End a user's sessions and refuse their logins
    Disable {
        /// The user's id
        id: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Let a user log in again
    Enable {
        /// The user's id
        id: String,
        /// The account
        #[arg(long)]
        account: String,
    },
}

fn password(account: &str, user: &str) -> String {
    format!(
        "/accounts/{}/users/{}/password",
        segment(account),
        segment(user)
    )
}

/// Moves people in, some hundreds at a time.
async fn import(api: &mut Api, json: bool, file: &Path, account: &str) -> anyhow::Result<()> {
    const AT_ONCE: usize = 200;
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let mut people = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let person: Value = serde_json::from_str(line)
            .with_context(|| format!("{}:{} is no JSON", file.display(), number + 1))?;
        people.push((number + 1, person));
    }
    let path = format!("/accounts/{}/users/import", segment(account));
    let (mut created, mut known, mut passwords, mut refused) = (0, 0, 0, Vec::new());
    for some in people.chunks(AT_ONCE) {
        let users: Vec<&Value> = some.iter().map(|(_, person)| person).collect();
        let body = RequestBody::json(&json!({ "users": users }));
        let first = some.first().map_or(0, |(line, _)| *line);
        let done = api.send(Method::POST, &path, Some(body)).await;
        let done = done.with_context(|| {
            format!("from line {first} on nobody was moved in; the file can be given again")
        })?;
        let done = done.unwrap_or_default();
        let count = |name: &str| done.get(name).and_then(Value::as_u64).unwrap_or_default();
        created += count("created");
        known += count("known");
        passwords += count("passwords");
        let no = done.get("refused").and_then(Value::as_array).cloned();
        for mut one in no.unwrap_or_default() {
            let index = one["index"]
                .as_u64()
                .and_then(|index| usize::try_from(index).ok());
            let line = index
                .and_then(|index| some.get(index))
                .map(|(line, _)| *line);
            one["line"] = line.into();
            refused.push(one);
        }
    }
    let counts = json!({ "created": created, "known": known, "passwords": passwords, "refused": refused.len() });
    if json {
        let mut all = counts;
        all["refused"] = refused.into();
        show(json, &all);
        return Ok(());
    }
    show(json, &counts);
    if !refused.is_empty() {
        table(json, &refused, &["line", "email", "why"]);
    }
    Ok(())
}

impl User {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let (id, account, disabled) = match self {
            Self::List {
                search,
                email,
                account,
            } => {
                let mut path = format!("/accounts/{}/users?limit=500", segment(&account));
                for (name, value) in [("q", search), ("email", email)] {
                    if let Some(value) = value {
                        path.extend(["&", name, "=", &segment(&value)]);
                    }
                }
                let items = api.list(&path).await?;
                table(json, &items, &["id", "email", "name", "disabled"]);
                return Ok(());
            }
            Self::Create {
                email,
                name,
                account,
            } => {
                let body = json!({ "email": email, "name": name });
                let path = format!("/accounts/{}/users", segment(&account));
                let made = api
                    .send(Method::POST, &path, Some(RequestBody::json(&body)))
                    .await?;
                show(json, &made.unwrap_or_default());
                return Ok(());
            }
            Self::SetPassword { user, account } => {
                if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                    eprintln!("type the password, then Enter:");
                }
                let mut text = String::new();
                std::io::stdin().read_line(&mut text)?;
                let body = json!({ "password": text.trim_end_matches(['\r', '\n']) });
                api.send(
                    Method::PUT,
                    &password(&account, &user),
                    Some(RequestBody::json(&body)),
                )
                .await?;
                if !json {
                    println!("the password of {user} is set");
                }
                return Ok(());
            }
            Self::ExpirePassword { user, account } => {
                let path = format!("{}/expire", password(&account, &user));
                api.send(Method::POST, &path, None).await?;
                if !json {
                    println!("{user} has to choose another password");
                }
                return Ok(());
            }
            Self::Import { file, account } => return import(api, json, &file, &account).await,
            Self::RemovePassword { user, account } => {
                api.send(Method::DELETE, &password(&account, &user), None)
                    .await?;
                if !json {
                    println!("the password of {user} is removed");
                }
                return Ok(());
            }
            Self::Blocked { account } => {
                let items = api
                    .list(&format!("/accounts/{}/blocked", segment(&account)))
                    .await?;
                table(json, &items, &["email", "until"]);
                return Ok(());
            }
            Self::Unblock { email, account } => {
                let path = format!(
                    "/accounts/{}/blocked/{}",
                    segment(&account),
                    segment(&email)
                );
                api.send(Method::DELETE, &path, None).await?;
                if !json {
                    println!("{email} gets codes again");
                }
                return Ok(());
            }
            Self::Disable { id, account } => (id, account, true),
            Self::Enable { id, account } => (id, account, false),
        };
        let path = format!("/accounts/{}/users/{}", segment(&account), segment(&id));
        let body = json!({ "disabled": disabled });
        let changed = api
            .send(Method::PATCH, &path, Some(RequestBody::json(&body)))
            .await?;
        show(json, &changed.unwrap_or_default());
        Ok(())
    }
}
