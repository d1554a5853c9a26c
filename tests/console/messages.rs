//! The messages' page: sender, texts, a sample, what became of messages, and addresses
//! that get none.

use reqwest::StatusCode;
use vestibule::base::Clock;
use vestibule::login::access_key::wrong;

use crate::support::World;
use crate::{Op, world_with_mail};

const PAGE: &str = "/admin/accounts/acme/messages";

fn text<'a>(subject: &'a str, body: &'a str, html: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("kind", "access_key"),
        ("lang", "pt-BR"),
        ("subject", subject),
        ("text", body),
        ("html", html),
    ]
}

#[tokio::test]
async fn a_text_is_previewed_saved_and_taken_back() {
    let (world, _mail) = world_with_mail().await;
    let mut op = Op::first(&world).await;
    let page = op.get(&format!("{PAGE}?kind=access_key&lang=pt-BR")).await;
    assert!(
        page.shows("Bundled text") && page.shows("Português"),
        "{}",
        page.body
    );
    let path = format!("{PAGE}/text");
    let mut own = text(
        "Código {{ code }}",
        "Digite {{ code }}.\r\nJá.",
        "<b>{{ code }}</b>",
    );
    own.push(("action", "preview"));
    let page = op.post(&path, &own).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.shows("id=\"preview\""), "{}", page.body);
    // What was typed is still there, and nothing is saved.
    assert!(
        page.shows("Código {{ code }}") && page.shows("Bundled text"),
        "{}",
        page.body
    );

    own.pop();
    own.push(("action", "html"));
    let page = op.post(&path, &own).await;
    assert!(
        page.body.starts_with("<b>") && !page.body.contains("{{"),
        "{}",
        page.body
    );
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("sandbox;") && policy.contains("default-src 'none'"),
        "{policy}"
    );

    own.pop();
    own.push(("action", "save"));
    let page = op.done(&path, &own).await;
    assert!(
        page.shows("Own text") && page.shows("Saved."),
        "{}",
        page.body
    );
    let page = op.get(&format!("{PAGE}?kind=access_key&lang=en")).await;
    assert!(page.shows("Bundled text"), "{}", page.body);

    for (wrong, says) in [
        (
            text("{{ code }} {{ nothing }}", "{{ code }}", ""),
            "nothing",
        ),
        (text("{{ code", "{{ code }}", ""), "subject"),
    ] {
        let page = op.post(&path, &wrong).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
        assert!(page.shows(says), "{}", page.body);
    }
    let nowhere = [("kind", "none"), ("lang", "en")];
    assert_eq!(op.post(&path, &nowhere).await.status, StatusCode::NOT_FOUND);

    let mut back = text("", "", "");
    back.push(("action", "bundled"));
    assert!(op.done(&path, &back).await.shows("Bundled text"));
}

#[tokio::test]
async fn the_sender_is_set_and_a_sample_is_sent_and_listed() {
    let (world, mail) = world_with_mail().await;
    let mut op = Op::first(&world).await;
    let from = format!("{PAGE}/from");
    let page = op
        .post(&from, &[("from", "no sender\r\nBcc: x@y.test")])
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.shows("is not a valid sender"), "{}", page.body);
    op.done(&from, &[("from", "Acme <login@acme.test>")]).await;
    let page = op.get(PAGE).await;
    assert!(page.shows("Acme &lt;login@acme.test&gt;"), "{}", page.body);
    assert!(page.shows("Nothing was sent lately"), "{}", page.body);
    // Its own address stands there.
    assert!(page.shows("value=\"ada@example.test\""), "{}", page.body);

    let sample = format!("{PAGE}/sample");
    let fields = [
        ("kind", "access_key"),
        ("lang", "es"),
        ("to", "ada@example.test"),
    ];
    let page = op.done(&sample, &fields).await;
    assert!(page.shows("on its way"), "{}", page.body);
    let sent = mail.wait_for(1).await;
    assert_eq!(sent[0].from, "login@acme.test");
    // What became of it is written down once the mail server has answered.
    let mut tries = 0;
    while !op
        .get(&format!("{PAGE}?to=ada@example.test"))
        .await
        .shows(">Sent</span>")
    {
        tries += 1;
        assert!(tries < 500, "{}", page.body);
    }
    let page = op.get(&format!("{PAGE}?to=nobody@example.test")).await;
    assert!(page.shows("Nothing went to this address"), "{}", page.body);
    let wrong = [("kind", "access_key"), ("lang", "es"), ("to", "no address")];
    let page = op.post(&sample, &wrong).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.shows("id=\"to-wrong\""), "{}", page.body);
}

#[tokio::test]
async fn a_blocked_address_is_listed_and_lifted() {
    let (world, _mail) = world_with_mail().await;
    let mut op = Op::first(&world).await;
    let (acme, now) = ("acme".parse().unwrap(), world.clock.now());
    for _ in 0..wrong::MOST {
        let tried = wrong::begin(&*world.store, &acme, "eve@example.test", now).await;
        tried.unwrap();
    }
    assert!(op.get(PAGE).await.shows("eve@example.test"));
    let path = format!("{PAGE}/unblock");
    let page = op.done(&path, &[("address", "eve@example.test")]).await;
    assert!(
        page.shows("gets codes again") && !page.shows("eve@"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn without_a_mail_server_the_page_says_what_is_missing() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    assert!(op.get(PAGE).await.shows("name a mail server in"));
}
