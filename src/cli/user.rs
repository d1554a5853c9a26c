//! `vestibule user`

use clap::Subcommand;
use http::Method;
use serde_json::json;

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
    /// Give a user a password, for applications with the grant `password`; it is read from stdin
    SetPassword {
        /// The user's id or email
        user: String,
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
