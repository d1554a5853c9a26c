//! The login as the RFCs have it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_idp::Config;
use serde_json::Value;

use crate::visitor::{REDIRECT_URI, Visitor, get, location, refusal, visit};

#[tokio::test]
async fn a_login_by_form() {
    let visitor = visit(Config::default()).await;
    let request = Visitor::request(&[("scope", "profile email")]);
    let page = visitor
        .http
        .get(visitor.at(&format!("/authorize?{request}")))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    for part in [
        "<title>Sign in – Mock IdP</title>",
        "<h1>Sign in</h1>",
        "Mock Identity Provider",
        "<label for=\"username\">",
        "<label for=\"password\">",
        "lovelace",
        "name=\"request\" value=\"response_type=code&amp;client_id=vestibule-demo&amp;",
    ] {
        assert!(page.contains(part), "{part}");
    }

    let back = visitor.sign_in(&request, "ada", "lovelace").await;
    assert_eq!(back.status(), 303);
    let pairs = location(&back);
    assert_eq!(get(&pairs, "state"), Some("s-1"));
    let code = get(&pairs, "code").unwrap();
    assert!(code.len() > 64);

    let tokens: Value = visitor
        .exchange(code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "profile email");
    assert!(tokens["id_token"].is_null());
    let profile = visitor
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    let profile: Value = profile.json().await.unwrap();
    assert_eq!(profile["userId"], "u-1001");
    assert_eq!(profile["email"], "ada@example.test");
    assert_eq!(profile["name"], "Ada Lovelace");
    assert_eq!(profile["email_verified"], true);
}

#[tokio::test]
async fn a_known_browser_goes_straight_back() {
    let visitor = visit(Config::default()).await;
    let login = visitor
        .sign_in(&Visitor::request(&[]), "grace", "hopper")
        .await;
    let cookie = login.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("mock_idp_session="));
    let go = async |more: &[(&str, &str)]| {
        let url = visitor.at(&format!("/authorize?{}", Visitor::request(more)));
        visitor
            .http
            .get(url)
            .header("cookie", &cookie)
            .send()
            .await
            .unwrap()
    };
    assert_eq!(go(&[]).await.status(), 302);
    assert_eq!(go(&[("prompt", "none")]).await.status(), 302);
    assert_eq!(go(&[("prompt", "login")]).await.status(), 200);
    assert_eq!(go(&[("max_age", "1000")]).await.status(), 302);
    // As `prompt=login` (OpenID Connect Core §3.1.2.1).
    assert_eq!(go(&[("max_age", "0")]).await.status(), 200);

    let uri = "http://127.0.0.1:1/bye?a=b";
    let logout = visitor.at("/logout");
    let logout = visitor
        .http
        .get(logout)
        .query(&[("post_logout_redirect_uri", uri), ("state", "x")]);
    let logout = logout.header("cookie", &cookie).send().await.unwrap();
    assert_eq!(
        logout.headers()["location"],
        "http://127.0.0.1:1/bye?a=b&state=x"
    );
    assert_eq!(go(&[]).await.status(), 200);
    assert_eq!(
        get(&location(&go(&[("prompt", "none")]).await), "error"),
        Some("login_required")
    );
}

#[tokio::test]
async fn a_wrong_password_keeps_what_was_typed() {
    let visitor = visit(Config::default()).await;
    let typed = "ada\"><script>";
    let page = visitor.sign_in(&Visitor::request(&[]), typed, "no").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("role=\"alert\""));
    assert!(page.contains("value=\"ada&quot;&gt;&lt;script&gt;\""));
    assert!(!page.contains("<script>"));
}

#[tokio::test]
async fn somebody_says_no() {
    let visitor = visit(Config::default()).await;
    let request = Visitor::request(&[]);
    let form = [("request", request.as_str()), ("action", "deny")];
    let back = visitor
        .http
        .post(visitor.at("/login"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let pairs = location(&back);
    assert_eq!(get(&pairs, "error"), Some("access_denied"));
    assert_eq!(get(&pairs, "error_description"), Some("the user said no"));
    assert_eq!(get(&pairs, "state"), Some("s-1"));
    assert_eq!(get(&pairs, "code"), None);
}

#[tokio::test]
async fn the_second_use_of_a_code_revokes_the_token() {
    let visitor = visit(Config::default()).await;
    let code = visitor.code().await;
    let tokens: Value = visitor
        .exchange(&code)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(visitor.userinfo(token).await.status(), 200);
    let again = visitor.exchange(&code).send().await.unwrap();
    assert_eq!(refusal(again).await, (400, "invalid_grant".into()));
    assert_eq!(visitor.userinfo(token).await.status(), 401);
}

#[tokio::test]
async fn a_code_belongs_to_its_redirect_uri_and_dies() {
    let visitor = visit(Config::default()).await;
    let code = visitor.code().await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:1/other"),
        ("client_id", "vestibule-demo"),
        ("client_secret", "vestibule-demo-secret"),
    ];
    let answer = visitor
        .http
        .post(visitor.at("/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(answer).await, (400, "invalid_grant".into()));

    visitor.idp.configure(|config| config.code_lifetime = 0);
    let code = visitor.code().await;
    let answer = visitor.exchange(&code).send().await.unwrap();
    assert_eq!(refusal(answer).await, (400, "invalid_grant".into()));
}

#[tokio::test]
async fn pkce() {
    let visitor = visit(Config {
        pkce_required: true,
        ..Config::default()
    })
    .await;
    assert_eq!(
        get(&visitor.callback(&[]).await, "error"),
        Some("invalid_request")
    );

    let verifier = "a".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let asked = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    for (sent, status) in [
        (Some("b".repeat(43)), 400),
        (None, 400),
        (Some(verifier), 200),
    ] {
        let code = get(&visitor.callback(&asked).await, "code")
            .unwrap()
            .to_owned();
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code),
            ("redirect_uri", REDIRECT_URI.to_owned()),
            ("client_id", "vestibule-demo".to_owned()),
            ("client_secret", "vestibule-demo-secret".to_owned()),
        ];
        form.extend(sent.map(|verifier| ("code_verifier", verifier)));
        let answer = visitor
            .http
            .post(visitor.at("/token"))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn form_post() {
    let visitor = visit(Config::default()).await;
    let request = Visitor::request(&[("response_mode", "form_post")]);
    let page = visitor.sign_in(&request, "ada", "lovelace").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains(&format!("<form method=\"post\" action=\"{REDIRECT_URI}\">")));
    assert!(page.contains("name=\"state\" value=\"s-1\""));
    assert!(page.contains("name=\"code\""));
    assert!(page.contains(">Continue</button>"));
}

#[tokio::test]
async fn login_hint_fills_in_the_name() {
    let visitor = visit(Config::default()).await;
    let request = Visitor::request(&[("login_hint", "alan")]);
    let page = visitor
        .http
        .get(visitor.at(&format!("/authorize?{request}")))
        .send()
        .await
        .unwrap();
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("name=\"username\" value=\"alan\"")
    );
}

#[tokio::test]
async fn revocation() {
    let visitor = visit(Config::default()).await;
    let tokens = visitor.tokens(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let answer = visitor
        .http
        .post(visitor.at("/revoke"))
        .basic_auth("vestibule-demo", Some("vestibule-demo-secret"))
        .form(&[("token", token)])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(visitor.userinfo(token).await.status(), 401);
}

#[tokio::test]
async fn shutdown_closes_the_port() {
    let visitor = visit(Config::default()).await;
    let url = visitor.at("/");
    assert_eq!(visitor.http.get(&url).send().await.unwrap().status(), 200);
    visitor.idp.shutdown().await;
    assert!(visitor.http.get(&url).send().await.is_err());
}
