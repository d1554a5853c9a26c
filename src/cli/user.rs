//! `vestibule user`

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::Global;
use super::account::segment;
use super::api::{Api, Sent};
use super::output::{show, table};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// List the users of an account
    List {
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

impl User {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let mut api = Api::open(global).await?;
        let outcome = self.call(&mut api, global.json).await;
        api.close().await?;
        outcome
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let (id, account, disabled) = match self {
            Self::List { account } => {
                let items = api
                    .list(&format!("/accounts/{}/users", segment(&account)))
                    .await?;
                table(json, &items, &["id", "email", "name", "disabled"]);
                return Ok(());
            }
            Self::Disable { id, account } => (id, account, true),
            Self::Enable { id, account } => (id, account, false),
        };
        let path = format!("/accounts/{}/users/{}", segment(&account), segment(&id));
        let body = json!({ "disabled": disabled });
        let changed = api
            .send(Method::PATCH, &path, Some(Sent::json(&body)))
            .await?;
        show(json, &changed.unwrap_or_default());
        Ok(())
    }
}
