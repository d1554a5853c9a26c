//! `vestibule setup-link`

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::segment;
use super::api::{Api, RequestBody};
use super::confirm::Consent;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum SetupLink {
    /// Make a link by which an account's own people set up its providers; prints it, once
    Create {
        /// For whom it is: `Ada at Acme`
        name: String,
        /// How many days it counts, 1 to 30
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// What is handed in goes live by itself, where the checks find nothing
        #[arg(long)]
        goes_live: bool,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// List an account's set-up links, with what was handed in
    List {
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        most: Most,
    },
    /// Show a set-up link, with what was handed in by it and what that would change
    Show {
        /// The link's id, as listed
        id: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Approve what was handed in: it counts from the next login on
    Approve {
        /// The link's id, as listed
        id: String,
        /// What a refusal asked for: `redirect-uri`, `same-people`, `new-people`
        #[arg(long, value_name = "WHAT", default_value = "")]
        accept: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Send back what was handed in
    SendBack {
        /// The link's id, as listed
        id: String,
        /// What is to be changed, a sentence for who handed it in
        why: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Revoke a set-up link; its session ends at once
    Revoke {
        /// The link's id, as listed
        id: String,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        consent: Consent,
    },
}

impl SetupLink {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let links = |account: &str| format!("/accounts/{}/setup-links", segment(account));
        let at =
            |account: &str, id: &str, end: &str| format!("{}/{}{end}", links(account), segment(id));
        match self {
            Self::Create {
                name,
                days,
                goes_live,
                account,
            } => {
                let new = json!({ "name": name, "days": days, "goes_live": goes_live });
                let body = Some(RequestBody::json(&new));
                let made = api.send(Method::POST, &links(&account), body).await?;
                show(json, &made.unwrap_or_default());
            }
            Self::List { account, most } => {
                let mut found = api.part(&links(&account), &most).await?;
                if !json {
                    for item in &mut found.items {
                        waiting(item);
                    }
                }
                let columns = [
                    "id",
                    "name",
                    "state",
                    "handed_in",
                    "goes_live",
                    "expires_at",
                ];
                found.print(json, &columns);
            }
            Self::Show { id, account } => {
                let found = api.send(Method::GET, &at(&account, &id, ""), None).await?;
                show(json, &found.unwrap_or_default());
            }
            Self::Approve {
                id,
                accept,
                account,
                consent,
            } => {
                let found = api.send(Method::GET, &at(&account, &id, ""), None).await?;
                let handed_in = &found.unwrap_or_default()["handed_in"];
                let text = |name: &str| handed_in[name].as_str().unwrap_or_default().to_owned();
                if !json && handed_in.is_object() {
                    show(json, handed_in);
                }
                // What was shown is what goes live, whatever is handed in meanwhile.
                let seen = text("id");
                let ends = "It counts from the next login on.";
                consent.ask(
                    &format!("approve the mapping of {}", text("provider")),
                    ends,
                )?;
                let path = format!(
                    "{}?accept={}&handed_in={}",
                    at(&account, &id, "/approve"),
                    segment(&accept),
                    segment(&seen)
                );
                let done = api.send(Method::POST, &path, None).await?;
                show(json, &done.unwrap_or_default());
            }
            Self::SendBack { id, why, account } => {
                let path = at(&account, &id, "/send-back");
                let body = Some(RequestBody::json(&json!({ "why": why })));
                let done = api.send(Method::POST, &path, body).await?;
                show(json, &done.unwrap_or_default());
            }
            Self::Revoke {
                id,
                account,
                consent,
            } => {
                let ends =
                    "Its session ends, and what was handed in by it and is not live is forgotten.";
                consent.ask(&format!("revoke the set-up link {id}"), ends)?;
                let path = at(&account, &id, "");
                api.send(Method::DELETE, &path, None).await?;
                if !json {
                    println!("the set-up link is revoked");
                }
            }
        }
        Ok(())
    }
}

/// What was handed in, as a table has room for it.
fn waiting(link: &mut Value) {
    let handed_in = &link["handed_in"];
    let said = match (handed_in.is_object(), handed_in["sent_back"].is_object()) {
        (false, _) => Value::Null,
        (_, true) => "sent back".into(),
        (_, false) => handed_in["name"].clone(),
    };
    link["handed_in"] = said;
}
