//! Forms, JSONP and XML.

use serde_json::json;
use vestibule::provider::decode::{DecodeError, Format};

use super::{auto, form, jsonp, xml};

#[test]
fn forms() {
    let got = form("access_token=a%2Bb+c&expires=5184000&scope=&flag&&u=%C3%A9").unwrap();
    let want = json!({
        "access_token": "a+b c", "expires": "5184000", "scope": "", "flag": "", "u": "é",
    });
    assert_eq!(got, want);
    for body in ["a=1&a=2", "a=1&%61=2"] {
        assert!(
            matches!(form(body), Err(DecodeError::Duplicate { .. })),
            "{body}"
        );
    }
    for body in [
        "a=%ff", "a=%f", "a=%", "a=%+1", "=1", "a", "a=b c", "a=b\nc=d", "a=\0",
    ] {
        assert!(
            matches!(form(body), Err(DecodeError::Syntax { .. })),
            "{body}"
        );
    }
}

#[test]
fn jsonp_is_one_call_and_never_run() {
    let want = json!({"openid": "X"});
    for body in [
        r#"callback( {"openid":"X"} );"#,
        r#"callback({"openid":"X"})"#,
        "\n/**/ window.cb_1$ (\n{\"openid\":\"X\"}\n) ;\n",
        r#"/**/ typeof cb === 'function' && cb({"openid":"X"});"#,
    ] {
        assert_eq!(jsonp(body).as_ref(), Ok(&want), "{body}");
        assert_eq!(
            auto("text/html", body),
            Ok((want.clone(), Format::Jsonp)),
            "{body}"
        );
    }
    for body in [
        r#"cb({"openid":"X"}, {"openid":"Y"});"#,
        r#"cb({"openid":"X"});cb({"openid":"Y"});"#,
        r#"cb({"openid":"X"});;"#,
        r#"cb({"openid":"X"}"#,
        r"cb({openid:'X'})",
        r#"cb({"openid":"X","openid":"Y"})"#,
        r#"a;cb({"openid":"X"})"#,
        r#"var x = cb({"openid":"X"})"#,
        r#"cb.({"openid":"X"})"#,
        r#"typeof a === 'function' && b({"openid":"X"});"#,
        r#"1cb({"openid":"X"})"#,
        "cb()",
        "cb",
    ] {
        assert!(jsonp(body).is_err(), "{body}");
    }
    let error = jsonp("cb(\n{\"a\" 1})").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("JSONP has a mistake at line 2, column 6"),
        "{error}"
    );
}

#[test]
fn xml_becomes_an_object() {
    let body = r#"<?xml version="1.0" encoding="UTF-8"?>
        <!-- a profile -->
        <p:user xmlns:p="urn:x" active='yes'>
          <id>007</id><name>A &amp; B &#233;&#x41;</name><bio><![CDATA[<b>]]></bio>
          <mail>a@x</mail><mail kind="work">b@x</mail>
          <none/><blank> </blank>
        </p:user>"#;
    let want = json!({"p:user": {
        "@xmlns:p": "urn:x", "@active": "yes", "id": "007", "name": "A & B éA", "bio": "<b>",
        "mail": ["a@x", {"@kind": "work", "#text": "b@x"}], "none": "", "blank": " ",
    }});
    assert_eq!(xml(body), Ok(want));
    assert_eq!(xml("\u{feff}<a>x</a>"), Ok(json!({"a": "x"})));
    assert_eq!(
        xml("<a>x<b/>y</a>"),
        Ok(json!({"a": {"b": "", "#text": "xy"}}))
    );
}

#[test]
fn a_comment_does_not_cut_an_identity_short() {
    let got = xml("<id>user@evil.test<!-- -->.victim.test</id>");
    assert_eq!(got, Ok(json!({"id": "user@evil.test.victim.test"})));
}

#[test]
fn xml_is_strict() {
    for body in [
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        "<!DOCTYPE a><a/>",
        "<a>&nbsp;</a>",
        "<a>&x</a>",
        "<a>&</a>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a>&#xD800;</a>",
        "<a b='&x;'/>",
        "<a b='&#2;'/>",
        "<a b='1' b='2'/>",
        "<a b=1/>",
        "<a b/>",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<!-- -->",
        "<#text/>",
        "<@a/>",
        "<1/>",
        "<a \u{1}='x'/>",
        "<a>\u{0}</a>",
        "< a/>",
        "<a",
        "<![CDATA[x]]>",
    ] {
        let got = xml(body);
        assert!(got.is_err(), "{body}: {got:?}");
    }
    let error = xml("\u{feff}<a>\n  &x;</a>").unwrap_err();
    assert!(
        error.to_string().contains("line 2, column 3 (byte 6)"),
        "{error}"
    );
}
