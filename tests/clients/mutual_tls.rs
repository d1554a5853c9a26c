//! Mutual TLS (RFC 8705): the broker shows its certificate to a server that asks.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::scene::{Scene, mapping};

const FILES: &str = "VESTIBULE_TEST_CERTIFICATES";

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

/// A certificate that signs itself, as `NAME.pem`, `NAME.der` and `NAME.key`.
fn certificate(dir: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let write = |extension: &str, bytes: &[u8]| {
        std::fs::write(dir.join(format!("{name}.{extension}")), bytes).unwrap();
    };
    write("pem", pem("CERTIFICATE", certificate.der()).as_bytes());
    write("der", certificate.der());
    write("key", pem("PRIVATE KEY", &key.serialize_der()).as_bytes());
    write("pkcs8", &key.serialize_der());
}

/// Whom the broker trusts is its process's environment, so the logins are in one of
/// their own.
#[test]
fn mutual_tls_logs_in() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["server", "client", "stranger"] {
        certificate(dir.path(), name);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "mutual_tls::logins", "--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", dir.path().join("server.pem"))
        .env(FILES, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

/// A server that asks for `client.pem`, and answers as token endpoint and user
/// information to whoever sends no secret.
async fn server(dir: &Path) -> String {
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let mut known = RootCertStore::empty();
    known.add(CertificateDer::from(read("client.der"))).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(known))
        .build()
        .unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(read("server.pkcs8")));
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(read("server.der"))], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut request = Vec::new();
                while !whole(&request) {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let body = if request.contains("client_secret") {
                    r#"{"error":"invalid_client"}"#
                } else if request.starts_with("POST /token") {
                    r#"{"access_token":"bound-to-the-certificate"}"#
                } else {
                    r#"{"userId":"u1","email":"ada@acme.test","name":"Ada"}"#
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    origin
}

/// Whether a request is there to its end.
fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

#[tokio::test]
#[ignore = "called by `mutual_tls_logs_in`"]
async fn logins() {
    let Some(dir) = std::env::var_os(FILES) else {
        return;
    };
    let dir = Path::new(&dir);
    let server = server(dir).await;
    let with = |name: &str| {
        let file = |extension: &str| {
            dir.join(format!("{name}.{extension}"))
                .display()
                .to_string()
        };
        format!(
            "[client]\nsecret = -\nauthentication = \"tls_client_auth\"\ntls_certificate = {{ file = \"{}\" }}\ntls_private_key = {{ file = \"{}\" }}\n[token]\nurl = \"{server}/token\"\n[userinfo]\nurl = \"{server}/userinfo\"",
            file("pem"),
            file("key"),
        )
    };
    let scene = Scene::new(json!({}), &with("client")).await;
    scene.logs_in().await;
    // No connection of the certificate before serves another one.
    scene.map(&with("stranger")).await;
    scene.fails("login.provider_unreachable").await;
    scene.map(&with("client")).await;
    scene.logs_in().await;
    // Nor does one serve a mapping without.
    scene
        .map(&format!(
            "[client]\nsecret = -\nauthentication = \"none\"\n[token]\nurl = \"{server}/token\""
        ))
        .await;
    scene.fails("login.provider_unreachable").await;

    // A key of another certificate is found before any login.
    let torn = with("client").replace("client.key", "stranger.key");
    let logins = &scene.world.broker.app().logins;
    let found = logins
        .mappings
        .compile(&mapping(&scene.world.idp.origin(), &torn))
        .unwrap_err();
    let found = format!("{found:?}");
    assert!(found.contains("client.tls_certificate"), "{found}");
    assert!(!found.contains("PRIVATE KEY"), "{found}");
}
