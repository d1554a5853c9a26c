//! Secrets of every kind, planted or caught on their way, and looked for wherever
//! the broker writes: log, pages, metrics, audit log, traces, data, copies, arguments.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mock_idp::MockIdp;
use reqwest::Method;
use serde_json::Value;
use support::attack::{openid_mapping_for, parameter};
use support::form::Form;
use support::{Browser, Page};
use vestibule::base::digest::{sha256, sha256_base64url};
use vestibule::base::{Clock, SystemClock};

const MASTER: &str = "canary-of-the-master-key-51d2c0";
const CLIENT: &str = "canary-of-the-provider-secret-8f3b";
const APPLICATION: &str = "canary-of-an-application-secret-77";
const VERIFIER: &str = "canary-of-a-pkce-verifier-0123456789-abcdefghij";
const OPERATOR: &str = "canary-of-an-operators-password";
const SHOPPER: &str = "canary-of-a-shoppers-password-1A";
const TYPED: &str = "canary-of-a-password-that-is-wrong";
const BACK: &str = "https://shop.example.com/back";

struct Home {
    dir: tempfile::TempDir,
    port: u16,
    metrics: u16,
}

impl Home {
    fn command(&self, arguments: &[&str]) -> Command {
        let origin = self.origin();
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("VESTIBULE_DATA_DIR", self.dir.path().join("data"))
            .env("VESTIBULE_AUTH__MASTER_KEY", MASTER)
            .env("VESTIBULE_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("VESTIBULE_PUBLIC_URL", origin)
            .env("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true")
            .env("VESTIBULE_OUTBOUND__ALLOW_NETWORKS", "127.0.0.0/8")
            .env(
                "VESTIBULE_METRICS__LISTEN",
                format!("127.0.0.1:{}", self.metrics),
            )
            .env("VESTIBULE_LOG", "debug,vestibule=trace")
            .env("APPLICATION_SECRET", APPLICATION);
        command
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn ok(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        output
    }
}

/// A broker and its log.
struct Serving {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Serving {
    fn start(home: &Home) -> Self {
        let mut child = home
            .command(&["serve"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (up, is_up) = std::sync::mpsc::channel();
        let (lines, kept) = (
            BufReader::new(child.stderr.take().unwrap()),
            Arc::clone(&log),
        );
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if line.contains("vestibule is serving") {
                    let _ = up.send(());
                }
                *kept.lock().unwrap() += &(line + "\n");
            }
        });
        is_up.recv().unwrap();
        Self { child, log }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Secrets by what they are, and where they must not be.
#[derive(Default)]
struct Search {
    secrets: BTreeMap<String, String>,
    places: Vec<(String, Vec<u8>)>,
}

impl Search {
    fn plant(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 16, "{what} is too short to be looked for");
        self.secrets.insert(what.to_owned(), secret.to_owned());
    }

    fn place(&mut self, place: &str, content: impl Into<Vec<u8>>) {
        self.places.push((place.to_owned(), content.into()));
    }

    fn page(&mut self, page: &Page) {
        self.place(&format!("the page {}", page.url.path()), page.body.as_str());
    }

    fn directory(&mut self, dir: &Path) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.directory(&path);
            } else if path.is_file() {
                let content = std::fs::read(&path).unwrap();
                // Of a copy, what its lines stand for.
                for line in content.split(|byte| *byte == b'\n') {
                    let line: Option<Value> = serde_json::from_slice(line).ok();
                    for member in ["id", "owner", "value"] {
                        let text = line.as_ref().and_then(|line| line[member].as_str());
                        if let Some(Ok(bytes)) = text.map(|text| STANDARD.decode(text)) {
                            self.place(&format!("a record in {}", path.display()), bytes);
                        }
                    }
                }
                self.place(&path.display().to_string(), content);
            }
        }
    }

    fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, secret) in &self.secrets {
            for (place, content) in &self.places {
                if memchr::memmem::find(content, secret.as_bytes()).is_some() {
                    found.push(format!("{what} in {place}"));
                }
            }
        }
        found
    }
}

/// A shopper logs in, and an application takes tokens for them.
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn log_in(home: &Home, idp: &MockIdp, search: &mut Search, turn: &str) {
    let origin = home.origin();
    let mut browser = Browser::new();
    let start = format!("{origin}/accounts/acme/login?return_to=/welcome");
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    search.plant(&format!("{turn}: a code"), &parameter(&callback, "code"));
    search.plant(&format!("{turn}: a state"), &parameter(&callback, "state"));
    let page = browser.get(callback.as_str()).await;
    search.page(&page);
    let finish = page.location().unwrap();
    search.plant(&format!("{turn}: a ticket"), &parameter(&finish, "ticket"));
    let page = browser.get(finish.as_str()).await;
    search.page(&page);
    let ends = page.location().unwrap();
    search.page(&browser.get(ends.as_str()).await);
    // Which way was used last is no secret.
    let kept = browser
        .jar
        .iter()
        .filter(|((_, name), _)| !name.contains(".used"));
    for ((_, name), value) in kept {
        search.plant(&format!("{turn}: the cookie {name}"), value);
    }
    for entry in idp.journal() {
        for (name, value) in &entry.headers {
            if name.eq_ignore_ascii_case("authorization") {
                let token = value.rsplit(' ').next().unwrap();
                search.plant(&format!("{turn}: the token at {}", entry.path), token);
            }
        }
    }
    // What was used, what is made up, and what the provider does not know.
    for (name, value) in [("state", "x"), ("code", "canary-of-a-made-up-code")] {
        let again = browser.to_callback(&start, "ada", "lovelace").await;
        let bad = support::attack::with(&again, &[(name, Some(value))]);
        let page = browser.get(bad.as_str()).await;
        let page = browser.follow(page).await;
        assert!(
            page.status.is_client_error() || page.status.is_server_error(),
            "{}",
            page.status
        );
        search.page(&page);
        search.plant(
            &format!("{turn}: a code with a bad {name}"),
            &parameter(&again, "code"),
        );
    }
    search.page(&browser.get(callback.as_str()).await);

    let challenge = sha256_base64url(VERIFIER.as_bytes());
    let page = browser
        .get(format!(
            "{origin}/connect/authorize?client_id=shop&response_type=code&state=s&scope=openid%20offline_access&code_challenge_method=S256&code_challenge={challenge}&redirect_uri={BACK}"
        ))
        .await;
    let mut page = page;
    let code = loop {
        let next = page
            .location()
            .unwrap_or_else(|| panic!("{} {}", page.status, page.body));
        if next.as_str().starts_with(BACK) {
            break parameter(&next, "code");
        }
        page = if next.as_str().starts_with(&idp.origin()) {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            browser.get(callback.as_str()).await
        } else {
            browser.get(next.as_str()).await
        };
    };
    search.plant(&format!("{turn}: our code"), &code);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", BACK),
        ("client_id", "shop"),
        ("client_secret", APPLICATION),
        ("code_verifier", VERIFIER),
    ];
    let token_url = format!("{origin}/connect/token");
    let mut tokens = browser.post(&token_url, &form).await.json();
    for round in 0..2 {
        for kind in ["access_token", "refresh_token", "id_token"] {
            let token = tokens[kind].as_str();
            if let Some(token) = token {
                search.plant(&format!("{turn}: our {kind} {round}"), token);
            }
            assert!(token.is_some() || kind == "id_token", "{tokens}");
        }
        let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh),
            ("client_id", "shop"),
            ("client_secret", APPLICATION),
        ];
        tokens = browser.post(&token_url, &form).await.json();
    }
    // A token that counts for nothing there, and a secret that is wrong.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "shop"),
        ("client_secret", "canary-of-a-wrong-secret"),
    ];
    search.page(&browser.post(&token_url, &form).await);
    search.plant("a wrong secret", "canary-of-a-wrong-secret");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let page = browser
        .get_with(format!("{origin}/api/v1/accounts"), &headers)
        .await;
    assert!(page.status.is_client_error(), "{}", page.status);
    search.page(&page);
}

/// Tries the mapping, and one like it that finds no user id, and keeps the traces.
async fn trial(home: &Home, search: &mut Search, turn: &str) {
    let works = std::fs::read_to_string(home.dir.path().join("mapping.toml")).unwrap();
    let nowhere = if works.contains("[userinfo.response]") {
        works.replace("user_id = \"", "user_id = \"nowhere.")
    } else {
        works.clone() + "[userinfo.response]\nuser_id = \"nowhere.id\"\n"
    };
    for (name, text) in [("works", works), ("fails", nowhere)] {
        let file = format!("{name}.toml");
        std::fs::write(home.dir.path().join(&file), text).unwrap();
        let trace = format!("{turn}-{name}.json");
        let mut trying = home
            .command(&[
                "provider",
                "try",
                &file,
                "--listen",
                "127.0.0.1:0",
                "--save",
                &trace,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(trying.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let link = lines.find(|line| line.contains("/trial?ticket="));
        let link = link.unwrap_or_else(|| panic!("{turn} {name}: no link"));
        let mut browser = Browser::new();
        let callback = browser.to_callback(link.trim(), "ada", "lovelace").await;
        let what = format!("{turn}, a trial that {name}");
        search.plant(&format!("{what}: a code"), &parameter(&callback, "code"));
        search.plant(&format!("{what}: a state"), &parameter(&callback, "state"));
        let page = browser.get(callback.as_str()).await;
        search.page(&page);
        let page = browser.follow(page).await;
        search.page(&page);
        search.place(&what, lines.collect::<Vec<_>>().join("\n"));
        let said = trying.wait_with_output().unwrap();
        assert_eq!(said.status.success(), name == "works", "{what}");
        search.place(&format!("{what}, its errors"), said.stderr);
        let saved = home.dir.path().join(&trace);
        assert!(saved.exists() || name == "fails", "{what}: no trace");
        std::fs::remove_file(home.dir.path().join(&file)).unwrap();
    }
}

/// What the form of a page of the console carries.
fn csrf(page: &Page) -> String {
    let rest = page.body.split("name=\"csrf\" value=\"").nth(1);
    let rest = rest.unwrap_or_else(|| panic!("{} {}", page.status, page.body));
    rest.split('"').next().unwrap().to_owned()
}

async fn console(home: &Home, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Page {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let origin = home.origin();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin.as_str()),
    ];
    let url = format!("{origin}{path}");
    browser.send(Method::POST, &url, &headers, Some(body)).await
}

/// The code of an app that has this key now (RFC 6238).
fn code(key: &str) -> String {
    let mut bits = String::new();
    for digit in key.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            _ => digit - b'2' + 26,
        };
        write!(bits, "{value:05b}").unwrap();
    }
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|bits| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let step = SystemClock.now().as_secs() / 30;
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let word = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

fn keep_cookies(search: &mut Search, browser: &Browser, whose: &str) {
    for ((_, name), value) in browser
        .jar
        .iter()
        .filter(|((_, n), _)| !n.contains(".used"))
    {
        search.plant(&format!("{whose}: the cookie {name}"), value);
    }
}

/// An operator is invited, sets up a second factor, and makes a link for others.
async fn operate(home: &Home, search: &mut Search) {
    let made = home.ok(&["operator", "create", "ada@example.test", "--name", "Ada"]);
    let made = String::from_utf8(made.stdout).unwrap();
    let ticket = made.split("ticket=").nth(1).unwrap();
    let ticket: String = ticket
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    search.plant("an invitation", &ticket);
    let mut browser = Browser::new();
    let chosen = [("ticket", ticket.as_str()), ("password", OPERATOR)];
    let page = console(home, &mut browser, "/admin/welcome", &chosen).await;
    assert!(page.status.is_redirection(), "{}", page.body);
    let wrong = [("email", "ada@example.test"), ("password", TYPED)];
    search.page(&console(home, &mut Browser::new(), "/admin/login", &wrong).await);
    let profile = browser
        .get(format!("{}/admin/profile", home.origin()))
        .await;
    search.page(&profile);
    let token = csrf(&profile);
    let here = "/admin/profile/second-factor";
    let begin = [("csrf", token.as_str()), ("password", OPERATOR)];
    let page = console(home, &mut browser, &format!("{here}/begin"), &begin).await;
    let form = page.body.split("name=\"setup\" value=\"").nth(1).unwrap();
    let setup = form.split('"').next().unwrap().to_owned();
    let key = page.body.split("id=\"key\"").nth(1).unwrap();
    let key = key.split("value=\"").nth(1).unwrap();
    let key: String = key
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    search.plant("the key of a second factor", &key);
    let shown = code(&key);
    let confirm = [
        ("csrf", token.as_str()),
        ("setup", setup.as_str()),
        ("code", shown.as_str()),
    ];
    let page = console(home, &mut browser, &format!("{here}/confirm"), &confirm).await;
    let codes = page.body.split("class=\"codes\"").nth(1);
    let codes = codes.unwrap_or_else(|| panic!("{} {}", page.status, page.body));
    let codes = codes.split("</ul>").next().unwrap().split("<code>").skip(1);
    for (i, recovery) in codes.enumerate() {
        let recovery = recovery.split('<').next().unwrap();
        search.plant(&format!("recovery code {i}"), recovery);
        search.plant(
            &format!("recovery code {i}, plain"),
            &recovery.replace('-', ""),
        );
    }
    let links = "/admin/accounts/acme/setup-links";
    let new = [("csrf", token.as_str()), ("name", "Ada at Acme")];
    let page = console(home, &mut browser, links, &new).await;
    let secret = page.body.split("setup?ticket=").nth(1).unwrap();
    let secret = secret.split('"').next().unwrap().to_owned();
    search.plant("a set-up link", &secret);
    let mut guest = Browser::new();
    let page = console(home, &mut guest, "/admin/setup", &[("ticket", &secret)]).await;
    search.page(&guest.follow(page).await);
    keep_cookies(search, &guest, "a guest");
    keep_cookies(search, &browser, "an operator");
    for path in [
        "/admin/",
        "/admin/audit",
        "/admin/operators",
        "/admin/accounts/acme",
    ] {
        search.page(&browser.get(format!("{}{path}", home.origin())).await);
    }
    let said = home.ok(&["setup-link", "list", "--account", "acme", "--json"]);
    search.place("what `setup-link list` says", said.stdout);
    search.place(
        "what `operator list` says",
        home.ok(&["operator", "list", "--json"]).stdout,
    );
}

/// Somebody moves in with their password, and logs in with it.
async fn move_in(home: &Home, search: &mut Search) {
    let salt = b"saltsalt";
    let hash = sha256(&[SHOPPER.as_bytes(), salt].concat());
    let hash = STANDARD.encode([&hash[..], salt].concat());
    search.plant("a password's hash of another system", &hash);
    let users = format!("email,password_hash\ngrace@example.test,{{SSHA256}}{hash}\n");
    let file = home.dir.path().join("users.csv");
    std::fs::write(&file, users).unwrap();
    let path = file.display().to_string();
    let said = home.ok(&["user", "import", &path, "--account", "acme"]);
    std::fs::remove_file(&file).unwrap();
    search.place(
        "what `user import` says",
        [said.stdout, said.stderr].concat(),
    );
    home.ok(&["account", "change", "acme", "--password", "on"]);
    for (password, good) in [(TYPED, false), (SHOPPER, true)] {
        let mut browser = Browser::new();
        let start = format!("{}/accounts/acme/login?return_to=/welcome", home.origin());
        let page = browser.get(&start).await;
        let form = Form::of(&page).fill("email", "grace@example.test");
        let page = form.fill("password", password).post(&mut browser).await;
        assert_eq!(page.status.is_redirection(), good, "{}", page.body);
        search.page(&page);
        if good {
            browser.follow(page).await;
            keep_cookies(search, &browser, "who moved in");
        }
    }
    for command in ["list", "export"] {
        let said = home.ok(&["user", command, "--account", "acme"]);
        search.place(&format!("what `user {command}` says"), said.stdout);
    }
}

/// A panic's message can be made of anything; what is told of it is not.
#[test]
fn x05_a_panic_tells_its_place_and_no_values() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let logging = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let before = std::panic::take_hook();
    vestibule::cli::panics::install();
    tracing::subscriber::with_default(logging, || {
        let secret = || Err::<(), _>(CLIENT.to_owned());
        let panics: [fn(); 3] = [
            || panic!("{CLIENT} is a secret"),
            || panic!("as it stands"),
            || assert_eq!(CLIENT, "another"),
        ];
        assert!(std::panic::catch_unwind(|| secret().unwrap()).is_err());
        for panics in panics {
            assert!(std::panic::catch_unwind(panics).is_err());
        }
    });
    std::panic::set_hook(before);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("tests/canaries.rs:").count(), 4, "{log}");
    assert!(log.contains("as it stands"), "{log}");
    assert!(!log.contains(CLIENT), "{log}");
}

/// What is known before anything begins.
fn planted() -> Search {
    let mut search = Search::default();
    for (what, secret) in [
        ("the master key", MASTER),
        ("a provider's client secret", CLIENT),
        ("an application's secret", APPLICATION),
        ("a PKCE verifier", VERIFIER),
        ("an operator's password", OPERATOR),
        ("a shopper's password", SHOPPER),
        ("a password that is wrong", TYPED),
    ] {
        search.plant(what, secret);
    }
    search
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canaries_are_found_nowhere() {
    let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [port, metrics] = free.each_ref().map(|at| at.local_addr().unwrap().port());
    let home = Home {
        dir: tempfile::tempdir().unwrap(),
        port,
        metrics,
    };
    drop(free);
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let mut search = planted();
    home.ok(&[
        "account",
        "create",
        "acme",
        "--store",
        &home.origin(),
        "--auth-path",
        "/accounts/acme",
    ]);
    let plain = support::mapping_for(&idp);
    let openid = openid_mapping_for(&idp);
    idp.configure(|config| {
        config.openid.enabled = true;
        CLIENT.clone_into(&mut config.client_secret);
    });
    let serving = Serving::start(&home);
    let file = home.dir.path().join("mapping.toml");
    home.ok(&[
        "app",
        "create",
        "--account",
        "acme",
        "--client-id",
        "shop",
        "--client-secret-env",
        "APPLICATION_SECRET",
        "--redirect-uri",
        BACK,
        "--grant",
        "authorization_code",
        "--grant",
        "refresh_token",
    ]);
    for (turn, mapping) in [("OAuth", plain), ("OpenID", openid)] {
        assert!(mapping.contains("vestibule-demo-secret"));
        std::fs::write(&file, mapping.replace("vestibule-demo-secret", CLIENT)).unwrap();
        let path = file.display().to_string();
        let said = home.ok(&["provider", "apply", &path, "--account", "acme"]);
        search.place(
            "what `provider apply` says",
            [said.stdout, said.stderr].concat(),
        );
        trial(&home, &mut search, turn).await;
        std::fs::remove_file(&file).unwrap();
        log_in(&home, &idp, &mut search, turn).await;
        let provider = if turn == "OAuth" {
            "mock-idp"
        } else {
            "mock-oidc"
        };
        let said = home.ok(&["provider", "show", provider, "--account", "acme"]);
        search.place("what `provider show` says", said.stdout);
        home.ok(&["provider", "remove", provider, "--account", "acme"]);
    }
    operate(&home, &mut search).await;
    move_in(&home, &mut search).await;
    let mut browser = Browser::new();
    for port in [home.port, home.metrics] {
        let page = browser
            .get(format!("http://127.0.0.1:{port}/metrics"))
            .await;
        assert_eq!(page.status.is_success(), port == home.metrics);
        search.page(&page);
    }
    search.place("the audit log", home.ok(&["audit", "export"]).stdout);
    home.ok(&["export", "copy"]);
    let arguments = format!("/proc/{}/cmdline", serving.child.id());
    search.place("the arguments", std::fs::read(arguments).unwrap());
    search.directory(home.dir.path());
    let pid = rustix::process::Pid::from_child(&serving.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let Serving { log, .. } = &serving;
    while !log.lock().unwrap().contains("stopped") {
        std::thread::yield_now();
    }
    let log = log.lock().unwrap().clone();
    assert!(log.lines().count() > 50, "the log says hardly anything");
    assert!(!log.contains("panicked"), "{log}");
    search.place("the log", log);
    search.directory(home.dir.path());
    let kinds = search.secrets.len();
    assert!(kinds > 60, "{kinds} secrets are too few");
    assert_eq!(search.found(), Vec::<String>::new());
    // The search finds what is there.
    search.place("here", format!("x{CLIENT}x"));
    assert_eq!(search.found(), ["a provider's client secret in here"]);
}
