//! A login with a gallery file at a mock that imitates its server.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use vestibule::account::directory;
use vestibule::base::{Clock, UserId};
use vestibule::provider::extract::Profile;
use vestibule::provider::file::EmailTrust;
use vestibule::provider::preview::preview;
use vestibule::provider::{blanks, gallery};

use crate::imitation::{CLIENT_ID, CLIENT_SECRET, Imitation};
use crate::shape;
use crate::support::{Browser, Page, World};

/// The key of clients whose requests have RSA signatures.
pub static RSA: OnceLock<rcgen::KeyPair> = OnceLock::new();

/// Runs everything that an imitation promises.
pub async fn run(imitation: &Imitation) {
    let world = World::empty().await;
    let origin = world.idp.origin();
    let key = rcgen::KeyPair::generate().unwrap();
    // Alipay's keys are RSA.
    let rsa = RSA.get_or_init(|| rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap());
    let own = if imitation.file == "alipay" {
        rsa
    } else {
        &key
    };
    let mapping = moved(imitation.file, &origin, own);
    let mut mock = imitation.mock.clone();
    if imitation.file == "apple" {
        mock["clients"] = json!([{ "id": CLIENT_ID, "jwks": { "keys": [jwk(&key)] } }]);
    }
    if ["itsme", "singpass"].contains(&imitation.file) {
        mock["jwks"] = json!({ "keys": [jwk(&key)] });
        mock["openid"]["encrypt_to"] = jwk(&key);
    }
    let text = mock.to_string().replace("{origin}", &origin);
    let config = mock_idp::Config::from_json(&text).unwrap();
    world.idp.configure(|old| *old = config);

    // A store without users: the login makes one.
    world.account("acme").await;
    world.apply("acme", &mapping).await;
    let browser = &mut Browser::new();
    let start = browser.get(world.url("acme", "login")).await;
    let authorize = start.location().expect("a redirect to the provider");
    assert_eq!(authorize.fragment(), imitation.fragment);
    let end = log_in(&world, browser, "acme").await;
    assert_eq!(end.url.path(), "/welcome", "{} {}", end.status, end.body);
    let session = browser.session(&world, "acme").await;
    let user = &session["user"];
    assert_eq!(session["provider"], imitation.file);
    assert!(
        fits(imitation.email, user["email"].as_str().unwrap()),
        "{user}"
    );
    assert_eq!(user["name"].as_str(), imitation.name);
    for (member, value) in imitation.more.as_object().into_iter().flatten() {
        assert_eq!(user[member], *value, "{member} in {user}");
    }
    let users = world.users("acme").await;
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].links.len(), 1);
    assert_eq!(users[0].links[0].user_id, imitation.user_id);
    shape::check(imitation.requests, &world.idp.journal());
    if let Some(verify) = imitation.verify {
        verify(&world.idp.journal());
    }

    // A preview knows all of it too.
    let mappings = &world.broker.app().logins.mappings;
    let (account, id) = ("acme".parse().unwrap(), imitation.file.parse().unwrap());
    let provider = mappings.provider(&account, &id).await.unwrap().unwrap();
    let shown = preview(&provider.unwrap(), None).unwrap();
    assert!(shown.requests.len() >= 2);

    // Once more: the same person.
    let again = log_in(&world, &mut Browser::new(), "acme").await;
    assert_eq!(again.url.path(), "/welcome");
    assert_eq!(world.users("acme").await[0].id, users[0].id);

    // A store that knows the email already: it links or it does not.
    world.account("known").await;
    world.apply("known", &mapping).await;
    let known = known_user(&world, &users[0].email).await;
    let end = log_in(&world, &mut Browser::new(), "known").await;
    if imitation.links {
        assert_eq!(end.url.path(), "/welcome", "{} {}", end.status, end.body);
        let users = world.users("known").await;
        assert_eq!(users.len(), 1);
        assert_eq!(users[0].id, known);
    } else {
        assert!(end.shows("login.email_not_trusted"), "{}", end.body);
    }
}

async fn known_user(world: &World, email: &str) -> UserId {
    let profile = Profile {
        user_id: "before".to_owned(),
        email: email.to_owned(),
        email_verified: true,
        email_made_up: false,
        name: None,
        more: serde_json::Map::new(),
    };
    let account = "known".parse().unwrap();
    let source = directory::Source {
        provider: &"before".parse().unwrap(),
        lineage: 0,
        email_trust: EmailTrust::Provider,
    };
    let now = world.clock.now();
    directory::identify(&*world.store, &account, source, &profile, now)
        .await
        .unwrap()
        .user
        .id
}

/// A gallery file with its hosts moved to the mock, paths as they are, and with
/// client credentials as the command line's flags set them.
fn moved(file: &str, origin: &str, key: &rcgen::KeyPair) -> String {
    let mut source = String::new();
    let mut rest = gallery::get(file).unwrap();
    // At the beginning of a value: Slack's claims are named by URLs too.
    while let Some(at) = rest.find("\"http").map(|quote| quote + 1) {
        let host = at + rest[at..].find("://").unwrap() + 3;
        let end = rest[host..]
            .find(|c: char| c == '/' || c == '"' || c.is_whitespace())
            .map_or(rest.len(), |end| host + end);
        source.push_str(&rest[..at]);
        source.push_str(origin);
        rest = &rest[end..];
    }
    source.push_str(rest);
    // Placeholders that are left are parts of paths, and ids.
    let answers = blanks::blanks(&source)
        .into_iter()
        .map(|blank| {
            let own = blank.name.replace("YOUR_", "OUR_");
            (blank.name, own)
        })
        .collect();
    source = blanks::fill(&source, &answers, "");
    let values = [
        ("client.id", CLIENT_ID.to_owned()),
        ("client.secret", CLIENT_SECRET.to_owned()),
        ("client.private_key", pem(key)),
        ("client.decryption_key", pem(key)),
    ];
    for (name, value) in values {
        // Not every provider has a secret or a key.
        let value = Value::from(value).to_string();
        source = gallery::set(&source, name, &value).unwrap_or(source);
    }
    source
}

/// The private key as Apple gives it away: PKCS#8 in PEM.
pub fn pem(key: &rcgen::KeyPair) -> String {
    let text = STANDARD.encode(key.serialize_der());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let body = lines.join("\n");
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

fn jwk(key: &rcgen::KeyPair) -> Value {
    let point = key.public_key_raw();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kty": "EC", "crv": "P-256", "kid": "OUR_KEY_ID",
        "x": encode(&point[1..33]), "y": encode(&point[33..65]),
    })
}

/// A whole login; where the answer comes as a form, the browser posts it.
async fn log_in(world: &World, browser: &mut Browser, account: &str) -> Page {
    let page = browser
        .get(world.url(account, "login?return_to=/welcome"))
        .await;
    let authorize = page
        .location()
        .unwrap_or_else(|| panic!("no redirect: {} {}", page.status, page.body));
    let form = browser.get(authorize.as_str()).await;
    // Of a request that was pushed only the form knows the parameters.
    let request = form
        .body
        .split_once("name=\"request\" value=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or(
            authorize.query().unwrap_or_default().to_owned(),
            |(text, _)| text.replace("&amp;", "&"),
        );
    let answer = browser
        .post(
            authorize.join("/login").unwrap().as_str(),
            &[
                ("request", request.as_str()),
                ("username", "ada"),
                ("password", "lovelace"),
            ],
        )
        .await;
    let page = match answer.location() {
        Some(callback) => browser.get(callback.as_str()).await,
        None => post_form(browser, &answer).await,
    };
    browser.follow(page).await
}

/// What the script of a form post page does.
async fn post_form(browser: &mut Browser, page: &Page) -> Page {
    let attribute = |text: &str, name: &str| {
        let from = text.split_once(&format!("{name}=\"")).unwrap().1;
        from.split_once('"').unwrap().0.to_owned()
    };
    let (_, form) = page
        .body
        .split_once("<form")
        .unwrap_or_else(|| panic!("the mock refused: {} {}", page.status, page.body));
    let action = attribute(form, "action");
    let fields: Vec<(String, String)> = form
        .split("<input")
        .skip(1)
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    browser.post(&action, &fields).await
}

/// Whether a text fits one with a `*` in it.
fn fits(wanted: &str, found: &str) -> bool {
    match wanted.split_once('*') {
        Some((start, end)) => found.starts_with(start) && found.ends_with(end),
        None => wanted == found,
    }
}
