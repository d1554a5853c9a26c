//! How many instructions a login takes in the broker, which does not depend on
//! how busy the machine is.
//!
//! `cargo bench --bench instructions` counts with callgrind, compares with
//! `benches/instructions/expected`, and fails if a login takes 5 % more. A change
//! that is worth it writes the new number into that file. Without valgrind it
//! says so and counts nothing.
//!
//! The broker is a process of its own on one thread, with its records in memory:
//! what a disk does is not the same twice. Two counts are subtracted, so that
//! its start is in neither. The logins are of people who return.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "login/arguments.rs"]
mod arguments;
#[allow(dead_code)]
#[path = "login/browser.rs"]
mod browser;
#[path = "login/idp.rs"]
mod idp;
#[allow(dead_code)]
#[path = "login/process.rs"]
mod process;

use std::fs;
use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use browser::Browser;
use process::{Process, fill, free_port};
use tokio::net::{TcpListener, TcpStream};
use vestibule::base::SystemClock;
use vestibule::broker::Broker;
use vestibule::config;
use vestibule::http::server::{Listener, ServerOptions, serve};
use vestibule::store::MemoryStore;

/// The broker has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Logins of the shorter count: enough for every user of the browser to be known.
const FEW: u64 = 60;
/// Logins that the longer count has more.
const MORE: u64 = 100;
/// Growth that is an error, in percent.
const TOLERANCE: u64 = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match words[..] {
        ["idp", port] => {
            runtime.block_on(idp::serve(port.parse().unwrap()));
            ExitCode::SUCCESS
        }
        ["broker", port, idp] => {
            runtime.block_on(broker(port.parse().unwrap(), idp));
            ExitCode::SUCCESS
        }
        _ => runtime.block_on(compare()),
    }
}

/// Serves until its standard input ends.
async fn broker(port: u16, idp: &str) {
    let origin = format!("http://127.0.0.1:{port}");
    let data = tempfile::tempdir().unwrap();
    let mut config = config::from_parts("", [], None).unwrap();
    config.public_url = Some(origin.parse().unwrap());
    config.data_dir = data.path().to_owned();
    config.outbound.allow_http = true;
    config.outbound.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let broker = Broker::on(store, &config, clock).await.unwrap();
    fill(&broker, "shop", &origin, idp).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    serve(
        vec![Listener::Tcp(listener)],
        broker.router(),
        ServerOptions::default(),
        async {
            let end = || std::io::stdin().read_to_end(&mut Vec::new());
            let _ = tokio::task::spawn_blocking(end).await;
        },
    )
    .await
    .unwrap();
}

/// Instructions of a broker that serves so many logins.
async fn count(logins: u64, idp: &Process) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("callgrind.out");
    let port = free_port();
    let mut child = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["broker", &port.to_string(), &idp.origin()])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut waited = 0;
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        waited += 1;
        assert!(
            waited < 1200 && child.try_wait().unwrap().is_none(),
            "the broker did not start under valgrind"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut browser = Browser::open(port, 0).await;
    for _ in 0..logins {
        browser.log_in().await;
    }
    drop(browser);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let text = fs::read_to_string(out).unwrap();
    let line = text.lines().find_map(|line| {
        line.strip_prefix("summary: ")
            .or(line.strip_prefix("totals: "))
    });
    line.unwrap().trim().parse().unwrap()
}

async fn compare() -> ExitCode {
    let found = Command::new("valgrind").arg("--version").output();
    if !found.is_ok_and(|found| found.status.success()) {
        println!("SKIPPED: there is no valgrind to count instructions with");
        return ExitCode::SUCCESS;
    }
    let expected: u64 = include_str!("instructions/expected")
        .trim()
        .parse()
        .unwrap();
    let idp = Process::idp().await;
    let (few, all) = (count(FEW, &idp).await, count(FEW + MORE, &idp).await);
    let each = all.saturating_sub(few) / MORE;
    println!("instructions of a login: {each}, expected {expected}");
    if each * 100 > expected * (100 + TOLERANCE) {
        println!(
            "that is more than {TOLERANCE} % more; where it is worth it, write {each} into benches/instructions/expected"
        );
        return ExitCode::FAILURE;
    }
    if each * (100 + TOLERANCE) < expected * 100 {
        println!("that is less: write {each} into benches/instructions/expected");
    }
    ExitCode::SUCCESS
}
