//! GitLab: `oauth2_generic` and `openid_connect` in `omniauth_providers`, in
//! Ruby or YAML.

use serde_json::{Map, Value, json};

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Pkce, Secret, Text, Url, With, Words};
use super::table::{Rule, carry, words};
use super::{members, places, ruby, scalar, yaml};

const OUTER: &[(&str, Rule)] = &[
    ("name", Known),
    ("label", Text("provider.name")),
    ("app_id", Text("client.id")),
    ("app_secret", Secret),
    ("args", Known),
    ("icon", Known),
];

const ARGS: &[(&str, Rule)] = &[
    ("name", Known),
    ("strategy_class", Known),
    ("client_options", Known),
    ("user_response_structure", With(response)),
    ("authorize_params", With(parameters)),
    ("scope", Words("authorization.scopes")),
    ("redirect_url", With(old_redirect_uri)),
    ("redirect_uri", With(old_redirect_uri)),
    ("pkce", Pkce),
    ("issuer", Text("provider.issuer")),
    ("discovery", Known),
    ("response_type", Known),
    ("client_auth_method", With(authentication)),
    ("uid_field", With(uid)),
    (
        "send_scope_to_token_endpoint",
        Left("scopes are sent to the authorization endpoint"),
    ),
    ("post_logout_redirect_uri", Known),
];

const OPTIONS: &[(&str, Rule)] = &[
    ("site", Known),
    ("authorize_url", Known),
    ("token_url", Known),
    ("user_info_url", Known),
    ("identifier", Text("client.id")),
    ("secret", Secret),
    ("redirect_uri", With(old_redirect_uri)),
    ("authorization_endpoint", Url("authorization.url")),
    ("token_endpoint", Url("token.url")),
    ("userinfo_endpoint", Url("userinfo.url")),
    ("end_session_endpoint", Url("end_session.url")),
    (
        "jwks_uri",
        Left("the keys are where the issuer's discovery document says"),
    ),
    ("auth_scheme", With(authentication)),
    ("gitlab", Known),
];

#[expect(clippy::unnecessary_wraps, reason = "other formats can be unreadable")]
pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let mut found = Vec::new();
    if let Ok(documents) = yaml::read(text) {
        for document in &documents {
            collect(document, &mut found);
        }
    }
    if found.is_empty() {
        for hash in ruby::hashes(text) {
            collect(&hash, &mut found);
        }
        for arguments in ruby::calls(text, "provider") {
            found.extend(rails(arguments));
        }
    }
    let found: Vec<Value> = found;
    Ok(found.iter().map(provider).collect())
}

/// The hashes that describe a provider, however deep.
fn collect(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) => {
            let args = map
                .get("args")
                .filter(|args| args.get("client_options").is_some());
            if args.is_some() {
                found.push(value.clone());
                return;
            }
            map.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
        // Charts hold a provider as text.
        Value::String(text) if text.contains("client_options") => {
            for document in yaml::read(text).unwrap_or_default() {
                if !document.is_string() {
                    collect(&document, found);
                }
            }
        }
        _ => {}
    }
}

/// `provider :oauth2_generic, "id", "secret", client_options: {…}` of Rails.
fn rails(arguments: Vec<Value>) -> Option<Value> {
    let [strategy, id, secret, rest] = <[Value; 4]>::try_from(arguments).ok()?;
    rest.get("client_options")?;
    let name = rest.get("name").cloned().unwrap_or(strategy);
    Some(json!({ "name": name, "app_id": id, "app_secret": secret, "args": rest }))
}

fn provider(value: &Value) -> Mapping {
    let mut mapping = Mapping::default();
    let name = value.get("name").and_then(scalar).unwrap_or_default();
    mapping.set("provider.id", name.as_str());
    mapping.set("provider.name", name.as_str());
    let empty = Value::Object(Map::new());
    let args = value.get("args").unwrap_or(&empty);
    let options = args.get("client_options").unwrap_or(&empty);
    carry(&mut mapping, OUTER, value);
    endpoints(&mut mapping, options);
    carry(&mut mapping, OPTIONS, options);
    carry(&mut mapping, ARGS, args);
    if mapping.has("provider.issuer") {
        mapping.set("provider.kind", "openid");
        mapping.add("authorization.scopes", ["openid".to_owned()]);
        mapping.set_default("userinfo.response.user_id", "sub");
        mapping.set_default("userinfo.response.email_verified", "email_verified");
    }
    if !mapping.has("client.authentication") {
        mapping.set("client.authentication", "basic");
        mapping.warn("GitLab leaves it to a library how the client authenticates, Basic in its newer versions; if the provider refuses that, set `authentication = \"body\"`");
    }
    mapping.set_default("authorization.pkce", "none");
    mapping.set_default("userinfo.response.user_id", "id");
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "name");
    mapping.old_redirect_uri(format!("…/users/auth/{name}/callback"));
    mapping
}

/// The URLs, relative to `site`.
fn endpoints(mapping: &mut Mapping, options: &Value) {
    let Some(site) = options.get("site").and_then(scalar) else {
        return;
    };
    for (field, key, usual) in [
        ("authorize_url", "authorization.url", "/oauth/authorize"),
        ("token_url", "token.url", "/oauth/token"),
        ("user_info_url", "userinfo.url", "/api/v3/user"),
    ] {
        let path = options
            .get(field)
            .and_then(scalar)
            .unwrap_or_else(|| usual.to_owned());
        let url = if path.contains("://") {
            path
        } else {
            format!(
                "{}/{}",
                site.trim_end_matches('/'),
                path.trim_start_matches('/')
            )
        };
        mapping.url(key, field, &url);
    }
}

/// Where the values are: a text is relative to the root, a list begins at the top.
fn response(mapping: &mut Mapping, field: &str, value: &Value) {
    let root = value.get("root_path").map(path_of).unwrap_or_default();
    let place = |value: &Value| match value {
        Value::Array(_) => places::of_names(&path_of(value)),
        other => places::below(&root, &scalar(other).unwrap_or_default()),
    };
    if let Some(id) = value.get("id_path") {
        mapping.set("userinfo.response.user_id", place(id));
    }
    for (name, value) in members(value.get("attributes").unwrap_or(&Value::Null)) {
        let place = place(value);
        match name {
            "name" => mapping.set("userinfo.response.name", place),
            "email" => mapping.set("userinfo.response.email", place),
            "first_name" => mapping.set("userinfo.response.given_name", place),
            "last_name" => mapping.set("userinfo.response.family_name", place),
            "image" => mapping.set("userinfo.response.picture", place),
            "nickname" | "location" | "description" | "phone" => {
                mapping.enter("userinfo.response.attributes", name, place);
            }
            other => mapping.left(format!("{field}: {other}"), "is not known here"),
        }
    }
}

fn path_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(scalar).collect(),
        other => scalar(other)
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect(),
    }
}

fn parameters(mapping: &mut Mapping, field: &str, value: &Value) {
    for (name, value) in members(value) {
        if name == "scope" {
            mapping.add("authorization.scopes", words(value));
        } else if let Some(text) = scalar(value) {
            mapping.enter("authorization.parameters", name, text);
        } else {
            mapping.left(
                format!("{field}: {name}"),
                "has a value of another kind than expected",
            );
        }
    }
}

fn authentication(mapping: &mut Mapping, field: &str, value: &Value) {
    match scalar(value).unwrap_or_default().as_str() {
        "basic" | "basic_auth" | "client_secret_basic" => {
            mapping.set("client.authentication", "basic");
        }
        "query" | "request_body" | "client_secret_post" | "post" => {
            mapping.set("client.authentication", "body");
        }
        other => mapping.left(field, format!("`{other}` has to be chosen by hand")),
    }
}

fn uid(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.set(
        "userinfo.response.user_id",
        scalar(value).unwrap_or_default(),
    );
}

fn old_redirect_uri(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.old_redirect_uri(scalar(value).unwrap_or_default());
}
