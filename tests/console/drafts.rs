//! Nothing typed is lost: drafts keep themselves, several edit one, sessions end.

use reqwest::StatusCode;

use crate::support::{Browser, Page, World};
use crate::{Op, PASSWORD, form};

/// A new draft's address.
async fn draft(op: &mut Op<'_>) -> String {
    let page = op
        .done("/admin/accounts/acme/new", &[("from", "empty")])
        .await;
    page.url.path().trim_end_matches("provider").to_owned()
}

/// The value of a hidden field.
fn hidden(page: &Page, name: &str) -> String {
    let rest = page
        .body
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("no field {name}\n{}", page.body));
    let text = rest.split('"').next().unwrap();
    text.replace("&amp;", "&").replace("&#x2f;", "/")
}

#[tokio::test]
async fn a_draft_keeps_itself_while_it_is_typed() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    let typed = [
        ("token.url", "https://id.test/tok"),
        ("row.0.key", "audience"),
        ("row.0.value", "shop"),
    ];
    let answer = op.post(&format!("{draft}token/preview"), &typed).await;
    assert_eq!(answer.status, StatusCode::OK);
    let page = op.get(&format!("{draft}token")).await;
    for kept in [
        "https://id.test/tok",
        "value=\"audience\"",
        "value=\"shop\"",
    ] {
        assert!(page.shows(kept), "{kept}\n{}", page.body);
    }
    assert!(!page.shows("class=\"wrong\""), "{}", page.body);
    // Where no script runs, the steps are buttons: what is typed goes with them.
    let page = op
        .done(
            &format!("{draft}authorization"),
            &[("authorization.state_key", "st"), ("action", "userinfo")],
        )
        .await;
    assert!(page.url.path().ends_with("userinfo"));
    let page = op.get(&format!("{draft}authorization")).await;
    assert!(page.shows("value=\"st\""));
    // The text, too, whether or not it is TOML yet.
    op.post(
        &format!("{draft}toml/preview"),
        &[("toml", "[provider\n# mine")],
    )
    .await;
    assert!(
        op.get(&format!("{draft}toml"))
            .await
            .shows("[provider\n# mine")
    );
    // What is typed late into a draft that is gone does not bring it back.
    op.done(&format!("{draft}discard"), &[]).await;
    let late = op.post(&format!("{draft}token/preview"), &typed).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
    assert_eq!(
        op.get(&format!("{draft}token")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn two_who_edit_one_draft_lose_nothing() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    let path = format!("{draft}token");
    let seen = hidden(&op.get(&path).await, "seen");
    let first = [
        ("seen", seen.as_str()),
        ("token.url", "https://a.test/t"),
        ("token.code_key", "first"),
        ("row.0.key", "a"),
        ("row.0.value", "1"),
        ("action", "next"),
    ];
    op.done(&path, &first).await;
    // Made before that, kept after it: an untouched field stays theirs.
    let second = [
        ("seen", seen.as_str()),
        ("token.url", ""),
        ("token.code_key", "second"),
        ("token.response.expires_in", "ttl"),
        ("action", "next"),
    ];
    let typing = op.post(&format!("{path}/preview"), &second).await.json();
    assert_eq!(typing["conflicts"][0]["key"], "token.code_key", "{typing}");
    assert_eq!(typing["fresh"][0][1], "https://a.test/t");
    let page = op.post(&path, &second).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    for told in [
        "value=\"second\"",
        "<code>first</code>",
        "value=\"https://a.test/t\"",
        "value=\"ttl\"",
        "value=\"a\"",
    ] {
        assert!(page.shows(told), "{told}\n{}", page.body);
    }
    // With theirs in view, the second time counts.
    let seen = hidden(&page, "seen");
    let again = [
        ("seen", seen.as_str()),
        ("token.url", "https://a.test/t"),
        ("token.code_key", "second"),
        ("row.0.key", "a"),
        ("row.0.value", "1"),
        ("action", "next"),
    ];
    op.done(&path, &again).await;
    // A double click is the same form twice, and nothing else.
    op.done(&path, &again).await;
    let page = op.get(&format!("{draft}toml")).await;
    for kept in ["https://a.test/t", "second", "ttl", "a = &quot;1&quot;"] {
        assert!(page.shows(kept), "{kept}\n{}", page.body);
    }
    // The text against a step that was kept meanwhile.
    let seen = hidden(&page, "seen");
    op.done(&path, &[("token.code_key", "third"), ("action", "next")])
        .await;
    let mine = [
        ("seen", seen.as_str()),
        ("toml", "[token]\ncode_key = \"mine\"\n"),
        ("action", "save"),
    ];
    let page = op.post(&format!("{draft}toml"), &mine).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(
        page.shows("code_key = &quot;mine&quot;") && page.shows("third"),
        "{}",
        page.body
    );
    assert!(op.get(&path).await.shows("value=\"third\""));
}

#[tokio::test]
async fn a_form_of_an_ended_session_goes_on_after_the_login() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    world.clock.advance(std::time::Duration::from_secs(31 * 60));
    let path = format!("{draft}token");
    let typed = [("token.url", "https://id.test/\"<b>&"), ("action", "next")];
    let page = op.post(&path, &typed).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.shows("Your session ended"));
    let (resume, carried) = (hidden(&page, "resume"), hidden(&page, "typed"));
    assert_eq!(resume, path);
    let mut fields = vec![
        ("resume", resume.as_str()),
        ("typed", carried.as_str()),
        ("email", "ada@example.test"),
    ];
    // A wrong password loses nothing either.
    fields.push(("password", "not this one at all"));
    let page = form(&world, &mut op.browser, "/admin/login", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hidden(&page, "typed"), carried);
    world.clock.advance(std::time::Duration::from_secs(10));
    fields.pop();
    fields.push(("password", PASSWORD));
    let page = form(&world, &mut op.browser, "/admin/login", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.shows("You are signed in") && page.shows("Go on"));
    op.csrf = hidden(&page, "csrf");
    let page = op.post(&path, &typed).await;
    assert!(
        page.shows("https://id.test/&quot;&lt;b&gt;&amp;"),
        "{}",
        page.body
    );
    // Nothing is gone on to but a page of the console.
    for elsewhere in [
        "https://evil.test/",
        "//evil.test/",
        "/connect/token",
        "/admin/logout",
    ] {
        let mut browser = Browser::new();
        let fields = [
            ("resume", elsewhere),
            ("typed", "a=b"),
            ("email", "ada@example.test"),
            ("password", PASSWORD),
        ];
        let page = form(&world, &mut browser, "/admin/login", &fields).await;
        assert_eq!(page.location().unwrap().path(), "/admin/", "{elsewhere}");
    }
    // What another site sends is not shown again.
    let mut stranger = Browser::new();
    let url = format!("{}{path}", world.origin);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.test"),
    ];
    let page = stranger
        .send(
            reqwest::Method::POST,
            &url,
            &headers,
            Some("token.url=x".to_owned()),
        )
        .await;
    assert_eq!(page.location().unwrap().path(), "/admin/login");
}
