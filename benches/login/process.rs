//! The processes of a run, what they have used, and their end.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use vestibule::account::mapping::Consent;
use vestibule::account::{self, Account, StoreFront};
use vestibule::base::{AccountId, Clock, SystemClock};
use vestibule::broker::Broker;
use vestibule::config;
use vestibule::provider::gallery;
use vestibule::store::Precondition;

use super::arguments::Arguments;

/// A running process; killed when it is dropped.
pub struct Process {
    child: Child,
    port: u16,
    data: Option<TempDir>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody uses at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Process {
    pub async fn start(command: &mut Command, port: u16, data: Option<TempDir>) -> Self {
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let process = Self { child, port, data };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{command:?} does not listen on port {port}");
    }

    /// The provider of both.
    pub async fn idp() -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().unwrap());
        Self::start(command.args(["idp", &port.to_string()]), port, None).await
    }

    /// The floor.
    pub async fn floor(idp: &Self) -> Self {
        let port = free_port();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["floor", &port.to_string(), &idp.origin()]);
        Self::start(&mut command, port, None).await
    }

    /// `vestibule serve` as an operator would start it, with one account whose
    /// one provider is `idp`. Its log goes to a file beside its data.
    pub async fn broker(args: &Arguments, idp: &Self) -> Self {
        Self::broker_of(args, &[("shop", &idp.origin())], "").await
    }

    /// The same with an account for each provider, and more of a configuration.
    pub async fn broker_of(args: &Arguments, accounts: &[(&str, &str)], more: &str) -> Self {
        let port = free_port();
        let origin = format!("http://127.0.0.1:{port}");
        let dir = TempDir::with_prefix_in("bench-login-", &args.dir).unwrap();
        let data = dir.path().canonicalize().unwrap().join("data");
        let text = format!(
            "{more}public_url = '{origin}'\nlisten = '127.0.0.1:{port}'\ndata_dir = '{}'\nmetrics = {{ listen = '' }}\noutbound = {{ allow_http = true, allow_networks = ['127.0.0.0/8'] }}\n",
            data.display(),
        );
        let file = dir.path().join("vestibule.toml");
        fs::write(&file, &text).unwrap();
        register(&text, &origin, accounts).await;
        let log = File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(&args.program);
        command.arg("--config").arg(&file).arg("serve");
        Self::start(command.stderr(log), port, Some(dir)).await
    }

    /// Ends it in order, as an operator would.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = tokio::task::block_in_place(|| self.child.wait()).unwrap();
        let log = self.data.as_ref().map(|dir| dir.path().join("log"));
        assert!(
            status.success(),
            "{status}: {:?}",
            log.map(fs::read_to_string)
        );
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// CPU time in user and kernel mode, in microseconds.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // In hundredths of a second.
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10_000.0
    }

    /// Resident memory in MiB.
    pub fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }
}

/// Puts the accounts into the data directory before the broker opens it.
async fn register(config: &str, origin: &str, accounts: &[(&str, &str)]) {
    let config = config::from_parts(config, [], None).unwrap();
    let broker = Broker::open(&config, Arc::new(SystemClock)).await.unwrap();
    for (account, idp) in accounts {
        fill(&broker, account, origin, idp).await;
    }
    broker.close().await.unwrap();
}

/// An account whose one provider is at `idp`.
pub async fn fill(broker: &Broker, account: &str, origin: &str, idp: &str) {
    let clock = SystemClock;
    let logins = &broker.app().logins;
    let id: AccountId = account.parse().unwrap();
    let account = Account::new(
        id.clone(),
        "Shop",
        vec![StoreFront::new(origin, &format!("/accounts/{account}")).unwrap()],
        clock.now(),
    );
    account::put(&*logins.store, &account, Precondition::Absent)
        .await
        .unwrap();
    let mapping = gallery::get("mock-idp")
        .unwrap()
        .replace("http://127.0.0.1:9091", idp);
    logins
        .mappings
        .apply(
            &id,
            &mapping,
            "bench",
            clock.now(),
            None,
            Consent::default(),
        )
        .await
        .unwrap();
}
