//! Logins through a server made with the Python package `Authlib`.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::process::Command;

use support::form::Form;
use support::program::{Program, python, suites};
use support::{Browser, Page, World};

struct Suite {
    world: World,
    origin: String,
    _program: Program,
}

impl Suite {
    async fn start() -> Option<Self> {
        let python = python()?;
        let world = World::empty().await;
        world.account("acme").await;
        let options = serde_json::json!({ "redirect_uri": format!("{}/callback/acme/authlib", world.origin) });
        let program = Program::start(
            Command::new(python)
                .arg(suites().join("authlib_server.py"))
                .arg(options.to_string()),
        );
        let origin = program.expect("ready");
        Some(Self {
            world,
            origin,
            _program: program,
        })
    }

    async fn log_in(&self, browser: &mut Browser, user: &str) -> Page {
        let start = self.world.url("acme", "login?return_to=%2Forders");
        let page = browser.get(start).await;
        let page = browser.follow(page).await;
        let mut form = Form::of(&page).fill("user", user);
        // The form has no action: it is posted to the page's own address.
        form.action = page.url.clone();
        let page = form.post(browser).await;
        browser.follow(page).await
    }

    async fn must_log_in(&self, user: &str) {
        let browser = &mut Browser::new();
        let page = self.log_in(browser, user).await;
        assert_eq!(page.url.path(), "/orders", "{} {}", page.status, page.body);
        let session = browser.session(&self.world, "acme").await;
        assert_eq!(session["user"]["email"], format!("{user}@example.test"));
    }
}

const CLIENT: &str = r#"
[client]
id = "shop"
secret = "shop-secret"
authentication = "METHOD"
[authorization]
scopes = ["openid", "profile", "email"]
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
"#;

#[tokio::test]
async fn openid_with_discovery() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    for method in ["body", "basic"] {
        let head = format!(
            "[provider]\nid = \"authlib\"\nname = \"Authlib\"\nkind = \"openid\"\nissuer = \"{}\"\n",
            suite.origin
        );
        let mapping = head + &CLIENT.replace("METHOD", method);
        suite.world.apply("acme", &mapping).await;
        suite.must_log_in("ada").await;
    }
    assert_eq!(suite.world.users("acme").await.len(), 1);
}

#[tokio::test]
async fn plain_oauth2() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    let origin = &suite.origin;
    let mapping = CLIENT
        .replace("METHOD", "basic")
        .replace(
            "[authorization]",
            &format!("[authorization]\nurl = \"{origin}/authorize\""),
        )
        .replace(
            "[userinfo.response]",
            &format!(
                "[token]\nurl = \"{origin}/token\"\n[userinfo]\nurl = \"{origin}/me\"\n[userinfo.response]"
            ),
        );
    let mapping = format!("[provider]\nid = \"authlib\"\nname = \"Authlib\"\n{mapping}");
    suite.world.apply("acme", &mapping).await;
    suite.must_log_in("grace").await;
}

#[tokio::test]
async fn a_scope_that_user_information_does_not_accept() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    let head = format!(
        "[provider]\nid = \"authlib\"\nname = \"Authlib\"\nkind = \"openid\"\nissuer = \"{}\"\n",
        suite.origin
    );
    let mapping = head
        + &CLIENT
            .replace("METHOD", "basic")
            .replace(r#""profile", "#, "");
    suite.world.apply("acme", &mapping).await;
    let page = suite.log_in(&mut Browser::new(), "ada").await;
    assert!(page.shows("login.userinfo_rejected"), "{}", page.body);
}
