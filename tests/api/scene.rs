//! A broker with one of everything, and requests as the document describes them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Grant, Scopes};
use vestibule::base::Clock;
use vestibule::config;
use vestibule::login::access_key::wrong;
use vestibule::operator::{self, Email, Operator, SecondFactor};
use vestibule::password::TotpKey;
use vestibule::store::{Precondition, Store};

use crate::authority::{Client, service, user};
use crate::support::{Browser, Page, World};

/// An operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    pub described: Value,
}

impl Operation {
    pub fn is_safe(&self) -> bool {
        self.method == Method::GET
    }

    pub fn is_conditional(&self) -> bool {
        self.described["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|p| p["$ref"] == "#/components/parameters/IfMatch")
    }

    pub fn takes(&self, kind: &str) -> bool {
        !self.described["requestBody"]["content"][kind].is_null()
    }

    pub fn has_query(&self, name: &str) -> bool {
        self.described["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|p| p["in"] == "query" && p["name"] == name)
    }
}

/// All operations of the document.
pub fn operations() -> Vec<Operation> {
    let document = vestibule::admin::openapi();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            all.push(Operation {
                id: described["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    assert!(all.len() > 40, "{}", all.len());
    all
}

fn mail() -> config::Mail {
    let variables = [
        ("MAIL__URL", "smtp://127.0.0.1:1"),
        ("MAIL__FROM", "login@platform.test"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config::from_parts("", variables, None)
        .unwrap()
        .mail
        .unwrap()
}

/// A drawing with nothing in it.
const LOGO: &str = "PHN2Zy8+";

/// Too many wrong codes were typed for it.
pub const BLOCKED: &str = "blocked@example.com";

/// A domain that the people of `acme` prove.
pub const DOMAIN: &str = "acme.example";

pub const ADA: &str = "ada@example.com";

/// Logged in through the provider.
pub const LINKED: &str = "ada@example.test";

pub struct Scene {
    pub world: World,
    /// May do everything.
    pub all: String,
    /// A session of `acme`.
    pub session: String,
    /// A grant in `acme`.
    pub grant: String,
    pub shop: String,
    /// A trial of `acme`.
    pub trial: String,
    /// A login in `acme`.
    pub login: String,
    /// A set-up link of `acme`, by which something was handed in.
    pub setup_link: String,
    /// What was handed in by it.
    pub handed_in: String,
}

/// A token of an application with these scopes, for one account or for all.
pub async fn token(world: &World, account: Option<&str>, scopes: &str) -> String {
    let new = NewApplication {
        account: account.map(|id| id.parse().unwrap()),
        scopes: Some(Scopes::parse(scopes).unwrap()),
        ..service("acme")
    };
    let client = Client::create(world, new).await;
    let form = [("grant_type", "client_credentials")];
    let answer = client.token(world, &form).await.json();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Types wrong codes for an address of `acme`, as many as it takes.
pub async fn block(world: &World, email: &str) {
    let (acme, now) = ("acme".parse().unwrap(), world.clock.now());
    for _ in 0..wrong::MOST {
        let tried = wrong::begin(&*world.store, &acme, email, now).await;
        tried.unwrap();
    }
}

/// Gives an operator a second factor.
async fn second_factor(world: &World, email: &str) {
    let email = Email::parse(email).unwrap();
    let found = operator::get(&*world.store, &email).await.unwrap().unwrap();
    let (factor, _) = SecondFactor::new(TotpKey::generate(), 0, world.clock.now());
    let changed = Operator {
        second_factor: Some(factor),
        ..found.value
    };
    let when = Precondition::Version(found.version);
    let steps = operator::step_put(&changed, when).unwrap();
    world.store.commit(steps).await.unwrap();
}

/// Calls the API.
pub async fn call(
    world: &World,
    token: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<String>,
) -> Page {
    let bearer = format!("Bearer {token}");
    let mut headers = headers.to_vec();
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    let url = format!("{}/api/v1{path}", world.origin);
    Browser::new().send(method, &url, &headers, body).await
}

impl Scene {
    pub async fn new() -> Self {
        Self::over(|store| store).await
    }

    /// The same, with a store of the test's in front of the memory.
    pub async fn over(wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        // Messages are taken, and wait: nobody listens there.
        let world = World::over(|config| config.mail = Some(mail()), wrap).await;
        world.account("acme").await;
        world.apply("acme", &world.mapping()).await;
        world.account("other").await;
        let changed = world.mapping() + "\n# the second version\n";
        world.apply("acme", &changed).await;
        world.log_in(&mut Browser::new()).await;
        user(&world, ADA, "difference engine").await;
        block(&world, BLOCKED).await;
        let orders = NewApplication {
            client_id: Some("orders".parse().unwrap()),
            grants: Some([Grant::ClientCredentials].into()),
            ..service("acme")
        };
        Client::create(&world, orders).await;
        let all = token(&world, None, "admin:read admin:write").await;
        let mut scene = Self {
            world,
            all,
            session: String::new(),
            grant: String::new(),
            shop: String::new(),
            trial: String::new(),
            login: String::new(),
            setup_link: String::new(),
            handed_in: String::new(),
        };
        let body = json!({ "email": "grace@example.com" });
        scene.json(Method::POST, "/operators", &body).await;
        second_factor(&scene.world, "grace@example.com").await;
        let sessions = scene.get("/accounts/acme/sessions").await.json();
        scene.session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
        let logins = scene.get("/accounts/acme/logins").await.json();
        scene.login = logins["items"][0]["id"].as_str().unwrap().to_owned();
        let shop = Client::with_passwords(&scene.world).await;
        shop.password(&scene.world, ADA, "difference engine").await;
        scene.shop.clone_from(&shop.id);
        let grants = scene.get("/accounts/acme/grants").await.json();
        scene.grant = grants["items"][0]["id"].as_str().unwrap().to_owned();
        let trial = scene.toml(Method::POST, "/accounts/acme/trials", &changed);
        let opened = trial.await.json();
        opened["id"].as_str().unwrap().clone_into(&mut scene.trial);
        let shadow = "/accounts/acme/providers/mock-idp/shadow";
        let set = scene.toml(Method::PUT, shadow, &changed).await;
        assert_eq!(set.status, 204, "{}", set.body);
        let logo = json!({ "image": LOGO });
        let kept = scene.json(Method::PUT, "/accounts/acme/logo", &logo).await;
        assert_eq!(kept.status, 200, "{}", kept.body);
        scene.setup_link = scene.handed_in().await;
        let domain = format!("/accounts/acme/domains/{DOMAIN}");
        let begun = call(&scene.world, &scene.all, Method::PUT, &domain, &[], None).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let link = format!("/accounts/acme/setup-links/{}", scene.setup_link);
        let link = scene.get(&link).await.json();
        link["handed_in"]["id"]
            .as_str()
            .unwrap()
            .clone_into(&mut scene.handed_in);
        scene
    }

    /// A set-up link that was opened, and by which a new version was handed in.
    async fn handed_in(&self) -> String {
        let new = json!({ "name": "Ada" });
        let made = self.json(Method::POST, "/accounts/acme/setup-links", &new);
        let made = made.await.json();
        let id = made["id"].as_str().unwrap().to_owned();
        let secret = made["link"].as_str().unwrap().rsplit_once('=').unwrap().1;
        let mut browser = Browser::new();
        let page = self
            .form(&mut browser, "/admin/setup", &[("ticket", secret)])
            .await;
        let home = browser.follow(page).await;
        let csrf = home.body.split("name=\"csrf\" value=\"").nth(1).unwrap();
        let csrf = [("csrf", csrf.split('"').next().unwrap())];
        let edit = "/admin/accounts/acme/providers/mock-idp/edit";
        let step = self.form(&mut browser, edit, &csrf).await;
        let step = step.location().unwrap().path().to_owned();
        let hand_in = step.replace("/provider", "/hand-in");
        let done = self.form(&mut browser, &hand_in, &csrf).await;
        assert_eq!(done.status, 303, "{hand_in} {}", done.body);
        id
    }

    /// A form of the console.
    async fn form(&self, browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", self.world.origin.as_str()),
        ];
        let url = format!("{}{path}", self.world.origin);
        browser.send(Method::POST, &url, &headers, Some(body)).await
    }

    pub async fn get(&self, path: &str) -> Page {
        call(&self.world, &self.all, Method::GET, path, &[], None).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Page {
        let kind = [("content-type", "application/json")];
        let body = Some(body.to_string());
        call(&self.world, &self.all, method, path, &kind, body).await
    }

    pub async fn toml(&self, method: Method, path: &str, text: &str) -> Page {
        let kind = [("content-type", "application/toml")];
        let body = Some(text.to_owned());
        call(&self.world, &self.all, method, path, &kind, body).await
    }

    /// Where an operation is called, with names of this scene, and another account.
    pub fn path_in(&self, operation: &Operation, account: &str) -> String {
        let mut path = operation.path.clone();
        for (name, value) in [
            ("account", account),
            ("provider", "mock-idp"),
            ("user", ADA),
            ("application", "orders"),
            ("operator", "grace@example.com"),
            ("key", "active"),
            ("session", &self.session),
            ("grant", &self.grant),
            ("trial", &self.trial),
            ("login", &self.login),
            ("address", BLOCKED),
            ("way", "mock-idp"),
            ("setup_link", &self.setup_link),
            ("domain", DOMAIN),
        ] {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{path}: a name that is not known here");
        if operation.id == "beginDomain" {
            // Said again, it is the same record.
            path = path.replace(DOMAIN, "new.example");
        }
        if operation.id == "removeStore" {
            path += "?origin=";
            path += &self.world.origin;
        }
        if operation.id == "unlinkUser" {
            // Ada of the provider has a link, and Ada of the password has none.
            path = path.replace(ADA, LINKED) + "?provider=mock-idp";
        }
        if operation.id == "approveHandIn" {
            path = format!("{path}?handed_in={}", self.handed_in);
        }
        if operation.id == "withdrawConsent" {
            path = format!("{path}?user={ADA}&application={}", self.shop);
        }
        if operation.id == "revokeGrants" {
            path = format!("{path}?application={}", self.shop);
        }
        path
    }

    pub fn path(&self, operation: &Operation) -> String {
        self.path_in(operation, "acme")
    }

    /// A body that changes something here: the document's example, or what that
    /// would be here.
    pub fn body(&self, operation: &Operation) -> Option<(&'static str, String)> {
        if operation.takes("application/toml") {
            return Some(("application/toml", self.world.mapping() + "\n# other\n"));
        }
        let example = match operation.id.as_str() {
            "createAccount" => json!({ "id": "fresh", "name": "Fresh" }),
            "createUser" => json!({ "email": "new@example.com" }),
            "createOperator" => json!({ "email": "new@example.com" }),
            "importKey" => json!({ "file": STANDARD.encode(KEY) }),
            _ => {
                operation.described["requestBody"]["content"]["application/json"]["example"].clone()
            }
        };
        (!example.is_null()).then(|| ("application/json", example.to_string()))
    }

    /// Calls an operation as it should be called.
    pub async fn run(&self, token: &str, operation: &Operation, headers: &[(&str, &str)]) -> Page {
        self.run_at(token, operation, &self.path(operation), headers)
            .await
    }

    pub async fn run_at(
        &self,
        token: &str,
        operation: &Operation,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Page {
        let body = self.body(operation);
        let mut headers = headers.to_vec();
        if let Some((kind, _)) = &body {
            headers.push(("content-type", kind));
        }
        let method = operation.method.clone();
        let body = body.map(|(_, text)| text);
        call(&self.world, token, method, path, &headers, body).await
    }

    /// The audit log, entry by entry.
    pub async fn log(&self) -> Vec<Value> {
        let accept = [("accept", "application/jsonl")];
        let page = call(&self.world, &self.all, Method::GET, "/audit", &accept, None).await;
        assert_eq!(page.header("content-type"), "application/jsonl");
        page.body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A key that signs nothing.
pub const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgY83ZXOUo6AgS6xvU
zoLHQlTfVLgpHUAMaQQFNXBbLryhRANCAAT/0jyu8gE6ca7wrsBfnINZ6wD7EkLg
ezCur/b7gQBHBjOAZj2nNU7dzUJiarkCLvB5fiio2e/zIDktEDJ1E1bB
-----END PRIVATE KEY-----
";

/// A problem as RFC 9457 has it.
pub fn assert_problem(page: &Page, status: u16) {
    assert_eq!(page.status, status, "{}", page.body);
    assert_eq!(page.header("content-type"), "application/problem+json");
    let problem = page.json();
    assert_eq!(problem["status"], status);
    for member in ["type", "title", "code", "detail"] {
        assert!(!problem[member].as_str().unwrap().is_empty(), "{problem}");
    }
}
