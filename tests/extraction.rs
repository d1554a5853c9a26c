//! Extraction is exact and explained: what a mapped value becomes, and what is said
//! where it becomes nothing.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;

use serde_json::{Value, json};
use vestibule::outbound::Policy;
use vestibule::provider::Provider;
use vestibule::provider::compile::{Context, compile_toml};
use vestibule::provider::decode::{DecodeError, strict_json};
use vestibule::provider::email;
use vestibule::provider::extract::{self, Note, Profile};
use vestibule::provider::path::{Condition, INLINE_COST, Place, is_heavier};
use vestibule::provider::redirect::Redirects;

#[path = "extraction/places.rs"]
mod places;
#[path = "extraction/sessions.rs"]
mod sessions;
#[path = "extraction/work.rs"]
mod work;

/// A provider whose `[userinfo.response]` is `lines`, with further tables behind it.
fn provider(lines: &str) -> Provider {
    let source = format!(
        r#"
[provider]
id = "custom"
name = "Custom"
[client]
id = "c"
secret = "s"
[authorization]
url = "https://id.acme.test/authorize"
[token]
url = "https://id.acme.test/token"
[userinfo]
url = "https://id.acme.test/me"
[userinfo.response]
{lines}
"#
    );
    let policy = Policy::default();
    let context = Context {
        policy: &policy,
        redirects: &Redirects::default(),
    };
    compile_toml(&source, context).unwrap_or_else(|findings| {
        let all = findings.iter().fold(String::new(), |mut all, finding| {
            let _ = writeln!(all, "{finding}");
            all
        });
        panic!("{all}\n{source}")
    })
}

fn read(json: &str) -> Value {
    strict_json(json.as_bytes()).unwrap()
}

/// What a map finds in a document, and how.
fn find(lines: &str, json: &str) -> (Result<Profile, String>, Vec<Note>) {
    let mut notes = Vec::new();
    let provider = provider(lines);
    let found = extract::profile(&provider.userinfo.profile, &read(json), &mut notes);
    (found.map_err(|error| error.to_string()), notes)
}

const PLAIN: &str = "user_id = \"id\"\nemail = \"email\"\nname = \"name\"";

fn user_id(json_id: &str) -> Result<String, String> {
    let document = format!(r#"{{"id":{json_id},"email":"a@b.test"}}"#);
    find(PLAIN, &document).0.map(|profile| profile.user_id)
}

#[test]
fn ids_come_through_digit_for_digit() {
    for digits in [
        "0",
        "7",
        "12345678",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "-5",
    ] {
        assert_eq!(user_id(digits).unwrap(), digits);
        assert_eq!(user_id(&format!("\"{digits}\"")).unwrap(), digits);
    }
    // As a string nothing changes, not even what looks like a number.
    for text in ["007", "1e3", " 12 ", "1.0", "0x10", "ÄÖ-1", "auth0|5f7c"] {
        assert_eq!(user_id(&format!("\"{text}\"")).unwrap(), text);
    }
}

#[test]
fn ids_that_are_none_are_refused() {
    let wrong = |found: &str| {
        format!("`userinfo.response.user_id`: `id` should be a string or a number, but is {found}")
    };
    assert_eq!(user_id("true").unwrap_err(), wrong("true/false"));
    assert_eq!(user_id("{\"value\":1}").unwrap_err(), wrong("object"));
    assert_eq!(user_id("[\"a\",\"b\"]").unwrap_err(), wrong("array"));
    for nothing in ["null", "\"\""] {
        let why = user_id(nothing).unwrap_err();
        assert!(why.contains("`id` matched nothing"), "{why}");
    }
    let long = format!("\"{}\"", "x".repeat(255));
    assert_eq!(user_id(&long).unwrap().len(), 255);
    let long = format!("\"{}\"", "x".repeat(256));
    assert!(user_id(&long).unwrap_err().contains("at most 255 bytes"));
    assert!(user_id("\"a\\u0000b\"").unwrap_err().contains("control"));
    assert!(user_id("\"a\\nb\"").unwrap_err().contains("control"));
}

#[test]
fn several_matches_are_shown_with_their_types() {
    let (found, notes) = find(
        "user_id = \"id\"\nemail = \"$.emails[*].value\"",
        r#"{"id":1,"emails":[{"value":"a@b.test"},{"value":7},{"value":null}]}"#,
    );
    assert_eq!(
        found.unwrap_err(),
        "`userinfo.response.email`: `$.emails[*].value` matched 3 values (string, number, null) \
         where one is meant; narrow the path; `$.emails[0].value` looks like an email"
    );
    let note = notes.iter().find(|n| n.field.ends_with("email")).unwrap();
    assert_eq!(note.matched, ["string", "number", "null"]);
    assert_eq!(note.place, "$.emails[*].value");
    // The same value twice is still two matches.
    let (found, _) = find(
        "user_id = \"$..id\"\nemail = \"email\"",
        r#"{"id":1,"email":"a@b.test","org":{"id":1}}"#,
    );
    assert!(
        found
            .unwrap_err()
            .contains("matched 2 values (number, number)")
    );
}

#[test]
fn what_is_missing_may_be_elsewhere() {
    let hint = |json: &str| {
        let (found, notes) = find(PLAIN, json);
        let why = found.unwrap_err();
        let note = notes.iter().find(|n| n.hint.is_some());
        let hint = note.and_then(|n| n.hint.clone()).unwrap_or_default();
        assert!(why.ends_with(&hint), "{why}");
        hint
    };
    assert_eq!(
        hint(r#"{"id":1,"data":{"user":{"mail":"a@b.test"}}}"#),
        "`$.data.user.mail` looks like an email"
    );
    assert_eq!(
        hint(r#"{"id":1,"e mails":["not one","a@b.test"]}"#),
        "`$['e mails'][1]` looks like an email"
    );
    assert_eq!(
        hint(r#"{"id":1,"o'neil":{"a":"a@b.test"}}"#),
        "`$['o\\'neil'].a` looks like an email"
    );
    assert_eq!(
        hint(r#"{"email":"a@b.test","user":{"openid":"x"}}"#),
        "`$.user.openid` looks like an id"
    );
    assert_eq!(hint(r#"{"id":1,"name":"nobody"}"#), "");
    // It is there, and can't be what is meant.
    assert_eq!(
        hint(r#"{"id":1,"email":{"value":"a@b.test"}}"#),
        "`$.email.value` looks like an email"
    );
    assert_eq!(
        hint(r#"{"id":1,"email":"ada","mail":"a@b.test"}"#),
        "`$.mail` looks like an email"
    );
    assert_eq!(
        hint(r#"{"email":"a@b.test","id":{"uid":""},"user":{"uid":7}}"#),
        "`$.user.uid` looks like an id"
    );
    // The hint is a path that works.
    let (found, _) = find(
        "user_id = \"id\"\nemail = \"$['o\\\\'neil'].a\"",
        r#"{"id":1,"o'neil":{"a":"a@b.test"}}"#,
    );
    assert_eq!(found.unwrap().email, "a@b.test");
}

#[test]
fn coercions_of_optional_values() {
    let name = |json: &str| {
        let document = format!(r#"{{"id":1,"email":"a@b.test","name":{json}}}"#);
        find(PLAIN, &document).0.unwrap().name
    };
    assert_eq!(name("\"  Ada  \"").as_deref(), Some("Ada"));
    assert_eq!(name("\"A\\u0007d\\na\"").as_deref(), Some("Ada"));
    assert_eq!(
        name("9007199254740993").as_deref(),
        Some("9007199254740993")
    );
    for nothing in ["null", "\"\"", "\"   \"", "true", "[\"Ada\",\"Eve\"]", "{}"] {
        assert_eq!(name(nothing), None, "{nothing}");
    }
    let long = format!("\"{}\"", "ä".repeat(5_000));
    assert_eq!(name(&long).unwrap().chars().count(), 2048);
}

#[test]
fn emails_as_they_are_judged() {
    for (text, wanted) in [
        ("ada@example.test", "ada@example.test"),
        (
            "Ada.Lovelace+shop@Example.TEST",
            "Ada.Lovelace+shop@example.test",
        ),
        ("o'neil@example.test", "o'neil@example.test"),
        ("a@b", "a@b"),
        ("ada@münchen.test", "ada@xn--mnchen-3ya.test"),
    ] {
        assert_eq!(email::normalize(text).unwrap(), wanted);
    }
    let long = format!("{}@example.test", "a".repeat(65));
    let longer = format!("a@{}.test", "b".repeat(300));
    for text in [
        "ada",
        "@example.test",
        "ada@",
        "a@b@c",
        "ada@@example.test",
        "ada @example.test",
        " ada@example.test",
        "ada@example.test ",
        "ada@example..test",
        ".ada@example.test",
        "ada.@example.test",
        "a..b@example.test",
        "\"ada\"@example.test",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@-example.test",
        "ada@exa_mple.test",
        "Ada <ada@example.test>",
        "ada@example.test,eve@example.test",
        "ada@example.test\r\nBcc: eve@example.test",
        "ädä@example.test",
        "ada@example.test\u{0}",
        "ada\u{200b}@example.test",
        &long,
        &longer,
    ] {
        assert!(email::normalize(text).is_err(), "{text:?}");
    }
    let (found, _) = find(PLAIN, r#"{"id":1,"email":"Ada <ada@example.test>"}"#);
    let why = found.unwrap_err();
    assert!(
        why.starts_with("`userinfo.response.email`: `email`: the part before the `@`"),
        "{why}"
    );
    // The value itself is not in the message.
    assert!(!why.contains("Ada"), "{why}");
}

#[test]
fn only_true_is_verified() {
    let plain = format!("{PLAIN}\nemail_verified = \"verified\"");
    let spelt = format!(
        "{PLAIN}\nemail_verified = \"$.verified == true || $.verified == 'true' || $.verified == 1\""
    );
    for (value, by_place, by_condition) in [
        ("true", true, true),
        ("false", false, false),
        ("\"true\"", false, true),
        ("\"false\"", false, false),
        ("\"True\"", false, false),
        ("1", false, true),
        ("0", false, false),
        ("\"1\"", false, false),
        ("null", false, false),
        // A list is no statement either (threat M2), whatever it is for other keys.
        ("[true]", false, false),
        ("{\"value\":true}", false, false),
    ] {
        let document = format!(r#"{{"id":1,"email":"a@b.test","verified":{value}}}"#);
        let verified = |lines| find(lines, &document).0.unwrap().email_verified;
        assert_eq!(verified(&plain), by_place, "{value}");
        assert_eq!(verified(&spelt), by_condition, "{value}");
    }
    let absent = r#"{"id":1,"email":"a@b.test"}"#;
    assert!(!find(&plain, absent).0.unwrap().email_verified);
    assert!(!find(&spelt, absent).0.unwrap().email_verified);
    let several = format!("{PLAIN}\nemail_verified = \"$.all[*]\"");
    let document = r#"{"id":1,"email":"a@b.test","all":[true,true]}"#;
    assert!(!find(&several, document).0.unwrap().email_verified);
}

#[test]
fn a_made_up_address_is_never_verified() {
    let lines =
        format!("{PLAIN}\nemail_verified = \"verified\"\nemail_placeholder = \"Acme.INVALID\"");
    let (found, notes) = find(&lines, r#"{"id":"x","verified":true}"#);
    let found = found.unwrap();
    assert!(found.email_made_up && !found.email_verified);
    assert!(found.email.ends_with("@acme.invalid"));
    assert_eq!(email::normalize(&found.email).unwrap(), found.email);
    assert!(notes.iter().any(|n| n.outcome.contains("is used instead")));
    // A real one is taken, a bad one is still refused.
    let (found, _) = find(&lines, r#"{"id":"x","email":"a@b.test","verified":true}"#);
    let found = found.unwrap();
    assert!(!found.email_made_up && found.email_verified);
    assert!(find(&lines, r#"{"id":"x","email":"nonsense"}"#).0.is_err());
    assert!(
        find(&lines, r#"{"id":"x","email":["a@b.test","c@d.test"]}"#)
            .0
            .is_err()
    );
}

#[test]
fn access_rules() {
    let allowed = |rules: &str, document: &str| {
        let provider = provider(&format!("{PLAIN}\n[access]\n{rules}"));
        let document = read(document);
        let profile =
            extract::profile(&provider.userinfo.profile, &document, &mut Vec::new()).unwrap();
        extract::access(&provider.access, &profile, &document).map_err(|e| e.to_string())
    };
    let ada = r#"{"id":1,"email":"ada@Shop.ACME.test","groups":["staff","customers"],"age":36}"#;
    let domains = "email_domains = [\"other.test\", \"@shop.acme.test\"]";
    assert_eq!(allowed(domains, ada), Ok(()));
    // A domain stands for itself, not for what is below or around it.
    for domain in ["acme.test", "op.acme.test", "hop.acme.test.evil.test"] {
        let rules = format!("email_domains = [\"{domain}\"]");
        let why = allowed(&rules, ada).unwrap_err();
        assert!(why.contains("access.email_domains"), "{why}");
    }
    for holds in [
        "$.groups[?@ == 'customers']",
        "$.age >= 18",
        "$.age == 36 && $.id == 1",
        "$.missing || $.age",
        "!$.banned",
    ] {
        let rules = format!("require = [\"{holds}\"]");
        assert_eq!(allowed(&rules, ada), Ok(()), "{holds}");
    }
    for fails in [
        "$.groups[?@ == 'admins']",
        "$.age < 18",
        "$.age == '36'",
        "$.missing",
        "$.missing == 1",
        "$.nothing.at.all == true",
    ] {
        let rules = format!("require = [\"$.id == 1\", \"{fails}\"]");
        assert_eq!(
            allowed(&rules, ada).unwrap_err(),
            format!("`access.require` does not hold: {fails}")
        );
    }
}

#[test]
fn numbers_in_conditions_are_compared_as_numbers() {
    let holds = |text: &str, json: &str| Condition::parse(text).unwrap().holds(&read(json));
    assert!(holds("$.code == 0", r#"{"code":0}"#));
    assert!(holds("$.code == 0", r#"{"code":0.0}"#));
    assert!(!holds("$.code == 0", r#"{"code":"0"}"#));
    assert!(!holds("$.code == 0", r#"{"code":null}"#));
    assert!(!holds("$.code == 0", "{}"));
    assert!(holds("$.code == '00'", r#"{"code":"00"}"#));
    assert!(holds("$.text == 'a$b'", r#"{"text":"a$b"}"#));
    assert!(!holds("$.flag", r#"{"flag":false}"#));
    assert!(holds("$.flag", r#"{"flag":0}"#));
}
