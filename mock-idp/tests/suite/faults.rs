//! Every fault of the connection, the answers and the authorization response.

use std::time::{Duration, Instant};

use mock_idp::{Config, Fault, FaultKind, Faults};
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::visitor::{REDIRECT_URI, Visitor, get, location, visit};

fn kind(fault: Value) -> FaultKind {
    serde_json::from_value::<Fault>(fault).unwrap().kind
}

/// A token request under a fault that strikes once.
async fn token(visitor: &Visitor, fault: Value) -> reqwest::Result<Response> {
    visitor
        .idp
        .set_faults(Faults::none().once("token", kind(fault)));
    let code = visitor.code().await;
    visitor.exchange(&code).send().await
}

async fn body(visitor: &Visitor, fault: Value) -> Vec<u8> {
    token(visitor, fault)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn slow_and_drip_take_their_time() {
    let visitor = visit(Config::default()).await;
    for fault in [
        json!({ "kind": "slow", "ms": 200 }),
        json!({ "kind": "drip", "ms_per_byte": 2 }),
    ] {
        let began = Instant::now();
        let whole = body(&visitor, fault).await;
        assert!(began.elapsed() >= Duration::from_millis(180));
        assert!(serde_json::from_slice::<Value>(&whole).unwrap()["access_token"].is_string());
        // Once only.
        assert!(visitor.idp.faults().is_empty());
    }
}

#[tokio::test]
async fn hang_never_answers() {
    let visitor = visit(Config::default()).await;
    let answer = timeout(
        Duration::from_millis(200),
        token(&visitor, json!({ "kind": "hang" })),
    )
    .await;
    assert!(answer.is_err());
    let entry = visitor.idp.journal().pop().unwrap();
    assert_eq!(
        (entry.path.as_str(), entry.response_status),
        ("/token", None)
    );
}

#[tokio::test]
async fn close_and_cut() {
    let visitor = visit(Config::default()).await;
    assert!(token(&visitor, json!({ "kind": "close" })).await.is_err());
    for after_bytes in [0, 10, 100_000] {
        let fault = json!({ "kind": "cut", "after_bytes": after_bytes });
        let mut answer = token(&visitor, fault).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.content_length().unwrap() > after_bytes);
        let mut got = 0;
        let error = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => got += chunk.len() as u64,
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(error);
        assert!(got == after_bytes || after_bytes == 100_000, "{got}");
    }
    // The request was served all the same: its code is used up.
    let code = visitor.code().await;
    visitor
        .idp
        .set_faults(Faults::none().once("token", FaultKind::Close));
    assert!(visitor.exchange(&code).send().await.is_err());
    assert_eq!(visitor.exchange(&code).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn huge_bodies() {
    let visitor = visit(Config::default()).await;
    for with_length in [true, false] {
        let fault = json!({ "kind": "huge", "bytes": 3_000_000, "with_length": with_length });
        let answer = token(&visitor, fault).await.unwrap();
        assert_eq!(answer.content_length(), with_length.then_some(3_000_000));
        assert_eq!(answer.bytes().await.unwrap().len(), 3_000_000);
    }
    for decoded in [0u64, 1, 258, 259, 1000, 5_000_000] {
        let fault = json!({ "kind": "gzip_bomb", "decoded_bytes": decoded });
        let decoded_body = body(&visitor, fault).await;
        assert_eq!(decoded_body.len() as u64, decoded);
        assert!(decoded_body.iter().all(|byte| *byte == 0));
    }
}

#[tokio::test]
async fn other_answers() {
    let visitor = visit(Config::default()).await;
    for (fault, status, content_type, text) in [
        (
            json!({ "kind": "html_200" }),
            200,
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        (json!({ "kind": "empty_200" }), 200, "", ""),
        (json!({ "kind": "empty_400" }), 400, "", ""),
        (
            json!({ "kind": "status", "code": 503 }),
            503,
            "text/plain",
            "",
        ),
        (
            json!({ "kind": "status", "code": 429, "body": "{}", "content_type": "application/json",
                    "headers": { "retry-after": "7" } }),
            429,
            "application/json",
            "{}",
        ),
        (
            json!({ "kind": "error_in_200" }),
            200,
            "application/json",
            "{\"error\":\"invalid_grant\",",
        ),
        (
            json!({ "kind": "error_in_200", "body": { "code": 1 } }),
            200,
            "application/json",
            "{\"code\":1}",
        ),
        (
            json!({ "kind": "body", "content_type": "x/y", "text": "z" }),
            200,
            "x/y",
            "z",
        ),
        (
            json!({ "kind": "not_json" }),
            200,
            "application/json",
            "this is not",
        ),
        (
            json!({ "kind": "redirect", "location": "http://evil.test/" }),
            307,
            "text/plain",
            "",
        ),
    ] {
        let answer = token(&visitor, fault.clone()).await.unwrap();
        assert_eq!(answer.status(), status, "{fault}");
        let sent = answer
            .headers()
            .get("content-type")
            .map_or("", |value| value.to_str().unwrap());
        assert_eq!(sent, content_type);
        assert_eq!(answer.headers().contains_key("retry-after"), status == 429);
        assert_eq!(answer.headers().contains_key("location"), status == 307);
        assert!(answer.text().await.unwrap().starts_with(text), "{fault}");
    }
    // Such a request is not served: its code is still good.
    let code = visitor.code().await;
    visitor
        .idp
        .set_faults(Faults::none().once("token", FaultKind::status(503)));
    assert_eq!(visitor.exchange(&code).send().await.unwrap().status(), 503);
    assert_eq!(visitor.exchange(&code).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn spoilt_answers() {
    let visitor = visit(Config::default()).await;
    let json_of = async |fault: Value| -> Value {
        serde_json::from_slice(&body(&visitor, fault).await).unwrap()
    };
    let wrong = json_of(json!({ "kind": "wrong_types" })).await;
    assert_eq!(
        wrong,
        json!({
            "access_token": true, "token_type": ["Bearer"], "expires_in": { "seconds": 3600 },
        })
    );
    let missing = json_of(json!({ "kind": "missing", "field": "access_token" })).await;
    assert!(missing.get("access_token").is_none() && missing.get("expires_in").is_some());
    let huge: Value = serde_json::from_str("1e400").unwrap();
    let fault = json!({ "kind": "replace", "field": "expires_in", "value": huge });
    assert!(
        String::from_utf8(body(&visitor, fault).await)
            .unwrap()
            .contains(":1e+400")
    );
    let nested = json_of(json!({ "kind": "replace", "field": "a.b", "value": [1] })).await;
    assert_eq!(nested["a"]["b"], json!([1]));

    let twice =
        String::from_utf8(body(&visitor, json!({ "kind": "duplicate_members" })).await).unwrap();
    assert_eq!(twice.matches("\"access_token\":").count(), 2);
    assert!(
        body(&visitor, json!({ "kind": "bom" }))
            .await
            .starts_with(b"\xEF\xBB\xBF{")
    );
    let invalid = body(&visitor, json!({ "kind": "invalid_utf8" })).await;
    assert!(String::from_utf8(invalid).is_err());
    let deep = body(&visitor, json!({ "kind": "deep_json", "depth": 100_000 })).await;
    assert!(deep.starts_with(b"{\"deep\":[[[") && deep.len() > 200_000);
    let fault = json!({ "kind": "extra_header", "name": "x-more", "value": "1" });
    assert_eq!(
        token(&visitor, fault).await.unwrap().headers()["x-more"],
        "1"
    );
}

#[tokio::test]
async fn spoilt_profiles_and_several_faults_at_once() {
    let visitor = visit(Config::default()).await;
    let tokens = visitor.tokens(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let faults = json!({ "userinfo": [
        { "kind": "wrong_types", "times": 1 },
        { "kind": "replace", "field": "emails.0", "value": "x@y.test" },
        { "kind": "slow", "ms": 1 },
    ] });
    visitor
        .idp
        .set_faults(serde_json::from_value(faults).unwrap());
    let profile: Value = visitor.userinfo(token).await.json().await.unwrap();
    assert_eq!(profile["email"], json!({ "value": "ada@example.test" }));
    assert_eq!(profile["email_verified"], "true");
    assert_eq!(profile["emails"]["0"], "x@y.test");
    let profile: Value = visitor.userinfo(token).await.json().await.unwrap();
    assert_eq!(profile["email"], "ada@example.test");
}

#[tokio::test]
async fn spoilt_callbacks() {
    let visitor = visit(Config::default()).await;
    for (fault, codes, states, errors) in [
        (json!({ "kind": "wrong_state" }), 1, 1, 0),
        (json!({ "kind": "no_state" }), 1, 0, 0),
        (json!({ "kind": "empty_state" }), 1, 1, 0),
        (json!({ "kind": "duplicate_state" }), 1, 2, 0),
        (json!({ "kind": "duplicate_code" }), 2, 1, 0),
        (json!({ "kind": "code_and_error" }), 1, 1, 1),
        (json!({ "kind": "no_code" }), 0, 1, 0),
        (
            json!({ "kind": "error", "error": "server_error", "description": "<b>" }),
            0,
            1,
            1,
        ),
        (
            json!({ "kind": "extra_parameter", "name": "state", "value": "2" }),
            1,
            2,
            0,
        ),
    ] {
        visitor
            .idp
            .set_faults(Faults::none().once("authorize", kind(fault.clone())));
        // The form is shown first, and must not use the fault up.
        let page = visitor.at(&format!("/authorize?{}", Visitor::request(&[])));
        assert_eq!(visitor.http.get(page).send().await.unwrap().status(), 200);
        let pairs = visitor.callback(&[]).await;
        let count = |name: &str| pairs.iter().filter(|(key, _)| key == name).count();
        assert_eq!(
            (count("code"), count("state"), count("error")),
            (codes, states, errors),
            "{fault}"
        );
        let right = get(&pairs, "state") == Some("s-1");
        let wrong_one = ["wrong_state", "no_state", "empty_state"];
        assert_eq!(right, !wrong_one.contains(&fault["kind"].as_str().unwrap()));
    }
    visitor
        .idp
        .set_faults(Faults::none().once("authorize", FaultKind::Fragment));
    let back = visitor
        .sign_in(&Visitor::request(&[]), "ada", "lovelace")
        .await;
    let address = back.headers()["location"].to_str().unwrap();
    assert!(address.starts_with(&format!("{REDIRECT_URI}#code=")));
    assert!(get(&location(&back), "code").is_some());
    visitor
        .idp
        .set_faults(Faults::none().once("authorize", FaultKind::Html200));
    let page = visitor.at(&format!("/authorize?{}", Visitor::request(&[])));
    let page = visitor
        .http
        .get(page)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("Maintenance"));
}

#[test]
#[should_panic(expected = "can't have the fault wrong_state")]
fn a_fault_in_the_wrong_place_is_a_mistake() {
    let _ = Faults::none().on("token", FaultKind::WrongState);
}
