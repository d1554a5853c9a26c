//! `vestibule login`: the log of logins.

use clap::Subcommand;
use http::Method;

use super::Global;
use super::account::segment;
use super::api::Api;
use super::output::{show, table};

#[derive(Debug, Subcommand)]
pub(super) enum Login {
    /// List the logins of an account, the newest first
    List {
        /// The account
        #[arg(long)]
        account: String,
        /// Only those with this email
        #[arg(long)]
        email: Option<String>,
        /// Only those of this user, by id or email
        #[arg(long)]
        user: Option<String>,
        /// Only those through this provider, or by `access_key`
        #[arg(long)]
        provider: Option<String>,
        /// Only those that ended so: `success`, `failed`, or the code of a failure
        #[arg(long)]
        outcome: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a login by its support id, in whichever account it was
    Show {
        /// The support id, as the error page shows it
        id: String,
    },
}

impl Login {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::List {
                account,
                email,
                user,
                provider,
                outcome,
                limit,
            } => {
                let mut path = format!("/accounts/{}/logins?limit=500", segment(&account));
                for (name, value) in [
                    ("email", email),
                    ("user", user),
                    ("provider", provider),
                    ("outcome", outcome),
                ] {
                    if let Some(value) = value {
                        path.extend(["&", name, "=", &segment(&value)]);
                    }
                }
                let items = api.first(&path, limit).await?;
                let columns = [
                    "at", "id", "outcome", "email", "provider", "device", "address",
                ];
                table(json, &items, &columns);
            }
            Self::Show { id } => {
                let path = format!("/logins/{}", segment(&id));
                let found = api.send(Method::GET, &path, None).await?;
                show(json, &found.unwrap_or_default());
            }
        }
        Ok(())
    }
}
