//! The token request, its answer, and where the token goes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_idp::{FaultKind, Faults};
use serde_json::json;

use crate::scene::{Scene, value};

/// next-auth#1095, #1067
#[tokio::test]
async fn c04_token_response_nested_or_renamed() {
    let scene = Scene::new(
        json!({ "token": { "response": {
            "wrapper": "result", "access_token": "auth.key", "expires_in": "auth.ttl",
        } } }),
        r#"
        [token.response]
        access_token = "$.result.auth.key"
        expires_in = "$.result.auth.ttl"
        "#,
    )
    .await;
    scene.logs_in().await;
    scene.map("").await;
    scene.fails("login.token_response_invalid").await;
}

/// logto#3518, #5497
#[tokio::test]
async fn c05_no_token_type_and_expires_in_as_a_string() {
    let scene = Scene::new(json!({}), "").await;
    for odd in [
        json!("3600"),
        json!(3600.5),
        json!(-1),
        json!("soon"),
        json!(null),
        json!({ "seconds": 3600 }),
    ] {
        scene.mock(json!({ "token": { "response": {
            "token_type": null, "expires_in_value": odd,
        } } }));
        scene.logs_in().await;
    }
    scene.mock(json!({ "token": { "response": { "token_type": null, "expires_in": null } } }));
    scene.logs_in().await;
    // Not even `Bearer` is what the word says everywhere.
    scene.mock(json!({ "token": { "response": { "token_type_value": "bearer" } } }));
    scene.logs_in().await;
    assert!(
        scene
            .last("/userinfo")
            .header("authorization")
            .unwrap()
            .starts_with("Bearer ")
    );
}

/// nextcloud-social-login#104, n8n#11119, omniauth-oauth2#80
#[tokio::test]
async fn c06_client_id_under_another_name() {
    let scene = Scene::new(
        json!({
            "authorize": { "client_id": "appid" },
            "token": { "client_id": "appid", "client_secret": "secret" },
        }),
        "[client]\nid_key = \"appid\"\nsecret_key = \"secret\"",
    )
    .await;
    scene.logs_in().await;
    let form = scene.last("/token").form();
    assert_eq!(value(&form, "appid"), Some("vestibule-demo"));
    assert_eq!(value(&form, "client_id"), None);

    // Under one name here and under another there.
    scene.mock(json!({
        "authorize": { "client_id": "client_key" }, "token": { "client_id": "clientKey" },
    }));
    scene
        .map("[client]\nid_key = \"clientKey\"\n[authorization]\nclient_id_key = \"client_key\"")
        .await;
    scene.logs_in().await;
    let query = scene.last("/authorize").query();
    assert_eq!(value(&query, "client_key"), Some("vestibule-demo"));
    assert_eq!(value(&query, "clientKey"), None);
}

/// dataease#14940
#[tokio::test]
async fn c07_json_or_get_token_call() {
    let scene = Scene::new(
        json!({ "token": { "encoding": "json" } }),
        "[token]\ncontent_type = \"application/json\"",
    )
    .await;
    scene.logs_in().await;
    let request = scene.last("/token");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.json().unwrap()["grant_type"], "authorization_code");

    scene.mock(json!({
        "token": { "allow_get": true }, "client_authentication": ["query"],
    }));
    scene.map("[token]\nmethod = \"GET\"").await;
    scene.logs_in().await;
    let request = scene.last("/token");
    assert_eq!(request.method, "GET");
    assert!(request.body.is_empty());
    assert_eq!(
        value(&request.query(), "client_secret"),
        Some("vestibule-demo-secret")
    );
}

/// next-auth#8895, better-auth#3402
#[tokio::test]
async fn c08_extra_token_parameters_arrive() {
    let wanted = json!({ "audience": "shop & more", "state": null });
    let parameters = r#"parameters = { audience = "shop & more", state = "{callback.state}" }"#;
    let scene = Scene::new(
        json!({ "token": { "required_parameters": wanted } }),
        &format!("[token]\n{parameters}"),
    )
    .await;
    scene.logs_in().await;
    let sent = scene.last("/token").form();
    let state = scene.last("/authorize").query();
    assert_eq!(value(&sent, "state"), value(&state, "state"));

    scene.mock(json!({ "token": { "required_parameters": wanted, "encoding": "json" } }));
    scene
        .map(&format!(
            "[token]\ncontent_type = \"application/json\"\n{parameters}"
        ))
        .await;
    scene.logs_in().await;
}

/// What the token request hands on has to be in the callback.
#[tokio::test]
async fn c08_a_callback_without_its_parameter_is_refused() {
    let scene = Scene::new(
        json!({ "callback": { "extra": { "device_id": "d 1+2&3" } } }),
        "[token]\nparameters = { device_id = \"{callback.device_id}\" }",
    )
    .await;
    scene.logs_in().await;
    let sent = scene.last("/token").form();
    assert_eq!(value(&sent, "device_id"), Some("d 1+2&3"));
    let before = scene.world.calls("/token");
    scene.mock(json!({}));
    scene.fails("login.bad_callback").await;
    assert_eq!(scene.world.calls("/token"), before);
}

/// better-auth#3279
#[tokio::test]
async fn c09_basic_and_client_id_in_the_body() {
    let scene = Scene::new(
        json!({
            "client_id": "shop 42", "client_secret": "s3cr/t +&=:%",
            "client_authentication": ["basic"],
            "token": { "required_parameters": { "client_id": "shop 42" } },
        }),
        r#"
        [client]
        id = "shop 42"
        secret = "s3cr/t +&=:%"
        authentication = "basic"
        [token]
        parameters = { client_id = "{client_id}" }
        "#,
    )
    .await;
    scene.logs_in().await;
    let request = scene.last("/token");
    assert_eq!(value(&request.form(), "client_secret"), None);
    let basic = request.header("authorization").unwrap();
    let decoded = STANDARD
        .decode(basic.strip_prefix("Basic ").unwrap())
        .unwrap();
    assert_eq!(decoded, b"shop+42:s3cr%2Ft+%2B%26%3D%3A%25");

    // And raw, for servers that don't decode.
    scene.mock(json!({
        "client_secret": "s3cr/t +&=:%", "client_authentication": ["basic_raw"],
    }));
    scene
        .map("[client]\nsecret = \"s3cr/t +&=:%\"\nauthentication = \"basic_raw\"")
        .await;
    scene.logs_in().await;
}

/// Feishu
#[tokio::test]
async fn c10_error_in_a_200_envelope() {
    let envelope = json!({ "wrapper": "data", "extra": { "code": 0, "msg": "ok" } });
    let scene = Scene::new(
        json!({ "token": { "response": envelope }, "userinfo": { "response": envelope } }),
        r#"
        [token.response]
        access_token = "$.data.access_token"
        success = "$.code == 0"
        error_message = "msg"
        [userinfo.response]
        user_id = "$.data.userId"
        email = "$.data.email"
        success = "$.code == 0"
        error_message = "msg"
        "#,
    )
    .await;
    scene.logs_in().await;
    let refusal = || FaultKind::ErrorIn200 {
        body: json!({ "code": 20003, "msg": "the code is used up", "data": {} }),
    };
    for (endpoint, code) in [
        ("token", "token login.token_rejected"),
        ("userinfo", "userinfo login.userinfo_rejected"),
    ] {
        let idp = &scene.world.idp;
        idp.set_faults(Faults::none().once(endpoint, refusal()));
        let wanted = format!("{code}: the provider refused (HTTP 200: the code is used up)");
        assert_eq!(scene.why().await, wanted);
    }
    // Without a rule of the mapping's, what calls itself an error is one.
    scene.mock(json!({}));
    scene.map("").await;
    for (body, words) in [
        (json!({ "error": "invalid_grant" }), "invalid_grant"),
        (
            json!({ "error": 100_019, "error_description": "code to access token error" }),
            "100019: code to access token error",
        ),
        (
            json!({ "error": { "message": "Invalid verification code", "code": 100 } }),
            "100: Invalid verification code",
        ),
        (
            json!({ "ok": false, "error": "invalid_code" }),
            "invalid_code",
        ),
    ] {
        let idp = &scene.world.idp;
        idp.set_faults(Faults::none().once("token", FaultKind::ErrorIn200 { body }));
        let wanted =
            format!("token login.token_rejected: the provider refused (HTTP 200: {words})");
        assert_eq!(scene.why().await, wanted);
    }
    scene.mock(json!({ "userinfo": { "response": { "extra": { "error": 0 } } } }));
    scene.logs_in().await;
}

/// openiddict-core#2097
#[tokio::test]
async fn c11_app_token_before_the_user_token() {
    let scene = Scene::new(
        json!({ "app_token": { "required": true }, "authorize": { "client_id": "app_id" } }),
        r#"
        [client]
        id_key = "app_id"
        secret_key = "app_secret"
        authentication = "app_token"
        [token]
        headers = { Authorization = "Bearer {app_access_token}" }
        [token.before]
        url = "{origin}/app_token"
        content_type = "application/json"
        [token.before.response]
        access_token = "app_access_token"
        success = "$.code == 0"
        error_message = "msg"
        "#,
    )
    .await;
    scene.logs_in().await;
    let form = scene.last("/token").form();
    assert_eq!(value(&form, "app_id"), None);
    assert_eq!(value(&form, "app_secret"), None);
    let denied = FaultKind::ErrorIn200 {
        body: json!({ "code": 10014, "msg": "app_secret is wrong" }),
    };
    let before = scene.world.calls("/token");
    scene
        .world
        .idp
        .set_faults(Faults::none().once("/app_token", denied));
    assert_eq!(
        scene.why().await,
        "before login.token_rejected: the provider refused (HTTP 200: app_secret is wrong)"
    );
    assert_eq!(scene.world.calls("/token"), before);
}

/// OpenStack's identity service answers 201 with the token in a header; others set a
/// cookie.
#[tokio::test]
async fn c05_a_token_in_the_head_of_the_answer() {
    const TOKEN: &str = "gAAAAABm-a-token-in-the-head";
    let answer = |code: u16, body: &str, header: (&str, String)| FaultKind::Status {
        code,
        body: body.to_owned(),
        content_type: "application/json".into(),
        headers: [(header.0.to_owned(), header.1)].into(),
    };
    let map = |place: &str, more: &str| {
        format!("[token.response]\naccess_token = \"{place}\"\n[userinfo]\n{more}")
    };
    let own = "url = -\nsource = \"token_response\"";
    let scene = Scene::new(json!({}), "").await;
    let profile = r#"{"userId":"u-1","email":"ada@example.test"}"#;
    for (place, header) in [
        (
            "{header.x-subject-token}",
            ("X-Subject-Token", TOKEN.to_owned()),
        ),
        (
            "{header.Authorization}",
            ("Authorization", format!("Bearer {TOKEN}")),
        ),
        (
            "{cookie.sid}",
            ("Set-Cookie", format!("sid={TOKEN}; Path=/; HttpOnly")),
        ),
    ] {
        scene.map(&map(place, own)).await;
        let fault = answer(201, profile, header);
        scene
            .world
            .idp
            .set_faults(Faults::none().on("token", fault));
        scene.logs_in().await;
        let (outcome, trace) = scene.by_hand().await;
        outcome.unwrap();
        let whole = serde_json::to_string(&trace).unwrap();
        assert!(!whole.contains(TOKEN), "{place}: {whole}");
        // Without a body, too; the mock does not know the token.
        scene.map(&map(place, "")).await;
        let why = scene.why().await;
        assert!(why.starts_with("userinfo login.userinfo_rejected"), "{why}");
    }
    scene.world.idp.set_faults(Faults::none());
    scene.map(&map("{header.x-subject-token}", "")).await;
    let why = scene.why().await;
    assert!(
        why.contains("`{header.x-subject-token}` matched nothing"),
        "{why}"
    );
    // A member of that name is no header.
    let fault = answer(
        200,
        r#"{"{header.x-subject-token}":"a-token"}"#,
        ("X-Other", "1".to_owned()),
    );
    scene
        .world
        .idp
        .set_faults(Faults::none().on("token", fault));
    let why = scene.why().await;
    assert!(
        why.contains("`{header.x-subject-token}` matched nothing"),
        "{why}"
    );
}
