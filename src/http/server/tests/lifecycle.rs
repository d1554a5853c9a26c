//! Opening listeners and stopping.

use std::os::unix::fs::PermissionsExt;

use tokio::net::UnixStream;

use super::super::bind_unix;
use super::*;

#[tokio::test]
async fn stopping_finishes_what_was_begun() {
    let mut server = start(ServerOptions {
        drain: LONG,
        header_timeout: LONG,
        ..options()
    })
    .await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("writes");
    assert_status(&read_some(&mut idle).await, 200);
    let mut silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("writes");
    tokio::time::sleep(Duration::from_millis(100)).await;

    let began = Instant::now();
    drop(server.stop.take());
    assert_eq!(read_all(&mut idle).await, "");
    assert_eq!(read_all(&mut silent).await, "");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "idle connections close at once"
    );
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "no new connections"
    );
    assert!(!server.done.is_finished());

    server.finish.notify_one();
    let answer = read_all(&mut busy).await;
    assert_status(&answer, 200);
    assert!(answer.contains("connection: close"), "{answer}");
    server.done.await.expect("no panic").expect("no error");
}

#[tokio::test]
async fn stopping_does_not_wait_forever() {
    let mut server = start(options()).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("writes");
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(server.stop.take());
    let ended = tokio::time::timeout(SHORT * 3, server.done)
        .await
        .expect("within the drain");
    ended.expect("no panic").expect("no error");
}

#[tokio::test]
async fn a_taken_port_is_explained() {
    let first = bind("127.0.0.1:0").await.expect("a free port");
    let address = first.local_addr().expect("an address").to_string();
    let error = bind(&address).await.expect_err("is taken");
    assert_eq!(
        error.to_string(),
        format!("{address} is in use by another program; choose another `listen` address")
    );
    let error = bind("localhost").await.expect_err("has no port");
    assert!(
        error.to_string().contains("write a host and a port"),
        "{error}"
    );
}

#[tokio::test]
async fn the_socket_in_the_file_system() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("admin.sock");
    // Left behind by a program that was killed.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));

    let listener = bind_unix(&path).expect("replaces it");
    let mode = std::fs::metadata(&path)
        .expect("exists")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = bind_unix(&path).expect_err("is in use");
    assert!(
        error.to_string().contains("a running broker answers"),
        "{error}"
    );

    let app = Router::new().route(
        "/",
        get(|Extension(peer): Extension<Peer>| async move { format!("{peer:?}") }),
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(options()).listen(listener, app);
    let done = tokio::spawn(server.run(async { drop(stopped.await) }));
    let mut stream = UnixStream::connect(&path).await.expect("connects");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    assert!(answer.ends_with("Unix"), "{answer}");
    drop(stop);
    done.await.expect("no panic").expect("no error");
    assert!(!path.exists(), "removed at the end");

    std::fs::write(&path, "precious").expect("writes");
    let error = bind_unix(&path).expect_err("is a file");
    assert!(error.to_string().contains("is not a socket"), "{error}");
}

#[tokio::test]
async fn no_listener_is_an_error() {
    let error = Server::new(options()).run(std::future::pending()).await;
    assert!(error.is_err());
}
