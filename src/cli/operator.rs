//! `vestibule operator`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::Global;
use super::account::segment;
use super::api::{Api, RequestBody};
use super::confirm::Consent;
use super::output::{Most, show};
use super::sign_in;

#[derive(Debug, Subcommand)]
pub(super) enum Operator {
    /// Log in at a broker elsewhere, by a code that you enter in a browser; commands with `--server` are yours then
    Login {
        /// The application that operators log in with there
        #[arg(long, value_name = "ID", default_value = sign_in::CLIENT_ID)]
        client_id: String,
        /// Only to look
        #[arg(long)]
        read_only: bool,
    },
    /// Log out of a broker elsewhere
    Logout,
    /// Create an operator; prints the link with which they choose a password
    Create {
        /// Their email
        email: String,
        /// Their name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        rights: Rights,
    },
    /// List operators
    List {
        #[command(flatten)]
        most: Most,
    },
    /// Show an operator
    Show {
        /// Their email
        email: String,
    },
    /// Change an operator
    Change {
        /// Their email
        email: String,
        #[command(flatten)]
        change: Change,
    },
    /// Remove the second factor of an operator who lost it, and end their sessions
    ResetSecondFactor {
        /// Their email
        email: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove an operator and end their sessions
    Remove {
        /// Their email
        email: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// What an operator may do in the console.
#[derive(Debug, Args)]
pub(super) struct Rights {
    /// `owner`, `administrator` (no operators, applications and keys), `account_administrator` (providers, users and look of the accounts named with `--account`), `support` (looks, and ends sessions) or `auditor` (looks); `owner` for a new operator unless given
    #[arg(long, value_parser = ["owner", "administrator", "account_administrator", "support", "auditor"])]
    role: Option<String>,
    /// An account that they are limited to; repeats
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
}

fn add_rights(body: &mut Map<String, Value>, role: Option<String>, accounts: Option<Vec<String>>) {
    if let Some(role) = role {
        body.insert("role".into(), role.into());
    }
    if let Some(accounts) = accounts {
        body.insert("accounts".into(), accounts.into());
    }
}

#[derive(Debug, Args)]
#[group(id = "operator_change", required = true, multiple = true)]
pub(super) struct Change {
    /// Their name
    #[arg(long)]
    name: Option<String>,
    /// End their sessions and refuse their logins
    #[arg(long, conflicts_with = "enable")]
    disable: bool,
    /// Let them log in again
    #[arg(long)]
    enable: bool,
    /// Print a link with which they choose another password
    #[arg(long)]
    reset_password: bool,
    /// What they may do in the console, as at `create`
    #[arg(long, value_parser = ["owner", "administrator", "account_administrator", "support", "auditor"])]
    role: Option<String>,
    /// An account that they are limited to; repeats
    #[arg(
        long = "account",
        value_name = "ACCOUNT",
        conflicts_with = "all_accounts"
    )]
    accounts: Vec<String>,
    /// No longer limited to accounts
    #[arg(long)]
    all_accounts: bool,
    /// The language of their pages in the console; `browser`: as their browser prefers
    #[arg(long, value_parser = ["en", "pt-BR", "es", "browser"])]
    language: Option<String>,
}

impl Operator {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Login {
                client_id,
                read_only,
            } => sign_in::log_in(global, &client_id, read_only).await,
            Self::Logout => sign_in::log_out(global).await,
            other => Api::with(global, async |api| other.call(api, global.json).await).await,
        }
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let path = |email: &str| format!("/operators/{}", segment(email));
        match self {
            // Need no API.
            Self::Login { .. } | Self::Logout => {}
            Self::Create {
                email,
                name,
                rights,
            } => {
                let mut body = Map::new();
                body.insert("email".into(), email.into());
                if let Some(name) = name {
                    body.insert("name".into(), name.into());
                }
                add_rights(&mut body, rights.role, Some(rights.accounts));
                let body = RequestBody::json(&Value::Object(body));
                let made = api.send(Method::POST, "/operators", Some(body)).await?;
                show(json, &made.unwrap_or_default());
            }
            Self::List { most } => {
                let found = api.part("/operators", &most).await?;
                let columns = [
                    "email",
                    "name",
                    "role",
                    "accounts",
                    "active",
                    "second_factor",
                    "disabled",
                    "last_login_at",
                ];
                found.print(json, &columns);
            }
            Self::Show { email } => {
                let found = api.send(Method::GET, &path(&email), None).await?;
                show(json, &found.unwrap_or_default());
            }
            Self::Change { email, change } => {
                let mut body = Map::new();
                if let Some(name) = change.name {
                    body.insert("name".into(), name.into());
                }
                if change.disable || change.enable {
                    body.insert("disabled".into(), json!(change.disable));
                }
                if let Some(language) = change.language {
                    let language = Some(language).filter(|language| language != "browser");
                    body.insert("language".into(), json!(language));
                }
                let limited = change.all_accounts || !change.accounts.is_empty();
                add_rights(&mut body, change.role, limited.then_some(change.accounts));
                let mut shown = None;
                if !body.is_empty() {
                    let body = RequestBody::json(&Value::Object(body));
                    shown = api.send(Method::PATCH, &path(&email), Some(body)).await?;
                }
                if change.reset_password {
                    let invite = format!("{}/invite", path(&email));
                    shown = api.send(Method::POST, &invite, None).await?;
                }
                show(json, &shown.unwrap_or_default());
            }
            Self::ResetSecondFactor { email, consent } => {
                let ends = "Their sessions end, and their next login takes the password alone.";
                consent.ask(&format!("remove the second factor of {email}"), ends)?;
                let path = format!("{}/second-factor", path(&email));
                api.send(Method::DELETE, &path, None).await?;
                if !json {
                    println!("the second factor is removed");
                }
            }
            Self::Remove { email, consent } => {
                let ends = "Their sessions end, and they can't log in any more.";
                consent.ask(&format!("remove the operator {email}"), ends)?;
                api.send(Method::DELETE, &path(&email), None).await?;
                if !json {
                    println!("the operator is removed");
                }
            }
        }
        Ok(())
    }
}
