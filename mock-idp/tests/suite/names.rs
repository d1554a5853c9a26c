//! Renamed keys, other shapes, other formats.

use mock_idp::{Account, Config, Encoding, Format};
use serde_json::{Value, json};

use crate::visitor::{REDIRECT_URI, get, location, refusal, visit};

#[tokio::test]
async fn every_key_renamed() {
    let config = json!({
        "authorize": {
            "client_id": "appid", "redirect_uri": "return_url", "state": "st",
            "response_type_required": false, "required_parameters": {"brand": "acme", "any": null},
        },
        "callback": {"code": "authCode", "state": "st"},
        "token": {
            "encoding": "json", "client_id": "appid", "client_secret": "appsecret",
            "code": "authCode", "redirect_uri_required": false, "grant_type_required": false,
            "required_parameters": {"audience": "shop"},
            "response": {
                "access_token": "token", "expires_in": "ttl", "expires_in_value": "7200",
                "token_type": null, "wrapper": "data", "extra": {"code": 0},
            },
        },
        "userinfo": {
            "token_in": "query", "token_key": "tok", "required_parameters": {"fields": null},
            "response": {"wrapper": "data.user", "extra": {"code": 0}},
        },
    });
    let visitor = visit(Config::from_json(&config.to_string()).unwrap()).await;
    let request = format!("appid=vestibule-demo&return_url={REDIRECT_URI}&st=s&brand=acme");
    let back = location(&visitor.sign_in(&request, "ada", "lovelace").await);
    assert_eq!(get(&back, "error"), Some("invalid_request"));
    let back = location(
        &visitor
            .sign_in(&format!("{request}&any=1"), "ada", "lovelace")
            .await,
    );
    assert_eq!(get(&back, "st"), Some("s"));
    let code = get(&back, "authCode").unwrap();

    let mut body = json!({
        "appid": "vestibule-demo", "appsecret": "vestibule-demo-secret", "authCode": code,
    });
    let url = visitor.at("/token");
    let answer = visitor.http.post(&url).json(&body).send().await.unwrap();
    assert_eq!(refusal(answer).await, (400, "invalid_request".into()));
    body["audience"] = json!("shop");
    let answer = visitor.http.post(&url).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let token = answer["data"]["token"].as_str().unwrap();
    assert_eq!(
        answer,
        json!({ "data": { "token": token, "ttl": "7200" }, "code": 0 })
    );

    let url = visitor.at("/userinfo");
    let query = [("tok", token), ("fields", "all")];
    let profile = visitor.http.get(url).query(&query).send().await.unwrap();
    let profile: Value = profile.json().await.unwrap();
    assert_eq!(profile["data"]["user"]["email"], "ada@example.test");
    assert_eq!(profile["code"], 0);
}

#[tokio::test]
async fn formats() {
    let visitor = visit(Config::default()).await;
    for (format, content_type, start) in [
        (Format::Json, "application/json", "{\"access_token\":\""),
        (
            Format::Form,
            "application/x-www-form-urlencoded",
            "access_token=",
        ),
        (
            Format::Jsonp,
            "application/javascript",
            "callback( {\"access_token\":\"",
        ),
        (
            Format::Xml,
            "application/xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><access_token>",
        ),
    ] {
        visitor
            .idp
            .configure(|config| config.token.response.format = format);
        let code = visitor.code().await;
        let answer = visitor.exchange(&code).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], content_type);
        assert!(answer.text().await.unwrap().starts_with(start));
    }
    visitor
        .idp
        .configure(|config| config.token.response.content_type = Some("text/html".into()));
    let code = visitor.code().await;
    let answer = visitor.exchange(&code).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html");
}

#[tokio::test]
async fn a_profile_of_any_shape_digit_for_digit() {
    let profile = r#"[{"id":9007199254740993,"n":1.10,"emails":[{"v":"a@b.test"}]}]"#;
    let account = Account::new("odd", "odd").with_profile(serde_json::from_str(profile).unwrap());
    let visitor = visit(Config {
        accounts: vec![account],
        ..Config::default()
    })
    .await;
    visitor
        .idp
        .configure(|config| config.token.response.profile = Some("user".into()));
    let request = crate::visitor::Visitor::request(&[]);
    let back = location(&visitor.sign_in(&request, "odd", "odd").await);
    let code = get(&back, "code").unwrap();
    let answer = visitor
        .exchange(code)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(answer.contains(&format!("\"user\":{profile}")), "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let answer = visitor
        .userinfo(answer["access_token"].as_str().unwrap())
        .await;
    assert_eq!(answer.text().await.unwrap(), profile);
}

#[tokio::test]
async fn an_exchange_by_get() {
    let visitor = visit(Config::default()).await;
    visitor.idp.configure(|config| {
        config.token.allow_get = true;
        config.client_authentication = vec![mock_idp::ClientAuthentication::Query];
    });
    let code = visitor.code().await;
    let query = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", "vestibule-demo"),
        ("client_secret", "vestibule-demo-secret"),
    ];
    let answer = visitor
        .http
        .get(visitor.at("/token"))
        .query(&query)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn either_encoding() {
    let visitor = visit(Config::default()).await;
    visitor
        .idp
        .configure(|config| config.token.encoding = Encoding::Either);
    let code = visitor.code().await;
    assert_eq!(visitor.exchange(&code).send().await.unwrap().status(), 200);
    let body = json!({
        "grant_type": "authorization_code", "code": visitor.code().await,
        "redirect_uri": REDIRECT_URI,
        "client_id": "vestibule-demo", "client_secret": "vestibule-demo-secret",
    });
    let answer = visitor
        .http
        .post(visitor.at("/token"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn follow_up_routes() {
    let visitor = visit(Config::default()).await;
    visitor.idp.configure(|config| {
        config.routes.insert(
            "/user/emails".into(),
            json!([{ "email": "all@example.test" }]),
        );
        config.accounts[1]
            .routes
            .insert("/user/emails".into(), json!([]));
    });
    let url = visitor.at("/user/emails");
    assert_eq!(visitor.http.get(&url).send().await.unwrap().status(), 401);
    let tokens = visitor.tokens(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let answer = visitor
        .http
        .get(&url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.json::<Value>().await.unwrap()[0]["email"],
        "all@example.test"
    );
    assert_eq!(
        visitor
            .http
            .get(visitor.at("/nowhere"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn an_application_token_first() {
    let visitor = visit(Config::default()).await;
    visitor
        .idp
        .configure(|config| config.app_token.required = true);
    let url = visitor.at("/app_token");
    let wrong = json!({ "app_id": "vestibule-demo", "app_secret": "no" });
    let answer = visitor.http.post(&url).json(&wrong).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], 10014);
    let right = json!({ "app_id": "vestibule-demo", "app_secret": "vestibule-demo-secret" });
    let answer = visitor.http.post(&url).json(&right).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["code"], 0);

    let app_token = answer["app_access_token"].as_str().unwrap();
    let code = visitor.code().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
    ];
    let exchange = || visitor.http.post(visitor.at("/token")).form(&form);
    assert_eq!(exchange().send().await.unwrap().status(), 401);
    assert_eq!(
        exchange()
            .bearer_auth(app_token)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}
