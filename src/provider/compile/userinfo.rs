//! The tables of user information.

use super::Check;
use super::body::{BodyKeys, has_body};
use super::fields::{Taken, written};
use super::mapped::Purpose;
use super::sign::SignKeys;
use super::slots::{Reserved, with_profile, with_token};
use crate::provider::email;
use crate::provider::file::{
    ClientSection, ContentType, EmailTrust, Kind, Method, Places, ProviderFile, SendToken, Source,
    ThenSection, UserinfoSection,
};
use crate::provider::model::{
    Answer, ProfileMap, ProfileSource, STANDARD_CLAIMS, Then, Userinfo, UserinfoRequest,
};

/// Claims of the session cookie, and members of the user that `session` shows,
/// that no mapping may set; in lower case, since some readers don't tell.
const RESERVED_CLAIMS: &[&str] = &[
    "id",
    "azp",
    "nonce",
    "cnf",
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "account",
    "sid",
    "provider",
    "email",
    "email_verified",
    "name",
    "role",
    "roles",
    "scope",
    "client_id",
    "groups",
    "given_name",
    "family_name",
    "picture",
    "locale",
    "user_id",
    "provider_user_id",
];

/// The word before the token: RFC 6750 §2.1, RFC 9449 §7.1.
fn usual_scheme(client: &ClientSection) -> String {
    let word = if client.dpop { "DPoP" } else { "Bearer" };
    word.to_owned()
}

impl Check<'_> {
    pub(super) fn userinfo(&mut self, file: &ProviderFile) -> Option<Userinfo> {
        let set = &file.userinfo;
        let openid = file.provider.kind == Kind::Openid;
        let source = match (set.source, openid) {
            (Some(Source::Request), _) | (None, false) => ProfileSource::Request,
            (Some(Source::TokenResponse), _) => ProfileSource::TokenResponse,
            (Some(Source::IdToken), _) => ProfileSource::IdToken,
            (Some(Source::AccessToken), _) => ProfileSource::AccessToken,
            (None, true) => ProfileSource::IdTokenAndRequest,
        };
        if source == ProfileSource::Request && set.url.is_none() && !openid {
            self.missing("userinfo.url", "url = \"https://id.acme.test/me\"");
        }
        if matches!(
            source,
            ProfileSource::TokenResponse | ProfileSource::IdToken | ProfileSource::AccessToken
        ) && set.url.is_some()
        {
            self.error_hint(
                "userinfo.url",
                "no request is sent with this `source`",
                "remove the URL, or set `source = \"request\"`",
            );
        }
        let request = self.userinfo_request("userinfo", set, &file.client);
        let then: Vec<Then> = set
            .then
            .iter()
            .enumerate()
            .filter_map(|(i, section)| {
                self.then(&format!("userinfo.then.{i}"), section, set, &file.client)
            })
            .collect();
        let response = &set.response;
        let answer = self.answer("userinfo.response", &written!(response));
        let profile = self.profile(file)?;
        let lifted = self.in_head(source, &profile, &then);
        Some(Userinfo {
            source,
            request,
            answer: Answer { lifted, ..answer },
            then,
            profile,
        })
    }

    fn userinfo_request(
        &mut self,
        at: &str,
        set: &UserinfoSection,
        client: &ClientSection,
    ) -> UserinfoRequest {
        let url = set
            .url
            .as_ref()
            .and_then(|text| self.url_template(&format!("{at}.url"), text, with_token));
        let placed = set
            .url
            .iter()
            .chain(&set.body)
            .chain(set.headers.values())
            .any(|text| text.contains("{access_token}"))
            || set
                .parameters
                .values()
                .any(|v| v.contains("{access_token}"));
        let send_token = set.send_token.unwrap_or(if placed {
            SendToken::None
        } else {
            SendToken::Bearer
        });
        if placed && set.send_token.is_some_and(|s| s != SendToken::None) {
            self.error_hint(
                &format!("{at}.send_token"),
                "the token would be sent twice: `{access_token}` carries it already",
                "remove `send_token`",
            );
        }
        let posts = send_token == SendToken::Body || set.body.is_some();
        let usual = if posts { Method::Post } else { Method::Get };
        let method = set.method.unwrap_or(usual);
        if send_token == SendToken::Body && method == Method::Get {
            self.error(
                &format!("{at}.method"),
                "a GET has no body to carry the token; use POST",
            );
        }
        if send_token == SendToken::Body
            && (set.body.is_some() || set.content_type == ContentType::None)
        {
            self.error_hint(
                &format!("{at}.send_token"),
                "there is no parameter in the body to carry the token",
                "write `{access_token}` where it belongs, and leave `send_token` out",
            );
        }
        let token_key = self.name(
            &format!("{at}.token_key"),
            set.token_key.as_ref(),
            "access_token",
        );
        let reserved: Reserved<'_> = match send_token {
            SendToken::Query | SendToken::Body => {
                vec![(&token_key, "the access token is sent under it")]
            }
            SendToken::Bearer | SendToken::None => Vec::new(),
        };
        let parameters = self.parameters(
            &format!("{at}.parameters"),
            &set.parameters,
            &reserved,
            with_profile,
        );
        let taken = Taken {
            authorization: send_token == SendToken::Bearer,
            raw_body: set.body.is_some(),
            has_body: has_body(method, set.content_type),
            sign: &set.sign,
        };
        let headers = self.headers(&format!("{at}.headers"), &set.headers, taken, with_profile);
        let body = self.body(
            &BodyKeys {
                at,
                method,
                content_type: set.content_type,
                body: set.body.as_ref(),
                headers: &set.headers,
                parameters: &set.parameters,
            },
            with_profile,
        );
        let sign = self.signatures(&SignKeys {
            at,
            client,
            sign: &set.sign,
            parameters: &set.parameters,
            headers: &set.headers,
            reserved: &reserved,
            in_browser: false,
            allowed: with_profile,
        });
        UserinfoRequest {
            url,
            method,
            send_token,
            token_key,
            scheme: set.scheme.clone().unwrap_or_else(|| usual_scheme(client)),
            body,
            parameters,
            headers,
            sign,
        }
    }

    fn then(
        &mut self,
        at: &str,
        set: &ThenSection,
        parent: &UserinfoSection,
        client: &ClientSection,
    ) -> Option<Then> {
        let name = self.required_text(
            &format!("{at}.name"),
            set.name.as_ref(),
            "name = \"emails\"",
        );
        let url = self.required_text(
            &format!("{at}.url"),
            set.url.as_ref(),
            "url = \"https://…/emails\"",
        );
        let request = self.userinfo_request(
            at,
            &UserinfoSection {
                url: None,
                method: set.method,
                send_token: set.send_token.or(parent.send_token),
                token_key: parent.token_key.clone(),
                scheme: parent.scheme.clone(),
                content_type: set.content_type,
                body: set.body.clone(),
                parameters: set.parameters.clone(),
                headers: set.headers.clone(),
                sign: set.sign.clone(),
                ..UserinfoSection::default()
            },
            client,
        );
        let url = self.url_template(&format!("{at}.url"), &url?, with_profile)?;
        let mut answer = self.answer(at, &written!(set));
        for (i, status) in set.accept_status.iter().enumerate() {
            if !(201..=499).contains(status) {
                self.error_hint(
                    &format!("{at}.accept_status.{i}"),
                    format!("{status} is not a status by which a server says that it has nothing"),
                    "write 204, 403, 404 or the like; `optional = true` covers every failure",
                );
            }
        }
        answer.nothing.clone_from(&set.accept_status);
        Some(Then {
            optional: set.optional,
            name: name?,
            request: UserinfoRequest {
                url: Some(url),
                ..request
            },
            answer,
        })
    }

    /// The domain of made-up addresses: one to which no mail goes, and whose
    /// addresses nobody may have in earnest.
    fn email_placeholder(&mut self, file: &ProviderFile) -> Option<String> {
        let key = "userinfo.response.email_placeholder";
        let domain = file.userinfo.response.email_placeholder.as_ref()?;
        let domain = domain.to_lowercase();
        if email::normalize(&format!("u@{domain}")).is_err() || !domain.ends_with(".invalid") {
            self.error_hint(
                key,
                "not a domain below `.invalid`",
                "write it as in `qq.invalid`: no mail ever goes there (RFC 2606)",
            );
            return None;
        }
        if file.provider.email_trust == EmailTrust::Provider {
            self.error_hint(
                key,
                "a made-up address must not link to a user that exists",
                "set `provider.email_trust` to \"claim\" or \"never\"",
            );
        }
        Some(domain)
    }

    fn profile(&mut self, file: &ProviderFile) -> Option<ProfileMap> {
        let set = &file.userinfo.response;
        let openid = file.provider.kind == Kind::Openid;
        let standard = |name: &'static str| openid.then_some(name);
        let key = |name: &str| format!("userinfo.response.{name}");
        if set.user_id.is_none() && !openid {
            self.missing(&key("user_id"), "user_id = \"userId\"");
        }
        let email_placeholder = self.email_placeholder(file);
        if set.email.is_none() && set.email_placeholder.is_none() && !openid {
            self.missing(&key("email"), "email = \"email\"");
        }
        let user_id = self.mapped(
            &key("user_id"),
            set.user_id.as_ref(),
            standard("sub"),
            Purpose::Id,
        );
        let email = self.mapped(
            &key("email"),
            set.email.as_ref(),
            Some("email"),
            Purpose::Email,
        );
        let mut attributes = Vec::new();
        for (name, place) in &set.attributes {
            let key = key(&format!("attributes.{name}"));
            let lower = name.to_ascii_lowercase();
            // Under such a URI some servers look for roles and names.
            let uri = lower.starts_with("http://schemas.") || lower.starts_with("https://schemas.");
            if uri || RESERVED_CLAIMS.contains(&lower.as_str()) {
                self.error_hint(
                    &key,
                    format!("`{name}` is set by the broker"),
                    "choose another name",
                );
            }
            if let Some(place) = self.mapped(&key, Some(place), None, Purpose::Any) {
                attributes.push((name.clone(), place));
            }
        }
        let standard_claims = STANDARD_CLAIMS
            .into_iter()
            .filter(|name| openid && !set.attributes.contains_key(*name));
        let others: Vec<_> = standard_claims
            .filter_map(|name| {
                let key = key(&format!("attributes.{name}"));
                Some((name, self.mapped(&key, None, Some(name), Purpose::Any)?))
            })
            .collect();
        let mut text = |name: &'static str, value: &Option<Places>| {
            self.mapped(&key(name), value.as_ref(), standard(name), Purpose::Text)
        };
        let name = text("name", &set.name);
        let given_name = text("given_name", &set.given_name);
        let family_name = text("family_name", &set.family_name);
        let picture = text("picture", &set.picture);
        let locale = text("locale", &set.locale);
        let map = ProfileMap {
            name,
            email_verified: self.verified(
                &key("email_verified"),
                set.email_verified.as_deref().or(standard("email_verified")),
            ),
            given_name,
            family_name,
            picture,
            locale,
            groups: self.mapped(&key("groups"), set.groups.as_ref(), None, Purpose::Any),
            attributes,
            standard: others,
            user_id: user_id?,
            email: email?,
            email_form: set.email_form,
            email_placeholder,
        };
        self.roots(file, &map);
        Some(map)
    }
}
