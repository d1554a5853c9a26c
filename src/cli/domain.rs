//! `vestibule domain`

use clap::Subcommand;
use http::Method;

use super::Global;
use super::account::segment;
use super::api::Api;
use super::confirm::Consent;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum Domain {
    /// Say that a domain of emails is an account's people's; prints the TXT record that proves it
    Prove {
        /// The domain, as in `acme.test`
        domain: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Look the TXT record of a domain up
    Check {
        /// The domain
        domain: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// List the domains that an account's people prove
    List {
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        most: Most,
    },
    /// Take back that a domain is an account's people's
    Remove {
        /// The domain
        domain: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Domain {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let all = |account: &str| format!("/accounts/{}/domains", segment(account));
        let at = |account: &str, domain: &str, end: &str| {
            format!("{}/{}{end}", all(account), segment(domain))
        };
        match self {
            Self::Prove { domain, account } => {
                let path = at(&account, &domain, "");
                let made = api.send(Method::PUT, &path, None).await?;
                show(json, &made.unwrap_or_default());
            }
            Self::Check { domain, account } => {
                let path = at(&account, &domain, "/check");
                let found = api.send(Method::POST, &path, None).await?;
                show(json, &found.unwrap_or_default());
            }
            Self::List { account, most } => {
                let found = api.part(&all(&account), &most).await?;
                let columns = ["domain", "proved", "found", "looked_at", "record_value"];
                found.print(json, &columns);
            }
            Self::Remove {
                domain,
                account,
                consent,
            } => {
                let ends = "Its emails lead to no provider then, unless who administers all accounts says so.";
                consent.ask(&format!("remove the proof of {domain}"), ends)?;
                api.send(Method::DELETE, &at(&account, &domain, ""), None)
                    .await?;
                if !json {
                    println!("the proof is removed");
                }
            }
        }
        Ok(())
    }
}
