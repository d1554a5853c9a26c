//! One broker with two accounts: `shop` signs with EC, `vault` with RSA-4096.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use vestibule::account::{self, Account, directory};
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Applications, Grant, Scopes, password};
use vestibule::base::{AccountId, Clock, Secret, SystemClock};
use vestibule::broker::Broker;
use vestibule::config;
use vestibule::http::server::{Listener, ServerOptions, serve as serve_http};
use vestibule::key::{Algorithm, KeyKind, generate};
use vestibule::store::Precondition;

use super::arguments::Arguments;
use super::process::{Process, fill, free_port};

pub const CLIENT: &str = "bench";
/// The application of the account that wants RSA.
pub const RSA_CLIENT: &str = "bench-rsa";
/// The application that browsers visit.
pub const VISITED: &str = "bench-visited";
/// Where they come back to.
pub const CALLBACK: &str = "https://shop.example.test/callback";
/// And where to after a logout.
pub const AFTER_LOGOUT: &str = "https://shop.example.test/";
/// As long as a generated one, and as random to the broker.
pub const SECRET: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const USER: &str = "ada@example.test";
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// Starts it.
pub async fn start(args: &Arguments, idp: &Process) -> Process {
    let dir = TempDir::with_prefix_in("bench-authority-", &args.dir).unwrap();
    let port = free_port();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .arg("broker")
        .arg(dir.path().canonicalize().unwrap())
        .args([&port.to_string(), &idp.origin()]);
    Process::start(&mut command, port, Some(dir)).await
}

/// Serves until it is killed.
pub async fn serve(data: &Path, port: u16, idp: &str) {
    let origin = format!("http://127.0.0.1:{port}");
    let text = format!(
        "public_url = '{origin}'\ndata_dir = '{}'\noutbound = {{ allow_http = true, allow_networks = ['127.0.0.0/8'] }}\n",
        data.display(),
    );
    let config = config::from_parts(&text, [], None).unwrap();
    let broker = Broker::open(&config, Arc::new(SystemClock)).await.unwrap();
    fill(&broker, "shop", &origin, idp).await;
    vault(&broker).await;
    application(&broker, CLIENT, "shop", by_password()).await;
    application(&broker, RSA_CLIENT, "vault", by_password()).await;
    let visited = NewApplication {
        redirect_uris: vec![CALLBACK.to_owned()],
        post_logout_redirect_uris: vec![AFTER_LOGOUT.to_owned()],
        ..NewApplication::default()
    };
    application(&broker, VISITED, "shop", visited).await;
    user(&broker).await;
    run(broker, port).await;
}

/// The account that wants RSA, and the key for it.
async fn vault(broker: &Broker) {
    let authority = &broker.app().authority;
    let key = generate(KeyKind::Rsa4096).unwrap();
    let alone = |_: &[_], _: &[_]| Ok(Vec::new());
    authority.keys.import(&key, true, &alone).await.unwrap();
    let account = Account {
        signing_alg: Some(Algorithm::Rs256),
        ..Account::new(
            "vault".parse().unwrap(),
            "Vault",
            Vec::new(),
            SystemClock.now(),
        )
    };
    account::put(&*authority.store, &account, Precondition::Absent)
        .await
        .unwrap();
    authority.keys.ensure(Algorithm::Rs256).await.unwrap();
}

/// One that gets tokens on its own behalf, and by a password.
fn by_password() -> NewApplication {
    let grants = [
        Grant::ClientCredentials,
        Grant::Password,
        Grant::RefreshToken,
    ];
    NewApplication {
        grants: Some(grants.into()),
        scopes: Some(Scopes::parse("offline_access orders").unwrap()),
        ..NewApplication::default()
    }
}

/// An application with a secret that is stored as a generated one is.
async fn application(broker: &Broker, id: &str, account: &str, new: NewApplication) {
    let authority = &broker.app().authority;
    let store = &*authority.store;
    let now = SystemClock.now();
    let new = NewApplication {
        client_id: Some(id.parse().unwrap()),
        account: Some(account.parse().unwrap()),
        ..new
    };
    let (mut application, _) = new
        .make(&authority.hasher, &authority.audience, now)
        .await
        .unwrap();
    application.secrets = vec![
        serde_json::from_value(serde_json::json!({
            "hash": { "sha256": vestibule::base::digest::sha256_base64url(SECRET.as_bytes()) },
            "created_at": now,
        }))
        .unwrap(),
    ];
    Applications::put(store, &application, Precondition::Absent)
        .await
        .unwrap();
}

/// A user with a password.
async fn user(broker: &Broker) {
    let authority = &broker.app().authority;
    let store = &*authority.store;
    let now = SystemClock.now();
    let account: AccountId = "shop".parse().unwrap();
    let user = directory::create(store, &account, USER, None, now)
        .await
        .unwrap()
        .unwrap();
    let secret = Secret::new(PASSWORD);
    password::set(
        store,
        &authority.hasher,
        &account,
        user.value.id,
        &secret,
        now,
    )
    .await
    .unwrap();
}

async fn run(broker: Broker, port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let listeners = vec![Listener::Tcp(listener)];
    serve_http(
        listeners,
        broker.router(),
        ServerOptions::default(),
        std::future::pending(),
    )
    .await
    .unwrap();
}
