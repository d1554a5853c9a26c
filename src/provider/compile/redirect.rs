//! Which redirect URI a mapping has, and whether it may.

use url::Url;

use super::Check;
use crate::provider::file::{Kind, ProviderFile};
use crate::provider::redirect::{RedirectUri, names_provider};

impl Check<'_> {
    /// The redirect URI, and whether answers must carry `iss` there.
    pub(super) fn redirect_uri(&mut self, file: &ProviderFile) -> (RedirectUri, bool) {
        let set = &file.callback;
        let key = "callback.redirect_uri";
        let given = set.redirect_uri.as_ref();
        let store = given.and_then(|text| self.store_url(key, text));
        if set.shared && given.is_some() {
            self.error_hint(
                "callback.shared",
                "a mapping has one redirect URI: either the shared one or its own",
                "leave out `callback.shared` or `callback.redirect_uri`",
            );
        }
        match store {
            Some(url) if self.context.redirects.is_shared(&url) => self.shared(file, key),
            Some(url) => {
                self.whole(file, &url);
                (RedirectUri::Store(url), false)
            }
            None if set.shared => self.shared(file, "callback.shared"),
            None => (RedirectUri::Own, false),
        }
    }

    /// The one address for all. It is safe only where the answer tells who gave
    /// it, and the code can go nowhere else than to them; else the operator
    /// answers for all accounts' providers.
    fn shared(&mut self, file: &ProviderFile, key: &str) -> (RedirectUri, bool) {
        let by_issuer = issuer_decides(file);
        if self.context.redirects.allow_shared {
            self.warn(
                key,
                "the redirect URI is the same for all accounts, so another account's provider may collect codes of this one (RFC 9700 §4.4)",
                "leave it out and register the mapping's own redirect URI at the provider",
            );
        } else if !by_issuer {
            self.error_hint(
                key,
                "the redirect URI of all accounts is not allowed for this mapping: another account's provider could collect its codes (RFC 9700 §4.4)",
                "leave it out and register the mapping's own redirect URI at the provider; or use `kind = \"openid\"` with `issuer` and without `token.url` where every answer carries `iss`; or set `login.shared_callback = true` in the broker's configuration",
            );
        }
        (
            RedirectUri::Shared,
            by_issuer && !self.context.redirects.allow_shared,
        )
    }

    /// A URL of a store, which is not fetched by us and so may be on any network.
    fn store_url(&mut self, key: &str, text: &str) -> Option<Url> {
        match Url::parse(text) {
            Ok(url)
                if url.has_host()
                    && url.fragment().is_none()
                    && matches!(url.scheme(), "https" | "http") =>
            {
                Some(url)
            }
            _ => {
                self.error_hint(
                    key,
                    "not a URL of a store",
                    "write a store's origin, its auth_path, `/callback/` and the provider's id: `https://www.acme.test/_auth/callback/acme`",
                );
                None
            }
        }
    }

    /// A store's address that names the account only counts for one mapping.
    fn whole(&mut self, file: &ProviderFile, url: &Url) {
        let Some(id) = &file.provider.id else { return };
        if !names_provider(url, id) {
            self.warn(
                "callback.redirect_uri",
                "this address tells the account, not the provider, so only one mapping of the account can have it",
                format!("end it with `/callback/{id}`, and register it so at the provider"),
            );
        }
    }
}

/// Whether the code can go nowhere but to the issuer that `iss` names: every
/// address it is sent to is what the issuer's own discovery document says. A key
/// that says otherwise for one of them belongs here.
fn issuer_decides(file: &ProviderFile) -> bool {
    file.provider.kind == Kind::Openid
        && file.provider.issuer.is_some()
        && file.token.url.is_none()
        && file.token.before.is_none()
}
