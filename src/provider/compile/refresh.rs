//! `[token.refresh]`: how a kept token is refreshed.

use super::Check;
use super::body::{BodyKeys, has_body};
use super::client::authentication;
use super::fields::Taken;
use super::sign::SignKeys;
use super::slots::without_login;
use crate::provider::file::{Authentication, ProviderFile};
use crate::provider::model::Refresh;

impl Check<'_> {
    pub(super) fn refresh(&mut self, file: &ProviderFile) -> Refresh {
        let (set, client) = (&file.token.refresh, &file.client);
        let refresh_token_key = self.name(
            "token.refresh.refresh_token_key",
            set.refresh_token_key.as_ref(),
            "refresh_token",
        );
        let url = self.optional_url("token.refresh.url", set.url.as_ref());
        let open = file.token.url.as_ref().is_some_and(|url| url.contains('{'));
        if file.token.keep && url.is_none() && open {
            self.error_hint(
                "token.keep",
                "a kept token can't be refreshed at a `token.url` that the callback fills in",
                "write `token.refresh.url`, or leave `keep` out",
            );
        }
        if file.token.keep && authentication(file) == Some(Authentication::AppToken) {
            self.error_hint(
                "token.keep",
                "a kept token can't be refreshed with an application token",
                "leave `keep` out",
            );
        }
        let reserved = [
            (
                refresh_token_key.as_str(),
                "the refresh token is sent under it",
            ),
            (
                client.id_key.as_deref().unwrap_or("client_id"),
                "the client id is sent under it",
            ),
            (
                client.secret_key.as_deref().unwrap_or("client_secret"),
                "the client secret is sent under it",
            ),
            ("grant_type", "`grant_type=refresh_token` is sent"),
        ];
        let parameters = self.parameters(
            "token.refresh.parameters",
            &set.parameters,
            &reserved,
            without_login,
        );
        let taken = Taken {
            authorization: authentication(file).is_some_and(Authentication::is_basic),
            has_body: has_body(set.method, set.content_type),
            sign: &set.sign,
            ..Taken::default()
        };
        let headers = self.headers("token.refresh.headers", &set.headers, taken, without_login);
        let body = self.body(
            &BodyKeys {
                at: "token.refresh",
                method: set.method,
                content_type: set.content_type,
                body: None,
                headers: &set.headers,
                parameters: &set.parameters,
            },
            without_login,
        );
        let sign = self.signatures(&SignKeys {
            at: "token.refresh",
            client,
            sign: &set.sign,
            parameters: &set.parameters,
            headers: &set.headers,
            reserved: &reserved,
            in_browser: false,
            allowed: without_login,
        });
        Refresh {
            url,
            method: set.method,
            body,
            refresh_token_key,
            parameters,
            headers,
            sign,
        }
    }
}
