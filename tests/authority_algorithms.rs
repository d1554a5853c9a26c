//! Accounts and applications that want their tokens signed with an algorithm.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::sync::Arc;
use std::time::Duration;

use authority::{Client, claims, param, part, service, storefront};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use tokio::net::TcpListener;
use url::Url;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::base::Clock;
use vestibule::broker::Broker;
use vestibule::config;
use vestibule::http::server::{Listener, ServerOptions, serve};
use vestibule::key::{Checks, KeyKind, generate, verify_with_jwks};

/// Two accounts in one broker, whose default key is its own or a file's.
struct Scene {
    world: World,
    token: String,
    key: Option<tempfile::TempDir>,
}

impl Scene {
    async fn new(file: Option<KeyKind>) -> Self {
        let key = file.map(|kind| {
            let dir = tempfile::tempdir().unwrap();
            let pem = generate(kind).unwrap().to_pem(None).unwrap();
            std::fs::write(dir.path().join("key.pem"), pem.expose()).unwrap();
            dir
        });
        let path = key.as_ref().map(|dir| dir.path().join("key.pem"));
        let world = World::with(|config| config.auth.private_key = path).await;
        for account in ["acme", "other"] {
            world.account(account).await;
            world.apply(account, &world.mapping()).await;
        }
        let new = NewApplication {
            account: None,
            scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
            ..service("acme")
        };
        let client = Client::create(&world, new).await;
        let answer = client
            .token(&world, &[("grant_type", "client_credentials")])
            .await;
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        Self { world, token, key }
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Page {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}/api/v1{path}", self.world.origin);
        Browser::new()
            .send(method, &url, &headers, Some(body.to_string()))
            .await
    }

    async fn wants(&self, account: &str, alg: Option<&str>) {
        let path = format!("/accounts/{account}");
        let body = json!({ "signing_alg": alg });
        let page = self.call(Method::PATCH, &path, &body).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.json()["signing_alg"], json!(alg));
    }

    async fn rotate(&self, body: &Value) {
        let page = self.call(Method::POST, "/keys/rotate", body).await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    async fn published(&self, path: &str) -> Value {
        let url = format!("{}/.well-known/{path}", self.world.origin);
        Browser::new().get(url).await.json()
    }

    /// A token as whoever relies on it sees it; gives its algorithm.
    async fn alg(&self, token: &str) -> String {
        let checks = Checks {
            issuer: Some(&self.world.origin),
            audience: None,
            typ: None,
            now: self.world.clock.now(),
            leeway: Duration::ZERO,
        };
        let jwks = self.published("jwks.json").await;
        verify_with_jwks(token, &jwks, &checks).unwrap();
        part(token, 0)["alg"].as_str().unwrap().to_owned()
    }

    async fn client(&self, account: &str, alg: Option<&str>) -> Client {
        let new = NewApplication {
            account: Some(account.parse().unwrap()),
            id_token_signed_response_alg: alg.map(|alg| alg.parse().unwrap()),
            ..storefront()
        };
        Client::create(&self.world, new).await
    }

    /// A login of an application, and everything that comes of it.
    async fn login(&self, account: &str, client: &Client) -> Login {
        let mut browser = Browser::new();
        let tokens = client.tokens(&self.world, &mut browser).await;
        let name = format!("vestibule_{account}");
        let mut cookies = browser.jar.iter();
        let (_, session) = cookies.find(|((_, key), _)| *key == name).unwrap();
        let session = session.clone();
        let algs = [
            self.alg(&session).await,
            self.alg(tokens["access_token"].as_str().unwrap()).await,
            self.alg(tokens["id_token"].as_str().unwrap()).await,
        ];
        let login = Login {
            account: account.to_owned(),
            client: client.clone(),
            browser,
            tokens,
            algs,
        };
        login.counts(self).await;
        login
    }
}

struct Login {
    account: String,
    client: Client,
    browser: Browser,
    tokens: Value,
    /// Of session, access token and ID token.
    algs: [String; 3],
}

impl Login {
    /// All of it counts here.
    async fn counts(&self, scene: &Scene) {
        let world = &scene.world;
        let mut browser = Browser::new();
        browser.jar = self.browser.jar.clone();
        let session = browser.session(world, &self.account).await;
        assert_eq!(session["authenticated"], true);
        let page = browser.get(world.url(&self.account, "check")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let access = self.tokens["access_token"].as_str().unwrap();
        let about = self.client.introspect(world, access).await;
        assert_eq!(about["active"], true);
        assert_eq!(about["account"], self.account.as_str());
    }

    /// The application ends the session by its ID token; nobody is asked.
    async fn logs_out(mut self, scene: &Scene) {
        let world = &scene.world;
        let mut url = Url::parse(&format!("{}/connect/logout", world.origin)).unwrap();
        url.query_pairs_mut()
            .append_pair("id_token_hint", self.tokens["id_token"].as_str().unwrap())
            .append_pair("post_logout_redirect_uri", "https://shop.example.test/bye");
        let mut page = self.browser.get(url.as_str()).await;
        for _ in 0..4 {
            match page.location() {
                Some(next) if next.as_str().starts_with(&world.origin) => {
                    page = self.browser.get(next.as_str()).await;
                }
                _ => break,
            }
        }
        let bye = page.location().map(String::from);
        assert_eq!(bye.as_deref(), Some("https://shop.example.test/bye"));
        let session = self.browser.session(world, &self.account).await;
        assert_eq!(session["authenticated"], false);
    }
}

#[tokio::test]
async fn two_accounts_of_one_broker_sign_each_in_its_way() {
    for (file, default, second) in [
        (None, "ES256", "RS256"),
        (Some(KeyKind::Rsa2048), "RS256", "ES256"),
    ] {
        let scene = Scene::new(file).await;
        let before = scene.published("openid-configuration").await;
        let name = "id_token_signing_alg_values_supported";
        assert_eq!(before[name], json!([default]));
        scene.wants("acme", Some("ES256")).await;
        scene.wants("other", Some("RS256")).await;
        // Published before anything is signed with it.
        let after = scene.published("openid-configuration").await;
        assert_eq!(after[name], json!([default, second]));
        let jwks = scene.published("jwks.json").await;
        let algs: Vec<&Value> = jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| &k["alg"])
            .collect();
        assert_eq!(algs, [default, second]);

        let client = scene.client("acme", None).await;
        let ec = scene.login("acme", &client).await;
        assert_eq!(ec.algs, ["ES256"; 3]);
        let client = scene.client("other", None).await;
        let rsa = scene.login("other", &client).await;
        assert_eq!(rsa.algs, ["RS256"; 3]);
        // An application's own wish is about its ID tokens alone.
        let client = scene.client("other", Some("ES256")).await;
        let mixed = scene.login("other", &client).await;
        assert_eq!(mixed.algs, ["RS256", "RS256", "ES256"]);
        // What belongs to no account is the default key's.
        assert_eq!(scene.alg(&scene.token).await, default);
        let refreshed = client
            .refresh(
                &scene.world,
                mixed.tokens["refresh_token"].as_str().unwrap(),
            )
            .await
            .json();
        let of = async |name: &str| scene.alg(refreshed[name].as_str().unwrap()).await;
        assert_eq!(
            [of("access_token").await, of("id_token").await],
            ["RS256", "ES256"]
        );
        for login in [ec, rsa, mixed] {
            login.logs_out(&scene).await;
        }
    }
}

#[tokio::test]
async fn rotations_fail_no_validation() {
    let scene = Scene::new(None).await;
    scene.wants("other", Some("RS256")).await;
    let [ec, rsa] = [
        scene.client("acme", None).await,
        scene.client("other", None).await,
    ];
    let mut logins = Vec::new();
    for body in [
        json!({}),
        json!({ "algorithm": "RS256" }),
        json!({ "algorithm": "ES256" }),
        json!({ "algorithm": "RS256" }),
    ] {
        logins.push(scene.login("acme", &ec).await);
        logins.push(scene.login("other", &rsa).await);
        scene.rotate(&body).await;
        for login in &logins {
            login.counts(&scene).await;
            for name in ["access_token", "id_token"] {
                scene.alg(login.tokens[name].as_str().unwrap()).await;
            }
        }
    }
    for login in logins {
        assert_eq!(
            login.algs[0],
            if login.account == "acme" {
                "ES256"
            } else {
                "RS256"
            }
        );
        login.logs_out(&scene).await;
    }
}

#[tokio::test]
async fn an_account_changes_its_mind_and_its_sessions_go_on() {
    let scene = Scene::new(None).await;
    let client = scene.client("acme", None).await;
    let first = scene.login("acme", &client).await;
    scene.wants("acme", Some("RS256")).await;
    first.counts(&scene).await;
    let second = scene.login("acme", &client).await;
    assert_eq!(second.algs, ["RS256"; 3]);
    scene.wants("acme", None).await;
    let third = scene.login("acme", &client).await;
    assert_eq!(third.algs, ["ES256"; 3]);
    for login in [first, second, third] {
        login.counts(&scene).await;
        login.logs_out(&scene).await;
    }
}

#[tokio::test]
async fn what_is_no_algorithm_is_refused() {
    let scene = Scene::new(None).await;
    for (method, path, member, code) in [
        (
            Method::PATCH,
            "/accounts/acme",
            "signing_alg",
            "account.signing_alg",
        ),
        (
            Method::PUT,
            "/accounts/new",
            "signing_alg",
            "account.signing_alg",
        ),
        (
            Method::POST,
            "/applications",
            "id_token_signed_response_alg",
            "application.signing_alg",
        ),
    ] {
        for name in ["none", "HS512", "es256", ""] {
            let page = scene
                .call(method.clone(), path, &json!({ member: name }))
                .await;
            assert_eq!(page.status, 400, "{}", page.body);
            assert_eq!(page.json()["code"], code);
            let others = if code == "application.signing_alg" {
                "use `RS256`, `ES256` or `HS256`"
            } else {
                "use `ES256` or `RS256`"
            };
            assert!(page.shows(others), "{}", page.body);
        }
    }
    let body = json!({ "algorithm": "HS256" });
    let page = scene.call(Method::POST, "/keys/rotate", &body).await;
    assert_eq!(page.status, 400, "{}", page.body);
    let jwks = scene.published("jwks.json").await;
    assert_eq!(
        jwks["keys"].as_array().unwrap().len(),
        1,
        "nothing was made"
    );
}

#[tokio::test]
async fn an_application_is_heard_of_by_logout_tokens_too() {
    let scene = Scene::new(None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/told", listener.local_addr().unwrap());
    let new = NewApplication {
        backchannel_logout_uri: Some(uri),
        ..storefront()
    };
    let client = Client::create(&scene.world, new).await;
    let path = format!("/applications/{}", client.id);
    let body = json!({ "id_token_signed_response_alg": "RS256" });
    let page = scene.call(Method::PATCH, &path, &body).await;
    assert_eq!(page.json()["id_token_signed_response_alg"], "RS256");
    let login = scene.login("acme", &client).await;
    assert_eq!(login.algs, ["ES256", "ES256", "RS256"]);
    let told = tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        // A signature of RSA-2048 ends the body.
        while text
            .split("logout_token=")
            .nth(1)
            .is_none_or(|token| token.rsplit('.').next().is_none_or(|last| last.len() < 342))
        {
            let mut bytes = [0; 4096];
            let n = stream.read(&mut bytes).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        text
    });
    login.logs_out(&scene).await;
    let told = tokio::time::timeout(Duration::from_secs(5), told);
    let text = told.await.unwrap().unwrap();
    let token = text.split("logout_token=").nth(1).unwrap();
    assert_eq!(scene.alg(token).await, "RS256");
}

/// Another broker on the same store, as after a restart or beside.
#[tokio::test]
async fn another_broker_on_the_store_goes_on_with_the_same_keys() {
    for file in [None, Some(KeyKind::Rsa2048)] {
        let scene = Scene::new(file).await;
        scene.wants("acme", Some("ES256")).await;
        scene.wants("other", Some("RS256")).await;
        let world = &scene.world;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let mut config = config::from_parts("", [], None).unwrap();
        config.public_url = Some(Url::parse(&world.origin).unwrap());
        config.data_dir = world.data_dir().to_owned();
        config.auth.private_key = scene.key.as_ref().map(|dir| dir.path().join("key.pem"));
        let clock = Arc::new(world.clock.clone());
        let store = Arc::clone(&world.store);
        let second = Broker::on(store, &config, clock).await.unwrap();
        tokio::spawn(serve(
            vec![Listener::Tcp(listener)],
            second.router(),
            ServerOptions::default(),
            std::future::pending(),
        ));
        for (account, alg) in [("acme", "ES256"), ("other", "RS256")] {
            let client = Client::create(world, service(account)).await;
            let ask = async |origin: &str, endpoint: &str, form: &str| {
                let basic = client.basic();
                let headers = [
                    ("authorization", basic.as_str()),
                    ("content-type", "application/x-www-form-urlencoded"),
                ];
                let url = format!("{origin}/connect/{endpoint}");
                let form = Some(form.to_owned());
                let page = Browser::new()
                    .send(Method::POST, &url, &headers, form)
                    .await;
                assert_eq!(page.status, 200, "{}", page.body);
                page.json()
            };
            let mut kids = Vec::new();
            for (here, there) in [(&world.origin, &origin), (&origin, &world.origin)] {
                let token = ask(here, "token", "grant_type=client_credentials").await;
                let token = token["access_token"].as_str().unwrap();
                assert_eq!(claims(&json!(token))["account"], account);
                assert_eq!(scene.alg(token).await, alg);
                kids.push(part(token, 0)["kid"].clone());
                let about = ask(there, "introspect", &format!("token={token}")).await;
                assert_eq!(about["active"], true);
            }
            assert_eq!(kids[0], kids[1]);
        }
    }
}

#[tokio::test]
async fn a_login_on_an_account_without_a_key_for_it_makes_one() {
    let scene = Scene::new(None).await;
    let world = &scene.world;
    // As a restored backup has it: the account says so, and nobody made the key.
    let id = "acme".parse().unwrap();
    let found = vestibule::account::get(&*world.store, &id)
        .await
        .unwrap()
        .unwrap();
    let account = vestibule::account::Account {
        signing_alg: Some("RS256".parse().unwrap()),
        ..found.value
    };
    let any = vestibule::store::Precondition::Any;
    vestibule::account::put(&*world.store, &account, any)
        .await
        .unwrap();
    let client = scene.client("acme", None).await;
    let mut browser = Browser::new();
    let url = client.log_in(world, &mut browser, &[]).await;
    let answer = client.exchange(world, &param(&url, "code").unwrap()).await;
    let tokens = answer.json();
    for name in ["access_token", "id_token"] {
        assert_eq!(scene.alg(tokens[name].as_str().unwrap()).await, "RS256");
    }
}
