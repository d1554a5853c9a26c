//! The tables of a mapping, one function each.

use std::collections::BTreeMap;

use super::Check;
use super::sign::SignKeys;
use super::slots::{
    Reserved, in_authorization, in_authorization_url, signed_authorization, static_only,
};
use crate::provider::file::{Kind, Pkce, ProviderFile, ResponseMode, Source, StateIn};
use crate::provider::gallery::BUILT_IN;
use crate::provider::model::{
    Access, Authorization, Callback, EndSession, RedirectUri, default_refusals, refusal_word,
};
use crate::provider::parameter::Parameter;
use crate::provider::redirect::names_provider;
use crate::provider::state::{MAX_LENGTH, StateShape};

impl Check<'_> {
    pub(super) fn authorization(&mut self, file: &ProviderFile) -> Authorization {
        let set = &file.authorization;
        let openid = file.provider.kind == Kind::Openid;
        let inherited = file.client.id_key.as_deref().unwrap_or("client_id");
        let client_id_key = self.name(
            "authorization.client_id_key",
            set.client_id_key.as_ref(),
            inherited,
        );
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
        if openid
            && !set.parameters.contains_key(&scope_key)
            && !scopes.iter().any(|s| s == "openid")
        {
            scopes.insert(0, "openid".to_owned());
        }
        let separator = set.scope_separator.as_deref().unwrap_or(" ");
        let scope = (!scopes.is_empty()).then(|| (scope_key.clone(), scopes.join(separator)));

        let mut reserved: Reserved<'_> = vec![
            (&client_id_key, "the client id is sent under it"),
            (&redirect_uri_key, "the redirect URI is sent under it"),
        ];
        if set.state_in == StateIn::Parameter {
            reserved.push((&state_key, "the state is sent under it"));
        }
        if response_type {
            reserved.push((
                "response_type",
                "`response_type=code` is sent (`standard_parameters`)",
            ));
        }
        if set.pkce != Pkce::None {
            reserved.push(("code_challenge", "PKCE sends it (`authorization.pkce`)"));
            reserved.push((
                "code_challenge_method",
                "PKCE sends it (`authorization.pkce`)",
            ));
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
        let (key, url) = ("authorization.url", set.url.as_ref());
        let (url, open_url) = self.open_endpoint(key, url, openid, in_authorization_url);
        self.query_collisions("authorization.url", url.as_ref(), &reserved);
        let parameters = self.parameters(
            "authorization.parameters",
            &set.parameters,
            &reserved,
            in_authorization,
        );
        let sign = self.signatures(&SignKeys {
            at: "authorization",
            client: &file.client,
            sign: &set.sign,
            parameters: &set.parameters,
            headers: &BTreeMap::new(),
            reserved: &reserved,
            in_browser: true,
            allowed: signed_authorization,
        });
        if openid {
            self.openid_scope(&scope_key, &parameters);
        }
        Authorization {
            url,
            open_url,
            fragment: self.fragment(set.fragment.as_ref()),
            client_id_key,
            parameters,
            sign,
            pkce: set.pkce,
            scope,
            scope_unencoded: set.scope_unencoded,
            redirect_uri_key,
            state_key,
            state: self.state_shape(file),
            state_in: set.state_in,
            pushed: set.pushed,
            pushed_url: self.pushed_url(file),
            request_object: self.request_object(file),
            response_mode: set.response_mode,
            response_type,
        }
    }

    /// OpenID Connect Core §3.1.2.1: without the scope `openid` it is none.
    fn openid_scope(&mut self, scope_key: &str, parameters: &[(String, Parameter)]) {
        if let Some((_, value)) = parameters.iter().find(|(name, _)| name == scope_key)
            && !value
                .templates()
                .iter()
                .flat_map(|text| text.source().split_whitespace())
                .any(|word| word == "openid")
        {
            self.error_hint(
                &format!("authorization.parameters.{scope_key}"),
                "OpenID Connect needs the scope `openid`",
                "add `openid`, or use `authorization.scopes`",
            );
        }
    }

    /// Of what the state is made, where the mapping says so.
    fn state_shape(&mut self, file: &ProviderFile) -> Option<StateShape> {
        let set = &file.authorization;
        if set.state_alphabet.is_none() && set.state_length.is_none() {
            return None;
        }
        let alphabet = set.state_alphabet.unwrap_or_default();
        let shape = StateShape::new(alphabet, set.state_length);
        if shape.is_none() {
            let least = alphabet.least();
            self.error_hint(
                "authorization.state_length",
                format!(
                    "a state of these characters has between {least} and {MAX_LENGTH} of them: a shorter one could be guessed"
                ),
                format!(
                    "write {least} or more; if the provider takes fewer, choose a `state_alphabet` with more characters"
                ),
            );
        }
        shape
    }

    /// What stands behind the `#`: characters that a fragment has (RFC 3986 §3.5).
    fn fragment(&mut self, text: Option<&String>) -> Option<String> {
        let text = text?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/?%".contains(c);
        if text.is_empty() || !text.chars().all(fits) {
            self.error_hint(
                "authorization.fragment",
                "not a valid fragment",
                "write it without the `#`: fragment = \"wechat_redirect\"",
            );
            return None;
        }
        Some(text.clone())
    }

    /// Two values under one name would overwrite each other.
    pub(super) fn distinct(&mut self, table: &str, names: &Reserved<'_>) {
        for (i, (name, what)) in names.iter().enumerate() {
            if names[..i].iter().any(|(other, _)| other == name) {
                self.error(
                    table,
                    format!("two values would be sent as `{name}`: {what}"),
                );
            }
        }
    }

    pub(super) fn callback(&mut self, file: &ProviderFile) -> Callback {
        let set = &file.callback;
        let code_key = self.name("callback.code_key", set.code_key.as_ref(), "code");
        let error_key = self.name("callback.error_key", set.error_key.as_ref(), "error");
        for (key, name) in [
            ("callback.code_key", &code_key),
            ("callback.error_key", &error_key),
        ] {
            if name.starts_with('$') {
                self.place(key, Some(name), None);
            }
        }
        let state_key = file.authorization.state_key.as_deref().unwrap_or("state");
        if code_key == error_key || code_key == state_key || error_key == state_key {
            self.error("callback", "code, error and state need different names");
        }
        let (redirect_uri, requires_iss) = self.redirect_uri(file);
        self.fragment_mode(file, &redirect_uri);
        Callback {
            values: Vec::new(),
            refusals: default_refusals()
                .into_iter()
                .chain(set.refusals.iter().map(|word| refusal_word(word)))
                .collect(),
            code_key,
            error_key,
            redirect_uri,
            requires_iss,
            from_before: false,
        }
    }

    /// Where the answer is in the fragment, only the address tells whose it is.
    fn fragment_mode(&mut self, file: &ProviderFile, redirect_uri: &RedirectUri) {
        let named = match (redirect_uri, &file.provider.id) {
            (RedirectUri::Own, _) | (_, None) => true,
            (RedirectUri::Store(url), Some(id)) => names_provider(url, id),
            (RedirectUri::Shared, _) => false,
        };
        if file.authorization.response_mode != Some(ResponseMode::Fragment) {
            return;
        }
        if !named {
            self.error_hint(
                "authorization.response_mode",
                "an answer in the fragment needs a redirect URI that names the provider",
                "leave `callback.shared` out, and end `callback.redirect_uri` with `/callback/` and the provider's id",
            );
        }
        self.warn(
            "authorization.response_mode",
            "an answer in the fragment reaches the broker by a script only, so people whose browser runs none can't log in",
            "use `query` or `form_post` if the provider knows one of them",
        );
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
        let groups = file.access.groups.clone();
        if !groups.is_empty() && file.userinfo.response.groups.is_none() {
            self.error_hint(
                "access.groups",
                "no groups are mapped, so nobody could log in",
                "map `userinfo.response.groups`",
            );
        }
        let token_exchange = file.access.token_exchange;
        if token_exchange && file.provider.kind == Kind::Openid {
            self.error_hint(
                "access.token_exchange",
                "is for OAuth 2.0 alone: an access token has no ID token that would say whom it is for",
                "remove it",
            );
        }
        let asks = matches!(file.userinfo.source, None | Some(Source::Request));
        if token_exchange && !(asks && file.userinfo.url.is_some()) {
            self.error_hint(
                "access.token_exchange",
                "takes a request that says whose a token is",
                "write `userinfo.url`, or remove it",
            );
        }
        let known = file.provider.id.as_deref().unwrap_or_default();
        if token_exchange && BUILT_IN.contains(&known) {
            self.error_hint(
                "access.token_exchange",
                format!(
                    "`{known}` issues tokens to everybody's programs, and any of them would count"
                ),
                "remove it",
            );
        }
        Access {
            email_domains,
            require,
            groups,
            token_exchange,
        }
    }

    pub(super) fn end_session(&mut self, file: &ProviderFile) -> Option<EndSession> {
        let set = file.end_session.as_ref()?;
        let openid = file.provider.kind == Kind::Openid;
        let id_token_hint = set.id_token_hint.unwrap_or(openid);
        if id_token_hint && !openid {
            self.error_hint(
                "end_session.id_token_hint",
                "OAuth 2.0 alone has no ID token",
                "set `kind = \"openid\"`, or leave it out",
            );
        }
        let redirect_uri_key = self.name(
            "end_session.redirect_uri_key",
            set.redirect_uri_key.as_ref(),
            "post_logout_redirect_uri",
        );
        let mut reserved = vec![(
            redirect_uri_key.as_str(),
            "the address to return to is sent under it",
        )];
        if id_token_hint {
            reserved.push(("id_token_hint", "the session's ID token is sent under it"));
        }
        let url = self.endpoint("end_session.url", set.url.as_ref(), openid);
        self.query_collisions("end_session.url", url.as_ref(), &reserved);
        let parameters = self.parameters(
            "end_session.parameters",
            &set.parameters,
            &reserved,
            static_only,
        );
        (openid || url.is_some()).then_some(EndSession {
            url,
            id_token_hint,
            redirect_uri_key,
            parameters,
        })
    }
}
