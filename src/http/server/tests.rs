//! The server seen from a socket, with limits short enough to wait for.

mod lifecycle;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Extension;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::{Peer, Server, ServerOptions, Workers, bind};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(5);

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<io::Result<()>>,
    /// Lets the requests to `/slow` finish.
    finish: Arc<Notify>,
    _workers: Workers,
}

fn options() -> ServerOptions {
    ServerOptions {
        header_timeout: SHORT,
        idle_timeout: LONG,
        body_timeout: SHORT,
        drain: SHORT,
        ..ServerOptions::default()
    }
}

async fn start(options: ServerOptions) -> Running {
    let listener = bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let finish = Arc::new(Notify::new());
    let finished = Arc::clone(&finish);
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/peer",
            get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") }),
        )
        .route("/body", post(|body: String| async move { body }))
        .route(
            "/thread",
            get(|| async { std::thread::current().name().unwrap_or_default().to_owned() }),
        )
        .route("/big", get(|| async { vec![b'x'; 32 * 1024 * 1024] }))
        .route(
            "/slow",
            get(move || async move {
                finished.notified().await;
                "finished"
            }),
        );
    let (stop, stopped) = oneshot::channel();
    let workers = Workers::start().expect("threads");
    let server = Server::new(options).on(&workers).listen(listener, app);
    let done = tokio::spawn(server.run(async { drop(stopped.await) }));
    Running {
        address,
        stop: Some(stop),
        done,
        finish,
        _workers: workers,
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connects")
    }

    /// Sends bytes, and gives all that comes back until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.expect("writes");
        read_all(&mut stream).await
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut answer))
        .await
        .expect("closes")
        .expect("closes without a reset");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let count = tokio::time::timeout(LONG, stream.read(&mut buffer))
        .await
        .expect("answers")
        .expect("reads");
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

fn assert_status(answer: &str, status: u16) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    assert_eq!(
        answer.matches("HTTP/1.1 ").count(),
        1,
        "one answer only: {answer}"
    );
}

#[tokio::test]
async fn requests_know_their_peer() {
    let server = start(options()).await;
    let answer = server
        .exchange(b"GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_status(&answer, 200);
    assert!(answer.contains("Tcp(127.0.0.1:"), "{answer}");
}

/// Connections that stay open, as those of a proxy: each thread has as many.
#[tokio::test]
async fn connections_are_dealt_out_evenly() {
    let server = start(options()).await;
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let (mut open, mut counts) = (Vec::new(), std::collections::BTreeMap::new());
    for _ in 0..2 * threads {
        let mut stream = server.connect().await;
        let request = b"GET /thread HTTP/1.1\r\nHost: a\r\n\r\n";
        stream.write_all(request).await.expect("writes");
        let answer = read_some(&mut stream).await;
        let thread = answer.rsplit("\r\n").next().unwrap_or_default().to_owned();
        *counts.entry(thread).or_insert(0) += 1;
        open.push(stream);
    }
    assert_eq!(counts.len(), threads, "{counts:?}");
    assert!(counts.values().all(|count| *count == 2), "{counts:?}");
}

#[tokio::test]
async fn h06_ambiguous_framing_is_refused() {
    let server = start(options()).await;
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding : chunked",
    ] {
        let request = format!(
            "POST /body HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        assert_status(&server.exchange(request.as_bytes()).await, 400);
    }
}

#[tokio::test]
async fn a_chunked_body_is_read_and_closes() {
    let server = start(options()).await;
    let answer = server
        .exchange(b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_status(&answer, 200);
    assert!(answer.ends_with("hi"), "{answer}");
}

#[tokio::test]
async fn exactly_one_host_is_needed() {
    let server = start(options()).await;
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ] {
        assert_status(&server.exchange(head.as_bytes()).await, 400);
    }
    let answer = server.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn h08_large_heads_are_refused() {
    let server = start(options()).await;
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(100)
    );
    assert_status(&server.exchange(many.as_bytes()).await, 431);
    let fits = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n",
        "X: y\r\n".repeat(98)
    );
    assert_status(&server.exchange(fits.as_bytes()).await, 200);
    let long = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "y".repeat(200_000)
    );
    assert_status(&server.exchange(long.as_bytes()).await, 431);
}

#[tokio::test]
async fn a_refusal_arrives_before_a_large_body_is_sent() {
    let server = start(options()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        .await
        .expect("writes");
    // axum's own limit is 2 MB, and the length is announced.
    stream
        .write_all(&vec![b'x'; 500_000])
        .await
        .expect("writes");
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn h07_dripping_heads_are_closed_and_others_served() {
    let server = start(options()).await;
    let began = Instant::now();
    let mut drips = Vec::new();
    for _ in 0..500 {
        let mut stream = server.connect().await;
        drips.push(tokio::spawn(async move {
            for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: ".iter().cycle() {
                if stream.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }));
    }
    let asked = Instant::now();
    let answer = server
        .exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_status(&answer, 200);
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "served while others drip"
    );
    for drip in drips {
        drip.await.expect("ends by itself");
    }
    assert!(began.elapsed() < LONG, "took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = start(options()).await;
    let began = Instant::now();
    assert_eq!(read_all(&mut server.connect().await).await, "");
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn between_requests_the_limit_is_longer() {
    let server = start(options()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .expect("writes");
        assert_status(&read_some(&mut stream).await, 200);
        tokio::time::sleep(SHORT * 2).await;
    }
    // But once the next head has begun, the short limit holds again.
    stream.write_all(b"GET /").await.expect("writes");
    let began = Instant::now();
    assert_eq!(read_all(&mut stream).await, "");
    assert!(began.elapsed() < SHORT * 4, "took {:?}", began.elapsed());
}

#[tokio::test]
async fn a_dripping_body_ends() {
    let server = start(options()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
        .await
        .expect("writes");
    assert!(read_all(&mut stream).await.starts_with("HTTP/1.1 4"));
}

#[tokio::test]
async fn who_takes_no_answer_is_cut() {
    let server = start(ServerOptions {
        write_timeout: SHORT,
        ..options()
    })
    .await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("writes");
    tokio::time::sleep(SHORT * 3).await;
    let mut taken = Vec::new();
    drop(
        tokio::time::timeout(LONG, stream.read_to_end(&mut taken))
            .await
            .expect("ends"),
    );
    assert!(taken.len() < 32 * 1024 * 1024, "took {} bytes", taken.len());
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let server = start(ServerOptions {
        max_connections: 1,
        ..options()
    })
    .await;
    let silent = server.connect().await;
    let began = Instant::now();
    let answer = server
        .exchange(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_status(&answer, 200);
    assert!(
        began.elapsed() >= SHORT / 2,
        "waited until the silent one was closed"
    );
    drop(silent);
}
