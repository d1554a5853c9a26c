//! Redis servers of the test's own, from Debian's packages: one, one with a replica
//! and sentinels, and a cluster.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use vestibule::base::Secret;

use super::program::{free_port, have};

pub const PASSWORD: &str = "a-password-of-redis";
const SERVER: &str = "/usr/bin/redis-server";

/// A server.
pub struct Redis {
    child: Child,
    files: tempfile::TempDir,
    arguments: Vec<String>,
    pub port: u16,
}

fn present() -> bool {
    have(Path::new(SERVER), "install the Debian package redis-server")
}

/// A program that ends with the test.
fn program(path: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", path]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Redis {
    /// `None` where it is not installed.
    pub fn start() -> Option<Self> {
        Self::with(&["--requirepass", PASSWORD])
    }

    /// The same with settings of the test's.
    pub fn with(arguments: &[&str]) -> Option<Self> {
        present().then(|| {
            let arguments = arguments.iter().map(ToString::to_string).collect();
            let (files, port) = (tempfile::tempdir().unwrap(), free_port());
            Self {
                child: run(files.path(), port, &arguments),
                files,
                arguments,
                port,
            }
        })
    }

    /// Its URL.
    pub fn url(&self) -> Secret {
        Secret::new(format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port))
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, on the files that it left.
    pub fn start_again(&mut self) {
        self.child = run(self.files.path(), self.port, &self.arguments);
    }

    /// Stops it in its tracks, or lets it go on.
    pub fn pause(&self, paused: bool) {
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Has it do something; what it says.
    pub fn ask(&self, command: &[&str]) -> String {
        ask(self.port, command)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ask(port: u16, command: &[&str]) -> String {
    let said = Command::new("redis-cli")
        .args(["-p", &port.to_string(), "--no-auth-warning"])
        .env("REDISCLI_AUTH", PASSWORD)
        .args(command)
        .output()
        .unwrap();
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}

/// Tries again and again until it is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..1_200 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("it never came to that: {what}");
}

fn run(files: &Path, port: u16, arguments: &Vec<String>) -> Child {
    let mut child = program(SERVER)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .args(["--repl-diskless-sync-delay", "0", "--dir"])
        .arg(files)
        .args(arguments)
        .spawn()
        .unwrap();
    until("a Redis that answers", || {
        assert!(matches!(child.try_wait(), Ok(None)), "Redis does not start");
        ["PONG", "NOAUTH"]
            .iter()
            .any(|word| ask(port, &["ping"]).contains(word))
    });
    child
}

/// A primary, a replica, and three sentinels.
pub struct Watched {
    pub servers: Vec<Redis>,
    sentinels: Vec<Redis>,
}

impl Watched {
    pub fn start() -> Option<Self> {
        let login = ["--requirepass", PASSWORD, "--masterauth", PASSWORD];
        let primary = Redis::with(&login)?;
        let port = primary.port.to_string();
        let follow = format!("127.0.0.1 {port}");
        let replica = Redis::with(&[&login[..], &["--replicaof", &follow]].concat())?;
        let sentinels: Vec<Redis> = (0..3)
            .map(|_| {
                let (files, port) = (tempfile::tempdir().unwrap(), free_port());
                let file = files.path().join("sentinel.conf");
                let text = format!(
                    "port {port}\nbind 127.0.0.1\ndir {}\n\
                     sentinel monitor main 127.0.0.1 {} 2\n\
                     sentinel auth-pass main {PASSWORD}\n\
                     sentinel down-after-milliseconds main 500\n\
                     sentinel failover-timeout main 2000\n",
                    files.path().display(),
                    primary.port,
                );
                std::fs::write(&file, text).unwrap();
                let child = program(SERVER)
                    .arg(&file)
                    .arg("--sentinel")
                    .spawn()
                    .unwrap();
                Redis {
                    child,
                    files,
                    arguments: Vec::new(),
                    port,
                }
            })
            .collect();
        for sentinel in &sentinels {
            until("sentinels that know each other", || {
                let said = ask(sentinel.port, &["sentinel", "master", "main"]);
                let after = |name: &str| {
                    said.lines()
                        .skip_while(|line| *line != name)
                        .nth(1)
                        .map(str::to_owned)
                };
                after("num-slaves").as_deref() == Some("1")
                    && after("num-other-sentinels").as_deref() == Some("2")
            });
        }
        Some(Self {
            servers: vec![primary, replica],
            sentinels,
        })
    }

    pub fn url(&self) -> Secret {
        let hosts: Vec<String> = self
            .sentinels
            .iter()
            .map(|sentinel| format!("127.0.0.1:{}", sentinel.port))
            .collect();
        Secret::new(format!(
            "redis+sentinel://:{PASSWORD}@{}/main",
            hosts.join(",")
        ))
    }
}

/// Three primaries with a replica each.
pub struct Cluster {
    pub nodes: Vec<Redis>,
}

impl Cluster {
    pub fn start() -> Option<Self> {
        let nodes: Option<Vec<Redis>> = (0..6)
            .map(|_| {
                let bus = free_port().to_string();
                Redis::with(&[
                    "--requirepass",
                    PASSWORD,
                    "--masterauth",
                    PASSWORD,
                    "--cluster-enabled",
                    "yes",
                    "--cluster-port",
                    &bus,
                    "--cluster-node-timeout",
                    "1000",
                ])
            })
            .collect();
        let nodes = nodes?;
        let hosts: Vec<String> = nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(&hosts);
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        let said = create.env("REDISCLI_AUTH", PASSWORD).output().unwrap();
        assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stdout)
        );
        let this = Self { nodes };
        this.is_whole();
        for node in &this.nodes {
            until("replicas that have it all", || {
                let info = node.ask(&["info", "replication"]);
                info.contains("connected_slaves:1") || info.contains("master_link_status:up")
            });
        }
        Some(this)
    }

    /// Waits until all that run agree that all is well.
    pub fn is_whole(&self) {
        for node in &self.nodes {
            until("a cluster that is whole", || {
                let info = node.ask(&["cluster", "info"]);
                info.is_empty() || info.contains("cluster_state:ok")
            });
        }
    }

    /// Which of the nodes are primaries now.
    pub fn primaries(&self) -> Vec<usize> {
        let is = |index: &usize| self.nodes[*index].ask(&["role"]).starts_with("master");
        (0..self.nodes.len()).filter(is).collect()
    }

    pub fn url(&self) -> Secret {
        let hosts: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        Secret::new(format!("redis+cluster://:{PASSWORD}@{}", hosts.join(",")))
    }
}
