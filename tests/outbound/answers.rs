//! Answers that don't come, don't end, or aren't what they should be.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vestibule::outbound::{Limits, OutboundError, Phase};

use super::server::{OK, SECRET, Server, fails, get, loopback, outbound, post, roomy, short};

#[tokio::test]
async fn o2_redirects_are_answers() {
    let target = Server::canned(OK, true).await;
    let answer = format!(
        "HTTP/1.1 307 x\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        target.url("/")
    );
    let server = Server::canned(answer, true).await;
    let response = outbound(loopback())
        .send("a/b", post(&server.url("/")), &roomy())
        .await
        .unwrap();
    assert_eq!(response.status, 307);
    assert!(response.headers.contains_key("location"));
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn o4_hanging_dripping_and_cutting() {
    let hang = Server::start(|_, peer| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        (peer, false)
    });
    let error = fails(&hang.await, &short()).await;
    assert!(
        matches!(
            error,
            OutboundError::Timeout {
                phase: Phase::Answer,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("300ms"), "{error}");

    let drip = Server::start(|_, mut peer| async {
        peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
            .await;
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            peer.write(b"x").await;
        }
        (peer, false)
    });
    let error = fails(&drip.await, &short()).await;
    assert!(
        matches!(
            error,
            OutboundError::Timeout {
                phase: Phase::Body,
                ..
            }
        ),
        "{error:?}"
    );

    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_token\":\"s3cr3t",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ns3cr3t",
    ] {
        let error = fails(&Server::canned(answer, true).await, &roomy()).await;
        assert_eq!(error.code(), "connection_cut", "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_unreadable() {
    for answer in [
        "SSH-2.0-OpenSSH s3cr3t\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\ns3cr3t",
    ] {
        let error = fails(&Server::canned(answer, true).await, &roomy()).await;
        assert_eq!(error.code(), "response_unreadable", "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn o5_huge_with_and_without_length_and_compressed() {
    let limits = roomy();
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
    let error = fails(&Server::canned(announced, false).await, &limits).await;
    assert!(
        matches!(error, OutboundError::TooLarge { limit: 10_000 }),
        "{error:?}"
    );

    let endless = Server::start(|_, mut peer| async {
        peer.write(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while peer.0.write_all(&[b'x'; 4096]).await.is_ok() {}
        (peer, false)
    });
    assert_eq!(
        fails(&endless.await, &limits).await.code(),
        "response_too_large"
    );

    let mut bomb = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec();
    bomb.extend(gzip_bomb(100 << 20));
    assert!(bomb.len() < 1 << 20);
    let limits = Limits {
        max_body: 4 << 20,
        ..limits
    };
    let error = fails(&Server::canned(bomb, true).await, &limits).await;
    assert_eq!(error.code(), "response_too_large");
}

/// Gzip that unfolds to about `length` zeros: one literal, then repeats of 258
/// bytes from one byte back, 13 bits each (RFC 1951 §3.2.6).
fn gzip_bomb(length: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0_u32, 0);
    let mut put = |code: u32, width: u32| {
        for n in (0..width).rev() {
            bits |= ((code >> n) & 1) << count;
            count += 1;
            if count == 8 {
                out.push(u8::try_from(bits).unwrap());
                (bits, count) = (0, 0);
            }
        }
    };
    put(0b1_10, 3); // last block, fixed codes (least significant bit first)
    put(0b0011_0000, 8);
    for _ in 0..length / 258 {
        put(0b1100_0101, 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 7);
    out
}

#[tokio::test]
async fn bodies_in_one_piece_and_in_many() {
    let outbound = outbound(loopback());
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\n";
    for (answer, body) in [
        (OK, "ok"),
        (chunked, "abcdef"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        (
            "HTTP/1.1 500 x\r\nConnection: close\r\n\r\nbroken",
            "broken",
        ),
    ] {
        let server = Server::canned(answer, true).await;
        let response = outbound
            .send("a/b", get(&server.url("/")), &roomy())
            .await
            .unwrap();
        assert_eq!(response.body, body);
        assert!(!format!("{response:?}").contains(body) || body.is_empty());
    }
    let whole = vec![b'x'; 10_000];
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n".to_vec();
    answer.extend(&whole);
    let server = Server::canned(answer, true).await;
    let response = outbound
        .send("a/b", get(&server.url("/")), &roomy())
        .await
        .unwrap();
    assert_eq!(response.body, whole, "exactly the limit is within it");
}

#[tokio::test]
async fn o7_what_does_not_speak_tls_is_not_trusted() {
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/?code={SECRET}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let error = outbound(loopback())
            .send("a/b", get(&url), &roomy())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, OutboundError::Tls { host, .. } if host == "127.0.0.1"),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains(SECRET));
    }
}

#[tokio::test]
async fn a_closed_port_is_a_failed_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}/?code={SECRET}");
        let error = outbound(loopback())
            .send("a/b", get(&url), &roomy())
            .await
            .unwrap_err();
        assert!(matches!(error, OutboundError::Connect { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(SECRET));
    }
}
