//! Spring Boot: `spring.security.oauth2.client`, as YAML, properties or variables.

use serde_json::{Map, Value};

use super::mapping::Mapping;
use super::table::Rule::{Known, Left, Name, Secret, Text, Url, With, Words};
use super::table::{Rule, carry};
use super::{members, pairs, scalar, yaml};

/// The names as `relaxed` makes them.
const REGISTRATION: &[(&str, Rule)] = &[
    ("provider", Known),
    ("clientid", Text("client.id")),
    ("clientsecret", Secret),
    ("clientauthenticationmethod", With(authentication)),
    ("authorizationgranttype", Known),
    ("redirecturi", With(old_redirect_uri)),
    ("scope", Words("authorization.scopes")),
    ("clientname", Text("provider.name")),
];

const PROVIDER: &[(&str, Rule)] = &[
    ("issueruri", Url("provider.issuer")),
    ("authorizationuri", Url("authorization.url")),
    ("tokenuri", Url("token.url")),
    ("userinfouri", Url("userinfo.url")),
    ("userinfoauthenticationmethod", With(send_token)),
    (
        "jwkseturi",
        Left("the keys are where the issuer's discovery document says"),
    ),
    ("usernameattribute", Name("userinfo.response.user_id")),
];

const PREFIX: &str = "spring.security.oauth2.client.";

#[expect(clippy::unnecessary_wraps, reason = "other formats can be unreadable")]
pub(super) fn read(text: &str) -> Result<Vec<Mapping>, String> {
    let mut found = Vec::new();
    for client in clients(text) {
        let get = |name: &str| client.get(name).cloned().unwrap_or(Value::Null);
        let (registrations, providers) = (get("registration"), get("provider"));
        for (id, registration) in members(&registrations) {
            found.extend(provider(id, &relaxed(registration), &providers));
        }
    }
    Ok(found)
}

/// What stands below `spring.security.oauth2.client`.
fn clients(text: &str) -> Vec<Value> {
    let lines = pairs::read(text).into_iter().filter_map(|(key, value)| {
        let path = match key.strip_prefix(PREFIX) {
            Some(rest) => rest.to_owned(),
            None => variable(&key)?,
        };
        Some((path, value))
    });
    let mut root = Value::Object(Map::new());
    for (path, value) in lines {
        let mut parts = path.splitn(3, '.');
        if let (Some(kind), Some(id), Some(field)) = (parts.next(), parts.next(), parts.next()) {
            insert(&mut root, [kind, id, field], value);
        }
    }
    if members(&root).next().is_some() {
        return vec![root];
    }
    let documents = yaml::read(text).unwrap_or_default();
    documents
        .iter()
        .filter_map(|document| {
            let client = yaml::find(document, "oauth2")?.get("client")?;
            client.get("registration").is_some().then(|| client.clone())
        })
        .collect()
}

fn insert(root: &mut Value, path: [&str; 3], value: Value) {
    let mut at = root;
    for part in path {
        let Value::Object(map) = at else {
            return;
        };
        let empty = Value::Object(Map::new());
        at = map.entry(part.to_owned()).or_insert(empty);
    }
    // A list's items come one a line: `scope[0]=…`.
    *at = value;
}

/// `SPRING_SECURITY_OAUTH2_CLIENT_REGISTRATION_ACME_CLIENTID`
fn variable(key: &str) -> Option<String> {
    let rest = key.strip_prefix("SPRING_SECURITY_OAUTH2_CLIENT_")?;
    let rest = rest.to_ascii_lowercase();
    let (kind, rest) = rest.split_once('_')?;
    let rows = if kind == "provider" {
        PROVIDER
    } else {
        REGISTRATION
    };
    let (at, _) = rest.match_indices('_').find(|(at, _)| {
        let field = plain(&rest[at + 1..]);
        rows.iter().any(|(known, _)| *known == field)
    })?;
    Some(format!("{kind}.{}.{}", &rest[..at], &rest[at + 1..]))
}

/// A name without what may be written in several ways.
fn plain(name: &str) -> String {
    let name = name.split('[').next().unwrap_or_default();
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// An object with relaxed names; items of a list come together.
fn relaxed(value: &Value) -> Value {
    let mut out: Map<String, Value> = Map::new();
    for (name, value) in members(value) {
        let indexed = name.contains('[');
        match (indexed, out.get_mut(&plain(name))) {
            (true, Some(Value::Array(items))) => items.push(value.clone()),
            (true, _) => {
                out.insert(plain(name), Value::Array(vec![value.clone()]));
            }
            (false, _) => {
                out.insert(plain(name), value.clone());
            }
        }
    }
    Value::Object(out)
}

fn provider(id: &str, registration: &Value, providers: &Value) -> Option<Mapping> {
    let get = |name: &str| registration.get(name).and_then(scalar);
    let grant = get("authorizationgranttype").unwrap_or_else(|| "authorization_code".to_owned());
    if grant.replace('-', "_") != "authorization_code" {
        return None;
    }
    let mut mapping = Mapping::default();
    mapping.set("provider.id", id);
    let name = get("provider").unwrap_or_else(|| id.to_owned());
    let own = members(providers).find(|(known, _)| plain(known) == plain(&name));
    carry(&mut mapping, REGISTRATION, registration);
    if let Some((_, own)) = own {
        carry(&mut mapping, PROVIDER, &relaxed(own));
    }
    let known = ["google", "github", "facebook", "okta"];
    match known.into_iter().find(|known| *known == name) {
        Some(name) if own.is_none() => mapping.bundled(name),
        _ => finish(&mut mapping),
    }
    Some(mapping)
}

fn finish(mapping: &mut Mapping) {
    let openid = mapping.has("provider.issuer");
    if openid {
        mapping.set("provider.kind", "openid");
        mapping.add("authorization.scopes", ["openid".to_owned()]);
        mapping.set("userinfo.response.email_verified", "email_verified");
        mapping.set_default("userinfo.response.user_id", "sub");
    }
    mapping.set_default("client.authentication", "basic");
    mapping.set_default("authorization.pkce", "none");
    mapping.set_default("userinfo.response.user_id", "id");
    mapping.set_default("userinfo.response.email", "email");
    mapping.set_default("userinfo.response.name", "name");
    if !openid {
        mapping.warn("Spring names the id's top-level member alone; where the profile is wrapped (`response`, `kakao_account`), the paths of id, email and name have to be written by hand");
    }
}

fn authentication(mapping: &mut Mapping, name: &str, value: &Value) {
    match scalar(value).unwrap_or_default().as_str() {
        "client_secret_basic" | "basic" => mapping.set("client.authentication", "basic"),
        "client_secret_post" | "post" | "POST" => mapping.set("client.authentication", "body"),
        "none" => mapping.set("client.authentication", "none"),
        other => mapping.left(name, format!("`{other}` has to be chosen by hand")),
    }
}

fn send_token(mapping: &mut Mapping, _: &str, value: &Value) {
    match scalar(value).unwrap_or_default().as_str() {
        "query" => mapping.set("userinfo.send_token", "query"),
        "form" => {
            mapping.set("userinfo.method", "POST");
            mapping.set("userinfo.send_token", "body");
        }
        _ => {}
    }
}

fn old_redirect_uri(mapping: &mut Mapping, _: &str, value: &Value) {
    mapping.old_redirect_uri(scalar(value).unwrap_or_default());
}
