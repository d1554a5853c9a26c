//! Secrets that stand in a mapping are not shown, and come back when it does.

use vestibule::document::redact::{redact, restore};

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
        let source = format!("[client]\n{key} = \"s3cr3t-of-mine\"\n");
        assert!(!redact(&source).contains("s3cr3t"), "{key}");
    }
}
