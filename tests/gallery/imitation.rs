//! What is known of a provider from its documents.

use mock_idp::JournalEntry;
use serde_json::{Value, json};

/// The client id that replaces the placeholder of a gallery file.
pub const CLIENT_ID: &str = "shop-42";
/// The client secret, with characters that an encoding has to take care of.
pub const CLIENT_SECRET: &str = "s3cr/t +&=:%";

/// A provider as its documents describe it.
#[derive(Default)]
pub struct Imitation {
    /// The gallery file.
    pub file: &'static str,
    /// How the mock behaves: its configuration; `{origin}` is filled in.
    pub mock: Value,
    /// The user's id there.
    pub user_id: &'static str,
    /// The user's email; `*` stands for anything.
    pub email: &'static str,
    /// The user's name.
    pub name: Option<&'static str>,
    /// Whether that email links to a user that exists.
    pub links: bool,
    /// Further members of the session's user, if any.
    pub more: Value,
    /// What stands behind the `#` of the authorization URL.
    pub fragment: Option<&'static str>,
    /// What the server checks of the requests besides: their signatures.
    pub verify: Option<fn(&[JournalEntry])>,
    /// The requests as documented; see [`super::shape`].
    pub requests: &'static str,
}

/// The mock's configuration: the profile and what differs from a server that follows the rules.
#[expect(clippy::needless_pass_by_value, reason = "it is called with `json!`")]
pub fn mock(profile: Value, differences: Value) -> Value {
    let mut config = json!({
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "client_authentication": ["body"],
        "accounts": [{ "username": "ada", "password": "lovelace", "profile": profile }],
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(differences.as_object().unwrap().clone());
    config
}

/// An OpenID Connect server: its issuer, and its paths in the order
/// authorization, token, keys, user information.
pub fn openid(issuer: &str, paths: [&str; 4], claims: &[&str]) -> Value {
    let discovery = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let mut map = serde_json::Map::new();
    let endpoints = ["/authorize", "/token", "/jwks.json", "/userinfo"];
    for (path, endpoint) in paths.into_iter().zip(endpoints) {
        map.insert(path.to_owned(), json!(endpoint));
    }
    map.insert(discovery, json!("/.well-known/openid-configuration"));
    json!({
        "openid": {
            "enabled": true,
            "issuer": format!("{{origin}}{issuer}"),
            "algorithm": "RS256",
            "id_token_claims": claims,
        },
        "paths": map,
    })
}

/// Two sets of differences in one.
#[expect(clippy::needless_pass_by_value, reason = "it is called with `json!`")]
pub fn and(mut one: Value, other: Value) -> Value {
    let members = one.as_object_mut().unwrap();
    for (name, value) in other.as_object().unwrap().clone() {
        members.insert(name, value);
    }
    one
}
