//! The real broker on a disk that stalls, fails or is full, and killed between
//! the changes of administrators.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use vestibule::account::directory::{self, Wanted};
use vestibule::account::{self, Mappings, credential};
use vestibule::authority::Applications;
use vestibule::base::{AccountId, SystemClock};
use vestibule::config::Config;
use vestibule::key::Keyring;
use vestibule::store::Store;
use vestibule::{audit, broker, config, operator};

use super::disk::{Disk, EIO, EROFS, Fault};
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

/// As a kernel does with a file system on which it found errors.
#[test]
fn d3_a_disk_that_turns_read_only_while_it_runs() {
    let disk = Disk::new();
    let dir = disk.dir();
    assert!(create(&dir, "acme").status.success());
    let broker = Broker::start(disk.under(&mut vestibule(&dir, &["serve"]))).unwrap();
    assert!(create(&dir, "before").status.success());
    disk.set(Fault::Write, EROFS);
    let refused = create(&dir, "during");
    assert!(!refused.status.success(), "it can't have been written");
    assert!(!broker.is_ready(), "it can't write");
    assert!(broker.get("/healthz").starts_with("HTTP/1.1 200 "));
    let shown = run(&dir, &["account", "show", "before", "--json"]);
    assert!(shown.status.success(), "it reads on");
    disk.set(Fault::Write, 0);
    while !broker.is_ready() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let shown = run(&dir, &["account", "show", "during", "--json"]);
    assert!(!shown.status.success(), "what was refused is there");
    assert!(create(&dir, "during").status.success());
    drop(broker);
    let broker = Broker::start(&mut vestibule(&dir, &["serve"])).unwrap();
    for account in ["before", "during"] {
        let shown = run(&dir, &["account", "show", account, "--json"]);
        assert!(shown.status.success(), "{account}");
    }
    drop(broker);
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

fn set_password(dir: &Path, user: &str) -> Output {
    let arguments = ["user", "set-password", user, "--account", "acme"];
    let mut child = vestibule(dir, &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading, where the broker was killed.
    let _ = writeln!(child.stdin.take().unwrap(), "correct horse battery 1A");
    child.wait_with_output().unwrap()
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
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let (dir, base, mapping) = (dir.clone(), base.path().to_owned(), mapping.clone());
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    let file = base.join(format!("{worker}.toml"));
                    let mut done = 0_usize;
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
                            3 => {
                                // Made, renamed and removed.
                                let id = format!("b-{round}-{}", done / 3);
                                match done % 3 {
                                    0 => create(&dir, &id),
                                    1 => {
                                        run(&dir, &["account", "change", &id, "--name", "Renamed"])
                                    }
                                    _ => run(&dir, &["account", "remove", &id, "--yes"]),
                                }
                            }
                            4 => {
                                let email = format!("u-{round}-{}@example.test", done / 2);
                                let at = ["--account", "acme"];
                                if done.is_multiple_of(2) {
                                    run(&dir, &[&["user", "create", &email][..], &at].concat())
                                } else {
                                    set_password(&dir, &email)
                                }
                            }
                            5 if done.is_multiple_of(2) => {
                                run(&dir, &["key", "rotate", "--prepare"])
                            }
                            5 => run(&dir, &["key", "rotate"]),
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

/// Accounts, operators, applications, users, passwords and versions of mappings are
/// those that the log tells of; what was changed or removed is, and the keys are what
/// its last entry says.
async fn assert_together(dir: &Path, round: u32) {
    let mut config = config::from_parts("", [], None).unwrap();
    config.data_dir = dir.to_owned();
    let store = broker::open_store(&config, Arc::new(SystemClock))
        .await
        .unwrap();
    let entries = entries(&*store).await;
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &entries {
        *told.entry(entry.what.clone()).or_default() += 1;
    }
    let about = |what: &str| -> BTreeSet<String> {
        let entries = entries.iter().filter(|entry| entry.what == what);
        entries.map(|entry| entry.target.clone()).collect()
    };
    let accounts = account::page(&*store, None, 100_000).await.unwrap();
    let removed = about("account.remove");
    let renamed = accounts.iter().map(|account| &account.value);
    let renamed: BTreeSet<_> = renamed
        .filter(|account| account.name == "Renamed")
        .map(|account| format!("/accounts/{}", account.id))
        .collect();
    let changed: BTreeSet<_> = &about("account.change") - &removed;
    assert_eq!(renamed, changed, "round {round}");
    let all = Mappings::new(
        Arc::clone(&store),
        broker::policy(&config),
        broker::redirects(&config),
    );
    let (acme, provider) = ("acme".parse().unwrap(), "acme".parse().unwrap());
    let versions = all.history(&acme, &provider, None, 100_000).await.unwrap();
    let count = |what: &str| told.get(what).copied().unwrap_or_default();
    let ever = count("account.create") - count("account.remove");
    assert_eq!(accounts.len(), ever, "round {round}");
    users_are_as_told(&*store, &acme, &about, round).await;
    keys_are_as_told(&store, &config, &entries, round).await;
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

async fn users_are_as_told(
    store: &dyn Store,
    acme: &AccountId,
    about: &impl Fn(&str) -> BTreeSet<String>,
    round: u32,
) {
    let everybody = Wanted::default();
    let all = directory::search(store, acme, &everybody, None, 100_000);
    let (mut users, mut with_password) = (BTreeSet::new(), BTreeSet::new());
    for (_, user) in all.await.unwrap() {
        let place = format!("/accounts/acme/users/{}", user.value.id);
        let password = credential::get(store, acme, user.value.id).await.unwrap();
        with_password.extend(password.map(|_| format!("{place}/password")));
        users.insert(place);
    }
    assert_eq!(users, about("user.create"), "round {round}");
    assert_eq!(with_password, about("password.set"), "round {round}");
}

/// All of the audit log, page by page.
async fn entries(store: &dyn Store) -> Vec<audit::Entry> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let wanted = audit::Wanted::default();
        let page = audit::page(store, &wanted, after.as_deref(), 10_000).await;
        let page = page.unwrap();
        all.extend(page.entries);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn keys_are_as_told(
    store: &Arc<dyn Store>,
    config: &Config,
    entries: &[audit::Entry],
    round: u32,
) {
    let last = entries
        .iter()
        .rev()
        .find(|entry| entry.what.starts_with("key."));
    let Some(last) = last else { return };
    let clock = Arc::new(SystemClock);
    let (auth, dir) = (&config.auth, &config.data_dir);
    let keys = Keyring::open(Arc::clone(store), auth, clock, dir, Duration::from_secs(60));
    let keys = keys.await.unwrap();
    let are: Vec<_> = keys
        .list()
        .into_iter()
        .map(|key| json!([key.kid, key.state]))
        .collect();
    let told = last.after.as_array().unwrap().iter();
    let told: Vec<_> = told.map(|key| json!([key["kid"], key["state"]])).collect();
    assert_eq!(are, told, "round {round}: {}", last.what);
}
