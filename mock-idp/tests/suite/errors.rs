//! Requests that are refused.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_idp::{Account, Client, ClientAuthentication, Config, TokenIn};
use serde_json::{Value, json};

use crate::visitor::{REDIRECT_URI, Visitor, get, location, refusal, visit};

#[tokio::test]
async fn an_unknown_client_or_uri_is_never_redirected() {
    let visitor = visit(Config::default()).await;
    for (client, uri) in [
        ("nobody", REDIRECT_URI),
        ("vestibule-demo", "http://evil.test/cb"),
        ("vestibule-demo", "javascript:alert(1)"),
        ("vestibule-demo", "https://shop.test/cb#x"),
        ("<b>", REDIRECT_URI),
        ("", REDIRECT_URI),
    ] {
        let query = [
            ("client_id", client),
            ("redirect_uri", uri),
            ("response_type", "code"),
        ];
        let page = visitor
            .http
            .get(visitor.at("/authorize"))
            .query(&query)
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 400, "{client} {uri}");
        assert!(!page.headers().contains_key("location"));
        assert!(!page.text().await.unwrap().contains("<b>"));
    }
}

#[tokio::test]
async fn registered_redirect_uris_are_exact() {
    let registered = "https://shop.test/cb".to_owned();
    let visitor = visit(Config {
        redirect_uris: vec![registered],
        ..Config::default()
    })
    .await;
    for (uri, status) in [
        ("https://shop.test/cb", 200),
        ("https://shop.test/cb2", 400),
    ] {
        let query = [
            ("client_id", "vestibule-demo"),
            ("redirect_uri", uri),
            ("response_type", "code"),
        ];
        let page = visitor
            .http
            .get(visitor.at("/authorize"))
            .query(&query)
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), status);
    }
}

#[tokio::test]
async fn response_type_and_duplicates() {
    let visitor = visit(Config::default()).await;
    let without = format!("client_id=vestibule-demo&redirect_uri={REDIRECT_URI}");
    for (query, error) in [
        (without.clone(), "invalid_request"),
        (
            format!("{without}&response_type=token"),
            "unsupported_response_type",
        ),
        (
            format!("{without}&response_type=code&state=1&state=2"),
            "invalid_request",
        ),
        (
            format!("{without}&response_type=code&code_challenge=x"),
            "invalid_request",
        ),
    ] {
        let url = visitor.at(&format!("/authorize?{query}"));
        let back = visitor.http.get(url).send().await.unwrap();
        assert_eq!(get(&location(&back), "error"), Some(error), "{query}");
    }
    visitor
        .idp
        .configure(|config| config.authorize.response_type_required = false);
    let page = visitor
        .http
        .get(visitor.at(&format!("/authorize?{without}")))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn token_requests() {
    let visitor = visit(Config::default()).await;
    let url = visitor.at("/token");
    let answer = visitor.http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "POST");

    let answer = visitor
        .http
        .post(&url)
        .json(&json!({ "code": "x" }))
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(answer).await, (400, "invalid_request".into()));

    let secret = ("client_secret", "vestibule-demo-secret");
    for (form, status, error) in [
        (vec![("code", "x")], 401, "invalid_client"),
        (
            vec![("client_id", "vestibule-demo"), ("client_secret", "no")],
            401,
            "invalid_client",
        ),
        (
            vec![("client_id", "vestibule-demo"), secret],
            400,
            "invalid_request",
        ),
        (
            vec![
                ("client_id", "vestibule-demo"),
                secret,
                ("grant_type", "password"),
            ],
            400,
            "unsupported_grant_type",
        ),
        (
            vec![
                ("client_id", "vestibule-demo"),
                secret,
                ("grant_type", "authorization_code"),
                ("code", "unknown"),
            ],
            400,
            "invalid_grant",
        ),
        (vec![("code", "x"), ("code", "y")], 400, "invalid_request"),
    ] {
        let answer = visitor.http.post(&url).form(&form).send().await.unwrap();
        let challenged = answer.headers().contains_key("www-authenticate");
        assert_eq!(challenged, status == 401);
        assert_eq!(refusal(answer).await, (status, error.into()), "{form:?}");
    }
}

#[tokio::test]
async fn ways_of_client_authentication() {
    use ClientAuthentication as Way;
    // A secret on which the two encodings differ.
    let secret = "p+q%41:ü&=";
    let encoded = "p%2Bq%2541%3A%C3%BC%26%3D";
    let config = Config {
        client_secret: secret.into(),
        ..Config::default()
    };
    let visitor = visit(config).await;
    let url = visitor.at("/token");
    for (way, works) in [
        (Way::Basic, [true, false, false, false, false]),
        (Way::BasicRaw, [false, true, false, false, false]),
        (Way::Body, [false, false, true, false, false]),
        (Way::Query, [false, false, false, true, false]),
        (Way::None, [false, false, false, false, true]),
    ] {
        visitor
            .idp
            .configure(|config| config.client_authentication = vec![way]);
        for (attempt, works) in works.into_iter().enumerate() {
            let code = visitor.code().await;
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", REDIRECT_URI),
            ];
            let id = ("client_id", "vestibule-demo");
            let mut request = visitor.http.post(&url);
            match attempt {
                0 => request = request.basic_auth("vestibule-demo", Some(encoded)),
                1 => request = request.basic_auth("vestibule-demo", Some(secret)),
                2 => form.extend([id, ("client_secret", secret)]),
                3 => request = request.query(&[id, ("client_secret", secret)]),
                _ => form.push(id),
            }
            let answer = request.form(&form).send().await.unwrap();
            assert_eq!(
                answer.status(),
                if works { 200 } else { 401 },
                "{way:?} {attempt}"
            );
        }
    }
}

#[tokio::test]
async fn two_ways_at_once_are_refused() {
    let visitor = visit(Config::default()).await;
    let code = visitor.code().await;
    let request = visitor.exchange(&code);
    let request = request.basic_auth("vestibule-demo", Some("vestibule-demo-secret"));
    assert_eq!(
        refusal(request.send().await.unwrap()).await,
        (400, "invalid_request".into())
    );
}

#[tokio::test]
async fn an_old_secret_during_roll_over() {
    let visitor = visit(Config {
        client_secret: "new".into(),
        previous_client_secret: Some("vestibule-demo-secret".into()),
        ..Config::default()
    })
    .await;
    let code = visitor.code().await;
    assert_eq!(visitor.exchange(&code).send().await.unwrap().status(), 200);
    visitor
        .idp
        .configure(|config| config.previous_client_secret = None);
    let code = visitor.code().await;
    assert_eq!(visitor.exchange(&code).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn where_the_access_token_goes() {
    let visitor = visit(Config::default()).await;
    let tokens = visitor.tokens(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let url = visitor.at("/userinfo");
    let pair = [("access_token", token)];
    let send = async |place: usize| {
        let request = match place {
            0 => visitor.http.get(&url).bearer_auth(token),
            1 => visitor.http.get(&url).query(&pair),
            2 => visitor.http.post(&url).form(&pair),
            3 => visitor.http.get(format!("{url}/{token}")),
            4 => visitor.http.get(&url).bearer_auth(token).query(&pair),
            _ => visitor.http.get(&url),
        };
        request.send().await.unwrap().status().as_u16()
    };
    for (token_in, statuses) in [
        (TokenIn::Any, [200, 200, 200, 404, 400, 401]),
        (TokenIn::Bearer, [200, 401, 401, 404, 400, 401]),
        (TokenIn::Query, [401, 200, 401, 404, 400, 401]),
        (TokenIn::Body, [401, 401, 200, 404, 400, 401]),
        (TokenIn::Path, [401, 401, 401, 200, 400, 401]),
    ] {
        visitor
            .idp
            .configure(|config| config.userinfo.token_in = token_in);
        for (place, status) in statuses.into_iter().enumerate() {
            assert_eq!(send(place).await, status, "{token_in:?} {place}");
        }
    }
}

#[tokio::test]
async fn an_access_token_dies() {
    let visitor = visit(Config {
        access_token_lifetime: 0,
        ..Config::default()
    })
    .await;
    let tokens = visitor.tokens(&[]).await;
    let answer = visitor
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(
        answer.headers()["www-authenticate"],
        "Bearer realm=\"mock-idp\", error=\"invalid_token\""
    );
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn a_removed_account_is_gone() {
    let visitor = visit(Config::default()).await;
    visitor
        .idp
        .configure(|config| config.accounts = vec![Account::new("only", "me")]);
    let page = visitor
        .sign_in(&Visitor::request(&[]), "ada", "lovelace")
        .await;
    assert_eq!(page.status(), 200);
    let back = visitor.sign_in(&Visitor::request(&[]), "only", "me").await;
    assert!(get(&location(&back), "code").is_some());
}

#[tokio::test]
async fn a_client_assertion() {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]),
    });
    let client = Client {
        id: "signer".into(),
        secret: String::new(),
        redirect_uris: Vec::new(),
        jwks: Some(json!({ "keys": [jwk] })),
    };
    let visitor = visit(Config {
        clients: vec![client],
        client_authentication: vec![ClientAuthentication::PrivateKeyJwt],
        ..Config::default()
    })
    .await;
    let url = visitor.at("/token");
    let right = json!({
        "iss": "signer", "sub": "signer", "aud": url, "exp": 4_000_000_000_u64, "jti": "1",
    });
    let mut cases = vec![(right.clone(), 200)];
    for (name, value) in [
        ("sub", json!("else")),
        ("aud", json!("else")),
        ("exp", json!(1)),
        ("jti", Value::Null),
    ] {
        let mut wrong = right.clone();
        wrong[name] = value;
        cases.push((wrong, 401));
    }
    for (claims, status) in cases {
        let header = encode(br#"{"alg":"ES256"}"#);
        let message = format!("{header}.{}", encode(claims.to_string().as_bytes()));
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        let assertion = format!("{message}.{}", encode(signature.as_ref()));
        let request =
            format!("response_type=code&client_id=signer&redirect_uri={REDIRECT_URI}&state=s");
        let back = location(&visitor.sign_in(&request, "ada", "lovelace").await);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", get(&back, "code").unwrap()),
            ("redirect_uri", REDIRECT_URI),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &assertion),
        ];
        let answer = visitor.http.post(&url).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), status, "{claims}");
    }
}
