//! Turns a mapping file into a [`Provider`], or into everything that is wrong with it.
//!
//! Checks go on after the first mistake: each helper notes a [`Finding`] and
//! gives a stand-in, and a provider comes out only if no error was noted.

mod body;
mod client;
mod fields;
mod later;
mod mapped;
mod pushed;
mod redirect;
mod refresh;
mod sections;
mod sign;
mod slots;
mod suspect;
mod token;
mod urls;
mod userinfo;

use std::sync::LazyLock;

use serde_json::Value;

use super::file::{Authentication, Kind, Pkce, ProviderFile, SendToken, Source};
use super::hosts::Hosts;
use super::model::{Callback, Issuer, ProfileSource, Provider};
use super::redirect::Redirects;
use super::{blanks, bundled};
use crate::base::{ProviderId, Secret};
use crate::document::Finding;
use crate::document::structure::{self, Spans};
use crate::outbound::Policy;

/// What a mapping is compiled against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Where its URLs may point.
    pub policy: &'a Policy,
    /// What its redirect URI is made of.
    pub redirects: &'a Redirects,
}

/// The longest mapping that is read, in bytes.
pub const MAX_FILE: usize = 256 << 10;

/// The JSON Schema of a mapping, generated from the structs.
pub static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(schemars::schema_for!(ProviderFile)).unwrap_or_default());

/// Findings without the advice that is about files, where a secret was typed: the broker
/// keeps it, and no file has it.
pub fn without_file_advice(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| finding.is_error() || finding.key != "client.secret");
    findings
}

/// Compiles a mapping in TOML.
///
/// # Errors
/// Every finding, warnings included, in the order of the file.
pub fn compile_toml(source: &str, context: Context<'_>) -> Result<Provider, Vec<Finding>> {
    if source.len() > MAX_FILE {
        return Err(vec![Finding::error(
            "",
            format!("the mapping is longer than {} KiB", MAX_FILE >> 10),
        )]);
    }
    let (value, spans, findings) = structure::parse_toml(source);
    compile_value(value, &spans, findings, context)
}

/// Compiles a mapping given as JSON.
///
/// # Errors
/// Every finding, without lines and columns.
pub fn compile_json(value: Value, context: Context<'_>) -> Result<Provider, Vec<Finding>> {
    compile_value(value, &Spans::default(), Vec::new(), context)
}

fn compile_value(
    mut value: Value,
    spans: &Spans,
    mut findings: Vec<Finding>,
    context: Context<'_>,
) -> Result<Provider, Vec<Finding>> {
    // Where a line can't be read, what seems to be missing may stand in it.
    let torn = findings.iter().any(|f| f.text.is_none());
    findings.extend(structure::check(&mut value, &SCHEMA, spans));
    findings.extend(
        blanks::unfilled(&value)
            .into_iter()
            .map(|finding| spans.place(finding)),
    );
    if !context.policy.bundled_ids_elsewhere {
        findings.extend(bundled::imitation(&value).map(|finding| spans.place(finding)));
    }
    let unreadable: Vec<String> = findings.iter().map(|f| f.key.clone()).collect();
    let file: ProviderFile = match serde_json::from_value(value) {
        Ok(file) => file,
        Err(error) => {
            findings.push(Finding::error(
                "",
                format!("the mapping cannot be read: {error}"),
            ));
            return Err(findings);
        }
    };
    let mut check = Check {
        context,
        findings: Vec::new(),
        unreadable,
        torn,
        hosts: Hosts::default(),
        secrets: file.client.secrets.keys().cloned().collect(),
    };
    let provider = check.provider(&file);
    findings.extend(
        check
            .findings
            .into_iter()
            .map(|finding| spans.place(finding)),
    );
    findings.sort_by_key(|f| (f.line.unwrap_or(usize::MAX), f.column));
    if findings.iter().any(Finding::is_error) {
        return Err(findings);
    }
    match provider {
        Some(mut provider) => {
            provider.warnings = findings;
            Ok(provider)
        }
        None => Err(vec![Finding::error("", "the mapping is incomplete")]),
    }
}

/// The check of the meaning, collecting findings as it goes.
struct Check<'a> {
    context: Context<'a>,
    findings: Vec<Finding>,
    /// Keys that were there but could not be read: no second finding says they are missing.
    unreadable: Vec<String>,
    /// The file has lines that are not TOML.
    torn: bool,
    /// `provider.hosts`
    hosts: Hosts,
    /// Names of `client.secrets`.
    secrets: Vec<String>,
}

impl Check<'_> {
    fn error(&mut self, key: &str, message: impl Into<String>) {
        self.findings.push(Finding::error(key, message));
    }

    fn error_hint(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Finding::error(key, message).hint(hint));
    }

    fn warn(&mut self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.findings
            .push(Finding::warning(key, message).hint(hint));
    }

    fn missing(&mut self, key: &str, example: &str) {
        // A misspelt key was reported where it stands, with a suggestion; one that
        // is simply absent is reported here.
        if !self.torn && !self.unreadable.iter().any(|k| k == key) {
            self.error_hint(
                key,
                format!("`{key}` is missing"),
                format!("write: {example}"),
            );
        }
    }

    fn provider(&mut self, file: &ProviderFile) -> Option<Provider> {
        let id = self.provider_id(file);
        let name = self.required_text(
            "provider.name",
            file.provider.name.as_ref(),
            "name = \"Acme Accounts\"",
        );
        let issuer = self.issuer(file);
        let discovery_url = self.optional_url(
            "provider.discovery_url",
            file.provider.discovery_url.as_ref(),
        );
        let jwks_url = self.optional_url("provider.jwks_url", file.provider.jwks_url.as_ref());
        if discovery_url.is_some() && file.provider.kind == Kind::Oauth2 {
            self.error_hint(
                "provider.discovery_url",
                "OAuth 2.0 alone has no discovery",
                "set `kind = \"openid\"`",
            );
        }
        self.hosts = self.hosts(file);
        let client = self.client(file);
        let authorization = self.authorization(file);
        let callback = self.callback(file);
        let token = self.token(file);
        let userinfo = self.userinfo(file);
        let access = self.access(file);
        let end_session = self.end_session(file);
        let limits = self.limits(file);
        self.advise(file);
        let (mut token, userinfo) = (token?, userinfo?);
        token.callback_parameters = later::callback_parameters(&token, &userinfo);
        if userinfo.source == ProfileSource::TokenResponse {
            let lifted = userinfo.answer.lifted.iter().cloned();
            token.answer.lifted.extend(lifted);
        }
        token.answer.lifted.extend(later::token_head(&userinfo));
        let callback_values = later::callback_values(&userinfo.profile);
        let login = later::login_parameters(&authorization, &token, &userinfo);
        self.login_names(&login);
        Some(Provider {
            id: id?,
            name: name?,
            kind: file.provider.kind,
            issuer,
            discovery_url,
            jwks_url,
            hosts: std::mem::take(&mut self.hosts),
            login,
            email_trust: file.provider.email_trust,
            client: client?,
            authorization,
            callback: Callback {
                values: callback_values,
                ..callback
            },
            token,
            userinfo,
            access,
            end_session,
            limits,
            warnings: Vec::new(),
            lineage: 0,
            shadow: None,
        })
    }

    fn provider_id(&mut self, file: &ProviderFile) -> Option<ProviderId> {
        let text = self.required_text("provider.id", file.provider.id.as_ref(), "id = \"acme\"")?;
        match text.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                self.error("provider.id", format!("{error}"));
                None
            }
        }
    }

    fn issuer(&mut self, file: &ProviderFile) -> Option<Issuer> {
        let key = "provider.issuer";
        let Some(issuer) = &file.provider.issuer else {
            if file.provider.kind == Kind::Openid {
                self.missing(key, "issuer = \"https://id.acme.test\"");
            }
            return None;
        };
        let issuer = Issuer::new(issuer);
        if issuer.is_template() {
            self.issuer_template(file);
        }
        let url = self.url(key, &issuer.sample())?;
        if url.query().is_some() {
            self.error(key, "an issuer has no query (OpenID Connect Discovery §3)");
        }
        Some(issuer)
    }

    /// An issuer with a claim in it stands for whoever is a customer of the provider.
    fn issuer_template(&mut self, file: &ProviderFile) {
        use super::file::EmailTrust;
        if file.provider.kind == Kind::Oauth2 {
            self.error(
                "provider.issuer",
                "only an ID token says which issuer of several it was: it needs `kind = \"openid\"`",
            );
        }
        let bare = [
            &file.authorization.url,
            &file.token.url,
            &file.provider.jwks_url,
        ];
        if file.provider.discovery_url.is_none() && bare.iter().any(|url| url.is_none()) {
            self.missing(
                "provider.discovery_url",
                "discovery_url = \"https://id.acme.test/common/.well-known/openid-configuration\"",
            );
        }
        if file.provider.email_trust == EmailTrust::Provider {
            self.error_hint(
                "provider.email_trust",
                "anybody can become a customer of such a provider, and give any email there",
                "set it to \"claim\" or \"never\", or name one issuer",
            );
        }
        if file.callback.shared {
            self.error(
                "callback.shared",
                "the redirect URI of all accounts needs one issuer",
            );
        }
    }

    fn secret(
        &mut self,
        key: &str,
        source: Option<&crate::document::SecretSource>,
    ) -> Option<Secret> {
        match source?.read() {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.error(key, error.to_string());
                None
            }
        }
    }

    /// Warnings about the mapping as a whole.
    fn advise(&mut self, file: &ProviderFile) {
        use super::file::EmailTrust;
        if file.authorization.pkce == Pkce::None {
            self.warn(
                "authorization.pkce",
                "without PKCE a stolen code is easier to use (RFC 9700 §2.1.1)",
                "keep `S256` unless the provider refuses it",
            );
        }
        self.advise_hosts(file);
        if file.authorization.pkce == Pkce::Plain {
            self.warn(
                "authorization.pkce",
                "with `plain` whoever reads the authorization request can use a stolen code (RFC 7636 §7.2)",
                "use `S256` unless the provider refuses it",
            );
        }
        if file.userinfo.send_token == Some(SendToken::Query) {
            self.warn(
                "userinfo.send_token",
                "a token in the query string ends up in the provider's logs (RFC 9700 §4.3.2)",
                "use `bearer` if the provider accepts it",
            );
        }
        if file.client.authentication == Some(Authentication::Query) {
            self.warn(
                "client.authentication",
                "the client secret in the query string ends up in the provider's logs",
                "use `body` or `basic` if the provider accepts it",
            );
        }
        if file.provider.email_trust == EmailTrust::Provider {
            self.warn(
                "provider.email_trust",
                "every email of this provider may link to a user that exists",
                "keep it only if the provider verifies each email",
            );
        }
        if file.provider.email_trust == EmailTrust::Claim
            && file.provider.kind == Kind::Oauth2
            && file.userinfo.response.email_verified.is_none()
        {
            self.warn(
                "provider.email_trust",
                "no `email_verified` is mapped, so this provider's emails never link to a user that exists",
                "map `userinfo.response.email_verified`, or set `email_trust` to \"provider\" or \"never\"",
            );
        }
        if file
            .client
            .secret
            .as_ref()
            .is_some_and(|s| s.as_literal().is_some_and(|text| !text.is_empty()))
        {
            self.warn(
                "client.secret",
                "the secret is written in the file",
                "use `{ env = \"…\" }` or `{ file = \"…\" }` so that the file can be shared",
            );
        }
        if file.userinfo.source == Some(Source::AccessToken)
            && file.provider.kind == Kind::Oauth2
            && file.provider.jwks_url.is_none()
        {
            self.error_hint(
                "userinfo.source",
                "`access_token` needs keys to check the token with",
                "set `provider.jwks_url`, or `kind = \"openid\"` and `provider.issuer`",
            );
        }
        if file.userinfo.source == Some(Source::IdToken) && file.provider.kind == Kind::Oauth2 {
            self.error_hint(
                "userinfo.source",
                "`id_token` needs an ID token that is checked",
                "set `provider.kind = \"openid\"` and `provider.issuer`",
            );
        }
    }
}
