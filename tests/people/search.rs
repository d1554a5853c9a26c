//! Users are found by what people know of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use vestibule::account::User;
use vestibule::account::directory;
use vestibule::base::{Authenticated, Clock, LoginMethod, UserId};
use vestibule::session::{self, Subject};
use vestibule::store::{MemoryStore, Precondition, Scan, Store};

use crate::support::attack::Counting;
use crate::support::{Browser, World};

async fn person(world: &World, email: &str, name: &str) -> User {
    let (acme, name) = ("acme".parse().unwrap(), Some(name.to_owned()));
    let now = vestibule::base::SystemClock;
    let now = vestibule::base::Clock::now(&now);
    let made = directory::create(&*world.store, &acme, email, name, now).await;
    made.unwrap().unwrap().value
}

/// What the API finds.
async fn found(world: &World, query: &str) -> Value {
    let path = format!("/accounts/acme/users?{query}");
    let (status, body) = world.admin(Method::GET, &path, "", "").await;
    assert_eq!(status, 200, "{query} {body}");
    serde_json::from_str(&body).unwrap()
}

async fn emails(world: &World, query: &str) -> Vec<String> {
    let found = found(world, query).await;
    let items = found["items"].as_array().unwrap().iter();
    items
        .map(|user| user["email"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn users_are_found_by_email_name_id_and_provider_id() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    let jose = person(&world, "jose@shop.example", "José Ávila").await;
    person(&world, "zoe.avila@example.org", "Zoë").await;
    let ada = world.users("acme").await.remove(0);
    let link = &ada.links[0].user_id;
    for (query, expected) in [
        ("q=ada@", vec!["ada@example.test"]),
        ("q=ADA", vec!["ada@example.test"]),
        (
            "q=example.",
            vec!["zoe.avila@example.org", "ada@example.test"],
        ),
        ("q=jose", vec!["jose@shop.example"]),
        // Whose name has it comes before whose email has it inside.
        (
            "q=avila",
            vec!["jose@shop.example", "zoe.avila@example.org"],
        ),
        ("q=avila+jos%C3%A9", vec!["jose@shop.example"]),
        ("q=avila+ada", vec![]),
        ("q=nobody", vec![]),
        ("q=%00", vec![]),
        ("email=JOSE@shop.example", vec!["jose@shop.example"]),
        ("email=jose", vec![]),
        (&format!("q={}", jose.id), vec!["jose@shop.example"]),
        (&format!("q={link}"), vec!["ada@example.test"]),
        (
            "q=",
            vec![
                "ada@example.test",
                "jose@shop.example",
                "zoe.avila@example.org",
            ],
        ),
    ] {
        assert_eq!(emails(&world, query).await, expected, "{query}");
        let counted = found(&world, &format!("{query}&count=true&limit=1")).await;
        let total = json!({ "count": expected.len(), "exact": true });
        assert_eq!(counted["total"], total, "{query}");
    }
    assert!(found(&world, "q=ada").await["total"].is_null());
    let long = "é".repeat(3000);
    assert!(emails(&world, &format!("q={long}")).await.is_empty());
}

#[tokio::test]
async fn a_page_ends_where_the_next_begins() {
    let world = World::start().await;
    for i in 0..30 {
        // Each is found by email, name and domain, and shown once.
        person(&world, &format!("ann{i:02}@ann.example"), "Ann Annis").await;
    }
    person(&world, "other@example.com", "Anna").await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = found(&world, &format!("q=ann&limit=4{after}")).await;
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|u| u["email"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 31);
    assert_eq!(seen.last().unwrap(), "other@example.com");
    assert!(seen.is_sorted());
    let (status, _) = world
        .admin(Method::GET, "/accounts/acme/users?after=*", "", "")
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_login_that_changes_someone_changes_by_what_they_are_found() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    assert_eq!(emails(&world, "q=lovelace").await, ["ada@example.test"]);
    world.idp.configure(|config| {
        for account in &mut config.accounts {
            account.profile["name"] = "Augusta King".into();
            account.profile["email"] = "countess@example.net".into();
        }
    });
    world.log_in(&mut Browser::new()).await;
    for query in ["q=king", "q=augusta", "q=countess", "q=example.net"] {
        assert_eq!(
            emails(&world, query).await,
            ["countess@example.net"],
            "{query}"
        );
    }
    for query in ["q=lovelace", "q=ada@", "q=example.test"] {
        assert!(emails(&world, query).await.is_empty(), "{query}");
        let counted = found(&world, &format!("{query}&count=true")).await;
        assert_eq!(counted["total"]["count"], 0, "{query}");
    }
}

#[tokio::test]
async fn a_search_among_five_thousand_reads_few_of_them() {
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let world = World::over(|_| {}, |store| Arc::new(Counting(store, counter))).await;
    world.account("acme").await;
    for i in 0..5_000 {
        person(&world, &format!("u{i:04}@example.com"), "Someone").await;
    }
    person(&world, "rare@elsewhere.example", "Rare Person").await;
    for query in [
        "q=rare",
        "q=person+rare",
        "q=elsewhere&count=true",
        "q=u1234",
        "email=u0001@example.com",
        "q=someone&limit=20",
        "limit=20",
        "q=nobody",
    ] {
        reads.store(0, Ordering::SeqCst);
        assert!(query == "q=nobody" || !emails(&world, query).await.is_empty());
        let reads = reads.load(Ordering::SeqCst);
        assert!(reads < 1_200, "{query}: {reads}");
    }
    let all = found(&world, "count=true&limit=1").await;
    assert_eq!(all["total"], json!({ "count": 5_001, "exact": true }));
    let all = found(&world, "q=example&count=true&limit=1").await;
    assert_eq!(all["total"]["count"], 5_001);
}

#[tokio::test]
async fn users_of_an_earlier_version_are_found_after_the_start() {
    let world = World::start().await;
    person(&world, "jose@shop.example", "José Ávila").await;
    // As a directory of before has it: without the words.
    let clock = Arc::new(world.clock.clone());
    let old: Arc<dyn Store> = Arc::new(MemoryStore::new(clock));
    for space in vestibule::broker::spaces().filter(|s| s.name != "user_words" && !s.expiring) {
        for partition in world.store.partitions(space).await.unwrap() {
            let all = Scan::all(space, partition, 1_000);
            for (key, entry) in world.store.scan(&all).await.unwrap() {
                old.put(&key, entry.value, Precondition::Any).await.unwrap();
            }
        }
    }
    let acme = "acme".parse().unwrap();
    let wanted = directory::Wanted::new("avila");
    let find = async || {
        let found = directory::search(&*old, &acme, &wanted, None, 10).await;
        found.unwrap().len()
    };
    assert_eq!(find().await, 0);
    let now = vestibule::base::Clock::now(&world.clock);
    for _ in 0..2 {
        directory::index(&*old, now).await.unwrap();
        assert_eq!(find().await, 1);
    }
}

/// What is looked for and ended of one person costs the same however many others there
/// are: 5,000 sessions of others are not read.
#[tokio::test]
async fn f4_what_one_person_has_is_found_and_ended_without_reading_what_others_have() {
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let world = World::over(|_| {}, |store| Arc::new(Counting(store, counter))).await;
    world.account("acme").await;
    let acme = "acme".parse().unwrap();
    let (more, method) = (serde_json::Map::new(), LoginMethod::Password);
    let authenticated = Authenticated::default();
    let logins = &world.broker.app().logins;
    let session = async |user: UserId| {
        let subject = Subject {
            account: &acme,
            user,
            settled: true,
            generation: 0,
            email: "someone@example.com",
            email_verified: true,
            provider_user_id: None,
            name: None,
            more: &more,
            method: &method,
            authenticated: &authenticated,
            device: None,
            address: None,
            signing_alg: None,
            vtex: false,
            at_provider: None,
            at_most: None,
        };
        let (store, now) = (&*world.store, Clock::now(&world.clock));
        let begun = logins.sessions.begin(store, &logins.keys, subject, now);
        begun.await.unwrap();
    };
    let mut costs = Vec::new();
    for others in [0, 5_000] {
        for i in 0..others {
            let other: UserId = format!("00000000-0000-4000-8000-{i:012}").parse().unwrap();
            session(other).await;
        }
        let email = format!("ada{others}@example.com");
        let ada = person(&world, &email, "Ada").await.id;
        for _ in 0..3 {
            session(ada).await;
        }
        let mut cost = Vec::new();
        let ask = async |method: Method, path: String| {
            reads.store(0, Ordering::SeqCst);
            let (status, said) = world.admin(method, &path, "", "").await;
            assert!((200..300).contains(&status), "{path} {said}");
            reads.load(Ordering::SeqCst)
        };
        let at = "/accounts/acme";
        for (method, path) in [
            (Method::GET, format!("{at}/sessions?user={ada}")),
            (Method::GET, format!("{at}/grants?user={ada}")),
            (Method::GET, format!("{at}/users/{ada}/export")),
            (Method::DELETE, format!("{at}/users/{ada}/sessions")),
            (Method::DELETE, format!("{at}/grants?user={ada}")),
            (Method::DELETE, format!("{at}/users/{ada}")),
        ] {
            cost.push(ask(method, path).await);
        }
        let left = session::page_of(&*world.store, &acme, ada, None, 10).await;
        assert!(left.unwrap().is_empty());
        costs.push(cost);
    }
    println!(
        "records read: alone {:?}, among 5,000 {:?}",
        costs[0], costs[1]
    );
    for (alone, among) in costs[0].iter().zip(&costs[1]) {
        assert!(*among <= alone + 50, "{costs:?}");
    }
}
