//! Places of a mapping: alternatives, values joined and taken apart.

use std::collections::BTreeSet;

use super::Check;
use super::later::profile_head;
use crate::document::structure::nearest;
use crate::provider::file::{Kind, Places, ProviderFile};
use crate::provider::lifted::Lifted;
use crate::provider::mapped::{Form, Mapped, Root, Source};
use crate::provider::model::{ProfileMap, ProfileSource, Then, Verified};

/// What may stand in braces where a value of the profile is named.
pub(super) const OF_PROFILE: &[&str] = &[
    "token", "id_token", "callback", "login", "header", "cookie", "location",
];
/// The same in the answer of the token endpoint.
pub(super) const OF_HEAD: &[&str] = &["header", "cookie", "location"];

/// Members of a token response that nobody else may see.
const TOKENS: &[&str] = &["access_token", "refresh_token", "id_token"];

/// What a value is for, which decides what it may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Tells people apart.
    Id,
    /// Is an address.
    Email,
    /// Is shown.
    Text,
    /// Several, or one of any type.
    Any,
}

impl Check<'_> {
    pub(super) fn mapped(
        &mut self,
        key: &str,
        value: Option<&Places>,
        default: Option<&str>,
        purpose: Purpose,
    ) -> Option<Mapped> {
        let one;
        let (first_of, all, separator, split) = match value {
            None => {
                one = [default?.to_owned()];
                (&one[..], &[][..], None, None)
            }
            Some(Places::One(text)) => (std::slice::from_ref(text), &[][..], None, None),
            Some(Places::FirstOf(list)) => (&list[..], &[][..], None, None),
            Some(Places::Table(table)) => (
                &table.first_of[..],
                &table.all[..],
                table.separator.as_deref(),
                table.split.as_deref(),
            ),
        };
        let places = match (first_of.is_empty(), all.is_empty()) {
            (false, true) => first_of,
            (true, false) => all,
            _ => {
                self.error_hint(
                    key,
                    "one of `first_of` and `all` says which values are meant",
                    "write: [\"mail\", \"userPrincipalName\"], or { all = [\"tenant\", \"id\"] }",
                );
                return None;
            }
        };
        if !all.is_empty() && purpose == Purpose::Email {
            self.error(key, "an address is not put together of several values");
        }
        if separator.is_some() && all.is_empty() {
            self.error_hint(
                &format!("{key}.separator"),
                "there is nothing to join",
                "write the places to join under `all`",
            );
        }
        if split.is_some_and(|split| split.is_empty() || purpose != Purpose::Any) {
            self.error(
                &format!("{key}.split"),
                "only groups and attributes are taken apart, at a text of at least one character",
            );
        }
        let form = if all.is_empty() {
            Form::First
        } else if purpose == Purpose::Id {
            Form::Exact(self.exact_separator(key, separator))
        } else {
            Form::Joined(separator.unwrap_or(" ").to_owned())
        };
        let sources: Vec<Source> = places
            .iter()
            .filter_map(|text| match Source::parse(text) {
                Ok(source) => {
                    self.suspicious_source(key, text, &source);
                    Some(source)
                }
                Err(error) => {
                    self.bad_place(key, text, error.to_string());
                    None
                }
            })
            .collect();
        (sources.len() == places.len())
            .then(|| Mapped::new(sources, form, split.map(str::to_owned)))
    }

    fn suspicious_source(&mut self, key: &str, text: &str, source: &Source) {
        if source.root == Root::Profile && text.starts_with('{') && text.ends_with('}') {
            self.braced(key, text, OF_PROFILE);
            return;
        }
        self.suspicious_name(key, source.place.as_str());
    }

    /// A place in braces, which must be of one of these kinds.
    pub(super) fn braced(&mut self, key: &str, text: &str, kinds: &[&str]) {
        let named = text.trim_matches(['{', '}']);
        let (kind, name) = named.split_once('.').unwrap_or((named, ""));
        let message = format!("`{text}` is not a place that has a value here");
        if kinds.contains(&kind) {
            if name.is_empty() {
                self.error_hint(key, message, format!("name the member: `{{{kind}.name}}`"));
            }
            return;
        }
        let hint = match nearest(kind, kinds) {
            Some(near) if !name.is_empty() => format!("did you mean `{{{near}.{name}}}`?"),
            _ if kind == "profile" && !name.is_empty() => format!("did you mean `{name}`?"),
            _ => {
                let kinds: Vec<String> = kinds.iter().map(|k| format!("`{{{k}.…}}`")).collect();
                let kinds = kinds.join(", ");
                let or = if kinds.is_empty() { "" } else { ", " };
                format!("write a member's name, a path{or}{kinds}")
            }
        };
        self.error_hint(key, message, hint);
    }

    /// What of the answer's head is mapped.
    pub(super) fn in_head(
        &mut self,
        source: ProfileSource,
        map: &ProfileMap,
        then: &[Then],
    ) -> BTreeSet<Lifted> {
        let verified = match &map.email_verified {
            Some(Verified::Place(place)) => Some(place),
            _ => None,
        };
        let all = map.all().map(|(_, place)| place).chain(verified);
        let texts = all
            .flat_map(Mapped::sources)
            .filter(|source| source.root == Root::Profile)
            .filter_map(|source| Lifted::parse(source.place.as_str()));
        let mut head: BTreeSet<Lifted> = texts.collect();
        head.extend(profile_head(then));
        if !head.is_empty() && matches!(source, ProfileSource::IdToken | ProfileSource::AccessToken)
        {
            self.error_hint(
                "userinfo.source",
                "`{header.…}`, `{cookie.…}` and `{location.…}` stand in the head of an answer, and a token has none",
                "set `source` to \"request\" or \"token_response\"",
            );
        }
        head
    }

    /// What stands between the parts of an id. It is escaped within them, so it
    /// must be one character that `%` and two digits can stand for.
    fn exact_separator(&mut self, key: &str, separator: Option<&str>) -> char {
        let text = separator.unwrap_or("/");
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if c.is_ascii_punctuation() && c != '%' => c,
            _ => {
                self.error_hint(
                    &format!("{key}.separator"),
                    "parts of an id are kept apart by one ASCII punctuation character other than `%`",
                    "leave it out for `/`",
                );
                '/'
            }
        }
    }

    /// What is read from other documents than the profile has to be there to be read.
    pub(super) fn roots(&mut self, file: &ProviderFile, map: &ProfileMap) {
        let verified = match &map.email_verified {
            Some(Verified::Place(place)) => Some(place),
            _ => None,
        };
        let all = || {
            map.all()
                .chain(verified.map(|place| ("email_verified", place)))
        };
        let secret = |source: &Source| {
            let first = source.place.first_member();
            let set = &file.token.response;
            let named = |key: &Option<String>| key.as_deref() == Some(source.place.as_str());
            let code = file.callback.code_key.as_deref().unwrap_or("code");
            let state = file.authorization.state_key.as_deref().unwrap_or("state");
            match source.root {
                Root::Profile | Root::IdToken | Root::Login => false,
                Root::Token => {
                    first.is_none_or(|first| TOKENS.contains(&first))
                        || named(&set.access_token)
                        || named(&set.id_token)
                }
                Root::Callback => first.is_none_or(|first| first == code || first == state),
            }
        };
        let shown: Vec<&str> = all()
            .filter(|(_, place)| place.sources().iter().any(secret))
            .map(|(name, _)| name)
            .collect();
        for name in shown {
            self.error_hint(
                &response_key(file, name),
                "tokens, codes and states are not values of a profile: they would be shown",
                "name another member",
            );
        }
        if file.provider.kind == Kind::Openid {
            return;
        }
        let wrong: Vec<&str> = all()
            .filter(|(_, place)| place.sources().iter().any(|s| s.root == Root::IdToken))
            .map(|(name, _)| name)
            .collect();
        for name in wrong {
            self.error_hint(
                &response_key(file, name),
                "`{id_token.…}` needs an ID token that is checked",
                "set `provider.kind = \"openid\"` and `provider.issuer`",
            );
        }
    }
}

fn response_key(file: &ProviderFile, name: &str) -> String {
    if file.userinfo.response.attributes.contains_key(name) {
        format!("userinfo.response.attributes.{name}")
    } else {
        format!("userinfo.response.{name}")
    }
}
