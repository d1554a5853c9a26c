//! Messages to shoppers: taken, sent, tried again, refused, and what is told of them.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/mail.rs"]
mod mail_settings;

use std::sync::Arc;
use std::time::Duration;

use mock_idp::{MailCatcher, MailFault};
use vestibule::base::{AccountId, Lang, ManualClock, Timestamp};
use vestibule::config;
use vestibule::mail::template::{Kind, Own, Rendered, Template, Values};
use vestibule::mail::{Letter, Mail, MailError, Outcome};
use vestibule::store::{MemoryStore, Store};

struct Scene {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    server: MailCatcher,
}

impl Scene {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)));
        Self {
            store: Arc::new(MemoryStore::new(clock.clone())),
            clock,
            server: MailCatcher::start("127.0.0.1:0".parse().unwrap())
                .await
                .unwrap(),
        }
    }

    /// Another broker on the same store.
    fn mail(&self) -> Mail {
        let settings = mail_settings::settings(self.server.url());
        Mail::new(Arc::clone(&self.store), self.clock.clone(), Some(&settings)).unwrap()
    }
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn letter(to: &str) -> Letter {
    Letter {
        account: acme(),
        to: to.to_owned(),
        kind: "access_key",
        from: None,
        text: Kind::AccessKey
            .bundled(Lang::En)
            .render(&Values::sample())
            .unwrap(),
        useful_for: Duration::from_secs(600),
    }
}

async fn outcome(mail: &Mail) -> Outcome {
    let mut all = mail.deliveries(&acme(), None, 10).await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0).outcome
}

#[tokio::test]
async fn a_message_is_sent_and_told_as_sent() {
    let scene = Scene::new().await;
    let mail = scene.mail();
    mail.send(letter("ada@example.test")).await.unwrap();
    assert_eq!(outcome(&mail).await, Outcome::Waiting { why: None });
    assert_eq!(mail.turn().await, 1);

    let got = scene.server.wait_for(1).await.remove(0);
    assert_eq!(got.from, "login@platform.test");
    assert_eq!(got.to, ["ada@example.test"]);
    assert_eq!(got.subject, "123456 is your code for Acme");
    assert!(got.text.contains("123456") && got.text.contains("10 minutes"));
    assert!(got.html.unwrap().contains("123456"));
    assert!(got.raw.contains("Auto-Submitted: auto-generated"));
    assert!(matches!(outcome(&mail).await, Outcome::Sent { .. }));
    assert_eq!(mail.turn().await, 0);
}

#[tokio::test]
async fn a_running_mail_room_is_woken_by_a_message() {
    let scene = Scene::new().await;
    let mail = Arc::new(scene.mail());
    let running = tokio::spawn({
        let mail = Arc::clone(&mail);
        async move { mail.run().await }
    });
    mail.send(letter("ada@example.test")).await.unwrap();
    scene.server.wait_for(1).await;
    running.abort();
}

#[tokio::test]
async fn a_message_outlives_a_restart() {
    let scene = Scene::new().await;
    scene.mail().send(letter("ada@example.test")).await.unwrap();
    assert_eq!(scene.mail().turn().await, 1);
    assert_eq!(scene.server.letters().len(), 1);
}

#[tokio::test]
async fn two_brokers_send_a_message_once() {
    let scene = Scene::new().await;
    for n in 0..20 {
        scene
            .mail()
            .send(letter(&format!("u{n}@example.test")))
            .await
            .unwrap();
    }
    let (one, two) = (scene.mail(), scene.mail());
    while one.turn().await + two.turn().await > 0 {}
    let (a, b) = tokio::join!(one.turn(), two.turn());
    assert_eq!(a + b, 0);
    let mut to: Vec<String> = scene
        .server
        .letters()
        .into_iter()
        .flat_map(|got| got.to)
        .collect();
    to.sort();
    to.dedup();
    assert_eq!((to.len(), scene.server.letters().len()), (20, 20));
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_with_growing_waits() {
    let scene = Scene::new().await;
    let mail = scene.mail();
    let later = || MailFault::Answer("451 4.7.1 greylisted, come back".to_owned());
    scene.server.spoil([later(), later()]);
    mail.send(letter("ada@example.test")).await.unwrap();
    assert_eq!(mail.turn().await, 1);
    let Outcome::Waiting { why: Some(why) } = outcome(&mail).await else {
        panic!("it waits");
    };
    assert!(why.contains("greylisted"), "{why}");
    assert!(!mail.is_late(), "one address is no server");
    assert_eq!(mail.turn().await, 0, "not before its time");
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(mail.turn().await, 1);
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(mail.turn().await, 0, "the wait has grown");
    scene.clock.advance(Duration::from_secs(15));
    assert_eq!(mail.turn().await, 1);
    assert!(matches!(outcome(&mail).await, Outcome::Sent { .. }));
}

#[tokio::test]
async fn a_refusal_for_good_is_a_bounce() {
    let scene = Scene::new().await;
    let mail = scene.mail();
    scene
        .server
        .spoil([MailFault::Answer("550 5.1.1 no such user".to_owned())]);
    mail.send(letter("nobody@example.test")).await.unwrap();
    assert_eq!(mail.turn().await, 1);
    let Outcome::Bounced { why } = outcome(&mail).await else {
        panic!("it bounced");
    };
    assert!(why.contains("no such user"), "{why}");
    scene.clock.advance(Duration::from_secs(3600));
    assert_eq!(mail.turn().await, 0);
}

#[tokio::test]
async fn what_nobody_needs_any_more_is_not_sent() {
    let scene = Scene::new().await;
    let mail = scene.mail();
    scene.server.spoil([MailFault::Close]);
    mail.send(letter("ada@example.test")).await.unwrap();
    assert_eq!(mail.turn().await, 1);
    scene.clock.advance(Duration::from_secs(601));
    mail.turn().await;
    assert!(matches!(
        outcome(&mail).await,
        Outcome::TooLate { why: Some(_) }
    ));
    assert!(scene.server.letters().is_empty());
}

#[tokio::test]
async fn a_mail_server_that_is_gone_loses_nothing() {
    let mut scene = Scene::new().await;
    let mail = scene.mail();
    let port = scene.server.url().rsplit(':').next().unwrap().to_owned();
    let other = MailCatcher::start("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    drop(std::mem::replace(&mut scene.server, other));
    mail.send(letter("ada@example.test")).await.unwrap();
    assert_eq!(mail.turn().await, 1);
    assert!(mail.is_late());
    assert!(matches!(
        outcome(&mail).await,
        Outcome::Waiting { why: Some(_) }
    ));
    let again = format!("127.0.0.1:{port}").parse().unwrap();
    scene.server = MailCatcher::start(again).await.unwrap();
    scene.clock.advance(Duration::from_secs(5));
    assert_eq!(mail.turn().await, 1);
    assert_eq!(scene.server.letters().len(), 1);
}

#[tokio::test]
async fn without_a_mail_server_the_remedy_is_told() {
    let scene = Scene::new().await;
    let mail = Mail::new(Arc::clone(&scene.store), scene.clock.clone(), None).unwrap();
    assert!(!mail.is_configured());
    let error = mail.send(letter("ada@example.test")).await.unwrap_err();
    assert!(matches!(error, MailError::NotConfigured));
    assert!(error.to_string().contains("`[mail]`"), "{error}");
}

#[tokio::test]
async fn names_and_addresses_cannot_add_headers_or_recipients() {
    let scene = Scene::new().await;
    let mail = scene.mail();
    for to in [
        "a@example.test\r\nBcc: b@example.test",
        "a@example.test, b@example.test",
        "a@example.test>\r\nRCPT TO:<b@example.test",
        "\"a b\"@example.test\0",
        "",
    ] {
        let error = mail.send(letter(to)).await.unwrap_err();
        assert!(matches!(error, MailError::BadAddress(_)), "{to:?}: {error}");
    }
    let values = Values {
        account: "Acme\r\nBcc: victim@example.test\r\n\r\n<b>hello</b>",
        ..Values::sample()
    };
    let text = Kind::AccessKey.bundled(Lang::En).render(&values).unwrap();
    mail.send(Letter {
        text,
        ..letter("ada@example.test")
    })
    .await
    .unwrap();
    mail.turn().await;
    let got = scene.server.wait_for(1).await.remove(0);
    assert_eq!(got.to, ["ada@example.test"]);
    let (head, _) = got.raw.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(!head.lines().any(|line| line.starts_with("bcc")), "{head}");
    let html = got.html.unwrap();
    assert!(
        html.contains("&lt;b&gt;hello") && !html.contains("<b>hello"),
        "{html}"
    );
}

#[test]
fn bundled_texts_are_there_in_every_language() {
    for kind in Kind::ALL {
        for lang in Lang::ALL {
            kind.bundled(lang).check(kind).unwrap();
        }
    }
}

#[test]
fn a_template_that_cannot_be_filled_in_is_refused_with_the_place() {
    let good = Kind::AccessKey.bundled(Lang::En);
    for (part, broken) in [
        ("subject", Template { subject: "{{ cod }}".to_owned(), ..good.clone() }),
        ("text", Template { text: "{{ code".to_owned(), ..good.clone() }),
        ("text", Template { text: "no code".to_owned(), ..good.clone() }),
        ("html", Template { html: Some("<p>no code</p>".to_owned()), ..good.clone() }),
        (
            "text",
            Template { text: "{% for a in range(9999) %}{% for b in range(9999) %}{{ code }}{% endfor %}{% endfor %}".to_owned(), ..good.clone() },
        ),
    ] {
        let error = broken.check(Kind::AccessKey).unwrap_err();
        assert_eq!(error.part, part, "{error}");
    }
    let mut own = Own::new();
    own.entry(Kind::AccessKey).or_default().insert(
        Lang::Es,
        Template {
            subject: "Hola {{ account }}".to_owned(),
            text: "{{ code }}".to_owned(),
            html: None,
        },
    );
    let spanish = Template::of(&own, Kind::AccessKey, Lang::Es)
        .render(&Values::sample())
        .unwrap();
    assert_eq!(
        spanish,
        Rendered {
            subject: "Hola Acme".to_owned(),
            text: "123456".to_owned(),
            html: None
        }
    );
    assert_eq!(Template::of(&own, Kind::AccessKey, Lang::En), good);
}

#[test]
fn the_mail_server_is_read_from_the_configuration() {
    let read = |text: &str| config::from_parts(text, [], None);
    let mail = read("[mail]\nurl = \"smtp+starttls://ada%40x@mail.test\"\npassword = \"p\"\nfrom = \"a@x.test\"")
        .unwrap()
        .mail
        .unwrap();
    assert_eq!((mail.host.as_str(), mail.port), ("mail.test", 587));
    assert_eq!(mail.credentials.as_ref().unwrap().0, "ada@x");
    assert!(!format!("{mail:?}").contains("\"p\""), "{mail:?}");
    for (text, key) in [
        (
            "[mail]\nurl = \"http://x\"\nfrom = \"a@x.test\"",
            "mail.url",
        ),
        ("[mail]\nurl = \"smtp://x\"", "mail.from"),
        ("[mail]\nurl = \"smtp://x\"\nfrom = \"nobody\"", "mail.from"),
        (
            "[mail]\nurl = \"smtps://u@x\"\nfrom = \"a@x.test\"",
            "mail.password",
        ),
        ("[mail]\nfrom = \"a@x.test\"", "mail.url"),
    ] {
        let findings = read(text).unwrap_err();
        assert!(
            findings.iter().any(|finding| finding.key == key),
            "{text}: {findings:?}"
        );
    }
}
