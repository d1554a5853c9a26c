//! Logins through Keycloak, as others run it: plain clients, clients that must push
//! signed requests, encrypted ID tokens, and logouts in both directions. `KEYCLOAK` names its directory.

#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

#[path = "support/other.rs"]
mod other;
mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use support::form::Form;
use support::program::{Program, free_port};
use support::{Browser, Page, World};
use vestibule::base::{Clock, SystemClock};

/// Id and secret with what an encoding has to take care of.
const SECRET: &str = "s3cr/t +&=:%";
/// A Java machine that compiles while five logins run is slow, once.
const PATIENCE: Duration = Duration::from_secs(180);

/// An EC key: PEM of the private half, and the public half for this use.
fn key(usage: &str, algorithm: &str) -> (String, Value) {
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let kind = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(kind, &rng).unwrap();
    let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(kind, der.as_ref()).unwrap();
    let point = aws_lc_rs::signature::KeyPair::public_key(&pair)
        .as_ref()
        .to_vec();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": format!("k-{usage}"), "use": usage, "alg": algorithm,
        "x": part(&point[1..33]), "y": part(&point[33..]),
    });
    (pem, jwk)
}

/// A realm with a shopper and a client of each kind.
fn realm(world: &World, keys: &Value) -> Value {
    let callback = format!("{}/callback/acme/other", world.origin);
    let logout = format!(
        "{}/accounts/acme/providers/other/backchannel-logout",
        world.origin
    );
    let client = |id: &str, more: Value| {
        let mut client = json!({
            "clientId": id,
            "secret": SECRET,
            "redirectUris": [callback],
            "standardFlowEnabled": true,
            "attributes": {
                "pkce.code.challenge.method": "S256",
                "post.logout.redirect.uris": format!("{}/*", world.origin),
                "backchannel.logout.url": logout,
                "backchannel.logout.session.required": "true",
            },
        });
        for (name, value) in more.as_object().unwrap() {
            match (client.get_mut(name), value) {
                (Some(Value::Object(old)), Value::Object(new)) => old.extend(new.clone()),
                _ => client[name] = value.clone(),
            }
        }
        client
    };
    json!({
        "realm": "shop",
        "enabled": true,
        "sslRequired": "none",
        "clients": [
            client("shop:1", json!({})),
            client("pushed", json!({
                "clientAuthenticatorType": "client-jwt",
                "attributes": {
                    "use.jwks.string": "true",
                    "jwks.string": keys.to_string(),
                    "token.endpoint.auth.signing.alg": "ES256",
                    "require.pushed.authorization.requests": "true",
                    "request.object.required": "request or request_uri",
                    "request.object.signature.alg": "ES256",
                    "user.info.response.signature.alg": "RS256",
                    "dpop.bound.access.tokens": "true",
                },
            })),
            client("sealed", json!({
                "attributes": {
                    "use.jwks.string": "true",
                    "jwks.string": keys.to_string(),
                    "id.token.encrypted.response.alg": "ECDH-ES+A256KW",
                    "id.token.encrypted.response.enc": "A256GCM",
                },
            })),
        ],
        "users": [{
            "username": "ada", "enabled": true, "email": "ada@example.test",
            "emailVerified": true, "firstName": "Ada", "lastName": "Lovelace",
            "credentials": [{ "type": "password", "value": "lovelace", "temporary": false }],
        }],
    })
}

struct Suite {
    world: World,
    origin: String,
    signing: String,
    opening: String,
    _program: Program,
    _data: tempfile::TempDir,
}

impl Suite {
    async fn start() -> Option<Self> {
        let home: PathBuf = other::named("KEYCLOAK", "Keycloak")?;
        let world = World::empty().await;
        world.account("acme").await;
        let (signing, public) = key("sig", "ES256");
        let (opening, sealing) = key("enc", "ECDH-ES+A256KW");
        let data = tempfile::tempdir().unwrap();
        // Its own copy of what it writes to; the libraries are shared.
        for name in ["bin", "conf", "providers"] {
            copy(&home.join(name), &data.path().join(name));
        }
        std::os::unix::fs::symlink(home.join("themes"), data.path().join("themes")).unwrap();
        copy(&home.join("lib"), &data.path().join("lib"));
        let import = data.path().join("data/import");
        std::fs::create_dir_all(&import).unwrap();
        let keys = json!({ "keys": [public, sealing] });
        let realm = realm(&world, &keys).to_string();
        std::fs::write(import.join("shop.json"), realm).unwrap();
        let port = free_port();
        let program = Program::start(
            Command::new("bash")
                .arg(data.path().join("bin/kc.sh"))
                .args(["start-dev", "--import-realm", "--db=dev-mem"])
                .args(["--http-host=127.0.0.1", &format!("--http-port={port}")])
                .env("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1")
                .current_dir(data.path()),
        );
        let origin = format!("http://127.0.0.1:{port}/realms/shop");
        let discovery = format!("{origin}/.well-known/openid-configuration");
        other::answers(&discovery, PATIENCE).await;
        Some(Self {
            world,
            origin,
            signing,
            opening,
            _program: program,
            _data: data,
        })
    }

    async fn map(&self, client: &str, more: &str) {
        let mapping = format!(
            r#"
[provider]
id = "other"
name = "Keycloak"
kind = "openid"
issuer = "{}"
[client]
{client}
[authorization]
scopes = ["openid", "email", "profile"]
{more}
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
[end_session]
"#,
            self.origin
        );
        self.world.apply("acme", &mapping).await;
    }

    /// A whole login over Keycloak's own page.
    async fn log_in(&self, browser: &mut Browser, password: &str) -> Page {
        // Keycloak goes by the system's clock, and takes its time.
        let clock = &self.world.clock;
        clock.advance(SystemClock.now().since(clock.now()));
        let page = browser
            .get(self.world.url("acme", "login?return_to=/welcome"))
            .await;
        let page = browser.follow(page).await;
        let form = Form::of(&page)
            .fill("username", "ada")
            .fill("password", password);
        let page = form.post(browser).await;
        browser.follow(page).await
    }

    /// The same, which must end in a session of the person that Keycloak knows.
    async fn must_log_in(&self) -> Browser {
        let mut browser = Browser::new();
        let page = self.log_in(&mut browser, "lovelace").await;
        assert_eq!(page.url.path(), "/welcome", "{} {}", page.url, page.body);
        let session = browser.session(&self.world, "acme").await;
        let user = &session["user"];
        assert_eq!(user["email"], "ada@example.test", "{session}");
        assert_eq!(user["name"], "Ada Lovelace");
        assert_eq!(user["email_verified"], true);
        browser
    }

    async fn is_logged_in(&self, browser: &mut Browser) -> bool {
        browser.session(&self.world, "acme").await["authenticated"] == true
    }

    /// Keycloak's own logout page, which asks first.
    async fn log_out_there(&self, browser: &mut Browser) {
        let page = format!("{}/protocol/openid-connect/logout", self.origin);
        let page = browser.get(page).await;
        let page = browser.follow(page).await;
        let page = Form::of(&page).post(browser).await;
        let page = browser.follow(page).await;
        assert!(page.status.is_success(), "{} {}", page.status, page.body);
    }
}

/// Copies a directory; big files are linked, so that a copy costs nothing.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.metadata().unwrap().len() < 1 << 20
            || std::fs::hard_link(entry.path(), &target).is_err()
        {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[tokio::test]
async fn logins_and_logouts_through_keycloak() {
    let Some(suite) = Suite::start().await else {
        return;
    };
    let plain = format!("id = \"shop:1\"\nsecret = {SECRET:?}");

    // What discovery lists, and a secret of reserved characters, in body and header.
    for way in [
        "",
        "authentication = \"basic\"",
        "authentication = \"body\"",
    ] {
        suite.map(&format!("{plain}\n{way}"), "").await;
        suite.must_log_in().await;
    }
    assert_eq!(suite.world.users("acme").await.len(), 1);

    // A wrong password is Keycloak's matter: it asks again.
    let page = suite.log_in(&mut Browser::new(), "wrong").await;
    assert!(page.url.as_str().starts_with(&suite.origin), "{}", page.url);

    // A logout there ends the session here.
    let mut browser = suite.must_log_in().await;
    let mut other = suite.must_log_in().await;
    suite.log_out_there(&mut browser).await;
    assert!(!suite.is_logged_in(&mut browser).await);
    assert!(suite.is_logged_in(&mut other).await, "another session's");

    // A logout here ends the session there: the next login asks for the password.
    let page = other.get(suite.world.url("acme", "logout")).await;
    let page = Form::of(&page).post(&mut other).await;
    let page = other.follow(page).await;
    assert!(page.status.is_success(), "{} {}", page.url, page.body);
    let page = other.get(suite.world.url("acme", "login")).await;
    let page = other.follow(page).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.url);

    // Requests that must be pushed and signed, by a client with a key; tokens that are
    // bound to one of the login's own; and user information that is signed.
    let signing = &suite.signing;
    let client = format!(
        "id = \"pushed\"\nauthentication = \"private_key_jwt\"\nprivate_key = '''\n{signing}'''\nprivate_key_id = \"k-sig\"\ndpop = true"
    );
    suite
        .map(&client, "pushed = true\nrequest_object = true")
        .await;
    suite.must_log_in().await;

    // An ID token that is encrypted to us.
    let opening = &suite.opening;
    let client =
        format!("id = \"sealed\"\nsecret = {SECRET:?}\ndecryption_key = '''\n{opening}'''");
    suite.map(&client, "").await;
    suite.must_log_in().await;
    assert_eq!(suite.world.users("acme").await.len(), 1);
}
