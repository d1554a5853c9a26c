//! The command line of VTEX IO: its order of calls, and what may not get it a token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use vestibule::account::origins;
use vestibule::base::digest;

use super::support::{Browser, Page};
use super::{ADA, FIRST, Scene, claims, cookies};

const SECRET: &str = "a secret that a program made up, of a hundred and twenty-eight letters";
const WAITS: &str = "http://127.0.0.1:3999/login_callback";

fn hash() -> String {
    STANDARD.encode(digest::sha256(SECRET.as_bytes()))
}

impl Scene {
    /// The account's store is known by its host, as those are that operators add, so
    /// that no address has to name the account.
    async fn alone() -> Self {
        let scene = Self::new().await;
        let (app, id) = (scene.world.broker.app(), "acme".parse().unwrap());
        let acme = app.logins.accounts.get(&id).await.unwrap().unwrap();
        let store = &*scene.world.store;
        let claim = origins::claim(store, &id, &[], &acme.stores, |_| true);
        store.commit(claim.await.unwrap().steps).await.unwrap();
        scene
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.world.origin)
    }

    /// A program begins.
    async fn state(&self) -> String {
        let form = [("secretHash", hash()), ("loopbackUrl", WAITS.to_owned())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        let url = self.at("/api/vtexid/toolbelt/start");
        let page = Browser::new().post(&url, &form).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.body
    }

    async fn validate(&self, state: &str, secret: &str, ott: &str) -> Page {
        let form = [("state", state), ("secret", secret), ("ott", ott)];
        let url = self.at("/api/vtexid/toolbelt/validate");
        Browser::new().post(&url, &form).await
    }

    /// What the person's browser answers.
    async fn decide(&self, browser: &mut Browser, state: &str, decision: &str) -> Page {
        let url = self.at("/api/vtexid/toolbelt/callback");
        let form = [("state", state), ("decision", decision)];
        browser.post(&url, &form).await
    }

    async fn allowed(&self, browser: &mut Browser, state: &str) -> String {
        let page = self.decide(browser, state, "allow").await;
        assert_eq!(page.status, 303, "{}", page.body);
        let to = page.location().unwrap();
        assert!(to.as_str().starts_with(WAITS), "{to}");
        let (name, ott) = to.query_pairs().next().unwrap();
        assert_eq!(name, "ott");
        ott.into_owned()
    }

    async fn whose(&self, token: &Value) -> Value {
        let url = self.at("/api/vtexid/credential/validate");
        let kind = [("content-type", "application/json")];
        let body = json!({ "token": token }).to_string();
        Browser::new()
            .send(Method::POST, &url, &kind, Some(body))
            .await
            .json()
    }
}

#[tokio::test]
async fn the_command_lines_order_of_calls() {
    let scene = Scene::alone().await;
    let state = scene.state().await;

    // The browser is sent to a login page, of which there are two; a program takes the
    // second where the first is not there.
    let mut browser = Browser::new();
    let first = browser
        .get(scene.at("/_v/segment/admin-login/v1/login"))
        .await;
    assert_eq!(first.status, 404);
    let back = format!("/api/vtexid/toolbelt/callback?state={state}");
    let encoded: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let login = format!("/_v/private/auth-server/v1/login?returnUrl={encoded}");
    let page = browser.get(scene.at(&login)).await;
    let to = page.location().unwrap();
    assert!(to.path().ends_with("/login"), "{to}");
    // Without a session the question itself leads there too.
    let asked = browser.get(scene.at(&back)).await;
    assert!(asked.location().unwrap().path().ends_with("/login"));
    let login = format!("{to}&provider=mock-idp");
    let page = browser.log_in(&login, "ada", "lovelace").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.url.path().ends_with("/toolbelt/callback"),
        "{}",
        page.url
    );
    assert!(page.body.contains("127.0.0.1:3999") && page.body.contains(ADA));
    let ott = scene.allowed(&mut browser, &state).await;

    let done = scene.validate(&state, SECRET, &ott).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(cookies(&done).is_empty());
    let token = done.json()["token"].clone();
    assert_eq!(claims(token.as_str().unwrap())["sub"], ADA);
    assert_eq!(scene.whose(&token).await["user"], ADA);
    let again = scene.validate(&state, SECRET, &ott).await;
    assert_eq!(again.status, 401, "{}", again.body);

    // Renewed, with the cookies that such programs look for.
    let renewal = done.json()["refresh_token"].as_str().unwrap().to_owned();
    let cookie = format!("vid_rt={renewal}");
    let header = [
        ("cookie", cookie.as_str()),
        ("content-type", "application/json"),
    ];
    let url = scene.at("/api/vtexid/refreshtoken/admin");
    let renewed = Browser::new()
        .send(Method::POST, &url, &header, Some("null".to_owned()))
        .await;
    assert_eq!(renewed.json()["status"], "Success", "{}", renewed.body);
    let set = cookies(&renewed);
    let value = |name: &str| {
        let begin = format!("{name}=");
        let found = set.iter().find_map(|cookie| cookie.strip_prefix(&begin));
        found.unwrap().split(';').next().unwrap().to_owned()
    };
    let token = json!(value("VtexIdclientAutCookie"));
    assert_ne!(value("vid_rt"), renewal);
    assert_eq!(scene.whose(&token).await["user"], ADA);

    let cookie = format!("VtexIdclientAutCookie={}", token.as_str().unwrap());
    let url = scene.at("/api/vtexid/pub/logout?scope=");
    let out = Browser::new().get_with(&url, &[("cookie", &cookie)]).await;
    assert_eq!(out.status, 302, "{}", out.body);
    assert_eq!(scene.whose(&token).await["authStatus"], "WrongCredentials");
    // The browser's own session is another.
    let url = scene.at("/api/vtexid/pub/authenticated/user");
    assert_eq!(browser.get(&url).await.json()["user"], ADA);
}

#[tokio::test]
async fn who_lacks_the_secret_or_the_ticket_gets_nothing() {
    let scene = Scene::alone().await;
    let (state, other) = (scene.state().await, scene.state().await);
    let mut browser = Browser::new();
    let login = scene.world.url("acme", "login?provider=mock-idp");
    browser.log_in(&login, "ada", "lovelace").await;
    let ott = scene.allowed(&mut browser, &state).await;
    for (state, secret, ott) in [
        (&*state, "another secret", &*ott),
        (&state, "", &ott),
        (&state, SECRET, ""),
        (&state, SECRET, "x"),
        ("", SECRET, &ott),
        ("0", SECRET, &ott),
    ] {
        let no = scene.validate(state, secret, ott).await;
        assert_eq!(no.status, 401, "{}", no.body);
        assert_eq!(no.json()["authStatus"], "WrongCredentials");
    }
    // Nothing of it is taken from an address.
    let url = format!("/api/vtexid/toolbelt/validate?state={state}&secret={SECRET}&ott={ott}");
    let no = Browser::new().post(&scene.at(&url), &[]).await;
    assert_eq!(no.status, 401, "{}", no.body);
    // What was tried used nothing up, but for the ticket at another state.
    let done = scene.validate(&state, SECRET, &ott).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let ott = scene.allowed(&mut browser, &other).await;
    let state = scene.state().await;
    let no = scene.validate(&state, SECRET, &ott).await;
    assert_eq!(no.status, 401, "{}", no.body);

    // Refused by the person, by a page of others, by who is not logged in, and too late.
    let page = scene.decide(&mut browser, &state, "deny").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let page = scene.decide(&mut browser, &state, "allow").await;
    assert!(page.status.is_client_error() && page.location().is_none());
    let state = scene.state().await;
    let headers = [
        ("origin", "https://evil.test"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let url = scene.at("/api/vtexid/toolbelt/callback");
    let body = Some(format!("state={state}&decision=allow"));
    let page = browser.send(Method::POST, &url, &headers, body).await;
    assert_eq!(page.status, 403, "{}", page.body);
    let page = scene.decide(&mut Browser::new(), &state, "allow").await;
    assert!(page.status.is_client_error() && page.location().is_none());
    scene
        .world
        .clock
        .advance(std::time::Duration::from_secs(601));
    let page = scene.decide(&mut browser, &state, "allow").await;
    assert!(page.status.is_client_error() && page.location().is_none());

    for (hash, waits) in [
        (hash(), "https://evil.test/"),
        (hash(), "http://127.0.0.1.evil.test/"),
        ("short".to_owned(), WAITS),
    ] {
        let form = [("secretHash", &*hash), ("loopbackUrl", waits)];
        let url = scene.at("/api/vtexid/toolbelt/start");
        let no = Browser::new().post(&url, &form).await;
        assert_eq!(no.status, 400, "{waits} {}", no.body);
    }
}

#[tokio::test]
async fn a_first_password_takes_a_fresh_login_by_a_proved_email() {
    let scene = Scene::new().await;
    let path = "vtexid/user/password/quickset?scope=acme&setPreference=true";
    let body = json!({ "password": FIRST });
    let no = scene.json(&mut Browser::new(), path, &body).await;
    assert_eq!(no.status, 401, "{}", no.body);

    let by_code = async |letters: usize| {
        let token = scene.begin().await;
        scene.sent(&token, ADA).await;
        let code = scene.code(letters).await;
        let form = [
            ("authenticationToken", &*token),
            ("login", ADA),
            ("accessKey", &code),
        ];
        let mut browser = Browser::new();
        let path = "vtexid/pub/authentication/accesskey/validate";
        scene.post(&mut browser, path, &form).await;
        browser
    };
    let mut browser = by_code(1).await;
    let weak = json!({ "password": "short" });
    let no = scene.json(&mut browser, path, &weak).await;
    assert_eq!(no.json()["authStatus"], "WeakPassword", "{}", no.body);
    let in_address = format!("{path}&password={FIRST}");
    let no = scene.json(&mut browser, &in_address, &json!({})).await;
    assert_eq!(no.json()["authStatus"], "WeakPassword", "{}", no.body);
    scene
        .world
        .clock
        .advance(std::time::Duration::from_secs(601));
    let late = scene.json(&mut browser, path, &body).await;
    assert_eq!(late.status, 403, "{}", late.body);

    let mut fresh = by_code(2).await;
    let done = scene.json(&mut fresh, path, &body).await;
    assert_eq!(done.json()["authStatus"], "Success", "{}", done.body);
    assert_eq!(scene.who(&mut browser).await, Value::Null, "others end");
    assert_eq!(scene.who(&mut fresh).await["user"], ADA);
    let form = [("login", ADA), ("password", FIRST)];
    let path_in = "vtexid/pub/authentication/classic/validate";
    let page = scene.post(&mut Browser::new(), path_in, &form).await;
    assert_eq!(page.json()["authStatus"], "Success", "{}", page.body);
    let details = scene
        .get(&mut fresh, "vtexid/pvt/user/detailedinfo?scope=acme")
        .await;
    assert!(
        details.json()["passwordLastUpdate"].is_string(),
        "{}",
        details.body
    );
    // Another takes the present one.
    let twice = scene.json(&mut fresh, path, &body).await;
    assert_eq!(twice.status, 403, "{}", twice.body);

    // A provider that nobody trusts with emails proves none.
    let trusted = "email_trust = \"provider\"";
    let untrusted = scene.world.mapping();
    assert!(untrusted.contains(trusted));
    let untrusted = untrusted.replace(trusted, "email_trust = \"never\"");
    scene.world.apply("acme", &untrusted).await;
    let mut planted = Browser::new();
    let login = scene.world.url("acme", "login?provider=mock-idp");
    planted.log_in(&login, "grace", "hopper").await;
    let no = scene.json(&mut planted, path, &body).await;
    assert_eq!(no.status, 403, "{}", no.body);
}
