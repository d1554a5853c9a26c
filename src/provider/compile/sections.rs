//! The tables of a mapping, one function each.

use super::Check;
use crate::provider::assertion;
use crate::provider::file::{
    Authentication, Kind, Method, Pkce, ProviderFile, SendToken, Source, ThenSection, UserinfoSection,
};
use crate::provider::model::{
    Access, Assertion, Authorization, Before, Callback, Client, EndSession, ProfileMap, ProfileSource, Then, Token,
    Userinfo, UserinfoRequest,
};
use crate::provider::template::Slot;

type Reserved<'a> = Vec<(&'a str, &'static str)>;

fn static_only(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId)
}

fn before_code(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId | Slot::ClientSecret)
}

fn with_code(slot: &Slot) -> bool {
    before_code(slot) || matches!(slot, Slot::Code | Slot::RedirectUri | Slot::AppAccessToken)
}

fn with_token(slot: &Slot) -> bool {
    !matches!(slot, Slot::Code | Slot::Profile(_))
}

fn with_profile(slot: &Slot) -> bool {
    !matches!(slot, Slot::Code)
}

/// Claims of the session cookie that no mapping may set.
const RESERVED_CLAIMS: &[&str] = &[
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "account", "sid", "provider", "email", "email_verified", "name",
    "role", "roles", "scope", "client_id", "groups", "given_name", "family_name", "picture", "locale", "user_id",
];

impl Check<'_> {
    pub(super) fn client(&mut self, file: &ProviderFile) -> Option<Client> {
        let set = &file.client;
        let id_key = self.name("client.id_key", set.id_key.as_ref(), "client_id");
        let secret_key = self.name("client.secret_key", set.secret_key.as_ref(), "client_secret");
        if id_key == secret_key {
            self.error("client.secret_key", "the id and the secret need different names");
        }
        let id = self.required_text("client.id", set.id.as_ref(), "id = \"storefront-42\"");
        let needs_secret = !matches!(
            set.authentication,
            Authentication::None | Authentication::PrivateKeyJwt
        );
        if needs_secret && set.secret.is_none() {
            self.missing("client.secret", "secret = { env = \"ACME_CLIENT_SECRET\" }");
        }
        let secret = self.secret("client.secret", set.secret.as_ref());
        let previous_secret = self.secret("client.previous_secret", set.previous_secret.as_ref());
        let assertion = if set.authentication == Authentication::PrivateKeyJwt {
            if set.private_key.is_none() {
                self.missing("client.private_key", "private_key = { file = \"client-key.pem\" }");
            }
            let key = self.secret("client.private_key", set.private_key.as_ref());
            if let Some(Err(bad)) = key.as_ref().map(assertion::parse_key) {
                self.error("client.private_key", bad.to_string());
            }
            key.map(|private_key| Assertion {
                private_key,
                key_id: set.private_key_id.clone(),
                audience: set.assertion_audience.clone(),
            })
        } else {
            None
        };
        Some(Client {
            id_key,
            id: id?,
            secret_key,
            secret,
            previous_secret,
            authentication: set.authentication,
            assertion,
        })
    }

    pub(super) fn authorization(&mut self, file: &ProviderFile) -> Authorization {
        let set = &file.authorization;
        let openid = file.provider.kind == Kind::Openid;
        let id_key = file.client.id_key.as_deref().unwrap_or("client_id");
        let redirect_uri_key = self.name(
            "authorization.redirect_uri_key",
            set.redirect_uri_key.as_ref(),
            "redirect_uri",
        );
        let state_key = self.name("authorization.state_key", set.state_key.as_ref(), "state");
        let scope_key = self.name("authorization.scope_key", set.scope_key.as_ref(), "scope");
        let response_type = set
            .standard_parameters
            .or(file.provider.standard_parameters)
            .unwrap_or(true);
        let mut scopes = set.scopes.clone();
        if openid && !set.parameters.contains_key(&scope_key) && !scopes.iter().any(|s| s == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        let separator = set.scope_separator.as_deref().unwrap_or(" ");
        let scope = (!scopes.is_empty()).then(|| (scope_key.clone(), scopes.join(separator)));

        let mut reserved: Reserved<'_> = vec![
            (id_key, "the client id is sent under it"),
            (&redirect_uri_key, "the redirect URI is sent under it"),
            (&state_key, "the state is sent under it"),
        ];
        if response_type {
            reserved.push(("response_type", "`response_type=code` is sent (`standard_parameters`)"));
        }
        if set.pkce == Pkce::S256 {
            reserved.push(("code_challenge", "PKCE sends it (`authorization.pkce`)"));
            reserved.push(("code_challenge_method", "PKCE sends it (`authorization.pkce`)"));
        }
        if openid {
            reserved.push(("nonce", "OpenID Connect sends it"));
        }
        if set.response_mode.is_some() {
            reserved.push(("response_mode", "`authorization.response_mode` sends it"));
        }
        if scope.is_some() {
            reserved.push((&scope_key, "`authorization.scopes` are sent under it"));
        }
        self.distinct("authorization", &reserved);
        let url = self.endpoint("authorization.url", set.url.as_ref(), openid);
        self.query_collisions("authorization.url", url.as_ref(), &reserved);
        let parameters = self.parameters("authorization.parameters", &set.parameters, &reserved, static_only);
        if openid
            && let Some((_, value)) = parameters.iter().find(|(name, _)| *name == scope_key)
            && !value.source().split_whitespace().any(|word| word == "openid")
        {
            self.error_hint(
                &format!("authorization.parameters.{scope_key}"),
                "OpenID Connect needs the scope `openid`",
                "add `openid`, or use `authorization.scopes`",
            );
        }
        Authorization {
            url,
            parameters,
            pkce: set.pkce,
            scope,
            redirect_uri_key,
            state_key,
            response_mode: set.response_mode,
            response_type,
        }
    }

    /// Two values under one name would overwrite each other.
    fn distinct(&mut self, table: &str, names: &Reserved<'_>) {
        for (i, (name, what)) in names.iter().enumerate() {
            if names[..i].iter().any(|(other, _)| other == name) {
                self.error(table, format!("two values would be sent as `{name}`: {what}"));
            }
        }
    }

    pub(super) fn callback(&mut self, file: &ProviderFile) -> Callback {
        let set = &file.callback;
        let code_key = self.name("callback.code_key", set.code_key.as_ref(), "code");
        let error_key = self.name("callback.error_key", set.error_key.as_ref(), "error");
        let state_key = file.authorization.state_key.as_deref().unwrap_or("state");
        if code_key == error_key || code_key == state_key || error_key == state_key {
            self.error("callback", "code, error and state need different names");
        }
        Callback {
            code_key,
            error_key,
            redirect_uri: set
                .redirect_uri
                .as_ref()
                .and_then(|text| self.own_url("callback.redirect_uri", text)),
        }
    }

    /// A URL of a store, which is not fetched by us and so may be on any network.
    fn own_url(&mut self, key: &str, text: &str) -> Option<url::Url> {
        match url::Url::parse(text) {
            Ok(url) if url.has_host() && url.fragment().is_none() && matches!(url.scheme(), "https" | "http") => {
                Some(url)
            }
            _ => {
                self.error_hint(
                    key,
                    "not a URL of a store",
                    "write a store's origin, its auth_path and `/callback`: `https://www.acme.test/_auth/callback`",
                );
                None
            }
        }
    }

    pub(super) fn token(&mut self, file: &ProviderFile) -> Option<Token> {
        let set = &file.token;
        let client = &file.client;
        let openid = file.provider.kind == Kind::Openid;
        let code_key = self.name("token.code_key", set.code_key.as_ref(), "code");
        let inherited = file.authorization.redirect_uri_key.as_deref().unwrap_or("redirect_uri");
        let redirect_uri_key = self.name("token.redirect_uri_key", set.redirect_uri_key.as_ref(), inherited);
        let grant_type = set
            .standard_parameters
            .or(file.provider.standard_parameters)
            .unwrap_or(true);
        let mut reserved: Reserved<'_> = vec![
            (&code_key, "the code is sent under it"),
            (&redirect_uri_key, "the redirect URI is sent under it"),
        ];
        let id_key = client.id_key.as_deref().unwrap_or("client_id");
        let secret_key = client.secret_key.as_deref().unwrap_or("client_secret");
        match client.authentication {
            Authentication::Body | Authentication::Query => {
                reserved.push((id_key, "the client id is sent under it"));
                reserved.push((secret_key, "the client secret is sent under it"));
            }
            Authentication::None => reserved.push((id_key, "the client id is sent under it")),
            Authentication::PrivateKeyJwt => {
                reserved.push((id_key, "the client id is sent under it"));
                reserved.push(("client_assertion", "`private_key_jwt` sends it"));
                reserved.push(("client_assertion_type", "`private_key_jwt` sends it"));
            }
            Authentication::Basic | Authentication::BasicRaw => {}
        }
        if grant_type {
            reserved.push(("grant_type", "`grant_type=authorization_code` is sent (`standard_parameters`)"));
        }
        if file.authorization.pkce == Pkce::S256 {
            reserved.push(("code_verifier", "PKCE sends it (`authorization.pkce`)"));
        }
        self.distinct("token", &reserved);
        let url = self.endpoint("token.url", set.url.as_ref(), openid);
        self.query_collisions("token.url", url.as_ref(), &reserved);
        let parameters = self.parameters("token.parameters", &set.parameters, &reserved, with_code);
        let basic = matches!(client.authentication, Authentication::Basic | Authentication::BasicRaw);
        let headers = self.headers("token.headers", &set.headers, basic, with_code);
        let before = set.before.as_ref().and_then(|_| self.before(file));
        let uses_app_token = parameters
            .iter()
            .chain(&headers)
            .any(|(_, t)| t.slots().any(|s| matches!(s, Slot::AppAccessToken)));
        if uses_app_token && set.before.is_none() {
            self.error("token.before", "`{app_access_token}` is used, but there is no `[token.before]`");
        }
        let response = &set.response;
        let at = "token.response";
        let access_token = self.place(
            "token.response.access_token",
            response.access_token.as_ref(),
            Some("access_token"),
        );
        let expires_in = self.place("token.response.expires_in", response.expires_in.as_ref(), Some("expires_in"));
        let id_token = self.place("token.response.id_token", response.id_token.as_ref(), Some("id_token"));
        Some(Token {
            url,
            method: set.method,
            content_type: set.content_type,
            code_key,
            redirect_uri_key,
            parameters,
            headers,
            grant_type,
            before,
            access_token: access_token?,
            expires_in: expires_in?,
            id_token: id_token?,
            answer: self.answer(at, response.format, response.success.as_ref(), response.error_message.as_ref()),
        })
    }

    fn before(&mut self, file: &ProviderFile) -> Option<Before> {
        let set = file.token.before.as_ref()?;
        let url = self.endpoint("token.before.url", set.url.as_ref(), false);
        let reserved = [
            (file.client.id_key.as_deref().unwrap_or("client_id"), "the client id is sent under it"),
            (
                file.client.secret_key.as_deref().unwrap_or("client_secret"),
                "the client secret is sent under it",
            ),
        ];
        let parameters = self.parameters("token.before.parameters", &set.parameters, &reserved, before_code);
        let headers = self.headers("token.before.headers", &set.headers, false, before_code);
        let at = "token.before.response";
        let answer = self.answer(
            at,
            set.response.format,
            set.response.success.as_ref(),
            set.response.error_message.as_ref(),
        );
        let access_token = self.place(
            "token.before.response.access_token",
            set.response.access_token.as_ref(),
            Some("access_token"),
        );
        Some(Before {
            url: url?,
            method: set.method,
            content_type: set.content_type,
            parameters,
            headers,
            access_token: access_token?,
            answer,
        })
    }

    pub(super) fn userinfo(&mut self, file: &ProviderFile) -> Option<Userinfo> {
        let set = &file.userinfo;
        let openid = file.provider.kind == Kind::Openid;
        let source = match (set.source, openid) {
            (Some(Source::Request), _) | (None, false) => ProfileSource::Request,
            (Some(Source::TokenResponse), _) => ProfileSource::TokenResponse,
            (Some(Source::IdToken), _) => ProfileSource::IdToken,
            (None, true) => ProfileSource::IdTokenAndRequest,
        };
        if source == ProfileSource::Request && set.url.is_none() && !openid {
            self.missing("userinfo.url", "url = \"https://id.acme.test/me\"");
        }
        if matches!(source, ProfileSource::TokenResponse | ProfileSource::IdToken) && set.url.is_some() {
            self.error_hint(
                "userinfo.url",
                "no request is sent with this `source`",
                "remove the URL, or set `source = \"request\"`",
            );
        }
        let request = self.userinfo_request("userinfo", set);
        let then = set
            .then
            .iter()
            .enumerate()
            .filter_map(|(i, section)| self.then(&format!("userinfo.then.{i}"), section, set))
            .collect();
        let response = &set.response;
        let answer = self.answer(
            "userinfo.response",
            response.format,
            response.success.as_ref(),
            response.error_message.as_ref(),
        );
        let profile = self.profile(file);
        Some(Userinfo {
            source,
            request,
            answer,
            then,
            profile: profile?,
        })
    }

    fn userinfo_request(&mut self, at: &str, set: &UserinfoSection) -> UserinfoRequest {
        let url = set
            .url
            .as_ref()
            .and_then(|text| self.url_template(&format!("{at}.url"), text, with_token));
        let placed = set
            .url
            .iter()
            .chain(set.parameters.values())
            .chain(set.headers.values())
            .any(|text| text.contains("{access_token}"));
        let send_token = set
            .send_token
            .unwrap_or(if placed { SendToken::None } else { SendToken::Bearer });
        if placed && set.send_token.is_some_and(|s| s != SendToken::None) {
            self.error_hint(
                &format!("{at}.send_token"),
                "the token would be sent twice: `{access_token}` carries it already",
                "remove `send_token`",
            );
        }
        let method = set.method.unwrap_or(if send_token == SendToken::Body {
            Method::Post
        } else {
            Method::Get
        });
        if send_token == SendToken::Body && method == Method::Get {
            self.error(&format!("{at}.method"), "a GET has no body to carry the token; use POST");
        }
        let token_key = self.name(&format!("{at}.token_key"), set.token_key.as_ref(), "access_token");
        let reserved: Reserved<'_> = match send_token {
            SendToken::Query | SendToken::Body => vec![(&token_key, "the access token is sent under it")],
            SendToken::Bearer | SendToken::None => Vec::new(),
        };
        let parameters = self.parameters(&format!("{at}.parameters"), &set.parameters, &reserved, with_profile);
        let bearer = send_token == SendToken::Bearer;
        let headers = self.headers(&format!("{at}.headers"), &set.headers, bearer, with_profile);
        UserinfoRequest {
            url,
            method,
            send_token,
            token_key,
            scheme: set.scheme.clone().unwrap_or_else(|| "Bearer".to_owned()),
            content_type: set.content_type,
            parameters,
            headers,
        }
    }

    fn then(&mut self, at: &str, set: &ThenSection, parent: &UserinfoSection) -> Option<Then> {
        let name = self.required_text(&format!("{at}.name"), set.name.as_ref(), "name = \"emails\"");
        let url = self.required_text(&format!("{at}.url"), set.url.as_ref(), "url = \"https://…/emails\"");
        let request = self.userinfo_request(
            at,
            &UserinfoSection {
                url: None,
                method: set.method,
                send_token: set.send_token.or(parent.send_token),
                token_key: parent.token_key.clone(),
                scheme: parent.scheme.clone(),
                content_type: set.content_type,
                parameters: set.parameters.clone(),
                headers: set.headers.clone(),
                ..UserinfoSection::default()
            },
        );
        let url = self.url_template(&format!("{at}.url"), &url?, with_profile)?;
        let answer = self.answer(at, set.format, set.success.as_ref(), set.error_message.as_ref());
        Some(Then {
            name: name?,
            request: UserinfoRequest {
                url: Some(url),
                ..request
            },
            answer,
        })
    }

    fn profile(&mut self, file: &ProviderFile) -> Option<ProfileMap> {
        let set = &file.userinfo.response;
        let openid = file.provider.kind == Kind::Openid;
        let standard = |name: &'static str| openid.then_some(name);
        let key = |name: &str| format!("userinfo.response.{name}");
        if set.user_id.is_none() && !openid {
            self.missing(&key("user_id"), "user_id = \"userId\"");
        }
        if set.email.is_none() && !openid {
            self.missing(&key("email"), "email = \"email\"");
        }
        let user_id = self.place(&key("user_id"), set.user_id.as_ref(), standard("sub"));
        let email = self.place(&key("email"), set.email.as_ref(), standard("email"));
        let mut attributes = Vec::new();
        for (name, place) in &set.attributes {
            let key = key(&format!("attributes.{name}"));
            if RESERVED_CLAIMS.contains(&name.as_str()) {
                self.error_hint(&key, format!("`{name}` is set by the broker"), "choose another name");
            }
            if let Some(place) = self.place(&key, Some(place), None) {
                attributes.push((name.clone(), place));
            }
        }
        Some(ProfileMap {
            name: self.place(&key("name"), set.name.as_ref(), standard("name")),
            email_verified: self.verified(
                &key("email_verified"),
                set.email_verified.as_deref().or(standard("email_verified")),
            ),
            given_name: self.place(&key("given_name"), set.given_name.as_ref(), standard("given_name")),
            family_name: self.place(&key("family_name"), set.family_name.as_ref(), standard("family_name")),
            picture: self.place(&key("picture"), set.picture.as_ref(), standard("picture")),
            locale: self.place(&key("locale"), set.locale.as_ref(), standard("locale")),
            groups: self.place(&key("groups"), set.groups.as_ref(), None),
            attributes,
            user_id: user_id?,
            email: email?,
        })
    }

    pub(super) fn access(&mut self, file: &ProviderFile) -> Access {
        let mut email_domains = Vec::new();
        for (i, domain) in file.access.email_domains.iter().enumerate() {
            let domain = domain.trim().trim_start_matches('@').to_lowercase();
            if domain.is_empty() || domain.contains(['@', ' ', '*', '/']) {
                self.error_hint(
                    &format!("access.email_domains.{i}"),
                    "not a domain",
                    "write it as in `acme.test`",
                );
            }
            email_domains.push(domain);
        }
        let require = file
            .access
            .require
            .iter()
            .enumerate()
            .filter_map(|(i, text)| self.condition(&format!("access.require.{i}"), text))
            .collect();
        Access {
            email_domains,
            require,
        }
    }

    pub(super) fn end_session(&mut self, file: &ProviderFile) -> Option<EndSession> {
        let set = &file.end_session;
        let redirect_uri_key = self.name(
            "end_session.redirect_uri_key",
            set.redirect_uri_key.as_ref(),
            "post_logout_redirect_uri",
        );
        let reserved = [(redirect_uri_key.as_str(), "the address to return to is sent under it")];
        let url = self.url("end_session.url", set.url.as_ref()?);
        self.query_collisions("end_session.url", url.as_ref(), &reserved);
        let parameters = self.parameters("end_session.parameters", &set.parameters, &reserved, static_only);
        Some(EndSession {
            url: url?,
            redirect_uri_key,
            parameters,
        })
    }
}
