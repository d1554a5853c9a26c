//! A login with a password: chosen with a code, changed, expired, moved in from
//! elsewhere, and guessed at.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/mail.rs"]
mod mail_settings;
mod support;

use std::time::Duration;

use authority::{Client, service};
use mock_idp::MailCatcher;
use reqwest::Method;
use serde_json::{Value, json};
use support::form::Form;
use support::{Browser, Page, World};
use vestibule::account;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::store::Precondition;

const ADA: &str = "ada@example.test";
const FIRST: &str = "Analytical1";
const SECOND: &str = "Difference2";
/// `password`, hashed elsewhere.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm";

struct Scene {
    world: World,
    mail: MailCatcher,
    client: Client,
}

impl Scene {
    async fn new() -> Self {
        let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
        let mail = mail.await.unwrap();
        let settings = mail_settings::settings(mail.url());
        let world = World::with(|config| config.mail = Some(settings)).await;
        let mut acme = world.account("acme").await;
        world.apply("acme", &world.mapping()).await;
        acme.login.password = true;
        account::put(&*world.store, &acme, Precondition::Any)
            .await
            .unwrap();
        let new = NewApplication {
            scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
            ..service("acme")
        };
        let client = Client::create(&world, new).await;
        Self {
            world,
            mail,
            client,
        }
    }

    async fn api(&self, method: Method, path: &str, body: Value) -> Page {
        // The clock moves on, and tokens end.
        let form = [("grant_type", "client_credentials")];
        let answer = self.client.token(&self.world, &form).await.json();
        let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}/api/v1/accounts/acme{path}", self.world.origin);
        let body = (!body.is_null()).then(|| body.to_string());
        Browser::new().send(method, &url, &headers, body).await
    }

    async fn rules(&self, change: Value) {
        let page = self.api(Method::PATCH, "", change).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    /// Asks for a code to choose a password with; gives its page and the code.
    async fn forgot(&self, browser: &mut Browser, email: &str) -> (Page, String) {
        let before = self.codes().len();
        let start = self.world.url("acme", "login?return_to=/welcome");
        let page = browser.get(start).await;
        let mut form = Form::of(&page).fill("email", email);
        form.fields
            .push(("way".to_owned(), "new_password".to_owned()));
        let sent = form.post(browser).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let page = browser.follow(sent).await;
        while self.codes().len() == before {
            tokio::task::yield_now().await;
        }
        (page, self.codes().pop().unwrap())
    }

    fn codes(&self) -> Vec<String> {
        let letters = self.mail.letters().into_iter();
        let codes = letters.filter_map(|letter| {
            let code = letter.subject.split(' ').next()?.to_owned();
            (code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())).then_some(code)
        });
        codes.collect()
    }

    async fn choose(&self, browser: &mut Browser, password: &str) -> Page {
        let (page, code) = self.forgot(browser, ADA).await;
        let form = Form::of(&page).fill("code", &code);
        form.fill("new_password", password).post(browser).await
    }

    /// A password is chosen, and the browser logged in by it.
    async fn chosen(&self, browser: &mut Browser, password: &str) {
        let done = self.choose(browser, password).await;
        let end = browser.follow(done).await;
        assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    }

    async fn sign_in(&self, browser: &mut Browser, email: &str, password: &str) -> Page {
        let start = self.world.url("acme", "login?return_to=/welcome");
        let page = browser.get(start).await;
        let form = Form::of(&page).fill("email", email);
        form.fill("password", password).post(browser).await
    }

    async fn enters(&self, browser: &mut Browser, email: &str, password: &str) {
        let done = self.sign_in(browser, email, password).await;
        assert_eq!(done.status, 303, "{}", done.body);
        let end = browser.follow(done).await;
        assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    }

    async fn is_in(&self, browser: &mut Browser) -> bool {
        browser.session(&self.world, "acme").await["authenticated"] == true
    }
}

#[tokio::test]
async fn a_password_is_chosen_with_a_code_and_logs_in() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let page = browser.get(scene.world.url("acme", "login")).await;
    for part in ["autocomplete=\"current-password\"", "provider=mock-idp"] {
        assert!(page.body.contains(part), "{}", page.body);
    }
    let (page, code) = scene.forgot(&mut browser, ADA).await;
    for part in [
        "autocomplete=\"new-password\"",
        "autocomplete=\"one-time-code\"",
    ] {
        assert!(page.body.contains(part), "{}", page.body);
    }
    // What is too weak uses up no try and no code.
    for weak in ["short", "nodigits and no case", "12345678", ""] {
        let form = Form::of(&page).fill("code", &code);
        let again = form.fill("new_password", weak).post(&mut browser).await;
        assert_eq!(again.status, 400, "{weak} {}", again.body);
        assert!(weak.is_empty() || !again.body.contains(weak));
        // Nor need the code be typed again.
        assert!(
            again.body.contains(&format!("value=\"{code}\"")),
            "{}",
            again.body
        );
    }
    let form = Form::of(&page).fill("code", &code);
    let done = form.fill("new_password", FIRST).post(&mut browser).await;
    let end = browser.follow(done).await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["provider"], "password", "{session}");
    assert_eq!(session["user"]["email_verified"], true);

    let mut other = Browser::new();
    scene.enters(&mut other, "Ada@Example.test", FIRST).await;
    let again = other.session(&scene.world, "acme").await;
    assert_eq!(again["user"]["id"], session["user"]["id"]);
    let told = scene.mail.wait_for(2).await;
    assert!(told[1].subject.contains("password"), "{}", told[1].subject);
    assert!(!told[1].text.contains(FIRST));
}

#[tokio::test]
async fn another_password_ends_all_other_sessions() {
    let scene = Scene::new().await;
    let (mut one, mut two) = (Browser::new(), Browser::new());
    scene.chosen(&mut one, FIRST).await;
    scene.enters(&mut two, ADA, FIRST).await;
    // Forgotten, and chosen anew in a third browser.
    let mut three = Browser::new();
    scene.chosen(&mut three, SECOND).await;
    assert!(!scene.is_in(&mut one).await && !scene.is_in(&mut two).await);
    assert!(scene.is_in(&mut three).await);
    let wrong = scene.sign_in(&mut Browser::new(), ADA, FIRST).await;
    assert!(
        wrong.status == 403 && wrong.body.contains("password-error"),
        "{}",
        wrong.body
    );

    // Changed by who knows it.
    scene.enters(&mut two, ADA, SECOND).await;
    let page = three
        .get(scene.world.url("acme", "password?return_to=/welcome"))
        .await;
    assert!(page.body.contains(ADA), "{}", page.body);
    let form = Form::of(&page).fill("password", FIRST);
    let wrong = form
        .fill("new_password", "Something3")
        .post(&mut three)
        .await;
    assert_eq!(wrong.status, 403, "{}", wrong.body);
    let form = Form::of(&page).fill("password", SECOND);
    let done = form
        .fill("new_password", "Something3")
        .post(&mut three)
        .await;
    let end = three.follow(done).await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    assert!(scene.is_in(&mut three).await && !scene.is_in(&mut two).await);
    // Another site's page changes nothing.
    let url = scene.world.url("acme", "password");
    let headers = [
        ("origin", "https://evil.test"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = "password=Something3&new_password=Stolen123".to_owned();
    let cross = three.send(Method::POST, &url, &headers, Some(body)).await;
    assert!(cross.status.is_client_error(), "{}", cross.body);
    scene.enters(&mut two, ADA, "Something3").await;
}

#[tokio::test]
async fn rules_of_an_account_hold() {
    let scene = Scene::new().await;
    scene
        .rules(json!({ "password_former": 2, "password_expires_days": 30 }))
        .await;
    let mut browser = Browser::new();
    scene.chosen(&mut browser, FIRST).await;
    scene.chosen(&mut browser, SECOND).await;
    let again = scene.choose(&mut browser, FIRST).await;
    assert_eq!(again.status, 400, "{}", again.body);
    scene.chosen(&mut browser, "Something3").await;
    scene.chosen(&mut browser, FIRST).await;

    scene.enters(&mut browser, ADA, FIRST).await;
    scene
        .world
        .clock
        .advance(Duration::from_secs(30 * 24 * 3600));
    let old = scene.sign_in(&mut browser, ADA, FIRST).await;
    assert!(
        old.status == 403 && old.body.contains("expired"),
        "{}",
        old.body
    );
    // Who does not know it is not told.
    let wrong = scene.sign_in(&mut browser, ADA, SECOND).await;
    assert!(!wrong.body.contains("expired"), "{}", wrong.body);
    scene.chosen(&mut browser, SECOND).await;
    let path = format!("/users/{ADA}/password/expire");
    let page = scene.api(Method::POST, &path, Value::Null).await;
    assert_eq!(page.status, 204, "{}", page.body);
    let old = scene.sign_in(&mut browser, ADA, SECOND).await;
    assert!(old.body.contains("expired"), "{}", old.body);

    scene.rules(json!({ "password_rule": "length" })).await;
    for common in ["password1234", "Qwertyuiop1", "ada@example.test", "short"] {
        let page = scene.choose(&mut browser, common).await;
        assert_eq!(page.status, 400, "{common}");
        scene.world.clock.advance(Duration::from_secs(3600));
    }
    scene.chosen(&mut browser, "four seas two rivers").await;
    for wrong in [
        json!({ "password_rule": "none" }),
        json!({ "password_former": 25 }),
        json!({ "password_expires_days": 4000 }),
    ] {
        let page = scene.api(Method::PATCH, "", wrong).await;
        assert!(
            page.status == 400 && page.shows("account.password"),
            "{}",
            page.body
        );
    }
}

#[tokio::test]
async fn people_move_in_with_their_passwords() {
    let scene = Scene::new().await;
    let body = json!({ "users": [
        { "email": "Grace@example.test", "name": "Grace", "password_hash": BCRYPT },
        { "email": "alan@example.test" },
        { "email": "nobody" },
        { "email": "eve@example.test", "password_hash": "md5$x$00" },
    ] });
    let moved = scene.api(Method::POST, "/users/import", body.clone()).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let moved = moved.json();
    assert_eq!(
        (&moved["created"], &moved["invalid"]),
        (&json!(2), &json!(2)),
        "{moved}"
    );
    let again = scene.api(Method::POST, "/users/import", body).await.json();
    assert_eq!(
        (&again["created"], &again["exists"]),
        (&json!(0), &json!(2))
    );

    let grace = "grace@example.test";
    let wrong = scene.sign_in(&mut Browser::new(), grace, "Password").await;
    assert_eq!(wrong.status, 403);
    let mut browser = Browser::new();
    scene.enters(&mut browser, grace, "password").await;
    // It is one of ours from now on.
    let acme = "acme".parse().unwrap();
    let users = scene.world.users("acme").await;
    let grace = users
        .iter()
        .find(|user| user.email.starts_with("Grace"))
        .unwrap();
    let stored = account::credential::get(&*scene.world.store, &acme, grace.id);
    let stored = stored.await.unwrap().unwrap();
    assert!(stored.value.hash.is_current());
    scene
        .enters(&mut browser, "grace@example.test", "password")
        .await;
}

/// Who writes a hash says what it costs to check, and everybody's logins wait for that.
#[tokio::test]
async fn k12_a_hash_that_costs_too_much_is_not_taken() {
    let scene = Scene::new().await;
    let b64 = |bytes: usize| "YWFh".repeat(bytes / 3 + 1)[..bytes * 4 / 3 / 4 * 4].to_owned();
    let (salt, out) = (b64(18), b64(33));
    let long = b64(240);
    let bombs = [
        "$2b$15$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm".to_owned(),
        "$2b$31$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm".to_owned(),
        // Memory, passes, and both.
        format!("$argon2id$v=19$m=1048576,t=1,p=1${salt}${out}"),
        format!("$argon2id$v=19$m=262144,t=32,p=1${salt}${out}"),
        format!("$argon2id$v=19$m=19456,t=4000000000,p=1${salt}${out}"),
        format!("$argon2i$v=19$m=4294967295,t=1,p=1${salt}${out}"),
        format!("argon2$argon2d$v=16$m=65536,t=1000,p=8${salt}${out}"),
        // N, r, p, each alone, and what overflows their product.
        format!("$scrypt$ln=24,r=8,p=1${salt}${out}"),
        format!("$scrypt$ln=14,r=8,p=1000000${salt}${out}"),
        format!("$scrypt$ln=4,r=4294967295,p=1${salt}${out}"),
        format!("$scrypt$ln=63,r=4294967295,p=4294967295${salt}${out}"),
        format!("$scrypt$ln=57,r=1,p=1${salt}${out}"),
        format!("$scrypt$ln=64,r=1,p=1${salt}${out}"),
        format!("$scrypt$ln=4294967295,r=8,p=1${salt}${out}"),
        format!("scrypt${}${salt}$8$1${out}", 1_u64 << 63),
        // Rounds, and a hash so long that each counts many times.
        format!("$pbkdf2-sha256$4294967295${salt}${out}"),
        format!("$pbkdf2-sha1$i=5000000${salt}${long}"),
        format!("pbkdf2_sha512$2000000${salt}${long}"),
        // So short that a guess is soon right.
        format!("$pbkdf2-sha256$1000${salt}$YWE"),
        format!("$scrypt$ln=4,r=8,p=1${salt}${}", b64(12)),
        format!("$argon2id$v=19$m=64,t=1,p=1${salt}$YWFhYQ"),
    ];
    let users: Vec<Value> = bombs
        .iter()
        .enumerate()
        .map(|(i, hash)| json!({ "email": format!("u{i}@example.test"), "password_hash": hash }))
        .collect();
    let body = json!({ "users": users });
    let moved = scene.api(Method::POST, "/users/import", body).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let moved = moved.json();
    assert_eq!(moved["created"], 0, "{moved}");
    assert_eq!(moved["invalid"], bombs.len(), "{moved}");
    // Of those that are taken the dearest leaves others their logins.
    let dear = [
        format!("$scrypt$ln=15,r=8,p=8${salt}${out}"),
        format!("$argon2id$v=19$m=65536,t=4,p=4${salt}${out}"),
        format!("$pbkdf2-sha512$600000${salt}${}", b64(66)),
    ];
    let users: Vec<Value> = dear
        .iter()
        .enumerate()
        .map(|(i, hash)| json!({ "email": format!("d{i}@example.test"), "password_hash": hash }))
        .collect();
    let moved = scene
        .api(Method::POST, "/users/import", json!({ "users": users }))
        .await
        .json();
    assert_eq!(moved["created"], dear.len(), "{moved}");
}

#[tokio::test]
async fn k8_unknown_people_and_wrong_passwords_look_the_same() {
    let scene = Scene::new().await;
    scene.chosen(&mut Browser::new(), FIRST).await;
    let mut answers = Vec::new();
    for email in [ADA, "eve@example.test", "no address", ""] {
        let page = scene.sign_in(&mut Browser::new(), email, "Wrong1234").await;
        let body = page
            .body
            .replace(&format!("value=\"{email}\""), "value=\"\"");
        answers.push((page.status, body));
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:#?}"
    );
}

#[tokio::test]
async fn f07_a_stranger_behind_the_same_address_keeps_nobody_out() {
    let scene = Scene::new().await;
    let mut own = Browser::new();
    scene.chosen(&mut own, FIRST).await;
    scene.enters(&mut own, ADA, FIRST).await;
    let mut waits = 0;
    for _ in 0..30 {
        let page = scene.sign_in(&mut Browser::new(), ADA, "Wrong1234").await;
        waits += usize::from(page.status == 429);
    }
    assert!(waits >= 24, "{waits}");
    // A stranger with the right password waits as well, Ada does not.
    let right = scene.sign_in(&mut Browser::new(), ADA, FIRST).await;
    assert_eq!(right.status, 429, "{}", right.body);
    scene.enters(&mut own, ADA, FIRST).await;
    // Other ways stay open.
    scene.chosen(&mut Browser::new(), SECOND).await;
    scene.world.clock.advance(Duration::from_secs(300));
    scene.enters(&mut Browser::new(), ADA, SECOND).await;
}

#[tokio::test]
async fn k9_guesses_at_once_all_count() {
    let scene = Scene::new().await;
    scene.chosen(&mut Browser::new(), FIRST).await;
    let start = scene.world.url("acme", "login");
    let guess = async |password: &str| {
        let form = [("email", ADA), ("password", password), ("way", "password")];
        Browser::new().post(&start, &form).await.status
    };
    let all = (0..40).map(|_| guess("Wrong1234"));
    let statuses = futures_util::future::join_all(all).await;
    let looked_at = statuses.iter().filter(|status| **status == 403).count();
    assert!(looked_at <= 6, "{looked_at} {statuses:?}");
}

#[tokio::test]
async fn who_is_disabled_or_of_another_account_stays_out() {
    let scene = Scene::new().await;
    scene.chosen(&mut Browser::new(), FIRST).await;
    let page = scene
        .api(
            Method::PATCH,
            &format!("/users/{ADA}"),
            json!({ "disabled": true }),
        )
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let out = scene.sign_in(&mut Browser::new(), ADA, FIRST).await;
    assert_eq!(out.status, 403, "{}", out.body);
    // Switched off, nothing of it is there.
    scene.rules(json!({ "password": false })).await;
    let form = [("email", ADA), ("password", FIRST), ("way", "password")];
    let url = scene.world.url("acme", "login");
    assert_eq!(Browser::new().post(&url, &form).await.status, 404);
    let page = Browser::new()
        .get(scene.world.url("acme", "password"))
        .await;
    assert_eq!(page.status, 404);
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_code_are_in_the_log_of_logins_with_the_email() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    scene.choose(&mut browser, FIRST).await;
    let mut other = Browser::new();
    for (email, password) in [
        (ADA, "Wrong-1-wrong"),
        ("nobody@example.test", "Wrong-1-wrong"),
        // A password in the field for the email is nobody's to read.
        (FIRST, FIRST),
    ] {
        scene.sign_in(&mut other, email, password).await;
    }
    let (page, code) = scene.forgot(&mut other, ADA).await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for _ in 0..3 {
        let form = Form::of(&page).fill("code", wrong);
        form.fill("new_password", SECOND).post(&mut other).await;
    }
    let failed = async |search: &str| {
        let path = format!("/logins?outcome=failed{search}");
        let page = scene.api(Method::GET, &path, Value::Null).await;
        assert!(!page.shows(FIRST), "{}", page.body);
        page.json()["items"].as_array().unwrap().clone()
    };
    let by_password = failed("&provider=password").await;
    let emails: Vec<&Value> = by_password.iter().map(|one| &one["email"]).collect();
    assert_eq!(
        emails,
        [&Value::Null, &json!("nobody@example.test"), &json!(ADA)]
    );
    assert!(
        by_password
            .iter()
            .all(|one| one["outcome"] == "login.password_wrong")
    );
    let hers = failed("&email=ada@example.test").await;
    assert_eq!(hers.len(), 2, "{hers:?}");
    assert_eq!(hers[0]["provider"], "access_key");
    assert_eq!(hers[0]["outcome"], "login.access_key_spent");
}
