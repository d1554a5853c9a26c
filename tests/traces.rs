//! Traces of the program as it is shipped, at a collector of the test's.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use mock_idp::MockIdp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode as Outcome};
use prost::Message;
use rustix::process::{Pid, Signal, kill_process};
use support::attack::parameter;
use support::program::free_port;
use support::{Browser, Page, mapping_for};
use tokio::net::TcpListener;
use vestibule::http::server::{Listener, ServerOptions, serve};

const TOKEN: &str = "Bearer of-the-collector-4d0a";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// What a collector was sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Bytes>>>);

impl Collector {
    async fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = self.clone();
        let take = async move |headers: HeaderMap, body: Bytes| {
            if headers
                .get("authorization")
                .is_none_or(|given| given != TOKEN)
            {
                return StatusCode::UNAUTHORIZED;
            }
            assert_eq!(headers["content-type"], "application/x-protobuf");
            kept.0.lock().unwrap().push(body);
            StatusCode::OK
        };
        let app = Router::new().route("/v1/traces", post(take));
        let options = ServerOptions::default();
        let listeners = vec![Listener::Tcp(listener)];
        tokio::spawn(serve(listeners, app, options, std::future::pending()));
        port
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for body in &*self.0.lock().unwrap() {
            let sent = ExportTraceServiceRequest::decode(body.clone()).unwrap();
            for of in sent.resource_spans {
                let resource = of.resource.unwrap();
                assert_eq!(text(&resource.attributes, "service.name"), "vestibule");
                let scopes = of.scope_spans.into_iter();
                spans.extend(scopes.flat_map(|scope| scope.spans));
            }
        }
        spans
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|found| found.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The program, with the account `acme` whose provider is `idp`.
struct Program {
    dir: tempfile::TempDir,
    origin: String,
    serving: Option<Child>,
    log: Receiver<String>,
}

impl Program {
    fn command(dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    fn start(idp: &MockIdp, traces: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let origin = format!("http://127.0.0.1:{}", free_port());
        let config = format!(
            "public_url = \"{origin}\"\nlisten = \"{}\"\n[metrics]\nlisten = \"\"\n[outbound]\nallow_http = true\nallow_networks = [\"127.0.0.0/8\"]\n[login]\nbundled_ids_elsewhere = true\n{traces}",
            origin.trim_start_matches("http://")
        );
        fs::write(dir.path().join("vestibule.toml"), config).unwrap();
        fs::write(dir.path().join("mapping.toml"), mapping_for(idp)).unwrap();
        let path = "/accounts/acme";
        for arguments in [
            &[
                "account",
                "create",
                "acme",
                "--store",
                &origin,
                "--auth-path",
                path,
            ][..],
            &["provider", "apply", "mapping.toml", "--account", "acme"],
        ] {
            let done = Self::command(dir.path(), arguments).output().unwrap();
            assert!(done.status.success(), "{done:?}");
        }
        let mut serving = Self::command(dir.path(), &["serve"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, log) = std::sync::mpsc::channel();
        let lines = BufReader::new(serving.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let program = Self {
            dir,
            origin,
            serving: Some(serving),
            log,
        };
        program.says("vestibule is serving");
        program
    }

    /// The next line of the log that has this in it.
    fn says(&self, what: &str) -> String {
        self.log.iter().find(|line| line.contains(what)).unwrap()
    }

    async fn log_in(&self, browser: &mut Browser, headers: &[(&str, &str)]) -> (Vec<String>, Page) {
        let start = format!("{}/accounts/acme/login?return_to=/welcome", self.origin);
        let page = browser.get_with(&start, headers).await;
        let callback = browser.through_idp(page, "ada", "lovelace").await;
        let page = browser.get(callback.as_str()).await;
        let finish = page.location().unwrap();
        let mut secrets = vec![parameter(&callback, "code"), parameter(&callback, "state")];
        if finish.path().ends_with("/finish") {
            secrets.push(parameter(&finish, "ticket"));
        }
        (secrets, browser.get(finish.as_str()).await)
    }

    /// Stops it in good order; the rest of its log.
    fn stop(mut self) -> Vec<String> {
        let mut serving = self.serving.take().unwrap();
        kill_process(Pid::from_child(&serving), Signal::TERM).unwrap();
        assert!(serving.wait().unwrap().success());
        self.log.iter().collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut serving) = self.serving.take() {
            let _ = serving.kill();
            let _ = serving.wait();
        }
        let _ = &self.dir;
    }
}

/// The one span of this name below that parent.
fn below<'s>(spans: &'s [Span], parent: &str, name: &str) -> &'s Span {
    let mut found = spans
        .iter()
        .filter(|span| span.name == name && hex(&span.parent_span_id) == parent);
    let span = found.next();
    let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
    assert!(found.next().is_none(), "{name} is there twice: {names:?}");
    span.unwrap_or_else(|| panic!("no {name} below {parent}: {names:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn a_trace_leads_from_the_storefront_to_the_providers_calls() {
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let collector = Collector::default();
    let port = collector.start().await;
    let traces = format!(
        "[traces]\nendpoint = \"http://127.0.0.1:{port}\"\nheaders = {{ authorization = \"{TOKEN}\" }}\n"
    );
    let program = Program::start(&idp, &traces);

    let mut browser = Browser::new();
    let told = format!("00-{TRACE}-{CALLER}-01");
    let (mut secrets, page) = program
        .log_in(&mut browser, &[("traceparent", &told)])
        .await;
    assert_eq!(page.location().unwrap().path(), "/welcome", "{}", page.body);
    let line = program.says("login begins");
    assert!(line.contains(&format!("trace_id={TRACE}")), "{line}");
    let line = program.says("the session begins");
    assert!(line.contains("trace_id="), "{line}");
    // What is no context begins a trace of its own, and so does what says it twice.
    let bad = format!("00-{TRACE}-0000000000000000-01");
    for headers in [
        &[("traceparent", bad.as_str())][..],
        &[
            ("traceparent", told.as_str()),
            ("traceparent", told.as_str()),
        ],
    ] {
        browser
            .get_with(format!("{}/healthz", program.origin), headers)
            .await;
    }
    // Who sent it may have decided that it is not sampled.
    let unsampled = format!("00-{TRACE}-{CALLER}-00");
    let headers = [("traceparent", unsampled.as_str())];
    browser
        .get_with(format!("{}/readyz", program.origin), &headers)
        .await;

    // Now the provider refuses the token request.
    idp.configure(|config| config.client_secret = "another".into());
    let other = "0af7651916cd43dd8448eb211c80319c";
    let failing = format!("00-{other}-{CALLER}-01");
    let (more, page) = program
        .log_in(&mut Browser::new(), &[("traceparent", &failing)])
        .await;
    assert!(page.status.is_client_error() || page.status.is_server_error());
    let line = program.says("login failed");
    assert!(line.contains(&format!("trace_id={other}")), "{line}");
    secrets.extend(more);
    // Which way was used last is no secret.
    let cookies = browser.jar.iter();
    let cookies = cookies.filter(|((_, name), _)| !name.contains(".used"));
    secrets.extend(cookies.map(|(_, value)| value.clone()));
    program.stop();

    let all = collector.spans();
    let of = |trace: &str| -> Vec<Span> {
        let spans = all.iter().filter(|span| hex(&span.trace_id) == trace);
        spans.cloned().collect()
    };
    let spans = of(TRACE);
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert!(!names.contains(&"GET /healthz") && !names.contains(&"GET /readyz"));
    assert_eq!(
        all.iter()
            .filter(|span| span.name == "GET /healthz")
            .count(),
        2
    );
    assert!(all.iter().all(|span| span.name != "GET /readyz"));
    let start = below(&spans, CALLER, "GET /accounts/{account}/login");
    assert_eq!(start.kind(), SpanKind::Server);
    assert_eq!(text(&start.attributes, "http.response.status_code"), "302");
    let id = text(&start.attributes, "vestibule.login");
    assert!(!id.is_empty());
    let login = below(&spans, &hex(&start.span_id), "login");
    assert_eq!(text(&login.attributes, "vestibule.login"), id);
    // The callback came as a request of its own, without a context.
    let linked = &login.links[0];
    assert_ne!(hex(&linked.trace_id), TRACE);
    assert!(
        all.iter()
            .any(|span| span.span_id == linked.span_id && span.name.starts_with("GET /callback/"))
    );
    for (step, method) in [("token", "POST"), ("userinfo", "GET")] {
        let span = below(&spans, &hex(&login.span_id), &format!("login {step}"));
        assert_eq!(text(&span.attributes, "vestibule.account"), "acme");
        assert_eq!(text(&span.attributes, "vestibule.provider"), "mock-idp");
        assert_eq!(text(&span.attributes, "vestibule.step"), step);
        let call = below(&spans, &hex(&span.span_id), method);
        assert_eq!(call.kind(), SpanKind::Client);
        assert_eq!(text(&call.attributes, "server.address"), "127.0.0.1");
        assert_eq!(text(&call.attributes, "http.response.status_code"), "200");
    }

    let spans = of(other);
    let failed = spans
        .iter()
        .find(|span| span.name == "login token")
        .unwrap();
    assert_eq!(failed.status.as_ref().unwrap().code(), Outcome::Error);
    let code = text(&failed.attributes, "error.type");
    assert!(!code.is_empty() && line.contains(&code), "{code}: {line}");

    // Nothing of a login is told to the collector, and nothing of a trace to the provider.
    secrets.extend(["vestibule-demo-secret".to_owned(), "lovelace".to_owned()]);
    for body in &*collector.0.lock().unwrap() {
        for secret in &secrets {
            let found = memchr::memmem::find(body, secret.as_bytes());
            assert!(found.is_none(), "{secret} was sent");
        }
    }
    for entry in idp.journal() {
        let told = entry
            .headers
            .iter()
            .any(|(name, _)| name.starts_with("trace"));
        assert!(!told, "{entry:?}");
    }
}

/// A collector that is not there, or refuses, costs nobody a login.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_is_said_once() {
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let collector = Collector::default();
    let refusing = collector.start().await;
    for (port, why) in [(free_port(), "refused"), (refusing, "401")] {
        let traces = format!("[traces]\nendpoint = \"http://127.0.0.1:{port}\"\n");
        let program = Program::start(&idp, &traces);
        let mut browser = Browser::new();
        let (_, page) = program.log_in(&mut browser, &[]).await;
        assert_eq!(page.location().unwrap().path(), "/welcome", "{}", page.body);
        let line = program.says("traces do not reach their collector");
        assert!(line.contains(why), "{line}");
        let (_, page) = program.log_in(&mut browser, &[]).await;
        assert_eq!(page.location().unwrap().path(), "/welcome", "{}", page.body);
        let rest = program.stop();
        let again = rest.iter().any(|line| line.contains("do not reach"));
        assert!(!again, "{rest:?}");
    }
}

#[test]
fn a_wrong_section_is_said_so() {
    let check = |section: &str| {
        let text = format!("[traces]\n{section}");
        let found = vestibule::config::from_parts(&text, [], None);
        found.map(|config| config.traces).map_err(|findings| {
            let said = findings.iter().map(ToString::to_string);
            said.collect::<Vec<_>>().join("\n")
        })
    };
    assert!(check("").unwrap().is_none());
    let set = check("endpoint = \"https://otel.example.com\"\nsample = 1").unwrap();
    let endpoint = set.unwrap().endpoint;
    assert_eq!(endpoint.as_str(), "https://otel.example.com/v1/traces");
    let set = check("endpoint = \"https://otel.example.com/otlp/v1/traces\"").unwrap();
    assert!(set.unwrap().endpoint.as_str().ends_with("/otlp/v1/traces"));
    for (section, key, said) in [
        (
            "endpoint = \"collector:4317\"",
            "traces.endpoint",
            "http://127.0.0.1:4318",
        ),
        (
            "endpoint = \"http://ada:hunter2@h\"",
            "traces.endpoint",
            "traces.headers",
        ),
        ("sample = 2", "traces.sample", "from 0 to 1"),
        ("sample = nan", "traces.sample", ""),
        (
            "headers = { \"a b\" = \"x\" }",
            "traces.headers",
            "authorization",
        ),
        (
            "headers = { a = \"x\\ny\" }",
            "traces.headers.a",
            "line breaks",
        ),
        ("headers = { host = \"x\" }", "traces.headers.host", ""),
        (
            "headers = { a = { env = \"NOBODY_SETS_THIS\" } }",
            "traces.headers.a",
            "NOBODY_SETS_THIS",
        ),
    ] {
        let error = check(section).unwrap_err();
        assert!(
            error.contains(key) && error.contains(said),
            "{section}: {error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
    let set = |value: &str| {
        let variables = [("TRACES__SAMPLE".to_owned(), value.to_owned())];
        vestibule::config::from_parts("[traces]\nendpoint = \"http://h\"", variables, None)
    };
    assert!((set("0.25").unwrap().traces.unwrap().sample - 0.25).abs() < f64::EPSILON);
    assert!(set("a quarter").is_err());
}
