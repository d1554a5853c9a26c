//! What a check of a mapping says: every mistake at once, where it stands, and what to do.

#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::json;
use vestibule::document::Finding;
use vestibule::outbound::Policy;
use vestibule::provider::compile::{Context, MAX_FILE, compile_json, compile_toml};
use vestibule::provider::redirect::Redirects;

#[path = "mapping_check/keys.rs"]
mod keys;
#[path = "mapping_check/redacted.rs"]
mod redacted;
#[path = "mapping_check/urls.rs"]
mod urls;

/// A mapping without any finding; the first line is 1.
const GOOD: &str = r#"[provider]
id = "acme"
name = "Acme"
email_trust = "never"
[client]
id = "shop-42"
secret = { file = "/proc/self/comm" }
[authorization]
url = "https://id.acme.test/authorize"
[token]
url = "https://id.acme.test/token"
[userinfo]
url = "https://id.acme.test/me"
[userinfo.response]
user_id = "id"
email = "email"
"#;

fn check_with(source: &str, policy: &Policy) -> Vec<Finding> {
    match compile_toml(
        source,
        Context {
            policy,
            redirects: &Redirects::default(),
        },
    ) {
        Ok(provider) => provider.warnings,
        Err(findings) => findings,
    }
}

fn check(source: &str) -> Vec<Finding> {
    check_with(source, &Policy::default())
}

/// A finding on one line: place, severity, key, message, text, hint.
fn line(finding: &Finding) -> String {
    let place = match (finding.line, finding.column) {
        (Some(line), Some(column)) => format!("{line}:{column} "),
        _ => String::new(),
    };
    let severity = if finding.is_error() { "" } else { "warning " };
    let part = |mark: &str, text: &Option<String>| {
        text.as_ref()
            .map(|t| format!(" {mark} {t}"))
            .unwrap_or_default()
    };
    format!(
        "{place}{severity}{}: {}{}{}",
        finding.key,
        finding.message,
        part("|", &finding.text),
        part("->", &finding.hint)
    )
}

fn lines(source: &str) -> Vec<String> {
    check(source).iter().map(line).collect()
}

/// The good mapping with one line of it replaced; the findings.
fn with(old: &str, new: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(old).count(), 1, "{old}");
    lines(&GOOD.replace(old, new))
}

/// The one finding of the good mapping with one line of it replaced.
fn one(old: &str, new: &str) -> String {
    let mut found = with(old, new);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

#[test]
fn a_good_mapping_has_no_finding() {
    assert_eq!(lines(GOOD), Vec::<String>::new());
}

#[test]
fn eleven_mistakes_are_eleven_findings() {
    let source = r#"# Eleven mistakes, eleven findings.
[provider]
id    = "Acme Shop"
name  = "Acme"
email_trust = "never"
scopes = ["email"]

[client]
id     = 42
secert = "x"
secret = { env = "VESTIBULE_TEST_NO_SUCH_VARIABLE" }

[authorization]
url        = "https://https://id.acme.test/authorize"
parameters = { state = "fixed", prompt = "login" }

[token]
url          = "id.acme.test/token"
content_type = "application/jsn"

[userinfo]
url = "https://id.acme.test/me"

[userinfo.response]
user_id = "$.data[?@.id"
email   = "$..a..b"
"#;
    let wanted = [
        "3:9 provider.id: `Acme Shop` is not a valid provider id: use 1 to 40 lower-case letters, digits and `-`, beginning with a letter or digit; no provider is named `password` | \"Acme Shop\"",
        "6:1 provider.scopes: unknown key `scopes` in `[provider]` | scopes -> `scopes` belongs in `[authorization]`",
        "9:10 client.id: must be a string, but is a number | 42 -> write it in quotes: \"42\"",
        "10:1 client.secert: unknown key `secert` in `[client]` | secert -> did you mean `secret`?",
        "11:10 client.secret: the variable `VESTIBULE_TEST_NO_SUCH_VARIABLE` is not set; set it in the broker's environment",
        "14:14 authorization.url: the URL has two schemes | \"https://https://id.acme.test/authorize\" -> did you mean `https://id.acme.test/authorize`?",
        "15:24 authorization.parameters.state: `state` is reserved: the state is sent under it | \"fixed\" -> remove the custom parameter, or rename the reserved key",
        "18:16 token.url: not a URL: relative URL without a base | \"id.acme.test/token\" -> did you mean `https://id.acme.test/token`?",
        "19:16 token.content_type: must be one of \"application/x-www-form-urlencoded\", \"application/json\", \"none\" | \"application/jsn\" -> did you mean \"application/json\"?",
        "25:11 userinfo.response.user_id: not a valid JSONPath (RFC 9535): it ends too early, after `$.data[?@.id` | \"$.data[?@.id\"",
        "26:11 userinfo.response.email: `..` is allowed once, and not inside a filter; name the members between | \"$..a..b\"",
    ];
    assert_eq!(lines(source), wanted);
}

#[test]
fn toml_that_is_none_is_shown_where_it_breaks() {
    let found = lines("[provider]\nid = \"acme\nname = \"Acme\"\n[client\nid = 1\n");
    assert_eq!(
        found[1],
        "2:11 : not valid TOML: invalid basic string, expected `\"`"
    );
    assert_eq!(
        found[2],
        "4:8 : not valid TOML: unclosed table, expected `]`"
    );
    // What is on the lines that can't be read is not missing.
    assert!(
        !found.iter().any(|f| f.contains("is missing")),
        "{found:#?}"
    );
    // A line that can't be read may hold a secret, and is not quoted.
    let found = lines("[client]\nsecret = \"hunter2\" extra\n");
    assert!(found[1].contains("not valid TOML"), "{found:#?}");
    assert!(!found.concat().contains("hunter2"), "{found:#?}");
}

#[test]
fn keys_and_tables_that_are_there_twice() {
    assert_eq!(
        one("name = \"Acme\"", "name = \"Acme\"\nname = \"Other\""),
        "4:1 : not valid TOML: `name` occurs twice | name"
    );
    assert_eq!(
        one("[token]", "[client]\n[token]"),
        "10:2 : not valid TOML: `client` occurs twice | client"
    );
    let twice = "secret = { file = \"/proc/self/comm\" }";
    let found = one(twice, &format!("{twice}\nsecret = \"hunter2\""));
    assert_eq!(
        found,
        "8:1 : not valid TOML: `secret` occurs twice | secret"
    );
}

#[test]
fn columns_count_characters() {
    let found = with("name = \"Acme\"", "name = \"漢字🎉\"\n\"näme\" = \"x\"");
    assert_eq!(
        found,
        [
            "4:1 provider.näme: unknown key `näme` in `[provider]` | \"näme\" -> did you mean `name`?"
        ]
    );
    let found = one(
        "[authorization]",
        "[authorization]\nparameters = { \"ä漢🎉\" = \"x\", state = \"日本\" }",
    );
    assert!(
        found.starts_with("9:37 authorization.parameters.state: "),
        "{found}"
    );
    assert!(found.contains("| \"日本\" ->"), "{found}");
}

#[test]
fn a_huge_file_is_not_read() {
    let huge = format!("{GOOD}#{}", "x".repeat(MAX_FILE));
    assert_eq!(lines(&huge), [": the mapping is longer than 256 KiB"]);
    let large = format!("{GOOD}#{}", "x".repeat(MAX_FILE - GOOD.len() - 1));
    assert_eq!(lines(&large), Vec::<String>::new());
}

#[test]
fn an_empty_file_lacks_what_is_required() {
    let found: Vec<String> = check("")
        .iter()
        .filter(|f| f.is_error())
        .map(line)
        .collect();
    assert_eq!(
        found,
        [
            "provider.id: `provider.id` is missing -> write: id = \"acme\"",
            "provider.name: `provider.name` is missing -> write: name = \"Acme Accounts\"",
            "client.id: `client.id` is missing -> write: id = \"storefront-42\"",
            "client.secret: `client.secret` is missing -> write: secret = { env = \"ACME_CLIENT_SECRET\" }",
            "authorization.url: `authorization.url` is missing -> write: url = \"https://id.acme.test/…\"",
            "token.url: `token.url` is missing -> write: url = \"https://id.acme.test/…\"",
            "userinfo.url: `userinfo.url` is missing -> write: url = \"https://id.acme.test/me\"",
            "userinfo.response.user_id: `userinfo.response.user_id` is missing -> write: user_id = \"userId\"",
            "userinfo.response.email: `userinfo.response.email` is missing -> write: email = \"email\"",
        ]
    );
    // A table that is there is where its key is missing.
    assert_eq!(
        one("user_id = \"id\"", "# user_id"),
        "14:11 userinfo.response.user_id: `userinfo.response.user_id` is missing | response -> write: user_id = \"userId\""
    );
}

#[test]
fn a_mapping_as_json_is_checked_alike() {
    let policy = Policy::default();
    let value = json!({
        "provider": { "id": "acme", "name": 7 }, "client": { "secert": "x" }, "tokn": {},
    });
    let findings = compile_json(
        value,
        Context {
            policy: &policy,
            redirects: &Redirects::default(),
        },
    )
    .unwrap_err();
    let found: Vec<String> = findings.iter().take(3).map(line).collect();
    assert_eq!(
        found,
        [
            "provider.name: must be a string, but is a number -> write it in quotes: \"7\"",
            "client.secert: unknown key `secert` in `[client]` -> did you mean `secret`?",
            "tokn: unknown key `tokn` at the top level -> did you mean `token`?",
        ]
    );
}
