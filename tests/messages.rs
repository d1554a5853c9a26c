//! What messages to an account's people say, who they are from, and what became of
//! them: by the admin API, as an operator has it.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/mail.rs"]
mod mail_settings;
mod support;

use authority::{Client, service};
use mock_idp::{MailCatcher, MailFault};
use reqwest::Method;
use serde_json::{Value, json};
use support::form::Form;
use support::{Browser, Page, World};
use vestibule::account;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::store::Precondition;

struct Scene {
    world: World,
    mail: MailCatcher,
    token: String,
}

impl Scene {
    async fn new() -> Self {
        let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
        let mail = mail.await.unwrap();
        let settings = mail_settings::settings(mail.url());
        let world = World::with(|config| config.mail = Some(settings)).await;
        let mut acme = world.account("acme").await;
        acme.access_key = true;
        account::put(&*world.store, &acme, Precondition::Any)
            .await
            .unwrap();
        let token = token(&world, None).await;
        Self { world, mail, token }
    }

    async fn call(&self, token: &str, method: Method, path: &str, body: Value) -> Page {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let url = format!("{}/api/v1/accounts/acme/{path}", self.world.origin);
        let body = (!body.is_null()).then(|| body.to_string());
        Browser::new().send(method, &url, &headers, body).await
    }

    async fn patch(&self, body: Value) -> Page {
        self.call(&self.token, Method::PATCH, "messages", body)
            .await
    }

    async fn sample(&self, to: &str) -> Page {
        let body = json!({ "to": to, "kind": "access_key", "lang": "en" });
        self.call(&self.token, Method::POST, "messages/sample", body)
            .await
    }

    async fn deliveries(&self) -> Vec<Value> {
        let page = self
            .call(&self.token, Method::GET, "deliveries", Value::Null)
            .await;
        page.json()["items"].as_array().unwrap().clone()
    }

    /// The deliveries, once there are as many of this state.
    async fn delivered(&self, state: &str, count: usize) -> Vec<Value> {
        loop {
            let all = self.deliveries().await;
            if all.iter().filter(|one| one["state"] == state).count() == count {
                return all;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn token(world: &World, account: Option<&str>) -> String {
    let new = NewApplication {
        account: account.map(|id| id.parse().unwrap()),
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        ..service("acme")
    };
    let client = Client::create(world, new).await;
    let form = [("grant_type", "client_credentials")];
    let answer = client.token(world, &form).await.json();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn own(text: &str) -> Value {
    json!({ "texts": [{ "kind": "access_key", "lang": "en", "template": {
        "subject": "{{ code }} for {{ account }}",
        "text": text,
        "html": "<b>{{ code }}</b> {{ store }}",
    } }] })
}

#[tokio::test]
async fn an_accounts_own_sender_and_text_reach_its_people() {
    let scene = Scene::new().await;
    let changed = scene.patch(own("Type {{ code }}, {{ email }}.")).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let sender = json!({ "from": "Acme <hello@acme.test>" });
    assert_eq!(
        scene.patch(sender).await.json()["from"],
        "Acme <hello@acme.test>"
    );

    let mut browser = Browser::new();
    let page = browser.get(scene.world.url("acme", "login")).await;
    let form = Form::of(&page).fill("email", "ada@example.test");
    form.post(&mut browser).await;
    let letters = scene.mail.wait_for(1).await;
    assert_eq!(letters[0].from, "hello@acme.test");
    let code = letters[0].subject.split(' ').next().unwrap();
    let text = letters[0].text.trim();
    assert_eq!(text, format!("Type {code}, ada@example.test."));
    assert!(
        letters[0]
            .html
            .as_ref()
            .unwrap()
            .contains(&format!("<b>{code}</b>"))
    );

    let reset = json!({ "texts": [{ "kind": "access_key", "lang": "en" }], "from": null });
    let reset = scene.patch(reset).await.json();
    assert_eq!(reset["from"], Value::Null);
    let texts = reset["texts"].as_array().unwrap();
    assert!(texts.iter().all(|text| text["own"] == false), "{texts:?}");
}

#[tokio::test]
async fn what_cannot_be_a_message_is_refused_with_its_place() {
    let scene = Scene::new().await;
    for (text, why) in [
        ("No code.", "does not say the code"),
        ("{{ code }} {{ secret }}", "there are `account`"),
        ("{{ code }} {% for", "syntax"),
        (
            "{{ code }}{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            "access_key in `en`: text",
        ),
    ] {
        let page = scene.patch(own(text)).await;
        assert_eq!(page.status, 400, "{text} {}", page.body);
        assert!(
            page.shows("message.invalid") && page.shows(why),
            "{}",
            page.body
        );
    }
    for from in ["acme", "a@x.test\r\nBcc: b@x.test", ""] {
        let page = scene.patch(json!({ "from": from })).await;
        assert!(
            page.status == 400 && page.shows("message.invalid"),
            "{from} {}",
            page.body
        );
    }
    // Senders are the broker's business, since mail servers trust it with all of them.
    let limited = token(&scene.world, Some("acme")).await;
    let body = json!({ "from": "other@shop.test" });
    let page = scene.call(&limited, Method::PATCH, "messages", body).await;
    assert_eq!(page.status, 403, "{}", page.body);
    let page = scene
        .call(&limited, Method::PATCH, "messages", own("{{ code }}"))
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn a_message_is_seen_before_it_is_sent_and_samples_are_few() {
    let scene = Scene::new().await;
    let sample = json!({ "kind": "password_changed", "lang": "pt-BR" });
    let seen = scene
        .call(&scene.token, Method::POST, "messages/preview", sample)
        .await;
    assert!(
        seen.json()["subject"].as_str().unwrap().contains("senha"),
        "{}",
        seen.body
    );
    assert_eq!(scene.mail.letters().len(), 0);

    assert_eq!(scene.sample("me@acme.test").await.status, 204);
    let letters = scene.mail.wait_for(1).await;
    assert_eq!(letters[0].to, ["me@acme.test"]);
    assert!(letters[0].subject.contains("123456"));
    let mut refused = 0;
    for _ in 0..20 {
        refused += usize::from(scene.sample("me@acme.test").await.status == 429);
    }
    assert_eq!(refused, 16);
    assert_eq!(scene.sample("no address").await.status, 400);
}

#[tokio::test]
async fn an_operator_sees_what_became_of_messages() {
    let scene = Scene::new().await;
    let refusal = MailFault::Answer("550 5.1.1 no such user".to_owned());
    scene.mail.spoil([refusal]);
    scene.sample("nobody@acme.test").await;
    scene.delivered("bounced", 1).await;
    scene.sample("ada@acme.test").await;
    let all = scene.delivered("sent", 1).await;
    let bounced = all.iter().find(|one| one["state"] == "bounced").unwrap();
    assert_eq!(bounced["to"], "nobody@acme.test");
    assert!(bounced["why"].as_str().unwrap().contains("no such user"));
    assert!(!serde_json::to_string(&all).unwrap().contains("123456"));
}

/// What a mail server further on says of a message.
fn notification(action: &str, message_id: &str) -> String {
    let parts = [
        "Content-Type: text/plain\r\n\r\nIt could not be delivered.\r\n".to_owned(),
        format!(
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\n\
             Final-Recipient: rfc822; box@inner.test\r\nAction: {action}\r\nStatus: 5.2.2\r\n\
             Diagnostic-Code: smtp; 552 5.2.2\r\n full\r\n"
        ),
        format!(
            "Content-Type: message/rfc822\r\n\r\nMessage-ID: <{message_id}>\r\n\r\nYour code\r\n"
        ),
    ];
    let head = "From: MAILER-DAEMON@mx.test\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary=b1\r\n";
    format!(
        "{head}\r\n--b1\r\n{}\r\n--b1--\r\n",
        parts.join("\r\n--b1\r\n")
    )
}

#[tokio::test]
async fn a_message_that_comes_back_later_is_told_as_bounced() {
    let scene = Scene::new().await;
    for to in ["ada@example.test", "grace@example.test", "ada@example.test"] {
        assert_eq!(scene.sample(to).await.status, 204);
        scene.world.clock.advance(std::time::Duration::from_secs(1));
    }
    let sent = scene.delivered("sent", 3).await;
    let letters = scene.mail.wait_for(3).await;
    let id = sent[0]["message_id"].as_str().unwrap();
    let head = format!("Message-ID: <{id}>");
    assert!(
        letters.iter().any(|letter| letter.raw.contains(&head)),
        "{id}"
    );

    let report = async |body: Value| {
        scene
            .call(&scene.token, Method::POST, "deliveries/bounces", body)
            .await
    };
    // By whom it went to: the last one.
    let body = json!({ "to": "ADA@example.test", "why": "550 5.1.1\r\nno such user" });
    let noted = report(body.clone()).await;
    assert_eq!(noted.status, 200, "{}", noted.body);
    assert_eq!(noted.json()["message_id"], sent[0]["message_id"]);
    let all = scene.deliveries().await;
    assert_eq!(all[0]["state"], "bounced", "{all:?}");
    assert_eq!(all[0]["why"], "550 5.1.1  no such user");
    assert_eq!(all[2]["state"], "sent");
    // Said again it is the same, and one entry in the log.
    assert_eq!(report(body).await.status, 200);
    // By its id, with brackets as the header has it.
    let id = format!("<{}>", sent[2]["message_id"].as_str().unwrap());
    let noted = report(json!({ "message_id": id, "why": "mailbox full" })).await;
    assert_eq!(noted.status, 200, "{}", noted.body);
    assert_eq!(scene.deliveries().await[2]["why"], "mailbox full");

    // As the mail server further on says it (RFC 3464), which may know another address.
    let graces = sent[1]["message_id"].as_str().unwrap();
    let body = json!({ "notification": notification("failed", graces) });
    for _ in 0..2 {
        let noted = report(body.clone()).await;
        assert_eq!(noted.status, 200, "{}", noted.body);
    }
    let all = scene.deliveries().await;
    assert_eq!(all[1]["to"], "grace@example.test");
    assert_eq!(
        (&all[1]["state"], &all[1]["why"]),
        (&json!("bounced"), &json!("552 5.2.2 full"))
    );

    for (body, status) in [
        (json!({ "to": "nobody@example.test", "why": "x" }), 404),
        (json!({ "message_id": "x@y", "why": "x" }), 404),
        (
            json!({ "message_id": id, "to": "grace@example.test", "why": "x" }),
            404,
        ),
        (json!({ "why": "x" }), 400),
        (json!({ "to": "grace@example.test", "why": " " }), 400),
        (json!({ "to": "grace@example.test" }), 400),
        (json!({ "notification": "From: x" }), 400),
        (
            json!({ "notification": notification("failed", "x@y"), "why": "x" }),
            400,
        ),
        (
            json!({ "notification": notification("failed", "x@y") }),
            404,
        ),
        (
            json!({ "notification": notification("delayed", graces) }),
            400,
        ),
    ] {
        let no = report(body.clone()).await;
        assert_eq!(no.status, status, "{body} {}", no.body);
    }
    let other = scene.world.account("other").await;
    let token = token(&scene.world, Some(other.id.as_str())).await;
    let body = json!({ "to": "grace@example.test", "why": "x" });
    let no = scene
        .call(&token, Method::POST, "deliveries/bounces", body)
        .await;
    assert_eq!(no.status, 404, "{}", no.body);
    // A message that was not sent yet did not come back.
    scene
        .mail
        .spoil([MailFault::Answer("451 later".to_owned())]);
    scene.sample("alan@example.test").await;
    let body = json!({ "to": "alan@example.test", "why": "x" });
    assert_eq!(report(body).await.status, 404);
}
