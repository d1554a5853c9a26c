//! From another broker's configuration to a mapping.
//!
//! One file a format; each is a table from that format's fields to the keys of
//! a mapping (`table`), and as much code as the format is odd. What comes out
//! is a text for a person to read: what could not be carried stands in it as a
//! comment with the reason, and so does what changes for people who have
//! logged in before. No secret is ever copied into it.

mod authentik;
mod dex;
mod discourse;
mod gitlab;
mod grafana;
mod keycloak;
mod kratos;
mod mapping;
mod nextcloud;
mod oauth2_proxy;
mod pairs;
mod places;
mod reference;
mod rocket_chat;
mod ruby;
mod spring;
mod table;
mod yaml;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use self::mapping::Mapping;

/// The longest configuration that is read, in bytes.
pub const MAX_LENGTH: usize = 4 << 20;

/// A provider that was found in another broker's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Its id, made fit for a mapping.
    pub id: String,
    /// The mapping, with comments about what could not be carried.
    pub toml: String,
    /// What changes for people or needs a decision, one sentence each.
    pub warnings: Vec<String>,
    /// The fields that were not carried, and why.
    pub not_carried: Vec<NotCarried>,
}

/// A field of the other configuration that has no counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCarried {
    /// Its name there.
    pub field: String,
    /// Why, and what to do where something is to be done.
    pub why: String,
}

/// Why nothing could be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The text is in no format that is known.
    #[error(
        "this is none of the known formats; name it with `--format`: {}",
        Format::names().collect::<Vec<_>>().join(", ")
    )]
    Unknown,
    /// The text cannot be read as its format.
    #[error("this cannot be read as {format}: {why}")]
    Unreadable {
        /// The format.
        format: Format,
        /// What is wrong, with its line where that is known.
        why: String,
    },
    /// It can be read, but describes no provider.
    #[error("this {0} configuration has no provider in it; {expected}", expected = .0.expected())]
    Nothing(Format),
    /// It is longer than [`MAX_LENGTH`].
    #[error("the file is longer than 4 MiB; cut out the part that describes the provider")]
    TooLong,
}

macro_rules! formats {
    ($($variant:ident $name:literal $title:literal $module:ident $expected:literal,)*) => {
        /// A configuration format of another broker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Format {
            $(#[doc = $title] $variant,)*
        }

        impl Format {
            /// All formats.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What a provider looks like in it.
            fn expected(self) -> &'static str {
                match self { $(Self::$variant => $expected,)* }
            }

            fn read(self, text: &str) -> Result<Vec<Mapping>, String> {
                match self { $(Self::$variant => $module::read(text),)* }
            }
        }

        impl fmt::Display for Format {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $title,)* })
            }
        }
    };
}

formats! {
    Dex "dex" "Dex" dex "expected is a list `connectors` with an entry of type `oauth` or `oidc`",
    Grafana "grafana" "Grafana" grafana "expected are the settings of `auth.generic_oauth`",
    Keycloak "keycloak" "Keycloak" keycloak "expected is a realm export with `identityProviders`",
    Discourse "discourse" "Discourse" discourse "expected are site settings named `oauth2_…`",
    Authentik "authentik" "authentik" authentik "expected is a blueprint with an entry of `authentik_sources_oauth.oauthsource`",
    Kratos "kratos" "Ory Kratos" kratos "expected is `selfservice.methods.oidc.config.providers`",
    Nextcloud "nextcloud" "Nextcloud sociallogin" nextcloud "expected is the JSON of `custom_providers` with `custom_oauth2` or `custom_oidc`",
    RocketChat "rocket-chat" "Rocket.Chat" rocket_chat "expected are settings named `Accounts_OAuth_Custom-…`",
    GitLab "gitlab" "GitLab" gitlab "expected is a provider with `app_id` and `client_options`",
    Spring "spring" "Spring Boot" spring "expected is `spring.security.oauth2.client.registration`",
    // The last: it takes settings of few words for its own.
    OAuth2Proxy "oauth2-proxy" "oauth2-proxy" oauth2_proxy "expected are its flags, its configuration file or the list `providers` of the alpha configuration",
}

impl Format {
    /// The names of all formats.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|format| format.name())
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.name() == name)
    }
}

/// The providers that a configuration describes, in its order.
///
/// `public_url` is the broker's, for the redirect URI to register; without it
/// the comment has a placeholder. Without `format` the text decides.
pub fn import(
    text: &str,
    format: Option<Format>,
    public_url: Option<&str>,
) -> Result<Vec<Imported>, ImportError> {
    if text.len() > MAX_LENGTH {
        return Err(ImportError::TooLong);
    }
    let text = text.trim_start_matches('\u{feff}');
    let (format, found) = match format {
        Some(format) => {
            let found = format.read(text);
            (
                format,
                found.map_err(|why| ImportError::Unreadable { format, why })?,
            )
        }
        None => Format::ALL
            .iter()
            .filter_map(|format| Some((*format, format.read(text).ok()?)))
            .find(|(_, found)| !found.is_empty())
            .ok_or(ImportError::Unknown)?,
    };
    if found.is_empty() {
        return Err(ImportError::Nothing(format));
    }
    Ok(found
        .into_iter()
        .map(|mapping| mapping.finish(format, public_url))
        .collect())
}

/// The members of an object; none for anything else.
fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

/// A scalar as text; `None` for what has parts, and for nothing.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a flag is set, also where it is written as text.
fn flag(value: &Value) -> bool {
    scalar(value).is_some_and(|text| {
        ["true", "t", "yes", "on", "1"].contains(&text.trim().to_ascii_lowercase().as_str())
    })
}
