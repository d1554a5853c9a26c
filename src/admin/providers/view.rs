//! A mapping as the API shows it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::account::mapping::Mapping;
use crate::admin::Admin;
use crate::admin::mappings::{as_json, as_toml};
use crate::base::{AccountId, ProviderId};
use crate::document::Finding;
use crate::provider::Provider;
use crate::store::Versioned;

/// A mapping as the API shows it: no secret in it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
pub(in crate::admin) struct ProviderView {
    provider: ProviderId,
    /// Its name as shoppers read it.
    name: String,
    /// Whether it is one of the built-in choices rather than the account's custom one.
    built_in: bool,
    /// Which version of this mapping it is, from 1.
    version: u64,
    /// When it was applied (RFC 3339).
    applied_at: String,
    /// Who applied it.
    author: String,
    /// The redirect URI to register at the provider; absent where the mapping no longer compiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<String>,
    /// Where the provider says that a session of its own ended (OpenID Connect Back-Channel Logout), to register there too; absent where it speaks no OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    backchannel_logout_uri: Option<String>,
    /// The same by the browser (OpenID Connect Front-Channel Logout), with the session required.
    #[serde(skip_serializing_if = "Option::is_none")]
    frontchannel_logout_uri: Option<String>,
    /// The mapping, secrets as `[redacted]`; send it back with `PUT`, and they stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping: Option<Map<String, Value>>,
    /// The same as the TOML that is stored, with its comments.
    #[serde(skip_serializing_if = "Option::is_none")]
    toml: Option<String>,
    /// What a check of it has to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) findings: Vec<Finding>,
}

impl ProviderView {
    pub(super) fn of(mapping: &Mapping, with_source: bool) -> Self {
        Self {
            provider: mapping.provider.clone(),
            name: mapping.name.clone(),
            built_in: mapping.is_built_in(),
            version: mapping.number,
            applied_at: mapping.applied_at.rfc3339(),
            author: mapping.author.clone(),
            redirect_uri: None,
            backchannel_logout_uri: None,
            frontchannel_logout_uri: None,
            mapping: with_source.then(|| as_json(&mapping.source)),
            toml: with_source.then(|| as_toml(&mapping.source)),
            findings: Vec::new(),
        }
    }

    /// With what is known of it as it is live.
    pub(super) fn live(
        mut self,
        admin: &Admin,
        account: &AccountId,
        found: &Versioned<Mapping>,
    ) -> Self {
        match admin.mappings.compiled(account, found) {
            Ok(provider) => {
                self.addresses(admin, account, &provider);
                self.findings.clone_from(&provider.warnings);
            }
            Err(findings) => self.findings = findings,
        }
        self
    }

    /// What is to be registered at the provider.
    pub(super) fn addresses(&mut self, admin: &Admin, account: &AccountId, provider: &Provider) {
        self.redirect_uri = Some(admin.mappings.redirect_uri(account, provider));
        if let Some([back, front]) = admin.mappings.logout_uris(account, provider) {
            self.backchannel_logout_uri = Some(back);
            self.frontchannel_logout_uri = Some(front);
        }
    }

    /// Without what is of no use in a list: of the findings those stay that keep
    /// logins from working, or working safely.
    pub(super) fn listed(mut self) -> Self {
        self.findings
            .retain(|finding| finding.is_error() || finding.key.starts_with("callback"));
        self
    }
}
