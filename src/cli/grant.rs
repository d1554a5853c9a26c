//! `vestibule grant`

use clap::{Args, Subcommand};
use http::Method;

use super::Global;
use super::account::{query, segment};
use super::api::Api;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum Grant {
    /// List what people granted to applications, while a token of it lives
    List {
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        most: Most,
    },
    /// List what people allowed applications that have to ask
    Consents {
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        most: Most,
    },
    /// Take a consent back: the application has to ask again, and what it was granted ends
    Withdraw {
        /// The account
        #[arg(long)]
        account: String,
        /// The user, by id or email
        #[arg(long)]
        user: String,
        /// The application, by its client id
        #[arg(long, value_name = "CLIENT_ID")]
        application: String,
    },
    /// End a grant, or all of a user or an application: its refresh and access tokens
    Revoke {
        /// The grant's id, as listed
        #[arg(required_unless_present_any = ["user", "application"], conflicts_with_all = ["user", "application"])]
        id: Option<String>,
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        whose: Whose,
    },
}

#[derive(Debug, Args)]
pub(super) struct Whose {
    /// Those of this user, by id or email
    #[arg(long)]
    user: Option<String>,
    /// Those to this application, by its client id
    #[arg(long, value_name = "CLIENT_ID")]
    application: Option<String>,
}

impl Whose {
    /// A path, for those of them only.
    fn of(&self, path: String) -> String {
        let (user, application) = (self.user.as_deref(), self.application.as_deref());
        query(path, [("user", user), ("application", application)])
    }
}

impl Grant {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let path = |account: &str| format!("/accounts/{}/grants", segment(account));
        match self {
            Self::List {
                account,
                whose,
                most,
            } => {
                let path = whose.of(path(&account));
                let found = api.part(&path, &most).await?;
                let columns = [
                    "id",
                    "user",
                    "application",
                    "scopes",
                    "granted_at",
                    "expires_at",
                ];
                found.print(json, &columns);
            }
            Self::Consents {
                account,
                whose,
                most,
            } => {
                let path = whose.of(format!("/accounts/{}/consents", segment(&account)));
                let found = api.part(&path, &most).await?;
                found.print(json, &["user", "application", "scopes", "given_at"]);
            }
            Self::Withdraw {
                account,
                user,
                application,
            } => {
                let whose = Whose {
                    user: Some(user),
                    application: Some(application),
                };
                let path = whose.of(format!("/accounts/{}/consents", segment(&account)));
                api.send(Method::DELETE, &path, None).await?;
                if !json {
                    println!("the consent is withdrawn");
                }
            }
            Self::Revoke { id, account, whose } => {
                let path = match id {
                    Some(id) => format!("{}/{}", path(&account), segment(&id)),
                    None => whose.of(path(&account)),
                };
                match api.send(Method::DELETE, &path, None).await? {
                    Some(answer) => show(json, &answer),
                    None if !json => println!("the grant is revoked"),
                    None => {}
                }
            }
        }
        Ok(())
    }
}
