//! An operator logs in with a program (RFC 8628), our own command line among them.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Grant, Scopes};
use vestibule::operator::{Email, Operator};
use vestibule::store::Precondition;

use crate::Op;
use crate::authority::{Client, service};
use crate::roles::operator;
use crate::second_factor::{with_factor, world_that_requires_it};
use crate::support::{Browser, Page, World};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn program(world: &World) -> Client {
    let new = NewApplication {
        client_id: Some("vestibule-cli".parse().unwrap()),
        name: Some("Command line".to_owned()),
        grants: Some([Grant::DeviceCode].into()),
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        public: true,
        ..NewApplication::default()
    };
    Client::create(world, new).await
}

async fn allow(op: &mut Op<'_>, code: &str) -> Page {
    // The page that anybody is sent to leads here.
    let url = format!("{}/connect/device", op.world.origin);
    let page = op.browser.post(&url, &[("user_code", code)]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let there = page.location().unwrap();
    let page = op
        .get(&format!("{}?{}", there.path(), there.query().unwrap()))
        .await;
    assert!(page.shows("Command line"), "{}", page.body);
    assert!(page.shows(code), "{}", page.body);
    let form = [("user_code", code), ("decision", "allow")];
    let page = op.post("/admin/device", &form).await;
    assert!(page.shows("is signed in as you"), "{}", page.body);
    page
}

/// The token of an operator's program.
async fn token(op: &mut Op<'_>, client: &Client, scope: &str) -> String {
    let begun = client
        .post(op.world, "device_authorization", &[("scope", scope)])
        .await
        .json();
    allow(op, begun["user_code"].as_str().unwrap()).await;
    let code = begun["device_code"].as_str().unwrap();
    let form = [("grant_type", GRANT), ("device_code", code)];
    let page = client.token(op.world, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.json()["scope"], scope);
    page.json()["access_token"].as_str().unwrap().to_owned()
}

async fn call(world: &World, token: &str, method: Method, path: &str) -> StatusCode {
    let url = format!("{}/api/v1{path}", world.origin);
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = (method == Method::POST).then(|| r#"{"id":"new","name":"New"}"#.to_owned());
    Browser::new()
        .send(method, &url, &headers, body)
        .await
        .status
}

#[tokio::test]
async fn a_program_may_what_its_operator_may_and_no_more() {
    let world = World::start().await;
    let client = program(&world).await;
    let mut owner = Op::first(&world).await;
    let all = token(&mut owner, &client, "admin:read admin:write").await;
    let read = token(&mut owner, &client, "admin:read").await;
    assert_eq!(call(&world, &all, Method::GET, "/operators").await, 200);
    assert_eq!(call(&world, &all, Method::POST, "/accounts").await, 201);
    assert_eq!(call(&world, &read, Method::GET, "/accounts").await, 200);
    assert_eq!(call(&world, &read, Method::POST, "/accounts").await, 403);
    // What roles and limits say in the console they say here.
    world.account("globex").await;
    let mut auditor = operator(&world, "audit@example.test", "auditor", &[]).await;
    let looks = token(&mut auditor, &client, "admin:read admin:write").await;
    assert_eq!(call(&world, &looks, Method::GET, "/operators").await, 200);
    assert_eq!(call(&world, &looks, Method::GET, "/export").await, 403);
    assert_eq!(call(&world, &looks, Method::POST, "/accounts").await, 403);
    let mut support = operator(&world, "help@example.test", "support", &["acme"]).await;
    let helps = token(&mut support, &client, "admin:read admin:write").await;
    for (method, path, status) in [
        (Method::GET, "/accounts/acme", 200),
        (Method::GET, "/accounts/globex", 404),
        (Method::GET, "/accounts/acm%65/users", 404),
        (Method::GET, "/operators", 403),
        (Method::GET, "/audit?account=globex", 404),
        (Method::DELETE, "/accounts/acme", 403),
        (Method::DELETE, "/accounts/acme/sessions/x", 404),
        (Method::DELETE, "/accounts/globex/sessions/x", 404),
        (Method::DELETE, "/applications/vestibule-cli", 403),
    ] {
        let got = call(&world, &helps, method.clone(), path).await;
        assert!(
            got == status || (status == 404 && got == 403),
            "{method} {path}: {got}"
        );
    }
    // Who administers several accounts sees these, and no other.
    for id in ["initech", "umbrella"] {
        world.account(id).await;
    }
    let own = ["umbrella", "acme", "initech"];
    let mut some = operator(&world, "some@example.test", "administrator", &own).await;
    let some = token(&mut some, &client, "admin:read admin:write").await;
    let list = async |query: &str| -> (Vec<String>, Option<String>) {
        let url = format!("{}/api/v1/accounts{query}", world.origin);
        let bearer = [("authorization", &*format!("Bearer {some}"))];
        let page = Browser::new().get_with(url, &bearer).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let answer = page.json();
        let items = answer["items"].as_array().unwrap().iter();
        let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
        let next = answer["next"].as_str().map(str::to_owned);
        (items.map(id).collect(), next)
    };
    let (ids, next) = list("").await;
    assert_eq!(ids, ["acme", "initech", "umbrella"]);
    assert_eq!(next, None);
    assert_eq!(list("?q=tech").await.0, ["initech"]);
    let (first, next) = list("?limit=2").await;
    assert_eq!(first, ["acme", "initech"]);
    let after = format!("?limit=2&after={}", next.unwrap());
    assert_eq!(list(&after).await, (vec!["umbrella".to_owned()], None));
    for (method, path, status) in [
        (Method::GET, "/accounts/initech", 200),
        (Method::GET, "/accounts/globex", 404),
        (Method::GET, "/audit", 403),
        (Method::GET, "/applications", 403),
        (Method::POST, "/accounts", 403),
    ] {
        let got = call(&world, &some, method.clone(), path).await;
        assert_eq!(got, status, "{method} {path}");
    }
    // A bearer token is no cookie, and the other way round.
    let mut thief = Browser::new();
    let host = world.origin.trim_start_matches("http://").to_owned();
    thief
        .jar
        .insert((host, "vestibule.console".to_owned()), all.clone());
    let page = thief.get(format!("{}/admin/", world.origin)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let cookies: Vec<&String> = owner.browser.jar.values().collect();
    for cookie in cookies {
        assert_eq!(call(&world, cookie, Method::GET, "/accounts").await, 401);
    }
}

#[tokio::test]
async fn a_program_of_an_operator_without_a_required_second_factor_is_refused() {
    let world = world_that_requires_it().await;
    let client = program(&world).await;
    let mut owner = with_factor(&world).await;
    let all = token(&mut owner, &client, "admin:read").await;
    assert_eq!(call(&world, &all, Method::GET, "/operators").await, 200);
    // As one who logged in before it was required.
    let email = Email::parse("ada@example.test").unwrap();
    let found = vestibule::operator::get(&*world.store, &email).await;
    let found = found.unwrap().unwrap();
    let without = Operator {
        second_factor: None,
        ..found.value
    };
    let when = Precondition::Version(found.version);
    let steps = vestibule::operator::step_put(&without, when).unwrap();
    world.store.commit(steps).await.unwrap();
    assert_eq!(call(&world, &all, Method::GET, "/operators").await, 403);
    // Applications are no operators.
    let new = NewApplication {
        account: None,
        scopes: Some(Scopes::parse("admin:read").unwrap()),
        ..service("acme")
    };
    let machine = Client::create(&world, new).await;
    let form = [("grant_type", "client_credentials")];
    let answer = machine.token(&world, &form).await.json();
    let machine = answer["access_token"].as_str().unwrap();
    assert_eq!(call(&world, machine, Method::GET, "/operators").await, 200);
}

#[tokio::test]
async fn a_program_is_listed_and_ends_with_its_session_operator_or_application() {
    let world = World::start().await;
    let client = program(&world).await;
    let mut owner = Op::first(&world).await;
    let first = token(&mut owner, &client, "admin:read").await;
    let page = owner.get("/admin/profile").await;
    assert!(page.shows("vestibule-cli"), "{}", page.body);
    let row = page.body.split("vestibule-cli").nth(1).unwrap();
    let id = row
        .split("name=\"session\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let id = id.to_owned();
    owner
        .done("/admin/profile/sign-out", &[("session", &id)])
        .await;
    assert_eq!(call(&world, &first, Method::GET, "/accounts").await, 401);
    let mut helper = operator(&world, "help@example.test", "administrator", &[]).await;
    let second = token(&mut helper, &client, "admin:read").await;
    assert_eq!(call(&world, &second, Method::GET, "/accounts").await, 200);
    let body = r#"{"disabled":true}"#;
    let done = world
        .admin(
            Method::PATCH,
            "/operators/help@example.test",
            "application/json",
            body,
        )
        .await;
    assert_eq!(done.0, 200, "{}", done.1);
    assert_eq!(call(&world, &second, Method::GET, "/accounts").await, 401);
    let third = token(&mut owner, &client, "admin:read").await;
    world
        .admin(Method::DELETE, "/applications/vestibule-cli", "", "")
        .await;
    assert_eq!(call(&world, &third, Method::GET, "/accounts").await, 401);
    let log = world.admin(Method::GET, "/audit?newest=true", "", "").await;
    assert!(log.1.contains("vestibule-cli"), "{}", log.1);
}

fn vestibule(home: &Path, world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .args(["--server", &world.origin])
        .args(arguments);
    command
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_command_line_logs_an_operator_in() {
    let world = World::start().await;
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| vestibule(home.path(), &world, arguments).output().unwrap();
    let before = run(&["account", "list"]);
    assert!(error(&before).contains("operator login"), "{before:?}");
    let off = run(&["operator", "login"]);
    assert!(error(&off).contains("vestibule app create"), "{off:?}");
    program(&world).await;
    let mut owner = Op::first(&world).await;
    let mut login = vestibule(home.path(), &world, &["operator", "login"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(login.stderr.take().unwrap()).lines();
    let code = said
        .by_ref()
        .map(|line| line.unwrap())
        .find(|line| line.starts_with("    "))
        .unwrap();
    allow(&mut owner, code.trim()).await;
    let rest: Vec<String> = said.map(|line| line.unwrap()).collect();
    assert!(login.wait().unwrap().success(), "{rest:?}");
    let file = home.path().join(".local/state/vestibule/tokens.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let folder = std::fs::metadata(file.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let list = run(&["--json", "account", "list"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list[0]["id"], "acme", "{list}");
    // A file that others can read is not used.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(error(&run(&["account", "list"])).contains("chmod 600"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    let token = kept[&world.origin]["access_token"].as_str().unwrap();
    assert!(run(&["operator", "logout"]).status.success());
    assert_eq!(call(&world, token, Method::GET, "/accounts").await, 401);
    assert!(!std::fs::read_to_string(&file).unwrap().contains(token));
}
