//! What is in the log, and what is not.

use super::*;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Tee;

impl io::Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() -> String {
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

/// Everything that anything logs from now on, at every level, and what panics say.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Tee)
            .init();
        std::panic::set_hook(Box::new(|info| {
            let text = format!("panicked: {info}\n");
            eprint!("{text}");
            LOG.lock().unwrap().extend_from_slice(text.as_bytes());
        }));
    });
}

/// A login's failures, each with what its log line must say.
fn faults() -> Vec<(&'static str, FaultKind, &'static str)> {
    let echo = json!({ "error": "invalid_grant", "error_description": "the secret CANARY-secret-0123456789 is wrong" });
    let status = FaultKind::Status {
        code: 400,
        body: echo.to_string(),
        content_type: "application/json".to_owned(),
        headers: std::collections::BTreeMap::new(),
    };
    let nowhere = FaultKind::redirect("https://evil.test/?CANARY-secret-0123456789");
    let error = |error: &str| FaultKind::Error {
        error: error.to_owned(),
        description: "CANARY-description".to_owned(),
    };
    vec![
        ("token", status, "token"),
        ("token", FaultKind::ErrorIn200 { body: echo }, "token"),
        ("token", FaultKind::Html200, "token"),
        (
            "token",
            FaultKind::Missing {
                field: "access_token".to_owned(),
            },
            "token",
        ),
        ("token", FaultKind::WrongTypes, "token"),
        ("token", FaultKind::Close, "token"),
        ("token", nowhere, "token"),
        ("userinfo", FaultKind::status(401), "userinfo"),
        ("userinfo", FaultKind::NotJson, "userinfo"),
        (
            "userinfo",
            FaultKind::Missing {
                field: "email".to_owned(),
            },
            "userinfo",
        ),
        (
            "userinfo",
            FaultKind::Replace {
                field: "email".to_owned(),
                value: json!("CANARY-email"),
            },
            "userinfo",
        ),
        (
            "userinfo",
            FaultKind::Missing {
                field: "userId".to_owned(),
            },
            "userinfo",
        ),
        ("userinfo", FaultKind::Cut { after_bytes: 5 }, "userinfo"),
        ("authorize", error("access_denied"), "callback"),
        ("authorize", error("server_error"), "callback"),
        ("authorize", FaultKind::CodeAndError, "callback"),
        ("authorize", FaultKind::NoCode, "callback"),
        ("authorize", FaultKind::DuplicateCode, "callback"),
        ("authorize", FaultKind::NoState, "callback"),
    ]
}

/// A world whose secrets are easy to find where they must not be.
async fn canaries(send_token: &str) -> World {
    let world = World::start().await;
    world.idp.configure(|config| {
        "CANARY-secret-0123456789".clone_into(&mut config.client_secret);
        config
            .accounts
            .push(Account::new("canary", "CANARY-password"));
    });
    let mapping = world
        .mapping()
        .replace("vestibule-demo-secret", "CANARY-secret-0123456789")
        .replace(
            "send_token = \"bearer\"",
            &format!("send_token = \"{send_token}\""),
        );
    world.apply("acme", &mapping).await;
    world
}

/// Every answer on the way of a login, the provider's own left out.
async fn walk(world: &World, browser: &mut Browser) -> Vec<Page> {
    let start = browser.get(world.url("acme", START)).await;
    let callback = browser
        .through_idp(start.clone(), "canary", "CANARY-password")
        .await;
    let mut pages = vec![start, browser.get(callback.as_str()).await];
    while let Some(next) = pages.last().unwrap().location() {
        pages.push(browser.get(next.as_str()).await);
        assert!(pages.len() < 9);
    }
    pages
}

/// What no log and no page may show, as far as this world's logins went.
fn secrets(world: &World, browsers: &[Browser]) -> Vec<String> {
    let mut found = vec![
        "CANARY-secret".to_owned(),
        "CANARY-password".to_owned(),
        "CANARY-email".to_owned(),
    ];
    for entry in world.idp.journal() {
        for (name, value) in entry.form().into_iter().chain(entry.query()) {
            if ["code", "code_verifier", "access_token"].contains(&name.as_str()) {
                found.push(value);
            }
        }
        for (name, value) in &entry.headers {
            if name.eq_ignore_ascii_case("authorization") {
                found.push(value.trim_start_matches("Bearer ").to_owned());
            }
        }
    }
    for browser in browsers {
        let ours = browser
            .jar
            .iter()
            .filter(|((_, name), _)| name.starts_with("vestibule") && !name.contains(".used"));
        found.extend(ours.map(|(_, value)| value.clone()));
    }
    found
}

#[tokio::test]
async fn x05_secrets_stay_out_of_logs_and_pages() {
    listen();
    for send_token in ["bearer", "query"] {
        let world = canaries(send_token).await;
        let mut browsers = vec![Browser::new()];
        let mut pages = walk(&world, &mut browsers[0]).await;
        for (at, fault, step) in faults() {
            let named = format!("{at} {fault:?}");
            world.idp.set_faults(Faults::none().on(at, fault));
            let mut browser = Browser::new();
            let seen = walk(&world, &mut browser).await;
            let page = seen.last().unwrap();
            assert!(
                page.status.is_client_error() || page.status.is_server_error(),
                "{named}"
            );
            let id = support_id(page);
            let log = log();
            let line = log
                .lines()
                .find(|line| line.contains(&id) && line.contains("login failed"));
            let line = line.unwrap_or_else(|| panic!("{named}: nothing under {id}"));
            assert!(
                line.contains(&format!("step=\"{step}\"")),
                "{named}: {line}"
            );
            pages.extend(seen);
            browsers.push(browser);
            world.clock.advance(std::time::Duration::from_secs(11));
        }
        let tickets = pages
            .iter()
            .filter_map(Page::location)
            .filter(|to| to.path().ends_with("/finish"))
            .map(|to| to.query().unwrap().to_owned());
        let log = log();
        // What the provider says is for the operator's eyes.
        for page in &pages {
            assert!(!page.body.contains("CANARY-description"), "{}", page.body);
        }
        for secret in secrets(&world, &browsers).into_iter().chain(tickets) {
            assert!(secret.len() > 10, "{secret}");
            for line in log.lines() {
                assert!(!line.contains(&secret), "{secret} in {line}");
            }
            for page in &pages {
                let to = page.location().map(String::from).unwrap_or_default();
                let cookies = to.contains("/finish?");
                assert!(cookies || !to.contains(&secret), "{secret} in {to}");
                assert!(!page.body.contains(&secret), "{secret} at {}", page.url);
            }
        }
        let panics: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("panicked"))
            .collect();
        assert!(panics.is_empty(), "{panics:?}");
    }
}

#[tokio::test]
async fn x06_a_visitor_cannot_write_log_lines() {
    listen();
    let world = World::start().await;
    let evil = "x\r\n2026-11-21T00:00:00Z ERROR forged: \u{1b}[31mroot\u{9b}\u{2028}\u{202e}";
    let fault = FaultKind::Error {
        error: evil.to_owned(),
        description: evil.to_owned(),
    };
    world
        .fault_fails("authorize", fault, "login.provider_error")
        .await;
    let body = json!({ "error": evil, "error_description": evil });
    world
        .fault_fails(
            "token",
            FaultKind::ErrorIn200 { body },
            "login.token_rejected",
        )
        .await;
    let browser = &mut Browser::new();
    for endpoint in [
        "login?provider=x%0aforged",
        "session",
        "check",
        "login?lang=x%0aforged&return_to=%0aforged",
        "error?code=x%0aforged&id=%1b%5b31m",
    ] {
        browser
            .get_with(
                world.url("acme", endpoint),
                &[
                    ("user-agent", "forged\u{9b}"),
                    ("cookie", "vestibule_acme=forged"),
                ],
            )
            .await;
    }
    browser
        .get(format!("{}/accounts/a%0aforged/login", world.origin))
        .await;
    let log = log();
    assert!(log.contains("forged: "), "the words themselves are there");
    for line in log.lines().filter(|line| line.contains("forged")) {
        assert!(line.contains("login failed"), "{line}");
        assert!(
            !line.contains(['\u{1b}', '\u{9b}', '\u{2028}', '\u{202e}', '\r']),
            "{line:?}"
        );
    }
}
