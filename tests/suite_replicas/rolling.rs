//! Brokers as programs behind nginx, started again one after another while people log
//! in.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mock_idp::MockIdp;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::support::postgres::Postgres;
use super::support::program::{Program, free_port, have, listening};
use super::support::redis::Redis;
use super::support::replicas::MASTER_KEY;
use super::support::{Browser, mapping_for};

const NGINX: &str = "/usr/sbin/nginx";
/// People who log in at a time.
const PEOPLE: usize = 6;
/// How long a broker may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of them; it ends with the test.
struct Served {
    child: Child,
    dir: PathBuf,
    port: u16,
}

struct Fleet {
    base: TempDir,
    origin: String,
    settings: Vec<(&'static str, String)>,
    brokers: Vec<Served>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fleet {
    fn new(origin: &str, server: &Postgres, redis: &Redis) -> Self {
        let settings = vec![
            ("VESTIBULE_PUBLIC_URL", origin.to_owned()),
            (
                "VESTIBULE_STORE__DURABLE",
                server.url("postgres").expose().to_owned(),
            ),
            (
                "VESTIBULE_STORE__TRANSIENT",
                redis.url().expose().to_owned(),
            ),
            ("VESTIBULE_AUTH__MASTER_KEY", MASTER_KEY.to_owned()),
            ("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true".to_owned()),
            (
                "VESTIBULE_OUTBOUND__ALLOW_NETWORKS",
                "127.0.0.0/8".to_owned(),
            ),
            ("VESTIBULE_METRICS__LISTEN", String::new()),
            ("VESTIBULE_LOG", "error".to_owned()),
        ];
        Self {
            base: tempfile::tempdir().unwrap(),
            origin: origin.to_owned(),
            settings,
            brokers: Vec::new(),
        }
    }

    /// `vestibule` with a data directory that nobody made.
    fn command(&self, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command
            .args(arguments)
            .env("VESTIBULE_DATA_DIR", dir)
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, arguments: &[&str]) {
        let dir = self.base.path().join("command");
        let said = self.command(&dir, arguments).output().unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{arguments:?}: {text}");
    }

    fn spawn(&self, dir: &Path, port: u16) -> Child {
        let mut command = self.command(dir, &["serve"]);
        command.env("VESTIBULE_LISTEN", format!("127.0.0.1:{port}"));
        command.stderr(Stdio::inherit()).spawn().unwrap()
    }

    async fn start(&mut self) {
        let (port, n) = (free_port(), self.brokers.len());
        let dir = self.base.path().join(format!("broker-{n}"));
        let child = self.spawn(&dir, port);
        self.brokers.push(Served { child, dir, port });
        self.serves(n).await;
    }

    /// Waits until one answers.
    async fn serves(&self, n: usize) {
        let url = format!("http://127.0.0.1:{}/readyz", self.brokers[n].port);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let began = Instant::now();
        loop {
            let answer = client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "broker {n} does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends one by a signal, and starts it again where it was.
    async fn again(&mut self, n: usize, signal: Signal) {
        let pid = Pid::from_child(&self.brokers[n].child);
        kill_process(pid, signal).unwrap();
        let began = Instant::now();
        while matches!(self.brokers[n].child.try_wait(), Ok(None)) {
            assert!(began.elapsed() < PATIENCE, "broker {n} does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let child = self.spawn(&self.brokers[n].dir, self.brokers[n].port);
        self.brokers[n].child = child;
        self.serves(n).await;
    }

    /// What balances between them: a request whose broker is gone is sent to the next.
    async fn balancer(&self, port: u16) -> Program {
        let dir = self.base.path().display().to_string();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {dir}/{what};\n"))
            .concat();
        let servers: Vec<String> = self
            .brokers
            .iter()
            .map(|one| {
                format!(
                    "server 127.0.0.1:{} max_fails=1 fail_timeout=1s;\n",
                    one.port
                )
            })
            .collect();
        let servers = servers.concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log /dev/null crit;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}\
             upstream brokers {{\n{servers}keepalive 16;\n}}\n\
             server {{\nlisten 127.0.0.1:{port};\nlocation / {{\n\
             proxy_pass http://brokers;\nproxy_http_version 1.1;\n\
             proxy_set_header Connection \"\";\nproxy_set_header Host $http_host;\n\
             proxy_next_upstream error timeout;\n}}\n}}\n}}\n"
        );
        let path = self.base.path().join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let mut nginx = Command::new(NGINX);
        let program = Program::start(nginx.args(["-e", "stderr", "-c"]).arg(&path));
        listening(port).await;
        program
    }
}

/// What became of the logins.
#[derive(Default)]
struct Count {
    done: AtomicUsize,
    /// Not done, with what the page said.
    lost: std::sync::Mutex<Vec<String>>,
}

/// Somebody who logs in, asks who they are and comes again, until it stops.
async fn goes_on(origin: String, count: Arc<Count>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let mut browser = Browser::new();
        let start = format!("{origin}/accounts/acme/login?return_to=/accounts/acme/session");
        let mut page = browser.get(&start).await;
        if page.status.is_redirection() {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            page = browser.get(callback.as_str()).await;
            page = browser.follow(page).await;
        }
        let is_in = page.status == StatusCode::OK && page.body.contains("\"authenticated\":true");
        if is_in {
            count.done.fetch_add(1, Ordering::SeqCst);
        } else {
            let text: String = page.body.chars().take(600).collect();
            let said = format!("{} {} {text}", page.status, page.url.path());
            count.lost.lock().unwrap().push(said);
        }
    }
}

/// Logins that run until more were done.
async fn more(count: &Count) {
    let before = count.done.load(Ordering::SeqCst);
    let began = Instant::now();
    while count.done.load(Ordering::SeqCst) < before + 2 * PEOPLE {
        assert!(began.elapsed() < PATIENCE, "nobody gets in");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn brokers_that_are_started_again_one_after_another_lose_no_login() {
    if !have(Path::new(NGINX), "install the Debian package nginx") {
        return;
    }
    let (Some(server), Some(redis)) = (Postgres::start(), Redis::start()) else {
        return;
    };
    let port = free_port();
    let origin = format!("http://127.0.0.1:{port}");
    let mut fleet = Fleet::new(&origin, &server, &redis);
    fleet.run(&["data", "migrate"]);
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let mapping = fleet.base.path().join("mock-idp.toml");
    std::fs::write(&mapping, mapping_for(&idp)).unwrap();
    let create = ["account", "create", "acme", "--store", origin.as_str()];
    fleet.run(&[&create[..], &["--auth-path", "/accounts/acme"]].concat());
    let file = mapping.display().to_string();
    fleet.run(&["provider", "apply", &file, "--account", "acme"]);
    for _ in 0..3 {
        fleet.start().await;
    }
    let _nginx = fleet.balancer(port).await;

    let (count, stop) = (Arc::new(Count::default()), Arc::new(AtomicBool::new(false)));
    let people: Vec<_> = (0..PEOPLE)
        .map(|_| {
            let (origin, count) = (fleet.origin.clone(), Arc::clone(&count));
            tokio::spawn(goes_on(origin, count, Arc::clone(&stop)))
        })
        .collect();
    more(&count).await;
    // Somebody who began before and ends after all of it.
    let mut slow = Browser::new();
    let start = format!("{origin}/accounts/acme/login?return_to=/accounts/acme/session");
    let callback = slow.to_callback(&start, "grace", "hopper").await;
    for n in 0..3 {
        fleet.again(n, Signal::TERM).await;
        more(&count).await;
    }
    let after_term = count.lost.lock().unwrap().len();
    let page = slow.get(callback.as_str()).await;
    let page = slow.follow(page).await;
    assert!(
        page.body.contains("\"authenticated\":true"),
        "{}",
        page.body
    );

    // One that is killed takes with it at most what it was just answering.
    fleet.again(1, Signal::KILL).await;
    more(&count).await;
    stop.store(true, Ordering::SeqCst);
    for person in people {
        person.await.unwrap();
    }
    let page = slow.get(format!("{origin}/accounts/acme/session")).await;
    assert!(
        page.body.contains("\"authenticated\":true"),
        "{}",
        page.body
    );
    let (done, lost) = (
        count.done.load(Ordering::SeqCst),
        count.lost.lock().unwrap(),
    );
    println!("{done} logins, {} lost: {lost:#?}", lost.len());
    assert_eq!(after_term, 0, "{lost:#?}");
    assert!(lost.len() <= PEOPLE, "{lost:#?}");
}
