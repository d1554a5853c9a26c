//! Secrets that stand in a mapping are not shown, and come back when it does.

use vestibule::document::redact::{leaks, redact, references, restore};

#[test]
fn secrets_are_redacted_wherever_they_stand() {
    let source = r#"# kept
[client]
secret = "s-1" # kept too
previous_secret = "s-2"
private_key = """
s-3
"""
[token]
headers = { Authorization = "Basic s-4", X = "kept" }
[token.before]
headers = { authorization = "s-5" }
[userinfo]
headers = { Authorization = "Bearer {access_token}" }
[[userinfo.then]]
name = "a"
[[userinfo.then]]
name = "b"
headers = { Authorization = "ApiKey s-6" }
"#;
    let shown = redact(source);
    for secret in 1..=6 {
        assert!(!shown.contains(&format!("s-{secret}")), "{shown}");
    }
    for kept in [
        "# kept\n",
        "# kept too",
        "X = \"kept\"",
        "Bearer {access_token}",
    ] {
        assert!(shown.contains(kept), "{shown}");
    }
    assert_eq!(restore(&shown, source), source);
}

/// Whichever key of the format holds a secret, its literal is one to hide.
#[test]
fn every_key_that_holds_a_secret_is_redacted() {
    let schema = serde_json::to_string(&*vestibule::provider::compile::SCHEMA).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let client = &schema["$defs"]["ClientSection"]["properties"];
    let mut keys = Vec::new();
    for (key, shape) in client.as_object().unwrap() {
        if shape.to_string().contains("SecretSource") {
            keys.push(key);
        }
    }
    assert!(keys.len() >= 6, "{keys:?}");
    // No other table has one.
    assert_eq!(
        schema.to_string().matches("$defs/SecretSource").count(),
        keys.len()
    );
    for key in keys {
        let literal = match key.as_str() {
            "secrets" => "{ any-name = \"s3cr3t-of-mine\", \"odd.name\" = \"s3cr3t-too\" }",
            _ => "\"s3cr3t-of-mine\"",
        };
        let source = format!("[client]\n{key} = {literal}\n");
        assert!(!redact(&source).contains("s3cr3t"), "{key}");
    }
}

/// Whoever does not own the broker's host names no file and no variable of it, under
/// whichever key.
#[test]
fn references_to_the_host_are_found_under_every_key() {
    let source = "[client]\nsecret = { env = \"A\" }\nsecrets = { gateway = { file = \"/etc/x\" }, plain = \"y\" }\n";
    let keys = |stored: Option<&str>| -> Vec<String> {
        let found = references(source, stored).into_iter();
        found.map(|finding| finding.key).collect()
    };
    assert_eq!(keys(None), ["client.secret", "client.secrets.gateway"]);
    assert!(keys(Some(source)).is_empty());
    let before = source.replace("/etc/x", "/etc/y");
    assert_eq!(keys(Some(&before)), ["client.secrets.gateway"]);
}

/// A secret that is kept here does not go to another host, under whichever key.
#[test]
fn further_secrets_stay_with_their_hosts() {
    let stored =
        "[client]\nsecrets = { gateway = \"gw-1\" }\n[token]\nurl = \"https://a.test/t\"\n";
    let shown = redact(stored);
    assert!(!shown.contains("gw-1"), "{shown}");
    assert_eq!(restore(&shown, stored), stored);
    let elsewhere = shown.replace("a.test", "evil.test");
    assert_eq!(restore(&elsewhere, stored), elsewhere);
    assert!(leaks(&stored.replace("a.test", "evil.test"), stored));
}
