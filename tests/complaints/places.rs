//! Where an answer stands, and by what it is a good one.

use std::collections::BTreeMap;

use mock_idp::{FaultKind, Faults};
use serde_json::json;

use crate::scene::Scene;

const PROFILE: &str = r#"{"userId":"u-1","email":"ada@example.test"}"#;

pub fn answer(code: u16, content_type: &str, body: &str, headers: &[(&str, &str)]) -> FaultKind {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    FaultKind::Status {
        code,
        body: body.to_owned(),
        content_type: content_type.to_owned(),
        headers: headers.iter().map(owned).collect::<BTreeMap<_, _>>(),
    }
}

impl Scene {
    /// Answers of the token and the user information endpoint from now on.
    pub fn answers(&self, token: FaultKind, userinfo: FaultKind) {
        let faults = Faults::none().on("token", token).on("userinfo", userinfo);
        self.world.idp.set_faults(faults);
    }
}

pub fn json_answer(body: &str) -> FaultKind {
    answer(200, "application/json", body, &[])
}

const TOKEN: &str = "gAAAAABm1-a-token-of-a-redirect";

/// A token endpoint that redirects, with its answer in the address.
#[tokio::test]
async fn d16_the_token_stands_in_the_address_of_a_redirect() {
    let redirects = "[token.response]\naccess_token = \"{location.access_token}\"";
    let scene = Scene::new(json!({}), redirects).await;
    for (status, address) in [
        (
            302,
            format!("https://app.test/done#access_token={TOKEN}&expires_in=60"),
        ),
        (303, format!("/done?access_token={TOKEN}")),
        (307, format!("https://app.test/?x=1&access_token={TOKEN}#/")),
        (301, format!("https://app.test/#?access_token={TOKEN}&x")),
    ] {
        let head = [("Location", address.as_str())];
        let page = answer(status, "text/html", "<a href='x'>Found</a>", &head);
        scene.answers(page, json_answer(PROFILE));
        scene.logs_in().await;
        let sent = scene.last("/userinfo");
        assert_eq!(
            sent.header("authorization"),
            Some(&*format!("Bearer {TOKEN}"))
        );
        let (outcome, trace) = scene.by_hand().await;
        outcome.unwrap();
        let whole = serde_json::to_string(&trace).unwrap();
        assert!(!whole.contains(TOKEN), "{whole}");
    }
    for (address, why) in [
        (
            "https://app.test/#error=invalid_grant&error_description=The+code+is+stale".to_owned(),
            "the provider refused (HTTP 302: invalid_grant: The code is stale)",
        ),
        (
            "https://app.test/#done".to_owned(),
            "`{location.access_token}` matched nothing",
        ),
        (
            format!("https://app.test/?access_token=another#access_token={TOKEN}"),
            "`{location.access_token}` matched nothing",
        ),
    ] {
        let head = [("Location", address.as_str())];
        scene.answers(answer(302, "text/html", "", &head), json_answer(PROFILE));
        let said = scene.why().await;
        assert!(said.contains(why), "{address}: {said}");
    }
    // Whose mapping names no place in it gets no token from a redirect, and no trace
    // shows it.
    scene.map("").await;
    let address = format!("https://app.test/#access_token={TOKEN}");
    let head = [("Location", address.as_str())];
    scene.answers(answer(302, "text/html", "", &head), json_answer(PROFILE));
    let (outcome, trace) = scene.by_hand().await;
    assert_eq!(
        outcome.err().unwrap().code().as_str(),
        "login.provider_error"
    );
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(!whole.contains(TOKEN), "{whole}");
}

/// A status that says otherwise than the answer does.
#[tokio::test]
async fn d16_a_good_answer_of_another_status() {
    let stated = "[token.response]\nsuccess_status = [409]\n[userinfo.response]\nsuccess_status = [302, 404]";
    let scene = Scene::new(json!({}), stated).await;
    let token = |status| {
        let body = format!(r#"{{"access_token":"{TOKEN}"}}"#);
        answer(status, "application/json", &body, &[])
    };
    let profile = |status| answer(status, "application/json", PROFILE, &[]);
    for (asked, told) in [(409, 404), (200, 302), (201, 200)] {
        scene.answers(token(asked), profile(told));
        scene.logs_in().await;
    }
    scene.answers(token(400), profile(200));
    scene.fails("login.token_rejected").await;
    scene.answers(token(409), profile(403));
    scene.fails("login.userinfo_rejected").await;
    // An error stays one.
    let error = answer(409, "application/json", r#"{"error":"invalid_grant"}"#, &[]);
    scene.answers(error, profile(200));
    scene.fails("login.token_rejected").await;
}

/// Answers that are no JSON, form or XML.
#[tokio::test]
async fn d17_answers_that_are_lines_of_text() {
    let text = |body: &str| answer(200, "text/plain", body, &[]);
    let scene = Scene::new(
        json!({}),
        "[token.response]\nformat = \"text\"\naccess_token = \"$\"\n[userinfo.response]\nformat = \"pairs\"\nuser_id = \"uid\"\nemail = \"mail\"",
    )
    .await;
    let pairs = "uid: 7\r\nmail=ada@example.test\r\n\r\nname: Ada: the first\r\n";
    scene.answers(text(&format!("{TOKEN}\n")), text(pairs));
    assert_eq!(scene.logs_in().await["name"], "Ada: the first");
    assert_eq!(scene.user_id().await, "7");
    for (profile, why) in [
        ("uid: 7\nmail", "line 2, column 1"),
        ("uid: 7\nuid: 8\nmail: a@example.test", "a name twice"),
        ("", "empty body"),
    ] {
        scene.answers(text(TOKEN), text(profile));
        let said = scene.why().await;
        assert!(
            said.contains("login.userinfo_invalid") && said.contains(why),
            "{said}"
        );
    }
    // A token that no mapping finds is in no trace either.
    scene.map("").await;
    let (outcome, trace) = scene.by_hand().await;
    let why = outcome.err().unwrap().to_string();
    assert!(why.contains("\"text\", \"lines\" or \"pairs\""), "{why}");
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(!whole.contains(TOKEN), "{whole}");

    // CAS 1.0, and JSON a line.
    scene
        .map("[token.response]\nformat = \"lines\"\naccess_token = \"$[1]\"\nsuccess = \"$[0] == 'yes'\"\n[userinfo.response]\nformat = \"lines\"\nuser_id = \"$[0].id\"\nemail = \"$[1].email\"\nname = -")
        .await;
    let lines = "{\"id\":90071992547409931}\n{\"email\":\"eve@example.test\"}\n";
    scene.answers(text("yes\nada\n"), text(lines));
    assert_eq!(scene.logs_in().await["email"], "eve@example.test");
    scene.answers(text("no\n\n"), text(lines));
    scene.fails("login.token_rejected").await;
}

/// `)]}'` and the like, which keep scripts of other sites from running JSON.
#[tokio::test]
async fn d17_json_behind_a_guard() {
    let scene = Scene::new(json!({}), "").await;
    for guard in [")]}',\n", ")]}'\n", "while(1);", "for (;;); ", "{}&&"] {
        scene.answers(
            json_answer(&format!(r#"{guard}{{"access_token":"{TOKEN}"}}"#)),
            json_answer(&format!("{guard}{PROFILE}")),
        );
        scene.logs_in().await;
    }
    scene.answers(json_answer(")]}',x"), json_answer(PROFILE));
    scene.fails("login.token_response_invalid").await;
}

/// User information that stands in the head of an answer, as proxies have it.
#[tokio::test]
async fn d18_a_profile_in_the_head_of_the_answer() {
    let changes = "[userinfo.response]\nuser_id = \"{header.x-auth-user}\"\nemail = [\"{cookie.mail}\", \"{header.x-auth-email}\"]\nname = \"name\"";
    let scene = Scene::new(json!({}), changes).await;
    let token = json_answer(r#"{"access_token":"a-token"}"#);
    let head = [("X-Auth-User", "u-8"), ("X-Auth-Email", "ada@example.test")];
    scene.answers(token.clone(), answer(204, "", "", &head));
    assert_eq!(scene.logs_in().await["email"], "ada@example.test");
    assert_eq!(scene.user_id().await, "u-8");
    // Nobody says in a body what stands in the head.
    let body = r#"{"{header.x-auth-user}":"u-9","name":"Ada"}"#;
    scene.answers(token.clone(), answer(200, "application/json", body, &head));
    assert_eq!(scene.logs_in().await["name"], "Ada");
    assert_eq!(scene.user_id().await, "u-8");
    scene.answers(token, json_answer(body));
    let why = scene.why().await;
    assert!(
        why.contains("`{header.x-auth-user}` matched nothing"),
        "{why}"
    );
    // In the answer of the token endpoint, too.
    let own = format!("{changes}\n[userinfo]\nurl = -\nsource = \"token_response\"");
    scene.map(&own).await;
    let whole = answer(
        200,
        "application/json",
        r#"{"access_token":"a-token"}"#,
        &head,
    );
    scene.answers(whole, json_answer("{}"));
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "u-8");
}

/// Apple sends the name as JSON within a parameter, at the first login alone.
#[tokio::test]
async fn d19_a_callback_parameter_that_is_json() {
    let user = r#"{"name":{"firstName":"Ada","lastName":"Lovelace"},"id":7}"#;
    let scene = Scene::new(
        json!({ "callback": { "extra": { "user": user } } }),
        "[userinfo.response]\ngiven_name = \"{callback.$.user.name.firstName}\"\n[userinfo.response.attributes]\nnumber = \"{callback.$.user.id}\"",
    )
    .await;
    let (outcome, _) = scene.by_hand().await;
    let identified = outcome.unwrap();
    assert_eq!(identified.profile().more["given_name"], "Ada");
    assert_eq!(identified.profile().more["number"], 7);
    for odd in ["{\"name\":", "[[", "plain", ""] {
        scene.mock(json!({ "callback": { "extra": { "user": odd } } }));
        let (outcome, _) = scene.by_hand().await;
        assert_eq!(
            outcome.unwrap().profile().more.get("given_name"),
            None,
            "{odd}"
        );
    }
}

/// WeChat, GraphQL and others say what went wrong in an answer that says 200.
#[tokio::test]
async fn d20_words_of_an_error_in_a_good_answer() {
    let scene = Scene::new(json!({}), "").await;
    for (body, why) in [
        (
            r#"{"errcode":40029,"errmsg":"invalid code"}"#,
            "token login.token_rejected: the provider refused (HTTP 200: 40029: invalid code)",
        ),
        (
            r#"{"meta":{"code":401,"message":"stale"},"data":null}"#,
            "token login.token_rejected: the provider refused (HTTP 200: 401: stale)",
        ),
        (
            r#"{"success":false,"message":"code was used","data":null}"#,
            "token login.token_rejected: the provider refused (HTTP 200: code was used)",
        ),
        (
            r#"{"status":"fail","message":"code was used"}"#,
            "token login.token_rejected: the provider refused (HTTP 200: fail: code was used)",
        ),
        (
            r#"{"code":0,"message":"ok","result":{}}"#,
            "token login.token_response_invalid: `token.response.access_token`: `access_token` matched nothing",
        ),
    ] {
        scene.answers(json_answer(body), json_answer(PROFILE));
        assert_eq!(scene.why().await, why);
    }
    let token = json_answer(r#"{"access_token":"tok-4711-secret"}"#);
    for (body, wanted) in [
        (
            r#"{"errors":[{"message":"no scope for tok-4711-secret"}],"data":null}"#,
            Some("the answer says: no scope for {{access_token}}"),
        ),
        (
            r#"{"errcode":40003,"errmsg":"invalid openid"}"#,
            Some("the answer says: 40003: invalid openid"),
        ),
        (
            r#"{"type":"user","title":"Dr","description":"likes tea"}"#,
            None,
        ),
        (r#"{"code":0,"message":"success","data":{}}"#, None),
    ] {
        scene.answers(token.clone(), json_answer(body));
        let why = scene.why().await;
        match wanted {
            Some(words) => assert!(why.contains(words), "{why}"),
            None => assert!(!why.contains("the answer says"), "{why}"),
        }
    }
    // RFC 6750 §3: in the head, where the body says nothing.
    let head = [(
        "WWW-Authenticate",
        r#"Bearer realm="x", error_description="needs the scope email", error="insufficient_scope""#,
    )];
    scene.answers(token.clone(), answer(403, "text/plain", "", &head));
    let why = scene.why().await;
    assert!(
        why.contains("(HTTP 403: insufficient_scope: needs the scope email)"),
        "{why}"
    );
    // SOAP puts a fault three elements deep, under a prefix.
    let soap = r#"<s:Envelope xmlns:s="u"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>Session has ended</faultstring></s:Fault></s:Body></s:Envelope>"#;
    scene.answers(token, answer(403, "text/xml", soap, &[]));
    let why = scene.why().await;
    assert!(why.contains("s:Client: Session has ended"), "{why}");
}

/// Some servers send an error with every answer, and say by it that there was none.
#[tokio::test]
async fn d20_an_error_that_says_that_there_is_none() {
    let scene = Scene::new(
        json!({ "callback": { "error": "errno", "extra": { "errno": "0" } } }),
        "[callback]\nerror_key = \"errno\"",
    )
    .await;
    scene.logs_in().await;
    scene.mock(json!({ "callback": { "error": "errno", "extra": { "errno": "17" } } }));
    scene.fails("login.bad_callback").await;
}

/// JSON that is written in Base64 within the answer.
#[tokio::test]
async fn d20_what_counts_in_base64() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let scene = Scene::new(json!({}), "[userinfo.response]\ninner = \"data\"").await;
    let profile = r#"{"userId":"ü>?","email":"ada@example.test"}"#;
    for text in [STANDARD.encode(profile), URL_SAFE_NO_PAD.encode(profile)] {
        let body = json!({ "data": text }).to_string();
        scene.answers(
            json_answer(r#"{"access_token":"a-token"}"#),
            json_answer(&body),
        );
        scene.logs_in().await;
        assert_eq!(scene.user_id().await, "ü>?");
    }
}

/// A token that is a number is handed on digit for digit.
#[tokio::test]
async fn d20_a_token_that_is_a_number() {
    let scene = Scene::new(json!({}), "").await;
    let token = json_answer(r#"{"access_token":900719925474099312345}"#);
    scene.answers(token, json_answer(PROFILE));
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    assert_eq!(
        sent.header("authorization"),
        Some("Bearer 900719925474099312345")
    );
}

/// A code that is good for a ticket, and the ticket for a token.
#[tokio::test]
async fn a_ticket_is_exchanged_before_the_profile() {
    let changes = r#"
        [token.response]
        access_token = "ticket"
        [userinfo]
        url = "{origin}/exchange?ticket={access_token}"
        [[userinfo.then]]
        name = "me"
        url = "{origin}/me"
        send_token = "none"
        headers = { Authorization = "Bearer {profile.access_token}" }
        [userinfo.response]
        user_id = "$.me.userId"
        email = "$.me.email"
        name = -
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let faults = Faults::none()
        .on("token", json_answer(r#"{"ticket":"T-1-of-the-code"}"#))
        .on(
            "/exchange",
            json_answer(&json!({ "access_token": TOKEN }).to_string()),
        )
        .on("/me", json_answer(PROFILE));
    scene.world.idp.set_faults(faults);
    scene.logs_in().await;
    assert!(
        scene
            .last("/exchange")
            .target
            .ends_with("?ticket=T-1-of-the-code")
    );
    let sent = scene.last("/me");
    assert_eq!(
        sent.header("authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );
    let (outcome, trace) = scene.by_hand().await;
    outcome.unwrap();
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(
        !whole.contains(TOKEN) && !whole.contains("T-1-of-the-code"),
        "{whole}"
    );
}
