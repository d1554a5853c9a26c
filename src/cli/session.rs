//! `vestibule session`

use clap::Subcommand;
use http::Method;

use super::Global;
use super::account::{query, segment};
use super::api::Api;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// List the sessions of an account, or of one user
    List {
        /// Only those of this user, by id or email
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        most: Most,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// End a session, all of a user, or all that a way to log in began
    Revoke {
        /// The session's id, as listed
        #[arg(required_unless_present_any = ["user", "way"], conflicts_with_all = ["user", "way"])]
        id: Option<String>,
        /// End all sessions of this user
        #[arg(long, conflicts_with = "way")]
        user: Option<String>,
        /// End all sessions that this way began: a provider's id, `access_key` or `password`
        #[arg(long)]
        way: Option<String>,
        /// The account
        #[arg(long)]
        account: String,
    },
}

impl Session {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::List {
                user,
                most,
                account,
            } => {
                let path = format!("/accounts/{}/sessions", segment(&account));
                let path = query(path, [("user", user.as_deref())]);
                let found = api.part(&path, &most).await?;
                found.print(
                    json,
                    &[
                        "id",
                        "email",
                        "provider",
                        "device",
                        "address",
                        "created_at",
                        "expires_at",
                    ],
                );
            }
            Self::Revoke {
                id,
                user,
                way,
                account,
            } => {
                let account = segment(&account);
                let path = match (&id, &way) {
                    (None, Some(way)) => {
                        format!("/accounts/{account}/ways/{}/sessions", segment(way))
                    }
                    (Some(id), _) => format!("/accounts/{account}/sessions/{}", segment(id)),
                    (None, None) => format!(
                        "/accounts/{account}/users/{}/sessions",
                        segment(user.as_deref().unwrap_or_default())
                    ),
                };
                match api.send(Method::DELETE, &path, None).await? {
                    Some(answer) => show(json, &answer),
                    None if !json => println!("the session is revoked"),
                    None => {}
                }
            }
        }
        Ok(())
    }
}
