//! The outbound client against servers that behave as badly as they can.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::sync::Arc;
use std::time::Duration;

use vestibule::base::{Clock, ManualClock};
use vestibule::outbound::{Limits, Outbound, OutboundError, PreparedRequest, Response};

#[path = "outbound/answers.rs"]
mod answers;
#[path = "outbound/guard.rs"]
mod guard;
#[path = "outbound/lanes.rs"]
mod lanes;
#[path = "outbound/server.rs"]
mod server;

use server::{OK, SECRET, Server, get, loopback, outbound, post, roomy};

async fn echo(request: PreparedRequest) -> Result<Response, OutboundError> {
    let server = Server::start(|request, mut peer| async move {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            request.len()
        );
        peer.write((head + &request).as_bytes()).await;
        (peer, false)
    })
    .await;
    let mut request = request;
    request.url.set_port(Some(server.address.port())).unwrap();
    outbound(loopback()).send("a/b", request, &roomy()).await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_prepared() {
    let target = "/a%2Fb;c/?q=a+b%20c&x=%7e~(){}|^&empty=&flag&&u=%C3%A9";
    let mut request = post(&format!("http://127.0.0.1{target}"));
    request.headers = [
        ("Content-Type", "text/x; a=b"),
        ("X-Zed", "1"),
        ("Accept", "application/json"),
        ("X-Api-Key", "é"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let response = echo(request).await.unwrap();
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    let (first, rest) = text.split_once("\r\n").unwrap();
    assert_eq!(first, format!("POST {target} HTTP/1.1"));
    let given =
        "Content-Type: text/x; a=b\r\nX-Zed: 1\r\nAccept: application/json\r\nX-Api-Key: é\r\n";
    assert!(rest.starts_with(given), "{rest}");
    assert!(rest.ends_with(&format!("\r\n\r\ncode={SECRET}")), "{rest}");
    assert!(
        rest.contains(concat!(
            "User-Agent: vestibule/",
            env!("CARGO_PKG_VERSION"),
            "\r\n"
        )),
        "{rest}"
    );
    assert!(!rest.to_ascii_lowercase().contains("cookie"), "{rest}");

    let mut request = get("http://127.0.0.1/");
    request.headers = vec![("user-agent".to_owned(), "mine".to_owned())];
    let text = echo(request).await.unwrap().body;
    let text = String::from_utf8_lossy(&text);
    assert!(
        text.contains("User-Agent: mine\r\n") && !text.contains("vestibule"),
        "{text}"
    );
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_named_without_their_values() {
    for (name, value) in [
        ("X-Key", "s3cr3t\r\nHost: evil"),
        ("X Key", SECRET),
        ("", SECRET),
        ("Host", "s3cr3t.test"),
        ("content-length", "3"),
        ("Transfer-Encoding", "chunked"),
    ] {
        let mut request = get("http://127.0.0.1/");
        request.headers = vec![(name.to_owned(), value.to_owned())];
        let error = echo(request).await.unwrap_err();
        assert_eq!(error.code(), "request_invalid", "{name}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("`{name}`")) && !text.contains(SECRET),
            "{text}"
        );
    }
}

#[tokio::test]
async fn any_number_of_connect_timeouts_is_served() {
    let server = Server::canned(OK, true).await;
    let outbound = outbound(loopback());
    for millis in 100..140 {
        let limits = Limits {
            connect: Duration::from_millis(millis),
            ..roomy()
        };
        let sent = outbound.send("a/b", get(&server.url("/")), &limits).await;
        assert_eq!(sent.unwrap().status, 200);
    }
}

#[tokio::test]
async fn elapsed_is_the_time_it_took() {
    let server = Server::start(|_, mut peer| async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        peer.write(OK.as_bytes()).await;
        (peer, false)
    })
    .await;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let outbound = Outbound::new(loopback(), clock).unwrap();
    let response = outbound
        .send("a/b", get(&server.url("/")), &roomy())
        .await
        .unwrap();
    assert!(response.elapsed >= Duration::from_millis(60) && response.elapsed < roomy().total);
}

/// In a process of its own, since where certificates are looked for is the process's environment.
#[test]
fn without_certificate_authorities_there_is_no_client() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "elapsed_is_the_time_it_took"])
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        text.contains("install the system's certificate authorities"),
        "{text}"
    );
}
