//! The redirect URI: where a provider sends browsers back to.
//!
//! Each mapping has one of its own, so that an answer's address tells who gave
//! it (RFC 9700 §4.4.2.2). Without that, a code of one provider can be brought
//! to be posted to another's token endpoint (attack F21).

use serde::{Deserialize, Serialize};
use url::Url;

use super::Provider;
use super::file::Kind;
use super::model::RedirectUri;

/// What redirect URIs are made of.
#[derive(Debug, Clone, Default)]
pub struct Redirects {
    /// The broker's own origin, without a slash at its end; `None` where it is
    /// not known.
    pub public_url: Option<String>,
    /// Whether the operator allows mappings to share one address for all
    /// (`login.shared_callback`).
    pub allow_shared: bool,
}

/// Stands in for the broker's origin where it is not known.
pub const UNKNOWN_ORIGIN: &str = "{public_url}";

impl Redirects {
    /// The broker's own origin, or what stands in for it.
    pub fn base(&self) -> &str {
        self.public_url.as_deref().unwrap_or(UNKNOWN_ORIGIN)
    }

    /// Whether a URL is the one address for all.
    pub fn is_shared(&self, url: &Url) -> bool {
        self.public_url.as_deref() == Some(url.origin().ascii_serialization().as_str())
            && matches!(url.path(), "/callback" | "/callback/")
    }
}

/// At which of our addresses an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CountsAt {
    /// At that of the account and provider.
    Provider,
    /// At that of the account: a store's own address need not name the provider.
    Account,
    /// At the one for all.
    Shared,
    /// At the one for all or that of the account, as it was before each mapping
    /// had an address of its own: mappings applied then, and logins begun then.
    #[default]
    Before,
}

impl Provider {
    /// The redirect URI to register at the provider.
    pub fn redirect_uri(&self, base: &str, account: &str) -> String {
        match &self.callback.redirect_uri {
            RedirectUri::Store(url) => url.to_string(),
            RedirectUri::Own if !self.callback.from_before => own(base, account, self.id.as_str()),
            RedirectUri::Own | RedirectUri::Shared => format!("{base}/callback"),
        }
    }

    /// The addresses at which it ends sessions, to register with it where it knows
    /// of such: back-channel and front-channel.
    pub fn logout_uris(&self, base: &str, account: &str) -> Option<[String; 2]> {
        let at = format!("{base}/accounts/{account}/providers/{}", self.id);
        (self.kind == Kind::Openid).then(|| {
            [
                format!("{at}/backchannel-logout"),
                format!("{at}/frontchannel-logout"),
            ]
        })
    }

    /// At which of our addresses its answers count.
    pub fn counts_at(&self) -> CountsAt {
        match &self.callback.redirect_uri {
            _ if self.callback.from_before => CountsAt::Before,
            RedirectUri::Own => CountsAt::Provider,
            RedirectUri::Store(url) if names_provider(url, self.id.as_str()) => CountsAt::Provider,
            RedirectUri::Store(_) => CountsAt::Account,
            RedirectUri::Shared => CountsAt::Shared,
        }
    }
}

/// The redirect URI of one account and provider.
pub fn own(base: &str, account: &str, provider: &str) -> String {
    format!("{base}/callback/{account}/{provider}")
}

/// Whether a store's address ends with the provider's id behind `callback`.
pub fn names_provider(url: &Url, provider: &str) -> bool {
    let path = url.path();
    path.strip_suffix('/')
        .unwrap_or(path)
        .ends_with(&format!("/callback/{provider}"))
}
