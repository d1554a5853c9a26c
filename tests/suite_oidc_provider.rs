//! Logins through npm `oidc-provider`, which no one here wrote.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::form::Form;
use support::program::{Program, have_npm};
use support::{Browser, Page, World};

/// As plain OAuth 2.0: code, token, user information. The scope `openid` is what
/// opens its user information endpoint; the ID token that comes along is not read.
fn oauth2(origin: &str, client: &str) -> String {
    format!(
        r#"
[provider]
id = "other"
name = "Other"
email_trust = "claim"
{client}
[authorization]
url = "{origin}/auth"
scopes = ["openid", "email", "profile"]
[token]
url = "{origin}/token"
[userinfo]
url = "{origin}/me"
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
locale = "locale"
"#
    )
}

/// As OpenID Connect: everything but the issuer is discovered.
fn openid(origin: &str, client: &str) -> String {
    format!(
        r#"
[provider]
id = "other"
name = "Other"
kind = "openid"
issuer = "{origin}"
{client}
[authorization]
scopes = ["openid", "email", "profile"]
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
locale = "locale"
"#
    )
}

const POST: &str = r#"
[client]
id = "post"
secret = "a secret of the post client"
"#;
const BASIC: &str = r#"
[client]
id = "basic:client"
secret = "se cret+%41/&=~:"
authentication = "basic"
"#;

struct Suite {
    world: World,
    program: Option<Program>,
    origin: String,
}

impl Suite {
    /// A broker with the account `acme` and the server beside it; nothing where
    /// the server isn't installed.
    async fn start() -> Option<Self> {
        if !have_npm("oidc-provider") {
            return None;
        }
        let world = World::empty().await;
        world.account("acme").await;
        let (program, origin) = server(&world, 0);
        Some(Self {
            world,
            program: Some(program),
            origin,
        })
    }

    /// Ends the server and starts it again on its port, with other keys.
    fn rotate(&mut self) {
        let port = self.origin.rsplit(':').next().unwrap().parse().unwrap();
        self.program = None;
        let (program, origin) = server(&self.world, port);
        assert_eq!(origin, self.origin);
        self.program = Some(program);
    }

    /// A whole login as `user`, over the server's own pages.
    async fn log_in(&self, browser: &mut Browser, user: &str) -> Page {
        let start = self
            .world
            .url("acme", "login?return_to=%2Forders%3Fpage%3D2");
        let page = browser.get(start).await;
        let page = browser.follow(page).await;
        let login = Form::of(&page).fill("login", user).fill("password", "any");
        let page = login.post(browser).await;
        let page = browser.follow(page).await;
        let page = Form::of(&page).post(browser).await;
        browser.follow(page).await
    }

    /// The same, which must end in a session.
    async fn must_log_in(&self, user: &str) {
        let browser = &mut Browser::new();
        let page = self.log_in(browser, user).await;
        let expected = format!("{}/orders?page=2", self.world.origin);
        assert_eq!(page.url.as_str(), expected, "{}", page.body);
        let session = browser.session(&self.world, "acme").await;
        assert_eq!(session["user"]["email"], format!("{user}@example.test"));
        assert_eq!(session["user"]["locale"], "pt-BR", "{session}");
        assert_eq!(session["provider"], "other");
    }
}

fn server(world: &World, port: u16) -> (Program, String) {
    let options = serde_json::json!({
        "port": port,
        "redirect_uri": format!("{}/callback/acme/other", world.origin),
    });
    let program = Program::node("oidc-provider.mjs", &options.to_string());
    let origin = program.expect("ready");
    (program, origin)
}

#[tokio::test]
async fn plain_oauth2_with_the_secret_in_the_body() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    suite
        .world
        .apply("acme", &oauth2(&suite.origin, POST))
        .await;
    suite.must_log_in("ada").await;
    suite.must_log_in("grace").await;
    suite.must_log_in("ada").await;
    assert_eq!(suite.world.users("acme").await.len(), 2);
}

#[tokio::test]
async fn plain_oauth2_with_a_basic_header_of_reserved_characters() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    suite
        .world
        .apply("acme", &oauth2(&suite.origin, BASIC))
        .await;
    suite.must_log_in("ada").await;
}

#[tokio::test]
async fn a_wrong_secret_is_the_providers_refusal() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    let wrong = POST.replace("a secret of", "not the secret of");
    suite
        .world
        .apply("acme", &oauth2(&suite.origin, &wrong))
        .await;
    let page = suite.log_in(&mut Browser::new(), "ada").await;
    assert!(page.shows("login.token_rejected"), "{}", page.body);
    assert!(suite.world.users("acme").await.is_empty());
}

#[tokio::test]
async fn openid_with_rsa_keys() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    suite
        .world
        .apply("acme", &openid(&suite.origin, POST))
        .await;
    suite.must_log_in("ada").await;
}

#[tokio::test]
async fn openid_whose_keys_rotate_between_logins() {
    let Some(mut suite) = Suite::start().await else {
        return;
    };
    suite
        .world
        .apply("acme", &openid(&suite.origin, BASIC))
        .await;
    suite.must_log_in("ada").await;
    suite.rotate();
    suite.must_log_in("ada").await;

    // A second look within a minute would let tokens drive requests.
    suite.rotate();
    let page = suite.log_in(&mut Browser::new(), "ada").await;
    assert!(page.shows("login.id_token_invalid"), "{}", page.body);
    suite.world.clock.advance(Duration::from_secs(61));
    suite.must_log_in("ada").await;
    assert_eq!(suite.world.users("acme").await.len(), 1);
}
