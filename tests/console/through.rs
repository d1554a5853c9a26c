//! Operators who log in through a provider of the broker.

use reqwest::{Method, StatusCode};
use url::Url;

use vestibule::config;

use crate::second_factor::set_up;
use crate::support::{Browser, Page, World};
use crate::{Op, form, readable};

const START: &str = "/admin/login/start?provider=mock-idp";

/// A broker whose operators log in through `platform`, and its first operator,
/// who has the email of the mock's `ada`.
async fn world() -> World {
    let world = World::with(|config| {
        config.console_login_account = Some("platform".parse().unwrap());
    })
    .await;
    world.account("platform").await;
    world.apply("platform", &world.mapping()).await;
    world
}

fn start(world: &World) -> String {
    format!("{}{START}", world.origin)
}

async fn sign_in(world: &World, browser: &mut Browser, user: (&str, &str)) -> Page {
    readable(browser.log_in(&start(world), user.0, user.1).await)
}

const ADA: (&str, &str) = ("ada", "lovelace");
const GRACE: (&str, &str) = ("grace", "hopper");

async fn at_console(world: &World, browser: &mut Browser) -> bool {
    let page = browser.get(format!("{}/admin/", world.origin)).await;
    page.status == StatusCode::OK
}

/// Whether anybody at all was logged in to the console by a browser.
async fn refused(world: &World, browser: &mut Browser, page: &Page, sentence: &str) {
    assert!(
        page.shows(sentence),
        "{sentence}: {} {}",
        page.url,
        page.body
    );
    assert_eq!(page.url.path(), "/admin/login");
    assert!(!at_console(world, browser).await);
    let set = browser
        .jar
        .keys()
        .find(|(_, name)| name == "vestibule.console");
    assert!(set.is_none());
}

#[tokio::test]
async fn an_operator_logs_in_through_a_provider() {
    let world = world().await;
    Op::first(&world).await;
    let mut browser = Browser::new();
    let login = format!("{}/admin/login?next=/admin/audit", world.origin);
    let page = readable(browser.get(&login).await);
    assert!(page.shows("Continue with Mock Accounts"), "{}", page.body);
    assert!(page.shows("provider=mock-idp&amp;next=%2Fadmin%2Faudit"));
    let start = format!("{}&next=/admin/audit", start(&world));
    let page = browser.log_in(&start, ADA.0, ADA.1).await;
    // The page leads on itself: a strict cookie comes along only then.
    assert!(
        readable(page.clone()).shows("0; url=/admin/audit"),
        "{}",
        page.body
    );
    let mut op = Op::with(&world, browser).await;
    let log = op.get("/admin/audit.jsonl").await.body;
    assert!(log.contains("\"provider\":\"mock-idp\""), "{log}");
    // It is the console's session and no shopper's.
    let session = op.browser.session(&world, "platform").await;
    assert_eq!(session["authenticated"], false);
}

#[tokio::test]
async fn a_provider_does_not_pass_the_second_factor_by() {
    let world = world().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let mut browser = Browser::new();
    let start = format!("{}&next=/admin/audit", start(&world));
    let page = readable(browser.log_in(&start, ADA.0, ADA.1).await);
    assert!(page.shows("One more step"), "{}", page.body);
    assert!(page.shows("name=\"next\" value=\"/admin/audit\""));
    assert!(!at_console(&world, &mut browser).await);
    let code = app.code(&world);
    let fields = [("code", code.as_str()), ("next", "/admin/audit")];
    let page = form(&world, &mut browser, "/admin/login/code", &fields).await;
    assert_eq!(page.location().unwrap().path(), "/admin/audit");
    let mut op = Op::with(&world, browser).await;
    assert!(op.get("/admin/profile").await.shows("mock-idp"));
    let log = op.get("/admin/audit.jsonl").await.body;
    assert!(log.contains("\"second_factor\":\"code\""), "{log}");
}

#[tokio::test]
async fn b1_a_provider_that_is_switched_off_between_the_steps_lets_nobody_in() {
    let world = world().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let json = "application/json";
    let account = "/accounts/platform";
    let off = r#"{"providers_off":["mock-idp"]}"#;
    let on = r#"{"providers_off":[]}"#;
    let gone = format!("{account}/providers/mock-idp");
    for (method, path, body) in [
        (Method::PATCH, account, off),
        (Method::DELETE, gone.as_str(), ""),
    ] {
        let mut browser = Browser::new();
        let page = browser.log_in(&start(&world), ADA.0, ADA.1).await;
        assert!(readable(page).shows("One more step"));
        let (status, said) = world.admin(method.clone(), path, json, body).await;
        assert!((200..300).contains(&status), "{status} {said}");
        let code = app.code(&world);
        let page = form(
            &world,
            &mut browser,
            "/admin/login/code",
            &[("code", code.as_str())],
        )
        .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.shows("This took too long") || page.shows("this took too long"));
        assert!(!at_console(&world, &mut browser).await, "{path}");
        // The half login is gone, also when the provider is back.
        let (status, said) = world.admin(Method::PATCH, account, json, on).await;
        assert_eq!(status, 200, "{said}");
        let page = form(
            &world,
            &mut browser,
            "/admin/login/code",
            &[("code", code.as_str())],
        )
        .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn without_the_setting_there_is_no_such_way() {
    let world = World::start().await;
    Op::first(&world).await;
    let mut browser = Browser::new();
    let page = browser.get(format!("{}/admin/login", world.origin)).await;
    assert!(!page.shows("Continue with"));
    for path in [START, "/admin/login/finish?ticket=x"] {
        let page = browser.get(format!("{}{path}", world.origin)).await;
        assert_eq!(page.location().unwrap().path(), "/admin/login");
    }
}

#[tokio::test]
async fn m1_only_an_email_that_the_provider_vouches_for_counts() {
    let world = world().await;
    Op::first(&world).await;
    for trust in ["never", "claim"] {
        let trusted = "email_trust = \"provider\"";
        let wanted = format!("email_trust = \"{trust}\"");
        let mapping = world.mapping().replace(trusted, &wanted);
        assert!(mapping.contains(&wanted));
        world.apply("platform", &mapping).await;
        let mut browser = Browser::new();
        let page = sign_in(&world, &mut browser, ADA).await;
        refused(&world, &mut browser, &page, "does not vouch for your email").await;
    }
}

#[tokio::test]
async fn nobody_becomes_an_operator_and_a_disabled_one_stays_out() {
    let world = world().await;
    let mut op = Op::first(&world).await;
    let mut browser = Browser::new();
    let page = sign_in(&world, &mut browser, GRACE).await;
    refused(&world, &mut browser, &page, "No operator has this email").await;
    assert!(!op.get("/admin/operators").await.shows("grace@example.test"));
    let invite = [("email", "grace@example.test"), ("name", "Grace")];
    op.post("/admin/operators", &invite).await;
    sign_in(&world, &mut browser, GRACE).await;
    assert!(at_console(&world, &mut browser).await);
    let disable = [("email", "grace@example.test"), ("action", "disable")];
    op.done("/admin/operators/change", &disable).await;
    assert!(!at_console(&world, &mut browser).await, "at once");
    let mut browser = Browser::new();
    let page = sign_in(&world, &mut browser, GRACE).await;
    refused(&world, &mut browser, &page, "No operator has this email").await;
}

#[tokio::test]
async fn m7_a_user_who_is_disabled_in_the_account_stays_out() {
    let world = world().await;
    let mut op = Op::first(&world).await;
    sign_in(&world, &mut Browser::new(), ADA).await;
    let user = world.users("platform").await[0].id.to_string();
    let disable = [("user", user.as_str()), ("disabled", "true")];
    op.done("/admin/accounts/platform/users/change", &disable)
        .await;
    let mut browser = Browser::new();
    let page = sign_in(&world, &mut browser, ADA).await;
    refused(&world, &mut browser, &page, "Your user is disabled").await;
}

/// From the start to the address with the ticket, which is not visited.
async fn to_ticket(world: &World, browser: &mut Browser, user: (&str, &str)) -> Url {
    let callback = browser.to_callback(&start(world), user.0, user.1).await;
    let page = browser.get(callback.as_str()).await;
    let finish = page.location().unwrap();
    assert_eq!(finish.path(), "/admin/login/finish");
    finish
}

#[tokio::test]
async fn s02_s14_another_browser_cannot_finish_it_and_a_ticket_counts_once() {
    let world = world().await;
    Op::first(&world).await;
    let mut browser = Browser::new();
    let finish = to_ticket(&world, &mut browser, ADA).await;
    let mut thief = Browser::new();
    let page = thief.get(finish.as_str()).await;
    let page = readable(thief.follow(page).await);
    refused(&world, &mut thief, &page, "began in another browser").await;
    let page = browser.get(finish.as_str()).await;
    let page = readable(browser.follow(page).await);
    refused(&world, &mut browser, &page, "used already").await;
    // The attacker's own login, in the victim's browser.
    let mut victim = Browser::new();
    let callback = thief.to_callback(&start(&world), ADA.0, ADA.1).await;
    let page = victim.get(callback.as_str()).await;
    let page = readable(victim.follow(page).await);
    refused(&world, &mut victim, &page, "began in another browser").await;
}

#[tokio::test]
async fn s03_a_state_counts_once() {
    let world = world().await;
    Op::first(&world).await;
    let mut browser = Browser::new();
    let callback = browser.to_callback(&start(&world), ADA.0, ADA.1).await;
    let first = browser.get(callback.as_str()).await;
    let page = browser.get(callback.as_str()).await;
    let page = readable(browser.follow(page).await);
    refused(&world, &mut browser, &page, "used already").await;
    browser.follow(first).await;
    assert!(at_console(&world, &mut browser).await);
}

#[tokio::test]
async fn the_two_kinds_of_tickets_are_not_each_others() {
    let world = world().await;
    Op::first(&world).await;
    // An operator's at the store.
    let mut browser = Browser::new();
    let finish = to_ticket(&world, &mut browser, ADA).await;
    let ticket = finish.query().unwrap();
    let at_store = world.url("platform", &format!("finish?{ticket}"));
    let page = browser.get(&at_store).await;
    assert!(page.shows("login.ticket_invalid"), "{}", page.body);
    let session = browser.session(&world, "platform").await;
    assert_eq!(session["authenticated"], false);
    // A shopper's at the console.
    let mut browser = Browser::new();
    let shopper = world.url("platform", "login?return_to=/");
    let callback = browser.to_callback(&shopper, ADA.0, ADA.1).await;
    let page = browser.get(callback.as_str()).await;
    let location = page.location().unwrap();
    let ticket = location.query().unwrap();
    let url = format!("{}/admin/login/finish?{ticket}", world.origin);
    let page = browser.get(&url).await;
    let page = readable(browser.follow(page).await);
    refused(&world, &mut browser, &page, "used already").await;
}

#[tokio::test]
async fn where_it_goes_is_never_elsewhere_and_failures_come_back() {
    let world = world().await;
    Op::first(&world).await;
    for next in [
        "//evil.test",
        "https://evil.test/admin/",
        "/admin//evil.test",
    ] {
        let mut browser = Browser::new();
        let start = format!("{}&next={next}", start(&world));
        let page = readable(browser.log_in(&start, ADA.0, ADA.1).await);
        assert!(page.shows("0; url=/admin/\""), "{next}: {}", page.body);
    }
    // Denied at the provider.
    let mut browser = Browser::new();
    let page = browser.get(start(&world)).await;
    let authorize = page.location().unwrap();
    let state = authorize
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    let denied = format!(
        "{}/callback/platform/mock-idp?error=access_denied&state={state}",
        world.origin
    );
    let page = browser.get(&denied).await;
    let page = readable(browser.follow(page).await);
    refused(&world, &mut browser, &page, "The sign-in was cancelled").await;
    let invented = "/admin/login?why=</pre><script>alert(1)</script>&id=<script>";
    let page = browser.get(format!("{}{invented}", world.origin)).await;
    assert!(page.shows("did not work") && !page.shows("<script>a"), "X3");
    let unknown = format!("{}/admin/login/start?provider=nowhere", world.origin);
    let page = browser.get(&unknown).await;
    assert_eq!(page.location().unwrap().path(), "/admin/login");
}

#[tokio::test]
async fn m3_a_lookalike_email_is_not_the_operators() {
    let world = world().await;
    let mut op = Op::first(&world).await;
    let invite = [("email", "kim@example.test"), ("name", "Kim")];
    op.post("/admin/operators", &invite).await;
    for (email, good) in [
        ("\u{212a}im@example.test", false),
        ("kim@example.test@evil.test", false),
        ("kim@example.test, ada@example.test", false),
        ("kim@example.test.evil.test", false),
        ("Kim@Example.test", true),
    ] {
        world.idp.configure(|config| {
            config.accounts[0].profile["email"] = email.into();
            config.accounts[0].profile["userId"] = format!("id of {email}").into();
        });
        let mut browser = Browser::new();
        sign_in(&world, &mut browser, ADA).await;
        assert_eq!(at_console(&world, &mut browser).await, good, "{email}");
    }
}

#[tokio::test]
async fn x3_a_providers_name_is_text_on_the_sign_in_page() {
    const NAME: &str = "</a><script>alert(1)</script>\"'";
    let world = world().await;
    let named = serde_json::Value::from(NAME).to_string();
    let mapping = world.mapping().replace("\"Mock Accounts\"", &named);
    world.apply("platform", &mapping).await;
    let mut browser = Browser::new();
    let page = browser.get(format!("{}/admin/login", world.origin)).await;
    assert!(page.shows("&lt;&#x2f;a&gt;&lt;script&gt;") && !page.shows("<script>alert"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
}

#[test]
fn the_setting_is_an_accounts_id() {
    let read = |text: &str| {
        let text = format!("[console]\nlogin_account = \"{text}\"");
        config::from_parts(&text, [], None)
    };
    let good = read("platform").unwrap().console_login_account.unwrap();
    assert_eq!(good.as_str(), "platform");
    let findings = read("No Account").unwrap_err();
    assert_eq!(findings[0].key, "console.login_account");
}

#[tokio::test]
async fn who_administers_only_the_account_cannot_change_its_providers() {
    let world = world().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    for (account, id, allowed) in [
        ("platform", "one", false),
        ("acme", "two", true),
        ("*", "three", true),
    ] {
        let form = [
            ("client_id", id),
            ("name", id),
            ("account", account),
            ("grant.client_credentials", "yes"),
            ("scopes", "admin:read admin:write"),
        ];
        let page = op.post("/admin/new-application", &form).await;
        let secret = crate::applications::secret(&page);
        let token = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", &secret),
            ("scope", "admin:read admin:write"),
        ];
        let url = format!("{}/connect/token", world.origin);
        let answer = op.browser.post(&url, &token).await.json();
        let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let account = if account == "*" { "platform" } else { account };
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/toml"),
        ];
        let base = format!("{}/api/v1/accounts/{account}/providers", world.origin);
        let mut plain = Browser::new();
        let page = plain
            .send(Method::POST, &base, &headers, Some(world.mapping()))
            .await;
        assert_eq!(page.status.is_success(), allowed, "{id}: {}", page.body);
        if !allowed {
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
            for (method, end) in [
                (Method::PUT, "/mock-idp"),
                (Method::DELETE, "/mock-idp"),
                (Method::POST, "/mock-idp/rollback"),
                (Method::PUT, "/mock-idp/shadow"),
            ] {
                let url = format!("{base}{end}");
                let page = plain
                    .send(method, &url, &headers, Some(world.mapping()))
                    .await;
                assert_eq!(page.status, StatusCode::FORBIDDEN, "{end}");
            }
        }
        let page = plain.get_with(&base, &headers).await;
        assert_eq!(page.status, StatusCode::OK, "it may look");
    }
}
