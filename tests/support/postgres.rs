//! A PostgreSQL server of the test's own, from Debian's packages.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use vestibule::base::Secret;

use super::program::{free_port, have};

/// The user that the server's superuser is, and its password.
pub const USER: &str = "vestibule";
pub const PASSWORD: &str = "a-password-of-the-test";

pub struct Postgres {
    child: Child,
    files: tempfile::TempDir,
    pub port: u16,
    made: AtomicUsize,
    /// Whether its files are on a file system of their own.
    mounted: bool,
}

/// Where the newest server's programs are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("postgres").exists())
        .collect();
    found.sort();
    let first = found.pop().unwrap_or("/usr/lib/postgresql/15/bin".into());
    have(
        &first.join("postgres"),
        "install the Debian package postgresql",
    )
    .then_some(first)
}

/// A program of the server's, which refuses to run as root. It ends with the test.
fn program(path: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if geteuid().is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg(path);
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Gives a file to the user that the server runs as.
fn give(path: &Path) {
    if geteuid().is_root() {
        let of = |what: &str| -> u32 {
            let said = Command::new("id")
                .args([what, "postgres"])
                .output()
                .unwrap();
            String::from_utf8(said.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        };
        chown(path, Some(of("-u")), Some(of("-g"))).unwrap();
    }
}

impl Postgres {
    /// `None` where it is not installed.
    pub fn start() -> Option<Self> {
        Some(Self::in_files(
            &programs()?,
            tempfile::tempdir().unwrap(),
            16,
        ))
    }

    /// One whose disk has so many MiB; `None` also where no file system can be mounted.
    pub fn on_small_disk(mib: usize) -> Option<Self> {
        let programs = programs()?;
        let files = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "small"])
            .arg(files.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            let missing = "SKIPPED: who runs this may not mount a file system";
            let _ = writeln!(std::io::stderr(), "{missing}");
            return None;
        }
        let mut this = Self::in_files(&programs, files, 1);
        this.mounted = true;
        Some(this)
    }

    /// Leaves no room on a small disk, or all that the server has not used itself.
    pub fn fill_disk(&self, full: bool) {
        let ballast = self.files.path().join("ballast");
        if !full {
            return std::fs::remove_file(ballast).unwrap();
        }
        let mut file = std::fs::File::create(ballast).unwrap();
        let some = vec![0; 64 << 10];
        while file.write_all(&some).is_ok() {}
        while file.write_all(&some[..512]).is_ok() {}
    }

    /// Whether it still runs, or has ended by itself.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// With parts of its log of so many MiB.
    fn in_files(programs: &Path, files: tempfile::TempDir, log: usize) -> Self {
        std::fs::set_permissions(files.path(), PermissionsExt::from_mode(0o700)).unwrap();
        give(files.path());
        let password = files.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        give(&password);
        let said = program(&programs.join("initdb"))
            .args(["--no-sync", "--encoding=UTF8", "--locale=C"])
            .arg(format!("--wal-segsize={log}"))
            .args(["--auth=scram-sha-256", "--username", USER, "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(files.path().join("data"))
            .output()
            .unwrap();
        assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stderr)
        );
        Self::on(programs, files, free_port())
    }

    fn on(programs: &Path, files: tempfile::TempDir, port: u16) -> Self {
        Self {
            child: server(programs, files.path(), port),
            files,
            port,
            made: AtomicUsize::new(0),
            mounted: false,
        }
    }

    /// A standby of it, which follows.
    pub fn standby(&self) -> Self {
        let programs = programs().unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::set_permissions(files.path(), PermissionsExt::from_mode(0o700)).unwrap();
        give(files.path());
        let said = program(&programs.join("pg_basebackup"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER])
            .args(["--checkpoint=fast", "--no-sync", "-R", "-D"])
            .arg(files.path().join("data"))
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(
            said.status.success(),
            "{}",
            String::from_utf8_lossy(&said.stderr)
        );
        Self::on(&programs, files, free_port())
    }

    /// From now on a commit is one when all standbys have it too.
    pub async fn synchronous(&self) {
        let set = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        self.run("postgres", set).await;
        self.run("postgres", "SELECT pg_reload_conf()").await;
    }

    /// Makes a standby the primary.
    pub async fn promote(&self) {
        self.run("postgres", "SELECT pg_promote()").await;
    }

    /// Kills it like a power cut, and starts it again.
    pub fn crash(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.child = server(&programs().unwrap(), self.files.path(), self.port);
    }

    /// Kills it like a power cut.
    pub fn kill(&mut self) {
        let parts = children(Pid::from_child(&self.child));
        self.child.kill().unwrap();
        for part in &parts {
            let _ = kill_process(*part, Signal::KILL);
        }
        self.child.wait().unwrap();
        // They hold the memory that the next one wants for itself.
        let there = |pid: &Pid| test_kill_process(*pid).is_ok();
        while parts.iter().any(there) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it in its tracks, or lets it go on.
    pub fn pause(&self, paused: bool) {
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        let main = Pid::from_child(&self.child);
        let _ = kill_process(main, signal);
        for child in children(main) {
            let _ = kill_process(child, signal);
        }
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> Secret {
        Secret::new(format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        ))
    }

    /// A new and empty schema of the first database: quicker made than a database.
    pub async fn empty(&self) -> Secret {
        let name = format!("s{}", self.made.fetch_add(1, Ordering::SeqCst));
        self.run("postgres", &format!("CREATE SCHEMA {name}")).await;
        let url = self.url("postgres");
        Secret::new(format!("{}?options=-csearch_path%3D{name}", url.expose()))
    }

    /// Has the server do something.
    pub async fn run(&self, database: &str, sql: &str) {
        self.run_at(&self.url(database), sql).await;
    }

    /// The first value that a statement gives.
    pub async fn ask(&self, sql: &str) -> String {
        let url = self.url("postgres");
        let (client, connection) = tokio_postgres::connect(url.expose(), tokio_postgres::NoTls)
            .await
            .unwrap();
        let task = tokio::spawn(connection);
        let row = client.query_one(sql, &[]).await.unwrap();
        drop(client);
        task.await.unwrap().unwrap();
        row.get(0)
    }

    /// The URL of a database that is at one of two servers.
    pub fn url_with(&self, other: &Self, database: &str) -> Secret {
        let (one, two) = (self.port, other.port);
        Secret::new(format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{one},127.0.0.1:{two}/{database}"
        ))
    }

    /// The same where a URL says.
    pub async fn run_at(&self, url: &Secret, sql: &str) {
        let (client, connection) = tokio_postgres::connect(url.expose(), tokio_postgres::NoTls)
            .await
            .unwrap();
        let task = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        task.await.unwrap().unwrap();
    }
}

/// The processes that one started.
fn children(of: Pid) -> Vec<Pid> {
    let pid = of.as_raw_nonzero();
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}

fn server(programs: &Path, files: &Path, port: u16) -> Child {
    let mut child = program(&programs.join("postgres"))
        .args(["-c", "fsync=off", "-c", "shared_buffers=32MB"])
        .args(["-c", "max_connections=100", "-c", "log_min_messages=fatal"])
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
        .arg(files)
        .arg("-D")
        .arg(files.join("data"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ready = || {
        let mut ask = Command::new(programs.join("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        ask.status().unwrap().success()
    };
    let mut tried = 0;
    while !ready() {
        tried += 1;
        if tried > 2_400 || !matches!(child.try_wait(), Ok(None)) {
            let _ = child.kill();
            panic!("PostgreSQL does not start: {:?}", child.wait());
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    child
}

impl Postgres {
    fn end(&mut self) {
        self.pause(false);
        // The server's word for an end without waiting for those who are connected.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        for _ in 0..400 {
            if !self.runs() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.runs() {
            self.end();
        }
        if self.mounted {
            let mut unmount = Command::new("umount");
            let _ = unmount.arg("--lazy").arg(self.files.path()).status();
        }
    }
}
