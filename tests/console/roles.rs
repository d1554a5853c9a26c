//! What each role may do.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::attacks::{FORMS, PAGES};
use crate::support::{Browser, World};
use crate::{Op, PASSWORD, form};

pub async fn operator<'w>(world: &'w World, email: &str, role: &str, accounts: &[&str]) -> Op<'w> {
    let body = json!({ "email": email, "role": role, "accounts": accounts });
    let made = world
        .admin(
            Method::POST,
            "/operators",
            "application/json",
            &body.to_string(),
        )
        .await;
    assert_eq!(made.0, 201, "{}", made.1);
    let ticket = made
        .1
        .split("ticket=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let mut browser = Browser::new();
    let fields = [("ticket", ticket), ("password", PASSWORD)];
    form(world, &mut browser, "/admin/welcome", &fields).await;
    Op::with(world, browser).await
}

/// The least role that a form takes.
fn least(path: &str) -> usize {
    let owners = [
        "/admin/operators",
        "/admin/keys",
        "/admin/applications",
        "/admin/new-application",
    ];
    // Who logs in with a program gets no more than they may here.
    if ["/admin/logout", "/admin/device"].contains(&path) || path.starts_with("/admin/profile/") {
        0
    } else if [
        "users/revoke",
        "sessions/revoke",
        "grants/revoke",
        "consents/revoke",
    ]
    .iter()
    .any(|end| path.ends_with(end))
    {
        1
    } else if owners.iter().any(|start| path.starts_with(start)) {
        3
    } else {
        2
    }
}

#[tokio::test]
async fn each_form_takes_its_role() {
    let world = World::start().await;
    Op::first(&world).await;
    for (rank, role) in ["auditor", "support", "administrator"]
        .into_iter()
        .enumerate()
    {
        let mut op = operator(&world, &format!("{role}@example.test"), role, &[]).await;
        for path in PAGES
            .iter()
            .filter(|path| !path.contains("/x") && **path != "/admin/nowhere")
        {
            let page = op.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{role} {path} {}", page.body);
        }
        for path in FORMS.iter().filter(|path| **path != "/admin/logout") {
            if rank < least(path) {
                let page = op.post(path, &[]).await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{role} {path}");
                assert!(page.shows("this takes the role") || page.shows("This takes the role"));
            }
        }
        for kind in ["users", "sessions", "grants"] {
            let page = op
                .post(&format!("/admin/accounts/acme/{kind}/revoke"), &[])
                .await;
            assert_eq!(
                page.status == StatusCode::FORBIDDEN,
                rank < 1,
                "{role} {kind}"
            );
        }
        let page = op
            .post(
                "/admin/accounts/acme/stores",
                &[("origin", "https://x.example")],
            )
            .await;
        assert_eq!(page.status == StatusCode::SEE_OTHER, rank >= 2, "{role}");
    }
}

#[tokio::test]
async fn who_is_limited_to_accounts_sees_no_other() {
    let world = World::start().await;
    world.account("other").await;
    world.account("third").await;
    Op::first(&world).await;
    let mut op = operator(
        &world,
        "grace@example.test",
        "administrator",
        &["acme", "third"],
    )
    .await;
    let page = op.get("/admin/").await;
    assert!(page.shows("/admin/accounts/acme") && page.shows("/admin/accounts/third"));
    assert!(!page.shows("accounts/other"), "{}", page.body);
    for path in [
        "/admin/operators",
        "/admin/keys",
        "/admin/applications",
        "/admin/audit",
        "/admin/audit.jsonl",
        "/admin/audit?account=acme&account=other",
        "/admin/applications/x",
        "/admin/new-application",
    ] {
        assert_eq!(op.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in [
        "/admin/audit?account=other",
        "/admin/audit.jsonl?account=other",
        "/admin/applications?account=other",
        "/admin/accounts/other",
        "/admin/accounts/%6fther/users",
        "/admin/accounts/nobody/users",
        "/admin/accounts/acme%2f..%2fother/users",
    ] {
        assert_eq!(op.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in [
        "/admin/audit?account=acme",
        "/admin/audit.jsonl?account=acme",
        "/admin/applications?account=acme",
        "/admin/accounts/%61cme/users",
        "/admin/accounts/third",
    ] {
        let page = op.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path} {}", page.body);
        assert!(!page.body.contains("/accounts/other"), "{path}");
    }
    let page = op.post("/admin/", &[("id", "fresh")]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = op
        .post("/admin/accounts/other/remove", &[("confirm", "other")])
        .await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    let store = [("origin", "https://x.example")];
    assert!(
        op.done("/admin/accounts/acme/stores", &store)
            .await
            .shows("The store is saved")
    );
    // A change counts from the next request on.
    let body = json!({ "accounts": ["third"], "role": "auditor" }).to_string();
    let path = "/operators/grace@example.test";
    let (status, said) = world
        .admin(Method::PATCH, path, "application/json", &body)
        .await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(
        op.get("/admin/accounts/acme").await.status,
        StatusCode::NOT_FOUND
    );
    let page = op.post("/admin/accounts/third/stores", &store).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_an_owner_changes_the_account_that_operators_log_in_through() {
    let world = World::with(|config| {
        config.console_login_account = Some("acme".parse().unwrap());
    })
    .await;
    world.account("acme").await;
    Op::first(&world).await;
    let mut op = operator(&world, "grace@example.test", "administrator", &[]).await;
    let store = [("origin", "https://x.example")];
    let page = op.post("/admin/accounts/acme/stores", &store).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = op
        .post("/admin/accounts/%61cme/new", &[("from", "empty")])
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_operator_has_a_profile() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op.get("/admin/profile").await;
    assert!(page.shows("ada@example.test") && page.shows("Owner") && page.shows("This browser"));
    let page = op.done("/admin/profile", &[("name", "Countess")]).await;
    assert!(page.shows("Saved") && page.shows("Countess"));
    let page = op.post("/admin/profile", &[("name", "")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let new = "a longer password than before";
    for (current, new, why) in [
        ("wrong wrong wrong", new, "not your password"),
        (PASSWORD, "short", "at least 12 characters"),
    ] {
        let page = op
            .post(
                "/admin/profile/password",
                &[("current", current), ("new", new)],
            )
            .await;
        assert!(page.shows(why), "{}", page.body);
    }
    let right = [("email", "ada@example.test"), ("password", PASSWORD)];
    let mut elsewhere = Browser::new();
    form(&world, &mut elsewhere, "/admin/login", &right).await;
    let page = op
        .done(
            "/admin/profile/password",
            &[("current", PASSWORD), ("new", new)],
        )
        .await;
    assert!(page.shows("Your password is changed"), "{}", page.body);
    let page = elsewhere.get(format!("{}/admin/", world.origin)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "other sessions ended");
    let page = form(&world, &mut Browser::new(), "/admin/login", &right).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
}
