//! How an authorization request reaches the provider other than by the browser alone.

use url::Url;

use super::Check;
use super::client::authentication;
use crate::provider::file::{Authentication, Kind, ProviderFile};

impl Check<'_> {
    /// Where the request is pushed to (RFC 9126).
    pub(super) fn pushed_url(&mut self, file: &ProviderFile) -> Option<Url> {
        let set = &file.authorization;
        let key = "authorization.pushed_url";
        if set.pushed == Some(true) && set.pushed_url.is_none() {
            if file.provider.kind == Kind::Oauth2 {
                self.missing(key, "pushed_url = \"https://id.acme.test/par\"");
            }
        } else if set.pushed_url.is_some() && set.pushed != Some(true) {
            self.error_hint(
                key,
                "nothing says that the request is pushed",
                "write `pushed = true` beside it",
            );
        }
        if set.pushed == Some(true) && authentication(file) == Some(Authentication::AppToken) {
            self.error_hint(
                "authorization.pushed",
                "a request can't be pushed with an application token, which comes later",
                "choose another `client.authentication`",
            );
        }
        self.optional_url(key, set.pushed_url.as_ref())
    }

    /// Whether the request is a signed object (RFC 9101).
    pub(super) fn request_object(&mut self, file: &ProviderFile) -> bool {
        let set = &file.authorization;
        if !set.request_object {
            return false;
        }
        if file.client.private_key.is_none() {
            self.missing(
                "client.private_key",
                "private_key = { file = \"client-key.pem\" }",
            );
        }
        for name in [
            "request",
            "request_uri",
            "iss",
            "aud",
            "iat",
            "nbf",
            "exp",
            "jti",
        ] {
            if set.parameters.contains_key(name) {
                self.error_hint(
                    &format!("authorization.parameters.{name}"),
                    format!("`{name}` is reserved: the request object has it"),
                    "remove the custom parameter",
                );
            }
        }
        true
    }
}
