//! The real broker on a disk that stalls, fails or is full, and killed between
//! the changes of administrators.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use vestibule::account::{self, Mappings};
use vestibule::authority::Applications;
use vestibule::base::SystemClock;
use vestibule::{audit, broker, config, operator};

use super::disk::{Disk, EIO, Fault};
use super::{Dice, rounds};

/// `vestibule` on a data directory.
fn vestibule(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("VESTIBULE_DATA_DIR", dir)
        .env("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true")
        .env("VESTIBULE_OUTBOUND__ALLOW_NETWORKS", "127.0.0.0/8")
        .env("VESTIBULE_METRICS__LISTEN", "");
    command
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    vestibule(dir, arguments).output().unwrap()
}

/// A broker that serves.
struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    /// Starts it; `None` if it ends instead.
    fn start(command: &mut Command) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = command
            .env("VESTIBULE_LISTEN", format!("127.0.0.1:{port}"))
            .env("VESTIBULE_PUBLIC_URL", format!("http://127.0.0.1:{port}"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if line.contains("vestibule is serving") {
                std::thread::spawn(move || lines.for_each(drop));
                return Some(Self { child, port });
            }
            said.push(line);
        }
        child.wait().unwrap();
        println!("{}", said.join("\n"));
        None
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn is_ready(&self) -> bool {
        let answer = self.get("/readyz");
        let ready = answer.starts_with("HTTP/1.1 200 ");
        assert!(ready || answer.starts_with("HTTP/1.1 503 "), "{answer}");
        ready
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const STORE: &str = "https://www.acme.test";

/// An account; a store belongs to one alone.
fn create(dir: &Path, account: &str) -> Output {
    let own = format!("https://{account}.test");
    let store = if account == "acme" { STORE } else { &own };
    run(dir, &["account", "create", account, "--store", store])
}

/// An hour is longer than any test: only an answer that does not wait for the
/// disk comes.
const HOUR: u32 = 3_600_000;

#[test]
fn d3_readyz_sees_a_disk_that_stalls_or_fails() {
    let disk = Disk::new();
    assert!(create(&disk.dir(), "acme").status.success());
    let serve = || Broker::start(disk.under(&mut vestibule(&disk.dir(), &["serve"]))).unwrap();
    for (fault, value) in [
        (Fault::StallSync, HOUR),
        (Fault::StallRead, HOUR),
        (Fault::Read, EIO),
        (Fault::Sync, EIO),
        (Fault::Write, EIO),
    ] {
        let broker = serve();
        assert!(broker.is_ready(), "before {fault:?}");
        disk.set(fault, value);
        assert!(!broker.is_ready(), "{fault:?}");
        assert!(!broker.is_ready(), "still {fault:?}");
        // It lives on.
        assert!(
            broker.get("/healthz").starts_with("HTTP/1.1 200 "),
            "{fault:?}"
        );
        disk.set(fault, 0);
        if value == EIO {
            // It recovers by itself, as soon as it can.
            while !broker.is_ready() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    assert!(serve().is_ready());
}

#[test]
fn d3_a_full_disk_lets_a_broker_start_and_read() {
    let disk = Disk::new();
    let dir = disk.dir();
    assert!(create(&dir, "acme").status.success());
    let base = TempDir::new().unwrap();
    let file = base.path().join("large.toml").display().to_string();
    let mapping = include_str!("../../providers/mock-idp.toml");
    let grow = |what: &str| {
        let much = format!("# {what} {}\n", "x".repeat(1000)).repeat(40);
        std::fs::write(&file, format!("{mapping}\n{much}")).unwrap();
        let applied = run(&dir, &["provider", "apply", &file, "--account", "acme"]);
        applied.status.success()
    };
    for round in 0..3 {
        let full = std::fs::metadata(dir.join("db")).unwrap().len() / 1024;
        // Nothing grows: neither the log nor any other file.
        disk.set(Fault::LongestKib, u32::try_from(full).unwrap());
        let mut command = vestibule(&dir, &["serve"]);
        let mut broker = Broker::start(disk.under(&mut command)).expect("it must start");
        assert!(broker.get("/healthz").starts_with("HTTP/1.1 200 "));
        let shown = run(&dir, &["account", "show", "acme", "--json"]);
        let said = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.status.success() && said.contains(STORE), "{said}");
        // Until the room that the log has is used up.
        let mut made = 0;
        while grow(&format!("{round} {made}")) {
            made += 1;
            assert!(made < 300, "it never gets full");
        }
        assert!(!broker.is_ready(), "it is full");
        let shown = run(&dir, &["account", "show", "acme", "--json"]);
        assert!(shown.status.success(), "it reads on");
        // Killed while it is full, it starts while it is full.
        broker.child.kill().unwrap();
        broker.child.wait().unwrap();
        let mut command = vestibule(&dir, &["serve"]);
        let broker = Broker::start(disk.under(&mut command)).expect("it must start again");
        let shown = run(&dir, &["account", "show", "acme", "--json"]);
        assert!(shown.status.success(), "it reads after a start");
        disk.set(Fault::LongestKib, 0);
        while !broker.is_ready() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(create(&dir, &format!("last-{round}")).status.success());
    }
}

/// Administrators change things, and the broker is killed: whatever is on disk
/// has its entry in the audit log, and the other way round.
#[tokio::test]
async fn f19_a_kill_finds_no_change_without_its_entry() {
    let mut dice = Dice::throw();
    let base = TempDir::new().unwrap();
    let dir = base.path().join("data");
    assert!(create(&dir, "acme").status.success());
    let mapping = include_str!("../../providers/mock-idp.toml").replace("\"mock-idp\"", "\"acme\"");
    let mut acknowledged = 0;
    for round in 0..rounds(6) {
        let mut broker = Broker::start(&mut vestibule(&dir, &["serve"])).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..5)
            .map(|worker| {
                let (dir, base, mapping) = (dir.clone(), base.path().to_owned(), mapping.clone());
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    let file = base.join(format!("{worker}.toml"));
                    let mut done = 0;
                    // Once the broker is gone the commands work on the data themselves.
                    while !stop.load(Ordering::SeqCst) {
                        std::fs::write(&file, format!("{mapping}\n# {round} {worker} {done}\n"))
                            .unwrap();
                        let file = file.display().to_string();
                        let changed = match worker {
                            0 => create(&dir, &format!("a-{round}-{done}")),
                            1 => {
                                let email = format!("op-{round}-{done}@example.test");
                                run(&dir, &["operator", "create", &email])
                            }
                            2 => {
                                let id = format!("app-{round}-{done}");
                                let named = ["app", "create", "--client-id", &id];
                                let grant = ["--grant", "client_credentials"];
                                run(&dir, &[&named[..], &grant].concat())
                            }
                            _ => run(&dir, &["provider", "apply", &file, "--account", "acme"]),
                        };
                        done += usize::from(changed.status.success());
                    }
                    done
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300 + dice.roll(700)));
        broker.child.kill().unwrap();
        broker.child.wait().unwrap();
        stop.store(true, Ordering::SeqCst);
        for worker in workers {
            acknowledged += worker.join().unwrap();
        }
        assert_together(&dir, round).await;
    }
    println!("{acknowledged} changes were acknowledged");
    assert!(acknowledged > 20, "the administrators hardly worked");
}

/// Accounts, operators, applications and versions of mappings are as many as the log
/// tells of.
async fn assert_together(dir: &Path, round: u32) {
    let mut config = config::from_parts("", [], None).unwrap();
    config.data_dir = dir.to_owned();
    let store = broker::open_store(&config, Arc::new(SystemClock))
        .await
        .unwrap();
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for entry in audit::page(&*store, None, None, usize::MAX).await.unwrap() {
        *told.entry(entry.what).or_default() += 1;
    }
    let accounts = account::page(&*store, None, 100_000).await.unwrap().len();
    let all = Mappings::new(
        Arc::clone(&store),
        broker::policy(&config),
        broker::redirects(&config),
    );
    let (acme, provider) = ("acme".parse().unwrap(), "acme".parse().unwrap());
    let versions = all.history(&acme, &provider, None, 100_000).await.unwrap();
    let count = |what: &str| told.get(what).copied().unwrap_or_default();
    assert_eq!(accounts, count("account.create"), "round {round}");
    let operators = operator::page(&*store, None, 100_000).await.unwrap().len();
    assert_eq!(operators, count("operator.create"), "round {round}");
    let applications = Applications::page(&*store, None, None, 100_000);
    let applications = applications.await.unwrap().len();
    assert_eq!(applications, count("application.create"), "round {round}");
    assert_eq!(versions.len(), count("provider.apply"), "round {round}");
    let numbers: Vec<_> = versions
        .iter()
        .rev()
        .map(|version| version.number)
        .collect();
    let whole: Vec<_> = (1..=versions.len() as u64).collect();
    assert_eq!(numbers, whole, "round {round}");
    store.close().await.unwrap();
}
