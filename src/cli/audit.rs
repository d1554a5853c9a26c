//! `vestibule audit`

use clap::{Args, Subcommand};

use super::Global;
use super::account::query;
use super::api::Api;
use super::output::Most;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List the newest changes, the newest first
    List {
        #[command(flatten)]
        which: Which,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Go on where a list before ended: what it said to give here
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
    },
    /// Print all changes as JSON lines, the oldest first
    Export {
        #[command(flatten)]
        which: Which,
    },
}

/// Which changes.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only those of one account
    #[arg(long)]
    account: Option<String>,
    /// Only those by who has this in their name: an email, a client id
    #[arg(long)]
    who: Option<String>,
    /// Only those of this action, as `user.delete`, or of all that begin so: `user`
    #[arg(long, value_name = "ACTION")]
    what: Option<String>,
    /// Only those about what has this in its address
    #[arg(long)]
    target: Option<String>,
    /// Only those from this day or moment on (UTC): `2026-03-01`, `2026-03-01T12:00:00Z`
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only those to the end of this day, or before this moment
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

impl Which {
    fn path(&self, newest: Option<&str>) -> String {
        let given = [
            ("newest", newest),
            ("account", self.account.as_deref()),
            ("who", self.who.as_deref()),
            ("what", self.what.as_deref()),
            ("target", self.target.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
        ];
        query("/audit", given)
    }
}

impl Audit {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::List {
                which,
                limit,
                after,
            } => {
                let limit = Some(limit);
                let path = which.path(Some("true"));
                let found = api.part(&path, &Most { limit, after }).await?;
                found.print(json, &["at", "who", "what", "target"]);
            }
            Self::Export { which } => {
                let path = which.path(None);
                api.each(&path, |entry| println!("{entry}")).await?;
            }
        }
        Ok(())
    }
}
