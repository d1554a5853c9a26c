//! `vestibule account`

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use super::Global;
use super::api::{Api, RequestBody, or_null};
use super::confirm::Consent;
use super::output::{Most, show};
use crate::key::Algorithm;

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Create an account
    Create {
        /// Its id: lower-case letters, digits and `-`
        id: String,
        /// Its name as shoppers read it
        #[arg(long)]
        name: Option<String>,
        /// A storefront's origin, as in `https://www.acme.test`; may be repeated
        #[arg(long = "store", value_name = "ORIGIN")]
        stores: Vec<String>,
        /// The path under which the storefronts proxy to the broker
        #[arg(long, value_name = "PATH", default_value = "/_auth")]
        auth_path: String,
        /// What its sessions and tokens are signed with: `ES256` or `RS256`; by the default key unless given
        #[arg(long, value_name = "ALGORITHM")]
        signing_alg: Option<Algorithm>,
        /// The audience of its access tokens, an absolute URI; the broker's unless given
        #[arg(long, value_name = "URI")]
        audience: Option<String>,
    },
    /// List accounts, or those that are searched for
    #[command(alias = "search")]
    List {
        /// Is in their id, their name or a store's origin
        search: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Show an account
    Show {
        /// Its id
        id: String,
    },
    /// Change an account
    Change {
        /// Its id
        id: String,
        #[command(flatten)]
        change: Change,
    },
    /// Keep a logo for an account's pages: a PNG, JPEG, WebP or SVG of at most 128 KiB
    Logo {
        /// Its id
        id: String,
        /// The picture
        #[arg(required_unless_present = "remove")]
        file: Option<PathBuf>,
        /// Remove the logo that is kept
        #[arg(long, conflicts_with = "file")]
        remove: bool,
    },
    /// Remove an account with its mappings, users and sessions
    Remove {
        /// Its id
        id: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// What is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// On
    On,
    /// Off
    Off,
}

#[derive(Debug, Args)]
#[group(id = "account_change", required = true, multiple = true)]
pub(super) struct Change {
    /// Its name as shoppers read it
    #[arg(long)]
    name: Option<String>,
    /// An https URL of its logo; empty removes it
    #[arg(long, value_name = "URL")]
    logo: Option<String>,
    /// Its accent colour, as in #0b5fff; empty removes it
    #[arg(long, value_name = "COLOUR")]
    color: Option<String>,
    /// What its sessions and tokens are signed with: `ES256` or `RS256`; empty: by the default key
    #[arg(long, value_name = "ALGORITHM")]
    signing_alg: Option<String>,
    /// What `check` and applications get of an email that nobody vouched for: `mark`, `withhold` or `refuse`
    #[arg(long, value_name = "RULE")]
    unverified_email: Option<String>,
    /// Whether people may log in by a code that is sent to their email: `on` or `off`
    #[arg(long, value_name = "SWITCH")]
    access_key: Option<Switch>,
    /// Whether people may log in with a password: `on` or `off`
    #[arg(long, value_name = "SWITCH")]
    password: Option<Switch>,
    /// What passwords must be like: `classes` (8 characters, a digit, a lower-case and an upper-case letter) or `length` (10 characters, and none that many people have)
    #[arg(long, value_name = "RULE")]
    password_rule: Option<String>,
    /// After how many days another password has to be chosen; 0: never
    #[arg(long, value_name = "DAYS")]
    password_expires_days: Option<u32>,
    /// How many of a person's last passwords may not be chosen again
    #[arg(long, value_name = "NUMBER")]
    password_former: Option<u8>,
    /// The order of the ways to log in, with commas: `access_key`, `password` and providers; empty: none
    #[arg(long, value_name = "WAYS")]
    login_order: Option<String>,
    /// Providers that nobody logs in through now, with commas; their mappings stay; empty: none
    #[arg(long, value_name = "PROVIDERS")]
    providers_off: Option<String>,
    /// Whether the email is asked for before the ways to log in are shown: `on` or `off`
    #[arg(long, value_name = "SWITCH")]
    email_first: Option<Switch>,
    /// Domains of emails and the provider of each, with commas, as in `acme.test=acme:verified`; without `:verified` a domain leads nowhere yet; empty: none
    #[arg(long, value_name = "DOMAINS")]
    email_domains: Option<String>,
    /// Whether its stores' front ends may speak VTEX ID, below `/api/vtexid`: `on` or `off`
    #[arg(long, value_name = "SWITCH")]
    vtex_compatible: Option<Switch>,
    /// The audience of its access tokens, an absolute URI; empty: the broker's
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// What every application keeps to for its people; may be repeated. `access_token_lifetime`, `refresh_token_lifetime`, `refresh_token_absolute_lifetime` (as in `15m`), `require_pkce`, `consent`, `rotate_refresh_tokens` (`on` or `off`), `scopes`, `claims` (with spaces between names); empty: not demanded
    #[arg(long, value_name = "KEY=VALUE")]
    application_policy: Vec<String>,
}

impl Account {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Create {
                id,
                name,
                stores,
                auth_path,
                signing_alg,
                audience,
            } => {
                let stores: Vec<Value> = stores
                    .into_iter()
                    .map(|origin| json!({ "origin": origin, "auth_path": auth_path }))
                    .collect();
                let body = json!({
                    "id": id,
                    "name": name.unwrap_or_else(|| id.clone()),
                    "stores": stores,
                    "signing_alg": signing_alg,
                    "audience": audience,
                });
                let made = api
                    .send(Method::POST, "/accounts", Some(RequestBody::json(&body)))
                    .await?;
                show(json, &made.unwrap_or_default());
            }
            Self::List { search, most } => {
                let path = query("/accounts", [("q", search.as_deref())]);
                let found = api.part(&path, &most).await?;
                found.print(json, &["id", "name", "stores"]);
            }
            Self::Show { id } => {
                let found = api
                    .send(Method::GET, &format!("/accounts/{}", segment(&id)), None)
                    .await?;
                show(json, &found.unwrap_or_default());
            }
            Self::Change { id, change } => {
                let body = change.body()?;
                let path = format!("/accounts/{}", segment(&id));
                let changed = api
                    .send(
                        Method::PATCH,
                        &path,
                        Some(RequestBody::json(&Value::Object(body))),
                    )
                    .await?;
                show(json, &changed.unwrap_or_default());
            }
            Self::Logo {
                id,
                file,
                remove: _,
            } => {
                let path = format!("/accounts/{}/logo", segment(&id));
                let changed = match file {
                    Some(file) => {
                        let body = logo(&file)?;
                        let body = RequestBody::json(&body);
                        api.send(Method::PUT, &path, Some(body)).await?
                    }
                    None => api.send(Method::DELETE, &path, None).await?,
                };
                show(json, &changed.unwrap_or_default());
            }
            Self::Remove { id, consent } => {
                let ends = "Its providers, users, sessions and applications go with it; shoppers can no longer log in.";
                consent.ask(&format!("remove the account {id}"), ends)?;
                api.send(Method::DELETE, &format!("/accounts/{}", segment(&id)), None)
                    .await?;
                if !json {
                    println!("account {id} is removed");
                }
            }
        }
        Ok(())
    }
}

impl Change {
    /// What the API is to change.
    fn body(self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        if let Some(name) = self.name {
            body.insert("name".into(), name.into());
        }
        for (key, given) in [
            ("logo_url", self.logo),
            ("color", self.color),
            ("signing_alg", self.signing_alg),
            ("unverified_email", self.unverified_email),
            ("audience", self.audience),
        ] {
            if let Some(text) = given {
                body.insert(key.into(), or_null(text));
            }
        }
        for (key, given) in [
            ("access_key", self.access_key),
            ("password", self.password),
            ("email_first", self.email_first),
            ("vtex_compatible", self.vtex_compatible),
        ] {
            if let Some(switch) = given {
                body.insert(key.into(), (switch == Switch::On).into());
            }
        }
        for (key, given) in [
            ("login_order", self.login_order),
            ("providers_off", self.providers_off),
        ] {
            if let Some(names) = given {
                body.insert(key.into(), names_of(&names).collect());
            }
        }
        if let Some(list) = self.email_domains {
            body.insert(
                "email_domains".into(),
                names_of(&list).map(domain).collect(),
            );
        }
        if let Some(rule) = self.password_rule {
            body.insert("password_rule".into(), rule.into());
        }
        if let Some(days) = self.password_expires_days {
            body.insert("password_expires_days".into(), days.into());
        }
        if let Some(former) = self.password_former {
            body.insert("password_former".into(), former.into());
        }
        if !self.application_policy.is_empty() {
            let given = self.application_policy.iter();
            let members = given.map(|given| demand(given));
            let members = members.collect::<anyhow::Result<Map<String, Value>>>()?;
            body.insert("application_policy".into(), members.into());
        }
        Ok(body)
    }
}

/// `require_pkce=on`, `scopes=openid email`, `access_token_lifetime=15m`
fn demand(given: &str) -> anyhow::Result<(String, Value)> {
    let Some((key, value)) = given.split_once('=') else {
        bail!("--application-policy takes KEY=VALUE, as in require_pkce=on");
    };
    let (key, value) = (key.trim(), value.trim());
    let value = match (key, value) {
        (_, "") => Value::Null,
        ("require_pkce" | "consent" | "rotate_refresh_tokens", switch) => {
            match Switch::from_str(switch, true) {
                Ok(switch) => (switch == Switch::On).into(),
                Err(_) => bail!("--application-policy: `{key}` is `on` or `off`"),
            }
        }
        ("scopes" | "claims", names) => names.split_whitespace().collect(),
        (_, text) => text.into(),
    };
    Ok((key.to_owned(), value))
}

/// A picture as the API takes it. Of a file that is larger than any that it takes, no
/// more is read.
fn logo(file: &Path) -> anyhow::Result<Value> {
    let cannot = || format!("cannot read {}", file.display());
    let from = std::fs::File::open(file).with_context(cannot)?;
    let mut bytes = Vec::new();
    from.take(256 << 10)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    Ok(json!({ "image": STANDARD.encode(&bytes) }))
}

/// The names in a list with commas.
fn names_of(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// `acme.test=acme:verified`
fn domain(text: &str) -> Value {
    let (domain, provider) = text.split_once('=').unwrap_or((text, ""));
    let (provider, verified) = match provider.strip_suffix(":verified") {
        Some(provider) => (provider, true),
        None => (provider, false),
    };
    json!({ "domain": domain, "provider": provider, "verified": verified })
}

/// A path with what of these was given as its query.
pub(super) fn query<'a>(
    path: impl Into<String>,
    given: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let mut path = path.into();
    for (name, text) in given {
        if let Some(text) = text {
            let join = if path.contains('?') { "&" } else { "?" };
            path.extend([join, name, "=", &segment(text)]);
        }
    }
    path
}

/// One segment of a path, whatever was typed.
pub(super) fn segment(text: &str) -> String {
    crate::provider::request::encode(text)
}
