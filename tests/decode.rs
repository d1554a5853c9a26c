//! Bodies of token and user information responses, as odd as providers send them.

use proptest::prelude::*;
use serde_json::{Value, json};
use vestibule::provider::decode::{DecodeError, Format, decode, strict_json};

#[path = "decode/formats.rs"]
mod formats;
#[path = "decode/json.rs"]
mod json;

fn auto(content_type: &str, body: &str) -> Result<(Value, Format), DecodeError> {
    let content_type = (!content_type.is_empty()).then_some(content_type);
    decode(Format::Auto, content_type, body.as_bytes()).map(|got| (got.value, got.format))
}

fn as_format(format: Format, body: &str) -> Result<Value, DecodeError> {
    decode(format, None, body.as_bytes()).map(|got| got.value)
}

fn xml(body: &str) -> Result<Value, DecodeError> {
    as_format(Format::Xml, body)
}

fn form(body: &str) -> Result<Value, DecodeError> {
    as_format(Format::Form, body)
}

fn jsonp(body: &str) -> Result<Value, DecodeError> {
    as_format(Format::Jsonp, body)
}

#[test]
fn auto_goes_by_content_type_and_body() {
    let object = json!({"a": "1"});
    let cases = [
        ("application/json", r#"{"a":"1"}"#, Format::Json),
        (
            "application/json; charset=utf-8",
            r#"{"a":"1"}"#,
            Format::Json,
        ),
        ("application/vnd.api+json", r#" {"a":"1"} "#, Format::Json),
        ("", r#"{"a":"1"}"#, Format::Json),
        // WeChat, QQ.
        ("text/plain", r#"{"a":"1"}"#, Format::Json),
        ("text/html; charset=utf-8", r#"{"a":"1"}"#, Format::Json),
        ("application/octet-stream", r#"{"a":"1"}"#, Format::Json),
        ("text/javascript", r#"{"a":"1"}"#, Format::Json),
        (
            "application/x-www-form-urlencoded",
            r#"{"a":"1"}"#,
            Format::Json,
        ),
        // GitHub, old Facebook.
        ("application/x-www-form-urlencoded", "a=1", Format::Form),
        ("text/plain; charset=UTF-8", "a=1", Format::Form),
        ("text/html", "a=1\n", Format::Form),
        ("application/json", "a=1", Format::Form),
        ("", "a=1", Format::Form),
        ("text/html", r#"callback( {"a":"1"} );"#, Format::Jsonp),
        (
            "application/javascript",
            r#"/**/cb({"a":"1"})"#,
            Format::Jsonp,
        ),
    ];
    for (content_type, body, format) in cases {
        let got = auto(content_type, body);
        assert_eq!(got, Ok((object.clone(), format)), "{content_type}: {body}");
    }
    for content_type in [
        "text/xml",
        "application/xml",
        "application/soap+xml",
        "text/plain",
        "",
    ] {
        let got = auto(content_type, "<r><a>1</a></r>");
        assert_eq!(
            got,
            Ok((json!({"r": object}), Format::Xml)),
            "{content_type}"
        );
    }
}

#[test]
fn o6_a_web_page_is_named_as_such() {
    let page = "<!DOCTYPE html><html><p>secret-token</html>";
    for body in [
        page,
        "  <html lang=en>",
        "<!-- x --><HTML>",
        "<head></head>",
    ] {
        for format in [
            Format::Auto,
            Format::Json,
            Format::Form,
            Format::Xml,
            Format::Jsonp,
        ] {
            let Err(error) = decode(format, Some("text/html"), body.as_bytes()) else {
                // Well-formed, and XML is what was asked for.
                assert_eq!((format, body), (Format::Xml, "<head></head>"));
                continue;
            };
            let text = error.to_string();
            let expected = format!("got an HTML page (text/html, {} bytes)", body.len());
            assert!(text.contains(&expected), "{text}");
        }
    }
    let error = decode(Format::Json, Some("text/html"), page.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected JSON, got an HTML page (text/html, 43 bytes)"
    );
    let error = auto("text/html", "<center>oops<br></center>").unwrap_err();
    assert!(error.to_string().contains("an HTML page"), "{error}");
    let error = auto("text/html", "502 Bad Gateway").unwrap_err();
    assert!(error.to_string().contains("an HTML page"), "{error}");
}

#[test]
fn errors_say_what_came_and_never_quote_it() {
    let cases = [
        (
            Format::Json,
            "hunter2=1",
            "expected JSON, got a form (no Content-Type, 9 bytes)",
        ),
        (
            Format::Form,
            r#"{"hunter2":"a=b"}"#,
            "expected a form, got JSON",
        ),
        (
            Format::Json,
            r#"hunter2({"a":1})"#,
            "expected JSON, got JSONP",
        ),
        (
            Format::Auto,
            "hunter2 hunter2",
            "expected JSON, a form or XML, got something else",
        ),
        (
            Format::Json,
            "{\"a\":1,\n \"hunter2\" 5}",
            "line 2, column 12 (byte 19)",
        ),
        (
            Format::Json,
            r#"{"hunter2":1,"hunter2":2}"#,
            "holds a name twice",
        ),
        (Format::Json, r#"{"hunter2":tru}"#, "expected ident"),
        (Format::Json, r#"{"hunter2":"x"#, "too early"),
        (Format::Form, "hunter2=%zz", "two hexadecimal digits"),
        (
            Format::Xml,
            "<hunter2></hunter3>",
            "differs from its start tag",
        ),
        (Format::Xml, "<a>&hunter2;</a>", "isn't predefined"),
        (Format::Jsonp, "cb(hunter2)", "mistake at line 1, column 4"),
    ];
    for (format, body, part) in cases {
        let error = decode(format, None, body.as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
        assert!(!format!("{text}{error:?}").contains("hunter"), "{error:?}");
    }
    let error = decode(Format::Json, Some("text/<b>\n"), b"x").unwrap_err();
    assert!(!error.to_string().contains('<'), "{error}");
}

#[test]
fn empty_bodies_and_jwts_have_errors_of_their_own() {
    for format in [
        Format::Auto,
        Format::Json,
        Format::Form,
        Format::Xml,
        Format::Jsonp,
    ] {
        for body in ["", " \r\n"] {
            let error = as_format(format, body).unwrap_err();
            assert!(matches!(error, DecodeError::Empty { .. }), "{error}");
        }
    }
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
    assert_eq!(auto("application/jwt", token), Err(DecodeError::IsJwt));
    assert_eq!(auto("text/plain", token), Err(DecodeError::IsJwt));
    assert_eq!(auto("application/jwt", "broken"), Err(DecodeError::IsJwt));
    assert_eq!(as_format(Format::Json, token), Err(DecodeError::IsJwt));
}

#[test]
fn formats_are_spelt_as_in_mappings() {
    for (format, text) in [
        (Format::Auto, "auto"),
        (Format::Jsonp, "jsonp"),
        (Format::Xml, "xml"),
    ] {
        assert_eq!(serde_json::to_value(format).unwrap(), json!(text));
        assert_eq!(
            serde_json::from_value::<Format>(json!(text)).unwrap(),
            format
        );
    }
    assert_eq!(Format::default(), Format::Auto);
}

const FORMATS: [Format; 5] = [
    Format::Auto,
    Format::Json,
    Format::Form,
    Format::Jsonp,
    Format::Xml,
];

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>, content_type: Option<String>) {
        for format in FORMATS {
            if let Ok(got) = decode(format, content_type.as_deref(), &body) {
                prop_assert_ne!(got.format, Format::Auto);
            }
        }
    }

    #[test]
    fn near_misses_never_panic(body in r#"[\[\]{}<>/!?&;#=:,."'\\a1e%()\-+ \n\u{feff}é]{0,40}"#) {
        for format in FORMATS {
            let _ = decode(format, None, body.as_bytes());
        }
    }

    #[test]
    fn numbers_round_trip_digit_for_digit(digits in r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,40})?(e[+-][0-9]{1,6})?") {
        let body = format!(r#"{{"id":{digits}}}"#);
        let value = strict_json(body.as_bytes()).unwrap();
        prop_assert_eq!(value["id"].to_string(), digits);
        prop_assert_eq!(value.to_string(), body);
    }

    #[test]
    fn what_is_accepted_says_the_same_to_another_reader(body in r#"[\[\]{}:,"\\a-c0-2eu .\-]{0,30}"#) {
        if let Ok(value) = strict_json(body.as_bytes()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), value);
        }
    }

    #[test]
    fn forms_round_trip(pairs in proptest::collection::btree_map("\\PC{1,8}", "\\PC{0,8}", 1..6)) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let value = form(&body).unwrap();
        for (name, text) in &pairs {
            prop_assert_eq!(value[name.as_str()].as_str(), Some(text.as_str()));
        }
    }
}
