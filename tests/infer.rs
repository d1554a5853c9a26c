//! From a sample to the section that maps it.

#![allow(missing_docs, clippy::unwrap_used)]

use serde_json::{Value, json};
use vestibule::provider::infer::{Inferred, infer, read};

fn of(sample: &Value) -> Inferred {
    infer(sample)
}

#[test]
fn the_best_candidates_come_first_and_make_a_section() {
    let found = of(&json!({
        "code": 0,
        "data": { "user": {
            "login": "ada", "mail": "ada@example.test", "uid": 7,
            "display_name": "Ada", "email_verified": true
        } }
    }));
    assert_eq!(found.user_id[0].place, "$.data.user.uid");
    assert_eq!(found.email[0].place, "$.data.user.mail");
    assert_eq!(found.name[0].place, "$.data.user.display_name");
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let section: toml::Value = toml::from_str(&found.toml).unwrap();
    let response = &section["userinfo"]["response"];
    assert_eq!(response["user_id"].as_str(), Some("$.data.user.uid"));
    assert_eq!(
        response["email_verified"].as_str(),
        Some("$.data.user.email_verified")
    );
}

#[test]
fn ids_that_change_or_are_given_to_others_are_warned_about() {
    for sample in [
        json!({ "login": "ada", "email": "ada@example.test" }),
        json!({ "email": "ada@example.test" }),
        json!({ "phone_number": "+44 1", "email": "ada@example.test" }),
    ] {
        let found = of(&sample);
        assert!(
            found.warnings.iter().any(|w| w.contains("a bad one")),
            "{sample}: {found:?}"
        );
    }
    let nothing = of(&json!({ "hello": "world" }));
    assert!(nothing.warnings[0].contains("no id was found"));
    assert!(nothing.toml.contains("# user_id = \"\""));
}

#[test]
fn a_plain_member_is_named_plainly_and_an_odd_one_by_its_path() {
    let found = of(
        &json!({ "sub": "1", "https://acme.test/email": "a@b.test", "emails": [{ "value": "c@d.test" }] }),
    );
    assert_eq!(found.user_id[0].place, "sub");
    let places: Vec<&str> = found.email.iter().map(|c| c.place.as_str()).collect();
    assert!(
        places.contains(&"$['https://acme.test/email']"),
        "{places:?}"
    );
    assert!(places.contains(&"$.emails[0].value"), "{places:?}");
}

#[test]
fn a_pasted_answer_and_a_recording_are_read() {
    let pasted = "HTTP/1.1 302 Found\r\nLocation: /me\r\n\r\nHTTP/2 200\r\ncontent-type: application/json\r\n\r\n{\"id\":1,\"email\":\"a@b.test\"}";
    assert_eq!(read(pasted).unwrap()["id"], 1);
    let har = json!({ "log": { "entries": [
        { "response": { "content": { "text": "<html></html>" } } },
        { "response": { "content": { "text": "{\"access_token\":\"x\"}" } } },
        { "response": { "content": { "text": "{\"sub\":\"s\",\"email\":\"a@b.test\",\"name\":\"A\"}" } } },
        { "response": {} }
    ] } });
    assert_eq!(read(&har.to_string()).unwrap()["sub"], "s");
    for nonsense in ["", "hello", "HTTP/1.1 200 OK", "{\"log\":{\"entries\":[]}}"] {
        assert!(read(nonsense).is_err(), "{nonsense}");
    }
}
