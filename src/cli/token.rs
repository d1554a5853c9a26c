//! `vestibule token`: what a resource server does with one of our tokens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use url::Url;

use super::Global;
use super::endpoint::policy;
use super::output::show;
use crate::authority::foreign::ForeignAuthority;
use crate::base::{Clock, SystemClock};
use crate::key::{Checks, verify_with_cert};
use crate::outbound::Outbound;

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Check a token by a certificate or by an authority's published keys
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The token, or `-` for stdin
    token: String,
    /// The certificate's file
    #[arg(long, value_name = "FILE", required_unless_present = "authority")]
    cert: Option<PathBuf>,
    /// The authority's URL
    #[arg(long, value_name = "URL", conflicts_with = "cert")]
    authority: Option<Url>,
    /// The audience it must be for
    #[arg(long, default_value = "resource_server")]
    audience: String,
    /// The account it must be of, in its claim `account`
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The issuer it must be from, where a certificate is given
    #[arg(long, value_name = "URL", requires = "cert")]
    issuer: Option<String>,
}

impl Token {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let Self::Verify(verify) = self;
        let token = if verify.token == "-" {
            std::io::read_to_string(std::io::stdin())?.trim().to_owned()
        } else {
            verify.token.clone()
        };
        let now = SystemClock.now();
        let audience = Some(verify.audience.as_str());
        let claims = match (&verify.cert, &verify.authority) {
            (Some(path), _) => {
                let cert = std::fs::read_to_string(path)
                    .with_context(|| format!("`{}` cannot be read", path.display()))?;
                let checks = Checks {
                    issuer: verify.issuer.as_deref(),
                    audience,
                    typ: None,
                    now,
                    leeway: Duration::from_secs(60),
                };
                verify_with_cert(&token, &cert, &checks)?
            }
            (None, Some(authority)) => {
                let outbound = Outbound::new(policy(authority)?, Arc::new(SystemClock))?;
                ForeignAuthority::new(authority, Arc::new(outbound))
                    .verify(&token, audience, now)
                    .await?
            }
            (None, None) => anyhow::bail!("give `--cert` or `--authority`"),
        };
        if let Some(wanted) = &verify.account {
            match claims.text("account") {
                Some(account) if account == wanted => {}
                Some(account) => anyhow::bail!("the token is of the account `{account}`"),
                None => anyhow::bail!("the token is of no account"),
            }
        }
        show(global.json, &Value::Object(claims.all().clone()));
        Ok(())
    }
}
