//! The second factor of operators: who has the password alone is not in.

use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::{Method, StatusCode};
use vestibule::base::Clock;
use vestibule::config::{self, SecondFactor};

use crate::roles::operator;
use crate::support::{Browser, Page, World};
use crate::{Op, PASSWORD, form, readable};

const ADA: &str = "ada@example.test";
const HERE: &str = "/admin/profile/second-factor";

/// An app for codes, made from RFC 6238 by itself.
#[derive(Clone)]
pub struct App(Vec<u8>);

impl App {
    fn of(key: &str) -> Self {
        let mut bits = String::new();
        for digit in key.bytes() {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                _ => digit - b'2' + 26,
            };
            bits += &format!("{value:05b}");
        }
        let byte = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
        Self(bits.as_bytes().chunks_exact(8).map(byte).collect())
    }

    fn at(&self, second: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &(second / 30).to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let word = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", word % 1_000_000)
    }

    pub fn code(&self, world: &World) -> String {
        self.at(world.clock.now().as_secs())
    }
}

fn value(page: &Page, id: &str) -> String {
    let input = page.body.split(&format!("id=\"{id}\"")).nth(1).unwrap();
    let value = input.split("value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

fn recovery(page: &Page) -> Vec<String> {
    let list = page.body.split("class=\"codes\"").nth(1).unwrap();
    let list = list.split("</ul>").next().unwrap();
    let codes = list.split("<code>").skip(1);
    codes
        .map(|code| code.split('<').next().unwrap().to_owned())
        .collect()
}

/// Sets a second factor up, and lets the code of then become old.
pub async fn set_up(op: &mut Op<'_>) -> (App, Vec<String>) {
    let page = op
        .post(&format!("{HERE}/begin"), &[("password", PASSWORD)])
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let app = App::of(&value(&page, "key"));
    let setup = page.body.split("name=\"setup\" value=\"").nth(1).unwrap();
    let setup = setup.split('"').next().unwrap().to_owned();
    let code = app.code(op.world);
    let fields = [("setup", setup.as_str()), ("code", code.as_str())];
    let page = op.post(&format!("{HERE}/confirm"), &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let codes = recovery(&page);
    assert_eq!(codes.len(), 10);
    op.world.clock.advance(Duration::from_secs(60));
    (app, codes)
}

async fn password(world: &World, browser: &mut Browser, next: &str) -> Page {
    let fields = [("email", ADA), ("password", PASSWORD), ("next", next)];
    form(world, browser, "/admin/login", &fields).await
}

async fn code(world: &World, browser: &mut Browser, code: &str) -> Page {
    let fields = [("code", code), ("next", "/admin/audit")];
    form(world, browser, "/admin/login/code", &fields).await
}

async fn is_in(world: &World, browser: &mut Browser) -> bool {
    let page = browser.get(format!("{}/admin/", world.origin)).await;
    page.status == StatusCode::OK
}

#[tokio::test]
async fn a_login_asks_for_a_code_and_takes_each_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let mut other = Browser::new();
    password(&world, &mut other, "").await;
    assert!(is_in(&world, &mut other).await);
    let page = op
        .post(
            &format!("{HERE}/begin"),
            &[("password", "wrong wrong wrong")],
        )
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("This is not your password") && !page.shows("otpauth"));
    let page = op
        .post(&format!("{HERE}/begin"), &[("password", PASSWORD)])
        .await;
    let key = value(&page, "key");
    assert!(
        page.shows("<svg") && page.shows("otpauth:"),
        "{}",
        page.body
    );
    assert!(
        page.body.contains(&format!("secret={key}")),
        "{}",
        page.body
    );
    let setup = page.body.split("name=\"setup\" value=\"").nth(1).unwrap();
    let setup = setup.split('"').next().unwrap().to_owned();
    let wrong = [("setup", setup.as_str()), ("code", "000000")];
    let page = op.post(&format!("{HERE}/confirm"), &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(value(&page, "key"), key, "the same key is shown again");
    assert!(!op.get(HERE).await.shows("It is on"));
    let app = App::of(&key);
    let shown = app.code(&world);
    let right = [("setup", setup.as_str()), ("code", shown.as_str())];
    let page = op.post(&format!("{HERE}/confirm"), &right).await;
    assert_eq!(recovery(&page).len(), 10, "{}", page.body);
    assert!(
        op.get("/admin/profile")
            .await
            .shows("10 recovery codes are left")
    );
    assert!(!is_in(&world, &mut other).await, "other sessions ended");
    let page = op.post(&format!("{HERE}/confirm"), &right).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "once");

    let mut browser = Browser::new();
    let page = readable(password(&world, &mut browser, "/admin/audit").await);
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.shows("One more step") && page.shows("autocomplete=\"one-time-code\""));
    assert!(
        page.shows("name=\"next\" value=\"/admin/audit\""),
        "{}",
        page.body
    );
    assert!(
        !is_in(&world, &mut browser).await,
        "the password is half of it"
    );
    let page = code(&world, &mut browser, &shown).await;
    assert_eq!(
        page.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "used at the set-up"
    );
    let page = code(&world, &mut browser, "000000").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.clock.advance(Duration::from_secs(60));
    // As apps show it, and from a clock that is a step late.
    let late = app.at(world.clock.now().as_secs() - 30);
    let spaced = format!("{} {}", &late[..3], &late[3..]);
    let page = code(&world, &mut browser, &spaced).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    assert_eq!(page.location().unwrap().path(), "/admin/audit");
    assert!(is_in(&world, &mut browser).await);
    // Sent twice, and once more elsewhere.
    let again = code(&world, &mut browser, &late).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let mut replayed = Browser::new();
    password(&world, &mut replayed, "").await;
    let page = code(&world, &mut replayed, &late).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!is_in(&world, &mut replayed).await);
    let log = op.get("/admin/audit.jsonl").await.body;
    assert!(log.contains("second_factor.set"), "{log}");
    assert!(log.contains("\"second_factor\":\"code\""), "{log}");
    let api = world
        .admin(Method::GET, &format!("/operators/{ADA}"), "", "")
        .await;
    assert!(api.1.contains("\"second_factor\":true"), "{}", api.1);
    assert!(!api.1.contains(&key) && !log.contains(&key));
}

#[tokio::test]
async fn k9_one_code_lets_one_of_many_in() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let mut browsers = Vec::new();
    for _ in 0..4 {
        let mut browser = Browser::new();
        password(&world, &mut browser, "").await;
        browsers.push(browser);
    }
    let shown = app.code(&world);
    let [one, two, three, four] = &mut browsers[..] else {
        unreachable!()
    };
    let pages = tokio::join!(
        code(&world, one, &shown),
        code(&world, two, &shown),
        code(&world, three, &shown),
        code(&world, four, &shown),
    );
    let pages = [pages.0, pages.1, pages.2, pages.3];
    let sum = |status| pages.iter().filter(|page| page.status == status).count();
    assert_eq!(sum(StatusCode::SEE_OTHER), 1);
    assert_eq!(sum(StatusCode::UNPROCESSABLE_ENTITY), 3);
}

#[tokio::test]
async fn a_recovery_code_counts_once_and_the_factor_is_switched_off_with_a_code() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (app, codes) = set_up(&mut op).await;
    let mut browser = Browser::new();
    password(&world, &mut browser, "").await;
    let page = code(&world, &mut browser, &codes[0].to_uppercase()).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let mut browser = Browser::new();
    password(&world, &mut browser, "").await;
    let page = code(&world, &mut browser, &codes[0]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(op.get(HERE).await.shows("9 recovery codes are left"));
    let shown = app.code(&world);
    let path = format!("{HERE}/change");
    for (password, code, why) in [
        ("wrong wrong wrong", shown.as_str(), "not your password"),
        (PASSWORD, "000000", "This code is wrong"),
        (PASSWORD, "", "This code is wrong"),
    ] {
        let fields = [("password", password), ("code", code), ("action", "remove")];
        let page = op.post(&path, &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.shows(why), "{}", page.body);
    }
    let fields = [
        ("password", PASSWORD),
        ("code", &shown),
        ("action", "codes"),
    ];
    let page = op.post(&path, &fields).await;
    let fresh = recovery(&page);
    assert!(fresh.len() == 10 && fresh[1] != codes[1]);
    let page = code(&world, &mut browser, &codes[1]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "replaced");
    let fields = [
        ("password", PASSWORD),
        ("code", &fresh[1]),
        ("action", "remove"),
    ];
    let page = op.done(&path, &fields).await;
    assert!(page.shows("The second factor is off"), "{}", page.body);
    let page = password(&world, &mut Browser::new(), "").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let log = op.get("/admin/audit.jsonl").await.body;
    for what in [
        "second_factor.remove",
        "second_factor.renew_codes",
        "recovery code",
    ] {
        assert!(log.contains(what), "{what}: {log}");
    }
}

#[tokio::test]
async fn s14_a_half_login_is_its_browsers_for_five_minutes_and_opens_nothing() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let mut browser = Browser::new();
    // Without a first step there is no second.
    let page = code(&world, &mut browser, &app.code(&world)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let url = format!("{}/admin/login/code", world.origin);
    assert_eq!(
        browser.get(&url).await.location().unwrap().path(),
        "/admin/login"
    );
    password(&world, &mut browser, "").await;
    assert!(browser.get(&url).await.shows("One more step"));
    // Its cookie is no session's, and a page that a program waits at stays shut.
    let (host, half) = {
        let found = browser.jar.iter();
        let mut half = found.filter(|((_, name), _)| name == "vestibule.console_half");
        let ((host, _), value) = half.next().unwrap();
        (host.clone(), value.clone())
    };
    let mut thief = Browser::new();
    let name = "vestibule.console".to_owned();
    thief.jar.insert((host, name), half);
    assert!(!is_in(&world, &mut thief).await);
    let device = format!("{}/admin/device?user_code=x", world.origin);
    assert_eq!(browser.get(&device).await.status, StatusCode::SEE_OTHER);
    let page = form(
        &world,
        &mut browser,
        "/admin/device",
        &[("decision", "allow")],
    )
    .await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let mut elsewhere = Browser::new();
    let page = code(&world, &mut elsewhere, &app.code(&world)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    world.clock.advance(Duration::from_secs(301));
    let page = code(&world, &mut browser, &app.code(&world)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("This took too long"), "{}", page.body);
    // Another password ends it.
    password(&world, &mut browser, "").await;
    let new = [("current", PASSWORD), ("new", "another long password")];
    op.done("/admin/profile/password", &new).await;
    let page = code(&world, &mut browser, &app.code(&world)).await;
    assert!(page.shows("This took too long"), "{}", page.body);
    assert!(!is_in(&world, &mut browser).await);
}

#[tokio::test]
async fn k10_wrong_codes_pause_whoever_guesses_them_and_nobody_without_the_password_guesses() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let mut guesser = Browser::new();
    password(&world, &mut guesser, "").await;
    let mut last = StatusCode::OK;
    for _ in 0..6 {
        // A right password between makes none of them forgotten.
        password(&world, &mut guesser, "").await;
        last = code(&world, &mut guesser, "000000").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let page = code(&world, &mut guesser, &app.code(&world)).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "not looked at");
    // The operator's own browser is another place.
    password(&world, &mut op.browser, "").await;
    let page = code(&world, &mut op.browser, &app.code(&world)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    // Who lacks the password gets no page to guess at, and pauses no code.
    world.clock.advance(Duration::from_secs(3600));
    let mut stranger = Browser::new();
    for _ in 0..30 {
        let page = code(&world, &mut stranger, "000000").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut fresh = Browser::new();
    password(&world, &mut fresh, "").await;
    let page = code(&world, &mut fresh, &app.code(&world)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
}

#[tokio::test]
async fn s12_a_link_for_a_password_does_not_pass_the_code_by() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let path = format!("/operators/{ADA}/invite");
    let made = world.admin(Method::POST, &path, "", "").await;
    let ticket = made.1.split("ticket=").nth(1).unwrap();
    let ticket = ticket.split('"').next().unwrap();
    let mut browser = Browser::new();
    let fields = [("ticket", ticket), ("password", "another long password")];
    let page = form(&world, &mut browser, "/admin/welcome", &fields).await;
    assert!(page.shows("One more step"), "{}", page.body);
    assert!(!is_in(&world, &mut browser).await);
    code(&world, &mut browser, &app.code(&world)).await;
    assert!(is_in(&world, &mut browser).await);
}

#[tokio::test]
async fn a_form_that_waits_goes_on_after_the_code() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (app, _) = set_up(&mut op).await;
    let mut browser = Browser::new();
    let typed = [
        ("email", ADA),
        ("password", PASSWORD),
        ("resume", "/admin/profile"),
        ("typed", "name=Countess"),
    ];
    let page = readable(form(&world, &mut browser, "/admin/login", &typed).await);
    assert!(
        page.shows("name=\"resume\" value=\"/admin/profile\""),
        "{}",
        page.body
    );
    let shown = app.code(&world);
    let typed = [
        ("code", shown.as_str()),
        ("resume", "/admin/profile"),
        ("typed", "name=Countess"),
    ];
    let page = form(&world, &mut browser, "/admin/login/code", &typed).await;
    assert!(
        page.shows("What you typed") && page.shows("Countess"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn an_owner_removes_what_another_lost_and_nobody_their_own_that_way() {
    let world = World::start().await;
    let mut owner = Op::first(&world).await;
    let mut grace = operator(&world, "grace@example.test", "administrator", &[]).await;
    set_up(&mut grace).await;
    let mut auditor = operator(&world, "audit@example.test", "auditor", &[]).await;
    let fields = [("email", "grace@example.test"), ("action", "second-factor")];
    let page = auditor.post("/admin/operators/change", &fields).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(owner.get("/admin/operators").await.shows("Second factor"));
    owner.done("/admin/operators/change", &fields).await;
    assert_eq!(grace.get("/admin/").await.status, StatusCode::SEE_OTHER);
    let again = [("email", "grace@example.test"), ("password", PASSWORD)];
    let page = form(&world, &mut grace.browser, "/admin/login", &again).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "the password alone");
    set_up(&mut owner).await;
    let own = [
        ("email", ADA),
        ("action", "second-factor"),
        ("confirmed", "yes"),
    ];
    let page = owner.post("/admin/operators/change", &own).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    // Whoever owns the data directory may.
    let path = format!("/operators/{ADA}/second-factor");
    let done = world.admin(Method::DELETE, &path, "", "").await;
    assert_eq!(done.0, 204, "{}", done.1);
    let done = world.admin(Method::DELETE, &path, "", "").await;
    assert_eq!(done.0, 404, "{}", done.1);
}

/// A broker that wants a second factor of each operator.
pub async fn world_that_requires_it() -> World {
    let world = World::with(|config| config.console_second_factor = SecondFactor::Required).await;
    world.account("acme").await;
    world
}

/// The browser of the first operator, who has none yet.
async fn first(world: &World) -> Browser {
    let ticket = crate::ticket(world).await;
    let mut browser = Browser::new();
    let fields = [
        ("ticket", ticket.as_str()),
        ("name", "Ada"),
        ("email", ADA),
        ("password", PASSWORD),
    ];
    form(world, &mut browser, "/admin/welcome", &fields).await;
    browser
}

/// The first operator there, who has one.
pub async fn with_factor(world: &World) -> Op<'_> {
    let mut browser = first(world).await;
    let page = browser.get(format!("{}{HERE}", world.origin)).await;
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap().to_owned();
    let mut op = Op {
        world,
        browser,
        csrf,
    };
    set_up(&mut op).await;
    op
}

#[tokio::test]
async fn where_it_is_required_who_has_none_can_set_it_up_and_nothing_else() {
    let world = world_that_requires_it().await;
    let mut browser = first(&world).await;
    for path in [
        "/admin/",
        "/admin/operators",
        "/admin/profile",
        "/admin/device?user_code=x",
        "/admin/accounts/acme",
        "/admin/nowhere",
    ] {
        let page = browser.get(format!("{}{path}", world.origin)).await;
        assert_eq!(page.location().unwrap().path(), HERE, "{path}");
    }
    let page = browser
        .get(format!("{}{HERE}?next=/admin/audit", world.origin))
        .await;
    assert!(
        page.shows("wants a second factor of each operator"),
        "{}",
        page.body
    );
    // What leads nowhere is not offered.
    assert!(!page.shows("href=\"/admin/keys\"") && !page.shows("href=\"/admin/profile\""));
    let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap();
    let csrf = csrf.split('"').next().unwrap().to_owned();
    let mut op = Op {
        world: &world,
        browser,
        csrf,
    };
    for path in crate::attacks::FORMS {
        if *path != "/admin/logout" && !path.starts_with(HERE) {
            let page = op.post(path, &[("id", "fresh")]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
            assert!(page.shows("second factor"), "{path}");
        }
    }
    let (app, codes) = set_up(&mut op).await;
    let page = op.get("/admin/").await;
    assert!(page.status == StatusCode::OK && page.shows("href=\"/admin/keys\""));
    // Switched off, it is wanted again.
    let fields = [
        ("password", PASSWORD),
        ("code", &codes[0]),
        ("action", "remove"),
    ];
    op.post(&format!("{HERE}/change"), &fields).await;
    assert_eq!(op.get("/admin/").await.status, StatusCode::SEE_OTHER);
    assert!(!app.code(&world).is_empty());
    for (text, good) in [("optional", true), ("required", true), ("off", false)] {
        let text = format!("[console]\nsecond_factor = \"{text}\"");
        assert_eq!(config::from_parts(&text, [], None).is_ok(), good, "{text}");
    }
}
