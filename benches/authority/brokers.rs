//! Two brokers in one process: one signs with EC, the other with RSA-4096. So
//! they share what the brokers' accounts would share: workers and processors.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use vestibule::account::directory;
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Applications, Grant, Scopes, password};
use vestibule::base::{AccountId, Clock, Secret, SystemClock};
use vestibule::broker::Broker;
use vestibule::config;
use vestibule::http::server::{Listener, ServerOptions, serve as serve_http};
use vestibule::key::{KeyKind, generate};
use vestibule::store::Precondition;

use super::arguments::Arguments;
use super::process::{Process, fill, free_port};

pub const CLIENT: &str = "bench";
/// As long as a generated one, and as random to the broker.
pub const SECRET: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const USER: &str = "ada@example.test";
pub const PASSWORD: &str = "correct-horse-battery-staple";

/// Starts them; gives the process, with the EC broker's port, and the RSA broker's.
pub async fn start(args: &Arguments, idp: &Process) -> (Process, u16) {
    let dir = TempDir::with_prefix_in("bench-authority-", &args.dir).unwrap();
    let (ec, rsa) = (free_port(), free_port());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .arg("brokers")
        .arg(dir.path().canonicalize().unwrap());
    command.args([&ec.to_string(), &rsa.to_string(), &idp.origin()]);
    // The RSA broker listens last, so that both do when this one does.
    (Process::start(&mut command, ec, Some(dir)).await, rsa)
}

/// Serves until it is killed.
pub async fn serve(dir: &Path, [ec, rsa]: [u16; 2], idp: &str) {
    let key = dir.join("rsa.pem");
    let pem = generate(KeyKind::Rsa4096).unwrap().to_pem(None).unwrap();
    fs::write(&key, pem.expose()).unwrap();
    let with_rsa = format!("private_key = '{}'", key.display());
    let other = broker(&dir.join("rsa"), rsa, &with_rsa, idp).await;
    let one = broker(&dir.join("ec"), ec, "", idp).await;
    tokio::join!(run(other, rsa), run(one, ec));
}

async fn broker(data: &Path, port: u16, auth: &str, idp: &str) -> Broker {
    let origin = format!("http://127.0.0.1:{port}");
    let text = format!(
        "public_url = '{origin}'\ndata_dir = '{}'\nauth = {{ {auth} }}\noutbound = {{ allow_http = true, allow_networks = ['127.0.0.0/8'] }}\n",
        data.display(),
    );
    let config = config::from_parts(&text, [], None).unwrap();
    let broker = Broker::open(&config, Arc::new(SystemClock)).await.unwrap();
    fill(&broker, &origin, idp).await;
    applications(&broker).await;
    broker
}

/// An application that may do everything, with a secret that is stored as a
/// generated one is, and a user with a password.
async fn applications(broker: &Broker) {
    let authority = &broker.app().authority;
    let store = &*authority.store;
    let now = SystemClock.now();
    let account: AccountId = "shop".parse().unwrap();
    let new = NewApplication {
        client_id: Some(CLIENT.parse().unwrap()),
        account: Some(account.clone()),
        grants: Some(
            [
                Grant::ClientCredentials,
                Grant::Password,
                Grant::RefreshToken,
            ]
            .into(),
        ),
        scopes: Some(Scopes::parse("offline_access orders").unwrap()),
        ..NewApplication::default()
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
