//! Attacks by connections: rows H7, F13, F14, F15, F24, F25 and F28. Time here is the
//! kernel's and the connections'.

#![allow(missing_docs, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vestibule::http::server::{Listener, Server, ServerOptions, bind};

/// Far longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(30);

struct Running {
    at: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn running(options: ServerOptions) -> Running {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/", get(async || "here"))
        .route("/", post(async |body: String| body));
    let (stop, stopped) = oneshot::channel();
    let server = Server::new(options).listen(Listener::Tcp(listener), app);
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Running {
        at,
        stop: Some(stop),
        task,
    }
}

async fn connect(from: [u8; 4], at: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(at).await.unwrap()
}

/// A request on an open connection; empty where it was closed.
async fn asked(stream: &mut TcpStream) -> String {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    if stream.write_all(request).await.is_err() {
        return String::new();
    }
    let mut answer = String::new();
    while !answer.ends_with("here") {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes).await {
            Ok(n) if n > 0 => answer.push_str(&String::from_utf8_lossy(&bytes[..n])),
            _ => return String::new(),
        }
    }
    answer
}

#[tokio::test]
async fn f24_one_address_does_not_shut_out_the_others() {
    let options = ServerOptions {
        max_connections: 10,
        ..ServerOptions::default()
    };
    let running = running(options).await;
    let mut held = Vec::new();
    for _ in 0..30 {
        let mut stream = connect([127, 0, 0, 2], running.at).await;
        asked(&mut stream).await;
        held.push(stream);
    }
    let served = async {
        let mut other = connect([127, 0, 0, 3], running.at).await;
        asked(&mut other).await
    };
    let answer = tokio::time::timeout(LONG, served).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
}

#[tokio::test]
async fn f24_idle_connections_give_way_to_new_ones() {
    let options = ServerOptions {
        max_connections: 6,
        ..ServerOptions::default()
    };
    let running = running(options).await;
    let mut held = Vec::new();
    for host in 10..16 {
        let mut stream = connect([127, 0, 0, host], running.at).await;
        assert!(!asked(&mut stream).await.is_empty());
        held.push(stream);
    }
    let served = async {
        let mut new = connect([127, 0, 0, 3], running.at).await;
        asked(&mut new).await
    };
    let answer = tokio::time::timeout(LONG, served).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
}

/// Five hundred clients that send a byte now and then, of a head and of a body.
#[tokio::test]
async fn h07_dripping_clients_are_closed_in_time_and_others_are_served() {
    let limit = Duration::from_secs(2);
    let running = running(ServerOptions {
        header_timeout: limit,
        body_timeout: limit,
        ..ServerOptions::default()
    })
    .await;
    let begun = std::time::Instant::now();
    let mut dripping = tokio::task::JoinSet::new();
    for client in 0..500_u32 {
        let host = u8::try_from(10 + client % 50).unwrap();
        let mut stream = connect([127, 0, 0, host], running.at).await;
        dripping.spawn(async move {
            let head: &[u8] = if client.is_multiple_of(2) {
                b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "
            } else {
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
            };
            stream.write_all(head).await.unwrap();
            let mut tick = tokio::time::interval(Duration::from_millis(100));
            let mut answer = [0; 512];
            loop {
                tokio::select! {
                    read = stream.read(&mut answer) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    },
                    _ = tick.tick() => if stream.write_all(b"x").await.is_err() {
                        return;
                    },
                }
            }
        });
    }
    let mut served = 0;
    while !dripping.is_empty() {
        let mut other = connect([127, 0, 0, 3], running.at).await;
        let answer = tokio::time::timeout(limit, asked(&mut other)).await;
        let answer = answer.expect("they hold up the others");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        served += 1;
        while dripping.try_join_next().is_some() {}
        assert!(begun.elapsed() < LONG, "{} are still open", dripping.len());
        tokio::task::yield_now().await;
    }
    assert!(served > 1 && begun.elapsed() >= limit, "they were not slow");
}

#[tokio::test]
async fn f14_a_burst_of_connections_waits_in_the_queue() {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let queue: usize = std::fs::read_to_string("/proc/sys/net/core/somaxconn")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    // Nobody accepts. A connection that finds the queue full is not answered.
    let mut open = Vec::new();
    for _ in 0..queue.min(300) {
        let stream = tokio::time::timeout(LONG, TcpStream::connect(at)).await;
        open.push(stream.expect("the queue is short").unwrap());
    }
    drop(listener);
}

#[tokio::test]
async fn f15_a_request_that_is_not_whole_does_not_hold_up_the_end() {
    let options = ServerOptions {
        drain: Duration::from_secs(3600),
        header_timeout: Duration::from_secs(3600),
        body_timeout: Duration::from_secs(3600),
        ..ServerOptions::default()
    };
    let mut running = running(options).await;
    let mut head = connect([127, 0, 0, 1], running.at).await;
    head.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    let mut body = connect([127, 0, 0, 1], running.at).await;
    body.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        .await
        .unwrap();
    // Both have been read once another was answered.
    let mut third = connect([127, 0, 0, 1], running.at).await;
    assert!(!asked(&mut third).await.is_empty());
    running.stop.take().unwrap().send(()).unwrap();
    let ended = tokio::time::timeout(LONG, running.task).await;
    ended.expect("it waits for them").unwrap().unwrap();
}

#[tokio::test]
async fn f25_transfer_codings_that_are_not_known_are_refused() {
    let running = running(ServerOptions::default()).await;
    for coding in ["gzip, chunked", "identity, chunked", "x, chunked"] {
        let mut stream = connect([127, 0, 0, 1], running.at).await;
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 501"), "{coding}: {answer}");
    }
    let mut stream = connect([127, 0, 0, 1], running.at).await;
    let request =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// `vestibule serve` with at most so many descriptors, once it answers.
struct Program {
    child: std::process::Child,
    at: SocketAddr,
    home: tempfile::TempDir,
}

impl Program {
    async fn start(descriptors: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = free.local_addr().unwrap();
        drop(free);
        let child = Command::new("sh")
            .args([
                "-c",
                &format!("ulimit -n {descriptors} && exec \"$0\" serve"),
            ])
            .arg(env!("CARGO_BIN_EXE_vestibule"))
            .current_dir(home.path())
            .env_remove("VESTIBULE_STARTS")
            .env("VESTIBULE_DATA_DIR", home.path().join("data"))
            .env("VESTIBULE_LISTEN", at.to_string())
            .env("VESTIBULE_PUBLIC_URL", format!("http://{at}"))
            .env("VESTIBULE_METRICS__LISTEN", "")
            .env("VESTIBULE_TRUSTED_PROXIES", "127.0.0.250/32")
            .env("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true")
            .env("VESTIBULE_OUTBOUND__ALLOW_NETWORKS", "127.0.0.0/8")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let program = Self { child, at, home };
        program.answers().await;
        program
    }

    /// Waits until a request is answered.
    async fn answers(&self) {
        let asked = async {
            loop {
                if let Ok(mut stream) = TcpStream::connect(self.at).await {
                    let request =
                        b"GET /admin/login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                    let mut answer = String::new();
                    if stream.write_all(request).await.is_ok()
                        && stream.read_to_string(&mut answer).await.is_ok()
                        && answer.starts_with("HTTP/1.1 ")
                    {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, asked).await.expect("no answer");
    }

    /// A command on the running broker.
    fn does(&self, arguments: &[&str]) -> bool {
        Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(arguments)
            .current_dir(self.home.path())
            .env_remove("VESTIBULE_STARTS")
            .env("VESTIBULE_DATA_DIR", self.home.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    /// How many KiB of memory it has.
    fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// How many KiB its data directory takes.
    fn on_disk(&self) -> usize {
        use std::os::unix::fs::MetadataExt;
        fn blocks(dir: &std::path::Path) -> u64 {
            let entries = std::fs::read_dir(dir).unwrap().map_while(Result::ok);
            let each = entries.map(|entry| match entry.file_type() {
                Ok(kind) if kind.is_dir() => blocks(&entry.path()),
                _ => entry.metadata().map_or(0, |found| found.blocks()),
            });
            each.sum()
        }
        usize::try_from(blocks(&self.home.path().join("data")) / 2).unwrap()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn f13_idle_connections_leave_descriptors_for_the_store() {
    let program = Program::start(200).await;
    let mut held = Vec::new();
    for _ in 0..260 {
        if let Ok(stream) = TcpStream::connect(program.at).await {
            held.push(stream);
        }
    }
    assert!(held.len() > 200);
    assert!(program.does(&["account", "create", "acme"]));
    program.answers().await;
    drop(held);
}

/// Ten thousand connections that say nothing, or as many as this machine permits.
#[tokio::test]
async fn f13_ten_thousand_connections_leave_others_served() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .unwrap();
    let permitted = limit.maximum.unwrap_or(u64::MAX).min(1 << 20);
    let descriptors = usize::try_from(permitted).unwrap();
    let wanted = 10_000.min(descriptors.saturating_sub(500));
    let program = Program::start(descriptors).await;
    let mut held = Vec::new();
    for i in 0..wanted {
        let host = u8::try_from(10 + i % 200).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, host], 0).into()).unwrap();
        let open = tokio::time::timeout(LONG, socket.connect(program.at)).await;
        held.push(open.expect("the queue is full").unwrap());
    }
    program.answers().await;
    assert!(program.does(&["account", "create", "acme"]));
    println!("{} connections, {} KiB", held.len(), program.resident());
    // A connection costs some kilobytes, not a buffer of its largest request.
    assert!(
        program.resident() < 300_000 + 16 * wanted,
        "{} KiB",
        program.resident()
    );
    drop(held);
    program.answers().await;
}

/// How a start of a login is answered, on an open connection.
async fn started(stream: &mut TcpStream, at: SocketAddr, client: &str) -> u16 {
    let path = "x".repeat(3_900);
    let request = format!(
        "GET /accounts/acme/login?return_to=/{path} HTTP/1.1\r\nHost: {at}\r\nX-Forwarded-For: {client}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    loop {
        let mut bytes = [0; 8192];
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "closed");
        answer.extend_from_slice(&bytes[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            let status = head[9..12].parse().unwrap();
            assert!(status != 302 || head.contains("/authorize?"), "{head}");
            return status;
        }
    }
}

/// `VESTIBULE_STARTS=200000` begins as many; fewer show the same, as the bounds are
/// reached early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f28_login_starts_of_one_client_leave_memory_and_disk_bounded() {
    let starts = std::env::var("VESTIBULE_STARTS");
    let starts: usize = starts.map_or(4_000, |text| text.parse().unwrap());
    let program = Program::start(1024).await;
    let store = format!("http://{}", program.at);
    let path = ["--auth-path", "/accounts/acme"];
    let create = ["account", "create", "acme", "--store", &store];
    assert!(program.does(&[&create[..], &path].concat()));
    let mapping = program.home.path().join("mapping.toml");
    std::fs::write(&mapping, include_str!("../providers/mock-idp.toml")).unwrap();
    let mapping = mapping.display().to_string();
    assert!(program.does(&["provider", "apply", &mapping, "--account", "acme"]));
    let begun = std::time::Instant::now();
    let (mut accepted, mut slowed) = (0, 0);
    let mut flood = connect([127, 0, 0, 250], program.at).await;
    let mut other = connect([127, 0, 0, 250], program.at).await;
    let (memory, disk) = (program.resident(), program.on_disk());
    let mut longest = Duration::ZERO;
    for i in 0..starts {
        match started(&mut flood, program.at, "203.0.113.9").await {
            302 => accepted += 1,
            429 => slowed += 1,
            status => panic!("{status}"),
        }
        if i.is_multiple_of((starts / 20).max(1)) {
            let client = format!("198.51.100.{}", i * 20 / starts);
            let asked = std::time::Instant::now();
            let status = started(&mut other, program.at, &client).await;
            assert_eq!(status, 302);
            longest = longest.max(asked.elapsed());
        }
    }
    let (memory, disk) = (
        program.resident() - memory,
        program.on_disk().saturating_sub(disk),
    );
    println!(
        "{starts} starts in {:?}: {accepted} accepted, {slowed} slowed; {memory} KiB of memory, {disk} KiB of disk more; another client waited {longest:?} at most",
        begun.elapsed()
    );
    assert!(slowed > 0 && accepted >= 300, "{accepted} {slowed}");
    assert!(memory < 64 * 1024, "{memory} KiB of memory");
    assert!(disk < 64 * 1024, "{disk} KiB of disk");
}

#[tokio::test]
async fn f15_signals_that_are_no_end_do_not_end_it() {
    let mut program = Program::start(1024).await;
    for name in ["-HUP", "-XFSZ", "-HUP"] {
        program.signal(name);
        program.answers().await;
    }
    program.signal("-TERM");
    let status = tokio::task::spawn_blocking(move || program.child.wait().unwrap());
    assert!(status.await.unwrap().success(), "an orderly end");
}
