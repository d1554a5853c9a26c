//! Servers of others that are slow to build or to start: their suites run where a
//! variable names the program or `tests/suites/install-servers` put it, and else say that
//! they are skipped.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// The program that a variable names, or the one of this name that was installed.
/// Without one a line says so, also in CI.
pub fn named(variable: &str, what: &str) -> Option<PathBuf> {
    let servers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suites/.servers");
    let installed = servers.join(variable.to_ascii_lowercase());
    let program = std::env::var_os(variable)
        .map(PathBuf::from)
        .or_else(|| installed.exists().then_some(installed));
    if program.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {what}; {variable} names no program (docs/odd-providers.md)"
        );
    }
    program
}

/// Waits until a server answers with 200.
pub async fn answers(url: &str, patience: Duration) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let began = std::time::Instant::now();
    loop {
        match client.get(url).send().await {
            Ok(answer) if answer.status() == 200 => return,
            _ => assert!(began.elapsed() < patience, "{url} does not answer"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
