//! `vestibule login`: the log of logins.

use clap::Subcommand;
use http::Method;

use super::Global;
use super::account::{query, segment};
use super::api::Api;
use super::output::{Most, show};

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
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Go on where a list before ended: what it said to give here
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
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
                after,
            } => {
                let path = format!("/accounts/{}/logins", segment(&account));
                let given = [
                    ("email", email.as_deref()),
                    ("user", user.as_deref()),
                    ("provider", provider.as_deref()),
                    ("outcome", outcome.as_deref()),
                ];
                let limit = Some(limit);
                let found = api
                    .part(&query(path, given), &Most { limit, after })
                    .await?;
                let columns = [
                    "at", "id", "outcome", "email", "provider", "device", "address",
                ];
                found.print(json, &columns);
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
