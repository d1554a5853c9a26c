//! What other servers do: their paths, their headers, their ways with tokens.

use mock_idp::Config;
use serde_json::{Value, json};

use crate::visitor::{REDIRECT_URI, Visitor, get, location, refusal, visit};

async fn like(config: Value) -> Visitor {
    visit(Config::from_json(&config.to_string()).unwrap()).await
}

#[tokio::test]
async fn endpoints_answer_at_other_paths() {
    let visitor = like(json!({
        "openid": { "enabled": true, "issuer": "{origin}/realms/shop" },
        "paths": {
            "/realms/shop/.well-known/openid-configuration": "/.well-known/openid-configuration",
            "/realms/shop/auth": "/authorize",
            "/realms/shop/token": "/token",
        },
    }))
    .await;
    let url = visitor.at("/realms/shop/.well-known/openid-configuration");
    let found: Value = visitor
        .http
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let at = |path: &str| json!(visitor.at(path));
    assert_eq!(found["issuer"], at("/realms/shop"));
    assert_eq!(found["authorization_endpoint"], at("/realms/shop/auth"));
    assert_eq!(found["token_endpoint"], at("/realms/shop/token"));
    assert_eq!(found["userinfo_endpoint"], at("/userinfo"));
    // The journal has the path that was asked for; the endpoint's own stays.
    let journal = visitor.idp.journal();
    assert!(journal[0].path.starts_with("/realms/shop/"));
    let code = visitor.code().await;
    let answer = visitor.exchange(&code).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_callback_with_more_in_it() {
    let visitor = like(json!({ "callback": { "extra": { "device_id": "d-1" } } })).await;
    assert_eq!(get(&visitor.callback(&[]).await, "device_id"), Some("d-1"));
    let denied = visitor
        .http
        .post(visitor.at("/login"))
        .form(&[("request", &*Visitor::request(&[])), ("action", "deny")])
        .send()
        .await
        .unwrap();
    assert_eq!(get(&location(&denied), "device_id"), None);
}

#[tokio::test]
async fn headers_that_are_required() {
    let visitor = like(json!({
        "token": { "required_headers": { "x-brand": "acme" } },
        "userinfo": { "required_headers": { "x-any": null } },
    }))
    .await;
    let code = visitor.code().await;
    let refused = visitor.exchange(&code).send().await.unwrap();
    assert_eq!(refusal(refused).await, (400, "invalid_request".into()));
    let wrong = visitor
        .exchange(&code)
        .header("x-brand", "other")
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(wrong).await, (400, "invalid_request".into()));
    let right = visitor
        .exchange(&code)
        .header("X-Brand", "acme")
        .send()
        .await
        .unwrap();
    let answer: Value = right.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(refusal(visitor.userinfo(token).await).await.0, 400);
    let asked = visitor.http.get(visitor.at("/userinfo")).bearer_auth(token);
    let answer = asked.header("x-any", "1").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_token_alone_or_in_a_header_of_its_own() {
    let visitor = like(json!({ "userinfo": { "token_in": "bearer", "scheme": "" } })).await;
    let token = visitor.tokens(&[]).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(refusal(visitor.userinfo(&token).await).await.0, 401);
    let asked = visitor.http.get(visitor.at("/userinfo"));
    let answer = asked.header("authorization", &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);

    let visitor =
        like(json!({ "userinfo": { "token_in": "header", "token_key": "x-acs-token" } })).await;
    let token = visitor.tokens(&[]).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(refusal(visitor.userinfo(&token).await).await.0, 401);
    let asked = visitor.http.get(visitor.at("/userinfo"));
    let answer = asked.header("x-acs-token", &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn an_id_token_for_an_access_token() {
    let userinfo = json!({ "token_in": "body", "token_key": "id_token" });
    let visitor = like(json!({
        "openid": { "enabled": true, "id_token_claims": ["email", "tier"] },
        "accounts": [{ "username": "ada", "password": "lovelace",
            "profile": { "sub": "s-1", "email": "a@b.test", "name": "Ada", "tier": "gold" } }],
        "userinfo": userinfo,
    }))
    .await;
    let answer = visitor.tokens(&[("scope", "openid")]).await;
    let token = answer["id_token"].as_str().unwrap().to_owned();
    let ask = || {
        let form = [("id_token", token.clone())];
        visitor
            .http
            .post(visitor.at("/userinfo"))
            .form(&form)
            .send()
    };
    assert_eq!(refusal(ask().await.unwrap()).await.0, 401);

    visitor
        .idp
        .configure(|config| config.userinfo.accept_id_token = true);
    let answer = visitor.tokens(&[("scope", "openid")]).await;
    let token = answer["id_token"].as_str().unwrap();
    let form = [("id_token", token)];
    let answer = visitor
        .http
        .post(visitor.at("/userinfo"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let profile: Value = answer.json().await.unwrap();
    assert_eq!(profile["sub"], "s-1");
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(
        &base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload)
            .unwrap(),
    )
    .unwrap();
    assert_eq!(claims["tier"], "gold");
    assert_eq!(claims["name"], Value::Null);
}

#[tokio::test]
async fn a_signed_secret_has_to_be_one() {
    let visitor = like(json!({
        "client_authentication": ["signed_secret"],
        "client_id": "another",
        "clients": [{ "id": "vestibule-demo", "jwks": { "keys": [] } }],
    }))
    .await;
    for secret in ["vestibule-demo-secret", "a.b.c", "e30.e30.AA"] {
        let code = visitor.code().await;
        let answer = visitor.http.post(visitor.at("/token")).form(&[
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", "vestibule-demo"),
            ("client_secret", secret),
        ]);
        let answer = answer.send().await.unwrap();
        assert_eq!(refusal(answer).await, (401, "invalid_client".into()));
    }
}
