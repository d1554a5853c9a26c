//! A login by a code that comes by mail, and who tries to get in by one that is
//! not theirs.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/mail.rs"]
mod mail_settings;
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use authority::{Client, param, to};
use mock_idp::{MailCatcher, MailFault};
use reqwest::{Method, StatusCode};
use support::form::Form;
use support::{Browser, Page, World};
use vestibule::account;
use vestibule::store::Precondition;

const ADA: &str = "ada@example.test";
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    world: World,
    mail: MailCatcher,
}

impl Scene {
    /// An account with one provider, in which codes are on.
    async fn new() -> Self {
        let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let settings = mail_settings::settings(mail.url());
        let world = World::with(|config| config.mail = Some(settings)).await;
        for id in ["acme", "other"] {
            world.account(id).await;
            world.apply(id, &world.mapping()).await;
            switch(&world, id, true).await;
        }
        Self { world, mail }
    }

    fn start(&self) -> String {
        self.world.url("acme", "login?return_to=/welcome")
    }

    /// Asks for a code; gives what comes of the form.
    async fn ask(&self, browser: &mut Browser, email: &str) -> Page {
        let page = browser.get(self.start()).await;
        Form::of(&page).fill("email", email).post(browser).await
    }

    /// Asks for a code; gives the page on which it is typed, and the code.
    async fn asked(&self, browser: &mut Browser, email: &str) -> (Page, String) {
        let before = self.mail.letters().len();
        let answer = self.ask(browser, email).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let page = browser.follow(answer).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let letters = self.mail.wait_for(before + 1).await;
        let letter = letters.last().unwrap();
        assert_eq!(letter.to, [email.to_ascii_lowercase()]);
        (page, letter.subject.split(' ').next().unwrap().to_owned())
    }

    /// A whole login, which must end in a session.
    async fn log_in(&self, browser: &mut Browser, email: &str) {
        let (page, code) = self.asked(browser, email).await;
        let end = type_in(browser, &page, &code).await;
        let end = browser.follow(end).await;
        assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    }
}

async fn switch(world: &World, id: &str, on: bool) {
    let id = id.parse().unwrap();
    let found = account::get(&*world.store, &id).await.unwrap().unwrap();
    let mut changed = found.value;
    changed.access_key = on;
    account::put(&*world.store, &changed, Precondition::Any)
        .await
        .unwrap();
}

async fn type_in(browser: &mut Browser, page: &Page, code: &str) -> Page {
    Form::of(page).fill("code", code).post(browser).await
}

/// Another code of six digits.
fn other(code: &str, by: u32) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + by) % 1_000_000)
}

#[tokio::test]
async fn a_person_logs_in_by_a_code() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let page = browser.get(scene.start()).await;
    assert!(page.body.contains("provider=mock-idp"), "{}", page.body);
    let (page, code) = scene.asked(&mut browser, "Ada@Example.test").await;
    for part in ["autocomplete=\"one-time-code\"", "inputmode=\"numeric\""] {
        assert!(page.body.contains(part), "{}", page.body);
    }
    assert!(!page.url.as_str().contains(&code) && !page.body.contains(&code));
    // As people copy it.
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    let end = type_in(&mut browser, &page, &spaced).await;
    assert_eq!(end.status, 303, "{}", end.body);
    let end = browser.follow(end).await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);

    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["provider"], "access_key", "{session}");
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["user"]["email_verified"], true);
    assert!(session["user"]["provider_user_id"].is_null());
    let check = browser.get(scene.world.url("acme", "check")).await;
    assert_eq!(check.header("x-auth-provider"), "access_key");
    assert_eq!(check.header("x-auth-email-verified"), "true");

    scene.log_in(&mut Browser::new(), ADA).await;
    let users = scene.world.users("acme").await;
    assert_eq!(users.len(), 1);
    assert!(users[0].links.is_empty() && users[0].email_trusted);
}

#[tokio::test]
async fn a_user_of_a_provider_is_the_same_user_by_code() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let start = scene
        .world
        .url("acme", "login?provider=mock-idp&return_to=/welcome");
    browser.log_in(&start, "ada", "lovelace").await;
    let through = browser.session(&scene.world, "acme").await;
    let email = through["user"]["email"].as_str().unwrap();
    let mut other = Browser::new();
    scene.log_in(&mut other, email).await;
    let by_code = other.session(&scene.world, "acme").await;
    assert_eq!(by_code["user"]["id"], through["user"]["id"]);
    assert_eq!(scene.world.users("acme").await.len(), 1);
}

#[tokio::test]
async fn an_application_gets_its_code_after_a_login_by_code() {
    let scene = Scene::new().await;
    let client = Client::storefront(&scene.world).await;
    let mut browser = Browser::new();
    let begun = browser.get(client.authorize_url(&scene.world, &[])).await;
    let page = browser.follow(begun).await;
    let sent = Form::of(&page).fill("email", ADA).post(&mut browser).await;
    let page = browser.follow(sent).await;
    // Browsers hold redirects to a form's policy, and this one leads to the application.
    let policy = page.header("content-security-policy");
    assert!(!policy.contains("form-action"), "{policy}");
    let letters = scene.mail.wait_for(1).await;
    let code = letters[0].subject.split(' ').next().unwrap();
    let mut answer = type_in(&mut browser, &page, code).await;
    while answer
        .location()
        .is_some_and(|to| to.as_str().starts_with(&scene.world.origin))
    {
        answer = browser.get(answer.location().unwrap().as_str()).await;
    }
    let code = param(&to(&answer), "code").unwrap();
    let tokens = client.exchange(&scene.world, &code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
}

#[tokio::test]
async fn known_and_unknown_people_get_the_same_answers() {
    let scene = Scene::new().await;
    scene.log_in(&mut Browser::new(), ADA).await;
    let mut answers = Vec::new();
    for email in [ADA, "eve@example.test"] {
        let mut browser = Browser::new();
        let (page, code) = scene.asked(&mut browser, email).await;
        let wrong = type_in(&mut browser, &page, &other(&code, 1)).await;
        let login = param(&page.url, "login").unwrap();
        let same = |page: &Page| page.body.replace(email, "EMAIL").replace(&login, "LOGIN");
        answers.push((page.status, same(&page), wrong.status, same(&wrong)));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn guess_three_wrong_codes_end_the_login() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let no_code = type_in(&mut browser, &page, "12 34").await;
    assert!(no_code.body.contains("six digits"), "{}", no_code.body);
    for by in [1, 2] {
        let wrong = type_in(&mut browser, &page, &other(&code, by)).await;
        assert_eq!(wrong.status, 403);
        let left = format!("Tries left: {}", 3 - by);
        assert!(wrong.body.contains(&left), "{}", wrong.body);
    }
    let spent = type_in(&mut browser, &page, &other(&code, 3)).await;
    assert!(spent.shows("login.access_key_spent"), "{}", spent.body);
    let late = type_in(&mut browser, &page, &code).await;
    assert!(late.shows("login.access_key_spent"), "{}", late.body);
    assert!(scene.world.users("acme").await.is_empty());
}

#[tokio::test]
async fn guess_of_a_hundred_at_once_three_are_looked_at() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let guesses = (1..=100).map(|by| {
        let mut twin = Browser::new();
        twin.jar = browser.jar.clone();
        let form = Form::of(&page).fill("code", &other(&code, by));
        async move { form.post(&mut twin).await }
    });
    let answers = futures_util::future::join_all(guesses).await;
    let looked_at = |page: &&Page| page.body.contains("Tries left");
    // The third says that it was the last.
    assert!(answers.iter().filter(looked_at).count() <= 2);
    let end = type_in(&mut browser, &page, &code).await;
    assert_ne!(end.status, 303, "{}", end.body);
}

#[tokio::test]
async fn guess_an_address_is_blocked_for_an_hour_at_most_and_nothing_else_is() {
    let scene = Scene::new().await;
    let mut stranger = Browser::new();
    let mut last = None;
    for _ in 0..2 {
        let (page, code) = scene.asked(&mut stranger, "nobody@example.test").await;
        for by in 1..=3 {
            last = Some(type_in(&mut stranger, &page, &other(&code, by)).await);
        }
    }
    let blocked = last.unwrap();
    assert_eq!(blocked.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        blocked.shows("login.access_key_blocked"),
        "{}",
        blocked.body
    );
    let sent = scene.mail.letters().len();
    let again = scene.ask(&mut Browser::new(), "Nobody@example.test").await;
    assert!(again.shows("login.access_key_blocked"), "{}", again.body);
    assert_eq!(scene.mail.letters().len(), sent);
    // Another address, and another way.
    scene.log_in(&mut Browser::new(), ADA).await;
    let start = scene
        .world
        .url("acme", "login?provider=mock-idp&return_to=/welcome");
    let end = Browser::new().log_in(&start, "ada", "lovelace").await;
    assert_eq!(end.url.path(), "/welcome");
    scene.world.clock.advance(HOUR);
    scene
        .log_in(&mut Browser::new(), "nobody@example.test")
        .await;
}

#[tokio::test]
async fn an_operator_lifts_a_block() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    for _ in 0..2 {
        let (page, code) = scene.asked(&mut browser, ADA).await;
        for by in 1..=3 {
            type_in(&mut browser, &page, &other(&code, by)).await;
        }
    }
    let refused = scene.ask(&mut browser, ADA).await;
    assert!(
        refused.shows("login.access_key_blocked"),
        "{}",
        refused.body
    );
    let admin = |method, path| scene.world.admin(method, path, "application/json", "");
    let (status, listed) = admin(Method::GET, "/accounts/acme/blocked").await;
    assert_eq!(status, 200);
    assert!(listed.contains(ADA), "{listed}");
    let address = "/accounts/acme/blocked/Ada@example.test";
    assert_eq!(admin(Method::DELETE, address).await.0, 204);
    assert_eq!(admin(Method::DELETE, address).await.0, 404);
    scene.log_in(&mut browser, ADA).await;
}

#[tokio::test]
async fn guess_a_code_that_waits_does_not_count_while_its_address_is_blocked() {
    let scene = Scene::new().await;
    let mut owner = Browser::new();
    let (mine, right) = scene.asked(&mut owner, ADA).await;
    let mut stranger = Browser::new();
    for _ in 0..2 {
        let (page, code) = scene.asked(&mut stranger, ADA).await;
        for by in 1..=3 {
            type_in(&mut stranger, &page, &other(&code, by)).await;
        }
    }
    let refused = type_in(&mut owner, &mine, &right).await;
    assert!(
        refused.shows("login.access_key_blocked"),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn replay_a_code_counts_once() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let posts = (0..10).map(|_| {
        let mut twin = Browser::new();
        twin.jar = browser.jar.clone();
        let form = Form::of(&page).fill("code", &code);
        async move { form.post(&mut twin).await }
    });
    let answers = futures_util::future::join_all(posts).await;
    let tickets: BTreeSet<_> = answers.iter().filter_map(Page::location).collect();
    assert!(tickets.len() <= 1, "{tickets:?}");
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let first = type_in(&mut browser, &page, &code).await;
    assert_eq!(first.status, 303);
    let again = type_in(&mut browser, &page, &code).await;
    assert!(again.shows("login.state_unknown"), "{}", again.body);
}

#[tokio::test]
async fn a_code_counts_in_its_own_login_browser_and_account_only() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (first, first_code) = scene.asked(&mut browser, ADA).await;
    let (second, second_code) = scene.asked(&mut browser, ADA).await;
    if first_code != second_code {
        let crossed = type_in(&mut browser, &second, &first_code).await;
        assert!(crossed.body.contains("Tries left: 2"), "{}", crossed.body);
    }
    // The login's address alone neither opens it nor uses up its tries.
    let mut thief = Browser::new();
    let page = thief.get(&first.url).await;
    assert!(page.shows("login.wrong_browser"), "{}", page.body);
    scene.ask(&mut thief, "thief@example.test").await;
    for _ in 0..5 {
        let stolen = type_in(&mut thief, &first, &first_code).await;
        assert!(stolen.shows("login.wrong_browser"), "{}", stolen.body);
    }
    let mut form = Form::of(&first).fill("code", &first_code);
    form.action = form.action.join("/accounts/other/access-key").unwrap();
    let elsewhere = form.post(&mut browser).await;
    assert!(elsewhere.shows("login.state_unknown"), "{}", elsewhere.body);
    let end = type_in(&mut browser, &first, &first_code).await;
    assert_eq!(end.status, 303, "{}", end.body);
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    scene.world.clock.advance(Duration::from_secs(600));
    let late = type_in(&mut browser, &page, &code).await;
    assert!(late.shows("login.state_expired"), "{}", late.body);
}

#[tokio::test]
async fn a_code_is_not_in_the_store_as_it_is() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let login = param(&page.url, "login").unwrap();
    for space in vestibule::broker::spaces() {
        for partition in scene.world.store.partitions(space).await.unwrap() {
            let all = vestibule::store::Scan::all(space, partition, 1_000);
            for (_, entry) in scene.world.store.scan(&all).await.unwrap() {
                let text = String::from_utf8_lossy(&entry.value);
                // The mail queue has its message until it is sent.
                assert!(
                    space.name == "mail_queue" || !text.contains(&code),
                    "{}",
                    space.name
                );
                assert!(!text.contains(&login), "{}", space.name);
            }
        }
    }
}

#[tokio::test]
async fn csrf_forms_of_other_origins_are_refused() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let form = Form::of(&page).fill("code", &code);
    let typed = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&form.fields)
        .finish();
    let asked = "email=victim%40example.test&return_to=%2Fwelcome".to_owned();
    let sent = scene.mail.letters().len();
    for (action, body) in [
        (form.action.to_string(), typed.clone()),
        (scene.world.url("acme", "login"), asked),
    ] {
        for foreign in [
            ("origin", "https://evil.test"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let kind = ("content-type", "application/x-www-form-urlencoded");
            let page = browser
                .send(Method::POST, &action, &[kind, foreign], Some(body.clone()))
                .await;
            assert_eq!(page.status, 403, "{foreign:?}");
            assert!(page.shows("login.cross_site"), "{}", page.body);
        }
    }
    assert_eq!(scene.mail.letters().len(), sent);
    let own = ("origin", scene.world.origin.as_str());
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let action = form.action.to_string();
    let page = browser
        .send(Method::POST, &action, &[kind, own], Some(typed))
        .await;
    assert_eq!(page.status, 303, "{}", page.body);
}

#[tokio::test]
async fn injection_an_address_is_one_address() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    for bad in [
        "a@example.test\r\nBcc: b@example.test",
        "a@example.test, b@example.test",
        "a@example.test;b@example.test",
        "Ada <a@example.test>",
        "\"a b\"@example.test",
        "a@example.test>\r\nRCPT TO:<b@example.test",
        "a@exam\u{ff0e}ple.test",
        "ada",
        "",
    ] {
        let page = scene.ask(&mut browser, bad).await;
        assert_eq!(page.status, 400, "{bad:?} {}", page.body);
        assert!(page.body.contains("not an email address"), "{}", page.body);
    }
    scene.asked(&mut browser, ADA).await;
    assert_eq!(scene.mail.letters().len(), 1);
}

/// Threat H1: what a request says of hosts is in no message.
#[tokio::test]
async fn h01_no_header_puts_an_address_into_a_message() {
    let scene = Scene::new().await;
    let login = scene.world.url("acme", "login");
    let mut letters = 0;
    for (name, value) in [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "host=evil.test;proto=https"),
        ("x-forwarded-server", "evil.test"),
        ("x-original-url", "https://evil.test/"),
        ("referer", "https://evil.test/"),
    ] {
        let headers = [
            (name, value),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let body = Some(format!("email=ada{letters}%40example.test&return_to=%2F"));
        let page = Browser::new()
            .send(Method::POST, &login, &headers, body)
            .await;
        let to = page.header("location");
        assert!(!to.contains("evil"), "{name} {to}");
        if page.status.is_redirection() {
            letters += 1;
        }
        let got = scene.mail.wait_for(letters).await;
        assert!(
            got.iter().all(|letter| !letter.raw.contains("evil")),
            "{name}"
        );
    }
    assert!(letters >= 3, "{letters}");
}

#[tokio::test]
async fn flood_codes_to_one_address_are_few() {
    let scene = Scene::new().await;
    for _ in 0..5 {
        scene.asked(&mut Browser::new(), ADA).await;
    }
    let refused = scene.ask(&mut Browser::new(), "ADA@example.test").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.shows("login.too_many_codes"), "{}", refused.body);
    scene.asked(&mut Browser::new(), "grace@example.test").await;
    assert_eq!(scene.mail.letters().len(), 6);
    scene.world.clock.advance(HOUR);
    scene.asked(&mut Browser::new(), ADA).await;
}

#[tokio::test]
async fn a_mail_server_that_is_down_is_told_and_nothing_is_lost() {
    let scene = Scene::new().await;
    let down = || MailFault::Answer("421 4.3.2 shutting down".to_owned());
    scene.mail.spoil([down(), down(), down(), down()]);
    let mut browser = Browser::new();
    let answer = scene.ask(&mut browser, ADA).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let mail = &scene.world.broker.app().mail;
    while !mail.is_late() {
        tokio::task::yield_now().await;
    }
    let page = browser.get(answer.location().unwrap().as_str()).await;
    assert!(page.body.contains("later than usual"), "{}", page.body);
    while scene.mail.letters().is_empty() {
        scene.world.clock.advance(Duration::from_secs(1));
        mail.turn().await;
    }
    let letter = scene.mail.letters().remove(0);
    let code = letter.subject.split(' ').next().unwrap();
    let end = type_in(&mut browser, &page, code).await;
    assert_eq!(end.status, 303, "{}", end.body);
}

/// A mail server that hangs or refuses is nothing that the page waits for or tells of.
#[tokio::test]
async fn a_mail_server_that_hangs_or_refuses_keeps_nobody_waiting() {
    let scene = Scene::new().await;
    let mut pages = Vec::new();
    for fault in [
        MailFault::Hang,
        MailFault::Answer("550 5.1.1 no such user".to_owned()),
        MailFault::Close,
    ] {
        scene.mail.spoil([fault]);
        let mut browser = Browser::new();
        let email = format!("u{}@example.test", pages.len());
        let asked = scene.ask(&mut browser, &email);
        let asked = tokio::time::timeout(Duration::from_secs(5), asked);
        let answer = asked.await.unwrap();
        assert_eq!(answer.status, 303, "{}", answer.body);
        let page = browser.get(answer.location().unwrap().as_str()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(!page.body.contains("no such user"), "{}", page.body);
        pages.push(page);
        // Another way is as quick as ever.
        let start = format!("{}&provider=mock-idp", scene.start());
        let mut other = Browser::new();
        let other = other.log_in(&start, "ada", "lovelace");
        let other = tokio::time::timeout(Duration::from_secs(5), other);
        let other = other.await.unwrap();
        assert_eq!(other.url.path(), "/welcome");
    }
    let known = |page: &Page| page.body.contains("one-time-code");
    assert!(pages.iter().all(known));
}

#[tokio::test]
async fn switched_off_there_is_no_form_and_no_way_in() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let (page, code) = scene.asked(&mut browser, ADA).await;
    let (other_page, other_code) = scene.asked(&mut browser, ADA).await;
    let ticket = type_in(&mut browser, &other_page, &other_code).await;
    switch(&scene.world, "acme", false).await;
    let finish = browser.get(ticket.location().unwrap().as_str()).await;
    assert!(finish.shows("login.ticket_invalid"), "{}", finish.body);
    let end = type_in(&mut browser, &page, &code).await;
    assert!(end.shows("request.not_found"), "{}", end.body);
    // One provider and nothing else: straight to it.
    let page = browser.get(scene.start()).await;
    assert!(
        page.location()
            .unwrap()
            .as_str()
            .starts_with(&scene.world.idp.origin())
    );
    let url = scene.world.url("acme", "login");
    let posted = browser.post(url, &[("email", ADA)]).await;
    assert_eq!(posted.status, 404, "{}", posted.body);
}

#[tokio::test]
async fn without_a_mail_server_it_cannot_be_switched_on() {
    let world = World::start().await;
    let change =
        |body: &'static str| world.admin(Method::PATCH, "/accounts/acme", "application/json", body);
    let (status, answer) = change(r#"{"access_key": true}"#).await;
    assert_eq!(status, 400, "{answer}");
    assert!(
        answer.contains("account.access_key") && answer.contains("[mail]"),
        "{answer}"
    );
    // Switched on while there was one, its other settings can be changed still.
    switch(&world, "acme", true).await;
    let (status, answer) = change(r#"{"name": "Acme"}"#).await;
    assert_eq!(status, 200, "{answer}");
    let page = Browser::new().get(world.url("acme", "login")).await;
    assert!(page.location().is_some(), "{}", page.body);
}

#[tokio::test]
async fn the_setting_goes_through_the_api() {
    let scene = Scene::new().await;
    for on in [false, true] {
        let body = format!(r#"{{"access_key": {on}}}"#);
        let changed = scene
            .world
            .admin(Method::PATCH, "/accounts/acme", "application/json", &body)
            .await;
        assert_eq!(changed.0, 200, "{}", changed.1);
        let page = Browser::new().get(scene.start()).await;
        assert_eq!(page.body.contains("name=\"email\""), on, "{}", page.body);
    }
}

#[tokio::test]
async fn f1_who_waited_with_somebody_elses_address_is_out() {
    let scene = Scene::new().await;
    let untrusted = scene
        .world
        .mapping()
        .replace("email_trust = \"provider\"", "email_trust = \"never\"");
    scene.world.apply("acme", &untrusted).await;
    let start = scene
        .world
        .url("acme", "login?provider=mock-idp&return_to=/welcome");
    let mut waiting = Browser::new();
    waiting.log_in(&start, "ada", "lovelace").await;
    let session = waiting.session(&scene.world, "acme").await;
    let email = session["user"]["email"].as_str().unwrap();
    let mut owner = Browser::new();
    scene.log_in(&mut owner, email).await;
    let out = waiting.session(&scene.world, "acme").await;
    assert_eq!(out["authenticated"], false, "{out}");
    let mine = owner.session(&scene.world, "acme").await;
    assert_eq!(mine["user"]["id"], session["user"]["id"]);
    let again = Browser::new().log_in(&start, "ada", "lovelace").await;
    assert!(again.shows("login.email_not_trusted"), "{}", again.body);
}
