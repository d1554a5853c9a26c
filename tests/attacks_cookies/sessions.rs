//! When sessions end, and when they do not.

use super::*;

#[tokio::test]
async fn c06_a_logout_is_not_lost() {
    let world = World::start().await;
    let (mut browser, value) = session_cookie(&world).await;
    browser.post(world.url("acme", "logout"), &[]).await;
    assert_eq!(check(&world, &format!("vestibule_acme={value}")).await, 401);
    // Nor does the clock bring it back (D7).
    let now = world.clock.now();
    world.clock.set(Timestamp::from_secs(now.as_secs() - 3600));
    assert_eq!(check(&world, &format!("vestibule_acme={value}")).await, 401);

    let (_, value) = session_cookie(&world).await;
    let id = world.users("acme").await[0].id;
    let (status, _) = world
        .admin(
            Method::DELETE,
            &format!("/accounts/acme/users/{id}/sessions"),
            "",
            "",
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(check(&world, &format!("vestibule_acme={value}")).await, 401);
}

#[tokio::test]
async fn c07_expiry() {
    let world = World::start().await;
    let (_, value) = session_cookie(&world).await;
    let cookie = format!("vestibule_acme={value}");
    world.clock.advance(Duration::from_millis(86_399_999));
    assert_eq!(check(&world, &cookie).await, 200);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(check(&world, &cookie).await, 401);
}

#[tokio::test]
async fn c07_idle() {
    let world = World::with(|config| config.session.idle = Some(Duration::from_secs(600))).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    let (_, value) = session_cookie(&world).await;
    let cookie = format!("vestibule_acme={value}");
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(500));
        assert_eq!(check(&world, &cookie).await, 200);
    }
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(check(&world, &cookie).await, 401);
}

/// Three days ahead while expired records are removed, as it was found by trial.
#[tokio::test]
async fn f12_d7_a_clock_that_is_ahead_for_a_while_ends_nothing() {
    let world = World::start().await;
    let (mut browser, value) = session_cookie(&world).await;
    let cookie = format!("vestibule_acme={value}");
    let (mut other, ended) = session_cookie(&world).await;
    let ended = format!("vestibule_acme={ended}");
    other.post(world.url("acme", "logout"), &[]).await;
    let mut ready = async || browser.get(format!("{}/readyz", world.origin)).await;
    assert_eq!(ready().await.body, "ready\n");

    let now = world.clock.now();
    let ahead = now.plus(Duration::from_secs(3 * 24 * 3600));
    world.clock.set(ahead);
    assert_eq!(check(&world, &cookie).await, 401);
    let removed = world
        .store
        .purge_expired(vestibule::session::spaces()[0], 100)
        .await;
    assert_eq!(removed.unwrap(), 0);
    let page = ready().await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.shows("the clock jumped forward by 259200 s"),
        "{}",
        page.body
    );

    world.clock.set(now);
    assert_eq!(check(&world, &cookie).await, 200, "it was not its end");
    assert_eq!(check(&world, &ended).await, 401, "this one's was");
    assert!(ready().await.shows("jumped back"));
    world.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(ready().await.body, "ready\n");
}

#[tokio::test]
async fn c07_d07_far_dates_and_jumping_clocks() {
    let world = World::start().await;
    for year in [2039_u64, 2100, 2500, 9000] {
        world
            .clock
            .set(Timestamp::from_secs((year - 1970) * 31_557_600));
        let (mut browser, value) = session_cookie(&world).await;
        assert_eq!(check(&world, &format!("vestibule_acme={value}")).await, 200);
        let expires = browser.session(&world, "acme").await["expires_at"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            expires.starts_with(&year.to_string()) || expires.starts_with(&(year - 1).to_string()),
            "{expires}"
        );
    }
    // Back by millennia, with a login under way: nothing crashes, and a used state stays used.
    let (mut browser, callback) = world.begun().await;
    let finish = browser.get(callback.as_str()).await;
    for at in [0, 1, 1_000_000_000, 1_792_000_000] {
        world.clock.set(Timestamp::from_secs(at));
        world
            .rejected(&mut Browser::new(), callback.as_str(), "login.state_")
            .await;
        assert!(
            browser
                .get(world.url("acme", START))
                .await
                .status
                .is_redirection()
        );
    }
    let end = browser.follow(finish).await;
    assert_eq!(end.url.path(), "/welcome");
}

#[tokio::test]
async fn c08_the_store_is_down() {
    let down = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&down);
    let world = World::over(|_| {}, move |store| Arc::new(Failing(store, switch))).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    let (mut browser, _) = session_cookie(&world).await;
    let (mut other, callback) = world.begun().await;
    let calls = world.calls("/token");
    down.store(true, Ordering::SeqCst);
    for endpoint in [
        "session",
        "check",
        "login",
        "logout",
        "check?redirect=true",
        "finish?ticket=x",
        "signed-out",
        "error",
    ] {
        let page = browser.get(world.url("acme", endpoint)).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{endpoint}");
        assert!(page.shows("service.unavailable"), "{endpoint}");
        assert!(!page.shows("\"authenticated\""), "{endpoint}");
        assert!(page.headers.get("set-cookie").is_none());
    }
    let page = browser.post(world.url("acme", "logout"), &[]).await;
    assert_eq!(
        page.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "never a logout that was none"
    );
    let page = other.get(callback.as_str()).await;
    assert_eq!(
        parameter(&page.location().unwrap(), "code"),
        "service.unavailable"
    );
    assert_eq!(world.calls("/token"), calls);
    assert_eq!(
        other.get(format!("{}/readyz", world.origin)).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let (status, body) = world.admin(Method::GET, "/accounts", "", "").await;
    assert_eq!(status, 503, "{body}");

    down.store(false, Ordering::SeqCst);
    assert_eq!(
        browser.get(world.url("acme", "check")).await.status,
        StatusCode::OK
    );
    let page = other.get(callback.as_str()).await;
    assert_eq!(
        other.follow(page).await.url.path(),
        "/welcome",
        "the login was not used up"
    );
}

#[tokio::test]
async fn c01_a_cookie_fits_into_its_jar() {
    let world = World::start().await;
    let mapping = format!("{}\ngroups = \"groups\"", world.mapping());
    world.apply("acme", &mapping).await;
    let groups: Vec<String> = (0..200).map(|i| format!("group-{i:040}")).collect();
    for name in ["Ada".to_owned(), "名".repeat(3000)] {
        world.idp.configure(|config| {
            config.accounts[0].profile["name"] = name.clone().into();
            config.accounts[0].profile["groups"] = groups.clone().into();
        });
        let (mut browser, callback) = world.begun().await;
        let finish = browser.get(callback.as_str()).await.location().unwrap();
        let page = browser.get(finish.as_str()).await;
        let cookie = set_cookies(&page).remove(0);
        assert!(cookie.len() <= 4096, "{}", cookie.len());
        let session = browser.session(&world, "acme").await;
        assert_eq!(session["user"]["groups"].as_array().unwrap().len(), 200);
        assert!(
            session["user"]["name"]
                .as_str()
                .unwrap()
                .starts_with(&name[..3])
        );
        let check = browser.get(world.url("acme", "check")).await;
        assert!(check.headers["x-auth-name"].len() <= 1024);
    }
}
