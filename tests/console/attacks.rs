//! What must not get through.

use reqwest::{Method, StatusCode};

use crate::support::{Browser, World};
use crate::{Op, form};

pub const PAGES: &[&str] = &[
    "/admin/",
    "/admin/audit",
    "/admin/audit.jsonl",
    "/admin/operators",
    "/admin/applications",
    "/admin/applications?account=acme",
    "/admin/applications/x",
    "/admin/new-application",
    "/admin/keys",
    "/admin/profile/second-factor",
    "/admin/keys/x/certificate.pem",
    "/admin/keys/x/public.pem",
    "/admin/accounts/acme",
    "/admin/accounts/acme/new",
    "/admin/accounts/acme/users",
    "/admin/accounts/acme/users/import",
    "/admin/accounts/acme/users/x",
    "/admin/accounts/acme/users/x/export.json",
    "/admin/accounts/acme/messages",
    "/admin/accounts/acme/logins",
    "/admin/accounts/acme/sessions",
    "/admin/accounts/acme/grants",
    "/admin/accounts/acme/providers/mock-idp",
    "/admin/accounts/acme/providers/mock-idp/diff?from=1&to=1",
    "/admin/accounts/acme/providers/mock-idp/shadow",
    "/admin/accounts/acme/drafts/x",
    "/admin/accounts/acme/drafts/x/toml",
    "/admin/accounts/acme/drafts/x/review",
    "/admin/accounts/acme/drafts/x/provider",
    "/admin/accounts/acme/trials/x",
    "/admin/accounts/acme/stores",
    "/admin/accounts/acme/settings",
    "/admin/accounts/acme/branding",
    "/admin/accounts/acme/activity",
    "/admin/accounts/acme/activity/changes",
    "/admin/audit?account=acme",
    "/admin/accounts/acme/setup-links/x",
    "/admin/nowhere",
];

pub const FORMS: &[&str] = &[
    "/admin/",
    "/admin/logout",
    "/admin/operators",
    "/admin/operators/change",
    "/admin/new-application",
    "/admin/applications/x",
    "/admin/applications/x/rotate",
    "/admin/applications/x/remove",
    "/admin/keys/prepare",
    "/admin/keys/rotate",
    "/admin/accounts/acme/settings",
    "/admin/accounts/acme/branding",
    "/admin/accounts/acme/branding/logo/remove",
    "/admin/accounts/acme/ways/switch",
    "/admin/accounts/acme/ways/move",
    "/admin/accounts/acme/ways/passwords",
    "/admin/accounts/acme/ways/email-first",
    "/admin/accounts/acme/ways/domains",
    "/admin/accounts/acme/messages/from",
    "/admin/accounts/acme/messages/text",
    "/admin/accounts/acme/messages/sample",
    "/admin/accounts/acme/messages/unblock",
    "/admin/accounts/acme/stores",
    "/admin/accounts/acme/stores/remove",
    "/admin/accounts/acme/remove",
    "/admin/accounts/acme/new",
    "/admin/accounts/acme/providers/mock-idp/edit",
    "/admin/accounts/acme/providers/mock-idp/rollback",
    "/admin/accounts/acme/providers/mock-idp/remove",
    "/admin/accounts/acme/providers/mock-idp/forget-drift",
    "/admin/accounts/acme/providers/mock-idp/trial",
    "/admin/accounts/acme/providers/mock-idp/shadow",
    "/admin/accounts/acme/providers/mock-idp/shadow/promote",
    "/admin/accounts/acme/providers/mock-idp/shadow/remove",
    "/admin/operators/sign-out",
    "/admin/device",
    "/admin/profile/second-factor/begin",
    "/admin/profile/second-factor/confirm",
    "/admin/profile/second-factor/change",
    "/admin/accounts/acme/drafts/x/shadow",
    "/admin/accounts/acme/drafts/x/toml",
    "/admin/accounts/acme/drafts/x/apply",
    "/admin/accounts/acme/drafts/x/discard",
    "/admin/accounts/acme/drafts/x/adopt",
    "/admin/accounts/acme/drafts/x/trial",
    "/admin/accounts/acme/drafts/x/provider",
    "/admin/accounts/acme/drafts/x/hand-in",
    "/admin/accounts/acme/domains",
    "/admin/accounts/acme/domains/check",
    "/admin/accounts/acme/domains/lead",
    "/admin/accounts/acme/domains/remove",
    "/admin/accounts/acme/setup-links",
    "/admin/accounts/acme/setup-links/x/approve",
    "/admin/accounts/acme/setup-links/x/send-back",
    "/admin/accounts/acme/setup-links/x/revoke",
    "/admin/accounts/acme/users/change",
    "/admin/accounts/acme/users/revoke",
    "/admin/accounts/acme/users/delete",
    "/admin/accounts/acme/users/unlink",
    "/admin/accounts/acme/users/reverify",
    "/admin/accounts/acme/users/import",
    "/admin/accounts/acme/users",
    "/admin/accounts/acme/sessions/revoke",
    "/admin/accounts/acme/grants/revoke",
    "/admin/accounts/acme/consents/revoke",
];

#[tokio::test]
async fn t4_no_page_and_no_form_without_a_login() {
    let world = World::start().await;
    let mut browser = Browser::new();
    for path in PAGES {
        let page = browser.get(format!("{}{path}", world.origin)).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(page.location().unwrap().path(), "/admin/login", "{path}");
    }
    for path in FORMS {
        let page = form(&world, &mut browser, path, &[("csrf", "x")]).await;
        if *path == "/admin/logout" {
            assert_eq!(page.location().unwrap().path(), "/admin/login", "{path}");
            continue;
        }
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(page.shows("Sign in to the console"), "{path}");
    }
    let path = "/admin/accounts/acme/drafts/x/provider/preview";
    let page = form(&world, &mut browser, path, &[]).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let page = browser.get(format!("{}/admin/session", world.origin)).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    for path in ["/accounts", "/operators", "/audit"] {
        let page = browser.get(format!("{}/api/v1{path}", world.origin)).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn x2_a_form_of_another_site_does_nothing() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let body = format!("csrf={}&id=evil", op.csrf);
    let url = format!("{}/admin/", world.origin);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for headers in [
        vec![kind],
        vec![kind, ("origin", "https://evil.test")],
        vec![kind, ("origin", "null")],
        vec![kind, ("sec-fetch-site", "cross-site")],
        vec![
            ("content-type", "text/plain"),
            ("origin", world.origin.as_str()),
        ],
    ] {
        let page = op
            .browser
            .send(Method::POST, &url, &headers, Some(body.clone()))
            .await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    // From here, but without what only our pages know.
    for path in FORMS {
        for csrf in ["", "x"] {
            let page = form(
                &world,
                &mut op.browser,
                path,
                &[("csrf", csrf), ("id", "evil")],
            )
            .await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert!(!op.get("/admin/").await.shows("evil"));
}

#[tokio::test]
async fn x3_names_are_text_everywhere() {
    const NAME: &str = "</pre><script>alert(1)</script>\"'&{{x}}";
    let world = World::empty().await;
    world.account("acme").await;
    let mapping = world.mapping().replace(
        "name = \"Mock Accounts\"",
        &format!("name = {}", serde_json::Value::from(NAME)),
    );
    world.apply("acme", &mapping).await;
    world.idp.configure(|config| {
        config.accounts[0].profile["name"] = NAME.into();
    });
    world.log_in(&mut Browser::new()).await;
    let mut op = Op::first(&world).await;
    op.done("/admin/accounts/acme/branding", &[("name", NAME)])
        .await;
    op.post(
        "/admin/operators",
        &[("email", "e@example.test"), ("name", NAME)],
    )
    .await;
    let application = [
        ("client_id", "evil"),
        ("name", NAME),
        ("account", "acme"),
        ("grant.authorization_code", "yes"),
        ("scopes", "openid"),
        ("redirect_uris", "https://www.acme.test/cb"),
    ];
    let page = op.post("/admin/new-application", &application).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(!page.shows("<script>alert"));
    let mut wrong = application;
    for field in &mut wrong[..4] {
        field.1 = NAME;
    }
    wrong[5].1 = NAME;
    let page = op.post("/admin/new-application", &wrong).await;
    assert!(!page.shows("<script>alert") && page.shows("client_id-wrong"));
    let shadow = "/admin/accounts/acme/providers/mock-idp/shadow";
    let page = op.post(shadow, &[("toml", NAME)]).await;
    assert!(!page.shows("<script>alert") && page.shows("role=\"alert\""));
    op.done(shadow, &[("toml", &mapping)]).await;
    let step = op
        .done("/admin/accounts/acme/providers/mock-idp/edit", &[])
        .await;
    let draft = step.url.path().trim_end_matches("provider").to_owned();
    let save = [
        ("token.url", NAME),
        ("row.0.key", NAME),
        ("row.0.value", NAME),
        ("action", "preview"),
    ];
    op.post(&format!("{draft}token"), &save).await;
    let rest = [
        "provider",
        "authorization",
        "token",
        "userinfo",
        "toml",
        "review",
    ];
    let mut pages: Vec<String> = rest.iter().map(|step| format!("{draft}{step}")).collect();
    pages.push("/admin/applications/evil".to_owned());
    pages.extend(
        PAGES
            .iter()
            // The export is JSON, to be kept in a file.
            .filter(|path| !path.contains("/x") && !path.contains("jsonl"))
            .map(|path| (*path).to_owned()),
    );
    for path in pages {
        let page = op.get(&path).await;
        assert!(!page.body.contains("<script>alert"), "{path}");
        assert!(!page.header("content-security-policy").contains("unsafe"));
        if path.starts_with("/admin/") && !path.ends_with("jsonl") && page.status == StatusCode::OK
        {
            assert!(
                page.header("content-security-policy")
                    .contains("script-src 'self'"),
                "{path}"
            );
        }
    }
    let page = op.post(&format!("{draft}token/preview"), &save).await;
    let html = page.json()["preview"].as_str().unwrap().to_owned();
    assert!(!html.contains("<script>alert"), "{html}");
}

#[tokio::test]
async fn secrets_reach_no_page_and_no_log() {
    const CANARY: &str = "canary-of-a-client-secret";
    let world = World::empty().await;
    world.account("acme").await;
    let mapping = world.mapping().replace("vestibule-demo-secret", CANARY);
    let mut op = Op::first(&world).await;
    let step = op
        .done(
            "/admin/accounts/acme/new",
            &[("from", "toml"), ("text", &mapping)],
        )
        .await;
    let draft = step.url.path().trim_end_matches("provider").to_owned();
    for page in [
        "provider",
        "authorization",
        "token",
        "userinfo",
        "toml",
        "review",
    ] {
        let page = op.get(&format!("{draft}{page}")).await;
        assert!(!page.body.contains(CANARY), "{}", page.url);
    }
    op.done(&format!("{draft}apply"), &[]).await;
    for path in PAGES {
        assert!(!op.get(path).await.body.contains(CANARY), "{path}");
    }
    assert!(op.get("/admin/audit.jsonl").await.body.contains("[sha256:"));
}

#[tokio::test]
async fn t3_a_kept_secret_is_sent_to_no_other_server() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let step = op
        .done("/admin/accounts/acme/providers/mock-idp/edit", &[])
        .await;
    let draft = step.url.path().trim_end_matches("provider").to_owned();
    let evil = [("token.url", "https://evil.test/token"), ("action", "next")];
    op.post(&format!("{draft}token"), &evil).await;
    let page = op.get(&format!("{draft}provider")).await;
    assert!(page.shows("write the secret"), "{}", page.body);
    let page = op.post(&format!("{draft}apply"), &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Back to where it was, and the secret is there again.
    let url = format!("{}/token", world.idp.origin());
    let back = [("token.url", url.as_str()), ("action", "next")];
    op.post(&format!("{draft}token"), &back).await;
    op.done(&format!("{draft}apply"), &[]).await;
    world.log_in(&mut Browser::new()).await;
}
