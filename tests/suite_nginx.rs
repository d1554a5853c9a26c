//! README's nginx configuration, with nginx: the login under the store's own
//! host, and pages that only customers see.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use reqwest::StatusCode;
use support::Browser;
use support::program::{Program, have, listening};
use support::shop::{Shop, replaced, snippet};

const NGINX: &str = "/usr/sbin/nginx";

/// The store's web server.
async fn start(dir: &Path, shop: &Shop) -> Program {
    let locations = snippet(include_str!("../README.md"), "nginx");
    let locations = replaced(locations, "http://127.0.0.1:8080", &shop.world.origin);
    let behind = format!("http://127.0.0.1:{}", shop.behind);
    let locations = replaced(&locations, "http://127.0.0.1:3000", &behind);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {}/{what};\n", dir.display()))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr warn;\n\
         events {{}}\nhttp {{\naccess_log off;\n{temporary}\
         server {{\nlisten 127.0.0.1:{port};\n{locations}\n}}\n}}\n",
        dir = dir.display(),
        port = shop.port,
    );
    let path = dir.join("nginx.conf");
    std::fs::write(&path, config).unwrap();
    let program = Program::start(Command::new(NGINX).args(["-e", "stderr", "-c"]).arg(&path));
    listening(shop.port).await;
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_behind_nginx() {
    if !have(Path::new(NGINX), "install the Debian package nginx") {
        return;
    }
    let shop = Shop::start().await;
    let dir = tempfile::tempdir().unwrap();
    let _nginx = start(dir.path(), &shop).await;
    shop.is_for_customers().await;

    // Every cookie is the store's.
    let browser = &mut Browser::new();
    let login = format!("{}/_auth/login?return_to=/orders", shop.store);
    let page = browser.log_in(&login, "ada", "lovelace").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(browser.jar.keys().all(|(host, name)| {
        host == &format!("127.0.0.1:{}", shop.port) || !name.contains("vestibule")
    }));
    // The parts that answer nginx are not for browsers.
    let page = browser
        .get(format!("{}/_vestibule/check", shop.store))
        .await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}
