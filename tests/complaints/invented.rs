//! Odd answers that nobody reported yet, and that some server surely gives.

use serde_json::json;
use vestibule::base::Clock;

use crate::places::{answer, json_answer};
use crate::scene::Scene;

const PROFILE: &str = r#"{"userId":"u-1","email":"ada@example.test"}"#;
const TOKEN: &str = r#"{"access_token":"tok-of-the-code"}"#;

/// A profile that is asked for by SOAP: the body is XML with the token in it, the answer
/// an envelope with prefixes, its values in attributes.
#[tokio::test]
async fn e01_a_soap_service() {
    let changes = r#"
        [userinfo]
        url = "{origin}/soap"
        headers = { Content-Type = "text/xml; charset=utf-8", SOAPAction = "urn:GetUser" }
        body = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><GetUser><token>{access_token}</token></GetUser></s:Body></s:Envelope>"
        [userinfo.response]
        user_id = "$['s:Envelope']['s:Body'].GetUserResponse.User['@id']"
        email = "$['s:Envelope']['s:Body'].GetUserResponse.User.Attribute[?@['@Name']=='mail'].Value"
        name = "$['s:Envelope']['s:Body'].GetUserResponse.User['@display']"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let envelope = r#"<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetUserResponse><User id="0042" display="Ada &amp; Co"><Attribute Name="tel"><Value>1</Value></Attribute><Attribute Name="mail"><Value>ada@example.test</Value></Attribute></User></GetUserResponse></s:Body></s:Envelope>"#;
    scene.answers(
        json_answer(r#"{"access_token":"a<b&c"}"#),
        json_answer("{}"),
    );
    let faults = mock_idp::Faults::none()
        .on("token", json_answer(r#"{"access_token":"a<b&c"}"#))
        .on("/soap", answer(200, "text/xml", envelope, &[]));
    scene.world.idp.set_faults(faults);
    let user = scene.logs_in().await;
    assert_eq!(user["name"], "Ada & Co");
    assert_eq!(scene.user_id().await, "0042");
    let sent = scene.last("/soap");
    assert_eq!(sent.header("soapaction"), Some("urn:GetUser"));
    assert_eq!(sent.header("content-type"), Some("text/xml; charset=utf-8"));
    assert!(
        sent.body.contains("<token>a&#60;b&#38;c</token>"),
        "{}",
        sent.body
    );
}

/// A profile that is a list of pairs, of which the first says what the second is.
#[tokio::test]
async fn e02_arrays_of_pairs() {
    let changes = r#"
        [userinfo.response]
        user_id = "$.fields[?@[0]=='id'][1]"
        email = "$.fields[?@[0]=='mail'][1][0]"
        name = "$.fields[?@[0]=='name'][1]"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let body =
        r#"{"fields":[["id",7],["name",null],["mail",["ada@example.test","b@example.test"]]]}"#;
    scene.answers(json_answer(TOKEN), json_answer(body));
    assert_eq!(scene.logs_in().await["email"], "ada@example.test");
    assert_eq!(scene.user_id().await, "7");
}

/// Ids that a server keeps as floating-point numbers.
#[tokio::test]
async fn e03_ids_that_are_floats() {
    let scene = Scene::new(json!({}), "").await;
    let profile = |id: &str| format!(r#"{{"userId":{id},"email":"ada@example.test"}}"#);
    for id in ["42", "42.0", "4.2e1", "42.000", "4.2E+01"] {
        scene.answers(json_answer(TOKEN), json_answer(&profile(id)));
        scene.logs_in().await;
        assert_eq!(scene.user_id().await, "42", "{id}");
    }
    // One that is written whole has all its digits.
    scene.answers(
        json_answer(TOKEN),
        json_answer(&profile("90071992547409931234")),
    );
    let (outcome, _) = scene.by_hand().await;
    assert_eq!(outcome.unwrap().profile().user_id, "90071992547409931234");
    // One that is rounded may be anybody's.
    for id in ["9.0071992547409931234e19", "9007199254740993.0", "-1e300"] {
        scene.answers(json_answer(TOKEN), json_answer(&profile(id)));
        let why = scene.why().await;
        assert!(why.contains("a rounded number"), "{id}: {why}");
    }
    assert_eq!(scene.world.users("acme").await.len(), 1);
}

/// A form, in which a value is JSON, in which a text is JSON.
#[tokio::test]
async fn e04_json_in_json_in_a_form() {
    let changes = r#"
        [token.response]
        inner = ["data", "$.result"]
        access_token = "tok"
        [userinfo]
        source = "token_response"
        url = -
        [userinfo.response]
        inner = ["user", "me"]
        user_id = "id"
        email = "mail"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let me = json!({ "me": json!({ "id": 9, "mail": "ada@example.test" }).to_string() });
    let result = json!({ "tok": "t-1", "user": me.to_string() }).to_string();
    let data = json!({ "result": result }).to_string();
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("data", &data)
        .finish();
    let token = answer(200, "application/x-www-form-urlencoded", &form, &[]);
    scene.answers(token, json_answer("{}"));
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "9");
    // Each step that is not there is told.
    let data = json!({ "result": "{}" }).to_string();
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("data", &data)
        .finish();
    scene.answers(answer(200, "text/plain", &form, &[]), json_answer("{}"));
    let why = scene.why().await;
    assert!(why.contains("`tok` matched nothing"), "{why}");
    scene.answers(json_answer(r#"{"data":"{}"}"#), json_answer("{}"));
    let why = scene.why().await;
    assert!(
        why.contains("token.response.inner") && why.contains("`$.result`"),
        "{why}"
    );
}

/// A page for people where an answer is meant, with a status of success.
#[tokio::test]
async fn e05_a_web_page_that_says_200() {
    let scene = Scene::new(json!({}), "").await;
    let page = answer(
        200,
        "text/html",
        "<!doctype html><title>Sorry</title>tok-4711",
        &[],
    );
    scene.answers(page.clone(), json_answer(PROFILE));
    let why = scene.why().await;
    assert!(
        why.contains("login.token_response_invalid") && why.contains("an HTML page"),
        "{why}"
    );
    scene.answers(json_answer(TOKEN), page);
    let why = scene.why().await;
    assert!(
        why.contains("login.userinfo_invalid") && why.contains("an HTML page"),
        "{why}"
    );
    assert!(!why.contains("4711"), "{why}");
}

/// A session that the token endpoint begins by a cookie, which the profile needs.
#[tokio::test]
async fn e06_a_cookie_goes_with_the_next_request() {
    let changes = r#"
        [userinfo]
        headers = { Cookie = "lang=en; sid={token.cookie.sid}", X-Node = "{token.header.x-node}" }
        [[userinfo.then]]
        name = "more"
        url = "{origin}/more"
        headers = { Cookie = "csrf={profile.cookie.csrf}" }
        [userinfo.response]
        name = "$.more.name"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let begins = [
        ("Set-Cookie", "sid=s-77-secret; Path=/; HttpOnly"),
        ("X-Node", "n3"),
    ];
    let faults = mock_idp::Faults::none()
        .on("token", answer(200, "application/json", TOKEN, &begins))
        .on(
            "userinfo",
            answer(
                200,
                "application/json",
                PROFILE,
                &[("Set-Cookie", "csrf=c-88-secret")],
            ),
        )
        .on("/more", json_answer(r#"{"name":"Ada"}"#));
    scene.world.idp.set_faults(faults);
    assert_eq!(scene.logs_in().await["name"], "Ada");
    let sent = scene.last("/userinfo");
    assert_eq!(sent.header("cookie"), Some("lang=en; sid=s-77-secret"));
    assert_eq!(sent.header("x-node"), Some("n3"));
    assert_eq!(
        scene.last("/more").header("cookie"),
        Some("csrf=c-88-secret")
    );
    let (outcome, trace) = scene.by_hand().await;
    outcome.unwrap();
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(!whole.contains("-secret"), "{whole}");
    // Without it the request can't be made, and it is said which value is lacking.
    scene.answers(json_answer(TOKEN), json_answer(PROFILE));
    let why = scene.why().await;
    assert!(why.contains("`{token.cookie.sid}` has no value"), "{why}");
}

/// Lifetimes that are something else than seconds from now.
#[tokio::test]
async fn e07_lifetimes_by_any_notation() {
    let changes = "[token]\nkeep = true\n[token.response]\nexpires_in = \"expires\"";
    let scene = Scene::new(json!({}), changes).await;
    let now = scene.world.clock.now();
    let end = now.plus(std::time::Duration::from_secs(900));
    for written in [
        json!(900),
        json!("900"),
        json!(900.0),
        json!("900.5"),
        json!(end.as_secs()),
        json!(end.as_secs().to_string()),
        json!(end.as_millis()),
        json!(end.rfc3339()),
    ] {
        let token = json!({ "access_token": "tok-1", "expires": written });
        scene.answers(json_answer(&token.to_string()), json_answer(PROFILE));
        scene.logs_in().await;
        let user = scene.user().await.id;
        let id = "acme".parse().unwrap();
        let store = &*scene.world.store;
        let provider = "custom".parse().unwrap();
        let kept = vestibule::account::provider_tokens::get(store, &id, user, &provider);
        let kept = kept.await.unwrap().unwrap().value;
        let left = kept.expires_at.map(|at| at.since(now).as_secs());
        assert_eq!(left, Some(900), "{written}");
    }
    // What nobody can read is no lifetime, and no error.
    for written in [
        json!("soon"),
        json!(-1),
        json!({}),
        json!(null),
        json!("1h"),
    ] {
        let token = json!({ "access_token": "tok-1", "expires": written });
        scene.answers(json_answer(&token.to_string()), json_answer(PROFILE));
        scene.logs_in().await;
    }
}

/// An answer that consists of a head.
#[tokio::test]
async fn e08_answers_without_a_body() {
    let changes = r#"
        [token.response]
        access_token = "{header.authorization}"
        [userinfo.response]
        user_id = "{header.x-user-id}"
        email = "{header.x-user-mail}"
        name = -
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let token = answer(204, "text/plain", "", &[("Authorization", "Bearer tok-9")]);
    let head = [("X-User-Id", "7"), ("X-User-Mail", "ada@example.test")];
    scene.answers(token, answer(204, "text/plain", "", &head));
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "7");
    let sent = scene.last("/userinfo");
    assert_eq!(sent.header("authorization"), Some("Bearer tok-9"));
}

/// A redirect where an answer is meant: it is not followed, and it is said where it leads.
#[tokio::test]
async fn e09_a_redirect_on_post_is_named() {
    let scene = Scene::new(json!({}), "").await;
    let moved = |status, to: &str| answer(status, "text/html", "moved", &[("Location", to)]);
    scene.answers(
        moved(308, "https://id.acme.test/v2/token?key=k-secret"),
        json_answer(PROFILE),
    );
    let why = scene.why().await;
    assert!(why.contains("HTTP 308"), "{why}");
    assert!(why.contains("https://id.acme.test/v2/token"), "{why}");
    assert!(!why.contains("k-secret"), "{why}");
    scene.answers(json_answer(TOKEN), moved(301, "/userinfo/"));
    let why = scene.why().await;
    assert!(
        why.contains("HTTP 301") && why.contains("`/userinfo/`"),
        "{why}"
    );
}

/// A profile by GraphQL, which says 200 whatever happened.
#[tokio::test]
async fn e10_a_graphql_service() {
    let changes = r#"
        [userinfo]
        url = "{origin}/graphql"
        method = "POST"
        content_type = "application/json"
        headers = { Content-Type = "application/graphql-response+json" }
        parameters = { query = "query Me($n: Int!) { viewer { id mails(first: $n) { address } } }", variables = { n = 1 } }
        [userinfo.response]
        inner = "$.data.viewer"
        success = "!$.errors || $.data.viewer.id"
        user_id = "id"
        email = "$.mails[0].address"
        name = -
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let good = r#"{"data":{"viewer":{"id":"v1","mails":[{"address":"ada@example.test"}]}}}"#;
    let faults = |body: &str| {
        mock_idp::Faults::none()
            .on("token", json_answer(TOKEN))
            .on("/graphql", json_answer(body))
    };
    scene.world.idp.set_faults(faults(good));
    scene.logs_in().await;
    let sent = scene.last("/graphql");
    assert_eq!(
        sent.header("content-type"),
        Some("application/graphql-response+json")
    );
    assert_eq!(sent.json().unwrap()["variables"]["n"], 1);
    scene.world.idp.set_faults(faults(
        r#"{"errors":[{"message":"no such viewer"}],"data":null}"#,
    ));
    let why = scene.why().await;
    assert!(
        why.contains("login.userinfo_rejected") && why.contains("no such viewer"),
        "{why}"
    );
}

/// Addresses as links to them, and domains that are no ASCII.
#[tokio::test]
async fn e11_addresses_that_are_links() {
    let scene = Scene::new(json!({}), "").await;
    for (written, wanted) in [
        ("mailto:ada@example.test", "ada@example.test"),
        (" MAILTO:ada@example.test ", "ada@example.test"),
        ("ada@bücher.test", "ada@xn--bcher-kva.test"),
    ] {
        let profile = json!({ "userId": wanted, "email": written }).to_string();
        scene.answers(json_answer(TOKEN), json_answer(&profile));
        assert_eq!(scene.logs_in().await["email"], wanted);
    }
    for evil in [
        "mailto:a@b.test?cc=c@d.test",
        "mailto:mailto:a@b.test",
        "mailto:",
    ] {
        let profile = json!({ "userId": "x", "email": evil }).to_string();
        scene.answers(json_answer(TOKEN), json_answer(&profile));
        scene.fails("login.email_").await;
    }
}

/// A key of an API gateway in front of the provider.
#[tokio::test]
async fn e12_a_gateway_wants_its_own_key() {
    let changes = r#"
        [client]
        secrets = { gateway = "gw-key-4711", user = "u-name", pass = "p:ss-word" }
        [token]
        url = "{origin}/token?subscription-key={secret.gateway}"
        [token.before]
        url = "{origin}/handshake"
        headers = { X-Api-Key = "{secret.gateway}" }
        [userinfo]
        send_token = "query"
        headers = { X-Api-Key = "Key {secret.gateway}", Authorization = "Basic {sign.basic}" }
        parameters = { apikey = "{secret.gateway}" }
        [[userinfo.sign]]
        name = "basic"
        in = "nowhere"
        algorithm = "plain"
        encoding = "base64"
        text = "{secret.user}:{secret.pass}"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let faults = mock_idp::Faults::none()
        .on("/handshake", json_answer(TOKEN))
        .on("userinfo", json_answer(PROFILE));
    scene.world.idp.set_faults(faults);
    scene.logs_in().await;
    assert_eq!(
        scene.last("/handshake").header("x-api-key"),
        Some("gw-key-4711")
    );
    assert!(
        scene
            .last("/token")
            .target
            .ends_with("?subscription-key=gw-key-4711")
    );
    let sent = scene.last("/userinfo");
    assert_eq!(sent.header("x-api-key"), Some("Key gw-key-4711"));
    assert_eq!(
        sent.header("authorization"),
        Some("Basic dS1uYW1lOnA6c3Mtd29yZA==")
    );
    // Nobody is shown it.
    let (outcome, trace) = scene.by_hand().await;
    outcome.unwrap();
    let whole = serde_json::to_string(&trace).unwrap();
    for secret in ["gw-key-4711", "p:ss-word", "dS1uYW1lOnA6c3Mtd29yZA"] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    let text = crate::scene::mapping(&scene.world.idp.origin(), changes);
    let logins = &scene.world.broker.app().logins;
    let provider = logins.mappings.compile(&text).unwrap();
    let preview = vestibule::provider::preview::preview(&provider, None).unwrap();
    let shown = vestibule::provider::preview::text(&preview);
    assert!(shown.contains("Key {{secret.gateway}}"), "{shown}");
    assert!(!shown.contains("gw-key-4711"), "{shown}");
    let redacted = vestibule::document::redact::redact(&text);
    assert!(
        !redacted.contains("gw-key-4711") && !redacted.contains("p:ss-word"),
        "{redacted}"
    );
    assert_eq!(vestibule::document::redact::restore(&redacted, &text), text);
}
