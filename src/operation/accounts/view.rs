//! What is shown of an account.

use schemars::JsonSchema;
use serde::Serialize;

use crate::account::{Account, EmailDomain, StoreFront, UnverifiedEmail};
use crate::base::{AccountId, LoginMethod, ProviderId};
use crate::key::Algorithm;
use crate::password::PasswordRule;

/// One customer of the platform.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub struct AccountView {
    /// Its id, part of addresses.
    pub id: AccountId,
    /// Its name as shoppers read it.
    pub name: String,
    /// Its storefronts; the first is where a login goes when nothing says which.
    pub stores: Vec<StoreFront>,
    /// A logo for its pages, https.
    pub logo_url: Option<String>,
    /// The path, at the broker, of the logo that is kept there; it goes before
    /// `logo_url`. It is set and removed at `/accounts/{account}/logo`.
    pub logo: Option<String>,
    /// An accent colour for its pages: `#rrggbb`.
    pub color: Option<String>,
    /// What its sessions and tokens are signed with; `null`: by the default key.
    pub signing_alg: Option<Algorithm>,
    /// What becomes of an email that nobody vouched for, in `check` and in what
    /// applications get.
    pub unverified_email: UnverifiedEmail,
    /// Whether people may log in by a code that is sent to their email.
    pub access_key: bool,
    /// Whether people may log in with a password.
    pub password: bool,
    /// What passwords must be like.
    pub password_rule: PasswordRule,
    /// After how many days another has to be chosen; `null`: never.
    pub password_expires_days: Option<u32>,
    /// How many of a person's last passwords may not be chosen again.
    pub password_former: u8,
    /// The order of the ways to log in; those it does not name come after.
    pub login_order: Vec<LoginMethod>,
    /// Providers that nobody logs in through now.
    pub providers_off: Vec<ProviderId>,
    /// Whether the email is asked for before the ways to log in are shown.
    pub email_first: bool,
    /// Domains of emails whose people log in through a provider of their own.
    pub email_domains: Vec<EmailDomain>,
    /// Whether its stores' front ends may speak VTEX ID.
    pub vtex_compatible: bool,
    /// The audience of its access tokens; `null`: the broker's.
    pub audience: Option<String>,
    /// When it was created (RFC 3339).
    pub created_at: String,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            logo: account.logo.as_ref().map(|mark| mark.path(&account.id)),
            id: account.id,
            name: account.name,
            stores: account.stores,
            logo_url: account.logo_url,
            color: account.color,
            signing_alg: account.signing_alg,
            unverified_email: account.unverified_email,
            access_key: account.access_key,
            password: account.login.password,
            password_rule: account.login.rules.rule,
            password_expires_days: account.login.rules.expires_after_days,
            password_former: account.login.rules.former,
            login_order: account.login.ways.order,
            providers_off: account.login.ways.off,
            email_first: account.login.ways.email_first,
            email_domains: account.login.ways.domains,
            vtex_compatible: account.login.vtex_compatible,
            audience: account.audience,
            created_at: account.created_at.rfc3339(),
        }
    }
}
