//! `vestibule audit`

use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::Global;
use super::account::segment;
use super::api::Api;
use super::output::table;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List the newest changes, the newest first
    List {
        /// Only those of one account
        #[arg(long)]
        account: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
    /// Print all changes as JSON lines, the oldest first
    Export {
        /// Only those of one account
        #[arg(long)]
        account: Option<String>,
    },
}

impl Audit {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let of = |account: &Option<String>| {
            account
                .as_ref()
                .map(|account| format!("&account={}", segment(account)))
                .unwrap_or_default()
        };
        match self {
            Self::List { account, limit } => {
                let path = format!("/audit?newest=true&limit={limit}{}", of(&account));
                let page = api.send(Method::GET, &path, None).await?;
                let items = items(page);
                table(json, &items, &["at", "who", "what", "target"]);
            }
            Self::Export { account } => {
                let mut after = String::new();
                loop {
                    let path = format!("/audit?limit=500{after}{}", of(&account));
                    let items = items(api.send(Method::GET, &path, None).await?);
                    for item in &items {
                        println!("{item}");
                    }
                    let Some(last) = items.last().and_then(|item| item.get("id")?.as_str()) else {
                        break;
                    };
                    after = format!("&after={}", segment(last));
                }
            }
        }
        Ok(())
    }
}

fn items(page: Option<Value>) -> Vec<Value> {
    page.and_then(|page| page.get("items")?.as_array().cloned())
        .unwrap_or_default()
}
