//! Domains of emails that an account's people prove by DNS: what counts, what does not,
//! and for how long.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/dns.rs"]
mod dns;
mod support;

use std::time::Duration;

use dns::{NameServer, Say};
use reqwest::Method;
use serde_json::{Value, json};
use support::form::Form;
use support::{Browser, World};
use vestibule::operation::domain_proofs;

const DAY: Duration = Duration::from_secs(24 * 3600);
const NAME: &str = "_vestibule-challenge.acme.test";

/// A broker that asks a name server of the test's; `acme` asks for the email first, and
/// says that `acme.test` is its provider's.
struct Scene {
    world: World,
    dns: NameServer,
}

impl Scene {
    async fn new() -> Self {
        let dns = NameServer::start().await;
        let address = dns.address;
        let world = World::with(|config| config.nameserver = Some(address)).await;
        let scene = Self { world, dns };
        for account in ["acme", "other"] {
            scene.world.account(account).await;
            scene.world.apply(account, &scene.world.mapping()).await;
            let body = json!({
                "email_first": true, "password": true,
                "email_domains": [{ "domain": "acme.test", "provider": "mock-idp" }],
            });
            let path = format!("/accounts/{account}");
            scene.api(Method::PATCH, &path, &body.to_string()).await;
        }
        scene
    }

    async fn api(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let kind = if body.is_empty() {
            ""
        } else {
            "application/json"
        };
        let (status, said) = self.world.admin(method, path, kind, body).await;
        let said = serde_json::from_str(&said).unwrap_or(Value::Null);
        (status, said)
    }

    async fn begin(&self, account: &str) -> Value {
        let path = format!("/accounts/{account}/domains/acme.test");
        let (status, said) = self.api(Method::PUT, &path, "").await;
        assert!(status == 200 || status == 201, "{said}");
        said
    }

    async fn check(&self, account: &str) -> Value {
        // Who asks twice in a moment is told the same.
        self.world.clock.advance(Duration::from_secs(5));
        let path = format!("/accounts/{account}/domains/acme.test/check");
        let (status, said) = self.api(Method::POST, &path, "").await;
        assert_eq!(status, 200, "{said}");
        said
    }

    /// Whether an email of the domain leads to the provider.
    async fn leads(&self, account: &str) -> bool {
        let mut browser = Browser::new();
        let url = self.world.url(account, "login?return_to=/");
        let page = browser.get(&url).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let mut form = Form::of(&page).fill("email", "ada@acme.test");
        form.fields.push(("way".to_owned(), "email".to_owned()));
        let page = form.post(&mut browser).await;
        let to = page.location().map(|to| to.to_string());
        to.is_some_and(|to| to.contains("provider=mock-idp"))
    }
}

fn value(said: &Value) -> String {
    said["record_value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn g1_g2_a_domain_that_is_proved_leads_to_its_provider_and_no_other_account() {
    let scene = Scene::new().await;
    let begun = scene.begin("acme").await;
    assert_eq!(begun["record_name"], NAME);
    assert_eq!(begun["proved"], false);
    assert_eq!(
        begun,
        scene.begin("acme").await,
        "said again, it is the same"
    );
    assert!(!scene.leads("acme").await);
    let said = scene.check("acme").await;
    assert_eq!(
        (&said["proved"], &said["found"]),
        (&json!(false), &json!("nothing"))
    );
    // Beside other people's records, in two parts.
    let (one, two) = (value(&begun), "v=spf1 -all".to_owned());
    let (first, second) = one.split_at(10);
    let parts = vec![first.to_owned(), second.to_owned()];
    scene.dns.say(NAME, Say::Texts(vec![vec![two], parts]));
    let said = scene.check("acme").await;
    assert_eq!(
        (&said["proved"], &said["found"]),
        (&json!(true), &json!("record"))
    );
    assert!(scene.leads("acme").await);
    // Another account's record proves nothing there.
    scene.begin("other").await;
    let said = scene.check("other").await;
    assert_eq!(
        (&said["proved"], &said["found"]),
        (&json!(false), &json!("other"))
    );
    assert!(!scene.leads("other").await);
    let log = scene
        .world
        .admin(Method::GET, "/audit?limit=100", "", "")
        .await
        .1;
    assert!(log.contains("domain.begin") && log.contains("domain.check"));
    // Taken back, the same record proves nothing: the next one is another.
    let path = "/accounts/acme/domains/acme.test";
    assert_eq!(scene.api(Method::DELETE, path, "").await.0, 204);
    assert!(!scene.leads("acme").await);
    let again = scene.begin("acme").await;
    assert_ne!(value(&again), one);
    assert_eq!(scene.check("acme").await["found"], "other");
}

#[tokio::test]
async fn g2_an_account_of_the_same_id_has_none_of_the_proofs_of_before() {
    let scene = Scene::new().await;
    let begun = scene.begin("acme").await;
    scene.dns.say(NAME, Say::text(&value(&begun)));
    assert_eq!(scene.check("acme").await["proved"], true);
    let (status, said) = scene.api(Method::DELETE, "/accounts/acme", "").await;
    assert_eq!(status, 204, "{said}");
    let body = json!({ "id": "acme", "name": "Somebody else" }).to_string();
    assert_eq!(scene.api(Method::POST, "/accounts", &body).await.0, 201);
    let (_, list) = scene.api(Method::GET, "/accounts/acme/domains", "").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 0);
    // The record dangles, and is not theirs.
    scene.begin("acme").await;
    assert_eq!(scene.check("acme").await["found"], "other");
}

#[tokio::test]
async fn g3_what_is_no_proof_is_told_apart() {
    let scene = Scene::new().await;
    let value = value(&scene.begin("acme").await);
    let many = (0..100).map(|_| vec!["x".repeat(200)]).collect();
    let long = vec!["y".repeat(255), "y".repeat(255), "y".repeat(255)];
    for (say, found) in [
        // Whoever has the target is not whoever has the domain.
        (
            Say::Alias("evil.test".to_owned(), vec![value.clone()]),
            "alias",
        ),
        (Say::Alias("gone.test".to_owned(), Vec::new()), "nothing"),
        (Say::text(&format!("{value}x")), "other"),
        (Say::text(&value.to_uppercase()), "other"),
        (Say::text(""), "other"),
        (Say::Texts(many), "other"),
        (Say::Texts(vec![long]), "nothing"),
        (Say::Texts(Vec::new()), "nothing"),
        (Say::Code(2), "no_answer"),
        (Say::Code(5), "no_answer"),
        (Say::Garbage, "no_answer"),
        (Say::Silence, "no_answer"),
    ] {
        scene.dns.say(NAME, say.clone());
        let said = scene.check("acme").await;
        assert_eq!(said["found"], found, "{say:?}");
        assert_eq!(said["proved"], false, "{say:?}");
    }
    assert!(!scene.leads("acme").await);
    // Of a long answer, which comes by TCP, it is found all the same.
    let mut all: Vec<Vec<String>> = (0..20).map(|_| vec!["x".repeat(200)]).collect();
    all.push(vec![value]);
    scene.dns.say(NAME, Say::Texts(all));
    assert_eq!(scene.check("acme").await["proved"], true);
    // Nothing was put behind the name, as a host's own domain would be.
    let known = [NAME, "evil.test", "gone.test"];
    let asked = scene.dns.asked();
    assert!(
        asked.iter().all(|name| known.contains(&&**name)),
        "{asked:?}"
    );
}

#[tokio::test]
async fn g4_a_proof_counts_for_a_week_from_when_its_record_was_seen_last() {
    let scene = Scene::new().await;
    let begun = scene.begin("acme").await;
    scene.dns.say(NAME, Say::text(&value(&begun)));
    let first = scene.check("acme").await;
    let ops = scene.world.broker.operations();
    // Seen each day, it goes on.
    for _ in 0..10 {
        scene.world.clock.advance(DAY);
        assert_eq!(domain_proofs::look_again(ops).await.unwrap(), 0);
    }
    assert!(scene.leads("acme").await);
    let asked = scene.dns.asked().len();
    domain_proofs::look_again(ops).await.unwrap();
    assert_eq!(scene.dns.asked().len(), asked, "once a day is enough");
    let (_, now) = scene
        .api(Method::GET, "/accounts/acme/domains/acme.test", "")
        .await;
    assert_eq!(now["proved_at"], first["proved_at"]);
    // The record is gone, or the servers are: a week is time to see to it.
    scene.dns.forget(NAME);
    for day in 1..=6 {
        scene.world.clock.advance(DAY);
        assert_eq!(domain_proofs::look_again(ops).await.unwrap(), 1);
        assert!(scene.leads("acme").await, "{day}");
    }
    scene.world.clock.advance(DAY);
    assert!(!scene.leads("acme").await);
    let (_, now) = scene
        .api(Method::GET, "/accounts/acme/domains/acme.test", "")
        .await;
    assert_eq!(
        (&now["proved"], &now["proved_at"]),
        (&json!(false), &Value::Null)
    );
    // What does not count is not asked for by itself any more.
    let asked = scene.dns.asked().len();
    assert_eq!(domain_proofs::look_again(ops).await.unwrap(), 0);
    assert_eq!(scene.dns.asked().len(), asked);
    scene.dns.say(NAME, Say::text(&value(&begun)));
    assert_eq!(scene.check("acme").await["proved"], true);
    assert!(scene.leads("acme").await);
}

#[tokio::test]
async fn who_says_too_much_is_told() {
    let scene = Scene::new().await;
    for domain in [
        "acme",
        "a@acme.test",
        "acme..test",
        "-",
        "127.0.0.1",
        "a%20b.test",
    ] {
        let path = format!("/accounts/acme/domains/{domain}");
        let (status, said) = scene.api(Method::PUT, &path, "").await;
        // A name without a dot is a domain, somewhere.
        if domain == "acme" {
            assert_eq!(status, 201, "{said}");
        } else {
            assert_eq!(
                (status, &said["code"]),
                (400, &json!("domain.invalid")),
                "{domain}"
            );
        }
    }
    for i in 0..49 {
        let path = format!("/accounts/acme/domains/d{i}.test");
        assert_eq!(scene.api(Method::PUT, &path, "").await.0, 201);
    }
    let (status, said) = scene
        .api(Method::PUT, "/accounts/acme/domains/more.test", "")
        .await;
    assert_eq!((status, &said["code"]), (409, &json!("domain.too_many")));
    // Who asks again in a moment is told the same.
    let path = "/accounts/acme/domains/d1.test/check";
    scene.api(Method::POST, path, "").await;
    let asked = scene.dns.asked().len();
    scene.api(Method::POST, path, "").await;
    assert_eq!(scene.dns.asked().len(), asked);
}
