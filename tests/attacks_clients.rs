//! One client among many: floods of login starts, and guesses at many names. Rows
//! F6, F7, F28 and F30.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::sync::Arc;
use std::time::Duration;

use authority::{CALLBACK, Client, post, service, storefront, user};
use reqwest::{Method, StatusCode};
use support::attack::is_safe_page;
use support::{Browser, Page, World};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;
use vestibule::authority::application::{NewApplication, PushedRequests, Settings};
use vestibule::base::Secret;
use vestibule::broker::Broker;
use vestibule::config::{self, Config};
use vestibule::http::server::{Listener, ServerOptions, serve};
use vestibule::store::Precondition;

/// A world that trusts the proxies on this machine.
async fn behind_a_proxy(change: impl FnOnce(&mut Config)) -> World {
    let world = World::with(|config| {
        config.proxies.networks = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    })
    .await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    world
}

async fn start_from(world: &World, browser: &mut Browser, address: &str) -> Page {
    let url = world.url("acme", "login?return_to=/welcome");
    browser.get_with(url, &[("x-forwarded-for", address)]).await
}

#[tokio::test]
async fn f28_one_clients_flood_of_starts_is_slowed_and_others_are_served() {
    let world = behind_a_proxy(|_| {}).await;
    let mut flood = Browser::new();
    let mut waiting = Browser::new();
    let page = start_from(&world, &mut waiting, "198.51.100.7").await;
    let mut begun = 0;
    let refused = loop {
        // What the client itself writes into the header changes nothing.
        let claimed = format!("10.9.8.{}, 203.0.113.9", begun % 250);
        let page = start_from(&world, &mut flood, &claimed).await;
        if page.status != StatusCode::FOUND {
            break page;
        }
        begun += 1;
        assert!(begun < 1_000, "never slowed");
    };
    assert!(begun >= 300, "{begun}");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.shows("login.too_many"));
    is_safe_page(&refused);
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&after), "{after}");
    // A login from before, and one from elsewhere.
    let callback = waiting.through_idp(page, "ada", "lovelace").await;
    let page = waiting.get(callback).await;
    assert_eq!(waiting.follow(page).await.url.path(), "/welcome");
    let page = start_from(&world, &mut Browser::new(), "203.0.113.10").await;
    assert_eq!(page.status, StatusCode::FOUND);
    world.clock.advance(std::time::Duration::from_secs(after));
    let page = start_from(&world, &mut flood, "203.0.113.9").await;
    assert_eq!(page.status, StatusCode::FOUND);
}

#[tokio::test]
async fn f28_of_one_client_the_oldest_logins_go_first() {
    let world = behind_a_proxy(|_| {}).await;
    let long = format!("login?return_to=/{}", "x".repeat(3_900));
    let long = world.url("acme", &long);
    let from = [("x-forwarded-for", "203.0.113.9")];
    let mut first = Browser::new();
    let first_page = first.get_with(&long, &from).await;
    let mut other = Browser::new();
    let other_page = start_from(&world, &mut other, "198.51.100.7").await;
    let mut last = Browser::new();
    let mut last_page = last.get_with(&long, &from).await;
    for _ in 0..260 {
        last_page = last.get_with(&long, &from).await;
        assert_eq!(last_page.status, StatusCode::FOUND);
    }
    let callback = first.through_idp(first_page, "ada", "lovelace").await;
    world
        .rejected(&mut first, callback.as_str(), "login.state_unknown")
        .await;
    for (browser, page) in [(&mut last, last_page), (&mut other, other_page)] {
        let callback = browser.through_idp(page, "ada", "lovelace").await;
        let page = browser.get(callback).await;
        let end = browser.follow(page).await;
        assert_ne!(end.url.path(), "/accounts/acme/error", "{}", end.url);
        assert_eq!(browser.session(&world, "acme").await["authenticated"], true);
    }
}

/// What else strangers have the broker keep before anybody logs in: requests of
/// applications, pushed ones of public applications, logins of VTEX ID's front ends.
#[tokio::test]
async fn f28_other_beginnings_of_one_client_are_slowed_and_others_are_served() {
    let world = behind_a_proxy(|_| {}).await;
    let mut account = vestibule::account::get(&*world.store, &"acme".parse().unwrap())
        .await
        .unwrap()
        .unwrap()
        .value;
    account.login.vtex_compatible = true;
    vestibule::account::put(&*world.store, &account, Precondition::Any)
        .await
        .unwrap();
    let client = Client::storefront(&world).await;
    let public = NewApplication {
        public: true,
        settings: Settings {
            pushed_authorization_requests: PushedRequests::Allowed,
            ..Settings::default()
        },
        ..storefront()
    };
    let public = Client::create(&world, public).await;
    let long = "x".repeat(4_000);
    let authorize = client.authorize_url(&world, &[("state", &long)]);
    let start = format!(
        "{}/api/vtexid/pub/authentication/start?an=acme&returnUrl=/{long}",
        world.origin
    );
    let push = Url::parse(&public.authorize_url(&world, &[("state", &long)])).unwrap();
    let push = format!("{}&client_id={}", push.query().unwrap(), public.id);
    let push = push.replacen(&format!("client_id={}&", public.id), "", 1);
    let ask = async |kind: &str, address: &str| {
        let browser = &mut Browser::new();
        let from = ("x-forwarded-for", address);
        match kind {
            "authorize" => browser.get_with(&authorize, &[from]).await,
            "start" => browser.get_with(&start, &[from]).await,
            _ => {
                let url = format!("{}/connect/par", world.origin);
                let form = ("content-type", "application/x-www-form-urlencoded");
                let body = Some(push.clone());
                browser.send(Method::POST, &url, &[form, from], body).await
            }
        }
    };
    for (kind, slowed) in [
        ("authorize", "error=temporarily_unavailable"),
        ("start", "\"Error\""),
        ("par", "too many requests were pushed"),
    ] {
        let first = ask(kind, "203.0.113.9").await;
        let good = first.status;
        assert!(!good.is_client_error(), "{kind}: {good} {}", first.body);
        assert!(!first.header("location").contains("error="), "{kind}");
        let mut begun = 1;
        let refused = loop {
            let page = ask(kind, "203.0.113.9").await;
            if page.status != good || page.header("location").contains("error=") {
                break page;
            }
            begun += 1;
            assert!(begun < 1_000, "{kind} is never slowed");
        };
        assert!(begun >= 300, "{kind}: {begun}");
        let said = format!("{}{}", refused.header("location"), refused.body);
        assert!(said.contains(slowed), "{kind}: {} {said}", refused.status);
        assert!([302, 429].contains(&refused.status.as_u16()), "{kind}");
        let other = ask(kind, "203.0.113.10").await;
        assert_eq!(other.status, good, "{kind}");
        assert!(!other.header("location").contains("error="), "{kind}");
    }
}

#[tokio::test]
async fn f28_of_one_client_the_oldest_waiting_requests_go_first() {
    let world = behind_a_proxy(|_| {}).await;
    let client = Client::storefront(&world).await;
    let long = "x".repeat(4_000);
    let url = client.authorize_url(&world, &[("state", &long)]);
    let begin = async |browser: &mut Browser, address: &str| {
        let page = browser
            .get_with(&url, &[("x-forwarded-for", address)])
            .await;
        assert!(page.location().unwrap().path().ends_with("/login"));
        page
    };
    let (mut first, mut other, mut last) = (Browser::new(), Browser::new(), Browser::new());
    let first_page = begin(&mut first, "203.0.113.9").await;
    let other_page = begin(&mut other, "198.51.100.7").await;
    for _ in 0..260 {
        begin(&mut Browser::new(), "203.0.113.9").await;
    }
    let last_page = begin(&mut last, "203.0.113.9").await;
    for (browser, page, goes_on) in [
        (&mut first, first_page, false),
        (&mut last, last_page, true),
        (&mut other, other_page, true),
    ] {
        let page = browser.get(page.location().unwrap().as_str()).await;
        let callback = browser.through_idp(page, "ada", "lovelace").await;
        let mut page = browser.get(callback.as_str()).await;
        while let Some(next) = page.location() {
            if next.as_str().starts_with(CALLBACK) {
                break;
            }
            page = browser.get(next.as_str()).await;
        }
        let code = page
            .location()
            .is_some_and(|to| to.as_str().contains("code="));
        assert_eq!(code, goes_on, "{} {}", page.url, page.status);
        assert!(goes_on || page.shows("authorize.expired"), "{}", page.body);
    }
}

/// A try to log in to the console.
async fn guess(world: &World, email: &str, address: &str) -> Page {
    let body = format!("email={email}&password=Winter2026!");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", world.origin.as_str()),
        ("x-forwarded-for", address),
    ];
    let url = format!("{}/admin/login", world.origin);
    Browser::new()
        .send(Method::POST, &url, &headers, Some(body))
        .await
}

/// Who tries name after name is refused, and then nothing is kept of a try either.
#[tokio::test]
async fn f30_names_without_end_leave_memory_bounded() {
    let world = behind_a_proxy(|_| {}).await;
    for i in 0..300 {
        let address = format!("203.0.{}.{}", i % 200, 1 + i % 250);
        guess(&world, &format!("u{i}@example.com"), &address).await;
    }
    let space = vestibule::broker::spaces().find(|space| space.name == "password_tries");
    let all = vestibule::store::Scan::all(space.unwrap(), "", 1_000);
    let kept = world.store.scan(&all).await.unwrap().len();
    assert!((1..=40).contains(&kept), "{kept}");
}

#[tokio::test]
async fn f30_one_password_tried_on_many_operators_is_slowed() {
    let world = behind_a_proxy(|_| {}).await;
    let mut refused = 0;
    for i in 0..25 {
        // All of one range, and each name once.
        let address = format!("203.0.113.{i}");
        let page = guess(&world, &format!("op{i}@example.test"), &address).await;
        refused += usize::from(page.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(refused, 15);
    let page = guess(&world, "op@example.test", "198.51.100.7").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "elsewhere");

    // From everywhere at once it is slowed too.
    let mut refused = 0;
    for i in 0..25 {
        let address = format!("2001:db8:{i}::1");
        let page = guess(&world, &format!("far{i}@example.test"), &address).await;
        refused += usize::from(page.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 10, "{refused}");
}

#[tokio::test]
async fn f30_visitors_behind_a_proxy_are_told_apart_if_it_is_trusted() {
    let visit = async |world: &World, address: &str| {
        let mut last = StatusCode::OK;
        for _ in 0..7 {
            last = guess(world, "ada@example.test", address).await.status;
        }
        last
    };
    let trusting = behind_a_proxy(|_| {}).await;
    let page = visit(&trusting, "203.0.113.9").await;
    assert_eq!(page, StatusCode::TOO_MANY_REQUESTS);
    let page = guess(&trusting, "ada@example.test", "198.51.100.7").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);

    // Headers of a proxy that the configuration does not name are not believed.
    let other = World::with(|config| {
        config.proxies.networks = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let page = visit(&other, "203.0.113.9").await;
    assert_eq!(page, StatusCode::TOO_MANY_REQUESTS);
    let page = guess(&other, "ada@example.test", "198.51.100.7").await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

const CLIENT_CREDENTIALS: &str = "grant_type=client_credentials";

/// A token request of a client that comes from this address.
async fn ask(world: &World, client: &Client, address: &str) -> Page {
    let basic = client.basic();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", &*basic),
        ("x-forwarded-for", address),
    ];
    post(world, "token", &headers, CLIENT_CREDENTIALS.to_owned()).await
}

/// A client with a secret that somebody chose, and one that guesses at it.
async fn guessed_at(world: &World) -> (Client, Client) {
    let new = NewApplication {
        secret: Some(Secret::new("a secret that somebody chose")),
        ..service("acme")
    };
    let right = Client::create(world, new).await;
    let wrong = Client {
        secret: Some("a guess".to_owned()),
        ..right.clone()
    };
    (right, wrong)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_wrong_secrets_of_a_client_keep_nobody_from_logging_in() {
    let world = Arc::new(behind_a_proxy(|_| {}).await);
    user(&world, "ada@example.test", "correct horse").await;
    let people = Client::with_passwords(&world).await;
    let (_, wrong) = guessed_at(&world).await;
    let mut guesses = JoinSet::new();
    for i in 0..120 {
        let (world, wrong) = (Arc::clone(&world), wrong.clone());
        guesses.spawn(async move {
            let page = ask(&world, &wrong, &format!("203.0.{i}.9")).await;
            assert_ne!(page.status, StatusCode::OK);
            page.status
        });
    }
    for _ in 0..5 {
        let page = people
            .password(&world, "ada@example.test", "correct horse")
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    }
    guesses.join_all().await;
}

#[tokio::test]
async fn f6_guesses_at_a_clients_secret_are_slowed_and_the_client_goes_on() {
    let world = behind_a_proxy(|_| {}).await;
    let (right, wrong) = guessed_at(&world).await;
    let (here, there) = ("203.0.113.9", "198.51.100.7");
    for _ in 0..10 {
        let page = ask(&world, &wrong, here).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}", page.body);
    }
    let page = ask(&world, &wrong, here).await;
    assert_eq!(
        page.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        page.body
    );
    assert!(page.shows("temporarily_unavailable"), "{}", page.body);
    // Elsewhere it is right, and then it is known behind the same address, too.
    for address in [there, here, here] {
        let page = ask(&world, &right, address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}: {}", page.body);
    }
    // A secret that was made here takes no slow hash, and its guesses none either.
    let made = Client::service(&world).await;
    let wrong = Client {
        secret: Some("a guess".to_owned()),
        ..made.clone()
    };
    for _ in 0..50 {
        let page = ask(&world, &wrong, here).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}", page.body);
    }
    assert_eq!(ask(&world, &made, here).await.status, StatusCode::OK);
}

/// A password grant that a back end sends for the shopper at this address.
async fn password_from(world: &World, client: &Client, secret: &str, address: &str) -> Page {
    let basic = client.basic();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", &*basic),
        ("x-forwarded-for", address),
    ];
    let form = format!("grant_type=password&username=ada%40example.test&password={secret}");
    post(world, "token", &headers, form).await
}

#[tokio::test]
async fn f07_an_attacker_behind_the_same_back_end_pauses_nobody_else() {
    let world = behind_a_proxy(|_| {}).await;
    user(&world, "ada@example.test", "correct-horse").await;
    let client = Client::with_passwords(&world).await;
    for _ in 0..20 {
        let page = password_from(&world, &client, "wrong", "203.0.113.9").await;
        assert!(!page.status.is_success());
    }
    let page = password_from(&world, &client, "correct-horse", "203.0.113.9").await;
    assert!(!page.status.is_success(), "the attacker is paused");
    let page = password_from(&world, &client, "correct-horse", "198.51.100.7").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
}

#[tokio::test]
async fn f07_a_pause_behind_one_address_ends_whatever_an_attacker_does() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct-horse").await;
    let client = Client::with_passwords(&world).await;
    for _ in 0..200 {
        let page = password_from(&world, &client, "wrong", "127.0.0.1").await;
        assert!(!page.status.is_success());
    }
    // Tries within a pause lengthened nothing.
    world.clock.advance(Duration::from_secs(300));
    let page = password_from(&world, &client, "correct-horse", "127.0.0.1").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
}

/// Brokers that share a store share the counts of what was guessed, and of what was
/// sent: an attacker gains nothing by going from one to the other.
#[tokio::test]
async fn k10_guesses_count_at_all_brokers_on_a_store() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct-horse").await;
    let client = Client::with_passwords(&world).await;
    let second = another_broker(&world).await;
    let basic = client.basic();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", &*basic),
    ];
    let guess = async |origin: &str, password: &str| {
        let url = format!("{origin}/connect/token");
        let form = format!("grant_type=password&username=ada%40example.test&password={password}");
        let mut browser = Browser::new();
        browser.send(Method::POST, &url, &headers, Some(form)).await
    };
    for origin in [
        &world.origin,
        &second,
        &world.origin,
        &second,
        &world.origin,
    ] {
        assert!(!guess(origin, "wrong").await.status.is_success());
    }
    for origin in [&world.origin, &second] {
        let page = guess(origin, "correct-horse").await;
        assert!(
            page.body.contains("too many failed logins"),
            "{}",
            page.body
        );
    }
    world.clock.advance(Duration::from_secs(60));
    let page = guess(&second, "correct-horse").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(!guess(&world.origin, "wrong").await.status.is_success());
    let page = guess(&second, "correct-horse").await;
    assert_eq!(page.status, StatusCode::OK, "a success forgets at both");
}

/// Another broker on the world's store.
async fn another_broker(world: &World) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let mut config = config::from_parts("", [], None).unwrap();
    config.public_url = Some(Url::parse(&world.origin).unwrap());
    config.data_dir = world.data_dir().to_owned();
    let clock = Arc::new(world.clock.clone());
    let broker = Broker::on(Arc::clone(&world.store), &config, clock);
    let app = broker.await.unwrap().router();
    tokio::spawn(serve(
        vec![Listener::Tcp(listener)],
        app,
        ServerOptions::default(),
        std::future::pending(),
    ));
    origin
}
