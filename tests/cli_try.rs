//! `provider try` and `provider replay`, as someone types them.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use mock_idp::MockIdp;
use support::{Browser, mapping_for};

fn vestibule(dir: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .current_dir(dir)
        .env("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true")
        .env("VESTIBULE_OUTBOUND__ALLOW_NETWORKS", "127.0.0.0/8");
    command
}

#[tokio::test]
async fn a_draft_is_tried_saved_and_replayed() {
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("draft.toml"), mapping_for(&idp)).unwrap();

    let mut trying = vestibule(dir.path())
        .args([
            "provider",
            "try",
            "draft.toml",
            "--listen",
            "127.0.0.1:0",
            "--save",
            "trace.json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(trying.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let link = lines.find(|line| line.contains("/trial?ticket=")).unwrap();
    let browser = &mut Browser::new();
    let end = browser.log_in(link.trim(), "ada", "lovelace").await;
    assert!(end.url.path().ends_with("/trial-done"), "{}", end.url);
    let shown: String = lines.collect::<Vec<_>>().join("\n");
    assert!(trying.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("The login works: user id"), "{shown}");
    assert!(
        shown.contains("userinfo.response.email = email -> email"),
        "{shown}"
    );

    let saved = std::fs::read_to_string(dir.path().join("trace.json")).unwrap();
    for text in [&shown, &saved] {
        assert!(!text.contains("vestibule-demo-secret"));
        assert!(text.contains("{{access_token}}"));
    }
    let replay = |file: &str| {
        vestibule(dir.path())
            .args(["provider", "replay", file, "trace.json"])
            .output()
            .unwrap()
    };
    assert!(replay("draft.toml").status.success());
    let other = mapping_for(&idp).replace("user_id = \"userId\"", "user_id = \"email\"");
    std::fs::write(dir.path().join("other.toml"), other).unwrap();
    let differs = replay("other.toml");
    assert_eq!(differs.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&differs.stdout).contains("user_id: recorded"));
}

/// A provider that drops the state, and one that comes with another's: nothing is
/// waited for.
#[tokio::test]
async fn a_callback_without_a_state_that_counts_ends_the_trial() {
    for query in ["code=c-1", "code=c-1&state=nonsense", "error=invalid_scope"] {
        let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("draft.toml"), mapping_for(&idp)).unwrap();
        let mut trying = vestibule(dir.path())
            .args(["provider", "try", "draft.toml", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(trying.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let link = lines.find(|line| line.contains("/trial?ticket=")).unwrap();
        let link = url::Url::parse(link.trim()).unwrap();
        let browser = &mut Browser::new();
        browser.get(link.as_str()).await;
        let callback = link
            .join(&format!("/callback/try/mock-idp?{query}"))
            .unwrap();
        browser.get(callback.as_str()).await;
        let shown: String = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(trying.wait().unwrap().code(), Some(1), "{query}: {shown}");
        assert!(shown.contains("login.state_"), "{query}: {shown}");
    }
}
