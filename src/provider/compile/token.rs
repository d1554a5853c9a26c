//! The tables of the access token exchange.

use super::Check;
use super::body::{BodyKeys, has_body};
use super::client::authentication;
use super::fields::{Taken, written};
use super::later::sent;
use super::sign::SignKeys;
use super::slots::{Reserved, before_code, in_token_url, with_code};
use crate::provider::file::{Authentication, Kind, Pkce, ProviderFile};
use crate::provider::lifted::Lifted;
use crate::provider::model::{Answer, Before, Token};
use crate::provider::template::{Slot, Template};

/// The names under which the token request sends what is ours.
fn reserved<'a>(
    file: &'a ProviderFile,
    code_key: &'a str,
    redirect_uri_key: Option<&'a str>,
    grant_type: bool,
) -> Reserved<'a> {
    let client = &file.client;
    let mut reserved: Reserved<'_> = vec![(code_key, "the code is sent under it")];
    reserved.extend(redirect_uri_key.map(|key| (key, "the redirect URI is sent under it")));
    let id_key = client.id_key.as_deref().unwrap_or("client_id");
    let secret_key = client.secret_key.as_deref().unwrap_or("client_secret");
    let id = (id_key, "the client id is sent under it");
    let secret = (secret_key, "the client secret is sent under it");
    match authentication(file) {
        // Where discovery lists the way, this is one of them.
        None
        | Some(
            Authentication::Body
            | Authentication::BasicAndBody
            | Authentication::Query
            | Authentication::SignedSecret,
        ) => reserved.extend([id, secret]),
        Some(Authentication::None | Authentication::TlsClientAuth) => reserved.push(id),
        Some(Authentication::PrivateKeyJwt | Authentication::ClientSecretJwt) => {
            reserved.extend([
                id,
                ("client_assertion", "`client.authentication` sends it"),
                ("client_assertion_type", "`client.authentication` sends it"),
            ]);
        }
        Some(Authentication::Basic | Authentication::BasicRaw | Authentication::AppToken) => {}
    }
    if grant_type {
        reserved.push((
            "grant_type",
            "`grant_type=authorization_code` is sent (`standard_parameters`)",
        ));
    }
    if file.authorization.pkce != Pkce::None {
        reserved.push(("code_verifier", "PKCE sends it (`authorization.pkce`)"));
    }
    reserved
}

impl Check<'_> {
    pub(super) fn token(&mut self, file: &ProviderFile) -> Option<Token> {
        let set = &file.token;
        let client = &file.client;
        let code_key = self.name("token.code_key", set.code_key.as_ref(), "code");
        let grant_type = set
            .standard_parameters
            .or(file.provider.standard_parameters)
            .unwrap_or(true);
        let redirect_uri_key = self.redirect_uri_key(file);
        let reserved = reserved(file, &code_key, redirect_uri_key.as_deref(), grant_type);
        self.distinct("token", &reserved);
        let openid = file.provider.kind == Kind::Openid;
        let (url, open_url) =
            self.open_endpoint("token.url", set.url.as_ref(), openid, in_token_url);
        self.query_collisions("token.url", url.as_ref(), &reserved);
        let parameters = self.parameters("token.parameters", &set.parameters, &reserved, with_code);
        let taken = Taken {
            authorization: authentication(file).is_some_and(Authentication::is_basic),
            raw_body: set.body.is_some(),
            has_body: has_body(set.method, set.content_type),
            sign: &set.sign,
        };
        let headers = self.headers("token.headers", &set.headers, taken, with_code);
        let body = self.body(
            &BodyKeys {
                at: "token",
                method: set.method,
                content_type: set.content_type,
                body: set.body.as_ref(),
                headers: &set.headers,
                parameters: &set.parameters,
            },
            with_code,
        );
        self.token_body(&body, file);
        let sign = self.signatures(&SignKeys {
            at: "token",
            client,
            sign: &set.sign,
            parameters: &set.parameters,
            headers: &set.headers,
            reserved: &reserved,
            in_browser: false,
            allowed: with_code,
        });
        let before = set.before.as_ref().and_then(|_| self.before(file));
        let refresh = self.refresh(file);
        let uses_app_token = sent(&parameters, &headers, &body)
            .flat_map(Template::slots)
            .any(|slot| matches!(slot, Slot::AppAccessToken));
        if uses_app_token && set.before.is_none() {
            self.error(
                "token.before",
                "`{app_access_token}` is used, but there is no `[token.before]`",
            );
        }
        if client.authentication == Some(Authentication::AppToken) && !uses_app_token {
            self.error_hint(
                "client.authentication",
                "nothing in the token request carries the application token",
                "write: token.headers = { Authorization = \"Bearer {app_access_token}\" }",
            );
        }
        let response = &set.response;
        let at = "token.response";
        let mut place = |name: &'static str, written: Option<&String>| {
            self.place(&format!("{at}.{name}"), written, Some(name))
        };
        let access_token = place("access_token", response.access_token.as_ref());
        let expires_in = place("expires_in", response.expires_in.as_ref());
        let id_token = place("id_token", response.id_token.as_ref());
        let refresh_token = place("refresh_token", response.refresh_token.as_ref());
        Some(Token {
            url,
            open_url,
            sign,
            method: set.method,
            body,
            code_key,
            redirect_uri_key,
            parameters,
            headers,
            callback_parameters: Vec::new(),
            grant_type,
            keep: set.keep,
            refresh,
            before,
            access_token: access_token?,
            expires_in: expires_in?,
            id_token: id_token?,
            refresh_token: refresh_token?,
            answer: Answer {
                lifted: Lifted::among([
                    response.access_token.as_ref(),
                    response.id_token.as_ref(),
                    response.refresh_token.as_ref(),
                    response.expires_in.as_ref(),
                ]),
                ..self.answer(at, &written!(response))
            },
        })
    }

    /// The name under which the redirect URI is sent again; `None` where it is not.
    fn redirect_uri_key(&mut self, file: &ProviderFile) -> Option<String> {
        let set = &file.token;
        let inherited = file
            .authorization
            .redirect_uri_key
            .as_deref()
            .unwrap_or("redirect_uri");
        let redirect_uri_key = self.name(
            "token.redirect_uri_key",
            set.redirect_uri_key.as_ref(),
            inherited,
        );
        if set.send_redirect_uri == Some(false) && set.redirect_uri_key.is_some() {
            self.error_hint(
                "token.redirect_uri_key",
                "the redirect URI is not sent (`send_redirect_uri = false`)",
                "remove one of the two",
            );
        }
        set.send_redirect_uri
            .unwrap_or(true)
            .then_some(redirect_uri_key)
    }

    fn before(&mut self, file: &ProviderFile) -> Option<Before> {
        let set = file.token.before.as_ref()?;
        let url = self.endpoint("token.before.url", set.url.as_ref(), false);
        let reserved = [
            (
                file.client.id_key.as_deref().unwrap_or("client_id"),
                "the client id is sent under it",
            ),
            (
                file.client.secret_key.as_deref().unwrap_or("client_secret"),
                "the client secret is sent under it",
            ),
        ];
        let parameters = self.parameters(
            "token.before.parameters",
            &set.parameters,
            &reserved,
            before_code,
        );
        let taken = Taken {
            raw_body: set.body.is_some(),
            has_body: has_body(set.method, set.content_type),
            sign: &set.sign,
            ..Taken::default()
        };
        let headers = self.headers("token.before.headers", &set.headers, taken, before_code);
        let body = self.body(
            &BodyKeys {
                at: "token.before",
                method: set.method,
                content_type: set.content_type,
                body: set.body.as_ref(),
                headers: &set.headers,
                parameters: &set.parameters,
            },
            before_code,
        );
        let sign = self.signatures(&SignKeys {
            at: "token.before",
            client: &file.client,
            sign: &set.sign,
            parameters: &set.parameters,
            headers: &set.headers,
            reserved: &reserved,
            in_browser: false,
            allowed: before_code,
        });
        let at = "token.before.response";
        let answer = Answer {
            lifted: Lifted::among([set.response.access_token.as_ref()]),
            ..self.answer(at, &written!(set.response))
        };
        let access_token = self.place(
            "token.before.response.access_token",
            set.response.access_token.as_ref(),
            Some("access_token"),
        );
        Some(Before {
            url: url?,
            method: set.method,
            body,
            parameters,
            headers,
            sign,
            access_token: access_token?,
            answer,
        })
    }
}
