//! Who gets in, and for how long.

use std::time::Duration;

use reqwest::StatusCode;
use vestibule::base::Clock;
use vestibule::operator::{Email, invite};

use crate::support::attack::Beaten;
use crate::support::{Browser, World};
use crate::{Op, PASSWORD, form, ticket};

#[tokio::test]
async fn x9_the_first_operators_link_counts_once_and_there_are_no_defaults() {
    let world = World::empty().await;
    let mut browser = Browser::new();
    for (email, password) in [("admin", "admin"), ("admin@localhost", "password")] {
        let page = form(
            &world,
            &mut browser,
            "/admin/login",
            &[("email", email), ("password", password)],
        )
        .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (one, other) = (ticket(&world).await, ticket(&world).await);
    // Looking does not use it up; a bad answer does not either, and keeps what was typed.
    let page = browser
        .get(format!("{}/admin/welcome?ticket={one}", world.origin))
        .await;
    assert!(page.shows("Create the first operator") && !page.shows("None"));
    let fields = [
        ("ticket", one.as_str()),
        ("name", "Ada"),
        ("email", "ada@example.test"),
        ("password", "short"),
    ];
    let page = form(&world, &mut browser, "/admin/welcome", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("at least 12 characters") && page.shows("value=\"ada@example.test\""));
    assert!(!page.shows("short\""));
    let fields = [
        ("ticket", one.as_str()),
        ("name", "Ada"),
        ("email", "ada@example.test"),
        ("password", PASSWORD),
    ];
    let page = form(&world, &mut browser, "/admin/welcome", &fields).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    for used in [&one, &other] {
        let fields = [
            ("ticket", used.as_str()),
            ("name", "Eve"),
            ("email", "eve@example.test"),
            ("password", PASSWORD),
        ];
        let page = form(&world, &mut Browser::new(), "/admin/welcome", &fields).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
    }
    assert!(world.broker.first_operator().await.unwrap().is_none());
}

#[tokio::test]
async fn a_login_ends_by_itself_and_by_hand() {
    let world = World::empty().await;
    let mut op = Op::first(&world).await;
    let set = op
        .browser
        .jar
        .keys()
        .find(|(_, name)| name == "vestibule.console");
    assert!(set.is_some());
    world.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(op.get("/admin/").await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(
        op.get("/admin/").await.status,
        StatusCode::OK,
        "use keeps it"
    );
    world.clock.advance(Duration::from_secs(30 * 60));
    let page = op.get("/admin/audit?account=x").await;
    assert_eq!(
        page.status,
        StatusCode::SEE_OTHER,
        "half an hour without use ends it"
    );
    let login = page.location().unwrap();
    assert_eq!(login.query(), Some("next=%2Fadmin%2Faudit%3Faccount%3Dx"));
    let page = op.get("/admin/accounts/acme/users").await;
    assert_eq!(
        page.location().unwrap().query(),
        Some("next=%2Fadmin%2Faccounts%2Facme%2Fusers")
    );

    let fields = [
        ("email", "ada@example.test"),
        ("password", PASSWORD),
        ("next", "/admin/audit"),
    ];
    let page = form(&world, &mut op.browser, "/admin/login", &fields).await;
    assert!(
        page.header("set-cookie")
            .contains("HttpOnly; SameSite=Strict")
    );
    assert_eq!(page.location().unwrap().path(), "/admin/audit");
    for _ in 0..26 {
        world.clock.advance(Duration::from_secs(28 * 60));
        op.get("/admin/").await;
    }
    assert_eq!(
        op.get("/admin/").await.status,
        StatusCode::SEE_OTHER,
        "twelve hours end it"
    );

    let mut op = {
        form(&world, &mut op.browser, "/admin/login", &fields).await;
        Op::with(&world, op.browser).await
    };
    let jar = op.browser.jar.clone();
    op.post("/admin/logout", &[]).await;
    op.browser.jar = jar;
    assert_eq!(
        op.get("/admin/").await.status,
        StatusCode::SEE_OTHER,
        "a logout counts on this side"
    );
}

#[tokio::test]
async fn where_a_login_goes_is_never_elsewhere() {
    let world = World::empty().await;
    let mut op = Op::first(&world).await;
    for next in [
        "//evil.test",
        "https://evil.test/admin/",
        "/admin//evil.test",
        "/admin/\\evil",
        "javascript:1",
    ] {
        let fields = [
            ("email", "ada@example.test"),
            ("password", PASSWORD),
            ("next", next),
        ];
        let page = form(&world, &mut op.browser, "/admin/login", &fields).await;
        assert_eq!(
            page.location().unwrap().as_str(),
            format!("{}/admin/", world.origin),
            "{next}"
        );
    }
}

#[tokio::test]
async fn k10_a_stranger_slows_nobody_down_but_strangers() {
    let world = World::empty().await;
    let mut op = Op::first(&world).await;
    let mut stranger = Browser::new();
    let wrong = [
        ("email", "ada@example.test"),
        ("password", "wrong wrong wrong"),
    ];
    for _ in 0..5 {
        let page = form(&world, &mut stranger, "/admin/login", &wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let page = form(&world, &mut stranger, "/admin/login", &wrong).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    let right = [("email", "ada@example.test"), ("password", PASSWORD)];
    let page = form(&world, &mut op.browser, "/admin/login", &right).await;
    assert_eq!(
        page.status,
        StatusCode::SEE_OTHER,
        "the operator's own browser is another place"
    );
}

#[tokio::test]
async fn an_invited_operator_chooses_a_password_and_a_disabled_one_is_out() {
    let world = World::empty().await;
    let mut op = Op::first(&world).await;
    let page = op
        .post(
            "/admin/operators",
            &[("email", "grace@example.test"), ("name", "Grace")],
        )
        .await;
    let ticket = page
        .body
        .split("ticket=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let mut browser = Browser::new();
    let fields = [("ticket", ticket.as_str()), ("password", PASSWORD)];
    form(&world, &mut browser, "/admin/welcome", &fields).await;
    let mut grace = Op::with(&world, browser).await;
    let page = op
        .done(
            "/admin/operators/change",
            &[("email", "grace@example.test"), ("action", "disable")],
        )
        .await;
    assert!(page.shows("Disabled"));
    assert_eq!(grace.get("/admin/").await.status, StatusCode::SEE_OTHER);
    let right = [("email", "grace@example.test"), ("password", PASSWORD)];
    let page = form(&world, &mut grace.browser, "/admin/login", &right).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
}

/// Two logins at one moment write the operator's record both: the later one is no error.
#[tokio::test]
async fn logins_of_one_operator_at_one_moment_all_count() {
    let armed = std::sync::Arc::new(std::sync::Mutex::new(None));
    let inner = std::sync::Arc::clone(&armed);
    let world = World::over(
        |_| {},
        move |store| std::sync::Arc::new(Beaten(store, inner)),
    )
    .await;
    Op::first(&world).await;
    for _ in 0..3 {
        *armed.lock().unwrap() = Some("operators");
        let mut browser = Browser::new();
        let fields = [("email", "ada@example.test"), ("password", PASSWORD)];
        let page = form(&world, &mut browser, "/admin/login", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        assert_eq!(*armed.lock().unwrap(), None, "somebody was faster");
        let page = browser.get(format!("{}/admin/", world.origin)).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

/// The link that `demo` prints.
#[tokio::test]
async fn a_demos_link_signs_in_once_and_not_for_long() {
    for late in [false, true] {
        let world = World::empty().await;
        let email = Email::parse("owner@demo.test").unwrap();
        let (store, now) = (&*world.store, world.clock.now());
        let made = invite::demo(store, email, "Demo owner", now).await.unwrap();
        let link = format!("{}/admin/welcome?ticket={}", world.origin, made.as_str());
        let fields = [("ticket", made.as_str())];
        if late {
            world.clock.advance(Duration::from_secs(15 * 60 + 1));
            let page = Browser::new().get(&link).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
            let page = form(&world, &mut Browser::new(), "/admin/welcome", &fields).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
            continue;
        }
        // Looking does not use it up.
        let mut browser = Browser::new();
        for _ in 0..2 {
            let page = browser.get(&link).await;
            assert!(page.shows("Open the console"), "{}", page.body);
        }
        let page = form(&world, &mut browser, "/admin/welcome", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        let page = browser.follow(page).await;
        assert!(page.shows("Demo owner"), "{}", page.body);
        let page = form(&world, &mut Browser::new(), "/admin/welcome", &fields).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
        let page = Browser::new().get(&link).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
        // Nobody else becomes an owner by such a link.
        let (store, other) = (&*world.store, Email::parse("eve@demo.test").unwrap());
        let again = invite::demo(store, other, "Eve", world.clock.now()).await;
        assert!(again.is_err());
    }
}
