//! What it costs, from outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use super::Engine;
use super::fill::{Filled, Somebody, account_of};
use super::support::Browser;

/// Browsers at a time.
const BROWSERS: usize = 8;
/// Accounts that are logged in to.
const ACCOUNTS: usize = 500;
const SECRET: &str = "a-secret-of-the-bench-0123456789";

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Serving {
    /// Until it answers; says how long that took.
    async fn start(filled: &Filled, program: &Path) -> (Self, f64) {
        let began = Instant::now();
        let child = command(program, filled, &["serve"]).spawn();
        let mut serving = Self(child.unwrap());
        let mut browser = Browser::new();
        let address = filled.origin.trim_start_matches("http://");
        while tokio::net::TcpStream::connect(address).await.is_err() {
            let ended = serving.0.try_wait().unwrap();
            assert!(ended.is_none(), "it does not start: {ended:?}");
            assert!(began.elapsed() < Duration::from_secs(600), "it is too slow");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let page = browser.get(format!("{}/healthz", filled.origin)).await;
        assert_eq!(page.status, StatusCode::OK);
        (serving, began.elapsed().as_secs_f64())
    }

    /// CPU seconds it has used.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let rest = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        ticks / 100.0
    }

    /// MiB that it holds.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib / 1024.0
    }
}

fn command(program: &Path, filled: &Filled, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(filled.dir.path())
        .env("BENCH_SECRET", SECRET)
        .env("VESTIBULE_LOG", "error");
    command
}

/// Does something again and again; how often in all, and the CPU of the broker for each.
async fn drive(
    serving: &Serving,
    turn: Duration,
    work: &impl AsyncFn(usize, &mut Browser),
) -> (f64, f64) {
    let next = AtomicUsize::new(0);
    let (began, before) = (Instant::now(), serving.cpu());
    let one = async || {
        let mut browser = Browser::new();
        while began.elapsed() < turn {
            work(next.fetch_add(1, Ordering::Relaxed), &mut browser).await;
        }
    };
    futures_util::future::join_all((0..BROWSERS).map(|_| one())).await;
    let count = next.load(Ordering::Relaxed) as f64;
    let cpu = (serving.cpu() - before) / count;
    (count / began.elapsed().as_secs_f64(), cpu * 1e6)
}

/// The middle of several times, in milliseconds.
async fn middle(times: usize, mut work: impl AsyncFnMut(usize)) -> f64 {
    let mut took = Vec::new();
    for n in 0..times {
        let began = Instant::now();
        work(n).await;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    took[times / 2]
}

fn disk(dir: &Path) -> f64 {
    let entries = std::fs::read_dir(dir).unwrap();
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        match entry.metadata() {
            Ok(data) if data.is_dir() => disk(&entry.path()),
            Ok(data) => data.len() as f64,
            Err(_) => 0.0,
        }
    });
    sizes.sum()
}

pub async fn measure(
    filled: &Filled,
    engine: &Engine,
    program: &Path,
    turn: Duration,
) -> BTreeMap<&'static str, f64> {
    let mut found = BTreeMap::new();
    let origin = filled.origin.as_str();
    let made = command(
        program,
        filled,
        &[
            "app",
            "create",
            "--client-id",
            "bench",
            "--client-secret-env",
            "BENCH_SECRET",
            "--grant",
            "client_credentials",
            "--scope",
            "admin:read",
            "--scope",
            "admin:write",
        ],
    );
    let mut made = made;
    assert!(made.stdout(Stdio::null()).status().unwrap().success());
    let (serving, start) = Serving::start(filled, program).await;
    found.insert("start-up, ms", start * 1e3);
    found.insert("memory when idle, MiB", serving.memory());
    found.insert("a sweep that finds nothing, ms", filled.sweep * 1e3);

    let step = (filled.size.accounts / ACCOUNTS).max(1);
    let log_in = async |n: usize, browser: &mut Browser| {
        let account = account_of(1 + (n % ACCOUNTS) * step % (filled.size.accounts - 1));
        // A browser does not bring the cookies of hundreds of accounts.
        browser.jar.clear();
        let start =
            format!("{origin}/accounts/{account}/login?return_to=/accounts/{account}/session");
        let end = browser.log_in(&start, "ada", "lovelace").await;
        assert_eq!(end.status, StatusCode::OK, "{}", end.body);
    };
    // Once for each account, so that all are known to both; and then measured.
    drive(&serving, turn / 2, &log_in).await;
    let (rate, cpu) = drive(&serving, turn, &log_in).await;
    found.insert("logins a second, 8 browsers", rate);
    found.insert("CPU of the broker a login, µs", cpu);

    let samples = &filled.samples;
    let check = async |n: usize, browser: &mut Browser| {
        let Somebody { account, token, .. } = &samples[n % samples.len()];
        let cookie = format!("vestibule_{account}={token}");
        let url = format!("{origin}/accounts/{account}/check");
        let page = browser.get_with(&url, &[("cookie", &cookie)]).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    };
    drive(&serving, turn / 2, &check).await;
    let (rate, cpu) = drive(&serving, turn, &check).await;
    found.insert("checks a second, 8 clients", rate);
    found.insert("CPU of the broker a check, µs", cpu);

    let mut browser = Browser::new();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "bench"),
        ("client_secret", SECRET),
        ("scope", "admin:read admin:write"),
    ];
    let granted = browser.post(format!("{origin}/connect/token"), &form).await;
    let bearer = format!(
        "Bearer {}",
        granted.json()["access_token"].as_str().unwrap()
    );
    let headers = [("authorization", bearer.as_str())];
    let many = filled.size.users / 10;
    let search = middle(100, async |n| {
        let name = format!("number{}", n * 37 % many);
        let url = format!("{origin}/api/v1/accounts/a0/users?q={name}");
        let page = browser.get_with(&url, &headers).await;
        assert!(
            !page.json()["items"].as_array().unwrap().is_empty(),
            "{}",
            page.body
        );
    });
    found.insert("a search of the largest account's users, ms", search.await);
    let revoke = middle(50, async |n| {
        let Somebody { account, user, .. } = &samples[n];
        let url = format!("{origin}/api/v1/accounts/{account}/users/{user}/sessions");
        let page = browser.send(Method::DELETE, &url, &headers, None).await;
        assert!(page.status.is_success(), "{} {}", page.status, page.body);
    });
    found.insert("revoking one person, ms", revoke.await);
    found.insert("memory after it, MiB", serving.memory());
    drop(serving);
    let disk = match engine {
        Engine::Sled => disk(&filled.dir.path().join("data")),
        Engine::Shared(servers) => {
            let size = "SELECT pg_database_size(current_database())::text";
            servers.0.ask(size).await.parse().unwrap()
        }
    };
    let each = (filled.size.accounts + filled.size.users + filled.size.sessions) as f64;
    found.insert(
        "disk for each account, user and session, bytes",
        disk / each,
    );
    found
}
