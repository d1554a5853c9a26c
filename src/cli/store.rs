//! `vestibule store`

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::{query, segment};
use super::api::{Api, RequestBody};
use super::confirm::Consent;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Add a storefront to an account
    #[command(alias = "add")]
    Create {
        /// Its origin, as in `https://www.acme.test`
        origin: String,
        /// The account
        #[arg(long)]
        account: String,
        /// The path under which it proxies to the broker
        #[arg(long, value_name = "PATH", default_value = "/_auth")]
        auth_path: String,
    },
    /// List the storefronts of an account, or those that are searched for
    List {
        /// Is in their origin
        search: Option<String>,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        most: Most,
    },
    /// Show a storefront
    Show {
        /// Its origin
        origin: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Give a storefront another path
    Change {
        /// Its origin
        origin: String,
        /// The account
        #[arg(long)]
        account: String,
        /// The path under which it proxies to the broker
        #[arg(long, value_name = "PATH")]
        auth_path: String,
    },
    /// Remove a storefront from an account
    Remove {
        /// Its origin
        origin: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Store {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Create {
                origin,
                account,
                auth_path,
            } => put(api, &account, &origin, &auth_path, json).await,
            Self::Change {
                origin,
                account,
                auth_path,
            } => {
                find(api, &account, &origin).await?;
                put(api, &account, &origin, &auth_path, json).await
            }
            Self::List {
                search,
                account,
                most,
            } => {
                let path = query(path(&account), [("q", search.as_deref())]);
                let found = api.part(&path, &most).await?;
                found.print(json, &["origin", "auth_path"]);
                Ok(())
            }
            Self::Show { origin, account } => {
                show(json, &find(api, &account, &origin).await?);
                Ok(())
            }
            Self::Remove {
                origin,
                account,
                consent,
            } => {
                let ends = "Nobody can log in on it any more. Sessions of its shoppers go on until they end.";
                consent.ask(&format!("remove the store {origin} from {account}"), ends)?;
                let path = format!("{}?origin={}", path(&account), segment(&origin));
                api.send(Method::DELETE, &path, None).await?;
                if !json {
                    println!("{origin} is removed from account {account}");
                }
                Ok(())
            }
        }
    }
}

fn path(account: &str) -> String {
    format!("/accounts/{}/stores", segment(account))
}

async fn find(api: &mut Api, account: &str, origin: &str) -> anyhow::Result<Value> {
    let wanted = origin.trim_end_matches('/');
    api.list(&path(account))
        .await?
        .into_iter()
        .find(|store| store.get("origin").and_then(Value::as_str) == Some(wanted))
        .ok_or_else(|| anyhow::anyhow!("account {account} has no store {origin}; see `vestibule store list --account {account}`"))
}

async fn put(
    api: &mut Api,
    account: &str,
    origin: &str,
    auth_path: &str,
    json: bool,
) -> anyhow::Result<()> {
    let body = json!({ "origin": origin, "auth_path": auth_path });
    let changed = api
        .send(Method::PUT, &path(account), Some(RequestBody::json(&body)))
        .await?;
    show(json, &changed.unwrap_or_default());
    Ok(())
}
