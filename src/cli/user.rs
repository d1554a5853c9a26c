//! `vestibule user`

mod files;

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::Global;
use super::account::{query, segment};
use super::api::{Api, RequestBody};
use super::confirm::Consent;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// List the users of an account, or those that are searched for
    #[command(alias = "search")]
    List {
        /// Begins their email, a word of their name or email, or their id at a provider; or is their id
        search: Option<String>,
        /// Only the one with this email
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        most: Most,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Show a user
    Show {
        /// The user's id or email
        user: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    Import(files::Import),
    Export(files::Export),
    /// Remove a user with links, password, sessions and grants
    Delete {
        /// The user's id or email
        user: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take a link with a provider from a user; their sessions and grants end
    Unlink {
        /// The user's id or email
        user: String,
        /// The provider
        #[arg(long)]
        provider: String,
        /// The user's id there, where the user has several links with the provider
        #[arg(long)]
        id: Option<String>,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Have a user prove their email again at the next login; their sessions and grants end
    Reverify {
        /// The user's id or email
        user: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
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
        #[command(flatten)]
        most: Most,
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
        /// The user's id or email
        id: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Let a user log in again
    Enable {
        /// The user's id or email
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

fn user_path(account: &str, user: &str) -> String {
    format!("/accounts/{}/users/{}", segment(account), segment(user))
}

/// What is done to one user and leaves nothing to show, or the user.
async fn act(
    api: &mut Api,
    json: bool,
    (method, path): (Method, &str),
    done: &str,
) -> anyhow::Result<()> {
    let answer = api.send(method, path, None).await?;
    match answer {
        Some(user) if json => show(json, &user),
        _ if json => {}
        _ => println!("{done}"),
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
                most,
                account,
            } => {
                let path = format!("/accounts/{}/users", segment(&account));
                let given = [("q", search.as_deref()), ("email", email.as_deref())];
                let path = query(path, given);
                let found = api.part(&path, &most).await?;
                found.print(json, &["id", "email", "name", "disabled"]);
                return Ok(());
            }
            Self::Import(import) => return import.call(api, json).await,
            Self::Export(export) => return export.call(api).await,
            Self::Show { user, account } => {
                let found = api
                    .send(Method::GET, &user_path(&account, &user), None)
                    .await?;
                show(json, &found.unwrap_or_default());
                return Ok(());
            }
            Self::Delete { .. } | Self::Unlink { .. } | Self::Reverify { .. } => {
                return self.change_one(api, json).await;
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
            Self::SetPassword { .. }
            | Self::ExpirePassword { .. }
            | Self::RemovePassword { .. } => {
                return self.change_password(api, json).await;
            }
            Self::Blocked { account, most } => {
                let path = format!("/accounts/{}/blocked", segment(&account));
                let found = api.part(&path, &most).await?;
                found.print(json, &["email", "until"]);
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
            Self::Disable {
                id,
                account,
                consent,
            } => {
                let ends = "They are signed out everywhere, their grants end, and they can't log in until they are enabled.";
                consent.ask(&format!("disable the user {id} of {account}"), ends)?;
                (id, account, true)
            }
            Self::Enable { id, account } => (id, account, false),
        };
        let path = user_path(&account, &id);
        let body = json!({ "disabled": disabled });
        let changed = api
            .send(Method::PATCH, &path, Some(RequestBody::json(&body)))
            .await?;
        show(json, &changed.unwrap_or_default());
        Ok(())
    }

    async fn change_one(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Delete {
                user,
                account,
                consent,
            } => {
                let ends = "Their record, links, password, sessions and grants are removed. Only the audit log keeps their id.";
                consent.ask(&format!("delete the user {user} of {account}"), ends)?;
                let path = user_path(&account, &user);
                let done = format!("the user {user} is deleted");
                act(api, json, (Method::DELETE, &path), &done).await
            }
            Self::Unlink {
                user,
                provider,
                id,
                account,
                consent,
            } => {
                let ends = "Their sessions and grants end.";
                let what = format!("take the link with {provider} from the user {user}");
                consent.ask(&what, ends)?;
                let mut path = user_path(&account, &user);
                path.extend(["/links?provider=", &segment(&provider)]);
                if let Some(id) = id {
                    path.extend(["&user_id=", &segment(&id)]);
                }
                let done = format!("the link of {user} with {provider} is gone");
                act(api, json, (Method::DELETE, &path), &done).await
            }
            Self::Reverify {
                user,
                account,
                consent,
            } => {
                let ends = "Their email counts as proved by nobody until the next login proves it; their sessions and grants end.";
                consent.ask(
                    &format!("have the user {user} prove their email again"),
                    ends,
                )?;
                let path = format!("{}/reverify", user_path(&account, &user));
                let done = format!("{user} proves the email at the next login");
                act(api, json, (Method::POST, &path), &done).await
            }
            _ => Ok(()),
        }
    }

    async fn change_password(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
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
                Ok(())
            }
            Self::ExpirePassword { user, account } => {
                let path = format!("{}/expire", password(&account, &user));
                let done = format!("{user} has to choose another password");
                act(api, json, (Method::POST, &path), &done).await
            }
            Self::RemovePassword { user, account } => {
                api.send(Method::DELETE, &password(&account, &user), None)
                    .await?;
                if !json {
                    println!("the password of {user} is removed");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
