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

/// Roles with the accounts they are limited to, the one that may least first.
const ROLES: [(&str, &[&str]); 4] = [
    ("auditor", &[]),
    ("support", &[]),
    ("account_administrator", &["acme"]),
    ("administrator", &[]),
];

/// The least role that a form takes.
fn least(path: &str) -> usize {
    let owners = [
        "/admin/operators",
        "/admin/keys",
        "/admin/applications",
        "/admin/new-application",
    ];
    let own = [
        "/branding",
        "/branding/logo",
        "/branding/logo/remove",
        "/ways/domains",
        "/acme/domains",
        "/domains/check",
        "/domains/lead",
        "/domains/remove",
        "/users/",
        "/providers/mock-idp/edit",
        "/providers/mock-idp/rollback",
        "/providers/mock-idp/trial",
        "/new",
        "/users",
    ];
    // Who logs in with a program gets no more than they may here.
    if ["/admin/logout", "/admin/device"].contains(&path) || path.starts_with("/admin/profile") {
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
        4
    } else if path.contains("/users/")
        || own.iter().any(|end| path.ends_with(end))
        || (path.contains("/drafts/") && !path.ends_with("/shadow"))
    {
        2
    } else {
        3
    }
}

/// The least role that a page takes.
fn least_to_see(path: &str) -> usize {
    if path.ends_with("/new") || path.ends_with("/import") || path == "/admin/new-application" {
        least(path)
    } else {
        0
    }
}

/// Where the forms of a page lead.
fn forms_of(body: &str, here: &str) -> Vec<String> {
    let forms = body.split("<form ").skip(1);
    let posts = forms.filter_map(|form| form.split('>').next());
    posts
        .filter(|form| form.contains("method=\"post\""))
        .map(|form| match form.split("action=\"").nth(1) {
            Some(to) => to.split('"').next().unwrap().to_owned(),
            None => here.to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn l5_each_form_takes_its_role() {
    let world = World::start().await;
    world.account("other").await;
    world.log_in(&mut Browser::new()).await;
    let user = world.users("acme").await[0].id.to_string();
    Op::first(&world).await;
    for (rank, (role, accounts)) in ROLES.into_iter().enumerate() {
        let email = format!("{role}@example.test");
        let mut op = operator(&world, &email, role, accounts).await;
        let limited = !accounts.is_empty();
        let mut pages: Vec<String> = PAGES
            .iter()
            .filter(|path| !path.contains("/x") && **path != "/admin/nowhere")
            .map(|path| (*path).to_owned())
            .collect();
        pages.push(format!("/admin/accounts/acme/users/{user}"));
        for path in &pages {
            let page = op.get(path).await;
            let of_broker = !path.contains("acme") && !path.contains("/profile");
            if rank < least_to_see(path) || (limited && of_broker && path != "/admin/") {
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{role} {path}");
                continue;
            }
            assert_eq!(page.status, StatusCode::OK, "{role} {path} {}", page.body);
            // What a role may not do is not offered.
            for form in forms_of(&page.body, path) {
                assert!(least(&form) <= rank, "{role}: {path} offers {form}");
                assert!(!limited || form != "/admin/", "{path}");
            }
        }
        for path in FORMS.iter().filter(|path| **path != "/admin/logout") {
            if rank < least(path) {
                let page = op.post(path, &[]).await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{role} {path}");
                assert!(
                    (limited && page.shows("his is about the whole broker"))
                        || page.shows("his takes the role"),
                    "{role} {path}"
                );
            }
            if limited && path.contains("/accounts/acme") {
                let elsewhere = path.replace("acme", "other");
                let page = op.post(&elsewhere, &[]).await;
                assert_eq!(page.status, StatusCode::NOT_FOUND, "{elsewhere}");
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
        assert_eq!(page.status == StatusCode::SEE_OTHER, rank >= 3, "{role}");
    }
}

#[tokio::test]
async fn l5_an_account_administrator_runs_an_account_and_nothing_else() {
    let world = World::start().await;
    world.account("other").await;
    world.log_in(&mut Browser::new()).await;
    let mut owner = Op::first(&world).await;
    // There is none of all accounts, by no way.
    let none = json!({ "email": "eve@example.test", "role": "account_administrator" });
    let json = "application/json";
    let none = none.to_string();
    let (status, said) = world.admin(Method::POST, "/operators", json, &none).await;
    assert!(
        status == 400 && said.contains("operator.accounts"),
        "{said}"
    );
    let form = [
        ("email", "eve@example.test"),
        ("role", "account_administrator"),
    ];
    let page = owner.post("/admin/operators", &form).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.shows("id=\"accounts-wrong\""), "{}", page.body);
    let mut op = operator(
        &world,
        "grace@example.test",
        "account_administrator",
        &["acme"],
    )
    .await;
    let change = json!({ "accounts": [] }).to_string();
    let path = "/operators/grace@example.test";
    let (status, said) = world.admin(Method::PATCH, path, json, &change).await;
    assert!(
        status == 400 && said.contains("operator.accounts"),
        "{said}"
    );
    // Its providers, up to going live and back.
    let step = op
        .done("/admin/accounts/acme/providers/mock-idp/edit", &[])
        .await;
    let draft = step.url.path().trim_end_matches("provider").to_owned();
    let named = [("provider.name", "Acme Staff"), ("action", "review")];
    let review = op.done(&format!("{draft}provider"), &named).await;
    assert!(review.shows("Apply changes") && !review.shows("Try as a shadow"));
    let page = op.done(&format!("{draft}apply"), &[]).await;
    assert!(page.shows("The mapping is live"), "{}", page.body);
    let back = [("version", "1")];
    op.done("/admin/accounts/acme/providers/mock-idp/rollback", &back)
        .await;
    // As whoever has one account only: no file of the host, no name of a known provider.
    let literal = "\"vestibule-demo-secret\"";
    let file = world
        .mapping()
        .replace(literal, "{ file = \"/etc/hostname\" }");
    let new = [("from", "toml"), ("text", file.as_str())];
    let page = op.post("/admin/accounts/acme/new", &new).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    // Its users.
    let one = [("email", "new@example.test")];
    op.done("/admin/accounts/acme/users", &one).await;
    // How it looks; of the rest nothing, though the form has it.
    let look = [
        ("name", "Acme Shops"),
        ("color", "#0b5fff"),
        ("logo_url", ""),
    ];
    let page = op.done("/admin/accounts/acme/branding", &look).await;
    assert!(
        page.shows("Acme Shops") && page.shows("Saved"),
        "{}",
        page.body
    );
    assert!(!page.shows("name=\"audience\"") && !page.shows("Make a link"));
    let page = op.get("/admin/accounts/acme/settings").await;
    assert!(!page.shows("name=\"audience\""), "{}", page.body);
    for more in [
        ("audience", "https://api.other.test"),
        ("signing_alg", "ES256"),
        ("vtex_compatible", "true"),
        ("unverified_email", "refuse"),
    ] {
        let form = [&look[..], &[more]].concat();
        let page = op.post("/admin/accounts/acme/settings", &form).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{more:?}");
    }
    // An account's domain leads nowhere by their word.
    let domain = [("domain", "acme.test"), ("provider", "mock-idp")];
    op.done("/admin/accounts/acme/ways/domains", &domain).await;
    let claim = [&domain[..], &[("verified", "yes")]].concat();
    let page = op.post("/admin/accounts/acme/ways/domains", &claim).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = op.get("/admin/profile").await;
    let said = page.body.to_lowercase().replace('_', " ");
    assert!(said.contains("account administrator"), "{}", page.body);
    // One whose accounts are gone has none.
    world.admin(Method::DELETE, "/accounts/acme", "", "").await;
    let page = op.get("/admin/").await;
    assert!(!page.shows("/admin/accounts/other"), "{}", page.body);
    let page = op.get("/admin/accounts/acme").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "they are out");
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
