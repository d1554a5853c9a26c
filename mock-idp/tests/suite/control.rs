//! Journal and control endpoints.

use mock_idp::{Config, FaultKind, Faults, JournalEntry};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::visitor::{Visitor, visit};

#[tokio::test]
async fn the_journal_shows_requests_byte_for_byte() {
    let visitor = visit(Config::default()).await;
    let mut stream = TcpStream::connect(visitor.idp.addr()).await.unwrap();
    // Two requests in one write: heads and bodies must not run into each other.
    let first = "POST /token?b=%7e&a=1&&a=+ HTTP/1.1\r\nhost: x\r\nX-B: 1\r\nx-A:  two \r\nX-B: 3\r\n\
                 Content-Length: 5\r\n\r\na=\u{e9}\n";
    let second = "GET /%61dmin HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n";
    stream
        .write_all(format!("{first}{second}").as_bytes())
        .await
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();

    let journal = visitor.idp.journal();
    assert_eq!(journal.len(), 2);
    assert_eq!(journal[0].seq, 1);
    assert_eq!(journal[0].method, "POST");
    assert_eq!(journal[0].path, "/token");
    assert_eq!(journal[0].target, "/token?b=%7e&a=1&&a=+");
    let expected = [
        ("host", "x"),
        ("X-B", "1"),
        ("x-A", "two"),
        ("X-B", "3"),
        ("Content-Length", "5"),
    ];
    let headers: Vec<_> = journal[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(headers, expected);
    assert_eq!(journal[0].body, "a=é\n");
    assert_eq!(journal[0].body_bytes(), "a=é\n".as_bytes());
    assert_eq!(journal[0].response_status, Some(400));
    assert_eq!(journal[0].header("CONTENT-length"), Some("5"));
    assert_eq!(journal[0].query()[1], ("a".into(), "1".into()));
    assert_eq!(journal[1].target, "/%61dmin");
    assert_eq!(journal[1].response_status, Some(404));
}

#[tokio::test]
async fn chunked_bodies_too() {
    let visitor = visit(Config::default()).await;
    let mut stream = TcpStream::connect(visitor.idp.addr()).await.unwrap();
    for body in ["a", "b"] {
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{body}\r\n0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = [0; 2048];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
    }
    let bodies: Vec<_> = visitor
        .idp
        .journal()
        .into_iter()
        .map(|entry| entry.body)
        .collect();
    assert_eq!(bodies, ["a", "b"]);
}

#[tokio::test]
async fn the_journal_over_http() {
    let visitor = visit(Config {
        journal_capacity: 2,
        ..Config::default()
    })
    .await;
    for path in ["/one", "/two", "/three"] {
        visitor.http.get(visitor.at(path)).send().await.unwrap();
    }
    let url = visitor.at("/control/journal");
    let entries: Vec<JournalEntry> = visitor
        .http
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(entries, visitor.idp.journal());
    assert_eq!(
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [2, 3]
    );
    visitor.http.delete(&url).send().await.unwrap();
    assert!(visitor.idp.journal().is_empty());
    visitor.idp.configure(|config| config.journal = false);
    visitor.http.get(visitor.at("/four")).send().await.unwrap();
    assert!(visitor.idp.journal().is_empty());
}

#[tokio::test]
async fn faults_over_http() {
    let visitor = visit(Config::default()).await;
    let url = visitor.at("/control/faults");
    let faults = json!({ "token": [{ "kind": "slow", "ms": 1, "times": 2 }], "/x": { "kind": "empty_200" } });
    let answer = visitor.http.put(&url).json(&faults).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let expected = Faults::none()
        .times("token", FaultKind::Slow { ms: 1 }, 2)
        .on("/x", FaultKind::Empty200);
    assert_eq!(visitor.idp.faults(), expected);
    assert_eq!(
        visitor
            .http
            .get(visitor.at("/x"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    visitor.exchange("x").send().await.unwrap();
    let left: Value = visitor
        .http
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        left["token"],
        json!([{ "kind": "slow", "ms": 1, "times": 1 }])
    );

    for wrong in [
        json!({ "tokens": [{ "kind": "hang" }] }),
        json!({ "token": [{ "kind": "hangs" }] }),
        json!({ "token": [{ "kind": "hang", "time": 1 }] }),
        json!({ "token": [{ "kind": "slow", "ms": 1, "time": 1 }] }),
        json!({ "token": [{ "kind": "alg_none" }] }),
        json!({ "id_token": [{ "kind": "hang" }] }),
        json!({ "userinfo": [{ "kind": "wrong_state" }] }),
    ] {
        let answer = visitor.http.put(&url).json(&wrong).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong}");
    }
    visitor.http.delete(&url).send().await.unwrap();
    assert!(visitor.idp.faults().is_empty());
}

#[tokio::test]
async fn configuration_over_http() {
    let visitor = visit(Config::default()).await;
    let url = visitor.at("/control/config");
    let patch = json!({ "callback": { "code": "ticket" }, "routes": { "/a": 1 } });
    assert_eq!(
        visitor
            .http
            .patch(&url)
            .json(&patch)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert!(
        visitor
            .callback(&[])
            .await
            .iter()
            .any(|(name, _)| name == "ticket")
    );
    assert_eq!(visitor.idp.config().callback.state, "state");

    let shown: Config = visitor
        .http
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(shown, visitor.idp.config());
    let wrong = json!({ "callbacks": {} });
    assert_eq!(
        visitor
            .http
            .put(&url)
            .json(&wrong)
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
    assert_eq!(
        visitor
            .http
            .put(&url)
            .json(&json!({}))
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    assert_eq!(visitor.idp.config(), Config::default());
}

#[tokio::test]
async fn the_start_page_lists_what_is_there() {
    let visitor = visit(Config::default()).await;
    let page = visitor
        .http
        .get(visitor.at("/"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains(&visitor.at("/authorize")));
    assert!(page.contains("lovelace"));
}

#[tokio::test]
async fn a_dropped_handle_frees_the_port() {
    let Visitor { idp, .. } = visit(Config::default()).await;
    let address = idp.addr();
    drop(idp);
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("still listening");
}
