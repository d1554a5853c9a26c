//! The interface of VTEX ID, as clients of it call it: in their order, with their
//! spellings, and reading what they read.

#![allow(missing_docs, clippy::unwrap_used, clippy::format_push_string)]

#[path = "vtex/answers.rs"]
mod answers;
#[path = "support/authority.rs"]
mod authority;
#[path = "support/mail.rs"]
mod mail_settings;
#[path = "vtex/orders.rs"]
mod orders;
#[path = "vtex/program.rs"]
mod program;
#[path = "vtex/rows.rs"]
mod rows;
mod support;

use std::time::Duration;

use authority::{Client, service};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_idp::MailCatcher;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use url::Url;
use vestibule::account;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::store::Precondition;

const ADA: &str = "ada@example.test";
const FIRST: &str = "Analytical1";
const SECOND: &str = "Difference2";

struct Scene {
    world: World,
    mail: MailCatcher,
}

impl Scene {
    async fn new() -> Self {
        let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
        let mail = mail.await.unwrap();
        let settings = mail_settings::settings(mail.url());
        let world = World::with(|config| config.mail = Some(settings)).await;
        for id in ["acme", "other"] {
            let mut account = world.account(id).await;
            world.apply(id, &world.mapping()).await;
            account.access_key = true;
            account.login.password = true;
            account.login.vtex_compatible = true;
            account::put(&*world.store, &account, Precondition::Any)
                .await
                .unwrap();
        }
        Self { world, mail }
    }

    /// At the broker's own host, the query says which account.
    fn url(&self, path: &str) -> String {
        let join = if path.contains('?') { '&' } else { '?' };
        format!("{}/api/{path}{join}an=acme", self.world.origin)
    }

    async fn get(&self, browser: &mut Browser, path: &str) -> Page {
        browser.get(self.url(path)).await
    }

    async fn post(&self, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Page {
        browser.post(self.url(path), form).await
    }

    /// As browsers post a `FormData`.
    async fn multipart(&self, browser: &mut Browser, path: &str, form: &[(&str, &str)]) -> Page {
        let mut body = String::new();
        for (name, value) in form {
            body += &format!(
                "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body += "--x--\r\n";
        let kind = [("content-type", "multipart/form-data; boundary=x")];
        let url = self.url(path);
        browser.send(Method::POST, &url, &kind, Some(body)).await
    }

    async fn json(&self, browser: &mut Browser, path: &str, body: &Value) -> Page {
        let kind = [("content-type", "application/json")];
        let (url, body) = (self.url(path), body.to_string());
        browser.send(Method::POST, &url, &kind, Some(body)).await
    }

    async fn code(&self, count: usize) -> String {
        let letters = self.mail.wait_for(count).await;
        let subject = &letters[count - 1].subject;
        subject.split(' ').next().unwrap().to_owned()
    }

    /// As store-graphql does it: a token from `start`, and fields in its spelling.
    async fn begin(&self) -> String {
        let path = "vtexid/pub/authentication/start?scope=acme&appStart=true&locale=pt-BR";
        let page = self.get(&mut Browser::new(), path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()["authenticationToken"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn sent(&self, token: &str, email: &str) -> Page {
        let form = [("authenticationToken", token), ("email", email)];
        let path = "vtexid/pub/authentication/accesskey/send";
        self.post(&mut Browser::new(), path, &form).await
    }

    async fn typed(&self, token: &str, email: &str, code: &str) -> Page {
        let form = [
            ("authenticationToken", token),
            ("email", email),
            ("accesskey", code),
        ];
        let path = "vtexid/pub/authentication/accesskey/validate";
        self.post(&mut Browser::new(), path, &form).await
    }

    /// A password is chosen; `letters` were sent before.
    async fn choose(&self, browser: &mut Browser, letters: usize, password: &str) -> Page {
        let path = "authenticator/v1/pub/authentication/start";
        let form = [
            ("user", ADA),
            ("scope", "acme"),
            ("accountName", "acme"),
            ("returnUrl", ""),
        ];
        let begun = self.multipart(browser, path, &form).await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let path = "vtexid/pub/authentication/accesskey/send";
        let sent = self
            .multipart(browser, path, &[("email", ADA), ("recaptcha", "")])
            .await;
        assert_eq!(sent.status, 200, "{}", sent.body);
        let code = self.code(letters + 1).await;
        let path = "authenticator/v1/pub/authentication/classic/setpassword?expireSessions=true";
        let form = [
            ("login", ADA),
            ("newPassword", password),
            ("accesskey", &code),
        ];
        self.multipart(browser, path, &form).await
    }

    async fn who(&self, browser: &mut Browser) -> Value {
        self.get(browser, "vtexid/pub/authenticated/user")
            .await
            .json()
    }
}

fn cookies(page: &Page) -> Vec<String> {
    let all = page.headers.get_all("set-cookie").iter();
    all.map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn the_login_pages_order_of_calls() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let path = "vtexid/pub/authentication/providers?scope=acme&accountName=acme";
    let ways = scene.get(&mut browser, path).await.json();
    assert_eq!(ways["accessKeyAuthentication"], true, "{ways}");
    assert_eq!(ways["passwordAuthentication"], true);
    assert_eq!(ways["oAuthProviders"][0]["providerName"], "Mock Accounts");
    assert_eq!(
        scene
            .get(&mut browser, "vtexid/user/info?scope=acme")
            .await
            .json(),
        Value::Null
    );
    let path = "vtexid/pub/authentication/startlogin";
    let back = format!("{}/welcome", scene.world.origin);
    let finish = format!("{}/api/vtexid/oauth/finish?popup=false", scene.world.origin);
    let form = [
        ("accountName", "acme"),
        ("scope", "acme"),
        ("returnUrl", back.as_str()),
        ("callbackUrl", finish.as_str()),
        ("user", ""),
        ("fingerprint", ""),
    ];
    let begun = scene.multipart(&mut browser, path, &form).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    assert!(
        cookies(&begun)[0].starts_with("_vss="),
        "{:?}",
        cookies(&begun)
    );
    let path = "vtexid/pub/authentication/accesskey/send";
    let form = [
        ("email", "Ada@Example.test"),
        ("locale", "pt-BR"),
        ("recaptcha", ""),
    ];
    let sent = scene.multipart(&mut browser, path, &form).await;
    assert!(sent.json().is_object(), "{}", sent.body);
    let code = scene.code(1).await;
    assert!(scene.mail.letters()[0].subject.contains("código"));

    let path = "vtexid/pub/authentication/accesskey/validate";
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    let form = [
        ("login", ADA),
        ("accesskey", wrong.as_str()),
        ("recaptcha", ""),
    ];
    let no = scene.multipart(&mut browser, path, &form).await;
    assert_eq!(
        (no.status.as_u16(), &no.json()["authStatus"]),
        (200, &json!("WrongCredentials"))
    );
    assert_eq!(no.json()["authCookie"], Value::Null);
    let form = [("login", ADA), ("accessKey", code.as_str())];
    let done = scene.multipart(&mut browser, path, &form).await;
    let body = done.json();
    assert_eq!(body["authStatus"], "Success", "{body}");
    assert_eq!(body["authCookie"]["Name"], "VtexIdclientAutCookie_acme");
    assert_eq!(body["scope"], "acme");
    assert!(body["expiresIn"].as_u64().unwrap() > 3_000);
    let token = body["authCookie"]["Value"].as_str().unwrap();
    let set = cookies(&done);
    let own = format!("VtexIdclientAutCookie_acme={token}; expires=");
    assert!(set.iter().any(|cookie| cookie.starts_with(&own)), "{set:?}");
    assert!(
        set.iter()
            .all(|cookie| !cookie.starts_with("Vtex") || !cookie.contains("ax-"))
    );
    let guid = body["accountAuthCookie"]["Name"].as_str().unwrap();
    assert!(
        set.iter()
            .any(|cookie| cookie.starts_with(&format!("{guid}={token}")))
    );
    let claims = claims(token);
    assert_eq!(claims["sub"], ADA, "{claims}");
    for (name, value) in [
        ("account", "acme"),
        ("audience", "webstore"),
        ("iss", "token-emitter"),
    ] {
        assert_eq!(claims[name], value);
    }
    assert_eq!(claims["userId"], body["userId"]);
    assert_eq!(scene.who(&mut browser).await["user"], ADA);
    // It is the same session as everywhere here.
    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["user"]["id"], body["userId"], "{session}");
    assert_eq!(session["provider"], "access_key");
    let out = scene
        .get(&mut browser, "vtexid/pub/logout?scope=acme&returnUrl=/bye")
        .await;
    assert_eq!(out.location().unwrap().path(), "/bye");
    assert_eq!(
        browser.session(&scene.world, "acme").await["authenticated"],
        false
    );
}

#[tokio::test]
async fn store_graphql_and_deco_send_the_token_in_a_field() {
    let scene = Scene::new().await;
    let token = scene.begin().await;
    assert!(
        token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()),
        "{token}"
    );
    assert_eq!(token, token.to_ascii_uppercase());
    assert_eq!(scene.sent(&token, ADA).await.status, 200);
    let code = scene.code(1).await;
    let done = scene.typed(&token, ADA, &code).await;
    assert_eq!(done.json()["authStatus"], "Success", "{}", done.body);
    // Once.
    let again = scene.typed(&token, ADA, &code).await;
    assert_ne!(again.json()["authStatus"], "Success", "{}", again.body);

    // FastStore reads the cookie, asks whose it is, and writes a session.
    let value = done.json()["authCookie"]["Value"].clone();
    let mut back_end = Browser::new();
    let path = "vtexid/credential/validate";
    let whose = scene
        .json(&mut back_end, path, &json!({ "token": value }))
        .await;
    assert_eq!(whose.json()["user"], ADA, "{}", whose.body);
    assert_eq!(whose.json()["authStatus"], "Success");
    let wrong = scene
        .json(&mut back_end, path, &json!({ "token": "a.b.c" }))
        .await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["authStatus"]),
        (401, &json!("WrongCredentials"))
    );
    let header = [("VtexIdclientAutCookie", value.as_str().unwrap())];
    let url = scene.url("sessions?items=authentication.storeUserEmail,profile.isAuthenticated");
    let held = back_end.get_with(&url, &header).await.json();
    let spaces = &held["namespaces"];
    assert_eq!(
        spaces["authentication"]["storeUserEmail"]["value"], ADA,
        "{held}"
    );
    assert_eq!(spaces["profile"]["isAuthenticated"]["value"], "true");
    let made = scene
        .json(&mut back_end, "sessions", &json!({ "public": {} }))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(made.json()["sessionToken"].is_string());

    // deco: the other spelling, the session named by the token ends.
    let sess = claims(value.as_str().unwrap())["sess"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = scene.url(&format!("vtexid/sessions/{sess}/revoke?scope=acme"));
    let ended = back_end.send(Method::POST, &url, &header, None).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    let whose = scene
        .json(&mut back_end, path, &json!({ "token": value }))
        .await;
    assert_eq!(whose.status, 401);
}

#[tokio::test]
async fn passwords_as_faststore_and_the_others_set_them() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let weak = scene.choose(&mut browser, 0, "short").await;
    assert_eq!(weak.json()["authStatus"], "WeakPassword", "{}", weak.body);
    let set = scene.choose(&mut browser, 1, FIRST).await;
    assert_eq!(set.json()["authStatus"], "Success", "{}", set.body);
    assert_eq!(scene.who(&mut browser).await["user"], ADA);

    let path = "vtexid/pub/authentication/classic/validate";
    let mut other = Browser::new();
    let form = [
        ("login", ADA),
        ("password", FIRST),
        ("recaptcha", ""),
        ("fingerprint", ""),
    ];
    let done = scene.multipart(&mut other, path, &form).await;
    assert_eq!(done.json()["authStatus"], "Success", "{}", done.body);
    let session = other.session(&scene.world, "acme").await;
    assert_eq!(session["provider"], "password");
    let mut answers = Vec::new();
    for email in [ADA, "eve@example.test"] {
        let form = [("email", email), ("password", "Wrong1234")];
        let no = scene.post(&mut Browser::new(), path, &form).await;
        answers.push((no.status, no.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].1.contains("WrongCredentials"));
    // A password is nothing for an address.
    let url = scene.url(&format!("{path}?login={ADA}&password={FIRST}"));
    assert_eq!(Browser::new().get(url).await.status, 405);

    let path = "vtexid/pub/authentication/classic/setpassword";
    let form = [
        ("login", ADA),
        ("currentPassword", FIRST),
        ("newPassword", SECOND),
    ];
    let changed = scene.post(&mut other, path, &form).await;
    assert_eq!(changed.json()["authStatus"], "Success", "{}", changed.body);
    assert_eq!(scene.who(&mut browser).await, Value::Null, "the others end");
    assert_eq!(scene.who(&mut other).await["user"], ADA);
}

#[tokio::test]
async fn a_provider_by_its_name_and_back_without_a_token_in_any_address() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let back = format!("{}/welcome", scene.world.origin);
    let callback = format!(
        "{}/api/vtexid/oauth/finish?popup=false&an=acme",
        scene.world.origin
    );
    let form = [
        ("returnUrl", back.as_str()),
        ("callbackUrl", callback.as_str()),
    ];
    let path = "vtexid/pub/authentication/startlogin";
    scene.multipart(&mut browser, path, &form).await;
    let path = "vtexid/pub/authentication/oauth/redirect?providerName=Mock+Accounts&errorFallbackUrl=/sorry";
    let begun = scene.get(&mut browser, path).await;
    assert_eq!(begun.status, 302, "{}", begun.body);
    let mut next = browser.through_idp(begun, "ada", "lovelace").await;
    let end = loop {
        let page = browser.get(next.as_str()).await;
        let Some(to) = page.location().filter(|_| page.status.is_redirection()) else {
            break page;
        };
        for token in ["eyJ", "VtexId", "authCookie"] {
            assert!(!to.as_str().contains(token), "{to}");
        }
        next = to;
    };
    assert_eq!(end.url.path(), "/welcome");
    assert_eq!(scene.who(&mut browser).await["user"], ADA);

    // Refused at the provider: back to where the client said, which says why.
    let mut other = Browser::new();
    let sent = scene
        .multipart(&mut other, "vtexid/pub/authentication/startlogin", &form)
        .await;
    assert_eq!(sent.status, 200);
    let begun = scene.get(&mut other, path).await;
    let state = support_state(&begun.location().unwrap());
    let denied = format!(
        "{}/callback/acme/mock-idp?error=access_denied&state={state}",
        scene.world.origin
    );
    let page = other.get(&denied).await;
    let page = other.get(page.location().unwrap().as_str()).await;
    let to = page
        .location()
        .unwrap_or_else(|| panic!("{} {}", page.status, page.body));
    assert_eq!(
        (to.path(), to.query()),
        ("/sorry", Some("authStatus=CanceledByUser"))
    );

    for (name, path) in [
        (
            "none",
            "vtexid/pub/authentication/oauth/redirect?providerName=Nobody",
        ),
        (
            "evil",
            "vtexid/pub/authentication/oauth/redirect?providerName=Mock+Accounts&errorFallbackUrl=https://evil.test/",
        ),
    ] {
        let page = scene.get(&mut other, path).await;
        assert!(
            page.status.is_client_error() || page.status.is_server_error(),
            "{name} {}",
            page.status
        );
        assert!(page.location().is_none(), "{name}");
    }
}

fn support_state(url: &Url) -> String {
    let found = url.query_pairs().find(|(name, _)| name == "state");
    found.unwrap().1.into_owned()
}

#[tokio::test]
async fn a_session_is_renewed_once_for_each_token() {
    let scene = Scene::new().await;
    let token = scene.begin().await;
    scene.sent(&token, ADA).await;
    let code = scene.code(1).await;
    let mut browser = Browser::new();
    let form = [
        ("authenticationToken", token.as_str()),
        ("login", ADA),
        ("accessKey", code.as_str()),
    ];
    let path = "vtexid/pub/authentication/accesskey/validate";
    let done = scene.post(&mut browser, path, &form).await;
    let set = cookies(&done);
    let renewal = set
        .iter()
        .find(|cookie| cookie.starts_with("vid_rt="))
        .unwrap();
    assert!(
        renewal.contains("path=/api/vtexid/refreshtoken/webstore"),
        "{renewal}"
    );
    assert!(renewal.contains("samesite=strict") && renewal.contains("httponly"));
    let old = browser.jar.clone();
    scene.world.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(scene.who(&mut browser).await, Value::Null);
    let path = "vtexid/refreshtoken/webstore";
    let again = scene.json(&mut browser, path, &json!({})).await;
    assert_eq!(again.json()["status"], "Success", "{}", again.body);
    assert!(
        again.json()["refreshAfter"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    assert_eq!(scene.who(&mut browser).await["user"], ADA);
    let mut stolen = Browser::new();
    stolen.jar = old;
    let replay = scene
        .json(&mut stolen, path, &json!({ "fingerprint": "x" }))
        .await;
    assert_eq!(replay.json()["status"], "InvalidSession", "{}", replay.body);
    // A logout ends renewal too.
    let held = browser.jar.clone();
    scene.get(&mut browser, "vtexid/pub/logout").await;
    let mut kept = Browser::new();
    kept.jar = held;
    let no = scene.json(&mut kept, path, &json!({})).await;
    assert_eq!(no.json()["status"], "InvalidSession", "{}", no.body);
}

#[tokio::test]
async fn codes_of_another_login_address_or_account_are_none() {
    let scene = Scene::new().await;
    let (one, two) = (scene.begin().await, scene.begin().await);
    scene.sent(&one, ADA).await;
    let first = scene.code(1).await;
    scene.sent(&two, "eve@example.test").await;
    let second = scene.code(2).await;
    for (token, email, code) in [
        (&two, ADA, &first),
        (&two, "eve@example.test", &first),
        (&one, "eve@example.test", &first),
        (&one, ADA, &second),
    ] {
        let page = scene.typed(token, email, code).await;
        assert_eq!(
            page.json()["authStatus"],
            "WrongCredentials",
            "{}",
            page.body
        );
        assert!(cookies(&page).is_empty());
    }
    let bent = format!("{}0", &one[..63]);
    for token in ["", "x", &bent, &"A".repeat(64)] {
        if token == one {
            continue;
        }
        let page = scene.typed(token, ADA, &first).await;
        assert_eq!(page.json()["authStatus"], "InvalidToken", "{}", page.body);
        assert_eq!(scene.sent(token, ADA).await.status, 400);
    }
    let url = format!(
        "{}/api/vtexid/pub/authentication/accesskey/validate?an=other",
        scene.world.origin
    );
    let form = [
        ("authenticationToken", one.as_str()),
        ("login", ADA),
        ("accesskey", &first),
    ];
    let page = Browser::new().post(&url, &form).await;
    assert_eq!(page.json()["authStatus"], "InvalidToken", "{}", page.body);
    scene.world.clock.advance(Duration::from_secs(601));
    let late = scene.typed(&one, ADA, &first).await;
    assert_eq!(late.json()["authStatus"], "InvalidToken", "{}", late.body);
    assert_eq!(
        scene.sent(&scene.begin().await, "no address").await.json()["authStatus"],
        "InvalidEmail"
    );
}

#[tokio::test]
async fn addresses_of_others_and_pages_of_others_lead_nowhere() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    for evil in [
        "https://evil.test/",
        "//evil.test",
        "javascript:alert(1)",
        "/\\evil.test",
    ] {
        for name in ["returnUrl", "callbackUrl"] {
            let path = "vtexid/pub/authentication/startlogin";
            let page = scene.post(&mut browser, path, &[(name, evil)]).await;
            assert_eq!(page.status, 400, "{name} {evil} {}", page.body);
        }
        for path in ["vtexid/pub/logout", "vtexid/pub/authentication/redirect"] {
            let encoded: String = form_urlencoded::byte_serialize(evil.as_bytes()).collect();
            let page = scene
                .get(&mut browser, &format!("{path}?returnUrl={encoded}"))
                .await;
            assert_eq!(page.status, 400, "{path} {evil}");
        }
    }
    let done = scene.choose(&mut browser, 0, FIRST).await;
    assert_eq!(done.json()["authStatus"], "Success", "{}", done.body);
    let url = scene.url("vtexid/pub/logout");
    let asked = browser
        .get_with(&url, &[("sec-fetch-site", "cross-site")])
        .await;
    assert!(
        asked.location().unwrap().path().ends_with("/logout"),
        "{}",
        asked.body
    );
    assert_eq!(scene.who(&mut browser).await["user"], ADA);
    let url = scene.url("vtexid/pub/authentication/classic/validate");
    let headers = [
        ("origin", "https://evil.test"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = format!("login={ADA}&password={FIRST}");
    let cross = Browser::new()
        .send(Method::POST, &url, &headers, Some(body))
        .await;
    assert!(
        cross.status == 403 && cookies(&cross).is_empty(),
        "{}",
        cross.body
    );
}

#[tokio::test]
async fn only_accounts_that_want_it_have_it_and_each_its_own() {
    let scene = Scene::new().await;
    let mut plain = scene.world.account("plain").await;
    plain.access_key = true;
    let path = "api/vtexid/pub/authentication/start";
    for an in ["plain", "nobody", ""] {
        let url = format!("{}/{path}?an={an}", scene.world.origin);
        assert_eq!(Browser::new().get(&url).await.status, 404, "{an}");
    }
    // A proxy that names the account.
    let url = format!("{}/accounts/acme/{path}", scene.world.origin);
    assert_eq!(Browser::new().get(&url).await.status, 200);
    let broken = [
        ("application/json", "{"),
        ("application/json", "[1]"),
        ("multipart/form-data", "--x"),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data; name=",
        ),
        ("application/x-www-form-urlencoded", "%ff%00=%zz&&&="),
        ("", "\u{0}"),
    ];
    for (kind, body) in broken {
        for path in [
            "vtexid/pub/authentication/classic/validate",
            "vtexid/credential/validate",
            "vtexid/apptoken/login",
        ] {
            let url = scene.url(path);
            let headers = [("content-type", kind)];
            let page = Browser::new()
                .send(Method::POST, &url, &headers, Some(body.to_owned()))
                .await;
            assert!(
                !page.status.is_server_error(),
                "{path} {body} {}",
                page.body
            );
            assert!(
                page.json()["authStatus"].is_string(),
                "{path} {body} {}",
                page.body
            );
        }
    }
}

#[tokio::test]
async fn a_program_logs_in_with_its_key() {
    let scene = Scene::new().await;
    let new = NewApplication {
        scopes: Some(Scopes::parse("orders").unwrap()),
        ..service("acme")
    };
    let client = Client::create(&scene.world, new).await;
    let path = "vtexid/apptoken/login";
    let key = json!({ "appkey": client.id, "apptoken": client.secret });
    let done = scene.json(&mut Browser::new(), path, &key).await;
    assert_eq!(done.json()["authStatus"], "Success", "{}", done.body);
    assert!(done.json()["token"].as_str().unwrap().contains('.'));
    assert!(done.json()["expires"].as_u64().is_some());
    let wrong = json!({ "appkey": client.id, "apptoken": "no" });
    let no = scene.json(&mut Browser::new(), path, &wrong).await;
    assert_eq!(
        (no.status.as_u16(), &no.json()["authStatus"]),
        (401, &json!("WrongCredentials"))
    );
    // Another account's.
    let url = format!("{}/api/{path}?an=other", scene.world.origin);
    let kind = [("content-type", "application/json")];
    let no = Browser::new()
        .send(Method::POST, &url, &kind, Some(key.to_string()))
        .await;
    assert_eq!(no.status, 401, "{}", no.body);
}

/// An account whose provider takes tokens that programs got there, and one of them.
async fn with_tokens(scene: &Scene) -> String {
    let takes = format!(
        "{}\n[access]\ntoken_exchange = true\n",
        scene.world.mapping()
    );
    scene.world.apply("acme", &takes).await;
    let begin = scene.world.url("acme", "login?provider=mock-idp");
    Browser::new().log_in(&begin, "ada", "lovelace").await;
    let asked = scene.world.idp.journal();
    let asked = asked.iter().rev().find(|call| call.path == "/userinfo");
    let header = asked.unwrap().headers.iter();
    let mut header = header.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (_, bearer) = header.next().unwrap();
    bearer.trim_start_matches("Bearer ").to_owned()
}

#[tokio::test]
async fn an_app_exchanges_a_providers_token_for_a_session() {
    let scene = Scene::new().await;
    let path = "vtexid/audience/webstore/provider/oauth/exchange";
    let token = with_tokens(&scene).await;
    let body = json!({ "providerId": "Mock Accounts", "accessToken": token, "duration": 30 });
    let done = scene.json(&mut Browser::new(), path, &body).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(cookies(&done).is_empty());
    let token = done.json()["authToken"].as_str().unwrap().to_owned();
    let told = claims(&token);
    let lives = told["exp"].as_u64().unwrap() - told["iat"].as_u64().unwrap();
    assert_eq!((&told["sub"], lives), (&json!(ADA), 30 * 60));
    let who = json!({ "token": token });
    let validate = "vtexid/credential/validate";
    let known = scene.json(&mut Browser::new(), validate, &who).await;
    assert_eq!(known.json()["user"], ADA, "{}", known.body);
    scene.world.clock.advance(Duration::from_secs(30 * 60 + 1));
    let known = scene.json(&mut Browser::new(), validate, &who).await;
    assert_eq!(known.status, 401, "{}", known.body);

    // A token that the provider does not know, none, one in the address, a duration
    // that is none.
    let mut wrong = body.clone();
    wrong["accessToken"] = json!("at-unknown");
    let no = scene.json(&mut Browser::new(), path, &wrong).await;
    assert_eq!(
        (no.status.as_u16(), &no.json()["authStatus"]),
        (401, &json!("WrongCredentials"))
    );
    let bare = json!({ "providerId": "mock-idp" });
    let in_address = format!("{path}?accessToken={token}");
    for (path, mut body) in [(path, bare.clone()), (in_address.as_str(), bare)] {
        body["duration"] = json!(10);
        let no = scene.json(&mut Browser::new(), path, &body).await;
        assert_eq!(
            (no.status.as_u16(), &no.json()["authStatus"]),
            (400, &json!("InvalidToken"))
        );
    }
    for duration in [json!(0), json!(121), json!("soon"), json!(-1)] {
        let mut body = body.clone();
        body["duration"] = duration.clone();
        let no = scene.json(&mut Browser::new(), path, &body).await;
        assert_eq!(no.status, 400, "{duration} {}", no.body);
    }
}

#[tokio::test]
async fn no_provider_takes_tokens_unless_its_mapping_says_so() {
    let scene = Scene::new().await;
    let path = "vtexid/audience/webstore/provider/oauth/exchange";
    let token = with_tokens(&scene).await;
    let body = json!({ "providerId": "mock-idp", "accessToken": token });
    let asked = scene.world.calls("/userinfo");
    scene.world.apply("acme", &scene.world.mapping()).await;
    for id in ["mock-idp", "google", "nobody", ""] {
        let mut body = body.clone();
        body["providerId"] = json!(id);
        let no = scene.json(&mut Browser::new(), path, &body).await;
        assert_eq!(no.status, 400, "{id} {}", no.body);
    }
    assert_eq!(scene.world.calls("/userinfo"), asked);

    // Tokens of Google are issued to everybody's programs.
    let google = scene.world.mapping().replace("\"mock-idp\"", "\"google\"");
    let takes = format!("{google}\n[access]\ntoken_exchange = true\n");
    let mappings = &scene.world.broker.app().logins.mappings;
    let findings = mappings.compile(&takes).map(|_| ()).unwrap_err();
    let found = findings
        .iter()
        .find(|found| found.key == "access.token_exchange");
    assert!(found.unwrap().message.contains("everybody"), "{findings:?}");
}

#[tokio::test]
async fn the_host_that_the_browser_names_says_which_store() {
    let scene = Scene::new().await;
    let new = NewApplication {
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        ..service("acme")
    };
    let client = Client::create(&scene.world, new).await;
    let form = [("grant_type", "client_credentials")];
    let answer = client.token(&scene.world, &form).await.json();
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let url = format!("{}/api/v1/accounts/acme/stores", scene.world.origin);
    let body = json!({ "origin": "https://www.acme.test" }).to_string();
    let put = Browser::new()
        .send(Method::PUT, &url, &headers, Some(body))
        .await;
    assert_eq!(put.status, 200, "{}", put.body);

    let start = format!("{}/api/vtexid/pub/authentication/start", scene.world.origin);
    let at = |host: &'static str| [("host", host)];
    let page = Browser::new().get_with(&start, &at("www.acme.test")).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let cookie = &cookies(&page)[0];
    assert!(
        cookie.contains("; secure") && cookie.contains("; httponly"),
        "{cookie}"
    );
    for (host, query) in [
        ("www.acme.test", "?an=other"),
        ("www.acme.test.evil.test", ""),
        ("evil.test", "?an=acme"),
    ] {
        let page = Browser::new()
            .get_with(format!("{start}{query}"), &at(host))
            .await;
        assert_eq!(page.status, 404, "{host}{query} {}", page.body);
    }
    let page = Browser::new()
        .get_with(
            format!("{start}?scope=www.acme.test&returnUrl=https://www.acme.test/cart"),
            &at("www.acme.test"),
        )
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
}
