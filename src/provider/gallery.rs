//! The bundled mappings, `providers/*.toml`.

use crate::document::structure::parse_toml;

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../providers/", $name, ".toml")))),*]
    };
}

/// Each with its file name without the ending.
const ALL: &[(&str, &str)] = bundled![
    "adfs",
    "alipay",
    "amazon",
    "apple",
    "auth0",
    "azure-ad-b2c",
    "bitbucket",
    "dingtalk",
    "discord",
    "dropbox",
    "facebook",
    "feishu",
    "franceconnect",
    "github",
    "gitlab",
    "google",
    "gov-br",
    "hubspot",
    "intuit",
    "itsme",
    "kakao",
    "keycloak",
    "line",
    "linkedin",
    "mail-ru",
    "mercado-libre",
    "microsoft",
    "mock-idp",
    "naver",
    "notion",
    "odnoklassniki",
    "okta",
    "paypal",
    "qq",
    "rakuten",
    "reddit",
    "salesforce",
    "sap-cdc",
    "shopify",
    "singpass",
    "slack",
    "spotify",
    "strava",
    "taobao",
    "tiktok",
    "twitch",
    "twitter",
    "virto-commerce",
    "vk",
    "vtex-exact",
    "wechat",
    "wecom",
    "weibo",
    "yahoo-japan",
    "yandex",
    "zalo",
    "zitadel",
    "zoom",
];

/// Providers that stand beside an account's one custom mapping.
pub const BUILT_IN: &[&str] = &[
    "google",
    "facebook",
    "apple",
    "microsoft",
    "github",
    "gitlab",
    "linkedin",
    "discord",
    "slack",
    "line",
    "kakao",
    "naver",
    "yandex",
    "vk",
    "wechat",
    "qq",
    "feishu",
    "dingtalk",
    "alipay",
    "amazon",
    "bitbucket",
    "dropbox",
    "franceconnect",
    "gov-br",
    "hubspot",
    "intuit",
    "itsme",
    "mail-ru",
    "mercado-libre",
    "notion",
    "odnoklassniki",
    "paypal",
    "rakuten",
    "reddit",
    "singpass",
    "spotify",
    "strava",
    "taobao",
    "tiktok",
    "twitch",
    "twitter",
    "wecom",
    "weibo",
    "yahoo-japan",
    "zalo",
    "zoom",
];

/// All bundled mappings: name and text.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().copied()
}

/// The text of a bundled mapping.
pub fn get(name: &str) -> Option<&'static str> {
    ALL.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, source)| *source)
}

/// The name that shoppers read of a bundled mapping.
pub fn name(id: &str) -> Option<&'static str> {
    let mut lines = get(id)?.lines();
    let line = lines.find(|line| line.starts_with("name ") || line.starts_with("name="))?;
    line.split('"').nth(1)
}

/// The first comment of a mapping: what it is for.
pub fn about(source: &str) -> &str {
    source
        .lines()
        .next()
        .map_or("", |line| line.trim_start_matches('#').trim())
}

/// The key has no value that could be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mapping has no `{0}` to replace; add the key to the file")]
pub struct NoSuchKey(String);

/// A mapping with another value for a key; comments and all else stay.
///
/// # Errors
/// If the key is not in the text.
pub fn set(source: &str, key: &str, toml_value: &str) -> Result<String, NoSuchKey> {
    let (_, spans, _) = parse_toml(source);
    let span = spans.value(key).ok_or_else(|| NoSuchKey(key.to_owned()))?;
    let mut out = source.to_owned();
    out.replace_range(span, toml_value);
    Ok(out)
}
