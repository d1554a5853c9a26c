//! Nextcloud's app sociallogin: the JSON of its setting `custom_providers`.

use serde_json::Value;
use url::Url as WebAddress;

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Path, Secret, Text, With, Words};
use super::table::{Rule, carry, words};
use super::{grafana, places, scalar};

const ROWS: &[(&str, Rule)] = &[
    ("name", Text("provider.id")),
    ("title", Text("provider.name")),
    ("apiBaseUrl", Known),
    ("authorizeUrl", With(authorize)),
    ("tokenUrl", With(token)),
    ("profileUrl", With(profile)),
    ("userInfoUrl", With(profile)),
    ("logoutUrl", Rule::Url("end_session.url")),
    ("clientId", Text("client.id")),
    ("clientSecret", Secret),
    ("scope", Words("authorization.scopes")),
    ("profileFields", With(fields)),
    ("displayNameClaim", Path("userinfo.response.name")),
    ("groupsClaim", With(groups)),
    ("groupMapping", Left("groups are names in the session")),
    ("defaultGroup", Left("groups are names in the session")),
    ("acrValues", With(acr_values)),
    ("style", Known),
];

pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let value = json(text)?;
    let mut found = Vec::new();
    for (list, openid) in [("custom_oauth2", false), ("custom_oidc", true)] {
        let items = value.get(list).and_then(Value::as_array);
        found.extend(
            items
                .into_iter()
                .flatten()
                .map(|item| provider(item, openid)),
        );
    }
    Ok(found)
}

/// The JSON, or the command that sets it, where it is quoted once or twice.
fn json(text: &str) -> Result<Value, String> {
    let part = match (text.find('{'), text.rfind('}')) {
        (Some(from), Some(to)) if from < to => &text[from..=to],
        _ => return Err("there is no JSON object in it".to_owned()),
    };
    serde_json::from_str(part)
        .or_else(|error| serde_json::from_str(&part.replace("\\\"", "\"")).map_err(|_| error))
        .map_err(|error| error.to_string())
}

fn provider(item: &Value, openid: bool) -> Mapping {
    let mut mapping = Mapping::default();
    let base = item.get("apiBaseUrl").and_then(scalar).unwrap_or_default();
    let item = absolute(item, &base);
    carry(&mut mapping, ROWS, &item);
    if openid {
        mapping.set("provider.kind", "openid");
        mapping.left(
            "issuer",
            "is not in the configuration; write the provider's issuer by hand",
        );
        mapping
            .warn("the app took the ID token without checking its signature; here it is checked");
        mapping.set("userinfo.response.user_id", "sub");
        mapping.set("userinfo.response.email_verified", "email_verified");
        if !mapping.has("userinfo.url") {
            mapping.set("userinfo.source", "id_token");
        }
    } else {
        mapping.warn("the app takes as id the first that is there of id, ID, union_id, open_id, user_id, userid, userId, oauth_user_id, sub, client_id, uid, within `data` or `ocs.data` too, and keeps what follows its last `/`; compare `user_id` with the provider's answer, or people become new ones");
        mapping.set("userinfo.response.user_id", "id");
    }
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "displayName");
    mapping.set("authorization.pkce", "none");
    mapping.set("client.authentication", "body");
    let kind = if openid {
        "custom_oidc"
    } else {
        "custom_oauth2"
    };
    let name = item.get("name").and_then(scalar).unwrap_or_default();
    mapping.old_redirect_uri(format!("…/apps/sociallogin/{kind}/{name}"));
    mapping
}

/// URLs may be relative to `apiBaseUrl`.
fn absolute(item: &Value, base: &str) -> Value {
    let mut item = item.clone();
    for name in ["authorizeUrl", "tokenUrl", "profileUrl", "userInfoUrl"] {
        let Some(Value::String(url)) = item.get_mut(name) else {
            continue;
        };
        if !url.is_empty() && !url.contains("://") && !base.is_empty() {
            *url = format!(
                "{}/{}",
                base.trim_end_matches('/'),
                url.trim_start_matches('/')
            );
        }
    }
    item
}

/// The query of the URL holds the fixed parameters.
fn authorize(mapping: &mut Mapping, name: &str, value: &Value) {
    let text = scalar(value).unwrap_or_default();
    let Ok(mut url) = WebAddress::parse(&text) else {
        mapping.left(name, "is not a URL; write the right one by hand");
        return;
    };
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (parameter, value) in pairs {
        if parameter == "hd" {
            mapping.add("access.email_domains", [value.clone()]);
        }
        mapping.enter("authorization.parameters", parameter, value);
    }
    url.set_query(None);
    mapping.set("authorization.url", url.as_str());
}

fn token(mapping: &mut Mapping, name: &str, value: &Value) {
    Rule::Url("token.url").apply(mapping, name, value);
}

fn profile(mapping: &mut Mapping, name: &str, value: &Value) {
    Rule::Url("userinfo.url").apply(mapping, name, value);
}

fn fields(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.enter("userinfo.parameters", "fields", words(value).join(","));
}

fn groups(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).and_then(|text| places::place(&text)) {
        Some(place) => mapping.set("userinfo.response.groups", grafana::all_of(&place)),
        None => mapping.left(
            name,
            "is more than a path; say it as JSONPath (RFC 9535) by hand",
        ),
    }
}

fn acr_values(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.enter(
        "authorization.parameters",
        "acr_values",
        words(value).join(" "),
    );
}
