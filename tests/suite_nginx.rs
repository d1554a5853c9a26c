//! README's nginx configuration, with nginx: the login under the store's own
//! host, and pages that only customers see.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use support::program::have;
use support::{Browser, World};

const NGINX: &str = "/usr/sbin/nginx";

/// README's snippet.
fn snippet() -> &'static str {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```nginx\n").unwrap();
    rest.split_once("\n```").unwrap().0
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

struct Nginx {
    child: Child,
    _files: tempfile::TempDir,
}

impl Nginx {
    /// The store's web server on `port`, and the shop behind it on `shop`.
    async fn start(port: u16, shop: u16, broker: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let locations = snippet()
            .replace("http://127.0.0.1:8080", broker)
            .replace("http://127.0.0.1:3000", &format!("http://127.0.0.1:{shop}"));
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {}/{what};\n", files.path().display()))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr warn;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}\
             server {{\nlisten 127.0.0.1:{port};\n{locations}\n}}\n\
             server {{\nlisten 127.0.0.1:{shop};\n\
             location / {{ return 200 \"orders of $http_x_auth_email at $request_uri\"; }}\n}}\n}}\n",
            dir = files.path().display(),
        );
        let path = files.path().join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let child = Command::new(NGINX)
            .args(["-e", "stderr", "-c"])
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Self {
            child,
            _files: files,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_store_behind_nginx() {
    if !have(Path::new(NGINX), "install the Debian package nginx") {
        return;
    }
    let world = World::empty().await;
    let (port, shop) = (free_port(), free_port());
    let store = format!("http://127.0.0.1:{port}");
    world.account_with("acme", &[(&store, "/_auth")]).await;
    world.apply("acme", &world.mapping()).await;
    let _nginx = Nginx::start(port, shop, &world.origin).await;
    let browser = &mut Browser::new();

    // A stranger is sent to the login, and comes back to the very page.
    let page = browser.get(format!("{store}/orders?tab=open&page=2")).await;
    assert_eq!(page.status, StatusCode::FOUND, "{}", page.body);
    let login = page.location().unwrap();
    assert_eq!(login.path(), "/_auth/login", "{login}");
    assert_eq!(login.origin().ascii_serialization(), store);
    let page = browser.log_in(login.as_str(), "ada", "lovelace").await;
    assert_eq!(page.url.as_str(), format!("{store}/orders?tab=open&page=2"));
    assert_eq!(
        page.body,
        "orders of ada@example.test at /orders?tab=open&page=2"
    );
    // Every cookie is the store's.
    assert!(browser.jar.keys().all(|(host, name)| {
        host == &format!("127.0.0.1:{port}") || !name.contains("vestibule")
    }));

    // What a browser claims about itself does not reach the shop.
    let page = browser
        .get_with(
            format!("{store}/orders"),
            &[("x-auth-email", "admin@shop.test")],
        )
        .await;
    assert_eq!(page.body, "orders of ada@example.test at /orders");

    let page = browser.post(format!("{store}/_auth/logout"), &[]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let page = browser.get(format!("{store}/orders")).await;
    assert_eq!(page.status, StatusCode::FOUND);

    // The parts that answer nginx are not for browsers.
    let page = browser.get(format!("{store}/_vestibule/check")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}
