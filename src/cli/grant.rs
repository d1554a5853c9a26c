//! `vestibule grant`

use clap::{Args, Subcommand};
use http::Method;

use super::Global;
use super::account::segment;
use super::api::Api;
use super::output::{show, table};

#[derive(Debug, Subcommand)]
pub(super) enum Grant {
    /// List what people granted to applications, while a token of it lives
    List {
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        whose: Whose,
        /// How many at most; all unless given
        #[arg(long)]
        limit: Option<usize>,
    },
    /// List what people allowed applications that have to ask
    Consents {
        /// The account
        #[arg(long)]
        account: String,
        #[command(flatten)]
        whose: Whose,
        /// How many at most; all unless given
        #[arg(long)]
        limit: Option<usize>,
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
    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, given) in [("user", &self.user), ("application", &self.application)] {
            if let Some(text) = given {
                query.append_pair(name, text);
            }
        }
        query.finish()
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
                limit,
            } => {
                let path = format!("{}?{}", path(&account), whose.query());
                let items = api.first(&path, limit.unwrap_or(usize::MAX)).await?;
                let columns = [
                    "id",
                    "user",
                    "application",
                    "scopes",
                    "granted_at",
                    "expires_at",
                ];
                table(json, &items, &columns);
            }
            Self::Consents {
                account,
                whose,
                limit,
            } => {
                let path = format!("/accounts/{}/consents?{}", segment(&account), whose.query());
                let items = api.first(&path, limit.unwrap_or(usize::MAX)).await?;
                table(json, &items, &["user", "application", "scopes", "given_at"]);
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
                let path = format!("/accounts/{}/consents?{}", segment(&account), whose.query());
                api.send(Method::DELETE, &path, None).await?;
                if !json {
                    println!("the consent is withdrawn");
                }
            }
            Self::Revoke { id, account, whose } => {
                let path = match id {
                    Some(id) => format!("{}/{}", path(&account), segment(&id)),
                    None => format!("{}?{}", path(&account), whose.query()),
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
