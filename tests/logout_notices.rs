//! Back-channel logout where an application or a broker is away.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use authority::{Client, claims, part, storefront};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use reqwest::Method;
use serde_json::Value;
use support::{Browser, World};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use vestibule::authority::application::NewApplication;

/// Longer than any wait between attempts.
const STEP: Duration = Duration::from_secs(11 * 60);

/// An application's endpoint: what it is told, and what it answers.
struct Application {
    address: SocketAddr,
    answers: Arc<AtomicU16>,
    told: mpsc::UnboundedReceiver<Value>,
    task: JoinHandle<()>,
}

type Ear = (Arc<AtomicU16>, mpsc::UnboundedSender<Value>);

async fn hear(State((answers, told)): State<Ear>, body: String) -> StatusCode {
    let token = body.strip_prefix("logout_token=").unwrap();
    told.send(part(token, 1)).unwrap();
    StatusCode::from_u16(answers.load(Ordering::SeqCst)).unwrap()
}

impl Application {
    async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let answers = Arc::new(AtomicU16::new(200));
        let (sender, told) = mpsc::unbounded_channel();
        let app = Router::new()
            .route("/told", post(hear))
            .with_state((Arc::clone(&answers), sender));
        Self {
            address: listener.local_addr().unwrap(),
            answers,
            told,
            task: tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
        }
    }

    async fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0).into()).await
    }

    /// What it is told next, however often the clock must be put on for that.
    async fn next(&mut self, world: &World) -> Value {
        for _ in 0..60 {
            let next = tokio::time::timeout(Duration::from_secs(2), self.told.recv());
            if let Ok(told) = next.await {
                return told.unwrap();
            }
            world.clock.advance(Duration::from_secs(20));
        }
        panic!("it was not told");
    }
}

async fn client(world: &World, application: &Application) -> Client {
    let uri = format!("http://{}/told", application.address);
    let new = NewApplication {
        backchannel_logout_uri: Some(uri),
        ..storefront()
    };
    Client::create(world, new).await
}

/// Logs a shopper in at an application and out at the store; gives the ID token.
async fn in_and_out(world: &World, client: &Client) -> Value {
    let browser = &mut Browser::new();
    let tokens = client.tokens(world, browser).await;
    let url = world.url("acme", "logout");
    let ours = [("origin", world.origin.as_str())];
    let page = browser
        .send(Method::POST, &url, &ours, Some(String::new()))
        .await;
    assert_eq!(page.status, 303, "{}", page.body);
    claims(&tokens["id_token"])
}

#[tokio::test]
async fn an_application_in_trouble_is_told_again() {
    let world = World::start().await;
    let mut application = Application::start().await;
    let client = client(&world, &application).await;
    application.answers.store(503, Ordering::SeqCst);
    let id = in_and_out(&world, &client).await;
    let first = application.next(&world).await;
    assert_eq!(first["sid"], id["sid"]);
    let second = application.next(&world).await;
    application.answers.store(200, Ordering::SeqCst);
    let third = application.next(&world).await;
    assert_eq!(third["sid"], id["sid"]);
    // Each a token of its own: the first may have ended since.
    assert_ne!(first["jti"], second["jti"]);
    assert!(second["iat"].as_u64() < third["iat"].as_u64());
    // It took the last one, so the next is of another session.
    world.clock.advance(STEP);
    let other = in_and_out(&world, &client).await;
    assert_eq!(application.next(&world).await["sid"], other["sid"]);
}

#[tokio::test]
async fn what_an_application_refuses_is_not_sent_again() {
    let world = World::start().await;
    let mut application = Application::start().await;
    let client = client(&world, &application).await;
    application.answers.store(400, Ordering::SeqCst);
    let id = in_and_out(&world, &client).await;
    assert_eq!(application.next(&world).await["sid"], id["sid"]);
    application.answers.store(200, Ordering::SeqCst);
    world.clock.advance(STEP);
    let other = in_and_out(&world, &client).await;
    assert_eq!(application.next(&world).await["sid"], other["sid"]);
}

#[tokio::test]
async fn a_notice_survives_the_broker_that_wrote_it() {
    let world = World::start().await;
    let application = Application::start().await;
    let client = client(&world, &application).await;
    let address = application.address;
    // Nobody listens there while the session ends.
    application.task.abort();
    drop(application.task.await);
    let id = in_and_out(&world, &client).await;
    let (store, named) = (Arc::clone(&world.store), world.named());
    drop(world);
    let after = World::beside(store, named).await;
    let mut application = Application::at(address).await;
    assert_eq!(application.next(&after).await["sid"], id["sid"]);
}

#[tokio::test]
async fn of_two_brokers_one_sends() {
    let world = World::start().await;
    let other = World::beside(Arc::clone(&world.store), world.named()).await;
    let mut application = Application::start().await;
    let client = client(&world, &application).await;
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.push(in_and_out(&world, &client).await["sid"].to_string());
    }
    let mut told = Vec::new();
    for _ in 0..20 {
        told.push(application.next(&world).await["sid"].to_string());
    }
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
    // Nor later: whatever was left over would come before the next one's.
    for world in [&world, &other] {
        world.clock.advance(STEP);
    }
    let last = in_and_out(&world, &client).await;
    assert_eq!(application.next(&world).await["sid"], last["sid"]);
    assert!(application.told.try_recv().is_err());
}
