//! `vestibule app`

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::Global;
use super::account::{query, segment};
use super::api::{Api, RequestBody, or_null};
use super::confirm::Consent;
use super::output::{Most, show};

#[derive(Debug, Subcommand)]
pub(super) enum App {
    /// Create an application, an OAuth 2.0 client; prints its secret, once
    Create(Box<Create>),
    /// List applications
    List {
        /// Only those of this account
        #[arg(long)]
        account: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Show an application
    Show {
        /// Its client id
        client_id: String,
    },
    /// Change an application; its id and secret stay
    Change {
        /// Its client id
        client_id: String,
        /// Its new name
        #[arg(long = "rename", value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Add a secret, and print it once; the old one counts for a while
    Rotate {
        /// Its client id
        client_id: String,
        /// How long the old secret counts
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
    },
    /// Remove an application; its tokens end
    Remove {
        /// Its client id
        client_id: String,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name as people read it
    #[arg(long)]
    name: Option<String>,
    /// The account it serves; without it, all
    #[arg(long)]
    account: Option<String>,
    /// Its client id; generated unless given
    #[arg(long)]
    client_id: Option<String>,
    /// Read its secret from this variable; generated unless given
    #[arg(long, value_name = "VARIABLE")]
    client_secret_env: Option<String>,
    /// It can keep no secret (a browser's or a phone's program); PKCE is required
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    rest: Settings,
}

#[derive(Debug, Args)]
pub(super) struct Settings {
    /// A scope it may ask for, as in `admin:read`; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How it may ask: `authorization_code`, `client_credentials`, `password`, `refresh_token`, `impersonate`, `external_sign_in`, `urn:ietf:params:oauth:grant-type:token-exchange`, `urn:ietf:params:oauth:grant-type:device_code`; may be repeated
    #[arg(long = "grant", value_name = "GRANT")]
    grants: Vec<String>,
    /// Where browsers may be sent with a code; may be repeated
    #[arg(long = "redirect-uri", value_name = "URL")]
    redirect_uris: Vec<String>,
    /// Where browsers may be sent after a logout; may be repeated
    #[arg(long = "post-logout-redirect-uri", value_name = "URL")]
    post_logout_redirect_uris: Vec<String>,
    /// Where it is notified of logouts
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// What its ID tokens and logout tokens are signed with: `RS256`, which a new one has, `ES256`, or `HS256` under its secret; empty: what its account wants
    #[arg(long, value_name = "ALGORITHM")]
    id_token_signed_response_alg: Option<String>,
    /// The audience of its access tokens, an absolute URI; empty: its account's
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// How it proves who it is: `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt`; empty: by its secret, in HTTP Basic or the body
    #[arg(long, value_name = "METHOD")]
    token_endpoint_auth_method: Option<String>,
    /// A file with its public keys, a JWK Set; empty: none
    #[arg(long, value_name = "FILE")]
    jwks: Option<String>,
    /// Where it publishes its public keys; empty: nowhere
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// Where it runs: `web`, or `native` for private-use schemes and any loopback port
    #[arg(long, value_name = "TYPE")]
    application_type: Option<String>,
    /// Whether its logins need PKCE: `on` or `off`
    #[arg(long, value_name = "ON|OFF")]
    require_pkce: Option<OnOff>,
    /// Whether its authorization requests are pushed: `off`, `allowed` or `required`
    #[arg(long, value_name = "WHICH")]
    pushed_authorization_requests: Option<String>,
    /// A resource it may ask tokens for, an absolute URI; may be repeated
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// How long its access tokens live, as in `1h`; empty: as the broker's
    #[arg(long, value_name = "TIME")]
    access_token_lifetime: Option<String>,
    /// How long its refresh tokens live from their last use, as in `7d`; empty: as the broker's
    #[arg(long, value_name = "TIME")]
    refresh_token_lifetime: Option<String>,
    /// How long it can refresh after a login, as in `90d`; empty: as long as it does
    #[arg(long, value_name = "TIME")]
    refresh_token_absolute_lifetime: Option<String>,
    /// Claims that its ID tokens have, of those that its scopes give, as in `email,name`; empty: all
    #[arg(long, value_name = "CLAIMS")]
    id_token_claims: Option<String>,
    /// Claims that userinfo has for it; empty: all that its scopes give
    #[arg(long, value_name = "CLAIMS")]
    userinfo_claims: Option<String>,
    /// Claims about the user that its access tokens have, as in `email,groups`; empty: none
    #[arg(long, value_name = "CLAIMS")]
    access_token_claims: Option<String>,
    /// Whether people are asked before their first login to it: `on` or `off`
    #[arg(long, value_name = "ON|OFF")]
    consent: Option<OnOff>,
    /// Whether its refresh tokens stay the same: `on` or `off`
    #[arg(long, value_name = "ON|OFF")]
    reuse_refresh_tokens: Option<OnOff>,
    /// Whether token requests of its account that name no client are its own, as storefronts of Virto Commerce send them: `on` or `off`
    #[arg(long, value_name = "ON|OFF")]
    unnamed_requests: Option<OnOff>,
    /// Whether its tokens have the claims that Virto Commerce reads: `on` or `off`
    #[arg(long, value_name = "ON|OFF")]
    virto_claims: Option<OnOff>,
    /// A role in tokens of its own, with `--virto-claims on`; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The group whose members may act as other users; empty: nobody
    #[arg(long, value_name = "GROUP")]
    impersonation_group: Option<String>,
}

/// A switch on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnOff {
    On,
    Off,
}

impl Settings {
    fn body(self) -> anyhow::Result<Map<String, Value>> {
        let mut body = Map::new();
        for (key, list) in [
            ("scopes", self.scopes),
            ("grants", self.grants),
            ("redirect_uris", self.redirect_uris),
            ("post_logout_redirect_uris", self.post_logout_redirect_uris),
            ("resources", self.resources),
            ("roles", self.roles),
        ] {
            if !list.is_empty() {
                body.insert(key.into(), list.into());
            }
        }
        for (key, given) in [
            ("backchannel_logout_uri", self.backchannel_logout_uri),
            (
                "id_token_signed_response_alg",
                self.id_token_signed_response_alg,
            ),
            ("audience", self.audience),
            (
                "token_endpoint_auth_method",
                self.token_endpoint_auth_method,
            ),
            ("jwks_uri", self.jwks_uri),
            ("impersonation_group", self.impersonation_group),
            ("application_type", self.application_type),
            (
                "pushed_authorization_requests",
                self.pushed_authorization_requests,
            ),
            ("access_token_lifetime", self.access_token_lifetime),
            ("refresh_token_lifetime", self.refresh_token_lifetime),
            (
                "refresh_token_absolute_lifetime",
                self.refresh_token_absolute_lifetime,
            ),
        ] {
            if let Some(text) = given {
                body.insert(key.into(), or_null(text));
            }
        }
        for (key, given) in [
            ("require_pkce", self.require_pkce),
            ("reuse_refresh_tokens", self.reuse_refresh_tokens),
            ("consent", self.consent),
            ("unnamed_requests", self.unnamed_requests),
            ("virto_claims", self.virto_claims),
        ] {
            if let Some(given) = given {
                body.insert(key.into(), (given == OnOff::On).into());
            }
        }
        for (key, given) in [
            ("id_token_claims", self.id_token_claims),
            ("userinfo_claims", self.userinfo_claims),
            ("access_token_claims", self.access_token_claims),
        ] {
            if let Some(text) = given {
                let names = text.split([',', ' ']).filter(|name| !name.is_empty());
                let names: Vec<&str> = names.collect();
                let value = if names.is_empty() {
                    Value::Null
                } else {
                    names.into()
                };
                body.insert(key.into(), value);
            }
        }
        if let Some(file) = self.jwks {
            body.insert("jwks".into(), jwks(&file)?);
        }
        Ok(body)
    }
}

/// The key set in a file.
fn jwks(file: &str) -> anyhow::Result<Value> {
    if file.is_empty() {
        return Ok(Value::Null);
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| anyhow::anyhow!("{file} cannot be read: {error}"))?;
    serde_json::from_str(&text).map_err(|error| anyhow::anyhow!("{file} is not JSON: {error}"))
}

impl Create {
    fn body(self) -> anyhow::Result<Value> {
        let mut body = self.rest.body()?;
        if let Some(variable) = self.client_secret_env {
            let secret = std::env::var(&variable)
                .map_err(|_| anyhow::anyhow!("the variable {variable} is not set"))?;
            body.insert("client_secret".into(), secret.into());
        }
        for (key, given) in [
            ("name", self.name),
            ("account", self.account),
            ("client_id", self.client_id),
        ] {
            if let Some(text) = given {
                body.insert(key.into(), text.into());
            }
        }
        body.insert("public".into(), self.public.into());
        Ok(Value::Object(body))
    }
}

impl App {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        let path = |id: &str| format!("/applications/{}", segment(id));
        match self {
            Self::Create(create) => {
                let body = RequestBody::json(&create.body()?);
                let made = api.send(Method::POST, "/applications", Some(body)).await?;
                printed(json, &made.unwrap_or_default());
            }
            Self::List { account, most } => {
                let path = query("/applications", [("account", account.as_deref())]);
                let found = api.part(&path, &most).await?;
                let columns = ["client_id", "name", "account", "grants", "last_used_at"];
                found.print(json, &columns);
            }
            Self::Show { client_id } => {
                let found = api.send(Method::GET, &path(&client_id), None).await?;
                show(json, &found.unwrap_or_default());
            }
            Self::Change {
                client_id,
                rename,
                settings,
            } => {
                let mut body = settings.body()?;
                if let Some(name) = rename {
                    body.insert("name".into(), name.into());
                }
                let body = Value::Object(body);
                let changed = api
                    .send(
                        Method::PATCH,
                        &path(&client_id),
                        Some(RequestBody::json(&body)),
                    )
                    .await?;
                show(json, &changed.unwrap_or_default());
            }
            Self::Rotate { client_id, overlap } => {
                let path = format!("{}/rotate", path(&client_id));
                let body = RequestBody::json(&json!({ "overlap": overlap }));
                let made = api.send(Method::POST, &path, Some(body)).await?;
                printed(json, &made.unwrap_or_default());
            }
            Self::Remove { client_id, consent } => {
                let ends = "It gets no more tokens, and what people granted to it ends.";
                consent.ask(&format!("remove the application {client_id}"), ends)?;
                api.send(Method::DELETE, &path(&client_id), None).await?;
                if !json {
                    println!("application {client_id} is removed");
                }
            }
        }
        Ok(())
    }
}

fn printed(json: bool, made: &Value) {
    show(json, made);
    if !json && made.get("client_secret").is_some() {
        eprintln!("keep `client_secret` now: it is not shown again");
    }
}
