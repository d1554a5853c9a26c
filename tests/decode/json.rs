//! Strict JSON.

use serde_json::{Value, json};
use vestibule::provider::decode::{
    DecodeError, Format, MAX_DEPTH, MAX_NODES, strict_json, type_name,
};

use super::{as_format, form, xml};

#[test]
fn j22_duplicates_bad_utf8_and_byte_order_marks() {
    let duplicate = |text: &str| {
        let error = strict_json(text.as_bytes()).unwrap_err();
        assert!(
            matches!(error, DecodeError::Duplicate { .. }),
            "{text}: {error}"
        );
    };
    duplicate(r#"{"sub":"a","sub":"b"}"#);
    duplicate(r#"{"sub":"a","\u0073ub":"b"}"#);
    duplicate(r#"{"x":[{"sub":1,"y":2,"sub":1}]}"#);
    let bad = strict_json(b"{\"a\":\n\"\xff\"}").unwrap_err();
    assert!(
        bad.to_string().contains("line 2, column 2 (byte 7)"),
        "{bad}"
    );
    assert!(strict_json(br#"{"a":"\ud800"}"#).is_err());
    assert!(strict_json(br#"{"\ud800":1}"#).is_err());
    assert_eq!(
        strict_json("\u{feff}{}".as_bytes()),
        Err(DecodeError::ByteOrderMark)
    );
    // What isn't signed may begin with one.
    for body in [
        "\u{feff}{}",
        "\u{feff}a=1",
        "\u{feff}cb({})",
        "\u{feff}<a/>",
    ] {
        assert!(as_format(Format::Auto, body).is_ok(), "{body}");
    }
    // A name that can't be read is one name only.
    let error = as_format(Format::Json, r#"{"\ud800":1,"\udfff":2}"#).unwrap_err();
    assert!(matches!(error, DecodeError::Duplicate { .. }), "{error}");
    for broken in [
        "{\"a\":\"\t\",}",
        "{\"a\":\"\t",
        "\t\"a\n",
        "{\"a\":\"\\\t\"}",
    ] {
        assert!(as_format(Format::Json, broken).is_err(), "{broken}");
    }
}

#[test]
fn json_is_strict() {
    for body in [
        "{}{}",
        "{} x",
        "{}\0",
        "[1,]",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "01",
        "+1",
        ".5",
        "1.",
        "NaN",
        "Infinity",
        "-",
        "1e",
        "\"\t\"",
        "// c\n{}",
        "[1 2]",
        "{\"a\"}",
        "nul",
        "\"",
    ] {
        assert!(strict_json(body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(
        strict_json(b" {\"a\" : [null, true, false, -0, \"\\u00e9\\n\"]}\r\n").unwrap(),
        json!({"a": [null, true, false, serde_json::from_str::<Value>("-0").unwrap(), "é\n"]})
    );
}

#[test]
fn numbers_keep_their_digits() {
    for digits in [
        "0",
        "-1",
        "12345678901234567890123456789",
        "0.10",
        "1.000000000000000000001",
        "18446744073709551616",
        "-9223372036854775809",
        "1e+400",
        "1e-400",
        "5e+2",
    ] {
        assert_eq!(strict_json(digits.as_bytes()).unwrap().to_string(), digits);
    }
    let huge = strict_json(b"1e400").unwrap();
    assert_eq!(huge.as_f64(), None);
    assert_eq!(type_name(&huge), "number");
    assert_eq!(
        strict_json(b"{\"id\":1E5}").unwrap().to_string(),
        r#"{"id":1e+5}"#
    );
}

#[test]
fn an_object_cannot_pass_for_a_number() {
    for body in [
        r#"{"$serde_json::private::Number":"5"}"#,
        r#"{"\u0024serde_json::private::Number":"5"}"#,
        r#"{"a":1,"$serde_json::private::Number":"5"}"#,
        r#"[{"$serde_json::private::Number":"not a number"}]"#,
        r#"{"$serde_json::private::RawValue":"{}"}"#,
    ] {
        let error = strict_json(body.as_bytes()).unwrap_err();
        assert!(
            matches!(error, DecodeError::Syntax { .. }),
            "{body}: {error:?}"
        );
        assert!(!error.to_string().contains("serde"), "{error}");
    }
    assert!(strict_json(br#"{"$serde_json":"5"}"#).is_ok());
}

#[test]
fn x7_depth_and_number_are_capped() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(strict_json(nested(MAX_DEPTH).as_bytes()).is_ok());
    let json = DecodeError::TooDeep {
        format: Format::Json,
    };
    assert_eq!(
        strict_json(nested(MAX_DEPTH + 1).as_bytes()),
        Err(json.clone())
    );
    assert_eq!(strict_json(nested(500_000).as_bytes()), Err(json.clone()));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(65), "}".repeat(65));
    assert_eq!(strict_json(objects.as_bytes()), Err(json));

    let many = |items: usize| format!("[{}1]", "1,".repeat(items - 1));
    assert!(strict_json(many(MAX_NODES - 1).as_bytes()).is_ok());
    let error = strict_json(many(MAX_NODES).as_bytes());
    assert_eq!(
        error,
        Err(DecodeError::TooMany {
            format: Format::Json
        })
    );

    let elements = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(xml(&elements(MAX_DEPTH)).is_ok());
    let error = xml(&elements(MAX_DEPTH + 1));
    assert_eq!(
        error,
        Err(DecodeError::TooDeep {
            format: Format::Xml
        })
    );
    let error = xml(&format!("<r>{}</r>", "<a/>".repeat(MAX_NODES)));
    assert_eq!(
        error,
        Err(DecodeError::TooMany {
            format: Format::Xml
        })
    );
    let pairs: Vec<String> = (0..=MAX_NODES).map(|n| format!("a{n}=")).collect();
    let error = form(&pairs.join("&"));
    assert_eq!(
        error,
        Err(DecodeError::TooMany {
            format: Format::Form
        })
    );
}
