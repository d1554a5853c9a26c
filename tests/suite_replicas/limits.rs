//! Guessing at many names, at many brokers.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use vestibule::base::{Secret, SystemClock};
use vestibule::config::StorePlace;
use vestibule::store::PostgresStore;

use super::support::Browser;
use super::support::postgres::Postgres;
use super::support::replicas::{ORIGIN, Replica};

/// A broker behind a proxy that says whose request it is.
async fn behind_a_proxy(durable: &Secret) -> Replica {
    let place = StorePlace::Postgres(durable.clone());
    Replica::with(|config| {
        config.store = place;
        config.proxies.networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// A try at an operator's password; whether it was looked at.
async fn guesses(replica: &Replica, name: &str, address: &str) -> bool {
    let body = format!("email={name}@example.test&password=Winter2026!");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", ORIGIN),
        ("x-forwarded-for", address),
    ];
    let url = format!("{ORIGIN}/admin/login");
    let mut browser = Browser::new();
    browser.moves_to(replica);
    let page = browser.send(Method::POST, &url, &headers, Some(body)).await;
    match page.status {
        StatusCode::UNPROCESSABLE_ENTITY => true,
        StatusCode::TOO_MANY_REQUESTS => false,
        other => panic!("{other} {}", page.body),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f30_who_guesses_at_many_names_is_slowed_by_all_brokers_together() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = server.empty().await;
    PostgresStore::migrate(&url, Arc::new(SystemClock))
        .await
        .unwrap();
    let (one, two) = (behind_a_proxy(&url).await, behind_a_proxy(&url).await);
    let mut looked_at = 0;
    for n in 0..24 {
        let at = if n % 2 == 0 { &one } else { &two };
        let address = format!("203.0.113.{n}");
        looked_at += u32::from(guesses(at, &format!("op{n}"), &address).await);
    }
    assert!((10..=11).contains(&looked_at), "{looked_at}");
    // It outlives those that counted.
    one.kill();
    two.kill();
    let three = behind_a_proxy(&url).await;
    assert!(!guesses(&three, "another", "203.0.113.200").await);
    assert!(guesses(&three, "another", "198.51.100.7").await);
}
