//! Applications as the API shows and reads them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::authority::application::{ResponseAlg, Settings, SettingsChange};
use crate::authority::{Application, ClientId, Grant};
use crate::base::{AccountId, Secret, Timestamp};
use crate::operation::given;

/// An OAuth 2.0 client of the broker: no secret in it, but the one just made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Application")]
pub(in crate::admin) struct ApplicationView {
    client_id: ClientId,
    /// The secret that was just made; it is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    name: String,
    /// The account it is limited to; `null`: all accounts.
    account: Option<AccountId>,
    /// What it may ask for.
    scopes: Vec<String>,
    /// How it may ask.
    grants: BTreeSet<Grant>,
    /// Where browsers may be sent with a code; compared to the letter.
    redirect_uris: Vec<String>,
    /// Where browsers may be sent after a logout; compared to the letter.
    post_logout_redirect_uris: Vec<String>,
    /// Where it is notified of logouts.
    backchannel_logout_uri: Option<String>,
    /// What its ID tokens and logout tokens are signed with; `null`: what the
    /// account wants, else by the default key.
    id_token_signed_response_alg: Option<ResponseAlg>,
    /// The audience of its access tokens; `null`: its account's, else the broker's.
    audience: Option<String>,
    /// Whether it can keep no secret; PKCE is required then.
    public: bool,
    #[serde(flatten)]
    settings: Settings,
    /// Its secrets, the newest first.
    secrets: Vec<SecretView>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339, to within five minutes.
    last_used_at: Option<String>,
}

/// A secret, without the secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ApplicationSecret")]
struct SecretView {
    created_at: String,
    /// When it expires.
    expires_at: Option<String>,
}

pub(super) fn shown(
    application: &Application,
    secret: Option<&Secret>,
    used: Option<Timestamp>,
) -> ApplicationView {
    ApplicationView {
        client_id: application.client_id.clone(),
        client_secret: secret.map(|secret| secret.expose().to_owned()),
        name: application.name.clone(),
        account: application.account.clone(),
        scopes: application.scopes.iter().map(str::to_owned).collect(),
        grants: application.grants.clone(),
        redirect_uris: application.redirect_uris.clone(),
        post_logout_redirect_uris: application.post_logout_redirect_uris.clone(),
        backchannel_logout_uri: application.backchannel_logout_uri.clone(),
        id_token_signed_response_alg: application.id_token_signed_response_alg,
        audience: application.audience.clone(),
        public: application.public,
        settings: application.settings.clone(),
        secrets: application
            .secrets
            .iter()
            .map(|secret| SecretView {
                created_at: secret.created_at.rfc3339(),
                expires_at: secret.expires_at.map(Timestamp::rfc3339),
            })
            .collect(),
        created_at: application.created_at.rfc3339(),
        last_used_at: used.map(Timestamp::rfc3339),
    }
}

/// What an application is made of.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewApplication")]
pub(in crate::admin) struct Input {
    /// Made unless given.
    pub(super) client_id: Option<ClientId>,
    /// Made unless given; at least 16 characters.
    pub(super) client_secret: Option<String>,
    pub(super) name: Option<String>,
    /// The account it is limited to; absent or `null`: all accounts.
    pub(super) account: Option<AccountId>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) grants: Option<BTreeSet<Grant>>,
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(super) post_logout_redirect_uris: Vec<String>,
    pub(super) backchannel_logout_uri: Option<String>,
    /// What its ID tokens and logout tokens are signed with; `RS256` unless given
    /// (OpenID Connect Dynamic Client Registration §2), but an application that follows
    /// its account goes on to. `null`: what the account wants, else by the default key.
    /// `HS256` is under its secret, which is 32 characters or longer then, and is chosen
    /// when an application is made.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<ResponseAlg>")]
    pub(super) id_token_signed_response_alg: Option<Option<String>>,
    /// The audience of its access tokens, an absolute URI; its
    /// account's unless given. It takes who administers all accounts to change it.
    pub(super) audience: Option<String>,
    #[serde(default)]
    pub(super) public: bool,
    #[serde(flatten)]
    pub(super) settings: Settings,
}

/// What may change; what is absent stays.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApplicationChange")]
pub(in crate::admin) struct Change {
    pub(super) name: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) grants: Option<BTreeSet<Grant>>,
    pub(super) redirect_uris: Option<Vec<String>>,
    pub(super) post_logout_redirect_uris: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    pub(super) backchannel_logout_uri: Option<Option<String>>,
    /// What its ID tokens and logout tokens are signed with; `null`: what the account
    /// wants, else by the default key. `HS256` is chosen when an application is made.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<ResponseAlg>")]
    pub(super) id_token_signed_response_alg: Option<Option<String>>,
    /// The audience of its access tokens, an absolute URI; `null`: its account's. It
    /// takes who administers all accounts to change it.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    pub(super) audience: Option<Option<String>>,
    #[serde(flatten)]
    pub(super) settings: SettingsChange,
}

/// How to rotate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SecretRotation")]
pub(in crate::admin) struct Rotation {
    /// How long the old secret counts; `24h` unless given.
    pub(super) overlap: Option<String>,
}

/// Which of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Filter {
    /// Only those of this account.
    pub(super) account: Option<String>,
    /// The `next` of the page before.
    pub(super) after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub(super) limit: Option<usize>,
}
