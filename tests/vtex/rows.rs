//! Each address, row by row: what clients send there, and the members that they read.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::Browser;
use super::{ADA, FIRST, Scene, cookies};

/// The members of an answer, in order.
fn members(value: &Value) -> Vec<&str> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, _)| name.as_str()).collect()
}

const VALIDATION: [&str; 10] = [
    "accountAuthCookie",
    "authCookie",
    "authStatus",
    "clientToken",
    "expiresIn",
    "lastAttemptAvailable",
    "phoneNumber",
    "promptMFA",
    "scope",
    "userId",
];

#[tokio::test]
async fn each_open_address_answers_with_the_members_that_clients_read() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let pub_auth = "vtexid/pub/authentication";
    let start = [
        "authCookie",
        "authenticationToken",
        "isAuthenticated",
        "oauthProviders",
        "samlProviders",
        "selectedProvider",
        "showAccessKeyAuthentication",
        "showClassicAuthentication",
        "showPasskeyAuthentication",
    ];
    let ways = [
        "accessKeyAuthentication",
        "corporateProviders",
        "oAuthProviders",
        "passkeyAuthentication",
        "passwordAuthentication",
        "samlProviders",
        "sessionRenewal",
    ];
    for (path, wanted) in [
        (
            format!("{pub_auth}/start?scope=acme&fingerprint=x"),
            &start[..],
        ),
        (
            format!(
                "{pub_auth}/start?appStart=true&accountName=acme&callbackUrl=/&returnUrl=/&user={ADA}&locale=es"
            ),
            &start,
        ),
        (
            format!("{pub_auth}/providers?scope=acme&accountName=acme"),
            &ways,
        ),
        ("sessions?items=*".to_owned(), &["id", "namespaces"]),
        (
            format!("{pub_auth}/userpreference?scope=acme&email={ADA}"),
            &[],
        ),
    ] {
        let page = scene.get(&mut browser, &path).await;
        assert_eq!(page.status, 200, "{path} {}", page.body);
        let body = page.json();
        let mut found = members(&body);
        found.sort_unstable();
        assert_eq!(found, wanted, "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
    }
    let page = scene
        .post(&mut browser, &format!("{pub_auth}/start"), &[])
        .await;
    let providers = &page.json()["oauthProviders"];
    let mut found = members(&providers[0]);
    found.sort_unstable();
    assert_eq!(found, ["className", "expectedContext", "providerName"]);
}

#[tokio::test]
async fn a_login_begins_in_each_form_and_ends_where_it_was_to() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let pub_auth = "vtexid/pub/authentication";
    // Where a provider's login ends: a page in a window of its own, else the page that was
    // asked for.
    for (path, to) in [
        ("vtexid/oauth/finish?popup=true", None),
        (
            "vtexid/pub/authentication/finish?sessionRedirect=false",
            None,
        ),
        ("vtexid/oauth/finish?popup=false", Some("/")),
        (
            "vtexid/pub/authentication/redirect?returnUrl=/cart",
            Some("/cart"),
        ),
    ] {
        let page = scene.get(&mut browser, path).await;
        let found = page.location();
        let found = found.as_ref().map(url::Url::path);
        assert_eq!(found, to, "{path} {}", page.body);
        assert!(to.is_some() || page.body.contains("You are signed in"));
    }
    // The older page puts it all into the query, the newer one into a form of either kind.
    let fields = [
        ("accountName", "acme"),
        ("scope", "acme"),
        ("returnUrl", ""),
        ("callbackUrl", ""),
        ("user", ""),
        ("fingerprint", ""),
    ];
    let path = format!("{pub_auth}/startlogin");
    let query = format!("{path}?accountName=acme&scope=acme&returnUrl=&user=");
    for page in [
        scene.multipart(&mut browser, &path, &fields).await,
        scene.post(&mut browser, &path, &fields).await,
        scene.post(&mut browser, &query, &[]).await,
    ] {
        assert_eq!(page.status, 200, "{}", page.body);
        let set = cookies(&page);
        assert!(set.len() == 1 && set[0].starts_with("_vss="), "{set:?}");
    }
}

/// Also where it refuses.
#[tokio::test]
async fn what_validates_answers_all_of_its_members() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let pub_auth = "vtexid/pub/authentication";
    for (path, form) in [
        (
            format!("{pub_auth}/classic/validate"),
            vec![("login", ADA), ("password", "Wrong1234")],
        ),
        (
            format!("{pub_auth}/classic/validate"),
            vec![("email", ADA), ("password", ""), ("recaptchaToken", "")],
        ),
        (
            format!("{pub_auth}/accesskey/validate"),
            vec![("login", ADA), ("accessKey", "000000")],
        ),
        (
            format!("{pub_auth}/classic/setpassword?expireSessions=true"),
            vec![
                ("login", ADA),
                ("newPassword", FIRST),
                ("accesskey", "000000"),
            ],
        ),
        (
            format!("{pub_auth}/classic/setpassword?scope=acme&locale=es"),
            vec![
                ("login", ADA),
                ("newPassword", FIRST),
                ("currentPassword", "Wrong1234"),
            ],
        ),
        (
            format!("{pub_auth}/classic/setpassword"),
            vec![("login", ADA), ("newPassword", "weak"), ("accessKey", "0")],
        ),
    ] {
        let page = scene.multipart(&mut browser, &path, &form).await;
        let body = page.json();
        let mut found = members(&body);
        found.sort_unstable();
        assert_eq!(found, VALIDATION, "{path} {}", page.body);
        assert_eq!(
            (&body["expiresIn"], &body["authCookie"]),
            (&json!(0), &Value::Null)
        );
    }
}

#[tokio::test]
async fn each_address_for_who_is_logged_in_tells_nobody_else_anything() {
    let scene = Scene::new().await;
    let id = "AAAA";
    for (method, path, status) in [
        (Method::GET, "vtexid/pub/authenticated/user".to_owned(), 200),
        (
            Method::GET,
            "vtexid/pub/authenticated/user?authToken=a.b.c".to_owned(),
            200,
        ),
        (Method::GET, "vtexid/user/info?scope=acme".to_owned(), 200),
        (
            Method::GET,
            "vtexid/pvt/user/detailedinfo?scope=acme".to_owned(),
            401,
        ),
        (Method::GET, "vtexid/sessions?scope=acme".to_owned(), 401),
        (
            Method::POST,
            format!("vtexid/sessions/{id}/revoke?scope=acme"),
            401,
        ),
        (Method::POST, "vtexid/credential/validate".to_owned(), 401),
        (
            Method::POST,
            "vtexid/user/password/quickset".to_owned(),
            401,
        ),
        (Method::POST, "vtexid/refreshtoken/webstore".to_owned(), 200),
        (Method::POST, "vtexid/refreshtoken/admin".to_owned(), 200),
        (Method::POST, "vtexid/toolbelt/validate".to_owned(), 401),
        (Method::POST, "vtexid/apptoken/login".to_owned(), 401),
    ] {
        let kind = [("content-type", "application/json")];
        let (url, body) = (scene.url(&path), Some("{}".to_owned()));
        let page = Browser::new().send(method, &url, &kind, body).await;
        assert_eq!(page.status, status, "{path} {}", page.body);
        let body = page.json();
        let nobody = body.is_null() || body["status"] == "InvalidSession";
        assert!(status == 401 || nobody, "{path} {}", page.body);
        assert!(cookies(&page).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_anything_is_hashed() {
    let scene = Scene::new().await;
    let large = "A1a".repeat(1_000_000);
    for path in [
        "classic/validate",
        "classic/setpassword",
        "accesskey/validate",
    ] {
        let path = format!("vtexid/pub/authentication/{path}");
        let form = [
            ("login", ADA),
            ("password", &large),
            ("newPassword", &large),
        ];
        for page in [
            scene.multipart(&mut Browser::new(), &path, &form).await,
            scene.post(&mut Browser::new(), &path, &form).await,
        ] {
            assert!(page.status.is_client_error(), "{path} {}", page.status);
            assert!(cookies(&page).is_empty());
        }
    }
}
