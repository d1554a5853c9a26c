//! Attacks by connections: rows F13, F14, F15, F24 and F25. Time here is the
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
            .env("VESTIBULE_DATA_DIR", home.path().join("data"))
            .env("VESTIBULE_LISTEN", at.to_string())
            .env("VESTIBULE_PUBLIC_URL", format!("http://{at}"))
            .env("VESTIBULE_METRICS__LISTEN", "")
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
            .env("VESTIBULE_DATA_DIR", self.home.path().join("data"))
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
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
